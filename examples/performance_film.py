"""A film of a whole take, the figure from head to foot, for looking at gestures: made in seconds, not in beauty.

`python examples/performance_film.py TAKE.npz --audio line.wav --out film.mp4 --sheet sheet.png`. The default character
plays the motion (face, head, body, way) in Blender's Workbench, which needs no GPU where Mesa is installed; `--fine`
renders through Cycles, which takes three times as long. Without `--out` only the pictures of the sheet are rendered.
Needs Blender as a Python module (`pip install '.[demo]'`).
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples")]

from talking_character import quiet, read, render  # noqa: E402

import blender_addon  # noqa: E402
from animcore.audio import recording  # noqa: E402
from animcore.core.frame_rates import exact_rate  # noqa: E402
from animcore.core.origin import COMPOSITE  # noqa: E402
from animcore.errors import AnimcoreError, InputError  # noqa: E402
from animcore.files.video import writer  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from blender_addon.character import rig_reader  # noqa: E402
from blender_addon.scene import portrait_studio  # noqa: E402
from blender_addon.takes import keying  # noqa: E402

VIEWS = {"front": 0.0, "three_quarter": 35.0}  # degrees around the character
COLLECTION = "Animcore Character"
COLUMNS = 8
MIDDLE = 0.68  # of a picture's width is shown on a sheet: as far as hands reach
# How Workbench shows what Cycles computes from nodes: flat, light enough that fingers stand out from clothes.
COLOURS = {
    "Skin": (0.86, 0.62, 0.50), "Hair": (0.10, 0.05, 0.03), "Brow": (0.10, 0.05, 0.03), "Lash": (0.03, 0.02, 0.02),
    "Eye": (0.92, 0.91, 0.89), "Iris": (0.25, 0.16, 0.08), "Pupil": (0.0, 0.0, 0.0), "Enamel": (0.90, 0.87, 0.80),
    "Gum": (0.70, 0.33, 0.30), "Tongue": (0.72, 0.35, 0.33), "Sweater": (0.07, 0.28, 0.30),
    "Trousers": (0.06, 0.07, 0.10), "Shoes": (0.45, 0.42, 0.38), "Backdrop": (0.40, 0.40, 0.40),
}  # fmt: skip


def main() -> int:
    """Read the command line and make what it asks for; return 0, or 1 with one sentence of what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("motion", type=Path, help="a motion (.npz) with a body")
    parser.add_argument("--audio", type=Path, help="its sound")
    parser.add_argument("--out", type=Path, help="the film (.mp4)")
    parser.add_argument("--sheet", type=Path, help="a contact sheet (.png)")
    parser.add_argument("--pictures", type=int, default=24, help="of the sheet")
    parser.add_argument("--size", type=int, default=480, help="pixels of a picture's side, even")
    parser.add_argument("--fps", type=Fraction, default=Fraction(25, 2), help="frames a second")
    parser.add_argument("--from", dest="start", type=float, default=0.0, help="seconds")
    parser.add_argument("--to", dest="end", type=float, default=math.inf, help="seconds")
    parser.add_argument("--view", choices=VIEWS, default="front")
    parser.add_argument("--fine", action="store_true", help="through Cycles")
    try:
        make(parser.parse_args())
    except (AnimcoreError, RuntimeError) as error:
        print(f"performance_film: {str(error).strip().removeprefix('Error: ')}", file=sys.stderr)
        return 1
    return 0


def make(options: argparse.Namespace) -> None:
    """Render the frames that are needed, once each, and write film and sheet."""
    if options.out is None and options.sheet is None:
        raise InputError("Nothing to make: give --out film.mp4, --sheet sheet.png, or both.")
    motion = part(Motion.load(options.motion).resampled(exact_rate(options.fps)), options.start, options.end)
    blender_addon.register()
    scene = build_scene(motion, options.size, VIEWS[options.view], options.fine)
    shown = np.linspace(0, motion.frame_count - 1, min(options.pictures, motion.frame_count)).round().astype(int)
    wanted = range(motion.frame_count) if options.out else shown
    with tempfile.TemporaryDirectory() as folder:
        pictures = {frame: render(scene, frame + 1, Path(folder)) for frame in tqdm(wanted, "Rendering", unit="frame")}
        if options.out:
            sound = excerpt(options.audio, motion.start, Path(folder) / "sound.wav") if options.audio else None
            origin = motion.stated_origin.by(COMPOSITE)
            writer.write((read(pictures[frame]) for frame in wanted), motion.rate, options.out, sound, origin)
            print(f"{options.out}: {motion.frame_count / motion.fps:.1f} s")
        if options.sheet:
            lay_out([read(pictures[frame]) for frame in shown], motion.times[shown], options.sheet)
            print(f"{options.sheet}: {len(shown)} pictures")


def part(motion: Motion, start: float, end: float) -> Motion:
    """Return the frames from `start` to `end` seconds.

    Raises:
        InputError: where there are none.
    """
    inside = (motion.times >= max(start, 0.0) - 1e-9) & (motion.times < end)
    if not inside.any():
        raise InputError(f"The motion has no frames from {start:g} to {end:g} s.")
    tracks: dict[str, Any] = {name: values[inside] for name, values in motion.tracks().items()}
    return replace(motion, start=float(motion.times[inside][0]), **tracks)


def build_scene(motion: Motion, size: int, turn: float, is_fine: bool) -> bpy.types.Scene:
    """Put the motion onto the default character from frame 1 on, light it and frame all of it."""
    with quiet():
        bpy.ops.wm.read_homefile(use_empty=True)
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base = motion.rate.numerator, motion.rate.denominator
        bpy.ops.animcore.add_character()
    members = bpy.data.collections[COLLECTION].all_objects
    scene.render.resolution_x = scene.render.resolution_y = size
    portrait_studio.set_stage(scene, members, samples=1, turn=turn, framing=portrait_studio.WHOLE)
    rig = next(one for one in members if one.type == "ARMATURE")
    for note in keying.apply(
        scene, rig_reader.read(rig), replace(motion, start=0.0), keying.Placement(1, "take")
    ).notes:
        print(f"note: {note}")
    for one in members:
        for modifier in one.modifiers:
            modifier.show_render = modifier.type != "SUBSURF"
    scene.render.image_settings.compression = 0
    _hurry_cycles(scene) if is_fine else _use_workbench(scene)
    return scene


def _hurry_cycles(scene: bpy.types.Scene) -> None:
    """One sample, denoised."""
    scene.cycles.use_light_tree = scene.cycles.use_adaptive_sampling = False
    scene.cycles.denoising_quality = scene.cycles.denoising_prefilter = "FAST"
    scene.render.use_persistent_data = True


def _use_workbench(scene: bpy.types.Scene) -> None:
    """Plain shading with contact shadows in the colours above."""
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    scene.display.render_aa = "FXAA"
    shading = scene.display.shading
    shading.light, shading.color_type, shading.show_specular_highlight = "STUDIO", "MATERIAL", False
    shading.show_cavity, shading.show_shadows = True, False
    for material in bpy.data.materials:
        if (colour := COLOURS.get(material.name.removeprefix("Animcore "))) is not None:
            material.diffuse_color = (*colour, 1.0)


def excerpt(source: Path, start: float, path: Path) -> Path:
    """Write the sound from `start` seconds on as WAV, and return its path."""
    clip = recording.load(source)
    samples = np.clip(clip.samples[round(start * clip.rate) :] * 32767, -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(clip.rate)
        out.writeframes(samples.tobytes())
    return path


def lay_out(pictures: list[NDArray[np.uint8]], times: NDArray[np.float64], path: Path) -> None:
    """Write pictures in rows, each with its time, as one PNG."""
    size = pictures[0].shape[0]
    wide = round(size * MIDDLE)
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (min(COLUMNS, len(pictures)) * wide, rows * size), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (picture, time) in enumerate(zip(pictures, times, strict=True)):
        left, top = number % COLUMNS * wide, number // COLUMNS * size
        beside = (size - wide) // 2
        sheet.paste(Image.fromarray(picture[:, beside : beside + wide]), (left, top))
        pen.text((left + 6, top + 4), f"{time:.2f} s", fill="white", font_size=max(size // 20, 10),
                 stroke_width=1, stroke_fill="black")  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


if __name__ == "__main__":
    sys.exit(main())
