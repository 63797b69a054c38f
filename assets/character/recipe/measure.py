"""Measure the face: do the lips seal, do they stay out of the teeth, do the lids close and stay off the eyeball.

Run after stage 1:  python measure.py STAGE1.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from eyes import surface_radius
from face import mend_face
from lids import EDGE, lid_columns, lid_rings
from mouth import lip_gap, mouth_rings
from part import Surface
from person import Person
from teeth import make_teeth

POSES: dict[str, dict[str, float]] = {
    "neutral": {},
    "jaw 0.3": {"jawOpen": 0.3},
    "jaw 0.6": {"jawOpen": 0.6},
    "jaw 1": {"jawOpen": 1.0},
    "smile": {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    "smile, jaw 0.3": {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "jawOpen": 0.3},
    "pucker": {"mouthPucker": 1.0},
    "funnel": {"mouthFunnel": 1.0},
    "press": {"mouthPressLeft": 1.0, "mouthPressRight": 1.0},
    "roll": {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
    "ff": {"mouthRollLower": 0.7, "mouthUpperUpLeft": 0.35, "mouthUpperUpRight": 0.35, "jawOpen": 0.06},
    "closed jaw 1": {"jawOpen": 1.0, "mouthClose": 1.0},
    "closed jaw 0.5": {"jawOpen": 0.5, "mouthClose": 0.5},
    "stretch": {"mouthStretchLeft": 1.0, "mouthStretchRight": 1.0},
    "frown": {"mouthFrownLeft": 1.0, "mouthFrownRight": 1.0},
    "upper up": {"mouthUpperUpLeft": 1.0, "mouthUpperUpRight": 1.0},
    "lower down": {"mouthLowerDownLeft": 1.0, "mouthLowerDownRight": 1.0},
    "shrug": {"mouthShrugLower": 1.0, "mouthShrugUpper": 1.0},
    "left": {"mouthLeft": 1.0},
    "dimple": {"mouthDimpleLeft": 1.0, "mouthDimpleRight": 1.0},
}


def lips_in_teeth(person: Person, pose: dict[str, float]) -> float:
    """Return by how many millimetres the lips sink into the teeth at worst (0 where they do not)."""
    teeth = make_teeth(person)
    moved = teeth.vertices.copy()
    for name, weight in pose.items():
        if name in teeth.deltas:
            moved += weight * teeth.deltas[name]
    rings = mouth_rings(person)
    lips = person.posed(**pose)[np.unique(rings)]
    crowns = [face for face, kind in zip(teeth.faces, teeth.material_of, strict=True) if kind == 0]
    return float(max(0.0, -1000 * Surface(moved, crowns).signed_distance(lips).min()))


def lids_in_eye(person: Person, pose: dict[str, float], side: str = "left") -> float:
    """Return by how many millimetres visible lid vertices sink into the eyeball at worst (0 where they do not)."""
    centre, radius = person.eye_sphere(side)
    offset = person.posed(**pose)[lid_rings(person, side)[1:]] - centre
    distance = np.linalg.norm(offset, axis=-1)
    angle = np.arccos(np.clip(-offset[..., 1] / distance, -1, 1))
    return float(max(0.0, 1000 * (surface_radius(angle, radius) - distance).max()))


def lid_gap(person: Person, pose: dict[str, float], side: str = "left") -> float:
    """Return the largest opening between the lid edges in millimetres (negative: they overlap everywhere)."""
    posed, rings = person.posed(**pose), lid_rings(person, side)
    upper = posed[rings[EDGE, lid_columns(person, side, True)]]
    lower = posed[rings[EDGE, lid_columns(person, side, False)]]
    x = np.linspace(upper[:, 0].min() + 0.002, upper[:, 0].max() - 0.002, 25)
    heights = [
        np.interp(x, line[np.argsort(line[:, 0]), 0], line[np.argsort(line[:, 0]), 2]) for line in (upper, lower)
    ]
    return float(1000 * (heights[0] - heights[1]).max())


def say(line: str) -> None:
    """Write one line to the standard output."""
    sys.stdout.write(line + "\n")


def main(stage1: Path) -> None:
    """Print the figures."""
    person = Person.load(stage1)
    mend_face(person)
    rings = mouth_rings(person)
    x = np.linspace(-0.018, 0.018, 19)
    say(f"{'pose':16s} {'lips in teeth mm':>17s} {'lip gap mm, least and most':>28s}")
    for name, pose in POSES.items():
        gap = 1000 * lip_gap(person, person.posed(**pose), rings, x)
        say(f"{name:16s} {lips_in_teeth(person, pose):17.2f} {gap.min():18.2f} {gap.max():9.2f}")
    say(f"{'eyes':16s} {'lids in eye mm':>17s} {'largest opening mm':>28s}")
    for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
        for extra in ({}, {"cheekSquintLeft": 1.0, "mouthSmileLeft": 1.0}, {"eyeSquintLeft": 1.0}):
            pose = {"eyeBlinkLeft": weight, **extra}
            label = f"blink {weight}" + ("+" + "+".join(extra) if extra else "")
            say(f"{label:50s} {lids_in_eye(person, pose):8.2f} {lid_gap(person, pose):8.2f}")
    for name in ("eyeLookDownLeft", "eyeLookUpLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeWideLeft"):
        say(f"{name:50s} {lids_in_eye(person, {name: 1.0}):8.2f} {lid_gap(person, {name: 1.0}):8.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
