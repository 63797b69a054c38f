"""Of several sounding tracks the one with a voice is performed; which one it is, is said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from animcore.audio import recording
from animcore.pipelines import generate_files
from animcore.speech import voice_detection

LINE = Path(__file__).resolve().parents[2] / "assets" / "voices" / "line.flac"
RATE = 16_000


@pytest.fixture(scope="module")
def sounds() -> dict[str, np.ndarray]:
    """The demo's line, chords that change every second, hiss, and nothing."""
    line, rate = soundfile.read(LINE, dtype="float32")
    line = line[:: rate // RATE][: 4 * RATE]
    times, chance = np.arange(len(line)) / RATE, np.random.default_rng(1)
    chords = [(220, 277, 330), (196, 247, 294), (262, 330, 392), (175, 220, 262)]
    tones = np.array([[note, 2 * note, 3 * note] for chord in chords for note in chord]).reshape(4, 9)
    music = sum(np.sin(2 * np.pi * times * tones[times.astype(int) % 4, part]) for part in range(9)) / 9
    return {"voice": line, "music": music, "hiss": 0.1 * chance.standard_normal(len(line)), "nothing": 0 * line}


def tracks(folder: Path, *sounds: np.ndarray, default: int = 0) -> Path:
    """A Matroska file with a track of each sound."""
    path = folder / "tracks.mkv"
    with av.open(str(path), "w", options={"default_mode": "passthrough"}) as container:
        streams = [container.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in sounds]
        streams[default].disposition = av.stream.Disposition.default
        for stream, sound in zip(streams, sounds, strict=True):
            frame = av.AudioFrame.from_ndarray((sound * 20000).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.parametrize(
    ("kinds", "default", "track", "said"),
    [
        ("music voice", 0, 2, "No voice was found on track 1 of tracks.mkv; track 2 is used (--track)."),
        ("voice hiss", 1, 1, "No voice was found on track 2 of tracks.mkv; track 1 is used (--track)."),
        ("voice voice", 1, 2, "tracks.mkv has 2 audio tracks; track 2 is used (--track)."),
        ("hiss music", 0, 1, "tracks.mkv has 2 audio tracks; track 1 is used (--track)."),
        ("nothing music voice", 0, 3, "Track 1 of tracks.mkv is silent; track 3 is used."),
    ],
)
def test_the_track_with_a_voice_is_performed_and_said(sounds, tmp_path, kinds, default, track, said):
    path = tracks(tmp_path, *(sounds[kind] for kind in kinds.split()), default=default)
    facts = generate_files._load(path, lambda *_: None).facts
    assert facts.track == track
    assert said in facts.warnings


def test_one_who_speaks_seldom_is_found(sounds):
    seldom = np.concatenate([np.zeros(100 * RATE, np.float32), sounds["voice"], np.zeros(200 * RATE, np.float32)])
    facts = recording.AudioFacts(len(seldom) / RATE, RATE, 1, 1.0, -20.0, 0.0, (), ())
    assert voice_detection.has_voice(recording.AudioClip(seldom, "", "", facts))
