"""The render engine Gaussian Preview: on the GPU where Blender has a window, else on the CPU."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any, cast

import bpy
import numpy as np

from animcore.errors import AnimcoreError

from ...errors import AddonError
from ..scene import camera_view, splat_objects
from ..scene.camera_view import View
from ..scene.placement import Placed
from . import cpu_renderer, gpu_frame, scene_meshes
from .color_transform import Shot
from .scene_meshes import Surface

NAME = "ANIMCORE_GAUSSIAN"
# the panels of render, output, film and camera that this engine supports
_PANELS = {
    "RENDER_PT_color_management", "RENDER_PT_opengl_film", "VIEWLAYER_PT_layer", "VIEWLAYER_PT_layer_passes",
    "WORLD_PT_viewport_display", "MATERIAL_PT_viewport", "EEVEE_MATERIAL_PT_surface",
}  # fmt: skip


# by motion blur and depth of field that a scene has turned on
_LEFT_OUT = {
    (False, False): "",
    (True, False): "Gaussian Preview renders no motion blur.",
    (False, True): "Gaussian Preview renders no depth of field.",
    (True, True): "Gaussian Preview renders no motion blur and no depth of field.",
}


class AnimcoreGaussianPreview(bpy.types.RenderEngine):
    """Meshes drawn simply, with Gaussians between and before them."""

    bl_idname = NAME
    bl_label = "Gaussian Preview"
    bl_use_preview = False
    bl_use_gpu_context = not bpy.app.background
    bl_use_eevee_viewport = True
    bl_use_shading_nodes_custom = False

    # Blender makes an engine without its __init__: these are there from the first redraw on
    _stage: gpu_frame.Stage | None
    _patterns: dict[tuple[int, ...], scene_meshes.Pattern]
    _painter: gpu_frame.Painter | None

    def update_render_passes(  # type: ignore[override]  # Blender gives both
        self, scene: bpy.types.Scene, renderlayer: bpy.types.ViewLayer
    ) -> None:
        """Register the passes with the compositor."""
        self.register_pass(scene, renderlayer, "Combined", 4, "RGBA", "COLOR")
        if renderlayer.use_pass_z:
            self.register_pass(scene, renderlayer, "Depth", 1, "Z", "VALUE")

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:  # type: ignore[override]  # a stub has settings of that name
        """Render a frame of a view layer."""
        try:
            shot, size = _shot(depsgraph)
        except AnimcoreError as error:
            self._refuse(str(error))
            return
        except Exception as error:  # Blender would go on with a black frame
            sys.stderr.write(traceback.format_exc())
            self._refuse(f"Unexpected error ({type(error).__name__}: {error}); press Copy Report and report it.")
            return
        scene = depsgraph.scene
        if missing := left_out(scene):
            self.report({"WARNING"}, missing)
        backdrop = None if scene.render.film_transparent else scene_meshes.backdrop(scene)
        left, bottom, width, height = _window(scene.render, size)
        kept = np.s_[bottom : bottom + height, left : left + width]
        result = self.begin_result(0, 0, width, height, layer=depsgraph.view_layer.name)
        passes = result.layers[0].passes
        passes["Combined"].rect.foreach_set(np.ascontiguousarray(shot.over(backdrop)[kept]).ravel())
        if "Depth" in passes:
            passes["Depth"].rect.foreach_set(np.ascontiguousarray(shot.depth[kept]).ravel())
        self.end_result(result)

    def _refuse(self, sentence: str) -> None:
        self.report({"ERROR"}, sentence)
        self.error_set(sentence)

    def view_update(  # type: ignore[override]  # Blender gives both
        self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph
    ) -> None:
        """Something of the scene has changed: its meshes are read again before they are drawn."""
        self._stage = None
        screen = cast("bpy.types.Screen", context.screen)  # the one that shows the viewport
        if not screen.is_animation_playing:  # meshes may be others, and not only elsewhere
            self._patterns = {}

    def view_draw(  # type: ignore[override]  # Blender gives both
        self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph
    ) -> None:
        """Draw a viewport in Rendered mode."""
        space = cast("bpy.types.SpaceView3D", context.space_data)
        stage, painter = getattr(self, "_stage", None), getattr(self, "_painter", None)
        if stage is None:
            stage = gpu_frame.Stage(scene_meshes.of_scene(depsgraph, space, getattr(self, "_patterns", None)))
            self._stage = stage
        if painter is None:
            painter = self._painter = gpu_frame.Painter()
        placed = splat_objects.all_placed(depsgraph, space)
        wrong = splat_objects.problems(depsgraph, space)
        self.update_stats("", wrong[0] if wrong else left_out(depsgraph.scene))
        looked = camera_view.of_context(context)
        painter.show(placed, stage, looked, scene_meshes.backdrop(depsgraph.scene))


def left_out(scene: bpy.types.Scene) -> str:
    """Return the scene settings that this engine does not support, in one sentence; empty where there are none."""
    camera = scene.camera
    lens = cast("bpy.types.Camera", camera.data) if camera is not None and camera.type == "CAMERA" else None
    focus = lens.dof if lens is not None else None
    return _LEFT_OUT[scene.render.use_motion_blur, focus is not None and focus.use_dof]


def shot(placed: Sequence[Placed], found: Sequence[Surface], looked: View) -> Shot:
    """Return a frame: drawn on the GPU, or computed on the CPU where there is no window."""
    make = cpu_renderer.shot if bpy.app.background else gpu_frame.shot
    return make(placed, found, looked)


def _shot(depsgraph: bpy.types.Depsgraph) -> tuple[Shot, tuple[int, int]]:
    render, camera = depsgraph.scene.render, depsgraph.scene.camera
    if camera is None:
        raise AddonError("The scene has no camera; add one (Shift A).")
    share = render.resolution_percentage / 100
    size = max(1, int(render.resolution_x * share)), max(1, int(render.resolution_y * share))
    looked = camera_view.of_camera(camera.evaluated_get(depsgraph), depsgraph, size)
    placed = splat_objects.all_placed(depsgraph)
    wrong = splat_objects.problems(depsgraph)
    if wrong:
        raise AddonError(wrong[0])
    return shot(placed, scene_meshes.of_scene(depsgraph), looked), size


def _window(render: bpy.types.RenderSettings, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The render region: left, bottom, width and height in pixels."""
    if not (render.use_border and render.use_crop_to_border):
        return 0, 0, *size
    left, right = (int(share * size[0]) for share in (render.border_min_x, render.border_max_x))
    bottom, top = (int(share * size[1]) for share in (render.border_min_y, render.border_max_y))
    return left, bottom, max(1, right - left), max(1, top - bottom)


def start() -> None:
    """Have Blender's own panels show with this engine, where they speak of what it does."""
    for panel in _panels():
        panel.COMPAT_ENGINES.add(NAME)


def stop() -> None:
    """Take it out of them."""
    for panel in _panels():
        panel.COMPAT_ENGINES.discard(NAME)


def _panels() -> list[Any]:
    found = (getattr(bpy.types, name, None) for name in _PANELS)
    return [panel for panel in found if panel is not None and hasattr(panel, "COMPAT_ENGINES")]
