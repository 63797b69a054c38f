"""anny's bent A-pose brought to the straight T-pose that is the zero pose of SMPL-X."""

from __future__ import annotations

import numpy as np

from animcore.body_models.kinematics import PARENTS
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations

FINGERS = ("index", "middle", "pinky", "ring", "thumb")
SIDES = {"left": 1.0, "right": -1.0}
_INDEX = {name: index for index, name in enumerate(SMPLX_JOINTS)}
# How a T-pose points (X to the left, Y up, Z forward), for the left side; the right one is its mirror image.
_ALONG = {
    "shoulder": (1.0, 0.0, 0.0),
    "elbow": (1.0, 0.0, 0.0),
    "hip": (0.035, -1.0, 0.0),
    "knee": (0.035, -1.0, -0.02),
}
_NEXT = {"shoulder": "elbow", "elbow": "wrist", "wrist": "middle1", "hip": "knee", "knee": "ankle"}
_COLLAR_LIFT = np.radians(8.0)  # of the collar bones, when the arms go up to the horizontal


def t_pose(heads: np.ndarray) -> np.ndarray:
    """Return (55, 3, 3) global turns that bring a person with joints (55, 3), Y up, into the T-pose."""
    turns = np.tile(np.eye(3), (len(SMPLX_JOINTS), 1, 1))
    for side, sign in SIDES.items():
        mirror = np.array([sign, 1.0, 1.0])
        collar = _INDEX[f"{side}_collar"]
        turns[collar] = rotations.to_matrix(np.array([0.0, 0.0, sign * _COLLAR_LIFT]))
        above = turns[collar]
        for part in ("shoulder", "elbow"):
            above = _pointed(heads, above, f"{side}_{part}", f"{side}_{_NEXT[part]}", mirror * _ALONG[part])
            turns[_INDEX[f"{side}_{part}"]] = above
        wrist = _hand(heads, above, side, mirror)
        # the lower arm takes half of the hand's roll
        roll = rotations.from_matrix(wrist @ above.T) * (1.0, 0.0, 0.0)
        turns[_INDEX[f"{side}_elbow"]] = rotations.to_matrix(roll / 2) @ above
        turns[_INDEX[f"{side}_wrist"]] = wrist
        _fingers(heads, turns, wrist, side)
        above = np.eye(3)
        for part in ("hip", "knee"):
            above = _pointed(heads, above, f"{side}_{part}", f"{side}_{_NEXT[part]}", mirror * _ALONG[part])
            turns[_INDEX[f"{side}_{part}"]] = above
        for part in ("ankle", "foot"):
            turns[_INDEX[f"{side}_{part}"]] = np.eye(3)
    return turns


def _pointed(heads: np.ndarray, above: np.ndarray, joint: str, end: str, along: np.ndarray) -> np.ndarray:
    """The smallest further turn after `above` that makes a bone point along a direction."""
    now = rotations.normalized(above @ (heads[_INDEX[end]] - heads[_INDEX[joint]]))
    turn = rotations.quaternion_to_matrix(rotations.between(now, rotations.normalized(along)))
    return turn @ above


def _hand(heads: np.ndarray, above: np.ndarray, side: str, mirror: np.ndarray) -> np.ndarray:
    """The turn of a hand: middle finger outwards, knuckles from the little finger to the index forwards, palm down."""
    place = {name: heads[_INDEX[f"{side}_{name}1"]] for name in FINGERS}
    out = rotations.normalized(place["middle"] - heads[_INDEX[f"{side}_wrist"]])
    across = place["index"] - place["pinky"]
    across = rotations.normalized(across - out * (across @ out))
    now = np.stack([out, across, np.cross(out, across)], 1)
    wanted_out, wanted_across = mirror * (1.0, 0.0, 0.0), np.array([0.0, 0.0, 1.0])
    wanted = np.stack([wanted_out, wanted_across, np.cross(wanted_out, wanted_across)], 1)
    return wanted @ now.T


def _fingers(heads: np.ndarray, turns: np.ndarray, wrist: np.ndarray, side: str) -> None:
    """Straighten the fingers in the plane of the hand, each along its own first bone; the thumb stays as it lies."""
    for finger in FINGERS:
        joints = [_INDEX[f"{side}_{finger}{part}"] for part in (1, 2, 3)]
        if finger == "thumb":
            turns[joints] = wrist
            continue
        first = wrist @ (heads[joints[1]] - heads[joints[0]])
        flat = rotations.normalized(first * (1.0, 0.0, 1.0))
        above = wrist
        for joint, end in ((joints[0], joints[1]), (joints[1], joints[2])):
            now = rotations.normalized(above @ (heads[end] - heads[joint]))
            above = rotations.quaternion_to_matrix(rotations.between(now, flat)) @ above
            turns[joint] = above
        turns[joints[2]] = above


def posed(
    points: np.ndarray, weights: np.ndarray, heads: np.ndarray, turns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Carry points (V, 3) with weights (V, 55) along global turns (55, 3, 3); returns points and joints (55, 3)."""
    joints = heads.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            joints[joint] = joints[parent] + turns[parent] @ (heads[joint] - heads[parent])
    offsets = joints - np.einsum("jab,jb->ja", turns, heads)
    moved = np.einsum("jab,vb->vja", turns, points) + offsets
    return np.einsum("vj,vja->va", weights, moved), joints
