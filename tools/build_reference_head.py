"""Writes assets/retarget/head.npz: the default character's head as a surface with its 52 shapes, for retargeting.

    python tools/build_reference_head.py     (needs bpy; reads assets/character/character.blend and face_basis.npz)

Arrays (metres, Y up, Z out of the face, X to the character's left): names (52,), rest (V, 3) float32,
triangles (F, 3) int32, moved (M,) int32 vertices that any shape moves, delta (52, M, 3) float16, importance (V,)
float32 (a vertex's area times what its place matters), lip_pairs (P, 2) int32 vertices of the upper and the lower lip
that touch, eyes (2, 3) float32 centres of the left and right eyeball, eye_distance () between the outer eye corners.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import ARKIT

ROOT = Path(__file__).resolve().parents[1]
CHARACTER = ROOT / "assets" / "character"
OUT = ROOT / "assets" / "retarget" / "head.npz"
NECK = 1.46  # metres: what lies lower does not belong to the head
STILL = 2e-5  # metres that a shape may move a vertex that counts as still
LIPS, LIDS = 8.0, 5.0  # how much more lips and lids matter than the same area of cheek


def main() -> None:
    """Read the character, write the head."""
    bpy.ops.wm.open_mainfile(filepath=str(CHARACTER / "character.blend"))
    mesh = bpy.data.objects["Animcore Skin"].data
    shapes = {block.name: places(block.data) for block in mesh.shape_keys.key_blocks}
    mesh.calc_loop_triangles()
    faces = np.array([triangle.vertices for triangle in mesh.loop_triangles])
    rest = shapes["Basis"]
    used = np.unique(faces[(rest[faces, 1] > NECK).all(1)])
    index = np.full(len(rest), -1)
    index[used] = np.arange(len(used))
    triangles = index[faces[(index[faces] >= 0).all(1)]]
    delta = np.array([shapes[name] - rest for name in ARKIT])[:, used]
    rest = rest[used]
    moved = np.flatnonzero(np.abs(delta).max((0, 2)) > STILL)
    basis = np.load(CHARACTER / "face_basis.npz", allow_pickle=False)
    contents = {
        "names": np.array(ARKIT),
        "rest": rest.astype(np.float32),
        "triangles": triangles.astype(np.int32),
        "moved": moved.astype(np.int32),
        "delta": delta[:, moved].astype(np.float16),
        "importance": importance(rest, triangles, basis).astype(np.float32),
        "lip_pairs": lip_pairs(rest, basis).astype(np.int32),
        "eyes": basis["eye_centre"],
        "eye_distance": basis["eye_distance"],
    }
    with whole_file(OUT) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, **contents)
    print(f"{OUT}: {len(rest)} vertices, {len(moved)} of them moved, {OUT.stat().st_size / 1e6:.2f} MB")


def places(points: bpy.types.bpy_prop_collection) -> np.ndarray:
    """(V, 3) places with Y up."""
    flat = np.empty(len(points) * 3, np.float32)
    points.foreach_get("co", flat)
    x, y, z = flat.reshape(-1, 3).astype(np.float64).T
    return np.stack([x, z, -y], 1)


def vertices_at(rest: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The vertices that lie at some places."""
    distance = np.linalg.norm(rest[None] - wanted[:, None], axis=2)
    assert distance.min(1).max() < 1e-4, "the character and its face basis differ"
    return distance.argmin(1)


def importance(rest: np.ndarray, triangles: np.ndarray, basis: np.lib.npyio.NpzFile) -> np.ndarray:
    """(V,) a third of the area around each vertex, times what its place matters."""
    a, b, c = rest[triangles].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    weight = np.bincount(triangles.ravel(), np.repeat(area, 3), minlength=len(rest))
    factor = np.ones(len(rest))
    edges = np.concatenate([basis["lid_upper_rest"], basis["lid_lower_rest"]])
    edges = np.concatenate([edges, edges * [-1, 1, 1]])
    contact = np.concatenate([basis["lip_contact_upper_rest"], basis["lip_contact_lower_rest"]])
    for line, most, reach in ((contact, LIPS, 0.012), (edges, LIDS, 0.006)):
        distance = np.linalg.norm(rest[:, None] - line[None], axis=2).min(1)
        factor = np.maximum(factor, most * np.exp(-((distance / reach) ** 2)))
    return weight * factor


def lip_pairs(rest: np.ndarray, basis: np.lib.npyio.NpzFile) -> np.ndarray:
    """(P, 2) each touching vertex of the lower lip with the nearest one of the upper lip."""
    upper, lower = (vertices_at(rest, basis[f"lip_contact_{half}_rest"]) for half in ("upper", "lower"))
    nearest = np.linalg.norm(rest[lower][:, None] - rest[upper][None], axis=2).argmin(1)
    return np.stack([upper[nearest], lower], 1)


if __name__ == "__main__":
    main()
