"""Teeth and gums, built tooth by tooth along the arches of the base mesh; the lower ones follow the jaw."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from part import Part
from person import LOWER_TEETH, UPPER_TEETH, Person

from animcore.core.vocabulary import ARKIT

# One side from the middle outwards: width, crown height, depth at the neck, depth at the edge (mm), point of the crown.
_UPPER = ((8.8, 9.6, 6.4, 2.0, 0.0), (7.0, 8.8, 5.8, 1.8, 0.0), (7.8, 9.6, 7.0, 2.4, 1.1), (7.2, 8.0, 8.4, 5.6, 0.5),
          (7.0, 7.6, 8.6, 6.0, 0.3), (9.8, 7.0, 10.0, 8.0, 0.0), (9.4, 6.6, 10.0, 8.0, 0.0))  # fmt: skip
_LOWER = ((5.6, 8.4, 5.6, 1.7, 0.0), (6.2, 8.4, 5.8, 1.8, 0.0), (7.1, 9.2, 6.8, 2.3, 0.9), (7.2, 8.0, 7.6, 5.0, 0.5),
          (7.3, 7.6, 8.0, 5.8, 0.3), (10.4, 7.0, 9.6, 8.0, 0.0), (10.0, 6.6, 9.6, 8.0, 0.0))  # fmt: skip
_AROUND, _UP = 14, 8


class Arch:
    """The horizontal curve that the front faces of one row of teeth lie on, measured by its length from the middle."""

    def __init__(self, half_width: float, front: float, back: float) -> None:
        """Take the half width (metres) and the y of the foremost and rearmost points."""
        turn = np.linspace(0, np.pi / 2, 400)
        power = 2 / 2.35
        self.x = half_width * np.sin(turn) ** power
        self.y = back + (front - back) * np.cos(turn) ** power
        self.length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(self.x), np.diff(self.y)))])

    def at(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return places (..., 2) and outward unit normals (..., 2) at signed lengths s (positive: left side)."""
        s = np.asarray(s, dtype=float)
        size = np.minimum(np.abs(s), self.length[-1])
        x = np.interp(size, self.length, self.x)
        y = np.interp(size, self.length, self.y)
        ahead = np.minimum(size + 4e-4, self.length[-1])
        behind = np.maximum(size - 4e-4, 0)
        tx = np.interp(ahead, self.length, self.x) - np.interp(behind, self.length, self.x)
        ty = np.interp(ahead, self.length, self.y) - np.interp(behind, self.length, self.y)
        norm = np.maximum(np.hypot(tx, ty), 1e-12)
        sign = np.where(s < 0, -1.0, 1.0)
        return np.stack([sign * x, y], -1), np.stack([sign * ty / norm, -tx / norm], -1)


def tooth(width: float, height: float, neck: float, edge: float, point: float) -> np.ndarray:
    """Return (_UP * _AROUND + 2, 3) points in mm: across, outward (0 at the front), from gum (0) to edge."""
    turn = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    shape = np.stack([np.cos(turn), np.sin(turn)], 1)
    shape = np.sign(shape) * np.abs(shape) ** 0.62
    rings = []
    for share in np.array([-0.28, 0.0, 0.2, 0.42, 0.64, 0.84, 0.95, 1.0]):
        up = np.clip(share, 0, 1)
        spread = 0.82 + 0.18 * np.sin(np.clip(up * 1.25, 0, 1) * np.pi / 2)
        rounding = 1.0 if share < 0.9 else (0.965 if share < 0.99 else 0.86)
        depth = neck + (edge - neck) * up**0.9
        bulge = 0.55 * np.sin(np.clip(up, 0, 1) * np.pi * 0.8) - 0.45 * up**2
        across = 0.5 * width * spread * rounding * shape[:, 0]
        outward = -0.5 * depth + 0.5 * depth * (rounding if share > 0.9 else 1.0) * shape[:, 1] + bulge
        tip = point * up**3 * (1 - np.abs(shape[:, 0]) ** 1.5)
        low_corner = 0.25 * up**6 * np.abs(shape[:, 0]) ** 3 * (1.0 if point == 0 else 2.2)
        rings.append(np.stack([across, outward, share * height + tip - low_corner], 1))
    cap = rings[-1].mean(0) + np.array([0, 0, 0.12 + 0.4 * point])
    return np.concatenate([*rings, cap[None], rings[0].mean(0)[None]])


def tooth_faces() -> list[list[int]]:
    """Return the faces of one tooth, pointing outwards for a crown that grows along +Z."""
    faces = []
    for ring in range(_UP - 1):
        low, high = ring * _AROUND, (ring + 1) * _AROUND
        faces += [[low + k, low + (k + 1) % _AROUND, high + (k + 1) % _AROUND, high + k] for k in range(_AROUND)]
    top = (_UP - 1) * _AROUND
    faces += [[top + k, top + (k + 1) % _AROUND, _UP * _AROUND] for k in range(_AROUND)]
    return faces + [[(k + 1) % _AROUND, k, _UP * _AROUND + 1] for k in range(_AROUND)]


def row_of_teeth(
    arch: Arch, teeth: tuple[tuple[float, ...], ...], gum_line: float, grow: float
) -> tuple[np.ndarray, list[list[int]]]:
    """Return vertices and faces of 14 teeth whose crowns grow from height `gum_line` in direction `grow` (+1 or -1)."""
    total = sum(size[0] for size in teeth) / 1000
    scale = 0.985 * arch.length[-1] / total
    vertices, faces = [], []
    for side in (1, -1):
        along = 0.0
        for size in teeth:
            width = size[0] * scale
            middle = side * (along + 0.5 * width / 1000)
            along += width / 1000
            local = tooth(width * 0.985, *size[1:]) / 1000
            place, normal = arch.at(np.array([middle]))
            tangent = np.array([-normal[0, 1], normal[0, 0]])
            flat = place[0] + local[:, :1] * tangent + local[:, 1:2] * normal[0]
            start = sum(len(block) for block in vertices)
            vertices.append(np.c_[flat, gum_line + grow * local[:, 2]])
            polygons = tooth_faces()
            faces += [[start + corner for corner in (face[::-1] if grow > 0 else face)] for face in polygons]
    return np.concatenate(vertices), faces


def gum(
    arch: Arch, teeth: tuple[tuple[float, ...], ...], gum_line: float, grow: float
) -> tuple[np.ndarray, list[list[int]]]:
    """Return vertices and faces of the gum around the necks, scalloped between the teeth."""
    total = sum(size[0] for size in teeth) / 1000
    scale = 0.985 * arch.length[-1] / total
    bounds = np.concatenate([[0], np.cumsum([size[0] for size in teeth])]) * scale / 1000
    knots = np.unique(np.concatenate([np.linspace(one, two, 7) for one, two in pairwise(bounds)]))
    s = np.concatenate([-knots[:0:-1], knots])
    inside = np.interp(np.abs(s), bounds, np.arange(len(bounds))) % 1
    papilla = np.abs(2 * inside - 1) ** 2.2
    depth = np.interp(np.abs(s), bounds[:-1], [size[2] for size in teeth]) / 1000
    place, normal = arch.at(s)
    edge = gum_line + grow * (-0.0006 + 0.0022 * papilla)
    profile = [
        (0.0018, gum_line - grow * 0.0120),
        (0.0022, gum_line - grow * 0.0060),
        (0.0013, gum_line - grow * 0.0020),
        (0.0003 - 0.0005 * papilla, edge - grow * 0.0003),
        (-0.0012 - 0.0004 * papilla, edge),
        (-depth + 0.0012, edge - grow * 0.0003),
        (-depth - 0.0012, gum_line - grow * 0.0020),
        (-depth - 0.0042, gum_line - grow * 0.0075),
    ]
    rows = [
        np.c_[place + normal * np.broadcast_to(out, s.shape)[:, None], np.broadcast_to(z, s.shape)]
        for out, z in profile
    ]
    count = len(s)
    faces = []
    for row in range(len(rows) - 1):
        for k in range(count - 1):
            face = [row * count + k, row * count + k + 1, (row + 1) * count + k + 1, (row + 1) * count + k]
            faces.append(face if grow > 0 else face[::-1])
    return np.concatenate(rows), faces


def rigid_shapes(person: Person, source: slice, vertices: np.ndarray) -> dict[str, np.ndarray]:
    """Return the 52 shapes of `vertices` as the best affine motion of the base mesh's own teeth."""
    rest = np.c_[person.vertices[source], np.ones(source.stop - source.start)]
    shapes = {}
    for index, name in enumerate(ARKIT):
        motion = np.linalg.lstsq(rest, person.deltas[index, source], rcond=None)[0]
        shapes[name] = np.c_[vertices, np.ones(len(vertices))] @ motion
    return shapes


def make_teeth(person: Person) -> Part:
    """Return both rows with their gums; material 0 is enamel, 1 is gum."""
    upper = person.vertices[UPPER_TEETH]
    front, back = upper[:, 1].min() + 0.0002, upper[:, 1].max()
    edge = upper[:, 2].min() - 0.0036
    tops = Arch(0.0305, front, back), Arch(0.0287, front + 0.0030, back)
    gum_lines = edge + 0.0096, edge + 0.0022 - 0.0084
    blocks, faces, material, jaw_from = [], [], [], 0
    count = 0
    for row, (arch, teeth, line, grow) in enumerate(
        ((tops[0], _UPPER, gum_lines[0], -1.0), (tops[1], _LOWER, gum_lines[1], 1.0))
    ):
        jaw_from = count if row == 1 else 0
        for kind, make in enumerate((row_of_teeth, gum)):
            points, polygons = make(arch, teeth, line, grow)
            blocks.append(points)
            faces += [[corner + count for corner in face] for face in polygons]
            material += [kind] * len(polygons)
            count += len(points)
    vertices = np.concatenate(blocks)
    lower_shapes = rigid_shapes(person, LOWER_TEETH, vertices[jaw_from:])
    jaw_shapes = {name: lower_shapes[name] for name in ("jawOpen", "jawForward", "jawLeft", "jawRight")}
    shapes = {name: np.concatenate([np.zeros((jaw_from, 3)), delta]) for name, delta in jaw_shapes.items()}
    part = Part("Animcore Teeth", vertices, faces, ["enamel", "gum"], deltas=shapes, material_of=np.array(material))
    part.attributes["lower"] = (np.arange(count) >= jaw_from).astype(float)
    part.levels = (0, 1)
    return part.rigid("head")
