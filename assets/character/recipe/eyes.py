"""The eyeballs: round, with the bulge of the cornea, each hung on its eye bone."""

from __future__ import annotations

import numpy as np
from part import Part
from person import Person

IRIS_RADIUS = 0.0066  # metres on the eye's surface; real ones have 0.006, a little more reads as friendly
CORNEA_BULGE = 0.0005
EYE_INSET = 0.0003  # metres that the eyeball is smaller than the base mesh's, for lids that glide over it
_RINGS, _SECTORS = 28, 40


def iris_angle(radius: float) -> float:
    """Return the angle (radians) from the eye's axis to the edge of the iris."""
    return float(np.arcsin(IRIS_RADIUS / radius))


def surface_radius(angle: np.ndarray, radius: float) -> np.ndarray:
    """Return the distance from the eye's centre to its surface at an angle from the axis, in metres."""
    inside = np.clip(1 - (angle / (1.15 * iris_angle(radius))) ** 2, 0, 1)
    return radius - EYE_INSET + CORNEA_BULGE * inside**1.5


def eyeball(centre: np.ndarray, radius: float) -> tuple[np.ndarray, list[list[int]], np.ndarray]:
    """Return vertices, faces and, per vertex, polar picture coordinates: 0.5 + 0.5 * angle / pi in its direction."""
    share = np.linspace(0, 1, _RINGS + 1)[1:]
    angles = np.pi * (0.35 * share + 0.65 * share**2.2)
    turn = np.linspace(0, 2 * np.pi, _SECTORS, endpoint=False)
    side = np.stack([np.cos(turn), np.sin(turn)], 1)
    distance = surface_radius(angles, radius)
    across = (distance * np.sin(angles))[:, None, None] * side[None]
    forward = np.broadcast_to((distance * np.cos(angles))[:, None, None], (_RINGS, _SECTORS, 1))
    points = np.concatenate([across[..., :1], -forward, across[..., 1:]], 2).reshape(-1, 3)
    front = np.array([[0.0, -float(surface_radius(np.zeros(1), radius)[0]), 0.0]])
    vertices = centre + np.concatenate([front, points])
    picture = 0.5 + 0.5 * (angles / np.pi)[:, None, None] * side[None]
    picture = np.concatenate([[[0.5, 0.5]], picture.reshape(-1, 2)])
    faces = [[0, 1 + k, 1 + (k + 1) % _SECTORS] for k in range(_SECTORS)]
    for ring in range(_RINGS - 1):
        low, high = 1 + ring * _SECTORS, 1 + (ring + 1) * _SECTORS
        faces += [[low + k, high + k, high + (k + 1) % _SECTORS, low + (k + 1) % _SECTORS] for k in range(_SECTORS)]
    return vertices, faces, picture


def make_eyes(person: Person) -> Part:
    """Return both eyeballs as one part; the attribute `iris_edge` holds the iris's share of the polar picture."""
    vertices, faces, pictures, weights = [], [], [], {}
    count = 0
    for side in ("left", "right"):
        centre, radius = person.eye_sphere(side)
        points, polygons, picture = eyeball(centre, radius)
        faces += [[corner + count for corner in face] for face in polygons]
        vertices.append(points)
        pictures.append(picture)
        weights[f"{side}_eye_smplhf"] = (count, count + len(points))
        count += len(points)
    picture = np.concatenate(pictures)
    dense = {name: np.zeros(count) for name in weights}
    for name, (start, stop) in weights.items():
        dense[name][start:stop] = 1
    uv = np.concatenate([picture[face] for face in faces])
    angle = np.array([2 * np.linalg.norm(picture[face].mean(0) - 0.5) for face in faces]) * np.pi
    edge = iris_angle(person.eye_sphere("left")[1])
    kind = np.where(angle < 0.37 * edge, 2, np.where(angle < edge, 1, 0))  # the viewport shows gaze by these slots
    materials = ["eye", "iris", "pupil"]
    return Part("Animcore Eyes", np.concatenate(vertices), faces, materials, weights=dense, uv=uv, material_of=kind)
