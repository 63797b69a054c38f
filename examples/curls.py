"""Curled hair of Gaussians for the default character, bound to its scalp: a file to try the preview with.

    python examples/curls.py curls.ply [--strands 2500]

Needs the extra `blender`. Then, in Blender: Add Default Character, hide its hair, select its skin, Splats > Add Splats.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import bpy
import numpy as np

import blender_addon
from animcore.files.avatars import open_any_splats
from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians
from blender_addon.splats.scene import placement

PIECES = 36  # Gaussians of a strand
LENGTH, CURL, TURNS = 0.11, 0.009, 3.5  # metres of a strand, of the radius of its curls, and how often it turns
THICK = 0.0007  # metres


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Grow curls of Gaussians on the default character's scalp.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--strands", type=int, default=2500)
    options = parser.parse_args()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    blender_addon.register()
    bpy.ops.animcore.add_character()
    skin, hair = bpy.data.objects["Animcore Skin"], bpy.data.objects["Animcore Hair"]
    curls = grown(points(skin), placement.triangles(skin.data), points(hair), options.strands)
    open_any_splats.save(curls, options.out)
    print(f"{options.out}: {curls.count:,} Gaussians on the triangles of {skin.name!r}")
    blender_addon.unregister()


def points(thing: bpy.types.Object) -> np.ndarray:
    """(V, 3) of a mesh at rest, in the world."""
    return np.array([thing.matrix_world @ one.co for one in thing.data.vertices])


def grown(skin: np.ndarray, faces: np.ndarray, hair: np.ndarray, strands: int) -> Gaussians:
    """Grow strands where the mesh of the hair covers the skin.

    Args:
        skin: (V, 3) vertices.
        faces: (F, 3) its triangles.
        hair: (H, 3) vertices of the hair that is there.
        strands: how many.
    """
    rng = np.random.default_rng(0)
    mesh = triangle_binding.frames(skin, faces)
    cells = {tuple(cell) for cell in np.floor(hair / 0.012).astype(int)}  # where there is hair, in cubes of 12 mm
    near = np.array([tuple(cell) in cells for cell in np.floor(mesh.origins / 0.012).astype(int)])
    scalp = np.flatnonzero(near & (mesh.origins[:, 2] > hair[:, 2].min() + 0.03))
    roots = rng.choice(scalp, strands, p=mesh.sizes[scalp] ** 2 / (mesh.sizes[scalp] ** 2).sum())
    along = paths(mesh.origins[roots], mesh.rotations[roots][:, :, 1], rng)
    middles = (along[:, 1:] + along[:, :-1]) / 2
    steps = along[:, 1:] - along[:, :-1]
    lengths = np.linalg.norm(steps, axis=2)
    third = np.cross(steps, (0.3, 0.5, 0.8))
    third /= np.linalg.norm(third, axis=2, keepdims=True)
    first = steps / lengths[:, :, None]
    turns = np.stack((first, third, np.cross(first, third)), -1).reshape(-1, 3, 3)
    scales = np.stack((lengths * 0.6, np.full_like(lengths, THICK), np.full_like(lengths, THICK)), -1)
    count = middles.shape[0] * PIECES
    harmonics = np.zeros((count, 4, 3))
    tone = np.repeat(rng.normal(1, 0.18, (strands, 1)), PIECES, 1) * np.linspace(0.55, 1.25, PIECES)
    shine = np.clip(np.sin(np.linspace(0, TURNS * 2 * np.pi, PIECES)), 0, 1)[None, :, None]
    colours = np.array([0.36, 0.19, 0.1]) * tone[:, :, None] + shine * np.array([0.12, 0.08, 0.05])
    harmonics[:, 0] = (np.clip(colours, 0, 1).reshape(-1, 3) - 0.5) / HARMONIC_0
    harmonics[:, 3] = 0.05  # a little brighter from one side
    free = Gaussians(
        middles.reshape(-1, 3),
        triangle_binding.quaternions(turns),
        scales.reshape(-1, 3),
        np.full(count, 0.85),
        harmonics,
    )
    bound = triangle_binding.to_local(free, mesh, np.repeat(roots, PIECES))
    parts = (bound.means, bound.rotations, bound.scales, bound.opacities, bound.harmonics)
    return Gaussians(*(part.astype(np.float32) for part in parts), binding=bound.binding)


def paths(roots: np.ndarray, outwards: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(S, PIECES + 1, 3) strands that leave the skin, fall, and curl around their way."""
    count = len(roots)
    share = np.linspace(0, 1, PIECES + 1)[None, :, None]
    length = LENGTH * rng.uniform(0.6, 1.2, (count, 1, 1))
    away = outwards[:, None] * (1 - np.exp(-3 * share)) * 0.045 + np.array([0, 0.15, -1]) * share**1.3 * length * 0.8
    angle = share * TURNS * 2 * np.pi + rng.uniform(0, 2 * np.pi, (count, 1, 1))
    side = np.cross(outwards, (0, 0, 1.0)) + 1e-3
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(outwards, side)
    radius = CURL * rng.uniform(0.6, 1.3, (count, 1, 1)) * np.minimum(1, share * 5)
    curled = radius * (np.cos(angle) * side[:, None] + np.sin(angle) * other[:, None])
    return roots[:, None] + away + curled


if __name__ == "__main__":
    main()
