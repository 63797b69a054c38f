"""One audio track of a file of any kind -> its samples on the clock of the file, without holes.

Time stamps decide where samples belong, never the length that a file claims: silence fills a late start and pauses,
sound that comes twice is left out once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.audio.frame
import av.error
import av.stream
import numpy as np
from numpy.typing import NDArray

from animcore.audio import file_length, nominal_rates
from animcore.errors import BROKEN_FILE, AnimcoreError, InputError

FloatArray = NDArray[np.float32]

# Formats without time stamps: FFmpeg counts packets, so that only a packet that was lost is a hole.
_COUNTED = {"mp3", "aac", "ac3", "eac3", "dts", "loas", "truehd"}
_NEVER_PAUSES = ("pcm_", "flac", "vorbis")  # codecs in whose own files a hole was made by damage
_PLAIN = {"wav", "flac", "aiff"}  # whose samples are counted from the first one by every player alike
_TAGS = (b"ID3", b"TAG", b"APE", b"LYR")  # what stands where one MP3 file was joined to another
_JITTER = Fraction(1, 50)  # seconds that time stamps may be off by without meaning it
_BACK = 1  # seconds; a clock that goes back further was set anew
_LONGEST = 2 * 3600  # seconds of silence that are believed, all together
_FEWEST_BYTES = 250  # a second: a file that claims to last longer is not believed
_PIECE = 1 << 16  # samples of silence handed on at a time


@contextmanager
def open_track(path: Path) -> Iterator[Any]:
    """Open a file whose audio is wanted.

    Raises:
        InputError: where it cannot be decoded, or has no audio.
    """
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.audio:
                raise InputError(f"{path.name} has no audio track; choose a file with an audio track.")
            yield container
    except AnimcoreError:
        raise
    except (av.error.FFmpegError, *BROKEN_FILE) as error:
        raise InputError(
            f"{path.name} is not an audio file that can be decoded; "
            "export it again as WAV, FLAC, MP3 or any other kind that ffmpeg reads."
        ) from error


class TrackDecoder:
    """One pass over one track of a file.

    Attributes:
        rate: samples a second, of the first frame; 0 before it.
        layout: of the first frame's channels.
        damaged_at: seconds at which something is lost that was in the file once; None where nothing is.
        jumps_at: seconds at which the file's clock is set anew; None where it runs on.
        missing: how much is there of what the file claims, in words; empty where all of it is.
        plain: whether every player counts the samples as this reader does.
        codec: how the track is packed, as FFmpeg names it.
        bit_rate: bits a second of a packing that loses something, else 0.
        video_rate, video_rate_varies: see `nominal_rates.nominal_rate`.
        expected: seconds that the file seems to last.
        count: samples handed on so far.
    """

    def __init__(self, path: Path, track: int = 1) -> None:
        """Read a track, counted from 1."""
        self.path = path
        self.track = track
        self.rate = 0
        self.layout: Any = None
        self.damaged_at: float | None = None
        self.jumps_at: float | None = None
        self.missing = ""
        self.plain = False
        self.codec = ""
        self.bit_rate = 0
        self.video_rate: tuple[int, int] | None = None
        self.video_rate_varies = False
        self.expected = 0.0
        self.count = 0
        self._first: Fraction | None = None
        self._silence = 0
        self._shift = Fraction(0)
        self._failed = False
        self._converters: dict[Any, Any] = {}

    @property
    def seconds(self) -> float:
        """Seconds handed on so far."""
        return self.count / max(self.rate, 1)

    @property
    def done(self) -> float:
        """Share of the file that was read, 0..1."""
        return min(self.seconds / max(self.expected, 1e-3), 1.0)

    def blocks(self) -> Iterator[FloatArray]:
        """Yield the samples as (channels, n) float32, full scale at 1.

        Raises:
            InputError: where the file cannot be decoded.
        """
        with open_track(self.path) as container:
            stream = container.streams.audio[self.track - 1]
            form = container.format.name
            self._see(container, stream)
            claim = file_length.claimed_duration(self.path, container, stream)
            others = _starts(container, stream)
            for frame in self._frames(container, stream):
                base = frame.time_base
                time = None if frame.pts is None or base is None else frame.pts * Fraction(base)
                values = self._uniform(frame)
                if values.shape[1]:
                    yield from self._placed(values, time, others, form)
        start = 0.0 if self._first is None else float(self._first)
        self.missing = file_length.cut_off(self.path, claim, self.seconds - start)
        self.plain = self.plain and self.damaged_at is None

    def _see(self, container: Any, stream: Any) -> None:
        """Read the headers."""
        context = stream.codec_context
        self.codec = str(context.name)
        self.bit_rate = int(context.bit_rate or 0) if context.codec.lossy else 0
        is_plain = container.format.name in _PLAIN and self.codec.startswith(("pcm_", "flac"))
        self.plain = is_plain and len(container.streams.audio) == 1
        ends = [float(one.duration * one.time_base) for one in (stream,) if one.duration]
        claimed = max([*ends, (container.duration or 0) / av.time_base])
        self.expected = min(claimed, self.path.stat().st_size / _FEWEST_BYTES)
        moving = video_streams(container)
        if moving:
            self.video_rate, self.video_rate_varies = nominal_rates.nominal_rate(moving[0])

    def _frames(self, container: Any, stream: Any) -> Iterator[av.audio.frame.AudioFrame]:
        """Every frame that can be decoded; damaged packets are remembered and passed over."""
        for packet in container.demux(stream):
            if not packet.size and packet.pts is not None:
                continue  # it carries news of the stream alone, such as the new header that FLAC in NUT ends with
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                if packet.size and bytes(packet)[:3] not in _TAGS:
                    self._failed = True
                continue
            for frame in frames:
                if self._failed and self.count and self.damaged_at is None:
                    self.damaged_at = self.seconds
                yield frame
                self._failed = False

    def _uniform(self, frame: av.audio.frame.AudioFrame) -> FloatArray:
        """(channels, n) of a frame, in the rate and the channels of the first one."""
        if not self.rate:
            self.rate, self.layout = frame.sample_rate, frame.layout
        if frame.sample_rate == self.rate and frame.layout.nb_channels == self.layout.nb_channels:
            return as_float(frame)
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        if kind not in self._converters:
            self._converters[kind] = av.AudioResampler("fltp", self.layout, self.rate)
        pieces = [piece.to_ndarray() for piece in self._converters[kind].resample(frame)]
        return np.concatenate([np.zeros((self.layout.nb_channels, 0), np.float32), *pieces], axis=1)

    def _placed(
        self, values: FloatArray, time: Fraction | None, others: list[Fraction], form: str
    ) -> Iterator[FloatArray]:
        """Samples at their time, with silence before them where there is a hole."""
        hole = 0
        if time is not None:
            if self._first is None:
                origin = min([time, *others])
                self._first, self._shift = time - origin, -origin
                hole = round(self._first * self.rate)
            elif form in _COUNTED and not self._failed:
                self._shift = Fraction(self.count, self.rate) - time
            else:
                hole = self._hole(time)
        if hole and self._silence + hole > _LONGEST * self.rate:
            hole = self._anew(hole)
        if hole > 0:
            if (
                self.count
                and form in (*_PLAIN, "ogg")
                and self.codec.startswith(_NEVER_PAUSES)
                and self.damaged_at is None
            ):
                self.damaged_at = self.seconds
            self._silence += hole
            for first in range(0, hole, _PIECE):
                yield self._counted(np.zeros((len(values), min(_PIECE, hole - first)), np.float32))
        if -hole < values.shape[1]:
            yield self._counted(values[:, max(-hole, 0) :])

    def _hole(self, time: Fraction) -> int:
        """Samples that are missing before a time; below 0, that are there twice."""
        hole = round((time + self._shift) * self.rate) - self.count
        if abs(hole) < _JITTER * self.rate:
            return 0
        return self._anew(hole) if hole < -_BACK * self.rate else hole

    def _anew(self, hole: int) -> int:
        """Take the clock of the file from here on as it continues the one so far."""
        self.jumps_at = self.seconds if self.jumps_at is None else self.jumps_at
        self._shift -= Fraction(hole, self.rate)
        return 0

    def _counted(self, values: FloatArray) -> FloatArray:
        self.count += values.shape[1]
        return values


def _starts(container: Any, own: Any) -> list[Fraction]:
    """Seconds at which the other tracks begin, which are on the same clock.

    Audio that starts before 0 is what a decoder leaves out of its first samples.
    """
    found = []
    for one in (*container.streams.audio, *video_streams(container)):
        if one.index != own.index and one.start_time is not None:
            start = one.start_time * Fraction(one.time_base)
            found.append(max(start, Fraction(0)) if one.type == "audio" else start)
    return found


def video_streams(container: Any) -> list[Any]:
    """Return the video streams of a file, without the one image on the cover of a record."""
    cover = av.stream.Disposition.attached_pic
    return [one for one in container.streams.video if not one.disposition & cover]


def as_float(frame: av.audio.frame.AudioFrame) -> FloatArray:
    """(channels, n) float32 samples of a frame, full scale at 1, from any sample format."""
    raw: NDArray[Any] = frame.to_ndarray()
    values = raw if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128.0) / 128.0
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float32) / 2.0 ** (8 * values.itemsize - 1)
    return values.astype(np.float32)
