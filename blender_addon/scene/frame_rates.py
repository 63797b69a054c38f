"""Seconds and frames through the scene's exact frame rate. Imports no bpy."""

from __future__ import annotations

import struct
from fractions import Fraction

_DENOMINATORS = (1, 10, 100, 1000, 1001, 10_000, 100_000)


def exact_rate(fps: int, base: float) -> Fraction:
    """Return the frame rate of a scene as a fraction: 24 and 1.001 give 24000/1001.

    Blender stores `fps_base` as a 32-bit float, so 1.001 reads back as 1.00100004673. The fraction meant is the
    simplest one that is stored as that same float.

    Args:
        fps: `scene.render.fps`, above 0.
        base: `scene.render.fps_base`, above 0.
    """
    stored = _single(base)
    for denominator in _DENOMINATORS:
        meant = Fraction(base).limit_denominator(denominator)
        if _single(float(meant)) == stored:
            return Fraction(fps) / meant
    return Fraction(fps) / Fraction(base).limit_denominator(_DENOMINATORS[-1])


def _single(value: float) -> float:
    """Round to the 32-bit float that Blender stores."""
    return float(struct.unpack("f", struct.pack("f", value))[0])
