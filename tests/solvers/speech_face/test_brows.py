"""The brows rise on strong accents, and only there."""

from __future__ import annotations

import numpy as np

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.solvers.speech_face import brows
from animcore.speech.prosody import FPS


def test_brows_rise_on_strong_accents(talk):
    voice = talk(3)
    lift = brows.solve(voice, Direction())[:, ARKIT_INDEX["browInnerUp"]]
    at_strong = np.mean([lift[round(time * FPS)] for time, strength in voice.accents if strength > 0.7])
    assert at_strong > 1.3 * lift.mean()
    assert 0.1 < lift.max() < 0.5


def test_only_raising_shapes_move(talk):
    weights = brows.solve(talk(1), Direction())
    moving = {ARKIT[index] for index in np.flatnonzero(weights.any(0))}
    assert moving == {"browInnerUp", "browOuterUpLeft", "browOuterUpRight"}


def test_silence_and_zero_strength_leave_them_down(hush, talk):
    assert not brows.solve(hush(5), Direction()).any()
    assert not brows.solve(talk(1), Direction(strengths={"brows": 0.0})).any()
