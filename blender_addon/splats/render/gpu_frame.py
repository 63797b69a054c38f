"""A whole frame on the GPU: the scene's meshes, and Gaussians between and before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..scene.camera_view import View
from ..scene.placement import Placed
from . import gpu_shaders
from .color_transform import FARTHEST, Shot, encoded
from .gpu_drawing import Drawer, square, texture
from .scene_meshes import Look, Surface, light_from

_FORM = (("position", 3), ("normal", 3), ("uv", 2))


class Stage:
    """Surfaces on the GPU."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        self._batches = [(_batch(surface), surface.look, _change(surface.look)) for surface in surfaces]
        self._blank = texture(np.zeros((1, 1, 4), np.float32), "RGBA16F")

    def draw(self, view: View, *, with_depth: bool) -> None:
        """Draw them into the framebuffer that is bound."""
        import gpu

        shader = gpu_shaders.meshes(with_depth=with_depth)
        shader.bind()
        shader.uniform_float("seen", (view.projection @ view.to_view).T.ravel().tolist())
        if with_depth:
            shader.uniform_float("backward", view.to_view[2].tolist())
        shader.uniform_float("light_from", (*light_from(view), 0.0))
        gpu.state.blend_set("NONE")
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.depth_mask_set(True)
        gpu.state.face_culling_set("NONE")
        for batch, look, change in self._batches:
            image = self._blank if look.image is None else gpu.texture.from_image(look.image)
            shader.uniform_float("tint", look.colour)
            shader.uniform_float("painted_glowing", (float(look.image is not None), float(look.glows)))
            shader.uniform_sampler("image", image)
            shader.uniform_sampler("change", change or self._blank)
            batch.draw(shader)


class Painter:
    """Paints one view again and again."""

    def __init__(self) -> None:
        self._drawer = Drawer()
        self._size = (0, 0)
        self._colour: Any = None
        self._depth: Any = None
        self._square: Any = None

    def show(self, placed: Sequence[Placed], stage: Stage, view: View, backdrop: tuple[float, float, float]) -> None:
        """Paint into the framebuffer that is bound, as light, over a backdrop of light."""
        import gpu

        if self._size != (view.width, view.height):
            self._size = view.width, view.height
            self._colour = gpu.types.GPUTexture(self._size, format="RGBA16F")
            self._depth = gpu.types.GPUTexture(self._size, format="DEPTH_COMPONENT32F")
            self._square = square()
        target = gpu.types.GPUFrameBuffer(depth_slot=self._depth, color_slots=[self._colour])
        with target.bind():
            gpu.state.viewport_set(0, 0, *self._size)
            target.clear(color=(0.0, 0.0, 0.0, 0.0), depth=1.0)
            stage.draw(view, with_depth=False)
            if placed:
                self._drawer.draw(placed, view, "DISPLAY")
        shader = gpu_shaders.present()
        shader.bind()
        shader.uniform_float("backdrop", (*encoded(np.array(backdrop)).tolist(), 1.0))
        shader.uniform_sampler("picture", self._colour)
        gpu.state.depth_mask_set(False)
        gpu.state.depth_test_set("NONE")
        self._square.draw(shader)


def shot(placed: Sequence[Placed], surfaces: Sequence[Surface], view: View) -> Shot:
    """Return a frame that is drawn on the GPU and read back."""
    import gpu

    size = view.width, view.height
    colour = gpu.types.GPUTexture(size, format="RGBA16F")
    depths = gpu.types.GPUTexture(size, format="RGBA32F")
    depth = gpu.types.GPUTexture(size, format="DEPTH_COMPONENT32F")
    target = gpu.types.GPUFrameBuffer(depth_slot=depth, color_slots=[colour, depths])
    with target.bind():
        gpu.state.viewport_set(0, 0, *size)
        target.clear(color=(0.0, 0.0, 0.0, 0.0), depth=1.0)
        Stage(surfaces).draw(view, with_depth=True)
        if placed:
            Drawer().draw(placed, view, "DEPTH")
        read = [_read(target, size, slot) for slot in (0, 1)]
    return Shot(read[0], _metres(read[1]))


def _metres(depths: Any) -> Any:
    """Depths (H, W) from what was blended: of Gaussians times alpha, of the mesh behind them, and alpha."""
    sums, mesh, alpha = depths[..., 0], depths[..., 1], depths[..., 3]
    behind = np.where(mesh > 0, mesh / np.maximum(1 - alpha, 1e-6), FARTHEST)
    return np.where(alpha >= 0.5, sums / np.maximum(alpha, 1e-6), behind).astype(np.float32)


def _read(target: Any, size: tuple[int, int], slot: int) -> Any:
    """(H, W, 4) float32 of a framebuffer's colours, the lowest row first."""
    import gpu

    values = np.empty(size[0] * size[1] * 4, np.float32)
    buffer = gpu.types.Buffer("FLOAT", len(values), values)
    target.read_color(0, 0, *size, 4, slot, "FLOAT", data=buffer)
    return np.array(buffer, np.float32).reshape(size[1], size[0], 4)


def _change(look: Look) -> Any:
    """The change of an image at a moment, on the GPU."""
    if look.change is None:
        return None
    texels = np.zeros((*look.change.shape[:2], 4), np.float32)
    texels[..., :3] = look.change
    return texture(texels, "RGBA16F")


def _batch(surface: Surface) -> Any:
    import gpu

    form = gpu.types.GPUVertFormat()
    for name, length in _FORM:
        form.attr_add(id=name, comp_type="F32", len=length, fetch_mode="FLOAT")
    buffer = gpu.types.GPUVertBuf(form, len(surface.corners) * 3)
    values = surface.corners, surface.normals, surface.uv
    for (name, length), part in zip(_FORM, values, strict=True):
        buffer.attr_fill(name, np.ascontiguousarray(part, np.float32).reshape(-1, length))
    return gpu.types.GPUBatch(type="TRIS", buf=buffer)
