"""Where sound belongs, by time stamps: late starts, pauses, joins, cuts, tracks and channels of real containers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import containers
import numpy as np
import pytest
import soundfile

from animcore.audio import decoding, recording
from animcore.errors import InputError
from animcore.files.video import writer

# Encoders of these write no delay that a decoder could leave out; every player has it: (seconds)
DELAYED = {"mp3_no_xing": 1105 / 48_000, "adts": 1024 / 48_000, "ac3": 256 / 48_000, "avi": 1105 / 48_000,
           "wma": -2048 / 48_000}  # fmt: skip


def begins(clip: recording.AudioClip, reference: np.ndarray) -> float:
    """Seconds at which a reference at 48 kHz is heard."""
    fine = np.interp(np.arange(3 * len(clip.samples)) / 3, np.arange(len(clip.samples)), clip.samples)
    return containers.lag(fine, reference) / containers.RATE


@pytest.mark.parametrize("name", [*containers.KINDS])
def test_every_container_keeps_its_time(name, tmp_path):
    clip = recording.load(containers.write(tmp_path, name))
    expected = containers.KINDS[name][2] + DELAYED.get(name, 0.0)
    assert begins(clip, containers.burst()[:48_000]) == pytest.approx(expected, abs=0.0011)  # Matroska counts in ms
    assert clip.facts.warnings == ()


@pytest.mark.parametrize("name", ["mp4", "mp4_late", "mp4_fragmented", "mkv_late", "webm_late", "webm_live", "ts_late",
                                  "flv_late", "opus", "m4a", "mka", "mpg_late", "nut", "nut_late",
                                  "mov_fragmented"])  # fmt: skip
def test_a_pause_without_packets_is_kept_and_is_no_damage(name, tmp_path):
    clip = recording.load(containers.write(tmp_path, name, gap=1.0))
    late = containers.KINDS[name][2]
    assert begins(clip, containers.burst()[:48_000]) == pytest.approx(late, abs=0.0011)
    # the encoder's blocks do not end where the pause begins: some milliseconds of it belong to the sound before
    assert begins(clip, containers.burst()[48_000:]) == pytest.approx(late + 2.0, abs=0.0011)
    assert clip.facts.warnings == ()


@pytest.mark.parametrize("name", ["mp4_late", "mp3_44k1", "webm_live", "opus"])
def test_the_copy_is_what_was_heard(name, tmp_path):
    path = containers.write(tmp_path, name, gap=0.5 if name == "webm_live" else 0.0)
    recording.copy_audio(path, 1, tmp_path / "copy.wav")
    heard, copy = recording.load(path), recording.load(tmp_path / "copy.wav")
    assert copy.facts.plays_alike
    assert len(copy.samples) == pytest.approx(len(heard.samples), abs=2)
    count = min(len(heard.samples), len(copy.samples))
    assert np.abs(heard.samples[:count] - copy.samples[:count]).max() < 1e-3
    assert soundfile.info(tmp_path / "copy.wav").samplerate == heard.facts.sample_rate


def test_a_copy_has_all_channels(tmp_path):
    values = np.random.default_rng(0).normal(0, 0.1, (48_000, 6))
    soundfile.write(tmp_path / "a.w64", values, 48_000, format="W64")
    recording.copy_audio(tmp_path / "a.w64", 1, tmp_path / "copy.wav")
    copy, rate = soundfile.read(tmp_path / "copy.wav")
    assert rate == 48_000
    np.testing.assert_allclose(copy, values, atol=1e-4)


def test_joined_mp3s_are_no_damage(tmp_path):
    one = containers.write(tmp_path, "mp3").read_bytes()
    tag = b"ID3\x03\0\0\0\0\x02\0" + bytes(256)
    for name, data in (("plain", one + one), ("tags", tag + one + b"TAG" + bytes(125) + tag + one)):
        path = tmp_path / f"{name}.mp3"
        path.write_bytes(data)
        clip = recording.load(path)
        assert clip.facts.warnings == ()
        assert 4.0 < clip.duration < 4.1


def test_a_mono_and_a_stereo_mp3_joined_are_heard(tmp_path):
    """A rate and a number of channels that change half-way are those of the first half from there on."""
    data = b""
    for rate, channels in ((48_000, 1), (44_100, 2)):
        path = tmp_path / f"{channels}.mp3"
        soundfile.write(path, np.repeat(containers.burst(rate=rate)[:, None], channels, 1), rate)
        data += path.read_bytes()
    (tmp_path / "both.mp3").write_bytes(data)
    clip = recording.load(tmp_path / "both.mp3")
    assert (clip.facts.sample_rate, clip.facts.channels) == (48_000, 1)
    assert 3.9 < clip.duration < 4.2


CUTS = {"mp3": "2.0", "mkv_late": "2.0", "mp4": "2.0", "flac": "2.0", "wav": "2.0", "aiff": "2.0"}


@pytest.mark.parametrize("name", [*CUTS])
def test_a_file_that_is_cut_off_is_told(name, tmp_path):
    path = containers.write(tmp_path, name)
    data = path.read_bytes()
    if name == "mp4":  # an index at its end would be lost
        path = _index_first(path)
        data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    clip = recording.load(path)
    (said,) = clip.facts.warnings
    assert f"{path.name} is cut off: 1." in said
    assert f" of {CUTS[name]} s could be read" in said


def _index_first(path: Path) -> Path:
    fast = path.with_name("fast.mp4")
    with av.open(str(path)) as source, av.open(str(fast), "w", options={"movflags": "+faststart"}) as out:
        stream = source.streams.audio[0]
        copied = out.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copied
                out.mux(packet)
    return fast


def test_an_ogg_file_that_ends_within_a_page_is_told(tmp_path):
    path = containers.write(tmp_path, "vorbis")
    path.write_bytes(path.read_bytes()[:-400])
    assert "is cut off" in recording.load(path).facts.warnings[0]


def test_headers_that_do_not_know_their_length_are_no_complaint(tmp_path):
    path = containers.write(tmp_path, "wav")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert recording.load(path).facts.warnings == ()


def test_a_clock_that_is_set_anew_is_told_and_nothing_is_lost(tmp_path):
    path = containers.write(tmp_path, "ts_late")
    path.write_bytes(path.read_bytes() * 2)
    clip = recording.load(path)
    assert clip.duration == pytest.approx(4.43, abs=0.03)
    assert clip.facts.warnings == (
        "The clock of ts_late.ts is set anew at 2.4 s; what follows is played on from there.",
    )


def test_a_time_stamp_of_years_makes_no_silence_of_years(tmp_path):
    path = containers.write(tmp_path, "mkv_late", gap=40 * 3600.0)
    clip = recording.load(path)
    assert clip.duration < 3
    assert "set anew" in clip.facts.warnings[0]


def tracks(folder: Path, *loud: float, default: int = 0) -> Path:
    """A Matroska file with a track of each loudness."""
    path = folder / "tracks.mkv"
    with av.open(str(path), "w", options={"default_mode": "passthrough"}) as container:
        streams = [container.add_stream("pcm_s16le", rate=48_000, layout="mono") for _ in loud]
        streams[default].disposition = av.stream.Disposition.default
        for stream, level in zip(streams, loud, strict=True):
            values = (level * containers.burst() * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(values, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def test_the_track_with_the_voice_is_performed(tmp_path):
    facts = recording.load(tracks(tmp_path, 0.0, 0.2, 1.0)).facts
    assert (facts.track, facts.tracks) == (3, 3)
    assert facts.warnings == ("Track 1 of tracks.mkv is silent; track 3 is used.",)
    facts = recording.load(tracks(tmp_path, 0.5, 1.0, default=1)).facts
    assert facts.track == 2
    assert facts.warnings == ("tracks.mkv has 2 audio tracks; track 2 is used (--track).",)


def test_a_track_is_chosen(tmp_path):
    path = tracks(tmp_path, 0.0, 0.5, 1.0)
    second = recording.load(path, track=2)
    assert (second.facts.track, second.facts.warnings) == (2, ())
    third = recording.load(path, track=3)
    assert np.abs(third.samples).max() == pytest.approx(2 * np.abs(second.samples).max(), rel=0.01)
    (said,) = recording.load(path, track=1).facts.warnings
    assert said == "Track 1 of tracks.mkv is silent, others are not: choose track 2 or 3 (--track)."
    with pytest.raises(InputError, match=r"tracks\.mkv has 3 audio tracks; there is no track 4"):
        recording.load(path, track=4)


def surround(folder: Path, centre: float) -> Path:
    random = np.random.default_rng(0).normal(0, 0.2, (96_000, 6))
    random[:, 2] = centre * containers.burst()
    path = folder / "surround.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000, layout="5.1")
        frame = av.AudioFrame.from_ndarray((random * 8000).astype(np.int16).reshape(1, -1), "s16", "5.1")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def test_dialogue_in_the_centre_is_performed_alone(tmp_path):
    clip = recording.load(surround(tmp_path, 1.0))
    assert clip.facts.channel == 3
    assert clip.facts.warnings == ("The centre channel (3 of 6) is used (--channel).",)
    assert begins(clip, containers.burst()) == pytest.approx(0.0, abs=1e-3)
    clip = recording.load(surround(tmp_path, 0.0))
    assert (clip.facts.channel, clip.facts.loudness is None) == (0, False)
    assert "All 6 channels are mixed" in clip.facts.warnings[0]


def test_a_channel_is_chosen(tmp_path, sound):
    voice = containers.burst()
    path = sound("two.wav", np.stack([0.5 * voice, 0 * voice], 1))
    left, right = (recording.load(path, channel=number) for number in (1, 2))
    assert right.facts.silent
    assert not left.facts.silent
    assert left.facts.channel == 1
    assert np.abs(recording.load(path).samples).max() == pytest.approx(np.abs(left.samples).max() / 2, rel=0.01)
    with pytest.raises(InputError, match=r"two\.wav has 2 channels; there is no channel 3"):
        recording.load(path, channel=3)


def filmed(folder: Path, steps: list[int], base: int = 15_360) -> Path:
    """A film whose frames last these ticks of the time base."""
    path = folder / "phone.mp4"
    with av.open(str(path), "w") as container:
        moving = container.add_stream("mpeg4", rate=30)
        moving.width = moving.height = 64
        moving.pix_fmt = "yuv420p"
        moving.time_base = moving.codec_context.time_base = Fraction(1, base)
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        for pts in np.cumsum([0, *steps]):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), int(pts) % 200, np.uint8))
            picture.pts, picture.time_base = int(pts), Fraction(1, base)
            container.mux(moving.encode(picture))
        container.mux(moving.encode(None))
        frame = av.AudioFrame.from_ndarray(containers.burst()[None], "fltp", "mono")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def test_a_phones_variable_rate_is_its_nominal_one(tmp_path):
    random = np.random.default_rng(0)
    facts = recording.load(filmed(tmp_path, [512 + int(jitter) for jitter in random.integers(-30, 25, 90)])).facts
    assert (facts.video_rate, facts.video_rate_varies) == ((30, 1), True)
    facts = recording.load(filmed(tmp_path, [512] * 90)).facts
    assert (facts.video_rate, facts.video_rate_varies) == ((30, 1), False)
    assert recording.load(filmed(tmp_path, [15_360] * 5)).facts.video_rate is None, "an image that stands still"


def test_a_film_is_given_a_late_sound_late(tmp_path):
    late = containers.write(tmp_path, "mp4_late")
    writer.write([np.zeros((64, 64, 3), np.uint8)] * 48, Fraction(24), tmp_path / "made.mp4", late)
    assert begins(recording.load(tmp_path / "made.mp4"), containers.burst()[:48_000]) == pytest.approx(0.4, abs=0.0015)


def test_a_cover_picture_is_no_film(tmp_path):
    reader = decoding.TrackDecoder(containers.write(tmp_path, "mp4"))
    assert sum(values.shape[1] for values in reader.blocks()) == reader.count
    assert reader.video_rate == (25, 1)
