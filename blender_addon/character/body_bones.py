"""Body motion on the bones of any known skeleton: what the engine's retargeting needs of an armature, and the keys.

Control rigs (Rigify, Auto-Rig Pro) connect their bones by constraints rather than by parents: there every control is
turned a little to see which others it carries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, open_body_joints, place_on_ground, unknown_fingers
from animcore.motion import Motion
from animcore.retarget.skeleton_retarget import Skeleton, SkeletonRetargeter

from .. import id_properties, object_data
from ..scene import bone_rotations
from . import head_bones

Array = NDArray[np.floating[Any]]
Sampled = Callable[[bpy.types.PoseBone], Array]

_TRIAL = 0.2  # radians that a control is turned by
_CARRIED = 0.4  # of a turn that has to arrive; some necks follow the chest by half
_SWITCH = "IK_FK"  # Rigify's property: 0 the limb hangs on its hand or foot, 1 it turns joint by joint


@dataclass(frozen=True)
class Body:
    """The bones of an armature that stand for joints, and how a pose gets onto them."""

    bones: tuple[str, ...]
    retarget: SkeletonRetargeter
    notes: tuple[str, ...]
    left: frozenset[str] = frozenset()  # bones that other animation moves

    @property
    def root(self) -> str | None:
        """The bone that moves the character through the world; None where it has none, or other animation moves it."""
        name = self.bones[self.retarget.root] if self.retarget.root is not None else None
        return name if name not in self.left else None

    @property
    def moved(self) -> set[str]:
        """The bones that take part."""
        return {self.bones[bone.index] for bone in self.retarget.bones} - self.left

    def of(self, *joints: str) -> set[str]:
        """Return the bones that stand for some joints."""
        return {self.bones[bone.index] for bone in self.retarget.bones if bone.joint in joints}

    def without(self, names: Iterable[str]) -> Body:
        """Return the same body without some bones, which other animation moves."""
        return replace(self, left=self.left | frozenset(names))

    def shown(self, motion: Motion) -> tuple[Array, Array | None]:
        """Return what the bones can show of a motion's body: (T, 55, 3) and, where it goes somewhere, (T, 3)."""
        pose, way = self.retarget.from_bones(*self._on_bones(motion))
        return pose, way if self.root is not None and motion.translation is not None else None

    def turns(self, motion: Motion) -> tuple[dict[str, Array], Array]:
        """Return (T, 4) quaternions by bone from its rest, and (T, 3) the root's location, in the bones' own axes.

        The motion's own tracks of head and neck stand in the place of the body's. Of a hand whose fingers are at 0 all
        the time (strength of hands 0, files without hands) nothing is known: its fingers keep their pose.
        """
        quaternions, location = self._on_bones(motion)
        assert motion.body_pose is not None
        moved = self.moved - self.of(*unknown_fingers(motion.body_pose))
        return {name: quaternions[:, index] for index, name in enumerate(self.bones) if name in moved}, location

    def _on_bones(self, motion: Motion) -> tuple[Array, Array]:
        """(T, B, 4) quaternions of all bones, and (T, 3) the root's location."""
        poses = np.array(motion.body_pose)
        if motion.head_pose is not None:
            poses[:, INDEX["head"]], poses[:, INDEX["neck"]] = bone_rotations.split(
                motion.head_pose, motion.neck_pose, has_head=True, has_neck=True
            )
        way = place_on_ground(poses, motion.translation) if motion.translation is not None else None
        return self.retarget.to_bones(poses, way)


def poses(found: Body, armature: bpy.types.Object, turned: Sampled, placed: Sampled) -> tuple[Array, Array | None]:
    """Undo `Body.turns`: return (T, 55, 3) axis-angle, and (T, 3) the way where there is a root that goes it.

    Args:
        found: the armature's body.
        armature: whose bones are asked for.
        turned: gives (T, 3) the axis-angle of a bone in its own axes.
        placed: gives (T, 3) a bone's location.
    """
    bones = [object_data.pose_bones(armature)[name] for name in found.bones]
    turns = np.stack([bone_rotations.quaternions(turned(bone)) for bone in bones], 1)
    location = np.zeros((len(turns), 3))
    if found.root is not None:
        root = object_data.pose_bones(armature)[found.root]
        location = placed(root)
        if not root.bone.use_local_location:
            location = location @ np.array(root.bone.matrix_local.to_3x3())
    body, way = found.retarget.from_bones(turns, location)
    return body, way if found.root is not None else None


def read(armature: bpy.types.Object) -> Body | None:
    """Read the body of an armature; None where it has no bones of a known skeleton."""
    bones = _in_order(armature)
    found = head_bones.body(armature)
    if not found.chains:
        return None
    used = {name for names in (*found.chains.values(), *found.twists.values(), found.spine) for name in names}
    constrained = any(object_data.pose_bones(armature)[bone.name].constraints for bone in bones)
    parents = _carriers(armature, [bone.name for bone in bones if bone.name in used]) if constrained else {}
    names = [bone.name for bone in bones if not parents or bone.name in used]
    names = _parents_first(names, parents) if parents else names
    above = {bone.name: _turned_by(bone) for bone in bones} | parents
    place = {name: index for index, name in enumerate(names)}
    to_engine = np.eye(4)
    to_engine[:3, :3] = head_bones.character_axes(armature).T
    rest = np.stack([to_engine @ np.array(object_data.bones(armature)[name].matrix_local) for name in names])
    target = Skeleton(tuple(names), tuple(place.get(above[name] or "", -1) for name in names), rest)
    retarget = SkeletonRetargeter(target, found, open_body_joints(), _points(armature) @ to_engine[:3, :3].T)
    root = object_data.bones(armature)[names[retarget.root]] if retarget.root is not None else None
    return Body(tuple(names), retarget, (*found.lacks, *_root_notes(root), *_switch_notes(armature)))


def _points(armature: bpy.types.Object) -> Array:
    """(V, 3) the vertices at rest of the meshes that an armature moves, in its own axes."""
    found = [np.zeros((0, 3))]
    for mesh in bpy.context.scene.objects:
        if mesh.type == "MESH" and any(one.object == armature for one in object_data.armature_modifiers(mesh)):
            own = np.empty(3 * len(object_data.mesh(mesh).vertices), np.float32)
            object_data.mesh(mesh).vertices.foreach_get("co", own)
            to_armature = np.array(armature.matrix_world.inverted_safe() @ mesh.matrix_world)
            found.append(own.reshape(-1, 3) @ to_armature[:3, :3].T + to_armature[:3, 3])
    return np.concatenate(found)


def _turned_by(bone: bpy.types.Bone) -> str | None:
    """The bone that turns another as its parent."""
    return bone.parent.name if bone.parent is not None and bone.use_inherit_rotation else None


def _in_order(armature: bpy.types.Object) -> list[bpy.types.Bone]:
    """All bones, parents before their children."""
    found, waiting = [], [bone for bone in object_data.bones(armature) if bone.parent is None]
    while waiting:
        bone = waiting.pop()
        found.append(bone)
        waiting += bone.children
    return found


def _carriers(armature: bpy.types.Object, names: list[str]) -> dict[str, str | None]:
    """Which bone carries each bone as a parent would: of all that turn it, the one that is itself turned by most."""
    controls = object_data.pose_bones(armature)
    kept = {bone.name: bone.matrix_basis.copy() for bone in controls}
    switches = {bone.name: bone[_SWITCH] for bone in controls if isinstance(bone.get(_SWITCH), (int, float))}
    carried: dict[str, set[str]] = {name: set() for name in names}
    try:
        for bone in controls:
            bone.matrix_basis = Matrix()
        _switch(armature, dict.fromkeys(switches, 1.0))  # the joints count that the limbs will hang on
        still = _orientations(armature, names)
        for name in names:
            controls[name].matrix_basis = Matrix.Rotation(_TRIAL, 4, "X")
            for other, turned in _orientations(armature, names).items():
                if other != name and _angle(still[other], turned) > _TRIAL * _CARRIED:
                    carried[other].add(name)
            controls[name].matrix_basis = Matrix()
    finally:
        for bone in controls:
            bone.matrix_basis = kept[bone.name]
        _switch(armature, switches)
        bpy.context.view_layer.update()
    return {name: max(above, key=lambda one: len(carried[one]), default=None) for name, above in carried.items()}


def _switch(armature: bpy.types.Object, values: dict[str, float]) -> None:
    """Set the switches between IK and FK."""
    for name, value in values.items():
        object_data.pose_bones(armature)[name][_SWITCH] = value
    armature.update_tag()


def _orientations(armature: bpy.types.Object, names: list[str]) -> dict[str, Array]:
    bpy.context.view_layer.update()
    bones = object_data.pose_bones(armature.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    return {name: np.array(bones[name].matrix.to_3x3().normalized()) for name in names}


def _angle(first: Array, second: Array) -> float:
    cosine = (np.trace(first.T @ second) - 1.0) / 2.0
    return math.acos(min(max(cosine, -1.0), 1.0))


def _parents_first(names: list[str], parents: dict[str, str | None]) -> list[str]:
    """The names in an order in which whatever carries a bone stands before it."""
    ordered: list[str] = []

    def put(name: str) -> None:
        if name not in ordered:
            above = parents[name]
            if above is not None:
                put(above)
            ordered.append(name)

    for name in names:
        put(name)
    return ordered


def _root_notes(root: bpy.types.Bone | None) -> list[str]:
    """A root that cannot leave its place."""
    if root is None or not (root.use_connect and root.parent is not None):
        return []
    return [
        f"{root.name!r} is connected to {root.parent.name!r}, so the body rotates but cannot move; "
        "disconnect it in Edit Mode to let it walk."
    ]


def _switch_notes(armature: bpy.types.Object) -> list[str]:
    """Limbs that hang on their hands and feet do not show the keys of their joints."""
    hanging = [bone.name for bone in object_data.pose_bones(armature) if id_properties.number(bone, _SWITCH, 1.0) < 0.5]
    if not hanging:
        return []
    return [f"{', '.join(hanging)}: {_SWITCH} is at IK, so that the joints' keys do not show; set it to 1 (FK)."]
