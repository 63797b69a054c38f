"""`animcore dub` on one second of the golden film, at a small size, with the landmarks of a perfect tracker."""

from __future__ import annotations

import itertools
import wave
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from golden_film import FILM, perfect_landmarks

from animcore.cli.main import main
from animcore.files.video import face_landmarks
from animcore.motion import Motion
from animcore.pipelines.dub.footage import pictures
from animcore.pipelines.dub.pixels import Picture
from animcore.provenance import verification

COUNT, SIZE = 24, 200


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """One second, without loss, so that samples can be compared after encoding."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(str(path), "w") as out, av.open(str(FILM)) as source:
        stream = out.add_stream("ffv1", rate=24)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for frame in itertools.islice(source.decode(video=0), COUNT):
            small = frame.reformat(SIZE, SIZE, "yuv420p")
            small.pts = None
            out.mux(stream.encode(small))
        out.mux(stream.encode(None))
    return path


def recorded(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as handle:
        handle.setparams((1, 2, 16000, len(samples), "NONE", ""))
        handle.writeframes(np.round(32767 * samples).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def voice(tmp_path_factory) -> Path:
    """One second of tones that rise and fall like syllables."""
    path = tmp_path_factory.mktemp("voice") / "new.wav"
    time = np.arange(16000) / 16000
    tone = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20))
    return recorded(path, 0.1 * tone * np.abs(np.sin(2 * np.pi * 2.5 * time)))


@pytest.fixture
def seen(monkeypatch):
    """How many images the tracker was shown."""
    points, shown = perfect_landmarks(COUNT, SIZE), []

    @contextmanager
    def tracker(*_arguments, **_options):
        yield None

    def landmarks(_mesh, _image):
        shown.append(1)
        return [points[(len(shown) - 1) % COUNT].astype(float)]

    monkeypatch.setattr(face_landmarks, "tracker", tracker)
    monkeypatch.setattr(face_landmarks, "landmarks", landmarks)
    return shown


def dub(*arguments) -> int:
    return main(["dub", *map(str, arguments), "--consent", "none"])


def planes(path: Path) -> list[Picture]:
    return [Picture.of(frame) for _, frame in pictures(path)]


def test_a_dubbed_second(film, voice, seen, tmp_path, capsys):
    out = tmp_path / "dubbed.mkv"
    assert dub(film, voice, "--out", out, "--layer", "mov", "--watermark", "off") == 0
    assert "24 of 24 frames dubbed" in capsys.readouterr().out
    before, after = planes(film), planes(out)
    assert [one.size for one in after] == [(SIZE, SIZE)] * COUNT
    with av.open(str(tmp_path / "dubbed.layer.mov")) as container:
        layers = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    assert len(layers) == COUNT
    changed = 0
    for old, new, layer in zip(before, after, layers, strict=True):
        outside = layer[..., 3] == 0
        assert 0.02 < (~outside).mean() < 0.5
        grown = ~outside.reshape(SIZE // 2, 2, SIZE // 2, 2).all((1, 3))
        assert np.array_equal(old.planes[0][outside], new.planes[0][outside])
        assert np.array_equal(old.planes[1][~grown], new.planes[1][~grown])
        changed += (old.planes[0] != new.planes[0]).mean() > 0.005
    assert changed > COUNT // 2
    motion = Motion.load(tmp_path / "dubbed.motion.npz")
    assert (motion.rate, motion.frame_count) == (Fraction(24), COUNT)
    assert np.ptp(motion.arkit, axis=0).max() > 0.05
    assert "Worst moments first" in (tmp_path / "dubbed.html").read_text(encoding="utf-8")

    count = len(seen)
    assert dub(film, voice, "--out", out, "--no-check") == 0
    assert len(seen) == count  # what was found in the video was kept


def test_with_its_own_mouth_the_video_hardly_changes(film, voice, seen, tmp_path):
    out = tmp_path / "same.mkv"
    assert dub(film, voice, "--out", out, "--mouth", "tracked", "--no-check", "--watermark", "off") == 0
    errors = [np.abs(a.planes[0] - b.planes[0].astype(float)) for a, b in zip(planes(film), planes(out), strict=True)]
    assert np.mean(errors) < 0.5
    assert np.max([np.quantile(error, 0.999) for error in errors]) < 40


def test_an_mp4_says_what_it_is(film, voice, seen, tmp_path):
    out = tmp_path / "dubbed.mp4"
    assert dub(film, voice, "--out", out, "--no-check") == 0
    verdict = verification.verify(out)
    assert verdict.origin.action == "dubbed"
    assert {source.role for source in verdict.origin.sources} == {"video", "audio"}
    assert verdict.origin.consent["status"] == "not stated"
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio[0].codec_context.sample_rate == 48000


def test_lines_leave_the_rest_as_it_is(film, voice, seen, tmp_path):
    table = tmp_path / "lines.csv"
    table.write_text(f"start,audio\n0.7,{voice}\n", encoding="utf-8")
    out = tmp_path / "lines.mkv"
    assert dub(film, "--lines", table, "--out", out, "--no-check", "--watermark", "off") == 0
    before, after = planes(film), planes(out)
    assert len(after) == COUNT
    assert all(np.array_equal(before[k].planes[0], after[k].planes[0]) for k in range(12))
    assert not np.array_equal(before[-1].planes[0], after[-1].planes[0])


@pytest.mark.parametrize(("fit", "frames"), [("hold", 36), ("loop", 36), ("trim", 24)])
def test_a_longer_voice(film, voice, seen, tmp_path, fit, frames):
    longer = recorded(tmp_path / "longer.wav", 0.1 * np.sin(np.arange(24000) / 9))
    out = tmp_path / f"{fit}.mkv"
    assert dub(film, longer, "--out", out, "--no-check", "--fit", fit) == 0
    assert len(planes(out)) == frames


def test_bad_input_is_one_sentence(film, voice, seen, tmp_path, monkeypatch, capsys):
    def complaint(*arguments) -> str:
        assert dub(*arguments, "--out", tmp_path / "out.mp4") == 1
        assert not (tmp_path / "out.mp4").exists()
        return capsys.readouterr().err

    assert "There is no video" in complaint(tmp_path / "none.mp4", voice)
    assert "There is no audio" in complaint(film, tmp_path / "none.wav")
    assert "no video track" in complaint(voice, voice)
    assert "Give either" in complaint(film)
    assert "no frames" in complaint(film, voice, "--start", 5, "--end", 6)
    assert "must lie before" in complaint(film, voice, "--references", "3-2")
    assert "There is no person 3" in complaint(film, voice, "--person", 3)
    assert "frames may lend" in complaint(film, voice, "--references", "0.9-0.95")
    assert main(["dub", str(film), str(voice), "--out", str(tmp_path / "out.gif"), "--consent", "none"]) == 1
    assert "ends in" in capsys.readouterr().err


def test_without_a_face_there_is_nothing_to_dub(film, voice, seen, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(face_landmarks, "landmarks", lambda *_: [])
    assert dub(film, voice, "--out", tmp_path / "out.mp4") == 1
    assert "No face was found in film.mkv" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()
