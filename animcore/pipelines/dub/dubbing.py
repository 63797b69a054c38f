"""Dubs a video: analysis, performance, references, images, files. What takes longest is kept for the next run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio import mixing
from animcore.core.atomic_files import make_folder
from animcore.core.origin import COMPOSITE, TRAINED, Origin, Source
from animcore.core.progress import Progress, part, silent
from animcore.errors import InputError
from animcore.files.video import face_landmarks
from animcore.geometry.rotations import from_matrix
from animcore.motion import Motion
from animcore.pipelines import generate_files
from animcore.pipelines.dub import output, performing, persons, references
from animcore.pipelines.dub.face_points import FacePoints, opening, width
from animcore.pipelines.dub.footage import Footage, look_through, picture_of, pictures
from animcore.pipelines.dub.performing import Mouth, Spoken
from animcore.pipelines.dub.persons import ShotFace
from animcore.pipelines.dub.pixels import Picture
from animcore.pipelines.dub.references import Bank
from animcore.pipelines.dub.render import Rendered, Renderer
from animcore.pipelines.dub.request import DubRequest
from animcore.provenance import imprint

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

_LEAST = 1e-3  # share of a new mouth from which a frame is rendered


@dataclass(frozen=True)
class Take:
    """One person in F frames of the result that show one shot.

    Attributes:
        frames: (F,) numbers of the result's frames.
        points: (F) of the face as it is.
        mouth: (F) what it is to do.
        path: (F,) nearest references of the bank.
        rows, weights: (F, K) references that lend the detail.
    """

    frames: NDArray[np.int64]
    points: FacePoints
    mouth: Mouth
    path: NDArray[np.int64]
    rows: NDArray[np.int64]
    weights: FloatArray


@dataclass
class Cast:
    """One person who is dubbed."""

    number: int
    shots: list[ShotFace]
    spoken: list[Spoken]
    bank: Bank
    takes: list[Take] = field(default_factory=list)
    agreement: float = float("nan")


@dataclass(frozen=True)
class DubResult:
    """What was made.

    Attributes:
        frames: that were written.
        dubbed: how many of them were changed.
        notes: sentences on what was noticed.
        times: (F,) seconds of the result's frames.
        asked: (F, 2) opening and width of the lips over the eyes' distance, NaN where the video's own stay.
        away: (F,) millimetres from the asked mouth to the nearest reference, NaN likewise.
        size: width and height.
        shows: (F,) which frame of the video each shows.
        face_width: pixels.
        agreement: how well the old voice explains the tracked jaw (correlation); NaN where it was not tried.
    """

    frames: int
    dubbed: int
    notes: tuple[str, ...]
    times: FloatArray
    asked: FloatArray
    away: FloatArray
    size: tuple[int, int]
    agreement: float
    shows: NDArray[np.int64]
    face_width: float


def run(order: DubRequest, progress: Progress = silent) -> DubResult:
    """Dub a video and write it, its motion and, where asked for, its layer.

    Raises:
        InputError: where the video, a voice or a file cannot be used; each names what to do.
        Cancelled: when the progress callback raises it; nothing half-written stays.
    """
    check(order)
    clips = performing.recordings(order.lines)  # before the minutes of tracking: one may be broken
    make_folder(order.work)
    source = face_landmarks.source_of(order.video, 0.0, np.inf)
    footage = _looked(order, source, part(progress, 0.0, 0.25))
    frames = _schedule(order, footage)
    times = _times(footage, frames)
    seconds = float(times[-1] + 1 / footage.rate)
    spoken, notes = performing.perform(
        order.lines, clips, footage.rate, seconds, order.whole, part(progress, 0.25, 0.3)
    )
    own = None
    if order.mouth == "solver" and mixing.has_sound(order.video):
        own = performing.own_voice(order.video, footage.rate, part(progress, 0.3, 0.35))
    cast = _cast(order, footage, source, spoken, part(progress, 0.35, 0.55))
    _gather(order.video, cast, part(progress, 0.55, 0.6))
    for person in cast:
        _directed(person, order, footage, own, times, frames)
    origin = imprint.numbered(_origin(order), on=order.watermark)
    _write_motion(order, footage, cast, len(frames), spoken, origin)
    return _write(order, footage, cast, frames, times, origin, (*footage.notes, *notes), part(progress, 0.6, 1.0))


def check(order: DubRequest) -> None:
    """Check what can be known before any work: files, names and seconds.

    Raises:
        InputError: for the first of them that cannot be used.
    """
    if not order.video.is_file():
        raise InputError(f"There is no video {order.video}.")
    for line in order.lines:
        if not line.audio.is_file():
            raise InputError(f"There is no audio {line.audio}.")
    if not order.lines:
        raise InputError("There is nothing to say; give an audio file, or a table of lines (--lines).")
    if order.out.suffix.lower() not in output.SUFFIXES:
        raise InputError(
            f"{order.out.name} is no video file; give --out a name that ends in {', '.join(output.SUFFIXES)}."
        )
    if order.out.absolute() == order.video.absolute():
        raise InputError(f"{order.video.name} would be written over itself; choose another --out.")
    if not 0 <= order.start < order.end:
        raise InputError(f"--start {order.start:g} must lie before --end {order.end:g}, and not before 0.")
    for low, high in order.references:
        if not 0 <= low < high:
            raise InputError(f"--references {low:g}-{high:g}: the first second must lie before the last.")


def _looked(order: DubRequest, source: str, progress: Progress) -> Footage:
    path = order.work / "footage.npz"
    footage = Footage.kept(path, source)
    if footage is None:
        footage = look_through(order.video, progress)
        footage.save(path, source)
    return footage


def _schedule(order: DubRequest, footage: Footage) -> NDArray[np.int64]:
    """(F,) which frame of the video each frame of the result shows."""
    part_of = np.flatnonzero((footage.times >= order.start - 1e-6) & (footage.times < order.end))
    if len(part_of) < 2:
        raise InputError(
            f"{order.video.name} has no frames from {order.start:g} s to {order.end:g} s; choose another part."
        )
    if not order.whole:
        return part_of
    rate = float(footage.rate)
    wanted = round(mixing.seconds_of(order.lines[0].audio) * rate)
    if wanted < len(part_of) - 1:
        return part_of[:wanted] if order.fit == "trim" else part_of
    more = wanted - len(part_of)
    if more <= 1 or order.fit == "trim":
        return part_of
    if order.fit == "loop":
        return np.resize(part_of, wanted)
    return np.concatenate([part_of, np.full(more, part_of[-1])])


def _times(footage: Footage, frames: NDArray[np.int64]) -> FloatArray:
    """(F,) seconds of the result's frames: those of the video, and after each end a frame later."""
    steps = np.diff(footage.times[frames])
    steps = np.where(steps > 0, steps, 1 / float(footage.rate))
    return np.concatenate([[0.0], np.cumsum(steps)])


def _cast(order: DubRequest, footage: Footage, source: str, spoken: list[Spoken], progress: Progress) -> list[Cast]:
    """The persons who speak, each with a bank that is still empty."""
    usual = persons.who_speaks(footage) + 1
    said: dict[int, list[Spoken]] = {}
    for line, one in zip(order.lines, spoken, strict=True):
        number = line.person or usual
        if not 1 <= number <= len(footage.faces):
            raise InputError(f"There is no person {number}; {order.video.name} shows {len(footage.faces)}.")
        said.setdefault(number, []).append(one)
    cast = []
    for index, (number, lines) in enumerate(sorted(said.items())):
        share = part(progress, index / len(said), (index + 1) / len(said))
        shots = persons.faces_of(footage, number - 1, order.work, source, share)
        bank = persons.lenders(shots, footage.times, footage.size, order.references)
        cast.append(Cast(number, shots, lines, bank))
    return cast


def _gather(video: Path, cast: list[Cast], progress: Progress) -> None:
    """Decode the video once for the crops of all references."""
    wanted = {int(frame) for person in cast for frame in person.bank.order}
    last = max(wanted)
    for number, (_, frame) in enumerate(pictures(video)):
        if number in wanted:
            picture = picture_of(frame)
            for person in cast:
                if number in person.bank.order:
                    person.bank.add(picture)
        progress(min(number / max(last, 1), 1.0), "Gathering references")
        if number >= last:
            return


def _directed(
    person: Cast, order: DubRequest, footage: Footage, own: Motion | None, times: FloatArray, frames: Array
) -> None:
    """Find what a person's mouth does in each frame of the result, and from which references."""
    how = None
    if order.mouth == "solver":
        how = performing.manner_of(person.shots, footage.times, own, person.spoken)
        person.agreement = how.agreement
    for shot in person.shots:
        inside = np.flatnonzero((frames >= shot.frames[0]) & (frames <= shot.frames[-1]))
        if not len(inside):
            continue
        points = shot.points.part(frames[inside] - shot.frames[0])
        mouth = performing.mouth_of(points, times[inside], person.spoken, how, person.bank)
        path = references.choose(mouth.features, person.bank.features, person.bank.order)
        person.takes.append(Take(inside, points, mouth, path, *references.weigh(path)))


def _origin(order: DubRequest) -> Origin:
    """How the result is made."""
    sources = [Source.of(order.video, "video")]
    sources += [Source.of(line.audio, "audio") for line in order.lines]
    made = Origin(COMPOSITE, "dubbed", consent=order.consent).made_from(sources)
    models = generate_files.cards(order.lines[0].direction.variant) if order.mouth == "solver" else ()
    return made.by(COMPOSITE, models)


def _write_motion(
    order: DubRequest, footage: Footage, cast: list[Cast], count: int, spoken: list[Spoken], origin: Origin
) -> None:
    """Write the keys of each person: the whole tracked face with the new mouth."""
    for person in cast:
        arkit, turns = np.zeros((count, 52), np.float32), np.zeros((count, 3), np.float32)
        for take in person.takes:
            arkit[take.frames] = np.clip(take.mouth.arkit, 0, 1)
            turns[take.frames] = from_matrix(take.points.turns)
        motion = Motion(
            footage.rate, arkit=arkit, head_pose=turns, events=performing.events_of(spoken), origin=origin.by(TRAINED)
        )
        name = ".motion.npz" if len(cast) == 1 else f".motion.{person.number}.npz"
        motion.save(order.beside(name))


def _write(
    order: DubRequest, footage: Footage, cast: list[Cast], frames: Array, times: FloatArray, origin: Origin,
    notes: tuple[str, ...], progress: Progress,
) -> DubResult:  # fmt: skip
    """Render and encode frame by frame."""
    form = output.Format.of(order.video, footage.rate)
    stage = _Stage(order, cast, len(frames))
    seconds = float(times[-1] + 1 / footage.rate)
    voices = [mixing.Voice(line.audio, line.start) for line in order.lines]
    samples = mixing.mixed(order.video, voices, seconds, order.whole, order.duck)
    layers = order.layer != "none"
    ending = ".layer.mov" if order.layer == "mov" else ".layer"
    with ExitStack() as stack:
        film: output.Film | None = None
        layer: Any = None
        for index, (picture, found) in enumerate(stage.frames(frames)):
            if film is None:
                film = stack.enter_context(output.written(order.out, form, picture.size, picture.form, samples, origin))
                if layers:
                    layer = stack.enter_context(
                        output.layer_written(order.beside(ending), footage.rate, picture.size, origin)
                    )
            film.add(picture, times[index])
            if layer is not None:
                layer(output.layer_image(picture, found))
            progress(index / len(frames), f"Dubbing: {index} of {len(frames)} frames")
    agreement = cast[0].agreement
    return DubResult(
        len(frames), stage.dubbed, notes, times, stage.asked, stage.away, footage.size, agreement,
        frames, _face_width(cast[0]),
    )  # fmt: skip


class _Stage:
    """Renders the frames of the result in order, for all persons."""

    def __init__(self, order: DubRequest, cast: list[Cast], count: int) -> None:
        self.order = order
        self.cast = cast
        self.renderers = [Renderer(person.bank, _face_width(person)) for person in cast]
        self.asked, self.away = np.full((count, 2), np.nan), np.full(count, np.nan)
        self.where = [
            {int(index): (take, k) for take in person.takes for k, index in enumerate(take.frames)} for person in cast
        ]
        self.dubbed = 0

    def frames(self, shows: Array) -> Iterator[tuple[Picture, list[Rendered]]]:
        """The frames of the result (F,), each showing a frame of the video: their samples, and what was changed."""
        done = 0
        while done < len(shows):
            ends = np.flatnonzero(np.diff(shows[done:]) < 0)
            last = done + int(ends[0]) + 1 if len(ends) else len(shows)
            yield from self._pass(shows, done, last)
            done = last

    def _pass(self, shows: Array, done: int, last: int) -> Iterator[tuple[Picture, list[Rendered]]]:
        """Frames done .. last - 1 of the result, which go through the video once."""
        index = done
        for number, (_, frame) in enumerate(pictures(self.order.video)):
            while index < last and shows[index] == number:
                picture = picture_of(frame)
                found = self._rendered(picture, index)
                for one in found:
                    picture.add(one.box, one.change)
                yield picture, found
                index += 1
            if index >= last:
                return

    def _rendered(self, picture: Picture, index: int) -> list[Rendered]:
        found = []
        for person, renderer, where in zip(self.cast, self.renderers, self.where, strict=True):
            take, k = where.get(index, (None, 0))
            if take is None or take.mouth.share[k] < _LEAST:
                continue
            mouth = take.mouth
            one = renderer.render(
                picture, take.points.pixels[k], mouth.points[k], mouth.features[k], take.rows[k], take.weights[k]
            )
            found.append(one.faded(min(1.0, 3 * mouth.share[k])))
            self.asked[index] = opening(mouth.points[k : k + 1])[0], width(mouth.points[k : k + 1])[0]
            self.away[index] = np.linalg.norm(mouth.features[k] - person.bank.features[take.path[k]])
        self.dubbed += bool(found)
        return found


def _face_width(person: Cast) -> float:
    """Pixels between the sides of the face, in the shot where it is largest."""
    return max(shot.points.width() for shot in person.shots)
