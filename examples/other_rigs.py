"""Two characters of other conventions speak the demo's line: one with jaw and lip bones alone, one with 15 visemes.

Both are made here from the default character, whose own 52 shapes are taken away: so what they can do is known, and how
near their lips come to the reference can be measured. `python examples/other_rigs.py` renders them beside the
reference into `out/other_rigs.png` and prints the correlation of the lip openings. Needs the extra `demo`.
"""

from __future__ import annotations

import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples")]

from talking_character import quiet, read, render  # noqa: E402

import blender_addon  # noqa: E402
from blender_addon.api import generate_take  # noqa: E402
from blender_addon.scene import portrait_studio  # noqa: E402

LINE = ROOT / "assets" / "voices" / "line.flac"
OUT = ROOT / "out" / "other_rigs.png"
RATE = Fraction(24)
SIZE, SAMPLES = 240, 8
CLOSER = 1.9
SHOWN = 6  # pictures: moments of the reference from closed lips to the widest opening
FACE = "Animcore Skin"
RIG = "Animcore Rig"
LOWER_LIP = 0.4  # share of the jaw's way from which skin is below the mouth
CORNER, MIDDLE = 0.02, -0.005  # metres from the middle of the mouth
# Around the mouth of the default character, as lip bones of game characters stand: x, z from the middle, in metres.
LIP_BONES = {
    "b01": (0.0, 0.007), "b02": (0.0, -0.009), "b03": (0.013, 0.005), "b04": (-0.013, 0.005), "b05": (0.013, -0.007),
    "b06": (-0.013, -0.007), "b07": (0.026, -0.001), "b08": (-0.026, -0.001),
}  # fmt: skip
# What an artist might sculpt for each of the 15 visemes: by eye, and on purpose not the recipes of rigs/visemes.toml.
VISEMES: dict[str, dict[str, float]] = {
    "viseme_PP": {"mouthPressLeft": 0.5, "mouthPressRight": 0.5, "mouthRollLower": 0.25, "mouthRollUpper": 0.2},
    "viseme_FF": {"mouthRollLower": 0.6, "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3, "jawOpen": 0.05},
    "viseme_TH": {"jawOpen": 0.16, "tongueOut": 0.5},
    "viseme_DD": {"jawOpen": 0.12, "mouthStretchLeft": 0.15, "mouthStretchRight": 0.15},
    "viseme_kk": {"jawOpen": 0.18},
    "viseme_CH": {"jawOpen": 0.08, "mouthFunnel": 0.55},
    "viseme_SS": {"jawOpen": 0.04, "mouthStretchLeft": 0.35, "mouthStretchRight": 0.35},
    "viseme_nn": {"jawOpen": 0.1, "mouthSmileLeft": 0.1, "mouthSmileRight": 0.1},
    "viseme_RR": {"jawOpen": 0.12, "mouthFunnel": 0.3},
    "viseme_aa": {"jawOpen": 0.62, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
    "viseme_E": {"jawOpen": 0.32, "mouthSmileLeft": 0.25, "mouthSmileRight": 0.25},
    "viseme_I": {"jawOpen": 0.16, "mouthStretchLeft": 0.5, "mouthStretchRight": 0.5},
    "viseme_O": {"jawOpen": 0.4, "mouthFunnel": 0.6},
    "viseme_U": {"jawOpen": 0.14, "mouthPucker": 0.8},
}


def only_visemes() -> bpy.types.Object:
    """Give the default character in the scene the viseme shapes in place of its own; returns its rig."""
    for mesh in _faces():
        blocks = mesh.data.shape_keys.key_blocks
        for name, recipe in VISEMES.items():
            if not any(part in blocks for part in recipe):
                continue
            for block in blocks:
                block.value = recipe.get(block.name, 0.0)
            mesh.shape_key_add(name=name, from_mix=True).value = 0.0
        for block in [block for block in blocks if block.name not in VISEMES and block != blocks[0]]:
            mesh.shape_key_remove(block)
    return bpy.data.objects[RIG]


def only_bones() -> bpy.types.Object:
    """Give the default character in the scene a jaw and eight lip bones in place of its shapes; returns its rig."""
    rig, face = bpy.data.objects[RIG], bpy.data.objects[FACE]
    rest = _points(face.data.shape_keys.key_blocks[0])
    opened = np.linalg.norm(_points(face.data.shape_keys.key_blocks["jawOpen"]) - rest, axis=1)
    jaw_share = {mesh: _jaw_share(mesh, float(opened.max())) for mesh in _faces()}
    middle = _mouth(face)
    _add_bones(rig, middle)
    for mesh in _faces():
        places = _points(mesh.data.shape_keys.key_blocks[0])
        mesh.shape_key_clear()
        _weigh(mesh, "b00", jaw_share[mesh], "head")
    places, lower = _points_of(face), jaw_share[face] > LOWER_LIP
    for name, (x, z) in LIP_BONES.items():
        away = np.linalg.norm((places - middle - (x, 0.0, z)) / (0.011, 0.03, 0.009), axis=1)
        # an upper bone must not hold the lower lip, or the mouth stays glued; the corners hold both
        own = np.ones(len(places)) if abs(x) > CORNER else lower == (z < MIDDLE)
        _weigh(face, name, 0.85 * np.exp(-0.5 * away**2) * (away < 3) * own, None)
    return rig


def _faces() -> list[bpy.types.Object]:
    """The meshes of the character that have shapes."""
    return [one for one in bpy.data.objects if one.type == "MESH" and one.data.shape_keys is not None]


def _points(block: bpy.types.ShapeKey) -> NDArray[np.float32]:
    places = np.empty(len(block.data) * 3, np.float32)
    block.data.foreach_get("co", places)
    return places.reshape(-1, 3)


def _points_of(mesh: bpy.types.Object) -> NDArray[np.float32]:
    places = np.empty(len(mesh.data.vertices) * 3, np.float32)
    mesh.data.vertices.foreach_get("co", places)
    return places.reshape(-1, 3)


def _mouth(face: bpy.types.Object) -> NDArray[np.float32]:
    """(3,) the middle of the lips: where a pucker moves the skin most."""
    blocks = face.data.shape_keys.key_blocks
    rest, pucker = _points(blocks[0]), _points(blocks["mouthPucker"])
    moved = np.linalg.norm(pucker - rest, axis=1)
    return (rest * moved[:, None] ** 2).sum(0) / (moved**2).sum() * (0.0, 1.0, 1.0)


def _jaw_share(mesh: bpy.types.Object, most: float) -> NDArray[np.float32]:
    """(V,) how far each vertex goes with the jaw, 0..1, as its own jawOpen says."""
    blocks = mesh.data.shape_keys.key_blocks
    if "jawOpen" not in blocks:
        return np.zeros(len(mesh.data.vertices), np.float32)
    moved = np.linalg.norm(_points(blocks["jawOpen"]) - _points(blocks[0]), axis=1)
    return np.clip(moved / most, 0.0, 1.0).astype(np.float32)


def _add_bones(rig: bpy.types.Object, middle: NDArray[np.float32]) -> None:
    """Add the jaw `b00`, whose tail is the chin, and the lip bones: the lower ones go with the jaw."""
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    old = bones["jaw"]
    jaw = bones.new("b00")
    jaw.head, jaw.tail, jaw.roll, jaw.parent = old.head.copy(), old.tail.copy(), 0.4, bones["head"]
    bones.remove(old)
    for name, (x, z) in LIP_BONES.items():
        bone = bones.new(name)
        bone.head = Vector(middle) + Vector((x, -0.004, z))
        bone.tail = bone.head + Vector((0.0, -0.012, 0.0))
        bone.parent = jaw if z < MIDDLE else bones["head"]
    bpy.ops.object.mode_set(mode="OBJECT")


def _weigh(mesh: bpy.types.Object, bone: str, share: NDArray[np.floating], source: str | None) -> None:
    """Give a bone its share of every vertex, and take it from the bones that had it."""
    group = mesh.vertex_groups.get(bone) or mesh.vertex_groups.new(name=bone)
    for index in np.flatnonzero(share > 0.004):
        part = float(share[index])
        for old in mesh.data.vertices[int(index)].groups:
            old.weight *= 1.0 - part
        group.add([int(index)], part, "REPLACE")


def speak(kind: str, reference: NDArray[np.float64] | None) -> tuple[list[NDArray[np.uint8]], NDArray[np.float64]]:
    """Let a character of a kind say the line; returns pictures and the lip opening (T,) in metres.

    The pictures are of the frames in which the reference (or, where there is none, this character) is closed, half
    open, and so on up to its widest.
    """
    with quiet():
        bpy.ops.wm.read_homefile(use_empty=True)
        blender_addon.register()
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base = RATE.numerator, RATE.denominator
        bpy.ops.animcore.add_character()
        rig = KINDS[kind]()
        scene.animcore.character = rig
        if kind == "jaw and lip bones":
            bpy.ops.animcore.match()  # names such as b03 say nothing
        take = generate_take(scene, rig, str(LINE), add_sound=False)
        opening = _opening(scene, take.last_frame)
        camera = portrait_studio.set_stage(
            scene, bpy.data.collections["Animcore Character"].all_objects, samples=SAMPLES
        )
        camera.data.lens *= CLOSER
        scene.render.resolution_x = scene.render.resolution_y = SIZE
        with tempfile.TemporaryDirectory() as folder:
            leading = opening if reference is None else reference
            frames = np.argsort(leading)[np.linspace(0, len(leading) - 1, SHOWN).astype(int)]
            pictures = [read(render(scene, int(frame) + 1, Path(folder))) for frame in frames]
        blender_addon.unregister()
    for note in take.notes:
        print(f"  {kind}: {note}")
    return pictures, opening


def _opening(scene: bpy.types.Scene, last: int) -> NDArray[np.float64]:
    """(T,) distance of the inner lips in the middle of the evaluated face."""
    face = bpy.data.objects[FACE]
    for modifier in face.modifiers:
        if modifier.type == "SUBSURF":
            modifier.show_viewport = False
    upper, lower = _inner_lips(face)
    found = []
    for frame in range(1, last + 1):
        scene.frame_set(frame)
        seen = face.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = seen.to_mesh()
        found.append((mesh.vertices[upper].co - mesh.vertices[lower].co).length)
        seen.to_mesh_clear()
    return np.array(found)


def _inner_lips(face: bpy.types.Object) -> tuple[int, int]:
    """The vertices of the inner upper and lower lip in the middle, by the places of the face's numbers."""
    with np.load(ROOT / "assets" / "character" / "face_basis.npz") as basis:
        names = [str(name) for name in basis["probe_names"]]
        probes = basis["probe_rest"][[names.index("upper_lip"), names.index("lower_lip")]]
    places = _points_of(face)
    wanted = np.stack([probes[:, 0], -probes[:, 2], probes[:, 1]], 1)
    upper, lower = (int(np.linalg.norm(places - one, axis=1).argmin()) for one in wanted)
    return upper, lower


KINDS = {
    "52 ARKit shapes": lambda: bpy.data.objects[RIG],
    "15 visemes": only_visemes,
    "jaw and lip bones": only_bones,
}


def main() -> None:
    """Let all three speak, and put them into one picture."""
    OUT.parent.mkdir(exist_ok=True)
    sheet = Image.new("RGB", (SIZE * SHOWN, (SIZE + 16) * len(KINDS)), "white")
    reference = None
    for row, kind in enumerate(KINDS):
        pictures, opening = speak(kind, reference)
        reference = opening if reference is None else reference
        print(f"{kind}: lip opening r = {np.corrcoef(reference, opening)[0, 1]:.3f} against the 52 shapes")
        ImageDraw.Draw(sheet).text((4, row * (SIZE + 16) + 2), kind, "black")
        for column, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (column * SIZE, row * (SIZE + 16) + 16))
    sheet.save(OUT)
    print(OUT)


if __name__ == "__main__":
    main()
