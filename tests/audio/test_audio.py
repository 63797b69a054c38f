"""Every kind of recording is heard, or refused in a sentence that says what is wrong."""

from __future__ import annotations

import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from animcore.audio import recording
from animcore.errors import Cancelled, InputError


def tone(seconds: float, rate: int, frequency: float = 440.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("a.wav", 48_000, {"subtype": "PCM_16"}),
        ("b.wav", 96_000, {"subtype": "PCM_24"}),
        ("c.wav", 44_100, {"subtype": "FLOAT"}),
        ("d.wav", 22_050, {"subtype": "PCM_U8"}),
        ("e.wav", 8_000, {"subtype": "ULAW"}),
        ("f.flac", 44_100, {}),
        ("g.mp3", 44_100, {}),
        ("h.ogg", 48_000, {}),
        ("i.opus", 48_000, {"format": "OGG", "subtype": "OPUS"}),
    ],
)
def test_every_format_gives_the_same_tone_at_the_same_time(sound, name, rate, options):
    burst = np.concatenate([np.zeros(rate, np.float32), tone(1.0, rate), np.zeros(rate, np.float32)])
    clip = recording.load(sound(name, burst, rate, **options))
    assert clip.samples.dtype == np.float32
    assert clip.facts.sample_rate == rate
    assert clip.duration == pytest.approx(3.0, abs=0.03)
    loud = np.flatnonzero(np.abs(clip.samples) > 0.2) / clip.rate
    assert loud[0] == pytest.approx(1.0, abs=0.012)
    assert loud[-1] == pytest.approx(2.0, abs=0.012)
    assert np.abs(clip.samples[20_000:28_000]).max() == pytest.approx(0.5, abs=0.03)


def test_resampling_keeps_frequencies(sound):
    clip = recording.load(sound("a.wav", tone(2.0, 44_100, 3000.0), 44_100))
    spectrum = np.abs(np.fft.rfft(clip.samples[: 2 * 16_000]))
    assert np.fft.rfftfreq(2 * 16_000, 1 / 16_000)[spectrum.argmax()] == pytest.approx(3000.0, abs=0.5)


def test_eight_channels_with_one_voice_are_heard(sound):
    channels = np.zeros((48_000, 8), np.float32)
    channels[:, 5] = tone(1.0, 48_000)
    clip = recording.load(sound("eight.wav", channels))
    assert clip.facts.channels == 8
    assert np.abs(clip.samples).max() == pytest.approx(0.5 / 8, rel=0.1)


def test_channels_in_opposite_phase_do_not_vanish(sound):
    voice = tone(1.0, 48_000)
    clip = recording.load(sound("phase.wav", np.stack([voice, -voice], 1)))
    assert np.abs(clip.samples).max() == pytest.approx(0.5, rel=0.05)
    assert "opposite phase" in clip.facts.warnings[0]


def test_loudness_of_a_full_scale_tone_is_that_of_the_standard(sound):
    # ITU-R BS.1770-4: a 0 dBFS sine of 997 Hz on one channel reads -3.01 LKFS
    clip = recording.load(sound("tone.wav", tone(3.0, 48_000, 997.0, 1.0), subtype="FLOAT"))
    assert clip.facts.loudness == pytest.approx(-3.01, abs=0.05)


def test_clipping_and_peak_are_measured(sound, noise):
    facts = recording.load(sound("clipped.wav", np.clip(noise * 20, -1, 1))).facts
    assert facts.peak == pytest.approx(1.0, abs=1e-3)
    assert facts.clipped_fraction > 0.5
    assert "clipped" in facts.warnings[0]
    assert recording.load(sound("fine.wav", noise)).facts.warnings == ()


def test_silences_are_found_to_the_frame(sound, noise):
    gap = np.concatenate([noise[:48_000], np.zeros(24_000, np.float32), noise[:48_000]])
    ((start, end),) = recording.load(sound("gap.wav", gap)).facts.silences
    assert start == pytest.approx(1.0, abs=0.021)
    assert end == pytest.approx(1.5, abs=0.021)


def test_silence_is_a_warning_and_no_failure(sound):
    facts = recording.load(sound("silence.wav", np.zeros(3 * 48_000))).facts
    assert facts.silent
    assert facts.silences == ((0.0, 3.0),)
    assert facts.warnings == ("silence.wav is silent; the face will stay still.",)


def test_broken_numbers_are_heard_as_silence_and_said(sound, noise):
    noise[1000:2000] = np.nan
    clip = recording.load(sound("nan.wav", noise, subtype="FLOAT"))
    assert np.isfinite(clip.samples).all()
    assert "1000 samples are not numbers" in clip.facts.warnings[0]


def test_a_film_gives_its_sound_at_its_time(tmp_path, noise):
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio_stream = film.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for _ in range(48):
            film.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        film.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray((noise[None, :48_000] * 32_767).astype(np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, 24_000  # the sound starts half a second into the film
        film.mux(audio_stream.encode(frame))
        film.mux(audio_stream.encode(None))
    clip = recording.load(path)
    assert np.flatnonzero(np.abs(clip.samples) > 0.02)[0] / clip.rate == pytest.approx(0.5, abs=0.01)


def test_a_damaged_file_keeps_its_time(tmp_path, noise):
    path = tmp_path / "damaged.ogg"
    voice = np.concatenate([noise, noise[:80_400], np.zeros(44_100, np.float32), tone(1.0, 44_100)])
    soundfile.write(path, voice, 44_100)
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 2000] = np.random.default_rng(1).bytes(2000)
    path.write_bytes(data)
    clip = recording.load(path)
    assert clip.duration == pytest.approx(6.0, abs=0.05)
    assert any("damaged" in warning for warning in clip.facts.warnings)
    assert np.abs(clip.samples[int(4.2 * 16_000) : int(4.8 * 16_000)]).max() < 0.05
    assert np.abs(clip.samples[int(5.2 * 16_000) : int(5.8 * 16_000)]).max() > 0.4


def _text(folder: Path) -> Path:
    (folder / "text.wav").write_text("this is a text\n" * 100)
    return folder / "text.wav"


def _empty(folder: Path) -> Path:
    (folder / "empty.wav").touch()
    return folder / "empty.wav"


def _header(folder: Path) -> Path:
    soundfile.write(folder / "header.wav", np.zeros(0), 48_000)
    return folder / "header.wav"


def _no_numbers(folder: Path) -> Path:
    soundfile.write(folder / "nan.wav", np.full(4800, np.nan), 48_000, subtype="FLOAT")
    return folder / "nan.wav"


def _mute_film(folder: Path) -> Path:
    with av.open(str(folder / "mute.mp4"), "w") as film:
        video = film.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        film.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        film.mux(video.encode(None))
    return folder / "mute.mp4"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "missing.wav", "There is no file"),
        (lambda folder: folder, "is a folder"),
        (_text, "is not an audio file that can be decoded"),
        (_empty, "is empty (0 bytes)"),
        (_header, "has no samples"),
        (_no_numbers, "holds no numbers"),
        (_mute_film, "has no audio track"),
    ],
)
def test_what_cannot_be_heard_is_refused_in_one_sentence(tmp_path, make, words):
    with pytest.raises(InputError) as refusal:
        recording.load(make(tmp_path))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["with space.wav", 'it\'s a "quote".wav', "声音 一.wav", "%s{}.wav"])
def test_any_name_is_read(sound, noise, name):
    clip = recording.load(sound(name, noise))
    assert clip.name == name
    assert clip.duration == pytest.approx(2.0)


def test_reading_can_be_cancelled(sound, noise):
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    path = sound("a.wav", noise)
    with pytest.raises(Cancelled):
        recording.load(path, stop)


def test_memory_grows_only_by_what_is_returned(tmp_path):
    # 30 minutes of 48 kHz stereo are 691 MB as floats; decoding them may take little more than the result, 115 MB
    path = tmp_path / "long.wav"
    second = (np.random.default_rng(0).normal(size=(48_000, 2)) * 0.1).astype(np.float32)
    with soundfile.SoundFile(path, "w", 48_000, 2, "PCM_16") as handle:
        for _ in range(30 * 60):
            handle.write(second)
    script = (
        "import resource, sys; from animcore.audio import recording\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "clip = recording.load(sys.argv[1]); assert clip.duration == 1800\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    answer = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert int(answer.stdout) * 1024 < 115e6 * 1.25 + 60e6


def test_parts_are_put_together_at_their_times(tmp_path):
    one, two = tmp_path / "one.wav", tmp_path / "two.wav"
    soundfile.write(one, np.full(32_000, 0.25, np.float32), 16_000, subtype="FLOAT")
    soundfile.write(two, np.full(16_000, 0.5, np.float32), 16_000, subtype="FLOAT")
    clip = recording.join_segments(
        [
            recording.AudioSegment(one, skip=Fraction(1, 2), length=Fraction(1)),
            recording.AudioSegment(two, at=Fraction(3, 4), gain=0.5),
        ]
    )
    assert clip.duration == 1.75
    assert clip.name == "one.wav +1"
    assert clip.samples[1000] == pytest.approx(0.25)
    assert clip.samples[14_000] == pytest.approx(0.5), "where they overlap they are added"
    assert clip.samples[20_000] == pytest.approx(0.25)
    again = recording.join_segments([recording.AudioSegment(one, skip=Fraction(1, 2), length=Fraction(1))])
    assert again.sha256 != clip.sha256


@pytest.mark.parametrize(
    "wrong", [{"at": Fraction(-1)}, {"skip": Fraction(-1)}, {"length": Fraction(0)}, {"gain": -1.0}]
)
def test_parts_that_cannot_be_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match=r"line\.wav"):
        recording.AudioSegment(tmp_path / "line.wav", **wrong)


def test_parts_of_which_nothing_is_left(tmp_path):
    path = tmp_path / "line.wav"
    soundfile.write(path, np.zeros(1600, np.float32), 16_000)
    with pytest.raises(InputError, match="Nothing is left of line"):
        recording.join_segments([recording.AudioSegment(path, skip=Fraction(5))])
    with pytest.raises(InputError, match="no recording"):
        recording.join_segments([])


def test_how_a_recording_is_packed(tmp_path):
    flac, film = tmp_path / "line.flac", tmp_path / "film.mp4"
    soundfile.write(flac, np.zeros(16_000, np.float32), 16_000)
    facts = recording.load(flac).facts
    assert (facts.codec, facts.bit_rate, facts.video_rate) == ("flac", 0, None)
    with av.open(str(film), "w") as out:
        pictures = out.add_stream("mpeg4", rate=Fraction(24000, 1001))
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        sound = out.add_stream("aac", rate=16_000, bit_rate=24_000, layout="mono")
        for _ in range(24):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            out.mux(pictures.encode(picture))
        noise = np.random.default_rng(0).normal(0, 0.1, (1, 16_000)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for stream, last in ((sound, frame), (sound, None), (pictures, None)):
            out.mux(stream.encode(last))
    facts = recording.load(film).facts
    assert facts.codec == "aac"
    assert 5_000 < facts.bit_rate < 60_000
    assert Fraction(*facts.video_rate) == Fraction(24000, 1001)


def test_a_title_in_an_old_alphabet_does_not_matter(tmp_path):
    """Titles are often not UTF-8: here an e with an acute accent as MS-DOS wrote it."""
    path = tmp_path / "tagged.wav"
    soundfile.write(path, np.full(1600, 0.1, np.float32), 16_000)
    title = b"caf\x82\0\0\0"
    info = b"INFOINAM" + struct.pack("<I", 5) + title[:6]
    whole = path.read_bytes() + b"LIST" + struct.pack("<I", len(info)) + info
    path.write_bytes(whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:])
    assert len(recording.load(path).samples) == 1600
