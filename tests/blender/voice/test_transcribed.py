"""A transcript from the panel: its words come with the take and stand over the timeline."""

from __future__ import annotations

import bpy
import pytest
from conftest import ROOT, generate, head, settings

from blender_addon import preferences
from blender_addon.engine import process
from blender_addon.voice import waveform

WORDS = (
    "Hello! I'm made of nothing but a voice. [joy 0.8] Whisper to me, or be bold and shout, and I will move my mouth "
    "for you."
)


def test_words_of_the_transcript_come_with_the_take(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(preferences, "launch", process.carried)
    text = bpy.data.texts.new("Line")
    text.write(WORDS)
    settings().transcript_text = text
    face = head()
    generate(face, ROOT / "assets" / "voices" / "line.flac")
    spoken = waveform.read(face.data.shape_keys.animation_data.action[waveform.EVENTS])
    words = [one for one in spoken if one.kind == "word"]
    assert [one.label.strip("!,.").lower() for one in words[:5]] == ["hello", "i'm", "made", "of", "nothing"]
    assert all(0 <= one.start < one.end < 6.8 for one in words)
    assert len([one for one in spoken if one.kind == "phoneme"]) > 40
