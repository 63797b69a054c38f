"""What is asked of Blender in a child process (child.py): each request in an empty or freshly opened file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.core.frame_rates import exact_rate
from animcore.core.progress import Progress
from animcore.core.reading import arrays
from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.files.scenes import scene_curves
from animcore.motion import Motion

from . import object_data
from .capture import render_job
from .character import body_bones as bodies
from .character import head_bones, rig_reader, shape_probe
from .errors import AddonError
from .export import bone_motion, delivery, scene_files
from .performance import emotion_render
from .scene import fcurves, mixdown
from .splats.scene import head_import
from .takes import keying, readback

Request = dict[str, Any]
Sampled = Callable[[bpy.types.FCurve], NDArray[np.float64]]
Keyed = dict[str, dict[int, bpy.types.FCurve]]

# The first importer that this Blender has. That of FBX in 4.5 and later is another program than the exporter, and knows
# that 23.976 is not 24; the older one counts frames at the whole number (see _frames_a_second).
_IMPORTERS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    ".fbx": (("wm.fbx_import", {"anim_offset": 0.0}), ("import_scene.fbx", {"anim_offset": 0.0})),
    ".glb": (("import_scene.gltf", {}),),
    ".gltf": (("import_scene.gltf", {}),),
    ".vrm": (("import_scene.gltf", {}),),
    ".usd": (("wm.usd_import", {"set_frame_range": True}),),
    ".usdc": (("wm.usd_import", {"set_frame_range": True}),),
    ".usda": (("wm.usd_import", {"set_frame_range": True}),),
    ".abc": (("wm.alembic_import", {"set_frame_range": True, "as_background_job": False}),),
}
_BY_SECONDS = {".glb", ".gltf", ".vrm"}  # keys in seconds, which the importer multiplies by `fps` times `fps_base`
_FEWEST = 8  # joints with keys that make a body
_MOST_FRAMES = 1_000_000
_ON_THE_GRID = 0.05  # of a frame that a key may be off its frame: Blender keeps frames as 32-bit floats
_PROBES = 128  # vertices of a mesh that are compared on every frame; files/pc2.py takes the same ones


def describe(request: Request, _told: Progress) -> dict[str, Any]:
    """Describe the character: its shapes of the engine, its bones by role, notes."""
    who, _ = _character(Path(request["character"]))
    return {"shapes": sorted(who.shape_names), "bones": sorted(who.bones), "notes": list(who.notes)}


def embody(request: Request, _told: Progress) -> dict[str, Any]:
    """Write the body motion that the character's bones can show, as curves; returns the roles and notes."""
    who, _ = _character(Path(request["character"]))
    found = bodies.read(who.armature) if who.armature is not None else None
    if found is None or who.armature is None:
        np.savez(request["path"])
        return {"roles": [], "notes": ["no skeleton of a known kind: the body is not written"]}
    motion = _motion(Path(request["motion"]), Fraction(*request["rate"]))
    joints, notes = scene_curves.keyed_joints(scene_curves.whole_pose(motion), found.retarget.joints), list(found.notes)
    if any(found.moved & own for own in fcurves.own_animation(who.armature).values()):
        joints, notes = (), [*notes, "an animation of the body of its own, which stays"]
    pose, way = found.shown(motion)
    np.savez(request["path"], **scene_curves.joint_curves(pose, way if joints else None, joints))
    return {"roles": [role for role, name in who.bones.items() if name in found.moved], "notes": notes}


def perform(request: Request, told: Progress) -> dict[str, Any]:
    """Put a motion onto the character and export it."""
    who, members, frames = _performed(request)
    told(0.1, "Writing")
    scene, path = bpy.context.scene, Path(request["path"])
    if request["kind"] == "pc2":
        scene_files.write_pc2(scene, _wanted_mesh(who, request["mesh"]), path, frames, told)
        return {}
    return {"notes": scene_files.export(scene, members, path, request["kind"], frames)}


def probe(request: Request, told: Progress) -> dict[str, Any]:
    """Apply a motion to the character and return vertex positions: of one mesh in its own space, or of all."""
    who, _, frames = _performed(request)
    scene, path = bpy.context.scene, Path(request["path"])
    if request["kind"] == "pc2":
        mesh = _wanted_mesh(who, request["mesh"])
        _save_probes(path, scene, [mesh], frames, told, in_world=False)
        return {"mesh": mesh.name}
    _save_probes(path, scene, [face.mesh for face in who.faces], frames, told)
    return {}


def still(request: Request, _told: Progress) -> dict[str, Any]:
    """Write the character as `.glb` without animation."""
    _, members = _character(Path(request["character"]))
    return {"notes": scene_files.export_still(bpy.context.scene, members, Path(request["path"]))}


def read(request: Request, told: Progress) -> dict[str, Any]:
    """Import a file into an empty scene and write what moves there as `.npz`: shapes and turning bones by name.

    Where it is wanted, `bones` gets what every bone does.
    """
    path = Path(request["path"])
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    asked = Fraction(*request["rate"]) if request.get("rate") else None
    if asked is not None:
        _set_rate(scene, asked, path)
    told(0.0, "Reading")
    operator = _import(path)
    counted = _frames_a_second(scene, operator)
    rate = (
        asked
        if asked is not None and path.suffix in _BY_SECONDS
        else exact_rate(scene.render.fps / scene.render.fps_base)
    )
    if path.suffix == ".abc":
        meshes = [one for one in scene.objects if one.type == "MESH"]  # those that never move have no cache
        first = scene.frame_start
        _save_probes(Path(request["out"]), scene, meshes, (first, scene.frame_end), told)
    else:
        who, share = _read_best(path), float(rate) / counted
        first, curves = _curves(who, share)
        np.savez(request["out"], **curves)
        if "bones" in request and who.armature is not None:
            count = len(next(iter(curves.values()))) if curves else 0
            frames = ((first + np.arange(count)) / share).tolist()
            np.savez(request["bones"], **bone_motion.sampled(scene, who.armature, frames))
    return {"first": first, "rate": [rate.numerator, rate.denominator]}


WORK: dict[str, Callable[[Request, Progress], dict[str, Any]]] = {
    "describe": describe,
    "embody": embody,
    "deliver": perform,
    "probe": probe,
    "still": still,
    "read": read,
    "capture": render_job.run,
    "write_take": delivery.write_take,
    "emotion_sheet": emotion_render.make,
    "add_head": head_import.make,
    "mix": mixdown.mix,
    "measure_rig": shape_probe.measure,
}


def _performed(request: Request) -> tuple[rig_reader.Character, list[bpy.types.Object], tuple[int, int]]:
    """Open the character and key the motion on it; returns it, its objects, the first and the last frame."""
    who, members = _character(Path(request["character"]))
    motion = _motion(Path(request["motion"]), Fraction(*request["rate"]))
    scene_files.set_exact_rate(bpy.context.scene, motion.rate)
    take = keying.apply(bpy.context.scene, who, motion, keying.Placement(0, Path(request["name"]).stem))
    return who, members, (take.first_frame, take.last_frame)


def _set_rate(scene: bpy.types.Scene, rate: Fraction, path: Path) -> None:
    """Set a rate before a file is imported: the exact one, or what the glTF importer makes the fewest errors with."""
    if path.suffix in _BY_SECONDS:
        scene.render.fps, scene.render.fps_base = max(round(rate), 1), 1.0
    else:
        scene_files.set_exact_rate(scene, rate)


def _frames_a_second(scene: bpy.types.Scene, operator: str) -> float:
    """How many frames of its keys an importer takes for a second: the older one of FBX takes the whole number."""
    exact = scene.render.fps / scene.render.fps_base
    return float(scene.render.fps) if operator == "import_scene.fbx" else exact


def _character(path: Path) -> tuple[rig_reader.Character, list[bpy.types.Object]]:
    """Open a file and find the character in it; returns it and all its objects."""
    if path.suffix.lower() == ".blend":
        try:
            # scripts in foreign files do not run
            bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
        except RuntimeError as error:
            raise AddonError(f"{path.name} is not a file that this Blender can open; save it again.") from error
    else:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        _import(path)
    who = _read_best(path)
    top = who.armature or who.faces[0].mesh
    return who, [one for one in rig_reader.members_of(top) if one.name in bpy.context.scene.objects]


def _import(path: Path) -> str:
    """Import a file; returns the name of the operator that did it."""
    if path.suffix.lower() not in _IMPORTERS:
        raise AddonError(f"{path.name} is of no kind that Blender can read; give {', '.join(_IMPORTERS)}.")
    operator, options = next(one for one in _IMPORTERS[path.suffix.lower()] if scene_files.operator(one[0]) is not None)
    work: Any = scene_files.operator(operator)
    try:
        work(filepath=str(path), **options)
    except Exception as error:  # importers are Python, and break in every way that a broken file can think of
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise AddonError(f"{path.name} cannot be read by Blender ({reason}); export it again.") from error
    if not bpy.context.scene.objects:
        raise AddonError(f"{path.name} holds nothing that Blender can read, or is cut off; export it again.")
    return operator


def _read_best(path: Path) -> rig_reader.Character:
    """The character with most shapes in the scene, or with most bones of a head where none has a face."""
    roots = [one for one in bpy.context.scene.objects if one.type == "ARMATURE" or one.parent is None]
    found, refusals = [], []
    for root in roots:
        try:
            found.append(rig_reader.read(root))
        except AddonError as error:
            refusals.append(str(error))
    if not found:
        raise AddonError(f"{path.name}: {refusals[0]}" if refusals else f"{path.name} holds no character.")
    return max(found, key=lambda who: (len(who.shape_names), len(who.bones)))


def _motion(path: Path, rate: Fraction) -> Motion:
    """The engine's curves as a performance; every name of a curve is a shape's, but for the turning bones."""
    curves = arrays(path)
    start = float(curves.pop("start"))
    count = len(next(iter(curves.values())))
    still = np.zeros(count)

    def weights(names: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([curves.get(name, still) for name in names], 1).astype(np.float32)

    eyes = [curves.get(f"{side}_eye_pose", np.zeros((count, 3))) for side in ("left", "right")]
    turning = {f"{role}_pose": curves[f"{role}_pose"] for role in ("jaw", "neck", "head") if f"{role}_pose" in curves}
    if any(name.endswith("_eye_pose") for name in curves):
        turning["eye_pose"] = np.stack(eyes, 1)
    turning |= {name: curves[name] for name in ("body_pose", "translation") if name in curves}
    tracks: dict[str, Any] = {name: values.astype(np.float32) for name, values in turning.items()}
    return Motion(
        rate,
        start,
        arkit=weights(ARKIT),
        tongue=weights(TONGUE) if any(name in curves for name in TONGUE) else None,
        **tracks,
    )


def _wanted_mesh(who: rig_reader.Character, name: str) -> bpy.types.Object:
    """The face's mesh of that name, else the one with most shapes."""
    named = [face for face in who.faces if face.mesh.name == name]
    return (named or sorted(who.faces, key=lambda face: -len(face.shapes)))[0].mesh


def _curves(who: rig_reader.Character, share: float) -> tuple[int, dict[str, NDArray[np.float64]]]:
    """The first frame, and all shapes (T,) or (T, copies) and turning bones (T, 3) that are keyed.

    Args:
        who: the character that was imported.
        share: of a frame that the importer took for one.
    """
    by_owner: dict[bpy.types.ID, list[bpy.types.FCurve]]
    by_owner = {face.key: fcurves.current_curves(face.key) for face in who.faces}
    if who.armature is not None:
        by_owner[who.armature] = fcurves.current_curves(who.armature)
    ranges = [curve.range() for curves in by_owner.values() for curve in curves]
    if not ranges:
        raise AddonError("The file was read back, but has no animation; export it again.")
    first, last = round(min(low for low, _ in ranges) * share), round(max(high for _, high in ranges) * share)
    if last - first > _MOST_FRAMES:
        raise AddonError(f"The file was read back with {last - first} frames, more than any take; export it again.")

    def sampled(curve: bpy.types.FCurve) -> NDArray[np.float64]:
        return _sampled(curve, np.arange(first, last + 1), share)

    found: dict[str, list[NDArray[np.float64]]] = {}
    for face in who.faces:
        keyed = {curve.data_path: curve for curve in by_owner[face.key]}
        known = {own[0]: name for name, own in face.shapes.items()}
        for own in face.names:  # shapes of other conventions too, by their own names
            curve = keyed.get(rig_reader.shape_path(own))
            if curve is not None:
                found.setdefault(known.get(own, own), []).append(sampled(curve))
    curves = {name: scene_curves.agreed(columns) for name, columns in found.items()}
    if who.armature is not None:
        curves |= _turning(who.armature, by_owner[who.armature], sampled)
        curves |= _body(who.armature, by_owner[who.armature], sampled, last - first + 1)
    return first, curves


def _sampled(curve: bpy.types.FCurve, frames: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """(T,) the keys where there is one on every frame, else what lies between them."""
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    places, values = points.reshape(-1, 2).astype(np.float64).T
    if len(places) == len(frames) and np.abs(places * share - frames).max() < _ON_THE_GRID:
        result: NDArray[np.float64] = values
        return result
    return np.array([curve.evaluate(frame / share) for frame in frames])


def _turning(
    armature: bpy.types.Object, curves: Iterable[bpy.types.FCurve], sampled: Sampled
) -> dict[str, NDArray[np.float64]]:
    """Axis-angle (T, 3) in the character's axes of the face's bones."""
    axes, keyed = head_bones.character_axes(armature), _by_path(curves)
    found = {}
    for role, name in head_bones.roles(armature)[1].items():
        bone = object_data.pose_bones(armature)[name]
        own = _own_turns(bone, keyed, sampled)
        if own is not None:
            found[f"{role}_pose"] = own @ (np.array(bone.bone.matrix_local.to_3x3()).T @ axes)
    return found


def _body(
    armature: bpy.types.Object, curves: Iterable[bpy.types.FCurve], sampled: Sampled, count: int
) -> dict[str, NDArray[np.float64]]:
    """The joints of a body whose bones are keyed, and its way, as curves of a sheet."""
    found, keyed = bodies.read(armature), _by_path(curves)
    if found is None:
        return {}
    turns = {name: _own_turns(object_data.pose_bones(armature)[name], keyed, sampled) for name in found.bones}
    silent = {bone.joint for bone in found.retarget.bones if turns[found.bones[bone.index]] is None}
    joints = [joint for joint in found.retarget.joints if joint not in silent]
    if len(joints) < _FEWEST:
        return {}

    def turned(bone: bpy.types.PoseBone) -> NDArray[np.float64]:
        own = turns[bone.name]
        return np.zeros((count, 3)) if own is None else own

    def placed(bone: bpy.types.PoseBone) -> NDArray[np.float64]:
        parts = keyed.get(readback.bone_path(bone.name) + "location", {})
        return np.stack([sampled(parts[axis]) if axis in parts else np.zeros(count) for axis in range(3)], 1)

    return scene_curves.joint_curves(*bodies.poses(found, armature, turned, placed), joints)


def _own_turns(bone: bpy.types.PoseBone, keyed: Keyed, sampled: Sampled) -> NDArray[np.float64] | None:
    """(T, 3) axis-angle of a bone in its own axes; None where it is not keyed."""
    kind = {"QUATERNION": "quaternion", "AXIS_ANGLE": "axis_angle"}.get(bone.rotation_mode, "euler")
    parts = keyed.get(f"{readback.bone_path(bone.name)}rotation_{kind}")
    if parts is None:
        return None
    return readback.axis_angles(np.stack([sampled(parts[index]) for index in sorted(parts)], 1), bone.rotation_mode)


def _by_path(curves: Iterable[bpy.types.FCurve]) -> Keyed:
    keyed: Keyed = {}
    for curve in curves:
        keyed.setdefault(curve.data_path, {})[curve.array_index] = curve
    return keyed


def _save_probes(
    path: Path,
    scene: bpy.types.Scene,
    meshes: list[bpy.types.Object],
    frames: tuple[int, int],
    told: Progress,
    in_world: bool = True,
) -> None:
    """Write places (T, P, 3) of probes of each mesh, by the mesh's name: vertices evenly spread."""
    found: dict[str, list[NDArray[np.float64]]] = {mesh.name: [] for mesh in meshes}
    count = frames[1] - frames[0] + 1
    for done, places in enumerate(scene_files.vertices(scene, meshes, range(frames[0], frames[1] + 1))):
        for mesh, own in zip(meshes, places, strict=True):
            chosen = own[np.linspace(0, len(own) - 1, min(_PROBES, len(own))).astype(int)]
            matrix = np.array(mesh.matrix_world) if in_world else np.eye(4)
            found[mesh.name].append(chosen @ matrix[:3, :3].T + matrix[:3, 3])
        told((done + 1) / count, "Vertices")
    steady = {name: rows for name, rows in found.items() if len({len(one) for one in rows}) == 1}
    np.savez(path, **{_file_name(name): np.stack(rows) for name, rows in steady.items()})


def _file_name(name: str) -> str:
    """A mesh's name as Alembic writes it."""
    return re.sub(r"\W", "_", name)
