"""Two takes side by side with their audio: the default head, or a video's own images, and the curves of the lips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.evaluation.face import software_renderer
from animcore.evaluation.face.loading import VIDEOS, FaceTake
from animcore.evaluation.face.reference_face import ReferenceFace
from animcore.files.video import writer

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

HEIGHT, WIDTH, STRIP = 400, 360, 100  # pixels of a head, and of the curves under both
FASTEST = Fraction(30)  # FPS that are drawn at most
_PAGE = 6.0  # seconds of curves shown at once
_INK, _GREY, _DARK = (235, 235, 235), (120, 125, 132), (24, 24, 24)
_LINES = ((120, 200, 255), (255, 170, 90))


@dataclass(frozen=True)
class VideoPanel:
    """One half of the image."""

    name: str
    take: FaceTake

    def images(self, times: Array, face: ReferenceFace) -> Iterator[Image]:
        """(HEIGHT, WIDTH, 3) sRGB at each time."""
        if self.take.weights is None:
            yield from _video_frames(self.take.path, times)
            return
        weights = self.take.at(times, face)[2]
        assert weights is not None
        for pose in weights:
            yield software_renderer.draw(pose, HEIGHT, WIDTH)


def drawable(take: FaceTake) -> bool:
    """Whether there is a face to show: weights for the default head, or a video."""
    return take.weights is not None or take.path.suffix.lower() in VIDEOS


def write(
    sides: Sequence[VideoPanel],
    truth: FaceTake,
    face: ReferenceFace,
    sound: Path,
    path: Path,
    progress: Progress = silent,
) -> None:
    """Render one or two takes side by side, with the opening of their lips and the truth's (grey) below.

    Raises:
        InputError: without Pillow, or where the audio or a video cannot be decoded.
    """
    rate = min(truth.rate, FASTEST)
    end = truth.start + truth.duration
    times = np.arange(max(1, int(end * rate))) / float(rate)
    strip = _CurveStrip(times, [side.take.at(times, face)[0] for side in sides], truth)

    def frames() -> Iterator[Image]:
        halves = [side.images(times, face) for side in sides]
        for index, images in enumerate(zip(*halves, strict=True)):
            progress(index / len(times), path.name)
            heads = np.concatenate(images, axis=1)
            yield strip.under(heads, index, [side.name for side in sides])

    writer.write(frames(), rate, path, sound)


class _CurveStrip:
    """The curves under the heads, a page of six seconds at a time, and the names above."""

    def __init__(self, times: Array, openings: Sequence[Array], truth: FaceTake) -> None:
        self.times = times
        wanted = np.interp(times, truth.times, truth.opening)
        # a filmed person opens the mouth by another amount than the default head, so that each has its own scale
        full = [_full(wanted if truth.weights is not None else curve) for curve in openings]
        curves = [wanted / _full(wanted), *(curve / size for curve, size in zip(openings, full, strict=True))]
        self.curves = [
            (np.minimum(curve, 1.1), colour, thick)
            for curve, colour, thick in zip(curves, (_GREY, *_LINES), (4, 2, 2), strict=False)
        ]

    def under(self, heads: Image, index: int, names: Sequence[str]) -> Image:
        """Put the strip at the frame `index` under the heads, and the names on them."""
        canvas, pen = _canvas(heads)
        width, now = heads.shape[1], self.times[index]
        begin = now // _PAGE * _PAGE
        shown = (self.times >= begin) & (self.times <= begin + _PAGE)
        across = (self.times[shown] - begin) / _PAGE * width
        for curve, colour, thick in self.curves:
            down = HEIGHT + STRIP - 12 - curve[shown] * (STRIP - 24)
            known = np.isfinite(down)
            pen.line([*zip(across[known], down[known], strict=True)], fill=colour, width=thick)
        place = (now - begin) / _PAGE * width
        pen.line([(place, HEIGHT), (place, HEIGHT + STRIP)], fill=_INK)
        for side, name in enumerate(names):
            pen.text((side * WIDTH + 10, 8), name, fill=_LINES[side], font_size=18, stroke_width=2, stroke_fill=_DARK)
        pen.text(
            (8, HEIGHT - 18),
            "opening of the lips; grey: truth",
            fill=_INK,
            font_size=12,
            stroke_width=2,
            stroke_fill=_DARK,
        )
        return np.asarray(canvas)


def _canvas(heads: Image) -> tuple[Any, Any]:
    """A image with room under the heads, and a pen for it."""
    try:
        from PIL import Image as Picture
        from PIL import ImageDraw
    except ImportError as error:
        raise InputError(
            "A video of two takes needs Pillow: pip install '.[judge]' in the source folder of Animcore."
        ) from error
    canvas = Picture.fromarray(np.pad(heads, ((0, STRIP), (0, 0), (0, 0)), constant_values=24))
    return canvas, ImageDraw.Draw(canvas)


def _full(opening: Array) -> float:
    """What counts as wide open: the 98th percentile."""
    return max(float(np.nanpercentile(opening, 98)), 1e-6)


def _video_frames(path: Path, times: Array) -> Iterator[Image]:
    """The frame of a video at each time, scaled to a half's height and cut to its width."""
    with av.open(str(path), metadata_errors="replace") as container:
        rate = float(container.streams.video[0].average_rate or 25)
        decoded = ((frame.time if frame.time is not None else index / rate, frame)
                   for index, frame in enumerate(container.decode(video=0)))  # fmt: skip
        _, frame = next(decoded)
        following = next(decoded, None)
        for time in times:
            while following is not None and following[0] <= time + 0.5 / rate:
                frame, following = following[1], next(decoded, None)
            yield _fitted(frame)


def _fitted(frame: av.VideoFrame) -> Image:
    scale = max(HEIGHT / frame.height, WIDTH / frame.width)
    wide, tall = round(frame.width * scale), round(frame.height * scale)
    image = frame.reformat(width=wide, height=tall, format="rgb24").to_ndarray()
    left, top = (wide - WIDTH) // 2, (tall - HEIGHT) // 2
    return np.asarray(image[top : top + HEIGHT, left : left + WIDTH])
