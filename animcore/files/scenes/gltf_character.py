"""The face of a glTF document: its morph targets by name, the nodes that turn head, neck, jaw and eyes, its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.scenes.gltf import GltfDocument
from animcore.geometry import rotations
from animcore.retarget import bone_names, name_normalization
from animcore.retarget.rig_profiles import ROLES

FloatArray = NDArray[np.float64]

_STILL = np.array((1.0, 0.0, 0.0, 0.0))
_HELD = 0.5  # share of a vertex's weight that makes it one of a joint
_NEAR = 1e-5  # metres below which a shape does not move a vertex
# The eyeball follows its bone or its shape, never both; likewise the lower jaw.
_RIVALS = {"jaw": "jawOpen", "left_eye": "eyeLookUpLeft", "right_eye": "eyeLookUpRight"}


@dataclass(frozen=True)
class GltfCharacter:
    """What of a document a performance can move.

    Attributes:
        shapes: names of the morph targets of each node that shows a mesh with some.
        engine_shapes: the names of ARKit and tongue shapes, each with the targets that stand for it.
        bones: node of each role (head, neck, jaw, left_eye, right_eye), without those whose work the shapes do.
        by_shape: the roles whose bones are left because shapes do their work.
        rest: (N, 4) world rotation of every node at rest, as quaternions w, x, y, z.
        local: (N, 4) rotation of every node against its parent at rest.
        frames: (N, 4, 4) of every node in the world at rest, scale and all.
        axes: (3, 3) columns left, up, forward of the character in the world.
        notes: what was noticed, in sentences.
    """

    shapes: Mapping[int, tuple[str, ...]]
    engine_shapes: Mapping[str, tuple[str, ...]]
    bones: Mapping[str, int]
    by_shape: tuple[str, ...]
    rest: FloatArray
    local: FloatArray
    frames: FloatArray
    axes: FloatArray
    notes: tuple[str, ...] = ()

    def own_turns(self, node: int, poses: FloatArray) -> FloatArray:
        """Return (T, 4) rotations of a node against its parent for axis-angle (T, 3) in the character's axes."""
        own = poses @ self._to_own(node).T
        return rotations.continuous(rotations.multiply(self.local[node], rotations.to_quaternion(own)))

    def poses(self, node: int, turns: FloatArray) -> FloatArray:
        """Return axis-angle (T, 3) in the character's axes for quaternions (T, 4) of a node against its parent."""
        turned = rotations.multiply(rotations.inverse(self.local[node]), rotations.normalized(turns))
        own = rotations.from_quaternion(turned)
        return np.asarray(own @ self._to_own(node))

    def _to_own(self, node: int) -> FloatArray:
        """(3, 3) from the character's axes to those of a node at rest."""
        return np.asarray(rotations.quaternion_to_matrix(self.rest[node]).T @ self.axes)


def read(gltf: GltfDocument) -> GltfCharacter:
    """Find the face of a document.

    Raises:
        InputError: where its nodes or meshes are broken.
    """
    try:
        with np.errstate(all="ignore"):  # numbers of a broken file; what comes of them is checked
            return _read(gltf)
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{gltf.name} is broken: its nodes cannot be read ({error!r}).") from error


def _read(gltf: GltfDocument) -> GltfCharacter:
    nodes, places = gltf.part("nodes"), by_name(gltf)
    names = list(places)
    local = np.array([_own_rotation(node) for node in nodes]).reshape(-1, 4)
    rest, frames = _world(gltf, local)
    shapes = {index: own for index, node in enumerate(nodes) if (own := _targets(gltf, node))}
    present = list(dict.fromkeys(name for own in shapes.values() for name in own))
    engine = name_normalization.match((*ARKIT, *TONGUE), present)
    _, roles = bone_names.roles(names)
    bones = {role: places[roles[role]] for role in ROLES if role in roles}
    rivals = [role for role, node in bones.items() if _done_by_shape(gltf, shapes, engine, role, node)]
    return GltfCharacter(
        shapes=shapes,
        engine_shapes=engine,
        bones={role: node for role, node in bones.items() if role not in rivals},
        by_shape=tuple(rivals),
        rest=rest,
        local=local,
        frames=frames,
        axes=_axes(names, frames[list(places.values()), :3, 3]),
        notes=tuple(f"{gltf.name}: its shapes move the {role.replace('_', ' ')}; the bone is left." for role in rivals),
    )


def by_name(gltf: GltfDocument) -> dict[str, int]:
    """Return the node of each name; of several with one name (a mesh `head` on a bone `head`) the joint of a skin.

    Carriers stand before what they carry, whatever the order in the file: exporters write the last bone of a spine or a
    finger first, and rows of bones are read from their roots outwards.
    """
    nodes = gltf.part("nodes")
    joints = {node for skin in gltf.part("skins") for node in skin.get("joints", ())}
    found: dict[str, int] = {}
    for index in _carriers_first(nodes):
        name = str(nodes[index].get("name", f"node {index}"))
        if name not in found or (index in joints and found[name] not in joints):
            found[name] = index
    return found


def _carriers_first(nodes: Sequence[Mapping[str, Any]]) -> list[int]:
    """All nodes, each after the one that it hangs on; those under nobody, and in circles, in the order of the file."""
    children = {child for node in nodes for child in node.get("children", ())}
    waiting = [index for index in range(len(nodes)) if index not in children][::-1]
    order: dict[int, None] = {}
    while waiting:
        index = waiting.pop()
        if index not in order:
            order[index] = None
            waiting += [child for child in nodes[index].get("children", ()) if 0 <= child < len(nodes)][::-1]
    return [*order, *(index for index in range(len(nodes)) if index not in order)]


def _targets(gltf: GltfDocument, node: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the morph targets that a node shows."""
    if "mesh" not in node:
        return ()
    mesh = gltf.part("meshes")[node["mesh"]]
    targets = mesh["primitives"][0].get("targets", [])
    extras = mesh.get("extras")
    names = extras.get("targetNames") if isinstance(extras, dict) else None
    if not isinstance(names, list):  # VRM 0 keeps them with the primitive
        extras = mesh["primitives"][0].get("extras")
        names = extras.get("targetNames") if isinstance(extras, dict) else None
    if not isinstance(names, list) or len(names) != len(targets):
        names = [f"{mesh.get('name', node['mesh'])} {index}" for index in range(len(targets))]
    return tuple(map(str, names))


def _own_rotation(node: Mapping[str, Any]) -> FloatArray:
    """(4,) the rotation of a node against its parent."""
    if "matrix" not in node:
        x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
        return rotations.normalized((w, x, y, z))
    columns = np.array(node["matrix"], np.float64).reshape(4, 4).T[:3, :3]
    left, _, right = np.linalg.svd(columns)  # the nearest rotation, without scale
    return rotations.matrix_to_quaternion(left @ np.diag((1.0, 1.0, np.linalg.det(left @ right))) @ right)


def _world(gltf: GltfDocument, local: FloatArray) -> tuple[FloatArray, FloatArray]:
    """World rotation (N, 4) and frame (N, 4, 4) of every node at rest."""
    nodes = gltf.part("nodes")
    rest, frames = np.tile(_STILL, (len(nodes), 1)), np.tile(np.eye(4), (len(nodes), 1, 1))
    children = {child for node in nodes for child in node.get("children", ())}
    waiting = [(root, np.eye(4), _STILL) for root in range(len(nodes)) if root not in children]
    for _ in range(len(nodes)):  # a node under two parents, or under itself, must not turn for ever
        if not waiting:
            break
        index, above, turn = waiting.pop()
        frames[index] = above @ _matrix(nodes[index])
        rest[index] = rotations.multiply(turn, local[index])
        waiting += [(child, frames[index], rest[index]) for child in nodes[index].get("children", ())]
    return rest, frames


def _matrix(node: Mapping[str, Any]) -> FloatArray:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    result = np.eye(4)
    scale = np.array(node.get("scale", (1.0, 1.0, 1.0)), np.float64)
    result[:3, :3] = rotations.quaternion_to_matrix(_own_rotation(node)) * scale
    result[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return result


def _axes(names: list[str], places: FloatArray) -> FloatArray:
    """(3, 3) columns left, up, forward: Y is up in glTF, and left follows from the names of the nodes."""
    at = dict(zip(names, places, strict=True))
    left = sum((at[one] - at[other] for one, other in name_normalization.side_pairs(at)), np.zeros(3))
    left[1] = 0.0
    if np.linalg.norm(left) < _NEAR:
        return np.eye(3)  # along +Z, as glTF requires
    nearest = int(np.argmax(np.abs(left)))  # a skeleton's own lines lean a little
    left = np.eye(3)[nearest] * np.sign(left[nearest])
    return np.column_stack((left, (0.0, 1.0, 0.0), np.cross(left, (0.0, 1.0, 0.0))))


def _done_by_shape(
    gltf: GltfDocument,
    shapes: Mapping[int, tuple[str, ...]],
    engine: Mapping[str, tuple[str, ...]],
    role: str,
    bone: int,
) -> bool:
    """Whether a shape moves vertices that follow the bone of that role, which would move them a second time."""
    own = engine.get(_RIVALS.get(role, ""), ())
    for index, names in shapes.items():
        node = gltf.part("nodes")[index]
        if "skin" not in node or own[:1] == () or own[0] not in names:
            continue
        joints = gltf.part("skins")[node["skin"]]["joints"]
        if bone not in joints:
            continue
        for primitive in gltf.part("meshes")[node["mesh"]]["primitives"]:
            if _moves(gltf, primitive, names.index(own[0]), joints.index(bone)):
                return True
    return False


def _moves(gltf: GltfDocument, primitive: Mapping[str, Any], target: int, joint: int) -> bool:
    if "KHR_draco_mesh_compression" in primitive.get("extensions", {}):
        return False  # unknown; a bone that moves too much is visible and can be removed
    parts, weights = (gltf.accessor(primitive["attributes"][f"{name}_0"]) for name in ("JOINTS", "WEIGHTS"))
    moved = np.abs(gltf.accessor(primitive["targets"][target]["POSITION"])).max(1) > _NEAR
    return bool((moved & (((parts == joint) * weights).sum(1) > _HELD)).any())
