"""One delivery has one second 0 in every format: where the take's own sound starts, whatever the panel says since.

The files are read by readers that are not ours (tests/files/other_readers.py).
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import ROOT, fake_launch, generate, head, settings
from fake_engine import weights
from test_deliver import character

from animcore.core.vocabulary import ARKIT
from animcore.retarget.rig_profiles import profiles
from blender_addon import preferences
from blender_addon.character import rig_reader
from blender_addon.performance import session
from blender_addon.scene import fcurves
from blender_addon.takes import readback, time_origin

sys.path.append(str(ROOT / "tests" / "files"))
from other_readers import READERS

COUNT = 49  # two seconds at 24 frames a second, and the last one
FILES = {"livelink": "line.csv", "npz": "line.npz", "csv": "line.shapes.csv", "fbx": "line.fbx", "glb": "line.glb",
         "usd": "line.usdc", "pc2": "line.pc2"}  # fmt: skip


@pytest.fixture
def take(voice, real_engine, monkeypatch):
    """Generate a take at a frame; the panel's start is elsewhere afterwards."""

    def make(start_frame: int) -> bpy.types.Object:
        rig = character()
        with monkeypatch.context() as fake:
            fake.setattr(preferences, "launch", fake_launch)
            generate(rig, voice(), start_frame=start_frame)
        session.session.jobs.close()
        settings().start_frame = 5000
        return rig

    return make


def delivered(folder: Path, formats: set[str]) -> session.Outcome:
    settings().deliver_folder, settings().deliver_formats = str(folder), formats
    bpy.ops.animcore.deliver()
    return session.session.outcome


@pytest.mark.parametrize("start_frame", [-50, 101])
def test_every_format_begins_with_the_sound_of_the_take(take, tmp_path, start_frame):
    take(start_frame)
    before = [fcurves.points(curve) for action in bpy.data.actions for curve in fcurves.curves_of(action)]
    scene = bpy.context.scene
    shown = (scene.frame_start, scene.frame_end, scene.frame_current)
    outcome = delivered(tmp_path, {*FILES, "alembic"})
    assert "8 of 8 files" in outcome.message, outcome.notes
    assert f"Second 0 of every file is frame {start_frame}, where the audio of the take starts." in outcome.notes
    wanted = weights(np.arange(COUNT) / 24)[:, ARKIT.index("jawOpen")]
    for name, file in FILES.items():
        if name == "usd" and importlib.util.find_spec("pxr") is None:
            continue  # Blender's own Python has it; the module bpy does not
        first, curves = READERS[name](tmp_path / file)
        assert first == 0.0, name
        assert {len(values) for values in curves.values()} == {COUNT}, name
        found = {one.lower(): values for one, values in curves.items()}
        if name not in ("npz", "pc2"):
            np.testing.assert_allclose(found["jawopen"], wanted, atol=1e-5, err_msg=name)
    after = [fcurves.points(curve) for action in bpy.data.actions for curve in fcurves.curves_of(action)]
    assert all(map(np.array_equal, before, after))
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == shown
    _read_vertices(tmp_path / "line.abc", tmp_path / "line.pc2")


def _read_vertices(alembic: Path, cache: Path) -> None:
    """Blender's own importer of Alembic finds the vertices that the other cache holds."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.alembic_import(filepath=str(alembic), set_frame_range=True, as_background_job=False)
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == (0, COUNT - 1)
    (mesh,) = (one for one in scene.objects if one.type == "MESH")
    curves = READERS["pc2"](cache)[1]
    for frame in (0, 7, COUNT - 1):
        scene.frame_set(frame)
        places = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices
        np.testing.assert_allclose([one.co.z for one in places], [curves[str(k)][frame] for k in range(4)], atol=1e-6)


def test_keys_before_the_sound_are_in_every_file_too(take, tmp_path):
    take(10)
    key = bpy.data.objects["Head"].data.shape_keys
    curve = next(one for one in fcurves.current_curves(key) if "jawOpen" in one.data_path)
    curve.keyframe_points.insert(4, 0.625)
    outcome = delivered(tmp_path, {"livelink", "glb"})
    assert any("frame 4, the first of the take; its audio starts 0.250 s later" in note for note in outcome.notes)
    for name in ("livelink", "glb"):
        first, curves = READERS[name](tmp_path / FILES[name])
        found = {one.lower(): values for one, values in curves.items()}["jawopen"]
        assert (first, len(found)) == (0.0, COUNT + 6)
        assert found[0] == pytest.approx(0.625, abs=1e-5)


def test_a_take_of_later_keys_alone_still_begins_with_its_sound(take):
    rig = take(1)
    for action in bpy.data.actions:
        for curve in fcurves.curves_of(action):
            places = fcurves.points(curve)
            fcurves.set_points(curve, places[20:, 0].astype(float), places[20:, 1].astype(float))
    motion = readback.performance(bpy.context.scene, rig_reader.read(rig))
    assert (motion.start, motion.frame_count) == (0.0, COUNT)


def test_a_damaged_record_gives_the_first_frame_and_says_so(take):
    take(7)
    actions = [action for action in bpy.data.actions if fcurves.TAKE in action]
    for action in actions:
        del action["animcore_record"]
        action["animcore_record"] = b"broken"
    span = time_origin.span_of(bpy.context.scene, actions)
    assert (span.first, span.sentence) == (7, "Second 0 of every file is frame 7, the first of the take.")


def test_strips_of_the_nla_go_along_and_come_back(take):
    rig = take(30)
    beneath = bpy.data.actions.new("mine")
    rig.animation_data_create()
    track = rig.animation_data.nla_tracks.new()
    for start in (10, 60):
        track.strips.new("mine", start, beneath)
    before = [(one.frame_start, one.frame_end, one.action_frame_start) for one in track.strips]
    with time_origin.at_zero(bpy.context.scene, 30):
        assert [one.frame_start for one in track.strips] == [before[0][0] - 30, before[1][0] - 30]
    assert [(one.frame_start, one.frame_end, one.action_frame_start) for one in track.strips] == before


def test_shapes_of_other_conventions_are_compared_by_their_own_names(voice, real_engine, monkeypatch, tmp_path):
    shapes = tuple(next(one for one in profiles() if one.name == "viseme").recipes)
    with monkeypatch.context() as fake:
        fake.setattr(preferences, "launch", fake_launch)
        generate(face := head(shapes=shapes), voice(), start_frame=20)
    session.session.jobs.close()
    assert "2 of 2 files" in delivered(tmp_path, {"glb", "fbx"}).message
    for curve in fcurves.current_curves(face.data.shape_keys):
        name, values = curve.data_path.split('"')[1], fcurves.points(curve)[:, 1]
        for kind in ("glb", "fbx"):
            found = READERS[kind](tmp_path / FILES[kind])[1].get(name)
            assert np.ptp(values) == 0 or np.abs(found - np.clip(values, 0, 1)).max() < 1e-6, (kind, name)


def test_a_format_that_blender_refuses_is_no_success(take, tmp_path, monkeypatch):
    from blender_addon.errors import AddonError
    from blender_addon.export import delivery, scene_files

    rig = take(1)
    scene, character = bpy.context.scene, rig_reader.read(rig)

    def refuses(*_):
        raise AddonError("Blender could not write it.")

    monkeypatch.setattr(scene_files, "export", refuses)
    span = readback.span_of(scene, character)
    made, notes = delivery._in_blender(
        scene, character, rig_reader.members_of(rig), span, tmp_path / "line", ["fbx"], lambda *_: None
    )
    assert made["fbx"]["error"] == "Blender could not write it."
    assert notes == [span.sentence]
