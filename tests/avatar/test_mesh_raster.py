"""Which triangle a pixel shows: compiled loops against numpy, and both against rays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.avatar.camera import Camera
from animcore.avatar.mesh_raster import draw_mesh

CAMERA = Camera(23, 17, (20.0, 22.0), (11.0, 9.0), np.eye(4))


def soup(seed, count=12):
    random = np.random.default_rng(seed)
    vertices = random.uniform((-1, -1, -0.2), (1, 1, 3), (3 * count, 3))
    return vertices, np.arange(3 * count).reshape(-1, 3)


def by_rays(vertices, faces, camera):
    """For each pixel the nearest triangle that its ray goes through, by solving for the place."""
    depth, name = np.full((camera.height, camera.width), np.inf), np.full((camera.height, camera.width), -1)
    for y in range(camera.height):
        for x in range(camera.width):
            aside, below = (np.array([x, y]) + 0.5 - camera.centre) / camera.focal
            ray = np.array([aside, below, 1])
            for number, face in enumerate(faces):
                corners = vertices[face]
                if (corners[:, 2] <= 0.01).any():
                    continue
                share = np.linalg.solve(corners.T, ray)
                if (share >= 0).all() and 1 / share.sum() < depth[y, x]:
                    depth[y, x], name[y, x] = 1 / share.sum(), number
    return depth, name


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_the_nearest_triangle_is_the_one_that_a_ray_meets_first(backend, seed):
    if backend == "numba":
        pytest.importorskip("numba")
    vertices, faces = soup(seed)
    drawn = draw_mesh(vertices, faces, CAMERA, backend)
    depth, name = by_rays(vertices, faces, CAMERA)
    assert (drawn.triangle == name).mean() > 0.99  # a ray along an edge may fall on either side
    same = drawn.triangle == name
    np.testing.assert_allclose(drawn.depth[same], depth[same], rtol=1e-5)
    hit = drawn.triangle >= 0
    corners = vertices[faces[drawn.triangle[hit]]]
    places = np.einsum("pc,pcx->px", drawn.barycentric[hit], corners)
    np.testing.assert_allclose(places[:, 2], drawn.depth[hit], rtol=1e-4)
    rows, columns = np.nonzero(hit)
    np.testing.assert_allclose(places[:, 0] / places[:, 2] * 20 + 11, columns + 0.5, atol=2e-3)
    np.testing.assert_allclose(places[:, 1] / places[:, 2] * 22 + 9, rows + 0.5, atol=2e-3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_both_backends_draw_the_same(seed):
    pytest.importorskip("numba")
    first, second = (draw_mesh(*soup(seed, 60), CAMERA, backend) for backend in ("numpy", "numba"))
    assert (first.triangle != second.triangle).mean() < 0.01
    np.testing.assert_allclose(first.depth, second.depth, rtol=1e-5)


def test_nothing_before_the_camera_is_an_empty_picture():
    vertices, faces = soup(0)
    drawn = draw_mesh(vertices - [0, 0, 10], faces, CAMERA, "numpy")
    assert (drawn.triangle == -1).all()
    assert np.isinf(drawn.depth).all()
