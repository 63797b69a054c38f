"""Finds the shapes and bones of a character, and says in one sentence what keeps it from being keyed.

A character is what hangs together in the scene: an armature with its meshes, a mesh with its kin, or a collection.
Everything here is read afresh when it is needed: no reference to Blender's data outlives a call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import bpy
import numpy as np

from animcore.retarget import matching
from animcore.retarget.profiles import driving, find_bones, likely_convention

from . import pose
from .errors import AddonError

MARK = "animcore_character"  # custom property of the default character's armature or collection
_FEWEST_SHAPES = 8  # with fewer of the engine's shapes nobody would call it speech
_SAME_PLACE = 1e-5  # metres below which a shape does not move a vertex


@dataclass(frozen=True)
class Face:
    """The shapes of one mesh: names of the mesh's own shapes by the engine's name, and those that cannot be keyed."""

    mesh: bpy.types.Object
    shapes: dict[str, tuple[str, ...]]
    driven: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()

    @property
    def key(self) -> bpy.types.Key:
        """The data-block that holds the shapes and their animation."""
        return self.mesh.data.shape_keys


@dataclass(frozen=True)
class Character:
    """What was found: faces with at least one shape, the armature that moves them, its bones by role, and notes."""

    name: str
    faces: tuple[Face, ...]
    armature: bpy.types.Object | None = None
    bones: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    notes: tuple[str, ...] = ()

    @property
    def shape_names(self) -> set[str]:
        """The engine's names of all shapes that at least one mesh has."""
        return {name for face in self.faces for name in face.shapes}

    @property
    def summary(self) -> str:
        """One line for the panel."""
        meshes = "1 mesh" if len(self.faces) == 1 else f"{len(self.faces)} meshes"
        eyes = {"left_eye", "right_eye"}
        roles = [role for role in self.bones if role not in eyes]
        roles += ["eyes"] if eyes <= self.bones.keys() else sorted(eyes & self.bones.keys())
        bones = ", ".join(roles).replace("_", " ") or "none"
        return f"{len(self.shape_names)} of {len(driving().shapes)} shapes on {meshes}. Bones: {bones}."


def read(root: bpy.types.Object | bpy.types.Collection | None) -> Character:
    """Read the character that `root` belongs to.

    Raises:
        AddonError: where it cannot be keyed: what is missing, and what to do.
    """
    if root is None:
        raise AddonError("No character is chosen; pick one, or press Add Default Character.")
    members = members_of(root)
    meshes = [member for member in members if member.type == "MESH"]
    faces = tuple(face for mesh in _one_a_key(meshes) if (face := _face(mesh)) is not None)
    found = {name for face in faces for name in face.shapes}
    if len(found) < _FEWEST_SHAPES:
        held = [shape for face in faces for shape in (*face.driven, *face.locked)]
        raise AddonError(_all_held(root.name, held) if len(held) >= _FEWEST_SHAPES else _why_no_face(root, meshes))
    _check_editable(faces)
    armature = _armature(members, [face.mesh for face in faces])
    bones, profile, bone_notes = _bones(armature, faces)
    notes = (*_shape_notes(faces, found), *bone_notes)
    return Character(root.name, faces, armature, bones, profile, notes)


def character_axes(armature: bpy.types.Object) -> np.ndarray:
    """Return (3, 3) columns left, up, forward of the character in armature space, from the skeleton itself.

    An imported skeleton may have any axis up and any bone roll; its left and right bones and the way from its lowest
    bones to its head say where it looks. Without such bones it faces as characters in Blender do, along -Y of the
    world.
    """
    heads = {bone.name: np.array(bone.head_local) for bone in armature.data.bones}
    pairs = matching.side_pairs(heads)
    head = find_bones(list(heads))[1].get("head")
    if pairs and head is not None:
        left = sum((heads[a] - heads[b] for a, b in pairs), np.zeros(3))
        centre = (np.mean([heads[a] + heads[b] for a, b in pairs], axis=0)) / 2.0
        if (axes := pose.character_axes(left, heads[head] - centre)) is not None:
            return axes
    world = np.array(armature.matrix_world.to_3x3().normalized())
    return world.T @ np.column_stack(((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)))


def members_of(root: bpy.types.Object | bpy.types.Collection) -> list[bpy.types.Object]:
    """All objects of the character that `root` is or belongs to."""
    if isinstance(root, bpy.types.Collection):
        return list(root.all_objects)
    if root.type == "EMPTY" and root.instance_collection is not None:
        raise AddonError(
            f"{root.name!r} shows a linked collection that cannot be keyed; make a library override of it first "
            "(Object > Library Override > Make)."
        )
    armature = root if root.type == "ARMATURE" else _armature_of(root)
    if armature is None:
        top = root
        while top.parent is not None:
            top = top.parent
        return [top, *top.children_recursive]
    kin = set(armature.children_recursive)
    deformed = [
        one for one in bpy.data.objects if one.type == "MESH" and one not in kin and _armature_of(one) == armature
    ]
    return [armature, *armature.children_recursive, *deformed]


def _armature_of(obj: bpy.types.Object) -> bpy.types.Object | None:
    """The armature that deforms an object, else the one above it."""
    for modifier in obj.modifiers:
        if modifier.type == "ARMATURE" and modifier.object is not None:
            return modifier.object
    parent = obj.parent
    while parent is not None and parent.type != "ARMATURE":
        parent = parent.parent
    return parent


def _one_a_key(meshes: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Meshes that have shapes, one for each data-block of shapes: linked duplicates share one."""
    by_key = {}
    for mesh in meshes:
        if mesh.data.shape_keys is not None:
            by_key.setdefault(mesh.data.shape_keys, mesh)
    return list(by_key.values())


def _face(mesh: bpy.types.Object) -> Face | None:
    """The engine's shapes on one mesh, without those that a driver or a locked channel holds; None where none."""
    key = mesh.data.shape_keys
    blocks = list(key.key_blocks)[1:] if key.use_relative else []
    shapes = matching.match(driving().shapes, [block.name for block in blocks])
    if not shapes:
        return None
    drivers = key.animation_data.drivers if key.animation_data is not None else ()
    driven = {driver.data_path for driver in drivers if not driver.mute}
    locked = _locked_paths(key)
    free: dict[str, tuple[str, ...]] = {}
    held: dict[str, list[str]] = {"driven": [], "locked": []}
    for name, own in shapes.items():
        open_ones = []
        for shape in own:
            path = shape_path(shape)
            reason = "driven" if path in driven else "locked" if path in locked else ""
            (held[reason] if reason else open_ones).append(shape)
        if open_ones:
            free[name] = tuple(open_ones)
    return Face(mesh, free, tuple(held["driven"]), tuple(held["locked"]))


def shape_path(shape: str) -> str:
    """The data path of a shape's value, from the data-block of shapes."""
    return f'key_blocks["{bpy.utils.escape_identifier(shape)}"].value'


def _locked_paths(owner: bpy.types.ID) -> set[str]:
    """Data paths whose F-curves the user has locked in the action that plays."""
    from .keys import current_curves

    return {curve.data_path for curve in current_curves(owner) if curve.lock}


def _why_no_face(root: bpy.types.Object | bpy.types.Collection, meshes: list[bpy.types.Object]) -> str:
    """One sentence: what the character lacks, and what to do."""
    if not meshes:
        return f"{root.name!r} has no mesh; pick the character's head, its armature or its collection."
    keys = [mesh.data.shape_keys for mesh in meshes if mesh.data.shape_keys is not None]
    if not keys:
        return (
            f"{root.name!r} has no shape keys; give its head the 52 ARKit shapes (jawOpen, mouthClose ...), "
            "or add the default character."
        )
    if not any(key.use_relative for key in keys):
        return f"The shape keys of {root.name!r} are absolute; turn on Relative in its Shape Keys panel."
    names = [block.name for key in keys for block in list(key.key_blocks)[1:]]
    convention = likely_convention(names)
    looks = f"look like {convention} names" if convention else f"are named otherwise ({', '.join(names[:3])} ...)"
    return (
        f"The shapes of {root.name!r} {looks}; for now they must have ARKit names (jawOpen, mouthClose, "
        "eyeBlinkLeft ...): rename or add them."
    )


def _all_held(name: str, held: list[str]) -> str:
    return (
        f"{len(held)} face shapes of {name!r} have drivers or locked channels ({_few(held)}); remove or unlock them, "
        "so that they can be keyed."
    )


def _check_editable(faces: Iterable[Face]) -> None:
    for face in faces:
        if not face.mesh.is_editable:
            library = face.mesh.library.filepath if face.mesh.library is not None else "another file"
            raise AddonError(
                f"{face.mesh.name!r} is linked from {library} and cannot be keyed here; make a library override of the "
                "character first (Object > Library Override > Make)."
            )


def own_shapes(face: Face) -> bpy.types.Mesh | None:
    """Let an overridden object have its own shapes: Blender leaves its mesh linked, and linked shapes take no keys.

    Returns:
        The linked mesh that an override of it replaced now, or None where nothing had to be done.
    """
    linked = face.mesh.data
    if linked.is_editable:
        return None
    linked.override_create(remap_local_usages=True)
    return linked


def _shape_notes(faces: Iterable[Face], found: set[str]) -> list[str]:
    notes = []
    for face in faces:
        name = face.mesh.name
        if face.driven:
            notes.append(f"{name}: {len(face.driven)} shapes have drivers and were left alone ({_few(face.driven)}).")
        if face.locked:
            notes.append(f"{name}: {len(face.locked)} shapes are locked and were left alone ({_few(face.locked)}).")
        if muted := [s for own in face.shapes.values() for s in own if face.key.key_blocks[s].mute]:
            notes.append(f"{name}: {len(muted)} shapes are muted and will not be seen ({_few(muted)}).")
    held = {shape for face in faces for shape in (*face.driven, *face.locked)}
    if missing := [name for name in driving().essential if name not in found and name not in held]:
        notes.append(f"The character lacks {', '.join(missing)}; its mouth will not close or round as it should.")
    return notes


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")


def _armature(members: list[bpy.types.Object], meshes: list[bpy.types.Object]) -> bpy.types.Object | None:
    """The armature that moves most of the face's meshes, else the only one there is."""
    votes = [armature for mesh in meshes if (armature := _armature_of(mesh)) is not None]
    if votes:
        return max(votes, key=votes.count)
    armatures = [member for member in members if member.type == "ARMATURE"]
    return armatures[0] if len(armatures) == 1 else None


def _bones(armature: bpy.types.Object | None, faces: tuple[Face, ...]) -> tuple[dict[str, str], str, list[str]]:
    """Bones by role, the profile's name and notes: without bones that would move what a shape moves already."""
    if armature is None:
        return {}, "", ["The character has no armature; head, eyes and jaw stay still apart from its shapes."]
    if not armature.is_editable:
        return {}, "", [f"The armature {armature.name!r} is linked without an override; head and eyes stay still."]
    profile, found = find_bones([bone.name for bone in armature.data.bones])
    notes = []
    bones = {}
    for role, name in found.items():
        if all(armature.pose.bones[name].lock_rotation):
            notes.append(f"The bone {name!r} is locked and was left alone.")
        elif not _moved_by_shapes(role, armature.data.bones[name], faces):
            bones[role] = name
    return bones, profile, notes


def _moved_by_shapes(role: str, bone: bpy.types.Bone, faces: tuple[Face, ...]) -> bool:
    """Whether shapes do already what the bone would do a second time: open the jaw, turn an eyeball."""
    if not bone.use_deform:
        return False
    if role == "jaw":
        return any("jawOpen" in face.shapes for face in faces)
    if role not in ("left_eye", "right_eye"):
        return False
    look = "eyeLookUpLeft" if role == "left_eye" else "eyeLookUpRight"
    return any(_moves_vertices_of(face, look, bone.name) for face in faces if look in face.shapes)


def _moves_vertices_of(face: Face, shape: str, bone: str) -> bool:
    """Whether a shape moves vertices that mostly follow the bone."""
    group = face.mesh.vertex_groups.get(bone)
    if group is None:
        return False
    block = face.key.key_blocks[face.shapes[shape][0]]
    places = np.empty((2, len(block.data) * 3), np.float32)
    block.data.foreach_get("co", places[0])
    block.relative_key.data.foreach_get("co", places[1])
    moved = np.abs(places[0] - places[1]).reshape(-1, 3).max(axis=1) > _SAME_PLACE
    vertices = face.mesh.data.vertices
    return any(
        part.group == group.index and part.weight > 0.5
        for index in np.flatnonzero(moved)
        for part in vertices[int(index)].groups
    )
