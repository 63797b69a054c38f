"""The head: human amounts, no drift, still in silence."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.direction import Direction
from animcore.solvers import head
from animcore.speech import prosody
from animcore.speech.prosody import FPS


@pytest.fixture(scope="module")
def long_talk(talk) -> np.ndarray:
    """(T, 3) degrees over ten minutes."""
    return np.rad2deg(head.move(talk(10), Direction()).total)


def test_amounts_are_human(long_talk):
    assert ((long_talk.std(0) > 1.5) & (long_talk.std(0) < 5)).all()
    assert np.abs(long_talk).max() < 17
    speed = np.linalg.norm(np.diff(long_talk, axis=0), axis=1).mean() * FPS
    assert 2 < speed < 14


def test_no_drift_over_ten_minutes(long_talk):
    minutes = long_talk.reshape(10, -1, 3).mean(1)
    assert np.abs(minutes.mean(0)).max() < 1
    slope = np.polyfit(np.arange(10), minutes, 1)[0]
    assert np.abs(slope).max() < 0.25


def test_movement_is_smooth(long_talk):
    jump = np.abs(np.diff(long_talk, 2, axis=0)).max()
    assert jump < 0.35  # degrees from frame to frame to frame: no kink is seen


def test_most_energy_is_slow(long_talk):
    power = np.square(np.abs(np.fft.rfft(long_talk - long_talk.mean(0), axis=0))).sum(1)
    frequency = np.fft.rfftfreq(len(long_talk), 1 / FPS)
    assert power[frequency < 1].sum() > 0.75 * power.sum()


def test_silence_only_breathes(hush):
    degrees = np.rad2deg(head.move(hush(60), Direction()).total)
    assert 0 < np.ptp(degrees[:, 0]) < 0.6
    assert not degrees[:, 1:].any()


def test_nods_follow_accents(talk):
    quiet = talk(3)
    with_accents = np.rad2deg(head.move(quiet, Direction()).total[:, 0])
    fast = with_accents - prosody.smooth(with_accents.astype(np.float32), 0.3)
    accents = [round(time * FPS) for time, strength in quiet.accents if strength > 0.6]
    random = np.random.default_rng(0).integers(0, len(fast), 2000)
    assert fast[accents].mean() > fast[random].mean() + 0.3


def test_seeds_give_other_takes_and_equal_seeds_equal_ones(talk):
    voice = talk(0.5)
    one, again, other = (head.move(voice, Direction(seed=seed)).total for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > np.deg2rad(1)


def test_strength_scales_the_movement(talk):
    voice = talk(1)
    spread = [head.move(voice, Direction(strengths={"head": value})).total.std() for value in (0, 0.5, 1, 2)]
    assert spread[0] == 0
    assert spread == sorted(spread)


def test_neck_and_head_share_the_rotation(talk):
    motion = head.move(talk(0.2), Direction())
    np.testing.assert_allclose(motion.neck * 1.5, motion.head, atol=1e-6)


def test_nothing_at_all_moves_nothing(hush):
    assert head.move(hush(0), Direction()).total.shape == (0, 3)
