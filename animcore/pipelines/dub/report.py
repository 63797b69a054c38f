"""The page beside a dubbed video: worst moments first, original over dubbed, and the opening asked and shown."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.core.images import encoded
from animcore.core.progress import Progress, silent
from animcore.files.video import face_landmarks
from animcore.pipelines.dub.dubbing import DubResult
from animcore.pipelines.dub.face_points import LIPS, opening, width
from animcore.pipelines.dub.footage import pictures
from animcore.pipelines.dub.manner import correlation
from animcore.pipelines.dub.request import DubRequest

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

_MOMENTS = 8
_APART = 0.4  # seconds between moments
_TILES = 5  # frames of a strip
_TILE = 160  # pixels along a side of its tiles
_CHART = (900, 160)
_STYLE = (
    "body{font:15px system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;background:#fff;color:#222}"
    "img{max-width:100%}figure{margin:1.2em 0}figcaption{color:#555}table{border-collapse:collapse}"
    "td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ddd}svg{width:100%}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}figcaption{color:#aaa}}"
)


@dataclass(frozen=True)
class Check:
    """What the result shows when it is tracked again: opening and width (F, 2), and the centres of mouths (F, 2)."""

    shown: FloatArray
    places: FloatArray


def write(order: DubRequest, made: DubResult, progress: Progress = silent) -> str:
    """Write the page, and return one sentence of what was found."""
    check = shown_again(order, made, progress) if order.check else None
    parts = [f"<h1>{html.escape(order.out.name)}</h1>", _facts(order, made, check)]
    if check is not None:
        parts += [_chart(made, check), "<h2>Worst moments first</h2>", *_moments(order, made, check)]
    page = (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(order.out.name)}</title><style>{_STYLE}</style>"
        + "\n".join(parts)
    )
    with whole_file(order.beside(".html")) as temporary:
        temporary.write_text(page, encoding="utf-8")
    if check is None:
        return f"report in {order.beside('.html').name}"
    found = agreement(made.asked[:, 0], check.shown[:, 0])
    return f"opening asked and shown: r = {found:.2f}; look at {order.beside('.html')}"


def shown_again(order: DubRequest, made: DubResult, progress: Progress = silent) -> Check:
    """Track the dubbed video."""
    shown, places = np.full((made.frames, 2), np.nan), np.full((made.frames, 2), np.nan)
    with face_landmarks.tracker(order.out.name) as mesh:
        for index, (_, frame) in enumerate(pictures(order.out)):
            if index >= made.frames:
                break
            faces = face_landmarks.landmarks(mesh, face_landmarks.upright(frame))
            if faces:
                face = max(faces, key=lambda one: float(np.ptp(one[:, 0])))[None]
                shown[index] = opening(face)[0], width(face)[0]
                places[index] = face[0, list(LIPS), :2].mean(0)
            progress(index / made.frames, "Tracking the result")
    return Check(shown, places)


def agreement(asked: FloatArray, shown: FloatArray) -> float:
    """Correlation of what was asked and what is shown, where both are known; NaN where neither is."""
    both = np.isfinite(asked) & np.isfinite(shown)
    return correlation(asked[both], shown[both]) if both.sum() > 2 else float("nan")


def _facts(order: DubRequest, made: DubResult, check: Check | None) -> str:
    rows = [("frames", str(made.frames)), ("dubbed", str(made.dubbed)), ("size", f"{made.size[0]} x {made.size[1]}")]
    if np.isfinite(made.agreement):
        rows.append(("old voice and tracked jaw", f"r = {made.agreement:.2f}"))
    if check is not None:
        for column, name in enumerate(("opening", "width")):
            found = agreement(made.asked[:, column], check.shown[:, column])
            rows.append((f"{name} asked and shown", f"r = {found:.2f}"))
    rows += [("note", note) for note in made.notes]
    cells = "".join(f"<tr><th>{html.escape(a)}</th><td>{html.escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{cells}</table>"


def _chart(made: DubResult, check: Check) -> str:
    wide, high = _CHART
    top = max(float(np.nanmax(np.concatenate([made.asked[:, 0], check.shown[:, 0], [0.1]]))), 0.1)
    lines = []
    for values, colour, name in ((made.asked[:, 0], "#d2691e", "asked"), (check.shown[:, 0], "#3a7bd5", "shown")):
        path, pen = [], "M"
        for index, value in enumerate(values):
            if not np.isfinite(value):
                pen = "M"
                continue
            x, y = index / max(len(values) - 1, 1) * wide, high - 10 - value / top * (high - 20)
            path.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        shape = f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="1.5">'
        lines.append(f"{shape}<title>{name}</title></path>")
    return (
        f'<figure><svg viewBox="0 0 {wide} {high}">{"".join(lines)}</svg><figcaption>Opening of the lips over the '
        "distance of the eyes: asked (orange) and shown (blue), over the video.</figcaption></figure>"
    )


def worst(made: DubResult, check: Check) -> list[int]:
    """Return frames of the result, the worst first: where it shows another opening, or no reference was near."""
    spread = np.nanstd(made.asked[:, 0]) if np.isfinite(made.asked[:, 0]).any() else 1.0
    wrong = np.abs(made.asked[:, 0] - check.shown[:, 0] - np.nanmedian(made.asked[:, 0] - check.shown[:, 0]))
    score = np.nan_to_num(wrong / max(spread, 1e-3), nan=0.0) + np.nan_to_num(made.away, nan=0.0) / 8.0
    chosen: list[int] = []
    for index in np.argsort(-score):
        far = all(abs(made.times[index] - made.times[one]) > _APART for one in chosen)
        if far and np.isfinite(made.asked[index, 0]) and np.isfinite(check.places[index]).all():
            chosen.append(int(index))
        if len(chosen) == _MOMENTS:
            break
    return chosen


def _moments(order: DubRequest, made: DubResult, check: Check) -> list[str]:
    moments = worst(made, check)
    near = {index + step for index in moments for step in range(-(_TILES // 2), _TILES // 2 + 1)}
    near = {index for index in near if 0 <= index < made.frames}
    after = _tiles(order, near, made, check, dubbed=True)
    before = _tiles(order, near, made, check, dubbed=False)
    return [_moment(index, made, check, before, after) for index in moments]


def _moment(index: int, made: DubResult, check: Check, before: dict[int, Array], after: dict[int, Array]) -> str:
    numbers = [one for one in range(index - _TILES // 2, index + _TILES // 2 + 1) if one in after and one in before]
    rows = [np.concatenate([tiles[one] for one in numbers], 1) for tiles in (before, after)]
    picture = np.concatenate(rows, 0)
    alpha = np.full((*picture.shape[:2], 1), 255, np.uint8)
    data = base64.b64encode(encoded(np.concatenate([picture, alpha], 2), "png")).decode()
    caption = (
        f"{made.times[index]:.2f} s: original above, dubbed below; opening asked {made.asked[index, 0]:.3f}, shown "
        f"{check.shown[index, 0]:.3f}; nearest reference {made.away[index]:.1f} mm away"
    )
    return f'<figure><img alt="" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'


def _tiles(order: DubRequest, wanted: set[int], made: DubResult, check: Check, dubbed: bool) -> dict[int, Array]:
    """Tiles of the mouth at frames of the result, from the dubbed video or the original."""
    found: dict[int, Array] = {}
    numbers = {index: index for index in wanted} if dubbed else {index: int(made.shows[index]) for index in wanted}
    sought: dict[int, list[int]] = {}
    for index, number in numbers.items():
        sought.setdefault(number, []).append(index)
    last = max(sought, default=-1)
    for number, (_, frame) in enumerate(pictures(order.out if dubbed else order.video)):
        for index in sought.get(number, ()):
            place = check.places[index]
            if np.isfinite(place).all():
                found[index] = _tile(face_landmarks.upright(frame), place, made.face_width)
        if number >= last:
            break
    return found


def _tile(image: Array, place: Sequence[float] | FloatArray, face_width: float) -> Array:
    """(_TILE, _TILE, 3) around a place, nearest pixels: nothing is made smoother than it is."""
    reach = max(0.42 * face_width, 8.0)
    rows = place[1] + np.linspace(-reach, reach, _TILE)
    columns = place[0] + np.linspace(-reach, reach, _TILE)
    rows = np.clip(rows.astype(int), 0, image.shape[0] - 1)
    columns = np.clip(columns.astype(int), 0, image.shape[1] - 1)
    return image[rows][:, columns]
