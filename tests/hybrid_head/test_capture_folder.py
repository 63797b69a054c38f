"""Whether cameras, moments and head of a capture belong together, before a fit begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_heads import dots, looking

torch = pytest.importorskip("torch")

from animcore.body_models.parametric_model import load_model  # noqa: E402
from animcore.errors import InputError  # noqa: E402
from animcore.files.avatars import capture_dataset  # noqa: E402
from animcore.files.splats import ply  # noqa: E402
from animcore.hybrid_head import uv_layout  # noqa: E402
from animcore.hybrid_head.fitting.samples import HeadState, TrainingView  # noqa: E402
from animcore.hybrid_head.fitting.trainable_gaussians import TrainableGaussians  # noqa: E402
from animcore.hybrid_head.head_model import HybridHead  # noqa: E402
from animcore.rendering.mesh_rasterizers import rasterize  # noqa: E402

FOLDER = Path("capture")
HEAD = np.array([0, 0.13, 0.05])  # its middle, metres
STILL = HeadState(np.zeros(0, np.float32), np.zeros((5, 3), np.float32), np.zeros(3, np.float32))


@pytest.fixture(scope="module")
def person():
    model = load_model("open-head")
    uv, faces = uv_layout.layout(model)
    return HybridHead(model, np.zeros(0, np.float32), np.zeros_like(model.template), uv, faces)


@pytest.fixture(scope="module")
def pictures(person):
    posed = person.at(STILL.expression, STILL.joints, STILL.translation)
    found = []
    for angle in np.linspace(-2, 2, 5):
        camera = looking(angle)
        to_head = camera.world_to_camera @ np.block([[np.eye(3), -HEAD[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
        camera = replace(camera, world_to_camera=to_head, width=64, height=64, focal=(90.0, 90.0), centre=(32.0, 32.0))
        mask = rasterize.draw_mesh(posed.vertices, person.model.faces, camera).triangle >= 0
        found.append(TrainingView(camera, 0, torch.zeros(64, 64, 3), torch.as_tensor(mask).float()))
    return found


def elsewhere(pictures, change):
    """The same pictures with cameras whose world to camera is another."""
    return [
        replace(one, camera=replace(one.camera, world_to_camera=change(one.camera.world_to_camera))) for one in pictures
    ]


def test_a_good_capture_is_taken_as_it_is(person, pictures):
    capture_dataset.check(FOLDER, person, pictures, {0: STILL})


@pytest.mark.parametrize(
    "change",
    [
        lambda matrix: np.diag([1.0, -1, -1, 1]) @ matrix,  # OpenGL's axes taken for OpenCV's
        np.linalg.inv,  # from the camera where from the world was meant
        lambda matrix: matrix @ np.diag([1.0, -1, -1, 1]),  # the world upside down
        lambda matrix: matrix @ np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),  # Z up
        lambda matrix: np.block([[matrix[:3, :3], 1000 * matrix[:3, 3:]], [matrix[3:]]]),  # millimetres
        lambda matrix: np.block([[matrix[:3, :3], 0.001 * matrix[:3, 3:]], [matrix[3:]]]),  # kilometres
    ],
)
def test_cameras_that_look_past_the_head_are_refused(person, pictures, change):
    with pytest.raises(InputError, match=r"cameras in capture look past the head.*metres"):
        capture_dataset.check(FOLDER, person, elsewhere(pictures, change), {0: STILL})


def test_a_head_that_lies_a_little_beside_its_masks_is_taken(person, pictures):
    beside = np.eye(4)
    beside[1, 3] = 0.03
    capture_dataset.check(FOLDER, person, elsewhere(pictures, lambda matrix: matrix @ beside), {0: STILL})


def test_moments_of_a_larger_model_are_refused(person, pictures):
    moments = {0: STILL, 1: replace(STILL, expression=np.zeros(person.model.expression_count + 1, np.float32))}
    with pytest.raises(InputError, match=r"capture have \d+ coefficients .* open-head has"):
        capture_dataset.check(FOLDER, person, pictures, moments)


def test_known_hair_of_any_file_can_be_started_from(tmp_path):
    """Opacities of 1 and sizes of 0 are in files, and so are Gaussians that are no numbers."""
    assert capture_dataset.start(tmp_path) is None
    hair = dots(np.random.default_rng(0).normal(size=(6, 3)), 0.01)
    hair.opacities[:2], hair.scales[2], hair.means[5] = (1, 0), 0, np.nan
    ply.write(hair, tmp_path / capture_dataset.START)
    found = capture_dataset.start(tmp_path)
    assert found is not None
    assert found.count == 5
    cloud = TrainableGaussians.started(hair.means[:5], hair.scales[:5], hair.means[:5], None, 1e-3, hair.opacities[:5])
    assert all(bool(values.isfinite().all()) for values in cloud.values.values())
    np.testing.assert_allclose(cloud.splats().opacities.detach().numpy(), hair.opacities[:5], atol=2e-3)
    ply.write(replace(hair, binding=np.zeros(6, np.int64)), tmp_path / capture_dataset.START)
    with pytest.raises(InputError, match=r"start\.ply are bound"):
        capture_dataset.start(tmp_path)
