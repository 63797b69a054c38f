"""Rotations against their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from animcore.geometry import rotations
from blender_addon.scene import bone_rotations

VECTORS = np.random.default_rng(3).normal(size=(60, 3)) * 0.8


def matrix(vector: np.ndarray) -> np.ndarray:
    """Rodrigues' formula, one vector at a time: the oracle."""
    angle = np.linalg.norm(vector)
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def about(axis: int, angle: float) -> np.ndarray:
    """A rotation about one of the axes."""
    return matrix(np.eye(3)[axis] * angle)


def test_quaternions_are_the_rotation_and_never_flip():
    path = np.cumsum(VECTORS * 0.2, axis=0)  # far enough to pass half a turn
    found = bone_rotations.quaternions(path)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0)
    np.testing.assert_allclose(rotations.quaternion_to_matrix(found), [matrix(vector) for vector in path], atol=1e-12)
    assert (np.sum(found[1:] * found[:-1], axis=1) > 0).all()


@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("XYZ")])
def test_euler_angles_of_every_order(order):
    for vector, angles in zip(VECTORS, bone_rotations.eulers(VECTORS, order), strict=True):
        first, middle, last = (about("XYZ".index(axis), angles["XYZ".index(axis)]) for axis in order)
        np.testing.assert_allclose(last @ middle @ first, matrix(vector), atol=1e-9)


def test_angle_and_axis_do_not_flip_and_keep_their_axis_at_rest():
    swing = np.sin(np.linspace(0, 12, 200))[:, None] * np.array([[0.3, 0.1, 0.0]])
    swing[50:60] = 0.0
    found = bone_rotations.angles_and_axes(swing)
    np.testing.assert_allclose(np.linalg.norm(found[:, 1:], axis=1), 1.0)
    np.testing.assert_allclose(found[:, :1] * found[:, 1:], swing, atol=1e-12)
    assert (np.sum(found[1:, 1:] * found[:-1, 1:], axis=1) > 0.99).all()
    np.testing.assert_array_equal(bone_rotations.angles_and_axes(np.zeros((3, 3)))[:, 0], 0.0)


def test_a_product_of_rotations_and_back():
    a, b = VECTORS[:30], VECTORS[30:]
    whole = rotations.from_quaternion(rotations.multiply(bone_rotations.quaternions(a), bone_rotations.quaternions(b)))
    for one, two, both in zip(a, b, whole, strict=True):
        np.testing.assert_allclose(matrix(both), matrix(one) @ matrix(two), atol=1e-9)


def test_a_rotation_in_other_axes():
    rest, character = matrix(np.array([0.4, -1.0, 0.3])), matrix(np.array([1.2, 0.1, -0.5]))
    local = bone_rotations.local_rotations(VECTORS, rest, character)
    for vector, own in zip(VECTORS, local, strict=True):
        np.testing.assert_allclose(matrix(own), rest.T @ character @ matrix(vector) @ character.T @ rest, atol=1e-9)


def test_a_rig_with_a_neck_alone_gets_the_whole_rotation_there():
    head, neck = VECTORS[:5], VECTORS[5:10]
    got_head, got_neck = bone_rotations.split(head, neck, has_head=False, has_neck=True)
    assert got_head is None
    for one, two, both in zip(neck, head, got_neck, strict=True):
        np.testing.assert_allclose(matrix(both), matrix(one) @ matrix(two), atol=1e-9)
    shared = bone_rotations.split(head, None, has_head=True, has_neck=True)
    np.testing.assert_allclose(shared[0] + shared[1], head)
