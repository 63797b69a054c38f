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
