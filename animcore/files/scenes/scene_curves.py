"""What scene files share: a performance as curves of shapes and of turning bones, and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, unknown_fingers
from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS, TONGUE
from animcore.files.animation_curves import AnimationCurves
from animcore.geometry import rotations
from animcore.motion import Motion
from animcore.retarget import name_normalization
from animcore.retarget.rig_detection import from_profile, propose
from animcore.retarget.source_tracks import SOURCES

FloatArray = NDArray[np.floating[Any]]

CARRIES = ("arkit", "tongue", "jaw_pose", "neck_pose", "head_pose", "eye_pose", "body_pose", "translation")
EYES = ("left_eye", "right_eye")
FEWEST = 8  # ARKit shapes below which a face is read by whatever convention it follows
_NECK_SHARE = 0.4  # of a head rotation that comes without its own neck track; the extension shares it alike
_POSE, _JOINT, _WAY = "_pose", "_joint", "translation"
_FACE = frozenset(INDEX[joint] for joint in ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf"))
_SAME = 1e-6  # weights of one shape on two meshes that are the same but for rounding
_STILL = 1e-6  # of a rotation matrix: bones that exporters bake without anybody having moved them


def weights(motion: Motion) -> dict[str, FloatArray]:
    """Return the curves (T,) of all face and tongue weights of a motion by the engine's names."""
    curves: dict[str, FloatArray] = {}
    for names, values in ((ARKIT, motion.arkit), (TONGUE, motion.tongue)):
        if values is not None:
            curves |= dict(zip(names, values.T, strict=True))
    return curves


def poses(motion: Motion, roles: Collection[str]) -> dict[str, FloatArray]:
    """Return the rotation (T, 3) of each bone role that is there, axis-angle in the character's axes.

    A neck track means that the head's is relative to the neck. Without one, the head's is relative to the chest, and
    the neck takes its share of it. A rig with one of the two bones gets the whole rotation there.
    """
    found: dict[str, FloatArray] = {}
    head, neck = motion.head_pose, motion.neck_pose
    if {"head", "neck"} <= set(roles):
        if head is not None and neck is None:
            head, neck = (1.0 - _NECK_SHARE) * head, _NECK_SHARE * head
        found |= {name: values for name, values in (("head", head), ("neck", neck)) if values is not None}
    elif {"head", "neck"} & set(roles) and (head is not None or neck is not None):
        whole = head if neck is None else neck if head is None else _both(neck, head)
        assert whole is not None
        found["head" if "head" in roles else "neck"] = whole
    if motion.jaw_pose is not None:
        found["jaw"] = motion.jaw_pose
    if motion.eye_pose is not None:
        found |= dict(zip(EYES, motion.eye_pose.swapaxes(0, 1), strict=True))
    return {role: values for role, values in found.items() if role in roles}


def by_convention(motion: Motion, shapes: Sequence[str]) -> tuple[dict[str, FloatArray], tuple[str, ...]]:
    """Return curves (T,) in 0..1 for shapes of any convention whose names are known, and what those cannot do."""
    proposal = propose({"": shapes})
    if not proposal.entries:
        return {}, ()
    found = from_profile(proposal)
    targets = [[name for _, name in channel.targets] for channel in found.channels]
    columns = found.solve(motion).T
    return {name: column for names, column in zip(targets, columns, strict=True) for name in names}, found.missing


def pose_curves(found: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Name rotations by role as curves: `head` becomes `head_pose`."""
    return {role + _POSE: values for role, values in found.items()}


def whole_pose(motion: Motion) -> FloatArray:
    """Return (T, 55, 3) the body with head and neck where the motion's own tracks have them."""
    assert motion.body_pose is not None
    found = np.array(motion.body_pose, np.float64)
    for role, values in poses(motion, {"neck", "head"}).items():
        found[:, INDEX[role]] = values
    return found


def keyed_joints(pose: FloatArray, present: Collection[str]) -> tuple[str, ...]:
    """Return the joints of `present` that a body animates: not the fingers of hands that are 0 all the time."""
    silent = unknown_fingers(pose)
    return tuple(joint for joint in present if joint not in silent)


def joint_curves(pose: FloatArray, way: FloatArray | None, joints: Collection[str]) -> dict[str, FloatArray]:
    """Name a body (T, 55, 3) and its way (T, 3) as curves: rotation matrices (T, 3, 3), which never jump."""
    found = {joint + _JOINT: rotations.to_matrix(pose[:, INDEX[joint]]) for joint in joints}
    return found if way is None else found | {_WAY: way}


def moves(column: FloatArray) -> bool:
    """Whether a copy of a shape is animated (T,): exporters write curves for copies too that no take keys."""
    return bool(np.any(column))


def agreed(columns: Sequence[FloatArray]) -> FloatArray:
    """Return one curve (T,) where all copies of a shape on several meshes agree, else those that do not, side by side.

    A copy that never moves says nothing: it is the same shape, which the take had no use for on that mesh.
    """
    moving = [column for column in columns if moves(column)] or list(columns[:1])
    same = all(np.abs(column - moving[0]).max() <= _SAME for column in moving[1:])
    return moving[0] if same else np.stack(moving, 1)


def is_of_body(name: str) -> bool:
    """Whether a curve is one of `joint_curves`."""
    return name.endswith(_JOINT) or name == _WAY


def shape_lacks(motion: Motion, present: Collection[str], who: str) -> tuple[str, ...]:
    """Name the shapes of this motion that a character does not have."""
    absent = [name for name, values in weights(motion).items() if name not in present and np.any(values)]
    return (f"{who} has no shapes for {_list(absent)}: not written.",) if absent else ()


def bone_lacks(motion: Motion, roles: Collection[str], who: str) -> tuple[str, ...]:
    """Name the rotations of this motion that a character has no bone for."""
    wanted = {"head" if "head" in roles or "neck" not in roles else "neck"} if motion.head_pose is not None else set()
    wanted |= {"jaw"} if motion.jaw_pose is not None else set()
    wanted |= set(EYES) if motion.eye_pose is not None else set()
    absent = sorted(role.replace("_", " ") for role in wanted - set(roles))
    return (f"{who} has no bone that turns for {_list(absent)}: not written.",) if absent else ()


def decode(animation: AnimationCurves) -> Motion:
    """Give weights (of whatever spelling) and rotations back; weights a little out of 0..1 are clipped."""
    shapes = [name for name in animation.curves if not (name.endswith(_POSE) or is_of_body(name))]
    roles = [role for role in ("jaw", "neck", "head") if role + _POSE in animation.curves]
    tracks: dict[str, Any] = {role + _POSE: _single(animation.curves[role + _POSE]) for role in roles}
    own = name_normalization.match((*ARKIT, *TONGUE), shapes)
    found = {name: _mean([animation.curves[one] for one in ones]) for name, ones in own.items()}
    if len(found) < FEWEST and sum(map(len, own.values())) < len(shapes):
        found = _recovered({name: _mean([animation.curves[name]]) for name in shapes}) | found
    for track, names in (("arkit", ARKIT), ("tongue", TONGUE)):
        if not found.keys().isdisjoint(names):
            still = np.zeros(animation.frame_count)
            columns = [found.get(name, still) for name in names]
            tracks[track] = np.clip(_single(np.stack(columns, 1)), 0.0, 1.0)
    if any(eye + _POSE in animation.curves for eye in EYES):
        still = np.zeros((animation.frame_count, 3))
        tracks["eye_pose"] = _single(np.stack([animation.curves.get(eye + _POSE, still) for eye in EYES], 1))
    tracks |= _body(animation)
    return Motion(
        animation.rate, animation.start, **tracks, audio_name=animation.facts.get("audio_name"), events=animation.events
    )


def _body(animation: AnimationCurves) -> dict[str, Any]:
    """The tracks of a body that moves, head and neck as it carries them."""
    curves = {
        INDEX[joint]: animation.curves[joint + _JOINT] for joint in SMPLX_JOINTS if joint + _JOINT in animation.curves
    }
    if not any(np.ptp(values, axis=0).max() > _STILL for joint, values in curves.items() if joint not in _FACE):
        return {}
    pose = np.zeros((animation.frame_count, len(SMPLX_JOINTS), 3), np.float32)
    for joint, values in curves.items():
        pose[:, joint] = rotations.from_matrix(values)
    found = {"body_pose": pose} | {f"{role}_pose": pose[:, INDEX[role]] for role in ("neck", "head")
                                   if INDEX[role] in curves}  # fmt: skip
    return found | ({_WAY: _single(animation.curves[_WAY])} if _WAY in animation.curves else {})


def _recovered(curves: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The ARKit weights that come nearest to curves of another convention."""
    proposal = propose({"": tuple(curves)})
    if not proposal.entries:
        return {}
    found = from_profile(proposal)
    values = np.stack([curves[channel.targets[0][1]] for channel in found.channels], 1)
    return {name: column for name, column in zip(SOURCES, found.recovered(values).T, strict=True) if name in ARKIT}


def _both(neck: FloatArray, head: FloatArray) -> FloatArray:
    both = rotations.multiply(rotations.to_quaternion(neck), rotations.to_quaternion(head))
    return rotations.from_quaternion(both)


def _mean(values: Sequence[FloatArray]) -> FloatArray:
    """(T,) the mean of curves; several columns of one curve are copies on several meshes."""
    return np.asarray(np.mean([one if one.ndim == 1 else one[:, 0] for one in values], axis=0))


def _single(values: FloatArray) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
