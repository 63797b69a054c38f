"""Pixels of a decoded frame in its own format: crops as numbers, and changes that leave all other samples as they are.

Planar formats are read and written sample by sample (8 to 16 bits, any chroma subsampling), so that what lies outside a
change is equal bit for bit. Others are converted once to the planar format that holds them without loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatImage = NDArray[np.float32]

# Formats that decoders give and that are not planar, and what holds them without loss.
_PLANAR = {
    "nv12": "yuv420p", "nv21": "yuv420p", "p010le": "yuv420p10le", "p016le": "yuv420p16le", "yuyv422": "yuv422p",
    "uyvy422": "yuv422p", "rgb24": "gbrp", "bgr24": "gbrp", "rgb48le": "gbrp16le", "rgb48be": "gbrp16le",
    "y210le": "yuv422p10le", "gray": "yuv420p", "gray10le": "yuv420p10le",
}  # fmt: skip


@dataclass(frozen=True)
class Box:
    """Rows top .. bottom - 1 and columns left .. right - 1 of an image; even numbers, so that chroma fits."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @classmethod
    def around(cls, points: Array, margin: float, size: tuple[int, int]) -> Box:
        """Return the box around points (N, 2) and a margin in pixels, within an image of `size` (width, height)."""
        low = np.maximum(np.floor((points.min(0) - margin) / 2).astype(int) * 2, 0)
        most = np.array(size) // 2 * 2
        high = np.minimum(np.ceil((points.max(0) + margin) / 2).astype(int) * 2, most)
        low = np.minimum(low, most - 2)
        return cls(int(low[0]), int(low[1]), int(max(high[0], low[0] + 2)), int(max(high[1], low[1] + 2)))


class Picture:
    """The samples of a frame, upright.

    Attributes:
        planes: three arrays (H, W) of 8 or 16 bits; those of chroma are smaller.
        form: name of the format.
        most: the largest sample value.
    """

    def __init__(self, planes: list[Array], form: str, bits: int) -> None:
        self.planes = planes
        self.form = form
        self.most = float((1 << bits) - 1)

    @classmethod
    def of(cls, frame: Any) -> Picture:
        """Read a decoded frame of PyAV."""
        frame = _planar(frame)
        bits = frame.format.components[0].bits
        kind = np.dtype(np.uint8 if bits <= 8 else "<u2")
        turns = round(getattr(frame, "rotation", 0) / 90)
        planes = []
        for plane in list(frame.planes)[:3]:
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
            samples = rows[:, : plane.width * kind.itemsize].copy().view(kind)
            planes.append(np.ascontiguousarray(np.rot90(samples, turns)))
        return cls(planes, frame.format.name, bits)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.planes[0].shape[1], self.planes[0].shape[0]

    def crop(self, box: Box) -> FloatImage:
        """Return (h, w, 3) of a box, 0..1, with chroma at the size of luma; the channels are those of the format."""
        height, width = box.shape
        values = np.empty((height, width, 3), np.float32)
        for channel, plane in enumerate(self.planes):
            across, down = self._steps(plane)
            part = plane[box.top // down : -(-box.bottom // down), box.left // across : -(-box.right // across)]
            full = _enlarged(part.astype(np.float32), down, across)
            values[..., channel] = full[:height, :width]
        return values / np.float32(self.most)

    def add(self, box: Box, change: FloatImage) -> None:
        """Add a change (h, w, 3), 0..1, to a box; samples whose change is 0 stay as they are."""
        for channel, plane in enumerate(self.planes):
            across, down = self._steps(plane)
            part = plane[box.top // down : -(-box.bottom // down), box.left // across : -(-box.right // across)]
            own = change[..., channel]
            if down > 1 or across > 1:
                own = own[: part.shape[0] * down, : part.shape[1] * across]
                own = own.reshape(part.shape[0], down, part.shape[1], across).mean((1, 3))
            changed = np.clip(np.rint(part + own * self.most), 0, self.most)
            part[...] = changed.astype(plane.dtype)

    def frame(self) -> Any:
        """Return it as a frame of PyAV."""
        width, height = self.size
        frame = av.VideoFrame(width, height, self.form)
        for plane, samples in zip(frame.planes, self.planes, strict=False):
            rows = np.zeros((plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
            flat = np.ascontiguousarray(samples).view(np.uint8)
            rows[: flat.shape[0], : flat.shape[1]] = flat
            plane.update(rows.tobytes())
        return frame

    def _steps(self, plane: Array) -> tuple[int, int]:
        """How many pixels a sample of a plane spans, across and down."""
        height, width = self.planes[0].shape
        return -(-width // plane.shape[1]), -(-height // plane.shape[0])


def _planar(frame: Any) -> Any:
    """The frame in a planar format that loses nothing."""
    name = frame.format.name
    if name.startswith(("yuv4", "yuvj4", "gbrp")) and not name.endswith("be") and len(frame.planes) >= 3:
        return frame
    deep = frame.format.components[0].bits > 8
    wanted = _PLANAR.get(name, "yuv444p16le" if deep else "yuv444p")
    turned = frame.reformat(format=wanted)
    return turned


def _enlarged(values: FloatImage, down: int, across: int) -> FloatImage:
    """Chroma at the size of luma: linear between the middles of its samples."""
    for axis, factor in ((0, down), (1, across)):
        if factor > 1:
            count = values.shape[axis]
            at = np.clip((np.arange(count * factor) + 0.5) / factor - 0.5, 0, count - 1)
            low = np.minimum(at.astype(int), max(count - 2, 0))
            share = (at - low).astype(np.float32).reshape([-1 if one == axis else 1 for one in (0, 1)])
            values = values.take(low, axis) * (1 - share) + values.take(np.minimum(low + 1, count - 1), axis) * share
    return values
