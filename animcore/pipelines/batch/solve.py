"""One line performed, in a worker: audio in, motion and files out, with scores; whatever goes wrong is one sentence."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from animcore import files
from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.core.atomic_files import make_folder
from animcore.core.progress import silent
from animcore.direction import Direction
from animcore.errors import AnimcoreError, InputError, reason
from animcore.files.export_and_verify import export
from animcore.files.hand_edits import HandEdits
from animcore.motion import Motion
from animcore.pipelines import generate_files
from animcore.pipelines.batch import keys, ledger, localisation, other_work
from animcore.pipelines.batch.line import Line
from animcore.pipelines.batch.other_work import Work
from animcore.pipelines.batch.settings import MOTION
from animcore.postprocess import shared_performance
from animcore.solvers.face_networks import face_solver
from animcore.solvers.gesture_networks import gesture_solver
from animcore.solvers.speech_face import feature_cache, lip_sync
from animcore.speech import transcript, voice_detection

_log = logging.getLogger(__name__)
_STORAGE = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ENETDOWN,
    errno.ENODEV, errno.ETIMEDOUT,
)  # fmt: skip
_KEPT_SOLVERS = 2  # learned solvers that a worker holds

# What judges a line: (motion, clip, line, what formats could not take) -> scores by name, findings as objects of JSON.
Scorer = Callable[[Motion, AudioClip, Line, Sequence[str]], tuple[Mapping[str, float], Sequence[Mapping[str, Any]]]]


@dataclass(frozen=True)
class Task:
    """What a worker is asked for.

    Attributes:
        line: that is performed.
        folder: of the batch.
        batch: id in its `batch.json`, by which a worker knows that it sees the same folder.
        parts: digests of the line as far as they are known.
        stamp: of the recording.
        source: motion of the line whose performance is shared; None for its own.
        source_audio: recording of that line.
    """

    line: Line
    folder: Path
    batch: str
    parts: Mapping[str, str]
    stamp: tuple[int, int] | None = None
    source: Path | None = None
    source_audio: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        name: of the line.
        error: a sentence, or None where it is done.
        kind: of the error: `input`, `storage` (the disk is full or gone; worth another try) or `died`.
        parts: digests of all that the result depends on.
        files: format -> path.
        seconds_audio, seconds_cpu: length of the recording, processor time.
        warnings: sentences on the recording and its transcript.
        lacks: sentences on what the formats could not take.
        scores, findings: as the scorer gave them.
        has_edits: whether hand edits were laid over it.
        shared: whether it has the performance of its source line.
        memory: bytes that the worker holds after it.
    """

    name: str
    error: str | None = None
    kind: str = "input"
    parts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    seconds_audio: float = 0.0
    seconds_cpu: float = 0.0
    warnings: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    findings: Sequence[Mapping[str, Any]] = ()
    has_edits: bool = False
    shared: bool = False
    memory: int = 0


def prepare() -> None:
    """Load the models into this process, so that its first line is as fast as the others.

    Raises:
        AnimcoreError: where one is missing or broken.
    """
    lip_sync.load(lip_sync.MODEL)


def solve(task: Task, scorer: Scorer | None = None) -> Outcome:
    """Perform a line and write its files; never raises for a line."""
    begin = time.process_time()
    try:
        with feature_cache.in_memory():  # alignment, solver and score ask the network for the same
            outcome = _solved(task, scorer)
    except AnimcoreError as error:
        outcome = Outcome(task.line.name, str(error), _kind(error), task.parts)
    except OSError as error:
        sentence = f"{error.filename or task.line.audio} cannot be used ({reason(error)}); check the drive."
        outcome = Outcome(task.line.name, sentence, _kind(error), task.parts)
    except MemoryError:
        outcome = Outcome(task.line.name, "It needs more memory than there is; use fewer jobs (--jobs).", "input")
    except Exception as error:
        _log.exception("line %s", task.line.name)
        said = f"An error inside Animcore ({type(error).__name__}: {reason(error)}); report it with the recording."
        outcome = Outcome(task.line.name, said, "input", task.parts)
    return replace(outcome, seconds_cpu=time.process_time() - begin, memory=memory())


def _solved(task: Task, scorer: Scorer | None) -> Outcome:
    line = task.line
    _check_folder(task)
    if line.work is not None:
        return _worked(task, line.work)
    clip = _clip(line.audio)
    motion, warnings, is_shared = _performed(task, clip)
    motion = generate_files.apply_finishes(motion, line.postprocess)
    edits, has_edits = line.edits(task.folder), False
    if edits.is_file():
        motion, has_edits = HandEdits.load(edits).lay_over(motion), True
    written, lacks = _write(motion, task)
    scores, findings = scorer(motion, clip, line, lacks) if scorer is not None else ({}, ())
    parts = {**task.parts, "audio": clip.sha256, "other": _other(task)}
    return Outcome(
        line.name,
        kind="",
        parts=parts,
        files=written,
        seconds_audio=clip.duration,
        warnings=warnings,
        lacks=tuple(lacks),
        scores=dict(scores),
        findings=tuple(findings),
        has_edits=has_edits,
        shared=is_shared,
    )


def _worked(task: Task, work: Work) -> Outcome:
    """Other work than a performance: a program of its own, whose result is a folder."""
    targets = task.line.targets(task.folder)
    parts = {**task.parts, "audio": keys.of_source(task.line.audio), "other": ""}
    other_work.perform(work, task.line.audio, targets[other_work.FOLDER])
    return Outcome(task.line.name, None, "", parts, targets)


def _performed(task: Task, clip: AudioClip) -> tuple[Motion, tuple[str, ...], bool]:
    """The motion of a line, what is to be known of it, and whether it has the performance of its source."""
    line = task.line
    if task.source is None or task.source_audio is None:
        motion, facts = _generated(line, clip, line.direction)
        return motion, facts.warnings, False
    source = localisation.load_source(task.source)
    theirs = localisation.phrases(_clip(task.source_audio), source)
    times = localisation.time_map(localisation.phrases(clip), theirs)
    direction = line.direction
    if times is not None and not _has_emotions(line):
        direction = localisation.with_emotions(direction, source, times)
    motion, facts = _generated(line, clip, direction)
    times = localisation.time_map(localisation.phrases(clip, motion), theirs)
    if times is None:
        return motion, (*facts.warnings, localisation.too_far(line.name, line.source or "")), False
    return shared_performance.share(motion, source, times), facts.warnings, True


def _has_emotions(line: Line) -> bool:
    """Whether a row says itself what is felt: in its cell, or by tags in its text."""
    return bool(line.direction.emotions) or bool(line.text and transcript.parse(line.text).cues)


def _clip(path: Path) -> AudioClip:
    return recording.load(path, silent, has_voice=voice_detection.has_voice)


def _generated(line: Line, clip: AudioClip, direction: Direction) -> tuple[Motion, recording.AudioFacts]:
    return generate_files.generate(
        clip,
        line.rate,
        direction,
        transcript=transcript.parse(line.text) if line.text else None,
        place=line.place,
        gestures=_learned(gesture_solver.load, line.gestures),
        listening_to=line.listening_to or (),
        face=_learned(face_solver.load, line.face, line.face_speaker),
    )


_solvers: dict[tuple[Any, ...], Any] = {}


def _learned(load: Callable[..., Any], folder: Path | None, *more: str) -> Any:
    """A learned solver, which stays in memory for the lines after it."""
    if folder is None:
        return None
    name = (load, folder, *more)
    if name not in _solvers:
        while len(_solvers) >= _KEPT_SOLVERS:
            del _solvers[next(iter(_solvers))]
        _solvers[name] = load(folder, speaker=more[0]) if more else load(folder)
    return _solvers[name]


def _write(motion: Motion, task: Task) -> tuple[dict[str, Path], list[str]]:
    """Write the motion, then the files of each format; returns them, and what formats could not take."""
    targets = task.line.targets(task.folder)
    if task.line.audio.absolute() in (path.absolute() for path in targets.values()):
        raise InputError(f"{task.line.audio.name} would be written over; choose another folder (--out).")
    make_folder(targets[MOTION].parent)
    motion.save(targets[MOTION])
    lacks: list[str] = []
    for name, path in targets.items():
        if name != MOTION:
            report = export(motion, path, files.FORMATS[name], task.line.setup)
            lacks += [f"{path.name}: {sentence}" for sentence in report.lacks]
    return targets, lacks


def _other(task: Task) -> str:
    return keys.of_file(task.line.listening_to) if task.line.listening_to is not None else ""


def _check_folder(task: Task) -> None:
    """See that the folder is the one of the batch: a drive that went leaves an empty folder in its place."""
    try:
        found = ledger.header(task.folder).get("id")
    except (InputError, OSError):
        found = None
    if found != task.batch:
        sentence = f"The folder {task.folder} of the batch is not there; connect its drive and run the batch again."
        raise InputError(sentence) from OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))


def _kind(error: BaseException) -> str:
    """`storage` where a disk or a drive is behind an error, `input` else."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in _STORAGE:
            return "storage"
        chain = chain.__cause__
    return "input"


def memory() -> int:
    """Return the bytes of memory that this process holds now; 0 where the system does not say."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as handle:
            return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
