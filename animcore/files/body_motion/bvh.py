"""BVH (Biovision): the body as a tree of joints with Euler angles, read by nearly every program that moves bodies.

Written are the 55 joints of SMPL-X with the offsets of the open body in its T-pose, in centimetres and degrees, as most
programs expect; angles stand in the order Z, X, Y. Read is any tree in any order of channels, with any axis up, in
centimetres, metres or inches by its height: joints of a known skeleton (Mixamo, CMU, Unreal ...; rigs/*.toml) are
turned into those of SMPL-X.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.body_models.kinematics import PARENTS, open_body_joints
from animcore.body_models.pose_tracks import smplx_pose
from animcore.core.atomic_files import whole_file
from animcore.core.frame_rates import exact_rate
from animcore.core.reading import content
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.errors import BROKEN_FILE, InputError
from animcore.files import pose_tracks
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.geometry import rotations
from animcore.motion import Motion
from animcore.retarget import bone_names
from animcore.retarget.skeleton_retarget import Skeleton, SkeletonRetargeter, axes_of

_ORDER = "ZXY"
_CENTIMETRES = 100.0
_END = 0.03  # metres that a last joint is long
_PLACE = "translation"
_TALL = (1.0, 2.3)  # metres of a person, from the lowest joint to the highest
_UNITS = {"metres": 1.0, "centimetres": 0.01, "inches": 0.0254, "millimetres": 0.001}
_AXES = {"X": 0, "Y": 1, "Z": 2}
_DEEPEST = 200
_MOST_CHANNELS = 12  # of a joint; three of each kind are usual
_LITTLE = 2 * np.pi  # angles that never exceed it are hardly degrees
_STRAIGHT = np.cos(np.radians(15))  # how near to the T-pose arms must be for joints to turn as SMPL-X's do
_RATES = (
    *(Fraction(rate) for rate in range(1, 1001)),
    *(Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120)),
)


@dataclass
class BvhJoint:
    """One joint of a file: its offset (3,) and channels such as `Xrotation`, in the order of the numbers."""

    name: str
    parent: int
    offset: Array
    channels: list[str] = field(default_factory=list)


def encode(motion: Motion, _setup: FormatOptions) -> AnimationCurves:
    """Take the body of a motion: the turn (T, 3, 3) of each joint, and the way of the pelvis in metres.

    Raises:
        InputError: when the motion moves neither body nor head.
    """
    if not motion.tracks().keys() & set(pose_tracks.TRACKS):
        raise InputError("This motion moves neither body nor head, which a BVH file consists of.")
    turns = rotations.to_matrix(smplx_pose(motion))
    curves: dict[str, Array] = {name: turns[:, index] for index, name in enumerate(SMPLX_JOINTS)}
    lacks = () if motion.start == 0 else ("A BVH file starts at 0: the time before the first frame is not written.",)
    return AnimationCurves(motion.rate, 0.0, curves | {_PLACE: pose_tracks.of_translation(motion)}, lacks=lacks)


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the tree and its frames.

    Raises:
        InputError: when the file cannot be written.
    """
    joints = open_body_joints()
    place = (np.asarray(animation.curves[_PLACE], np.float64) + joints[0]) * _CENTIMETRES
    columns = [place]
    lines = ["HIERARCHY", *_tree(joints, 0, 0, columns, animation), "MOTION", f"Frames: {animation.frame_count}"]
    # as many digits as a double has: ten minutes at 24000/1001 must not drift
    lines.append(f"Frame Time: {float(1 / animation.rate)!r}")
    table = np.concatenate(columns, 1)
    with whole_file(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as handle:
        handle.write("\n".join(lines) + "\n")
        np.savetxt(handle, table, fmt="%.7f")


def _tree(joints: Array, joint: int, depth: int, columns: list[Array], animation: AnimationCurves) -> Iterator[str]:
    """The lines of a joint and those below; its angles are appended to the columns."""
    name, parent, indent = SMPLX_JOINTS[joint], PARENTS[joint], "\t" * depth
    columns.append(np.degrees(np.unwrap(rotations.to_euler(animation.curves[name], _ORDER), axis=0)))
    offset = (joints[joint] - (joints[parent] if parent >= 0 else joints[0])) * _CENTIMETRES
    rotation = " ".join(f"{axis}rotation" for axis in _ORDER)
    moving = "Xposition Yposition Zposition " if parent < 0 else ""
    yield f"{indent}{'ROOT' if parent < 0 else 'JOINT'} {name}"
    yield f"{indent}{{"
    yield f"{indent}\tOFFSET {_numbers(offset)}"
    yield f"{indent}\tCHANNELS {6 if moving else 3} {moving}{rotation}"
    below = [index for index, above in enumerate(PARENTS) if above == joint]
    for index in below:
        yield from _tree(joints, index, depth + 1, columns, animation)
    if not below:
        way = rotations.normalized(joints[joint] - joints[parent]) * _END * _CENTIMETRES
        yield from (f"{indent}\tEnd Site", f"{indent}\t{{", f"{indent}\t\tOFFSET {_numbers(way)}", f"{indent}\t}}")
    yield f"{indent}}}"


def _numbers(values: Array) -> str:
    return " ".join(f"{value:.6f}" for value in values)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the joints of a body: their turns by the names of SMPL-X, and the way of the pelvis in metres.

    Raises:
        InputError: when the file is missing, cut off, no BVH, or of no known body.
    """
    text = content(path).decode("utf-8-sig", errors="replace")
    head, found, tail = text.partition("MOTION")
    if "HIERARCHY" not in head or not found:
        raise InputError(f"{path.name} is not a BVH file: it has no HIERARCHY and MOTION.")
    joints = _joints(head.split(), path)
    table, rate = _frames(tail, sum(len(joint.channels) for joint in joints), path)
    turns, moves = _turns(joints, table, path)
    figure = _figure(joints, path)
    unit, notes = _unit(figure, path)
    if figure.is_smplx:
        by_name = {name: index for index, name in enumerate(figure.names)}
        curves: dict[str, Array] = {name: turns[:, by_name[name]] for name in SMPLX_JOINTS}
        way = _place(joints, turns, moves, 0) * unit - open_body_joints()[0]
        return AnimationCurves(rate, 0.0, curves | {_PLACE: way}, notes=notes)
    retarget = SkeletonRetargeter(figure.skeleton(unit), figure.found, open_body_joints())
    root = retarget.root or 0
    way = (_place(joints, turns, moves, root) - figure.heads[root]) * unit
    body, moved = retarget.from_bones(rotations.matrix_to_quaternion(turns), way)
    curves = dict(zip(SMPLX_JOINTS, np.moveaxis(rotations.to_matrix(body), 1, 0), strict=True))
    note = f"{path.name} has the joints of {figure.found.profile}, which were turned into those of SMPL-X."
    notes += (note, *_radian_notes(joints, table, path), *figure.found.lacks)
    return AnimationCurves(rate, 0.0, curves | {_PLACE: moved}, notes=notes)


@dataclass(frozen=True)
class _RestSkeleton:
    """The joints of a file at rest: heads (J, 3) in its axes and unit, (3, 3) the figure's left, up and forward."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    heads: Array
    axes: Array
    found: bone_names.BoneNames

    @property
    def is_smplx(self) -> bool:
        """Whether the joints are SMPL-X's and turn as these do: from its T-pose, about its axes."""
        if self.names[0] != SMPLX_JOINTS[0] or not set(SMPLX_JOINTS) <= set(self.names):
            return False
        limbs = [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right")
                 for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"))]  # fmt: skip
        return all(self._way(one, other) > _STRAIGHT for one, other in limbs)

    def _way(self, joint: str, end: str) -> float:
        """The cosine between a limb here and SMPL-X's."""
        mine = self.heads[self.names.index(end)] - self.heads[self.names.index(joint)]
        places = open_body_joints()
        theirs = places[SMPLX_JOINTS.index(end)] - places[SMPLX_JOINTS.index(joint)]
        return float(rotations.normalized(mine) @ rotations.normalized(theirs))

    def skeleton(self, unit: float) -> Skeleton:
        """The same in metres and the engine's axes."""
        rest = np.tile(np.eye(4), (len(self.names), 1, 1))
        rest[:, :3, :3] = self.axes.T
        rest[:, :3, 3] = self.heads @ self.axes * unit
        return Skeleton(self.names, self.parents, rest)


def _figure(joints: list[BvhJoint], path: Path) -> _RestSkeleton:
    """Find out whose joints they are, and where the figure looks.

    Raises:
        InputError: where it is no known body, or does not stand at rest.
    """
    heads = np.zeros((len(joints), 3))
    for index, joint in enumerate(joints):
        heads[index] = joint.offset + (heads[joint.parent] if joint.parent >= 0 else 0.0)
    names = tuple(joint.name for joint in joints)
    found = bone_names.find(names)
    if not found.chains:
        raise InputError(
            f"{path.name} has a skeleton whose joints are not known ({names[0]} ...); see docs/studios/skeletons.md."
        )
    places = {joint: heads[names.index(bones[0])] for joint, bones in found.chains.items()}
    axes = axes_of(places)
    if axes is None:
        axes = np.eye(3)
    feet = [
        places[joint] - places["pelvis"]
        for joint in ("left_ankle", "right_ankle")
        if {joint, "pelvis"} <= places.keys()
    ]
    if any(foot @ axes[:, 1] > -0.5 * np.linalg.norm(foot) for foot in feet):
        raise InputError(
            f"{path.name} has a figure that does not stand at rest: its legs do not point away from its head; export "
            "it with a T-pose or an A-pose as its rest pose."
        )
    return _RestSkeleton(names, tuple(joint.parent for joint in joints), heads, axes, found)


def _place(joints: list[BvhJoint], turns: Array, moves: list[Array], joint: int) -> Array:
    """(T, 3) where a joint goes, in the file's unit: it may hang below others that move."""
    way = [joint]
    while joints[way[0]].parent >= 0:
        way.insert(0, joints[way[0]].parent)
    place, turned = np.zeros((len(turns), 3)), np.tile(np.eye(3), (len(turns), 1, 1))
    for index in way:
        place = place + np.einsum("tij,tj->ti", turned, np.broadcast_to(moves[index], place.shape))
        turned = turned @ turns[:, index]
    return place


def _radian_notes(joints: list[BvhJoint], table: Array, path: Path) -> tuple[str, ...]:
    """Note where angles look like radians: BVH does not state its unit."""
    turning = np.array([channel[1:].lower() == "rotation" for joint in joints for channel in joint.channels])
    most = float(np.abs(table[:, turning]).max(initial=0.0))
    if not 0.3 < most <= _LITTLE:
        return ()
    return (
        f"{path.name} has no angle above {most:.2f}: they were read as degrees; if the figure hardly moves, they are "
        "radians, and another program must write them as degrees.",
    )


def _joints(words: list[str], path: Path) -> list[BvhJoint]:
    """The joints in the order of the file, parents first; the ends of limbs are passed over."""
    joints: list[BvhJoint] = []
    open_ones: list[int] = []  # the joints around the present place; -1 for an end of a limb
    place = 0
    try:
        while place < len(words):
            place = _taken(words, place, joints, open_ones)
            if len(open_ones) > _DEEPEST:
                raise ValueError("too many joints one below the other")
    except BROKEN_FILE as error:
        raise InputError(f"{path.name} is broken: its tree of joints cannot be read ({error}).") from error
    if not joints or open_ones or any(len(joint.offset) != 3 for joint in joints):
        raise InputError(f"{path.name} is broken: its tree of joints is cut off.")
    return joints


def _taken(words: list[str], place: int, joints: list[BvhJoint], open_ones: list[int]) -> int:
    """Take in the statement at a place of the tree; returns where the next one stands."""
    word = words[place]
    if word in ("ROOT", "JOINT"):
        brace = words.index("{", place)
        joints.append(BvhJoint(" ".join(words[place + 1 : brace]), open_ones[-1] if open_ones else -1, np.zeros(3)))
        open_ones.append(len(joints) - 1)
        return brace + 1
    if word == "End":
        open_ones.append(-1)
        return words.index("{", place) + 1
    if word == "OFFSET":
        if open_ones[-1] >= 0:
            joints[open_ones[-1]].offset = np.array([float(number) for number in words[place + 1 : place + 4]])
        return place + 4
    if word == "CHANNELS":
        count = int(words[place + 1])
        if not 0 <= count <= _MOST_CHANNELS:
            raise ValueError(f"a joint of {count} channels")
        joints[open_ones[-1]].channels = words[place + 2 : place + 2 + count]
        return place + 2 + count
    if word == "}":
        open_ones.pop()
    return place + 1


def _frames(text: str, width: int, path: Path) -> tuple[Array, Fraction]:
    """(T, width) numbers, and the frame rate."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        count = int(lines[0].split(":")[1])
        written = lines[1].split(":")[1].strip()
        seconds = float(written)
        numbers = np.array(" ".join(lines[2:]).split(), np.float64)
    except BROKEN_FILE as error:
        raise InputError(f"{path.name} is broken: its frames cannot be read ({error}).") from error
    if not seconds > 0 or not np.isfinite(seconds):
        raise InputError(f"{path.name} is broken: a frame lasts {seconds:g} s.")
    if count < 1 or width == 0 or len(numbers) != count * width:
        raise InputError(
            f"{path.name} is cut off: {len(numbers)} numbers where {count} frames of {width} were promised."
        )
    if not np.isfinite(numbers).all():
        raise InputError(f"{path.name} holds values that are not numbers (NaN or infinite).")
    return numbers.reshape(count, width), _rate(written)


def _rate(written: str) -> Fraction:
    """Frames a second from the seconds of one, of which programs write few digits: 0.008333 means 120."""
    seconds, step = float(written), 10.0 ** -len(written.partition(".")[2])
    for off in (step / 2, step) if "e" not in written.lower() else ():  # rounded, or cut off
        fitting = [one for one in _RATES if abs(1 / one - seconds) <= off * 1.001]
        if 0 < len(fitting) < 4:
            return min(fitting, key=lambda one: (one.denominator, abs(one - 1 / seconds)))
    return exact_rate(1 / seconds)


def _turns(joints: list[BvhJoint], table: Array, path: Path) -> tuple[Array, list[Array]]:
    """(T, J, 3, 3) turns of the joints, and their places (T, 3) or (3,) on their parents in the file's unit."""
    turns = np.tile(np.eye(3), (len(table), len(joints), 1, 1))
    moves: list[Array] = [joint.offset for joint in joints]
    first = 0
    for index, joint in enumerate(joints):
        for channel in joint.channels:
            axis, kind = _AXES.get(channel[:1].upper()), channel[1:].lower()
            if axis is None or kind not in ("rotation", "position"):
                raise InputError(f"{path.name} is broken: {joint.name} has a channel {channel!r}.")
            if kind == "rotation":
                vectors = np.zeros((len(table), 3))
                vectors[:, axis] = np.radians(table[:, first])
                turns[:, index] = turns[:, index] @ rotations.to_matrix(vectors)
            else:
                moves[index] = np.array(np.broadcast_to(moves[index], (len(table), 3)))
                moves[index][:, axis] = table[:, first]
            first += 1
    return turns, moves


def _unit(figure: _RestSkeleton, path: Path) -> tuple[float, tuple[str, ...]]:
    """Metres in a unit of the file, by the height of the skeleton, and what was noticed."""
    tall = float(np.ptp(figure.heads @ figure.axes[:, 1]))
    for name, unit in _UNITS.items():
        if _TALL[0] <= tall * unit <= _TALL[1]:
            note = f"{path.name} is in {name}: its skeleton is {tall:g} high."
            return unit, () if name == "centimetres" else (note,)
    return 1.0 / _CENTIMETRES, (f"{path.name} has a skeleton {tall:g} units high; they were read as centimetres.",)


def decode(animation: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Give the body back, with the tracks of jaw, neck, head and eyes."""
    turns = np.stack([animation.curves[name] for name in SMPLX_JOINTS], 1)
    body = rotations.from_matrix(turns).astype(np.float32)
    place = np.asarray(animation.curves[_PLACE], np.float32)
    return Motion(animation.rate, animation.start, **pose_tracks.tracks_of(body, place), events=animation.events)


FORMAT = FileFormat(
    title="BVH",
    suffix=".bvh",
    carries=pose_tracks.TRACKS,
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=2e-6,
)
