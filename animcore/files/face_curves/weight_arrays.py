"""ARKit weights as plain arrays (`.npz` with `arkit` (T, K), `names` (K,) and `fps`), as people keep their data.

`start` (seconds of the first frame) may be there. This is the one reader of such files, for whatever reads motions:
judging, training, export.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.vocabulary import ARKIT
from animcore.errors import BROKEN_FILE, InputError
from animcore.files import npz_arrays
from animcore.files.animation_curves import AnimationCurves, FormatOptions

NEEDED = ("arkit", "names", "fps")
_SLACK = 0.5  # that an animator's weights may overshoot; more means another unit


def is_one(path: Path) -> bool:
    """Whether a file is such an archive, and no motion of Animcore's own."""
    try:
        with reading.archive(path) as archive:
            names = {Path(name).stem for name in archive.namelist()}
    except BROKEN_FILE:
        return False
    return names.issuperset(NEEDED) and "format" not in names


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the weights in the order of ARKit's names; those that overshoot are cut at 0 and 1, with a note.

    Raises:
        InputError: when the file is broken, or does not hold weights.
    """
    contents, notes = npz_arrays.contents_of(path, (*NEEDED, "start"))
    if missing := [name for name in NEEDED if name not in contents]:
        raise InputError(f"{path.name}: {missing[0]} cannot be read; write the arrays again.")
    try:
        weights, start = ordered(contents, path), float(contents.get("start", 0.0))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path.name} does not hold numbers where curves should be ({error}).") from error
    if not np.isfinite(start):
        raise InputError(f"{path.name}: {start} is not a time to start at.")
    low, high = weights.min(initial=0.0), weights.max(initial=1.0)
    if low < 0.0 or high > 1.0:
        notes = (*notes, f"{path.name}: weights reach {low:.2g} to {high:.2g}; they were cut at 0 and 1.")
    rate = npz_arrays.rate_in(contents, setup, path)
    return AnimationCurves(rate, start, {"arkit": np.clip(weights, 0.0, 1.0).astype(np.float32)}, notes=notes)


def ordered(contents: Mapping[str, NDArray[Any]], path: Path) -> NDArray[np.float64]:
    """Return (T, 52) the weights as they are, in the order of `vocabulary.ARKIT`; a shape that is not there stays 0.

    Raises:
        InputError: where they do not fit their names, or are no weights.
    """
    values, names = contents["arkit"].astype(np.float64), [str(name).lower() for name in contents["names"]]
    if values.ndim != 2 or values.shape[1] != len(names):
        raise InputError(f"{path.name}: arkit has the shape {values.shape} for {len(names)} names.")
    if not np.isfinite(values).all():
        raise InputError(f"{path.name} holds weights that are not numbers (NaN or infinite); export it again.")
    if values.size and (values.min() < -_SLACK or values.max() > 1 + _SLACK):
        raise InputError(f"{path.name}: weights must lie in 0..1; these reach {values.min():g}..{values.max():g}.")
    present = [index for index, name in enumerate(ARKIT) if name.lower() in names]
    if not present:
        raise InputError(f"{path.name}: none of its names is one of ARKit's ({', '.join(ARKIT[:3])} ...).")
    weights = np.zeros((len(values), len(ARKIT)))
    weights[:, present] = values[:, [names.index(ARKIT[index].lower()) for index in present]]
    return weights
