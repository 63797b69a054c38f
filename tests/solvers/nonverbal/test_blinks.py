"""Blinks come, last and move as in people."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.solvers.nonverbal import blinks
from animcore.speech.prosody import FPS


def drawn(voice, amount=1.0, seed=0, shifts=()):
    felt = np.ones(len(voice.level), np.float32)
    return blinks.blink_times(voice, amount, np.random.default_rng(seed), felt, shifts)


def lid(seed: int = 0) -> np.ndarray:
    return blinks.lid_curves(np.array([1.0]), 100, np.random.default_rng(seed))


def test_they_come_as_often_as_in_people(talk, hush):
    assert 17 < len(drawn(talk(10))) / 10 < 30
    assert 12 < len(drawn(hush(600))) / 10 < 19


def test_the_time_between_them_varies(hush):
    between = np.diff(drawn(hush(1200)))
    assert 0.45 < between.std() / between.mean() < 1
    assert between.min() > 0.34
    assert np.mean(between) > np.median(between)  # skewed to the right


def test_an_amount_scales_them_and_nought_gives_none(hush):
    voice = hush(600)
    assert len(drawn(voice, 2.0)) == pytest.approx(2 * len(drawn(voice)), rel=0.2)
    assert not len(drawn(voice, 0.0))


def test_lids_fall_faster_than_they_rise():
    shape = lid()
    shut = np.flatnonzero(shape > 0.02)
    whole = np.flatnonzero(shape == 1)
    assert shape.max() == 1.0
    falling, rising = whole[0] - shut[0] + 1, shut[-1] - whole[-1] + 1
    assert 1.5 < rising / falling < 4
    assert 0.2 < (shut[-1] - shut[0] + 2) / FPS < 0.45
    assert (np.diff(shape[shut[0] : whole[0] + 1]) > 0).all()
    assert (np.diff(shape[whole[-1] : shut[-1] + 1]) < 0).all()


def test_some_linger():
    lengths = [(lid(seed) > 0.02).sum() / FPS for seed in range(40)]
    assert 0.27 < np.mean(lengths) < 0.36
    assert 0.02 < np.std(lengths) < 0.08


def test_ends_of_phrases_draw_them(talk):
    voice = talk(10)
    ends = np.array([end for _, end in voice.phrases])
    after = [((blink - ends > -0.1) & (blink - ends < 0.3)).any() for blink in drawn(voice)]
    chance = len(ends) * 0.4 / 600
    assert np.mean(after) > 2.5 * chance


def test_wide_gaze_shifts_draw_them(hush):
    voice = hush(600)
    wide = [(time, 40.0) for time in np.arange(5, 590, 6.0)]
    found = drawn(voice, shifts=wide)
    assert np.mean([np.abs(found - time).min() < 0.06 for time, _ in wide]) > 0.8
    small = [(time, 5.0) for time, _ in wide]
    assert np.mean([np.abs(drawn(voice, shifts=small) - time).min() < 0.06 for time, _ in small]) < 0.2


def test_none_is_cut_off(hush):
    for seed in range(20):
        assert all(time < 2.5 - 0.4 for time in drawn(hush(2.5), seed=seed))
