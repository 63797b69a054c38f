"""The measures of bodies that talk, each a function of arrays: beats, diversity, jerk, feet, hands in the body.

Places are metres. Where a measure has published code, that code is followed, and differences are noted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX

Array = NDArray[np.floating[Any]]

EMAGE_RATE = 30.0  # FPS at which EMAGE's evaluation looks for beats
UPPER_BODY = tuple(
    INDEX[name]
    for name in (
        "spine1", "spine2", "spine3", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder",
        "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    )
)  # fmt: skip
WRISTS = (INDEX["left_wrist"], INDEX["right_wrist"])

_CONSISTENT = 0.3  # seconds, the sigma of EMAGE's beat consistency
_AROUND = 7  # frames either side than which a beat must be slower
_STIRRED = 0.1  # of a joint's mean speed, below which it rests and has no beats
_ALIGNED = 0.1  # seconds, the sigma of our alignments: half of a syllable
_SETTLED = 0.06  # seconds of smoothing before strokes are looked for
_STROKE = 0.15  # metres a second that a wrist's speed peaks at least at in a stroke
_SHUFFLES = 20
_FAR = 2.0  # seconds that a shuffle moves beats at least
_SKATE = 0.025  # metres above the floor at which a sliding foot no longer counts
_FAST = 99.9  # percentile of speeds and accelerations that counts as their peak: one frame is no movement


def joint_beats(places: Array, rate: float) -> list[Array]:
    """Return the times of the beats of each joint of the upper body: (N,) seconds each.

    As EMAGE's published code has it (Liu et al., CVPR 2024, `emage_evaltools`, class BC): beats are frames in which a
    joint is slower than in the 7 on either side, at 30 FPS, and yet above a tenth of its mean speed. That
    code takes the mean speeds from a file that belongs to BEAT2; here they are the motion's own.

    Args:
        places: (T, 55, 3) of the joints, the pelvis in one place.
        rate: frame rate, near 30.
    """
    if len(places) < 3:
        return [np.zeros(0) for _ in UPPER_BODY]
    speed = np.linalg.norm(np.gradient(places[:, UPPER_BODY], axis=0), axis=-1) * rate
    slowest = np.ones(speed.shape, bool)
    for shift in range(1, _AROUND + 1):
        slowest[shift:] &= speed[shift:] < speed[:-shift]
        slowest[:-shift] &= speed[:-shift] < speed[shift:]
        slowest[:shift] = slowest[-shift:] = False  # at the ends there is nothing to be slower than
    slowest &= speed > _STIRRED * speed.mean(0)
    return [np.asarray(np.flatnonzero(column) / rate) for column in slowest.T]


def beat_consistency(beats: Sequence[Array], onsets: Array) -> float:
    """BC: how near the sound's onsets (M,) have a beat of the body, 0..1, averaged over joints and onsets.

    The definition of EMAGE's published code: exp(-d² / 2 sigma²) of the distance d to the nearest beat, sigma 0.3 s; a
    joint without beats counts 0. Speech has several onsets a second, so that any lively motion scores high: compare
    with the same beats moved in time (`shuffled`).
    """
    return float(np.mean([_near(onsets, own, _CONSISTENT) for own in beats]))


def strokes(places: Array, rate: float) -> Array:
    """Return (N,) seconds at which a stroke of either wrist is stopped.

    A stroke ends before or with the stressed syllable that it belongs to (McNeill, "Hand and Mind", 1992). Taken are
    the moments after a peak of a wrist's speed, of at least 0.15 m/s, at which it loses speed the fastest.
    """
    if len(places) < 5:
        return np.zeros(0)
    times = []
    for wrist in WRISTS:
        speed = np.linalg.norm(np.gradient(_soft(places[:, wrist], _SETTLED * rate), axis=0), axis=-1) * rate
        braking = -np.gradient(speed)
        peaks = np.flatnonzero((speed[1:-1] >= speed[:-2]) & (speed[1:-1] > speed[2:]) & (speed[1:-1] > _STROKE)) + 1
        valleys = np.flatnonzero((speed[1:-1] <= speed[:-2]) & (speed[1:-1] < speed[2:])) + 1
        for peak in peaks:
            end = valleys[np.searchsorted(valleys, peak) :][:1]
            last = int(end[0]) if len(end) else len(speed) - 1
            times.append((peak + int(braking[peak : last + 1].argmax())) / rate)
    return np.asarray(np.unique(times))


def alignment(beats: Array, sounds: Array) -> float:
    """Return how near beats of the body (N,) are to their nearest moments of the audio (M,), 0..1; NaN without.

    The beat alignment score of AIST++ (Li et al., ICCV 2021), whose sum runs over the body's beats, with sigma 0.1 s.
    """
    return _near(beats, sounds, _ALIGNED) if len(beats) else float("nan")


def shuffled_alignment(score: Callable[[float], float], duration: float, seed: int = 0) -> float:
    """Return the mean of a score over beats that are moved round the clip, by at least two seconds where it is longer.

    Everything but the time of beats is as it was, so that what a score has beyond this is timing.

    Args:
        score: given seconds, the score of beats moved by so many.
        duration: seconds of the clip.
        seed: of the moves.
    """
    least = min(_FAR, duration / 4)
    moves = np.random.default_rng(seed).uniform(least, max(duration - least, least), _SHUFFLES)
    return float(np.mean([score(float(move)) for move in moves]))


def time_shifted(times: Array, move: float, duration: float) -> Array:
    """Return times (N,) later by a move; what passes the end comes in at the start."""
    moved: Array = np.sort((np.asarray(times) + move) % max(duration, 1e-6))
    return moved


def l1_diversity(places: Array) -> float:
    """L1 diversity: the sum over coordinates of the distance from their means over time, averaged over frames.

    As EMAGE's published code prints it, of (T, 55, 3) places in metres with the pelvis in one place.
    """
    return float(np.abs(places - places.mean(0)).sum((1, 2)).mean())


def frechet_distance(features: Array, truth: Array) -> float:
    """Return the Fréchet distance of two sets of features (N, K) and (M, K), taken as normal distributions.

    FGD where the features are an encoder's of windows of movement (Yoon et al., SIGGRAPH Asia 2020). The trace of the
    root of the product of two covariances is the sum of the roots of its eigenvalues.
    """
    apart = features.mean(0) - truth.mean(0)
    first, second = (np.atleast_2d(np.cov(values, rowvar=False)) for values in (features, truth))
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    mixed = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0.0)).sum()
    return float(apart @ apart + np.trace(first) + np.trace(second) - 2 * mixed)


def jerk(places: Array, rate: float) -> float:
    """Return the mean size of the third derivative of places (T, J, 3) over frames and joints, metres per second cubed.

    It grows with the frame rate where there is noise: only motions of equal rates compare. NaN below four frames.
    """
    if len(places) < 4:
        return float("nan")
    return float(np.linalg.norm(np.diff(places, n=3, axis=0), axis=-1).mean() * rate**3)


def peak_speed(places: Array, rate: float) -> float:
    """Return the 99.9th percentile of the speeds of places (T, J, 3), metres a second; NaN below two frames."""
    steps = np.linalg.norm(np.diff(places, axis=0), axis=-1) * rate
    return float(np.percentile(steps, _FAST)) if steps.size else float("nan")


def peak_acceleration(places: Array, rate: float) -> float:
    """Return the same of accelerations, metres a second squared; NaN below three frames."""
    changes = np.linalg.norm(np.diff(places, n=2, axis=0), axis=-1) * rate**2
    return float(np.percentile(changes, _FAST)) if changes.size else float("nan")


def sliding(soles: Array, floor: float, rate: float) -> float:
    """Return foot sliding in metres a second: the speed of the soles along the floor, the more the lower they are.

    Speed times 2 - 2^(h / H), between 0 and 1, of the height h above the floor with H = 25 mm (Zhang et al.,
    "Mode-adaptive neural networks for quadruped motion control", SIGGRAPH 2018), averaged over points and frames.

    Args:
        soles: (T, ..., 3), Y up.
        floor: its height.
        rate: frame rate.
    """
    if len(soles) < 2:
        return float("nan")
    speed = np.linalg.norm(np.diff(soles[..., [0, 2]], axis=0), axis=-1) * rate
    height = np.maximum(soles[1:, ..., 1] - floor, 0.0)
    return float((speed * np.clip(2 - 2 ** (height / _SKATE), 0.0, 1.0)).mean())


def _near(wanted: Array, given: Array, sigma: float) -> float:
    """Mean of exp(-d² / 2 sigma²) over wanted times (N,), d to the nearest given one; 0 without either."""
    if not len(wanted) or not len(given):
        return 0.0
    given = np.sort(given)
    place = np.searchsorted(given, wanted)
    before = np.abs(wanted - given[np.maximum(place - 1, 0)])
    after = np.abs(wanted - given[np.minimum(place, len(given) - 1)])
    return float(np.exp(-(np.minimum(before, after) ** 2) / (2 * sigma**2)).mean())


def _soft(values: Array, frames: float) -> Array:
    """(T, K) under a Gaussian; ends are held."""
    reach = int(np.ceil(3 * frames))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / frames) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, 1)
