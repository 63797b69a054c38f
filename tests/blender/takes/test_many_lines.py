"""The script for studios: five lines, one of them bad, and a second run that goes on where the first one ended."""

from __future__ import annotations

import csv
import importlib.util

import bpy
import pytest
from conftest import ROOT, head

from blender_addon.scene import fcurves


@pytest.fixture
def many_lines():
    spec = importlib.util.spec_from_file_location("many_lines", ROOT / "examples" / "many_lines.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_five_lines_become_five_shots_and_a_bad_one_stops_none(many_lines, voice, tmp_path):
    head("Hero")
    stage, out = tmp_path / "stage.blend", tmp_path / "shots"
    bpy.ops.wm.save_as_mainfile(filepath=str(stage))
    lines = [voice(f"{name}.wav") for name in ("one", "two", "full", "four", "five")]
    (tmp_path / "two.txt").write_text("Hello there.")
    wish = [str(stage), *map(str, lines), "--out", str(out), "--character", "Hero"]
    assert many_lines.main(wish) == 1
    assert sorted(path.name for path in out.iterdir()) == [
        "five.blend", "four.blend", "lines.csv", "one.blend", "two.blend",
    ]  # fmt: skip
    with (out / "lines.csv").open(encoding="utf-8") as log:
        told = {row[0]: row[2] for row in csv.reader(log)}
    assert "disk is full" in told["full.wav"]
    assert told["two.wav"] == "Hero"
    lines[2].rename(tmp_path / "three.wav")
    wish[3] = str(tmp_path / "three.wav")
    before = (out / "one.blend").stat().st_mtime_ns
    assert many_lines.main(wish) == 0
    assert (out / "one.blend").stat().st_mtime_ns == before
    bpy.ops.wm.open_mainfile(filepath=str(out / "two.blend"))
    action = bpy.data.objects["Hero"].data.shape_keys.animation_data.action
    assert action[fcurves.TAKE] == "two"
    assert "Hello there." in action[fcurves.SETTINGS]
    assert not [one for one in bpy.data.actions if one[fcurves.TAKE] != "two"]
