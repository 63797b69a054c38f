"""Faces in videos: the landmarks of every frame (`trackers.face`), whatever way up the video was taken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from animcore.audio import nominal_rates
from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.core.frame_rates import exact_rate
from animcore.core.progress import Progress, silent
from animcore.errors import BROKEN_FILE, AnimcoreError, InputError
from animcore.trackers.face import POINTS, FaceTracker

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

MARKS = POINTS
_LARGEST = 1280  # pixels along the longer side that the tracker is shown
_THUMB = 24  # pixels along a side of the images in which cuts are looked for
_CUT = 22.0  # mean difference of two such images, of 255, that only a cut makes
_JUMP = 0.2  # sizes of the face that it must jump in a cut, or its size change by
_STRANGERS = 0.05  # share of frames in which a second face may be visible
_LOST = 0.5  # share of frames in which the face may be lost
_UNEVEN = 0.25  # of a frame's length: what a frame may come early or late at an even rate
_KEPT = "animcore.film_faces"


@dataclass(frozen=True)
class VideoLandmarks:
    """The face of a video.

    Attributes:
        rate: nominal frame rate of the video, exact.
        times: (T,) seconds of the frames.
        points: (T, 478, 3) pixels of the upright image, X to the right, Y down; NaN where no face was found.
        size: width and height of the upright image.
        notes: sentences on what was noticed.
    """

    rate: Fraction
    times: NDArray[np.float64]
    points: NDArray[np.float32]
    size: tuple[int, int]
    notes: tuple[str, ...] = ()

    @property
    def found(self) -> NDArray[np.bool_]:
        """(T,) whether the face was found."""
        return np.asarray(np.isfinite(self.points).all((1, 2)))


def read(path: Path, start: float = 0.0, end: float = np.inf, progress: Progress = silent) -> VideoLandmarks:
    """Track the one face of a video, or of a part of it in seconds.

    Raises:
        InputError: for a file that is no video or breaks off; for no face, two faces, a cut.
    """
    times: list[float] = []
    points: list[Array] = []
    crowded: list[float] = []
    size = (0, 0)
    before: tuple[Array, Array] | None = None
    with tracker(path.name) as mesh:
        for time, image, done in frames(path, start, end):
            size = image.shape[1], image.shape[0]
            faces = landmarks(mesh, image)
            if len(faces) > 1:
                crowded.append(time)
            face = _same(faces, points)
            now = _thumbnail(image), face
            if before is not None and _is_cut(before, now):
                raise InputError(
                    f"{path.name} has a cut at {time:.2f} s; give one shot: --start {time:.2f}, or --end {time:.2f}."
                )
            if np.isfinite(face).all() or before is None:
                before = now
            times.append(time)
            points.append(face)
            progress(done, f"Finding the face: {len(times)} frames")
    if not times:
        raise InputError(f"{path.name} has no frames between {start:g} s and {end:g} s; choose another part.")
    if len(crowded) > max(2, _STRANGERS * len(times)):
        raise InputError(f"{path.name} shows two faces, first at {crowded[0]:.2f} s; crop it to one person.")
    found = VideoLandmarks(_rate(path, times), np.array(times), np.array(points, np.float32), size)
    return replace(found, notes=tuple(_checked(path, found)))


def frames(path: Path, start: float = 0.0, end: float = np.inf) -> Iterator[tuple[float, Image, float]]:
    """Decode a video: seconds, the upright image (H, W, 3), and the share of the video that is done.

    Raises:
        InputError: for a file that is no video, has no image, or breaks off.
    """
    if not path.is_file():
        raise InputError(f"There is no video {path}.")
    count = 0
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise InputError(f"{path.name} has no video track; choose a video.")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or 25)
            whole = float(container.duration or 0) / av.time_base or np.inf
            last = min(end, whole)
            first: float | None = None
            for frame in container.decode(stream):
                time = count / rate if frame.time is None else float(frame.time)
                first = time if first is None else first
                time -= first  # videos may begin later than at 0
                count += 1
                if time >= end:
                    return
                if time >= start:
                    done = min((time - start) / (last - start), 1.0) if np.isfinite(last) and last > start else 0.0
                    yield time, upright(frame), done
    except (av.error.FFmpegError, OSError) as error:
        if count:
            raise InputError(f"{path.name} breaks off after {count} frames; copy or export it again.") from error
        raise InputError(f"{path.name} is not a video that can be decoded; export it again as MP4.") from error


def rate_of(path: Path) -> Fraction:
    """Return the FPS of a video: the nominal rate where a phone wrote a variable one.

    Raises:
        InputError: for a file that is no video, or has no image.
    """
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise InputError(f"{path.name} has no video track; choose a video.")
            stream = container.streams.video[0]
            nominal, _ = nominal_rates.nominal_rate(stream)
            return Fraction(*nominal) if nominal else exact_rate(stream.average_rate or stream.guessed_rate or 25)
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path.name} is not a video that can be decoded; export it again as MP4.") from error


def upright(frame: Any) -> Image:
    """(H, W, 3) sRGB, rotated as the video states: phones record on their side."""
    image = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(image, round(getattr(frame, "rotation", 0) / 90)))


@contextmanager
def tracker(name: str = "a picture", faces: int = 2, still: bool = False) -> Iterator[FaceTracker]:
    """A tracker of faces, for as long as it is needed.

    Args:
        name: of the input, for the sentence where a network is missing.
        faces: how many are looked for.
        still: whether images have nothing to do with one another.

    Raises:
        AnimcoreError: where a network is missing or broken.
    """
    try:
        mesh = FaceTracker(faces, still)
    except AnimcoreError as error:
        raise AnimcoreError(f"The face of {name} cannot be tracked. {error}") from error
    yield mesh


def landmarks(mesh: FaceTracker, image: Image) -> list[Array]:
    """(478, 3) in pixels of each face of an image (H, W, 3); the depth has the scale of the width."""
    height, width = image.shape[:2]
    step = -(-max(height, width) // _LARGEST)
    shown = np.ascontiguousarray(image[::step, ::step]) if step > 1 else image
    scale = np.array([width / shown.shape[1], height / shown.shape[0], width / shown.shape[1]])
    return [face * scale for face in mesh(shown)]


def save(faces: VideoLandmarks, path: str | Path, source: str) -> None:
    """Save the landmarks; `source` names the video and the part of it.

    Raises:
        InputError: when it cannot be written.
    """
    path = Path(path)
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(
            handle, format=_KEPT, source=source, rate=np.array([faces.rate.numerator, faces.rate.denominator]),
            times=faces.times, points=faces.points, size=np.array(faces.size), notes=np.array(faces.notes, np.str_),
        )  # fmt: skip


def kept(path: Path, source: str) -> VideoLandmarks | None:
    """Return what was kept of the same video and part, or None."""
    try:
        data = reading.arrays(path)
        if str(data["format"]) != _KEPT or str(data["source"]) != source:
            return None
        numerator, denominator = (int(value) for value in data["rate"])
        width, height = (int(value) for value in data["size"])
        notes = tuple(str(note) for note in data["notes"])
        return VideoLandmarks(Fraction(numerator, denominator), data["times"], data["points"], (width, height), notes)
    except BROKEN_FILE:
        return None


def source_of(path: Path, start: float, end: float) -> str:
    """A name for a part of a video that another video does not have.

    Raises:
        InputError: where there is no such video.
    """
    try:
        with path.open("rb") as handle:
            return f"{hashlib.file_digest(handle, 'sha256').hexdigest()} {start:g} {end:g}"
    except OSError as error:
        raise InputError(f"There is no video {path}.") from error


def _same(faces: list[Array], before: list[Array]) -> Array:
    """The face that was followed so far, or the largest one; NaN where there is none."""
    if not faces:
        return np.full((MARKS, 3), np.nan)
    known = next((face for face in reversed(before) if np.isfinite(face).all()), None)
    if known is None:
        return max(faces, key=_width)
    return min(faces, key=lambda face: float(np.linalg.norm((face - known)[:, :2].mean(0))))


def _width(face: Array) -> float:
    return float(np.ptp(face[:, 0]))


def _thumbnail(image: Image) -> Array:
    height, width = image.shape[:2]
    rows, columns = np.arange(_THUMB) * height // _THUMB, np.arange(_THUMB) * width // _THUMB
    tall, wide = max(height // _THUMB, 1), max(width // _THUMB, 1)
    cells = image[:, :, 1].astype(np.float32)
    sums = np.add.reduceat(np.add.reduceat(cells, rows, 0), columns, 1)
    return np.asarray(sums / (tall * wide))


def _is_cut(before: tuple[Array, Array], now: tuple[Array, Array]) -> bool:
    """Whether the whole image changes, and with it the place or the size of the face, or whether there is one."""
    if np.abs(before[0] - now[0]).mean() < _CUT:
        return False
    old, new = before[1], now[1]
    if not np.isfinite(old).all() or not np.isfinite(new).all():
        return bool(np.isfinite(old).all())
    size = _width(old)
    moved = float(np.linalg.norm((new - old)[:, :2].mean(0)))
    return moved > _JUMP * size or abs(_width(new) / size - 1) > _JUMP


def _rate(path: Path, times: list[float]) -> Fraction:
    """Frames a second: as the video states where its frames come at that rate, else from the median interval."""
    if len(times) < 2:
        raise InputError(f"{path.name} is a single image; a video of at least a second is needed.")
    said = rate_of(path)
    own = (len(times) - 1) / (times[-1] - times[0])
    if abs(float(said) / own - 1) < float(nominal_rates.NEAR):
        return said
    return exact_rate(round(1 / float(np.median(np.diff(times))), 3))


def _checked(path: Path, faces: VideoLandmarks) -> Iterator[str]:
    """Sentences about irregularities, or the error where they are too large."""
    lost = ~faces.found
    if lost.all():
        raise InputError(f"No face was found in {path.name}; it must show one face from the front.")
    if lost.mean() > _LOST:
        raise InputError(
            f"The face of {path.name} was found in {(~lost).sum()} of {len(lost)} frames; record it closer, from the "
            "front, in more light."
        )
    if lost.any():
        spans = list(islice(_spans(faces.times, lost), 5))
        yield f"the face was lost in {lost.sum()} of {len(lost)} frames, which are filled in: {', '.join(spans)}"
    even = faces.times[0] + np.arange(len(lost)) / float(faces.rate)
    if np.abs(faces.times - even).max() * float(faces.rate) > _UNEVEN:
        yield f"the frames do not come evenly; the performance is written at {float(faces.rate):g} frames per second"


def _spans(times: NDArray[np.float64], lost: NDArray[np.bool_]) -> Iterator[str]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lost.astype(int), [0]])))
    for first, after in edges.reshape(-1, 2):
        yield f"{times[first]:.2f} s" if after - first == 1 else f"{times[first]:.2f} to {times[after - 1]:.2f} s"
