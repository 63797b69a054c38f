"""What the engine asks of Blender in a child process (child.py): each request in an empty or freshly opened file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Quaternion, Vector
from numpy.typing import NDArray

from animcore.names import ARKIT, TONGUE

from . import export, keys, rigs, takes
from .errors import AddonError
from .export import Told
from .motion_file import Motion

Request = dict[str, Any]

_IMPORTERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".fbx": ("import_scene.fbx", {"anim_offset": 0.0}),
    ".glb": ("import_scene.gltf", {}),
    ".gltf": ("import_scene.gltf", {}),
    ".vrm": ("import_scene.gltf", {}),
    ".usd": ("wm.usd_import", {"set_frame_range": True, "import_subdiv": False}),
    ".usdc": ("wm.usd_import", {"set_frame_range": True, "import_subdiv": False}),
    ".usda": ("wm.usd_import", {"set_frame_range": True, "import_subdiv": False}),
    ".abc": ("wm.alembic_import", {"set_frame_range": True, "as_background_job": False}),
}
_PROBES = 128  # vertices of a mesh that are compared on every frame


def describe(request: Request, _told: Told) -> dict[str, Any]:
    """Say what the character can do: the engine's shapes that it has, its bones by role, notes."""
    who, _ = _character(Path(request["character"]))
    return {"shapes": sorted(who.shape_names), "bones": sorted(who.bones), "notes": list(who.notes)}


def deliver(request: Request, told: Told) -> dict[str, Any]:
    """Put a motion onto the character and export it; for vertex caches, say where probes of the vertices went."""
    who, members = _character(Path(request["character"]))
    scene = bpy.context.scene
    motion = _motion(Path(request["motion"]), Fraction(*request["rate"]))
    export.set_exact_rate(scene, motion.rate)
    take = takes.apply(scene, who, motion, takes.Placement(0, Path(request["name"]).stem))
    frames, path, kind = (take.first_frame, take.last_frame), Path(request["path"]), request["kind"]
    told(0.1, "Writing")
    if kind == "pc2":
        mesh = _wanted_mesh(who, request["mesh"])
        notes = export.write_pc2(scene, mesh, path, frames, told)
    else:
        notes = export.export(scene, members, path, kind, frames)
    if "probes" in request:
        meshes = [face.mesh for face in who.faces]
        _save_probes(Path(request["probes"]), scene, meshes, frames, told)
    return {"notes": notes}


def still(request: Request, _told: Told) -> dict[str, Any]:
    """Write the character as `.glb` without animation."""
    _, members = _character(Path(request["character"]))
    return {"notes": export.export_still(bpy.context.scene, members, Path(request["path"]))}


def read(request: Request, told: Told) -> dict[str, Any]:
    """Import a file into an empty scene and write what moves there as `.npz`: shapes and turning bones by name."""
    path = Path(request["path"])
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    if request.get("rate"):
        export.set_exact_rate(scene, Fraction(*request["rate"]))
    told(0.0, "Reading")
    _import(path)
    if path.suffix == ".abc":
        meshes = [one for one in scene.objects if one.type == "MESH" and len(one.modifiers)]
        frames = (scene.frame_start, scene.frame_end)
        _save_probes(Path(request["out"]), scene, meshes, frames, told)
        return {"first": frames[0], "rate": request["rate"]}
    who = _read_best(path)
    first, curves = _curves(who)
    np.savez(request["out"], **curves)
    rate = _rate(scene)
    return {"first": first, "rate": [rate.numerator, rate.denominator]}


WORK: dict[str, Callable[[Request, Told], dict[str, Any]]] = {
    "describe": describe,
    "deliver": deliver,
    "still": still,
    "read": read,
}


def _rate(scene: bpy.types.Scene) -> Fraction:
    from .rates import exact_rate

    return exact_rate(scene.render.fps, scene.render.fps_base)


def _character(path: Path) -> tuple[rigs.Character, list[bpy.types.Object]]:
    """Open a file and find the character in it; returns it and all its objects."""
    if path.suffix.lower() == ".blend":
        try:
            # scripts in a file of somebody else's do not run
            bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
        except RuntimeError as error:
            raise AddonError(f"{path.name} is not a file that this Blender can open; save it again.") from error
    else:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        _import(path)
    who = _read_best(path)
    top = who.armature or who.faces[0].mesh
    return who, [one for one in rigs.members_of(top) if one.name in bpy.context.scene.objects]


def _import(path: Path) -> None:
    if path.suffix.lower() not in _IMPORTERS:
        raise AddonError(f"{path.name} is of no kind that Blender can be asked to read; give {', '.join(_IMPORTERS)}.")
    operator, options = _IMPORTERS[path.suffix.lower()]
    group, name = operator.split(".")
    try:
        getattr(getattr(bpy.ops, group), name)(filepath=str(path), **options)
    except Exception as error:  # importers are Python, and break in every way that a broken file can think of
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise AddonError(f"{path.name} cannot be read by Blender ({reason}); export it again.") from error
    if not bpy.context.scene.objects:
        raise AddonError(f"{path.name} holds nothing that Blender can read, or is cut off; export it again.")


def _read_best(path: Path) -> rigs.Character:
    """The character with most shapes in the scene."""
    roots = [one for one in bpy.context.scene.objects if one.type == "ARMATURE" or one.parent is None]
    found, refusals = [], []
    for root in roots:
        try:
            found.append(rigs.read(root))
        except AddonError as error:
            refusals.append(str(error))
    if not found:
        raise AddonError(f"{path.name}: {refusals[0]}" if refusals else f"{path.name} holds no character.")
    return max(found, key=lambda who: len(who.shape_names))


def _motion(path: Path, rate: Fraction) -> Motion:
    """The engine's curves as a performance; every name of a curve is a shape's, but for the turning bones."""
    with np.load(path, allow_pickle=False) as data:
        curves = {name: data[name] for name in data.files}
    start = float(curves.pop("start"))
    names = tuple(name for name in curves if not name.endswith("_pose"))
    turning = {role: curves.get(f"{role}_pose") for role in ("jaw", "neck", "head")}
    count = len(next(iter(curves.values())))
    weights = np.stack([curves[name] for name in names], 1) if names else np.zeros((count, 0))
    eyes = [curves.get(f"{side}_eye_pose", np.zeros((count, 3))) for side in ("left", "right")]
    has_eyes = any(name.endswith("_eye_pose") for name in curves)
    return Motion(
        rate, start, names, weights.astype(np.float32), **turning, eyes=np.stack(eyes, 1) if has_eyes else None
    )


def _wanted_mesh(who: rigs.Character, name: str) -> bpy.types.Object:
    """The face's mesh of that name, else the one with most shapes."""
    named = [face for face in who.faces if face.mesh.name == name]
    return (named or sorted(who.faces, key=lambda face: -len(face.shapes)))[0].mesh


def _curves(who: rigs.Character) -> tuple[int, dict[str, NDArray[np.float64]]]:
    """The first frame, and all shapes (T,) or (T, copies) and turning bones (T, 3) that are keyed."""
    by_owner = {face.key: keys.current_curves(face.key) for face in who.faces}
    if who.armature is not None:
        by_owner[who.armature] = keys.current_curves(who.armature)
    ranges = [curve.range() for curves in by_owner.values() for curve in curves]
    if not ranges:
        raise AddonError("The file was read, but nothing in it moves.")
    first, last = round(min(low for low, _ in ranges)), round(max(high for _, high in ranges))
    frames = np.arange(first, last + 1)
    found: dict[str, list[NDArray[np.float64]]] = {}
    for face in who.faces:
        keyed = {curve.data_path: curve for curve in by_owner[face.key]}
        for name, own in face.shapes.items():
            curve = keyed.get(rigs.shape_path(own[0]))
            if curve is not None:
                found.setdefault(name, []).append(_sampled(curve, frames))
    curves = {name: _agreed(columns) for name, columns in found.items()}
    if who.armature is not None:
        curves |= _turning(who, by_owner[who.armature], frames)
    return first, curves


def _sampled(curve: bpy.types.FCurve, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.array([curve.evaluate(float(frame)) for frame in frames])


def _agreed(columns: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """One curve where all meshes agree, else all of them side by side."""
    same = all(np.abs(column - columns[0]).max() < 1e-4 for column in columns[1:])
    return columns[0] if same else np.stack(columns, 1)


def _turning(
    who: rigs.Character, curves: Iterable[bpy.types.FCurve], frames: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Axis-angle (T, 3) in the character's axes of the face's bones."""
    armature = who.armature
    assert armature is not None
    axes = rigs.character_axes(armature)
    keyed: dict[str, dict[int, bpy.types.FCurve]] = {}
    for curve in curves:
        keyed.setdefault(curve.data_path, {})[curve.array_index] = curve
    found = {}
    for role, name in who.bones.items():
        bone = armature.pose.bones[name]
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].rotation_'
        kind = {"QUATERNION": "quaternion", "AXIS_ANGLE": "axis_angle"}.get(bone.rotation_mode, "euler")
        parts = keyed.get(path + kind)
        if parts is None:
            continue
        columns = np.stack([_sampled(parts[index], frames) for index in sorted(parts)], 1)
        own = np.array([_axis_angle(row, bone.rotation_mode) for row in columns])
        found[f"{role}_pose"] = own @ (np.array(bone.bone.matrix_local.to_3x3()).T @ axes)
    return found


def _axis_angle(row: NDArray[np.float64], mode: str) -> tuple[float, float, float]:
    if mode == "QUATERNION":
        turn = Quaternion(row).normalized()
    elif mode == "AXIS_ANGLE":
        turn = Quaternion(Vector(row[1:]), row[0])
    else:
        turn = Euler(row, mode).to_quaternion()
    turn = -turn if turn.w < 0 else turn
    return tuple(turn.to_exponential_map())


def _save_probes(
    path: Path, scene: bpy.types.Scene, meshes: list[bpy.types.Object], frames: tuple[int, int], told: Told
) -> None:
    """Write places (T, P, 3) of probes of each mesh in the world, by the mesh's name: vertices evenly spread."""
    found: dict[str, list[NDArray[np.float64]]] = {mesh.name: [] for mesh in meshes}
    count = frames[1] - frames[0] + 1
    for done, places in enumerate(export.vertices(scene, meshes, range(frames[0], frames[1] + 1))):
        for mesh, own in zip(meshes, places, strict=True):
            chosen = own[np.linspace(0, len(own) - 1, min(_PROBES, len(own))).astype(int)]
            matrix = np.array(mesh.matrix_world)
            found[mesh.name].append(chosen @ matrix[:3, :3].T + matrix[:3, 3])
        told((done + 1) / count, "Vertices")
    np.savez(path, **{name: np.stack(rows) for name, rows in found.items()})
