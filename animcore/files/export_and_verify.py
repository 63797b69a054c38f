"""A motion into a file and back: what was written is read again and compared before it takes its place."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.core.reading import check_file
from animcore.errors import InputError, readable
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions, largest_errors
from animcore.files.scenes import verification
from animcore.motion import Motion
from animcore.provenance import marks

_TIME_OF_DAY = 3600.0  # seconds from which the start of a motion is a clock's


@dataclass(frozen=True)
class ExportReport:
    """What became of one file.

    Attributes:
        path: the file.
        frames: how many frames were read back.
        errors: largest difference of each curve from its intended values, in the file's own units.
        tolerance: what of it is mere rounding.
        tracks: largest difference of each track of the motion from what a reader of the file gets: what the format
            itself costs (a rig with fewer shapes, cues instead of curves, another frame rate).
        lacks: a sentence for everything that the file could not take.
        error: why there is no such file, or None.
    """

    path: Path
    frames: int
    errors: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 0.0
    tracks: Mapping[str, float] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    error: str | None = None

    @property
    def worst(self) -> float:
        """The largest error of all curves."""
        return max(self.errors.values(), default=0.0)


def export(motion: Motion, path: str | Path, form: FileFormat, setup: FormatOptions | None = None) -> ExportReport:
    """Write a motion as a file of a format, read it back and compare; only then the file takes its place.

    Raises:
        InputError: when the format cannot hold this motion, the file cannot be written, or does not read back as it
            was meant.
    """
    path = Path(path)
    setup = setup or FormatOptions()
    if motion.frame_count == 0:
        raise InputError("This motion has no frames, so there is nothing to write.")
    motion, moved = shifted_to_zero(motion, form)
    animation = form.encode(motion, setup)
    with whole_file(path) as temporary:
        form.write(animation, temporary, setup)
        found = form.read(temporary, _with_rate(setup, animation))
        errors = largest_errors(animation, found)
        _check(animation, found, errors, form, path)
        marked = marks.mark(temporary, motion.stated_origin)
    if marked == marks.NONE:
        marks.mark_beside(path, motion.stated_origin)
    tracks = track_errors(motion, form.decode(found, setup))
    lacks = (*moved, *_left_out(motion, form), *animation.lacks)
    return ExportReport(path, found.frame_count, errors, form.tolerance, tracks, lacks)


def shifted_to_zero(motion: Motion, form: FileFormat) -> tuple[Motion, tuple[str, ...]]:
    """Return a motion that a format has no place for in time moved so that it begins at 0 s, and a sentence about it.

    Few formats have a place for frames before 0 s; what one file of a delivery does, all of them do. A capture begins
    at the time of day: scenes and engines count in 32-bit seconds or frames, which tell no frames apart there.
    """
    if motion.start < 0.0:
        said = f"Second 0 of the file is its first frame; the audio starts {-motion.start:.3f} s later."
    elif motion.start > _TIME_OF_DAY and not form.keeps_clock:
        said = (
            f"Second 0 of the file is its first frame, at which the clock of the recording is {_clock(motion.start)}."
        )
    else:
        return motion, ()
    late = motion.start
    events = tuple(replace(event, start=event.start - late, end=event.end - late) for event in motion.events)
    return replace(motion, start=0.0, events=events), (said,)


def _clock(seconds: float) -> str:
    """Seconds as a time of day."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}:{rest:06.3f}"


def load(path: str | Path, form: FileFormat, setup: FormatOptions | None = None) -> Motion:
    """Read a file of a format as a motion.

    Raises:
        InputError: when the file is missing, broken or of another kind.
    """
    return loaded(path, form, setup)[0]


def loaded(path: str | Path, form: FileFormat, setup: FormatOptions | None = None) -> tuple[Motion, tuple[str, ...]]:
    """Read a file of a format as a motion, and sentences for what was noticed and mended in it.

    Raises:
        InputError: when the file is missing, broken or of another kind.
    """
    path = Path(path)
    check_file(path)
    setup = setup or FormatOptions()
    if form.needs_rate and setup.rate is None:
        raise InputError(f"{path.name} does not state its frame rate; give it (--fps).")
    with readable(f"{path.name} cannot be read as {form.title}", "export it again"):
        animation = form.read(path, setup)
        return form.decode(animation, setup), animation.notes


def compare(
    motion: Motion, path: Path, form: FileFormat, meant: Path, setup: FormatOptions | None = None
) -> ExportReport:
    """Read a file back that another program wrote of a motion and compare it with the motion, by its limit.

    The report has an error where the file has other frames or is further off than the format allows.
    """
    setup = replace(setup or FormatOptions(), rate=motion.rate, bones=True)
    try:
        with readable(f"{path.name} cannot be read as {form.title}", "write it again"):
            found = form.read(path, setup)
            errors = verification.measure_errors(found, meant, motion, form)
    except InputError as error:
        return ExportReport(path, 0, error=str(error))
    lacks = tuple(_left_out(motion, form))
    return ExportReport(
        path, found.frame_count, errors, form.limit, errors, lacks, verification.rejection(errors, form)
    )


def accept_if_equal(
    motion: Motion, made: Path, folder: Path, form: FileFormat, meant: Path, setup: FormatOptions | None = None
) -> ExportReport:
    """Read a file back that another program wrote of a motion; only then it goes into its folder.

    Files next to it, such as its textures, go with it.

    Args:
        motion: what the file was made of.
        made: the file, in a folder of its own.
        folder: where it belongs.
        form: its format.
        meant: its intended contents (`checking`).
        setup: what its reader needs.
    """
    report = replace(compare(motion, made, form, meant, setup), path=folder / made.name)
    if report.error is not None:
        return report
    try:
        for beside in made.parent.iterdir():
            if beside.is_dir():
                shutil.copytree(beside, folder / beside.name, dirs_exist_ok=True)
        with whole_file(report.path) as temporary:
            shutil.move(made, temporary)
            marked = marks.mark(temporary, motion.stated_origin)
        if marked == marks.NONE:
            marks.mark_beside(report.path, motion.stated_origin)
    except (InputError, OSError) as error:
        return replace(report, error=f"{made.name} was not kept: {error}")
    return report


def track_errors(motion: Motion, other: Motion) -> dict[str, float]:
    """Return the largest absolute difference of each track that two motions share, over the frames of the second.

    Both are compared at the times of the second one's frames, so that files of a fixed frame rate can be judged too.
    """
    if other.frame_count == 0 or motion.frame_count == 0:
        return {}
    mine, present = motion.tracks(), other.tracks()
    return {
        name: _track_error(motion, mine[name], other.times, values)
        for name, values in present.items()
        if name in mine and mine[name].shape[1:] == values.shape[1:]
    }


def _track_error(
    motion: Motion, values: NDArray[np.float32], times: NDArray[np.float64], found: NDArray[np.float32]
) -> float:
    """The largest difference of a track at any times, column by column: hours fill no memory."""
    mine, own = values.reshape(len(values), -1), motion.times
    columns = zip(mine.T, found.reshape(len(found), -1).T, strict=True)
    return max(
        (float(np.abs(np.interp(times, own, one) - other).max(initial=0.0)) for one, other in columns), default=0.0
    )


def _with_rate(setup: FormatOptions, animation: AnimationCurves) -> FormatOptions:
    return replace(setup, rate=animation.rate)


def _check(
    wanted: AnimationCurves, found: AnimationCurves, errors: Mapping[str, float], form: FileFormat, path: Path
) -> None:
    """Refuse a file that does not match the motion."""
    if wanted.curves and found.frame_count != wanted.frame_count:
        raise InputError(
            f"{path.name} reads back with {found.frame_count} frames instead of {wanted.frame_count}, so it was "
            "not kept; report this with the motion file."
        )
    wrong = {name: error for name, error in errors.items() if error > form.tolerance}
    if wrong:
        name = max(wrong, key=lambda one: wrong[one])
        raise InputError(
            f"{path.name} reads back with too large a difference ({name} by {wrong[name]:g}), so it was not kept; "
            "report this with the motion file."
        )


def _left_out(motion: Motion, form: FileFormat) -> list[str]:
    """A sentence for the tracks that are there and that the format has no place for."""
    absent = [name.replace("_", " ") for name in motion.tracks() if name not in form.carries]
    if motion.events and "events" not in form.carries:
        absent.append("events")
    return [f"{form.title} has no place for {', '.join(absent)}: not written."] if absent else []
