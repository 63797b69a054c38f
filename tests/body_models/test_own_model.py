"""A character's own head as a model: its file, its place in an avatar, and performances that need no conversion."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.body_models import arkit_to_flame, blendshape_head
from animcore.body_models.parametric_model import ParametricModel, load_model
from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.motion import Motion

COUNT = 60


@pytest.fixture
def measured() -> blendshape_head.MeasuredHead:
    """A cloud of points of the size of a head; half of them move."""
    random = np.random.default_rng(5)
    shapes = np.zeros((68, COUNT, 3), np.float32)
    shapes[:, : COUNT // 2] = random.normal(0, 0.01, (68, COUNT // 2, 3))
    weights = random.uniform(0, 1, (COUNT, 5)).astype(np.float32)
    faces = np.arange(COUNT).reshape(-1, 3)
    return blendshape_head.MeasuredHead(
        "head of Ada",
        random.uniform(-0.15, 0.15, (COUNT, 3)).astype(np.float32),
        faces,
        random.uniform(0, 1, (COUNT, 2)).astype(np.float32),
        faces,
        shapes,
        weights / weights.sum(1, keepdims=True),
        random.uniform(-0.1, 0.1, (5, 3)).astype(np.float32),
    )


@pytest.fixture
def model(measured, tmp_path) -> ParametricModel:
    blendshape_head.write(measured, tmp_path / "model.npz")
    return load_model(tmp_path / "model.npz")


def motion(frames: int = 3) -> Motion:
    random = np.random.default_rng(1)
    return Motion(
        Fraction(24),
        arkit=random.uniform(0, 1, (frames, len(ARKIT))).astype(np.float32),
        tongue=random.uniform(0, 1, (frames, len(TONGUE))).astype(np.float32),
        jaw_pose=np.ones((frames, 3), np.float32),
    )


def test_the_file_gives_back_shapes_and_joints(measured, model):
    assert blendshape_head.is_blendshape_head(model)
    assert model.name == "head of Ada"
    np.testing.assert_allclose(model.rest_joints, measured.joints, atol=1e-5)
    assert np.abs(model.joint_expression).max() < 1e-6  # joints stand on what no shape moves
    weights = motion().arkit
    expected = measured.vertices + np.tensordot(weights[1], measured.shapes[:52], 1)
    np.testing.assert_allclose(model.posed(expression=weights)[0][1], expected, atol=1e-6)


def test_a_performance_is_its_expression(model):
    asked = motion()
    changed, residual = arkit_to_flame.to_flame(asked, model)
    np.testing.assert_array_equal(changed.expression, np.concatenate([asked.arkit, asked.tongue], 1))
    assert changed.basis == model.name
    assert changed.jaw_pose is None  # the jaw is in the shapes already
    assert not residual.any()
    with pytest.raises(InputError, match="no ARKit weights"):
        arkit_to_flame.to_flame(Motion(Fraction(24), head_pose=np.zeros((2, 3), np.float32)), model)


def test_an_avatar_keeps_it_whole(model):
    kept = blendshape_head.from_arrays(blendshape_head.to_arrays(model), model.name, "ada")
    pose = np.random.default_rng(2).normal(0, 0.2, (1, 5, 3)).astype(np.float32)
    weights = np.concatenate([motion().arkit, motion().tongue], 1)[:1]
    ours, theirs = (one.posed(pose, weights)[0] for one in (kept, model))
    assert np.abs(ours - theirs).max() < 1e-4
    assert blendshape_head.is_blendshape_head(kept)
    assert blendshape_head.from_arrays({"mesh.uv": np.zeros((2, 2))}, "open-head", "ada") is None


@pytest.mark.parametrize("name", ["vertices", "faces", "moved", "shapes", "weights", "joints"])
def test_a_broken_avatar_is_one_sentence(model, name):
    arrays = blendshape_head.to_arrays(model)
    lacking = {key: values for key, values in arrays.items() if key != f"model.{name}"}
    short = arrays[f"model.{name}"].reshape(-1)[:7]
    for broken in (lacking, *(arrays | {f"model.{name}": one} for one in (short[:-1], short[0]))):
        with pytest.raises(InputError, match="save the head again"):
            blendshape_head.from_arrays(broken, model.name, "ada")
    if name in ("faces", "moved"):
        far = arrays[f"model.{name}"] + 10_000
        with pytest.raises(InputError, match=f"{name} do not fit"):
            blendshape_head.from_arrays(arrays | {f"model.{name}": far}, model.name, "ada")


def test_flame_and_the_open_head_are_none(model):
    head = load_model("open-head")
    assert not blendshape_head.is_blendshape_head(head)
    assert not blendshape_head.is_blendshape_head(replace(head, name="flame2023"))


def test_a_disk_that_refuses_is_one_sentence(measured, tmp_path):
    with pytest.raises(InputError):
        blendshape_head.write(measured, Path(tmp_path / "nowhere" / "model.npz"))
