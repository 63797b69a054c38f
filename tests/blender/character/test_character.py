"""The list of tracks: read, corrected, mirrored, tried out, saved as a profile; several meshes of one character."""

from __future__ import annotations

import tomllib

import bpy
import pytest
from conftest import armature, generate, head, settings

from animcore.core.vocabulary import ARKIT
from animcore.retarget import rig_profiles
from blender_addon.character import corrections, rig_reader, shape_naming, track_list
from blender_addon.performance import session
from blender_addon.scene import fcurves

BONES = {"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0), "my chin": ((0, 0, 1.5), (0, -0.1, 1.5), 0.0)}
ODD = ("Open", "Shut", "SmileyL", "SmileyR", "WinkL", "WinkR")


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder of profiles that is nobody's."""
    monkeypatch.setenv(rig_profiles.USER_FOLDER, str(tmp_path / "rigs"))
    rig_profiles.reload()
    shape_naming.forget()
    yield tmp_path / "rigs"
    monkeypatch.undo()
    rig_profiles.reload()
    shape_naming.forget()


def listed() -> dict[str, str]:
    """The list in the panel: what stands beside each track."""
    return {item.name: item.target for item in bpy.context.window_manager.animcore_tracks}


def assign(track: str, target: str) -> None:
    bpy.ops.animcore.assign_track(track=track, target=target)


def curves(face: bpy.types.Object) -> set[str]:
    return {curve.data_path.split('"')[1] for curve in fcurves.current_curves(face.data.shape_keys)}


def test_the_list_says_what_the_reader_found():
    rig, face = armature(BONES), head(shapes=("jawOpen", "mouthSmile_L", "mouthSmile_R", "browInnerUp"))
    face.parent = rig
    settings().character = rig
    bpy.ops.animcore.list_tracks()
    found = listed()
    assert len(found) == 52 + 16 + 5
    assert found["mouthSmileLeft"] == "mouthSmile_L"
    assert found["cheekPuff"] == track_list.NONE
    assert found["head"] == "head"
    assert found["jaw"] == track_list.NONE


def test_a_shape_that_is_picked_is_keyed_and_the_wrong_one_is_not(voice):
    others = ("mouthClose", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight")
    face = head(shapes=("jawOpen", "mouthFunnel", "Really Open", *others))
    settings().character = face
    assign("jawOpen", "Really Open")
    assert listed()["jawOpen"] == "Really Open"
    generate(face, voice())
    assert curves(face) == {"mouthFunnel", "Really Open", *others}
    assign("mouthFunnel", corrections.NOTHING)
    assert listed()["mouthFunnel"] != "mouthFunnel"
    bpy.ops.animcore.forget_corrections()
    assert listed()["jawOpen"] == "jawOpen"
    assert corrections.PROPERTY not in face


def test_a_rig_without_known_names_speaks_by_its_list_alone(voice):
    face = head(shapes=ODD)
    settings().character = face
    assert session.character_seen(settings()).problem
    for track, shape in (("jawOpen", "Open"), ("mouthClose", "Shut"), ("mouthSmileLeft", "SmileyL")):
        assign(track, shape)
    bpy.ops.animcore.mirror_track(track="mouthSmileLeft")
    assert listed()["mouthSmileRight"] == "SmileyR"
    assert not session.character_seen(settings()).problem
    generate(face, voice())
    assert curves(face) == {"Open", "Shut", "SmileyL", "SmileyR"}


def test_the_list_is_saved_with_the_file(tmp_path):
    face = head(shapes=("jawOpen", "mouthClose", "mouthFunnel", "Wide"))
    settings().character = face
    assign("jawOpen", "Wide")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.animcore.list_tracks()
    assert listed()["jawOpen"] == "Wide"


def test_a_role_is_given_to_another_bone(voice):
    rig, face = armature(BONES), head(shapes=tuple(name for name in ARKIT if not name.startswith("jaw")))
    face.parent = rig
    settings().character = rig
    assign("jaw", "my chin")
    assert listed()["jaw"] == "my chin"
    generate(rig, voice())
    assert any("my chin" in curve.data_path for curve in fcurves.current_curves(rig))


@pytest.mark.parametrize(
    ("track", "target", "words"),
    [("jawOpen", "No Such", "has no shape"), ("jaw", "No Such", "has no bone"), ("jawOpenn", "Open", "no track")],
)
def test_what_cannot_be_assigned_is_said(track, target, words):
    settings().character = head(shapes=ODD)
    with pytest.raises(RuntimeError, match=words):
        assign(track, target)


def test_a_track_without_another_side_is_not_mirrored():
    settings().character = head()
    with pytest.raises(RuntimeError, match="no counterpart"):
        bpy.ops.animcore.mirror_track(track="jawOpen")


def test_trying_a_track_out_puts_everything_back(voice):
    face, teeth = head(), head("Teeth", ("jawOpen", "tongueOut"))
    teeth.parent = face
    settings().character = face
    blocks = [one.data.shape_keys.key_blocks["jawOpen"] for one in (face, teeth)]
    blocks[0].value, blocks[1].value = 0.25, 0.0
    face.data.shape_keys.key_blocks["mouthFunnel"].value = 0.0
    bpy.ops.animcore.preview_track(track="jawOpen", weight=0.8)
    assert [block.value for block in blocks] == pytest.approx([0.8, 0.8])
    assert track_list.previewed()
    bpy.ops.animcore.preview_track(track="mouthFunnel")
    assert [block.value for block in blocks] == pytest.approx([0.25, 0.0])
    bpy.ops.animcore.preview_track(track="")
    assert not track_list.previewed()
    assert face.data.shape_keys.key_blocks["mouthFunnel"].value == 0.0
    with pytest.raises(RuntimeError, match="tongueUp is made by several shapes"):
        bpy.ops.animcore.preview_track(track="tongueUp")


def test_a_profile_of_ones_own_knows_the_next_character(own_folder, voice):
    rig, face = armature(BONES), head(shapes=ODD)
    face.parent = rig
    settings().character = rig
    for track, shape in zip(
        ("jawOpen", "mouthClose", "mouthSmileLeft", "eyeBlinkLeft"), (*ODD[:3], "WinkL"), strict=True
    ):
        assign(track, shape)
    assign("jaw", "my chin")
    for track in ("mouthSmileLeft", "eyeBlinkLeft"):
        bpy.ops.animcore.mirror_track(track=track)
    bpy.ops.animcore.save_profile(name='Ünder "dogs" 2')
    (path,) = own_folder.glob("*.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    assert data["name"] == 'Ünder "dogs" 2'
    assert data["direct"]["SmileyR"] == "mouthSmileRight"
    assert data["bones"]["jaw"] == ["my chin"]
    other = head("Next", ODD)
    character = rig_reader.read(other)
    assert character.shape_names >= {"jawOpen", "mouthSmileRight", "eyeBlinkRight"}
    generate(other, voice())
    assert curves(other) == set(ODD)


def test_the_profile_of_a_known_convention_says_the_same(own_folder):
    names = ("viseme_PP", "viseme_FF", "viseme_aa", "viseme_O", "viseme_E", "eyeBlinkLeft", "eyeBlinkRight")
    face = head(shapes=names)
    settings().character = face
    before = rig_reader.read(face).map
    bpy.ops.animcore.save_profile(name="Copy")
    after = rig_reader.read(head("Next", names)).map
    assert "Copy" in after.profile
    channels = {name: row for (_, name), row in zip((c.targets[0] for c in before.channels), before.mix, strict=True)}
    for channel, row in zip(after.channels, after.mix, strict=True):
        assert row == pytest.approx(channels[channel.targets[0][1]], abs=1e-3, rel=1e-3)


def test_a_broken_profile_of_the_users_is_left_out(own_folder):
    own_folder.mkdir()
    (own_folder / "broken.toml").write_text("name = [unfinished", encoding="utf-8")
    (own_folder / "half.toml").write_text("order = 1", encoding="utf-8")
    rig_profiles.reload()
    assert rig_reader.read(head()).summary.startswith("52 of")


def test_a_profile_needs_a_name_and_something_to_say(own_folder):
    settings().character = head()
    with pytest.raises(RuntimeError, match="has no letters"):
        bpy.ops.animcore.save_profile(name="...")
    settings().character = head("Odd", ODD)
    with pytest.raises(RuntimeError, match="no mapped tracks"):
        bpy.ops.animcore.save_profile(name="Odd")


def test_head_teeth_brows_and_beard_are_one_character(voice):
    rig = armature(BONES)
    parts = [head("Head"), head("Teeth", ("jawOpen", "tongueOut")), head("Brows", ("browInnerUp", "browDownLeft")),
             head("Beard", ("jawOpen", "mouthSmileLeft"))]  # fmt: skip
    for part in parts[:3]:
        part.parent = rig
    parts[3].modifiers.new("Armature", "ARMATURE").object = rig
    settings().character = parts[2]
    generate(parts[2], voice())
    assert [len(curves(part)) for part in parts] == [52, 2, 2, 2]
    assign("jawOpen", "jawOpen")
    generate(parts[2], voice())
    assert [len(curves(part)) for part in parts] == [52, 2, 2, 2]


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"shapes": {"nose": "Nose"}}', '{"shapes": 3}'])
def test_a_list_that_cannot_be_read_counts_as_none(text):
    face = head()
    face[corrections.PROPERTY] = text
    assert corrections.of(face) == corrections.Corrections()
    assert rig_reader.read(face).summary.startswith("52 of")
