"""Where an image is taken from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from animcore.core.compared_by_value import ComparedByValue
from animcore.errors import InputError

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # between OpenGL's camera (Y up, looks along -Z) and OpenCV's
_CLOSEST = 1e-6  # metres: nothing is divided by less


@dataclass(frozen=True, eq=False)
class Camera(ComparedByValue):
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
    def look_at(
        cls,
        position: ArrayLike,
        target: ArrayLike,
        size: Sequence[int] = (512, 512),
        fov: float = 25.0,
        up: ArrayLike = (0.0, 1.0, 0.0),
    ) -> Camera:
        """Return a camera that looks from one point at another.

        Args:
            position: (3,) of the camera, metres.
            target: (3,) point in the middle of the image.
            size: width and height in pixels.
            fov: vertical field of view in degrees; 25 is a portrait's (a focal length of 54 mm on a 24 mm high sensor).
            up: (3,) direction that is up in the image.

        Raises:
            InputError: where the points coincide, `up` is the direction of view, or a number is out of range.

        Examples:
            >>> camera = ac.Camera.look_at([0, 1.6, 1], [0, 1.6, 0], size=(640, 480))
            >>> camera.projected(np.array([[0, 1.6, 0]]))[0].tolist()  # the target is in the middle
            [[320.0, 240.0]]
        """
        place, goal, above = (_vector(value) for value in (position, target, up))
        width, height = size
        if min(width, height) < 1 or not 0 < fov < 180:
            raise InputError(
                f"An image has 1 pixel and more along each side and a field of view between 0 and 180 degrees; {size} "
                f"and {fov:g} cannot be rendered."
            )
        forward = _direction(goal - place, "The camera is where it looks at; move it away.")
        right = _direction(np.cross(forward, above), "The camera looks along its up direction; give another `up`.")
        turn = np.stack([right, np.cross(forward, right), forward])
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = turn, -turn @ place
        focal = height / 2 / math.tan(math.radians(fov) / 2)
        return cls(width, height, (focal, focal), (width / 2, height / 2), matrix)

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


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    """(3,) finite numbers."""
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != (3,) or not np.isfinite(found).all():
        raise InputError(f"A point or a direction of a camera is three numbers, not {values!r}.")
    return found


def _direction(values: NDArray[np.float64], complaint: str) -> NDArray[np.float64]:
    """(3,) of length 1."""
    length = float(np.linalg.norm(values))
    if length < _CLOSEST:
        raise InputError(complaint)
    return values / length
