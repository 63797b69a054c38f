"""Characters of any maker: what is declared, named and measured of them, and what a take then moves."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import armature, generate, head, settings
from mathutils import Matrix

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.motion import Motion
from animcore.retarget.face_map import RigChannel, assemble
from animcore.retarget.reference_head import reference
from animcore.retarget.source_tracks import INDEX
from blender_addon import preferences
from blender_addon.character import corrections, face_maps, head_bones, measured_shapes, rig_reader, shape_probe
from blender_addon.engine import process
from blender_addon.performance import session
from blender_addon.scene import fcurves
from blender_addon.takes import keying

BODY = {  # the joints of Unreal's mannequin: head, tail
    "pelvis": ((0, 0, 0.95), (0, 0, 1.05)),
    "spine_01": ((0, 0, 1.05), (0, 0, 1.2)),
    "spine_02": ((0, 0, 1.2), (0, 0, 1.35)),
    "neck_01": ((0, 0, 1.5), (0, 0, 1.58)),
    "head": ((0, 0, 1.58), (0, 0, 1.8)),
    **{
        f"{bone}_{side}": ((sign * one[0], 0, one[1]), (sign * other[0], 0, other[1]))
        for side, sign in (("l", 1), ("r", -1))
        for bone, one, other in (
            ("clavicle", (0.02, 1.45), (0.15, 1.45)), ("upperarm", (0.15, 1.45), (0.4, 1.45)),
            ("lowerarm", (0.4, 1.45), (0.65, 1.45)), ("hand", (0.65, 1.45), (0.75, 1.45)),
            ("thigh", (0.1, 0.95), (0.1, 0.5)), ("calf", (0.1, 0.5), (0.1, 0.1)), ("foot", (0.1, 0.1), (0.1, 0.02)),
        )
    },
}  # fmt: skip


def skeleton(written: str = "{}", more: dict | None = None) -> bpy.types.Object:
    """A body with the bones of a game skeleton: nothing hangs on its head but what is given."""
    rig = armature({written.format(name): (*ends, 0.0) for name, ends in (BODY | (more or {})).items()})
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    for name in BODY:
        above = {"clavicle": "spine_02", "upperarm": "clavicle", "lowerarm": "upperarm", "hand": "lowerarm",
                 "thigh": "pelvis", "calf": "thigh", "foot": "calf"}.get(name[:-2])  # fmt: skip
        if above is not None:
            bones[written.format(name)].parent = bones[written.format(above if above in BODY else above + name[-2:])]
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def face(shapes: dict[str, np.ndarray] | None = None, turned: float = 0.0, name: str = "Head") -> bpy.types.Object:
    """The reference head with these shapes, or with the 52, looking along -Y, or turned about the vertical."""
    made = reference()
    to_blender = np.array(((1.0, 0, 0), (0, 0, -1.0), (0, 1.0, 0)))  # left, up, forward -> X, Z, -Y
    turn = np.array(Matrix.Rotation(turned, 3, "Z")) @ to_blender
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata((made.rest @ turn.T).tolist(), [], made.triangles.tolist())
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.shape_key_add(name="Basis")
    for shape, delta in (shapes or dict(zip(ARKIT, made.delta, strict=True))).items():
        block = thing.shape_key_add(name=shape, from_mix=False)
        block.data.foreach_set("co", ((made.rest + delta) @ turn.T).astype(np.float32).ravel())
    return thing


def motion(frames: int = 6, **weights: float) -> Motion:
    """A performance whose body turns and whose tracks have these weights."""
    arkit = np.zeros((frames, len(ARKIT)), np.float32)
    for track, weight in weights.items():
        arkit[:, ARKIT_INDEX[track]] = weight
    swing = np.linspace(0.0, 0.2, frames, dtype=np.float32)
    body = np.tile(swing[:, None, None], (1, 55, 3)) * 0.5
    return Motion(
        rate=Fraction(24), arkit=arkit, head_pose=np.tile(swing[:, None], (1, 3)), body_pose=body,
        jaw_pose=np.tile(swing[:, None], (1, 3)), translation=np.zeros((frames, 3), np.float32),
    )  # fmt: skip


def apply(character: rig_reader.Character, what: Motion) -> keying.Take:
    return keying.apply(bpy.context.scene, character, what, keying.Placement(1, "line"))


def opened(thing: bpy.types.Object) -> float:
    """Millimetres that the lips of a head made by `face` are apart now, by its evaluated mesh."""
    bpy.context.scene.frame_set(3)
    seen = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    places = np.empty(3 * len(seen.vertices), np.float32)
    seen.vertices.foreach_get("co", places)
    upper, lower = reference().lip_pairs.T
    height = places.reshape(-1, 3)[:, 2]
    return 1000 * float((height[upper] - height[lower]).max())


def test_each_property_has_one_owner():
    rig = skeleton()
    thing = face()
    thing.parent = rig
    shapes = rig_reader.read(thing).map
    names = [
        face_maps.measured_name(bone, "rotation", axis) for bone in ("pelvis", "thigh_l", "head") for axis in range(3)
    ]
    channels = [RigChannel(name, "bone", (("", name.split("|")[0]),), -1, -0.7, 0.7) for name in names]
    jaw, more = reference().meaning[INDEX["jawOpen"]], len(names)
    gram = np.pad(shapes.gram, ((0, more), (0, more)))
    gram[-more:, -more:] = np.eye(more) * jaw[INDEX["jawOpen"]]
    mix, direct = np.concatenate([shapes.mix, np.tile(jaw, (more, 1))]), np.pad(shapes.direct, ((0, more), (0, 0)))
    face_maps.store(rig, assemble("measured", (*shapes.channels, *channels), direct, gram, mix))
    character = rig_reader.read(rig)
    assert character.map.names == shapes.names, "a body's bones are no face's"
    apply(character, motion(jawOpen=0.5))
    counted = Counter((curve.data_path, curve.array_index) for curve in fcurves.current_curves(rig))
    assert max(counted.values()) == 1
    assert any("pelvis" in path for path, _ in counted)


def test_two_movements_of_one_shape_make_one_curve():
    thing = face()
    corrections.store(thing, corrections.Corrections({"mouthSmileLeft": "cheekPuff", "mouthSmileRight": "cheekPuff"}))
    apply(rig_reader.read(thing), motion(mouthSmileLeft=0.25, mouthSmileRight=0.75))
    curves = [one for one in fcurves.current_curves(thing.data.shape_keys) if "cheekPuff" in one.data_path]
    assert [one.evaluate(2) for one in curves] == pytest.approx([0.75])


def test_a_figure_without_a_face_moves_head_and_body(voice, monkeypatch):
    rig = skeleton()
    thing = head("Body", ())
    thing.shape_key_clear()
    thing.parent = rig
    character = rig_reader.read(rig)
    assert not character.speaks
    assert character.summary.startswith("No mouth found: head and body only.")
    settings().character = rig
    assert not session.character_seen(settings()).problem, "one button makes that take"
    with monkeypatch.context() as real:
        real.setattr(preferences, "launch", process.carried)
        assert bpy.ops.animcore.match() == {"FINISHED"}
        outcome = session.session.outcome
        assert not outcome.failed
        assert outcome.message == "No mouth found. Press Generate: it moves head and body."
        session.session.reset()
    take = apply(character, motion())
    assert {"head", "neck_01", "thigh_l", "pelvis"} <= set(take.bones)
    assert take.shape_count == 0
    assert generate(rig, voice()).take is not None


def test_unknown_shapes_keep_no_one_from_head_and_body():
    rig = skeleton()
    thing = face({f"Key {number}": reference().delta[number] for number in range(4)})
    thing.parent = rig
    take = apply(rig_reader.read(rig), motion(jawOpen=1.0))
    assert {"head", "upperarm_r"} <= set(take.bones)
    assert not fcurves.current_curves(thing.data.shape_keys)
    assert any("Match by Shape" in note for note in take.notes)


def test_shapes_that_open_no_mouth_are_said_before_they_are_keyed():
    rig = skeleton()
    lids = [name for name in ARKIT if name.startswith(("eyeBlink", "brow", "eyeWide"))]
    face({name: reference().delta[ARKIT_INDEX[name]] for name in lids}).parent = rig
    assert "No shape or bone opens the mouth" in rig_reader.read(rig).notes[0]


def test_a_body_is_read_by_endings_that_all_its_bones_share():
    rig = skeleton("{}_Armature")
    face().parent = rig
    character = rig_reader.read(rig)
    assert character.bones["head"] == "head_Armature"
    np.testing.assert_allclose(head_bones.character_axes(rig), head_bones.BLENDER, atol=1e-6)
    assert "calf_l_Armature" in apply(character, motion()).bones


def test_dead_shapes_give_way_to_visemes_and_the_mouth_opens():
    whole = dict(zip(ARKIT, reference().delta, strict=True))
    gone = [name for name in ARKIT if name.startswith(("jaw", "mouthLower", "mouthUpper", "mouthClose"))]
    nothing = np.zeros_like(whole["jawOpen"])
    visemes = {f"viseme_{name}": share * whole["jawOpen"] for name, share in (("aa", 0.55), ("O", 0.4), ("E", 0.3))}
    thing = face(whole | dict.fromkeys(gone, nothing) | visemes)
    eyes = face(dict.fromkeys(visemes, nothing) | {"eyeLookUpLeft": whole["eyeBlinkLeft"]}, name="Eyes")
    eyes.parent = thing
    character = rig_reader.read(thing)
    apply(character, motion(jawOpen=0.9))
    assert opened(thing) > 8.0
    assert any("have no effect" in note and "jawOpen" in note for note in character.notes)
    keyed = {curve.data_path for curve in fcurves.current_curves(thing.data.shape_keys)}
    assert not {rig_reader.shape_path(name) for name in gone} & keyed
    assert {one.data_path for one in fcurves.current_curves(eyes.data.shape_keys)} == {
        rig_reader.shape_path("eyeLookUpLeft")
    }


def test_swapped_turned_and_weak_shapes_do_what_is_asked():
    whole = dict(zip(ARKIT, reference().delta, strict=True))
    wrong = {
        "eyeBlinkLeft": whole["eyeBlinkRight"], "eyeBlinkRight": whole["eyeBlinkLeft"],
        "browInnerUp": -whole["browInnerUp"], "mouthSmileLeft": 0.5 * whole["mouthSmileLeft"],
    }  # fmt: skip
    thing = face(whole | wrong)
    take = apply(rig_reader.read(thing), motion(eyeBlinkLeft=0.8, browInnerUp=0.5, mouthSmileLeft=0.9))
    value = {one.data_path: one.evaluate(3) for one in fcurves.current_curves(thing.data.shape_keys)}
    assert value[rig_reader.shape_path("eyeBlinkRight")] == pytest.approx(0.8, abs=0.01)
    assert value[rig_reader.shape_path("browInnerUp")] == pytest.approx(-0.5, abs=0.01)
    assert value[rig_reader.shape_path("mouthSmileLeft")] == pytest.approx(1.8, abs=0.05)
    bpy.context.scene.frame_set(3)
    assert thing.data.shape_keys.key_blocks["browInnerUp"].value == pytest.approx(-0.5, abs=0.01)
    assert all(any(word in note for note in take.notes) for word in ("swapped", "wrong way", "stronger", "widened"))


def test_the_doctor_says_what_shapes_do_otherwise_and_that_no_mouth_opens():
    whole = dict(zip(ARKIT, reference().delta, strict=True))
    settings().character = face(whole | {"jawOpen": np.zeros_like(whole["jawOpen"])})
    found = {one.name: one for one in session.examine(bpy.context.scene)}
    assert "jawOpen" in found["shapes_otherwise"].sentence
    settings().character = skeleton()
    thing = head("Body", ())
    thing.shape_key_clear()
    thing.parent = settings().character
    found = {one.name: one for one in session.examine(bpy.context.scene)}
    assert found["no_mouth"].severity == "warning"


def test_a_shape_that_was_sculpted_anew_is_measured_anew():
    thing = face()
    assert not any("wrong way" in note for note in rig_reader.read(thing).notes)
    block = thing.data.shape_keys.key_blocks["jawOpen"]
    places = np.empty(3 * len(block.data), np.float32)
    block.data.foreach_get("co", places)
    rest = np.empty_like(places)
    block.relative_key.data.foreach_get("co", rest)
    block.data.foreach_set("co", 2 * rest - places)
    measured_shapes.forget()
    assert any("jawOpen" in note and "wrong way" in note for note in rig_reader.read(thing).notes)


@pytest.mark.parametrize("degrees", [0, 90, 180, -90], ids=["-Y", "+X", "+Y", "-X"])
@pytest.mark.parametrize("with_bones", [True, False])
def test_the_direction_of_the_face_is_found(degrees, with_bones):
    thing = face({f"Key {number}": delta for number, delta in enumerate(reference().delta[:30])}, math.radians(degrees))
    root = thing
    if with_bones:
        root = skeleton()
        root.data.transform(Matrix.Rotation(math.radians(degrees), 4, "Z"))
        thing.parent = root
    geometry = shape_probe.probe(root, lambda _: None)
    np.testing.assert_allclose(geometry.rest, reference().rest, atol=1e-4)
    np.testing.assert_allclose(geometry.fields[4], reference().delta[4], atol=1e-4)


def test_a_driven_jaw_shape_beside_a_jaw_bone_is_not_missed():
    rig = skeleton(more={"jaw": ((0, -0.02, 1.62), (0, -0.1, 1.6))})
    thing = face()
    thing.parent = rig
    thing.data.shape_keys.key_blocks["jawOpen"].driver_add("value")
    character = rig_reader.read(rig)
    assert character.bones["jaw"] == "jaw"
    assert character.speaks
    assert not any("jawOpen" in sentence for sentence in character.map.missing)


def test_many_missing_movements_are_one_plain_sentence():
    thing = face({name: reference().delta[ARKIT_INDEX[name]] for name in ("jawOpen", "mouthPucker", "eyeBlinkLeft",
                  "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "browDownLeft")})  # fmt: skip
    sentences = rig_reader.read(thing).map.missing
    assert any("smaller movements have no shape" in one for one in sentences)
    assert sum(name in sentence for sentence in sentences for name in ARKIT) < 5


def test_names_that_an_importer_lost_are_told():
    thing = face({f"target_{number}": reference().delta[number] for number in range(5)})
    thing.parent = skeleton()
    assert "VRM 0: import it with the VRM add-on" in rig_reader.read(thing).summary
