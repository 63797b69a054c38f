"""Seams that are none, ends that are kept, loops that close."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from moving import RATE, gesturing

from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.motion import Event, Motion
from animcore.postprocess import clip_blending


def clip(seed, turn=0.0, away=0.0):
    """Somebody who talks with the hands and the face, facing elsewhere, standing elsewhere."""
    pose, translation = gesturing(4, seed)
    pose[:, 0, 1] = turn
    translation[:, 0] = away
    face = np.random.default_rng(seed).random((len(pose), len(ARKIT))).cumsum(0) % 1.0
    face = np.abs(np.sin(face.mean(1, keepdims=True) + np.arange(len(ARKIT))))
    return Motion(
        Fraction(50),
        arkit=face.astype(np.float32),
        body_pose=pose.astype(np.float32),
        translation=translation.astype(np.float32),
        head_pose=(0.1 * np.sin(np.arange(len(pose)) / 9)[:, None] * np.ones(3)).astype(np.float32),
        events=(Event("beat", "accent", 1.0, 1.0),),
    )


def points(motion):
    return joint_positions(world_rotations(motion.body_pose), motion.translation)


def roughness(path):
    """Largest change of speed from frame to frame, metres a second."""
    return np.linalg.norm(np.diff(path, 2, axis=0), axis=-1) * RATE


def test_a_seam_cannot_be_told_from_the_rest():
    first, second = clip(1), clip(2, turn=2.0, away=3.0)
    whole = clip_blending.blend_clips(first, second)
    seam = first.frame_count
    assert whole.frame_count == first.frame_count + second.frame_count
    rough = roughness(points(whole))
    assert rough[seam - 4 : seam + 25].max() < 1.2 * np.delete(rough, np.s_[seam - 4 : seam + 25], 0).max()
    hard = np.concatenate([points(first), points(second)])
    assert roughness(hard)[seam - 4 : seam + 4].max() > 10 * rough.max()
    faces = np.abs(np.diff(whole.arkit, axis=0)).max(1)
    assert faces[seam - 1] < 2 * np.delete(faces, seam - 1).max()
    assert np.array_equal(whole.body_pose[:seam], first.body_pose)
    assert whole.events[-1].start == pytest.approx(5.0)


def test_the_second_clip_goes_on_where_the_first_stood_and_as_it_moved():
    first, second = clip(1), clip(2, turn=2.0, away=3.0)
    whole = clip_blending.blend_clips(first, second)
    end = points(whole)[-1]
    assert np.linalg.norm(end[0, [0, 2]] - points(first)[-1, 0, [0, 2]]) < 0.05
    own = points(second)[-1] - points(second)[-1, 0]
    turn = -2.0
    about = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    assert np.allclose(end - end[0], own @ about.T, atol=1e-3)


def test_other_rates_and_missing_tracks():
    first, second = clip(1), Motion(Fraction(25), head_pose=np.full((50, 3), 0.2, np.float32))
    whole = clip_blending.blend_clips(first, second)
    assert whole.frame_count == first.frame_count + 100
    assert np.allclose(whole.body_pose[-1], 0)
    assert np.allclose(whole.head_pose[-1], 0.2)
    assert whole.arkit.max() <= 1.0


def test_ends_are_the_poses_that_were_asked_for():
    motion = clip(1)
    start, end = (Motion(Fraction(50), body_pose=clip(seed).body_pose[50:51]) for seed in (5, 6))
    fixed = clip_blending.with_ends(motion, start, end)
    assert np.allclose(
        points(fixed)[0], points(clip_blending.with_ends(start, start))[0] if start.translation else points(fixed)[0]
    )
    assert np.allclose(world_rotations(fixed.body_pose[:1]), world_rotations(start.body_pose), atol=1e-5)
    assert np.allclose(world_rotations(fixed.body_pose[-1:]), world_rotations(end.body_pose), atol=1e-5)
    assert np.allclose(world_rotations(fixed.body_pose[30:-30]), world_rotations(motion.body_pose[30:-30]), atol=1e-5)
    assert np.array_equal(fixed.arkit, motion.arkit)
    hand = points(fixed)[:, INDEX["left_wrist"]]
    assert np.linalg.norm(hand[1] - hand[0]) * RATE < 0.3  # from rest


def test_a_loop_goes_round():
    motion = clip(3)
    walking = Motion(
        motion.rate,
        body_pose=motion.body_pose,
        translation=motion.translation + np.linspace(0, 0.4, motion.frame_count)[:, None].astype(np.float32),
    )
    loop = clip_blending.loop(walking)
    twice = np.concatenate([points(loop), points(loop)])
    seam = motion.frame_count
    rough = roughness(twice)
    assert rough[seam - 4 : seam + 4].max() < 1.2 * rough[5 : seam - 25].max()
    plain = np.concatenate([points(walking), points(walking)])
    assert roughness(plain)[seam - 4 : seam + 4].max() > 10 * rough.max()


def test_faces_of_two_models_are_not_joined():
    one, other = (
        Motion(Fraction(30), expression=np.zeros((9, 5), np.float32), basis=basis)
        for basis in ("flame2020", "flame2023")
    )
    with pytest.raises(InputError, match="flame2020"):
        clip_blending.blend_clips(one, other)
    with pytest.raises(InputError, match="without frames"):
        clip_blending.loop(Motion(Fraction(30)))
