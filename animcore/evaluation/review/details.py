"""What the page shows of one line when it is chosen: waveform, words, curves, weights for the head, faults."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.core.vocabulary import ARKIT
from animcore.errors import AnimcoreError
from animcore.evaluation.lines.findings import KINDS
from animcore.evaluation.lines.listening import opening_mm
from animcore.evaluation.review.rows import ReviewLine
from animcore.motion import Motion

Array = NDArray[np.floating[Any]]

PEAKS = 900  # columns of the waveform
RATE = 30.0  # frames a second of curves and weights on the page
_LONGEST = 120.0  # seconds of a line that are shown
_STILL = 0.004  # of a weight: a shape that never passes it is left out
_TURN = np.pi  # radians that fill a byte either way
_CURVES = ("jawOpen", "mouthClose", "mouthPucker", "mouthSmileLeft", "browInnerUp", "eyeBlinkLeft")


def detail(line: ReviewLine) -> dict[str, Any]:
    """Return the detail of a line as JSON; what cannot be read is a sentence in `notes`, and the rest is shown."""
    notes = [*line.record.warnings]
    found: dict[str, Any] = {
        "findings": [asdict(one) | {"label": KINDS[one.kind].label} for one in line.findings],
        "scores": {name: round(float(value), 3) for name, value in line.record.scores.items()},
        "carried": dict(line.record.carried),
        "files": {form: path.name for form, path in line.record.files.items()},
    }
    for part in (_audio, _motion):
        try:
            found |= part(line)
        except (AnimcoreError, OSError) as error:
            notes.append(str(error))
    return found | {"notes": notes}


def _audio(line: ReviewLine) -> dict[str, Any]:
    clip = recording.load(line.record.audio)
    return {"seconds": round(clip.duration, 3), "peaks": peaks(clip.samples[: round(_LONGEST * clip.rate)])}


def peaks(samples: Array) -> str:
    """Return lowest and highest sample of 900 columns as signed bytes in base64, at full height where it is loudest."""
    if not len(samples):
        return ""
    edges = np.linspace(0, len(samples), min(PEAKS, len(samples)), endpoint=False).astype(np.int64)
    low, high = np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)
    scale = 127 / max(float(np.abs(samples).max()), 1e-4)
    return packed(np.stack([low, high], 1) * scale, np.int8)


def _motion(line: ReviewLine) -> dict[str, Any]:
    if line.record.motion is None:
        return {}
    motion = Motion.load(line.record.motion)
    words = [[one.label, round(one.start, 3), round(one.end, 3)] for one in motion.events if one.kind == "word"]
    if motion.arkit is None or not motion.frame_count:
        return {"words": words}
    count = max(1, min(round(motion.duration * RATE), round(_LONGEST * RATE)))
    shown = motion.sampled(np.arange(count) * (motion.fps / RATE), RATE, motion.start)
    weights = shown.tracks()["arkit"]
    shapes = [index for index in range(len(ARKIT)) if weights[:, index].max() > _STILL]
    return {
        "words": words,
        "start": round(motion.start, 4),
        "rate": RATE,
        "frames": count,
        "opening": packed(np.clip(opening_mm(weights) * 8, 0, 255), np.uint8),  # eighths of a millimetre
        "shapes": shapes,
        "weights": packed(weights[:, shapes] * 255, np.uint8),
        "head": packed(np.clip(_head(shown) / _TURN, -1, 1) * 127, np.int8),
        "curves": [shapes.index(ARKIT.index(name)) for name in _CURVES if ARKIT.index(name) in shapes],
    }


def _head(motion: Motion) -> Array:
    """(T, 3) the turn of the head, with that of the neck, axis-angle in radians."""
    turn = np.zeros((motion.frame_count, 3))
    for pose in (motion.head_pose, motion.neck_pose):
        if pose is not None:
            turn = turn + pose
    return turn


def packed(values: NDArray[Any], kind: type[np.integer[Any]]) -> str:
    """Return numbers, rounded to whole ones of a type, in base64 as the page reads them."""
    return base64.b64encode(np.rint(values).astype(kind).tobytes()).decode("ascii")
