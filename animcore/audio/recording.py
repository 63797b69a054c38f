"""Sound files of any kind -> AudioClip: mono float32 at 16 kHz, and the facts of the recording."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.audio.frame
import av.stream
import numpy as np
from numpy.typing import NDArray

from animcore.audio import decoding, loudness, wav_writer
from animcore.audio.growing_array import GrowingArray
from animcore.core.compared_by_value import ComparedByValue
from animcore.core.progress import Progress, silent
from animcore.core.progress import part as share
from animcore.core.reading import check_file
from animcore.errors import InputError

RATE = 16_000
CLIPPED_LEVEL = 0.9995
CLIPPED_WORTH_SAYING = 1e-3  # share of clipped samples above which distortion is audible
OUT_OF_PHASE = 0.05  # energy of the mono mix over that of the loudest channel below which channels cancel each other
_AUTOMATIC, _MIX = 0, -1  # in the place of a channel's number
_CENTRE = "FC"  # FFmpeg's name of the channel that dialogue is in

FloatArray = NDArray[np.float32]
HasVoice = Callable[["AudioClip"], bool]


@dataclass(frozen=True)
class AudioFacts:
    """Facts of a recording, and warnings about it.

    Attributes:
        duration: seconds.
        sample_rate, channels: of the file.
        peak: largest absolute sample of the file, 1 is full scale.
        loudness: integrated loudness of the mono mix in LUFS (ITU-R BS.1770-4), or None where all of it is silent.
        clipped_fraction: share of the samples that stand at full scale.
        silences: spans without sound, (start, end) in seconds.
        warnings: for the user, one sentence each.
        codec: how the audio is packed, as ffmpeg names it.
        bit_rate: bits a second of a packing that loses something; 0 where nothing is lost, or where it is not known.
        video_rate: FPS of the images that the audio belongs to, as numerator and denominator, or None.
        video_rate_varies: whether the images come now faster, now slower, as phones video: `video_rate` is then
            nominal.
        tracks: how many audio tracks the file has.
        track: which one this is, from 1 on.
        channel: which channel this is, from 1 on; 0 for all of them mixed.
        plays_alike: whether every player plays the file as it was decoded: its only track from its first sample on.
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
    video_rate: tuple[int, int] | None = None
    video_rate_varies: bool = False
    tracks: int = 1
    track: int = 1
    channel: int = 0
    plays_alike: bool = True

    @property
    def silent(self) -> bool:
        """True where there is no sound."""
        return self.loudness is None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, repr=False, eq=False)
class AudioClip(ComparedByValue):
    """A recording as solvers take it.

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

    def __repr__(self) -> str:
        level = "silent" if self.facts.loudness is None else f"{self.facts.loudness:.1f} LUFS"
        return f"AudioClip({self.name or 'samples'}: {self.duration:.2f} s at {self.rate} Hz, {level})"


@dataclass(frozen=True)
class AudioSegment:
    """One recording of a voice that is put together from several.

    Attributes:
        path: the file.
        at: seconds from the start of the voice, exact; 0 or more.
        skip: seconds of the file that are left out at its start.
        length: duration in seconds; None for all of it.
        gain: factor of its loudness, 0 or more.
        track, channel: of the file, as `load` takes them.
    """

    path: Path
    at: Fraction = Fraction(0)
    skip: Fraction = Fraction(0)
    length: Fraction | None = None
    gain: float = 1.0
    track: int = 0
    channel: int = 0

    @property
    def whole(self) -> bool:
        """Whether it is the file as it stands."""
        return self == AudioSegment(self.path, track=self.track, channel=self.channel)

    def __post_init__(self) -> None:
        """Check the times.

        Raises:
            InputError: where one of them is wrong.
        """
        if self.at < 0 or self.skip < 0 or (self.length is not None and self.length <= 0):
            raise InputError(f"{self.path.name} cannot be put at {float(self.at):g} s as it is trimmed; trim it again.")
        if not (math.isfinite(self.gain) and 0.0 <= self.gain <= 100.0):
            raise InputError(f"The volume of {self.path.name} must lie between 0 and 100, not {self.gain!r}.")


def join_segments(
    parts: Sequence[AudioSegment], progress: Progress = silent, has_voice: HasVoice | None = None
) -> AudioClip:
    """Put several recordings together into one clip, each at its own time; where they overlap they are added.

    Args:
        parts: the recordings.
        progress: called with the fraction done.
        has_voice: as `load` takes it.

    Raises:
        InputError: without a part, or where one of them cannot be used.
    """
    if not parts:
        raise InputError("There is no recording; choose one.")
    if len(parts) == 1 and parts[0].whole:
        return load(parts[0].path, progress, parts[0].track, parts[0].channel, has_voice)
    spans, facts, digests = [], [], []
    for index, part in enumerate(parts):
        done = share(progress, index / len(parts), (index + 1) / len(parts))
        clip = load(part.path, done, part.track, part.channel, has_voice)
        first = round(part.skip * RATE)
        last = None if part.length is None else first + round(part.length * RATE)
        spans.append((round(part.at * RATE), part.gain * clip.samples[first:last]))
        facts.append(clip.facts)
        digests.append(
            f"{clip.sha256} {part.at} {part.skip} {part.length} {part.gain} {clip.facts.track} {clip.facts.channel}"
        )
    samples = np.zeros(max(first + len(heard) for first, heard in spans), np.float32)
    for first, heard in spans:
        samples[first : first + len(heard)] += heard
    if not len(samples):
        raise InputError(f"Nothing is left of {parts[0].path.name} where it is trimmed so; trim it less.")
    name = parts[0].path.name if len(parts) == 1 else f"{parts[0].path.name} +{len(parts) - 1}"
    return AudioClip(samples, name, hashlib.sha256("\n".join(digests).encode()).hexdigest(), _together(samples, facts))


def pad_to(clip: AudioClip, count: int) -> AudioClip:
    """Return a clip with silence behind it until it has `count` samples; a longer one stays as it is."""
    if len(clip.samples) >= count:
        return clip
    samples = np.zeros(count, np.float32)
    samples[: len(clip.samples)] = clip.samples
    return replace(clip, samples=samples, facts=replace(clip.facts, duration=count / clip.rate))


def silence(count: int) -> AudioClip:
    """Return a clip of `count` samples of silence: the audio of a listener."""
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
        loudness=loudness.integrated_loudness(samples, RATE),
        clipped_fraction=max(one.clipped_fraction for one in facts),
        silences=loudness.silences(samples, RATE),
        warnings=tuple(dict.fromkeys(warning for one in facts for warning in one.warnings)),
        codec=facts[0].codec,
        bit_rate=min((one.bit_rate for one in facts if one.bit_rate), default=0),
        video_rate=facts[0].video_rate,
        video_rate_varies=facts[0].video_rate_varies,
        tracks=facts[0].tracks,
        track=facts[0].track,
        channel=facts[0].channel,
        plays_alike=facts[0].plays_alike,
    )


def load(
    path: Path | str,
    progress: Progress = silent,
    track: int = 0,
    channel: int = 0,
    has_voice: HasVoice | None = None,
) -> AudioClip:
    """Decode an audio track of a file of any kind that ffmpeg reads, in bounded memory.

    Memory grows by 64 kB for each second of audio (the result) whatever the file's own rate and channels.

    Args:
        path: the file.
        progress: called with the fraction done.
        track: which audio track, from 1 on; 0 for the file's default one, or where that has no voice the loudest one
            that has; where none has, and the default one is silent, the loudest.
        channel: which channel of it, from 1 on; 0 for the centre of surround sound that has something there, else
            for all of them mixed.
        has_voice: detects speech on a track; without it every track that is not silent counts as a voice.

    Raises:
        InputError: no such file, empty, not decodable, no audio, no such track or channel, or nothing but broken
            samples.
    """
    path = Path(path)
    _check_file(path)
    count, default = list_tracks(path)
    if not 0 <= track <= count:
        raise InputError(f"{path.name} has {count} audio track{'s' * (count > 1)}; there is no track {track}.")
    if count > 1 and not track:
        heard, notes = _of_several(path, count, default, channel, has_voice or _sounds, progress)
        return AudioClip(heard.samples, path.name, _sha256(path), heard.facts(notes, count))
    heard = _heard(path, track or default, channel, progress)
    notes = []
    if count > 1 and heard.level is None:
        others = [one for one in range(1, count + 1) if one != track]
        sounding = [str(one) for one in others if _heard(path, one, channel, progress).level is not None]
        if sounding:
            which = " or ".join(sounding)
            notes.append(f"Track {track} of {path.name} is silent, others are not: choose track {which} (--track).")
    return AudioClip(heard.samples, path.name, _sha256(path), heard.facts(notes, count))


def _of_several(
    path: Path, count: int, default: int, channel: int, has_voice: HasVoice, progress: Progress
) -> tuple[_TrackReader, list[str]]:
    """The track with a voice, and a sentence on which one it is; of two that have one the default or the loudest."""
    first = best = _heard(path, default, channel, progress)
    spoken = has_voice(first.clip())
    rank = (spoken, -math.inf if first.level is None else first.level)
    for one in range(1, count + 1) if not spoken else ():
        other = _heard(path, one, channel, progress) if one != default else first
        if other.level is None:
            continue
        found = (has_voice(other.clip()), other.level)
        if found > rank and (found[0] or first.level is None):
            best, rank = other, found
    number = best.reader.track
    if best is first:
        warning = f"{path.name} has {count} audio tracks; track {default} is used (--track)."
        return first, [warning] if first.level is not None else []
    if first.level is None:
        return best, [f"Track {default} of {path.name} is silent; track {number} is used."]
    return best, [f"No voice was found on track {default} of {path.name}; track {number} is used (--track)."]


def _sounds(clip: AudioClip) -> bool:
    return not clip.facts.silent


def copy_audio(path: Path, track: int, out: Path, progress: Progress = silent) -> None:
    """Write a track (from 1 on) as a WAV file of all its channels, second t of the file at sample ``t * rate``.

    Other programs start a track where its first sample is, or skip an encoder's delay twice; all play this alike.

    Raises:
        InputError: where it cannot be decoded or written.
    """
    reader = decoding.TrackDecoder(path, track)
    with wav_writer.wav(out) as made:
        for values in reader.blocks():
            made.add(values, reader.rate, reader.layout)
            progress(reader.done, "Copying the audio")


def list_tracks(path: Path) -> tuple[int, int]:
    """Return how many audio tracks a file has, and which one is its default, from 1 on.

    Raises:
        InputError: where it cannot be opened, or has none.
    """
    with decoding.open_track(path) as container:
        named = [bool(one.disposition & av.stream.Disposition.default) for one in container.streams.audio]
    return len(named), named.index(True) + 1 if True in named else 1


def _heard(path: Path, track: int, channel: int, progress: Progress) -> _TrackReader:
    """Take a channel, or the centre, or the mix; where channels cancel each other in it, the loudest."""
    first = _TrackReader(path, track, channel)
    first.run(progress)
    if channel:
        return first
    if first.is_centre and first.level is None:
        first = _TrackReader(path, track, _MIX)
        first.run(progress)
    loudest = None if first.is_centre else first.channel_that_cancels()
    if loudest is None:
        return first
    other = _TrackReader(path, track, loudest)
    other.notes.append(f"The channels cancel each other (opposite phase); channel {loudest} alone is used.")
    other.run(progress)
    return other


def _check_file(path: Path) -> None:
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:  # a name that no disk can hold
        raise InputError(f"{path.name[:80]} cannot be read ({error.strerror}); choose another file.") from error
    if is_folder:
        raise InputError(f"{path} is a folder; choose an audio file in it.")
    if not is_there:
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


class _TrackReader:
    """One pass over a track: mono samples at 16 kHz, and the facts of the original samples on the way."""

    def __init__(self, path: Path, track: int, channel: int) -> None:
        self.reader = decoding.TrackDecoder(path, track)
        self.path = path
        self.channel = channel
        self.is_centre = False
        self.notes: list[str] = []
        self.samples = np.zeros(0, np.float32)
        self.level: float | None = None
        self.peak = 0.0
        self.clipped = 0
        self.broken = 0
        self.channels = 0
        self.mix_energy = 0.0
        self.channel_energy: NDArray[np.float64] = np.zeros(1)

    def run(self, progress: Progress) -> None:
        reader = self.reader
        output = GrowingArray(RATE)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for values in reader.blocks():
            if not self.channels:
                output.reserve(int(reader.expected * RATE) + RATE)
                self._choose(values)
            for piece in resampler.resample(_mono_frame(self._measured_mono(values), reader.rate)):
                output.extend(piece.to_ndarray()[0])
            progress(reader.done, "Reading the audio")
        for piece in resampler.resample(None) if self.channels else ():
            output.extend(piece.to_ndarray()[0])
        if output.count == 0:
            raise InputError(f"{self.path.name} has no audio: its track has no samples; export it again.")
        if self.broken >= reader.count * self.channels:
            raise InputError(f"{self.path.name} holds no numbers, only NaN or infinite samples; export it again.")
        self.samples = output.finish()
        self.level = loudness.integrated_loudness(self.samples, RATE)

    def _choose(self, values: FloatArray) -> None:
        """Choose the channel, now that the channels are known."""
        self.channels = len(values)
        self.channel_energy = np.zeros(self.channels)
        if self.channel > self.channels:
            raise InputError(
                f"{self.path.name} has {self.channels} channel{'s' * (self.channels > 1)}; "
                f"there is no channel {self.channel}."
            )
        names = [one.name for one in self.reader.layout.channels]
        if self.channel == _AUTOMATIC and self.channels > 2 and _CENTRE in names:
            self.channel, self.is_centre = names.index(_CENTRE) + 1, True

    def _measured_mono(self, values: FloatArray) -> FloatArray:
        finite = np.isfinite(values)
        if not finite.all():
            self.broken += int(values.size - finite.sum())
            values = np.where(finite, values, np.float32(0))
        size = np.abs(values)
        self.peak = max(self.peak, float(size.max(initial=0.0)))
        self.clipped += int((size >= CLIPPED_LEVEL).sum())
        mono: FloatArray = values[self.channel - 1] if self.channel > 0 else values.mean(0)
        self.mix_energy += float(np.square(mono, dtype=np.float64).sum())
        self.channel_energy += np.square(values, dtype=np.float64).sum(1)
        return np.clip(mono, -1e3, 1e3)  # a float file may hold anything; the resampler must not overflow

    def channel_that_cancels(self) -> int | None:
        """The loudest channel, from 1 on, where the channels cancel each other in the mix, else None."""
        loudest = int(self.channel_energy.argmax())
        share = self.channel_energy[loudest] / max(len(self.channel_energy), 1) ** 2
        cancels = len(self.channel_energy) > 1 and self.mix_energy < OUT_OF_PHASE * share
        return loudest + 1 if cancels else None

    def clip(self) -> AudioClip:
        """The decoded audio, for playback."""
        return AudioClip(self.samples, self.path.name, "", self.facts([], 1))

    def facts(self, notes: list[str], tracks: int) -> AudioFacts:
        clipped = self.clipped / max(self.reader.count * self.channels, 1)
        warning = [*notes, *self.notes, *self._said(clipped)]
        if self.level is None and not notes:
            warning.insert(0, f"{self.path.name} is silent; the face will stay still.")
        return AudioFacts(
            duration=len(self.samples) / RATE,
            sample_rate=self.reader.rate,
            channels=self.channels,
            peak=self.peak,
            loudness=self.level,
            clipped_fraction=clipped,
            silences=loudness.silences(self.samples, RATE),
            warnings=tuple(warning),
            codec=self.reader.codec,
            bit_rate=self.reader.bit_rate,
            video_rate=self.reader.video_rate,
            video_rate_varies=self.reader.video_rate_varies,
            tracks=tracks,
            track=self.reader.track,
            channel=max(self.channel, 0),
            plays_alike=self.reader.plain,
        )

    def _said(self, clipped: float) -> Iterator[str]:
        """Warnings about the file, one sentence each."""
        reader, name = self.reader, self.path.name
        if self.is_centre:
            yield f"The centre channel ({self.channel} of {self.channels}) is used (--channel)."
        elif self.channels > 2 and self.channel <= 0:
            yield f"All {self.channels} channels are mixed; choose the one with the voice, if there is one (--channel)."
        if self.broken:
            yield f"{self.broken} samples are not numbers (NaN or infinite) and are treated as silence."
        if reader.damaged_at is not None:
            yield f"The file is damaged at {reader.damaged_at:.1f} s; what could be read is used."
        if reader.jumps_at is not None:
            yield f"The clock of {name} is set anew at {reader.jumps_at:.1f} s; what follows is played on from there."
        if reader.missing:
            yield f"{name} is cut off: {reader.missing} could be read; copy or export it again."
        if clipped > CLIPPED_WORTH_SAYING:
            yield f"{clipped:.1%} of the samples are clipped; record with a lower gain if it sounds distorted."


def _mono_frame(mono: FloatArray, rate: int) -> av.audio.frame.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono[None], np.float32), format="flt", layout="mono")
    frame.sample_rate = rate
    return frame
