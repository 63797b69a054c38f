"""The shipped character.blend, opened in Blender: bones, shapes, weights, materials, and lips against teeth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS, TONGUE

bpy = pytest.importorskip("bpy", reason="Blender as a module is not installed")
from mathutils.bvhtree import BVHTree  # noqa: E402  (comes with bpy)

PATH = Path(__file__).resolve().parents[2] / "assets" / "character" / "character.blend"


@pytest.fixture(scope="module")
def character() -> dict[str, Any]:
    """Append the character's collection to an empty scene and return its objects by name."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(PATH)) as (source, target):
        target.collections = [name for name in source.collections if name == "Animcore Character"]
    collection = target.collections[0]
    bpy.context.scene.collection.children.link(collection)
    assert collection["animcore_character"] == 1
    return {thing.name: thing for thing in collection.objects}


def coordinates(thing: Any, shapes: dict[str, float]) -> np.ndarray:
    """Return the vertices (V, 3) of a mesh object with shape keys at the given weights, before bones."""
    count = len(thing.data.vertices)
    rest = np.zeros(count * 3, dtype=np.float32)
    thing.data.vertices.foreach_get("co", rest)
    result = rest.astype(np.float64)
    keys = thing.data.shape_keys.key_blocks if thing.data.shape_keys else {}
    for name, weight in shapes.items():
        if name in keys:
            moved = np.zeros_like(rest)
            keys[name].data.foreach_get("co", moved)
            result += weight * (moved - rest)
    return result.reshape(-1, 3)


def number(thing: Any, name: str) -> np.ndarray:
    """Return a per-vertex number (V,)."""
    values = np.zeros(len(thing.data.vertices), dtype=np.float32)
    thing.data.attributes[name].data.foreach_get("value", values)
    return values


def crowns(teeth: Any, shapes: dict[str, float]) -> BVHTree:
    """Return the enamel of the posed teeth as a search tree."""
    faces = [list(face.vertices) for face in teeth.data.polygons if face.material_index == 0]
    return BVHTree.FromPolygons(coordinates(teeth, shapes).tolist(), faces)


def encloses(tree: BVHTree, point: np.ndarray) -> bool:
    """Tell whether closed surfaces enclose a point: most rays from it cross them an odd number of times."""
    odd = 0
    for direction in ((0.31, 0.87, 0.38), (-0.52, -0.61, 0.60), (0.11, 0.35, -0.93)):
        start, crossings = point.copy(), 0
        while crossings < 50:
            place = tree.ray_cast(start.tolist(), direction)[0]
            if place is None:
                break
            crossings += 1
            start = np.array(place) + 1e-6 * np.array(direction)
        odd += crossings % 2
    return odd >= 2


def test_file_is_small() -> None:
    """The file stays under the promised size."""
    assert PATH.stat().st_size < 15_000_000


def test_bones(character: dict[str, Any]) -> None:
    """The armature has the 55 joints, one root, quaternions, and a jaw that deforms nothing."""
    rig = character["Animcore Rig"]
    assert {bone.name for bone in rig.data.bones} == set(SMPLX_JOINTS)
    assert [bone.name for bone in rig.data.bones if bone.parent is None] == ["pelvis"]
    assert {bone.rotation_mode for bone in rig.pose.bones} == {"QUATERNION"}
    assert not rig.data.bones["jaw"].use_deform
    assert rig["animcore_character"] == 1
    for bone in rig.data.bones:
        if bone.name.startswith("left_"):
            other = rig.data.bones["right_" + bone.name[5:]]
            assert (bone.head_local - other.head_local * type(bone.head_local)((-1, 1, 1))).length < 0.002


def test_shapes(character: dict[str, Any]) -> None:
    """The skin has all 52 shapes; teeth, tongue, brows and lashes have those that move them; eyes have none."""
    keys = {
        name: set(thing.data.shape_keys.key_blocks.keys()[1:])
        if thing.type == "MESH" and thing.data.shape_keys
        else set()
        for name, thing in character.items()
    }
    assert keys["Animcore Skin"] == set(ARKIT)
    assert {"jawOpen", "jawForward", "jawLeft", "jawRight"} <= keys["Animcore Teeth"]
    assert {"jawOpen", "tongueOut", *TONGUE} <= keys["Animcore Tongue"]
    assert {"eyeBlinkLeft", "eyeBlinkRight"} <= keys["Animcore Lashes"]
    assert {"browInnerUp", "browDownLeft"} <= keys["Animcore Brows"]
    assert keys["Animcore Eyes"] == set()


def test_every_vertex_hangs_on_a_bone(character: dict[str, Any]) -> None:
    """Each mesh follows the rig and each vertex's weights sum to one."""
    for thing in character.values():
        if thing.type == "MESH":
            assert thing.parent is character["Animcore Rig"]
            assert any(modifier.type == "ARMATURE" for modifier in thing.modifiers)
            sums = [sum(group.weight for group in vertex.groups) for vertex in thing.data.vertices]
            assert min(sums) > 0.99, thing.name
            assert max(sums) < 1.01, thing.name


def test_light_enough(character: dict[str, Any]) -> None:
    """Triangle counts stay in what EEVEE plays on a laptop."""
    fans = {
        name: sum(len(face.vertices) - 2 for face in thing.data.polygons)
        for name, thing in character.items()
        if thing.type == "MESH"
    }
    hair = fans.pop("Animcore Hair")
    assert hair < 40_000
    assert sum(fans.values()) < 60_000


def test_nothing_outside_the_file(character: dict[str, Any]) -> None:
    """No image, library or font is needed beside the file."""
    assert not [image for image in bpy.data.images if image.source == "FILE" and not image.packed_file]
    assert all(thing.data.materials[0] is not None for thing in character.values() if thing.type == "MESH")


POSES = [
    {},
    {"jawOpen": 0.3},
    {"jawOpen": 0.6},
    {"jawOpen": 1.0},
    {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    {"mouthPucker": 1.0},
    {"mouthFunnel": 1.0},
    {"mouthPressLeft": 1.0, "mouthPressRight": 1.0},
    {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
    {"mouthRollLower": 0.7, "mouthUpperUpLeft": 0.35, "mouthUpperUpRight": 0.35, "jawOpen": 0.06},
    {"jawOpen": 1.0, "mouthClose": 1.0},
]


@pytest.mark.parametrize("shapes", POSES, ids=lambda shapes: "+".join(shapes) or "neutral")
def test_lips_stay_out_of_teeth(character: dict[str, Any], shapes: dict[str, float]) -> None:
    """No vertex of the lips sinks into a tooth by more than 0.7 mm."""
    skin = character["Animcore Skin"]
    lips = coordinates(skin, shapes)[number(skin, "lips") > 0.3]
    tree = crowns(character["Animcore Teeth"], shapes)
    depth = 0.0
    for point in lips:
        distance = tree.find_nearest(point.tolist())[3]
        if distance > depth and encloses(tree, point):
            depth = distance
    assert depth < 0.0007


def test_lower_teeth_follow_the_jaw(character: dict[str, Any]) -> None:
    """The lower row drops by more than 15 mm with jawOpen; the upper row stays."""
    teeth = character["Animcore Teeth"]
    drop = coordinates(teeth, {})[:, 2] - coordinates(teeth, {"jawOpen": 1.0})[:, 2]
    lower = number(teeth, "lower") > 0.5
    assert drop[lower].max() > 0.015
    assert np.abs(drop[~lower]).max() < 1e-6


def test_tongue_shows(character: dict[str, Any]) -> None:
    """On "th" the tip passes the edge of the upper teeth; on "l" it rises to it."""
    tongue, teeth = character["Animcore Tongue"], character["Animcore Teeth"]
    upper = coordinates(teeth, {})[number(teeth, "lower") < 0.5]
    front = upper[np.abs(upper[:, 0]) < 0.004]
    edge = front[front[:, 2].argmin()]
    between = coordinates(tongue, {"jawOpen": 0.2, "tongueOut": 0.6})
    assert between[:, 1].min() < edge[1] - 0.001
    lifted = coordinates(tongue, {"jawOpen": 0.35, "tongueTipUp": 1.0})
    resting = coordinates(tongue, {"jawOpen": 0.35})
    tip = lifted[:, 1] < lifted[:, 1].min() + 0.006
    assert lifted[tip, 2].max() > edge[2] - 0.002
    assert lifted[tip, 2].max() > resting[tip, 2].max() + 0.005


def test_eyes_hang_on_their_bones(character: dict[str, Any]) -> None:
    """Each eyeball hangs wholly on its own eye bone and turns about the bone's head."""
    eyes, rig = character["Animcore Eyes"], character["Animcore Rig"]
    names = {group.index: group.name for group in eyes.vertex_groups}
    points = coordinates(eyes, {})
    for side in ("left", "right"):
        mine = np.array(
            [[names[group.group] for group in vertex.groups] == [f"{side}_eye_smplhf"] for vertex in eyes.data.vertices]
        )
        centre = np.array(rig.data.bones[f"{side}_eye_smplhf"].head_local)
        distance = np.linalg.norm(points[mine] - centre, axis=1)
        assert mine.sum() * 2 == len(points)
        assert distance.max() - distance.min() < 0.001
