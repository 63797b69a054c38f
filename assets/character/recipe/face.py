"""Mend the face: seal the resting lips, let the lids close and glide on the eye, keep lips out of each other."""

from __future__ import annotations

import numpy as np
from eyes import surface_radius
from lids import EDGE, lid_columns, lid_rings
from mouth import mouth_rings, part_offsets, seal_offsets
from part import Surface
from person import SKIN, Person
from teeth import make_teeth

LID_CLEARANCE = 0.00015  # metres between the eyeball and the lid that glides over it
LID_OVERLAP = 0.0004  # metres by which closed lids overlap
_STEPS = (0.25, 0.5, 0.75, 1.0)
_LID_SHAPES = ("eyeBlink", "eyeLookDown", "eyeLookUp", "eyeLookIn", "eyeLookOut", "eyeSquint", "eyeWide")
# Shapes in which the resting lips must go on touching without sinking into each other.
_TOUCHING = (
    ("mouthSmileLeft", "mouthSmileRight"),
    ("mouthPressLeft", "mouthPressRight"),
    ("mouthFrownLeft", "mouthFrownRight"),
    ("mouthPucker",),
    ("mouthLeft",),
    ("mouthRight",),
)
_CREASED = (
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "cheekSquintLeft",
    "cheekSquintRight",
)
_NEAR_TEETH = ("jawOpen", "mouthRollLower", "mouthRollUpper", "mouthFunnel", "mouthLowerDownLeft",
               "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLeft", "mouthRight")  # fmt: skip
TEETH_CLEARANCE = 0.0006  # metres kept between lips and teeth


def mend_face(person: Person) -> None:
    """Mend the neutral face and the shapes of `person` in place."""
    rings = mouth_rings(person)
    for _ in range(2):
        person.vertices += seal_offsets(person, person.vertices, rings)
    for name in _CREASED:
        soften(person, name, rings)
    for names in _TOUCHING:
        keep_lips_apart(person, names, rings)
    for name in _NEAR_TEETH * 2:
        keep_out_of_teeth(person, name, rings)
    for side in ("left", "right"):
        close_lids(person, side)
        for shape in _LID_SHAPES:
            lift_lids(person, f"{shape}{side.title()}", side)


def soften(person: Person, name: str, rings: np.ndarray, rounds: int = 5) -> None:
    """Blur the offsets of the shape `name` over the cheeks, so that they fold without a hard crease."""
    skin = person.quads[person.groups == "body"]
    pairs = np.concatenate([skin[:, [k, (k + 1) % 4]] for k in range(4)])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    count = len(person.vertices)
    degree = np.maximum(np.bincount(pairs[:, 0], minlength=count), 1)[:, None]
    seam = person.vertices[rings[4]]
    distance = np.full(count, 1.0)
    distance[SKIN] = np.linalg.norm(person.vertices[SKIN, None] - seam[None], axis=2).min(1)
    free = np.clip((distance - 0.006) / 0.012, 0, 1)[:, None] * (np.bincount(pairs[:, 0], minlength=count) > 0)[:, None]
    lids = np.concatenate([lid_rings(person, side).ravel() for side in ("left", "right")])
    free[lids] = 0
    delta = person.delta(name)
    for _ in range(rounds):
        mean = np.stack(
            [np.bincount(pairs[:, 0], weights=delta[pairs[:, 1], axis], minlength=count) for axis in range(3)], 1
        )
        delta += 0.6 * free * (mean / degree - delta)


def keep_lips_apart(person: Person, names: tuple[str, ...], rings: np.ndarray) -> None:
    """Change the shapes `names`, taken together at 1, so that the lips touch but no longer sink into each other."""
    posed = person.posed(**{name: 1.0 for name in names})
    offsets = part_offsets(person, posed, rings)
    left = np.clip(0.5 + person.vertices[:, :1] / 0.016, 0, 1)
    for name in names:
        share = 1.0 if len(names) == 1 else (left if name.endswith("Left") else 1 - left)
        person.delta(name)[:] += offsets * share


def keep_out_of_teeth(person: Person, name: str, rings: np.ndarray) -> None:
    """Push the lips of the shape `name` outwards where they would sink into the teeth."""
    teeth = make_teeth(person)
    crowns = [face for face, kind in zip(teeth.faces, teeth.material_of, strict=True) if kind == 0]
    delta = person.delta(name)
    need = np.zeros(rings.shape)
    for weight in (0.5, 1.0):
        surface = Surface(teeth.vertices + weight * teeth.deltas.get(name, 0.0), crowns)
        points = person.vertices[rings] + weight * delta[rings]
        distance = surface.signed_distance(points.reshape(-1, 3)).reshape(rings.shape)
        need = np.maximum(need, (TEETH_CLEARANCE - distance) / weight)
    need = np.clip(need, 0, 0.003)
    for _ in range(3):
        need = np.maximum(need, 0.25 * np.roll(need, 1, 1) + 0.5 * need + 0.25 * np.roll(need, -1, 1))
    spread = np.maximum.accumulate(need[::-1] * 1.15, axis=0)[::-1]
    spread = np.maximum(need, spread * np.linspace(0.25, 1.0, len(rings))[:, None] ** 0.7)
    outward = person.vertices[rings] - np.array([0.0, teeth.vertices[:, 1].max() - 0.008, 0.0])
    outward[..., 2] = 0
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    delta[rings] += spread[..., None] * outward


def close_lids(person: Person, side: str) -> None:
    """Bring the upper lid of the full blink onto the lower lid, all the way from corner to corner."""
    blink, rings = person.delta(f"eyeBlink{side.title()}"), lid_rings(person, side)
    upper, lower = lid_columns(person, side, True), lid_columns(person, side, False)
    posed = person.vertices + blink
    under = posed[rings[EDGE, lower]]
    order = np.argsort(under[:, 0])
    inner = upper[1:-1]
    edge = posed[rings[EDGE, inner]]
    gap = edge[:, 2] - np.interp(edge[:, 0], under[order, 0], under[order, 2])
    drop = np.maximum(gap + LID_OVERLAP, 0)
    for ring, share in zip(rings[1:6], (1.0, 1.0, 0.9, 0.6, 0.3), strict=True):
        blink[ring[inner], 2] -= share * drop


def lift_lids(person: Person, name: str, side: str) -> None:
    """Push the lids of a shape off the eyeball so that they clear it at every weight from 0 to 1."""
    delta, rings = person.delta(name), lid_rings(person, side)
    centre, radius = person.eye_sphere(side)
    need = np.zeros(rings[1:7].shape)
    for weight in _STEPS:
        offset = person.vertices[rings[1:7]] + weight * delta[rings[1:7]] - centre
        distance = np.linalg.norm(offset, axis=-1)
        angle = np.arccos(np.clip(-offset[..., 1] / distance, -1, 1))
        need = np.maximum(need, (surface_radius(angle, radius) + LID_CLEARANCE - distance) / weight)
    need = np.clip(need, 0, 0.0022)
    spread = np.maximum.accumulate(need, axis=0)
    for _ in range(2):
        spread = np.maximum(spread, 0.25 * np.roll(spread, 1, 1) + 0.5 * spread + 0.25 * np.roll(spread, -1, 1))
    spread = np.concatenate([spread, spread[-1:] * 0.6, spread[-1:] * 0.25])
    outward = person.vertices[rings[1:]] + delta[rings[1:]] - centre
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    delta[rings[1:]] += spread[..., None] * outward
