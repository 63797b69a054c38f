"""The hybrid head: driven by a motion, drawn in its three modes, written and read."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from small_heads import dots

from animcore.body_models.parametric_model import load_model
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.errors import InputError
from animcore.files.avatars import hybrid_head, open_any_splats
from animcore.geometry.rotations import to_matrix
from animcore.hybrid_head import uv_layout
from animcore.hybrid_head.head_model import HybridHead, mesh_layer, render, sample_texture, upsample
from animcore.motion import Motion
from animcore.rendering.camera import Camera

FRONT = np.eye(4)
FRONT[:3, 3] = (0, 0.13, 0.9)
CAMERA = Camera.from_opengl(FRONT, (96, 96), (250.0, 250.0))


@pytest.fixture(scope="module")
def head():
    model = load_model("open-head")
    uv, faces = uv_layout.layout(model)
    texture = np.full((64, 64, 3), (0.0, 0.5, 0.0), np.float32)
    return HybridHead(model, np.zeros(0, np.float32), np.zeros_like(model.template), uv, faces, texture)


def motion(**tracks):
    weights = np.zeros((2, 52), np.float32)
    weights[1, ARKIT_INDEX["jawOpen"]] = 0.8
    poses = {name: np.array([[0, 0, 0], pose], np.float32) for name, pose in tracks.items()}
    return Motion(Fraction(24), arkit=weights, **poses)


def test_arkit_weights_open_the_jaw_of_the_mesh(head):
    moved = head.prepared(motion())
    closed, opened = (head.posed(moved, frame).vertices for frame in range(2))
    marks = head.model.extras["lmk_faces_idx"]
    chin = head.model.faces[marks[40]]  # the middle of the lower lip's lower edge
    assert (closed - opened)[chin, 1].min() > 0.01
    brow = head.model.faces[marks[2]]
    np.testing.assert_allclose(opened[brow], closed[brow], atol=5e-4)


def test_hair_goes_with_the_skull_and_riding_gaussians_with_their_triangles(head):
    turn = (0.0, 0.4, 0.0)
    crown = head.model.template[head.model.template[:, 1].argmax()]
    triangle = int((head.model.faces == head.model.template[:, 1].argmax()).any(1).argmax())
    worn = replace(head, hair=dots([crown]), riding=dots([[0, 0, 0]], binding=np.array([triangle])))
    moved = worn.prepared(motion(neck_pose=turn))
    rest, turned = (worn.splats(worn.posed(moved, frame)).means for frame in range(2))
    neck = worn.model.rest_joints[0]
    np.testing.assert_allclose(turned, (rest - neck) @ to_matrix(np.array(turn)).T + neck, atol=2e-3)


def test_the_mesh_hides_what_is_behind_it_and_shows_what_is_before_it(head):
    nose = head.model.template[head.model.template[:, 2].argmax()]
    step = np.array([0, 0, 0.03])
    before, behind = nose + step, nose - step
    seen = {}
    for name, place in (("before", before), ("behind", behind)):
        worn = replace(head, hair=dots([place]))
        posed = worn.posed(worn.prepared(motion()), 0)
        seen[name] = {mode: render(worn, posed, CAMERA, mode).colour[..., 0].max() for mode in ("hybrid", "gaussians")}
    assert seen["before"]["hybrid"] > 0.8
    assert seen["behind"]["hybrid"] < 0.05
    assert min(seen["before"]["gaussians"], seen["behind"]["gaussians"]) > 0.8


def test_a_hybrid_without_gaussians_is_the_mesh(head):
    posed = head.posed(head.prepared(motion()), 1)
    mesh, hybrid = (render(head, posed, CAMERA, mode, (0.2, 0.3, 0.4)) for mode in ("mesh", "hybrid"))
    np.testing.assert_array_equal(mesh.colour, hybrid.colour)
    inside = mesh.alpha == 1
    np.testing.assert_allclose(mesh.colour[inside], np.tile([0, 0.5, 0], (inside.sum(), 1)), atol=1e-6)
    np.testing.assert_allclose(mesh.colour[0, 0], (0.2, 0.3, 0.4), atol=1e-6)


def test_edges_of_the_mesh_are_smooth(head):
    alpha = mesh_layer(head, head.posed(head.prepared(motion()), 0), CAMERA).alpha
    assert set(np.unique(alpha)) >= {0.0, 0.25, 0.5, 0.75, 1.0}


def test_hair_behind_the_mesh_is_seen_beside_its_edges_and_not_what_is_behind_both(head):
    across, up = (grid.ravel() for grid in np.meshgrid(np.linspace(-0.3, 0.3, 40), np.linspace(-0.3, 0.3, 40)))
    curtain = np.stack([across, up + 0.1, np.full_like(across, -0.3)], 1)
    worn = replace(head, hair=dots(curtain, 0.02, (0.2, 0.0, 0.0)))
    posed = worn.posed(worn.prepared(motion()), 0)
    seen = render(worn, posed, CAMERA, "hybrid", (0.0, 0.0, 1.0))
    covered = render(worn, posed, CAMERA, "gaussians").alpha > 0.99
    edge = (np.abs(mesh_layer(head, posed, CAMERA).alpha - 0.5) < 0.3) & covered
    assert edge.sum() > 20
    assert seen.colour[edge][:, 2].max() < 0.02
    assert seen.alpha[edge].min() > 0.98


def test_the_texture_changes_with_the_expression(head):
    count = head.model.expression_count
    mix = np.zeros((count + 16, 1), np.float32)
    mix[count + 6] = 1.0  # the jaw's nod
    shown = replace(head, changes=np.ones((1, 8, 8, 3), np.float32) * 0.2, mix=mix)
    moved = shown.prepared(motion())
    rest, opened = (shown.painted(shown.posed(moved, frame)) for frame in range(2))
    np.testing.assert_allclose(rest, head.texture)
    np.testing.assert_allclose(opened - rest, 0.2 * moved.jaw_pose[1, 0], atol=1e-6)


def test_a_head_comes_back_from_its_folder(head, tmp_path):
    random = np.random.default_rng(0)
    worn = replace(
        head,
        texture=random.integers(0, 256, (64, 64, 3)).astype(np.float32) / 255,
        changes=random.normal(size=(2, 8, 8, 3)).astype(np.float32) * 0.05,
        mix=random.normal(size=(head.model.expression_count + 16, 2)).astype(np.float32),
        hair=dots(random.normal(size=(5, 3))),
        riding=dots(random.normal(size=(5, 3)), binding=np.arange(5)),
        drawn=random.uniform(size=len(head.model.faces)) > 0.5,
    )
    hybrid_head.save(worn, tmp_path / "her")
    read = hybrid_head.load(tmp_path / "her")
    posed = worn.posed(worn.prepared(motion()), 1)
    again = read.posed(read.prepared(motion()), 1)
    difference = render(worn, posed, CAMERA).colour - render(read, again, CAMERA).colour
    assert np.abs(difference).max() < 2 / 255
    np.testing.assert_array_equal(read.drawn, worn.drawn)


def test_the_folder_is_a_cloud_of_the_head_at_rest_too(head, tmp_path):
    """Readers that know no heads take the Gaussians of both layers, on the mesh of the person with its shape."""
    points = [head.model.template[head.model.template[:, 1].argmax()]] * 3
    shape = np.array([0.4, -0.3, 0.2], np.float32)
    worn = replace(head, shape=shape, hair=dots(points), riding=dots([[0.1, 0, 0]] * 2, binding=np.array([7, 9000])))
    hybrid_head.save(worn, tmp_path / "head")
    rest = worn.at(np.zeros(4, np.float32), np.zeros((5, 3), np.float32), np.zeros(3, np.float32))
    found = open_any_splats.load(tmp_path / "head").splats
    order = [2, 3, 4, 0, 1]  # groups by their names: hair, then riding
    np.testing.assert_allclose(found.means[np.argsort(order)], worn.splats(rest).means, atol=1e-6)


def test_the_texture_that_was_painted_over_is_the_one_that_is_shown(head, tmp_path):
    from animcore.core import images

    hybrid_head.save(head, tmp_path / "her")
    pixels = np.full((64, 64, 4), (255, 0, 0, 255), np.uint8)
    (tmp_path / "her" / "texture.png").write_bytes(images.encoded(pixels, "png"))
    read = hybrid_head.load(tmp_path / "her")
    colour = render(read, read.posed(read.prepared(motion()), 0), CAMERA, "mesh").colour
    np.testing.assert_allclose(colour[48, 48], (1, 0, 0), atol=1e-6)


def test_what_does_not_fit_is_one_sentence(head, tmp_path):
    with pytest.raises(InputError, match="no ARKit weights"):
        head.prepared(Motion(Fraction(24), head_pose=np.zeros((1, 3), np.float32)))
    with pytest.raises(InputError, match="expression of open-head"):
        head.prepared(Motion(Fraction(24), expression=np.zeros((1, 100), np.float32), basis="flame2020"))
    with pytest.raises(InputError, match="give the model that it was made with"):
        replace(head, offset=np.zeros((5143, 3), np.float32))
    with pytest.raises(InputError, match="triangles that open-head does not have"):
        replace(head, riding=dots([[0, 0, 0]], binding=np.array([10**6])))
    bare = replace(head, texture=None)
    posed = bare.posed(bare.prepared(motion()), 0)
    with pytest.raises(InputError, match="nothing that the mode mesh could draw"):
        render(bare, posed, CAMERA, "mesh")
    hybrid_head.save(replace(head, model=replace(head.model, name="flame2023")), tmp_path / "flame")
    with pytest.raises(InputError, match="made with flame2023"):
        hybrid_head.load(tmp_path / "flame")
    with pytest.raises(InputError, match="made with flame2023, not with open-head"):
        hybrid_head.load(tmp_path / "flame", "open-head")


def test_lookups_are_those_of_torch():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    texture, places = (
        random.uniform(size=(9, 7, 3)).astype(np.float32),
        random.uniform(size=(200, 2)).astype(np.float32),
    )
    grid = torch.as_tensor(places) * torch.tensor([2.0, -2.0]) + torch.tensor([-1.0, 1.0])
    planes = torch.as_tensor(texture).movedim(-1, 0)[None]
    wanted = torch.nn.functional.grid_sample(planes, grid[None, None], padding_mode="border", align_corners=False)
    np.testing.assert_allclose(sample_texture(texture, places), wanted[0, :, 0].T, atol=1e-5)
    larger = torch.nn.functional.interpolate(planes, scale_factor=4, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(upsample(texture, 4), larger[0].movedim(0, -1), atol=1e-5)
