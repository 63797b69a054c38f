"""How long files of 100,000 frames take: `python benchmarks/formats.py`.

Delivers (writes, reads back and compares) and reads a performance of 100,000 frames at 60 fps in every format that
needs no Blender: 10 of 52 face shapes that move, a head and a body, and 3,000 words.
"""

from __future__ import annotations

import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from machine import describe

from animcore.files import FORMATS
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.motion import Event, Motion

FRAMES, RATE = 100_000, Fraction(60)
MOVING = 10
NAMES = (
    "livelink", "npz", "a2f-csv", "a2f-json", "beat2", "amass", "amass-smplx", "flame", "csv", "unity", "godot", "vmd",
    "rhubarb-tsv", "rhubarb-xml", "rhubarb-json", "rhubarb-dat", "srt", "vtt", "textgrid",
)  # fmt: skip


def performance() -> Motion:
    """A motion that uses every kind of track."""
    time_of = np.arange(FRAMES) / float(RATE)
    arkit = np.zeros((FRAMES, 52), np.float32)
    for index in range(MOVING):
        arkit[:, 5 * index] = np.clip(np.sin(time_of * (3 + index)) * 0.5, 0, 1)
    pose = (np.sin(time_of)[:, None] * [0.1, 0.2, 0.05]).astype(np.float32)
    words = tuple(Event("word", "word", index * 0.5, index * 0.5 + 0.4) for index in range(3000))
    return Motion(RATE, arkit=arkit, head_pose=pose, body_pose=np.repeat(pose[:, None] / 2, 55, 1), events=words)


def main() -> None:
    """Print a row a format."""
    print(f"machine: {describe()}")
    print(f"command: python {' '.join(sys.argv)}")
    print(f"{'format':14s} {'deliver':>9s} {'read':>9s} {'size':>10s} {'worst':>9s}")
    motion = performance()
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            path = Path(folder) / f"take{FORMATS[name].suffix}"
            start = time.perf_counter()
            worst = export(motion, path, FORMATS[name]).worst
            written = time.perf_counter()
            load(path, FORMATS[name], FormatOptions(RATE))
            done = time.perf_counter()
            size = path.stat().st_size / 1e6
            print(f"{name:14s} {written - start:7.1f} s {done - written:7.1f} s {size:7.1f} MB {worst:9.1e}")
            path.unlink()


if __name__ == "__main__":
    main()
