"""Sound files of any kind -> AudioClip: mono float32 at 16 kHz, and what is to be known about the recording."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.audio.frame
import av.audio.stream
import av.error
import av.stream
import numpy as np
from numpy.typing import NDArray

from animcore import loudness
from animcore.errors import BROKEN_FILE, AnimcoreError, InputError
from animcore.progress import Progress, silent
from animcore.progress import part as share
from animcore.reading import check_file

RATE = 16_000
CLIPPED_LEVEL = 0.9995
CLIPPED_WORTH_SAYING = 1e-3  # share of clipped samples above which distortion is heard
GAP_WORTH_FILLING = 0.02  # seconds between frames; less is rounding of the file's time stamps
OUT_OF_PHASE = 0.05  # energy of the mono mix over that of the loudest channel below which channels cancel each other

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class AudioFacts:
    """What is to be known about a recording before it is trusted.

    Attributes:
        duration: seconds.
        sample_rate, channels: of the file.
        peak: largest absolute sample of the file, 1 is full scale.
        loudness: integrated loudness of the mono mix in LUFS (ITU-R BS.1770-4), or None where all of it is silent.
        clipped_fraction: share of the samples that stand at full scale.
        silences: spans without sound, (start, end) in seconds.
        warnings: what the user should know, one sentence each.
        codec: how the sound is packed, as ffmpeg names it.
        bit_rate: bits a second of a packing that loses something; 0 where nothing is lost, or where it is not known.
        film_rate: frames a second of the pictures that the sound belongs to, as numerator and denominator, or None.
    """

    duration: float
    sample_rate: int
    channels: int
    peak: float
    loudness: float | None
    clipped_fraction: float
    silences: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...]
    codec: str = ""
    bit_rate: int = 0
    film_rate: tuple[int, int] | None = None

    @property
    def silent(self) -> bool:
        """True where there is nothing to hear."""
        return self.loudness is None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class AudioClip:
    """A recording as solvers hear it.

    Attributes:
        samples: (N,) float32, mono at `rate`, finite; second t of the file is sample ``t * rate``.
        name: the file's name, without its folder.
        sha256: of the file's bytes, in hexadecimal.
        facts: see `AudioFacts`.
    """

    samples: FloatArray
    name: str
    sha256: str
    facts: AudioFacts
    rate: int = RATE

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Part:
    """One recording of a voice that is put together from several.

    Attributes:
        path: the file.
        at: seconds from the start of the voice, exact; 0 or more.
        skip: seconds of the file that are left out at its start.
        length: seconds that are heard; None for all of it.
        gain: factor of its loudness, 0 or more.
    """

    path: Path
    at: Fraction = Fraction(0)
    skip: Fraction = Fraction(0)
    length: Fraction | None = None
    gain: float = 1.0

    def __post_init__(self) -> None:
        """Check the times.

        Raises:
            InputError: where one of them is wrong.
        """
        if self.at < 0 or self.skip < 0 or (self.length is not None and self.length <= 0):
            raise InputError(f"{self.path.name} cannot be put at {float(self.at):g} s as it is trimmed; trim it again.")
        if not (math.isfinite(self.gain) and 0.0 <= self.gain <= 100.0):
            raise InputError(f"The volume of {self.path.name} must lie between 0 and 100, not {self.gain!r}.")


def joined(parts: Sequence[Part], progress: Progress = silent) -> AudioClip:
    """Put several recordings together into one clip, each at its own time; where they overlap they are added.

    Raises:
        InputError: without a part, or where one of them cannot be used.
    """
    if not parts:
        raise InputError("There is no recording to be performed; choose one.")
    spans, facts, digests = [], [], []
    for index, part in enumerate(parts):
        clip = load(part.path, share(progress, index / len(parts), (index + 1) / len(parts)))
        first = round(part.skip * RATE)
        last = None if part.length is None else first + round(part.length * RATE)
        spans.append((round(part.at * RATE), part.gain * clip.samples[first:last]))
        facts.append(clip.facts)
        digests.append(f"{clip.sha256} {part.at} {part.skip} {part.length} {part.gain}")
    samples = np.zeros(max(first + len(heard) for first, heard in spans), np.float32)
    for first, heard in spans:
        samples[first : first + len(heard)] += heard
    if not len(samples):
        raise InputError(f"Nothing is left of {parts[0].path.name} where it is trimmed so; trim it less.")
    name = parts[0].path.name if len(parts) == 1 else f"{parts[0].path.name} +{len(parts) - 1}"
    return AudioClip(samples, name, hashlib.sha256("\n".join(digests).encode()).hexdigest(), _together(samples, facts))


def lasting(clip: AudioClip, count: int) -> AudioClip:
    """Return a clip with silence behind it until it has `count` samples; a longer one stays as it is."""
    if len(clip.samples) >= count:
        return clip
    samples = np.zeros(count, np.float32)
    samples[: len(clip.samples)] = clip.samples
    return replace(clip, samples=samples, facts=replace(clip.facts, duration=count / clip.rate))


def hush(count: int) -> AudioClip:
    """Return a clip of `count` samples of silence: the voice of somebody who only listens."""
    seconds = count / RATE
    facts = AudioFacts(seconds, RATE, 1, 0.0, None, 0.0, ((0.0, seconds),), ())
    return AudioClip(np.zeros(count, np.float32), "", hashlib.sha256(b"%d" % count).hexdigest(), facts)


def _together(samples: FloatArray, facts: Sequence[AudioFacts]) -> AudioFacts:
    """The facts of several recordings that were put together: of the poorest where they differ."""
    return AudioFacts(
        duration=len(samples) / RATE,
        sample_rate=min(one.sample_rate for one in facts),
        channels=max(one.channels for one in facts),
        peak=float(np.abs(samples).max(initial=0.0)),
        loudness=loudness.integrated(samples, RATE),
        clipped_fraction=max(one.clipped_fraction for one in facts),
        silences=loudness.silences(samples, RATE),
        warnings=tuple(dict.fromkeys(said for one in facts for said in one.warnings)),
        codec=facts[0].codec,
        bit_rate=min((one.bit_rate for one in facts if one.bit_rate), default=0),
        film_rate=facts[0].film_rate,
    )


def load(path: Path | str, progress: Progress = silent) -> AudioClip:
    """Decode the first audio stream of a file of any kind that ffmpeg reads, in bounded memory.

    Memory grows by 64 kB for each second of audio (the result) whatever the file's own rate and channels.

    Raises:
        InputError: no such file, empty, not decodable, no audio stream, or nothing but broken samples.
    """
    path = Path(path)
    _check_file(path)
    decoder = _Decoder(path)
    samples = decoder.run(progress)
    loudest = decoder.channel_that_cancels()
    warnings = []
    if loudest is not None:
        warnings.append(f"The channels cancel each other (opposite phase); channel {loudest + 1} alone is used.")
        decoder = _Decoder(path, channel=loudest)
        samples = decoder.run(progress)
    return AudioClip(samples, path.name, _sha256(path), decoder.facts(samples, warnings))


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder; choose a sound file in it.")
    if not path.exists():
        raise InputError(f"There is no file {path}; check the name, or choose the file again.")
    check_file(path)
    try:
        with path.open("rb") as handle:
            first = handle.read(1)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}); check its permissions.") from error
    if not first:
        raise InputError(f"{path.name} is empty (0 bytes); record or export it again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class _Growing:
    """A float32 array that grows at its end without ever holding a second copy of itself."""

    def __init__(self, expected: int) -> None:
        self.values = np.zeros(max(expected, RATE), np.float32)
        self.count = 0

    def extend(self, more: FloatArray) -> None:
        needed = self.count + len(more)
        if needed > len(self.values):
            # realloc moves pages, it does not copy them; no view of the array exists while it grows
            self.values.resize(needed + needed // 4, refcheck=False)
        self.values[self.count : needed] = more
        self.count = needed

    def finish(self) -> FloatArray:
        self.values.resize(self.count, refcheck=False)
        return self.values


class _Decoder:
    """One pass over a file: mono samples at 16 kHz, and the facts of the original samples on the way."""

    def __init__(self, path: Path, channel: int | None = None) -> None:
        self.path = path
        self.channel = channel
        self.peak = 0.0
        self.clipped = 0
        self.broken = 0
        self.total = 0
        self.damaged_at: float | None = None
        self.mix_energy = 0.0
        self.channel_energy: NDArray[np.float64] = np.zeros(1)
        self.sample_rate = 0
        self.channels = 0
        self.packing: dict[str, Any] = {}

    def run(self, progress: Progress) -> FloatArray:
        try:
            with av.open(str(self.path), metadata_errors="replace") as container:
                if not container.streams.audio:
                    raise InputError(f"{self.path.name} has no sound in it; choose a file with an audio track.")
                return self._decode(container, container.streams.audio[0], progress)
        except AnimcoreError:
            raise
        except (av.error.FFmpegError, *BROKEN_FILE) as error:
            raise InputError(
                f"{self.path.name} is not a sound file that can be decoded; "
                "export it again as WAV, FLAC, MP3 or any other kind that ffmpeg reads."
            ) from error

    def _decode(self, container: Any, stream: Any, progress: Progress) -> FloatArray:
        expected = _seconds(stream, container)
        self.packing = _packing(container, stream)
        output = _Growing(int(expected * RATE) + RATE)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        origin = (container.start_time or 0) / av.time_base
        for frame in self._frames(container, stream):
            mono = self._measured_mono(frame)
            if frame.time is not None:
                mono = self._with_gap(mono, frame.time - origin, expected)
            self.total += len(mono)
            for piece in resampler.resample(_mono_frame(mono, frame.sample_rate)):
                output.extend(piece.to_ndarray()[0])
            progress(min(self.total / self.sample_rate / max(expected, 1e-3), 1.0), "Reading the sound")
        for piece in resampler.resample(None) if self.total else ():
            output.extend(piece.to_ndarray()[0])
        if output.count == 0:
            raise InputError(f"{self.path.name} holds no sound: its audio track has no samples; export it again.")
        if self.broken >= self.total * self.channels:
            raise InputError(f"{self.path.name} holds no numbers, only NaN or infinite samples; export it again.")
        return output.finish()

    def _frames(self, container: Any, stream: Any) -> Iterator[av.audio.frame.AudioFrame]:
        """Every frame that can be decoded; a damaged packet is remembered and passed over."""
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                if self.damaged_at is None and packet.size:
                    self.damaged_at = self.total / max(self.sample_rate, 1)
                continue
            for frame in frames:
                self.sample_rate = frame.sample_rate
                self.channels = frame.layout.nb_channels
                yield frame

    def _with_gap(self, mono: FloatArray, time: float, expected: float) -> FloatArray:
        """Put silence before samples that start later than those before them end: a late start, or a lost part."""
        here = self.total / self.sample_rate
        gap = min(time, max(expected, here)) - here
        if gap < GAP_WORTH_FILLING:
            return mono
        if self.total and self.damaged_at is None:
            self.damaged_at = here
        return np.concatenate([np.zeros(round(gap * self.sample_rate), np.float32), mono])

    def _measured_mono(self, frame: av.audio.frame.AudioFrame) -> FloatArray:
        values = _as_float(frame)
        finite = np.isfinite(values)
        if not finite.all():
            self.broken += int(values.size - finite.sum())
            values = np.where(finite, values, np.float32(0))
        size = np.abs(values)
        self.peak = max(self.peak, float(size.max(initial=0.0)))
        self.clipped += int((size >= CLIPPED_LEVEL).sum())
        mono: FloatArray = values.mean(0) if self.channel is None else values[min(self.channel, len(values) - 1)]
        self.mix_energy += float(np.square(mono, dtype=np.float64).sum())
        energy = np.square(values, dtype=np.float64).sum(1)
        if len(energy) == len(self.channel_energy):
            self.channel_energy += energy
        else:
            self.channel_energy = energy
        return np.clip(mono, -1e3, 1e3)  # a float file may hold anything; the resampler must not overflow

    def channel_that_cancels(self) -> int | None:
        """The loudest channel where the channels cancel each other in the mix, else None."""
        loudest = int(self.channel_energy.argmax())
        share = self.channel_energy[loudest] / max(len(self.channel_energy), 1) ** 2
        cancels = len(self.channel_energy) > 1 and self.mix_energy < OUT_OF_PHASE * share
        return loudest if cancels else None

    def facts(self, samples: FloatArray, warnings: list[str]) -> AudioFacts:
        said = list(warnings)
        clipped = self.clipped / max(self.total * self.channels, 1)
        level = loudness.integrated(samples, RATE)
        if level is None:
            said.append(f"{self.path.name} is silent; the face will stay still.")
        if self.broken:
            said.append(f"{self.broken} samples are not numbers (NaN or infinite) and are heard as silence.")
        if self.damaged_at is not None:
            said.append(f"The file is damaged at {self.damaged_at:.1f} s; what could be read is used.")
        if clipped > CLIPPED_WORTH_SAYING:
            said.append(f"{clipped:.1%} of the samples are clipped; record with a lower gain if it sounds distorted.")
        return AudioFacts(
            duration=len(samples) / RATE,
            sample_rate=self.sample_rate,
            channels=self.channels,
            peak=self.peak,
            loudness=level,
            clipped_fraction=clipped,
            silences=loudness.silences(samples, RATE),
            warnings=tuple(said),
            **self.packing,
        )


def _packing(container: Any, stream: Any) -> dict[str, Any]:
    """How the sound is packed, and with which pictures: the last fields of `AudioFacts`."""
    context = stream.codec_context
    pictures = [one.average_rate for one in container.streams.video if one.average_rate and not _cover(one)]
    return {
        "codec": str(context.name),
        "bit_rate": int(context.bit_rate or 0) if context.codec.lossy else 0,
        "film_rate": (pictures[0].numerator, pictures[0].denominator) if pictures else None,
    }


def _cover(stream: Any) -> bool:
    """Whether a stream of pictures is the one picture on the cover of a record."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _seconds(stream: Any, container: Any) -> float:
    """The length that the file claims, or 0."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _mono_frame(mono: FloatArray, rate: int) -> av.audio.frame.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono[None], np.float32), format="flt", layout="mono")
    frame.sample_rate = rate
    return frame


def _as_float(frame: av.audio.frame.AudioFrame) -> FloatArray:
    """(channels, n) float32 samples of a frame, full scale at 1, from any sample format."""
    raw: NDArray[Any] = frame.to_ndarray()
    values = raw if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128.0) / 128.0
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float32) / 2.0 ** (8 * values.itemsize - 1)
    return values.astype(np.float32)
