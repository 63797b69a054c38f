"""The head: human amounts, no drift, calm in silence, nods on accents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.direction import Direction
from animcore.errors import AnimcoreError
from animcore.solvers.nonverbal import head_motion, head_network
from animcore.speech import prosody
from animcore.speech.prosody import FPS, Prosody

VOICES = sorted((Path(__file__).resolve().parents[2] / "golden" / "voices").glob("*.flac"))


@pytest.fixture(scope="module")
def long_talk(talk) -> np.ndarray:
    """(T, 3) degrees over ten minutes."""
    return np.rad2deg(head_motion.solve(talk(10), Direction()).total)


def test_amounts_are_human(long_talk):
    # real heads (benchmarks/head.py): 3 to 6 degrees an axis, 23 degrees a second on average
    assert ((long_talk.std(0) > 2) & (long_talk.std(0) < 6.5)).all()
    assert np.abs(long_talk).max() < 34
    speed = np.linalg.norm(np.diff(long_talk, axis=0), axis=1).mean() * FPS
    assert 12 < speed < 35


def test_no_drift_over_ten_minutes(long_talk):
    minutes = long_talk.reshape(10, -1, 3).mean(1)
    assert np.abs(minutes.mean(0)).max() < 0.5
    slope = np.polyfit(np.arange(10), minutes, 1)[0]
    assert np.abs(slope).max() < 0.25


def test_movement_is_smooth(long_talk):
    jump = np.abs(np.diff(long_talk, 2, axis=0)).max()
    assert jump < 1.6  # degrees from frame to frame to frame; 1.5 in the liveliest of 21 real heads


def test_nothing_is_faster_than_a_head(long_talk):
    power = np.square(np.abs(np.fft.rfft(long_talk - long_talk.mean(0), axis=0))).sum(1)
    frequency = np.fft.rfftfreq(len(long_talk), 1 / FPS)
    assert power[frequency < 1].sum() > 0.6 * power.sum()
    assert power[frequency > 6].sum() < 0.005 * power.sum()


def test_silence_only_breathes(hush):
    degrees = np.rad2deg(head_motion.solve(hush(60), Direction()).total)
    assert 0 < np.ptp(degrees[:, 0]) < 0.6
    assert not degrees[:, 1:].any()


def test_a_long_pause_ends_in_calm(talk, hush):
    before, pause = talk(0.5), hush(60)
    voice = Prosody(
        np.concatenate([before.level, pause.level]), np.concatenate([before.speaking, pause.speaking]),
        before.phrases, before.accents,
    )  # fmt: skip
    degrees = np.rad2deg(head_motion.solve(voice, Direction()).total)[len(before.level) + 5 * FPS :]
    assert np.abs(degrees[:, 1:]).max() < 0.1
    assert np.ptp(degrees[:, 0]) < 0.6


def test_nods_follow_accents():
    """The head goes down in the 0.16 s after accents, more than at the same accents moved to another time."""
    generator = np.random.default_rng(0)
    after, elsewhere = [], []
    for path in VOICES:
        clip = recording.load(path)
        line = prosody.analyse(clip, len(clip.samples) * FPS // clip.rate)
        shown = [round(time * FPS) for time, strength in line.accents if strength > 0.3]
        down = np.mean([np.gradient(np.rad2deg(head_motion.solve(line, Direction(seed=seed)).total[:, 0])) * FPS
                        for seed in range(12)], 0)  # fmt: skip
        soon = np.mean([np.roll(down, -shift) for shift in range(8)], 0)
        after += [soon[shown].mean()]
        elsewhere += [[np.roll(soon, shift)[shown].mean() for shift in generator.integers(0, len(down), 200)]]
    assert np.mean(after) > np.percentile(np.mean(elsewhere, 0), 97.5)


def test_the_head_is_livelier_while_somebody_speaks(talk):
    voice = talk(5)
    speed = np.linalg.norm(np.diff(head_motion.solve(voice, Direction()).total, axis=0), axis=1)
    speaking = voice.speaking[1:] > 0
    assert speed[speaking].mean() > 1.15 * speed[~speaking].mean()


def test_seeds_give_other_takes_and_equal_seeds_equal_ones(talk):
    voice = talk(0.5)
    one, again, other = (head_motion.solve(voice, Direction(seed=seed)).total for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > np.deg2rad(1)


def test_strength_scales_the_movement(talk):
    voice = talk(1)
    spread = [head_motion.solve(voice, Direction(strengths={"head": value})).total.std() for value in (0, 0.5, 1, 2)]
    assert spread[0] == 0
    assert spread == sorted(spread)


def test_neck_and_head_share_the_rotation(talk):
    motion = head_motion.solve(talk(0.2), Direction())
    np.testing.assert_allclose(motion.neck * 1.5, motion.head, atol=1e-6)


def test_nothing_at_all_moves_nothing(hush):
    assert head_motion.solve(hush(0), Direction()).total.shape == (0, 3)


@pytest.mark.parametrize("count", [1, 3, 15])
def test_a_word_is_enough(count):
    word = Prosody(np.full(count, -20, np.float32), np.ones(count, np.float32), ((0.0, count / FPS),), ((0.0, 1.0),))
    pose = head_motion.solve(word, Direction()).total
    assert pose.shape == (count, 3)
    assert np.isfinite(pose).all()


def test_frames_lie_on_the_points_they_pass():
    points = np.random.default_rng(0).normal(size=(20, 3))
    frames = head_network.between(points, 77)
    np.testing.assert_allclose(frames[:: head_network.STEP], points, atol=1e-3)


def test_frames_are_the_spline_of_scipy():
    interpolate = pytest.importorskip("scipy.interpolate")
    points = np.random.default_rng(0).normal(size=(40, 3))
    expected = interpolate.make_interp_spline(np.arange(40) * head_network.STEP, points)(np.arange(157))
    # away from the ends, which scipy holds otherwise
    np.testing.assert_allclose(head_network.between(points, 157)[40:-40], expected[40:-40], atol=1e-3)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(AnimcoreError, match="head's weights cannot be read"):
        head_network.load(tmp_path / "head.npz")
