"""What a frame of playback costs the processor, graphics left out: `python benchmarks/playback.py` with the module bpy.

The shipped line is keyed on the default character, and Blender evaluates its frames one after the other: curves,
shapes, skin and modifiers as for the viewport. What EEVEE then adds depends on the graphics card.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from machine import describe

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import blender_addon  # noqa: E402
from animcore.core.progress import silent  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.pipelines import generate_files  # noqa: E402

LINE = ROOT / "assets" / "voices" / "line.flac"
RATE = Fraction(24)


def main() -> None:
    """Measure with the whole take, and with the body's curves away."""
    print(f"{describe()}\nBlender {bpy.app.version_string}; command: python {' '.join(sys.argv)}")
    for name, strengths in (("face and head", {"body": 0.0, "hands": 0.0}), ("whole body", {})):
        times = _frames(Direction(strengths=strengths)) * 1000
        print(
            f"{name:>14}: {np.median(times):5.1f} ms a frame (slowest of a hundred {np.percentile(times, 99):.1f} ms)"
        )


def _frames(direction: Direction) -> np.ndarray:
    """Seconds that each frame of a take was evaluated in."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    blender_addon.register()
    from blender_addon import properties
    from blender_addon.character import rig_reader
    from blender_addon.takes import keying

    scene = bpy.context.scene
    scene.render.fps = RATE.numerator
    bpy.ops.animcore.add_character()
    motion, _facts = generate_files.generate(LINE, RATE, direction, silent)
    take = keying.apply(
        scene, rig_reader.read(properties.root(properties.of(scene))), motion, keying.Placement(1, "line")
    )
    found = []
    for frame in range(take.first_frame, take.last_frame + 1):
        started = time.perf_counter()
        scene.frame_set(frame)
        found.append(time.perf_counter() - started)
    blender_addon.unregister()
    return np.array(found)


if __name__ == "__main__":
    main()
