"""Trunk, head, arms and legs of SMPL-X along the landmarks of a body.

Each bone is turned the way that the landmarks at its ends tell, so that the lengths are the model's own. How far a bone
comes towards the camera is what its length leaves over in the image (Taylor, "Reconstruction of Articulated Objects
from Point Correspondences in a Single Uncalibrated Image", 2000); the network's depth gives the direction, and counts
where a bone is seen at its full length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import two_bone_ik
from animcore.body_models.kinematics import INDEX, open_body_joints
from animcore.body_models.two_bone_ik import TwoBoneChain, frame, point_bone
from animcore.body_tracking.landmarks import MARK, SIDES, BodyLandmarks
from animcore.geometry import rotations
from animcore.postprocess.filters import smoothed

Array = NDArray[np.float64]

_STRAIGHT = np.radians(12.0)  # of an elbow or knee, below which its bend does not tell about the limb's turn
_TRUST = 0.5  # of the depth that the length leaves over, beside the network's own
_LONG = 0.9  # quantile of the lengths that were seen which is taken for a bone's own
_SPINE = ("spine1", "spine2", "spine3")
_EAR_TO_NOSE = np.array([0.0, -0.025, 0.105])  # metres at rest, from between the ears


def trunk(seen: BodyLandmarks, turned: Array) -> None:
    """Turn pelvis, spine, collars, neck and head of (T, 55, 3, 3) `turned`, in the world's axes."""
    rest = open_body_joints()
    pairs = [rest[[INDEX[f"{side}_{name}"] for side in SIDES]] for name in ("hip", "shoulder")]
    hips, shoulders = ((pair[0] - pair[1], pair.mean(0)) for pair in pairs)
    across = {name: seen.mark(f"left_{name}") - seen.mark(f"right_{name}") for name in ("hip", "shoulder")}
    upward = (seen.mark("left_shoulder") + seen.mark("right_shoulder")) / 2
    upward = upward - (seen.mark("left_hip") + seen.mark("right_hip")) / 2
    if not seen.sees("left_hip", "right_hip"):  # sitting behind a desk, or a head and shoulders
        upward = np.tile([0.0, 1.0, 0.0], (len(upward), 1))
        level = across["shoulder"] * (1, 0, 1)
        across["hip"] = level
    at_rest = shoulders[1] - hips[1]
    chest = frame(upward, across["shoulder"]) @ frame(at_rest, shoulders[0]).T
    pelvis = frame(upward, across["hip"]) @ frame(at_rest, hips[0]).T
    turned[:, INDEX["pelvis"]] = pelvis
    whole = rotations.from_matrix(np.swapaxes(pelvis, -1, -2) @ chest)
    for number, name in enumerate(_SPINE, 1):
        turned[:, INDEX[name]] = pelvis @ rotations.to_matrix(whole * number / len(_SPINE))
    for side in SIDES:
        turned[:, INDEX[f"{side}_collar"]] = chest
    ears = seen.mark("left_ear") - seen.mark("right_ear")
    forward = seen.mark("nose") - (seen.mark("left_ear") + seen.mark("right_ear")) / 2
    head = frame(ears, forward) @ frame(np.array([1.0, 0.0, 0.0]), _EAR_TO_NOSE).T
    between = rotations.from_matrix(np.swapaxes(chest, -1, -2) @ head)
    turned[:, INDEX["neck"]] = chest @ rotations.to_matrix(between / 2)
    turned[:, INDEX["head"]] = head


def limb(seen: BodyLandmarks, chain: TwoBoneChain, names: tuple[str, str, str], turned: Array, parent: int) -> None:
    """Turn the two bones of an arm or a leg.

    Args:
        seen: the landmarks.
        chain: the limb at rest.
        names: of the landmarks at its three joints.
        turned: (T, 55, 3, 3), in which the parent's turn is known.
        parent: index of the joint that the limb hangs on.
    """
    upper, lower = (_deepened(seen, names[k], names[k + 1]) for k in (0, 1))
    axis = np.cross(rotations.normalized(upper), rotations.normalized(lower))
    bend = np.arcsin(np.clip(np.linalg.norm(axis, axis=1), 0, 1))
    hanging = point_bone(turned[:, parent], chain.bones[0], upper) @ chain.hinge
    sure = np.clip(bend / _STRAIGHT, 0, 1)[:, None] ** 2
    towards = rotations.normalized(axis)
    towards = np.where(((towards * hanging).sum(1) < -0.5)[:, None] & (sure < 1), hanging, towards)
    axis = rotations.normalized(sure * towards + (1 - sure) * hanging)
    for joint, bone, way in zip(chain.joints[:2], chain.bones, (upper, lower), strict=True):
        # the way leads: the hinge is what lies across it
        turned[:, joint] = frame(way, axis) @ frame(bone, chain.hinge).T


def limbs(seen: BodyLandmarks, turned: Array) -> None:
    """Turn arms and legs; legs that are not seen hang from the pelvis."""
    for side in SIDES:
        arm = two_bone_ik.arm(side)
        limb(seen, arm, (f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"), turned, INDEX[f"{side}_collar"])
        leg, pelvis = two_bone_ik.leg(side), INDEX["pelvis"]
        if seen.sees(f"{side}_knee", f"{side}_ankle"):
            limb(seen, leg, (f"{side}_hip", f"{side}_knee", f"{side}_ankle"), turned, pelvis)
            _foot(seen, side, turned)
        else:
            for name in ("hip", "knee", "ankle", "foot"):
                turned[:, INDEX[f"{side}_{name}"]] = turned[:, pelvis]


def _foot(seen: BodyLandmarks, side: str, turned: Array) -> None:
    """Turn a foot the way from its heel to its toes, as far as the shin allows."""
    rest = open_body_joints()
    ankle, foot, knee = (INDEX[f"{side}_{name}"] for name in ("ankle", "foot", "knee"))
    at_rest = (rest[foot] - rest[ankle]) * (1, 0, 1)
    way = seen.mark(f"{side}_foot_index") - seen.mark(f"{side}_heel")
    turned[:, ankle] = point_bone(turned[:, knee], at_rest, way)
    turned[:, foot] = turned[:, ankle]


def _deepened(seen: BodyLandmarks, start: str, end: str) -> Array:
    """(T, 3) the way from one landmark to another, its depth by the length that it is known to have."""
    way = seen.mark(end) - seen.mark(start)
    flat = (seen.pixels[:, MARK[end]] - seen.pixels[:, MARK[start]]) * (1, -1) / np.maximum(seen.scale, 1e-6)[:, None]
    length = np.quantile(np.linalg.norm(way, axis=1), _LONG)
    over = np.sqrt(np.maximum(length**2 - (flat**2).sum(1), 0.0)) * np.sign(way[:, 2])
    # where a bone lies flat, the sign is chance and the length tells nothing
    trust = _TRUST * np.clip(np.abs(way[:, 2]) / (0.35 * length), 0, 1)
    depth = trust * over + (1 - trust) * way[:, 2]
    return np.concatenate([flat, smoothed(depth[:, None], 1.0)], 1)
