"""A capture rig: any character with ARKit shapes is taken from cameras around its head, with what its face does.

Plain functions on a scene; they write the layout that `animcore.hybrid_head.capture_format` reads. The character's
own lights are kept. Axes of the capture: metres, Y up, the face looks along Z, the model's origin at the origin. The
panel's button goes through `capture_work`, which prepares a copy of the file and measures the character first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import ARKIT
from animcore.hybrid_head import capture_format
from animcore.hybrid_head.capture_plan import BEHIND, CaptureExpression
from animcore.rendering.camera import Camera

from .. import object_data
from ..errors import AddonError

# Blender's axes (Z up, the face looks along -Y) in the engine's (Y up, the face looks along Z)
ENGINE = Matrix(((1, 0, 0, 0), (0, 0, 1, 0), (0, -1, 0, 0), (0, 0, 0, 1)))
_FOCAL = 2.6  # focal length in widths of the image: long, as for portraits
_EYES = ("left_eye_smplhf", "right_eye_smplhf")


@dataclass(frozen=True)
class Sitter:
    """Who is taken.

    Attributes:
        objects: meshes whose shapes have ARKit's names, and what else belongs to the head.
        rig: the armature, or None.
        origin: (3,) where the origin of the parametric head lies in the scene.
        aim: (3,) the point at the center of the image, in scene space.
        span: metres that an image covers at that point.
        eyes: the bones of the left and the right eye.
        turn: (3, 3) from a character that faces -Y, as most do, to this one.
        scale: metres of the capture that a unit of the scene is.
    """

    objects: Sequence[bpy.types.Object]
    rig: bpy.types.Object | None
    origin: Vector
    aim: Vector
    span: float
    eyes: tuple[str, str] = _EYES
    turn: Matrix = field(default_factory=lambda: Matrix.Identity(3))
    scale: float = 1.0

    @property
    def to_capture(self) -> Matrix:
        """(4, 4) from places in the scene to those of the capture."""
        turned = ENGINE @ self.turn.transposed().to_4x4() @ Matrix.Translation(-self.origin)
        return Matrix.Scale(self.scale, 4) @ turned


@dataclass(frozen=True)
class Shot:
    """One image to render: a camera (degrees around the head and up) and an expression, each with its number."""

    camera: tuple[float, float]
    camera_index: int
    face: CaptureExpression
    moment: int


def shots(
    cameras: Sequence[tuple[float, float]],
    faces: Sequence[CaptureExpression],
    first_camera: int = 0,
    first_moment: int = 0,
    thirds: int = 3,
) -> list[Shot]:
    """The first moment from every camera, each other one from some, and from none that stands behind.

    Args:
        cameras: degrees around the head and up.
        faces: one a moment.
        first_camera: the number of the first camera.
        first_moment: that of the first face.
        thirds: how many of three cameras see a face; which ones changes with the moment.
    """
    every = [(number, moment) for moment in range(len(faces)) for number in range(len(cameras))]
    return [
        Shot(cameras[number], first_camera + number, faces[moment], first_moment + moment)
        for number, moment in every
        if first_moment + moment == 0
        or ((number + first_moment + moment) % 3 >= 3 - thirds and abs(cameras[number][0]) < BEHIND)
    ]


def views(
    scene: bpy.types.Scene, sitter: Sitter, wanted: Sequence[Shot], folder: Path, size: int
) -> list[capture_format.CaptureView]:
    """The parameters of some shots without rendering them; arguments as of `take`."""
    with camera(scene, sitter) as eye:
        return [view_of(eye, sitter, shot, folder, size) for shot in wanted]


def take(
    scene: bpy.types.Scene, sitter: Sitter, wanted: Sequence[Shot], folder: Path, size: int
) -> Iterator[capture_format.CaptureView]:
    """Render images one after another into `folder/images`; existing ones are kept.

    Args:
        scene: with its lights, render engine and samples. Its camera, resolution and film settings are set.
        sitter: who is taken.
        wanted: the shots.
        folder: of the capture.
        size: pixels, width and height.

    Yields:
        Each view when it is there; `flame_param` files are the caller's.

    Raises:
        AddonError: where no mesh has shapes by ARKit's names.
    """
    if not any(_keys(thing) for thing in sitter.objects):
        raise AddonError("No mesh has shape keys with ARKit's names; assign them under Character first.")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with camera(scene, sitter) as eye:
        set_film(scene, eye, size)
        for shot in wanted:
            view = view_of(eye, sitter, shot, folder, size)
            if not view.image.is_file():
                pull(sitter, shot.face)
                picture(scene, view.image)
            yield view


def picture(scene: bpy.types.Scene, path: Path) -> None:
    """Render into a PNG, which is there when it is whole."""
    with whole_file(path) as part:
        scene.render.filepath = str(part)
        bpy.ops.render.render(write_still=True)


@contextmanager
def camera(scene: bpy.types.Scene, sitter: Sitter) -> Iterator[bpy.types.Object]:
    """A camera with a long lens, for as long as it is needed."""
    data = bpy.data.cameras.new("Animcore Capture")
    eye = bpy.data.objects.new("Animcore Capture", data)
    scene.collection.objects.link(eye)
    data.sensor_fit, data.sensor_width, data.lens = "HORIZONTAL", 36.0, 36.0 * _FOCAL
    data.clip_start, data.clip_end = 0.1 * sitter.span, 100 * sitter.span
    try:
        yield eye
    finally:
        bpy.data.objects.remove(eye)
        bpy.data.cameras.remove(data)


def view_of(eye: bpy.types.Object, sitter: Sitter, shot: Shot, folder: Path, size: int) -> capture_format.CaptureView:
    """Place the camera object for a shot and return what it will see."""
    around, up = (math.radians(angle) for angle in shot.camera)
    away = Vector((math.sin(around) * math.cos(up), -math.cos(around) * math.cos(up), math.sin(up)))
    place = sitter.aim + sitter.turn @ away * (sitter.span * _FOCAL)
    aimed = sitter.turn @ (-away).to_track_quat("-Z", "Y").to_matrix()
    eye.matrix_world = Matrix.Translation(place) @ aimed.to_4x4()
    turned = ENGINE.to_3x3() @ sitter.turn.transposed() @ aimed
    to_world = Matrix.Translation(sitter.to_capture @ place) @ turned.to_4x4()
    focal = size * _FOCAL
    return capture_format.CaptureView(
        Camera.from_opengl(np.array(to_world), (size, size), (focal, focal)),
        shot.camera_index,
        shot.moment,
        folder / "images" / f"{shot.moment:05d}_{shot.camera_index:02d}.png",
        folder / "fg_masks" / f"{shot.moment:05d}_{shot.camera_index:02d}.png",
        folder / "flame_param" / f"{shot.moment:05d}.npz",
    )


def pull(sitter: Sitter, face: CaptureExpression) -> None:
    """Give the shapes and the eyes of a sitter the values of a face; all other shapes by ARKit's names are 0."""
    weights = {name.lower(): value for name, value in looking(face).items()}
    for thing in sitter.objects:
        for name, key in _keys(thing).items():
            key.value = weights.get(name, 0.0)
    if sitter.rig is not None:
        turn = eye_turn(face).to_4x4()
        for name in sitter.eyes:
            bone = object_data.pose_bones(sitter.rig)[name]
            rest = bone.bone.matrix_local
            place = Matrix.Translation(rest.translation)
            bone.matrix = place @ turn @ place.inverted() @ rest
    bpy.context.view_layer.update()


def looking(face: CaptureExpression) -> dict[str, float]:
    """The weights of a face with those of the lids that follow its eyes: a shape at 1 is 30 degrees."""
    left, up = face.look
    weights = face.arkit()
    for side, out in (("Left", left), ("Right", -left)):
        parts = {"Out": out, "In": -out, "Up": up, "Down": -up}
        weights |= {f"eyeLook{way}{side}": angle / 30 for way, angle in parts.items() if angle > 0}
    return weights


def eye_turn(face: CaptureExpression) -> Matrix:
    """The rotation of both eyes in Blender's axes."""
    left, up = (math.radians(angle) for angle in face.look)
    return Matrix.Rotation(left, 3, "Z") @ Matrix.Rotation(-up, 3, "X")


def _keys(thing: bpy.types.Object) -> dict[str, bpy.types.ShapeKey]:
    """The ARKit shapes of an object by their names in small letters."""
    shapes = getattr(thing.data, "shape_keys", None)
    if shapes is None:
        return {}
    known = {name.lower() for name in ARKIT}
    return {key.name.lower(): key for key in shapes.key_blocks if key.name.lower() in known}


def set_film(scene: bpy.types.Scene, eye: bpy.types.Object, size: int) -> None:
    """Set a scene to render square PNG images of a camera with alpha."""
    scene.camera = eye
    render = scene.render
    render.resolution_x = render.resolution_y = size
    render.resolution_percentage = 100
    render.film_transparent = True
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.use_border = render.use_sequencer = render.use_compositing = False
    render.use_stamp = render.use_multiview = render.use_freestyle = False
    if hasattr(render.image_settings, "media_type"):  # since Blender 5.0
        render.image_settings.media_type = "IMAGE"
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    render.image_settings.color_depth = "8"
