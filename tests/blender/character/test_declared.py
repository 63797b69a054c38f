"""What the VRM add-on keeps with an armature comes before any name: its humanoid, and the groups of its expressions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bpy
import pytest
from test_rig_detector import BODY, apply, face, motion, opened, skeleton

from animcore.core.vocabulary import ARKIT_INDEX
from animcore.retarget.reference_head import reference
from blender_addon.character import declared_humanoid, head_bones, rig_reader
from blender_addon.scene import fcurves

HUMANOID = {
    "hips": "pelvis", "spine": "spine_01", "chest": "spine_02", "neck": "neck_01", "head": "head",
    **{
        f"{side}{name}": f"{bone}_{side[0]}"
        for side in ("left", "right")
        for name, bone in {
            "Shoulder": "clavicle", "UpperArm": "upperarm", "LowerArm": "lowerarm", "Hand": "hand", "UpperLeg": "thigh",
            "LowerLeg": "calf", "Foot": "foot",
        }.items()
    },
}  # fmt: skip
SHAPES = {"HideHair": "cheekPuff", "m1": "jawOpen", "m2": "mouthPucker", "m3": "mouthFunnel", "m4": "mouthStretchLeft",
          "m5": "mouthFunnel", "b1": "eyeBlinkLeft", "b2": "eyeBlinkRight"}  # fmt: skip
GROUPS = {"a": ["m1"], "i": ["m4"], "u": ["m2"], "e": ["m3"], "o": ["m5"], "blink": ["b1", "b2"], "blink_l": ["b1"],
          "blink_r": ["b2"], "joy": ["HideHair", "m1"]}  # fmt: skip
OF_VRM_1 = {"a": "aa", "i": "ih", "u": "ou", "e": "ee", "o": "oh", "blink": "blink", "blink_l": "blink_left",
            "blink_r": "blink_right", "joy": "happy"}  # fmt: skip


def avatar() -> tuple[bpy.types.Object, bpy.types.Object]:
    """A body whose bones and shapes have names that say nothing."""
    rig = skeleton()
    for number, name in enumerate(BODY):
        rig.data.bones[name].name = f"b{number:02}"
    thing = face({name: reference().delta[ARKIT_INDEX[track]] for name, track in SHAPES.items()})
    thing.parent = rig
    return rig, thing


def bone(name: str) -> str:
    return f"b{list(BODY).index(name):02}"


def as_properties(rig: bpy.types.Object) -> None:
    """VRM 0 as the add-on leaves it in a file that is opened without it: bones by their marks, presets by number."""
    for one in rig.data.bones:
        one["vrm_addon_extension"] = {"uuid": f"mark {one.name}"}
    numbers = {"a": 2, "i": 3, "u": 4, "e": 5, "o": 6, "blink": 7, "joy": 8, "blink_l": 16, "blink_r": 17}
    rig.data["vrm_addon_extension"] = {
        "vrm0": {
            "humanoid": {
                "human_bones": [
                    {"bone": name, "node": {"bone_uuid": f"mark {bone(own)}"}} for name, own in HUMANOID.items()
                ]
            },
            "blend_shape_master": {
                "blend_shape_groups": [
                    {
                        "preset_name": numbers[name],
                        "binds": [{"mesh": {"bpy_object": bpy.data.objects["Head"]}, "index": one, "weight": 1.0}
                                  for one in own],
                    }
                    for name, own in GROUPS.items()
                ]
            },
        }
    }  # fmt: skip


@contextlib.contextmanager
def addon() -> Iterator[None]:
    """The properties of the VRM add-on, as far as they are read: VRM 1."""
    props, made = bpy.props, []

    def group(name: str, **fields: object) -> type:
        made.append(type(f"VRMTEST_{name}", (bpy.types.PropertyGroup,), {"__annotations__": fields}))
        bpy.utils.register_class(made[-1])
        return made[-1]

    def point(kind: type) -> object:
        return props.PointerProperty(type=kind)

    mesh = group("mesh", mesh_object_name=props.StringProperty())
    bind = group("bind", node=point(mesh), index=props.StringProperty(), weight=props.FloatProperty())
    expression = group("expression", morph_target_binds=props.CollectionProperty(type=bind))
    preset = group("preset", **{name: point(expression) for name in OF_VRM_1.values()})
    human = group("human", node=point(group("node", bone_name=props.StringProperty())))
    snake = [declared_humanoid._snake(name) for name in HUMANOID]
    bones = group("bones", **{name: point(human) for name in snake}, last_bone_names=props.StringProperty())
    one = group("vrm1", humanoid=point(group("humanoid", human_bones=point(bones))),
                expressions=point(group("expressions", preset=point(preset))))  # fmt: skip
    bpy.types.Armature.vrm_addon_extension = point(group("extension", vrm1=point(one)))
    yield
    del bpy.types.Armature.vrm_addon_extension
    for kind in reversed(made):
        bpy.utils.unregister_class(kind)


def as_addon(rig: bpy.types.Object) -> None:
    extension = rig.data.vrm_addon_extension.vrm1
    for name, own in HUMANOID.items():
        getattr(extension.humanoid.human_bones, declared_humanoid._snake(name)).node.bone_name = bone(own)
    for name, own in GROUPS.items():
        for shape in own:
            bind = getattr(extension.expressions.preset, OF_VRM_1[name]).morph_target_binds.add()
            bind.node.mesh_object_name, bind.index, bind.weight = "Head", shape, 1.0


@pytest.mark.parametrize("made", [as_properties, as_addon])
def test_declared_bones_and_expressions_are_used(made):
    with addon() if made is as_addon else contextlib.nullcontext():
        rig, thing = avatar()
        made(rig)
        check(rig, thing)


def check(rig: bpy.types.Object, thing: bpy.types.Object) -> None:
    """Read such an avatar and look at what a take of it moves."""
    assert head_bones.body(rig).chains["left_elbow"] == (bone("lowerarm_l"),)
    character = rig_reader.read(rig)
    assert character.bones["head"] == bone("head")
    assert character.confidence == 1.0
    used = [target for one in character.map.channels for target in one.targets]
    assert sorted(name for _, name in used) == sorted(set(SHAPES) - {"HideHair"}), "each shape has one owner"
    take = apply(character, motion(jawOpen=0.9, eyeBlinkLeft=0.7))
    assert bone("calf_l") in take.bones
    assert opened(thing) > 10.0
    assert not any("HideHair" in curve.data_path for curve in fcurves.current_curves(thing.data.shape_keys))
    bpy.context.scene.frame_set(3)
    assert thing.data.shape_keys.key_blocks["b1"].value == pytest.approx(0.7, abs=0.05)
    assert thing.data.shape_keys.key_blocks["b2"].value < 0.1


@pytest.mark.parametrize(
    "broken",
    [
        0,
        "x",
        {"vrm0": 3},
        {"vrm0": {"humanoid": {"human_bones": [{"bone": "hips"}]}}},
        {"vrm1": {"humanoid": {"human_bones": {"head": 1}}, "expressions": []}},
    ],
)
def test_broken_declarations_are_survived(broken):
    rig, _ = avatar()
    rig.data["vrm_addon_extension"] = broken
    assert declared_humanoid.humanoid(rig) == {}
    assert declared_humanoid.expressions(rig) == ()
