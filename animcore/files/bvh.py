"""BVH (Biovision): the body as a tree of joints with Euler angles, read by nearly every program that moves bodies.

Written are the 55 joints of SMPL-X with the offsets of the open body in its T-pose, in centimetres and degrees, as most
programs expect; angles stand in the order Z, X, Y. Read is any tree in any order of channels, in centimetres, metres or
inches by its height: joints of a known skeleton (Mixamo, CMU, Unreal ...; rigs/*.toml) are turned into those of SMPL-X.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.atomic import whole_file
from animcore.bodies import rotations
from animcore.bodies.poses import smplx_pose
from animcore.errors import InputError
from animcore.files import poses
from animcore.files.sheet import Array, Format, Setup, Sheet
from animcore.motion import Motion
from animcore.names import SMPLX_JOINTS
from animcore.rates import exact_rate
from animcore.retarget import bone_names
from animcore.retarget.skeletons import PARENTS, Retarget, Skeleton, open_body_joints

_ORDER = "ZXY"
_CENTIMETRES = 100.0
_END = 0.03  # metres that a last joint is long
_PLACE = "translation"
_TALL = (1.0, 2.3)  # metres of a person, from the lowest joint to the highest
_UNITS = {"metres": 1.0, "centimetres": 0.01, "inches": 0.0254, "millimetres": 0.001}
_AXES = {"X": 0, "Y": 1, "Z": 2}
_DEEPEST = 200


@dataclass
class Joint:
    """One joint of a file: its offset (3,) and channels such as `Xrotation`, in the order of the numbers."""

    name: str
    parent: int
    offset: Array
    channels: list[str] = field(default_factory=list)


def encode(motion: Motion, _setup: Setup) -> Sheet:
    """Take the body of a motion: the turn (T, 3, 3) of each joint, and the way of the pelvis in metres.

    Raises:
        InputError: when the motion moves neither body nor head.
    """
    if not motion.tracks().keys() & set(poses.TRACKS):
        raise InputError("This motion moves neither body nor head, which a BVH file consists of.")
    turns = rotations.to_matrix(smplx_pose(motion))
    curves: dict[str, Array] = {name: turns[:, index] for index, name in enumerate(SMPLX_JOINTS)}
    lacks = () if motion.start == 0 else ("A BVH file starts at 0: the time before the first frame is not written.",)
    return Sheet(motion.rate, 0.0, curves | {_PLACE: poses.of_translation(motion)}, lacks=lacks)


def write(sheet: Sheet, path: Path, _setup: Setup) -> None:
    """Write the tree and its frames.

    Raises:
        InputError: when the file cannot be written.
    """
    joints = open_body_joints()
    place = (np.asarray(sheet.curves[_PLACE], np.float64) + joints[0]) * _CENTIMETRES
    columns = [place]
    lines = ["HIERARCHY", *_tree(joints, 0, 0, columns, sheet), "MOTION", f"Frames: {sheet.frame_count}"]
    # as many digits as a double has: ten minutes at 24000/1001 must not drift
    lines.append(f"Frame Time: {float(1 / sheet.rate)!r}")
    table = np.concatenate(columns, 1)
    with whole_file(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as handle:
        handle.write("\n".join(lines) + "\n")
        np.savetxt(handle, table, fmt="%.7f")


def _tree(joints: Array, joint: int, depth: int, columns: list[Array], sheet: Sheet) -> Iterator[str]:
    """The lines of a joint and those below; its angles are appended to the columns."""
    name, parent, indent = SMPLX_JOINTS[joint], PARENTS[joint], "\t" * depth
    columns.append(np.degrees(np.unwrap(rotations.to_euler(sheet.curves[name], _ORDER), axis=0)))
    offset = (joints[joint] - (joints[parent] if parent >= 0 else joints[0])) * _CENTIMETRES
    rotation = " ".join(f"{axis}rotation" for axis in _ORDER)
    moving = "Xposition Yposition Zposition " if parent < 0 else ""
    yield f"{indent}{'ROOT' if parent < 0 else 'JOINT'} {name}"
    yield f"{indent}{{"
    yield f"{indent}\tOFFSET {_numbers(offset)}"
    yield f"{indent}\tCHANNELS {6 if moving else 3} {moving}{rotation}"
    below = [index for index, above in enumerate(PARENTS) if above == joint]
    for index in below:
        yield from _tree(joints, index, depth + 1, columns, sheet)
    if not below:
        way = rotations.normalized(joints[joint] - joints[parent]) * _END * _CENTIMETRES
        yield from (f"{indent}\tEnd Site", f"{indent}\t{{", f"{indent}\t\tOFFSET {_numbers(way)}", f"{indent}\t}}")
    yield f"{indent}}}"


def _numbers(values: Array) -> str:
    return " ".join(f"{value:.6f}" for value in values)


def read(path: Path, setup: Setup) -> Sheet:
    """Read the joints of a body: their turns by the names of SMPL-X, and the way of the pelvis in metres.

    Raises:
        InputError: when the file is missing, cut off, no BVH, or of no known body.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).") from error
    head, found, tail = text.partition("MOTION")
    if "HIERARCHY" not in head or not found:
        raise InputError(f"{path.name} is no BVH file: it has no HIERARCHY and MOTION.")
    joints = _joints(head.split(), path)
    table, rate = _frames(tail, sum(len(joint.channels) for joint in joints), path)
    turns, places = _turns(joints, table, path)
    unit, notes = _unit(joints, path)
    by_name = {joint.name: index for index, joint in enumerate(joints)}
    if set(SMPLX_JOINTS) <= by_name.keys():
        curves: dict[str, Array] = {name: turns[:, by_name[name]] for name in SMPLX_JOINTS}
        return Sheet(rate, 0.0, curves | {_PLACE: places * unit - open_body_joints()[0]}, notes=notes)
    return _of_another(joints, turns, places * unit, unit, rate, notes, path)


def _of_another(
    joints: list[Joint], turns: Array, places: Array, unit: float, rate: Fraction, notes: tuple[str, ...], path: Path
) -> Sheet:
    """The joints of SMPL-X from those of another known skeleton."""
    found = bone_names.find([joint.name for joint in joints])
    if not found.chains:
        raise InputError(
            f"{path.name} has a skeleton whose joints are not known ({joints[0].name} ...); see docs/rigs.md."
        )
    rest = np.tile(np.eye(4), (len(joints), 1, 1))
    for index, joint in enumerate(joints):
        rest[index, :3, 3] = joint.offset * unit + (rest[joint.parent, :3, 3] if joint.parent >= 0 else 0.0)
    target = Skeleton(tuple(joint.name for joint in joints), tuple(joint.parent for joint in joints), rest)
    retarget = Retarget(target, found, open_body_joints())
    body, way = retarget.from_bones(rotations.matrix_to_quaternion(turns), places - rest[0, :3, 3])
    turned = rotations.to_matrix(body)
    curves: dict[str, Array] = {name: turned[:, index] for index, name in enumerate(SMPLX_JOINTS)}
    said = f"{path.name} has the joints of {found.profile}, which were turned into those of SMPL-X."
    return Sheet(rate, 0.0, curves | {_PLACE: way}, notes=(*notes, said, *found.lacks))


def _joints(words: list[str], path: Path) -> list[Joint]:
    """The joints in the order of the file, parents first; the ends of limbs are passed over."""
    joints: list[Joint] = []
    open_ones: list[int] = []  # the joints around the present place; -1 for an end of a limb
    place = 0
    try:
        while place < len(words):
            place = _taken(words, place, joints, open_ones)
            if len(open_ones) > _DEEPEST:
                raise ValueError("too many joints one below the other")
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name} is broken: its tree of joints cannot be read ({error}).") from error
    if not joints or open_ones or any(len(joint.offset) != 3 for joint in joints):
        raise InputError(f"{path.name} is broken: its tree of joints is cut off.")
    return joints


def _taken(words: list[str], place: int, joints: list[Joint], open_ones: list[int]) -> int:
    """Take in the statement at a place of the tree; returns where the next one stands."""
    word = words[place]
    if word in ("ROOT", "JOINT"):
        brace = words.index("{", place)
        joints.append(Joint(" ".join(words[place + 1 : brace]), open_ones[-1] if open_ones else -1, np.zeros(3)))
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
        joints[open_ones[-1]].channels = words[place + 2 : place + 2 + count]
        return place + 2 + count
    if word == "}":
        open_ones.pop()
    return place + 1


def _frames(text: str, width: int, path: Path) -> tuple[Array, Fraction]:
    """(T, width) numbers, and frames a second."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        count = int(lines[0].split(":")[1])
        seconds = float(lines[1].split(":")[1])
        numbers = np.array(" ".join(lines[2:]).split(), np.float64)
    except (IndexError, ValueError) as error:
        raise InputError(f"{path.name} is broken: its frames cannot be read ({error}).") from error
    if not seconds > 0 or not np.isfinite(seconds):
        raise InputError(f"{path.name} is broken: a frame lasts {seconds:g} s.")
    if count < 1 or width == 0 or len(numbers) != count * width:
        raise InputError(
            f"{path.name} is cut off: {len(numbers)} numbers where {count} frames of {width} were promised."
        )
    if not np.isfinite(numbers).all():
        raise InputError(f"{path.name} holds values that are not numbers (NaN or infinite).")
    return numbers.reshape(count, width), exact_rate(1 / seconds)


def _turns(joints: list[Joint], table: Array, path: Path) -> tuple[Array, Array]:
    """(T, J, 3, 3) local turns of the joints, and (T, 3) places of the root in the file's unit."""
    turns = np.tile(np.eye(3), (len(table), len(joints), 1, 1))
    places = np.tile(joints[0].offset, (len(table), 1))
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
            elif index == 0:
                places[:, axis] = table[:, first]
            first += 1
    return turns, places


def _unit(joints: list[Joint], path: Path) -> tuple[float, tuple[str, ...]]:
    """Metres in a unit of the file, by the height of the skeleton, and what was noticed."""
    heights = np.zeros(len(joints))
    for index, joint in enumerate(joints):
        heights[index] = (heights[joint.parent] if joint.parent >= 0 else 0.0) + joint.offset[1]
    tall = float(np.ptp(heights))
    for name, unit in _UNITS.items():
        if _TALL[0] <= tall * unit <= _TALL[1]:
            said = f"{path.name} is in {name}: its skeleton is {tall:g} high."
            return unit, () if name == "centimetres" else (said,)
    return 1.0 / _CENTIMETRES, (f"{path.name} has a skeleton {tall:g} units high; they were taken for centimetres.",)


def decode(sheet: Sheet, _setup: Setup) -> Motion:
    """Give the body back, with the tracks of jaw, neck, head and eyes."""
    turns = np.stack([sheet.curves[name] for name in SMPLX_JOINTS], 1)
    body = rotations.from_matrix(turns).astype(np.float32)
    place = np.asarray(sheet.curves[_PLACE], np.float32)
    return Motion(sheet.rate, sheet.start, **poses.tracks_of(body, place), events=sheet.events)


FORMAT = Format(
    title="BVH",
    suffix=".bvh",
    carries=poses.TRACKS,
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=2e-6,
)
