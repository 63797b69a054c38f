"""One performance for several languages."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT_INDEX
from animcore.motion import Event, Motion
from animcore.postprocess import shared_performance as shared

SOURCE = [(0.3, 1.3), (1.8, 2.8), (3.0, 4.0)]


def test_pauses_of_both_languages_meet_and_time_never_runs_back():
    own = [(0.2, 1.4), (2.0, 3.2), (3.4, 4.6)]
    times = shared.align(own, SOURCE)
    for (start, end), (first, last) in zip(own, SOURCE, strict=True):
        assert times(start) == pytest.approx(first)
        assert times(end) == pytest.approx(last)
    assert (np.diff(times(np.linspace(-2, 7, 500))) > 0).all()
    assert times.inverse(2.8) == pytest.approx(3.2, abs=0.01)


def test_a_pause_that_only_one_language_has_is_passed_over():
    times = shared.align([(0.0, 2.0), (2.5, 4.0)], [(0.0, 0.4), (0.6, 2.1), (2.6, 4.1)])
    assert times(2.0) == pytest.approx(2.1)
    assert times(2.5) == pytest.approx(2.6)
    assert times(4.0) == pytest.approx(4.1)


def test_speed_has_no_jumps():
    times = shared.align([(0.0, 1.0), (1.5, 3.5)], [(0.0, 2.0), (2.2, 3.2)])
    speed = np.gradient(times(np.linspace(0.01, 3.49, 2000)), 3.48 / 1999)
    assert np.abs(np.diff(speed)).max() < 0.05


def test_lines_that_are_far_longer_or_silent_do_not_fit():
    assert shared.fits(SOURCE, SOURCE)
    assert not shared.fits([(0.0, 9.0)], SOURCE)
    assert not shared.fits([(0.0, 1.0)], SOURCE)
    assert not shared.fits([], SOURCE)


def test_phrases_are_words_that_no_breath_parts():
    words = [Event("word", "a", 0.1, 0.3), Event("word", "b", 0.35, 0.6), Event("word", "c", 1.0, 1.2),
             Event("beat", "x", 0.7, 0.8)]  # fmt: skip
    assert shared.phrases_of(words) == [(0.1, 0.6), (1.0, 1.2)]


def test_blinks_are_as_quick_as_they_were_and_long_closures_are_stretched():
    rate = 50
    seconds = np.arange(6 * rate) / rate
    weights = np.zeros((len(seconds), 52), np.float32)
    blink = np.maximum(0.0, 1 - np.abs(seconds - 1.5) / 0.1)
    asleep = np.clip(np.minimum(seconds - 3.0, 4.5 - seconds) / 0.1, 0, 1)
    weights[:, ARKIT_INDEX["eyeBlinkLeft"]] = np.maximum(blink, asleep)
    source = Motion(rate, arkit=weights)
    own = Motion(rate, arkit=np.zeros((10 * rate, 52)))
    times = shared.align([(0.0, 10.0)], [(0.0, 5.0)])  # twice as long
    lid = shared.share(own, source, times)["eyeBlinkLeft"]
    shut = np.flatnonzero(lid > 0.5) / rate
    assert lid[3 * rate] == pytest.approx(1.0, abs=0.05)
    assert np.ptp(shut[shut < 5]) == pytest.approx(0.1, abs=0.03)
    assert np.ptp(shut[shut > 5]) == pytest.approx(2.8, abs=0.1)


def test_the_head_is_the_source_s_at_the_matching_second_and_the_lips_are_the_line_s_own():
    rate, seconds = 50, 4.5
    count = round(rate * seconds)
    ramp = np.arange(count)[:, None] / rate * np.array([0.1, 0.0, 0.0])
    weights = np.zeros((count, 52), np.float32)
    weights[:, ARKIT_INDEX["browInnerUp"]] = 0.8
    weights[:, ARKIT_INDEX["jawOpen"]] = 0.7
    source = Motion(rate, arkit=weights, head_pose=ramp, body_pose=np.repeat(ramp[:, None], 55, 1),
                    events=[Event("emotion", "joy 0.5", 1.8, 2.8)])  # fmt: skip
    mine = np.zeros((count, 52), np.float32)
    mine[:, ARKIT_INDEX["jawOpen"]] = 0.2
    own = Motion(rate, arkit=mine, head_pose=ramp * 0, body_pose=np.zeros((count, 55, 3)),
                 events=[Event("word", "hi", 0.2, 1.0)])  # fmt: skip
    times = shared.align([(0.2, 1.4), (2.0, 3.2), (3.4, 4.4)], SOURCE)
    made = shared.share(own, source, times)
    assert made.head_pose[100, 0] == pytest.approx(0.1 * float(times(2.0)), abs=1e-4)
    assert made["browInnerUp"].min() == pytest.approx(0.8)
    assert made["jawOpen"].max() == pytest.approx(0.2)
    assert not made.body_pose[:, 22].any()  # the jaw
    kinds = {event.kind: event for event in made.events}
    assert kinds["word"].label == "hi"
    assert kinds["emotion"].start == pytest.approx(2.0, abs=0.01)
