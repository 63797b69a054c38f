"""Arrays into an `.npz` archive, as NumPy writes it, with an orderly end where the disk is full."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np


def write_arrays(handle: IO[bytes], contents: Mapping[str, Any]) -> None:
    """Write named arrays as `numpy.savez_compressed` does.

    NumPy leaves the archive open where a write fails; the garbage collector then tries to finish it, and prints a
    traceback that has nothing to do with what went wrong.

    Raises:
        OSError: where the disk takes no more.
    """
    write: Any = np.lib.format.write_array  # numpy leaves it untyped
    archive = zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
    try:
        for name, values in contents.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                write(part, np.asanyarray(values), allow_pickle=False)
        archive.close()
    except BaseException:
        archive.fp = None  # nothing is left for it to finish
        raise
