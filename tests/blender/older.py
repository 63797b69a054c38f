"""Makes a file with a take in whichever Blender runs this, for a newer one to open: `python older.py OUT.blend WAV`.

A take of the engine of the tests, an edit by hand on it, polish, settings, the parts of a dialogue, and the take on
bones beside that on shapes.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import bpy  # noqa: E402
from conftest import armature, fake_launch, generate, head  # noqa: E402

import blender_addon  # noqa: E402
from blender_addon import preferences  # noqa: E402
from blender_addon.scene import fcurves  # noqa: E402

EDIT = range(10, 20)  # frames at which browInnerUp is lifted by hand
LIFT = 0.25


def edit(face: bpy.types.Object, shape: str) -> None:
    """Lift a curve by hand."""
    path = f'key_blocks["{shape}"].value'
    (curve,) = [one for one in fcurves.current_curves(face.data.shape_keys) if one.data_path == path]
    for point in curve.keyframe_points:
        if round(point.co.x) in EDIT:
            point.co.y += LIFT
    curve.update()


def main(out: Path, voice: Path) -> None:
    """Make the file and save it."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    blender_addon.register()
    preferences.launch = fake_launch
    rig = armature({"neck": ((0, 0, 1.4), (0, 0, 1.5), 0.0), "head": ((0, 0, 1.5), (0, 0, 1.7), 0.0)})
    face = head()
    face.parent = rig
    settings = bpy.context.scene.animcore
    settings.seed, settings.lips, settings.transition = 7, 0.8, "blend"
    generate(face, voice)
    edit(face, "browInnerUp")
    bpy.ops.animcore.polish(regions={"jaw"}, exaggeration=0.5)
    bpy.ops.animcore.add_part()
    settings.cast[0].style = "shy"
    bpy.ops.wm.save_as_mainfile(filepath=str(out))
    blender_addon.unregister()


if __name__ == "__main__":
    main(*map(Path, sys.argv[-2:]))
