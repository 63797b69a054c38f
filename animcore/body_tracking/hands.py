"""Wrists and fingers of SMPL-X along the landmarks of hands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, open_body_joints
from animcore.body_models.two_bone_ik import frame, point_bone
from animcore.body_tracking.landmarks import SIDES, BodyLandmarks
from animcore.geometry import rotations
from animcore.postprocess.filters import smoothed

Array = NDArray[np.float64]

# Landmarks of a hand: the wrist, then four of each finger, from the palm to the tip.
FINGERS: dict[str, tuple[int, int, int, int]] = {
    "thumb": (1, 2, 3, 4), "index": (5, 6, 7, 8), "middle": (9, 10, 11, 12), "ring": (13, 14, 15, 16),
    "pinky": (17, 18, 19, 20),
}  # fmt: skip
_WRIST = 0
_ENOUGH = 0.2  # share of the images in which a hand must be found for its fingers to move
_OUTLIER = 0.12  # seconds to each side of which the median is taken
_STEADY = 0.06  # seconds of smoothing after that
_WIDEST = np.radians(75.0)  # that a wrist turns from the forearm; beyond, a hand was taken for another


def hands(seen: BodyLandmarks, turned: Array) -> None:
    """Turn wrists and fingers of (T, 55, 3, 3) `turned`, in which the forearms are known."""
    for number, side in enumerate(SIDES):
        elbow, wrist = INDEX[f"{side}_elbow"], INDEX[f"{side}_wrist"]
        if seen.hands_found[number].mean() < _ENOUGH:
            turned[:, wrist] = _within(turned[:, elbow], _by_body(seen, side, turned[:, elbow]), seen.rate)
            for name in FINGERS:
                for joint in (1, 2, 3):
                    turned[:, INDEX[f"{side}_{name}{joint}"]] = turned[:, wrist]
        else:
            points = seen.hands[number]
            turned[:, wrist] = _within(turned[:, elbow], _palm(points, side), seen.rate)
            _fingers(points, side, turned)


def _palm(points: Array, side: str) -> Array:
    """(T, 3, 3) the turn of a palm: towards the middle finger, and across the knuckles."""
    rest = open_body_joints()
    middle, index, pinky, wrist = (INDEX[f"{side}_{name}"] for name in ("middle1", "index1", "pinky1", "wrist"))
    along, across = rest[middle] - rest[wrist], rest[index] - rest[pinky]
    seen = frame(points[:, FINGERS["middle"][0]] - points[:, _WRIST], points[:, FINGERS["index"][0]] - points[:, 17])
    return np.asarray(seen @ frame(along, across).T)


def _by_body(seen: BodyLandmarks, side: str, forearm: Array) -> Array:
    """(T, 3, 3) the turn of a wrist by the three landmarks that a body has on each hand, where they are seen."""
    if not seen.sees(f"{side}_index", f"{side}_pinky"):
        return forearm
    rest = open_body_joints()
    middle, wrist = INDEX[f"{side}_middle1"], INDEX[f"{side}_wrist"]
    way = (seen.mark(f"{side}_index") + seen.mark(f"{side}_pinky")) / 2 - seen.mark(f"{side}_wrist")
    return point_bone(forearm, rest[middle] - rest[wrist], way)


def _within(parent: Array, child: Array, rate: float) -> Array:
    """Turns no further from their parents than a wrist goes, without those of single images that are far off."""
    relative = rotations.from_matrix(np.swapaxes(parent, -1, -2) @ child)
    angle = np.linalg.norm(relative, axis=-1, keepdims=True)
    relative = relative * np.minimum(1, _WIDEST / np.maximum(angle, 1e-9))
    reach = round(_OUTLIER * rate)
    padded = np.pad(relative, ((reach, reach), (0, 0)), "edge")
    steady = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, 0), -1)
    return np.asarray(parent @ rotations.to_matrix(smoothed(steady, _STEADY * rate)))


def _fingers(points: Array, side: str, turned: Array) -> None:
    """Turn each bone of each finger along the landmarks at its ends."""
    rest = open_body_joints()
    for name, marks in FINGERS.items():
        joints = [INDEX[f"{side}_{name}{joint}"] for joint in (1, 2, 3)]
        bones = [rest[joints[1]] - rest[joints[0]], rest[joints[2]] - rest[joints[1]]]
        bones.append(bones[-1])  # SMPL-X has no joint at the tip
        parent = turned[:, INDEX[f"{side}_wrist"]]
        for joint, bone, start, end in zip(joints, bones, marks, marks[1:], strict=False):
            turned[:, joint] = point_bone(parent, bone, points[:, end] - points[:, start])
            parent = turned[:, joint]
