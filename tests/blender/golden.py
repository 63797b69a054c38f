"""Golden takes: what the press of a button writes today. `PYTHONPATH=. python tests/blender/golden.py` makes them anew.

Do that where a solver or the rig reader was changed on purpose, and look at the new take first. The voices are those of
tests/golden/voices and the demo's line, which may be given to anybody.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import bpy  # noqa: E402
import numpy as np  # noqa: E402
from conftest import ROOT, settings  # noqa: E402

import blender_addon  # noqa: E402
from blender_addon import preferences  # noqa: E402
from blender_addon.engine import process  # noqa: E402
from blender_addon.scene import fcurves  # noqa: E402

FOLDER = ROOT / "tests" / "golden" / "takes"
VOICES = ROOT / "tests" / "golden" / "voices"


def alone() -> None:
    """One line on the default character, in joy that gives way to surprise, lively, with stronger brows."""
    bpy.ops.animcore.add_character()
    mine = settings()
    mine.audio, mine.emotion, mine.style, mine.seed, mine.brows = str(VOICES / "slt.flac"), "joy", "lively", 3, 1.4
    bpy.context.scene.timeline_markers.new("surprise 0.5", frame=49)
    bpy.ops.animcore.generate()


def dialogue() -> None:
    """Two default characters that face each other."""
    for name, place, turned in (("kal.flac", (0, 0, 0), 0.0), ("rms.flac", (0.3, -1.2, 0), np.pi)):
        bpy.ops.animcore.add_character()
        part = settings().character
        part.location, part.rotation_euler.z = place, turned
        settings().audio = str(VOICES / name)
        bpy.ops.animcore.add_part()
    settings().cast[1].start_frame = 97
    bpy.context.view_layer.update()
    bpy.ops.animcore.generate_dialogue()


SCENES: dict[str, Callable[[], None]] = {"alone": alone, "dialogue": dialogue}


def curves() -> dict[str, np.ndarray]:
    """Values at all keys of every curve that moves, by owner, path and index; and the frames of the first one."""
    found: dict[str, np.ndarray] = {}
    frames = np.zeros(0)
    for owner in (*bpy.data.shape_keys, *bpy.data.objects):
        for curve in fcurves.current_curves(owner):
            points = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get("co", points)
            frames = points[::2] if not len(frames) else frames
            if np.ptp(points[1::2]) > 1e-4:
                found[f"{fcurves.owner_name(owner)}|{curve.data_path}|{curve.array_index}"] = points[1::2]
    return {"frames": frames, **found}


def save(name: str, found: dict[str, np.ndarray]) -> None:
    """Write one: half precision, which is 0.0005 of a weight."""
    names = [one for one in found if one != "frames"]
    values = np.stack([found[one] for one in names]).astype(np.float16)
    changes = np.diff(values.view(np.uint16).astype(np.int32), axis=1, prepend=0).astype(np.int32)
    np.savez_compressed(FOLDER / f"{name}.npz", names=np.array(names), changes=changes, frames=found["frames"])


def load(name: str) -> dict[str, np.ndarray]:
    """Read one."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as data:
        values = np.cumsum(data["changes"], axis=1).astype(np.uint16).view(np.float16).astype(np.float32)
        return {"frames": data["frames"], **dict(zip(data["names"].tolist(), values, strict=True))}


def main() -> None:
    """Make all of them."""
    for name, make in SCENES.items():
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        blender_addon.register()
        preferences.launch = process.carried
        make()
        save(name, curves())
        blender_addon.unregister()
        size = (FOLDER / f"{name}.npz").stat().st_size
        sys.stdout.write(f"{name}: {size} bytes\n")


if __name__ == "__main__":
    main()
