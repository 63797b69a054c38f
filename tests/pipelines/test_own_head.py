"""A capture of a character of its own topology is fitted with the model beside it, and the head needs no other file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from animcore.body_models import blendshape_head
from animcore.body_models.parametric_model import load_model
from animcore.core.progress import silent
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.errors import InputError
from animcore.files.avatars import capture_dataset, capture_images, hybrid_head
from animcore.hybrid_head import capture_format
from animcore.hybrid_head.head_model import render
from animcore.motion import Motion
from animcore.pipelines.fit_avatar import fit
from animcore.rendering.camera import Camera
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh

SIZE = 40
AROUND, UP = 16, 10


def ball() -> blendshape_head.MeasuredHead:
    """A ball of 11 cm whose lower front goes down with the jaw."""
    around, up = np.meshgrid(np.arange(AROUND) / AROUND * 2 * np.pi, (np.arange(UP) + 0.5) / UP * np.pi)
    places = 0.11 * np.stack([np.sin(up) * np.sin(around), np.cos(up), np.sin(up) * np.cos(around)], -1)
    vertices = places.reshape(-1, 3).astype(np.float32)
    corner = np.arange(AROUND * UP).reshape(UP, AROUND)
    right = np.roll(corner, -1, 1)
    first = np.stack([corner[:-1], corner[1:], right[1:]], -1).reshape(-1, 3)
    second = np.stack([corner[:-1], right[1:], right[:-1]], -1).reshape(-1, 3)
    faces = np.concatenate([first, second])
    shapes = np.zeros((68, len(vertices), 3), np.float32)
    shapes[ARKIT_INDEX["jawOpen"], (vertices[:, 1] < -0.05) & (vertices[:, 2] > 0), 1] = -0.05
    weights = np.tile(np.float32([0, 1, 0, 0, 0]), (len(vertices), 1))
    uv = np.stack([vertices[:, 0], vertices[:, 1]], 1) / 0.3 + 0.5
    return blendshape_head.MeasuredHead(
        "ball", vertices, faces, uv, faces, shapes, weights, np.zeros((5, 3), np.float32)
    )


def looking(angle: float) -> Camera:
    back = np.array([np.sin(angle), 0, np.cos(angle)])
    matrix = np.eye(4)
    matrix[:3] = np.stack([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], back, 0.6 * back], 1)
    return Camera.from_opengl(matrix, (SIZE, SIZE), (80.0, 80.0))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Pictures of a red ball over nothing, at rest and with its jaw open."""
    measured = ball()
    (tmp_path / "images").mkdir()
    blendshape_head.write(measured, tmp_path / capture_format.MODEL)
    views = []
    for moment in range(2):
        weights = np.zeros(68, np.float32)
        weights[ARKIT_INDEX["jawOpen"]] = moment
        still = np.zeros((5, 3), np.float32)
        pose = capture_format.HeadPose(weights, still, still[0], still[:0, 0], None, "ball")
        capture_format.write_pose(pose, tmp_path / f"{moment}.npz")
        vertices = measured.vertices + moment * measured.shapes[ARKIT_INDEX["jawOpen"]]
        for number, angle in enumerate((-0.6, 0.0, 0.6)):
            camera = looking(angle)
            there = np.isfinite(draw_mesh(vertices, measured.faces, camera).depth)
            pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
            pixels[there] = (200, 60, 40, 255)
            image = tmp_path / "images" / f"{moment}_{number}.png"
            image.write_bytes(capture_images.images.encoded(pixels, "png"))
            views.append(capture_format.CaptureView(camera, number, moment, image, None, tmp_path / f"{moment}.npz"))
    capture_format.write_views(tmp_path, capture_format.TRAIN, views)
    return tmp_path


def test_the_capture_brings_its_model(folder):
    assert capture_dataset.person(folder).model.name == "ball"
    with pytest.raises(InputError, match="tracked with ball"):
        capture_dataset.person(folder, "open-head")
    (folder / capture_format.MODEL).unlink()
    with pytest.raises(InputError, match="tracked with ball"):
        capture_dataset.person(folder)


def test_a_fitted_head_speaks_from_its_own_folder_alone(folder, tmp_path):
    fit(folder, tmp_path / "out", silent, gaussians=150, steps=12, texture=64)
    for path in folder.glob("*.npz"):
        path.unlink()
    head = hybrid_head.load(tmp_path / "out" / "head")
    arkit = np.zeros((2, 52), np.float32)
    arkit[1, ARKIT_INDEX["jawOpen"]] = 1
    motion = head.prepared(Motion(Fraction(24), arkit=arkit))
    rest, opened = (render(head, head.posed(motion, frame), looking(0.0)) for frame in range(2))
    assert np.abs(rest.colour[18, 20] - np.array([200, 60, 40]) / 255).max() < 0.25
    ball_and_jaw = [head.posed(motion, frame).vertices[:, 1].min() for frame in range(2)]
    assert ball_and_jaw[0] - ball_and_jaw[1] == pytest.approx(0.05, abs=1e-4)
    assert opened.alpha.sum() > 1.05 * rest.alpha.sum()


def test_a_model_of_flame_is_never_kept_in_the_folder(tmp_path):
    avatar = hybrid_head.to_avatar(hybrid_head.load(hybrid_head.SHIPPED), {})
    assert not [name for name in avatar.arrays if name.startswith("model.")]
    assert load_model("open-head").name == "open-head"
