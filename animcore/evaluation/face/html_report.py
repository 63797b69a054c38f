"""The page: `judge.html`, one file with the tables, the curves of every clip over its audio, and what figures mean."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.core.atomic_files import whole_file
from animcore.errors import InputError
from animcore.evaluation.face.scoring import BY_NAME, MEASURES, TRUTH, FaceClip, Metric

Array = NDArray[np.floating[Any]]

INCHES = (11.0, 60.0)  # the narrowest and the widest image
INCHES_A_SECOND = 0.9
STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:1150px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .7em;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}b{color:#06683a}.wide{overflow-x:auto}.note{color:#8a5a00}
small{color:#666}"""


def write(
    clips: Sequence[FaceClip],
    means: Mapping[str, Mapping[str, float]],
    sounds: Mapping[str, Path],
    notes: Sequence[str],
    path: Path,
) -> None:
    """Write the page.

    Args:
        clips: each with its verdicts.
        means: the figures of each output over the clips.
        sounds: audio files by clip, of those that have one.
        notes: sentences that belong above the tables.
        path: of the page.

    Raises:
        InputError: without matplotlib, where audio cannot be decoded or the file cannot be written.
    """
    figure_of = figures()
    shown = [measure for measure in MEASURES if any(measure.name in values for values in means.values())]
    parts = [
        f"<!doctype html><meta charset=utf-8><title>Animcore judge</title><style>{STYLE}</style>",
        f"<h1>{len(clips)} clip(s), {len(clips[0].verdicts)} output(s)</h1>",
        *(f"<p class=note>{html.escape(note)}</p>" for note in notes),
        table(means, shown, "mean over clips"),
        image_tag(_overview(clips, list(clips[0].verdicts), figure_of)) if len(clips) > 1 else "",
    ]
    for clip in clips:
        clip_sound = recording.load(sounds[clip.name]) if clip.name in sounds else None
        parts += [
            f"<h2>{html.escape(clip.name)}</h2><small>truth: {html.escape(clip.truth.path.name)}, "
            f"{clip.truth.duration:.1f} s, {float(clip.truth.rate):g} frames per second</small>",
            *(f"<p class=note>{html.escape(note)}</p>" for note in _notes(clip)),
            table(clip.rows, shown, "output"),
            image_tag(_curves(clip, clip_sound, figure_of)),
        ]
    parts += ["<h2>What the figures mean</h2><ul>", *map(legend, shown), "</ul>"]
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")


def _notes(clip: FaceClip) -> list[str]:
    """What was noticed in any of the clip's files, each sentence once."""
    return list(dict.fromkeys(note for verdict in clip.verdicts.values() for note in verdict.notes))


def figures() -> Callable[..., Any]:
    """Return the figures of matplotlib, which need no screen.

    Raises:
        InputError: without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "The page of plots needs matplotlib: pip install '.[judge]' in the source folder of Animcore."
        ) from error
    return Figure


def table(rows: Mapping[str, Mapping[str, float]], shown: Sequence[Metric], corner: str) -> str:
    """Return a table of figures; the best of each column is set off where there are several rows."""
    head = "".join(f"<th title='{html.escape(m.meaning)}'>{m.name}<br><small>{m.unit}</small></th>" for m in shown)
    best = {measure.name: nearest(measure, rows) for measure in shown}
    lines = [
        f"<tr><td>{html.escape(name)}</td>" + "".join(_cell(m, name, values, best[m.name]) for m in shown) + "</tr>"
        for name, values in rows.items()
    ]
    return f"<div class=wide><table><tr><th>{corner}</th>{head}</tr>{''.join(lines)}</table></div>"


def nearest(measure: Metric, rows: Mapping[str, Mapping[str, float]]) -> str | None:
    """Return the row that does best by a measure; None where fewer than two have it, or none can be best."""
    known = {name: row[measure.name] for name, row in rows.items() if measure.name in row and name != TRUTH}
    truth = rows.get(TRUTH, {}).get(measure.name, np.nan)
    off = {name: measure.distance(value, truth) for name, value in known.items()}
    off = {name: distance for name, distance in off.items() if np.isfinite(distance)}
    return min(off, key=lambda name: off[name]) if len(off) > 1 else None


def _cell(measure: Metric, name: str, values: Mapping[str, float], best: str | None) -> str:
    text = measure.text(values)
    return f"<td><b>{text}</b></td>" if name == best else f"<td>{text}</td>"


def legend(measure: Metric) -> str:
    """Return what a figure means, as an item of a list."""
    told = f" <small>(best: {measure.told_best})</small>" if measure.told_best else ""
    return f"<li><b>{measure.name}</b> {html.escape(measure.meaning)}{told}</li>"


def _overview(clips: Sequence[FaceClip], names: Sequence[str], figure_of: Callable[..., Any]) -> Any:
    """Bars a clip: correlation of the opening, and lag."""
    wide = float(np.clip(0.35 * len(clips) * (len(names) + 1), *INCHES))
    figure = figure_of(figsize=(wide, 5.6), dpi=80, layout="constrained")
    for axes, key in zip(figure.subplots(2, 1, sharex=True), ("r_open", "lag_ms"), strict=True):
        for index, name in enumerate(names):
            values = [clip.verdicts[name].values.get(key, np.nan) for clip in clips]
            axes.bar(
                np.arange(len(clips)) + (index + 0.5) / (len(names) + 1), values, 0.9 / (len(names) + 1), label=name
            )
        axes.set(ylabel=f"{key}", xlim=(-0.2, len(clips)))
        axes.axhline(0, color="0.4", linewidth=0.7)
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
        axes.set_title(re.split("[:;]", BY_NAME[key].meaning)[0], fontsize=9, loc="left")
    axes.set_xticks(np.arange(len(clips)) + 0.4, [clip.name for clip in clips], rotation=35, ha="right", fontsize=8)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=len(names), fontsize=9)
    return figure


def _curves(clip: FaceClip, sound: recording.AudioClip | None, figure_of: Callable[..., Any]) -> Any:
    """Opening and width of the truth (black) and of every output over the audio, and the lip error over time."""
    errors = {name: verdict for name, verdict in clip.verdicts.items() if verdict.error is not None}
    panels = 3 if errors else 2
    wide = float(np.clip(INCHES_A_SECOND * clip.truth.duration, *INCHES))
    figure = figure_of(figsize=(wide, 2.0 * panels + 0.6), dpi=80, layout="constrained")
    rows = figure.subplots(panels, 1, sharex=True)
    for axes, part in zip(rows, ("opening", "width"), strict=False):
        envelope(axes, sound)
        axes.plot(clip.truth.times, getattr(clip.truth, part), color="black", linewidth=2.0, label="truth")
        for name, verdict in clip.verdicts.items():
            axes.plot(verdict.times, getattr(verdict, part), linewidth=1.3, label=name)
        axes.set_ylabel(f"{part} / eyes")
    for index, name in enumerate(clip.verdicts):
        if name in errors:
            rows[2].plot(errors[name].times, errors[name].error, color=f"C{index}", linewidth=1.2)
            rows[2].set(ylabel="lip error, mm")
    rows[0].set_ylim(bottom=-0.005)
    rows[-1].set(xlabel="seconds", xlim=(clip.truth.start, clip.truth.start + clip.truth.duration))
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(errors) + 4, fontsize=9)
    return figure


def envelope(axes: Any, sound: recording.AudioClip | None) -> None:
    """Draw the audio in grey behind the curves, at full height where it is loudest."""
    if sound is None:
        return
    step = sound.rate // 100
    count = len(sound.samples) // step
    level = np.abs(sound.samples[: count * step]).reshape(count, step).max(1, initial=0.0)
    behind = axes.twinx()
    behind.fill_between(
        np.arange(count) / 100, level / max(float(level.max(initial=0.0)), 1e-6), color="0.88", linewidth=0
    )
    behind.set(ylim=(0, 1.05), yticks=[])
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)


def image_tag(figure: Any) -> str:
    """Return a figure as an image inside the page."""
    store = io.BytesIO()
    figure.savefig(store, format="png")
    return f"<div class=wide><img src='data:image/png;base64,{base64.b64encode(store.getvalue()).decode()}'></div>"
