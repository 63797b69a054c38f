"""Pitch against tones that are known, a synthesizer that is told, and another method."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from animcore.audio import recording
from animcore.speech import pitch

RATE, HOP = 16_000, 320


def track(samples: np.ndarray) -> np.ndarray:
    return pitch.track(samples.astype(np.float32), RATE, HOP, len(samples) // HOP)


def semitones(found: np.ndarray, true: np.ndarray | float) -> np.ndarray:
    return 12 * np.abs(np.log2(found / true))


def voice(hertz: np.ndarray) -> np.ndarray:
    """A buzz of ten harmonics that glides along (N,) Hz."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return 0.1 * sum(np.sin(number * phase) / number for number in range(1, 11))


@pytest.mark.parametrize("middle", [80, 110, 170, 250, 400])
def test_a_glide_is_followed(middle):
    hertz = middle * 2 ** (0.3 * np.sin(2 * np.pi * 0.7 * np.arange(3 * RATE) / RATE))
    found, true = track(voice(hertz)), hertz[::HOP]
    assert (found > 0).mean() > 0.97
    assert semitones(found[found > 0], true[found > 0]).max() < 0.2


def test_noise_and_silence_are_unvoiced():
    generator = np.random.default_rng(0)
    hiss = 0.1 * generator.normal(size=RATE)
    tone = voice(np.full(RATE, 150.0))
    found = track(np.concatenate([tone, hiss, 0 * tone, tone + 0.1 * hiss]))
    assert (found[60:95] > 0).mean() < 0.15
    assert not found[105:145].any()
    assert semitones(found[155:195], 150).max() < 0.2


def test_nothing_at_all():
    assert not track(np.zeros(RATE)).any()
    assert not pitch.track(np.zeros(0, np.float32), RATE, HOP, 5).any()
    assert pitch.track(voice(np.full(RATE, 150.0)).astype(np.float32), RATE, HOP, 0).shape == (0,)


def test_batches_join(monkeypatch, spoken_line):
    samples = recording.load(spoken_line).samples
    whole = track(samples)
    monkeypatch.setattr(pitch, "_BATCH", 37)
    np.testing.assert_allclose(track(samples), whole, rtol=1e-4)


@pytest.mark.parametrize("hertz", [90, 140, 220])
def test_a_synthesizer_speaks_as_high_as_it_is_told(hertz, tmp_path):
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    said = tmp_path / "said.wav"
    level = ["--setf", f"int_f0_target_mean={hertz}", "--setf", "int_f0_target_stddev=0"]
    text = "We were away a year ago in the morning."
    subprocess.run(["flite", "-voice", "kal16", *level, "-t", text, "-o", said], check=True)
    found = track(recording.load(said).samples)
    assert (found > 0).mean() > 0.5
    assert (semitones(found[found > 0], hertz) < 0.5).mean() > 0.9


def test_it_agrees_with_pyin(spoken_line):
    librosa = pytest.importorskip("librosa")
    samples = recording.load(spoken_line).samples
    ours = track(samples)
    options = {"fmin": pitch.LOWEST, "fmax": pitch.HIGHEST, "sr": RATE, "frame_length": 1024, "hop_length": HOP}
    theirs = np.nan_to_num(librosa.pyin(samples, **options)[0][: len(ours)])
    assert ((ours > 0) == (theirs > 0)).mean() > 0.85
    both = (ours > 0) & (theirs > 0)
    assert (semitones(ours[both], theirs[both]) < 1).mean() > 0.97
    assert np.median(semitones(ours[both], theirs[both])) < 0.15
