"""The tongue of the base mesh, with the 16 tongue shapes made from its own geometry."""

from __future__ import annotations

import numpy as np
from part import Part
from person import TONGUE, Person

from animcore.core.vocabulary import ARKIT

_MM = 0.001


def bend(points: np.ndarray, share: np.ndarray, angle: float) -> np.ndarray:
    """Return points (V, 3) turned about X by `share` (V,) 0..1 of the angle (radians, + is up)."""
    y, z = points[:, 1], points[:, 2]
    pivot_y = y[share < 0.02].min() if (share < 0.02).any() else y.max()
    pivot_z = z[share < 0.05].mean() if (share < 0.05).any() else z.mean()
    turn = angle * share
    out_y = pivot_y + np.cos(turn) * (y - pivot_y) + np.sin(turn) * (z - pivot_z)
    out_z = pivot_z - np.sin(turn) * (y - pivot_y) + np.cos(turn) * (z - pivot_z)
    return np.stack([points[:, 0], out_y, out_z], 1)


def tongue_shapes(points: np.ndarray) -> dict[str, np.ndarray]:
    """Return offsets (V, 3) of the 16 tongue shapes for the tongue's resting points (V, 3)."""
    front, back = points[:, 1].min(), points[:, 1].max()
    along = (back - points[:, 1]) / (back - front)
    tip = np.clip((along - 0.62) / 0.38, 0, 1)
    tip = tip * tip * (3 - 2 * tip)
    body = np.clip((along - 0.15) / 0.85, 0, 1)
    reach = np.clip((along - 0.40) / 0.60, 0, 1) ** 1.5
    hump = np.sin(np.clip(along / 0.95, 0, 1) * np.pi) ** 1.5
    middle = points[:, 2].mean()
    half_width = np.abs(points[:, 0]).max()
    edge = points[:, 0] / half_width
    flat = np.zeros(len(points))
    low_front = 1.0 - 0.6 * tip

    def offset(x: np.ndarray = flat, y: np.ndarray = flat, z: np.ndarray = flat) -> np.ndarray:
        return np.stack([x + flat, y + flat, z + flat], 1)

    thin = (points[:, 2] - middle) * low_front
    shapes = {
        "tongueTipUp": offset(
            x=-0.12 * points[:, 0] * tip,
            y=-10.0 * _MM * body,
            z=6.5 * _MM * reach + 2.0 * _MM * hump - 0.25 * thin * tip,
        ),
        "tongueTipDown": bend(points, tip, -0.6) - points,
        "tongueTipLeft": offset(x=7.0 * _MM * tip),
        "tongueTipRight": offset(x=-7.0 * _MM * tip),
        "tongueRollUp": offset(z=5.0 * _MM * body * edge**2),
        "tongueRollDown": offset(z=-4.0 * _MM * body * edge**2),
        "tongueRollLeft": offset(z=4.0 * _MM * body * edge),
        "tongueRollRight": offset(z=-4.0 * _MM * body * edge),
        "tongueUp": offset(z=6.0 * _MM * hump + 2.0 * _MM * body, y=-1.0 * _MM * hump),
        "tongueDown": offset(z=-3.5 * _MM * body),
        "tongueLeft": offset(x=5.0 * _MM * body),
        "tongueRight": offset(x=-5.0 * _MM * body),
        "tongueIn": offset(y=6.0 * _MM * body, z=1.5 * _MM * hump),
        "tongueStretch": offset(y=-5.0 * _MM * body, z=-0.18 * thin * body),
        "tongueWide": offset(x=0.22 * points[:, 0] * body, z=-0.15 * thin * body),
        "tongueNarrow": offset(x=-0.25 * points[:, 0] * body, z=0.12 * thin * body),
    }
    return shapes


def make_tongue(person: Person) -> Part:
    """Return the tongue with the shapes of the jaw, tongueOut and the 16 tongue shapes."""
    points = person.vertices[TONGUE].copy()
    faces = (person.quads[person.groups == "helper-tongue"] - TONGUE.start).tolist()
    shapes = {name: person.deltas[index, TONGUE] for index, name in enumerate(ARKIT)}
    part = Part("Animcore Tongue", points, faces, ["tongue"], deltas=shapes, levels=(0, 1)).keep_moving_shapes()
    part.deltas |= tongue_shapes(points)
    return part.rigid("head")
