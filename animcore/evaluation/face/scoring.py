"""Takes against a truth: every measure of one clip, and the means over the clips that all have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT_INDEX
from animcore.errors import InputError
from animcore.evaluation.face import metrics
from animcore.evaluation.face.loading import FaceTake
from animcore.evaluation.face.reference_face import ReferenceFace, blocks

Array = NDArray[np.floating[Any]]

COVERED = 0.5  # of the truth's length that a take must share with it: with less it is another clip
WORTH_SAYING = 0.2  # seconds of the truth that a take may miss without a word
TRUTH = "truth"  # the name under which the truth's own figures stand


@dataclass(frozen=True)
class Metric:
    """One figure of the table.

    Attributes:
        name: in the table and in `judge.json`.
        unit: of the figure; empty for a ratio.
        best: the value that a perfect take has, "high" or "low" where there is none, `TRUTH` where the truth's own
            is best, or empty where no value is.
        digits: behind the point, in tables.
        meaning: its description in the table, the report and docs/research/measures.md.
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

    @property
    def told_best(self) -> str:
        """What is best, in words."""
        if isinstance(self.best, float):
            return f"{self.best:g}"
        return "the truth's" if self.best == TRUTH else self.best

    def distance(self, value: float, truth: float) -> float:
        """Distance of a figure from the best; NaN where there is no best."""
        if isinstance(self.best, float):
            return abs(value - self.best)
        return {"low": value, "high": -value, TRUTH: abs(value - truth)}.get(self.best, float("nan"))


MEASURES: tuple[Metric, ...] = (
    Metric(
        "r_open", "", 1.0, 3,
        "Pearson correlation of the opening with the truth's, the best of moving it by up to 2 frames of the "
        "truth: the audio of videos is often off by as much",
    ),
    Metric(
        "r_open0", "", 1.0, 3,
        "the same unmoved",
    ),
    Metric(
        "r_width", "", 1.0, 3,
        "correlation of the width, the best within 2 frames",
    ),
    Metric(
        "closure_f1", "", 1.0, 3,
        "F1 of the frames in which the lips are closed: opened less than 15 % of the 95th percentile of this "
        "face's own opening",
    ),
    Metric(
        "dynamics", "", 1.0, 3,
        "mean step of the opening over its standard deviation, divided by the truth's: below 1 mumbles, above "
        "1 trembles",
    ),
    Metric(
        "lag_ms", "ms", 0.0, 0,
        "the move within ±300 ms, in steps of 5, that correlates best; above 0 the output is late. None where "
        "that r is below 0.3",
    ),
    Metric(
        "lve_mm", "mm", 0.0, 2,
        "lip vertex error: the largest distance of a lip vertex in each frame, averaged over frames: as "
        "MeshTalk and FaceFormer word it",
    ),
    Metric(
        "lve_mm2", "mm²", 0.0, 2,
        "the same with squared distances: what CodeTalker's published code prints as LVE, in the square of "
        "the data's unit, and with it most later tables. It is not the square of lve_mm",
    ),
    Metric(
        "mve_mm", "mm", 0.0, 3,
        "distance averaged over all face vertices and frames (FaceDiffuser's MVE). None where the truth's "
        "brows never move: it did not record the upper face",
    ),
    Metric(
        "fdd_mm2", "mm²", 0.0, 3,
        "upper-face dynamics deviation as CodeTalker's code has it: spread over time of squared distances "
        "from rest, truth less output, averaged over vertices above the lower edge of the eyeballs. Above 0 "
        "the output's upper face moves too little. None where the truth's brows never move",
    ),
    Metric(
        "r_jaw", "", 1.0, 3,
        "correlation of jawOpen",
    ),
    Metric(
        "jitter", "mm/s³", TRUTH, 0,
        "root of the mean squared third derivative of the lip vertices, at the truth's frame rate: far above "
        "the truth's own the mouth shakes, far below it is smeared",
    ),
    Metric(
        "diversity_mm", "mm", "", 3,
        "mean distance between two takes of one recording, over all pairs, frames and face vertices "
        "(FaceDiffuser)",
    ),
    Metric(
        "lse_d", "", "low", 2,
        "with `--syncnet syncnet_v2.model` (Oxford's weights, your own download) and PyTorch: SyncNet's "
        "distance of audio and image at their best offset, as Wav2Lip's evaluation computes it",
    ),
    Metric(
        "lse_c", "", "high", 2,
        "likewise, SyncNet's confidence: the median less the least distance over offsets",
    ),
)  # fmt: skip
_STILL_BROWS = 0.01  # of a weight: a tracker's brows tremble by more
BY_NAME: dict[str, Metric] = {measure.name: measure for measure in MEASURES}


def as_markdown(shown: Sequence[Metric]) -> str:
    """Return the table of what each figure means, as docs/research/measures.md has it."""
    rows = [f"| {one.name} | {one.unit} | {one.told_best} | {one.meaning} |" for one in shown]
    return "\n".join(["| figure | unit | best | what it is |", "|---|---|---|---|", *rows])


@dataclass(frozen=True)
class ClipScore:
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
class FaceClip:
    """One truth and what each output made of it, by the outputs' names; `own` are the truth's own figures."""

    name: str
    truth: FaceTake
    takes: Mapping[str, Sequence[FaceTake]]
    verdicts: Mapping[str, ClipScore] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)

    @property
    def rows(self) -> dict[str, Mapping[str, float]]:
        """The figures of every output, and of the truth where it has some."""
        outputs = {name: verdict.values for name, verdict in self.verdicts.items()}
        return outputs | ({TRUTH: self.own} if self.own else {})


def score(truth: FaceTake, takes: Sequence[FaceTake], face: ReferenceFace) -> ClipScore:
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
    return ClipScore(values, first.times, first.opening, first.width, first.error, notes)


def mean(rows: Sequence[Mapping[str, float]], measured: Sequence[Metric]) -> dict[str, float]:
    """Average each figure that is measured over the rows that have it as a number."""
    averages = {}
    for measure in measured:
        known = [row[measure.name] for row in rows if np.isfinite(row.get(measure.name, np.nan))]
        if known:
            averages[measure.name] = float(np.mean(known))
    return averages


def truth_values(truth: FaceTake, face: ReferenceFace) -> dict[str, float]:
    """Return the figures that the truth has of itself: its jitter, to hold others' against."""
    if truth.weights is None:
        return {}
    return {"jitter": _jitter(truth.weights, float(truth.rate), face)}


def _judge_one(truth: FaceTake, take: FaceTake, face: ReferenceFace) -> ClipScore:
    notes = (*truth.notes, *take.notes, *_coverage(truth, take))
    times = truth.times
    opening, width, weights = take.at(times, face)
    values = {
        "r_open": metrics.best_correlation(opening, truth.opening),
        "r_open0": metrics.correlation(opening, truth.opening),
        "r_width": metrics.best_correlation(width, truth.width),
        "closure_f1": metrics.closure_f1(opening, truth.opening),
        "dynamics": metrics.liveliness(opening) / max(metrics.liveliness(truth.opening), 1e-12),
        "lag_ms": 1000 * metrics.lag(times, truth.opening, take.times, take.opening),
    }
    error = None
    if weights is not None:
        values["jitter"] = _jitter(weights, float(truth.rate), face)
        if truth.weights is not None:
            error, more = _vertices(truth.weights, weights, face)
            if brows_stand_still(truth.weights):
                notes = (*notes, _no_brows(truth))
                more = {name: value for name, value in more.items() if name not in ("mve_mm", "fdd_mm2")}
            values |= more
    return ClipScore(values, times, opening, width, error, notes)


def brows_stand_still(weights: Array) -> bool:
    """Whether a take (T, 52) has no brows: its upper face was not recorded, and is no truth."""
    brows = [index for name, index in ARKIT_INDEX.items() if name.startswith("brow")]
    return bool(np.ptp(weights[:, brows], axis=0).max(initial=0.0) < _STILL_BROWS)


def _no_brows(truth: FaceTake) -> str:
    return f"The brows of {truth.path.name} never move, so it is not a truth of the upper face: no mve_mm and fdd_mm2."


def _coverage(truth: FaceTake, take: FaceTake) -> tuple[str, ...]:
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
            "Is it another clip, or do its times not begin with the audio (then --from-zero)?"
        )
    if shared < truth.duration - WORTH_SAYING:
        return (f"{spans}, the truth to {end:.2f} s; the rest is evaluated with its last pose held.",)
    return ()


def _vertices(truth: Array, weights: Array, face: ReferenceFace) -> tuple[Array, dict[str, float]]:
    """The lip errors (T,) in mm and every measure that needs vertices, in pieces that fit into memory."""
    lip, skin, moves, true_moves = [], [], [], []
    for piece in blocks(len(truth)):
        true_lips, true_skin = face.lips(truth[piece]), face.skin(truth[piece])
        lips, own_skin = face.lips(weights[piece]), face.skin(weights[piece])
        lip.append(metrics.lip_distances(lips, true_lips))
        skin.append(metrics.vertex_distances(own_skin, true_skin))
        moves.append(metrics.activity(own_skin[:, face.upper]))
        true_moves.append(metrics.activity(true_skin[:, face.upper]))
    error = np.concatenate(lip)
    jaw = ARKIT_INDEX["jawOpen"]
    values = {
        "lve_mm": float(error.mean()),
        "lve_mm2": float(np.square(error).mean()),
        "r_jaw": metrics.correlation(weights[:, jaw], truth[:, jaw]),
    }
    if face.whole:
        values["mve_mm"] = float(np.concatenate(skin).mean())
        values["fdd_mm2"] = metrics.dynamics_deviation(np.concatenate(moves), np.concatenate(true_moves))
    return error, values


def _jitter(weights: Array, fps: float, face: ReferenceFace) -> float:
    """Jitter of the lips; the shapes add up, so that third differences of weights give those of vertices."""
    third = np.diff(weights, n=3, axis=0)
    if not len(third):
        return float("nan")
    squares = [np.square(face.lips(third[piece])).sum(2).mean(1) for piece in blocks(len(third))]
    return float(np.sqrt(np.concatenate(squares).mean())) * fps**3


def _diversity(truth: FaceTake, takes: Sequence[FaceTake], face: ReferenceFace) -> dict[str, float]:
    """Diversity of the takes that have weights, over all face vertices."""
    poses = [weights for _, _, weights in (take.at(truth.times, face) for take in takes) if weights is not None]
    if len(poses) < 2:
        return {}
    parts = []
    for piece in blocks(len(truth.times)):
        skins = [face.skin(weights[piece]) for weights in poses]
        parts.append((metrics.diversity(skins), len(skins[0])))
    count = sum(frames for _, frames in parts)
    return {"diversity_mm": sum(value * frames for value, frames in parts) / count}
