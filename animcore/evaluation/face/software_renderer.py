"""The default head drawn without Blender: an orthographic camera, smooth shading, a depth buffer, all in numpy.

Made for judging lips beside each other, not for beauty: no hair, no teeth; skin, lips, brows and eyes that look.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.evaluation.face.reference_face import ASSETS

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

HEAD = ASSETS / "retarget" / "head.npz"
_SKIN, _LIP, _INSIDE = (0.86, 0.66, 0.56), (0.72, 0.30, 0.29), (0.20, 0.05, 0.05)
_WHITE, _IRIS, _PUPIL = (0.93, 0.92, 0.90), (0.25, 0.40, 0.48), (0.02, 0.02, 0.02)
_BACKGROUND = (0.16, 0.17, 0.19)
# Lights: where each stands (X to the character's left, Y up, Z to the viewer) and how bright it is.
_LIGHTS = (((-0.5, 0.6, 0.8), 0.75), ((0.8, 0.1, 0.5), 0.25))
_AMBIENT = 0.22
_TURN = np.radians(14)  # of the head to the side, so that lips that come forward are seen
_TALL = 0.185  # metres from the lower to the upper edge of the image
_FINER = 2  # times as many pixels are drawn each way, then averaged
_LOOK = np.radians(30)  # that eyes turn at a weight of 1
_EYE_RADIUS = 0.0122
_IRIS_ANGLE, _PUPIL_ANGLE = np.radians(28), np.radians(12)
_RINGS, _SEGMENTS = 16, 28
_EDGE = 1e-3  # share of a triangle that its neighbour may overlap, so that rounding leaves no gap
# Weights that turn each eye: to the character's left less to the right, down less up.
_LOOKS = (
    ("eyeLookOutLeft", "eyeLookInLeft", "eyeLookDownLeft", "eyeLookUpLeft"),
    ("eyeLookInRight", "eyeLookOutRight", "eyeLookDownRight", "eyeLookUpRight"),
)


@dataclass(frozen=True)
class HeadMesh:
    """A surface with its shapes, ready to be drawn; metres, Y up, Z to the viewer.

    Attributes:
        rest: (V, 3).
        moved: (M,) vertices that the shapes move.
        deltas: (52, M * 3) what each shape adds to them.
        triangles: (F, 3), of the skin first, then of the eyeballs.
        colours: (V, 3) linear, 0..1.
        eyes: (2, 3) centres of the eyeballs; their vertices are the last of all, the left one's first.
    """

    rest: Array
    moved: NDArray[np.int32]
    deltas: Array
    triangles: NDArray[np.int64]
    colours: Array
    eyes: Array

    def posed(self, weights: Array) -> Array:
        """(V, 3) places under weights (52,)."""
        points = self.rest.copy()
        points[self.moved] += (weights.astype(np.float32) @ self.deltas).reshape(-1, 3)
        ball = (len(points) - len(self.rest_of_skin)) // 2
        for side, names in enumerate(_LOOKS):
            left, right, down, up = (float(weights[ARKIT_INDEX[name]]) for name in names)
            first = len(self.rest_of_skin) + side * ball
            turn = _about_y(_LOOK * (left - right)) @ _about_x(_LOOK * (down - up))
            points[first : first + ball] = self.eyes[side] + (points[first : first + ball] - self.eyes[side]) @ turn.T
        return points

    @property
    def rest_of_skin(self) -> Array:
        """The vertices that are no eyeball's."""
        return self.rest[: len(self.rest) - 2 * _RINGS * _SEGMENTS]


@functools.cache
def default_head(path: Path = HEAD) -> HeadMesh:
    """Read the default head and give it eyes and colours."""
    basis = reading.arrays(path)
    order = [list(basis["names"]).index(name) for name in ARKIT]
    skin = basis["rest"].astype(np.float32)
    balls = [_eyeball(centre) for centre in basis["eyes"]]
    triangles, first = [basis["triangles"].astype(np.int64)], len(skin)
    for places, _, faces in balls:
        triangles.append(faces + first)
        first += len(places)
    return HeadMesh(
        rest=np.concatenate([skin, *(places for places, _, _ in balls)]).astype(np.float32),
        moved=basis["moved"],
        deltas=basis["delta"][order].reshape(len(ARKIT), -1).astype(np.float32),
        triangles=np.concatenate(triangles),
        colours=np.concatenate([_skin_colours(skin, basis), *(tint for _, tint, _ in balls)]).astype(np.float32),
        eyes=basis["eyes"],
    )


def draw(weights: Array, height: int, width: int, head: HeadMesh | None = None) -> Image:
    """Draw a head, the default one if none is given, under ARKit weights (52,): an image (height, width, 3), sRGB."""
    model = head or default_head()
    points = model.posed(weights)
    normals = normals_of(points, model.triangles)
    turn = _about_y(_TURN)
    seen, normals = (points - _middle(model)) @ turn.T, normals @ turn.T
    light = np.full(len(points), _AMBIENT, np.float32)
    for place, strength in _LIGHTS:
        towards = np.array(place) / np.linalg.norm(place)
        light += strength * np.maximum(normals @ towards, 0)
    scale = height * _FINER / _TALL
    flat = np.stack([width * _FINER / 2 + scale * seen[:, 0], height * _FINER / 2 - scale * seen[:, 1]], 1)
    canvas = rasterize(
        flat, seen[:, 2], model.triangles, model.colours * light[:, None], height * _FINER, width * _FINER
    )
    linear = canvas.reshape(height, _FINER, width, _FINER, 3).mean((1, 3))
    return np.asarray((np.clip(linear, 0, 1) ** (1 / 2.2) * 255).round(), np.uint8)


def _middle(model: HeadMesh) -> Array:
    """What the camera looks at: between eyes and mouth."""
    middle: Array = model.eyes.mean(0) - np.array([0.0, 0.043, 0.0])
    return middle


def rasterize(
    flat: Array,
    depth: Array,
    triangles: NDArray[np.int64],
    colours: Array,
    height: int,
    width: int,
    behind: Array | None = None,
) -> Array:
    """Return (height, width, 3) the nearest triangle's colour in each pixel; those seen from behind are left out.

    Args:
        flat: (V, 2) pixels across and down.
        depth: (V,) the larger, the nearer.
        triangles: (F, 3).
        colours: (V, 3) linear.
        height: pixels.
        width: pixels.
        behind: (height, width, 3) linear, what is seen where there is no triangle; None for a dark grey.
    """
    planes, which, row, column = _covered(flat[triangles].astype(np.float32), height, width)
    across, down = column.astype(np.float32), row.astype(np.float32)
    share = np.empty((3, len(which)), np.float32)
    share[1] = planes[which, 0] * across + planes[which, 1] * down + planes[which, 2]
    share[2] = planes[which, 3] * across + planes[which, 4] * down + planes[which, 5]
    share[0] = 1 - share[1] - share[2]
    heights = depth.astype(np.float32)[triangles]
    near = sum(heights[which, corner] * share[corner] for corner in range(3))
    place = row * width + column
    best = np.full(height * width, -1)
    best[place] = np.arange(len(place))
    several = np.flatnonzero(np.bincount(place, minlength=len(best))[place] > 1)
    several = several[np.argsort(near[several])]
    best[place[several]] = several  # the last stays: the nearest
    if behind is None:
        canvas = np.tile(np.array(_BACKGROUND, np.float32) ** 2.2, (height * width, 1))
    else:
        canvas = behind.reshape(-1, 3).astype(np.float32)
    filled = np.flatnonzero(best >= 0)
    chosen = best[filled]
    corners = triangles[which[chosen]]
    canvas[filled] = sum(colours[corners[:, corner]] * share[corner, chosen, None] for corner in range(3))
    return canvas.reshape(height, width, 3)


def _covered(
    corners: Array, height: int, width: int
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Which pixels each triangle (F, 3, 2) that faces the viewer covers, all at once.

    Returns:
        planes: (F, 6) slopes and start over columns and rows of the shares of the second and the third corner.
        which, row, column: of every pixel of every such triangle.
    """
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    area = np.where(area < -1e-6, area, np.inf)  # rows count downwards, so that a front has a negative area
    slopes = np.stack([second[:, 1], -second[:, 0], -first[:, 1], first[:, 0]], 1) / area[:, None]
    start = -np.einsum("fks,fs->fk", slopes.reshape(-1, 2, 2), corners[:, 0])
    planes = np.stack([*slopes[:, :2].T, start[:, 0], *slopes[:, 2:].T, start[:, 1]], 1)
    top = np.clip(np.ceil(corners[..., 1].min(1)), 0, height).astype(np.int64)
    tall = np.clip(np.floor(corners[..., 1].max(1)) + 1, 0, height).astype(np.int64) - top
    which, inner = _spread(np.where(np.isfinite(area), np.maximum(tall, 0), 0))
    row = top[which] + inner
    # each of the three shares is 0 at one column of a row: the pixels lie between the last rise and the first fall
    second_, third = planes[which, :3], planes[which, 3:]
    shares = np.stack([second_, third, np.array([0, 0, 1], np.float32) - second_ - third])
    slope, here = shares[..., 0], shares[..., 1] * row + shares[..., 2] + _EDGE
    zero = -here / np.where(slope == 0, 1e-12, slope)
    left = np.clip(np.ceil(np.where(slope > 0, zero, -np.inf).max(0)), 0, width).astype(np.int64)
    right = np.clip(np.floor(np.where(slope < 0, zero, np.inf).min(0)) + 1, 0, width).astype(np.int64)
    line, inner = _spread(np.maximum(right - left, 0))
    return planes, which[line], row[line], left[line] + inner


def _spread(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each index as often as it counts, and the numbers from 0 within each."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def normals_of(points: Array, triangles: NDArray[np.int64]) -> Array:
    """Return (V, 3) unit normals, the mean of the faces around each vertex."""
    corners = points[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    places = triangles.ravel()
    total = np.stack([np.bincount(places, np.repeat(across[:, axis], 3), len(points)) for axis in range(3)], 1)
    unit: Array = (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)).astype(np.float32)
    return unit


def _skin_colours(skin: Array, basis: dict[str, NDArray[Any]]) -> Array:
    """(V, 3) linear: lips along the line where they touch, dark behind it, brows over the eyes."""
    colours = np.tile(_linear(_SKIN), (len(skin), 1))
    pairs = skin[basis["lip_pairs"].ravel()]
    nearest = np.linalg.norm(skin[:, None] - pairs[None], axis=2).min(1)
    amount = np.clip(1.6 - nearest / 0.0055, 0, 1)[:, None]
    colours += amount * (_linear(_LIP) - colours)
    across, up, ahead = (skin - pairs.mean(0)).T
    around = np.flatnonzero((np.abs(across) < 0.035) & (np.abs(up + 0.006) < 0.024) & (ahead > -0.13))
    apart = skin[None] - skin[around][:, None]
    covered = ((np.linalg.norm(apart[..., :2], axis=2) < 0.005) & (apart[..., 2] > 0.009)).any(1)
    colours[around[covered]] = _linear(_INSIDE)
    return colours


def _eyeball(centre: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """A ball that looks forward: places (R * S, 3), linear colours (R * S, 3), triangles seen from outside."""
    polar = np.linspace(1e-3, np.pi - 1e-3, _RINGS) ** 1.35 / np.pi**0.35
    round_ = np.linspace(0, 2 * np.pi, _SEGMENTS, endpoint=False)
    angle, turn = (grid.ravel() for grid in np.meshgrid(polar, round_, indexing="ij"))
    unit = np.stack([np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)], 1)
    tint = np.where((angle < _IRIS_ANGLE)[:, None], _linear(_IRIS), _linear(_WHITE))
    tint = np.where((angle < _PUPIL_ANGLE)[:, None], _linear(_PUPIL), tint)
    ring, step = (grid.ravel() for grid in np.meshgrid(np.arange(_RINGS - 1), np.arange(_SEGMENTS), indexing="ij"))
    here, beside = ring * _SEGMENTS + step, ring * _SEGMENTS + (step + 1) % _SEGMENTS
    below, below_beside = here + _SEGMENTS, beside + _SEGMENTS
    faces = np.concatenate([np.stack([here, below, below_beside], 1), np.stack([here, below_beside, beside], 1)])
    return centre + _EYE_RADIUS * unit, tint, faces


def _linear(colour: tuple[float, float, float]) -> Array:
    linear: Array = np.array(colour) ** 2.2
    return linear


def _about_y(angle: float) -> Array:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def _about_x(angle: float) -> Array:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
