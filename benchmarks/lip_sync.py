"""Lip sync of the shipped solver on tracked faces and an animator's performance, beside loudness alone.

    python benchmarks/lip_sync.py ../shared
    python benchmarks/lip_sync.py ../shared --truth ../shared/data/lips_train      (other tracked faces)

The folder holds tools/lip_sync_score.py and data/lips, data/performance (NAME.npz beside NAME.flac). The solver's
curves are written as Motion files and scored by that tool; so are those of a jaw that follows loudness.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from tqdm import tqdm

from animcore import audio
from animcore.audio import AudioClip
from animcore.direction import Direction
from animcore.motion import Motion
from animcore.names import ARKIT, ARKIT_INDEX
from animcore.solvers import articulation
from animcore.speech import prosody


def solved(clip: AudioClip) -> Motion:
    """The shipped solver."""
    return articulation.solve(clip, Direction())


def loudness(clip: AudioClip) -> Motion:
    """A jaw that opens with the level of the voice, from 35 dB below its loudest up."""
    heard = prosody.analyse(clip, len(clip.samples) // (clip.rate // prosody.FPS) + 1)
    weights = np.zeros((len(heard.level), len(ARKIT)), np.float32)
    level = prosody.smooth(heard.level, 0.03)
    weights[:, ARKIT_INDEX["jawOpen"]] = 0.5 * np.clip((level - level.max()) / 35 + 1, 0, 1)
    return Motion(rate=Fraction(prosody.FPS), arkit=weights)


WAYS: dict[str, Callable[[AudioClip], Motion]] = {"animcore": solved, "loudness alone": loudness}


def scores(tool: Path, kind: str, truth: Path, way: Callable[[AudioClip], Motion], keep: Path) -> dict[str, object]:
    """Solve every clip of a folder and return what the judge says of it."""
    keep.mkdir(parents=True, exist_ok=True)
    for path in tqdm(sorted(truth.glob("*.npz")), desc=f"{kind}, {way.__name__}", leave=False):
        way(audio.load(path.with_suffix(".flac"))).save(keep / path.name)
    answer = keep / "scores.json"
    command = [sys.executable, str(tool), kind, str(keep), "--truth", str(truth), "--json", str(answer)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    result: dict[str, object] = json.loads(answer.read_text())
    return result


def table(kind: str, found: dict[str, dict]) -> None:
    """Print clip by clip, the ways side by side, and the means."""
    columns = list(next(iter(found.values()))["mean"])
    print(f"\n{kind}: {' | '.join(found)}")
    print(f"{'clip':32s}" + "".join(f"{column:>{8 * len(found) + 2}s}" for column in columns))

    def row(name: str, values: list[dict[str, float]]) -> None:
        cells = ["".join(f"{value[column]:8.3f}" for value in values) for column in columns]
        print(f"{name:32s}" + "".join(f"  {cell}" for cell in cells))

    clips = next(iter(found.values()))["clips"]
    for clip in clips:
        row(clip, [result["clips"][clip] for result in found.values()])
    row(f"MEAN of {len(clips)}", [result["mean"] for result in found.values()])
    real = [clip for clip in clips if clip.startswith("talkvid_")]
    if real:
        means = [
            {column: float(np.mean([result["clips"][clip][column] for clip in real])) for column in columns}
            for result in found.values()
        ]
        row(f"real people ({len(real)})", means)


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, help="folder that holds tools/ and data/")
    parser.add_argument("--truth", type=Path, help="one folder of tracked faces to score instead")
    parser.add_argument("--keep", type=Path, help="keep the curves here")
    options = parser.parse_args()
    tool = options.shared / "tools" / "lip_sync_score.py"
    folders = [("lips", options.truth)] if options.truth else [
        (kind, options.shared / "data" / kind) for kind in ("lips", "performance")
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        keep = options.keep or Path(temporary)
        for kind, truth in folders:
            found = {name: scores(tool, kind, truth, way, keep / kind / way.__name__) for name, way in WAYS.items()}
            table(f"{kind} ({truth})", found)


if __name__ == "__main__":
    main()
