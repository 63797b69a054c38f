"""Two bodies side by side with their audio, and the speed of their wrists below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import joint_positions, world_rotations
from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.evaluation.body import figure_renderer
from animcore.evaluation.body.metrics import WRISTS
from animcore.evaluation.body.scoring import BodyTake
from animcore.files.video import writer

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

HEIGHT, WIDTH, STRIP = 480, 340, 80  # pixels of a person, and of the curves under both
FASTEST = 25.0  # FPS that are drawn at most
_PAGE = 6.0  # seconds of curves shown at once
_FULL = 2.0  # metres a second at the top of the strip
_INK, _DARK = (235, 235, 235), (24, 24, 24)
_LINES = ((120, 200, 255), (255, 170, 90))


def write(sides: Sequence[tuple[str, BodyTake]], sound: Path | None, path: Path, progress: Progress = silent) -> None:
    """Render one or two takes side by side, each with its name.

    Raises:
        InputError: without Pillow, or where the audio cannot be decoded.
    """
    takes = [take for _, take in sides]
    rate = Fraction(min(FASTEST, *(take.rate for take in takes))).limit_denominator(1001)
    end = max(take.start + take.duration for take in takes)
    times = np.arange(max(1, int(end * rate))) / float(rate)
    speeds = [_speed(take, times) for take in takes]

    def frames() -> Iterator[Image]:
        people = [figure_renderer.draw(take, times, HEIGHT, WIDTH) for take in takes]
        for index, images in enumerate(zip(*people, strict=True)):
            progress(index / len(times), path.name)
            yield _captioned(np.concatenate(images, 1), [name for name, _ in sides], times, speeds, index)

    writer.write(frames(), rate, path, sound)


def _speed(take: BodyTake, times: Array) -> Array:
    """(T,) metres a second of the faster wrist at times."""
    wrists = joint_positions(world_rotations(take.pose))[:, WRISTS]
    speed = np.linalg.norm(np.gradient(wrists, axis=0), axis=-1).max(1) * take.rate
    return np.asarray(np.interp(times, take.start + np.arange(len(speed)) / take.rate, speed))


def _captioned(people: Image, names: Sequence[str], times: Array, speeds: Sequence[Array], index: int) -> Image:
    """Names over the people, and under them a page of six seconds of how fast their wrists are."""
    try:
        from PIL import Image as Picture
        from PIL import ImageDraw
    except ImportError as error:
        raise InputError(
            "A video of two takes needs Pillow: pip install '.[judge]' in the source folder of Animcore."
        ) from error
    image = Picture.fromarray(np.pad(people, ((0, STRIP), (0, 0), (0, 0)), constant_values=24))
    pen = ImageDraw.Draw(image)
    begin = times[index] // _PAGE * _PAGE
    shown = (times >= begin) & (times <= begin + _PAGE)
    across = (times[shown] - begin) / _PAGE * people.shape[1]
    for speed, colour in zip(speeds, _LINES, strict=False):
        down = HEIGHT + STRIP - 4 - np.minimum(speed[shown] / _FULL, 1) * (STRIP - 12)
        pen.line([*zip(across, down, strict=True)], fill=colour, width=2)
    place = (times[index] - begin) / _PAGE * people.shape[1]
    pen.line([(place, HEIGHT), (place, HEIGHT + STRIP)], fill=_INK)
    written: dict[str, Any] = {"stroke_width": 2, "stroke_fill": _DARK}
    for side, name in enumerate(names):
        pen.text((side * WIDTH + 10, 8), name, fill=_LINES[side], font_size=18, **written)
    pen.text((8, HEIGHT + 2), "speed of the faster wrist, up to 2 m/s", fill=_INK, font_size=11, **written)
    return np.asarray(image)
