"""The view of a render: a viewport or a camera of Blender, as matrices and as the engine's camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.rendering.camera import Camera

from ...errors import AddonError

Matrix = NDArray[np.float64]

_FAR_AWAY = 500.0  # times the image height: from there a camera without perspective is one with hardly any
_Y_DOWN = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class View:
    """A viewport or a camera.

    Attributes:
        to_view: (4, 4) from the world; the view looks along -Z, Y is up.
        projection: (4, 4) as OpenGL has it.
        width, height: pixels.
    """

    to_view: Matrix
    projection: Matrix
    width: int
    height: int

    def same_as(self, other: View | None) -> bool:
        """Whether everything is seen in the same places."""
        return (
            other is not None
            and (self.width, self.height) == (other.width, other.height)
            and np.array_equal(self.to_view, other.to_view)
            and np.array_equal(self.projection, other.projection)
        )

    @property
    def is_flat(self) -> bool:
        """Whether it has no perspective."""
        return bool(self.projection[3, 3] > 0.5)

    def pinhole(self, around: float = 0.0) -> tuple[Camera, float]:
        """Return the engine's camera, and how many metres farther from everything than this view it stands.

        The engine draws with perspective alone; a view without one is a camera with a long lens, far away.

        Args:
            around: metres along the view's axis; where such a camera shows things in exactly the right size.
        """
        across, down = self.projection[0, 0] * self.width / 2, self.projection[1, 1] * self.height / 2
        aside, above = self.projection[0, 2], self.projection[1, 2]
        back = 0.0
        if self.is_flat:
            back = _FAR_AWAY * 2 / self.projection[1, 1]
            across, down = across * (back + around), down * (back + around)
            aside, above = -self.projection[0, 3], -self.projection[1, 3]
        centre = (1 - aside) / 2 * self.width, (1 + above) / 2 * self.height
        to_camera = _Y_DOWN @ self.to_view
        to_camera[2, 3] += back
        return Camera(self.width, self.height, (across, down), centre, to_camera), back


def of_region(region: bpy.types.Region, data: bpy.types.RegionView3D) -> View:
    """Return the view of a viewport."""
    return View(matrix(data.view_matrix), matrix(data.window_matrix), region.width, region.height)


def of_context(context: bpy.types.Context) -> View:
    """Return the view of the viewport that is drawn."""
    return of_region(cast("bpy.types.Region", context.region), cast("bpy.types.RegionView3D", context.region_data))


def of_camera(camera: bpy.types.Object, depsgraph: bpy.types.Depsgraph, size: tuple[int, int]) -> View:
    """Return the view of a camera in pixels of a size.

    Raises:
        AddonError: where it is a panorama.
    """
    if camera.type == "CAMERA" and cast("bpy.types.Camera", camera.data).type not in {"PERSP", "ORTHO"}:
        raise AddonError(
            f"{camera.name!r} is panoramic, which Gaussian Preview cannot render; make it perspective or orthographic."
        )
    render = depsgraph.scene.render
    projection = camera.calc_matrix_camera(
        depsgraph, x=size[0], y=size[1], scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y
    )
    return View(matrix(camera.matrix_world.normalized().inverted()), matrix(projection), *size)


def matrix(values: object) -> Matrix:
    """Return a matrix of Blender as an array."""
    return np.array(values, np.float64)
