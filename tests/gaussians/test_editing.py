"""Edits of Gaussians: what is seen of them changes as was asked, and nothing else does."""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.errors import InputError
from animcore.gaussians import editing, spherical_harmonics, transforms
from animcore.gaussians.gaussians import Gaussians, validated
from animcore.geometry import rotations
from animcore.geometry.surface_registration import SimilarityTransform, similarity_between

ANGLES = st.floats(-3.1, 3.1)
SOON = settings(max_examples=30, deadline=None)


def cloud(count: int = 40, degree: int = 3, seed: int = 0) -> Gaussians:
    random = np.random.default_rng(seed)
    table = random.normal(size=(count, (degree + 1) ** 2, 3)) * 0.1
    turns = random.normal(size=(count, 4))
    scales, opacities = random.uniform(0.001, 0.01, (count, 3)), random.uniform(0, 1, count)
    return validated(Gaussians(random.normal(size=(count, 3)) * 0.1, turns, scales, opacities, table), "a cloud")


def colours(splats: Gaussians, directions: np.ndarray) -> np.ndarray:
    """(N, 3) what each Gaussian looks like seen along its direction (N, 3)."""
    values = spherical_harmonics.values(directions, splats.degree)
    return 0.5 + np.einsum("nk,nkc->nc", values, splats.harmonics)


def directions(count: int) -> np.ndarray:
    found = np.random.default_rng(5).normal(size=(count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


# --------------------------------------------------------------------------------------------------------- harmonics


def test_harmonics_are_orthonormal():
    """Over a fine, even grid of the sphere."""
    height = 1 - 2 * (np.arange(20000) + 0.5) / 20000
    around = np.arange(20000) * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - height**2)
    values = spherical_harmonics.values(np.stack([radius * np.cos(around), radius * np.sin(around), height], 1), 3)
    assert np.allclose(4 * np.pi * values.T @ values / 20000, np.eye(16), atol=2e-3)


def test_harmonics_are_those_of_the_books():
    special = pytest.importorskip("scipy.special")
    ways = directions(50)
    polar, around = np.arccos(ways[:, 2]), np.arctan2(ways[:, 1], ways[:, 0])
    ours = spherical_harmonics.values(ways, 3)
    for degree in range(4):
        for order in range(-degree, degree + 1):
            if hasattr(special, "sph_harm_y"):
                complex_one = special.sph_harm_y(degree, abs(order), polar, around)
            else:
                complex_one = special.sph_harm(abs(order), degree, around, polar)
            real = complex_one.real if order >= 0 else complex_one.imag
            wanted = real * (np.sqrt(2) if order else 1)  # SciPy's have the Condon-Shortley phase, as 3DGS has
            assert np.allclose(ours[:, degree**2 + degree + order], wanted, atol=1e-6), (degree, order)


@SOON
@given(ANGLES, ANGLES, ANGLES, st.integers(0, 3))
def test_a_turned_cloud_is_seen_from_behind_as_the_other_was_from_before(x, y, z, degree):
    splats = cloud(degree=degree)
    turn = rotations.to_matrix([x, y, z])
    after = transforms.transformed(splats, SimilarityTransform(1.0, turn, np.zeros(3)))
    ways = directions(splats.count)
    assert np.allclose(colours(after, ways @ turn.T), colours(splats, ways), atol=1e-5)
    axes = [rotations.quaternion_to_matrix(one.rotations) for one in (splats, after)]
    assert np.allclose(turn @ axes[0], axes[1], atol=1e-5)


@SOON
@given(ANGLES, ANGLES, st.floats(0.1, 10))
def test_a_similarity_there_and_back_changes_nothing(x, z, size):
    splats = cloud()
    turn = rotations.to_matrix([x, 0.3, z])
    there = SimilarityTransform(size, turn, np.array([1.0, -2.0, 0.5]))
    back = SimilarityTransform(1 / size, turn.T, -turn.T @ there.shift / size)
    again = transforms.transformed(transforms.transformed(splats, there), back)
    assert np.allclose(again.means, splats.means, atol=1e-5)
    assert np.allclose(again.scales, splats.scales, rtol=1e-4)
    assert np.allclose(again.harmonics, splats.harmonics, atol=1e-5)
    assert np.allclose(np.abs((again.rotations * splats.rotations).sum(1)), 1, atol=1e-5)


def test_a_mirrored_cloud_has_mirrored_shapes_and_colours():
    splats, mirror = cloud(), np.diag([-1.0, 1.0, 1.0])
    after = transforms.transformed(splats, SimilarityTransform(1.0, mirror, np.zeros(3)))
    ways = directions(splats.count)
    assert np.allclose(colours(after, ways @ mirror), colours(splats, ways), atol=1e-5)
    shapes = []
    for one in (splats, after):
        axes = rotations.quaternion_to_matrix(one.rotations) * one.scales[:, None]
        shapes.append(axes @ axes.transpose(0, 2, 1))
    assert np.allclose(mirror @ shapes[0] @ mirror, shapes[1], atol=1e-9)


def test_clouds_become_one():
    whole = transforms.concatenated([cloud(5, degree=0), cloud(7, degree=2)])
    assert (whole.count, whole.degree) == (12, 2)
    assert not whole.harmonics[:5, 1:].any()
    with pytest.raises(InputError, match="bound to a mesh"):
        transforms.concatenated([cloud(5), replace(cloud(5), binding=np.arange(5))])
    with pytest.raises(InputError, match="moving the mesh"):
        transforms.transformed(replace(cloud(5), binding=np.arange(5)), transforms.HALF_TURN)


# --------------------------------------------------------------------------------------------------------- recolouring


def test_a_third_of_a_turn_makes_red_green_from_every_side():
    splats = cloud()
    chosen = np.arange(splats.count) % 2 == 0
    after = editing.recolour(splats, chosen, hue=2 * np.pi / 3)
    for seed in range(3):
        ways = np.roll(directions(splats.count), seed, 0)
        before, now = colours(splats, ways), colours(after, ways)
        assert np.allclose(now[chosen], before[chosen][:, [2, 0, 1]], atol=1e-6)
        assert np.array_equal(now[~chosen], before[~chosen])


@SOON
@given(st.floats(0, 1.5), st.floats(0.1, 2))
def test_lightness_and_saturation_do_what_they_say(saturation, lightness):
    splats = cloud()
    after = editing.recolour(splats, np.ones(splats.count, bool), saturation=saturation, lightness=lightness)
    ways = directions(splats.count)
    before, now = colours(splats, ways), colours(after, ways)
    grey = before @ (0.2126, 0.7152, 0.0722)
    assert np.allclose(now @ (0.2126, 0.7152, 0.0722), lightness * grey, atol=1e-5)
    assert np.allclose(now, lightness * (grey[:, None] + saturation * (before - grey[:, None])), atol=1e-5)


def test_the_hue_turns_as_in_a_colour_wheel():
    splats = cloud(1, degree=0)
    red = replace(splats, harmonics=((np.array([[[0.8, 0.2, 0.2]]]) - 0.5) / 0.28209479).astype(np.float32))
    after = editing.recolour(red, np.ones(1, bool), hue=np.radians(60))
    hue, *_ = colorsys.rgb_to_hsv(*np.clip(colours(after, directions(1))[0], 0, 1))
    assert 360 * hue == pytest.approx(60, abs=1.0), "yellow"


# ------------------------------------------------------------------------------------------------------------- regions


def square() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two triangles over the square 0..1 of x and z, and the same square as their texture, the second upwards."""
    vertices = np.array([[0, 0, 1], [1, 0, 1], [1, 0, 0], [0, 0, 0.0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return vertices, faces, np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]), faces


@SOON
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(-0.3, 0.3))
def test_places_in_the_texture_are_those_below_the_gaussians(x, z, height):
    vertices, faces, uv, uv_faces = square()
    triangle = np.array([0 if x >= 1 - z else 1])
    place = editing.texture_coordinates(np.array([[x, height, z]]), triangle, vertices, faces, uv, uv_faces)
    assert np.allclose(place, [[x, 1 - z]], atol=1e-6)


def test_a_mask_that_is_painted_chooses_what_stands_there():
    vertices, faces, uv, uv_faces = square()
    random = np.random.default_rng(0)
    points = np.stack([random.uniform(0, 1, 300), random.uniform(0, 0.1, 300), random.uniform(0, 1, 300)], 1)
    triangles = np.where(points[:, 0] >= 1 - points[:, 2], 0, 1)
    places = editing.texture_coordinates(points, triangles, vertices, faces, uv, uv_faces)
    mask = np.zeros((64, 32), np.uint8)
    mask[:16] = 200  # the uppermost quarter of the picture: z from 0 to 0.25
    assert np.array_equal(editing.under_mask(places, mask), points[:, 2] < 0.25)
    assert not editing.under_mask(places, np.zeros((8, 8))).any()
    near = editing.nearest_triangles(points, vertices, faces)
    inside = np.abs(points[:, 0] - 1 + points[:, 2]) > 0.05
    assert np.array_equal(near[inside], triangles[inside])


def test_boxes_spheres_and_what_is_left_without_them():
    splats = cloud(200)
    box = editing.in_box(splats.means, np.array([0.05, 1, 1]), np.array([-0.05, -1, -1]))
    assert np.array_equal(box, np.abs(splats.means[:, 0]) <= 0.05)
    ball = editing.in_sphere(splats.means, np.array([0.1, 0, 0]), 0.1)
    left = editing.cut(splats, ball)
    assert left.count == 200 - ball.sum()
    assert (np.linalg.norm(left.means - (0.1, 0, 0), axis=1) > 0.1).all()


# ---------------------------------------------------------------------------------------------------------------- hair


def head(seed: int = 0) -> np.ndarray:
    """(V, 3) points all around a skull."""
    found = np.random.default_rng(seed).normal(size=(600, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True) * (0.075, 0.11, 0.095) + (0, 1.6, 0)


def hair_of(vertices: np.ndarray) -> Gaussians:
    """Strands of four Gaussians on the upper half."""
    roots = vertices[vertices[:, 1] > 1.63]
    away = roots - (0, 1.6, 0)
    points = np.concatenate([roots + step * away for step in (0.02, 0.1, 0.2, 0.3)])
    splats = cloud(1, degree=1).part(np.zeros(len(points), int))
    return replace(splats, means=points.astype(np.float32))


def test_hair_goes_with_the_scalp_onto_another_head():
    mine = head()
    way = SimilarityTransform(1.2, rotations.to_matrix([0.1, -0.4, 0.2]), np.array([0.3, -0.2, 0.1]))
    other = way.points(mine)
    other[mine[:, 1] < 1.6] += 0.05  # another chin, which is nothing to the hair
    after = editing.transplant_hair(hair_of(mine), mine, other)
    assert np.allclose(after.means, way.points(hair_of(mine).means), atol=1e-5)
    assert np.allclose(after.scales, 1.2 * hair_of(mine).scales, rtol=1e-4)
    ways = directions(after.count)
    assert np.allclose(colours(after, ways @ way.rotation.T), colours(hair_of(mine), ways), atol=1e-4)


def test_hair_does_not_go_onto_a_head_of_another_model_nor_without_roots():
    mine = head()
    with pytest.raises(InputError, match="heads of one model"):
        editing.transplant_hair(hair_of(mine), mine, mine[:-1])
    far = replace(hair_of(mine), means=hair_of(mine).means + np.float32(1.0))
    with pytest.raises(InputError, match="too few"):
        editing.transplant_hair(far, mine, mine)


def test_the_similarity_is_that_of_umeyama():
    points = head()
    way = SimilarityTransform(0.7, rotations.to_matrix([1.0, 2.0, -0.5]), np.array([3.0, 1.0, -2.0]))
    found = similarity_between(points, way.points(points))
    assert found.scale == pytest.approx(0.7)
    assert np.allclose(found.rotation, way.rotation)
    assert np.allclose(found.shift, way.shift)
