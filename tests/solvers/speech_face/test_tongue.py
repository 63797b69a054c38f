"""The tongue reaches the gum at every t and is free elsewhere; chunks, strengths and the live way hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.core.vocabulary import TONGUE
from animcore.direction import Direction
from animcore.solvers.speech_face import lip_sync, tongue
from animcore.speech.pronunciation import PHONEMES

VOICES = sorted((Path(__file__).resolve().parents[2] / "golden" / "voices").glob("*.json"))


def said(names: list[str], frames: int) -> np.ndarray:
    """Probabilities (T, 40) of phonemes that last so many frames each."""
    return np.repeat(np.eye(len(PHONEMES), dtype=np.float32)[[PHONEMES.index(name) for name in names]], frames, 0)


def column(weights: np.ndarray, name: str) -> np.ndarray:
    return weights[:, TONGUE.index(name)]


@pytest.mark.parametrize("voice", VOICES, ids=lambda path: path.stem)
def test_the_tongue_is_where_the_phonemes_are_made(voice):
    told = json.loads(voice.read_text())
    motion = lip_sync.solve(recording.load(voice.with_suffix(".flac")), Direction())

    def mean_of(names: str, shape: str) -> float:
        values = column(motion.tongue, shape)
        return np.mean([
            values[(motion.times >= start) & (motion.times <= end)].max()
            for name, start, end in told["phones"]
            if name in names.split() and end - start > 0.03
        ])  # fmt: skip

    assert mean_of("t d n l", "tongueTipUp") > 0.5 > mean_of("aa ae ao ah", "tongueTipUp")
    assert mean_of("iy ih k g", "tongueUp") > 1.5 * mean_of("aa ae ao", "tongueUp")
    sides = [TONGUE.index(name) for name in TONGUE if name.endswith(("Left", "Right"))]
    assert not motion.tongue[:, sides].any()


def test_neighbours_blend_and_the_lips_leave_the_tongue_alone():
    through_p = column(tongue.solve(said(["aa", "p", "aa"], 5), 50, 1.0), "tongueDown")
    assert through_p.min() > 0.4
    through_t = column(tongue.solve(said(["aa", "t", "aa"], 5), 50, 1.0), "tongueTipUp")
    assert through_t[7] > 0.8
    assert (np.diff(through_t[:8]) >= 0).all()
    assert through_t[0] < 0.05


def test_strength_scales_and_weights_stay_weights():
    phonemes = said(["t", "k", "iy", "l"], 6)
    once, twice = (tongue.solve(phonemes, 50, strength) for strength in (0.5, 2.0))
    assert np.abs(tongue.solve(phonemes, 50, 1.0) - 2 * once).max() < 1e-6
    assert twice.max() == 1.0
    assert not tongue.solve(phonemes, 50, 0.0).any()


def test_chunks_are_seamless(monkeypatch):
    phonemes = np.random.default_rng(0).dirichlet(np.full(len(PHONEMES), 0.2), 300).astype(np.float32)
    whole = tongue.solve(phonemes, 50, 1.0)
    monkeypatch.setattr(tongue, "_CHUNK", 37)
    assert np.abs(tongue.solve(phonemes, 50, 1.0) - whole).max() < 1e-6


def test_the_live_way_lags_but_goes_to_the_same_places():
    phonemes = said(["sil", "t", "aa", "k", "iy"], 12)
    past, parts = tongue.silent_past(50), []
    for first in range(0, len(phonemes), 2):
        moved, past = tongue.follow(past, phonemes[first : first + 2], 50, 1.0)
        parts.append(moved)
    assert np.abs(np.concatenate(parts)[11::12] - tongue.solve(phonemes, 50, 1.0)[8::12]).max() < 0.15
