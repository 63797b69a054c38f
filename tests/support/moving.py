"""Motions made bad on purpose: somebody talks with the hands, slides, bobs, trembles and reaches through the trunk."""

from __future__ import annotations

import numpy as np

from animcore.body_models import two_bone_ik
from animcore.body_models.kinematics import INDEX
from animcore.geometry import rotations
from animcore.postprocess.filters import smoothstep

RATE = 50.0


def gesturing(seconds: float = 20.0, seed: int = 0, depth: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a pose (T, 55, 3) and a translation (T, 3): strokes between places before the body on minimum-jerk paths.

    Args:
        seconds: of motion.
        seed: of the places.
        depth: metres by which the places are moved into the trunk.
    """
    generator = np.random.default_rng(seed)
    count = round(seconds * RATE)
    pose = np.zeros((count, 55, 3))
    sway = np.stack(
        [np.sin(2 * np.pi * np.arange(count) / RATE * f + p) for f, p in ((0.13, 0), (0.21, 2), (0.17, 4))], 1
    )
    pose[:, INDEX["spine2"]] = 0.05 * sway
    for side, sign in (("left", 1), ("right", -1)):
        hands = path(generator, count, sign, depth)
        limb = two_bone_ik.arm(side)
        upper, lower = two_bone_ik.solve_two_bone(limb, limb.places[0], hands, np.array([0.6 * sign, -1.0, -0.5]))
        pose[:, INDEX[f"{side}_shoulder"]] = rotations.from_matrix(upper)
        pose[:, INDEX[f"{side}_elbow"]] = rotations.from_matrix(np.swapaxes(upper, 1, 2) @ lower)
        for finger in ("index", "middle", "ring", "pinky"):
            for knuckle in "123":
                pose[:, INDEX[f"{side}_{finger}{knuckle}"], 2] = -sign * 0.35
    return pose, np.zeros((count, 3))


def path(generator: np.random.Generator, count: int, sign: int, depth: float) -> np.ndarray:
    """Return (T, 3) where a wrist is: strokes of 0.4 s, held for up to a second."""
    low, high = np.array([0.08, -0.05, 0.25]), np.array([0.4, 0.35, 0.45])
    rest = np.array([0.3, -0.05, 0.1])
    values, frame, here = np.empty((count, 3)), 0, rest
    while frame < count:
        there = rest if generator.random() < 0.3 else generator.uniform(low, high) - (0, 0, depth)
        length = round(RATE * generator.uniform(0.35, 0.6))
        hold = round(RATE * generator.uniform(0.1, 0.9))
        stroke = here + smoothstep(np.arange(1, length + 1) / length)[:, None] * (there - here)
        whole = np.concatenate([stroke, np.tile(there, (hold, 1))])[: count - frame]
        values[frame : frame + len(whole)] = whole
        frame, here = frame + len(whole), there
    return values * (sign, 1, 1)


def spoiled(pose: np.ndarray, translation: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the motion with a hip that bobs, sinks and drifts, legs that swing under it, and hands that tremble."""
    generator = np.random.default_rng(seed)
    pose, translation = pose.copy(), translation.copy()
    seconds = np.arange(len(pose)) / RATE
    translation[:, 0] += 0.03 * np.sin(2 * np.pi * 0.3 * seconds) + 0.01 * seconds
    translation[:, 1] += 0.02 * np.sin(2 * np.pi * 0.9 * seconds) - 0.015
    translation[:, 2] += 0.03 * np.sin(2 * np.pi * 0.23 * seconds)
    pose[:, INDEX["pelvis"], 1] += 0.06 * np.sin(2 * np.pi * 0.2 * seconds)
    for side, phase in (("left", 0.0), ("right", 2.0)):
        pose[:, INDEX[f"{side}_hip"], 0] += 0.05 * np.sin(2 * np.pi * 0.4 * seconds + phase) - 0.05
        pose[:, INDEX[f"{side}_knee"], 0] += 0.08 + 0.05 * np.sin(2 * np.pi * 0.35 * seconds + phase)
        for joint in ("shoulder", "elbow", "wrist", "index1", "index2", "thumb1"):
            pose[:, INDEX[f"{side}_{joint}"]] += 0.012 * generator.standard_normal((len(pose), 3))
        pose[:, INDEX[f"{side}_middle2"], 2] += 1.0 if side == "left" else -1.0  # bent backwards
    return pose, translation
