"""Meshes drawn: the nearest triangle wins, nothing cracks, and gradients point where pictures change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.errors import InputError
from animcore.rendering.camera import Camera
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh


def looking(size: tuple[int, int] = (48, 40), away: float = 3.0, focal: float = 60.0) -> Camera:
    pose = np.eye(4)
    pose[2, 3] = away
    return Camera.from_opengl(pose, size, (focal, focal))


def ball(rings: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """A closed sphere of radius 1."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings + 1), np.arange(2 * rings) * np.pi / rings, indexing="ij")
    vertices = np.stack((np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)), -1)
    index = np.arange(vertices[..., 0].size).reshape(polar.shape)
    right, below = np.roll(index, -1, 1), np.roll(index, -1, 0)
    corner = np.roll(right, -1, 0)
    faces = np.concatenate([np.stack((index, below, corner), -1)[:-1], np.stack((index, corner, right), -1)[:-1]])
    return vertices.reshape(-1, 3), faces.reshape(-1, 3)


@pytest.mark.parametrize("backend", ["numpy", "numba", "warp"])
def test_a_ball_is_a_disc_without_cracks_at_the_right_depth(backend):
    pytest.importorskip(backend)
    vertices, faces = ball(40)
    camera = looking((120, 100))
    found = draw_mesh(vertices, faces, camera, backend=backend)
    y, x = (np.mgrid[:100, :120] + 0.5 - np.array([50, 60])[:, None, None]) / 60
    # rays meet the unit sphere three metres away
    square = 9 - 8 * (1 + x * x + y * y)
    depth = (3 - np.sqrt(np.maximum(square, 0))) / (1 + x * x + y * y)
    inside, outside = square > 0.2, square < 0
    assert (found.triangle[inside] >= 0).all()
    assert (found.triangle[outside] == -1).all()
    assert np.isinf(found.depth[outside]).all()
    np.testing.assert_allclose(found.depth[inside], depth[inside], atol=0.02)
    np.testing.assert_allclose(found.barycentric.sum(-1), found.triangle >= 0, atol=1e-5)


@pytest.mark.parametrize("backend", ["numba", "warp"])
@given(seed=st.integers(0, 10**6), count=st.integers(1, 40), away=st.sampled_from([0.0, 1.0, 3.0]))
@settings(max_examples=40, deadline=None)
def test_compiled_and_plain_draw_the_same(backend, seed, count, away):
    """Triangles of all sizes, some of them around and behind the camera."""
    pytest.importorskip(backend)
    vertices = np.random.default_rng(seed).normal(0, 1, (3 * count, 3))
    faces = np.arange(3 * count).reshape(-1, 3)
    one, other = (draw_mesh(vertices, faces, looking(away=away), backend=name) for name in ("numpy", backend))
    assert (one.triangle != other.triangle).mean() < 1e-3
    same = one.triangle == other.triangle
    np.testing.assert_allclose(one.barycentric[same], other.barycentric[same], atol=1e-5)
    # what a pixel sees lies on its ray
    camera = looking(away=away)
    row, column = np.nonzero(one.triangle >= 0)
    points = (vertices[faces[one.triangle[row, column]]] * one.barycentric[row, column][..., None]).sum(1)
    points = points @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
    np.testing.assert_allclose(points[:, 2], one.depth[row, column], rtol=1e-3, atol=1e-3)
    slopes = (np.stack((column, row), 1) + 0.5 - camera.centre) / camera.focal
    np.testing.assert_allclose(points[:, :2], slopes * points[:, 2:], atol=1e-3)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("backend", ["auto", "numba", "warp"])
def test_tensors_are_drawn_where_they_are(backend, device):
    torch = pytest.importorskip("torch")
    if backend != "auto":
        pytest.importorskip(backend)
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    if (backend, device) == ("warp", "cpu") and not pytest.importorskip("warp").is_cpu_available():
        pytest.skip("this Warp has no compiler for processors")
    vertices, faces = ball(40)
    truth = draw_mesh(vertices, faces, looking((120, 100)), backend="numpy")
    places = torch.tensor(vertices, device=device, requires_grad=True)
    found = draw_mesh(places, torch.tensor(faces, device=device), looking((120, 100)), backend=backend)
    assert found.triangle.device.type == found.depth.device.type == device
    np.testing.assert_array_equal(found.triangle.cpu().numpy(), truth.triangle)
    np.testing.assert_allclose(found.barycentric.cpu().numpy(), truth.barycentric, atol=1e-6)
    np.testing.assert_allclose(found.depth.cpu().numpy(), truth.depth, rtol=1e-6)
    with pytest.raises(InputError, match="not numbers"):
        draw_mesh(places * torch.inf, torch.tensor(faces), looking(), backend=backend)


@pytest.mark.parametrize("backend", ["numpy", "numba", "warp"])
def test_pixels_on_a_common_edge_belong_to_the_first_of_two(backend):
    """Edges of a grid pass through the middles of pixels: none is lost, none is drawn by the farther row."""
    pytest.importorskip(backend)
    x, y = np.meshgrid(np.arange(13) / 4 - 1.5, np.arange(13) / 4 - 1.5)
    vertices = np.stack((x, y, np.zeros_like(x)), -1).reshape(-1, 3) / 3
    corner = (np.arange(12)[:, None] * 13 + np.arange(12)).ravel()
    faces = np.concatenate([np.stack((corner, corner + 1, corner + 14), 1),
                            np.stack((corner, corner + 14, corner + 13), 1)])  # fmt: skip
    camera = looking((33, 33), away=1.0, focal=24.0)
    found = draw_mesh(vertices, faces, camera, backend=backend)
    assert (found.triangle[5:28, 5:28] >= 0).all()
    # pixel 16 is the middle of the grid, and its corner six triangles share
    assert found.triangle[16, 16] == min(row for row, face in enumerate(faces) if 84 in face)


def test_what_is_no_mesh_is_told(monkeypatch):
    from animcore.rendering.mesh_rasterizers import rasterize

    vertices, faces = ball(4)
    with monkeypatch.context() as patch:
        patch.setattr(rasterize, "installed", lambda package: False)
        with pytest.raises(InputError, match="needs the package warp"):
            draw_mesh(vertices, faces, looking(), backend="warp")
    with pytest.raises(InputError, match="names another"):
        draw_mesh(vertices, faces + 100, looking())
    with pytest.raises(InputError, match="not numbers"):
        draw_mesh(vertices * np.nan, faces, looking())
    with pytest.raises(InputError, match="no mesh rasterizer"):
        draw_mesh(vertices, faces, looking(), backend="gpu")
    with pytest.raises(InputError, match="A mesh is"):
        draw_mesh(vertices, faces[:, :2], looking())
    assert (draw_mesh(vertices, faces[:0], looking()).triangle == -1).all()


def test_attributes_and_texture_have_gradients():
    torch = pytest.importorskip("torch")
    from animcore.rendering.mesh_rasterizers import differentiable

    vertices, faces = ball(8)
    camera = looking()
    found = draw_mesh(vertices, faces, camera)
    corners = torch.tensor(faces)
    places = torch.tensor(vertices, requires_grad=True)
    weights, depths = differentiable.barycentrics(places, corners, found, camera)
    seen = found.triangle >= 0
    np.testing.assert_allclose(weights.detach().numpy(), found.barycentric[seen], atol=1e-5)
    np.testing.assert_allclose(depths.detach().numpy(), found.depth[seen], atol=1e-5)
    # the world's places, interpolated, are where the rays hit; half of them lie left
    picture = differentiable.interpolated(places, corners, found, weights)
    assert picture.shape == (40, 48, 3)
    texture = torch.zeros(8, 8, 1, dtype=torch.float64, requires_grad=True)
    colour = differentiable.sampled(texture, picture[..., :2] * 0.4 + 0.5)
    (colour[..., 0] * torch.tensor(seen)).sum().backward()
    assert float(texture.grad.sum()) == pytest.approx(seen.sum())
    upper = torch.arange(8.0)[:, None, None].expand(8, 8, 1)
    assert float(differentiable.sampled(upper, torch.tensor([0.5, 1.0]))) == 0


def test_a_silhouette_moves_towards_what_it_should_cover():
    """The mask of a ball, antialiased, has the gradient that finite differences of its area have."""
    torch = pytest.importorskip("torch")
    from animcore.rendering.mesh_rasterizers import differentiable

    vertices, faces = ball(8)
    camera = looking((60, 60), focal=50)
    corners, beyond = torch.tensor(faces), torch.tensor(differentiable.neighbours(faces))

    def area(scale: torch.Tensor) -> torch.Tensor:
        places = torch.tensor(vertices) * scale
        found = draw_mesh(places.detach().numpy(), faces, camera)
        mask = torch.tensor(found.triangle >= 0, dtype=torch.float64)[..., None]
        return differentiable.antialiased(mask, places, corners, beyond, found, camera).sum()

    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(area(scale), scale)[0]
    truth = (area(torch.tensor(1.1)) - area(torch.tensor(0.9))) / 0.2
    assert float(slope) == pytest.approx(float(truth), rel=0.15)
    jagged = [float(area(torch.tensor(value))) for value in np.linspace(1, 1.02, 9)]
    assert all(np.diff(jagged) > 0)
