"""What Generate and the panels' looks cost in an empty scene and in one of 200 objects: run it with the module bpy.

    python benchmarks/busy_scene.py [voice.wav]

Panels cannot be drawn without a window: measured is everything that they ask for while they are drawn.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy

import blender_addon
from blender_addon.performance import dialogue, session
from blender_addon.takes import library, retime
from blender_addon.voice import analysis

ROOT = Path(__file__).resolve().parents[1]
OBJECTS = 200
ROUNDS = 200


def fill() -> None:
    """Add 200 meshes with shapes, every fourth of them animated, and armatures among them."""
    mesh = bpy.data.meshes.new("Rock")
    mesh.from_pydata([(x, y, 0) for x in range(20) for y in range(20)], [], [])
    for number in range(OBJECTS):
        data = bpy.data.armatures.new("Rig") if number % 10 == 9 else mesh.copy()
        made = bpy.data.objects.new(f"Rock {number}", data)
        bpy.context.scene.collection.objects.link(made)
        if number % 4 == 0:
            made.keyframe_insert("location", frame=1)
        if number % 10 != 9:
            made.shape_key_add(name="Basis")
            made.shape_key_add(name="jawOpen")


def looks() -> None:
    """Ask for everything that the panels show."""
    scene = bpy.context.scene
    settings = scene.animcore
    session.character_seen(settings)
    session.disabled_reason(scene)
    dialogue.disabled_reason(scene)
    analysis.of(settings)
    retime.is_behind(scene, library.drawn(scene))


def milliseconds(work: Callable[[], None], rounds: int) -> str:
    """Median and worst of so many rounds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return f"median {statistics.median(taken):.2f} ms, worst {max(taken):.1f} ms"


def main() -> None:
    """Measure both scenes."""
    voice = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "assets" / "voices" / "line.flac")
    for count in (0, OBJECTS):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        blender_addon.register()
        if count:
            fill()
        bpy.ops.animcore.add_character()
        bpy.context.scene.animcore.audio = voice
        bpy.ops.animcore.generate()  # the engine starts
        bpy.context.scene.animcore.seed = 1
        generated = milliseconds(bpy.ops.animcore.generate, 3)
        sys.stdout.write(f"{count + 6} objects: Generate {generated}; looks {milliseconds(looks, ROUNDS)}; ")
        examined = milliseconds(lambda: session.examine(bpy.context.scene), 5)
        sys.stdout.write(f"Examine {examined}\n")
        blender_addon.unregister()


if __name__ == "__main__":
    main()
