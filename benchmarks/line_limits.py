"""What clean speech stays within, for the limits of `evaluation/lines`: `python benchmarks/line_limits.py ../shared`.

Recordings of one voice (data/speech), performed by the shipped solver, and people whose lips were tracked (data/lips,
lips_more, lips_grid, lips_train): the percentiles of every value that a line is scored by. Nothing of the data is kept.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.audio import recording
from animcore.direction import Direction
from animcore.evaluation.face import reference_face
from animcore.evaluation.lines import curves, lips, listening, score
from animcore.evaluation.lines.mouth import Mouth
from animcore.pipelines import generate_files
from animcore.solvers.speech_face import feature_cache

SHARES = (1, 5, 50, 95, 99)
PEOPLE = ("lips", "lips_more", "lips_grid", "lips_train")
MOST = 60  # clips of each set
FEWEST = 0.98  # of the frames in which the lips must be known


def solved(path: Path, rate: Fraction) -> dict[str, float]:
    """The values of a recording that the shipped solver performs."""
    with feature_cache.in_memory():
        clip = recording.load(path)
        motion, _ = generate_files.generate(clip, rate, Direction())
        return dict(score(motion, clip).values)


def tracked(path: Path) -> dict[str, float] | None:
    """The values of somebody's lips; None where they are not known all the time, or nothing is heard."""
    data, audio = np.load(path), path.with_suffix(".flac")
    opening, fps = data["opening"].astype(float), float(data["fps"])
    known = np.isfinite(opening)
    if known.mean() < FEWEST or not audio.is_file():
        return None
    face = reference_face.default()
    times = np.arange(len(opening)) / fps
    opening = np.interp(times, times[known], opening[known])
    apart = np.maximum(opening - np.percentile(opening, 2), 0) * face.eye_distance * reference_face.MM
    clip = recording.load(audio)
    if clip.facts.silent:
        return None
    mouth = Mouth(times, fps, apart, np.zeros_like(apart), np.zeros((len(times), 1)), ("",))
    heard = listening.listen(clip)
    values, _ = curves.judge(mouth, heard)
    more, _ = lips.judge(mouth, heard, ())
    return {name: one for name, one in {**values, **more}.items() if name not in ("teeth", "limit")}


def table(title: str, rows: list[dict[str, float]]) -> None:
    """Print percentiles of each value."""
    print(f"{title}: {len(rows)} clips; percentiles {', '.join(map(str, SHARES))}")
    for name in sorted({name for row in rows for name in row}):
        found = np.percentile([row[name] for row in rows if name in row], SHARES)
        print(f"  {name:14}", " ".join(f"{value:10.4g}" for value in found))


def main() -> None:
    """Measure both."""
    data = Path(sys.argv[1]) / "data"
    rate = Fraction(sys.argv[2]) if len(sys.argv) > 2 else Fraction(30)
    table("the shipped solver", [solved(path, rate) for path in sorted((data / "speech").glob("*.flac"))])
    for folder in PEOPLE:
        found = [tracked(path) for path in sorted((data / folder).glob("*.npz"))[:MOST]]
        table(f"people, {folder}", [one for one in found if one is not None])


if __name__ == "__main__":
    main()
