"""All Gaussians of a frame, packed for the GPU: sorted together, whatever files they are from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scene.camera_view import View
from ..scene.file_cache import Cloud
from ..scene.placement import Placed
from . import gpu_shaders

Texels = NDArray[np.float32]

_LEVELS = 65535  # of depth: NumPy sorts whole numbers of 16 bits by counting, several times faster than floats


class Gathered:
    """What stays while the clouds do, and how they are ordered from a view.

    Attributes:
        clouds: in the order in which their Gaussians follow each other.
        count: of all Gaussians.
        degree: the highest of their spherical harmonics.
    """

    def __init__(self, clouds: Sequence[Cloud]) -> None:
        self.clouds = tuple(clouds)
        self.count = sum(cloud.splats.count for cloud in clouds)
        self.degree = max(cloud.splats.degree for cloud in clouds)
        starts = np.cumsum([0, *(len(cloud.frames_used) for cloud in clouds)])
        self._frame_of = np.concatenate(
            [cloud.frame_of + start for cloud, start in zip(clouds, starts[:-1], strict=True)]
        )
        self._means = np.ones((self.count, 4), np.float32)
        self._means[:, :3] = np.concatenate([cloud.splats.means for cloud in clouds])

    def points(self) -> Texels:
        """Places, turns, sizes and opacities of the Gaussians, as rows of texels."""
        texels = np.empty((self.count, gpu_shaders.POINT_TEXELS, 4), np.float32)
        texels[:, 0, :3], texels[:, 0, 3] = self._means[:, :3], self._frame_of
        texels[:, 1] = np.concatenate([cloud.splats.rotations for cloud in self.clouds])
        texels[:, 2, :3] = np.concatenate([cloud.splats.scales for cloud in self.clouds])
        texels[:, 2, 3] = np.concatenate([cloud.splats.opacities for cloud in self.clouds])
        return rows(texels.reshape(-1, 4))

    def harmonics(self) -> Texels:
        """Their colours, as rows of texels."""
        kept = (self.degree + 1) ** 2
        texels = np.zeros((self.count, kept, 4), np.float32)
        start = 0
        for cloud in self.clouds:
            own = cloud.splats.harmonics
            texels[start : start + len(own), : own.shape[1], :3] = own
            start += len(own)
        return rows(texels.reshape(-1, 4))

    def frames(self, placed: Sequence[Placed], view: View) -> NDArray[np.float64]:
        """(F, 3, 4) from where each Gaussian's file has it into the view."""
        to_view = view.to_view
        found = np.concatenate([one.frames for one in placed])
        columns = to_view[:3, :3] @ found.transpose(1, 0, 2).reshape(3, -1)  # one product is faster than one a frame
        seen = columns.reshape(3, -1, 4).transpose(1, 0, 2)
        seen[:, :, 3] += to_view[:3, 3]
        result: NDArray[np.float64] = seen
        return result

    def frame_texels(self, frames: NDArray[np.float64], placed: Sequence[Placed], view: View) -> Texels:
        """Frames in the view, and the rotations from there to the space of the colours, as rows of texels."""
        texels = np.empty((len(frames), gpu_shaders.FRAME_TEXELS, 4), np.float32)
        texels[:, :3] = frames
        start = 0
        for one in placed:
            texels[start : start + len(one.frames), 3] = _quaternion(one.turn @ view.to_view[:3, :3].T)
            start += len(one.frames)
        return rows(texels.reshape(-1, 4))

    def order(self, frames: NDArray[np.float64], view: View) -> NDArray[np.int64]:
        """(N,) the Gaussians from the farthest to the nearest.

        Args:
            frames: (F, 3, 4) into the view, which looks along -Z.
            view: its perspective sets the depth resolution.
        """
        nearness = frames[:, 2].astype(np.float32)
        depth = -np.einsum("nk,nk->n", nearness.take(self._frame_of, 0), self._means)
        if not view.is_flat:
            depth = np.log(np.maximum(depth, gpu_shaders.NEAREST))
        near, far = float(depth.min()), float(depth.max())
        levels = (far - depth) * (_LEVELS / max(far - near, 1e-9))
        return np.argsort(levels.astype(np.uint16), kind="stable")


def rows(texels: NDArray[Any]) -> Texels:
    """Return texels (M, C) as the rows (H, WIDTH, C) of a texture; what fills the last row is 0."""
    height = -(-len(texels) // gpu_shaders.WIDTH)
    padded = np.zeros((height * gpu_shaders.WIDTH, texels.shape[1]), np.float32)
    padded[: len(texels)] = texels
    return padded.reshape(height, gpu_shaders.WIDTH, -1)


def _quaternion(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4,) w, x, y, z of a rotation (3, 3)."""
    import mathutils

    return np.array(mathutils.Matrix(matrix.tolist()).to_quaternion())
