"""The default head as an image, without Blender: a camera far away and smooth shading.

Made for comparing lips, not for beauty: no hair, no teeth; skin, lips, brows and eyes that turn.
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
from animcore.geometry import rotations
from animcore.rendering import mesh_shading
from animcore.rendering.mesh_shading import Image, linear

Array = NDArray[np.floating[Any]]

HEAD = ASSETS / "retarget" / "head.npz"
_SKIN, _LIP, _INSIDE = (0.86, 0.66, 0.56), (0.72, 0.30, 0.29), (0.20, 0.05, 0.05)
_WHITE, _IRIS, _PUPIL = (0.93, 0.92, 0.90), (0.25, 0.40, 0.48), (0.02, 0.02, 0.02)
_BACKGROUND = (0.16, 0.17, 0.19)
# Lights: where each stands (X to the character's left, Y up, Z to the viewer) and how bright it is.
_LIGHTS = (((-0.5, 0.6, 0.8), 0.75), ((0.8, 0.1, 0.5), 0.25))
_AMBIENT = 0.22
_TURN = np.radians(14)  # of the head to the side, so that lips that come forward are visible
_TALL = 0.185  # metres from the lower to the upper edge of the image
_FINER = 2  # times as many pixels are drawn each way, then averaged
_LOOK = np.radians(30)  # that eyes turn at a weight of 1
_EYE_RADIUS = 0.0122
_IRIS_ANGLE, _PUPIL_ANGLE = np.radians(28), np.radians(12)
_RINGS, _SEGMENTS = 16, 28
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
            turn = rotations.to_matrix((0, _LOOK * (left - right), 0)) @ rotations.to_matrix(
                (_LOOK * (down - up), 0, 0)
            )
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
    points = (model.posed(weights) - _middle(model)) @ rotations.to_matrix((0, _TURN, 0)).T
    colours = mesh_shading.shade(points, model.triangles, model.colours, _LIGHTS, _AMBIENT)
    tall, wide = height * _FINER, width * _FINER
    background = np.broadcast_to(mesh_shading.linear(_BACKGROUND), (tall, wide, 3))
    image = mesh_shading.draw(points, model.triangles, colours, tall / _TALL, (wide / 2, tall / 2), background)
    return mesh_shading.to_srgb(image, _FINER)


def _middle(model: HeadMesh) -> Array:
    """What the camera looks at: between eyes and mouth."""
    middle: Array = model.eyes.mean(0) - np.array([0.0, 0.043, 0.0])
    return middle


def _skin_colours(skin: Array, basis: dict[str, NDArray[Any]]) -> Array:
    """(V, 3) linear: lips along the line where they touch, dark behind it, brows over the eyes."""
    colours = np.tile(linear(_SKIN), (len(skin), 1))
    pairs = skin[basis["lip_pairs"].ravel()]
    nearest = np.linalg.norm(skin[:, None] - pairs[None], axis=2).min(1)
    amount = np.clip(1.6 - nearest / 0.0055, 0, 1)[:, None]
    colours += amount * (linear(_LIP) - colours)
    across, up, ahead = (skin - pairs.mean(0)).T
    around = np.flatnonzero((np.abs(across) < 0.035) & (np.abs(up + 0.006) < 0.024) & (ahead > -0.13))
    apart = skin[None] - skin[around][:, None]
    covered = ((np.linalg.norm(apart[..., :2], axis=2) < 0.005) & (apart[..., 2] > 0.009)).any(1)
    colours[around[covered]] = linear(_INSIDE)
    return colours


def _eyeball(centre: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """An eyeball facing forward: vertices (R * S, 3), linear colours and triangles."""
    polar = np.linspace(1e-3, np.pi - 1e-3, _RINGS) ** 1.35 / np.pi**0.35
    round_ = np.linspace(0, 2 * np.pi, _SEGMENTS, endpoint=False)
    angle, turn = (grid.ravel() for grid in np.meshgrid(polar, round_, indexing="ij"))
    unit = np.stack([np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)], 1)
    tint = np.where((angle < _IRIS_ANGLE)[:, None], linear(_IRIS), linear(_WHITE))
    tint = np.where((angle < _PUPIL_ANGLE)[:, None], linear(_PUPIL), tint)
    ring, step = (grid.ravel() for grid in np.meshgrid(np.arange(_RINGS - 1), np.arange(_SEGMENTS), indexing="ij"))
    here, beside = ring * _SEGMENTS + step, ring * _SEGMENTS + (step + 1) % _SEGMENTS
    below, below_beside = here + _SEGMENTS, beside + _SEGMENTS
    faces = np.concatenate([np.stack([here, below, below_beside], 1), np.stack([here, below_beside, beside], 1)])
    return centre + _EYE_RADIUS * unit, tint, faces
