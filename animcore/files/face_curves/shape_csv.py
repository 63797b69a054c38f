"""A table of any rig's shapes: a column `time` in seconds, and one a shape, under the rig's own names."""

from __future__ import annotations

from pathlib import Path

from animcore.errors import InputError
from animcore.files import blendshape_names
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.text_tables import save_table, table_of
from animcore.motion import Motion

_TIMES = ("time", "seconds", "t", "timestamp")


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the weights under the rig's names."""
    animation = blendshape_names.encode(motion, setup)
    return AnimationCurves(animation.rate, animation.start, animation.curves, lacks=animation.lacks)


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the table.

    Raises:
        InputError: when the file cannot be written.
    """
    names = tuple(animation.curves)
    times = (repr(float(animation.start + index / animation.rate)) for index in range(animation.frame_count))
    save_table(path, (_TIMES[0], *names), times, animation.rows(names))


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the table; the frame rate is found from the times unless it is given.

    Raises:
        InputError: when it has no column of times, is cut off, or holds something else than numbers.
    """
    table = table_of(path)
    time = next((name for name in table.header if name.lower() in _TIMES), None)
    names = tuple(name for name in table.header if name and name != time)
    if time is None or not names:
        raise InputError(f"{path.name} is not a table of shapes: it needs a column `time` (seconds) and one a shape.")
    return blendshape_names.read_table(table, time, names, names, setup.rate)


FORMAT = FileFormat(
    title="CSV of a rig's shapes",
    suffix=".shapes.csv",
    carries=("arkit", "tongue"),
    encode=encode,
    write=write,
    read=read,
    decode=blendshape_names.decode,
    tolerance=1e-6,
)
