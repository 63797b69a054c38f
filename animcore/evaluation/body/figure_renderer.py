"""A whole person as an image, without Blender: the open body in plain clothes on a floor.

Made for comparing two takes: hands, trunk and feet are clear; it is not made for beauty.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.collision_capsules import floor_at_rest
from animcore.body_models.kinematics import INDEX
from animcore.body_models.parametric_model import ParametricModel, load_model
from animcore.evaluation.body.scoring import BodyTake
from animcore.geometry import rotations
from animcore.postprocess import foot_contact
from animcore.rendering import mesh_shading
from animcore.rendering.mesh_shading import Image, linear

Array = NDArray[np.floating[Any]]

_SKIN, _HAIR, _EYE, _LIP = (0.86, 0.66, 0.56), (0.20, 0.13, 0.09), (0.93, 0.93, 0.92), (0.74, 0.42, 0.39)
_SHIRT, _TROUSERS, _SHOES = (0.30, 0.44, 0.56), (0.21, 0.22, 0.27), (0.10, 0.09, 0.09)
_WALL, _FLOOR, _SHADOW = (0.33, 0.35, 0.38), (0.42, 0.42, 0.42), 0.45
_LIGHTS = (((-0.5, 0.7, 0.8), 0.72), ((0.8, 0.2, 0.5), 0.22))
_AMBIENT = 0.24
_TURN, _PITCH = np.radians(24), np.radians(9)  # rotation of the view about the person, and from above
_TALL, _UNDER = 1.98, 0.12  # metres along the image's height, and of those under the feet
_FINER = 2  # times as many pixels are drawn each way, then averaged
_BLOCK = 32  # frames that are posed at once
_SHOE = 0.11  # metres from the floor
_SLEEVE = 0.72  # share of the forearm's joint that a vertex of the shirt may have


@dataclass(frozen=True)
class BodyMesh:
    """The visible part of the open body: its model, triangles (F, 3) and linear colours (V, 3)."""

    model: ParametricModel
    triangles: NDArray[np.int64]
    colours: Array


@functools.cache
def body_mesh() -> BodyMesh:
    """Return the open body, dressed."""
    whole = load_model("open-body")
    kind = whole.extras["part_of_vertex"]
    names = [str(name) for name in whole.extras.get("part_names", ("skin", "teeth", "tongue", "left_eye", "right_eye"))]
    seen = np.flatnonzero(~np.isin(kind, [names.index("teeth"), names.index("tongue")]))
    model = whole.part(seen)
    return BodyMesh(model, model.faces, _colours(model, kind[seen] == names.index("skin")))


def draw(take: BodyTake, times: Array, height: int, width: int) -> Iterator[Image]:
    """Draw a take at times (seconds of the audio), as images (height, width, 3) sRGB; its ends are held.

    The camera stands where it sees the middle of the whole take, and does not move.
    """
    dressed = body_mesh()
    floor = foot_contact.floor_of(take.pose, take.translation)
    middle = np.array([*np.median(take.translation, 0)[[0]], floor, np.median(take.translation[:, 2])])
    frames = np.clip(np.round((times - take.start) * take.rate), 0, len(take.pose) - 1).astype(np.int64)
    for first in range(0, len(frames), _BLOCK):
        chosen = frames[first : first + _BLOCK]
        moved = (take.translation[chosen] - middle).astype(np.float32)
        people, _ = dressed.model.posed(take.pose[chosen].astype(np.float32), translation=moved)
        for points in people:
            yield _image(dressed, points, height, width)


def _image(dressed: BodyMesh, points: Array, height: int, width: int) -> Image:
    """One frame of points (V, 3), the floor at height 0."""
    tall, wide = height * _FINER, width * _FINER
    scale, view = tall / _TALL, _view()
    origin = wide / 2, tall - scale * _UNDER
    shadow = np.array(origin) + scale * ((points * (1, 0, 1)) @ view.T)[:, :2] * (1, -1)
    seen = points @ view.T
    colours = mesh_shading.shade(seen, dressed.triangles, dressed.colours, _LIGHTS, _AMBIENT)
    background = _ground(shadow, tall, wide, origin[1])
    image = mesh_shading.draw(seen, dressed.triangles, colours, scale, origin, background)
    return mesh_shading.to_srgb(image, _FINER)


def _ground(shadow: Array, tall: int, wide: int, feet_at: float) -> Array:
    """(tall, wide, 3) linear: a wall, a floor that goes over into it, and a soft shadow at pixels (V, 2)."""
    ground = _empty(tall, wide, feet_at).copy()
    first = int(feet_at - 0.14 * tall)
    column, row = (np.clip(shadow[:, axis].astype(np.int64), 0, size - 1) for axis, size in ((0, wide), (1, tall)))
    dark = np.zeros((tall - first, wide), np.float32)
    dark[np.maximum(row - first, 0), column] = 1.0
    dark[0] = 0.0
    reach = max(2, tall // 90)
    for axis in (0, 0, 1, 1):
        dark = _blurred(dark, reach, axis)
    ground[first:] *= 1 - _SHADOW * np.clip(3.0 * dark, 0, 1)[..., None]
    return ground


@functools.cache
def _empty(tall: int, wide: int, feet_at: float) -> Array:
    share = np.clip((np.arange(tall)[:, None, None] - (feet_at - 0.14 * tall)) / (0.08 * tall), 0, 1)
    ground = linear(_WALL) * (1 - share) + linear(_FLOOR) * share
    return np.broadcast_to(ground, (tall, wide, 3)).astype(np.float32)


def _blurred(values: Array, reach: int, axis: int) -> Array:
    """The mean over a window along an axis; nothing lies beyond the edges."""
    values = np.moveaxis(values, axis, 0)
    sums = np.cumsum(np.pad(values, ((reach + 1, reach), (0, 0))), axis=0)
    mean = (sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / (2 * reach + 1)
    return np.asarray(np.moveaxis(mean, 0, axis))


def _view() -> Array:
    """(3, 3) rows: across, up and towards the camera."""
    view: Array = rotations.to_matrix((_PITCH, 0, 0)) @ rotations.to_matrix((0, _TURN, 0))
    return view


def _colours(model: ParametricModel, skin: NDArray[np.bool_]) -> Array:
    """(V, 3) linear: a shirt, trousers, shoes and hair on the skin, by the joints that move it."""
    owner = model.weights.argmax(1)
    places = model.template - np.array([0.0, floor_at_rest(), 0.0])

    def of(*names: str) -> NDArray[np.bool_]:
        return np.isin(owner, [INDEX[name] for name in names])

    sides = ("left", "right")
    shirt = of("spine2", "spine3", "neck", *(f"{s}_{j}" for s in sides for j in ("collar", "shoulder", "elbow")))
    wrist = np.maximum(*(model.weights[:, INDEX[f"{side}_wrist"]] for side in sides))
    neck = model.rest_joints[INDEX["neck"], 1] - floor_at_rest()
    shirt &= (places[:, 1] < neck + 0.01) & (wrist < 1 - _SLEEVE)
    trousers = of("pelvis", "spine1", *(f"{side}_{joint}" for side in sides for joint in ("hip", "knee")))
    belt = model.rest_joints[INDEX["spine1"], 1] - floor_at_rest() + 0.02
    shirt |= trousers & (places[:, 1] > belt)
    head = of("head") & skin
    eye = model.rest_joints[INDEX["left_eye_smplhf"]] - (0, floor_at_rest(), 0)
    hair = head & ((places[:, 1] > eye[1] + 0.055) | ((places[:, 2] < eye[2] - 0.085) & (places[:, 1] > eye[1] - 0.08)))
    mouth = head & (np.abs(places[:, 1] - eye[1] + 0.066) < 0.009) & (np.abs(places[:, 0]) < 0.024)
    mouth &= places[:, 2] > eye[2] - 0.02
    colours = np.tile(linear(_SKIN), (len(places), 1))
    layers = ((trousers, _TROUSERS), (shirt, _SHIRT), (hair, _HAIR), (mouth, _LIP), (~skin, _EYE))
    for where, colour in (*layers, (skin & (places[:, 1] < _SHOE), _SHOES)):
        colours[where] = linear(colour)
    pupil = ~skin & (np.linalg.norm(np.abs(places[:, :2]) - eye[:2], axis=1) < 0.005) & (places[:, 2] > eye[2])
    colours[pupil] = linear(_HAIR)
    return np.asarray(colours, np.float32)
