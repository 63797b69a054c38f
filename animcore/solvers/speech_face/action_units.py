"""What the eight emotions do to a face, as data: action units of FACS, and the ARKit shapes that show each.

Which units belong to which emotion: the FACS manual's table of emotion predictions, in the reduced form of EMFACS
(Ekman and Friesen, 1978; Ekman, Friesen and Hager, 2002): joy 6+12, sadness 1+4+15, anger 4+5+7+23, disgust 9+15+16,
fear 1+2+4+5+20+26, surprise 1+2+5+26, contempt 12+14 of one side. Units that it lists as variants, and that most people
show (Du, Tao and Martinez, PNAS 111, 2014), join them at high intensity: 25 in joy, 17 in sadness and disgust, 10 in
disgust and in speaking anger, 24 in anger. How strong each is was set by eye on the default character.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ActionUnit:
    """An action unit: the muscle's work as shapes.

    Attributes:
        region: `brows`, `eyes`, `cheeks` or `mouth`: what moves together and is as quick.
        shapes: weight of each shape at full strength; a name without a side stands for both sides.
    """

    region: str
    shapes: dict[str, float]


UNITS: dict[int, ActionUnit] = {
    1: ActionUnit("brows", {"browInnerUp": 1.0}),
    2: ActionUnit("brows", {"browOuterUp*": 1.0}),
    4: ActionUnit("brows", {"browDown*": 1.0}),
    5: ActionUnit("eyes", {"eyeWide*": 1.0}),
    6: ActionUnit("cheeks", {"cheekSquint*": 1.0, "eyeSquint*": 0.5}),
    7: ActionUnit("eyes", {"eyeSquint*": 1.0}),
    9: ActionUnit("cheeks", {"noseSneer*": 1.0}),
    10: ActionUnit("mouth", {"mouthUpperUp*": 1.0, "mouthShrugUpper": 0.6}),
    12: ActionUnit("mouth", {"mouthSmile*": 1.0}),
    14: ActionUnit("mouth", {"mouthDimple*": 1.0}),
    15: ActionUnit("mouth", {"mouthFrown*": 1.0}),
    16: ActionUnit("mouth", {"mouthLowerDown*": 1.0}),
    17: ActionUnit("mouth", {"mouthShrugLower": 1.0}),
    20: ActionUnit("mouth", {"mouthStretch*": 1.0}),
    23: ActionUnit("mouth", {"mouthRollLower": 0.5, "mouthRollUpper": 0.7, "mouthFrown*": 0.5, "mouthPucker": 0.15}),
    25: ActionUnit("mouth", {"mouthLowerDown*": 0.6, "mouthUpperUp*": 0.4}),
    26: ActionUnit("mouth", {"jawOpen": 1.0}),
    43: ActionUnit("eyes", {"eyeBlink*": 1.0}),
}


@dataclass(frozen=True)
class EmotionExpression:
    """An emotion on a face.

    Attributes:
        units: strength of each action unit at an intensity of one half and of 1.
        onset, offset: seconds from rest to apex and back.
        one_sided: the cheeks and the mouth move on one side.
    """

    units: dict[int, tuple[float, float]]
    onset: float
    offset: float
    one_sided: bool = False


# Onset and offset. Spontaneous expressions are smooth ramps whose top speed grows with their amplitude (Schmidt, Cohn
# and Tian, 2003), offsets are slower than onsets, and felt ones slower than posed ones (Schmidt et al., 2006; Guo et
# al., 2018). Surprise is the quickest to come and go, sadness the slowest (Ekman, 2003).
EXPRESSIONS: dict[str, EmotionExpression] = {
    "joy": EmotionExpression({6: (0.5, 0.9), 12: (0.5, 0.9), 25: (0.1, 0.35)}, 0.6, 0.9),
    "sadness": EmotionExpression(
        {1: (0.8, 1.0), 4: (0.2, 0.4), 6: (0.1, 0.25), 15: (0.6, 1.0), 17: (0.2, 0.45), 43: (0.12, 0.24)}, 1.0, 1.5
    ),
    "anger": EmotionExpression(
        {4: (0.8, 1.0), 5: (0.2, 0.4), 7: (0.3, 0.5), 9: (0.3, 0.6), 10: (0.1, 0.25), 16: (0.15, 0.4), 17: (0.1, 0.25),
         23: (0.45, 0.9)},
        0.45, 0.9,
    ),
    "disgust": EmotionExpression(
        {4: (0.3, 0.5), 7: (0.35, 0.6), 9: (0.7, 1.0), 10: (0.45, 0.9), 15: (0.3, 0.6), 17: (0.3, 0.6)}, 0.5, 0.9
    ),
    "fear": EmotionExpression(
        {1: (0.8, 1.0), 2: (0.1, 0.2), 4: (0.25, 0.45), 5: (0.6, 1.0), 20: (0.5, 1.0), 25: (0.15, 0.4),
         26: (0.05, 0.1)},
        0.36, 0.8,
    ),
    "surprise": EmotionExpression({1: (0.7, 1.0), 2: (0.7, 1.0), 5: (0.3, 0.6), 26: (0.15, 0.35)}, 0.32, 0.6),
    "contempt": EmotionExpression(
        {10: (0.1, 0.25), 12: (0.3, 0.55), 14: (0.5, 1.0), 43: (0.1, 0.2)}, 0.6, 0.9, one_sided=True
    ),
}  # fmt: skip
