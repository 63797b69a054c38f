"""How many times faster than real time a performance is made: `python benchmarks/solver_speed.py`.

Runs the whole way of `animcore generate` up to the finished Motion, reading the file included, on the shipped voice
line, as it is and repeated to one and to ten minutes, three times each, and prints the median. Then feeds the live
variant 33 ms at a time and prints the processor time that each bit takes, on one thread.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
from machine import describe

from animcore.direction import Direction
from animcore.pipelines import generate_files
from animcore.solvers.speech_face import streaming

LINE = Path(__file__).resolve().parent.parent / "assets" / "voices" / "line.flac"
LENGTHS = (0, 60, 600)  # seconds; 0 is the line itself
RUNS = 3
BIT = 533  # samples that the live variant is fed at a time: 33 ms


def seconds_taken(path: Path) -> float:
    """Median time of making a Motion at 30 fps from a file."""
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        generate_files.generate(path, Fraction(30), Direction())
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def live_milliseconds(samples: np.ndarray) -> list[float]:
    """Processor time in milliseconds that each bit of sound takes a live listener."""
    listener, taken = streaming.StreamingSolver(), []
    for first in range(0, len(samples), BIT):
        start = time.process_time()
        listener.feed(samples[first : first + BIT])
        taken.append(1000 * (time.process_time() - start))
    return taken


def main() -> None:
    """Print a row a length."""
    print(f"machine: {describe()}, onnxruntime {onnxruntime.__version__}")
    print(f"command: python {' '.join(sys.argv)}")
    samples, rate = soundfile.read(LINE, dtype="float32")
    generate_files.generate(LINE, Fraction(30), Direction())  # loads the network
    print(f"{'audio':>10s} {'taken':>10s} {'times real time':>16s}")
    with tempfile.TemporaryDirectory() as folder:
        for length in LENGTHS:
            path = Path(folder) / f"{length}.wav"
            wanted = length * rate or len(samples)
            soundfile.write(path, np.tile(samples, -(-wanted // len(samples)))[:wanted], rate)
            taken = seconds_taken(path)
            print(f"{wanted / rate:8.1f} s {taken:8.3f} s {wanted / rate / taken:16.1f}")
    bits = live_milliseconds(np.tile(samples, 5))
    print(f"live, 33 ms at a time: {np.mean(bits):.1f} ms on average, 99 % within {np.percentile(bits, 99):.1f} ms")


if __name__ == "__main__":
    main()
