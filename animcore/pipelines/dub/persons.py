"""The persons of a video: their tracked faces in each shot, the references they lend, and who of them speaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.parametric_model import load_model
from animcore.core import reading
from animcore.core.progress import Progress, part, silent
from animcore.errors import BROKEN_FILE, InputError
from animcore.hybrid_head.tracking.face_tracker import HeadTrack, track
from animcore.pipelines.dub import references
from animcore.pipelines.dub.face_points import OVAL, FacePoints, opening
from animcore.pipelines.dub.footage import Footage
from animcore.pipelines.dub.references import Bank

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

_FEWEST = 5  # frames of a shot with the face
_GAP = 12  # frames over which a lost face is filled in
_EDGE = 0.35  # of the points of a face beyond the image: the face is cut
_STAMP = "animcore.dub_track 1"


@dataclass(frozen=True)
class ShotFace:
    """One person in one shot.

    Attributes:
        frames: (T,) numbers of the video's frames.
        points: of them.
    """

    frames: NDArray[np.int64]
    points: FacePoints


def faces_of(footage: Footage, person: int, work: Path, source: str, progress: Progress = silent) -> list[ShotFace]:
    """Track a person in every shot; what an earlier run kept of the same video is taken up.

    Raises:
        InputError: where no shot shows the face in enough frames.
    """
    model = load_model("open-head")
    found = footage.found(person)
    shots: list[ShotFace] = []
    spans = [span for shot in footage.shots for span in _spans(found, int(shot[0]), int(shot[1]))]
    for number, (first, last) in enumerate(spans):
        share = part(progress, number / len(spans), (number + 1) / len(spans))
        frames = np.arange(first, last)
        landmarks = footage.faces[person, first:last]
        kept = work / f"track-{person + 1}-{first}.npz"
        head = _kept(kept, source)
        if head is None:
            head = track(footage.times[first:last], landmarks, footage.size, model, None, share)
            head.save(kept)
            kept.with_suffix(".txt").write_text(f"{_STAMP} {source}", encoding="utf-8")
        shots.append(ShotFace(frames, FacePoints.of(head, landmarks.astype(np.float64), model)))
    if not shots:
        raise InputError(
            f"Person {person + 1} is seen in too few frames in a row to be dubbed; at least {_FEWEST} are needed."
        )
    return shots


def _kept(path: Path, source: str) -> HeadTrack | None:
    try:
        stamp = reading.content(path.with_suffix(".txt"), 1 << 12).decode()
        return HeadTrack.load(path) if stamp == f"{_STAMP} {source}" else None
    except (InputError, *BROKEN_FILE):
        return None


def _spans(found: Array, first: int, last: int) -> list[tuple[int, int]]:
    """Runs of frames with the face, over short gaps."""
    known = np.flatnonzero(found[first:last]) + first
    if len(known) < _FEWEST:
        return []
    parts = np.split(known, np.flatnonzero(np.diff(known) > _GAP) + 1)
    return [(int(one[0]), int(one[-1]) + 1) for one in parts if len(one) >= _FEWEST]


def lenders(
    shots: list[ShotFace], times: FloatArray, size: tuple[int, int], seconds: tuple[tuple[float, float], ...]
) -> Bank:
    """Return the references of a person, without their crops yet.

    Args:
        shots: of the person.
        times: (T,) seconds of the video's frames.
        size: width and height of the image.
        seconds: parts of the video that may lend; () for all.

    Raises:
        InputError: where too few frames may.
    """
    columns: list[Array] = [np.concatenate(parts) for parts in zip(*(_columns(shot) for shot in shots), strict=True)]
    numbers, points, features, plain, residual, seen = columns
    inside = (points[:, list(OVAL)] >= 0) & (points[:, list(OVAL)] < np.array(size))
    may = seen & (inside.all(2).mean(1) > 1 - _EDGE)
    if seconds:
        at = times[numbers]
        may &= np.any([(at >= low) & (at < high) for low, high in seconds], axis=0)
    rows = np.flatnonzero(may)
    if len(rows) < _FEWEST:
        raise InputError(
            f"{len(rows)} frames may lend their appearance, at least {_FEWEST} are needed: "
            "the face must lie within the image, and --references within the video."
        )
    rows = rows[references.diverse(features[rows], references.most_frames(points[rows[0]], size))]
    return Bank(points[rows], features[rows], numbers[rows], plain[rows], residual[rows])


def _columns(shot: ShotFace) -> tuple[Array, ...]:
    points = shot.points
    features = points.mouth_features(points.arkit, points.residual)
    plain = points.mouth_features(points.arkit, None)
    return shot.frames, points.pixels, features, plain, points.residual, points.found


def who_speaks(footage: Footage) -> int:
    """Return the person whose lips move most, over the frames in which each is seen."""
    moved = []
    for person in range(len(footage.faces)):
        found = footage.found(person)
        openings = opening(footage.faces[person][found].astype(np.float64))
        moved.append(float(np.abs(np.diff(openings)).sum()))
    return int(np.argmax(moved))
