"""The body of a glTF document: the nodes that stand for joints, turned from the pose that the skin was bound in.

Nodes often stand in some other pose than that one (arms down, one foot forward), which is no rest pose to judge limbs
by. So the skin's rest pose of a joint comes first; nodes without a skin keep their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import open_body_joints
from animcore.files.scenes import gltf_character
from animcore.files.scenes.gltf import GltfDocument
from animcore.files.scenes.gltf_animation import Target
from animcore.files.scenes.gltf_character import GltfCharacter
from animcore.geometry import rotations
from animcore.retarget import bone_names
from animcore.retarget.bone_names import BoneNames
from animcore.retarget.skeleton_retarget import Skeleton, SkeletonRetargeter

FloatArray = NDArray[np.float64]

_LEAST = {"pelvis", "left_hip", "right_hip", "left_shoulder", "right_shoulder"}
_NO_SIZE = 1e-12  # determinant below which a matrix is broken
_QUARTERS = [
    np.eye(3)[list(axes)] * np.array(signs)[:, None]
    for axes in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
    if np.linalg.det(np.eye(3)[list(axes)] * np.array(signs)[:, None]) > 0
]


@dataclass(frozen=True)
class GltfSkeleton:
    """What of a document is a body.

    Attributes:
        nodes: (B) the node of each bone of the skeleton.
        retarget: onto them.
        local: (B, 4) rotation of each node against its parent in the bound pose, w, x, y, z.
        still: (B, 4) the same as the nodes stand.
        root_axes: (3, 3) the root's own axes in the character's.
        place: (3,) where the root stands against its parent.
        to_parent: (3, 3) from the character's axes, in metres, to the space of the root's parent.
    """

    nodes: tuple[int, ...]
    retarget: SkeletonRetargeter
    local: FloatArray
    still: FloatArray
    root_axes: FloatArray
    place: FloatArray
    to_parent: FloatArray

    def values(
        self, pose: NDArray[Any], translation: NDArray[Any] | None, joints: Collection[str]
    ) -> dict[Target, FloatArray]:
        """Return what the nodes do: rotations (T, 4), and places (T, 3) of the root where there is a translation.

        Args:
            pose: (T, 55, 3) axis-angle.
            translation: (T, 3) metres, as `kinematics.place_on_ground` gives it, or None.
            joints: those of the retarget that are moved; the others keep how they stand.
        """
        turns, location = self.retarget.to_bones(pose, translation)
        found: dict[Target, FloatArray] = {}
        for bone in self.retarget.bones:
            if bone.joint in joints:
                own = rotations.multiply(self.local[bone.index], turns[:, bone.index])
                found[self.nodes[bone.index], "rotation"] = rotations.continuous(own)
        if translation is not None and "pelvis" in joints:
            moved = location @ self.root_axes.T
            found[self.root, "translation"] = self.place + moved @ self.to_parent.T
        return found

    @property
    def root(self) -> int:
        """The node that carries the character through the world."""
        assert self.retarget.root is not None
        return self.nodes[self.retarget.root]

    def poses(self, values: Mapping[Target, FloatArray], count: int) -> tuple[FloatArray, FloatArray | None]:
        """Undo `values`: (T, 55, 3) axis-angle, and (T, 3) metres where the root moves."""
        turns = np.empty((count, len(self.nodes), 4))
        for index, node in enumerate(self.nodes):
            own = values.get((node, "rotation"), self.still[index])
            turns[:, index] = rotations.multiply(rotations.inverse(self.local[index]), rotations.normalized(own))
        location, walks = np.zeros((count, 3)), (self.root, "translation") in values
        if walks:
            moved = (values[self.root, "translation"] - self.place) @ np.linalg.inv(self.to_parent).T
            location = moved @ self.root_axes
        pose, translation = self.retarget.from_bones(turns, location)
        return pose, translation if walks else None

    @property
    def moving(self) -> set[int]:
        """The nodes that take part."""
        return {self.nodes[bone.index] for bone in self.retarget.bones}

    def moved(self, values: Mapping[Target, FloatArray]) -> set[str]:
        """Return the joints whose nodes all have keys."""
        absent = {bone.joint for bone in self.retarget.bones if (self.nodes[bone.index], "rotation") not in values}
        return set(self.retarget.joints) - absent


def read(gltf: GltfDocument, who: GltfCharacter) -> GltfSkeleton | None:
    """Find the body of a document; None where it has no bones of a known skeleton.

    Raises:
        InputError: where its skins are broken.
    """
    nodes = gltf.part("nodes")
    names = [str(node.get("name", f"node {index}")) for index, node in enumerate(nodes)]
    named = gltf_character.by_name(gltf)
    found = bone_names.find(list(named))
    if not found.chains.keys() >= _LEAST:
        return None
    used = {named[name] for name in _all_names(found)}
    above = {child: index for index, node in enumerate(nodes) for child in node.get("children", ())}
    order = _carriers_first(used, above)
    bound = _bound(gltf)
    whole = next((_whole(who.frames[node], bound[node]) for node in order if node in used and node in bound), np.eye(4))
    rest = _rest(who, order, {node: whole @ np.linalg.inv(bound[node]) for node in used & bound.keys()}, above)
    to_engine = np.eye(4)
    to_engine[:3, :3] = who.axes.T
    place = {node: index for index, node in enumerate(order)}
    parents = tuple(place.get(above.get(node, -1), -1) for node in order)
    target = Skeleton(
        tuple(names[node] for node in order), parents, np.stack([to_engine @ rest[node] for node in order])
    )
    points = _points(gltf) @ whole[:3, :3].T + whole[:3, 3]
    retarget = SkeletonRetargeter(target, found, open_body_joints(), points @ who.axes)
    if retarget.root is None:
        return None
    root = order[retarget.root]
    carrier = who.frames[above[root]][:3, :3] if root in above else np.eye(3)
    return GltfSkeleton(
        nodes=tuple(order),
        retarget=retarget,
        local=rotations.matrix_to_quaternion(np.stack([_against(rest, node, above.get(node)) for node in order])),
        still=who.local[order],
        root_axes=who.axes.T @ rest[root][:3, :3],
        place=(np.linalg.inv(who.frames[above[root]]) if root in above else np.eye(4))[:3] @ who.frames[root][:, 3],
        to_parent=np.linalg.inv(carrier) @ who.axes,
    )


def _all_names(found: BoneNames) -> set[str]:
    return {name for names in (*found.chains.values(), *found.twists.values(), found.spine) for name in names}


def _carriers_first(used: set[int], above: Mapping[int, int]) -> list[int]:
    """The nodes that are used and all above them, each after the one that it hangs on."""
    order: dict[int, None] = {}
    for node in sorted(used):
        way = [node]
        while (carrier := above.get(way[-1])) is not None and carrier not in order and carrier not in way:
            way.append(carrier)
        order |= dict.fromkeys(reversed(way))
    return list(order)


def _rest(
    who: GltfCharacter, order: list[int], bound: Mapping[int, FloatArray], above: Mapping[int, int]
) -> dict[int, FloatArray]:
    """(4, 4) of each node in the world, without scale: bones as the skin was bound to them, others as they stand."""
    found: dict[int, FloatArray] = {}
    for node in order:
        own, carrier = np.eye(4), above.get(node)
        if node in bound:
            placed = bound[node]
            own[:3, :3], own[:3, 3] = placed[:3, :3] / np.linalg.norm(placed[:3, :3], axis=0), placed[:3, 3]
        elif carrier is None:
            own[:3, :3], own[:3, 3] = rotations.quaternion_to_matrix(who.rest[node]), who.frames[node][:3, 3]
        else:
            swung = found[carrier][:3, :3] @ rotations.quaternion_to_matrix(who.rest[carrier]).T
            own[:3, :3] = found[carrier][:3, :3] @ rotations.quaternion_to_matrix(who.local[node])
            own[:3, 3] = found[carrier][:3, 3] + swung @ (who.frames[node] - who.frames[carrier])[:3, 3]
        found[node] = own
    return found


def _bound(gltf: GltfDocument) -> dict[int, FloatArray]:
    """The inverse bind matrix (4, 4) of every joint of a skin."""
    found: dict[int, FloatArray] = {}
    for skin in gltf.part("skins"):
        if "inverseBindMatrices" in skin:
            matrices = gltf.accessor(skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
            for node, matrix in zip(skin["joints"], matrices, strict=False):
                if abs(np.linalg.det(matrix)) > _NO_SIZE:
                    found.setdefault(node, matrix)
    return found


def _points(gltf: GltfDocument) -> FloatArray:
    """(V, 3) the vertices of all skinned meshes, in the space that they were bound in."""
    found = [np.zeros((0, 3))]
    for node in gltf.part("nodes"):
        for primitive in gltf.part("meshes")[node["mesh"]]["primitives"] if {"skin", "mesh"} <= node.keys() else ():
            if "KHR_draco_mesh_compression" not in primitive.get("extensions", {}):
                found.append(gltf.accessor(primitive["attributes"]["POSITION"]))
    return np.concatenate(found)


def _whole(frame: FloatArray, bound: FloatArray) -> FloatArray:
    """(4, 4) from the space that a skin was bound in to the world, by where its root bone stands.

    The bone may be turned by a pose, and the skin as a whole only by quarter turns: those remain.
    """
    turn = (frame @ bound)[:3, :3]
    size = np.cbrt(abs(np.linalg.det(turn)))
    straight = min(_QUARTERS, key=lambda quarter: -float(np.sum(quarter * turn)))
    found = np.eye(4)
    found[:3, :3] = size * straight
    found[:3, 3] = frame[:3, 3] - found[:3, :3] @ np.linalg.inv(bound)[:3, 3]
    return found


def _against(rest: Mapping[int, FloatArray], node: int, carrier: int | None) -> FloatArray:
    """(3, 3) the rotation of a node against its parent."""
    own = rest[node][:3, :3]
    return own if carrier is None else np.asarray(rest[carrier][:3, :3].T @ own)
