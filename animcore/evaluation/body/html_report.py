"""The page of `animcore judge-body`: tables, and the speed of the wrists over sound, onsets and strokes."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from animcore.audio import recording
from animcore.body_models.kinematics import joint_positions, world_rotations
from animcore.core.atomic_files import whole_file
from animcore.evaluation.body import metrics as measures
from animcore.evaluation.body.audio_onsets import onsets
from animcore.evaluation.body.scoring import MEASURES, MM, BodyClip, BodyTake
from animcore.evaluation.face import html_report
from animcore.postprocess import self_collision


def write(
    clips: Sequence[BodyClip], means: Mapping[str, Mapping[str, float]], notes: Sequence[str], path: Path
) -> None:
    """Write the page.

    Raises:
        InputError: without matplotlib, where audio cannot be decoded or the file cannot be written.
    """
    figure_of = html_report.figures()
    shown = [measure for measure in MEASURES if any(measure.name in values for values in means.values())]
    parts = [
        f"<!doctype html><meta charset=utf-8><title>Animcore judge</title><style>{html_report.STYLE}</style>",
        f"<h1>{len(clips)} clip(s), {len(clips[0].takes)} output(s)</h1>",
        *(f"<p class=note>{html.escape(note)}</p>" for note in notes),
        html_report.table(means, shown, "mean over clips"),
    ]
    for clip in clips:
        parts += [
            f"<h2>{html.escape(clip.name)}</h2>",
            html_report.table(clip.values, shown, "output"),
            html_report.image_tag(_curves(clip, figure_of)),
        ]
    parts += ["<h2>What the figures mean</h2><ul>", *map(html_report.legend, shown), "</ul>"]
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")


def _curves(clip: BodyClip, figure_of: Callable[..., Any]) -> Any:
    """For each output the speed of both wrists with the ends of strokes, and how deep the arms are in the body."""
    sound = None if clip.sound is None else recording.load(clip.sound)
    marks = np.zeros(0) if sound is None else onsets(sound)
    longest = max(take.start + take.duration for takes in clip.takes.values() for take in takes)
    wide = float(np.clip(html_report.INCHES_A_SECOND * longest, *html_report.INCHES))
    figure = figure_of(figsize=(wide, 1.6 * len(clip.takes) + 2.0), dpi=80, layout="constrained")
    rows = figure.subplots(len(clip.takes) + 1, 1, sharex=True)
    for index, (name, takes) in enumerate(clip.takes.items()):
        take = takes[0]
        html_report.envelope(rows[index], sound)
        for time in marks:
            rows[index].axvline(time, color="0.75", linewidth=0.5)
        _speeds(rows[index], take, f"C{index}")
        rows[index].set_ylabel(f"{name}\nwrists, m/s", fontsize=8)
        times = take.start + np.arange(len(take.pose)) / take.rate
        rows[-1].plot(times, MM * self_collision.penetration(take.pose), color=f"C{index}", linewidth=1.0, label=name)
    rows[-1].set(ylabel="in the body, mm", xlabel="seconds", xlim=(0, longest))
    figure.legend(*rows[-1].get_legend_handles_labels(), loc="outside upper left", ncols=len(clip.takes), fontsize=9)
    return figure


def _speeds(axes: Any, take: BodyTake, colour: str) -> None:
    found = joint_positions(world_rotations(take.pose))
    speed = np.linalg.norm(np.gradient(found[:, measures.WRISTS], axis=0), axis=-1).max(1) * take.rate
    times = take.start + np.arange(len(speed)) / take.rate
    axes.plot(times, speed, color=colour, linewidth=1.2)
    ends = measures.strokes(found, take.rate) + take.start
    axes.plot(ends, np.interp(ends, times, speed), ".", color="black", markersize=4)
    axes.set_ylim(bottom=0)
