"""Many recordings in one go: each becomes files of the chosen formats in one folder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from animcore import files
from animcore.audio import recording
from animcore.core import origin
from animcore.core.atomic_files import make_folder
from animcore.core.progress import Progress, part, silent
from animcore.core.vocabulary import casefolded
from animcore.direction import Direction
from animcore.errors import AnimcoreError, Cancelled, InputError
from animcore.files.animation_curves import FileFormat, FormatOptions
from animcore.files.export_and_verify import ExportReport, export
from animcore.files.subtitles import transcripts
from animcore.motion import Event, Motion
from animcore.postprocess import body_cleanup, clip_blending, foot_contact, self_collision
from animcore.postprocess.retiming import WHOLE, Retiming, retime
from animcore.solvers.face_networks import face_solver
from animcore.solvers.face_networks.face_solver import FaceNetworkSolver
from animcore.solvers.gesture_networks import gesture_solver
from animcore.solvers.gesture_networks.gesture_solver import GestureNetworkSolver
from animcore.solvers.nonverbal import head_network
from animcore.solvers.perform import analyze, animate
from animcore.solvers.speech_face import lip_sync, streaming, transcript_timing
from animcore.speech import voice_detection
from animcore.speech.transcript import Transcript

# A recording, several that are put together, or one that is loaded already.
Source = Path | Sequence[recording.AudioSegment] | recording.AudioClip

_USUAL_RATE = Fraction(30)
_LISTENING = 0.3  # share of the work of one recording that reading it takes
_FOLLOWING = 0.35  # share of the rest that finding a transcript in it takes


def _on_body(work: Callable[..., tuple[Any, Any]]) -> Callable[[Motion], Motion]:
    """A step of postprocessing on the body of a motion; one without a body stays as it is."""

    def done(motion: Motion) -> Motion:
        if motion.body_pose is None or not motion.frame_count:
            return motion
        way = motion.translation if motion.translation is not None else np.zeros((motion.frame_count, 3), np.float32)
        pose, way = work(motion.body_pose, way, motion.fps)
        return replace(motion, body_pose=pose.astype(np.float32), translation=way.astype(np.float32))

    return done


# What can be done to a finished motion, in the order in which it is done.
FINISHES: dict[str, Callable[[Motion], Motion]] = {
    "still": _on_body(foot_contact.lower_body_still),
    "clean": _on_body(body_cleanup.finished),
    "loop": clip_blending.loop,
}


@dataclass(frozen=True)
class BatchResult:
    """What became of one source: a report on each file written and the warnings, or the error that prevented them."""

    source: Path
    reports: tuple[ExportReport, ...] = ()
    frames: int = 0
    duration: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class BatchRequest:
    """The request for every recording of a batch.

    Attributes:
        folder: where the files go; it is made where it is missing.
        formats: names of `files.FORMATS`.
        rate: frame rate of the files; None for 30, or for that of the source where it is a motion already.
        direction: how it is performed.
        setup: the formats' settings of the character.
        transcript: the text: a file for one recording, or a folder of files named as the recordings.
        finish: names of `FINISHES` that are done to each motion, in their order.
        gestures: folder of a learned solver of the body, in the place of the shipped one.
        listening_to: who is talked with: a recording for one, or a folder of recordings named as those that are
            performed; a recording without such a file has no other speaker.
        face: folder of a learned solver of speech, in the place of the shipped one.
        speaker: whose manner it takes, by a name of its training; where empty, by the direction's style.
        track, channel: of each recording, as `recording.load` takes them.
    """

    folder: Path
    formats: Sequence[str] = ("livelink", "npz")
    rate: Fraction | None = None
    direction: Direction = field(default_factory=Direction)
    setup: FormatOptions = field(default_factory=FormatOptions)
    transcript: Path | None = None
    finish: Sequence[str] = ()
    gestures: Path | None = None
    listening_to: Path | None = None
    face: Path | None = None
    speaker: str = ""
    track: int = 0
    channel: int = 0

    def __post_init__(self) -> None:
        """Check the formats and the finishes.

        Raises:
            InputError: for a format that there is no writer for, or a finish that there is not.
        """
        for name in self.formats:
            files.format_named(name)
        check_finishes(self.finish)

    def targets(self, source: Path) -> dict[str, Path]:
        """Return the file of each format for a recording."""
        stem = files.stem(source)
        return {name: self.folder / (stem + files.FORMATS[name].suffix) for name in self.formats}


def check_finishes(names: Sequence[str]) -> None:
    """Check names of `FINISHES`.

    Raises:
        InputError: where there is no such finish.
    """
    if unknown := sorted(set(names) - FINISHES.keys()):
        raise InputError(f"There is no finish {unknown[0]!r}; there are {', '.join(FINISHES)}.")


def apply_finishes(motion: Motion, names: Sequence[str]) -> Motion:
    """Return a motion to which these of `FINISHES` are done, in the order that they stand in there."""
    for name, work in FINISHES.items():
        motion = work(motion) if name in names else motion
    return motion


def generate(
    source: Source,
    rate: Fraction,
    direction: Direction,
    progress: Progress = silent,
    transcript: Transcript | None = None,
    place: Retiming = WHOLE,
    gestures: GestureNetworkSolver | None = None,
    listening_to: Source = (),
    face: FaceNetworkSolver | None = None,
) -> tuple[Motion, recording.AudioFacts]:
    """Perform a voice at a frame rate; the facts hold what the user should be warned of.

    Args:
        source: a recording, or several that are put together; none for a listener.
        rate: frame rate of the result.
        direction: how it is performed.
        progress: called with the fraction done.
        transcript: the text, where it is known: it makes the lips surer, its words travel with the motion, and its
            tags join the emotions of the direction.
        place: how much later than the audio the face is, and which part of the performance is wanted.
        gestures: a learned solver of the body, in the place of the shipped one.
        listening_to: the voice of the other speaker, on the same clock: while it speaks, this face listens.
            The motion lasts as long as the longer of the two.
        face: a learned solver of speech, in the place of the shipped one.

    Raises:
        InputError: when a recording cannot be used.
    """
    clip, other = _other_audio(source, listening_to, part(progress, 0.0, _LISTENING))
    facts = clip.facts
    rest = part(progress, _LISTENING, 1.0)
    spoken: tuple[Event, ...] = ()
    if transcript is not None:
        followed = transcript_timing.align_transcript(clip, transcript, direction, part(rest, 0.0, _FOLLOWING))
        spoken, direction = followed.spoken, followed.direction
        facts = replace(facts, warnings=(*facts.warnings, *followed.notes))
        rest = part(rest, _FOLLOWING, 1.0)
    heard = analyze(clip, direction, rest, spoken, gestures, other, face)
    del clip, other  # two hours of samples are 460 MB, which nothing after it needs
    motion = _possible(animate(heard, direction, rest), is_learned=gestures is not None)
    made = motion.stated_origin.by(origin.TRAINED, () if face is not None else cards(direction.variant))
    return retime(replace(motion, origin=made), rate, place), facts


@functools.cache
def cards(variant: str) -> tuple[origin.Source, ...]:
    """Return the model cards of the shipped models that perform a voice."""
    speech = streaming.MODEL if variant == "live" else lip_sync.MODEL
    return tuple(origin.Source.of(model.with_suffix(".md"), "model card") for model in (speech, head_network.MODEL))


def _other_audio(
    source: Source, listening_to: Source, progress: Progress
) -> tuple[recording.AudioClip, recording.AudioClip | None]:
    """One's own voice and that of the other, where there is one, equally long."""
    if not _is_there(listening_to):
        return _load(source, progress), None
    other = _load(listening_to, part(progress, 0.0, 0.5))
    own = _load(source, part(progress, 0.5, 1.0)) if _is_there(source) else recording.silence(len(other.samples))
    count = max(len(own.samples), len(other.samples))
    return recording.pad_to(own, count), recording.pad_to(other, count)


def _is_there(source: Source) -> bool:
    return isinstance(source, Path | recording.AudioClip) or len(source) > 0


def _load(source: Source, progress: Progress) -> recording.AudioClip:
    if isinstance(source, recording.AudioClip):
        return source
    parts = [recording.AudioSegment(source)] if isinstance(source, Path) else source
    return recording.join_segments(parts, progress, voice_detection.has_voice)


def _possible(motion: Motion, *, is_learned: bool) -> Motion:
    """Bring hands that are in the body out of it; the shipped solver sees to all the rest itself."""
    if motion.body_pose is None:
        return motion
    if is_learned:
        return apply_finishes(motion, ["clean"])
    self_collision.push_out(motion.body_pose, motion.fps)
    return motion


def run(sources: Sequence[Path], order: BatchRequest, progress: Progress = silent) -> list[BatchResult]:
    """Perform every recording and write its files; one that fails does not stop the others.

    Raises:
        InputError: before any work, when two recordings would write the same file, the folder cannot be made, or the
            gesture networks or the face network cannot be read.
        Cancelled: when the progress callback raises it; what was finished stays.
    """
    for given, what in ((order.transcript, "transcript"), (order.listening_to, "other voice")):
        if given is not None and len(sources) > 1 and not given.is_dir():
            raise InputError(f"{given} is one {what} for {len(sources)} recordings; give a folder of them.")
    if order.speaker and order.face is None:
        raise InputError(f"The speaker {order.speaker!r} is one of a face network; give that face too.")
    gestures = gesture_solver.load(order.gestures) if order.gestures is not None else None
    face = face_solver.load(order.face, speaker=order.speaker) if order.face is not None else None
    _prepare(sources, order)
    takes = []
    for index, source in enumerate(sources):
        share = part(progress, index / len(sources), (index + 1) / len(sources))
        takes.append(_take(source, order, share, gestures, face))
    return takes


def _prepare(sources: Sequence[Path], order: BatchRequest) -> None:
    """See to the folder, and that no two sources write the same file."""
    _check_names(sources)
    make_folder(order.folder)


def _take(
    source: Path,
    order: BatchRequest,
    progress: Progress,
    gestures: GestureNetworkSolver | None,
    face: FaceNetworkSolver | None,
) -> BatchResult:
    try:
        motion, facts = generate(
            [recording.AudioSegment(source, track=order.track, channel=order.channel)],
            order.rate or _USUAL_RATE,
            order.direction,
            lambda done, _: progress(done, source.name),
            _transcript(source, order.transcript),
            gestures=gestures,
            listening_to=_other(source, order.listening_to),
            face=face,
        )
        reports = _deliver(motion, source, order)
    except Cancelled:
        raise
    except AnimcoreError as error:
        return BatchResult(source, error=str(error))
    return BatchResult(source, reports, motion.frame_count, facts.duration, facts.warnings)


def _transcript(source: Path, given: Path | None) -> Transcript | None:
    """The transcript of one recording, out of the file or the folder that was given."""
    if given is None:
        return None
    return transcripts.load(transcripts.find_beside(source, given) if given.is_dir() else given)


def _other(source: Path, given: Path | None) -> Source:
    """The other speaker of one recording, out of the file or the folder that was given; () for none."""
    if given is None or not given.is_dir():
        return given or ()
    name = casefolded(files.stem(source))
    named = (path for path in given.iterdir() if path.is_file() and casefolded(files.stem(path)) == name)
    found = sorted(path for path in named if path.suffix.lower() not in transcripts.SUFFIXES)
    if len(found) > 1:
        raise InputError(f"{found[0]} and {found[1]} are both named as {source.name}; keep one of them in that folder.")
    return found[0] if found else ()


def convert(sources: Sequence[Path], order: BatchRequest, progress: Progress = silent) -> list[BatchResult]:
    """Write motions that are files already (of any format that can be read) in other formats, at the order's rate.

    Raises:
        InputError: before any work, when two sources would write the same file or the folder cannot be made.
        Cancelled: when the progress callback raises it; what was finished stays.
    """
    _prepare(sources, order)
    takes = []
    for index, source in enumerate(sources):
        progress(index / len(sources), source.name)
        takes.append(_converted(source, order))
    return takes


def _converted(source: Path, order: BatchRequest) -> BatchResult:
    try:
        _, motion, notes = files.load_any(source, order.setup)
        motion = motion.resampled(order.rate) if order.rate is not None else motion
        duration = motion.frame_count / motion.fps
        return BatchResult(source, _deliver(motion, source, order), motion.frame_count, duration, notes)
    except AnimcoreError as error:
        return BatchResult(source, error=str(error))


def _deliver(motion: Motion, source: Path, order: BatchRequest) -> tuple[ExportReport, ...]:
    """Do the finishes, and write the files of one source."""
    motion = apply_finishes(motion, order.finish)
    targets = order.targets(source)
    if source.absolute() in (target.absolute() for target in targets.values()):
        raise InputError(f"{source.name} would be written over itself; choose another folder (--out).")
    return tuple(_delivered(motion, target, files.FORMATS[name], order.setup) for name, target in targets.items())


def _delivered(motion: Motion, target: Path, form: FileFormat, setup: FormatOptions) -> ExportReport:
    """Write one file; where that cannot be done, the others still are."""
    try:
        return export(motion, target, form, setup)
    except Cancelled:
        raise
    except AnimcoreError as error:
        return ExportReport(target, 0, error=str(error))


def _check_names(sources: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        other = seen.setdefault(casefolded(files.stem(source)), source)
        if other is not source:
            name = files.stem(source)
            raise InputError(f"{other} and {source} would both be written as {name}; rename one, or run one by one.")
