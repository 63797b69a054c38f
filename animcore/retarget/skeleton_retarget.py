"""Body poses from SMPL-X to the skeleton of any character, and back.

A joint of SMPL-X turns from its T-pose; the bones of a character turn from whatever pose its artist built it in, about
axes of their own. Each bone that stands for a joint is therefore first brought into the T-pose: arms, legs and fingers
by the directions of their bones, each after the one above it so that elbows and knees do not roll, hands by the plane
of their knuckles, while trunk, head and feet keep how they stand. From there it turns as the joint does. Spines of any
number of bones share the bend of SMPL-X's three; twist bones and limbs of several bones take the roll of their limb bit
by bit (swing and twist).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, PARENTS, world_rotations
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations
from animcore.retarget import arm_clearance
from animcore.retarget.bone_names import BoneNames

Array = NDArray[np.float64]

_SPINE = ("pelvis", "spine1", "spine2", "spine3")
_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
# Where bones point to in the T-pose. The last bone of a finger has nothing behind it: it lies as the one before.
_NEXT = {"collar": "shoulder", "shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"} | {
    f"{finger}{part}": f"{finger}{part + 1}" for finger in _FINGERS for part in (1, 2)
}
# Joints that are brought into the T-pose first and carry the bone along: a bent elbow opens like an elbow.
_BEFORE = {"shoulder": "collar", "elbow": "shoulder", "knee": "hip"}
_COLLAR_SHARE = 0.25  # of the way an arm is lifted into the T-pose, at most, that its collar bone is
_SNAP = np.cos(np.radians(25.0))  # how near to a straight axis one of a skeleton must be to be taken as that axis
_ROLLS = ("shoulder", "hip")  # limbs whose own roll their bones share
_ROLLED_BY = {"elbow": "wrist", "knee": "ankle"}  # limbs whose bones share the roll of the joint behind


@dataclass(frozen=True)
class Skeleton:
    """The bones of a character in its rest pose, in the engine's axes (Y up, Z forward, X to the character's left).

    Attributes:
        names: (B) names of the bones.
        parents: (B) index of each bone's parent, which stands before it in the list; -1 for a root.
        rest: (B, 4, 4) world matrices: columns are the bone's own axes (unit length) and the place of its head, metres.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: Array

    @property
    def axes(self) -> Array:
        """(B, 3, 3) rest orientations."""
        return self.rest[:, :3, :3]

    @property
    def heads(self) -> Array:
        """(B, 3) places of the heads."""
        return self.rest[:, :3, 3]


@dataclass(frozen=True)
class RetargetBone:
    """A bone that takes part.

    Attributes:
        index: in the skeleton.
        joint: the joint of SMPL-X that it turns with.
        fitted: (3, 3) brings it from its rest pose into the T-pose.
        share: how much of the bend of the spine or the neck, or of the roll of its limb, has been made up to it.
        main: whether it turns just as the joint does: the last one of its joint's bones, and in forearms and shins,
            whose roll comes from the hand or foot, the first one.
    """

    index: int
    joint: str
    fitted: Array
    share: float
    main: bool


class SkeletonRetargeter:
    """From SMPL-X to one skeleton and back; made once, used for any number of performances.

    Attributes:
        bones: the bones that take part.
        root: index of the bone that carries the translation, or None.
        joints: the joints that its bones cover; a spine of any number of bones covers three.
        scale: lengths of this skeleton over those of the SMPL-X body, by their legs.
        spread: radians that hanging arms are turned outward by, for hips that are wider than SMPL-X's.
        lacks: a sentence for what the skeleton has no bones for.
    """

    def __init__(
        self,
        target: Skeleton,
        found: BoneNames,
        source_joints: NDArray[np.floating[Any]],
        points: NDArray[np.floating[Any]] | None = None,
    ) -> None:
        """Fit a skeleton.

        Args:
            target: the skeleton.
            found: which of its bones are which joints.
            source_joints: (55, 3) joints of the SMPL-X body in its T-pose, metres.
            points: (V, 3) vertices of the character in its rest pose, metres; they determine the width of its hips.
        """
        self._target = target
        self._source = np.asarray(source_joints, np.float64)
        place = {name: index for index, name in enumerate(target.names)}
        self._chains = {joint: [place[name] for name in names] for joint, names in found.chains.items()}
        self._spine = [place[name] for name in found.spine]
        twists = {joint: [place[name] for name in names] for joint, names in found.twists.items()}
        self.bones = tuple(sorted(self._make(twists), key=lambda bone: bone.index))
        self.joints = tuple(dict.fromkeys((*self._chains, *(_SPINE[1:] if self._spine else ()))))
        self.root = self._chains["pelvis"][0] if "pelvis" in self._chains else None
        self.scale = self._legs() if {"left_hip", "left_ankle"} <= self._chains.keys() else 1.0
        joints = {joint: target.heads[chain[0]] for joint, chain in self._chains.items()}
        half = arm_clearance.half_width(points, joints) if points is not None else None
        self.spread = arm_clearance.spread(half, joints, self._source, self.scale)
        self.lacks = found.lacks

    def to_bones(
        self, body_pose: NDArray[np.floating[Any]], translation: NDArray[np.floating[Any]] | None
    ) -> tuple[Array, Array]:
        """Return what the bones have to do.

        Args:
            body_pose: (T, 55, 3) axis-angle of the joints relative to their parents.
            translation: (T, 3) metres, or None.

        Returns:
            (T, B, 4) unit quaternions of every bone from its rest pose in its own axes, continuous over time, and
            (T, 3) the location of the root bone in its own axes, metres; 0 without a translation.
        """
        turns = world_rotations(body_pose)
        turns = arm_clearance.spread_arms(turns, self.spread) if self.spread else turns
        turned = dict(zip(SMPLX_JOINTS, np.moveaxis(turns, 1, 0), strict=True))
        taking, axes, count = {bone.index: bone for bone in self.bones}, self._target.axes, len(body_pose)
        posed = np.empty((len(axes), count, 3, 3))
        quaternions = np.empty((count, len(axes), 4))
        for index, parent in enumerate(self._target.parents):
            carried = (
                posed[parent] @ axes[parent].T @ axes[index] if parent >= 0 else np.tile(axes[index], (count, 1, 1))
            )
            posed[index] = self._orientation(taking[index], turned) if index in taking else carried
            quaternions[:, index] = rotations.matrix_to_quaternion(np.swapaxes(carried, -1, -2) @ posed[index])
        quaternions = rotations.continuous(quaternions)
        moved = np.zeros((count, 3))
        if translation is not None:
            moved = np.asarray(translation, np.float64) * self.scale + self._sway(turned["pelvis"], posed)
        return quaternions, moved @ axes[self.root] if self.root is not None else moved

    def from_bones(
        self, quaternions: NDArray[np.floating[Any]], location: NDArray[np.floating[Any]]
    ) -> tuple[Array, Array]:
        """Undo `to_bones`, but for the spread of the arms; joints without a bone keep still against their parents.

        Args:
            quaternions: (T, B, 4) of every bone from its rest pose in its own axes.
            location: (T, 3) of the root bone in its own axes, metres.

        Returns:
            (T, 55, 3) axis-angle, and (T, 3) metres.
        """
        axes, basis = self._target.axes, rotations.quaternion_to_matrix(quaternions)
        posed = np.empty((len(axes), len(basis), 3, 3))
        for index, parent in enumerate(self._target.parents):
            carried = posed[parent] @ axes[parent].T @ axes[index] if parent >= 0 else axes[index]
            posed[index] = carried @ basis[:, index]
        turned = {
            bone.joint: posed[bone.index] @ axes[bone.index].T @ bone.fitted.T for bone in self.bones if bone.main
        }
        turned |= self._spine_joints(posed, turned.get("pelvis"))
        for joint, parent in zip(SMPLX_JOINTS, PARENTS, strict=True):
            if joint not in turned:
                turned[joint] = turned[SMPLX_JOINTS[parent]] if parent >= 0 else np.tile(np.eye(3), (len(basis), 1, 1))
        local = [
            np.swapaxes(turned[SMPLX_JOINTS[parent]], -1, -2) @ turned[joint] if parent >= 0 else turned[joint]
            for joint, parent in zip(SMPLX_JOINTS, PARENTS, strict=True)
        ]
        moved = np.asarray(location, np.float64)
        moved = moved @ axes[self.root].T if self.root is not None else moved
        return rotations.from_matrix(np.stack(local, 1)), (moved - self._sway(turned["pelvis"], posed)) / self.scale

    def _sway(self, pelvis: Array, posed: Array) -> Array:
        """(T, 3) what the root has to move where the pelvis turns, so that the legs hang where SMPL-X's do.

        Skeletons have their root at the pelvis, the waist or the floor; the hip joints are in the same place in all.

        Args:
            pelvis: (T, 3, 3) turns of SMPL-X's pelvis.
            posed: (B, T, 3, 3) world orientations of the bones.
        """
        joints = ("left_hip", "right_hip")
        if self.root is None or not set(joints) <= self._chains.keys():
            return np.zeros((len(pelvis), 3))
        theirs = np.mean([self._source[INDEX[joint]] for joint in joints], 0) - self._source[INDEX["pelvis"]]
        mine = np.mean([self._swung(self._chains[joint][0], posed) for joint in joints], 0)
        moved: Array = (pelvis - np.eye(3)) @ theirs * self.scale - mine
        return moved

    def _swung(self, bone: int, posed: Array) -> Array:
        """(T, 3) how far the bones above it carry the head of a bone by turning alone."""
        moved, heads = np.zeros((posed.shape[1], 3)), self._target.heads
        while (above := self._target.parents[bone]) >= 0:
            turned = posed[above] @ self._target.axes[above].T - np.eye(3)
            moved += turned @ (heads[bone] - heads[above])
            bone = above
        return moved

    def _make(self, twists: dict[str, list[int]]) -> Iterator[RetargetBone]:
        for joint, chain in self._chains.items():
            rolled = joint.rpartition("_")[2] in _ROLLED_BY
            for number, index in enumerate(chain):
                share = number / len(chain) if rolled else (number + 1) / len(chain)
                main = number == 0 if rolled else number == len(chain) - 1
                yield RetargetBone(index, joint, self._fitted(joint), share, main)
        for index, share in zip(self._spine, _stations(len(self._spine)), strict=True):
            yield RetargetBone(index, "spine3", np.eye(3), share, False)
        for joint, beside in twists.items():
            for index in beside if joint in self._chains else ():
                yield RetargetBone(index, joint, self._fitted(joint), self._along(joint, index), False)

    def _orientation(self, bone: RetargetBone, turned: dict[str, Array]) -> Array:
        """(T, 3, 3) the world orientation that a bone should have."""
        side, _, part = bone.joint.rpartition("_")
        turn = turned[bone.joint]
        if bone.joint == "spine3" and not bone.main:
            turn = _between([turned[joint] for joint in _SPINE], np.linspace(0, 1, len(_SPINE)), bone.share)
        elif bone.joint == "neck" and bone.share < 1:
            turn = _between([turned["spine3"], turn], np.array([0.0, 1.0]), bone.share)
        elif part in _ROLLS and bone.share < 1:
            above = turned[SMPLX_JOINTS[PARENTS[INDEX[bone.joint]]]]
            swing, roll = self._split(np.swapaxes(above, -1, -2) @ turn, bone.joint)
            turn = above @ swing @ rotations.to_matrix(roll * bone.share)
        elif part in _ROLLED_BY and bone.share > 0:
            _, roll = self._split(np.swapaxes(turn, -1, -2) @ turned[f"{side}_{_ROLLED_BY[part]}"], bone.joint)
            turn = turn @ rotations.to_matrix(roll * bone.share)
        found: Array = turn @ bone.fitted @ self._target.axes[bone.index]
        return found

    def _split(self, turn: Array, joint: str) -> tuple[Array, Array]:
        """The swing (T, 3, 3) of a limb and its roll (T, 3), axis-angle about its line in the T-pose, without jumps."""
        along = rotations.normalized(self._source[INDEX[_end(joint)]] - self._source[INDEX[joint]])
        swing, twist = rotations.swing_and_twist(rotations.matrix_to_quaternion(turn), along)
        angle = np.unwrap(rotations.from_quaternion(twist) @ along)  # a part of a roll that jumps would jump too
        return rotations.quaternion_to_matrix(swing), angle[:, None] * along

    def _spine_joints(self, posed: Array, pelvis: Array | None) -> dict[str, Array]:
        """The three joints of the spine from however many bones there are."""
        if not self._spine or pelvis is None:
            return {}
        axes = self._target.axes
        turns = [pelvis, *(posed[index] @ axes[index].T for index in self._spine)]
        stations = np.concatenate(([0.0], _stations(len(self._spine))))
        return {joint: _between(turns, stations, number / 3) for number, joint in enumerate(_SPINE) if number}

    def _fitted(self, joint: str) -> Array:
        """(3, 3) the turn from the rest pose into the T-pose, for the bones of one joint."""
        side, _, part = joint.rpartition("_")
        if part == "wrist":
            hand = self._hand(side)
            return hand if hand is not None else self._fitted(f"{side}_elbow")
        if part[:-1] in _FINGERS and part.endswith("3"):
            return self._fitted(f"{side}_{part[:-1]}2")
        if part not in _NEXT or not {joint, _end(joint)} <= self._chains.keys():
            return np.eye(3)
        now = self._target.heads[self._chains[_end(joint)][0]] - self._target.heads[self._chains[joint][0]]
        wanted = self._source[INDEX[_end(joint)]] - self._source[INDEX[joint]]
        base = self._carried(side, part)
        turn = rotations.from_quaternion(
            rotations.between(base @ rotations.normalized(now), rotations.normalized(wanted))
        )
        if part == "collar":
            turn *= self._collar_share(side, float(np.linalg.norm(turn)))
        fitted: Array = rotations.to_matrix(turn) @ base
        return fitted

    def _carried(self, side: str, part: str) -> Array:
        """(3, 3) the turn into the T-pose of what a joint hangs on; a finger goes with its hand."""
        if part[:-1] in _FINGERS:
            return self._fitted(f"{side}_wrist" if part.endswith("1") else f"{side}_{part[:-1]}1")
        return self._fitted(f"{side}_{_BEFORE[part]}") if part in _BEFORE else np.eye(3)

    def _collar_share(self, side: str, angle: float) -> float:
        """How much of its way (radians) a collar bone goes.

        Skeletons put its joint in different places, so that its direction is unreliable. It rises with the arm.
        """
        joints = [f"{side}_shoulder", f"{side}_elbow"]
        if joints[1] not in self._chains:
            return 0.0
        mine = np.subtract(*(self._target.heads[self._chains[joint][0]] for joint in reversed(joints)))
        theirs = np.subtract(*(self._source[INDEX[joint]] for joint in reversed(joints)))
        cosine = rotations.normalized(mine) @ rotations.normalized(theirs)
        lifted = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
        return min(1.0, _COLLAR_SHARE * lifted / max(angle, 1e-9))

    def _hand(self, side: str) -> Array | None:
        """(3, 3) the turn of a hand by its middle finger and the way across its knuckles; None without fingers."""
        joints = [f"{side}_{part}" for part in ("wrist", "middle1", "index1", "pinky1")]
        if not all(joint in self._chains for joint in joints):
            return None
        mine = _palm(*(self._target.heads[self._chains[joint][0]] for joint in joints))
        theirs = _palm(*(self._source[INDEX[joint]] for joint in joints))
        turn: Array = theirs @ mine.T
        return turn

    def _along(self, joint: str, index: int) -> float:
        """Where along its limb a bone stands, 0..1."""
        if _end(joint) not in self._chains:
            return 0.5
        start, end = (self._target.heads[self._chains[one][0]] for one in (joint, _end(joint)))
        way = end - start
        return float(np.clip((self._target.heads[index] - start) @ way / max(way @ way, 1e-12), 0.0, 1.0))

    def _legs(self) -> float:
        """The length of a leg over that of SMPL-X's."""
        joints = ("left_hip", "left_knee", "left_ankle")
        mine = [self._target.heads[self._chains[joint][0]] for joint in joints if joint in self._chains]
        theirs = [self._source[INDEX[joint]] for joint in joints if joint in self._chains]
        lengths = [sum(float(np.linalg.norm(b - a)) for a, b in pairwise(way)) for way in (mine, theirs)]
        return lengths[0] / lengths[1]


def character_axes(left: Array, up: Array) -> Array | None:
    """Build (3, 3) columns left, up, forward from rough directions (3,), or None where they are degenerate.

    A skeleton's own line from hips to head leans a little; axes that are nearly straight are taken as straight.
    """
    y_axis = _straightened(up)
    if y_axis is None:
        return None
    x_axis = _straightened(left - y_axis * (left @ y_axis))
    if x_axis is None:
        return None
    x_axis = rotations.normalized(x_axis - y_axis * (x_axis @ y_axis))
    return np.column_stack((x_axis, y_axis, np.cross(x_axis, y_axis)))


def axes_of(places: Mapping[str, Array]) -> Array | None:
    """(3, 3) columns left, up, forward of a figure by the places (3,) of its joints; None where they are degenerate."""
    pairs = [(f"left_{joint}", f"right_{joint}") for joint in ("hip", "shoulder")]
    pairs = [pair for pair in pairs if set(pair) <= places.keys()]
    if not pairs or not {"left_hip", "right_hip", "head"} <= places.keys():
        return None
    left = np.sum([places[one] - places[other] for one, other in pairs], 0)
    return character_axes(left, places["head"] - (places["left_hip"] + places["right_hip"]) / 2)


def _straightened(direction: Array) -> Array | None:
    """A unit vector along a direction (3,), or along the axis that it is near to; None where it has no length."""
    length = float(np.linalg.norm(direction))
    if length < 1e-9:
        return None
    unit: Array = direction / length
    nearest = int(np.argmax(np.abs(unit)))
    straight: Array = np.eye(3)[nearest] * np.sign(unit[nearest])
    return straight if abs(unit[nearest]) > _SNAP else unit


def _end(joint: str) -> str:
    """The joint that the limb of a joint leads to."""
    side, _, part = joint.rpartition("_")
    return f"{side}_{_NEXT[part]}"


def _palm(wrist: Array, middle: Array, index: Array, pinky: Array) -> Array:
    """(3, 3) the axes of a hand: out along the middle finger, across the knuckles, and out of the back."""
    out = rotations.normalized(middle - wrist)
    across = index - pinky
    across = rotations.normalized(across - out * (across @ out))
    return np.stack([out, across, np.cross(out, across)], 1)


def _stations(count: int) -> Array:
    """(count,) how far up the spine, 0..1, each of its bones is; of three or more, three turn just as SMPL-X's do."""
    bones = np.arange(1, count + 1)
    if count < len(_SPINE) - 1:
        return bones / count
    thirds = np.arange(len(_SPINE)) / (len(_SPINE) - 1)
    return np.interp(bones, np.round(thirds * count), thirds)


def _between(turns: list[Array], stations: Array, share: float) -> Array:
    """(T, 3, 3) the turn at a share 0..1 of the way through turns that stand at the stations."""
    before = int(np.clip(np.searchsorted(stations, share) - 1, 0, len(turns) - 2))
    first, second = (rotations.matrix_to_quaternion(turn) for turn in turns[before : before + 2])
    part = (share - stations[before]) / (stations[before + 1] - stations[before])
    return rotations.quaternion_to_matrix(rotations.slerp(first, second, np.asarray(part)))
