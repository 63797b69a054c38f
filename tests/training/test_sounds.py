"""What the network learns from that nobody recorded."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="training needs the extra train")

from animcore.training.lip_sync import synthetic_noise, synthetic_speech


def test_sounds_are_loud_enough_finite_and_the_same_each_time():
    first, again = (list(synthetic_noise.sounds(14, seed=3)) for _ in range(2))
    for sound, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(sound, same)
        assert sound.shape == (synthetic_noise.SECONDS * 16_000,)
        assert np.isfinite(sound).all()
        assert 0.05 < np.sqrt(np.square(sound).mean()) < 0.3


def test_sounds_differ():
    sounds = list(synthetic_noise.sounds(14))
    likeness = np.corrcoef(np.stack(sounds)) - np.eye(14)
    assert np.abs(likeness).max() < 0.95


def test_labels_stand_where_the_phones_do():
    labels = synthetic_speech.labels([("pau", 0.0, 0.1), ("m", 0.11, 0.2), ("f", 0.2, 0.3)], 20, 50)
    places = list(synthetic_speech.PLACES)
    # 60 ms ahead of the first phone after a pause, and not at all ahead of the others
    np.testing.assert_array_equal(np.flatnonzero(labels[:, places.index("bilabial")]), np.arange(3, 10))
    np.testing.assert_array_equal(np.flatnonzero(labels[:, places.index("labiodental")]), np.arange(10, 15))
    assert not labels[:3].any()


def test_sentences_repeat_with_their_seed():
    assert synthetic_speech.sentences(5, seed=1) == synthetic_speech.sentences(5, seed=1)
    assert synthetic_speech.sentences(5, seed=1) != synthetic_speech.sentences(5, seed=2)
