"""Takes against a truth: every measure of one clip, and the means over the clips that all have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.judge import measures
from animcore.judge.face import Face, blocks
from animcore.judge.takes import Take
from animcore.names import ARKIT_INDEX

Array = NDArray[np.floating[Any]]

COVERED = 0.5  # of the truth's length that a take must share with it: with less it is another clip
WORTH_SAYING = 0.2  # seconds of the truth that a take may miss without a word
TRUTH = "truth"  # the name under which the truth's own figures stand


@dataclass(frozen=True)
class Measure:
    """One figure of the table.

    Attributes:
        name: in the table and in `judge.json`.
        unit: of the figure; empty for a ratio.
        best: the value that a perfect take has, or "high" or "low" where there is none.
        digits: behind the point, in tables.
        meaning: one sentence.
    """

    name: str
    unit: str
    best: float | str
    digits: int
    meaning: str

    def text(self, values: Mapping[str, float]) -> str:
        """Return this figure of a row as text; a dash where there is none."""
        value = values.get(self.name, np.nan)
        return f"{value:.{self.digits}f}" if np.isfinite(value) else "-"


MEASURES: tuple[Measure, ...] = (
    Measure("r_open", "", 1.0, 3, "correlation of the lips' opening, the best within two frames of the truth"),
    Measure("r_open0", "", 1.0, 3, "the same without any move"),
    Measure("r_width", "", 1.0, 3, "correlation of the mouth's width, the best within two frames"),
    Measure("closure_f1", "", 1.0, 3, "F1 of the frames with closed lips"),
    Measure("dynamics", "", 1.0, 3, "speed of the opening for its spread, over the truth's"),
    Measure(
        "lag_ms",
        "ms",
        0.0,
        0,
        "how late the opening is (below 0: early), to 5 ms within 300; none where r stays below 0.3",
    ),
    Measure("lve_mm", "mm", 0.0, 2, "lip vertex error: largest lip vertex distance of each frame, averaged"),
    Measure("lve_mm2", "mm²", 0.0, 2, "the same squared before averaging, as CodeTalker's code prints it"),
    Measure("mve_mm", "mm", 0.0, 3, "mean vertex error: distance of all face vertices, averaged (FaceDiffuser)"),
    Measure("fdd_mm2", "mm²", 0.0, 3, "upper-face dynamics deviation (CodeTalker); above 0: moves too little"),
    Measure("r_jaw", "", 1.0, 3, "correlation of jawOpen"),
    Measure("jitter", "mm/s³", "low", 0, "root mean square third derivative of the lips, at the truth's frames"),
    Measure("diversity_mm", "mm", "high", 3, "mean distance between takes of one recording, all face vertices"),
    Measure("lse_d", "", "low", 2, "SyncNet's distance of sound and picture at their best offset (Wav2Lip)"),
    Measure("lse_c", "", "high", 2, "SyncNet's confidence: median less least distance over offsets (Wav2Lip)"),
)
BY_NAME: dict[str, Measure] = {measure.name: measure for measure in MEASURES}


@dataclass(frozen=True)
class Verdict:
    """What became of one output on one clip.

    Attributes:
        values: by the names of `MEASURES`; one that cannot be had (no weights, one take alone) is absent.
        times: (T,) seconds of the truth's frames.
        opening, width: (T,) of the first take at these times.
        error: (T,) largest lip vertex distance in mm, or None where the truth has no weights.
        notes: sentences on what was noticed.
    """

    values: Mapping[str, float]
    times: Array
    opening: Array
    width: Array
    error: Array | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clip:
    """One truth and what each output made of it, by the outputs' names."""

    name: str
    truth: Take
    takes: Mapping[str, Sequence[Take]]
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


def judge(truth: Take, takes: Sequence[Take], face: Face) -> Verdict:
    """Judge the takes that one output made of one clip; several are averaged, and their diversity measured.

    Raises:
        InputError: where a take has less than half of the truth's time.
    """
    verdicts = [_judge_one(truth, take, face) for take in takes]
    values = mean([verdict.values for verdict in verdicts], MEASURES)
    if len(takes) > 1:
        values |= _diversity(truth, takes, face)
    notes = tuple(dict.fromkeys(note for verdict in verdicts for note in verdict.notes))
    first = verdicts[0]
    return Verdict(values, first.times, first.opening, first.width, first.error, notes)


def mean(rows: Sequence[Mapping[str, float]], measured: Sequence[Measure]) -> dict[str, float]:
    """Average each figure that is measured over the rows that have it as a number."""
    averages = {}
    for measure in measured:
        known = [row[measure.name] for row in rows if np.isfinite(row.get(measure.name, np.nan))]
        if known:
            averages[measure.name] = float(np.mean(known))
    return averages


def truth_values(truth: Take, face: Face) -> dict[str, float]:
    """Return the figures that the truth has of itself: its jitter, to hold others' against."""
    if truth.weights is None:
        return {}
    return {"jitter": _jitter(truth.weights, float(truth.rate), face)}


def _judge_one(truth: Take, take: Take, face: Face) -> Verdict:
    notes = (*truth.notes, *take.notes, *_coverage(truth, take))
    times = truth.times
    opening, width, weights = take.at(times, face)
    values = {
        "r_open": measures.best_correlation(opening, truth.opening),
        "r_open0": measures.correlation(opening, truth.opening),
        "r_width": measures.best_correlation(width, truth.width),
        "closure_f1": measures.closure_f1(opening, truth.opening),
        "dynamics": measures.liveliness(opening) / max(measures.liveliness(truth.opening), 1e-12),
        "lag_ms": 1000 * measures.lag(times, truth.opening, take.times, take.opening),
    }
    error = None
    if weights is not None:
        values["jitter"] = _jitter(weights, float(truth.rate), face)
        if truth.weights is not None:
            error, more = _vertices(truth.weights, weights, face)
            values |= more
    return Verdict(values, times, opening, width, error, notes)


def _coverage(truth: Take, take: Take) -> tuple[str, ...]:
    """A sentence where a take misses a part of the truth.

    Raises:
        InputError: where it misses more than half.
    """
    begin, end = truth.start, truth.start + truth.duration
    shared = min(end, take.start + take.duration) - max(begin, take.start)
    spans = f"{take.path.name} runs from {take.start:.2f} to {take.start + take.duration:.2f} s"
    if shared < COVERED * truth.duration:
        raise InputError(
            f"{spans}, its truth {truth.path.name} from {begin:.2f} to {end:.2f} s: too little in common. "
            "Is it another clip, or do its times not begin with the sound (then --from-zero)?"
        )
    if shared < truth.duration - WORTH_SAYING:
        return (f"{spans}, the truth to {end:.2f} s; what is missing is judged as its last pose held.",)
    return ()


def _vertices(truth: Array, weights: Array, face: Face) -> tuple[Array, dict[str, float]]:
    """The lip errors (T,) in mm and every measure that needs vertices, in pieces that fit into memory."""
    lip, skin, moves, true_moves = [], [], [], []
    for piece in blocks(len(truth)):
        true_lips, true_skin = face.lips(truth[piece]), face.skin(truth[piece])
        lips, own_skin = face.lips(weights[piece]), face.skin(weights[piece])
        lip.append(measures.lip_distances(lips, true_lips))
        skin.append(measures.vertex_distances(own_skin, true_skin))
        moves.append(measures.activity(own_skin[:, face.upper]))
        true_moves.append(measures.activity(true_skin[:, face.upper]))
    error = np.concatenate(lip)
    jaw = ARKIT_INDEX["jawOpen"]
    values = {
        "lve_mm": float(error.mean()),
        "lve_mm2": float(np.square(error).mean()),
        "r_jaw": measures.correlation(weights[:, jaw], truth[:, jaw]),
    }
    if face.whole:
        values["mve_mm"] = float(np.concatenate(skin).mean())
        values["fdd_mm2"] = measures.dynamics_deviation(np.concatenate(moves), np.concatenate(true_moves))
    return error, values


def _jitter(weights: Array, fps: float, face: Face) -> float:
    """Jitter of the lips; the shapes add up, so that third differences of weights give those of vertices."""
    third = np.diff(weights, n=3, axis=0)
    if not len(third):
        return float("nan")
    squares = [np.square(face.lips(third[piece])).sum(2).mean(1) for piece in blocks(len(third))]
    return float(np.sqrt(np.concatenate(squares).mean())) * fps**3


def _diversity(truth: Take, takes: Sequence[Take], face: Face) -> dict[str, float]:
    """Diversity of the takes that have weights, over all face vertices."""
    poses = [weights for _, _, weights in (take.at(truth.times, face) for take in takes) if weights is not None]
    if len(poses) < 2:
        return {}
    parts = []
    for piece in blocks(len(truth.times)):
        skins = [face.skin(weights[piece]) for weights in poses]
        parts.append((measures.diversity(skins), len(skins[0])))
    count = sum(frames for _, frames in parts)
    return {"diversity_mm": sum(value * frames for value, frames in parts) / count}
