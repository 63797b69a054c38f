"""A picture of a take: frames in a row, and under them the curves of jaw, lips and brows over the sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.core.atomic_files import whole_file
from animcore.core.origin import COMPOSITE
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.motion import Motion
from animcore.provenance import marks

mpl.use("Agg")
from matplotlib import pyplot

# panel -> label -> the weights that are averaged; a minus sign subtracts
CURVES: dict[str, dict[str, tuple[str, ...]]] = {
    "jaw": {"open": ("jawOpen",)},
    "lips": {
        "closed": ("mouthClose", "mouthPressLeft", "mouthPressRight"),
        "round": ("mouthPucker", "mouthFunnel"),
        "wide": ("mouthStretchLeft", "mouthStretchRight", "mouthSmileLeft", "mouthSmileRight"),
    },
    "brows": {
        "up": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
        "down": ("browDownLeft", "browDownRight"),
    },
}


def frame_times(duration: float, count: int) -> NDArray[np.float64]:
    """(count,) seconds in the middle of equal parts of a take."""
    return (np.arange(count) + 0.5) * duration / count


def draw(motion: Motion, clip: AudioClip, pictures: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Write the sheet as PNG.

    Args:
        motion: with ARKit weights.
        clip: the sound it was made from.
        pictures: one (height, width, 3) uint8 image for each of `frame_times(clip.duration, len(pictures))`.
        path: of the PNG.
    """
    assert motion.arkit is not None
    times = frame_times(clip.duration, len(pictures))
    figure = pyplot.figure(figsize=(16, 7.2), dpi=100, layout="constrained")
    grid = figure.add_gridspec(1 + len(CURVES), len(pictures), height_ratios=[2.4, *[1] * len(CURVES)])
    for column, (picture, time) in enumerate(zip(pictures, times, strict=True)):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(picture)
        axes.set_title(f"{time:.2f} s", fontsize=9)
        axes.axis("off")
    for row, (panel, curves) in enumerate(CURVES.items(), 1):
        axes = figure.add_subplot(grid[row, :])
        _sound(axes, clip)
        for label, names in curves.items():
            columns = [ARKIT_INDEX[name] for name in names]
            axes.plot(motion.times, motion.arkit[:, columns].mean(1), label=label, linewidth=1.4)
        for time in times:
            axes.axvline(time, color="0.6", linewidth=0.6, linestyle=":")
        axes.set(xlim=(0, clip.duration), ylabel=panel)
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper right", fontsize=8, ncols=len(curves), framealpha=0.8)
    axes.set_xlabel("seconds")
    with whole_file(path) as temporary:
        figure.savefig(temporary)
        marks.mark(temporary, motion.stated_origin.by(COMPOSITE))
    pyplot.close(figure)


def _sound(axes: pyplot.Axes, clip: AudioClip) -> None:
    """The envelope of the sound in grey behind the curves, at full height where it is loudest."""
    step = clip.rate // 100
    count = len(clip.samples) // step
    envelope = np.abs(clip.samples[: count * step]).reshape(count, step).max(1)
    behind = axes.twinx()
    behind.fill_between(np.arange(count) / 100, envelope / max(float(envelope.max()), 1e-6), color="0.9", linewidth=0)
    behind.set(ylim=(0, 1.05), yticks=[])
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)
