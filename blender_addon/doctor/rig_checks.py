"""Checks of the rig: targets that cannot be keyed, and settings that hide the keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import bpy

from .. import object_data
from ..character import head_bones, rig_reader, shape_naming
from ..scene import fcurves
from .checks import Check, Patient, Values

# Constraints that override a bone's rotation: keys of the bone have no effect.
_RULING = {"COPY_ROTATION", "COPY_TRANSFORMS", "DAMPED_TRACK", "LOCKED_TRACK", "TRACK_TO", "ARMATURE"}


def _names(found: list[str]) -> Values | None:
    """The values of a sentence about some things; None where there are none."""
    return {"count": len(found), "names": shape_naming.few(found)} if found else None


def _speakable(mesh: bpy.types.Object) -> list[bpy.types.ShapeKey]:
    """The shapes of a mesh without its basis."""
    return list(object_data.key_blocks(mesh))[1:]


# errors of rig detection, links without an override


def _refused(who: Patient) -> Values | None:
    known = _linked(who) or _absolute(who) or (who.faces and (_driven(who) or _locked(who)))
    return {"message": who.problem} if who.problem and not known else None


def _linked_root(who: Patient) -> bpy.types.ID | None:
    """The target of the override: a linked collection, the one that an empty instances, or a linked object."""
    root = who.root
    if root is None:
        return None
    if isinstance(root, bpy.types.Object) and root.type == "EMPTY" and root.instance_collection is not None:
        return root.instance_collection if root.instance_collection.library is not None else None
    if root.is_editable:
        stuck = [face.mesh for face in who.faces if not face.mesh.is_editable]
        root = stuck[0] if stuck else None
    if isinstance(root, bpy.types.Object):
        return next((one for one in root.users_collection if one.library is not None), root)
    return root


def _linked(who: Patient) -> Values | None:
    linked = _linked_root(who)
    return {"name": linked.name} if linked is not None else None


def _override(who: Patient) -> None:
    linked, root = _linked_root(who), who.root
    if linked is None or root is None:
        return
    shown = root if isinstance(root, bpy.types.Object) and root.instance_collection == linked else None
    made = linked.override_hierarchy_create(who.scene, bpy.context.view_layer, reference=shown)
    settings = who.settings
    if isinstance(made, bpy.types.Collection):
        own = [one for one in made.all_objects if one.override_library and one.override_library.reference == root]
        settings.source = "OBJECT" if own else "COLLECTION"
        settings.character = own[0] if own else settings.character
        settings.collection = made
    else:
        settings.source, settings.character = "OBJECT", cast("bpy.types.Object", made)
    if shown is not None:
        bpy.data.objects.remove(shown)  # as Blender's own Make Override does: its objects stand there now


# shapes


def _keys_of(who: Patient) -> list[bpy.types.Key]:
    """Every data-block of shapes, also those that have no weights."""
    return list(dict.fromkeys(object_data.keys_of(one for one in who.members if one.type == "MESH")))


def _absolute(who: Patient) -> Values | None:
    return _names([key.user.name for key in _keys_of(who) if not key.use_relative and len(key.key_blocks) > 1])


def _make_relative(who: Patient) -> None:
    for key in _keys_of(who):
        key.use_relative = True


def _missing(who: Patient) -> Values | None:
    return {"message": " ".join(who.character.map.missing)} if who.character and who.character.map.missing else None


def _shut(who: Patient) -> Values | None:
    """A character without a shape or bone that opens the mouth."""
    return {"name": who.character.name} if who.character is not None and not who.character.speaks else None


def _otherwise(who: Patient) -> Values | None:
    """Shapes whose deformation does not match their names."""
    return {"message": " ".join(who.character.told)} if who.character is not None and who.character.told else None


def _driven(who: Patient) -> Values | None:
    return _names([name for face in who.faces for name in shape_naming.of_speech(face.driven)])


def _mute_drivers(who: Patient) -> None:
    for face in who.faces:
        paths = {rig_reader.shape_path(name) for name in shape_naming.of_speech(face.driven)}
        for driver in object_data.animation(face.key).drivers if paths else ():
            driver.mute = driver.mute or driver.data_path in paths


def _locked(who: Patient) -> Values | None:
    return _names([name for face in who.faces for name in shape_naming.of_speech(face.locked)])


def _unlock(who: Patient) -> None:
    for face in who.faces:
        paths = {rig_reader.shape_path(name) for name in shape_naming.of_speech(face.locked)}
        for curve in fcurves.current_curves(face.key) if paths else ():
            curve.lock = curve.lock and curve.data_path not in paths


def _used(who: Patient) -> Iterator[bpy.types.ShapeKey]:
    """The shapes that a take would be keyed on."""
    if who.character is None:
        return
    wanted = {target for channel in who.character.map.channels for target in channel.targets}
    for face in who.character.faces:
        yield from (block for block in _speakable(face.mesh) if (face.mesh.name, block.name) in wanted)


def _muted(who: Patient) -> Values | None:
    return _names([block.name for block in _used(who) if block.mute])


def _unmute(who: Patient) -> None:
    for block in _used(who):
        block.mute = False


def _narrow(who: Patient) -> Values | None:
    return _names([block.name for block in _used(who) if block.slider_max < 1.0 or block.slider_min > 0.0])


def _widen(who: Patient) -> None:
    for block in _used(who):
        block.slider_min, block.slider_max = min(block.slider_min, 0.0), max(block.slider_max, 1.0)


def _pinned(who: Patient) -> Values | None:
    return _names([face.mesh.name for face in who.faces if face.mesh.show_only_shape_key])


def _unpin(who: Patient) -> None:
    for face in who.faces:
        face.mesh.show_only_shape_key = False


# the armature


def _resting(who: Patient) -> Values | None:
    rig = who.armature
    return {"name": rig.name} if rig is not None and object_data.armature(rig).pose_position == "REST" else None


def _pose(who: Patient) -> None:
    if who.armature is not None:
        object_data.armature(who.armature).pose_position = "POSE"


def _face_bones(who: Patient) -> list[bpy.types.PoseBone]:
    """The bones of head, neck, jaw and eyes, locked ones too."""
    rig = who.armature
    if rig is None or rig.pose is None:
        return []
    found = head_bones.roles(rig)[1]
    return [rig.pose.bones[name] for name in found.values()]


def _locked_bones(who: Patient) -> Values | None:
    return _names([bone.name for bone in _face_bones(who) if all(bone.lock_rotation)])


def _unlock_bones(who: Patient) -> None:
    for bone in _face_bones(who):
        if all(bone.lock_rotation):
            bone.lock_rotation, bone.lock_rotation_w = (False, False, False), False


def _rulers(who: Patient) -> list[tuple[bpy.types.PoseBone, bpy.types.Constraint]]:
    """Constraints that override bones which a take would rotate."""
    used = set(who.character.bones.values()) if who.character is not None else set()
    return [
        (bone, one)
        for bone in _face_bones(who)
        if bone.name in used
        for one in bone.constraints
        if one.type in _RULING and not one.mute and one.influence == 1.0
    ]


def _ruled(who: Patient) -> Values | None:
    return _names([f"{bone.name}: {one.name}" for bone, one in _rulers(who)])


def _mute_rulers(who: Patient) -> None:
    for _, constraint in _rulers(who):
        constraint.mute = True


# actions and the NLA


def _tweaked(who: Patient) -> Values | None:
    return _names([one.name for one in who.owners if one.animation_data and one.animation_data.use_tweak_mode])


def _leave_tweak_mode(who: Patient) -> None:
    for owner in who.owners:
        if owner.animation_data and owner.animation_data.use_tweak_mode:
            owner.animation_data.use_tweak_mode = False


def _tracks(who: Patient) -> Iterator[bpy.types.NlaTrack]:
    for owner in who.owners:
        yield from owner.animation_data.nla_tracks if owner.animation_data else ()


def _solo(who: Patient) -> Values | None:
    return _names([track.name for track in _tracks(who) if track.is_solo])


def _unsolo(who: Patient) -> None:
    for track in _tracks(who):
        track.is_solo = False


def _silent_tracks(who: Patient) -> Values | None:
    return _names([track.name for track in _tracks(who) if track.mute and len(track.strips)])


def _unmute_tracks(who: Patient) -> None:
    for track in _tracks(who):
        track.mute = False


def _blended(who: Patient) -> Values | None:
    owners = [one for one in who.owners if one.animation_data and one.animation_data.action]
    return _names([one.name for one in owners if object_data.animation(one).action_influence < 1.0])


def _full_influence(who: Patient) -> None:
    for owner in who.owners:
        if owner.animation_data:
            owner.animation_data.action_influence = 1.0


def _playing(who: Patient) -> Values | None:
    """Actions of the user's that key what a take would key: the take plays over them."""
    wanted = {rig_reader.shape_path(block.name) for block in _used(who)}
    names = []
    for face in who.character.faces if who.character is not None else ():
        action = face.key.animation_data.action if face.key.animation_data else None
        if action is None or fcurves.TAKE in action:
            continue
        if any(curve.data_path in wanted for curve in fcurves.current_curves(face.key)):
            names.append(action.name)
    return _names(names)


def _hidden(who: Patient) -> Values | None:
    return _names([face.mesh.name for face in who.faces if face.mesh.hide_viewport or face.mesh.hide_render])


def _show(who: Patient) -> None:
    for face in who.faces:
        face.mesh.hide_viewport = face.mesh.hide_render = False


CHECKS = (
    Check(
        "linked", "rig", "stop",
        "{name!r} is linked without a library override and cannot be keyed.",
        _linked, _override, "Make Library Override",
    ),
    Check(
        "absolute_shapes", "rig", "stop",
        "The shape keys of {names} are absolute and have no values to key.",
        _absolute, _make_relative, "Make Relative",
    ),
    Check("no_face", "rig", "stop", "{message}", _refused),
    Check(
        "tweak_mode", "rig", "stop",
        "{names} is in NLA tweak mode: no take can be added.",
        _tweaked, _leave_tweak_mode, "Exit Tweak Mode",
    ),
    Check(
        "driven_shapes", "rig", "warning",
        "{count} speech shapes have drivers and will not be keyed: {names}.",
        _driven, _mute_drivers, "Mute Drivers",
    ),
    Check(
        "locked_shapes", "rig", "warning",
        "{count} speech shapes have locked channels and will not be keyed: {names}.",
        _locked, _unlock, "Unlock",
    ),
    Check(
        "muted_shapes", "rig", "warning",
        "{count} shape keys are muted, so their animation has no effect: {names}.",
        _muted, _unmute, "Unmute",
    ),
    Check(
        "narrow_shapes", "rig", "warning",
        "{count} shape keys have a range smaller than 0 to 1, which clips their animation: {names}.",
        _narrow, _widen, "Widen Range",
    ),
    Check(
        "pinned_shape", "rig", "warning",
        "A shape key of {names} is solo, so all others have no effect.",
        _pinned, _unpin, "Disable Solo",
    ),
    Check(
        "hidden_meshes", "rig", "note",
        "{names} is hidden in the viewport or in renders.",
        _hidden, _show, "Show",
    ),
    Check(
        "rest_position", "rig", "warning",
        "The armature {name!r} is in rest position: bone animation has no effect.",
        _resting, _pose, "Use Pose Position",
    ),
    Check(
        "locked_bones", "rig", "warning",
        "{count} face bones are locked and will not be keyed: {names}.",
        _locked_bones, _unlock_bones, "Unlock",
    ),
    Check(
        "ruled_bones", "rig", "note",
        "Constraints override the rotation of face bones, so their keys have no effect: {names}.",
        _ruled, _mute_rulers, "Mute Constraints",
    ),
    Check(
        "solo_track", "rig", "warning",
        "An NLA track is solo, so nothing else plays: {names}.",
        _solo, _unsolo, "Disable Solo",
    ),
    Check(
        "muted_tracks", "rig", "note",
        "{count} NLA tracks are muted and stay muted: {names}.",
        _silent_tracks, _unmute_tracks, "Unmute",
    ),
    Check(
        "weak_action", "rig", "note",
        "The action of {names} has an influence below 1.",
        _blended, _full_influence, "Set Influence to 1",
    ),
    Check(
        "own_action", "rig", "note",
        "The action {names} animates shape keys of the take too; the take overrides it there.",
        _playing,
    ),
    Check(
        "no_mouth", "rig", "warning",
        "No shape or bone opens the mouth of {name!r}: it stays shut.",
        _shut,
    ),
    Check("shapes_otherwise", "rig", "note", "{message}", _otherwise),
    Check("missing_shapes", "rig", "note", "{message}", _missing),
)  # fmt: skip
