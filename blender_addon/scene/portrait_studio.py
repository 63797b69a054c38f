"""A small portrait studio: three soft lights, a plain backdrop, and a camera that frames head and shoulders.

Works alone (needs only bpy) in Blender 4.2 to 5.2. Everything it adds goes into one collection, `Animcore Stage`; a
second call replaces the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import bpy
from mathutils import Vector

STAGE = "Animcore Stage"
PORTRAIT, MEDIUM, WHOLE = "portrait", "medium", "whole"
# framing of a camera: distance below the face, and height of the image, both in head heights
_FRAMINGS = {PORTRAIT: (0.20, 1.80), MEDIUM: (1.35, 4.3)}
BACKDROP_COLOUR = (0.50, 0.49, 0.48)
# place from the face in head heights (X the character's left, Y behind, Z up), size in head heights, watts, colour
_LIGHTS = (
    ("Key", (-3.4, -5.0, 2.4), 3.0, 26.0, (1.0, 0.95, 0.89)),
    ("Fill", (4.6, -4.2, 0.4), 5.0, 8.0, (0.88, 0.94, 1.0)),
    ("Rim", (3.2, 4.4, 3.2), 3.0, 10.0, (1.0, 0.98, 0.95)),
)


def set_stage(
    scene: bpy.types.Scene,
    character_objects: Iterable[bpy.types.Object],
    samples: int = 24,
    turn: float = 0.0,
    framing: str = PORTRAIT,
) -> bpy.types.Object:
    """Light and frame a character that faces -Y, choose Cycles with few denoised samples, and return the camera.

    Args:
        scene: the scene that gets the stage; its camera, world and render settings are set.
        character_objects: the character's objects; an armature with a bone named `head` among them is looked at best.
        samples: Cycles samples a pixel.
        turn: degrees that the camera walks around the character, towards the character's left.
        framing: `PORTRAIT` for head and shoulders, `MEDIUM` from the hips up, `WHOLE` for the whole figure.
    """
    objects = list(character_objects)
    low, high = _bounds(objects)
    face, size = _face(objects, low, high)
    stage = _fresh_collection(scene)
    for name, place, width, power, colour in _LIGHTS:
        _add_light(stage, name, face + size * Vector(place), face, size, width, power, colour)
    _add_backdrop(stage, face, low.z, size)
    _set_world(scene)
    camera = add_camera(scene, objects, turn, framing)
    scene.camera = camera
    _set_render(scene, samples)
    return camera


def add_camera(
    scene: bpy.types.Scene, character_objects: Iterable[bpy.types.Object], turn: float = 0.0, framing: str = PORTRAIT
) -> bpy.types.Object:
    """Add one more camera to a stage that is set, and return it; arguments as of `set_stage`."""
    objects = list(character_objects)
    low, high = _bounds(objects)
    face, size = _face(objects, low, high)
    if framing == WHOLE:
        centre, span = (low + high) / 2, (high.z - low.z) * 1.12
    else:
        lower, height = _FRAMINGS[framing]
        centre, span = face - Vector((0, 0, lower * size)), height * size
    return _add_camera(scene.collection.children[STAGE], centre, span, math.radians(turn), scene)


def _bounds(objects: list[bpy.types.Object]) -> tuple[Vector, Vector]:
    """Return the lowest and highest corner of all meshes in world space."""
    corners = [
        thing.matrix_world @ Vector(corner) for thing in objects if thing.type == "MESH" for corner in thing.bound_box
    ]
    if not corners:
        corners = [thing.matrix_world.translation for thing in objects] or [Vector((0, 0, 0)), Vector((0, 0, 1.7))]
    return (
        Vector([min(corner[axis] for corner in corners) for axis in range(3)]),
        Vector([max(corner[axis] for corner in corners) for axis in range(3)]),
    )


def _face(objects: list[bpy.types.Object], low: Vector, high: Vector) -> tuple[Vector, float]:
    """Return the middle of the face and the height of the head."""
    for thing in objects:
        if thing.type == "ARMATURE" and "head" in (bones := cast("bpy.types.Pose", thing.pose).bones):
            bone = bones["head"]
            base, top = thing.matrix_world @ bone.head, thing.matrix_world @ bone.tail
            size = (top - base).length * 1.6
            return base + (top - base) * 0.22 + Vector((0, -0.3 * size, 0)), size
    height = high.z - low.z
    size = height / 7.5 if height > 1.0 else height
    return Vector(((low.x + high.x) / 2, low.y, high.z - 0.5 * size)), size


def _fresh_collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """Return an empty stage collection of this scene, after removing an earlier stage."""
    old = scene.collection.children.get(STAGE)
    if old is not None:
        for thing in list(old.objects):
            bpy.data.objects.remove(thing, do_unlink=True)
        bpy.data.collections.remove(old)
    stage = bpy.data.collections.new(STAGE)
    scene.collection.children.link(stage)
    return stage


def _add_light(
    stage: bpy.types.Collection, name: str, place: Vector, aim: Vector, size: float, width: float, power: float,
    colour: tuple[float, float, float],
) -> None:  # fmt: skip
    """Add one soft light; its power grows with the square of the head's size, so that the exposure stays."""
    data = cast("bpy.types.AreaLight", bpy.data.lights.new(f"Animcore {name}", "AREA"))
    data.shape, data.size, data.color = "DISK", width * size, colour
    data.energy = power * (size / 0.24) ** 2
    light = bpy.data.objects.new(f"Animcore {name}", data)
    light.location = place
    light.rotation_euler = (aim - place).to_track_quat("-Z", "Y").to_euler()
    stage.objects.link(light)


def _add_backdrop(stage: bpy.types.Collection, face: Vector, floor: float, size: float) -> None:
    """Add a floor that bends up into a wall behind the character."""
    half, back, bend, top = 30 * size, face.y + 9 * size, 5 * size, floor + 24 * size
    profile = [(face.y - 26 * size, floor), (back - bend, floor)]
    for step in range(1, 13):
        angle = step / 12 * math.pi / 2
        profile.append((back - bend + bend * math.sin(angle), floor + bend - bend * math.cos(angle)))
    profile.append((back, top))
    points = [(face.x + side * half, y, z) for y, z in profile for side in (-1, 1)]
    faces = [(2 * k, 2 * k + 1, 2 * k + 3, 2 * k + 2) for k in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("Animcore Backdrop")
    mesh.from_pydata(points, [], faces)
    mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
    material = bpy.data.materials.get("Animcore Backdrop") or bpy.data.materials.new("Animcore Backdrop")
    material.use_nodes = True
    surface = cast("bpy.types.ShaderNodeTree", material.node_tree).nodes.get("Principled BSDF")
    if surface is not None:
        surface.inputs["Base Color"].default_value = (*BACKDROP_COLOUR, 1.0)
        surface.inputs["Roughness"].default_value = 0.95
    mesh.materials.append(material)
    stage.objects.link(bpy.data.objects.new("Animcore Backdrop", mesh))


def _set_world(scene: bpy.types.Scene) -> None:
    """Give the scene a dim, even sky."""
    world = bpy.data.worlds.get("Animcore Studio") or bpy.data.worlds.new("Animcore Studio")
    world.use_nodes = True
    sky = cast("bpy.types.ShaderNodeTree", world.node_tree).nodes.get("Background")
    if sky is not None:
        sky.inputs["Color"].default_value = (0.72, 0.80, 0.90, 1.0)
        sky.inputs["Strength"].default_value = 0.28
    scene.world = world


def _add_camera(
    stage: bpy.types.Collection, centre: Vector, span: float, turn: float, scene: bpy.types.Scene
) -> bpy.types.Object:
    """Add a portrait camera whose image is `span` metres high at the character."""
    data = bpy.data.cameras.new("Animcore Camera")
    data.lens, data.sensor_fit, data.sensor_height = 85.0, "VERTICAL", 24.0
    width = scene.render.resolution_x * scene.render.pixel_aspect_x
    height = scene.render.resolution_y * scene.render.pixel_aspect_y
    span *= max(1.0, 0.8 * height / width)
    distance = span * data.lens / data.sensor_height
    data.clip_start, data.clip_end = 0.01 * distance, 50 * distance
    camera = bpy.data.objects.new("Animcore Camera", data)
    camera.location = centre + distance * Vector((math.sin(turn), -math.cos(turn), 0.03))
    camera.rotation_euler = (centre - camera.location).to_track_quat("-Z", "Y").to_euler()
    stage.objects.link(camera)
    return camera


def _set_render(scene: bpy.types.Scene, samples: int) -> None:
    """Choose Cycles, small and denoised, and a film look that keeps skin warm."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces, scene.cycles.diffuse_bounces, scene.cycles.glossy_bounces = 4, 2, 2
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.render.use_persistent_data = True
    scene.view_settings.view_transform = "AgX"
    try:
        scene.view_settings.look = "AgX - Medium High Contrast"
    except TypeError:  # a Blender without that look keeps its own
        scene.view_settings.look = "None"
