"""The gestures, hand shapes and speakers of `assets/gestures/lexicon.toml`, which describes its numbers."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.shipped import shipped

Array = NDArray[np.float64]

_FILE = shipped("assets/gestures/lexicon.toml")

HOME = np.array([-0.06, -0.56, 0.50])  # the middle of the space that hands gesture in; sizes grow and shrink about it


@dataclass(frozen=True)
class ArmPose:
    """Where a hand is and how: outward, up and forward in the chest's axes, from the shoulder, in arm lengths.

    Attributes:
        wrist: (3,) place of the wrist.
        palm: (3,) where the palm looks.
        fingers: (3,) where the fingers point to.
        hand: its shape.
        shrug: degrees by which the shoulder is raised.
    """

    wrist: Array
    palm: Array
    fingers: Array
    hand: str
    shrug: float = 0.0

    def moved(self, by: Array) -> ArmPose:
        """Return the pose with its wrist elsewhere."""
        return replace(self, wrist=self.wrist + by)

    def sized(self, size: float) -> ArmPose:
        """Return the pose with its wrist farther from the middle of the gesture space, or nearer to it."""
        return replace(self, wrist=HOME + (self.wrist - HOME) * size, shrug=self.shrug * size)


@dataclass(frozen=True)
class Gesture:
    """One gesture.

    Attributes:
        sides: how many hands, `one`, `both` or `any`.
        weight: how often, against the others.
        hold: seconds that it may stay up.
        poses: of the preparation, and then those of the stroke.
        words: what calls for it, in small letters.
        fixed: whether it is always made in the same place, however large the speaker's gestures are.
        ends: the kind of phrase, `rising` or `falling`, whose end it goes with; empty for any place.
    """

    sides: str
    weight: float
    hold: float
    poses: tuple[ArmPose, ...]
    words: frozenset[str]
    fixed: bool = False
    ends: str = ""


@dataclass(frozen=True)
class GestureStyle:
    """A kind of speaker; the file describes the numbers."""

    rate: float
    apart: float
    size: float
    both: float
    beats: float
    rest: str
    between: str
    pause: float
    speed: float
    trunk: float
    lean: float
    shift: float
    gap: float


@dataclass(frozen=True)
class Lexicon:
    """All of it, by name. `hands` are (15,) degrees of bend in the order of SMPL-X's fingers, and of spread."""

    hands: Mapping[str, tuple[Array, float]]
    rest: Mapping[str, ArmPose]
    gestures: Mapping[str, Gesture]
    styles: Mapping[str, GestureStyle]


@functools.cache
def lexicon() -> Lexicon:
    """Read the file."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return Lexicon(
        hands={name: _hand(values) for name, values in data["hands"].items()},
        rest={name: _pose(values) for name, values in data["rest"].items()},
        gestures={name: _gesture(values) for name, values in data["gestures"].items()},
        styles={
            name: GestureStyle(**{part.name: values[part.name] for part in fields(GestureStyle)})
            for name, values in data["styles"].items()
        },
    )


def _hand(values: Mapping[str, Any]) -> tuple[Array, float]:
    fingers = ("index", "middle", "pinky", "ring", "thumb")
    return np.array([values[finger] for finger in fingers], np.float64).ravel(), float(values["spread"])


def _pose(values: Mapping[str, Any]) -> ArmPose:
    places = {name: np.array(values[name], np.float64) for name in ("wrist", "palm", "fingers")}
    return ArmPose(**places, hand=values["hand"], shrug=float(values.get("shrug", 0.0)))


def _gesture(values: Mapping[str, Any]) -> Gesture:
    poses = tuple(_pose(pose) for pose in values["poses"])
    words = frozenset(word.lower() for word in values["words"])
    where = values.get("fixed", False), values.get("ends", "")
    return Gesture(values["sides"], values["weight"], values["hold"], poses, words, *where)
