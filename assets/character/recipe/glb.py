"""Writes character.glb, the default character for engines and the web, from character.blend: `python glb.py`.

Needs a Blender that animcore.files.scenes.blender_process finds, such as the module bpy. The pose is that of the
`.blend`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from animcore.files.scenes import blender_process, gltf  # noqa: E402


def main() -> None:
    """Write the file beside the `.blend`."""
    target = HERE.parent / "character.glb"
    shutil.copy(blender_process.as_glb(HERE.parent / "character.blend"), target)
    document = gltf.load(target)
    document.document["scenes"][0]["name"] = "Animcore Character"
    document.document["asset"]["copyright"] = "CC0 1.0"
    document.save(target)


if __name__ == "__main__":
    main()
