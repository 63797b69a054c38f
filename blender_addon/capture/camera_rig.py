"""A capture rig: any character with ARKit shapes is captured by cameras around its head, in several expressions.

Plain functions on a scene; they write the layout that `animcore.hybrid_head.capture_format` reads. The character's
own lights are kept. Axes of the capture: metres, Y up, the face looks along Z, the model's origin at the origin. The
panel's button goes through `render_job`, which prepares a copy of the file and measures the character first.
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
class Subject:
    """The head that is captured.

    Attributes:
        objects: meshes whose shapes have ARKit's names, and what else belongs to the head.
        rig: the armature, or None.
        origin: (3,) where the origin of the parametric head lies in the scene.
        aim: (3,) the point at the center of the image, in scene space.
        span: metres that an image covers at that point.
        eyes: the bones of the left and the right eye.
        rotation: (3, 3) from a character that faces -Y, as most do, to this one.
        scale: metres of the capture that a unit of the scene is.
    """

    objects: Sequence[bpy.types.Object]
    rig: bpy.types.Object | None
    origin: Vector
    aim: Vector
    span: float
    eyes: tuple[str, str] = _EYES
    rotation: Matrix = field(default_factory=lambda: Matrix.Identity(3))
    scale: float = 1.0

    @property
    def to_capture(self) -> Matrix:
        """(4, 4) from positions in the scene to those in the capture."""
        to_engine = ENGINE @ self.rotation.transposed().to_4x4() @ Matrix.Translation(-self.origin)
        return Matrix.Scale(self.scale, 4) @ to_engine


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
    scene: bpy.types.Scene, subject: Subject, wanted: Sequence[Shot], folder: Path, size: int
) -> list[capture_format.CaptureView]:
    """The parameters of some shots without rendering them; arguments as of `take`."""
    with camera(scene, subject) as camera_object:
        return [view_of(camera_object, subject, shot, folder, size) for shot in wanted]


def take(
    scene: bpy.types.Scene, subject: Subject, wanted: Sequence[Shot], folder: Path, size: int
) -> Iterator[capture_format.CaptureView]:
    """Render images one after another into `folder/images`; existing ones are kept.

    Args:
        scene: with its lights, render engine and samples. Its camera, resolution and output settings are set.
        subject: the head that is captured.
        wanted: the shots.
        folder: of the capture.
        size: pixels, width and height.

    Yields:
        Each view when it is there; `flame_param` files are the caller's.

    Raises:
        AddonError: where no mesh has shapes by ARKit's names.
    """
    if not any(_keys(thing) for thing in subject.objects):
        raise AddonError("No mesh has shape keys with ARKit's names; assign them under Character first.")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with camera(scene, subject) as camera_object:
        set_output(scene, camera_object, size)
        for shot in wanted:
            view = view_of(camera_object, subject, shot, folder, size)
            if not view.image.is_file():
                apply_expression(subject, shot.face)
                render_image(scene, view.image)
            yield view


def render_image(scene: bpy.types.Scene, path: Path) -> None:
    """Render into a PNG file, which exists only when it is complete."""
    with whole_file(path) as part:
        scene.render.filepath = str(part)
        bpy.ops.render.render(write_still=True)


@contextmanager
def camera(scene: bpy.types.Scene, subject: Subject) -> Iterator[bpy.types.Object]:
    """Add a camera with a long focal length; it is removed at the end of the block."""
    data = bpy.data.cameras.new("Animcore Capture")
    camera_object = bpy.data.objects.new("Animcore Capture", data)
    scene.collection.objects.link(camera_object)
    data.sensor_fit, data.sensor_width, data.lens = "HORIZONTAL", 36.0, 36.0 * _FOCAL
    data.clip_start, data.clip_end = 0.1 * subject.span, 100 * subject.span
    try:
        yield camera_object
    finally:
        bpy.data.objects.remove(camera_object)
        bpy.data.cameras.remove(data)


def view_of(
    camera_object: bpy.types.Object, subject: Subject, shot: Shot, folder: Path, size: int
) -> capture_format.CaptureView:
    """Place the camera object for a shot and return the parameters of its view."""
    around, up = (math.radians(angle) for angle in shot.camera)
    away = Vector((math.sin(around) * math.cos(up), -math.cos(around) * math.cos(up), math.sin(up)))
    position = subject.aim + subject.rotation @ away * (subject.span * _FOCAL)
    aimed = subject.rotation @ (-away).to_track_quat("-Z", "Y").to_matrix()
    camera_object.matrix_world = Matrix.Translation(position) @ aimed.to_4x4()
    orientation = ENGINE.to_3x3() @ subject.rotation.transposed() @ aimed
    to_world = Matrix.Translation(subject.to_capture @ position) @ orientation.to_4x4()
    focal = size * _FOCAL
    return capture_format.CaptureView(
        Camera.from_opengl(np.array(to_world), (size, size), (focal, focal)),
        shot.camera_index,
        shot.moment,
        folder / "images" / f"{shot.moment:05d}_{shot.camera_index:02d}.png",
        folder / "fg_masks" / f"{shot.moment:05d}_{shot.camera_index:02d}.png",
        folder / "flame_param" / f"{shot.moment:05d}.npz",
    )


def apply_expression(subject: Subject, face: CaptureExpression) -> None:
    """Set the shapes and the eyes of a subject to an expression; all other shapes by ARKit's names are 0."""
    weights = {name.lower(): value for name, value in expression_weights(face).items()}
    for thing in subject.objects:
        for name, key in _keys(thing).items():
            key.value = weights.get(name, 0.0)
    if subject.rig is not None:
        rotation = eye_rotation(face).to_4x4()
        for name in subject.eyes:
            bone = object_data.pose_bones(subject.rig)[name]
            rest = bone.bone.matrix_local
            pivot = Matrix.Translation(rest.translation)
            bone.matrix = pivot @ rotation @ pivot.inverted() @ rest
    bpy.context.view_layer.update()


def expression_weights(face: CaptureExpression) -> dict[str, float]:
    """The weights of an expression with those of the lids that follow its eyes: a shape at 1 is 30 degrees."""
    left, up = face.look
    weights = face.arkit()
    for side, out in (("Left", left), ("Right", -left)):
        parts = {"Out": out, "In": -out, "Up": up, "Down": -up}
        weights |= {f"eyeLook{way}{side}": angle / 30 for way, angle in parts.items() if angle > 0}
    return weights


def eye_rotation(face: CaptureExpression) -> Matrix:
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


def set_output(scene: bpy.types.Scene, camera_object: bpy.types.Object, size: int) -> None:
    """Set a scene to render square PNG images of a camera with alpha."""
    scene.camera = camera_object
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
