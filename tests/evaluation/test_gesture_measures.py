"""Beats, distances and feet whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.audio import recording
from animcore.body_models.kinematics import INDEX
from animcore.evaluation.body import metrics as measures
from animcore.evaluation.body.audio_onsets import onsets

RATE = 30.0


def nodding(seconds, times, rate=RATE):
    """Places (T, 55, 3) of a body whose wrists stroke to and fro, coming to rest at some times."""
    clock = np.arange(round(seconds * rate)) / rate
    height = np.zeros(len(clock))
    for index, time in enumerate(times):
        share = np.clip((clock - time + 0.3) / 0.3, 0, 1)
        height += (-1) ** index * 0.2 * share**3 * (10 - 15 * share + 6 * share**2)
    places = np.zeros((len(clock), 55, 3))
    places[..., 1] = height[:, None]
    return places


def test_strokes_end_where_they_end():
    wanted = np.array([0.5, 1.4, 2.2, 3.3])
    found = measures.strokes(nodding(4.0, wanted, 50.0), 50.0)
    assert len(found) == 4
    assert (found < wanted).all()
    assert np.allclose(found, wanted, atol=0.1)


def test_what_is_on_time_is_told_from_what_is_not():
    times = np.cumsum(np.random.default_rng(0).uniform(0.6, 1.4, 40))
    strokes = measures.strokes(nodding(times[-1] + 1, times), RATE)
    score = measures.alignment(strokes, times - 0.06)
    moved = measures.shuffled_alignment(
        lambda move: measures.alignment(measures.time_shifted(strokes, move, times[-1]), times - 0.06), times[-1]
    )
    assert score > 0.9
    assert moved < 0.4


def test_beat_consistency_is_what_emage_prints():
    """Its definition written out over every pair, after the published code, with the mean speeds of the motion."""
    generator = np.random.default_rng(1)
    places = generator.normal(size=(300, 55, 3)).cumsum(0) * 0.01
    heard = np.sort(generator.uniform(0, 10, 25))
    speed = np.linalg.norm(np.gradient(places, axis=0), axis=-1) * RATE
    scores = []
    for joint in measures.UPPER_BODY:
        own = speed[:, joint]
        beats = [
            frame / RATE
            for frame in range(7, len(own) - 7)
            if own[frame] > 0.1 * own.mean() and all(own[frame] < own[frame + k] for k in range(-7, 8) if k)
        ]
        near = [min((abs(onset - beat) for beat in beats), default=np.inf) for onset in heard]
        scores.append(np.mean([np.exp(-(distance**2) / (2 * 0.3**2)) for distance in near]))
    assert measures.beat_consistency(measures.joint_beats(places, RATE), heard) == pytest.approx(np.mean(scores))


def test_onsets_of_clicks_and_of_silence():
    samples = np.zeros(64_000, np.float32)
    times = np.array([0.5, 1.25, 2.0, 3.1])
    for time in times:
        samples[int(time * 16_000) :][:800] = np.random.default_rng(0).normal(size=800) * 0.3
    clip = recording.AudioClip(samples, "", "", None)
    found = onsets(clip)
    assert all(np.abs(found - time).min() < 0.1 for time in times)
    quiet = recording.AudioClip(np.zeros(16_000, np.float32), "", "", None)
    assert not len(onsets(quiet))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0.0, 4.0))
def test_frechet_distance_against_scipy(seed, width, shift):
    linalg = pytest.importorskip("scipy.linalg")
    generator = np.random.default_rng(seed)
    one = generator.normal(size=(200, width)) @ generator.normal(size=(width, width))
    other = generator.normal(size=(150, width)) @ generator.normal(size=(width, width)) + shift
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    apart = one.mean(0) - other.mean(0)
    wanted = apart @ apart + np.trace(first + second - 2 * np.real(linalg.sqrtm(first @ second)))
    assert measures.frechet_distance(one, other) == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    assert measures.frechet_distance(one, one) == pytest.approx(0.0, abs=1e-6)


def test_sliding_counts_near_the_floor_alone():
    way = np.zeros((51, 2, 4, 3))
    way[..., 0] = np.linspace(0, 0.5, 51)[:, None, None]
    assert measures.sliding(way, 0.0, 50.0) == pytest.approx(0.5)
    assert measures.sliding(way + np.array([0, 0.1, 0]), 0.0, 50.0) == 0.0
    assert 0.0 < measures.sliding(way + np.array([0, 0.01, 0]), 0.0, 50.0) < 0.5
    assert measures.sliding(way, -0.1, 50.0) == 0.0


def test_speed_acceleration_and_jerk_of_a_known_movement():
    """A minimum-jerk stroke of D metres in T seconds: 1.875 D / T and 5.77 D / T² (Flash and Hogan 1985)."""
    rate, distance, length = 200.0, 0.4, 0.5
    share = np.linspace(0, 1, round(rate * length) + 1)
    places = np.zeros((len(share), 55, 3))
    places[:, INDEX["left_wrist"], 0] = distance * share**3 * (10 - 15 * share + 6 * share**2)
    wrist = places[:, [INDEX["left_wrist"]]]
    assert measures.peak_speed(wrist, rate) == pytest.approx(1.875 * distance / length, rel=0.01)
    assert measures.peak_acceleration(wrist, rate) == pytest.approx(5.77 * distance / length**2, rel=0.02)
    cubed = np.abs(60 - 360 * share + 360 * share**2).mean() * distance / length**3
    assert measures.jerk(wrist, rate) == pytest.approx(cubed, rel=0.05)


def test_l1_diversity_is_the_sum_of_what_joints_are_off():
    places = np.zeros((4, 55, 3))
    places[::2, 3, 1] = 1.0
    assert measures.l1_diversity(places) == pytest.approx(0.5)


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_few_frames(count):
    places = np.zeros((count, 55, 3))
    assert all(len(beats) == 0 for beats in measures.joint_beats(places, RATE))
    assert len(measures.strokes(places, RATE)) == 0
    assert np.isnan(measures.alignment(np.zeros(0), np.ones(3)))
