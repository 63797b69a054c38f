"""Lines of a batch on a character: listed, keyed as takes, strips or scenes; edits that go back as a file."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import head, set_rate

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.files.hand_edits import HandEdits
from animcore.motion import Motion
from blender_addon import properties
from blender_addon.character.rig_reader import shape_path
from blender_addon.scene import fcurves
from blender_addon.takes import batch_folder, batch_lines, library

RATE = Fraction(30)


def motion(seed: int, count: int = 60) -> Motion:
    times = np.arange(count) / 30
    arkit = np.zeros((count, len(ARKIT)), np.float32)
    arkit[:, ARKIT_INDEX["jawOpen"]] = 0.3 + 0.2 * np.sin(5 * times + seed)
    arkit[:, ARKIT_INDEX["mouthPucker"]] = 0.2 * np.cos(3 * times + seed) ** 2
    return Motion(RATE, arkit=arkit)


@pytest.fixture
def folder(tmp_path: Path, voice) -> Path:
    """Three lines and one without a take, as a run leaves them."""
    entries = []
    for number in range(3):
        motion(number).save(tmp_path / f"line_{number}.motion.npz")
        name, audio = f"line_{number}", str(voice(f"line_{number}.wav"))
        record = {"name": name, "row": number + 2, "audio": audio, "motion": f"{name}.motion.npz",
                  "text": f"Text {number}", "scores": {"quality": 0.5}}  # fmt: skip
        entries.append({"record": record, "at": 1.0})
    entries.append({"record": {"name": "never", "row": 9}, "at": 1.0})
    (tmp_path / "ledger").mkdir()
    text = "\n".join(map(json.dumps, entries)) + '\n{"record": {"name": "cut'
    (tmp_path / "ledger" / "lines.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def character() -> bpy.types.Object:
    set_rate(RATE)
    made = head()
    properties.of(bpy.context.scene).character = made
    return made


def listed(folder: Path) -> None:
    bpy.ops.animcore.list_batch("EXEC_DEFAULT", directory=str(folder))


def jaw(face: bpy.types.Object) -> bpy.types.FCurve:
    curves = fcurves.current_curves(face.data.shape_keys)
    return next(one for one in curves if one.data_path == shape_path("jawOpen"))


def values(face: bpy.types.Object, first: int = 1, count: int = 60) -> np.ndarray:
    return np.array([jaw(face).evaluate(frame) for frame in range(first, first + count)])


def test_the_list_has_the_lines_with_a_take(folder):
    listed(folder)
    rows = bpy.context.window_manager.animcore_lines
    assert [(row.name, row.text) for row in rows] == [(f"line_{n}", f"Text {n}") for n in range(3)]
    assert rows[0].quality == pytest.approx(0.5)


def test_a_folder_of_motions_alone_is_listed_too(folder):
    (folder / "ledger" / "lines.jsonl").unlink()
    assert [line.name for line in batch_folder.read(folder)] == ["line_0", "line_1", "line_2"]


@pytest.mark.parametrize("outside", ["../other.motion.npz", "/etc/passwd"])
def test_no_file_outside_of_the_folder_is_read(folder, outside):
    record = {"name": "evil", "row": 2, "motion": outside}
    (folder / "ledger" / "z.jsonl").write_text(json.dumps({"record": record, "at": 2.0}) + "\n", encoding="utf-8")
    assert "evil" not in [line.name for line in batch_folder.read(folder)]


def test_a_folder_without_takes_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="holds no takes"):
        listed(tmp_path)


def test_the_active_line_becomes_a_take(folder, character):
    listed(folder)
    bpy.context.window_manager.animcore_line_index = 1
    bpy.ops.animcore.import_lines()
    (take,) = library.all_takes(bpy.context.scene)
    assert take.name == "line_1"
    assert take.playing
    np.testing.assert_allclose(values(character), motion(1).arkit[:, ARKIT_INDEX["jawOpen"]], atol=1e-5)


def test_marked_lines_become_takes_and_strips(folder, character):
    listed(folder)
    for row in bpy.context.window_manager.animcore_lines:
        row.chosen = row.name != "line_1"
    bpy.ops.animcore.import_lines(arrangement="TAKES")
    assert [take.name for take in library.all_takes(bpy.context.scene)] == ["line_0", "line_2"]
    bpy.ops.animcore.import_lines(arrangement="STRIPS", names="line_0,line_1")
    strips = sorted(fcurves.strips_of(character.data.shape_keys), key=lambda strip: strip.frame_start)
    assert [strip.action[fcurves.TAKE] for strip in strips] == ["line_0", "line_1"]
    assert strips[1].frame_start > strips[0].frame_end


def test_each_line_has_a_scene(folder, character):
    listed(folder)
    here = bpy.context.scene
    bpy.ops.animcore.import_lines(arrangement="SCENES", names="line_0,line_2")
    assert {scene.name for scene in bpy.data.scenes} == {here.name, "line_0", "line_2"}
    assert library.all_takes(here) == []
    for number in (0, 2):
        scene = bpy.data.scenes[f"line_{number}"]
        own = properties.of(scene).character
        assert own is not character
        expected = motion(number).arkit[:, ARKIT_INDEX["jawOpen"]]
        np.testing.assert_allclose(values(own), expected, atol=1e-5)


def edit(face: bpy.types.Object, by: float, frames: range) -> None:
    for point in jaw(face).keyframe_points:
        if round(point.co.x) in frames:
            point.co.y += by
    jaw(face).update()


def test_edits_go_back_and_are_laid_over_a_new_solve(folder, character):
    listed(folder)
    bpy.ops.animcore.import_lines(names="line_0")
    edit(character, 0.2, range(21, 31))
    bpy.ops.animcore.export_edits()
    edits = HandEdits.load(folder / "line_0.edits.npz")
    assert set(edits.layers) == {"arkit"}
    layer = edits.layers["arkit"][:, ARKIT_INDEX["jawOpen"]]
    np.testing.assert_allclose(layer[20:30], 0.2, atol=1e-4)
    assert np.abs(layer[:20]).max() < 1e-4
    again = edits.lay_over(motion(1))
    expected = motion(1).arkit[:, ARKIT_INDEX["jawOpen"]] + layer
    np.testing.assert_allclose(again.arkit[:, ARKIT_INDEX["jawOpen"]], expected, atol=1e-4)


def test_edits_that_a_line_had_are_kept_under_new_ones(folder, character):
    layer = np.zeros((60, len(ARKIT)), np.float32)
    layer[:10, ARKIT_INDEX["jawOpen"]] = 0.1
    old = HandEdits(RATE, 0.0, {"arkit": layer}, {"arkit": motion(0).arkit})
    old.save(folder / "line_0.edits.npz")
    old.lay_over(motion(0)).save(folder / "line_0.motion.npz")
    line = dataclasses.replace(batch_folder.read(folder)[0], has_edits=True)
    batch_lines.apply_lines(bpy.context.scene, [line], "TAKES")
    edit(character, 0.2, range(41, 51))
    for _ in range(2):  # again gives the same
        batch_lines.export_edits(bpy.context.scene)
        found = HandEdits.load(folder / "line_0.edits.npz").layers["arkit"][:, ARKIT_INDEX["jawOpen"]]
        np.testing.assert_allclose(found[:10], 0.1, atol=1e-4)
        np.testing.assert_allclose(found[40:50], 0.2, atol=1e-4)


def test_without_edits_no_file_is_written(folder, character):
    listed(folder)
    bpy.ops.animcore.import_lines(names="line_0")
    bpy.ops.animcore.export_edits()
    assert not (folder / "line_0.edits.npz").exists()


def test_a_take_of_no_batch_is_told(folder, character):
    with pytest.raises(RuntimeError, match="active take"):
        bpy.ops.animcore.export_edits()


def test_import_can_be_undone(folder, character):
    listed(folder)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.animcore.import_lines("EXEC_DEFAULT", True, names="line_0")
    bpy.ops.ed.undo()
    assert library.all_takes(bpy.context.scene) == []
