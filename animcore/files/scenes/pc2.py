"""PC2 vertex caches: the positions of all vertices of one mesh on every frame, for programs without shapes and bones.

Little-endian: the text POINTCACHE2 and a zero, the version 1, the number of points (int32), the first frame and the
frames a sample (float32), the number of samples (int32), then x, y, z of each point of each sample (float32), in the
mesh's own space and Blender's axes (metres, Z up). The file does not state its frame rate. The vertices come from
Blender (`blender_process`); the mesh is `FormatOptions.mesh`, else the one with most shapes, and fits without its
subdivision.
"""

from __future__ import annotations

import functools
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.core.reading import check_file
from animcore.errors import InputError
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.scenes import scene_curves, via_blender

_HEADER = struct.Struct("<12siiffi")
_MAGIC = b"POINTCACHE2\0"
_PROBES = 128  # vertices that are compared on every frame; the extension's child_requests.py takes the same ones


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read probes (T, P, 3) of a cache: vertices evenly spread over the mesh.

    Raises:
        InputError: when it is missing, cut off or no PC2.
    """
    check_file(path)
    try:
        with path.open("rb") as handle:
            head = handle.read(_HEADER.size)
        length = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).") from error
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise InputError(f"{path.name} is not a PC2 cache; write it again.")
    _, version, points, first, step, samples = _HEADER.unpack(head)
    if version != 1 or points < 1 or samples < 1 or not np.isfinite((first, step)).all() or step <= 0:
        raise InputError(f"{path.name} is a broken PC2 cache ({points} points, {samples} samples); write it again.")
    if length != _HEADER.size + 12 * points * samples:
        raise InputError(
            f"{path.name} is cut off: {samples} samples of {points} points take "
            f"{_HEADER.size + 12 * points * samples} bytes, {length} are there; write it again."
        )
    table = np.memmap(path, "<f4", "r", _HEADER.size, (samples, points, 3))
    chosen = np.linspace(0, points - 1, min(_PROBES, points)).astype(int)
    rate = (setup.rate or Fraction(30)) / Fraction(step)
    return AnimationCurves(
        rate, float(Fraction(first) / (rate * Fraction(step))), {"vertices": np.array(table[:, chosen])}
    )


FORMAT = FileFormat(
    title="PC2 vertex cache",
    suffix=".pc2",
    carries=scene_curves.CARRIES,
    encode=functools.partial(via_blender.encode_vertices, "pc2"),
    write=functools.partial(via_blender.write_vertices, "pc2"),
    read=read,
    decode=via_blender.decode_vertices,
    tolerance=1e-6,
    needs_rate=True,
    limit=1e-4,
)
