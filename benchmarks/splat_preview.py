"""How long Blender's preview of Gaussians takes for a frame of a take, without the drawing itself.

    python benchmarks/splat_preview.py [--gaussians 100000] [--frames 48]

Puts flat Gaussians on the head of the default character, keys its jaw, lips and head for two seconds, and plays: each
frame the mesh is evaluated by Blender (not counted: it does so with or without splats), then the preview reads it,
makes the frames of its triangles, turns them into the view, sorts the Gaussians and lays out what goes to the card.
Where this Blender can draw without a window (5.2: `gpu.init`) a drawn frame is timed too, with the name of what drew.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from machine import describe

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy

import blender_addon
from animcore.files.avatars import open_any_splats
from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians
from blender_addon.splats.render import gpu_drawing
from blender_addon.splats.render.gpu_packing import Gathered, rows
from blender_addon.splats.scene import camera_view, placement, splat_objects

SIZE = (960, 540)
MOVING = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight")


def main() -> None:
    """Print a line for each part of a frame."""
    parser = argparse.ArgumentParser(description="Time the preview of Gaussians, a frame of a take at a time.")
    parser.add_argument("--gaussians", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=48)
    options = parser.parse_args()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    blender_addon.register()
    bpy.ops.animcore.add_character()
    skin = bpy.data.objects["Animcore Skin"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.ply"
        open_any_splats.save(on_head(skin, options.gaussians), path)
        bpy.context.view_layer.objects.active = skin
        bpy.ops.animcore.add_splats(filepath=str(path))
        keyed(skin, options.frames)
        times = played(options.frames)
    print(f"machine: {describe()}, load {os.getloadavg()[0]:.1f}")
    print(f"Blender {bpy.app.version_string}, NumPy {np.__version__}")
    print(f"{options.gaussians:,} Gaussians, {len(times)} frames")
    print(f"{'milliseconds a frame':>48} {'median':>9} {'best':>9} {'processor':>10}")
    for name in times[0]:
        report(name, [one[name] for one in times])
    sums = [
        [sum(parts) for parts in zip(*(t for name, t in one.items() if name[0] != "("), strict=True)] for one in times
    ]
    report("all that the preview does on the processor", sums)
    blender_addon.unregister()


def report(name: str, spent: Sequence[Sequence[float]]) -> None:
    """Print a line: wall clock, and the seconds of this thread alone, which other programs disturb least."""
    wall, busy = np.array(spent).T * 1e3
    print(f"{name:>48} {np.median(wall):9.2f} {wall.min():9.2f} {np.median(busy):10.2f}")


def now() -> np.ndarray:
    """The time, and the processor's seconds of this thread."""
    return np.array([time.perf_counter(), time.thread_time()])


def on_head(skin: bpy.types.Object, count: int) -> Gaussians:
    """Flat Gaussians on the triangles of the head, larger where there are few, of a colour that changes with place."""
    rng = np.random.default_rng(0)
    faces = placement.triangles(skin.data)
    vertices = np.array([skin.matrix_world @ one.co for one in skin.data.vertices])
    head = np.flatnonzero(vertices[faces][:, :, 2].min(1) > vertices[:, 2].max() - 0.26)
    corners = vertices[faces[head]]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    chosen = rng.choice(len(head), count, p=areas / areas.sum())
    weights = rng.dirichlet((1, 1, 1), count)
    mesh = triangle_binding.frames(vertices, faces)
    places = np.einsum("nk,nkc->nc", weights, corners[chosen])
    size = 0.9 * np.sqrt(areas.sum() / count)
    waves = np.sin(places * (90, 70, 110) + (0, 1, 2)).prod(1, keepdims=True)
    colours = np.clip(np.array([0.72, 0.5, 0.4]) + 0.12 * waves + rng.normal(size=(count, 3)) * 0.02, 0, 1)
    harmonics = np.zeros((count, 16, 3))
    harmonics[:, 0] = (colours - 0.5) / HARMONIC_0
    harmonics[:, 1:] = rng.normal(size=(count, 15, 3)) * 0.01
    free = Gaussians(
        places, triangle_binding.quaternions(mesh.rotations[head[chosen]]),
        np.array([[1, 0.15, 1]]) * np.full((count, 1), size),
        np.full(count, 0.8), harmonics,
    )  # fmt: skip
    bound = triangle_binding.to_local(free, mesh, head[chosen])
    parts = (bound.means, bound.rotations, bound.scales, bound.opacities, bound.harmonics)
    return Gaussians(*(part.astype(np.float32) for part in parts), binding=bound.binding)


def keyed(skin: bpy.types.Object, frames: int) -> None:
    """Key some shapes and let the whole character turn, so that every Gaussian moves in every frame."""
    for number, name in enumerate(MOVING):
        block = skin.data.shape_keys.key_blocks[name]
        for frame in range(1, frames + 1, 4):
            block.value = 0.5 + 0.5 * np.sin(frame * 0.4 + number)
            block.keyframe_insert("value", frame=frame)
    rig = skin.parent
    for frame, turn in ((1, -0.4), (frames, 0.4)):
        rig.rotation_euler.z = turn
        rig.keyframe_insert("rotation_euler", frame=frame)


def played(frames: int) -> list[dict[str, np.ndarray]]:
    """Play, and return the seconds of each part for every frame after the first."""
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.location, scene.camera.rotation_euler = (0, -0.9, 1.6), (np.pi / 2, 0, 0)
    drawer, target = on_card()
    found = []
    for frame in range(1, frames + 1):
        scene.frame_set(frame)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        looked = camera_view.of_camera(scene.camera.evaluated_get(depsgraph), depsgraph, SIZE)
        start = now()
        placed = splat_objects.all_placed(depsgraph)
        read = now()
        if frame == 1:
            together = Gathered([one.cloud for one in placed])
        begun = now()
        inside = together.frames(placed, looked)
        texels = together.frame_texels(inside, placed, looked)
        framed = now()
        order = together.order(inside, looked)
        ordered = now()
        laid = rows(order[:, None])
        end = now()
        spent = {
            "evaluated mesh -> frames of its triangles": read - start,
            "frames -> the view, as a texture": framed - begun,
            "depths and order": ordered - framed,
            "order, as a texture": end - ordered,
        }
        if target is not None:
            spent[f"(drawn at {SIZE[0]} x {SIZE[1]} by {renderer()})"] = drawn(drawer, target, placed, looked)
        if frame > 1:
            found.append(spent)
        assert texels.size
        assert laid.size
    return found


def on_card() -> tuple:
    """A drawer and what it draws into, where this Blender can without a window."""
    import gpu

    if not hasattr(gpu, "init"):
        return None, None
    gpu.init()
    return gpu_drawing.Drawer(), gpu.types.GPUOffScreen(*SIZE, format="RGBA16F")


def renderer() -> str:
    """What draws."""
    import gpu

    return gpu.platform.renderer_get()


def drawn(drawer: gpu_drawing.Drawer, target: object, placed: list, looked: camera_view.View) -> np.ndarray:
    """Seconds of drawing a frame, until its first pixel can be read."""
    import gpu

    start = now()
    with target.bind():
        framebuffer = gpu.state.active_framebuffer_get()
        framebuffer.clear(color=(0, 0, 0, 0), depth=1.0)
        drawer.draw(placed, looked, "DISPLAY")
        framebuffer.read_color(0, 0, 1, 1, 4, 0, "FLOAT")
    return now() - start


if __name__ == "__main__":
    main()
