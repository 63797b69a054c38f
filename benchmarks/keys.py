"""How long writing a performance takes: 60 seconds at 30 frames a second on 52 shapes are 93,600 keys.

    .venv/bin/python benchmarks/keys.py [--seconds 60] [--fps 30] [--limit 1.5]

Needs the module bpy. Prints the machine, the command and the time of each of three runs, from arrays in memory to keys
that play; with --limit it fails where the slowest run takes longer.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import blender_addon
from animcore.core.vocabulary import ARKIT
from animcore.motion import Motion
from blender_addon.character import rig_reader
from blender_addon.takes import keying


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description="Measure how fast keys are written.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--limit", type=float, help="fail above this many seconds")
    options = parser.parse_args()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    blender_addon.register()
    bpy.context.scene.render.fps = options.fps
    times = [_run(options.seconds, options.fps, number) for number in range(3)]
    print(f"Blender {bpy.app.version_string}, {platform.machine()}, {os.cpu_count()} cores, {_processor()}")
    print(f"python {' '.join(sys.argv)}")
    count = round(options.seconds * options.fps) * len(ARKIT)
    print(f"{count:,} keys: " + ", ".join(f"{seconds:.3f} s" for seconds in times))
    if options.limit is not None and max(times) > options.limit:
        sys.exit(f"slower than {options.limit} s")


def _run(seconds: float, fps: int, number: int) -> float:
    """Write a performance of noise onto a new head; returns the seconds it took."""
    face = _head(f"Head {number}")
    frames = round(seconds * fps)
    weights = np.random.default_rng(number).random((frames, len(ARKIT)), np.float32)
    motion = Motion(Fraction(fps), arkit=weights)
    started = time.perf_counter()
    keying.apply(bpy.context.scene, rig_reader.read(face), motion, keying.Placement(1, "benchmark"))
    return time.perf_counter() - started


def _head(name: str) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    for shape in ("Basis", *ARKIT):
        made.shape_key_add(name=shape, from_mix=False)
    return made


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


if __name__ == "__main__":
    main()
