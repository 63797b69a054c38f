"""Unity animation clips (`.anim`): the YAML text that Unity writes, with a curve a blend shape, in percent.

A curve is bound by `attribute: blendShape.<name>`, the path of the mesh below the Animator, and class 137
(SkinnedMeshRenderer). Keys are Hermite: with both tangents equal to the way to the next key they are straight lines.
Words and the like become AnimationEvents, which call `OnAnimcoreEvent(AnimationEvent)` where a script has it.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import stem, whole_file
from animcore.core.frame_rates import exact_rate
from animcore.errors import InputError
from animcore.files import blendshape_names
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.files.frame_times import check_frame_count, keys
from animcore.files.text_tables import text_of
from animcore.motion import Event, EventKind

_FUNCTION = "OnAnimcoreEvent"
_KINDS = get_args(EventKind)
_PERCENT = 100.0
_FAINT = 1.0  # percent: nothing moves visibly, so perhaps 0..1 was written by mistake
_HEAD = """%YAML 1.1
%TAG !u! tag:unity3d.com,2011:
--- !u!74 &7400000
AnimationClip:
  m_ObjectHideFlags: 0
  m_CorrespondingSourceObject: {{fileID: 0}}
  m_PrefabInstance: {{fileID: 0}}
  m_PrefabAsset: {{fileID: 0}}
  m_Name: {name}
  serializedVersion: 6
  m_Legacy: 0
  m_Compressed: 0
  m_UseHighQualityCurve: 1
  m_RotationCurves: []
  m_CompressedRotationCurves: []
  m_EulerCurves: []
  m_PositionCurves: []
  m_ScaleCurves: []
  m_FloatCurves:
"""
_TAIL = """  m_PPtrCurves: []
  m_SampleRate: {rate:.9g}
  m_WrapMode: 0
  m_Bounds:
    m_Center: {{x: 0, y: 0, z: 0}}
    m_Extent: {{x: 0, y: 0, z: 0}}
  m_ClipBindingConstant:
    genericBindings: []
    pptrCurveMapping: []
  m_AnimationClipSettings:
    serializedVersion: 2
    m_AdditiveReferencePoseClip: {{fileID: 0}}
    m_AdditiveReferencePoseTime: 0
    m_StartTime: {start:.12g}
    m_StopTime: {stop:.12g}
    m_OrientationOffsetY: 0
    m_Level: 0
    m_CycleOffset: 0
    m_HasAdditiveReferencePose: 0
    m_LoopTime: 0
    m_LoopBlend: 0
    m_LoopBlendOrientation: 0
    m_LoopBlendPositionY: 0
    m_LoopBlendPositionXZ: 0
    m_KeepOriginalOrientation: 0
    m_KeepOriginalPositionY: 1
    m_KeepOriginalPositionXZ: 0
    m_HeightFromFeet: 0
    m_Mirror: 0
  m_EditorCurves: []
  m_EulerEditorCurves: []
  m_HasGenericRootTransform: 0
  m_HasMotionFloatCurves: 0
"""
_KEY = (
    "      - serializedVersion: 3\n        time: %.12g\n        value: %.7g\n"
    "        inSlope: %.7g\n        outSlope: %.7g\n"
    "        tangentMode: 69\n        weightedMode: 0\n        inWeight: 0.33333334\n        outWeight: 0.33333334\n"
)
_READ_KEY = re.compile(r"time: (\S+)\s+value: (\S+)\s+inSlope: (\S+)\s+outSlope: (\S+)")
_READ_EVENT = re.compile(
    rf"- time: (\S+)\s+functionName: {_FUNCTION}\s+data: (.*)\n(?:.*\n)*?    floatParameter: (\S+)", re.MULTILINE
)


def write(animation: AnimationCurves, path: Path, setup: FormatOptions) -> None:
    """Write the clip, for the mesh at `setup.mesh` below the Animator.

    Raises:
        InputError: when the file cannot be written.
    """
    times = animation.start + np.arange(animation.frame_count) * float(1 / animation.rate)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write(_HEAD.format(name=_quoted(stem(path))))
        for name, values in animation.curves.items():
            handle.write("  - curve:\n      serializedVersion: 2\n      m_Curve:\n")
            handle.write(_keys_text(times, np.asarray(values, np.float64) * _PERCENT))
            handle.write("      m_PreInfinity: 2\n      m_PostInfinity: 2\n      m_RotationOrder: 4\n")
            handle.write(f"    attribute: {_quoted('blendShape.' + name)}\n    path: {_quoted(setup.mesh)}\n")
            handle.write("    classID: 137\n    script: {fileID: 0}\n")
        handle.write(_TAIL.format(rate=float(animation.rate), start=times[0], stop=times[-1]))
        handle.write("  m_Events:\n" if animation.events else "  m_Events: []\n")
        for event in animation.events:
            handle.write(
                f"  - time: {event.start:.12g}\n    functionName: {_FUNCTION}\n"
                f"    data: {_quoted(f'{event.kind} {event.label}')}\n"
                f"    objectReferenceParameter: {{fileID: 0}}\n    floatParameter: {event.end - event.start:.12g}\n"
                "    intParameter: 0\n    messageOptions: 1\n"
            )


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the blend shapes of a clip, sampled at the clip's own rate.

    Where several meshes have a shape of one name, that of `setup.mesh` is taken, else the first.

    Raises:
        InputError: when it is no clip in text form, cut off, or has no blend shapes.
    """
    text = text_of(path).replace("\r\n", "\n")
    if "AnimationClip:" not in text:
        raise InputError(f"{path.name} is not an animation clip of Unity as text (Asset Serialization: Force Text).")
    rate = re.search(r"^  m_SampleRate: (\S+)", text, re.MULTILINE)
    if rate is None:
        raise InputError(f"{path.name} has no m_SampleRate; it was cut off, or is none of Unity's: export it again.")
    curves, notes = _curves(text, setup, path)
    try:
        read_keys = {name: np.array(found, np.float64) for name, found in curves.items()}
        animation = _sampled(read_keys, exact_rate(rate[1]), path)
        events = tuple(event for parts in _READ_EVENT.findall(text) if (event := _event(*parts)).kind in _KINDS)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} holds something else than numbers ({error}).") from error
    columns, noticed = blendshape_names.noticed(
        {name: values / _PERCENT for name, values in animation.items()}, path.name
    )
    highest = max(float(values.max()) for values in columns.values()) * _PERCENT
    if 0.0 < highest <= _FAINT:
        noticed = (*noticed, f"{path.name}: weights reach {highest:.2f} of 100; Unity counts blend shapes in percent.")
    start = min(float(found[0, 0]) for found in read_keys.values())
    return AnimationCurves(exact_rate(rate[1]), start, columns, events, notes=(*notes, *noticed))


def _keys_text(times: NDArray[np.float64], values: NDArray[np.float64]) -> str:
    """The keys of one curve; amid a run of equal values there is none."""
    needed = keys(values)
    times, values = times[needed], values[needed]
    slopes = np.diff(values) / np.diff(times)
    arriving, leaving = np.concatenate([slopes[:1], slopes]), np.concatenate([slopes, slopes[-1:]])
    if not len(slopes):
        arriving = leaving = np.zeros(1)
    rows = zip(times.tolist(), values.tolist(), arriving.tolist(), leaving.tolist(), strict=True)
    return "".join([_KEY % row for row in rows])


def _curves(text: str, setup: FormatOptions, path: Path) -> tuple[dict[str, list[tuple[str, ...]]], tuple[str, ...]]:
    """Keys of each blend shape, and a sentence where more than one mesh has shapes."""
    block = re.search(r"^  m_FloatCurves:\n((?:   .*\n|  - .*\n)*)", text, re.MULTILINE)
    found: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for item in re.split(r"^  - ", block[1] if block else "", flags=re.MULTILINE)[1:]:
        attribute = re.search(r"^(?:    )?attribute: (.*)$", item, re.MULTILINE)
        mesh = re.search(r"^(?:    )?path: (.*)$", item, re.MULTILINE)
        name = _plain(attribute[1]) if attribute else ""
        if name.startswith("blendShape.") and (read_keys := _READ_KEY.findall(item)):
            found[_plain(mesh[1]) if mesh else "", name.removeprefix("blendShape.")] = read_keys
    meshes = list(dict.fromkeys(mesh for mesh, _ in found))
    if not meshes:
        raise InputError(f"{path.name} has no curves of blend shapes.")
    chosen = setup.mesh if setup.mesh in meshes else meshes[0]
    note = f"{path.name} moves {len(meshes)} meshes; shapes of {chosen} were taken first."
    first = {name: found[mesh, name] for mesh, name in reversed(found)}
    first |= {name: rows for (mesh, name), rows in found.items() if mesh == chosen}
    return first, (note,) if len(meshes) > 1 else ()


def _sampled(curves: dict[str, NDArray[np.float64]], rate: Fraction, path: Path) -> dict[str, Array]:
    """Every curve of keys (time, value, slope before, slope after) at even frames."""
    if any(np.isnan(found).any() or (np.diff(found[:, 0]) <= 0).any() for found in curves.values()):
        raise InputError(f"{path.name} holds keys that are not numbers, or whose times do not rise.")
    start = min(found[0, 0] for found in curves.values())
    stop = max(found[-1, 0] for found in curves.values())
    count = check_frame_count(round((stop - start) * float(rate)) + 1, path.name, sum(map(len, curves.values())))
    times = start + np.arange(count) / float(rate)
    return {name: _hermite(times, found) for name, found in curves.items()}


def _hermite(times: NDArray[np.float64], found: NDArray[np.float64]) -> Array:
    """Values (T,) of a curve between its keys; before the first and behind the last it stands still."""
    if len(found) == 1:
        return np.full(len(times), found[0, 1])
    left = np.clip(np.searchsorted(found[:, 0], times + 1e-7, side="right") - 1, 0, len(found) - 2)
    (t0, v0, _, m0), (t1, v1, m1, _) = found[left].T, found[left + 1].T
    length = t1 - t0
    u = np.clip((times - t0) / length, 0.0, 1.0)
    steps = ~np.isfinite(m0) | ~np.isfinite(m1)
    m0, m1 = np.where(steps, 0.0, m0), np.where(steps, 0.0, m1)
    smooth = (
        (2 * u**3 - 3 * u**2 + 1) * v0
        + (u**3 - 2 * u**2 + u) * length * m0
        + (3 * u**2 - 2 * u**3) * v1
        + (u**3 - u**2) * length * m1
    )
    return np.where(steps, np.where(u >= 1.0, v1, v0), smooth)


def _event(start: str, data: str, length: str) -> Event:
    kind, _, label = _plain(data).partition(" ")
    return Event(kind, label, float(start), float(start) + float(length))  # type: ignore[arg-type]


def _quoted(text: str) -> str:
    """A YAML scalar; plain where Unity would write it so."""
    plain = re.fullmatch(r"[\w][\w ./()-]*", text, re.ASCII) and text == text.strip()
    return text if plain else "'" + text.replace("'", "''") + "'"


def _plain(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text


FORMAT = FileFormat(
    title="Unity animation clip",
    suffix=".anim",
    carries=("arkit", "tongue", "events"),
    encode=blendshape_names.encode,
    write=write,
    read=read,
    decode=blendshape_names.decode,
    tolerance=2e-6,
)
