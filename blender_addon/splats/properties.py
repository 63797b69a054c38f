"""Properties of Gaussians in a .blend. Blender reads annotations here: they are not postponed."""

from typing import Any

import bpy

from ..id_properties import registered

# what the extension adds to Blender's own types
SPLATS = "animcore_splats"  # to objects and scenes
CAPTURE = "animcore_capture"  # to scenes


def _is_mesh(_settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type == "MESH"


# The module bpy 4.2 crashes when Python ends where a property has a callback
_MODULE_42 = bpy.app.version < (4, 5, 0) and not bpy.app.binary_path
_BESIDE: set[Any] = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()  # 4.2 takes // anywhere
_NARROWED: dict[str, Any] = {} if _MODULE_42 else {"poll": _is_mesh}


class AnimcoreSplats(bpy.types.PropertyGroup):
    """The splats that an object stands for. None of it is animatable: they set what is shown, not how it moves."""

    filepath: bpy.props.StringProperty(
        name="File",
        description="File of Gaussian splats, or folder of an avatar",
        subtype="FILE_PATH",
        options=_BESIDE,
    )
    added: bpy.props.StringProperty(
        name="Added From", description="Path of the file when it was added", options={"HIDDEN"}
    )
    carrier: bpy.props.PointerProperty(
        name="Bound Mesh",
        description="Mesh to whose triangles the Gaussians are bound",
        type=bpy.types.Object,
        **_NARROWED,
    )


class AnimcoreSplatsView(bpy.types.PropertyGroup):
    """How Gaussians show in a scene. Not animatable."""

    overlay: bpy.props.BoolProperty(
        name="Splats in Viewport",
        description="Draw Gaussians over the viewport in Solid and Material Preview shading",
        default=True,
        options=set(),
    )


class AnimcoreCapture(bpy.types.PropertyGroup):
    """Settings of a capture of a character for a splat head, and of its fit. Not animatable."""

    folder: bpy.props.StringProperty(
        name="Capture Folder",
        description="Folder of the rendered images; an unfinished capture in it is resumed",
        subtype="DIR_PATH",
        options=_BESIDE,
    )
    cameras: bpy.props.IntProperty(
        name="Cameras", description="Number of cameras around the head", default=14, min=2, max=17, options=set()
    )
    faces: bpy.props.IntProperty(
        name="Expressions", description="Number of facial expressions; the first is neutral", default=14, min=1,
        max=19, options=set(),
    )  # fmt: skip
    size: bpy.props.IntProperty(
        name="Size", description="Width and height of each image in pixels", default=512, min=64, max=4096,
        subtype="PIXEL", options=set(),
    )  # fmt: skip
    samples: bpy.props.IntProperty(
        name="Samples", description="Samples per pixel; Cycles renders are denoised", default=32, min=1,
        max=4096, options=set(),
    )  # fmt: skip
    engine: bpy.props.EnumProperty(
        name="Render Engine",
        description="Engine that renders the images",
        items=(
            ("CYCLES", "Cycles", "Path tracing, on the scene's render device"),
            ("EEVEE", "EEVEE", "Fast rasterization; needs a GPU"),
        ),
        options=set(),
    )
    gaussians: bpy.props.IntProperty(
        name="Gaussians", description="Number of Gaussians of the head; more give finer hair", default=20_000,
        min=100, max=1_000_000, options=set(),
    )  # fmt: skip
    steps: bpy.props.IntProperty(
        name="Iterations", description="Iterations of the fit; each uses one training view", default=3000, min=1,
        max=1_000_000, options=set(),
    )  # fmt: skip


def splats_of(thing: bpy.types.Object) -> AnimcoreSplats:
    """Return what an object stands for: its splats, or none where it has no path."""
    return registered(thing, SPLATS, AnimcoreSplats)


def view_of(scene: bpy.types.Scene) -> AnimcoreSplatsView:
    """Return how Gaussians show in a scene."""
    return registered(scene, SPLATS, AnimcoreSplatsView)


def capture_of(scene: bpy.types.Scene) -> AnimcoreCapture:
    """Return the settings of a capture in a scene."""
    return registered(scene, CAPTURE, AnimcoreCapture)
