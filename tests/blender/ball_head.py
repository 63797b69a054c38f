"""A small head of a topology of its own, as a game might have: a ball with a nose, shapes, hair, and maybe bones."""

from __future__ import annotations

import bmesh
import bpy
import numpy as np
from conftest import armature

RADIUS, MIDDLE = 0.12, 1.6  # metres, and how high it stands
_EYES = {"eye_L": 0.04, "eye_R": -0.04}


def add(units: float = 1.0, yaw: float = 0.0, *, bones: bool = False, hair: bool = False) -> bpy.types.Object:
    """Add the head; returns its mesh.

    Args:
        units: of the scene in a metre.
        yaw: radians that it is turned by.
        bones: whether it has eyeballs, a neck, and bones of chest, neck, head and eyes.
        hair: whether a cap of hair hangs on it.
    """
    made = _ball("Ball", RADIUS, 24)
    places = _places(made.data)
    front = places[:, 1] < 0
    places[:, 1] -= 0.03 * np.exp(-(places[:, 0] ** 2 + places[:, 2] ** 2) / 0.03**2) * front
    places[:, 2] *= 1.2
    below = front * np.clip(-places[:, 2] / 0.05 - 1, 0, 1)
    moves = {
        "jawOpen": np.outer(below, (0, 0.01, -0.04)),
        "mouthSmileLeft": np.outer(_bump(places, 0.05, -0.06) * front, (0.01, 0, 0.03)),
        "mouthSmileRight": np.outer(_bump(places, -0.05, -0.06) * front, (-0.01, 0, 0.03)),
        "eyeBlinkLeft": np.outer(_bump(places, 0.04, 0.03) * front, (0, 0, -0.02)),
        "eyeBlinkRight": np.outer(_bump(places, -0.04, 0.03) * front, (0, 0, -0.02)),
        "mouthFunnel": np.outer(_bump(places, 0, -0.06) * front, (0, -0.02, 0)),
        "mouthPucker": np.outer(_bump(places, 0, -0.06) * front, (0, -0.01, 0.01)),
        "mouthClose": np.outer(_bump(places, 0, -0.08) * front, (0, 0, 0.02)),
        "mouthLowerDownLeft": np.outer(_bump(places, 0.02, -0.07) * front, (0, 0, -0.01)),
        "mouthUpperUpLeft": np.outer(_bump(places, 0.02, -0.05) * front, (0, 0, 0.01)),
        "browInnerUp": np.outer(_bump(places, 0, 0.07) * front, (0, 0, 0.02)),
    }
    places += (0, 0, MIDDLE)
    _set(made.data.vertices, places * units)
    made.shape_key_add(name="Basis", from_mix=False)
    for name, move in moves.items():
        key = made.shape_key_add(name=name, from_mix=False)
        key.value = 0.0
        _set(key.data, (places + move) * units)
    paint(made, (0.8, 0.5, 0.35))
    if hair:
        _add_hair(made, units)
    if bones:
        _add_bones(made, units, yaw)
    else:
        made.rotation_euler[2] = yaw
    bpy.context.view_layer.update()
    return made


def paint(thing: bpy.types.Object, colour: tuple[float, float, float]) -> None:
    """Give a mesh a material of one colour."""
    material = bpy.data.materials.new(thing.name)
    if material.node_tree is None:
        material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*colour, 1)
    thing.data.materials.append(material)


def _add_hair(head: bpy.types.Object, units: float) -> None:
    made = _ball("Long Hair", 0.15, 12)
    whole = bmesh.new()
    whole.from_mesh(made.data)
    bmesh.ops.delete(whole, geom=[one for one in whole.verts if one.co.z < 0.07], context="VERTS")
    whole.to_mesh(made.data)
    whole.free()
    _set(made.data.vertices, (_places(made.data) + np.array((0, 0, MIDDLE))) * units)
    paint(made, (0.1, 0.05, 0.02))
    made.parent = head


def _add_bones(head: bpy.types.Object, units: float, yaw: float) -> None:
    """A skeleton, eyeballs on bones, and a chest beneath that belongs to the same mesh of clothes."""
    high = MIDDLE * units
    step = 0.1 * units
    bones = {
        "spine": ((0, 0, high - 4 * step), (0, 0, high - 2 * step), 0.0),
        "neck": ((0, 0, high - 2 * step), (0, 0, high - step), 0.0),
        "head": ((0, 0, high - step), (0, 0, high + step), 0.0),
    }
    for name, side in _EYES.items():
        at = (side * units, -0.08 * units, high + 0.03 * units)
        bones[name] = (at, (at[0], at[1] - 0.5 * step, at[2]), 0.0)
    rig = armature(bones)
    eyes = [_ball(name, 0.03, 8) for name in _EYES]
    for eye, side in zip(eyes, _EYES.values(), strict=True):
        _set(eye.data.vertices, (_places(eye.data) + np.array((side, -0.08, MIDDLE + 0.03))) * units)
        paint(eye, (0.9, 0.9, 1.0))
    shirt = _ball("Shirt", 0.2, 12)
    _set(shirt.data.vertices, (_places(shirt.data) + np.array((0, 0, MIDDLE - 0.4))) * units)
    for thing, bone in ((head, "head"), (shirt, "spine"), *zip(eyes, _EYES, strict=True)):
        group = thing.vertex_groups.new(name=bone)
        group.add(range(len(thing.data.vertices)), 1.0, "REPLACE")
        thing.parent = rig
        thing.modifiers.new("Rig", "ARMATURE").object = rig
    rig.rotation_euler[2] = yaw


def _ball(name: str, radius: float, around: int) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    whole = bmesh.new()
    bmesh.ops.create_uvsphere(whole, u_segments=around, v_segments=around * 2 // 3, radius=radius)
    whole.to_mesh(mesh)
    whole.free()
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def _bump(places: np.ndarray, across: float, up: float) -> np.ndarray:
    return np.exp(-((places[:, 0] - across) ** 2 + (places[:, 2] - up) ** 2) / 0.025**2)


def _places(mesh: bpy.types.Mesh) -> np.ndarray:
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3).astype(np.float64)


def _set(points: bpy.types.bpy_prop_collection, places: np.ndarray) -> None:
    points.foreach_set("co", places.astype(np.float32).ravel())
