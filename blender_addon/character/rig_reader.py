"""Rig detection: finds the shapes and bones of a character, and reports in one sentence why it cannot be keyed.

A character is what hangs together in the scene: an armature with its meshes, a mesh with its kin, or a collection.
Everything here is read afresh when it is needed: no reference to Blender's data outlives a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import bpy
import numpy as np

from animcore.core.vocabulary import ARKIT
from animcore.retarget.face_map import FaceMap, coverage, empty_map
from animcore.retarget.rig_detection import DetectedChannel, DetectedRig, from_profile
from animcore.retarget.source_tracks import SOURCES

from .. import object_data
from ..errors import AddonError
from . import corrections, declared_humanoid, face_maps, head_bones, shape_naming

MARK = "animcore_character"  # custom property of the default character's armature or collection
_LEAST = 0.1  # share of a spoken performance that a rig must be able to make
_SHUT = "No shape or bone opens the mouth: it stays shut."
_SAME_PLACE = 1e-5  # metres below which a shape does not move a vertex


@dataclass(frozen=True)
class Face:
    """One mesh with shapes.

    Attributes:
        mesh: the object.
        names: its shapes that can be keyed.
        shapes: those that are one of the engine's tracks: its name -> the mesh's own.
        driven, locked: shapes that cannot be keyed.
    """

    mesh: bpy.types.Object
    names: tuple[str, ...]
    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    driven: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()

    @property
    def key(self) -> bpy.types.Key:
        """The data-block that holds the shapes and their animation."""
        return object_data.key_of(self.mesh)


@dataclass(frozen=True)
class Character:
    """What was found: faces with shapes, the armature that moves them, its bones by role, the map, and notes.

    Attributes:
        map: what the engine's tracks do to the channels of this rig.
        confidence: how sure it is that the names mean that, 0..1.
        told: sentences about shapes whose deformation does not match their names.
    """

    name: str
    faces: tuple[Face, ...]
    map: FaceMap
    confidence: float = 1.0
    armature: bpy.types.Object | None = None
    bones: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    notes: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def shape_names(self) -> set[str]:
        """The engine's names of all shapes that at least one mesh has."""
        return {name for face in self.faces for name in face.shapes}

    @property
    def speaks(self) -> bool:
        """Whether shapes or bones open the mouth."""
        return self.map.opens_mouth or "jaw" in self.bones

    @property
    def solved(self) -> bool:
        """Whether some channels are no tracks of the engine: their values have to be solved for."""
        return not (self.map.direct != 0).any(1).all()

    @property
    def summary(self) -> str:
        """One line for the panel."""
        meshes = "1 mesh" if len(self.faces) == 1 else f"{len(self.faces)} meshes"
        eyes = {"left_eye", "right_eye"}
        roles = [role for role in self.bones if role not in eyes]
        roles += ["eyes"] if eyes <= self.bones.keys() else sorted(eyes & self.bones.keys())
        bones = ", ".join(roles).replace("_", " ") or "none"
        if not self.map.channels:
            return " ".join((f"{self._without_face} Bones: {bones}.", *self.notes[:1]))
        if not self.solved:
            known = len(self.shape_names & set(ARKIT))
            return f"{known} of {len(ARKIT)} shapes on {meshes}. Bones: {bones}."
        return (
            f"{self.map.profile} ({self.confidence:.0%} sure): {len(self.map.channels)} channels on {meshes} cover "
            f"{coverage(self.map.explained):.0%} of a speech performance. Bones: {bones}."
        )

    @property
    def _without_face(self) -> str:
        """The parts that a take of a character without a face moves."""
        if "jaw" in self.bones:
            return "The jaw bone opens the mouth; no other part of the face was detected."
        return f"No mouth found: {self.moved_without_face} only."

    @property
    def moved_without_face(self) -> str:
        """The parts that Generate moves beside a face."""
        whole = self.armature is not None and head_bones.body(self.armature).chains
        return "head and body" if whole else "the head"


def read(root: bpy.types.Object | bpy.types.Collection | None) -> Character:
    """Read the character that `root` belongs to: by the map that was measured for it, else by its names.

    Raises:
        AddonError: where it cannot be keyed: what is missing, and what to do.
    """
    if root is None:
        raise AddonError("No character is chosen; choose one, or press Add Default Character.")
    members = members_of(root)
    meshes = [member for member in members if member.type == "MESH"]
    faces = faces_of(meshes)
    armature = armature_of(members, [face.mesh for face in faces] or meshes)
    proposal, what = shape_naming.proposal_of(faces, armature)
    found, confidence, told = _map(root, proposal, faces, armature)
    if found is None:
        return _without_face(root, meshes, faces, armature, proposal)
    faces = tuple(face for one in faces if (face := _with_shapes(one, found)) is not None)
    _check_editable(faces)
    used = {name for channel in found.channels for owner, name in channel.targets if not owner}
    bones, profile, bone_notes = _bones(armature, faces, used, corrections.of(root).bones)
    if "jaw" in bones:
        found = _with_jaw(found)
    notes = (*_shape_notes(faces), *found.missing, *told, *bone_notes)
    what = what if face_maps.stored(root) is None else ()
    character = Character(root.name, faces, found, confidence, armature, bones, profile, (*notes, *what), what)
    return character if character.speaks else replace(character, notes=(_SHUT, *notes))


def _without_face(
    root: bpy.types.Object | bpy.types.Collection,
    meshes: list[bpy.types.Object],
    faces: tuple[Face, ...],
    armature: bpy.types.Object | None,
    proposal: DetectedRig,
) -> Character:
    """A character of which only head and body move, or the jaw bone too.

    Raises:
        AddonError: where it has neither.
    """
    held = [shape for face in faces for shape in (*face.driven, *face.locked)]
    bones, profile, notes = _bones(armature, (), set(), corrections.of(root).bones)
    stuck = len(shape_naming.of_speech(tuple(held))) >= shape_naming.FEWEST
    why = _all_held(root.name, held) if stuck else _why_no_face(root, meshes, proposal)
    moved = bones or (armature is not None and armature.is_editable and head_bones.body(armature).chains)
    if not meshes or not moved or (stuck and "jaw" not in bones):
        raise AddonError(why)
    notes = [*(_shape_notes(faces) if stuck else [why]), *notes]
    return Character(root.name, (), empty_map(), 1.0, armature, bones, profile, tuple(notes))


def _with_jaw(found: FaceMap) -> FaceMap:
    """A map beside which a bone opens the mouth: nothing of that is missing."""
    explained = found.explained.copy()
    explained[[SOURCES.index(track) for track in ("jawOpen", "mouthClose")]] = 1.0
    return replace(found, explained=explained)


def read_face(root: bpy.types.Object | bpy.types.Collection | None) -> Character:
    """Read a character whose face is needed.

    Raises:
        AddonError: where it cannot be keyed, or has no face that moves.
    """
    character = read(root)
    if not character.map.channels:
        raise AddonError(next(iter(character.notes), character.summary))
    return character


def proposed(root: bpy.types.Object | bpy.types.Collection) -> tuple[DetectedRig, dict[str, str]]:
    """Return the mapping by names and the user's corrections, and the bones by role.

    Raises:
        AddonError: where it cannot be read.
    """
    members = members_of(root)
    meshes = [member for member in members if member.type == "MESH"]
    faces = faces_of(meshes)
    armature, known = armature_of(members, meshes), corrections.of(root)
    free = {(face.mesh.name, name) for face in faces for name in face.names}
    bones = head_bones.roles(armature)[1] if armature is not None else {}
    return corrections.applied(shape_naming.proposal_of(faces, armature)[0], known, free), bones | dict(known.bones)


def _map(
    root: bpy.types.ID, proposal: DetectedRig, faces: Iterable[Face], armature: bpy.types.Object | None
) -> tuple[FaceMap | None, float, tuple[str, ...]]:
    """The map of the character, its confidence and notes; None where too few channels serve speech."""
    free = {(face.mesh.name, name) for face in faces for name in face.names}
    measured, known = face_maps.stored(root), corrections.of(root)
    if measured is not None and face_maps.fits(measured, free):
        measured = _of_face(corrections.applied_to_map(measured, known), armature)
        return (
            (measured, 1.0, ()) if measured.opens_mouth or coverage(measured.explained) >= _LEAST else (None, 0.0, ())
        )
    proposal = corrections.applied(proposal, known, free)
    body = head_bones.joints(armature) if armature is not None else set()
    entries = [entry for one in proposal.entries if (entry := _free_part(one, free, body)) is not None]
    found = from_profile(replace(proposal, entries=tuple(entries))) if len(entries) >= shape_naming.FEWEST else None
    if found is None or not (found.opens_mouth or coverage(found.explained) >= _LEAST):
        return None, 0.0, ()
    return found, proposal.confidence, (proposal.note,) if proposal.note else ()


def _of_face(found: FaceMap, armature: bpy.types.Object | None) -> FaceMap:
    """A map without the bones of the body: each bone has one owner, and a body's pose is no expression."""
    body = head_bones.joints(armature) if armature is not None else set()
    keep = [
        index
        for index in found.moving
        if not any(not owner and name in body for owner, name in found.channels[index].targets)
    ]
    return found if len(keep) == len(found.channels) else found.only(keep)


def _free_part(entry: DetectedChannel, free: set[tuple[str, str]], body: set[str]) -> DetectedChannel | None:
    """A channel without shapes that a driver or a lock holds and bones of the body; None where it does nothing."""
    targets = tuple(
        target for target in entry.channel.targets if (target in free if target[0] else target[1] not in body)
    )
    if not entry.recipe:
        return None
    return replace(entry, channel=replace(entry.channel, targets=targets)) if targets else None


def _with_shapes(face: Face, found: FaceMap) -> Face | None:
    """A face with those of its shapes that are the engine's tracks; None where the map has no use for the mesh."""
    own = [(index, name) for index, channel in enumerate(found.channels) for mesh, name in channel.targets
           if mesh == face.mesh.name]  # fmt: skip
    shapes: dict[str, tuple[str, ...]] = {}
    for index, name in own:
        if found.direct[index].any():
            track = SOURCES[int(np.argmax(found.direct[index]))]
            shapes[track] = (*shapes.get(track, ()), name)
    return replace(face, shapes=shapes) if own else None


def members_of(root: bpy.types.Object | bpy.types.Collection) -> list[bpy.types.Object]:
    """Return all objects of the character that `root` is or belongs to.

    Raises:
        AddonError: where it is an instance of a linked collection.
    """
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
    for modifier in object_data.armature_modifiers(obj):
        if modifier.object is not None:
            return modifier.object
    parent = obj.parent
    while parent is not None and parent.type != "ARMATURE":
        parent = parent.parent
    return parent


def _one_a_key(meshes: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Meshes that have shapes, one for each data-block of shapes: linked duplicates share one."""
    by_key: dict[bpy.types.Key, bpy.types.Object] = {}
    for mesh in meshes:
        key = object_data.shape_keys(mesh)
        if key is not None:
            by_key.setdefault(key, mesh)
    return list(by_key.values())


def faces_of(meshes: Iterable[bpy.types.Object]) -> tuple[Face, ...]:
    """Return what meshes have in shapes, whether a map has a use for them or not."""
    return tuple(face for mesh in _one_a_key(meshes) if (face := _face(mesh)) is not None)


def _face(mesh: bpy.types.Object) -> Face | None:
    """The shapes of one mesh, apart those that a driver or a locked channel holds; None where there are none."""
    key = object_data.key_of(mesh)
    blocks = list(key.key_blocks)[1:] if key.use_relative else []
    drivers = key.animation_data.drivers if key.animation_data is not None else ()
    driven = {driver.data_path for driver in drivers if not driver.mute}
    locked = _locked_paths(key)
    names: dict[str, list[str]] = {"free": [], "driven": [], "locked": []}
    for block in blocks:
        path = shape_path(block.name)
        names["driven" if path in driven else "locked" if path in locked else "free"].append(block.name)
    if not blocks:
        return None
    return Face(mesh, tuple(names["free"]), {}, tuple(names["driven"]), tuple(names["locked"]))


def free_shapes(mesh: bpy.types.Object) -> tuple[str, ...]:
    """Return the shapes of a mesh that can be keyed."""
    face = _face(mesh) if object_data.shape_keys(mesh) is not None else None
    return face.names if face is not None else ()


def shape_path(shape: str) -> str:
    """The data path of a shape's value, from the data-block of shapes."""
    return f'key_blocks["{bpy.utils.escape_identifier(shape)}"].value'


def _locked_paths(owner: bpy.types.ID) -> set[str]:
    """Data paths whose F-curves the user has locked in the action that plays."""
    from ..scene.fcurves import current_curves

    return {curve.data_path for curve in current_curves(owner) if curve.lock}


def _why_no_face(
    root: bpy.types.Object | bpy.types.Collection, meshes: list[bpy.types.Object], proposal: DetectedRig
) -> str:
    """One sentence: what the character lacks, and what to do."""
    if not meshes:
        return f"{root.name!r} has no mesh; choose the character's head, its armature or its collection."
    keys = object_data.keys_of(meshes)
    if keys and not any(key.use_relative for key in keys):
        return f"The shape keys of {root.name!r} are absolute; turn on Relative in its Shape Keys panel."
    if proposal.entries:
        names = ", ".join(entry.channel.name for entry in proposal.entries[:3])
        return (
            f"{root.name!r} has too few face shapes for speech: {proposal.profile} names, but only {names}. "
            "Choose the whole character, or press Match by Shape."
        )
    if not keys:
        return (
            f"{root.name!r} has no shape keys and no face bones with known names; press Match by Shape to measure "
            "its bones, or add the default character."
        )
    shapes = [block.name for key in keys for block in list(key.key_blocks)[1:]]
    if hint := declared_humanoid.hint(shapes):
        return hint
    names = ", ".join(shapes[:3])
    return (
        f"The shape keys of {root.name!r} have no known names ({names} ...); press Match by Shape to measure "
        "them, or rename them (docs/studios/rigs.md)."
    )


def _all_held(name: str, held: list[str]) -> str:
    return (
        f"{len(held)} face shapes of {name!r} have drivers or locked channels ({shape_naming.few(held)}); remove or "
        f"unlock "
        "them, so that they can be keyed."
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
    linked = object_data.mesh(face.mesh)
    if linked.is_editable:
        return None
    linked.override_create(remap_local_usages=True)
    return linked


def _shape_notes(faces: Iterable[Face]) -> list[str]:
    notes = []
    for face in faces:
        name = face.mesh.name
        if driven := shape_naming.of_speech(face.driven):
            notes.append(f"{name}: {len(driven)} shapes have drivers and are not keyed ({shape_naming.few(driven)}).")
        if locked := shape_naming.of_speech(face.locked):
            notes.append(f"{name}: {len(locked)} shapes are locked and are not keyed ({shape_naming.few(locked)}).")
        if muted := [s for own in face.shapes.values() for s in own if face.key.key_blocks[s].mute]:
            notes.append(f"{name}: {len(muted)} shapes are muted and have no effect ({shape_naming.few(muted)}).")
    return notes


def armature_of(members: list[bpy.types.Object], meshes: list[bpy.types.Object]) -> bpy.types.Object | None:
    """Return the armature that moves most of the meshes, else the only one there is."""
    votes = [armature for mesh in meshes if (armature := _armature_of(mesh)) is not None]
    if votes:
        return max(votes, key=votes.count)
    armatures = [member for member in members if member.type == "ARMATURE"]
    return armatures[0] if len(armatures) == 1 else None


def _bones(
    armature: bpy.types.Object | None, faces: tuple[Face, ...], used: set[str], chosen: Mapping[str, str]
) -> tuple[dict[str, str], str, list[str]]:
    """Bones by role, the profile's name and notes: without bones that the map moves, or whose work a shape does."""
    if armature is None:
        return {}, "", ["The character has no armature; head, eyes and jaw move by its shapes only."]
    if not armature.is_editable:
        return {}, "", [f"The armature {armature.name!r} is linked without an override; head and eyes stay still."]
    profile, found = head_bones.roles(armature)
    found = {role: name for role, name in {**found, **chosen}.items() if name in object_data.bones(armature)}
    notes = []
    bones = {}
    for role, name in found.items():
        if all(object_data.pose_bones(armature)[name].lock_rotation):
            notes.append(f"The bone {name!r} is locked and is not keyed.")
        elif role in chosen or (
            name not in used and not _moved_by_shapes(role, object_data.bones(armature)[name], faces)
        ):
            bones[role] = name
    return bones, profile, notes


def _moved_by_shapes(role: str, bone: bpy.types.Bone, faces: tuple[Face, ...]) -> bool:
    """Whether shapes already do the bone's work: open the jaw, rotate an eyeball."""
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
