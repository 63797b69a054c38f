"""What a character's head is and does, measured on its evaluated meshes: the model that its captures are fitted with.

Every ARKit and tongue shape is set to 1 through the character's own rig, and every joint is turned; how far the
vertices go is the model (`animcore.body_models.blendshape_head`). So shapes, bones, drivers and modifiers all count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.body_models import blendshape_head
from animcore.body_models.blendshape_head import SHAPES, MeasuredHead
from animcore.body_models.parametric_model import ParametricModel
from animcore.body_models.pose_tracks import flame_pose
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.hybrid_head.capture_plan import CaptureExpression
from animcore.motion import Motion

from .. import object_data
from ..character import rig_reader
from ..errors import AddonError
from . import camera_rig, render_studio
from .render_studio import PROBE, Puppet, Studio

Floats = NDArray[np.float64]

_SOLID = 0.99  # opacity of a material that hides what is behind it
_AXES = (0, 1)  # of a character: what is turned about to see what follows
_ROLES = {"jaw": (2, "jaw_pose"), "left_eye": (3, "eye_pose"), "right_eye": (4, "eye_pose")}


@dataclass(frozen=True)
class Patch:
    """The triangles of one object that the model has.

    Attributes:
        thing: the object.
        count: vertices of it, evaluated.
        used: (N,) those of them that the triangles have, rising.
        faces: (F, 3) of the used ones.
        uv: (F, 3, 2).
    """

    thing: bpy.types.Object
    count: int
    used: NDArray[np.int64]
    faces: NDArray[np.int64]
    uv: NDArray[np.float32]


def measure(who: rig_reader.Character, studio: Studio, progress: Callable[[float], None]) -> MeasuredHead:
    """Measure a head.

    Args:
        who: the character.
        studio: made ready for it.
        progress: called with the fraction done.

    Raises:
        AddonError: where there is nothing to measure, or its vertices come and go.
    """
    for thing in studio.skin:
        _unwrap(thing)
    patches = [patch for thing in studio.skin if (patch := _patch(thing, _is_face(who, thing))) is not None]
    if not patches:
        raise AddonError(f"The head of {who.name!r} has no opaque triangles; give it an opaque material.")
    motion = _everything(who, studio)
    puppet = Puppet(who, motion)
    seen = []
    for row in range(motion.frame_count):
        puppet.show(row)
        seen.append(_points(patches, studio.sitter))
        progress((row + 1) / motion.frame_count)
    puppet.show(0)
    rest, shapes, turns = seen[0], np.array(seen[1 : 1 + len(SHAPES)]), seen[1 + len(SHAPES) :]
    firsts = np.cumsum([0, *(len(patch.used) for patch in patches[:-1])])
    faces = np.concatenate([patch.faces + first for patch, first in zip(patches, firsts, strict=True)])
    places = np.concatenate([patch.uv for patch in patches])
    uv, uv_faces = _shared(places, faces)
    return MeasuredHead(
        f"head of {who.name}", rest.astype(np.float32), faces, uv, uv_faces, (shapes - rest).astype(np.float32),
        _weights(who, studio, rest, turns), studio.joints.astype(np.float32),
    )  # fmt: skip


def moments(who: rig_reader.Character, faces: Sequence[CaptureExpression]) -> Motion:
    """The motion whose rows are faces: their weights, and both eyes where they look."""
    motion = render_studio.still(len(faces))
    assert motion.arkit is not None
    assert motion.eye_pose is not None
    for row, face in enumerate(faces):
        for name, weight in camera_rig.looking(face).items():
            motion.arkit[row, ARKIT_INDEX[name]] = weight
        motion.eye_pose[row] = np.radians((-face.look[1], face.look[0], 0))
    return motion


def reach(measured: MeasuredHead) -> Floats:
    """(2, 3) the corners of what the head fills when its jaw is open, which no other shape goes beyond."""
    opened = measured.vertices + measured.shapes[ARKIT_INDEX["jawOpen"]]
    both = np.concatenate([measured.vertices, opened])
    result: Floats = np.stack([both.min(0), both.max(0)]).astype(np.float64)
    return result


def error(model: ParametricModel, motion: Motion, row: int, seen: Floats) -> float:
    """Millimetres, the largest, between what a model does in a row and what was seen of the character (V, 3)."""
    expression = blendshape_head.to_expression(motion, model).expression
    assert expression is not None
    posed = model.posed(flame_pose(motion)[row : row + 1], expression[row : row + 1])[0][0]
    return float(1000 * np.linalg.norm(posed - seen, axis=1).max())


def _everything(who: rig_reader.Character, studio: Studio) -> Motion:
    """Rest, each shape at 1, and each joint turned about each of the axes."""
    motion = render_studio.still(1 + len(SHAPES) + len(_AXES) * (1 + len(_ROLES)))
    assert motion.arkit is not None
    assert motion.tongue is not None
    assert motion.head_pose is not None
    for number in range(len(SHAPES)):
        track, column = (motion.arkit, number) if number < len(ARKIT) else (motion.tongue, number - len(ARKIT))
        track[1 + number, column] = 1.0
    row = 1 + len(SHAPES)
    for axis in _AXES:
        motion.head_pose[row, axis] = PROBE
        row += 1
    for joint, name in _ROLES.values():
        for axis in _AXES:
            track = getattr(motion, name)
            (track[row, joint - 3] if name == "eye_pose" else track[row])[axis] = PROBE
            row += 1
    return motion


def _points(patches: Sequence[Patch], sitter: camera_rig.Sitter) -> Floats:
    """(V, 3) the vertices of the model as they are, in the capture."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    parts = []
    for patch in patches:
        places = render_studio.positions(patch.thing, depsgraph)
        if len(places) != patch.count:
            raise AddonError(
                f"The modifiers of {patch.thing.name!r} change its vertices with its expression; apply them, or "
                "disable them in renders."
            )
        parts.append(places[patch.used])
    to_capture = np.array(sitter.to_capture)
    result: Floats = np.concatenate(parts) @ to_capture[:3, :3].T + to_capture[:3, 3]
    return result


def seen_now(who: rig_reader.Character, studio: Studio) -> Floats:
    """(V, 3) where the character's vertices are now that the model has, in the capture."""
    patches = [patch for thing in studio.skin if (patch := _patch(thing, _is_face(who, thing))) is not None]
    return _points(patches, studio.sitter)


def _weights(who: rig_reader.Character, studio: Studio, rest: Floats, turned: Sequence[Floats]) -> NDArray[np.float32]:
    """(V, 5) how vertices follow the joints, as linear blend skinning has it."""
    axes = np.eye(3)[:, [0, 2, 1]] * (1, -1, 1)  # the capture's own axes are the character's
    follows = np.zeros((len(rest), 5))
    for number, joint in enumerate((1, *(joint for joint, _ in _ROLES.values()))):
        above = below = np.zeros(len(rest))
        for place, axis in enumerate(_AXES):
            turn = render_studio.turned_about(axis, axes)
            part = render_studio.share_of_turn(turned[2 * number + place], rest, studio.joints[joint], turn)
            above, below = above + part[0], below + part[1]
        follows[:, joint] = np.clip(above / np.maximum(below, 1e-12), 0, 1)
    if not studio.head_bones:
        follows[:, 1] = 1.0  # a head without a skeleton turns as a whole
    small = follows[:, 2:]
    small /= np.maximum(small.sum(1, keepdims=True), 1)
    follows[:, 1] = np.clip(follows[:, 1], small.sum(1), 1) - small.sum(1)
    follows[:, 0] = 1 - follows[:, 1:].sum(1)
    return follows.astype(np.float32)


def _is_face(who: rig_reader.Character, thing: bpy.types.Object) -> bool:
    return any(face.mesh == thing for face in who.faces)


def _patch(thing: bpy.types.Object, is_face: bool) -> Patch | None:
    """The triangles of an object, but for those of glassy materials: lashes and the like are no surface."""
    mesh = object_data.mesh(thing.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    corners, loops, slots = np.empty(3 * count, np.int32), np.empty(3 * count, np.int32), np.empty(count, np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    mesh.loop_triangles.foreach_get("loops", loops)
    mesh.loop_triangles.foreach_get("material_index", slots)
    glassy = [is_glassy(slot.material) for slot in thing.material_slots] or [False]
    chosen = ~np.array(glassy)[np.minimum(slots, len(glassy) - 1)]
    if is_face and not chosen.any():
        chosen[:] = True  # a skin whose opacity comes from an image is a skin
    if not chosen.any():
        return None
    uv = np.zeros((len(mesh.loops), 2), np.float32)
    layer = next((one for one in mesh.uv_layers if one.active_render), None)
    if layer is not None:
        layer.uv.foreach_get("vector", uv.ravel())
    used, faces = np.unique(corners.reshape(-1, 3)[chosen], return_inverse=True)
    places = uv[loops.reshape(-1, 3)[chosen]]
    return Patch(thing, len(mesh.vertices), used.astype(np.int64), faces.reshape(-1, 3).astype(np.int64), places)


def is_glassy(material: bpy.types.Material | None) -> bool:
    """Whether what is behind a material may be seen through it."""
    nodes = material.node_tree.nodes if material is not None and material.node_tree is not None else ()
    for node in nodes:
        if node.type == "BSDF_TRANSPARENT" and node.outputs[0].is_linked:
            return True
        if node.type == "BSDF_PRINCIPLED":
            opacity, glass = node.inputs["Alpha"], node.inputs["Transmission Weight"]
            if opacity.is_linked or opacity.default_value < _SOLID or glass.default_value > 1 - _SOLID:
                return True
    return False


def _shared(places: NDArray[np.float32], faces: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Places (F, 3, 2) of corners as few places (U, 2) and their numbers (F, 3): one vertex with one place is one."""
    keys = np.concatenate([faces.reshape(-1, 1), np.round(places.reshape(-1, 2), 5)], 1)
    _, first, numbers = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return places.reshape(-1, 2)[first], numbers.reshape(-1, 3).astype(np.int64)


def _unwrap(thing: bpy.types.Object) -> None:
    """Give a mesh that has none a layout for a texture."""
    if len(object_data.mesh(thing).uv_layers):
        return
    bpy.context.view_layer.objects.active = thing
    for other in bpy.context.selected_objects:
        other.select_set(False)  # what is selected is edited with it, and loses a layout of its own
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.reveal()
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project()
    bpy.ops.object.mode_set(mode="OBJECT")
