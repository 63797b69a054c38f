"""What the mouths of a dub do: solver, the person's manner, and where each line begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.core.progress import Progress, part, silent
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.errors import AnimcoreError
from animcore.files.subtitles import transcripts
from animcore.motion import Event, Motion
from animcore.pipelines import generate_files
from animcore.pipelines.dub import manner
from animcore.pipelines.dub.face_points import (
    EYE_CORNERS,
    LOWER_LIP,
    MOUTH_COLUMNS,
    UPPER_LIP,
    FacePoints,
    opening,
)
from animcore.pipelines.dub.manner import Manner
from animcore.pipelines.dub.persons import ShotFace
from animcore.pipelines.dub.references import Bank, squares
from animcore.pipelines.dub.request import Line
from animcore.speech import voice_detection

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

_FADE = 0.16  # seconds over which the video's own mouth becomes the new one
_TAIL = 0.3  # seconds after a line over which its mouth comes to rest
_LAGS = 8  # frames by which the old voice may lie beside the lips
_MOST_OPEN = 1.1  # times as far as the references: farther, there is nothing to be seen inside
_OPENING = [
    ARKIT_INDEX[name] for name in (
        "jawOpen", "mouthClose", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    )
]  # fmt: skip
_NEAR = 2.5  # millimetres over which the references' residuals are alike


@dataclass(frozen=True)
class Mouth:
    """What one person's mouth is to do in one shot of T frames.

    Attributes:
        arkit: (T, 52) weights.
        share: (T,) 0 where the video's own mouth stays, 1 where the new one is all.
        points: (T, 468, 2) where the points are wanted, pixels.
        features: (T, F) of mouth and pose.
    """

    arkit: FloatArray
    share: FloatArray
    points: FloatArray
    features: FloatArray


@dataclass(frozen=True)
class Spoken:
    """The solver's performance of one line, from a second of the video on."""

    motion: Motion
    start: float
    end: float
    whole: bool

    def at(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (T, 52) at seconds of the video, and how much they count (T,)."""
        position = np.clip((times - self.start) * self.motion.fps, 0, self.motion.frame_count - 1)
        assert self.motion.arkit is not None
        weights = _between(self.motion.arkit.astype(float), position)
        if self.whole:
            return weights, np.ones(len(times))
        share = np.minimum((times - self.start + _FADE) / _FADE, (self.end + _TAIL - times) / _FADE)
        share = np.clip(share, 0, 1)
        return weights, share * share * (3 - 2 * share)


def recordings(lines: Sequence[Line]) -> list[recording.AudioClip]:
    """Load the voices of lines.

    Raises:
        InputError: for one that cannot be decoded.
    """
    return [recording.load(line.audio, has_voice=voice_detection.has_voice) for line in lines]


def perform(
    lines: Sequence[Line],
    clips: Sequence[recording.AudioClip],
    rate: Fraction,
    seconds: float,
    whole: bool,
    progress: Progress = silent,
) -> tuple[list[Spoken], list[str]]:
    """Perform each line with the solver.

    Args:
        lines: in the seconds of the video.
        clips: their voices (`recordings`).
        rate: of the video.
        seconds: that the result lasts.
        whole: one voice for all of it.
        progress: called with the fraction done.

    Returns:
        What is performed, and sentences on what was noticed in the audio.

    Raises:
        InputError: where a voice or a transcript cannot be used.
    """
    spoken, notes = [], []
    for number, (line, clip) in enumerate(zip(lines, clips, strict=True)):
        share = part(progress, number / len(lines), (number + 1) / len(lines))
        length = clip.duration
        rest = seconds - line.start if whole else length + _TAIL + _FADE
        padded = recording.pad_to(clip, round(max(rest, length) * clip.rate))
        transcript = transcripts.load(line.transcript) if line.transcript is not None else None
        motion, facts = generate_files.generate(padded, rate, line.direction, share, transcript)
        spoken.append(Spoken(motion, line.start, line.start + length, whole))
        notes += [f"{line.audio.name}: {warning}" for warning in facts.warnings]
    return spoken, notes


def manner_of(shots: Sequence[ShotFace], times: FloatArray, own: Motion | None, spoken: Sequence[Spoken]) -> Manner:
    """Fit a person's manner from all shots.

    Args:
        shots: of the person.
        times: (T,) seconds of the video's frames.
        own: what the solver makes of the video's own sound, or None.
        spoken: the new lines.
    """
    frames = np.concatenate([shot.frames[shot.points.found] for shot in shots])
    tracked = np.concatenate([shot.points.arkit[shot.points.found] for shot in shots])
    openings = np.concatenate([opening(shot.points.pixels[shot.points.found]) for shot in shots])
    new = np.concatenate([one.motion.arkit for one in spoken if one.motion.arkit is not None]).astype(float)
    before = None
    if own is not None and own.arkit is not None:
        before = _best_lag(own, times[frames], openings, shots[0].points)
    return manner.fit(tracked, openings, before, new)


def own_voice(video: Any, rate: Fraction, progress: Progress = silent) -> Motion | None:
    """What the solver makes of the video's own sound; None where it has none that can be used."""
    try:
        return generate_files.generate([recording.AudioSegment(video)], rate, Direction(), progress)[0]
    except AnimcoreError:
        return None


def mouth_of(points: FacePoints, times: FloatArray, spoken: Sequence[Spoken], how: Manner | None, bank: Bank) -> Mouth:
    """What a mouth does in a shot.

    Args:
        points: of the person in T frames.
        times: (T,) seconds of the frames in the result.
        spoken: lines of this person.
        how: the person's manner; None for the video's own mouth.
        bank: the references.
    """
    if how is None:
        features = points.mouth_features(points.arkit, points.residual)
        return Mouth(points.arkit, np.ones(len(times)), points.pixels, features)
    arkit, share = points.arkit.copy(), np.zeros(len(times))
    for one in spoken:
        weights, counts = one.at(times)
        made = how.apply(weights, solver_opening(points, weights))
        own = arkit[:, MOUTH_COLUMNS]
        arkit[:, MOUTH_COLUMNS] = own + counts[:, None] * (made - own)
        share = np.maximum(share, counts)
    residual = _residual(points, arkit, share, bank)
    opened = opening(points.image_points(arkit, residual))
    most = _MOST_OPEN * float(np.quantile(opening(bank.points), 0.98))
    arkit[:, _OPENING] *= np.minimum(1.0, most / np.maximum(opened, 1e-6))[:, None]
    residual = _residual(points, arkit, share, bank)
    return Mouth(arkit, share, points.image_points(arkit, residual), points.mouth_features(arkit, residual))


def solver_opening(points: FacePoints, weights: FloatArray) -> FloatArray:
    """(T,) how far the model's lips come apart with weights (T, 52), over the distance of the eyes."""
    apart = points.shapes[:, UPPER_LIP, 1] - points.shapes[:, LOWER_LIP, 1]
    eyes = np.linalg.norm(points.rest[EYE_CORNERS[0]] - points.rest[EYE_CORNERS[1]])
    return np.asarray(np.maximum(weights[:, : len(ARKIT)] @ apart, 0) / eyes, np.float64)


def _residual(points: FacePoints, arkit: FloatArray, share: FloatArray, bank: Bank) -> FloatArray:
    """Residuals (T, 468, 2): the frame's own away from the mouth, that of references with such a mouth near it."""
    wanted = points.mouth_features(arkit, None)
    apart = squares(wanted, bank.model_features)
    weights = np.exp(-(apart - apart.min(1, keepdims=True)) / (2 * _NEAR**2))
    weights /= weights.sum(1, keepdims=True)
    expected = np.tensordot(weights, bank.residual, 1)
    near = share[:, None, None] * points.near_lips[None, :, None]
    return np.asarray(points.residual + near * (expected - points.residual))


def _best_lag(own: Motion, times: FloatArray, openings: FloatArray, points: FacePoints) -> FloatArray:
    """The solver's weights (T, 52) at frames, shifted by the few frames by which it agrees best with the lips."""
    assert own.arkit is not None
    best, found = -np.inf, None
    for lag in range(-_LAGS, _LAGS + 1):
        position = np.clip(times * own.fps + lag, 0, own.frame_count - 1)
        weights = _between(own.arkit.astype(float), position)
        agreement = manner.correlation(solver_opening(points, weights), openings) - 0.005 * abs(lag)
        if agreement > best:
            best, found = agreement, weights
    assert found is not None
    return found


def _between(values: FloatArray, position: FloatArray) -> FloatArray:
    low = np.minimum(position.astype(int), max(len(values) - 2, 0))
    share = (position - low)[:, None]
    return np.asarray(values[low] * (1 - share) + values[np.minimum(low + 1, len(values) - 1)] * share)


def events_of(spoken: Sequence[Spoken]) -> tuple[Event, ...]:
    """Words and phonemes of all lines, in the seconds of the result."""
    found = []
    for one in spoken:
        for event in one.motion.events:
            found.append(Event(event.kind, event.label, event.start + one.start, event.end + one.start))
    return tuple(sorted(found, key=lambda event: event.start))
