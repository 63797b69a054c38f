"""The points of shape keys in bulk."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import object_data


def coordinates(block: bpy.types.ShapeKey) -> NDArray[np.float32]:
    """Return (V, 3) the coordinates of a shape's points, in the mesh's own axes."""
    points = getattr(block, "points", object_data.points(block))  # Blender 4.1 and later copy them at once
    places = np.empty(len(points) * 3, np.float32)
    points.foreach_get("co", places)
    return places.reshape(-1, 3)
