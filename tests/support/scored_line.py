"""One spoken line, its text and its performance, to be scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.audio import loudness
from animcore.audio.recording import AudioClip
from animcore.direction import Direction
from animcore.evaluation.lines import LineScore, score
from animcore.motion import Motion
from animcore.pipelines import generate_files
from animcore.speech import transcript

VOICE = Path(__file__).resolve().parents[2] / "assets" / "voices" / "line.flac"
TEXT = "Hello! I'm made of nothing but a voice. Whisper to me, or be bold and shout, and I will move my mouth for you."


@dataclass(frozen=True)
class Case:
    """A line and what it is scored with."""

    clip: AudioClip
    motion: Motion
    text: str

    def score(self, **changed: object) -> LineScore:
        """The score, with something of it exchanged."""
        return score(*(changed.get(name, getattr(self, name)) for name in ("motion", "clip", "text")))


def with_samples(clip: AudioClip, samples: np.ndarray) -> AudioClip:
    """A clip of other samples, with facts of their own."""
    samples = np.clip(samples, -1, 1).astype(np.float32)
    loud = loudness.integrated_loudness(samples, clip.rate)
    facts = replace(clip.facts, duration=len(samples) / clip.rate, loudness=loud, peak=float(np.abs(samples).max()))
    return replace(clip, samples=samples, facts=facts)


def solved(clip: AudioClip, text: str) -> Motion:
    """The performance of a clip with its text."""
    spoken = transcript.parse(text)
    return generate_files.generate(clip, Fraction(30), Direction(), transcript=spoken)[0]
