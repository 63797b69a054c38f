"""What can be wrong with the rig: what cannot be keyed, and what would hide the keys."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ..character import head_bones, rig_reader, shape_naming
from ..scene import fcurves
from .checks import Check, Patient, Values

# Constraints that decide about a bone's rotation alone: keys of the bone are not seen beside them.
_RULING = {"COPY_ROTATION", "COPY_TRANSFORMS", "DAMPED_TRACK", "LOCKED_TRACK", "TRACK_TO", "ARMATURE"}


def _names(found: list[str]) -> Values | None:
    """The values of a sentence about some things; None where there are none."""
    return {"count": len(found), "names": shape_naming.few(found)} if found else None


def _speakable(mesh: bpy.types.Object) -> list[bpy.types.ShapeKey]:
    """The shapes of a mesh without its basis."""
    return list(mesh.data.shape_keys.key_blocks)[1:]


# the rig reader's refusal, a link without an override


def _refused(who: Patient) -> Values | None:
    known = _linked(who) or _absolute(who) or (who.faces and (_driven(who) or _locked(who)))
    return {"message": who.problem} if who.problem and not known else None


def _linked_root(who: Patient) -> bpy.types.ID | None:
    """What has to be overridden: a linked collection, the one that an empty shows, or a linked object."""
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
        settings.source, settings.character = "OBJECT", made
    if shown is not None:
        bpy.data.objects.remove(shown)  # as Blender's own Make Override does: its objects stand there now


# shapes


def _keys_of(who: Patient) -> list[bpy.types.Key]:
    """Every data-block of shapes, also those that have no weights."""
    meshes = (one for one in who.members if one.type == "MESH")
    return list(dict.fromkeys(mesh.data.shape_keys for mesh in meshes if mesh.data.shape_keys is not None))


def _absolute(who: Patient) -> Values | None:
    return _names([key.user.name for key in _keys_of(who) if not key.use_relative and len(key.key_blocks) > 1])


def _make_relative(who: Patient) -> None:
    for key in _keys_of(who):
        key.use_relative = True


def _missing(who: Patient) -> Values | None:
    return {"message": " ".join(who.character.map.missing)} if who.character and who.character.map.missing else None


def _shut(who: Patient) -> Values | None:
    """A character whose mouth nothing opens."""
    return {"name": who.character.name} if who.character is not None and not who.character.speaks else None


def _otherwise(who: Patient) -> Values | None:
    """Shapes that do something else than their names say."""
    return {"message": " ".join(who.character.told)} if who.character is not None and who.character.told else None


def _driven(who: Patient) -> Values | None:
    return _names([name for face in who.faces for name in shape_naming.of_speech(face.driven)])


def _mute_drivers(who: Patient) -> None:
    for face in who.faces:
        paths = {rig_reader.shape_path(name) for name in shape_naming.of_speech(face.driven)}
        for driver in face.key.animation_data.drivers if paths else ():
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
    return {"name": rig.name} if rig is not None and rig.data.pose_position == "REST" else None


def _pose(who: Patient) -> None:
    if who.armature is not None:
        who.armature.data.pose_position = "POSE"


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
    """Constraints that rule the bones which a take would turn."""
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


# what plays


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
    return _names([one.name for one in owners if one.animation_data.action_influence < 1.0])


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
        "{name!r} is linked from another file without a library override, so that nothing of it can be keyed here.",
        _linked, _override, "Make Override",
    ),
    Check(
        "absolute_shapes", "rig", "stop",
        "The shape keys of {names} are absolute: they have no weights that could be keyed.",
        _absolute, _make_relative, "Make Relative",
    ),
    Check("no_face", "rig", "stop", "{message}", _refused),
    Check(
        "tweak_mode", "rig", "stop",
        "A strip of {names} is being tweaked in the NLA editor: no take can be put beside it.",
        _tweaked, _leave_tweak_mode, "Leave Tweak Mode",
    ),
    Check(
        "driven_shapes", "rig", "warning",
        "Drivers hold shapes of speech ({count}: {names}): they will not be keyed.",
        _driven, _mute_drivers, "Mute the Drivers",
    ),
    Check(
        "locked_shapes", "rig", "warning",
        "Locked channels hold shapes of speech ({count}: {names}): they will not be keyed.",
        _locked, _unlock, "Unlock",
    ),
    Check(
        "muted_shapes", "rig", "warning",
        "Shapes are muted ({count}: {names}): their keys will not be seen.",
        _muted, _unmute, "Unmute",
    ),
    Check(
        "narrow_shapes", "rig", "warning",
        "Shapes cannot reach 0 to 1 ({count}: {names}): their keys are cut off at the ends of their range.",
        _narrow, _widen, "Widen",
    ),
    Check(
        "pinned_shape", "rig", "warning",
        "One shape of {names} is pinned (Solo): all others stay unseen.",
        _pinned, _unpin, "Unpin",
    ),
    Check(
        "hidden_meshes", "rig", "note",
        "{names} cannot be seen in the viewport or in renders.",
        _hidden, _show, "Show",
    ),
    Check(
        "rest_position", "rig", "warning",
        "The armature {name!r} stands in its rest position: its bones will not be seen to move.",
        _resting, _pose, "Show the Pose",
    ),
    Check(
        "locked_bones", "rig", "warning",
        "Bones of the face are locked ({count}: {names}): they will not be keyed.",
        _locked_bones, _unlock_bones, "Unlock",
    ),
    Check(
        "ruled_bones", "rig", "note",
        "Constraints decide about bones of the face ({names}): keys on these bones are not seen.",
        _ruled, _mute_rulers, "Mute the Constraints",
    ),
    Check(
        "solo_track", "rig", "warning",
        "An NLA track is solo ({names}): nothing else plays beside it.",
        _solo, _unsolo, "Turn Solo Off",
    ),
    Check(
        "muted_tracks", "rig", "note",
        "NLA tracks are muted ({count}: {names}), and stay so.",
        _silent_tracks, _unmute_tracks, "Unmute",
    ),
    Check(
        "weak_action", "rig", "note",
        "What plays on {names} has an influence below 1.",
        _blended, _full_influence, "Set to 1",
    ),
    Check(
        "own_action", "rig", "note",
        "Your action {names} moves shapes of the take too: it plays on beneath the take, unseen there.",
        _playing,
    ),
    Check(
        "no_mouth", "rig", "warning",
        "Nothing opens the mouth of {name!r}: it stays shut, whatever is said.",
        _shut,
    ),
    Check("shapes_otherwise", "rig", "note", "{message}", _otherwise),
    Check("missing_shapes", "rig", "note", "{message}", _missing),
)  # fmt: skip
