"""A voice from a microphone: ALSA's own devices, one of which plays a real recording."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from animcore.audio import microphone, recording
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.direction import Direction
from animcore.errors import Cancelled, InputError
from animcore.pipelines import live_session
from animcore.solvers.speech_face import streaming

LINE = Path(__file__).resolve().parents[2] / "assets" / "voices" / "line.flac"
ALSA = Path("/usr/share/alsa/alsa.conf")

pytestmark = pytest.mark.skipif(sys.platform != "linux" or not ALSA.is_file(), reason="this computer has no ALSA")


@pytest.fixture
def clip():
    return recording.load(LINE)


@pytest.fixture
def spoken(clip, tmp_path, monkeypatch):
    """A microphone named `voice` that hears the line at 48 kHz from both sides, and nothing after it."""
    resampler = av.AudioResampler("s16", "stereo", 48_000)
    frame = av.AudioFrame.from_ndarray(clip.samples[None], "flt", "mono")
    frame.rate = clip.rate
    pieces = [piece.to_ndarray().tobytes() for one in (frame, None) for piece in resampler.resample(one)]
    raw, conf = tmp_path / "voice.raw", tmp_path / "asound.conf"
    raw.write_bytes(b"".join(pieces))
    conf.write_text(
        f'<{ALSA}>\npcm.voice {{ type file slave.pcm "null" file "/dev/null" infile "{raw}" format "raw" }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(conf))
    return "voice"


class Audience:
    """What was shown, and enough of it after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.left = round(seconds * 50)
        self.shown: list[tuple[np.ndarray, np.ndarray, float]] = []

    def show(self, *frame) -> None:
        self.shown.append(frame)

    def stopped(self) -> bool:
        self.left -= 1
        return self.left <= 0


def samples_of(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 16000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def alike(heard: np.ndarray, spoken: np.ndarray) -> float:
    """Correlation at the best of a few shifts: resampling there and back delays by some samples."""
    pairs = [(heard[shift : len(spoken)], spoken[: len(heard) - shift]) for shift in range(40)]
    return max(float(np.corrcoef(one[:count], other[:count])[0, 1])
               for one, other in pairs for count in [min(len(one), len(other))])  # fmt: skip


def test_devices_of_the_computer_are_told(spoken):
    assert "voice" in microphone.device_names()
    assert "null" not in microphone.device_names()


def test_the_face_is_that_of_the_live_solver_and_the_recording_is_whole(spoken, clip, tmp_path):
    audience = Audience(seconds=1.8)
    seconds = live_session.run(
        spoken, tmp_path / "声 1.wav", Direction(strengths={"blinks": 0.0}), audience.show, audience.stopped
    )
    recorded = samples_of(tmp_path / "声 1.wav")
    assert len(recorded) == round(seconds * 16000)
    assert alike(recorded, clip.samples) > 0.999
    truth = streaming.StreamingSolver(Direction()).feed(recorded).arkit[1::2]
    shown = np.array([weights for weights, _tongue, _level in audience.shown])
    assert np.abs(shown - truth).max() < 1e-4
    assert shown[:, ARKIT_INDEX["jawOpen"]].max() > 0.2
    assert max(level for *_, level in audience.shown) == pytest.approx(np.abs(recorded).max(), abs=0.05)


def test_lids_close_now_and_then(spoken, tmp_path, monkeypatch):
    monkeypatch.setattr(live_session, "_BETWEEN", (0.2, 0.3))
    audience = Audience(seconds=0.8)
    live_session.run(spoken, tmp_path / "voice.wav", Direction(), audience.show, audience.stopped)
    lids = np.array([weights[ARKIT_INDEX["eyeBlinkLeft"]] for weights, *_ in audience.shown])
    assert lids.max() > 0.9
    assert lids.min() < 0.1


def test_a_cancel_leaves_nothing(spoken, tmp_path):
    def stopped() -> bool:
        raise Cancelled

    with pytest.raises(Cancelled):
        live_session.run(spoken, tmp_path / "voice.wav", Direction(), lambda *_: None, stopped)
    assert not list(tmp_path.glob("*.wav*"))


def test_an_unknown_microphone_is_named_with_those_there_are(spoken, tmp_path):
    with pytest.raises(InputError, match=r"'studio'.*voice"):
        live_session.run("studio", tmp_path / "voice.wav", Direction(), lambda *_: None, lambda: True)
    assert not list(tmp_path.glob("*.wav*"))
