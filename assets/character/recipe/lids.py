"""The lids as rings of the base mesh, the lashes that grow from their edges, and the eyebrows."""

from __future__ import annotations

import numpy as np
from part import Part, Surface, carried_deltas, strands
from person import SKIN, Person
from rings import closed_ring
from scipy.spatial import cKDTree

from animcore.core.vocabulary import ARKIT

# Upper middles of rings around the left eye, from inside the lid edge outwards. Each closes after 28 vertices.
LID_STARTS = (7748, 13352, 6785, 11465, 6787, 6789, 11515, 6874, 6930)
EDGE, NEXT = 2, 3


def lid_rings(person: Person, side: str) -> np.ndarray:
    """Return (9, 28) vertex indices around the eye, column 0 the upper middle, then towards the temple."""
    rings = closed_ring(person, LID_STARTS, 0.05)
    if side == "left":
        return rings
    _, mirrored = cKDTree(person.vertices[SKIN]).query(person.vertices[rings] * np.array([-1.0, 1.0, 1.0]))
    return mirrored


def lid_columns(person: Person, side: str, upper: bool) -> np.ndarray:
    """Return the columns of the lid rings from the inner to the outer corner along the upper or the lower lid."""
    edge = person.vertices[lid_rings(person, side)[EDGE]]
    outward = edge[:, 0] * (1 if side == "left" else -1)
    inner, outer = int(outward.argmin()), int(outward.argmax())
    if upper:
        return np.concatenate([np.arange(inner, len(edge)), np.arange(0, outer + 1)])
    return np.arange(outer, inner + 1)[::-1]


def along(points: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return places (S, 3) at shares (S,) 0..1 of the length of a polyline (N, 3)."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.stack([np.interp(share * length[-1], length, points[:, axis]) for axis in range(3)], 1)


def lash_paths(
    vertices: np.ndarray, rings: np.ndarray, columns: np.ndarray, centre: np.ndarray, style: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return lash paths (S, 5, 3) and sideways vectors (S, 5, 3) for any state of the face's vertices."""
    edge = along(vertices[rings[EDGE, columns]], style["share"])
    skin = along(vertices[rings[NEXT + 1, columns]], style["share"])
    ahead = along(vertices[rings[EDGE, columns]], np.clip(style["share"] + 0.03, 0, 1))
    behind = along(vertices[rings[EDGE, columns]], np.clip(style["share"] - 0.03, 0, 1))

    def unit(v: np.ndarray) -> np.ndarray:
        return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)

    tangent, radial = unit(ahead - behind), unit(edge - centre)
    lift = skin - edge
    lift = unit(lift - (lift * radial).sum(1, keepdims=True) * radial)
    forward = unit(radial + style["fan"][:, None] * tangent)
    step = np.linspace(0, 1, 5)[None, :, None]
    length, curl = style["length"][:, None, None], style["curl"][:, None, None]
    paths = edge[:, None] + length * (step * forward[:, None] + curl * step**1.8 * lift[:, None])
    return paths, np.broadcast_to(tangent[:, None], paths.shape)


def make_lashes(person: Person) -> Part:
    """Return the lashes of all four lids, rebuilt on the lids of every shape so that they follow exactly."""
    random = np.random.default_rng(5)
    taper = np.array([1.0, 0.9, 0.72, 0.45, 0.06])
    vertices, faces, count = [], [], 0
    deltas: dict[str, list[np.ndarray]] = {name: [] for name in ARKIT}
    for side in ("left", "right"):
        rings = lid_rings(person, side)
        centre, _ = person.eye_sphere(side)
        for upper, number, size, curl in ((True, 76, 0.0078, 0.70), (False, 36, 0.0036, 0.45)):
            columns = lid_columns(person, side, upper)
            share = np.linspace(0.1, 0.99, number) + random.normal(0, 0.004, number)
            swell = 0.45 + 0.55 * np.clip(np.sin(np.clip(share * 0.9 + 0.08, 0, 1) ** 1.3 * np.pi), 0, 1)
            style = {
                "share": np.clip(share, 0.02, 0.995),
                "length": size * swell * random.uniform(0.82, 1.1, number),
                "curl": curl * random.uniform(0.8, 1.2, number),
                "fan": (share - 0.42) * 0.95 + random.normal(0, 0.1, number),
            }
            widths = np.full(number, 0.00042 if upper else 0.00028)
            rest = strands(*lash_paths(person.vertices, rings, columns, centre, style), widths, taper)
            vertices.append(rest[0])
            faces += [[corner + count for corner in face] for face in rest[1]]
            count += len(rest[0])
            for name in ARKIT:
                moved = lash_paths(person.posed(**{name: 1.0}), rings, columns, centre, style)
                deltas[name].append(strands(*moved, widths, taper)[0] - rest[0])
    part = Part("Animcore Lashes", np.concatenate(vertices), faces, ["lash"])
    part.deltas = {name: np.concatenate(blocks) for name, blocks in deltas.items()}
    return part.keep_moving_shapes().rigid("head")


# The spine of the left eyebrow from the nose outwards, relative to the eye's centre: x, z, half the width (metres).
_BROW = np.array(
    [
        (-0.0165, 0.0215, 0.0026),
        (-0.0080, 0.0240, 0.0034),
        (0.0030, 0.0262, 0.0033),
        (0.0120, 0.0272, 0.0026),
        (0.0190, 0.0252, 0.0017),
        (0.0255, 0.0212, 0.0007),
    ]
)


def project(surface: Surface, points: np.ndarray) -> np.ndarray:
    """Return points (P, 3) moved along Y until they lie on the front of the surface."""
    points = points.copy()
    for _ in range(6):
        corners, bary = surface.nearest(points)
        points[:, 1] = (bary[:, :, None] * surface.vertices[corners]).sum(1)[:, 1]
    return points


def make_brows(person: Person) -> Part:
    """Return the eyebrows: fine tapered hairs on the skin, tied to it in every shape."""
    random = np.random.default_rng(11)
    surface = Surface(person.vertices, person.quads[person.groups == "body"])
    number, steps = 230, 5
    taper = np.array([0.75, 1.0, 0.85, 0.55, 0.08])
    blocks, faces, count = [], [], 0
    for side, sign in (("left", 1.0), ("right", -1.0)):
        centre, _ = person.eye_sphere(side)
        share = np.sort(random.uniform(0, 0.97, number))
        place = np.stack([np.interp(share, np.linspace(0, 1, len(_BROW)), _BROW[:, axis]) for axis in range(3)], 1)
        ahead = np.stack(
            [np.interp(share + 0.04, np.linspace(0, 1, len(_BROW)), _BROW[:, axis]) for axis in range(2)], 1
        )
        spine = ahead - place[:, :2] + 1e-6
        spine /= np.linalg.norm(spine, axis=1, keepdims=True)
        across = random.uniform(-1, 1, number)
        up = np.clip(0.80 - 1.5 * share, -0.35, 0.8) - 0.55 * across
        direction = spine + up[:, None] * np.stack([-spine[:, 1], spine[:, 0]], 1) + random.normal(0, 0.1, (number, 2))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        root = place[:, :2] + (across * place[:, 2])[:, None] * np.stack([-spine[:, 1], spine[:, 0]], 1)
        length = random.uniform(0.0055, 0.0085, number) * (1 - 0.25 * share)
        step = np.linspace(0, 1, steps)
        flat = root[:, None] + length[:, None, None] * (
            step[None, :, None] * direction[:, None] + 0.28 * step[None, :, None] ** 2 * (spine - direction)[:, None]
        )
        points = np.stack(
            [
                sign * (abs(centre[0]) + flat[..., 0]),
                np.full(flat.shape[:2], centre[1] - 0.02),
                centre[2] + flat[..., 1],
            ],
            -1,
        )
        paths = project(surface, points.reshape(-1, 3)).reshape(points.shape)
        corners, bary = surface.nearest(paths.reshape(-1, 3))
        normal = (bary[:, :, None] * surface.normals[corners]).sum(1).reshape(paths.shape)
        paths = paths + normal * (0.0003 + 0.0011 * np.sin(step * np.pi)[None, :, None])
        sideways = np.cross(np.gradient(paths, axis=1), normal)
        sideways /= np.maximum(np.linalg.norm(sideways, axis=-1, keepdims=True), 1e-12)
        vertices, polygons, _ = strands(paths, sideways, random.uniform(0.00030, 0.00046, number), taper)
        blocks.append(vertices)
        faces += [[corner + count for corner in face] for face in polygons]
        count += len(vertices)
    vertices = np.concatenate(blocks)
    part = Part("Animcore Brows", vertices, faces, ["brow"], deltas=carried_deltas(person, surface, vertices))
    return part.keep_moving_shapes().rigid("head")
