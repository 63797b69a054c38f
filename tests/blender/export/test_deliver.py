"""Keys become files: what the user sees is what is written, hand edits included."""

from __future__ import annotations

import contextlib
import time
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import armature, generate, head, set_rate, settings
from fake_engine import swings, weights

from animcore.core.origin import TRAINED, Origin, from_text
from animcore.core.vocabulary import ARKIT
from animcore.files import FORMATS
from animcore.files.export_and_verify import load
from animcore.motion import Motion
from animcore.provenance import embedding
from blender_addon import preferences
from blender_addon.character import rig_reader
from blender_addon.engine import process
from blender_addon.errors import AddonError
from blender_addon.export import delivery
from blender_addon.performance import session
from blender_addon.scene import fcurves
from blender_addon.takes import readback

BONES = {
    "head": ((0, 0.01, 1.5), (0, -0.02, 1.7), 0.3),
    "jaw": ((0, -0.02, 1.52), (0, -0.1, 1.48), 1.1),
    "left_eye_smplhf": ((0.03, -0.08, 1.6), (0.05, -0.12, 1.6), 0.7),
    "right_eye_smplhf": ((-0.03, -0.08, 1.6), (-0.03, -0.12, 1.63), -0.2),
}


def character(mode: str = "QUATERNION") -> bpy.types.Object:
    rig = armature(BONES)
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    rig.data.bones["jaw"].use_deform = False
    head().parent = rig
    return rig


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZYX", "AXIS_ANGLE"])
def test_keys_are_read_back_as_the_motion_they_were_made_from(voice, mode):
    rig = character(mode)
    generate(rig, voice(), start_frame=11)
    motion = readback.performance(bpy.context.scene, rig_reader.read(rig))
    assert motion.start == 0.0
    np.testing.assert_allclose(motion.arkit, weights(motion.times), atol=1e-6)
    wanted = swings(motion.times)
    np.testing.assert_allclose(motion.jaw_pose, wanted["jaw_pose"], atol=1e-5)
    np.testing.assert_allclose(motion.eye_pose, wanted["eye_pose"], atol=1e-5)
    np.testing.assert_allclose(motion.head_pose, wanted["head_pose"], atol=1e-5)


def test_hand_edits_are_delivered_and_values_out_of_range_are_cut(voice):
    rig = character()
    generate(rig, voice())
    key = bpy.data.objects["Head"].data.shape_keys
    curves = {curve.data_path: curve for curve in fcurves.current_curves(key)}
    curves['key_blocks["jawOpen"].value'].keyframe_points[5].co.y = 0.77
    curves['key_blocks["jawOpen"].value'].keyframe_points[6].co.y = 1.7
    motion = readback.performance(bpy.context.scene, rig_reader.read(rig))
    assert motion.arkit[5, ARKIT.index("jawOpen")] == pytest.approx(0.77, abs=1e-6)
    assert motion.arkit[6, ARKIT.index("jawOpen")] == 1.0


def test_a_character_without_a_take_says_so():
    with pytest.raises(AddonError, match="no keys to export"):
        readback.performance(bpy.context.scene, rig_reader.read(character()))


def test_files_are_written_read_back_and_reported(voice, tmp_path, real_engine, monkeypatch):
    rig = character()
    with monkeypatch.context() as fake:
        fake.setattr(preferences, "launch", lambda: _fake())
        generate(rig, voice("声音.wav"))
    session.session.jobs.close()
    settings().deliver_folder = str(tmp_path / "out")
    settings().deliver_formats = {"livelink", "npz"}
    bpy.ops.animcore.deliver()
    outcome = session.session.outcome
    assert not outcome.failed, outcome
    assert "2 of 2 files" in outcome.message
    assert any("no place for jaw pose" in note for note in outcome.notes)
    back = load(tmp_path / "out" / "声音.npz", FORMATS["npz"])
    np.testing.assert_allclose(back.arkit, weights(back.times), atol=1e-6)
    assert (tmp_path / "out" / "声音.csv").is_file()
    assert back.origin == Origin(TRAINED, "edited")
    assert from_text(embedding.statement(tmp_path / "out" / "声音.csv")) == back.origin


def _fake() -> process.Launch:
    from conftest import fake_launch

    return fake_launch()


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001)])
def test_what_blender_writes_is_read_back_too(voice, tmp_path, real_engine, monkeypatch, rate):
    set_rate(rate)
    rig = character()
    with monkeypatch.context() as fake:
        fake.setattr(preferences, "launch", lambda: _fake())
        generate(rig, voice())
    session.session.jobs.close()
    settings().deliver_folder, settings().deliver_formats = str(tmp_path), {"glb"}
    before = (bpy.context.scene.frame_current, bpy.context.scene.frame_end)
    bpy.ops.animcore.deliver()
    assert not session.session.outcome.failed, session.session.outcome
    assert (bpy.context.scene.frame_current, bpy.context.scene.frame_end) == before
    found: Motion = load(tmp_path / "line.glb", FORMATS["glb"])
    assert found.frame_count == int(2 * rate) + 1
    assert found.times[-1] == pytest.approx((found.frame_count - 1) / rate, abs=1e-5)
    np.testing.assert_allclose(found.arkit, weights(found.times), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"deliver_folder": ""}, "Choose the folder"),
        ({"deliver_formats": set()}, "at least one format"),
    ],
)
def test_what_is_missing_keeps_the_button_grey(tmp_path, change, reason):
    from blender_addon.export import delivery

    mine = settings()
    mine.character, mine.deliver_folder = character(), str(tmp_path)
    for name, value in change.items():
        setattr(mine, name, value)
    assert reason in delivery.disabled_reason(bpy.context.scene)
    assert not bpy.ops.animcore.deliver.poll()


def test_a_cancelled_export_leaves_nothing_behind(voice, tmp_path, real_engine, monkeypatch):
    rig = character()
    with monkeypatch.context() as fake:
        fake.setattr(preferences, "launch", lambda: _fake())
        generate(rig, voice())
    session.session.jobs.close()
    settings().deliver_folder, settings().deliver_formats = str(tmp_path / "out"), {"fbx", "livelink"}
    job = delivery.order_delivery(bpy.context.scene)
    while "Writing" not in job.stage:  # the other Blender is at it
        session.session.jobs.tick()
        time.sleep(0.02)
        assert not job.state.over, job.message
    session.cancel()
    session.wait()
    assert session.session.outcome.message.startswith("Cancelled")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_character_without_a_face_is_written_and_read_back(voice, tmp_path, real_engine, monkeypatch):
    bones = {"neck": ((0, 0, 1.4), (0, 0, 1.5), 0.0), "head": ((0, 0, 1.5), (0, 0, 1.7), 0.3)}
    rig, mesh = armature(bones), head(shapes=())
    mesh.shape_key_clear()
    mesh.parent = rig
    mesh.vertex_groups.new(name="head").add([0, 1, 2, 3], 1.0, "REPLACE")
    mesh.modifiers.new("Rig", "ARMATURE").object = rig
    mesh.modifiers.new("Mirror", "MIRROR").use_mirror_merge = False  # the file has more vertices than the mesh
    with monkeypatch.context() as fake:
        fake.setattr(preferences, "launch", lambda: _fake())
        generate(rig, voice())
    session.session.jobs.close()
    settings().deliver_folder, settings().deliver_formats = str(tmp_path), {"glb", "fbx", "usd", "alembic", "pc2"}
    with contextlib.suppress(RuntimeError):
        bpy.ops.animcore.deliver()
    assert "5 of 5 files" in session.session.outcome.message, "\n".join(session.session.outcome.notes)


def test_vertices_that_come_and_go_are_written_or_refused_with_the_reason(voice, tmp_path, real_engine, monkeypatch):
    rig, mesh = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.3)}), head(shapes=())
    mesh.shape_key_clear()
    mesh.parent = rig
    mesh.vertex_groups.new(name="head").add([0, 1, 2, 3], 1.0, "REPLACE")
    row = mesh.modifiers.new("Row", "ARRAY")
    for frame, count in ((1, 1), (30, 40)):
        row.count = count
        row.keyframe_insert("count", frame=frame)
    mesh.modifiers.new("Rig", "ARMATURE").object = rig
    with monkeypatch.context() as fake:
        fake.setattr(preferences, "launch", lambda: _fake())
        generate(rig, voice())
    session.session.jobs.close()
    settings().deliver_folder, settings().deliver_formats = str(tmp_path), {"alembic", "pc2"}
    with contextlib.suppress(RuntimeError):
        bpy.ops.animcore.deliver()
    said = "\n".join(session.session.outcome.notes)
    assert "1 of 2 files" in session.session.outcome.message, said
    assert "line.abc: 49 frames" in said
    assert "which PC2 cannot hold; turn off the modifier that changes their number" in said
    assert not (tmp_path / "line.pc2").exists()
