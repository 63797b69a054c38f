"""Gaussians on the GPU: their textures, and the one call that draws them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..scene.camera_view import View
from ..scene.file_cache import Cloud
from ..scene.placement import Placed, slack
from . import gpu_shaders
from .gpu_packing import Gathered, Texels, rows


class Stock:
    """The Gaussians of some clouds on the GPU, independent of their transforms and of the view."""

    def __init__(self, clouds: tuple[Cloud, ...]) -> None:
        self.gathered = Gathered(clouds)
        self.points = texture(self.gathered.points(), "RGBA32F")
        self.harmonics = texture(self.gathered.harmonics(), "RGBA16F")
        self.square = square()


@functools.lru_cache(maxsize=2)
def stock(clouds: tuple[Cloud, ...]) -> Stock:
    """Return the Gaussians of clouds on the GPU; several viewports share them."""
    return Stock(clouds)


class Drawer:
    """Draws into one view, and keeps where Gaussians are and their order until one of them or the view moves."""

    def __init__(self) -> None:
        self._stock: Stock | None = None
        self._frames: Any = None
        self._order: Any = None
        self._seen: tuple[Sequence[Placed], View] | None = None

    def draw(self, placed: Sequence[Placed], view: View, output: str) -> None:
        """Draw into the framebuffer that is bound, hidden by the depths that are there.

        Args:
            placed: at least one cloud.
            view: that the framebuffer shows.
            output: see `gpu_shaders.splats`.
        """
        import gpu

        held = self._follow(placed, view)
        shader = gpu_shaders.splats(output)
        shader.bind()
        shader.uniform_float("projection", view.projection.T.ravel().tolist())
        shader.uniform_float("pixels", (view.width, view.height))
        shader.uniform_float("slack", slack(placed))
        shader.uniform_int("degree", held.gathered.degree)
        textures = (held.points, held.harmonics, self._frames, self._order)
        for name, texels in zip(gpu_shaders.SAMPLERS, textures, strict=True):
            shader.uniform_sampler(name, texels)
        gpu.state.blend_set("ALPHA_PREMULT")
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.depth_mask_set(False)
        gpu.state.face_culling_set("NONE")
        held.square.draw_instanced(shader, instance_start=0, instance_count=held.gathered.count)
        gpu.state.blend_set("NONE")
        gpu.state.depth_test_set("NONE")

    def _follow(self, placed: Sequence[Placed], view: View) -> Stock:
        """Upload what has changed to the GPU."""
        held = stock(tuple(one.cloud for one in placed))
        seen = self._seen if held is self._stock else None
        if seen is not None and _same(seen[0], placed) and view.same_as(seen[1]):
            return held
        frames = held.gathered.frames(placed, view)
        self._frames = texture(held.gathered.frame_texels(frames, placed, view), "RGBA32F")
        self._order = texture(rows(held.gathered.order(frames, view)[:, None]), "R32F")
        self._stock, self._seen = held, (placed, view)
        return held


def texture(texels: Texels, kind: str) -> Any:
    """Upload rows of texels (H, W, C) to the GPU."""
    import gpu

    flat = np.ascontiguousarray(texels, np.float32).reshape(-1)
    return gpu.types.GPUTexture(
        (texels.shape[1], texels.shape[0]), format=kind, data=gpu.types.Buffer("FLOAT", len(flat), flat)
    )


def square() -> Any:
    """A square from -1 to 1, as a strip of two triangles."""
    import gpu

    form = gpu.types.GPUVertFormat()
    form.attr_add(id="corner", comp_type="F32", len=2, fetch_mode="FLOAT")
    corners = gpu.types.GPUVertBuf(form, 4)
    corners.attr_fill("corner", np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32))
    return gpu.types.GPUBatch(type="TRI_STRIP", buf=corners)


def _same(before: Sequence[Placed], now: Sequence[Placed]) -> bool:
    return len(before) == len(now) and all(
        a.cloud is b.cloud and np.array_equal(a.frames, b.frames) and np.array_equal(a.turn, b.turn)
        for a, b in zip(before, now, strict=True)
    )
