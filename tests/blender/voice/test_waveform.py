"""The voice over the timeline: what is drawn, and where. The drawing itself is looked at in the window."""

from __future__ import annotations

from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import head, settings

from animcore.motion import Event, Motion
from blender_addon.character import rig_reader
from blender_addon.scene import fcurves
from blender_addon.takes import keying
from blender_addon.voice import waveform

SPOKEN = (Event("word", "well", 0.5, 1.0), Event("phoneme", "ɛ", 0.6, 0.7), Event("beat", "accent", 0.5, 0.5))


def test_words_are_kept_with_the_take_and_found_again():
    face = head()
    motion = Motion(Fraction(24), arkit=np.zeros((24, 52), np.float32), events=SPOKEN)
    keying.apply(bpy.context.scene, rig_reader.read(face), motion, keying.Placement(31, "line"))
    settings().character, settings().start_frame = face, 500
    take = waveform._spoken_take(settings())
    assert waveform.read(take[waveform.EVENTS]) == SPOKEN[:2], "beats are no words"
    assert waveform.sound_frame(take) == 31, "the take's own, not the panel's"
    del take[fcurves.SOUND_FRAME]
    assert waveform.sound_frame(take) == 31, "of an older take: its first key"


@pytest.mark.parametrize("text", ["", "nonsense", "[[1, 2]]", "{}", "[3]"])
def test_broken_words_count_as_none(text):
    assert waveform.read(text) == ()


def test_only_words_that_are_seen_are_drawn():
    events = tuple(Event("word", str(second), second, second + 0.9) for second in range(100))
    found = waveform.labels(events, lambda seconds: 100 * (seconds - 50), 1000)
    assert [one.text for one in found] == [str(second) for second in range(50, 60)]
    assert found[0].left == 0
    assert waveform.labels(events, lambda seconds: seconds, 1000) == [], "too narrow to be read"


def test_the_loudest_sample_fills_the_height_and_times_are_seconds():
    corners = waveform.shape(np.array([0.0, 0.25, 0.5], np.float32)).reshape(3, 2, 2)
    np.testing.assert_allclose(corners[:, 0, 0], [0, 0.01, 0.02], atol=1e-6)
    np.testing.assert_allclose(corners[:, 1, 1], [0, 0.5, 1])
    np.testing.assert_allclose(corners[:, 0, 1], -corners[:, 1, 1])
    assert np.isfinite(waveform.shape(np.zeros(5, np.float32))).all()


def test_without_a_window_nothing_is_hooked_in():
    assert bpy.app.background
    assert waveform._drawn.handles == []
