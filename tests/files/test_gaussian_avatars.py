"""Avatars of GaussianAvatars: their PLY and the parameters beside it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from splat_clouds import cloud, far

from animcore.body_models.parametric_model import load_model
from animcore.errors import InputError
from animcore.files.avatars import gaussian_avatars
from animcore.files.splats import ply
from animcore.gaussians import triangle_binding
from animcore.motion import Motion


def theirs(folder, vertices: int = 5143) -> None:
    """A folder as their training leaves it, written by hand: arrays without a rate or the name of a basis."""
    folder.mkdir(parents=True)
    ply.write(cloud(30, bound=True), folder / "point_cloud.ply")
    random = np.random.default_rng(0)
    np.savez(
        folder / "flame_param.npz",
        shape=random.normal(size=300).astype(np.float32),
        expr=random.normal(size=(6, 100)).astype(np.float32),
        rotation=np.zeros((6, 3), np.float32),
        neck_pose=np.full((6, 3), 0.1, np.float32),
        jaw_pose=np.full((6, 3), 0.2, np.float32),
        eyes_pose=np.zeros((6, 6), np.float32),
        translation=np.zeros((6, 3), np.float32),
        static_offset=random.normal(size=(1, vertices, 3)).astype(np.float32),
        dynamic_offset=np.zeros((6, vertices, 3), np.float32),
    )


def test_an_avatar_comes_with_its_person_and_its_motion(tmp_path):
    theirs(tmp_path / "point_cloud" / "iteration_600000")
    found = gaussian_avatars.load(tmp_path)
    assert found.splats.binding is not None
    assert (found.motion.frame_count, found.motion.rate, found.motion.basis) == (6, 25, "flame2023")
    assert np.allclose(found.motion.jaw_pose, 0.2)
    assert np.allclose(found.motion.head_pose, 0.1), "FLAME's neck is our head"
    assert (found.shape.shape, found.offset.shape) == ((300,), (5143, 3))
    assert any("does not state its FLAME" in note for note in found.notes)
    assert gaussian_avatars.load(tmp_path, Fraction(30)).motion.rate == 30


def test_the_last_of_several_steps_is_taken(tmp_path):
    for steps, seed in ((90_000, 1), (600_000, 2)):
        folder = tmp_path / "point_cloud" / f"iteration_{steps}"
        folder.mkdir(parents=True)
        ply.write(cloud(30, seed=seed, bound=True), folder / "point_cloud.ply")
    found = gaussian_avatars.load(tmp_path)
    assert far(found.splats, cloud(30, seed=2, bound=True))["means"] == 0
    assert "There is no flame_param.npz" in found.notes[-1]


def test_another_flame_is_told(tmp_path):
    theirs(tmp_path / "with_teeth")
    found = gaussian_avatars.load(tmp_path / "with_teeth")
    found.check("FLAME with teeth", 5143, 10144)
    with pytest.raises(InputError, match="displaces 5143 vertices, and flame2023 has 5023"):
        found.check("flame2023", 5023, 9976)
    with pytest.raises(InputError, match=r"on triangle \d+, and open-head has 100 triangles"):
        found.check("open-head", 5143, 100)


def test_an_avatar_is_driven_as_a_head(tmp_path):
    model = load_model("open-head")
    theirs(tmp_path / "a", len(model.template))
    found = gaussian_avatars.load(tmp_path / "a")
    head, _ = found.head(model)
    joints = np.zeros((5, 3), np.float32)
    joints[2, 0] = 0.3
    posed = head.at(np.ones(5, np.float32), joints, np.zeros(3, np.float32))
    drawn = head.splats(posed)
    wanted = triangle_binding.to_world(found.splats, triangle_binding.frames(posed.vertices, model.faces))
    assert far(drawn, wanted)["means"] == 0
    rest = head.at(np.zeros(5, np.float32), np.zeros((5, 3), np.float32), np.zeros(3, np.float32))
    person = replace(model, template=model.template + found.offset).posed(shape=found.shape[: model.shape_count])[0][0]
    assert np.allclose(rest.vertices, person, atol=1e-5)


def test_on_a_flame_without_teeth_it_goes_without_them(tmp_path, monkeypatch):
    model = load_model("open-head")
    monkeypatch.setattr(gaussian_avatars, "_PLAIN", len(model.template))
    monkeypatch.setattr(gaussian_avatars, "_WITH_TEETH", len(model.template) + 120)
    theirs(tmp_path / "a", len(model.template) + 120)
    found = gaussian_avatars.load(tmp_path / "a")
    binding_of_teeth = found.splats.binding.copy()
    binding_of_teeth[:4] = len(model.faces) + 3
    found = replace(found, splats=replace(found.splats, binding=binding_of_teeth))
    head, notes = found.head(model)
    assert head.count == 26
    assert "4 Gaussians that VHAP put on teeth" in notes[-1]
    with pytest.raises(InputError, match="made with another FLAME"):
        replace(found, offset=found.offset[:-1]).head(model)


def test_what_is_no_avatar_is_refused(tmp_path):
    ply.write(cloud(30), tmp_path / "a.ply")
    with pytest.raises(InputError, match="bound to no triangles"):
        gaussian_avatars.load(tmp_path / "a.ply")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"There is no \.ply"):
        gaussian_avatars.load(tmp_path / "empty")
    theirs(tmp_path / "broken")
    np.savez(tmp_path / "broken" / "flame_param.npz", expr=np.zeros((2, 100)), jaw_pose=np.zeros((2, 3)),
             static_offset=np.zeros((2, 7)))  # fmt: skip
    with pytest.raises(InputError, match="static_offset"):
        gaussian_avatars.load(tmp_path / "broken")


def test_what_is_written_is_read(tmp_path):
    random = np.random.default_rng(3)
    expression = random.normal(size=(4, 100)).astype(np.float32)
    motion = Motion(Fraction(25), expression=expression, basis="flame2023", jaw_pose=random.normal(size=(4, 3)) * 0.1)
    gaussian_avatars.save(cloud(30, bound=True), motion, tmp_path / "point_cloud.ply")
    found = gaussian_avatars.load(tmp_path / "point_cloud.ply")
    assert np.allclose(found.motion.expression, expression)
    assert np.allclose(found.motion.jaw_pose, motion.jaw_pose, atol=1e-6)
    with pytest.raises(InputError, match="stand in the world"):
        gaussian_avatars.save(cloud(30), motion, tmp_path / "b.ply")
