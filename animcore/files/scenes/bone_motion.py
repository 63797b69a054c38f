"""What the bones of a file do, by name, without any retargeting: for the comparison with what was meant.

Turns and displacements are from rest, each against the bone above, in the axes of the world with Z up, as
`blender_addon/export/bone_motion.py` gives them for a character in Blender.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.files.scenes import gltf_character
from animcore.files.scenes.gltf import GltfDocument
from animcore.files.scenes.gltf_animation import GltfAnimation
from animcore.files.scenes.gltf_character import GltfCharacter
from animcore.geometry import rotations

FloatArray = NDArray[np.floating[Any]]

_Z_UP = np.array(((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)))  # from glTF's axes, Y up


@dataclass(frozen=True)
class BoneMotion:
    """Turns (T, B, 4), unit quaternions w, x, y, z, and shifts (T, B, 3), metres, of B bones by name."""

    names: tuple[str, ...]
    turns: FloatArray
    shifts: FloatArray

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> BoneMotion:
        """Take what the extension wrote: `bones`, `turns` and `shifts`."""
        return cls(tuple(map(str, arrays["bones"])), arrays["turns"], arrays["shifts"])

    def errors(self, found: BoneMotion, least: float) -> tuple[dict[str, float], str | None]:
        """Compare with the same bones of a file; a bone that moves less than `least` need not be there.

        Returns:
            The largest difference of `turns` (of their matrices, as good as radians) and of `shifts` (metres), and a
            bone that moves and is absent.
        """
        there = {_plain(name): index for index, name in enumerate(found.names)}
        worst = {"turns": 0.0, "shifts": 0.0}
        for index, name in enumerate(self.names):
            turned = rotations.quaternion_to_matrix(self.turns[:, index])
            moves = float(np.abs(turned - np.eye(3)).max(initial=0.0)) > least
            moves = moves or float(np.abs(self.shifts[:, index]).max(initial=0.0)) > least
            other = there.get(_plain(name))
            if other is None and moves:
                return worst, name
            if other is not None:
                back = rotations.quaternion_to_matrix(found.turns[:, other])
                worst["turns"] = max(worst["turns"], float(np.abs(turned - back).max(initial=0.0)))
                away = np.linalg.norm(self.shifts[:, index] - found.shifts[:, other], axis=-1)
                worst["shifts"] = max(worst["shifts"], float(away.max(initial=0.0)))
        return worst, None


def of_gltf(document: GltfDocument, who: GltfCharacter, clip: GltfAnimation, count: int) -> BoneMotion:
    """Return what the nodes of a document do in an animation of `count` frames; of several with one name the joint."""
    nodes, named = document.part("nodes"), gltf_character.by_name(document)
    above = {child: index for index, node in enumerate(nodes) for child in node.get("children", ())}
    turns = np.tile(np.array((1.0, 0.0, 0.0, 0.0), np.float32), (count, len(nodes), 1))
    shifts = np.zeros((count, len(nodes), 3), np.float32)
    for (node, path), values in clip.values.items():
        if path == "rotation":
            own = rotations.multiply(rotations.inverse(who.local[node]), rotations.normalized(values))
            turned = rotations.multiply(rotations.multiply(who.rest[node], own), rotations.inverse(who.rest[node]))
            turns[:, node, 0], turns[:, node, 1:] = turned[:, 0], turned[:, 1:] @ _Z_UP.T
        elif path == "translation":
            base = who.frames[above[node]][:3, :3] if node in above else np.eye(3)
            still = np.array(nodes[node].get("translation", (0.0, 0.0, 0.0)), np.float64)
            shifts[:, node] = (values - still) @ (_Z_UP @ base).T
    own_nodes = list(named.values())
    return BoneMotion(tuple(named), turns[:, own_nodes], shifts[:, own_nodes])


def _plain(name: str) -> str:
    """A bone's name as any format writes it: USD has no dots and spaces."""
    return re.sub(r"\W", "_", name)
