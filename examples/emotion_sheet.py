"""All eight emotions on the default character, at two intensities, from one line: `python examples/emotion_sheet.py`.

Each row is an emotion; its pictures are, at an intensity of one half and of 1, a moment of an open vowel and a moment
of a closure. Writes docs/images/emotions.png; `--plain` leaves the labels out, so that one can guess, and `--size`,
`--only` and `--out` are for trying things. Needs Blender as a Python module (`pip install '.[demo]'`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples")]

from talking_character import LINE, quiet, read  # noqa: E402

from animcore.audio import recording  # noqa: E402
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, EMOTIONS  # noqa: E402
from animcore.direction import Direction, EmotionSpan  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.solvers.perform import perform  # noqa: E402
from blender_addon.scene import portrait_studio  # noqa: E402

CHARACTER = ROOT / "assets" / "character" / "character.blend"
INTENSITIES = (0.5, 1.0)
SAMPLES = 6
CLOSER = 2.4  # than the portrait frames the head
HIGHER = 0.16  # of the picture's width: the face in the middle
MARGIN = 18  # pixels of a label


def main() -> None:
    """Perform, render and lay out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=208, help="pixels of a picture")
    parser.add_argument("--only", default=",".join(EMOTIONS), help="emotions, comma-separated")
    parser.add_argument("--intensity", default=",".join(map(str, INTENSITIES)), help="comma-separated")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "emotions.png")
    parser.add_argument("--plain", action="store_true", help="no labels")
    options = parser.parse_args()
    clip = recording.load(LINE)
    no_blinks = {"blinks": 0.0}
    scene = build_scene(options.size)
    moments = vowel_and_closure(perform(clip, Direction(strengths=no_blinks)))
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only.split(","):
            pictures = []
            for intensity in map(float, options.intensity.split(",")):
                motion = perform(clip, Direction(strengths=no_blinks, emotions=[EmotionSpan(name, intensity)]))
                for frame in moments:
                    pose(motion, frame)
                    pictures.append(picture(scene, Path(folder) / "still.png"))
            rows[name] = np.concatenate(pictures, 1)
    lay_out(rows, options.out, labelled=not options.plain)


def vowel_and_closure(motion: Motion) -> tuple[int, int]:
    """Return the frames of the widest mouth, and of a closure: lips shut while the jaw is open."""
    assert motion.arkit is not None
    jaw, close = (motion.arkit[:, ARKIT_INDEX[name]] for name in ("jawOpen", "mouthClose"))
    return int(np.argmax(jaw - close)), int(np.argmax(np.where(close >= jaw - 1e-6, jaw, 0)))


def build_scene(size: int) -> bpy.types.Scene:
    """Open the character, light it and frame its face."""
    with quiet():
        bpy.ops.wm.open_mainfile(filepath=str(CHARACTER))
        scene = bpy.context.scene
        camera = portrait_studio.set_stage(
            scene, bpy.data.collections["Animcore Character"].all_objects, samples=SAMPLES
        )
    camera.data.lens *= CLOSER
    camera.data.shift_y = HIGHER
    scene.cycles.use_light_tree = False
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.use_persistent_data = True
    scene.render.image_settings.file_format = "PNG"
    return scene


def pose(motion: Motion, frame: int) -> None:
    """Put the character into a frame of a motion."""
    assert motion.arkit is not None
    weights = dict(zip(ARKIT, motion.arkit[frame].tolist(), strict=True))
    for key in bpy.data.shape_keys:
        for block in key.key_blocks:
            if block.name in weights:
                block.value = weights[block.name]
    bones = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE").pose.bones
    turns = {"neck": motion.neck_pose, "head": motion.head_pose}
    for index, side in enumerate(("left", "right")):
        turns[f"{side}_eye_smplhf"] = motion.eye_pose[:, index] if motion.eye_pose is not None else None
    for name, track in turns.items():
        if track is not None:
            turn(bones[name], track[frame])


def turn(bone: bpy.types.PoseBone, rotation: np.ndarray) -> None:
    """Rotate a bone from its rest by an axis-angle (3,) in the axes of a motion (X left, Y up, Z forward)."""
    from mathutils import Matrix, Quaternion, Vector

    angle = float(np.linalg.norm(rotation))
    axis = Vector((rotation / angle).tolist()) if angle else Vector((1, 0, 0))
    axes = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))  # Y up to Blender's Z up
    rest = bone.bone.matrix_local.to_3x3()
    bone.rotation_mode = "QUATERNION"
    bone.rotation_quaternion = Quaternion(rest.inverted() @ (axes @ axis), angle)


def picture(scene: bpy.types.Scene, path: Path) -> np.ndarray:
    """(size, size, 3) pixels of the character as it stands."""
    scene.render.filepath = str(path)
    with quiet():
        bpy.ops.render.render(write_still=True)
    return read(path)


def lay_out(rows: dict[str, np.ndarray], out: Path, labelled: bool) -> None:
    """Write the rows, two columns of them, as one picture."""
    height, width, _ = next(iter(rows.values())).shape
    label = MARGIN if labelled else 2
    columns = 2 if len(rows) > 4 else 1
    deep = -(-len(rows) // columns)
    sheet = Image.new("RGB", (columns * (width + 6), deep * (height + label)), "white")
    for index, (name, row) in enumerate(rows.items()):
        left, top = (index // deep) * (width + 6), (index % deep) * (height + label)
        sheet.paste(Image.fromarray(row), (left, top + label))
        if labelled:
            ImageDraw.Draw(sheet).text((left + 4, top + 3), f"{name} (at 0.5 and at 1.0)", fill="black")
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
