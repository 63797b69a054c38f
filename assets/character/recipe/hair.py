"""The haircut: parted at the side, combed over the ears into a low bun. A cap, tapered strands, a bun, a few loose hairs."""

from __future__ import annotations

import numpy as np
from part import Part, Surface, strands
from person import SKIN, Person

# Hairline: the lowest z of the scalp relative to the eyes' height, by direction (degrees from the front), in metres.
_HAIRLINE = np.array(
    [(0, 0.078), (25, 0.077), (42, 0.066), (55, 0.046), (66, 0.022), (74, 0.004), (82, 0.006), (92, 0.026),
     (108, 0.020), (122, -0.018), (140, -0.045), (180, -0.056)]
)  # fmt: skip
_PART_X = 0.026


class Head:
    """The scalp and what hair needs to know about it."""

    def __init__(self, person: Person) -> None:
        """Measure the person's head."""
        self.eyes = person.eye_sphere("left")[0] * np.array([0.0, 1.0, 1.0])
        self.centre = self.eyes + np.array([0.0, 0.090, 0.020])
        quads = person.quads[person.groups == "body"]
        near = person.vertices[quads][..., 2].mean(1) > self.eyes[2] - 0.12
        ears = person.mask("ears")[quads].max(1) > 0.35
        inside = person.mask("inside-mouth")[quads].max(1) > 0.2
        self.quads = quads[near & ~ears & ~inside]
        self.skull = Surface(person.vertices, self.quads)
        self.vertices = person.vertices
        self.back = person.vertices[SKIN][person.vertices[SKIN, 2] > self.eyes[2]][:, 1].max()
        self.bun = np.array([0.0, self.back + 0.012, self.eyes[2] + 0.012])

    def above_hairline(self, points: np.ndarray) -> np.ndarray:
        """Return metres (P,) by which points lie above the hairline (negative: below)."""
        offset = points - self.centre
        degrees = np.degrees(np.arctan2(np.abs(offset[:, 0]), -offset[:, 1]))
        return points[:, 2] - self.eyes[2] - np.interp(degrees, _HAIRLINE[:, 0], _HAIRLINE[:, 1])

    def pushed_out(self, points: np.ndarray, height: np.ndarray) -> np.ndarray:
        """Return points (P, 3) lifted so that they lie at least `height` (P,) metres off the skull."""
        corners, bary = self.skull.nearest(points)
        foot = (bary[:, :, None] * self.vertices[corners]).sum(1)
        normal = (bary[:, :, None] * self.skull.normals[corners]).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        depth = ((points - foot) * normal).sum(1)
        return points + np.maximum(height - depth, 0)[:, None] * normal


def scalp_roots(head: Head, count: int, random: np.random.Generator, least: float, most: float) -> np.ndarray:
    """Return roots (count, 3) spread evenly over the scalp, `least`..`most` metres above the hairline."""
    fans = head.skull.fans
    corners = head.vertices[fans]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    above = head.above_hairline(corners.mean(1))
    area[(above < least - 0.012) | (above > most + 0.012)] = 0
    chosen = random.choice(len(fans), count * 4, p=area / area.sum())
    bary = random.dirichlet((1, 1, 1), count * 4)
    points = (bary[:, :, None] * corners[chosen]).sum(1)
    above = head.above_hairline(points) + random.normal(0, 0.0025, len(points))
    return points[(above > least) & (above < most)][:count]


def combed(head: Head, roots: np.ndarray, random: np.random.Generator, steps: int, lift: np.ndarray) -> np.ndarray:
    """Return paths (S, steps, 3) from the roots, over the side of the head, into the bun."""
    count = len(roots)
    front = np.clip((head.centre[1] - roots[:, 1]) / 0.09, 0, 1)
    part = _PART_X * np.clip(0.3 + front, 0, 1)
    side = np.where(roots[:, 0] > part, 1.0, -1.0)
    low = np.clip((head.eyes[2] + 0.05 - roots[:, 2]) / 0.07, 0, 1)
    sweep = np.stack([side * (0.052 * (1 - low)), 0.015 + 0.045 * low + 0.02 * (1 - front), 0.012 * (1 - low)], 1)
    first = roots + sweep
    height = np.clip((roots[:, 2] - head.eyes[2]) / 0.1, -0.5, 1)
    behind = np.stack(
        [side * (0.050 + 0.012 * (1 - height)), np.full(count, head.bun[1] - 0.035), head.bun[2] + 0.012 + 0.050 * height], 1
    )
    behind += random.normal(0, 0.003, behind.shape)
    angle = np.arctan2(0.7 * height + 0.1, side) + random.normal(0, 0.25, count)
    end = head.bun + np.stack([0.014 * np.cos(angle), np.full(count, -0.004), 0.014 * np.sin(angle)], 1)
    t = np.linspace(0, 1, steps)[None, :, None]
    paths = (
        (1 - t) ** 3 * roots[:, None] + 3 * (1 - t) ** 2 * t * first[:, None] + 3 * (1 - t) * t**2 * behind[:, None]
        + t**3 * end[:, None]
    )  # fmt: skip
    rise = lift[:, None] * np.clip(np.linspace(0, 1, steps) / 0.12, 0, 1)[None] ** 0.7
    for _ in range(2):
        paths = head.pushed_out(paths.reshape(-1, 3), rise.reshape(-1)).reshape(paths.shape)
        paths[:, 1:-1] = 0.5 * paths[:, 1:-1] + 0.25 * (paths[:, :-2] + paths[:, 2:])
    return paths


def coils(head: Head, random: np.random.Generator, count: int, steps: int) -> np.ndarray:
    """Return paths (count, steps, 3) wound into the bun."""
    t = np.linspace(0, 1, steps)[None]
    start = random.uniform(0, 2 * np.pi, (count, 1))
    around = start + 2 * np.pi * 0.62 * t
    over = random.uniform(0, 2 * np.pi, (count, 1)) + 2 * np.pi * 0.42 * t
    tube = 0.0165 * random.uniform(0.88, 1.04, (count, 1))
    ring = 0.0185 + tube * np.cos(over)
    return head.bun + np.stack([ring * np.cos(around), 0.006 + 0.95 * tube * np.sin(over), ring * np.sin(around)], -1)


def ribbon_sides(paths: np.ndarray, outward: np.ndarray) -> np.ndarray:
    """Return unit vectors (S, N, 3) across strands whose flat side looks along `outward` (S, N, 3)."""
    sideways = np.cross(np.gradient(paths, axis=1), outward)
    return sideways / np.maximum(np.linalg.norm(sideways, axis=-1, keepdims=True), 1e-12)


def make_cap(head: Head) -> tuple[np.ndarray, list[list[int]]]:
    """Return the layer under the strands: the scalp lifted by a little more than a millimetre."""
    inside = head.above_hairline(head.vertices) > 0.004
    quads = head.quads[inside[head.quads].all(1)]
    used, index = np.unique(quads, return_inverse=True)
    lifted = head.vertices[used] + 0.0016 * head.skull.normals[used]
    return lifted, index.reshape(quads.shape).tolist()


def make_hair(person: Person) -> Part:
    """Return the whole haircut, rigid on the head. Attributes: `along` 0..1 root to tip, `strand` a number per strand."""
    head, random = Head(person), np.random.default_rng(3)
    smooth = np.array([0.35, 0.8] + [1.0] * 11 + [0.8, 0.5])
    layers = [
        (scalp_roots(head, 620, random, 0.000, 1.0), (0.0025, 0.0085), (0.0050, 0.0085)),
        (scalp_roots(head, 360, random, -0.002, 0.020), (0.0015, 0.0050), (0.0016, 0.0034)),
    ]
    blocks, faces, along, number = [], [], [], []
    count = 0

    def add(vertices: np.ndarray, polygons: list[list[int]], place: np.ndarray, each: int) -> None:
        nonlocal count
        blocks.append(vertices)
        faces.extend([[corner + count for corner in face] for face in polygons])
        along.append(place)
        strand = random.uniform(0, 1, len(vertices) // each + 1)
        number.append(np.repeat(strand, each)[: len(vertices)])
        count += len(vertices)

    cap, cap_faces = make_cap(head)
    add(cap, cap_faces, np.full(len(cap), 0.3), len(cap))
    for roots, lift, width in layers:
        paths = combed(head, roots, random, len(smooth), random.uniform(*lift, len(roots)))
        corners, bary = head.skull.nearest(paths.reshape(-1, 3))
        outward = (bary[:, :, None] * head.skull.normals[corners]).sum(1).reshape(paths.shape)
        vertices, polygons, place = strands(
            paths, ribbon_sides(paths, outward), random.uniform(*width, len(roots)), smooth
        )
        add(vertices, polygons, place, 2 * len(smooth))
    bun = coils(head, random, 130, 16)
    taper = np.sin(np.linspace(0.12, np.pi - 0.12, 16)) ** 0.5
    vertices, polygons, place = strands(
        bun, ribbon_sides(bun, bun - head.bun - 0.2 * (bun - head.bun)), random.uniform(0.005, 0.0085, 130), taper
    )
    add(vertices, polygons, place, 32)
    part = Part("Animcore Hair", np.concatenate(blocks), faces, ["hair"])
    part.attributes = {"along": np.concatenate(along), "strand": np.concatenate(number)}
    return part.rigid("head")
