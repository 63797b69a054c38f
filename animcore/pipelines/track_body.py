"""Tracks a body and its hands in a video, as a motion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.body_tracking import solve
from animcore.body_tracking.landmarks import MARK, SIDES, BodyLandmarks
from animcore.core.origin import TRAINED, Origin, Source
from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.files.video import face_landmarks
from animcore.motion import Motion
from animcore.trackers.body import Body, BodyTracker
from animcore.trackers.hands import Hand, HandTracker, region_around
from animcore.trackers.regions import Image, Region, turn_between

BODY = "body.npz"
_HAND = 0.34  # metres of the square that a hand is looked for in
_PALM = 0.08  # metres from the wrist to its middle
_OWN = 0.12  # metres that a hand's wrist may be from the body's
_LARGEST = 1280  # pixels along the longer side that the trackers are shown


def run(
    video: Path, start: float = 0.0, end: float = math.inf, lens: float | None = None, progress: Progress = silent,
    consent: Mapping[str, str] | None = None, rate: Fraction | None = None,
) -> Motion:  # fmt: skip
    """Return what the body and the hands of the one person of a video do.

    Args:
        video: one person, in one shot.
        start: seconds from which on it is tracked.
        end: seconds up to which it is.
        lens: focal length in mm for 36 mm film; None where it is not known.
        progress: called with the fraction done.
        consent: of the person, which goes into what is written.
        rate: frames a second of the motion; None for the video's own.

    Raises:
        InputError: for a file that is no video, or where too few images show a body.
    """
    seen = landmarks(video, start, end, progress)
    made = Origin(TRAINED, sources=(Source.of(video, "video"),), consent=consent or {})
    return replace(solve.motion(seen, rate or face_landmarks.rate_of(video), lens), origin=made)


def landmarks(video: Path, start: float = 0.0, end: float = math.inf, progress: Progress = silent) -> BodyLandmarks:
    """Return the landmarks of the one body of a video.

    Raises:
        InputError: for a file that is no video, or where too few images show a body.
    """
    body, hands = BodyTracker(), _HandFollower()
    times: list[float] = []
    bodies: list[Body | None] = []
    found: list[list[Hand | None]] = []
    size = (0, 0)
    for time, whole, done in face_landmarks.frames(video, start, end):
        step = -(-max(whole.shape[:2]) // _LARGEST)
        image = np.ascontiguousarray(whole[::step, ::step])
        size = image.shape[1], image.shape[0]
        times.append(time)
        bodies.append(body(image, time))
        found.append(hands(image, bodies[-1]))
        progress(done, f"Finding the body: {len(times)} frames")
    if not times:
        raise InputError(f"{video.name} has no frames between {start:g} s and {end:g} s; choose another part.")
    try:
        return BodyLandmarks.of(times, size, bodies, found)
    except InputError as error:
        raise InputError(f"{video.name}: {error}") from error


class _HandFollower:
    """Looks for both hands of a body where its arms end, and follows them from there."""

    def __init__(self) -> None:
        self._tracker = HandTracker(still=True)
        self._before: list[Hand | None] = [None, None]

    def __call__(self, image: Image, body: Body | None) -> list[Hand | None]:
        self._before = [self._hand(image, body, side) for side in range(len(SIDES))]
        return self._before

    def _hand(self, image: Image, body: Body | None, side: int) -> Hand | None:
        if body is None:
            return None
        wrist, *knuckles = (body.points[MARK[f"{SIDES[side]}_{name}"], :2] for name in ("wrist", "index", "pinky"))
        pixel = _scale(body)
        fingers = np.mean(knuckles, 0)
        way = (fingers - wrist) / max(float(np.linalg.norm(fingers - wrist)), 1e-6)
        x, y = wrist + way * _PALM * pixel
        regions = [Region(float(x), float(y), _HAND * pixel, _HAND * pixel, turn_between(wrist, fingers, np.pi / 2))]
        before = self._before[side]
        if before is not None and np.linalg.norm(before.points[0, :2] - wrist) < _OWN * pixel:
            regions.insert(0, region_around(before.points))
        for region in regions:
            hand = self._tracker.at(image, region)
            if hand is not None and np.linalg.norm(hand.points[0, :2] - wrist) < _OWN * pixel:
                return hand
        return None


def _scale(body: Body) -> float:
    """Pixels of a metre, by the trunk and the arms."""
    pairs = (("left_shoulder", "right_shoulder"), ("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"))
    flat, metres = (
        sum(float(np.linalg.norm(points[MARK[one], :2] - points[MARK[other], :2])) for one, other in pairs)
        for points in (body.points, body.metres)
    )
    return flat / max(metres, 1e-6)
