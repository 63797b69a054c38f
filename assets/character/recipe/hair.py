"""The haircut: parted at the side, combed over the ears into a low bun. A cap, tapered strands and a bun."""

from __future__ import annotations

import numpy as np
from part import Part, Surface, strands
from person import SKIN, Person

# Hairline: the lowest z of the scalp relative to the eyes' height, by direction (degrees from the front), in metres.
_HAIRLINE = np.array(
    [(0, 0.075), (20, 0.0745), (38, 0.066), (50, 0.052), (60, 0.034), (67, 0.012), (71, -0.004), (76, -0.008),
     (80, 0.004), (85, 0.011), (100, 0.010), (106, -0.006), (113, -0.030), (126, -0.045), (150, -0.052), (180, -0.056)]
)  # fmt: skip
_PART_X = 0.024
_STEPS = 18


class Head:
    """The scalp and what hair needs to know about it."""

    def __init__(self, person: Person) -> None:
        """Measure the person's head."""
        self.eyes = person.eye_sphere("left")[0] * np.array([0.0, 1.0, 1.0])
        self.centre = self.eyes + np.array([0.0, 0.072, 0.020])
        quads = person.quads[person.groups == "body"]
        near = person.vertices[quads][..., 2].mean(1) > self.eyes[2] - 0.12
        ears = person.mask("ears")[quads].max(1) > 0.35
        inside = person.mask("inside-mouth")[quads].max(1) > 0.2
        self.quads = quads[near & ~ears & ~inside]
        self.skull = Surface(person.vertices, self.quads)
        self.vertices = person.vertices
        self.back = person.vertices[SKIN][person.vertices[SKIN, 2] > self.eyes[2]][:, 1].max()
        self.bun = np.array([0.0, self.back + 0.013, self.eyes[2] - 0.002])

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


def part_roots(head: Head, count: int, random: np.random.Generator) -> np.ndarray:
    """Return roots (count, 3) along the parting, from the front hairline to the crown."""
    back = random.uniform(0, 1, count)
    side = random.choice([-1.0, 1.0], count)
    roots = np.stack(
        [
            _PART_X * (1 - 0.5 * back) + side * 0.0012,
            head.eyes[1] + 0.002 + 0.10 * back,
            np.full(count, head.eyes[2] + 0.12),
        ],
        1,
    )
    for _ in range(6):
        corners, bary = head.skull.nearest(roots)
        roots[:, 2] = (bary[:, :, None] * head.vertices[corners]).sum(1)[:, 2]
    return roots[head.above_hairline(roots) > 0.0]


def combed(head: Head, roots: np.ndarray, random: np.random.Generator, lift: np.ndarray) -> np.ndarray:
    """Return paths (S, _STEPS, 3) that walk from the roots into the bun, `lift` (S,) metres off the skull."""
    count = len(roots)
    local = roots - head.eyes
    front = np.clip((0.075 - local[:, 1]) / 0.06, 0, 1)
    high = np.clip((local[:, 2] - 0.02) / 0.05, 0, 1)
    part = _PART_X * np.clip(0.5 + 0.5 * front, 0, 1)
    side = np.where(roots[:, 0] > part, 1.0, -1.0)
    comb = np.stack([side * high, 0.15 + 0 * high, np.where(high > 0, -0.25 * high, 0) + (1 - high)], 1)
    comb = comb * (1.9 * front * np.maximum(high, 0.75))[:, None] + random.normal(0, 0.08, (count, 3))
    angle = np.arctan2(local[:, 2] - 0.01, np.abs(local[:, 0]) + 0.02)
    target = (
        head.bun
        + np.stack([side * 0.019 * np.cos(angle), np.full(count, -0.006), 0.019 * np.sin(angle)], 1)
        + random.normal(0, 0.0025, (count, 3))
    )
    passes_ear = local[:, 1] < 0.058
    paths = [roots]
    for step in range(1, _STEPS):
        t = step / (_STEPS - 1)
        now = paths[-1]
        rest = target - now
        far = np.linalg.norm(rest, axis=1, keepdims=True)
        heading = rest / np.maximum(far, 1e-9) + comb * max(0.0, 1 - t / 0.5)
        corners, bary = head.skull.nearest(now)
        normal = (bary[:, :, None] * head.skull.normals[corners]).sum(1)
        flat = heading - (heading * normal).sum(1, keepdims=True) * normal * min(1.0, 3 * (1 - t))
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
        ahead = now + flat * far / (_STEPS - step) * (1.0 + 0.35 * (1 - t))
        height = 0.0008 + lift * min(1.0, t / 0.16) ** 0.8 * (1 - 0.45 * t)
        ahead = head.pushed_out(ahead, height)
        spot = ahead - head.eyes
        over_ear = passes_ear & (np.abs(spot[:, 0]) > 0.05) & (spot[:, 1] > 0.035) & (spot[:, 1] < 0.10)
        ahead[:, 2] = np.where(over_ear, np.maximum(ahead[:, 2], head.eyes[2] + 0.013), ahead[:, 2])
        paths.append(ahead)
    result = np.stack(paths, 1)
    result[:, -1] = target
    for _ in range(3):
        result[:, 1:-1] = 0.5 * result[:, 1:-1] + 0.25 * (result[:, :-2] + result[:, 2:])
    return result


def coils(head: Head, random: np.random.Generator, count: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return paths (count, steps, 3) wound into the bun and the directions (count, steps, 3) away from its core."""
    t = np.linspace(0, 1, steps)[None]
    around = random.uniform(0, 2 * np.pi, (count, 1)) + 2 * np.pi * 0.62 * t
    over = random.uniform(0, 2 * np.pi, (count, 1)) + 2 * np.pi * 0.42 * t
    tube = 0.0175 * random.uniform(0.88, 1.04, (count, 1))
    ray = np.stack([np.cos(around), 0 * around, np.sin(around)], -1)
    outward = np.cos(over)[..., None] * ray + np.sin(over)[..., None] * np.array([0.0, 0.95, 0.0])
    return head.bun + np.array([0.0, 0.004, 0.0]) + 0.0190 * ray + tube[..., None] * outward, outward


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


class Gathered:
    """Collects ribbons into one mesh, with the numbers that the hair material reads."""

    def __init__(self, random: np.random.Generator) -> None:
        """Start empty."""
        self.random = random
        self.blocks: list[np.ndarray] = []
        self.faces: list[list[int]] = []
        self.numbers: dict[str, list[np.ndarray]] = {"along": [], "across": [], "strand": []}
        self.count = 0

    def add(self, vertices: np.ndarray, faces: list[list[int]], along: np.ndarray, each: int) -> None:
        """Add ribbons of `each` vertices; `along` (V,) runs 0..1 from root to tip."""
        self.blocks.append(vertices)
        self.faces.extend([[corner + self.count for corner in face] for face in faces])
        self.count += len(vertices)
        self.numbers["along"].append(along)
        self.numbers["across"].append(np.tile([0.0, 1.0], len(vertices) // 2 + 1)[: len(vertices)])
        self.numbers["strand"].append(
            np.repeat(self.random.uniform(0, 1, len(vertices) // each + 1), each)[: len(vertices)]
        )

    def part(self) -> Part:
        """Return the mesh as a part of the character."""
        part = Part("Animcore Hair", np.concatenate(self.blocks), self.faces, ["hair"])
        part.attributes = {name: np.concatenate(values) for name, values in self.numbers.items()}
        return part.rigid("head")


def make_hair(person: Person) -> Part:
    """Return the whole haircut, rigid on the head. Attributes, 0..1: `along`, `across`, and `strand` at random."""
    head, random = Head(person), np.random.default_rng(3)
    gathered = Gathered(random)
    cap, cap_faces = make_cap(head)
    gathered.add(cap, cap_faces, np.full(len(cap), 0.2), len(cap))
    layers = [
        (scalp_roots(head, 260, random, 0.012, 1.0), (0.0015, 0.0045), (0.0055, 0.0080)),
        (scalp_roots(head, 330, random, 0.001, 0.016), (0.0040, 0.0085), (0.0040, 0.0065)),
        (part_roots(head, 150, random), (0.0060, 0.0105), (0.0040, 0.0065)),
        (scalp_roots(head, 260, random, -0.003, 0.008), (0.0030, 0.0080), (0.0012, 0.0024)),
    ]
    taper = np.array([0.25, 0.7] + [1.0] * (_STEPS - 5) + [0.95, 0.85, 0.7])
    for roots, lift, width in layers:
        paths = combed(head, roots, random, random.uniform(*lift, len(roots)))
        corners, bary = head.skull.nearest(paths.reshape(-1, 3))
        outward = (bary[:, :, None] * head.skull.normals[corners]).sum(1).reshape(paths.shape)
        outward += random.normal(0, 0.12, (len(roots), 1, 3))
        vertices, faces, along = strands(paths, ribbon_sides(paths, outward), random.uniform(*width, len(roots)), taper)
        gathered.add(vertices, faces, along, 2 * _STEPS)
    bun, outward = coils(head, random, 150, 16)
    taper = np.sin(np.linspace(0.12, np.pi - 0.12, 16)) ** 0.5
    vertices, faces, along = strands(bun, ribbon_sides(bun, outward), random.uniform(0.005, 0.0085, 150), taper)
    gathered.add(vertices, faces, np.maximum(along, 0.3), 32)
    return gathered.part()
