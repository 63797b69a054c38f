"""What a capture asks of a head: where the cameras stand, and which faces it pulls. Data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# degrees around the head towards its left, and up; the distance in metres follows from the image's size
CAMERAS = (
    (0, 4), (-24, -8), (24, 16), (-48, 14), (50, -6), (-75, 0), (78, 10), (8, -22), (-12, 30),
    (115, 8), (-112, 5), (158, 12), (-150, 20), (180, -5),
)  # fmt: skip
BEHIND = 100  # degrees from which the face is hidden: such cameras take one moment alone
NEAREST = 8  # degrees that no other camera comes near to those of the validation split
HELD_OUT_CAMERAS = ((-14, 9), (36, 4), (-62, 6))


def spread(count: int, middle: float, width: float, low: float, high: float) -> tuple[tuple[float, float], ...]:
    """Cameras, whole degrees around and up, that cover a band of directions evenly (the R2 sequence, Roberts 2018)."""
    root = 1.32471795724474602596  # x of x^3 = x + 1
    shares = [((0.5 + number / root) % 1 - 0.5, (0.5 + number / root**2) % 1) for number in range(count)]
    return tuple((round(middle + width * across), round(low + (high - low) * up)) for across, up in shares)


def apart(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Degrees between the directions of two cameras."""
    (around, up), (other, height) = np.radians(first), np.radians(second)
    return float(np.degrees(np.arccos(
        np.sin(up) * np.sin(height) + np.cos(up) * np.cos(height) * np.cos(around - other)
    )))  # fmt: skip


# stiff hair does not depend on the expression: one expression from many cameras is enough
HAIR_CAMERAS = tuple(
    camera
    for camera in (*spread(48, 0, 220, -20, 36), *spread(12, 180, 140, -10, 40))
    if all(apart(camera, held) > NEAREST for held in HELD_OUT_CAMERAS)
)


@dataclass(frozen=True)
class CaptureExpression:
    """ARKit weights (both sides where a name ends in `*`), and where the eyes look, in degrees left and up."""

    name: str
    weights: dict[str, float] = field(default_factory=dict)
    look: tuple[float, float] = (0.0, 0.0)

    def arkit(self) -> dict[str, float]:
        """The weights by ARKit's names."""
        named = {}
        for name, weight in self.weights.items():
            for side in ("Left", "Right") if name.endswith("*") else ("",):
                named[name.removesuffix("*") + side] = weight
        return named


FACES = (
    CaptureExpression("rest"),
    CaptureExpression("jaw wide", {"jawOpen": 0.8, "mouthLowerDown*": 0.2}),
    CaptureExpression("smile", {"mouthSmile*": 0.9, "cheekSquint*": 0.5, "eyeSquint*": 0.2}),
    CaptureExpression("oo", {"mouthPucker": 0.9, "mouthFunnel": 0.2, "jawOpen": 0.08}),
    CaptureExpression("ee", {"jawOpen": 0.15, "mouthStretch*": 0.6, "mouthLowerDown*": 0.5, "mouthUpperUp*": 0.4}),
    CaptureExpression("closed eyes", {"eyeBlink*": 1.0, "mouthPress*": 0.6}),
    CaptureExpression("surprise", {"browInnerUp": 1.0, "browOuterUp*": 0.9, "eyeWide*": 0.8, "jawOpen": 0.3}, (12, 0)),
    CaptureExpression("anger", {"browDown*": 1.0, "noseSneer*": 0.6, "mouthFrown*": 0.6, "eyeSquint*": 0.4}),
    CaptureExpression(
        "ff", {"mouthRollLower": 0.6, "mouthUpperUp*": 0.35, "jawOpen": 0.1, "eyeBlink*": 0.45}, (0, -14)
    ),
    CaptureExpression(
        "th", {"jawOpen": 0.28, "tongueOut": 0.6, "mouthUpperUp*": 0.2, "mouthLowerDown*": 0.2}, (-14, 6)
    ),
    CaptureExpression("left", {"mouthLeft": 0.7, "jawLeft": 0.3, "mouthSmileLeft": 0.5, "jawOpen": 0.15}, (16, 4)),
    CaptureExpression(
        "right", {"mouthRight": 0.7, "mouthDimpleRight": 0.6, "cheekPuff": 0.4, "browOuterUpRight": 0.7}, (-10, -8)
    ),
    CaptureExpression("oh", {"mouthFunnel": 0.8, "jawOpen": 0.35, "mouthShrugUpper": 0.2}),
    CaptureExpression(
        "rolled", {"mouthRollUpper": 0.5, "mouthRollLower": 0.5, "mouthShrugLower": 0.4, "browInnerUp": 0.5}
    ),
)
HELD_OUT_FACES = (
    CaptureExpression("ah", {"jawOpen": 0.5, "mouthLowerDown*": 0.3, "mouthUpperUp*": 0.2, "browOuterUp*": 0.3}),
    CaptureExpression(
        "laugh", {"jawOpen": 0.35, "mouthSmile*": 0.7, "cheekSquint*": 0.6, "eyeSquint*": 0.3, "mouthUpperUp*": 0.3}
    ),
    CaptureExpression("wuh", {"mouthPucker": 0.5, "mouthFunnel": 0.4, "jawOpen": 0.2, "browInnerUp": 0.3}, (6, 3)),
    CaptureExpression(
        "wink", {"eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.6, "cheekSquintLeft": 0.6, "browDownLeft": 0.4}
    ),
    CaptureExpression(
        "doubt", {"browInnerUp": 0.6, "mouthFrown*": 0.5, "mouthPress*": 0.4, "eyeBlink*": 0.25}, (-8, -6)
    ),
)
