"""Godot 4 animations (`.tres`): a value track a blend shape, for an AnimationPlayer next to the mesh.

The resource is text (`format=3`). A track's path is `<node>:blend_shapes/<name>`, and its keys are a dictionary of
packed arrays. Godot's own importer writes tracks of type `blend_shape` instead (time, transition, value in turn, path
`<node>:<name>`): those are read too.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import stem, whole_file
from animcore.core.frame_rates import exact_rate
from animcore.errors import BROKEN_FILE, InputError
from animcore.files import blendshape_names
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.files.frame_times import check_frame_count, keys
from animcore.files.text_tables import text_of
from animcore.motion import Motion

Numbers = NDArray[np.float64]

_USUAL_STEP = 1 / 30  # seconds; Godot leaves out what has its usual value
_PROPERTY = "blend_shapes/"
_TRACK = re.compile(r"^tracks/(\d+)/(\w+) = (.*?)(?=^tracks/|^\[|\Z)", re.MULTILINE | re.DOTALL)


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the weights under the rig's names."""
    animation = blendshape_names.encode(motion, setup)
    return AnimationCurves(animation.rate, animation.start, animation.curves, lacks=animation.lacks)


def write(animation: AnimationCurves, path: Path, setup: FormatOptions) -> None:
    """Write the animation, for the node `setup.mesh` below the player's root.

    Raises:
        InputError: when the file cannot be written.
    """
    step = float(1 / animation.rate)
    times = animation.start + np.arange(animation.frame_count) * step
    name = stem(path)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write(f'[gd_resource type="Animation" format=3]\n\n[resource]\nresource_name = {_string(name)}\n')
        handle.write(f"length = {max(times[-1], step):.12g}\nstep = {step:.12g}\n")
        for index, (shape, values) in enumerate(animation.curves.items()):
            needed = keys(values)
            target = _string(f"{setup.mesh}:{_PROPERTY}{shape}")
            handle.write(
                f'tracks/{index}/type = "value"\ntracks/{index}/imported = false\ntracks/{index}/enabled = true\n'
                f"tracks/{index}/path = NodePath({target})\n"
                f"tracks/{index}/interp = 1\ntracks/{index}/loop_wrap = true\ntracks/{index}/keys = {{\n"
                f'"times": PackedFloat32Array({_joined("%.12g", times[needed])}),\n'
                f'"transitions": PackedFloat32Array({", ".join(["1"] * len(needed))}),\n'
                f'"update": 0,\n"values": [{_joined("%#.7g", values[needed])}]\n}}\n'
            )


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the blend shapes of an animation, sampled at its step.

    Raises:
        InputError: when it is no animation as text, cut off, or has no blend shapes.
    """
    text = text_of(path).replace("\r\n", "\n")
    if not re.match(r'\s*\[gd_resource type="Animation"', text):
        raise InputError(f"{path.name} is not an Animation of Godot as text (.tres).")
    try:
        step = re.search(r"^step = (\S+)", text, re.MULTILINE)
        rate = exact_rate(1 / float(step[1] if step else _USUAL_STEP))
        curves = _curves(text, path)
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is cut off or holds something else than numbers ({error}).") from error
    if not curves:
        raise InputError(f"{path.name} has no tracks of blend shapes.")
    start, columns = _sampled(curves, rate, path)
    columns, notes = blendshape_names.noticed(columns, path.name)
    return AnimationCurves(rate, start, columns, notes=notes)


def _curves(text: str, path: Path) -> dict[str, tuple[Numbers, Numbers]]:
    """Times and values of the keys of each shape."""
    tracks: dict[str, dict[str, str]] = {}
    for number, key, value in _TRACK.findall(text):
        tracks.setdefault(number, {})[key] = value.strip()
    found = {}
    for track in tracks.values():
        target = track["path"].removeprefix("NodePath(").removesuffix(")").strip('"').replace('\\"', '"')
        name = target.partition(":")[2]
        if track["type"] == '"value"' and name.startswith(_PROPERTY):
            times, values = _dictionary(track["keys"])
        elif track["type"] == '"blend_shape"':
            times, _, values = _numbers(track["keys"]).reshape(-1, 3).T
        else:
            continue
        if not len(times) or len(times) != len(values) or not np.isfinite([times, values]).all():
            raise InputError(f"{path.name}: the track {name} is cut off or holds values that are not numbers.")
        if (np.diff(times) <= 0).any():
            raise InputError(f"{path.name}: the times of the track {name} do not rise.")
        found[name.removeprefix(_PROPERTY)] = (times, values)
    return found


def _dictionary(text: str) -> tuple[Numbers, Numbers]:
    """The times and values of a value track's keys."""
    parts = {name: re.search(rf'"{name}": (?:\w+\(|\[)([^)\]]*)[)\]]', text) for name in ("times", "values")}
    if parts["times"] is None or parts["values"] is None:
        raise ValueError("keys without times or values")
    return _numbers(parts["times"][1]), _numbers(parts["values"][1])


def _numbers(text: str) -> Numbers:
    inner = text.removeprefix("PackedFloat32Array(").removesuffix(")")
    return np.array([float(part) for part in inner.split(",") if part.strip()], np.float64)


def _sampled(curves: dict[str, tuple[Numbers, Numbers]], rate: Fraction, path: Path) -> tuple[float, dict[str, Array]]:
    start = min(float(times[0]) for times, _ in curves.values())
    stop = max(float(times[-1]) for times, _ in curves.values())
    count = check_frame_count(
        round((stop - start) * float(rate)) + 1, path.name, sum(len(times) for times, _ in curves.values())
    )
    grid = start + np.arange(count) / float(rate)
    return start, {name: np.interp(grid, times, values) for name, (times, values) in curves.items()}


def _joined(form: str, values: Array) -> str:
    return ", ".join([form % value for value in values.tolist()])


def _string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


FORMAT = FileFormat(
    title="Godot animation",
    suffix=".tres",
    carries=("arkit", "tongue"),
    encode=encode,
    write=write,
    read=read,
    decode=blendshape_names.decode,
    tolerance=2e-6,
)
