"""The mouth of the base mesh: its closed rings of vertices, the seal of the lips, and how deep lips sink into teeth."""

from __future__ import annotations

import numpy as np
from person import SKIN, Person
from rings import closed_ring

# Upper vertices of the base mesh's midline, from the skin above the red of the lip inwards to behind it. Each starts
# one closed ring of 38 vertices around the mouth.
RING_STARTS = (362, 455, 466, 467, 509, 468, 474, 520, 537, 554)
CONTACT_RINGS = (5, 6, 7, 8)
SEAM_OVERLAP = 0.0004  # metres: lips press into each other by this much, so that smoothing the surface leaves no slit


def mouth_rings(person: Person) -> np.ndarray:
    """Return (10, 38) vertex indices: ring by ring from outside inwards, column 0 the upper middle, then left."""
    return closed_ring(person, RING_STARTS)


def halves(person: Person, rings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the rings that lie on the upper lip and on the lower lip (corners belong to both)."""
    inner = person.vertices[rings[7]]
    left, right = int(inner[:, 0].argmax()), int(inner[:, 0].argmin())
    columns = np.arange(rings.shape[1])
    upper = (columns <= left) | (columns >= right)
    lower = (columns >= left) & (columns <= right)
    return columns[upper], columns[lower]


def contact_height(points: np.ndarray, x: np.ndarray, lowest: bool) -> np.ndarray:
    """Return at each x the lowest (or highest) z of several polylines; points (R, C, 3)."""
    heights = []
    for line in points:
        order = np.argsort(line[:, 0])
        heights.append(np.interp(x, line[order, 0], line[order, 2]))
    return np.min(heights, 0) if lowest else np.max(heights, 0)


def lip_gap(person: Person, vertices: np.ndarray, rings: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the opening in metres between the lips at each x (negative: they press into each other)."""
    upper, lower = halves(person, rings)
    contact = list(CONTACT_RINGS)
    return contact_height(vertices[rings[contact][:, upper]], x, True) - contact_height(
        vertices[rings[contact][:, lower]], x, False
    )


def seal_offsets(person: Person, vertices: np.ndarray, rings: np.ndarray) -> np.ndarray:
    """Return offsets (V, 3) that bring both lips of `vertices` together along the whole mouth line."""
    return _meeting_offsets(person, vertices, rings, part_only=False)


def part_offsets(person: Person, vertices: np.ndarray, rings: np.ndarray) -> np.ndarray:
    """Return offsets (V, 3) that lift the lips of `vertices` out of each other and leave open places alone."""
    return _meeting_offsets(person, vertices, rings, part_only=True)


def _meeting_offsets(person: Person, vertices: np.ndarray, rings: np.ndarray, part_only: bool) -> np.ndarray:
    upper, lower = halves(person, rings)
    contact = list(CONTACT_RINGS)
    rest_seam, seam = person.vertices[rings[7]], vertices[rings[7]]
    skin = np.arange(SKIN.stop)
    distance = np.linalg.norm(person.vertices[skin, None] - rest_seam[None], axis=2).min(1)
    near, distance = skin[distance < 0.014], distance[distance < 0.014]
    jaw = person.delta("jawOpen")
    follows_jaw = jaw[near, 2] <= 0.5 * jaw[rings[7][lower], 2].min()
    is_upper = np.where(np.isin(near, rings), np.isin(near, rings[:, upper]), ~follows_jaw)
    low, high = seam[:, 0].min(), seam[:, 0].max()
    x = np.clip(vertices[near, 0], low, high)
    opening = contact_height(vertices[rings[contact][:, upper]], x, True) - contact_height(
        vertices[rings[contact][:, lower]], x, False
    )
    wanted = opening + SEAM_OVERLAP
    if part_only:
        wanted = np.minimum(wanted, 0)
    move = np.where(is_upper, -0.5, 0.5) * wanted
    fall = np.clip(1 - (distance - 0.003) / 0.011, 0, 1)
    inset = np.minimum(vertices[near, 0] - low, high - vertices[near, 0])
    corner = np.clip((inset + 0.004) / 0.006, 0, 1)
    offsets = np.zeros_like(vertices)
    offsets[near, 2] = move * fall**2 * (3 - 2 * fall) * corner
    return offsets
