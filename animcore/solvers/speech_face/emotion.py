"""Emotion on a face that speaks: layers of action units that come, live and go as in people, and yield to the lips.

An emotion never stops a closure: where the voice shuts the lips, what parts them goes to nought; where it opens them,
what presses them together lets go; where it rounds them, what spreads them eases. `action_units` holds the faces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, EMOTIONS
from animcore.direction import Direction, EmotionKey
from animcore.motion import Event
from animcore.solvers.speech_face.action_units import EXPRESSIONS, UNITS
from animcore.speech.prosody import FPS, Prosody, smooth

FloatArray = NDArray[np.float32]

STREAM = 4  # keeps the random numbers of emotion apart from those of head, eyes and brows
_BLOCK = 3000  # frames that are worked on at a time, so that long talks take no more memory

# Seconds by which a region is later than the brows, and the ratio of its onset to the emotion's.
_LATER = {"brows": 0.0, "eyes": 0.02, "cheeks": 0.06, "mouth": 0.10}
_PACE = {"brows": 0.85, "eyes": 0.85, "cheeks": 1.0, "mouth": 1.1}
_SLOWER = 1.6  # than the face, head and gaze change with an emotion

# Life: an emotion swells with the loudness of the voice, and never stands still while it is held.
_QUIET, _LOUD = 0.88, 1.06  # factor in the quietest and in the loudest speech
_RANGE = 25.0  # dB from the quietest to the loudest speech
_LOUDNESS_SMOOTHING = 0.25  # seconds
_STIR = 0.05  # spread of the slow movement of each region
_STIR_BAND = (0.12, 0.7)  # Hz

_UNEVEN = 0.10  # the weaker side lacks up to this share (asymmetry of people's smiles: a few per cent)
_OTHER_SIDE = 0.08  # share that the other side takes in a one-sided expression

# Millimetres by which a shape at 1 opens the middle of the lips on the default character (assets/character/
# face_basis.npz, `probe_delta`; a test compares them).
OPENS: dict[str, float] = {
    "jawOpen": 34.2, "mouthClose": -34.2, "mouthFunnel": 13.2, "mouthPucker": 1.7, "mouthShrugUpper": 4.1,
    "mouthShrugLower": -5.0, "mouthRollLower": -3.2, "mouthRollUpper": -2.8, "mouthLowerDownLeft": 1.9,
    "mouthLowerDownRight": 1.9, "mouthUpperUpLeft": 2.4, "mouthUpperUpRight": 2.4,
    "mouthStretchLeft": 0.2, "mouthStretchRight": 0.2,
}  # fmt: skip
_PARTED = 5.0  # millimetres of the voice's own opening from which an emotion may part the lips freely
_FREED = 3.0  # millimetres from which it presses them no more
_SEALED = 1.5  # millimetres of the voice's own opening below which the lips count as closed
_SEAL_LIMIT = 0.3  # of mouthShrugLower, the most that closes what an emotion leaves open
_PRESS_GIVES = 0.85  # share of what presses the lips that goes then
_ROUNDED = (0.15, 0.6)  # mouthPucker and half of mouthFunnel: from where the lips are round, and wholly so
_SPREAD_LEFT = 0.5  # of what spreads them, while they are
_TUCKED = 0.3  # mouthRollLower from which the lower lip is at the teeth (f, v)
_AROUND_SPEECH = 0.16  # seconds before and after a phrase in which the lips belong to the voice already
_JAW_IN_SPEECH = 0.45  # of an emotion's jawOpen while the voice moves the jaw itself
_BROW_CALM = 0.7  # share of raised brows that fully lowered ones take
_CORNERS_LENT = 0.8  # share of the voice's mouthSmile that mouthStretch does where the corners are pulled down

_SIDES = ("Left", "Right")
_ONE_SIDED = ("cheeks", "mouth")  # regions of a one-sided expression that are


def _named(*starts: str) -> list[int]:
    """Columns of the shapes whose names start so."""
    return [index for index, name in enumerate(ARKIT) if name.startswith(starts)]


_OPENING = np.array([OPENS.get(name, 0.0) for name in ARKIT], np.float32)
_PARTS = _named("jawOpen", "mouthFunnel", "mouthLowerDown", "mouthUpperUp")
_PRESSES = _named("mouthPress", "mouthRoll", "mouthShrugLower")
_SPREADS = _named("mouthSmile", "mouthDimple", "mouthStretch")
_LOWERS = _named("jawOpen", "mouthLowerDown", "mouthFunnel")
_CLOSING = _named("mouthClose", "mouthPress")
_BROWS_UP = _named("browInnerUp", "browOuterUp")
_BROW_DOWN = _named("browDown")
_SMILE, _FROWN, _STRETCH = _named("mouthSmile"), _named("mouthFrown"), _named("mouthStretch")
_EYE_SHAPES = _named("eyeWide", "eyeSquint")


@dataclass(frozen=True)
class EmotionManner:
    """What an emotion does beyond the face: amounts at an intensity of 1; set by eye, small on purpose.

    Head and gaze: heads sink in sadness and come forward and down in anger, rise in contempt, and eyes turn away in
    sadness and disgust and stay on the other in joy and anger (Wallbott, 1998; Adams and Kleck, 2005).

    Attributes:
        blink_rate: factor on how often the eyes blink.
        head: degrees about X (down), Y and Z; Y and Z take the seed's side.
        movement: factor on how much the head moves.
        gaze: degrees about X (down) that the eyes rest off the viewer.
    """

    blink_rate: float = 1.0
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
    movement: float = 1.0
    gaze: float = 0.0


MANNERS: dict[str, EmotionManner] = {
    "joy": EmotionManner(1.0, (-1.0, 0.0, 2.0), 1.15),
    "sadness": EmotionManner(0.8, (5.0, 1.0, 2.5), 0.6, 9.0),
    "anger": EmotionManner(1.3, (3.5, 0.0, 0.0), 1.25),
    "disgust": EmotionManner(1.1, (-2.0, 4.0, 1.5), 0.9, 2.0),
    "fear": EmotionManner(1.4, (-1.5, 1.5, 0.0), 0.8),
    "surprise": EmotionManner(0.7, (-2.5, 0.0, 0.0), 1.0),
    "contempt": EmotionManner(0.9, (-4.0, 3.0, 2.5), 0.8, 2.0),
}


@dataclass(frozen=True)
class EmotionCurves:
    """The emotions of a take at 50 FPS.

    Attributes:
        directed: (T,) of each emotion that occurs, 0..1, as it was asked for.
        wanted: the same where several share a face: without onset and offset.
        blink_rate: (T,) factor on how often the eyes blink.
        movement: (T,) factor on how much the head moves.
        head: (T, 3) degrees by which the posture of the head is changed.
        gaze: (T,) degrees by which the eyes rest below the viewer.
    """

    directed: dict[str, FloatArray]
    wanted: dict[str, FloatArray]
    blink_rate: FloatArray
    movement: FloatArray
    head: FloatArray
    gaze: FloatArray


def emotion_curves(prosody: Prosody, direction: Direction) -> EmotionCurves | None:
    """Return the emotions of a take, or None where there are none: the take is then the same as without this module."""
    count = len(prosody.level)
    levels = {name: level for name in EXPRESSIONS if (level := _wanted(name, direction, count)).any()}
    if not levels or direction.intensity == 0:
        return None
    # two full emotions at once are no fuller than one
    total = np.sqrt(np.sum([np.square(level) for level in levels.values()], axis=0))
    share = (1 - _wanted("neutral", direction, count)) / np.maximum(total, 1)
    wanted = {name: (level * share).astype(np.float32) for name, level in levels.items()}
    felt = {name: _arrive(level, _SLOWER * EXPRESSIONS[name].onset, _SLOWER * EXPRESSIONS[name].offset, 0.0)
            for name, level in wanted.items()}  # fmt: skip

    def amount(part: Callable[[EmotionManner], float]) -> FloatArray:
        parts = [level * np.float32(part(MANNERS[name])) for name, level in felt.items()]
        whole: FloatArray = np.sum(parts, axis=0, dtype=np.float32) * np.float32(min(direction.intensity, 1.0))
        return whole

    side = _generator(direction).choice([-1.0, 1.0])
    head = np.stack([amount(lambda it: it.head[0]), amount(lambda it: side * it.head[1]),
                     amount(lambda it: side * it.head[2])], 1)  # fmt: skip
    return EmotionCurves(
        directed=levels,
        wanted=wanted,
        blink_rate=1 + amount(lambda it: it.blink_rate - 1),
        movement=1 + amount(lambda it: it.movement - 1),
        head=head,
        gaze=amount(lambda it: it.gaze),
    )


def directed(direction: Direction, count: int) -> FloatArray:
    """Return (count, 8) how strong each of `vocabulary.EMOTIONS` is directed to be, at 50 FPS."""
    return np.stack([_wanted(name, direction, count) for name in EMOTIONS], 1)


def events(felt: EmotionCurves) -> list[Event]:
    """Return the spans in which each emotion is wanted, with its highest intensity: `joy 0.7`."""
    found = []
    for name, level in felt.directed.items():
        edges = np.flatnonzero(np.diff(np.concatenate([[False], level > 0, [False]]).astype(np.int8))).reshape(-1, 2)
        for first, last in edges.tolist():
            found.append(Event("emotion", f"{name} {level[first:last].max():.2g}", first / FPS, last / FPS))
    return sorted(found, key=lambda event: event.start)


def apply_emotion(face: FloatArray, felt: EmotionCurves, prosody: Prosody, direction: Direction) -> None:
    """Put the emotions on a face that speaks, (T, 52) in 0..1, in place."""
    yields = _SpeechAttenuation.of(face, prosody)
    layer = _EmotionLayer.of(felt, prosody, direction)
    blink = [ARKIT_INDEX[f"eyeBlink{side}"] for side in _SIDES]
    for first in range(0, len(face), _BLOCK):
        part = slice(first, first + _BLOCK)
        shut = face[part, blink].max(1, keepdims=True)
        added = layer.weights(part)
        added[:, _EYE_SHAPES] *= 1 - shut  # a shut lid is neither wide nor squinting
        yields.apply(added, part)
        under = face[part]
        lowered = added[:, _BROW_DOWN].max(1) * (1 - added[:, ARKIT_INDEX["browInnerUp"]])
        under[:, _BROWS_UP] *= (1 - _BROW_CALM * lowered)[:, None]
        lent = under[:, _SMILE] * (_CORNERS_LENT * added[:, _FROWN])  # corners pulled down stay as wide as spoken
        under[:, _SMILE] -= lent
        under[:, _STRETCH] += lent * (1 - under[:, _STRETCH])
        under += added * (1 - under)
        np.clip(under, 0.0, 1.0, out=under)


@dataclass(frozen=True)
class _ActiveUnit:
    """An action unit of an emotion: its region, how far it has arrived (T,), its amounts, its columns and shares."""

    region: str
    arrived: FloatArray
    amounts: tuple[float, float]
    columns: tuple[tuple[int, float], ...]


class _EmotionLayer:
    """The weights of all emotions together, made a block of frames at a time."""

    def __init__(self, strength: FloatArray, gains: dict[str, FloatArray], parts: list[_ActiveUnit]) -> None:
        self._strength, self._gains, self._parts = strength, gains, parts

    @classmethod
    def of(cls, felt: EmotionCurves, prosody: Prosody, direction: Direction) -> _EmotionLayer:
        generator = _generator(direction)
        generator.random()  # the side was drawn with it
        energy = _energy(prosody)
        gains = {region: energy * _stir(prosody.times, generator) for region in _LATER}
        strong = int(generator.integers(2))
        parts = []
        for name, expression in EXPRESSIONS.items():
            uneven = 1 - _UNEVEN * generator.random()
            if name not in felt.wanted:
                continue
            sides = np.array([1.0, uneven] if strong else [uneven, 1.0], np.float32)
            arrived = {
                region: _arrive(
                    felt.wanted[name], _PACE[region] * expression.onset, _PACE[region] * expression.offset, later
                )
                for region, later in _LATER.items()
            }
            for number, amounts in expression.units.items():
                unit = UNITS[number]
                one_sided = expression.one_sided and unit.region in _ONE_SIDED
                weaker = np.where(sides == 1, 1, _OTHER_SIDE) if one_sided else sides
                parts.append(_ActiveUnit(unit.region, arrived[unit.region], amounts, _columns(unit.shapes, weaker)))
        return cls(_strength(direction), gains, parts)

    def weights(self, part: slice) -> FloatArray:
        """(B, 52) in 0..1 of the frames of a block."""
        count = len(self._gains["brows"][part])
        rest = np.ones((count, len(ARKIT)), np.float32)
        for piece in self._parts:
            level = np.interp(piece.arrived[part], (0, 0.5, 1), (0, *piece.amounts)) * self._gains[piece.region][part]
            for column, share in piece.columns:
                rest[:, column] *= 1 - np.clip(level * share * self._strength[column], 0, 1)
        whole: FloatArray = 1 - rest
        return whole


@dataclass(frozen=True)
class _SpeechAttenuation:
    """How far what an emotion does to the mouth gives way to the voice: factors (T,) in 0..1."""

    parting: FloatArray
    pressing: FloatArray
    spreading: FloatArray
    lowering: FloatArray
    jaw: FloatArray
    sealed: FloatArray

    @classmethod
    def of(cls, face: FloatArray, prosody: Prosody) -> _SpeechAttenuation:
        opening = np.maximum(face @ _OPENING, 0)
        own = np.maximum(_around(prosody.speaking), np.clip(face[:, _CLOSING].max(1) / 0.05, 0, 1))
        open_enough, freed = _step(opening / _PARTED), _step(opening / _FREED)
        pucker, funnel = (face[:, ARKIT_INDEX[name]] for name in ("mouthPucker", "mouthFunnel"))
        rounded = _step((pucker + 0.5 * funnel - _ROUNDED[0]) / (_ROUNDED[1] - _ROUNDED[0]))
        tucked = _step(face[:, ARKIT_INDEX["mouthRollLower"]] / _TUCKED)
        return cls(
            parting=_early(1 - own * (1 - open_enough)),
            pressing=_early(1 - _PRESS_GIVES * own * freed),
            spreading=_early(1 - (1 - _SPREAD_LEFT) * own * rounded),
            lowering=_early(1 - own * tucked),
            jaw=1 - (1 - _JAW_IN_SPEECH) * own,
            sealed=own * (1 - _step(opening / _SEALED)),
        )

    def apply(self, added: FloatArray, part: slice) -> None:
        """Let (B, 52) give way, in place."""
        for factor, columns in (
            (self.parting, _PARTS), (self.pressing, _PRESSES), (self.spreading, _SPREADS), (self.lowering, _LOWERS),
            (self.jaw, [ARKIT_INDEX["jawOpen"]]),
        ):  # fmt: skip
            added[:, columns] *= factor[part, None]
        # an upper lip that is raised by no more than the lower one parts nothing
        raised, follows = (ARKIT_INDEX[f"mouthShrug{lip}"] for lip in ("Upper", "Lower"))
        free = added[:, follows] * np.float32(-OPENS["mouthShrugLower"] / OPENS["mouthShrugUpper"])
        added[:, raised] = np.minimum(added[:, raised], free)
        left_open = np.maximum(added @ _OPENING, 0) * self.sealed[part]
        added[:, follows] += np.minimum(left_open / np.float32(-OPENS["mouthShrugLower"]), _SEAL_LIMIT)


def _generator(direction: Direction) -> np.random.Generator:
    return np.random.default_rng([direction.seed, STREAM])


def _wanted(name: str, direction: Direction, count: int) -> FloatArray:
    """(count,) how strong an emotion is directed to be: the strongest span at each frame, or its keys if stronger."""
    wanted = np.zeros(count, np.float32)
    keys = []
    for emotion in direction.emotions:
        if emotion.emotion != name:
            continue
        if isinstance(emotion, EmotionKey):
            keys.append((emotion.time, emotion.intensity))
            continue
        last = count if emotion.end is None else min(round(emotion.end * FPS), count)
        span = wanted[round(emotion.start * FPS) : last]
        np.maximum(span, emotion.intensity, out=span)
    if keys:
        times, levels = zip(*sorted(keys), strict=True)
        np.maximum(wanted, np.interp(np.arange(count) / FPS, times, levels), out=wanted)
    return wanted


def _arrive(wanted: FloatArray, onset: float, offset: float, later: float) -> FloatArray:
    """(T,) in 0..1 that follows a target along minimum-jerk ramps; an emotion of the first frame is fully there."""
    change = np.diff(wanted, prepend=wanted[:1])
    level = np.full(len(wanted), wanted[0], np.float32)
    delay = round(later * FPS)
    for part, seconds in ((np.maximum(change, 0), onset), (np.minimum(change, 0), offset)):
        if part.any():
            passed = np.clip(np.arange(1 - delay, round(seconds * FPS) + 1) / (seconds * FPS), 0, 1)
            ramp = passed**3 * (10 - 15 * passed + 6 * passed**2)
            steps = np.convolve(part, np.diff(ramp, prepend=0.0))[: len(wanted)]
            level += np.cumsum(steps).astype(np.float32)
    return np.clip(level, 0.0, 1.0, out=level)


def _energy(prosody: Prosody) -> FloatArray:
    """(T,) factor by which expressions swell with the voice."""
    speaking = prosody.speaking > 0
    if not speaking.any():
        return np.full(len(speaking), _QUIET, np.float32)
    loud = float(np.percentile(prosody.level[speaking], 90))
    share = np.clip((prosody.level - loud + _RANGE) / _RANGE, 0, 1) * prosody.speaking
    energy: FloatArray = _QUIET + (_LOUD - _QUIET) * smooth(share, _LOUDNESS_SMOOTHING)
    return energy


def _stir(times: NDArray[np.float64], generator: np.random.Generator) -> FloatArray:
    """(T,) factor about 1 of a held expression's slow movement: sines of unrelated rates."""
    rates = np.geomspace(*_STIR_BAND, 5) * generator.uniform(0.85, 1.15, 5)
    phases = generator.uniform(0, 2 * np.pi, 5)
    total = np.zeros(len(times), np.float32)
    for rate, phase in zip(rates, phases, strict=True):
        total += np.sin(2 * np.pi * rate * times + phase).astype(np.float32)
    return 1 + np.float32(_STIR * np.sqrt(2 / 5)) * total


def _columns(shapes: dict[str, float], sides: FloatArray) -> tuple[tuple[int, float], ...]:
    """Column and share of each shape; a name that ends in * is one of each side, left and right."""
    found = []
    for name, share in shapes.items():
        if name.endswith("*"):
            pairs = zip(_SIDES, sides, strict=True)
            found += [(ARKIT_INDEX[name[:-1] + side], share * float(level)) for side, level in pairs]
        else:
            found.append((ARKIT_INDEX[name], share))
    return tuple(found)


def _strength(direction: Direction) -> FloatArray:
    """(52,) factor of each shape: the intensity of the face, and the strength of the shape's region."""
    return np.array(
        [direction.intensity * direction.strength(region) if (region := _region(name)) else direction.intensity
         for name in ARKIT], np.float32,
    )  # fmt: skip


def _region(name: str) -> str | None:
    starts = (("brow", "brows"), ("cheek", "cheeks"), ("nose", "cheeks"), ("jaw", "jaw"), ("mouth", "lips"))
    return next((region for start, region in starts if name.startswith(start)), None)


def _step(values: FloatArray) -> FloatArray:
    """0 at 0 and 1 from 1 on, smooth at both ends."""
    bounded = np.clip(values, 0, 1)
    stepped: FloatArray = bounded * bounded * (3 - 2 * bounded)
    return stepped


def _around(speaking: FloatArray) -> FloatArray:
    """(T,) 1 in phrases and shortly around them, with soft edges outside."""
    reach = round(_AROUND_SPEECH * FPS)
    near = np.convolve(speaking, np.ones(2 * reach + 1, np.float32), "same")[: len(speaking)] > 0.5
    return np.maximum(near, smooth(near.astype(np.float32), 0.06)).astype(np.float32)


def _early(factor: FloatArray) -> FloatArray:
    """(T,) a factor that falls before it must and rises after it may, so that nothing jumps."""
    padded = np.pad(factor, 2, mode="edge")
    least = np.min([padded[shift : shift + len(factor)] for shift in range(5)], axis=0)
    return np.minimum(factor, smooth(least, 0.02))
