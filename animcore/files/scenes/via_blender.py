"""FBX and Alembic (and for usd.py, USD), written and read back by Blender in a child process (blender.py).

The character is the default one, or the user's `.blend`, `.fbx` or `.glb`. What is compared after reading back are the
keys of shapes and of the face's bones; for Alembic, which holds vertices alone, where probes of every mesh with shapes
are on every frame.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from animcore.core import reading
from animcore.core.shipped import shipped
from animcore.errors import InputError, readable
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.files.scenes import blender_process, scene_curves
from animcore.files.scenes.bone_motion import BoneMotion
from animcore.motion import Motion

DEFAULT = shipped("assets/character/character.blend")
_SUB_FRAME = 1e-3  # of a frame that a start may be off the grid without being told


def character(setup: FormatOptions) -> Path:
    """Return the file of the character.

    Raises:
        InputError: where there is none.
    """
    path = setup.character or DEFAULT
    if not path.is_file():
        raise InputError(f"There is no file {path}; give a character of your own (--character).")
    return path.resolve()


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take what the character has shapes and bones for.

    Raises:
        InputError: where there is no Blender, no such character, or nothing of the motion that it could do.
    """
    path = character(setup)
    who = _described(path, path.stat().st_mtime_ns)
    start, shifted = _on_the_grid(motion)
    curves: dict[str, Array] = {
        name: values for name, values in scene_curves.weights(motion).items() if name in who["shapes"]
    }
    body = _embodied(motion, setup)
    roles = set(who["bones"]) - set(body.roles)
    curves |= {**scene_curves.pose_curves(scene_curves.poses(motion, roles)), **body.curves}
    if not curves:
        raise InputError(f"{path.name} has nothing that this motion could move; give another character.")
    lacks = (
        *shifted,
        *scene_curves.shape_lacks(motion, who["shapes"], path.name),
        *scene_curves.bone_lacks(motion, set(who["bones"]), path.name),
        *(f"{path.name}: {sentence}" for sentence in body.notes),
        *who["notes"],
    )
    facts = {"audio_name": motion.audio_name, "body": body.tracks}
    return AnimationCurves(motion.rate, start, curves, lacks=lacks, facts=facts)


def decode(sheet: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Give weights and rotations back."""
    return scene_curves.decode(sheet)


def write(kind: str, sheet: AnimationCurves, path: Path, setup: FormatOptions) -> None:
    """Have Blender put the motion onto the character and export it."""
    _ask("deliver", kind, sheet, path, setup)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Have Blender import a file into an empty scene and say what moves in it.

    Raises:
        InputError: when it cannot, or nothing moves.
    """
    with _folder() as folder:
        out, bones = folder / "curves.npz", folder / "bones.npz"
        asked = [setup.rate.numerator, setup.rate.denominator] if setup.rate is not None else None
        also: dict[str, Any] = {"bones": str(bones)} if setup.bones else {}
        answer = blender_process.call_blender("read", path=str(path.resolve()), out=str(out), rate=asked, **also)
        curves = _arrays(out)
        facts = {"bones": BoneMotion.of_arrays(_arrays(bones))} if bones.exists() else {}
    rate = Fraction(*answer["rate"])
    return AnimationCurves(rate, float(answer["first"] / rate), curves, facts=facts)


def encode_vertices(kind: str, motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Have Blender put the motion onto the character, and note where probes of its vertices (T, P, 3) go, in metres."""
    performance = encode(motion, setup)
    with _folder() as folder:
        probes = folder / "probes.npz"
        answer = _ask("probe", kind, performance, probes, setup)
        curves = _arrays(probes)
    facts = {**performance.facts, "performance": performance}
    if kind != "pc2":
        return replace(performance, curves=curves, facts=facts)
    lacks = (*performance.lacks, f"PC2 holds one mesh, here {answer['mesh']}: the others are not written.")
    return replace(performance, curves={"vertices": next(iter(curves.values()))}, lacks=lacks, facts=facts)


def decode_vertices(sheet: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Give back what vertices say of a performance by themselves: only how long it is."""
    return Motion(sheet.rate, sheet.start)


def write_vertices(kind: str, sheet: AnimationCurves, path: Path, setup: FormatOptions) -> None:
    """Have Blender put the motion onto the character and write its vertices on every frame."""
    write(kind, sheet.facts["performance"], path, setup)


@dataclass(frozen=True)
class _CharacterBody:
    """What a character can show of a body.

    Attributes:
        tracks: body_pose and translation as the character is to perform them.
        curves: what its bones show of them.
        roles: the bones of the face that hang on it.
        notes: sentences.
    """

    tracks: Mapping[str, Array] = field(default_factory=dict)
    curves: Mapping[str, Array] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _embodied(motion: Motion, setup: FormatOptions) -> _CharacterBody:
    """Ask Blender what the character can show of a motion's body."""
    if motion.body_pose is None:
        return _CharacterBody()
    tracks = {"body_pose": scene_curves.whole_pose(motion)}
    tracks |= {"translation": motion.translation} if motion.translation is not None else {}
    with _folder() as folder:
        shown = folder / "shown.npz"
        answer = _ask("embody", "", AnimationCurves(motion.rate, facts={"body": tracks}), shown, setup)
        return _CharacterBody(tracks, _arrays(shown), tuple(answer["roles"]), tuple(answer["notes"]))


def _on_the_grid(motion: Motion) -> tuple[float, tuple[str, ...]]:
    """Seconds of the first frame as a whole number of frames, and a sentence where that moves it."""
    frame = round(motion.start * motion.rate)
    off = abs(motion.start * motion.fps - frame)
    start = float(frame / motion.rate)
    if off < _SUB_FRAME:
        return start, ()
    return start, (f"Keys stand on whole frames: everything is moved by {1000 * off / motion.fps:.1f} ms.",)


@functools.lru_cache(maxsize=16)
def _described(path: Path, _changed: int) -> Mapping[str, Any]:
    """What the character in a file can do."""
    return blender_process.call_blender("describe", character=str(path.absolute()))


def _ask(wish: str, kind: str, sheet: AnimationCurves, path: Path, setup: FormatOptions) -> dict[str, Any]:
    """Have Blender do something with a performance on the character."""
    with _folder() as folder:
        motion = folder / "motion.npz"
        told = {name: values for name, values in sheet.curves.items() if not scene_curves.is_of_body(name)}
        np.savez(motion, start=sheet.start, **told, **sheet.facts.get("body", {}))
        return blender_process.call_blender(
            wish,
            kind=kind,
            character=str(character(setup).absolute()),
            mesh=setup.mesh,
            motion=str(motion),
            rate=[sheet.rate.numerator, sheet.rate.denominator],
            name=sheet.facts.get("audio_name") or "motion",
            path=str(path.resolve()),
        )


def _arrays(path: Path) -> dict[str, Array]:
    with readable(f"{path.name} was not written whole by Blender", "try again"):
        return reading.arrays(path)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="animcore-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


FBX = FileFormat(
    title="FBX",
    suffix=".fbx",
    carries=scene_curves.CARRIES,
    encode=encode,
    write=functools.partial(write, "fbx"),
    read=read,
    decode=decode,
    tolerance=1e-4,
)
ALEMBIC = FileFormat(
    title="Alembic",
    suffix=".abc",
    carries=scene_curves.CARRIES,
    encode=functools.partial(encode_vertices, "alembic"),
    write=functools.partial(write_vertices, "alembic"),
    read=read,
    decode=decode_vertices,
    tolerance=1e-5,
    needs_rate=True,
    limit=1e-4,
)
