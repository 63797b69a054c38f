"""What a video shows: its frames, its shots, and whose face is where.

Shots are told by cuts of the whole image; faces are followed within a shot by where they are, and joined over shots by
the colours of their faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.core.progress import Progress, silent
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.video import face_landmarks
from animcore.pipelines.dub.pixels import Picture

Array = NDArray[Any]

MOST_FACES = 4
_THUMB = 24  # pixels along a side of the images in which cuts are looked for
_CUT = 22.0  # mean difference of two such images, of 255, that only a cut makes
_JUMP = 0.6  # widths of a face that it may move from one frame to the next
_ALIKE = 0.55  # common share of two histograms from which faces of two shots are one person's
_BINS = 6
_FEW = 5  # frames from which on a face is somebody's
_SMALL = 24.0  # pixels between the sides of a face, at least
_FORMAT = "animcore.dub_footage 1"


@dataclass(frozen=True)
class Footage:
    """A video as it was looked through.

    Attributes:
        rate: nominal frame rate, exact.
        times: (T,) seconds of the frames.
        size: width and height of the upright image.
        shots: (S, 2) first frame of each shot, and the first after it.
        faces: (P, T, 478, 3) landmarks of each person, in pixels; NaN where not seen.
        notes: sentences on what was noticed.
    """

    rate: Fraction
    times: NDArray[np.float64]
    size: tuple[int, int]
    shots: NDArray[np.int64]
    faces: NDArray[np.float32]
    notes: tuple[str, ...] = ()

    def found(self, person: int) -> NDArray[np.bool_]:
        """(T,) whether a person is seen."""
        return np.asarray(np.isfinite(self.faces[person]).all((1, 2)))

    def save(self, path: str | Path, source: str) -> None:
        """Keep it for a later run on the same video (`face_landmarks.source_of`)."""
        with whole_file(Path(path)) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(
                handle, format=_FORMAT, source=source, rate=np.array([self.rate.numerator, self.rate.denominator]),
                times=self.times, size=np.array(self.size), shots=self.shots, faces=self.faces,
                notes=np.array(self.notes, np.str_),
            )  # fmt: skip

    @classmethod
    def kept(cls, path: Path, source: str) -> Footage | None:
        """Return what an earlier run kept of the same video, or None."""
        try:
            data = reading.arrays(path)
            if str(data["format"]) != _FORMAT or str(data["source"]) != source:
                return None
            rate = Fraction(int(data["rate"][0]), int(data["rate"][1]))
            size = int(data["size"][0]), int(data["size"][1])
            notes = tuple(str(note) for note in data["notes"])
            return cls(rate, data["times"], size, data["shots"], data["faces"], notes)
        except BROKEN_FILE:
            return None


def pictures(path: Path) -> Iterator[tuple[float, Any]]:
    """Decode a video: seconds from its first frame, and PyAV's frame.

    Raises:
        InputError: for a file that is no video, has no image, is interlaced, or breaks off.
    """
    if not path.is_file():
        raise InputError(f"There is no video {path}.")
    count = 0
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise InputError(f"{path.name} has no video track; choose a video.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            rate = float(stream.average_rate or stream.guessed_rate or 25)
            first: float | None = None
            for frame in container.decode(stream):
                if count == 0 and getattr(frame, "interlaced_frame", False):
                    raise InputError(f"{path.name} is interlaced; deinterlace it first (FFmpeg: -vf bwdif).")
                time = count / rate if frame.time is None else float(frame.time)
                first = time if first is None else first
                count += 1
                yield time - first, frame
    except (av.error.FFmpegError, OSError) as error:
        if count:
            raise InputError(f"{path.name} breaks off after {count} frames; copy or export it again.") from error
        raise InputError(f"{path.name} is not a video that can be decoded; export it again as MP4.") from error


def look_through(path: Path, progress: Progress = silent) -> Footage:
    """Find shots and faces.

    Raises:
        InputError: without a tracker, for what is no video, where it is a single image or shows no face.
    """
    finder = _Finder()
    rate = face_landmarks.rate_of(path)
    whole = _seconds(path)
    with face_landmarks.tracker(path.name, MOST_FACES) as mesh:
        for time, frame in pictures(path):
            image = face_landmarks.upright(frame)
            finder.add(time, image, face_landmarks.landmarks(mesh, image))
            progress(min(time / whole, 1.0), f"Finding faces: {len(finder.times)} frames")
    return finder.footage(path.name, rate)


def picture_of(frame: Any) -> Picture:
    """Return the upright samples of a decoded frame."""
    return Picture.of(frame)


def _seconds(path: Path) -> float:
    with av.open(str(path), metadata_errors="replace") as container:
        return max(float(container.duration or 0) / av.time_base, 1e-3)


class _Finder:
    """Gathers faces frame by frame."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.size = (0, 0)
        self.cuts = [0]
        self.thumb: Array | None = None
        self.tracks: list[_Followed] = []  # all, also of earlier shots

    def add(self, time: float, image: Array, faces: list[Array]) -> None:
        """Take the next frame."""
        self.size = image.shape[1], image.shape[0]
        number = len(self.times)
        thumb = _thumbnail(image)
        if self.thumb is not None and np.abs(thumb - self.thumb).mean() > _CUT:
            self.cuts.append(number)
        self.thumb = thumb
        self.times.append(time)
        open_tracks = [one for one in self.tracks if one.first >= self.cuts[-1]]
        for face in sorted(faces, key=lambda one: -float(np.ptp(one[:, 0]))):
            if np.ptp(face[:, 0]) < _SMALL:
                continue
            near = [one for one in open_tracks if one.takes(face, number)]
            own = min(near, key=lambda one: one.away(face), default=None)
            if own is None:
                own = _Followed(number)
                self.tracks.append(own)
            else:
                open_tracks.remove(own)
            own.add(number, face, image)

    def footage(self, name: str, rate: Fraction) -> Footage:
        """Return what was found."""
        count = len(self.times)
        if count < 2:
            raise InputError(f"{name} is a single image; a video of at least a second is needed.")
        people: list[list[_Followed]] = []
        for track in sorted(self.tracks, key=lambda one: one.first):
            if len(track.numbers) < _FEW:
                continue
            known = max(people, key=lambda one: one[0].alike(track), default=None)
            if known is not None and known[0].alike(track) > _ALIKE and not any(one.meets(track) for one in known):
                known.append(track)
            else:
                people.append([track])
        if not people:
            raise InputError(
                f"No face was found in {name}; it must show a face from the front, 60 pixels wide or more."
            )
        people.sort(key=lambda one: -sum(len(track.numbers) for track in one))
        faces = np.full((len(people), count, face_landmarks.MARKS, 3), np.nan, np.float32)
        for row, tracks in zip(faces, people, strict=True):
            for track in tracks:
                row[track.numbers] = np.array(track.faces, np.float32)
        ends = [*self.cuts[1:], count]
        shots = np.array(list(zip(self.cuts, ends, strict=True)))
        notes = tuple(self._notes(len(people), float(rate)))
        return Footage(rate, np.array(self.times), self.size, shots, faces, notes)

    def _notes(self, people: int, rate: float) -> Iterator[str]:
        if len(self.cuts) > 1:
            at = ", ".join(f"{self.times[cut]:.2f}" for cut in self.cuts[1:6])
            yield f"{len(self.cuts)} shots, with cuts at {at} s{' ...' if len(self.cuts) > 6 else ''}"
        if people > 1:
            yield f"{people} people are seen, numbered by how long"
        even = np.arange(len(self.times)) / rate
        if np.abs(np.array(self.times) - even).max() * rate > 0.5:
            yield "the frames do not come evenly; their times are kept"


class _Followed:
    """One face in successive frames."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.numbers: list[int] = []
        self.faces: list[Array] = []
        self.colours = np.zeros(_BINS**3)

    def takes(self, face: Array, number: int) -> bool:
        """Whether a face may be this one's next."""
        size = float(np.ptp(self.faces[-1][:, 0]))
        return self.numbers[-1] < number and self.away(face) < _JUMP * size * (1 + 0.1 * (number - self.numbers[-1]))

    def away(self, face: Array) -> float:
        """Pixels from where it was last."""
        return float(np.linalg.norm((face - self.faces[-1])[:, :2].mean(0)))

    def add(self, number: int, face: Array, image: Array) -> None:
        """Go on."""
        self.numbers.append(number)
        self.faces.append(face)
        if len(self.numbers) % 10 == 1:
            places = np.clip(face[:468, :2].astype(int), 0, (image.shape[1] - 1, image.shape[0] - 1))
            colours = image[places[:, 1], places[:, 0]].astype(int) * _BINS // 256
            index = colours @ (_BINS * _BINS, _BINS, 1)
            self.colours += np.bincount(index, minlength=_BINS**3)

    def alike(self, other: _Followed) -> float:
        """Common share of the colours, 0..1."""
        return float(np.minimum(self.colours / self.colours.sum(), other.colours / other.colours.sum()).sum())

    def meets(self, other: _Followed) -> bool:
        """Whether both are seen at once."""
        return bool(set(self.numbers) & set(other.numbers))


def _thumbnail(image: Array) -> Array:
    height, width = image.shape[:2]
    rows = np.linspace(0, height - 1, 4 * _THUMB).astype(int)
    columns = np.linspace(0, width - 1, 4 * _THUMB).astype(int)
    cells = image[rows][:, columns].astype(np.float32).mean(2)
    return np.asarray(cells.reshape(_THUMB, 4, _THUMB, 4).mean((1, 3)))
