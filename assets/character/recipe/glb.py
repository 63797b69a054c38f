"""Writes character.glb, the default character for engines and the web, from character.blend: `python glb.py`.

Needs a Blender that animcore.files.blender finds, such as the module bpy. The pose is that of the `.blend`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from animcore.files import blender, gltf  # noqa: E402


def main() -> None:
    """Write the file beside the `.blend`."""
    target = HERE.parent / "character.glb"
    shutil.copy(blender.as_glb(HERE.parent / "character.blend"), target)
    document = gltf.load(target)
    document.document["scenes"][0]["name"] = "Animcore Character"
    document.document["asset"]["copyright"] = "CC0 1.0"
    document.save(target)


if __name__ == "__main__":
    main()
