"""Curves over time as a plot; needs matplotlib, which is imported on the first call."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from animcore.errors import InputError


def is_possible() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(times: NDArray[Any], curves: Mapping[str, NDArray[Any]], title: str, axes: Any = None) -> Any:
    """Draw curves (T,) over seconds (T,); returns the matplotlib `Axes`, new ones where none are given.

    Raises:
        InputError: without matplotlib.
    """
    if not is_possible():
        raise InputError("Plots need matplotlib: pip install matplotlib.")
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=(9, 3))[1]
    for name, values in curves.items():
        axes.plot(times, values, label=name, linewidth=1)
    axes.set(xlabel="seconds", title=title)
    axes.title.set_fontsize(8)
    if curves:
        axes.legend(fontsize=7, loc="upper right")
    return axes


def png(times: NDArray[Any], curves: Mapping[str, NDArray[Any]], title: str) -> bytes:
    """Return the same plot as a PNG, drawn without a window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    draw(times, curves, title, figure.subplots())
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=90)
    return data.getvalue()
