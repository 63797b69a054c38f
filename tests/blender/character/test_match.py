"""Match by Shape: a face whose names say nothing is measured, and keeps its map in the file."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import head, settings

from animcore.core.vocabulary import ARKIT
from animcore.retarget.source_tracks import SOURCES
from blender_addon import preferences, properties
from blender_addon.character import face_maps, rig_reader, shape_probe
from blender_addon.engine import process
from blender_addon.performance import session, shape_matching


@pytest.fixture
def real_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = preferences.launch().command
    launch = process.Launch((fake[0], "-m", "animcore.service"), process.carried().environment)
    monkeypatch.setattr(preferences, "launch", lambda: launch)


def nameless() -> tuple[bpy.types.Object, dict[str, str]]:
    """The default character with shapes called Key 0, Key 1 ... in another order; and what they are."""
    bpy.ops.animcore.add_character()
    rig = properties.root(settings())
    for mesh in [one for one in rig_reader.members_of(rig) if one.type == "MESH" and one.name != "Animcore Skin"]:
        bpy.data.objects.remove(mesh)
    skin = bpy.data.objects["Animcore Skin"]
    meant = {}
    order = np.random.default_rng(4).permutation(52)
    for number, block in zip(order, list(skin.data.shape_keys.key_blocks)[1:], strict=True):
        meant[f"Key {number}"] = block.name
        block.name = f"Key {number}"
    return rig, meant


def test_shapes_without_meaningful_names_are_recognized(real_engine):
    rig, meant = nameless()
    assert "no known names" in session.character_seen(settings()).found
    assert bpy.ops.animcore.match() == {"FINISHED"}
    assert not session.session.outcome.failed, session.session.outcome
    character = rig_reader.read(rig)
    found = {
        channel.targets[0][1]: SOURCES[int(np.argmax(character.map.direct[index]))]
        for index, channel in enumerate(character.map.channels)
        if character.map.direct[index].any()
    }
    right = [name for name, shape in meant.items() if found.get(name) == shape]
    assert len(right) >= 48
    assert found[next(name for name, shape in meant.items() if shape == "jawOpen")] == "jawOpen"
    assert not session.character_seen(settings()).problem
    bpy.ops.animcore.forget_match()
    assert face_maps.PROPERTY not in rig
    assert "no known names" in session.character_seen(settings()).found


def test_the_map_is_saved_with_the_file_and_a_changed_mesh_drops_it(real_engine, tmp_path):
    rig, _ = nameless()
    bpy.ops.animcore.match()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    rig = bpy.data.objects["Animcore Rig"]
    assert len(rig_reader.read(rig).map.channels) >= 51, "of the 52 the tongue's does nothing to the skin"
    skin = bpy.data.objects["Animcore Skin"]
    skin.shape_key_remove(skin.data.shape_keys.key_blocks[5])
    assert "no known names" in rig_reader.read(rig).summary


def test_looking_at_a_rig_leaves_it_as_it_was():
    bpy.ops.animcore.add_character()
    rig = properties.root(settings())
    rig.pose.bones["head"].rotation_quaternion = (0.9, 0.1, 0.2, 0.0)
    skin = bpy.data.objects["Animcore Skin"]
    skin.data.shape_keys.key_blocks["jawOpen"].value = 0.3

    def state() -> list:
        return [
            [tuple(map(tuple, bone.matrix_basis)) for bone in rig.pose.bones],
            [block.value for block in skin.data.shape_keys.key_blocks],
            [
                (one.name, modifier.name, modifier.show_viewport)
                for one in bpy.data.objects
                for modifier in one.modifiers
            ],
        ]

    before = state()
    shares = []
    geometry = shape_probe.probe(rig, shares.append)
    after = state()
    assert after[1:] == before[1:]
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    assert shares == sorted(shares)
    names = {channel.targets[0][1] for channel in geometry.channels if channel.kind == "shape"}
    assert set(ARKIT) <= names


def test_bones_of_a_face_are_measured():
    bpy.ops.animcore.add_character()
    rig = properties.root(settings())
    for mesh in [one for one in rig_reader.members_of(rig) if one.type == "MESH" and one.name != "Animcore Eyes"]:
        bpy.data.objects.remove(mesh)
    geometry = shape_probe.probe(rig, lambda _: None)
    bones = {channel.targets[0][1] for channel in geometry.channels}
    assert bones == {"left_eye_smplhf", "right_eye_smplhf"}
    turns = [index for index, one in enumerate(geometry.channels) if "|rotation|" in one.name]
    assert np.abs(geometry.fields[turns]).max() == pytest.approx(0.0165, abs=0.002)  # a radian at the eye's radius


def test_the_window_measures_nothing_shows_progress_and_can_cancel(real_engine, monkeypatch):
    monkeypatch.setattr(shape_probe, "probe", None)  # another Blender does it
    nameless()
    job = shape_matching.order_match(bpy.context.scene)
    stages = {}
    while not job.state.over:
        session.session.jobs.tick()
        stages[job.stage] = job.fraction
        if job.stage == "Measuring the character":
            bpy.ops.animcore.cancel()
    assert {"Opening a copy of the file", "Measuring the character"} <= set(stages)
    session.wait()
    assert session.session.outcome.message == "Cancelled; nothing was changed."
    assert not Path(job.request["scene"]["file"]).exists()


def test_a_mesh_that_nothing_moves_says_so(real_engine):
    mesh = head()
    mesh.shape_key_clear()
    settings().character = mesh
    with pytest.raises(RuntimeError, match="shapes nor bones of 'Head' move a face"):
        bpy.ops.animcore.match()


def test_without_a_character_the_button_is_grey():
    assert not bpy.ops.animcore.match.poll()
