"""Frames of triangles: against what they are for, that Gaussians go where their triangle goes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import Gaussians
from animcore.geometry.rotations import quaternion_to_matrix

FACES = np.array([[0, 1, 2], [2, 1, 3], [0, 2, 3], [3, 1, 0]])


def cloud(random, count=50, bound=True):
    turns = random.normal(size=(count, 4))
    return Gaussians(
        random.normal(size=(count, 3)).astype(np.float32),
        (turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float32),
        random.uniform(0.1, 1, (count, 3)).astype(np.float32),
        random.uniform(0, 1, count).astype(np.float32),
        random.normal(size=(count, 1, 3)).astype(np.float32),
        random.integers(0, len(FACES), count) if bound else None,
    )


def spread(splats):
    """(N, 3, 3) covariances: what is drawn, whatever the sign or the order of axes."""
    axes = quaternion_to_matrix(splats.rotations) * splats.scales[:, None]
    return axes @ axes.transpose(0, 2, 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 5.0))
def test_gaussians_follow_a_mesh_that_turns_moves_and_grows(seed, size):
    random = np.random.default_rng(seed)
    vertices = random.normal(size=(4, 3))
    turn = Rotation.random(random_state=seed).as_matrix()
    shift = random.normal(size=3)
    splats = cloud(random)
    before = triangle_binding.to_world(splats, triangle_binding.frames(vertices, FACES))
    after = triangle_binding.to_world(splats, triangle_binding.frames(size * vertices @ turn.T + shift, FACES))
    reach = 1e-3 * size * np.abs(before.means).max()
    np.testing.assert_allclose(after.means, size * before.means @ turn.T + shift, atol=reach)
    wanted = size**2 * turn @ spread(before) @ turn.T
    np.testing.assert_allclose(spread(after), wanted, atol=1e-3 * np.abs(wanted).max())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([3, 50]))
def test_bound_and_placed_undo_each_other(seed, count):
    """With fewer Gaussians than triangles, and with more."""
    random = np.random.default_rng(seed)
    mesh = triangle_binding.frames(random.normal(size=(4, 3)), FACES)
    world = cloud(random, count, bound=False)
    triangles = random.integers(0, len(FACES), world.count)
    back = triangle_binding.to_world(triangle_binding.to_local(world, mesh, triangles), mesh)
    np.testing.assert_allclose(back.means, world.means, atol=1e-4)
    np.testing.assert_allclose(spread(back), spread(world), atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1e-4, np.pi / 2, np.pi - 1e-4, np.pi]))
def test_quaternions_are_those_of_scipy(seed, angle):
    axis = np.random.default_rng(seed).normal(size=(5, 3))
    turns = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis, axis=1, keepdims=True))
    found = triangle_binding.quaternions(turns.as_matrix())
    wanted = turns.as_quat(scalar_first=True)
    np.testing.assert_allclose(np.abs((found * wanted).sum(1)), 1, atol=1e-7)


def test_a_triangle_without_area_gives_numbers():
    flat = np.zeros((4, 3))
    placed = triangle_binding.to_world(cloud(np.random.default_rng(0)), triangle_binding.frames(flat, FACES))
    assert np.isfinite(placed.means).all()
    assert np.isfinite(placed.rotations).all()


def test_tensors_give_what_arrays_give_and_have_gradients():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(1)
    vertices, splats = random.normal(size=(4, 3)).astype(np.float32), cloud(random)
    plain = triangle_binding.to_world(splats, triangle_binding.frames(vertices, FACES))
    moving = torch.tensor(vertices, requires_grad=True)
    arrays = [
        torch.as_tensor(getattr(splats, name)) for name in ("means", "rotations", "scales", "opacities", "harmonics")
    ]
    placed = triangle_binding.to_world(
        Gaussians(*arrays, binding=splats.binding), triangle_binding.frames(moving, FACES)
    )
    np.testing.assert_allclose(placed.means.detach(), plain.means, atol=1e-5)
    np.testing.assert_allclose(placed.rotations.detach(), plain.rotations, atol=1e-5)
    (placed.means.sum() + placed.rotations[:, 1].sum() + placed.scales.sum()).backward()
    assert torch.isfinite(moving.grad).all()
    assert moving.grad.abs().max() > 0


def test_gaussians_without_triangles_are_refused():
    with pytest.raises(ValueError, match="bound to no triangles"):
        triangle_binding.to_world(
            cloud(np.random.default_rng(0), bound=False), triangle_binding.frames(np.eye(4, 3), FACES)
        )
