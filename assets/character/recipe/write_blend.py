"""Stage 2 (needs bpy 4.2): turn the mended person into character.blend.

Run with the Python that holds bpy:  python write_blend.py STAGE1.npz OUT.blend
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy
import numpy as np
from basis import write_basis
from clothes import make_clothes
from eyes import make_eyes
from face import mend_face
from hair import make_hair
from lids import make_brows, make_lashes
from materials import MAKERS, VIEWPORT
from mathutils import Matrix, Vector
from part import Part
from person import Person
from skeleton import joint_heads, joint_tails, parents, relaxed_pose
from skin import make_skin
from teeth import make_teeth
from tongue import make_tongue

from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS, TONGUE


def make_armature(person: Person, collection: bpy.types.Collection) -> bpy.types.Object:
    """Make the 55-bone armature in its rest pose."""
    data = bpy.data.armatures.new("Animcore Rig")
    rig = bpy.data.objects.new("Animcore Rig", data)
    collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    heads = joint_heads(person)
    tails, above = joint_tails(person, heads), parents()
    for joint in SMPLX_JOINTS:
        bone = data.edit_bones.new(joint)
        bone.head, bone.tail = heads[joint], tails[joint]
        upright = abs((bone.tail - bone.head).normalized().z) > 0.7
        bone.align_roll(Vector((0, -1, 0)) if upright else Vector((0, 0, 1)))
    for joint, parent in above.items():
        if parent:
            data.edit_bones[joint].parent = data.edit_bones[parent]
            gap = (data.edit_bones[joint].head - data.edit_bones[parent].tail).length
            data.edit_bones[joint].use_connect = gap < 1e-5
    bpy.ops.object.mode_set(mode="OBJECT")
    data.bones["jaw"].use_deform = False
    data.display_type = "STICK"
    rig.show_in_front = True
    for bone in rig.pose.bones:
        bone.rotation_mode = "QUATERNION"
    rig["animcore_character"] = 1
    return rig


def relax_arms(rig: bpy.types.Object) -> None:
    """Save the relaxed standing pose: turns about the world's axes, told in each bone's own axes."""
    for joint, degrees in relaxed_pose().items():
        bone = rig.pose.bones[joint]
        rest = bone.bone.matrix_local.to_3x3()
        turn = Matrix.Identity(3)
        for axis, angle in zip("XYZ", degrees, strict=True):
            turn = Matrix.Rotation(math.radians(angle), 3, axis) @ turn
        bone.rotation_quaternion = (rest.inverted() @ turn @ rest).to_quaternion()


def write_numbers(mesh: bpy.types.Mesh, part: Part) -> None:
    """Write the part's per-vertex numbers, its resting coordinates and its texture coordinates."""
    columns = {**part.attributes, "rest_place": part.vertices}
    for name, values in columns.items():
        kind, key = ("FLOAT_VECTOR", "vector") if values.ndim == 2 else ("FLOAT", "value")
        layer = mesh.attributes.new(name, kind, "POINT")
        layer.data.foreach_set(key, np.ascontiguousarray(values, dtype=np.float32).ravel())
    if part.uv is not None:
        layer = mesh.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", np.ascontiguousarray(part.uv, dtype=np.float32).ravel())


def write_shapes(thing: bpy.types.Object, part: Part) -> None:
    """Write the shape keys in the order of the vocabularies."""
    if not part.deltas:
        return
    thing.shape_key_add(name="Basis", from_mix=False)
    for name in [*ARKIT, *TONGUE]:
        if name in part.deltas:
            key = thing.shape_key_add(name=name, from_mix=False)
            moved = (part.vertices + part.deltas[name]).astype(np.float32)
            key.data.foreach_set("co", moved.ravel())
            key.slider_min, key.slider_max = 0.0, 1.0
    thing.data.shape_keys.name = part.name


def write_weights(thing: bpy.types.Object, part: Part) -> None:
    """Write the bone weights as vertex groups, the four largest of each vertex."""
    names = list(part.weights)
    dense = np.stack([part.weights[name] for name in names], 1)
    if dense.shape[1] > 4:
        fourth = np.sort(dense, axis=1)[:, -4:-3]
        dense = np.where(dense >= fourth, dense, 0)
    dense /= np.maximum(dense.sum(1, keepdims=True), 1e-9)
    for column, name in enumerate(names):
        group = thing.vertex_groups.new(name=name)
        for vertex in np.flatnonzero(dense[:, column] > 1e-3):
            group.add([int(vertex)], float(dense[vertex, column]), "REPLACE")


def make_object(part: Part, rig: bpy.types.Object, collection: bpy.types.Collection) -> bpy.types.Object:
    """Make the mesh object of a part, tied to the rig."""
    mesh = bpy.data.meshes.new(part.name)
    mesh.from_pydata(part.vertices.tolist(), [], part.faces)
    mesh.shade_smooth()
    for name in part.materials:
        material = bpy.data.materials.get(f"Animcore {name.title()}") or MAKERS[name]()
        material.diffuse_color = (*VIEWPORT[name], 1.0)
        mesh.materials.append(material)
    if part.material_of is not None:
        mesh.polygons.foreach_set("material_index", part.material_of.astype(np.int32))
    write_numbers(mesh, part)
    mesh.update()
    thing = bpy.data.objects.new(part.name, mesh)
    collection.objects.link(thing)
    write_shapes(thing, part)
    write_weights(thing, part)
    thing.parent = rig
    armature = thing.modifiers.new("Rig", "ARMATURE")
    armature.object = rig
    if max(part.levels):
        smooth = thing.modifiers.new("Smooth", "SUBSURF")
        smooth.levels, smooth.render_levels = part.levels
        smooth.uv_smooth = "PRESERVE_BOUNDARIES"
    return thing


def make_parts(person: Person) -> list[Part]:
    """Return every part of the character."""
    return [
        make_skin(person), make_eyes(person), make_teeth(person), make_tongue(person), make_lashes(person),
        make_brows(person), make_hair(person), *make_clothes(person),
    ]  # fmt: skip


def main(stage1: Path, blend: Path) -> None:
    """Mend the face, write the face basis beside the .blend, and write the .blend."""
    person = Person.load(stage1)
    mend_face(person)
    write_basis(person, blend.with_name("face_basis.npz"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    collection = bpy.data.collections.new("Animcore Character")
    bpy.context.scene.collection.children.link(collection)
    collection["animcore_character"] = 1
    rig = make_armature(person, collection)
    for part in make_parts(person):
        thing = make_object(part, rig, collection)
        fans = sum(len(face) - 2 for face in part.faces)
        line = f"{thing.name}: {len(part.vertices)} vertices, {fans} triangles, {len(part.deltas)} shapes"
        sys.stdout.write(line + "\n")
    relax_arms(rig)
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True, check_existing=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
