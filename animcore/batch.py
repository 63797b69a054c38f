"""Many recordings in one go: each becomes files of the chosen formats in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from animcore import audio, files
from animcore.direction import Direction
from animcore.errors import AnimcoreError, Cancelled, InputError
from animcore.files.delivery import deliver
from animcore.motion import Motion
from animcore.progress import Progress, part, silent
from animcore.solvers.performance import perform

_LISTENING = 0.3  # share of the work of one recording that reading it takes


@dataclass(frozen=True)
class Take:
    """What became of one recording: the files written and the warnings, or the error that kept it from being."""

    source: Path
    written: tuple[Path, ...] = ()
    frames: int = 0
    duration: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Order:
    """What is asked of every recording of a batch.

    Attributes:
        folder: where the files go; it is made where it is missing.
        formats: names of `files.FORMATS`.
        rate: frames a second of the files.
        direction: how it is performed.
    """

    folder: Path
    formats: Sequence[str] = ("livelink", "npz")
    rate: Fraction = Fraction(30)
    direction: Direction = field(default_factory=Direction)

    def __post_init__(self) -> None:
        """Check the formats.

        Raises:
            InputError: for a format that there is no writer for.
        """
        for name in self.formats:
            files.format_named(name)

    def targets(self, source: Path) -> dict[str, Path]:
        """Return the file of each format for a recording."""
        return {name: self.folder / (source.stem + files.FORMATS[name].suffix) for name in self.formats}


def generate(
    source: Path, rate: Fraction, direction: Direction, progress: Progress = silent
) -> tuple[Motion, audio.AudioFacts]:
    """Perform one recording at a frame rate; the facts hold what the user should be warned of.

    Raises:
        InputError: when the recording cannot be used.
    """
    clip = audio.load(source, part(progress, 0.0, _LISTENING))
    facts = clip.facts
    motion = perform(clip, direction, part(progress, _LISTENING, 1.0))
    del clip  # two hours of samples are 460 MB, which resampling does not need
    return motion.resampled(rate), facts


def run(sources: Sequence[Path], order: Order, progress: Progress = silent) -> list[Take]:
    """Perform every recording and write its files; one that fails does not stop the others.

    Raises:
        InputError: before any work, when two recordings would write the same file or the folder cannot be made.
        Cancelled: when the progress callback raises it; what was finished stays.
    """
    _check_names(sources)
    try:
        order.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {order.folder} cannot be made ({error.strerror}); choose another.") from error
    takes = []
    for index, source in enumerate(sources):
        share = part(progress, index / len(sources), (index + 1) / len(sources))
        takes.append(_take(source, order, share))
    return takes


def _take(source: Path, order: Order, progress: Progress) -> Take:
    try:
        motion, facts = generate(source, order.rate, order.direction, lambda done, _: progress(done, source.name))
        targets = order.targets(source)
        for name, target in targets.items():
            deliver(motion, target, files.FORMATS[name])
    except Cancelled:
        raise
    except AnimcoreError as error:
        return Take(source, error=str(error))
    return Take(source, tuple(targets.values()), motion.frame_count, facts.duration, facts.warnings)


def _check_names(sources: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        other = seen.setdefault(source.stem.casefold(), source)
        if other is not source:
            raise InputError(
                f"{other} and {source} would both be written as {source.stem}; rename one, or run them one by one."
            )
