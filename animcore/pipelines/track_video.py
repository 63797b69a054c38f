"""Tracks a talking head in a video: landmarks, performance, overlay and capture, each kept for the next run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from animcore.body_models.parametric_model import ParametricModel, load_model
from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.origin import TRAINED, Origin, Source
from animcore.core.progress import Progress, part, silent
from animcore.core.reading import content
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.video import capture_from_video, face_landmarks, overlay
from animcore.hybrid_head.tracking.face_tracker import HeadTrack, track

FACES, TRACK, PERFORMANCE, OVERLAY = "landmarks.npz", "track.npz", "performance.npz", "tracked.mp4"
CAPTURE = "capture"
_STAMP = "film.json"  # in the capture: what it was made from


@dataclass(frozen=True)
class VideoPart:
    """A video and which seconds of it are used."""

    path: Path
    start: float = 0.0
    end: float = math.inf


@dataclass(frozen=True)
class TrackedVideo:
    """A video whose head was tracked.

    Attributes:
        video: which, and what part of it.
        source: identifies the file and the part of it.
        model: the head that was laid over it.
        lens: the focal length that was given, for 36 mm film; None where it was estimated.
        track: where the head was and what it did.
        notes: sentences on what was noticed in the video.
    """

    video: VideoPart
    source: str
    model: ParametricModel
    lens: float | None
    track: HeadTrack
    notes: tuple[str, ...]


def run(
    video: VideoPart,
    out: Path,
    model: Path | str | None = None,
    lens: float | None = None,
    progress: Progress = silent,
    consent: Mapping[str, str] | None = None,
    watermark: bool = True,
) -> TrackedVideo:
    """Track a video and write landmarks, track, performance and overlay into a folder; go on where one was stopped.

    Args:
        video: one person who talks, in one shot.
        out: folder of the results.
        model: a FLAME file, or None for the open head.
        lens: focal length in mm for 36 mm film, or None to estimate it.
        progress: called with the fraction done.
        consent: of the person, which goes into the files (`provenance.consent.Receipt.reference`).
        watermark: whether the overlay's pixels carry one.

    Raises:
        InputError: where the video cannot be tracked; see `face_landmarks.read` and `face_tracker.track`.
    """
    make_folder(out)
    source = face_landmarks.source_of(video.path, video.start, video.end)
    head = load_model(model or "open-head")
    faces = _faces(video, out, source, part(progress, 0.0, 0.5))
    found = _tracked(out, faces, head, source, lens, part(progress, 0.5, 0.8))
    made = Origin(TRAINED, sources=(Source.of(video.path, "video"),), consent=consent or {})
    replace(found.motion(faces.rate), origin=made).save(out / PERFORMANCE)
    if not (out / OVERLAY).is_file():
        overlay.write(video.path, out / OVERLAY, found, head, faces.rate, part(progress, 0.8, 1.0), consent, watermark)
    return TrackedVideo(video, source, head, lens, found, tuple(faces.notes))


def write_capture(tracked: TrackedVideo, folder: Path, frames: int, size: int, progress: Progress = silent) -> None:
    """Write what a head is fitted to, unless an earlier run has.

    Args:
        tracked: the video with its track.
        folder: of the capture.
        frames: how many the head is fitted to.
        size: pixels of their longer side at most.
        progress: called with the fraction done.
    """
    model, lens = tracked.model, tracked.lens
    stamp = {"film": tracked.source, "model": model.name, "lens": lens, "frames": frames, "size": size}
    if _stamp(folder / _STAMP) == stamp:
        return
    _forget(folder / _STAMP)
    capture_from_video.write(tracked.video.path, folder, tracked.track, model, frames, size, progress)
    _write_stamp(folder / _STAMP, stamp)


def _faces(video: VideoPart, out: Path, source: str, progress: Progress) -> face_landmarks.VideoLandmarks:
    """The landmarks, from an earlier run where it was the same video."""
    path = out / FACES
    faces = face_landmarks.kept(path, source)
    if faces is None:
        faces = face_landmarks.read(video.path, video.start, video.end, progress)
        face_landmarks.save(faces, path, source)
    return faces


def _tracked(
    out: Path,
    faces: face_landmarks.VideoLandmarks,
    model: ParametricModel,
    source: str,
    lens: float | None,
    progress: Progress,
) -> HeadTrack:
    """The track, from an earlier run where it was of the same video; what was drawn from another goes."""
    path = out / TRACK
    stamp = f"{source} {model.name} {lens}"
    if path.is_file() and _stamp(path.with_suffix(".json")) == {"track": stamp}:
        return HeadTrack.load(path)
    _forget(path.with_suffix(".json"), out / OVERLAY)
    found = track(faces.times, faces.points, faces.size, model, lens, progress)
    found.save(path)
    _write_stamp(path.with_suffix(".json"), {"track": stamp})
    return found


def _forget(*paths: Path) -> None:
    """Remove what would no longer be true of a run that is stopped half way."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{path} cannot be replaced ({error.strerror}); choose another folder.") from error


def _stamp(path: Path) -> Any:
    try:
        return json.loads(content(path).decode())
    except BROKEN_FILE:
        return None


def _write_stamp(path: Path, facts: dict[str, Any]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")
