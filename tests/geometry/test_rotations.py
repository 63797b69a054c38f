"""Rotations against scipy's, which knows nothing of ours."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from animcore.geometry import rotations

Rotation = pytest.importorskip("scipy.spatial.transform", reason="scipy is the oracle").Rotation

vectors = arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-3.1, 3.1))


def oracle(found) -> np.ndarray:
    return Rotation.from_rotvec(np.asarray(found).reshape(-1, 3)).as_matrix()


@given(vectors)
def test_axis_angle_matrix_quaternion_and_back(turns):
    matrices = rotations.to_matrix(turns)
    np.testing.assert_allclose(matrices, oracle(turns), atol=1e-12)
    np.testing.assert_allclose(oracle(rotations.from_matrix(matrices)), matrices, atol=1e-9)
    quaternions = rotations.to_quaternion(turns)
    np.testing.assert_allclose(np.roll(quaternions, -1, -1), quaternion_of(turns), atol=1e-12)


def quaternion_of(turns) -> np.ndarray:
    found = Rotation.from_rotvec(turns).as_quat()
    ours = np.roll(rotations.to_quaternion(turns), -1, -1)
    return found * np.sign((found * ours).sum(-1, keepdims=True))


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-7, np.pi - 1e-9, np.pi])
@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, -0.8, 0)])
def test_the_ends_of_the_scale_are_exact(axis, angle):
    turn = np.array(axis) * angle
    matrix = rotations.to_matrix(turn)
    np.testing.assert_allclose(oracle(rotations.from_matrix(matrix))[0], matrix, atol=1e-12)
    assert np.linalg.norm(rotations.from_matrix(matrix)) <= np.pi + 1e-12


def test_any_shape_of_array():
    turns = np.random.default_rng(0).normal(size=(2, 3, 4, 3))
    assert rotations.to_matrix(turns).shape == (2, 3, 4, 3, 3)
    np.testing.assert_allclose(rotations.to_matrix(turns).reshape(-1, 3, 3), oracle(turns), atol=1e-12)
    assert rotations.from_matrix(rotations.to_matrix(turns)).shape == turns.shape


@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("XYZ")])
def test_euler_angles_of_every_order(order):
    angles = np.random.default_rng(1).uniform(-1.5, 1.5, size=(40, 3))
    matrices = rotations.from_euler(angles, order)
    np.testing.assert_allclose(matrices, Rotation.from_euler(order, angles).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(rotations.to_euler(matrices, order), angles, atol=1e-9)


@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("XYZ")])
@pytest.mark.parametrize("middle", [np.pi / 2, -np.pi / 2])
def test_a_locked_gimbal_still_gives_the_rotation(order, middle):
    matrices = rotations.from_euler(np.array([0.4, middle, 0.3]), order)
    np.testing.assert_allclose(rotations.from_euler(rotations.to_euler(matrices, order), order), matrices, atol=1e-7)


@given(vectors, vectors)
def test_a_product_is_one_turn_after_the_other(a, b):
    a, b = a[:1], b[:1]
    product = rotations.multiply(rotations.to_quaternion(a), rotations.to_quaternion(b))
    np.testing.assert_allclose(rotations.quaternion_to_matrix(product), oracle(a) @ oracle(b), atol=1e-9)


@given(vectors, st.floats(0, 1))
def test_slerp_goes_the_shortest_way_at_an_even_pace(turns, share):
    start, end = rotations.to_quaternion(turns[0]), -rotations.to_quaternion(turns[-1])
    middle = rotations.slerp(start, end, share)
    whole = np.linalg.norm(rotations.from_quaternion(rotations.multiply(rotations.inverse(start), end)))
    part = np.linalg.norm(rotations.from_quaternion(rotations.multiply(rotations.inverse(start), middle)))
    assert part == pytest.approx(share * whole, abs=1e-7)


@given(vectors, vectors)
def test_the_smallest_turn_between_two_directions(a, b):
    assume(np.linalg.norm(a[0]) > 1e-6 and np.linalg.norm(b[0]) > 1e-6)
    a, b = rotations.normalized(a[0]), rotations.normalized(b[0])
    np.testing.assert_allclose(rotations.quaternion_to_matrix(rotations.between(a, b)) @ a, b, atol=1e-6)
    np.testing.assert_allclose(rotations.quaternion_to_matrix(rotations.between(a, -a)) @ a, -a, atol=1e-9)


@given(vectors)
def test_swing_and_twist_make_the_turn_and_the_swing_has_no_twist(turns):
    axis = np.array([0.0, 0.6, 0.8])
    turn = rotations.to_quaternion(turns)
    swing, twist = rotations.swing_and_twist(turn, axis)
    whole = rotations.quaternion_to_matrix(rotations.multiply(swing, twist))
    np.testing.assert_allclose(whole, oracle(turns), atol=1e-9)
    np.testing.assert_allclose((swing[..., 1:] * axis).sum(-1), 0.0, atol=1e-7)
    np.testing.assert_allclose(rotations.quaternion_to_matrix(twist) @ axis, np.tile(axis, (len(turns), 1)), atol=1e-9)


def test_quaternions_over_time_do_not_flip():
    turns = np.cumsum(np.random.default_rng(2).normal(size=(300, 2, 3)) * 0.2, 0)
    path = rotations.continuous(rotations.to_quaternion(turns) * np.random.default_rng(3).choice([-1, 1], (300, 2, 1)))
    assert ((path[1:] * path[:-1]).sum(-1) > 0).all()
