"""A copy of a file becomes a studio: one character's head alone, under even light, at rest, ready to be measured.

It changes whatever is in its way, so it works on a copy of the user's file alone (`capture_work`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.motion import Motion

from .. import object_data
from ..character import head_bones, rig_reader
from ..errors import AddonError
from ..scene import temporary_values
from ..takes import keying
from . import camera_rig

Floats = NDArray[np.float64]

PROBE = 0.3  # radians that joints are turned by to see what follows them
_PART = "Animcore Head"
_FOLLOWS = 0.5  # how much of a turn of the neck a vertex must follow to belong to the head
_EVENED = 12  # times that this is evened over the mesh before it is cut there
_LEAST = 0.25  # of a mesh without shapes: of which less follows is clothes
_TALLEST = 1.0  # units, of what hangs on no neck: taller things are bodies
_METRES = (0.12, 0.6)  # heights of heads that are taken as metres
_HEIGHT = 0.25  # metres, of all others
_ROOM = 1.2  # share of the image, around the head
_LONGEST = 0.5  # share of the head's height that hair may exceed it by and still be in the image
_MOST = 30_000  # triangles that the head is measured with
_HAIR = re.compile(r"hair|beard|moustache|mustache|fur|curl|wig", re.IGNORECASE)
# place from the face in heights of the head (left, behind, up), size and watts
_LIGHTS = (((-3.4, -5.0, 2.4), 4.0, 14.0), ((4.6, -4.2, 0.6), 5.0, 9.0), ((0.6, 5.2, 2.4), 5.0, 9.0))
_SKY = 0.55
_ENGINES = {"CYCLES": ("CYCLES",), "EEVEE": ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE")}


class Puppet:
    """A character that is given the rows of a motion, one at a time, through whatever its rig is moved by."""

    def __init__(self, character: rig_reader.Character, motion: Motion) -> None:
        self._values = {
            temporary_values.of(owner, channel): channel.values
            for owner, channels in keying.channels_of(character, motion, None)
            for channel in channels
        }
        self._shown = temporary_values.Shown()

    def show(self, row: int) -> None:
        """Put the character into the pose of a row."""
        self._shown.show({place: float(values[row]) for place, values in self._values.items()})
        bpy.context.view_layer.update()


Root = bpy.types.Object | bpy.types.Collection  # what a character is chosen by


@dataclass(frozen=True)
class Studio:
    """A head that is ready.

    Attributes:
        sitter: for the cameras.
        skin: meshes that the head is measured from.
        hair: what is hair; Gaussians show it.
        joints: (5, 3) of the capture: root, neck, jaw, left and right eye.
        head_bones: whether something turns the head.
    """

    sitter: camera_rig.Sitter
    skin: tuple[bpy.types.Object, ...]
    hair: tuple[bpy.types.Object, ...]
    joints: Floats
    head_bones: bool


def prepared(
    scene: bpy.types.Scene, root: bpy.types.Object | bpy.types.Collection
) -> tuple[rig_reader.Character, Studio]:
    """Make a scene the studio of a character.

    Raises:
        AddonError: where the character cannot be read, or its head cannot be separated from its body.
    """
    for thing in rig_reader.members_of(root):
        _own(thing)
    bpy.context.view_layer.update()  # the pose of an armature that was an override has its bones again
    who = rig_reader.read_face(root)
    members = rig_reader.members_of(root)
    _stand_still(who)
    rendered = _rendered(bpy.context.view_layer.layer_collection)
    seen = [one for one in members if one in rendered and not one.hide_render]
    hair = tuple(thing for thing in seen if _is_hair(thing))
    shown = [one for one in seen if one.type == "MESH" and one not in hair]
    _like_the_render(scene, seen)
    turn = _turn(who)
    follows = _following(who, shown, turn)
    faces = {face.mesh for face in who.faces}
    skin = tuple(one for one in shown if _cut(one, follows[one.name], 0 if one in faces else _LEAST))
    kept_hair = tuple(one for one in hair if _hangs_on(one, who, turn))
    low, high = _bounds(skin, turn)
    height = high[2] - low[2]
    if not _has_neck(who) and who.armature is not None and height > _TALLEST:
        raise AddonError(
            f"No bone of {who.name!r} is known as its head, so that its body cannot be left out; give one the role "
            "head under Character > Tracks."
        )
    _alone(scene, (*skin, *kept_hair))
    _thin(skin)
    sitter, joints = _seated(who, (low, high), turn)
    sitter = framed(sitter, _bounds((*skin, *kept_hair), turn))
    _light(scene, turn @ _middle(low, high), height, turn)
    return who, Studio(sitter, skin, kept_hair, joints, _has_neck(who))


def set_quality(scene: bpy.types.Scene, engine: str, samples: int) -> None:
    """Choose the engine and how many samples a pixel gets; colours come out as textures show them.

    Only the view layer of the context renders, and what it puts over materials is taken off.

    Raises:
        AddonError: where this Blender has no such engine.
    """
    for name in _ENGINES[engine]:
        try:
            scene.render.engine = name
            break
        except TypeError:
            continue
    else:
        raise AddonError(f"This Blender has no {engine.title()}; choose the other render engine.")
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
    scene.view_settings.use_curve_mapping = False
    for layer in scene.view_layers:
        layer.use = layer == bpy.context.view_layer
        layer.material_override, layer.samples = None, 0
    scene.render.use_motion_blur = scene.render.use_simplify = False
    if engine == "CYCLES":
        scene.cycles.samples, scene.cycles.use_denoising = samples, True
        scene.cycles.max_bounces, scene.cycles.diffuse_bounces = 4, 2
        scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
        scene.render.use_persistent_data = True
    else:
        scene.eevee.taa_render_samples = samples


def positions(thing: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Floats:
    """(V, 3) vertices of an object as it is evaluated, in the scene."""
    evaluated = thing.evaluated_get(depsgraph)
    mesh = object_data.mesh(evaluated)
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    object_data.vectors(mesh, "position").foreach_get("vector", flat)
    to_world = np.array(evaluated.matrix_world)
    result: Floats = flat.reshape(-1, 3) @ to_world[:3, :3].T + to_world[:3, 3]
    return result


def still(rows: int) -> Motion:
    """A motion of some rows in which nothing moves."""
    none = np.zeros((rows, 3), np.float32)
    return Motion(
        Fraction(24),
        arkit=np.zeros((rows, len(ARKIT)), np.float32),
        tongue=np.zeros((rows, len(TONGUE)), np.float32),
        neck_pose=none.copy(),
        head_pose=none.copy(),
        jaw_pose=none.copy(),
        eye_pose=np.zeros((rows, 2, 3), np.float32),
    )


def share_of_turn(moved: Floats, rest: Floats, joint: Floats, turn: Floats) -> tuple[Floats, Floats]:
    """How much vertices follow a turn (3, 3) about a joint (3,): numerators and denominators (V,) of least squares."""
    whole = (rest - joint) @ (turn - np.eye(3)).T
    return ((moved - rest) * whole).sum(1), (whole * whole).sum(1)


def turned_about(axis: int, axes: Floats) -> Floats:
    """(3, 3) the turn by `PROBE` about left (0), up (1) or forward (2) of a character, in the scene."""
    left_up_forward = axes @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]])
    return np.array(Matrix.Rotation(PROBE, 3, Vector(left_up_forward[:, axis])))


def place_of(who: rig_reader.Character, *roles: str) -> Vector | None:
    """Where the first bone there is of some roles begins, in the scene."""
    name = next((who.bones[role] for role in roles if role in who.bones), None)
    if name is None or who.armature is None:
        return None
    return who.armature.matrix_world @ object_data.pose_bones(who.armature)[name].head


def _own(thing: bpy.types.Object) -> None:
    """Make what is linked or overridden this file's own, so that it can be cut."""
    for block in (thing, thing.data):
        if block is not None and (block.library is not None or block.override_library is not None):
            block.make_local()


def _stand_still(who: rig_reader.Character) -> None:
    """Take the character's animation away and put it into its rest pose."""
    for owner in (who.armature, *(face.key for face in who.faces)):
        if owner is not None and owner.animation_data is not None:
            owner.animation_data.action = None
            owner.animation_data.use_nla = False
    if who.armature is not None:
        object_data.armature(who.armature).pose_position = "POSE"
        for bone in object_data.pose_bones(who.armature):
            bone.matrix_basis.identity()


def _like_the_render(scene: bpy.types.Scene, members: Iterable[bpy.types.Object]) -> None:
    """Have the viewport, which is measured, show what a render does."""
    scene.render.use_simplify = False
    for thing in members:
        if scene.collection not in thing.users_collection:
            scene.collection.objects.link(thing)  # its own collections may be hidden from the viewport
        thing.driver_remove("hide_viewport")
        thing.hide_viewport = False
        thing.hide_set(False)
        for modifier in thing.modifiers:
            modifier.show_viewport = modifier.show_render
        for subdivision in object_data.subdivisions(thing):
            subdivision.levels = subdivision.render_levels


def _rendered(layer: bpy.types.LayerCollection) -> set[bpy.types.Object]:
    """The objects that a render has of a collection and of those in it, but for what hides each by itself."""
    if layer.exclude or layer.collection.hide_render:
        return set()
    return set(layer.collection.objects).union(*map(_rendered, layer.children))


def _turn(who: rig_reader.Character) -> Matrix:
    """From a character that faces -Y to this one."""
    if who.armature is None:
        return Matrix.Identity(3)
    axes = np.array(who.armature.matrix_world.to_3x3().normalized()) @ head_bones.character_axes(who.armature)
    return Matrix((axes @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])).tolist())


def _has_neck(who: rig_reader.Character) -> bool:
    return "head" in who.bones or "neck" in who.bones


def _is_hair(thing: bpy.types.Object) -> bool:
    if thing.type == "CURVES":
        return True
    materials = [slot.material for slot in thing.material_slots if slot.material is not None]
    if thing.type != "MESH" or getattr(thing.data, "shape_keys", None) is not None:
        return False
    return bool(_HAIR.search(thing.name)) or (
        bool(materials) and all(_HAIR.search(material.name) for material in materials)
    )


def _following(who: rig_reader.Character, things: Sequence[bpy.types.Object], turn: Matrix) -> dict[str, Floats]:
    """By name (V,) how much the vertices of objects, not subdivided, follow the neck; all where there is none."""
    joint = place_of(who, "neck", "head")
    levels = [one for thing in things for one in thing.modifiers if one.type in ("SUBSURF", "MULTIRES")]
    before = [one.show_viewport for one in levels]
    for one in levels:
        one.show_viewport = False
    motion = still(3)
    assert motion.neck_pose is not None
    assert motion.head_pose is not None
    motion.neck_pose[1, 0] = motion.neck_pose[2, 1] = PROBE
    if "neck" not in who.bones:
        motion.head_pose[:] = motion.neck_pose
    puppet = Puppet(who, motion)
    seen = []
    for row in range(3):
        puppet.show(row)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        seen.append({thing.name: positions(thing, depsgraph) for thing in things})
    puppet.show(0)
    for one, shown in zip(levels, before, strict=True):
        one.show_viewport = shown
    bpy.context.view_layer.update()
    if joint is None:
        return {name: np.ones(len(rest)) for name, rest in seen[0].items()}
    axes = np.array(turn)
    found = {}
    for name, rest in seen[0].items():
        parts = [
            share_of_turn(seen[1 + axis][name], rest, np.array(joint), turned_about(axis, axes)) for axis in (0, 1)
        ]
        found[name] = sum(part[0] for part in parts) / np.maximum(sum(part[1] for part in parts), 1e-12)
    return found


def _cut(thing: bpy.types.Object, follows: Floats, least: float) -> bool:
    """Leave of a mesh what follows the neck; returns whether that is anything, and more than the least share.

    Faces are cut where the share passes the limit, so that the neck ends in a line and not in the corners of faces.
    """
    kept = follows > _FOLLOWS
    if not kept.any() or kept.mean() < least:
        return False
    count = len(object_data.mesh(thing).vertices)
    if kept.all() or len(kept) != count:  # modifiers that add vertices: all of it or nothing
        return bool(kept.mean() > 0.5)
    group = thing.vertex_groups.new(name=_PART)
    for vertex, share in enumerate(_evened(thing, np.clip(follows, 0, 1)).tolist()):
        group.add([vertex], share, "REPLACE")
    mask = cast("bpy.types.MaskModifier", thing.modifiers.new(_PART, "MASK"))
    mask.vertex_group, mask.threshold, mask.use_smooth = group.name, _FOLLOWS, True
    thing.modifiers.move(len(thing.modifiers) - 1, 0)
    return True


def _evened(thing: bpy.types.Object, values: Floats) -> Floats:
    """Values of vertices (V,) without what goes up and down from one to the next: means of neighbours, repeatedly."""
    ends = np.empty(2 * len(object_data.mesh(thing).edges), np.int32)
    object_data.mesh(thing).edges.foreach_get("vertices", ends)
    first, second = ends.reshape(-1, 2).T
    count = 1 + np.bincount(ends, minlength=len(values))
    for _ in range(_EVENED):
        around = np.bincount(first, values[second], len(values)) + np.bincount(second, values[first], len(values))
        values = (values + around) / count
    return values


def _hangs_on(hair: bpy.types.Object, who: rig_reader.Character, turn: Matrix) -> bool:
    """Whether hair is on this head: most of a mesh's vertices follow the neck; other kinds are taken to be."""
    if hair.type != "MESH":
        return True
    return bool((_following(who, (hair,), turn)[hair.name] > _FOLLOWS).mean() > 0.5)


def _bounds(things: Iterable[bpy.types.Object], turn: Matrix) -> tuple[Floats, Floats]:
    """The lowest and highest (3,) of what is seen of objects, in axes of a character that faces -Y."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    parts = []
    for thing in things:
        if thing.type == "MESH":
            parts.append(positions(thing, depsgraph))
        else:
            parts.append(np.array([thing.matrix_world @ Vector(corner) for corner in thing.bound_box]))
    points = np.concatenate(parts) if parts else np.zeros((0, 3))
    if not len(points):
        raise AddonError("The character's head is hidden in renders; enable its meshes for renders.")
    points = points @ np.array(turn)
    return points.min(0), points.max(0)


def _alone(scene: bpy.types.Scene, shown: Sequence[bpy.types.Object]) -> None:
    """Hide everything that is not the head from renders, lights included; animation and drivers show nothing again."""
    scene.background_set = None
    for thing in scene.objects:
        if thing.animation_data is not None:
            thing.animation_data.action = None
            thing.animation_data.use_nla = False
            thing.driver_remove("hide_render")
        thing.hide_render = thing not in shown
        thing.is_holdout = False


def _thin(skin: Sequence[bpy.types.Object]) -> None:
    """Lower subdivision, of measure and render alike, until the head has few enough triangles."""
    levels = [one for thing in skin for one in object_data.subdivisions(thing) if one.show_render]
    while _triangles(skin) > _MOST and any(one.levels for one in levels):
        for one in levels:
            one.levels = one.render_levels = max(0, one.levels - 1)
    for one in levels:
        one.render_levels = one.levels


def _triangles(things: Iterable[bpy.types.Object]) -> int:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    count = 0
    for thing in things:
        mesh = object_data.mesh(thing.evaluated_get(depsgraph))
        mesh.calc_loop_triangles()
        count += len(mesh.loop_triangles)
    return count


def _seated(who: rig_reader.Character, head: tuple[Floats, Floats], turn: Matrix) -> tuple[camera_rig.Sitter, Floats]:
    """How large a unit is, and the joints in the capture."""
    low, high = head
    height = high[2] - low[2]
    guess = turn @ Vector(((low[0] + high[0]) / 2, low[1] + 0.6 * (high[1] - low[1]), low[2] + 0.2 * height))
    neck = place_of(who, "neck", "head") or guess
    spots = [neck, place_of(who, "head", "neck") or guess]
    spots += [place_of(who, role) or guess for role in ("jaw", "left_eye", "right_eye")]
    scale = 1.0 if _METRES[0] < height < _METRES[1] else _HEIGHT / height
    sitter = camera_rig.Sitter((), None, neck, turn @ _middle(low, high), height, ("", ""), turn, scale)  # type: ignore[arg-type]  # a stub's descriptor
    return sitter, np.array([sitter.to_capture @ spot for spot in spots])


def _middle(low: Floats, high: Floats) -> Vector:
    """The middle of a box between two corners (3,)."""
    return Vector(((low + high) / 2).tolist())


def framed(sitter: camera_rig.Sitter, seen: tuple[Floats, Floats]) -> camera_rig.Sitter:
    """Frame the images on a box between two corners, in axes of a character that faces -Y, with a margin."""
    reach = sitter.span * (0.5 + _LONGEST)
    middle = np.array(sitter.turn.transposed() @ sitter.aim)
    within = np.clip(np.stack(seen), middle - reach, middle + reach)
    aim = sitter.turn @ Vector(within.mean(0).tolist())
    return replace(sitter, aim=aim, span=float(np.ptp(within, axis=0).max()) * _ROOM)


def stretched(sitter: camera_rig.Sitter, points: Floats) -> camera_rig.Sitter:
    """Extend the framing to points (N, 3) of the capture: the extent of the expressions."""
    back = np.array(sitter.to_capture.inverted())
    there = (points @ back[:3, :3].T + back[:3, 3]) @ np.array(sitter.turn)
    middle, half = np.array(sitter.turn.transposed() @ sitter.aim), sitter.span / 2 / _ROOM
    low, high = np.minimum(there.min(0), middle - half), np.maximum(there.max(0), middle + half)
    return replace(sitter, aim=sitter.turn @ _middle(low, high), span=float((high - low).max()) * _ROOM)


def _light(scene: bpy.types.Scene, face: Vector, height: float, turn: Matrix) -> None:
    """Even light: a white sky and three soft lamps."""
    for number, (place, width, power) in enumerate(_LIGHTS):
        data = cast("bpy.types.AreaLight", bpy.data.lights.new(f"Animcore Capture {number}", "AREA"))
        data.shape, data.size, data.energy = "DISK", width * height, power * (height / 0.24) ** 2
        lamp = bpy.data.objects.new(data.name, data)
        lamp.location = face + turn @ Vector(place) * height
        lamp.rotation_euler = (face - lamp.location).to_track_quat("-Z", "Y").to_euler()
        lamp.visible_camera = False
        scene.collection.objects.link(lamp)
    scene.world = world = bpy.data.worlds.new("Animcore Capture")
    if world.node_tree is None:
        world.use_nodes = True  # Blender 5 has no other worlds
    sky = next(node for node in object_data.nodes(world).nodes if node.type == "BACKGROUND")
    sky.inputs["Color"].default_value, sky.inputs["Strength"].default_value = (1, 1, 1, 1), _SKY
