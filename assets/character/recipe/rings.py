"""Closed rings of vertices in the base mesh, around the mouth and around the eyes."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from person import Person


def neighbours(quads: np.ndarray) -> dict[int, set[int]]:
    """Return the vertices that share an edge with each vertex of quads (F, 4)."""
    result: dict[int, set[int]] = defaultdict(set)
    for quad in quads:
        for start, end in zip(quad, np.roll(quad, -1), strict=True):
            result[int(start)].add(int(end))
            result[int(end)].add(int(start))
    return result


def edge_ring(quads: np.ndarray, links: dict[int, set[int]], start: int, second: int) -> list[int]:
    """Walk straight on through four-way crossings from `start` over `second` until the walk closes."""
    touching = defaultdict(set)
    for index, quad in enumerate(quads):
        for one, two in zip(quad, np.roll(quad, -1), strict=True):
            touching[frozenset((int(one), int(two)))].add(index)
    ring = [start, second]
    while True:
        previous, current = ring[-2:]
        behind = touching[frozenset((previous, current))]
        ahead = [
            other
            for other in links[current]
            if other != previous and not touching[frozenset((current, other))] & behind
        ]
        if len(links[current]) != 4 or len(ahead) != 1:
            raise ValueError(
                f"vertex {current} is no four-way crossing: the base mesh is not the one this was made for"
            )
        if ahead[0] == start:
            return ring
        ring.append(ahead[0])


def closed_ring(person: Person, starts: tuple[int, ...], reach: float = 0.06) -> np.ndarray:
    """Return (len(starts), N) vertex indices of the rings through `starts`, each walked towards +X first."""
    quads = person.quads[person.groups == "body"]
    quads = quads[np.linalg.norm(person.vertices[quads].mean(1) - person.vertices[starts[0]], axis=1) < reach]
    links = neighbours(quads)
    rings = []
    for start in starts:
        forward = person.vertices[list(links[start]), 0] - person.vertices[start, 0]
        rings.append(edge_ring(quads, links, start, list(links[start])[int(forward.argmax())]))
    return np.array(rings)


def outward_rings(person: Person, ring: np.ndarray, count: int) -> np.ndarray:
    """Return (count, N): `ring` and its followers, each reached along the edges that leave the one before it.

    The followers go away from the side that the ring's own first step came from: give two neighbouring rings (2, N).
    """
    links = neighbours(person.quads[person.groups == "body"])
    rows = [ring[0], ring[1]]
    while len(rows) < count:
        taken = set(rows[-1].tolist()) | set(rows[-2].tolist())
        following = []
        for index in rows[-1]:
            ahead = [other for other in links[int(index)] if other not in taken]
            if len(ahead) != 1:
                return np.array(rows)
            following.append(ahead[0])
        rows.append(np.array(following))
    return np.array(rows)
