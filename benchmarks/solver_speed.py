"""How fast the shipped solvers are: seconds of sound for each second of work, on at most two cores.

python benchmarks/solver_speed.py [AUDIO] [--minutes 3]

Repeats the recording (by default the shipped voice line) to the length asked for, and reports the best of three runs,
the memory and the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from animcore import audio
from animcore.audio import AudioClip
from animcore.direction import Direction
from animcore.motion import Motion
from animcore.solvers import articulation
from animcore.solvers.performance import perform

LINE = Path(__file__).resolve().parents[1] / "assets" / "voices" / "line.flac"
CORES = 2


def repeated(path: Path, minutes: float) -> AudioClip:
    """The recording again and again, as long as wanted."""
    samples = audio.load(path).samples
    wanted = int(minutes * 60 * audio.RATE)
    long = np.tile(samples, -(-wanted // len(samples)))[:wanted]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{path.stem}.wav"
        with wave.open(str(target), "wb") as file:
            file.setparams((1, 2, audio.RATE, 0, "NONE", ""))
            file.writeframes((np.clip(long, -1, 1) * 32767).astype("<i2").tobytes())
        return audio.load(target)


def best(work: Callable[[], Motion]) -> float:
    """Seconds of the fastest of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def processor() -> str:
    """The processor's name as Linux knows it, or what Python knows."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path, nargs="?", default=LINE)
    parser.add_argument("--minutes", type=float, default=3.0)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    clip = repeated(options.audio, options.minutes)
    print(f"machine   {processor()}, {CORES} cores of {os.cpu_count()}, load {os.getloadavg()[0]:.1f} before the run")
    print(
        f"software  onnxruntime {onnxruntime.__version__}, numpy {np.__version__}, Python {platform.python_version()}"
    )
    print(f"sound     {options.audio.name}, repeated to {clip.duration:.0f} s")
    print(f"network   {articulation.MODEL.name}, {articulation.MODEL.stat().st_size / 1e6:.1f} MB")
    works: dict[str, Callable[[], Motion]] = {
        "articulation": lambda: articulation.solve(clip, Direction()),
        "whole performance": lambda: perform(clip, Direction()),
    }
    for name, work in works.items():
        seconds = best(work)
        print(f"{name:18s}{seconds:8.2f} s   {clip.duration / seconds:7.0f} times real time")
    print(f"memory    {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB at most")


if __name__ == "__main__":
    main()
