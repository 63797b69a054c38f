"""Lines of a batch on a character: as takes, as strips one after another, or a scene each; and their edits as files."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import bpy
import numpy as np

from animcore.errors import AnimcoreError
from animcore.files.hand_edits import HandEdits
from animcore.motion import Motion
from animcore.postprocess import edit_layers

from .. import properties
from ..character import rig_reader
from ..errors import AddonError
from ..scene import scenes
from ..scene.frame_rates import exact_rate
from . import keying, library, polish, readback, time_origin
from .batch_folder import BatchLine

Arrangement = Literal["TAKES", "STRIPS", "SCENES"]

BATCH = "batch"  # in the settings of a take: folder, line, and the edits that its motion had
_GAP = 0.5  # seconds between strips


def apply_lines(scene: bpy.types.Scene, lines: Sequence[BatchLine], arrangement: Arrangement) -> list[keying.Take]:
    """Key lines on the chosen character.

    Args:
        scene: with the character.
        lines: the lines, in their order.
        arrangement: takes of the character, the last of which plays; strips one after another; or a full copy of the
            scene for each line, named as it.

    Raises:
        AddonError: without a character or a line, or where one cannot be read or keyed.
    """
    root = properties.root(properties.of(scene))
    if root is None:
        raise AddonError("Choose a character first; the lines are keyed on it.")
    if not lines:
        raise AddonError("No line is chosen; mark at least one in the list.")
    motions = [_motion(line, scene) for line in lines]  # all are read before the first one is keyed
    if arrangement == "SCENES":
        return [_in_scene(scene, line, motion) for line, motion in zip(lines, motions, strict=True)]
    made, frame = [], properties.of(scene).start_frame
    for line, motion in zip(lines, motions, strict=True):
        made.append(_keyed(scene, line, motion, frame))
        if arrangement == "STRIPS":
            library.to_nla(scene, library.find(scene))
            frame = made[-1].last_frame + 1 + round(_GAP * motion.rate)
    if arrangement == "STRIPS":
        scene.frame_end = max(scene.frame_end, made[-1].last_frame)
    return made


def _motion(line: BatchLine, scene: bpy.types.Scene) -> Motion:
    """The motion of a line at the scene's frame rate."""
    return Motion.load(line.motion).resampled(exact_rate(scene.render.fps, scene.render.fps_base))


def _keyed(scene: bpy.types.Scene, line: BatchLine, motion: Motion, frame: int) -> keying.Take:
    character = rig_reader.read(properties.root(properties.of(scene)))
    audio = str(line.audio) if line.audio is not None and properties.of(scene).add_sound else ""
    stored: dict[str, Any] = {"line": line.name, "motion": str(line.motion), "edits_file": str(line.edits)}
    if line.has_edits and line.edits.is_file():
        stored["edits"] = base64.b64encode(line.edits.read_bytes()).decode("ascii")
    name = line.name.rpartition("/")[2]
    return keying.apply(scene, character, motion, keying.Placement(frame, name, audio, {BATCH: stored}))


def _in_scene(scene: bpy.types.Scene, line: BatchLine, motion: Motion) -> keying.Take:
    """Key a line in a full copy of the scene."""
    copy = scenes.full_copy(scene, line.name.rpartition("/")[2])
    try:
        take = _keyed(copy, line, motion, properties.of(copy).start_frame)
    except BaseException:
        bpy.data.scenes.remove(copy)
        raise
    copy.frame_end = max(copy.frame_start, take.last_frame)
    return take


def export_edits(scene: bpy.types.Scene) -> Path | None:
    """Write the hand edits of the active take beside its line, where the next run of the batch finds them.

    What the animator changed is the difference between the keys as they are and as they were written, both read back
    through the character's rig; edits that the line had when it was imported are kept under them.

    Returns:
        The file; None where nothing was changed.

    Raises:
        AddonError: where the take is of no batch, or the file cannot be written.
    """
    playing = (one for one in library.all_takes(scene) if one.playing and BATCH in library.settings_of(one))
    take = next(playing, None) or library.find(scene)  # under a line of the face alone, another take moves the body
    stored = library.settings_of(take).get(BATCH)
    if not isinstance(stored, dict) or "edits_file" not in stored:
        raise AddonError(f"The take {take.name!r} is not of a batch; import a line first.")
    character = rig_reader.read(properties.root(properties.of(scene)))
    span = time_origin.span_of(scene, list(take.actions))
    edited = readback.performance(scene, character, span)
    records = {action.name: polish.record_of(action, scene) for action in take.actions}
    written = readback.performance(scene, character, span, records)
    before = _without(written, stored.get("edits"))
    edits = HandEdits.between(edited, before)
    if not edits.layers:
        return None
    path = Path(stored["edits_file"])
    try:
        edits.save(path)
    except AnimcoreError as error:
        raise AddonError(f"The edits cannot be written: {error}") from error
    return path


def _without(motion: Motion, packed: Any) -> Motion:
    """A motion without the edits that its line had when it was imported."""
    if not isinstance(packed, str):
        return motion
    with tempfile.TemporaryDirectory(prefix="animcore-") as folder:
        path = Path(folder) / "before.edits.npz"
        path.write_bytes(base64.b64decode(packed))
        old = HandEdits.load(path)
    changed: dict[str, Any] = {}
    for name, layer in old.layers.items():
        values = motion.tracks().get(name)
        if values is None or values.shape[1:] != layer.shape[1:]:
            continue
        times = old.start + np.arange(len(layer)) * float(1 / old.rate)
        moved = edit_layers.resampled(layer.reshape(len(layer), -1), times, motion.times, hold=False)
        changed[name] = (values - moved.reshape(values.shape)).astype(np.float32)
    for name in {"arkit", "tongue"} & changed.keys():
        changed[name] = np.clip(changed[name], 0.0, 1.0)
    return replace(motion, **changed)
