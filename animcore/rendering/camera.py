"""Where an image is taken from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # between OpenGL's camera (Y up, looks along -Z) and OpenCV's
_CLOSEST = 1e-6  # metres: nothing is divided by less


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in OpenCV's convention: X to the right of the image, Y down, Z into the scene.

    Attributes:
        width, height: of the image, in pixels.
        focal: (2,) focal lengths along X and Y, in pixels.
        centre: (2,) the optical axis in the image, in pixels from its left upper
            corner; the middle of a pixel is at + 0.5.
        world_to_camera: (4, 4) metres.
    """

    width: int
    height: int
    focal: tuple[float, float]
    centre: tuple[float, float]
    world_to_camera: NDArray[Any]

    @classmethod
    def from_opengl(
        cls,
        camera_to_world: NDArray[Any],
        size: tuple[int, int],
        focal: tuple[float, float],
        centre: tuple[float, float] | None = None,
    ) -> Camera:
        """Return the camera of a matrix (4, 4) as OpenGL, Blender and NeRF's `transforms.json` have it.

        Args:
            camera_to_world: (4, 4), the camera looks along its -Z, Y is up.
            size: width and height in pixels.
            focal: in pixels.
            centre: in pixels; the middle of the image where not given.
        """
        matrix = np.linalg.inv(np.asarray(camera_to_world, float) @ _FLIP)
        return cls(*size, focal, centre or (size[0] / 2, size[1] / 2), matrix)

    def to_opengl(self) -> NDArray[Any]:
        """(4, 4) camera to world as OpenGL, Blender and NeRF's `transforms.json` have it."""
        return np.asarray(np.linalg.inv(self.world_to_camera) @ _FLIP)

    @property
    def position(self) -> NDArray[Any]:
        """(3,) of the camera in the world, in metres."""
        turned, shift = self.world_to_camera[:3, :3], self.world_to_camera[:3, 3]
        return np.asarray(-turned.T @ shift)

    def projected(self, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Pixels (N, 2) and depths (N,) of points (N, 3); pixels mean nothing where the depth is not above 0."""
        there = points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        return there[:, :2] / np.maximum(there[:, 2:], _CLOSEST) * self.focal + self.centre, there[:, 2]

    def resized(self, factor: float) -> Camera:
        """Return the camera of the same image with `factor` times as many pixels along each side."""
        width, height = round(self.width * factor), round(self.height * factor)
        across, down = width / self.width, height / self.height
        focal = self.focal[0] * across, self.focal[1] * down
        return Camera(width, height, focal, (self.centre[0] * across, self.centre[1] * down), self.world_to_camera)
