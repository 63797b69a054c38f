"""One line, three speakers: the default character in mid-gesture; writes docs/images/gestures.png.

`python examples/gesture_picture.py`; each picture is the moment at which the hands are farthest from the body in the
performance of one style. Needs Blender as a Python module (`pip install '.[demo]'`).
"""

from __future__ import annotations

import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples")]

from performance_film import COLLECTION, build_scene  # noqa: E402
from talking_character import LINE, read, render  # noqa: E402

import blender_addon  # noqa: E402
from animcore.audio import recording  # noqa: E402
from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations  # noqa: E402
from animcore.core.vocabulary import ARKIT_INDEX  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.solvers.perform import perform  # noqa: E402
from blender_addon.scene import portrait_studio  # noqa: E402

OUT = ROOT / "docs" / "images" / "gestures.png"
STYLES = {"calm": -25.0, "lively": 25.0, "presenter": 35.0}  # and how far the camera walks around
RATE = Fraction(25)
SIZE, SAMPLES, MIDDLE = 400, 32, 0.98


def main() -> None:
    """Perform, render and lay out."""
    blender_addon.register()
    clip = recording.load(LINE)
    pictures = []
    for style, turn in STYLES.items():
        motion = perform(clip, Direction(style=style)).resampled(RATE)
        pictures.append(picture(motion, widest(motion), turn))
    beside = round(SIZE * (1 - MIDDLE) / 2)
    sheet = Image.fromarray(np.concatenate([one[:, beside : SIZE - beside] for one in pictures], 1))
    for number, style in enumerate(STYLES):
        ImageDraw.Draw(sheet).text((number * (SIZE - 2 * beside) + 10, 8), style, fill="white", font_size=16)
    sheet.save(OUT, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size // 1000} kB")


def widest(motion: Motion) -> int:
    """Return the frame, with open eyes, whose hands are farthest from the middle of the body and high up."""
    assert motion.body_pose is not None
    assert motion.arkit is not None
    at = joint_positions(world_rotations(motion.body_pose))
    hands = at[:, [INDEX["left_wrist"], INDEX["right_wrist"]]] - at[:, [INDEX["pelvis"]]]
    reach = hands[..., 2].sum(1) + np.abs(hands[..., 0]).sum(1) + hands[..., 1].sum(1)
    return int(np.argmax(reach - motion.arkit[:, ARKIT_INDEX["eyeBlinkLeft"]]))


def picture(motion: Motion, frame: int, turn: float) -> NDArray[np.uint8]:
    """(SIZE, SIZE, 3) pixels of a frame, from the hips up."""
    scene = build_scene(motion, SIZE, turn, is_fine=True)
    members = bpy.data.collections[COLLECTION].all_objects
    scene.camera = portrait_studio.add_camera(scene, members, turn, portrait_studio.MEDIUM)
    scene.cycles.samples, scene.cycles.denoising_quality = SAMPLES, "HIGH"
    for one in members:
        for modifier in one.modifiers:
            modifier.show_render = True  # smooth skin
    with tempfile.TemporaryDirectory() as folder:
        return read(render(scene, frame + 1, Path(folder)))


if __name__ == "__main__":
    main()
