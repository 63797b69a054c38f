"""Turns a performance into keys on a character: all of it, or nothing.

Every array is computed and every action filled before the first thing in the scene changes; where a later step fails,
what was changed is put back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import FINGERS
from animcore.errors import AnimcoreError
from animcore.geometry import rotations
from animcore.motion import Motion
from animcore.retarget.face_map import FaceMap
from animcore.retarget.rig_profiles import driving

from .. import id_properties, object_data, properties
from ..character import body_bones as bodies
from ..character import face_maps, head_bones, rig_reader
from ..errors import AddonError
from ..scene import bone_rotations, fcurves, sequencer, stepwise
from ..scene.fcurves import Channel
from ..scene.frame_rates import exact_rate
from ..scene.stepwise import Steps
from ..voice import waveform
from . import curve_roles, polish, range_merge, scene_changes
from .record import Record

Work = list[tuple[bpy.types.ID, list[Channel]]]  # each data-block with its channels
Array = NDArray[np.floating[Any]]
Turned = tuple[dict[str, Array], Array]  # what `Body.turns` gives

_AT_ONCE = 16  # curves that are written in one step: a tenth of a second for half an hour
_EYES = ("left_eye", "right_eye")


@dataclass(frozen=True)
class Placement:
    """Where a take goes.

    Attributes:
        start_frame: the frame of the start of the sound.
        name: the name of the take, usually that of its audio file.
        audio: the sound file as Blender should keep it, or empty for a take without a strip.
        sound_frame: the frame at which that file begins, where that is not `start_frame`.
        heard: the engine's copy of the sound of that file, where Blender would play the file itself at another time.
        settings: what was asked of the engine; it is stored with the take.
        within: only a marked range is new; the take that plays goes on around it.
    """

    start_frame: int
    name: str
    audio: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    within: bool = False
    sound_frame: int | None = None
    heard: Path | None = None

    @property
    def has_hands(self) -> bool:
        """Whether hands were asked for; otherwise fingers keep the pose that the user gave them."""
        return bool(self.settings.get("direction", {}).get("strengths", {}).get("hands") != 0)


@dataclass(frozen=True)
class Take:
    """The result of keying: the character, the actions' names, the first and last frame, the key count, and notes."""

    name: str
    character: str
    actions: tuple[str, ...]
    first_frame: int
    last_frame: int
    key_count: int
    shape_count: int
    bones: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """One line for the panel."""
        bones = f" and {len(self.bones)} bone{'s' * (len(self.bones) > 1)}" if self.bones else ""
        return f"{self.shape_count} shapes{bones} keyed on frames {self.first_frame} to {self.last_frame}."


@dataclass(frozen=True)
class Performance:
    """What is written onto one character.

    Attributes:
        character: as `rigs.read` found it.
        motion: the performance, at the scene's frame rate.
        placement: where it goes.
        values: (T, K) of the channels of the character's map; solved for here where they are not given.
    """

    character: rig_reader.Character
    motion: Motion
    placement: Placement
    values: Array | None = None


def apply(
    scene: bpy.types.Scene,
    character: rig_reader.Character,
    motion: Motion,
    placement: Placement,
    values: Array | None = None,
) -> Take:
    """Write a performance onto a character as a take of its own that plays at once; see `apply_all`."""
    return stepwise.run(apply_all(scene, [Performance(character, motion, placement, values)]))[0]


def apply_all(scene: bpy.types.Scene, performances: Sequence[Performance]) -> Steps[list[Take]]:
    """Write performances onto their characters, each as a take of its own that plays at once: all of them, or none.

    The steps before the last one make actions that nothing uses yet; where one fails, or no more are asked for, they
    go. The last one puts all into the scene.

    Raises:
        AddonError: where one cannot be written; the scene is then as it was.
        ReferenceError: where the user has removed or undone meanwhile what is written onto; nothing was changed then.
    """
    with ExitStack() as undo:
        prepared = []
        for number, one in enumerate(performances):
            low, high = number / len(performances), (number + 1) / len(performances)
            prepared.append((yield from stepwise.part(_prepared(scene, one, undo), low, high)))
        written = [_finished(scene, one, undo) for one in prepared]
        undo.pop_all()  # nothing failed: nothing is taken back
    made = []
    for (take, actions), one in zip(written, performances, strict=True):
        notes = [*take.notes, *scene_changes.show(one.character)]
        for owner, action in actions:
            fcurves.mark(owner, action)
        if one.placement.audio:
            notes += _add_sound(scene, one, actions)
        made.append(replace(take, notes=tuple(dict.fromkeys(notes))))
    scene.frame_set(scene.frame_current)  # an action assigned from outside shows at the next evaluation alone
    return made


@dataclass(frozen=True)
class _Prepared:
    """A performance whose actions are made and used by nothing: on whom they go, first and last frame, notes."""

    performance: Performance
    work: Work
    actions: list[bpy.types.Action]
    frames: tuple[int, int]
    notes: list[str]


def _prepared(scene: bpy.types.Scene, performance: Performance, undo: ExitStack) -> Steps[_Prepared]:
    """Make the actions of a performance; what takes them back is put onto `undo`."""
    character, motion, placement = performance.character, performance.motion, performance.placement
    _check_rate(scene, motion)
    first = placement.start_frame + round(motion.start * motion.rate)
    last = first + motion.frame_count - 1
    notes = list(character.notes)
    notes += scene_changes.own_shapes(character, undo)
    body = _body(character, motion, placement, notes)
    turned = None if body is None else (yield from stepwise.beside(partial(body.turns, motion)))
    work: Work = []
    for one in channels_of(character, motion, performance.values, body, turned):
        work.append(one)
        yield 0.0
    if not work:
        raise AddonError(f"{character.name!r} has nothing that can be keyed; choose another character.")
    _check_tweaked(work)
    if placement.within:
        work, first, last = range_merge.joined(work, first, last, motion.rate)
    actions: list[bpy.types.Action] = []
    kept: list[str] = []
    done, whole = 0, sum(len(channels) for _, channels in work)
    for owner, channels in work:
        action = fcurves.make_action(owner, action_name(placement.name, owner, len(work)), first, ())
        undo.callback(_remove, action)
        for begin in range(0, len(channels), _AT_ONCE):
            fcurves.add_channels(action, first, channels[begin : begin + _AT_ONCE])
            yield (done + begin) / whole
        done += len(channels)
        layers = _layers(scene, character, owner, action, channels, motion, placement, first, notes)
        kept += yield from stepwise.part(layers, done / whole, done / whole)
        actions.append(action)
    if kept:
        notes.append(f"Manual edits were kept: {', '.join(dict.fromkeys(kept))}.")
    return _Prepared(performance, work, actions, (first, last), notes)


def _check_rate(scene: bpy.types.Scene, motion: Motion) -> None:
    rate = exact_rate(scene.render.fps, scene.render.fps_base)
    if motion.rate != rate:
        raise AddonError(
            f"The scene's frame rate was changed to {float(rate):.3f} while the performance was made at "
            f"{float(motion.rate):.3f}; generate again."
        )


def _check_tweaked(work: Work) -> None:
    for owner, _ in work:
        if owner.animation_data is not None and owner.animation_data.use_tweak_mode:
            raise AddonError(f"A strip of {owner.name!r} is in NLA tweak mode; exit it (Tab) and generate again.")


def _remove(action: bpy.types.Action) -> None:
    """Remove an action that was made; one that an undo has removed is gone already."""
    with suppress(ReferenceError):
        bpy.data.actions.remove(action)


def _finished(
    scene: bpy.types.Scene, prepared: _Prepared, undo: ExitStack
) -> tuple[Take, list[tuple[bpy.types.ID, bpy.types.Action]]]:
    """Put a performance into the scene, and return its actions with their owners."""
    character, placement, work = prepared.performance.character, prepared.performance.placement, prepared.work
    (first, last), actions, notes = prepared.frames, prepared.actions, prepared.notes
    _check_rate(scene, prepared.performance.motion)
    _check_tweaked(work)
    notes += scene_changes.widened(character, undo)
    ident = fcurves.new_take_id()
    for action in actions:
        _describe(action, placement, prepared.performance.motion, ident)
    scene_changes.put_into_scene(scene, work, actions, (first, last), notes, undo)
    take = Take(
        name=placement.name,
        character=character.name,
        actions=tuple(action.name for action in actions),
        first_frame=first,
        last_frame=last,
        key_count=sum(len(channels) for _, channels in work) * (last - first + 1),
        shape_count=len(
            {name for face in character.faces for _, name in face_maps.shapes_of(character.map, face.mesh.name)}
        ),
        bones=_keyed_bones(character, work),
        notes=tuple(notes),
    )
    return take, [(owner, action) for (owner, _), action in zip(work, actions, strict=True)]


def _body(
    character: rig_reader.Character, motion: Motion, placement: Placement, notes: list[str]
) -> bodies.Body | None:
    """The bones that a motion's body moves, without those of the user's own animation; the notes report it."""
    if motion.body_pose is None:
        return None
    found = bodies.read(character.armature) if character.armature is not None else None
    if found is None:
        notes.append("The skeleton of the character is not a known kind: its body stays still.")
        return None
    assert character.armature is not None
    notes += found.notes
    found = found if placement.has_hands else found.without(found.of(*FINGERS["left"], *FINGERS["right"]))
    face = found.of("head", "neck") if motion.head_pose is not None else set()
    for name, own in fcurves.own_animation(character.armature).items():
        if left := sorted((found.moved & own) - face):
            found = found.without(left)
            notes.append(
                f"Your action {name!r} animates the body, so its {len(left)} bones ({', '.join(left[:3])} ...) are "
                "left to it; take it off the character for the take's own."
            )
    return found


def _keyed_bones(character: rig_reader.Character, work: list[tuple[bpy.types.ID, list[Channel]]]) -> tuple[str, ...]:
    """The names of all bones that a take has keys for."""
    return tuple(
        dict.fromkeys(channel.group for owner, channels in work if owner == character.armature for channel in channels)
    )


def channels_of(
    character: rig_reader.Character,
    motion: Motion,
    values: Array | None,
    body: bodies.Body | None = None,
    turned: Turned | None = None,
) -> Iterator[tuple[bpy.types.ID, list[Channel]]]:
    """Give everything that a performance keys: each data-block with its channels; `turned` is what a body does."""
    if values is None:
        values = character.map.solve(motion)
    for face in character.faces:
        if channels := _shape_channels(face, character.map, values):
            yield face.key, channels
    if character.armature is not None and (channels := _bone_channels(character, motion, values, body, turned)):
        yield character.armature, channels


def _shape_channels(face: rig_reader.Face, found: FaceMap, values: Array) -> list[Channel]:
    """One channel a shape; where several of the map's are one shape's, the one that raises it most."""
    made: dict[str, Channel] = {}
    for index, name in face_maps.shapes_of(found, face.mesh.name):
        path = rig_reader.shape_path(name)
        before = made[path].values if path in made else values[:, index]
        group = made[path].group if path in made else driving().region(face_maps.track_of(found, index))
        made[path] = Channel(path, 0, group, np.maximum(before, values[:, index]))
    return list(made.values())


def _bone_channels(
    character: rig_reader.Character,
    motion: Motion,
    values: Array,
    body: bodies.Body | None,
    turned: Turned | None,
) -> list[Channel]:
    """One channel a property: the body's stand first, then head, neck, jaw and eyes, then what the face's map moves."""
    armature = character.armature
    assert armature is not None
    axes = head_bones.character_axes(armature)
    channels = []
    poses = _poses(character.bones, motion)
    if (
        body is not None and turned is not None
    ):  # head and neck hang on the chest, which the body moves; jaw and eyes are the face's
        poses = {role: turns for role, turns in poses.items() if character.bones[role] not in body.moved}
        channels += _body_channels(armature, body, motion, turned)
    for role, turns in poses.items():
        bone = object_data.pose_bones(armature)[character.bones[role]]
        channels += rotation(bone, bone_rotations.local_rotations(turns, _rest(bone), axes))
    unit = head_bones.eye_distance(armature) if character.solved else 1.0
    for name, moved in face_maps.bone_motions(character.map, values).items():
        bone = object_data.pose_bones(armature)[name]
        turn = bone_rotations.local_rotations(moved.turn, _rest(bone), axes) + moved.own_turn
        move = bone_rotations.local_rotations(moved.move * unit, _rest(bone), axes) + moved.own_move
        channels += rotation(bone, turn) if turn.any() else []
        channels += _location(bone, move) if move.any() else []
    owned: dict[tuple[str, int], Channel] = {}
    for channel in channels:
        owned.setdefault((channel.path, channel.index), channel)
    return list(owned.values())


def _body_channels(armature: bpy.types.Object, body: bodies.Body, motion: Motion, turned: Turned) -> list[Channel]:
    """Channels of the body's joints and of the way through the world."""
    turns, location = turned
    channels = []
    for name, quaternions in turns.items():
        bone = object_data.pose_bones(armature)[name]
        if not all(bone.lock_rotation):
            channels += rotation(bone, rotations.from_quaternion(quaternions))
    if body.root is not None and motion.translation is not None:
        root = object_data.pose_bones(armature)[body.root]
        channels += _location(root, location if root.bone.use_local_location else location @ _rest(root).T)
    return channels


def _rest(bone: bpy.types.PoseBone) -> Array:
    """(3, 3) the rest orientation of a bone in the armature's axes."""
    return np.array(bone.bone.matrix_local.to_3x3())


def _location(bone: bpy.types.PoseBone, local: Array) -> list[Channel]:
    """Channels of a bone's location (T, 3) along its own axes."""
    path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].location'
    return [Channel(path, axis, bone.name, column) for axis, column in enumerate(local.astype(np.float32).T)]


def _poses(bones: Mapping[str, str], motion: Motion) -> dict[str, Array]:
    """The rotation (T, 3) of each bone role in the character's axes."""
    found: dict[str, Array | None] = {"jaw": motion.jaw_pose}
    if motion.head_pose is not None and ("head" in bones or "neck" in bones):
        whole = (motion.head_pose, motion.neck_pose, "head" in bones, "neck" in bones)
        found["head"], found["neck"] = bone_rotations.split(*whole)
    for side, role in enumerate(_EYES):
        found[role] = motion.eye_pose[:, side] if motion.eye_pose is not None else None
    return {role: poses for role, poses in found.items() if poses is not None and role in bones}


def rotation_size(bone: bpy.types.PoseBone) -> int:
    """Return how many curves a bone's rotation has in the mode that the rig uses."""
    return 4 if bone.rotation_mode in ("QUATERNION", "AXIS_ANGLE") else 3


def rotation(bone: bpy.types.PoseBone, local: Array) -> list[Channel]:
    """Return channels of a bone's rotation (T, 3 axis-angle in its own axes), in the mode that the rig uses."""
    values, what = {
        "QUATERNION": (bone_rotations.quaternions, "rotation_quaternion"),
        "AXIS_ANGLE": (bone_rotations.angles_and_axes, "rotation_axis_angle"),
    }.get(bone.rotation_mode, (lambda vectors: bone_rotations.eulers(vectors, bone.rotation_mode), "rotation_euler"))
    path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].{what}'
    columns = values(local).astype(np.float32).T
    return [Channel(path, index, bone.name, column) for index, column in enumerate(columns)]


def action_name(take: str, owner: bpy.types.ID, count: int) -> str:
    """Return the name of a take's action; a character of several data-blocks gets one for each."""
    if count == 1:
        return f"Animcore take {take}"
    part = fcurves.owner_name(owner)
    room = fcurves.short_name(f"Animcore take {take}")[: 60 - len(part)]
    return f"{room} · {part}"


def _layers(
    scene: bpy.types.Scene,
    character: rig_reader.Character,
    owner: bpy.types.ID,
    action: bpy.types.Action,
    channels: list[Channel],
    motion: Motion,
    placement: Placement,
    first: int,
    notes: list[str],
) -> Steps[tuple[str, ...]]:
    """Keep what was generated with its action, and bring on what was changed by hand on the take before it.

    A take whose marked range alone is new has the keys of the one before around it, with its hand edits.

    Returns:
        The regions in which hand edits were brought on.
    """
    values = np.stack([channel.values for channel in channels], 1).astype(np.float32)
    curves = curve_roles.curves(character, owner, channels, motion)
    rate, frame = motion.rate, placement.start_frame
    start = float((first - frame) / rate) if placement.within else motion.start
    made = Record(rate, start, rate, frame, curves, values, np.zeros_like(values), values)
    polish.keep(action, (yield from stepwise.beside(made.packed)), made.sound_frame)
    fcurves.store_rate(action, rate)
    earlier = owner.animation_data.action if owner.animation_data is not None else None
    if placement.within or earlier is None or fcurves.TAKE not in earlier or not properties.of(scene).keep_edits:
        return ()
    try:
        return polish.carry(earlier, action, made, scene)
    except AnimcoreError:  # what an earlier take lost must not keep a new one from being made
        notes.append(f"The edits of the earlier take {earlier[fcurves.TAKE]!r} cannot be read; it stays as it is.")
        return ()


def _describe(action: bpy.types.Action, placement: Placement, motion: Motion, ident: str) -> None:
    action[fcurves.TAKE], action[fcurves.TAKE_ID] = placement.name, ident
    if spoken := waveform.kept(motion.events):
        action[waveform.EVENTS] = spoken
    action[fcurves.SETTINGS] = json.dumps(dict(placement.settings), sort_keys=True)
    action.use_fake_user = True  # a take that is set aside later is still there after saving


def _add_sound(
    scene: bpy.types.Scene, one: Performance, actions: Sequence[tuple[bpy.types.ID, bpy.types.Action]]
) -> list[str]:
    """Add the audio to the sequencer, and sync playback to it; a Blender without audio only reports it."""
    placement, choice = one.placement, sequencer.asked_choice(one.placement.settings)
    try:
        frame = placement.start_frame if placement.sound_frame is None else placement.sound_frame
        length = one.motion.frame_count
        _, added = sequencer.place(scene, placement.audio, frame, length, placement.heard, choice)
    except AnimcoreError as error:
        return [str(error)]
    takes = [other for other in bpy.data.actions if fcurves.TAKE in other]
    owned = [other for owner, _ in actions for other in takes if fcurves.is_made_for(other, owner)]
    sequencer.only(scene, one.placement.settings, [id_properties.wish(other, fcurves.SETTINGS) for other in owned])
    if not added:
        return [f"{Path(placement.audio).name} was on the sequencer already."]
    if scene.sync_mode == "NONE":
        scene.sync_mode = "AUDIO_SYNC"
        return ["Playback now follows the audio (Sync to Audio)."]
    return []
