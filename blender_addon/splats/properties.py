"""What is kept of Gaussians in a .blend. Blender reads annotations here: they are not postponed."""

import bpy


def _is_mesh(_settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type == "MESH"


# The module bpy 4.2 crashes when Python ends where a property has a callback
_MODULE_42 = bpy.app.version < (4, 5, 0) and not bpy.app.binary_path
_BESIDE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()  # 4.2 takes // anywhere
_NARROWED = {} if _MODULE_42 else {"poll": _is_mesh}


class AnimcoreSplats(bpy.types.PropertyGroup):
    """What an object stands for. None of it is animatable: they say what is shown, not how it moves."""

    filepath: bpy.props.StringProperty(
        name="File",
        description="The file of Gaussians, or the folder of an avatar",
        subtype="FILE_PATH",
        options=_BESIDE,
    )
    added: bpy.props.StringProperty(
        name="Added From", description="Where the file was when it was added", options={"HIDDEN"}
    )
    carrier: bpy.props.PointerProperty(
        name="Rides On",
        description="The mesh whose triangles carry the Gaussians",
        type=bpy.types.Object,
        **_NARROWED,
    )


class AnimcoreSplatsView(bpy.types.PropertyGroup):
    """How Gaussians show in a scene. Not animatable."""

    overlay: bpy.props.BoolProperty(
        name="Splats in Viewport",
        description="Draw Gaussians over the viewport in Solid and Material Preview; Rendered mode needs no overlay",
        default=True,
        options=set(),
    )


class AnimcoreCapture(bpy.types.PropertyGroup):
    """How a character is captured for a splat head, and how that is fitted. Not animatable: it is an order."""

    folder: bpy.props.StringProperty(
        name="Capture Folder",
        description="The folder that the pictures go into; where it holds some already, the capture goes on",
        subtype="DIR_PATH",
        options=_BESIDE,
    )
    cameras: bpy.props.IntProperty(
        name="Cameras", description="How many cameras stand around the head", default=14, min=2, max=17, options=set()
    )
    faces: bpy.props.IntProperty(
        name="Faces", description="How many faces the character pulls; the first is at rest", default=14, min=1,
        max=19, options=set(),
    )  # fmt: skip
    size: bpy.props.IntProperty(
        name="Size", description="Pixels along a side of each picture", default=512, min=64, max=4096,
        subtype="PIXEL", options=set(),
    )  # fmt: skip
    samples: bpy.props.IntProperty(
        name="Samples", description="Samples of a pixel; what Cycles renders is denoised", default=32, min=1,
        max=4096, options=set(),
    )  # fmt: skip
    engine: bpy.props.EnumProperty(
        name="Engine",
        description="What renders the pictures",
        items=(
            ("CYCLES", "Cycles", "Soft light, on the device that the scene uses"),
            ("EEVEE", "EEVEE", "Fast; needs a graphics card"),
        ),
        options=set(),
    )
    gaussians: bpy.props.IntProperty(
        name="Gaussians", description="How many Gaussians the head gets: more for finer hair", default=20_000,
        min=100, max=1_000_000, options=set(),
    )  # fmt: skip
    steps: bpy.props.IntProperty(
        name="Steps", description="How many pictures the fit learns from, one after the other", default=3000, min=1,
        max=1_000_000, options=set(),
    )  # fmt: skip
