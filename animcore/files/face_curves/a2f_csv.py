"""`animation_frames.csv` of NVIDIA Audio2Face-3D (NIM): an index, a time code, and 52 + 16 columns in PascalCase.

Layout: pandas writes the messages of the service with `json_normalize`, so a column is called
`blendShapes.EyeBlinkLeft`, and the first has no name.
"""

from __future__ import annotations

from pathlib import Path

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.files import blendshape_names
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions, face_weights
from animcore.files.text_tables import save_table, table_of
from animcore.motion import Motion

_PREFIX = "blendShapes."
_TIME = "timeCode"


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the ARKit and tongue weights; a motion without a tongue gives columns of 0, as the service does."""
    animation = face_weights(motion, setup)
    names = (*ARKIT, *TONGUE)
    return AnimationCurves(animation.rate, animation.start, dict(zip(names, animation.matrix(names).T, strict=True)))


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the table.

    Raises:
        InputError: when the file cannot be written.
    """
    names = tuple(animation.curves)
    header = ("", _TIME, *(_PREFIX + name[0].upper() + name[1:] for name in names))
    firsts = (f"{index},{float(animation.start + index / animation.rate)!r}" for index in range(animation.frame_count))
    save_table(path, header, firsts, animation.rows(names))


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the table; the frame rate is found from the time codes unless it is given.

    Raises:
        InputError: when it is no such table, cut off, or holds something else than numbers.
    """
    table = table_of(path)
    names = tuple(name for name in table.header if name.lower().startswith(_PREFIX.lower()))
    if table.column(_TIME) is None or not names:
        raise InputError(
            f"{path.name} is not an animation_frames.csv of Audio2Face-3D: it needs timeCode and blendShapes columns."
        )
    shapes = tuple(name[len(_PREFIX) :] for name in names)
    return blendshape_names.read_table(table, _TIME, names, shapes, setup.rate)


FORMAT = FileFormat(
    title="Audio2Face-3D CSV",
    suffix=".a2f.csv",
    carries=("arkit", "tongue"),
    encode=encode,
    write=write,
    read=read,
    decode=blendshape_names.decode,
    tolerance=1e-6,
)
