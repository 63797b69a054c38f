"""Arms and legs by where their ends should be: analytic two-bone inverse kinematics for many frames at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, open_body_joints
from animcore.geometry import rotations

Array = NDArray[np.float64]

_STRETCH = 0.997  # of its length that a limb reaches; a straight one would snap


@dataclass(frozen=True)
class TwoBoneChain:
    """A limb of two bones in the T-pose.

    Attributes:
        joints: indices of its root, its middle and its end in `vocabulary.SMPLX_JOINTS`.
        places: (3, 3) of these in the T-pose, metres.
        hinge: (3,) unit axis about which the middle joint bends by positive angles, in the T-pose.
    """

    joints: tuple[int, int, int]
    places: Array
    hinge: Array

    @property
    def bones(self) -> Array:
        """(2, 3) the vectors along its bones in the T-pose."""
        return np.diff(self.places, axis=0)

    @property
    def lengths(self) -> Array:
        """(2,) metres."""
        found: Array = np.linalg.norm(self.bones, axis=1)
        return found


def arm(side: str) -> TwoBoneChain:
    """Return the `left` or the `right` arm: shoulder, elbow, wrist."""
    return _limb(side, ("shoulder", "elbow", "wrist"), np.array([0.0, -1.0 if side == "left" else 1.0, 0.0]))


def leg(side: str) -> TwoBoneChain:
    """Return the `left` or the `right` leg: hip, knee, ankle."""
    return _limb(side, ("hip", "knee", "ankle"), np.array([1.0, 0.0, 0.0]))


def solve_two_bone(limb: TwoBoneChain, root: Array, target: Array, hint: Array) -> tuple[Array, Array]:
    """Return the orientations of the two bones that bring the end of a limb to a target, or as near as it reaches.

    Args:
        limb: the limb.
        root: (..., 3) where it begins, metres.
        target: (..., 3) where its end should be, in the same axes.
        hint: (..., 3) a direction towards which the middle joint points.

    Returns:
        (..., 3, 3) twice: the turn of the upper and of the lower bone from the T-pose, in those axes.
    """
    upper, lower = limb.lengths
    way = target - root
    distance = np.linalg.norm(way, axis=-1, keepdims=True)
    ahead = way / np.maximum(distance, 1e-9)
    distance = np.clip(distance, abs(upper - lower) + 1e-3, (upper + lower) * _STRETCH)
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    beside = rotations.normalized(hint - ahead * np.sum(hint * ahead, -1, keepdims=True))
    middle = ahead * along + beside * aside
    hinge = np.cross(middle, ahead * distance - middle)
    return (
        _turn(limb.bones[0], limb.hinge, middle, hinge),
        _turn(limb.bones[1], limb.hinge, ahead * distance - middle, hinge),
    )


def point_bone(turn: Array, bone: Array, way: Array) -> Array:
    """Return turns (..., 3, 3) after the smallest turn that points a bone (3,) of the T-pose along a way (..., 3)."""
    swing = rotations.between(rotations.normalized(turn @ bone), rotations.normalized(way))
    turned: Array = rotations.quaternion_to_matrix(swing) @ turn
    return turned


def frame(first: Array, second: Array) -> Array:
    """Return (..., 3, 3) orthonormal columns: along `first`, along `second` without that part, their cross product."""
    one = rotations.normalized(first)
    two = rotations.normalized(second - one * np.sum(second * one, -1, keepdims=True))
    return np.stack([one, two, np.cross(one, two)], -1)


def _turn(bone: Array, axis: Array, new_bone: Array, new_axis: Array) -> Array:
    """(..., 3, 3) the turn that brings a bone and its hinge to new ones."""
    turned: Array = frame(new_bone, new_axis) @ frame(bone, axis).T
    return turned


def _limb(side: str, names: tuple[str, str, str], hinge: Array) -> TwoBoneChain:
    first, second, third = (INDEX[f"{side}_{name}"] for name in names)
    return TwoBoneChain((first, second, third), open_body_joints()[[first, second, third]], hinge)
