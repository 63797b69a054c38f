"""A small head in FLAME's layout, as arrays and as the files that people have of such models."""

from __future__ import annotations

import numpy as np
import pytest

VERTICES, JOINTS = 40, 5


@pytest.fixture
def small_head() -> dict[str, np.ndarray]:
    """Arrays of a model of 40 vertices and FLAME's five joints, with pose correctives and 10 + 10 components."""
    rng = np.random.default_rng(7)
    weights = rng.dirichlet(np.full(JOINTS, 0.3), VERTICES)
    regressor = np.where(rng.random((JOINTS, VERTICES)) < 0.2, rng.random((JOINTS, VERTICES)), 0.0)
    return {
        "v_template": rng.uniform(-0.15, 0.15, (VERTICES, 3)),
        "shapedirs": rng.normal(0.0, 0.01, (VERTICES, 3, 20)),
        "posedirs": rng.normal(0.0, 0.01, (VERTICES, 3, 9 * (JOINTS - 1))),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], range(JOINTS)], np.uint32),
        "f": rng.integers(0, VERTICES, (60, 3)).astype(np.uint32),
    }
