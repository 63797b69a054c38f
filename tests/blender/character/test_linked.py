"""A character from another file: keyed through its library override, and one sentence where there is none."""

from __future__ import annotations

import bpy
import pytest
from conftest import armature, generate, head

from blender_addon.scene import fcurves


@pytest.fixture
def library(tmp_path):
    """The collection of a character in another file."""
    return linked(tmp_path)


def linked(tmp_path, shapes: tuple[str, ...] | None = None) -> bpy.types.Collection:
    """Save a character with shapes (None: ARKit's) in a collection, and link it into an empty file."""
    collection = bpy.data.collections.new("Hero")
    bpy.context.scene.collection.children.link(collection)
    rig, face = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0)}), head(shapes=shapes)
    face.parent = rig
    face.modifiers.new("Armature", "ARMATURE").object = rig
    for part in (rig, face):
        bpy.context.scene.collection.objects.unlink(part)
        collection.objects.link(part)
    path = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, target):
        target.collections = ["Hero"]
    return target.collections[0]


def overridden(library: bpy.types.Collection) -> bpy.types.Collection:
    """Override as Object > Library Override > Make does."""
    return library.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)


def test_an_override_gets_keys_that_outlive_saving(voice, library, tmp_path):
    hero = overridden(library)
    rig = next(one for one in hero.all_objects if one.type == "ARMATURE")
    outcome = generate(rig, voice())
    assert any("library override" in note for note in outcome.notes)
    bpy.context.scene.frame_set(13)
    playing = hero.all_objects["Head"].data.shape_keys.key_blocks["jawOpen"].value
    assert playing > 0.5
    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    face = next(one for one in bpy.data.objects if one.type == "MESH" and one.library is None)
    assert len(fcurves.current_curves(face.data.shape_keys)) == 52
    bpy.context.scene.frame_set(13)
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(playing)
    rig = next(one for one in bpy.data.objects if one.type == "ARMATURE" and one.library is None)
    assert len(fcurves.current_curves(rig)) == 4
    outcome = generate(rig, voice())  # and once more on the override that there is now
    assert not any("library override" in note for note in outcome.notes)


def test_a_failure_puts_the_linked_mesh_back(voice, library, monkeypatch):
    hero = overridden(library)
    mesh = hero.all_objects["Head"].data

    def fail(*_arguments):
        raise MemoryError("no memory left")

    monkeypatch.setattr(fcurves, "make_action", fail)
    with pytest.raises(RuntimeError, match="no memory left"):
        generate(hero, voice())
    assert hero.all_objects["Head"].data == mesh
    assert list(bpy.data.meshes) == [mesh]


def test_a_linked_character_without_override_gets_one_sentence(voice, library):
    bpy.context.scene.collection.children.link(library)
    with pytest.raises(RuntimeError, match=r"linked from .*library.blend.*library override"):
        generate(library, voice())


def test_an_instance_of_a_linked_collection_gets_one_sentence(voice, library):
    instance = bpy.data.objects.new("Hero instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", library
    bpy.context.scene.collection.objects.link(instance)
    with pytest.raises(RuntimeError, match=r"shows a linked collection.*library override"):
        generate(instance, voice())


def test_an_override_of_another_convention_is_keyed_by_its_own_names(voice, tmp_path):
    hero = overridden(linked(tmp_path, ("あ", "い", "う", "え", "お", "まばたき")))
    rig = next(one for one in hero.all_objects if one.type == "ARMATURE")
    outcome = generate(rig, voice())
    assert any("library override" in note for note in outcome.notes)
    found = {
        curve.data_path.split('"')[1] for curve in fcurves.current_curves(hero.all_objects["Head"].data.shape_keys)
    }
    assert {"あ", "う", "まばたき"} <= found
