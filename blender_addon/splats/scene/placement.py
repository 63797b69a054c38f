"""Where Gaussians are now: a frame for those that stand in the world, and one for every triangle that carries some.

A frame takes a Gaussian from where its file has it into Blender's world. The frames of triangles are those of the
engine (`animcore.gaussians.triangle_binding`), of the mesh as Blender has evaluated it: armatures, shapes and drivers
included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.gaussians import triangle_binding

from ... import object_data
from ...errors import AddonError
from . import camera_view
from .file_cache import Cloud

Frames = NDArray[np.float64]

# what moves the vertices of a mesh and leaves their number and order alone
_DEFORMING = {
    "ARMATURE", "CAST", "CORRECTIVE_SMOOTH", "CURVE", "DATA_TRANSFER", "DISPLACE", "HOOK", "LAPLACIANDEFORM",
    "LAPLACIANSMOOTH", "LATTICE", "MESH_CACHE", "MESH_DEFORM", "MESH_SEQUENCE_CACHE", "NORMAL_EDIT", "SHRINKWRAP",
    "SIMPLE_DEFORM", "SMOOTH", "SURFACE_DEFORM", "UV_PROJECT", "UV_WARP", "VERTEX_WEIGHT_EDIT", "VERTEX_WEIGHT_MIX",
    "VERTEX_WEIGHT_PROXIMITY", "VOLUME_DISPLACE", "WARP", "WAVE", "WEIGHTED_NORMAL",
}  # fmt: skip
_SUBDIVIDING = {"SUBSURF", "MULTIRES"}  # keep the vertices of the mesh before those they add
_FROM_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])  # the engine's axes -> Blender's


@dataclass(frozen=True, eq=False)
class Placed:
    """A cloud as it stands or is carried in one moment.

    Attributes:
        cloud: of the file.
        frames: (F, 3, 4) from the file's places into Blender's world, one for each of `Cloud.frames_used`.
        turn: (3, 3) from directions in Blender's world to those of its colours.
    """

    cloud: Cloud
    frames: Frames
    turn: NDArray[np.float64]


def slack(placed: Sequence[Placed]) -> float:
    """Metres that Gaussians may lie behind a mesh and still be visible: the largest value of the clouds."""
    return max((one.cloud.slack for one in placed), default=0.0)


def standing(cloud: Cloud, place: Any) -> Placed:
    """Return a cloud that stands where an object of a matrix (4, 4) does."""
    to_world = camera_view.matrix(place) @ _FROM_Y_UP
    return Placed(cloud, to_world[None, :3], _turn(to_world))


def carried(cloud: Cloud, carrier: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Placed:
    """Return a cloud that the triangles of a mesh carry, as the mesh is now.

    Raises:
        AddonError: where the mesh cannot carry it.
    """
    evaluated = carrier.evaluated_get(depsgraph)
    faces = cloud.faces if cloud.faces is not None else triangles(object_data.mesh(carrier))
    most = int(cloud.frames_used[-1])
    if most >= len(faces):
        raise AddonError(
            f"The splats are bound to triangles up to {most}, and {carrier.name!r} has {len(faces)}; "
            "choose the mesh that they were made for."
        )
    used = faces[cloud.frames_used]
    places = _vertices(evaluated, carrier, int(used.max()))
    to_world = camera_view.matrix(evaluated.matrix_world)
    found = triangle_binding.frames(places @ to_world[:3, :3].T + to_world[:3, 3], used)
    grown = found.rotations * found.sizes[:, None, None]
    return Placed(cloud, np.concatenate((grown, found.origins[:, :, None]), 2), _turn(to_world @ _FROM_Y_UP))


def triangles(mesh: bpy.types.Mesh) -> NDArray[np.int64]:
    """(F, 3) vertices of the triangles of a mesh as it was modelled: no pose changes which they are."""
    key = (mesh.session_uid, len(mesh.vertices), len(mesh.polygons), len(mesh.loops))
    found = _triangles.get(key)
    if found is None:
        mesh.calc_loop_triangles()
        flat = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("vertices", flat)
        found = _triangles[key] = flat.reshape(-1, 3).astype(np.int64)
    return found


_triangles: dict[tuple[int, ...], NDArray[np.int64]] = {}


def forget() -> None:
    """Let the triangles go."""
    _triangles.clear()


def _vertices(evaluated: bpy.types.Object, carrier: bpy.types.Object, last: int) -> NDArray[np.float32]:
    """(V, 3) of the mesh as it is evaluated, in its own space, in the order in which it was modelled."""
    mesh = object_data.mesh(evaluated)
    count, modelled = len(mesh.vertices), len(object_data.mesh(carrier).vertices)
    if count != modelled and not _keeps_vertices(carrier, count, modelled):
        raise AddonError(
            f"The modifiers of {carrier.name!r} make {count} vertices of its {modelled}, so its splats cannot "
            "follow; disable those that add or remove vertices (subdivision may stay)."
        )
    if last >= modelled or "position" not in mesh.attributes or len(object_data.vectors(mesh, "position")) != count:
        raise AddonError(f"{carrier.name!r} cannot be read now; leave Edit Mode, or choose another mesh.")
    flat = np.empty(count * 3, np.float32)
    object_data.vectors(mesh, "position").foreach_get("vector", flat)
    return flat.reshape(-1, 3)


def _keeps_vertices(carrier: bpy.types.Object, count: int, modelled: int) -> bool:
    kinds = {one.type for one in carrier.modifiers if one.show_viewport or one.show_render}
    return count > modelled and kinds <= _DEFORMING | _SUBDIVIDING


def _turn(to_world: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation from the world into a space, without its scale."""
    first, _, last = np.linalg.svd(to_world[:3, :3])
    return np.asarray((first @ last).T)
