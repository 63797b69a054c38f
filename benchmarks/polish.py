"""What polish and retime of a long take cost in Blender: `python benchmarks/polish.py [SECONDS]` with the module bpy.

A performance of the shipped line, repeated to SECONDS (60), is keyed on the default character; then each of the
sliders is moved, and the panels' lists are made as for drawing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from machine import describe

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import blender_addon  # noqa: E402
from animcore.audio import recording  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.solvers.perform import perform  # noqa: E402


def main() -> None:
    """Measure, and print a line for each."""
    print(describe())
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    bpy.ops.wm.read_homefile(use_empty=True)
    blender_addon.register()
    from blender_addon import properties
    from blender_addon.character import rig_reader
    from blender_addon.performance import take_actions
    from blender_addon.takes import keying, library, retime

    scene = bpy.context.scene
    bpy.ops.animcore.add_character()
    root = properties.root(properties.of(scene))
    motion = performance(seconds)
    settings = {"audio": "line.flac", "direction": {"seed": 0}, "fps": [24, 1]}
    placement = keying.Placement(1, "line", "", settings)
    clock("write the keys", lambda: keying.apply(scene, rig_reader.read(root), motion, placement))
    clock("again, on edits and polish", lambda: keying.apply(scene, rig_reader.read(root), motion, placement))
    wishes = [{"regions": {"lips"}, "exaggeration": 1.2}, {"regions": {"lips"}, "smoothing": 80}]
    wishes += [{"keys_per_second": amount} for amount in (12, 6, 3, 0)]
    for wish in wishes:
        clock(f"polish {wish}", lambda wish=wish: bpy.ops.animcore.polish(**wish))
        told = take_actions.told(library.find(scene).ident)
        print(f"    {told.keys_per_second:.1f} keys a second, lips off by {told.lip_error:.3f} mm")
    clock("mirror", bpy.ops.animcore.mirror_take)
    library.glance(scene)
    clock("list of takes for one drawing", lambda: [library.glance(scene) for _ in range(100)], 100)
    found = library.glance(scene)
    clock("is a retime needed", lambda: [retime.is_behind(scene, found) for _ in range(100)], 100)
    scene.render.fps = 30
    clock("retime", bpy.ops.animcore.retime)
    blender_addon.unregister()


def performance(seconds: float) -> Motion:
    """The shipped line at 24 frames a second, again and again."""
    line = recording.load(ROOT / "assets" / "voices" / "line.flac")
    motion = perform(line, Direction()).resampled(Fraction(24))
    count = round(seconds * 24)
    repeated = {name: np.resize(values, (count, *values.shape[1:])) for name, values in motion.tracks().items()}
    return Motion(rate=Fraction(24), **repeated)


def clock(what: str, work: Callable[[], object], times: int = 1) -> None:
    """Do something and print how long it took."""
    start = time.perf_counter()
    work()
    print(f"{what}: {1000 * (time.perf_counter() - start) / times:.2f} ms")


if __name__ == "__main__":
    main()
