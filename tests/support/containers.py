"""Sound in every container and codec that PyAV writes, late, with pauses: always the same noise in syllables."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 48_000
LATE = 0.4  # seconds that the sound starts after the picture

# name -> container's suffix, codec, seconds that the sound is late, further options of the container
KINDS = {
    "wav": ("wav", "pcm_s16le", 0.0, {}),
    "wav_44k1": ("wav", "pcm_s16le", 0.0, {}),
    "aiff": ("aiff", "pcm_s16be", 0.0, {}),
    "flac": ("flac", "flac", 0.0, {}),
    "w64": ("w64", "pcm_s16le", 0.0, {}),
    "au": ("au", "pcm_s16be", 0.0, {}),
    "mp3": ("mp3", "libmp3lame", 0.0, {}),
    "mp3_44k1": ("mp3", "libmp3lame", 0.0, {}),
    "mp3_no_xing": ("mp3", "libmp3lame", 0.0, {"write_xing": "0"}),
    "vorbis": ("ogg", "vorbis", 0.0, {}),
    "opus": ("ogg", "libopus", 0.0, {}),
    "m4a": ("m4a", "aac", 0.0, {}),
    "alac": ("m4a", "alac", 0.0, {}),
    "adts": ("aac", "aac", 0.0, {}),
    "ac3": ("ac3", "ac3", 0.0, {}),
    "wma": ("asf", "wmav2", 0.0, {}),
    "mka": ("mka", "flac", 0.0, {}),
    "nut": ("nut", "flac", 0.0, {}),
    "nut_late": ("nut", "flac", LATE, {}),
    "mp4": ("mp4", "aac", 0.0, {}),
    "mp4_late": ("mp4", "aac", LATE, {}),
    "mp4_no_edit_list": ("mp4", "aac", LATE, {"use_editlist": "0"}),
    "mp4_fragmented": ("mp4", "aac", LATE, {"movflags": "frag_keyframe+empty_moov"}),
    "mov_late": ("mov", "pcm_s16le", LATE, {}),
    "mov_fragmented": ("mov", "pcm_s16le", LATE, {"movflags": "frag_every_frame+empty_moov"}),
    "mkv_late": ("mkv", "aac", LATE, {}),
    "mkv_opus_late": ("mkv", "libopus", LATE, {}),
    "webm_late": ("webm", "libopus", LATE, {}),
    "webm_live": ("webm", "libopus", LATE, {"live": "1"}),
    "ts_late": ("ts", "aac", LATE, {}),
    "mpg_late": ("mpg", "mp2", LATE, {}),
    "avi": ("avi", "mp3", 0.0, {}),
    "flv_late": ("flv", "aac", LATE, {}),
}
_PICTURES = {"mp4": "mpeg4", "mov": "mpeg4", "mkv": "mpeg4", "webm": "libvpx", "ts": "mpeg2video", "mpg": "mpeg2video",
             "avi": "mpeg4", "flv": "flv", "nut": "mpeg4"}  # fmt: skip


def burst(seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    """(N,) noise in syllables: nowhere like itself a moment later."""
    random = np.random.default_rng(4)
    times = np.arange(int(seconds * rate)) / rate
    noise = np.interp(times, np.arange(int(seconds * 8000)) / 8000, random.normal(size=int(seconds * 8000)))
    loud = np.interp(times, np.linspace(0, seconds, 16), random.uniform(0.0, 0.2, 16))
    return (noise * loud).astype(np.float32)


def write(folder: Path, name: str, gap: float = 0.0) -> Path:
    """Write a kind of file; returns its path.

    Args:
        folder: where.
        name: of `KINDS`.
        gap: seconds of a pause in the middle in which there are no packets.
    """
    suffix, codec, late, options = KINDS[name]
    rate = 44_100 if name.endswith("44k1") else RATE
    path = folder / f"{name}.{suffix}"
    samples = burst(rate=rate)
    if codec == "vorbis":  # FFmpeg's own encoder of it is an experiment
        soundfile.write(path, samples, rate)
        return path
    with av.open(str(path), "w", options=options) as container:
        moving, rate_of_pictures = None, 2 if suffix == "webm" else 25  # its encoder is slow
        if suffix in _PICTURES:
            moving = container.add_stream(_PICTURES[suffix], rate=rate_of_pictures)
            moving.width = moving.height = 64
            moving.pix_fmt = "yuv420p"
        stream = container.add_stream(codec, rate=rate, layout="mono", bit_rate=128_000)
        if moving is not None:
            for number in range(3 * rate_of_pictures):
                picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 3 * number, np.uint8))
                picture.pts = number
                container.mux(moving.encode(picture))
            container.mux(moving.encode(None))
        half = len(samples) // 2 if gap else len(samples)
        _encode(container, stream, samples[:half], late, rate)
        _encode(container, stream, samples[half:], late + half / rate + gap, rate)
        container.mux(stream.encode(None))
    return path


def _encode(container, stream, samples: np.ndarray, at: float, rate: int) -> None:
    size = stream.codec_context.frame_size or 1024
    form = stream.codec_context.format.name
    for first in range(0, len(samples), size):
        piece = np.zeros(size, np.float32)
        piece[: len(samples) - first] = samples[first : first + size]
        frame = av.AudioFrame.from_ndarray(piece[None], "flt", "mono")
        frame.sample_rate = rate
        (made,) = av.AudioResampler(form, "mono", rate).resample(frame)
        made.pts, made.time_base = round(at * rate) + first, Fraction(1, rate)
        container.mux(stream.encode(made))


def lag(one: np.ndarray, other: np.ndarray) -> int:
    """Samples that `one` comes later than `other`."""
    size = 1 << (len(one) + len(other)).bit_length()
    across = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    place = int(across.argmax())
    return place if place < size // 2 else place - size
