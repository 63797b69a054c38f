"""A voice line in, a talking character out: what `make demo` runs, and an example of Animcore in a script.

Writes into `out/`: line.csv (Live Link Face), line.npz (Motion), line.blend (the default character, keyed, with the
sound on the sequencer), line.mp4 (rendered through Cycles, with sound), line.png (a contact sheet) and hybrid.mp4 (the
same take on the head of mesh and Gaussians). Needs Blender as a Python module (`pip install '.[demo]'`); the same
calls work inside Blender with the extension installed.

Your own recording: `make demo AUDIO=path`, or `python examples/talking_character.py path`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples")]

import contact_sheet  # noqa: E402
import hybrid_head  # noqa: E402

import blender_addon  # noqa: E402
from animcore.audio import recording  # noqa: E402
from animcore.core.origin import COMPOSITE  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.errors import AnimcoreError  # noqa: E402
from animcore.files.export_and_verify import export  # noqa: E402
from animcore.files.face_curves import livelink  # noqa: E402
from animcore.files.video import writer  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.pipelines import generate_files  # noqa: E402
from blender_addon.scene import portrait_studio  # noqa: E402

OUT = ROOT / "out"
LINE = ROOT / "assets" / "voices" / "line.flac"
RATE = Fraction(24)
SIZE = 304  # pixels; small, and with few samples, so that two cores render the film in a few minutes
SAMPLES = 4
CLOSER = 1.45  # than the portrait frames the head: the film begins with the face
WIDE_FROM = 0.4  # of the film: from there on a second camera shows the hands
WIDE_TURN = 12.0  # degrees that it stands further round
SHEET_PICTURES = 8


def main() -> int:
    """Make everything; return 0, or 1 with one sentence of what went wrong."""
    path = Path((sys.argv[1:] or [os.environ.get("AUDIO") or LINE])[0])
    try:
        make(path)
    except (AnimcoreError, RuntimeError) as error:
        print(f"demo: {str(error).strip().removeprefix('Error: ')}", file=sys.stderr)
        return 1
    return 0


def make(path: Path) -> None:
    """Perform a recording and write all six files into `out/`."""
    clip = recording.load(path)
    for warning in clip.facts.warnings:
        print(f"note: {warning}")
    OUT.mkdir(exist_ok=True)
    motion = write_motion(path)
    scene = build_scene(path, motion.frame_count)
    frames = range(1, motion.frame_count + 1)
    with tempfile.TemporaryDirectory() as folder:
        pictures = [render(scene, frame, Path(folder)) for frame in tqdm(frames, "Rendering", unit="frame")]
        with told("line.mp4"):
            origin = motion.stated_origin.by(COMPOSITE)
            writer.write((read(picture) for picture in pictures), RATE, OUT / "line.mp4", path, origin)
        with told("line.png"):
            times = contact_sheet.frame_times(clip.duration, SHEET_PICTURES)
            shown = [read(pictures[min(int(time * RATE), len(pictures) - 1)]) for time in times]
            contact_sheet.draw(motion, clip, shown, OUT / "line.png")
    with told("hybrid.mp4"):
        hybrid_head.film_of(motion, path, OUT / "hybrid.mp4")


def write_motion(path: Path) -> Motion:
    """Perform a recording with the engine alone, and write line.csv and line.npz."""
    with told("line.csv and line.npz"):
        motion, _ = generate_files.generate(path, RATE, Direction())
        export(motion, OUT / "line.csv", livelink.FORMAT)
        motion.save(OUT / "line.npz")
    return motion


def build_scene(path: Path, frames: int) -> bpy.types.Scene:
    """Let the extension key the default character, light it, and save line.blend."""
    with told("line.blend"), quiet():
        bpy.ops.wm.read_homefile(use_empty=True)
        bpy.context.preferences.filepaths.save_version = 0
        blender_addon.register()
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base = RATE.numerator, RATE.denominator
        bpy.ops.animcore.add_character()
        scene.animcore.audio = str(path.resolve())
        bpy.ops.animcore.generate()
        character = bpy.data.collections["Animcore Character"].all_objects
        camera = portrait_studio.set_stage(scene, character, samples=SAMPLES)
        camera.data.lens *= CLOSER
        wide = portrait_studio.add_camera(scene, character, WIDE_TURN, portrait_studio.MEDIUM)
        for name, frame, one in (("Face", 1, camera), ("Hands", 1 + round(WIDE_FROM * frames), wide)):
            scene.timeline_markers.new(name, frame=frame).camera = one
        scene.cycles.use_light_tree = False  # three lights: the tree costs more than it saves
        scene.cycles.denoising_quality = scene.cycles.denoising_prefilter = "FAST"
        scene.render.resolution_x = scene.render.resolution_y = SIZE
        scene.render.use_persistent_data = True
        scene.frame_end = frames
        scene.frame_set(1)
        bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "line.blend"), compress=True)
    return scene


def render(scene: bpy.types.Scene, frame: int, folder: Path) -> Path:
    """Render one frame as PNG and return its path."""
    scene.frame_set(frame)
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(folder / f"{frame:05d}.png")
    with quiet():
        bpy.ops.render.render(write_still=True)
    return Path(scene.render.filepath)


def read(path: Path) -> NDArray[np.uint8]:
    """(height, width, 3) pixels of a picture."""
    return np.asarray(Image.open(path).convert("RGB"))


@contextmanager
def told(name: str) -> Iterator[None]:
    """Say that a file is being made, and that it is there."""
    print(f"Making {name} ...", flush=True)
    yield
    print(f"  -> {OUT.name}/{name.replace(' and ', f' and {OUT.name}/')}", flush=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Blender's own lines off the screen; errors still come as exceptions."""
    sys.stdout.flush()
    screen = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(screen, 1)
        os.close(screen)
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
