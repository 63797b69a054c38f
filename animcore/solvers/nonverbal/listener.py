"""A listener: nods and small replies of the face where the other speaker ends a phrase, and eyes that stay on them.

Sources. Listeners answer where the other pauses and the pitch has moved (Ward and Tsukahara, Journal of Pragmatics 32,
2000; rules for nods of listening agents: Maatman, Gratch and Marsella, IVA 2005). Their nods come in runs of one to
four that grow smaller, at about 2 to 4 a second (Hadar, Steiner and Rose, Journal of Nonverbal Behavior 9, 1985). They
look at the other 75 % of the time (Argyle and Ingham, 1972) and blink with them where phrases end (Nakano and Kitazawa,
Experimental Brain Research 205, 2010). Chances and sizes were set by eye within what these found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.motion import Event
from animcore.speech.prosody import FPS, EndKind, PhraseEnd, Prosody, smooth

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]

STREAM = 6  # keeps the random numbers of listening apart from those of the rest of the performance

TURN_PAUSE = 1.0  # seconds of silence that end a turn of the other
_OWN = 0.3  # seconds around one's own words without listening behaviour
_SAID = 0.9  # seconds of a turn of the other before there is something to reply to
_FREE = 0.7  # seconds after the end of a phrase that one is silent oneself, or there is no time for a reply
_REPLIES: dict[EndKind, float] = {"falling": 0.85, "rising": 0.85, "level": 0.6}  # chance by the end of the phrase
_APART = 1.7  # seconds from one reply to the next at least
_LONG = 3.0  # seconds of a phrase without a reply from which a stressed word draws one nod: go on
_URGED = 0.5  # strength that the word must have
_DELAY = (0.0, 0.3)  # seconds after the end of the phrase
_STYLES = {"calm": 0.85, "lively": 1.2, "shy": 0.75, "presenter": 1.0}  # factor on the chance, and on the depth of nods

_NODS = ((1, 0.4), (2, 0.4), (3, 0.2))  # how many there are in a reply, and how often
_DEPTH = (3.0, 7.0)  # degrees of the first nod
_SMALLER = 0.6  # factor from one nod of a run to the next
_NOD_SECONDS = (0.32, 0.46)

_LEAN, _TILT = 1.2, (1.0, 3.0)  # degrees: forward, and to one side, of a listening head
_STIR, _STIR_BAND = (0.5, 0.8, 0.5), (0.07, 0.5)  # degrees about X, Y, Z and Hz of its slow movement
_SETTLES = 0.6  # seconds, standard deviation with which it comes and goes

_SMILES, _SMILE = 0.3, (0.12, 0.3)  # chance that a reply comes with a smile, and how wide it is
_PRESSES, _PRESS = 0.25, (0.15, 0.3)  # the same of lips pressed together: I see
_ASKED, _RAISE = 0.6, (0.15, 0.35)  # chance that brows rise at a question, and how far
_STRUCK, _STRESS = 0.12, 0.7  # chance that they do at an accent, and the strength that it must have
# Seconds: spread before and after the top.
_SMILE_EASE, _PRESS_EASE, _BROW_EASE = (0.35, 0.8), (0.15, 0.35), (0.12, 0.3)

_LOOKS_BACK = (-0.4, 0.9)  # seconds around a reply in which the eyes are on the other
_CAUGHT = (0.2, 1.5)  # seconds after the other begins to speak in which they are, too
_BLINK_AFTER = 0.3  # seconds after the end of a phrase of the other that its blink comes


@dataclass(frozen=True)
class Backchannel:
    """What a listener does at the end of a phrase.

    Attributes:
        time: seconds at which it begins.
        kind: how the phrase ended.
        nods: how often the head nods.
        depth: degrees of the first nod.
        seconds: of each nod.
        smile, press, raised: weights in 0..1 of smiling, of lips pressed together and of raised brows.
    """

    time: float
    kind: EndKind
    nods: int
    depth: float
    seconds: float
    smile: float = 0.0
    press: float = 0.0
    raised: float = 0.0


@dataclass(frozen=True)
class ListenerMotion:
    """The listening behaviour to another speaker, at 50 FPS.

    Attributes:
        attentive: (T,) 1 where the other has the turn and one is silent oneself, else 0.
        own: (T,) 1 where one speaks oneself or is about to.
        turns: start and end in seconds of each turn of the other.
        blinks: seconds at which a phrase of the other draws a blink.
        replies: in the order of time.
        struck: time in seconds and weight of brows that rise at a word.
    """

    attentive: FloatArray
    own: FloatArray
    turns: tuple[tuple[float, float], ...]
    blinks: tuple[float, ...]
    replies: tuple[Backchannel, ...]
    struck: tuple[tuple[float, float], ...]

    def looks(self) -> Iterator[tuple[float, float]]:
        """Yield spans in seconds in which the eyes do not leave the other."""
        for start, _ in self.turns:
            if self._free(start):
                yield start + _CAUGHT[0], start + _CAUGHT[1]
        for reply in self.replies:
            yield reply.time + _LOOKS_BACK[0], reply.time + _LOOKS_BACK[1]

    def events(self) -> list[Event]:
        """Return the nods: beats from start to end."""
        return [
            Event("beat", "nod", reply.time, reply.time + reply.nods * reply.seconds)
            for reply in self.replies
            if reply.nods
        ]

    def _free(self, time: float) -> bool:
        frame = min(max(round(time * FPS), 0), len(self.own) - 1)
        return not self.own[frame]


def solve(own: Prosody, other: Prosody, direction: Direction) -> ListenerMotion:
    """Return the listening behaviour to another speaker.

    Args:
        own: prosody of one's own voice, T frames.
        other: prosody of the other's, on the same clock and as long.
        direction: seed and style.
    """
    generator = np.random.default_rng([direction.seed, STREAM])
    busy = _around(own)
    turns = tuple(other.turns(TURN_PAUSE))
    attentive = np.zeros(len(busy), np.float32)
    for start, end in turns:
        attentive[round(start * FPS) : round((end + TURN_PAUSE) * FPS)] = 1.0
    attentive *= 1 - busy
    eager = _STYLES[direction.style]
    replies = tuple(_replies(other, turns, busy, eager, generator))
    struck = [(time, float(generator.uniform(*_RAISE))) for time, strength in other.accents
              if generator.random() < _STRUCK * eager and strength > _STRESS and _is_free(busy, time, 0.5)]  # fmt: skip
    blinks = tuple(end.time + _BLINK_AFTER for end in other.ends if _is_free(busy, end.time, 0.0))
    return ListenerMotion(attentive, busy, turns, blinks, replies, tuple(struck))


def head_rotations(listening: ListenerMotion, direction: Direction) -> FloatArray:
    """Return (T, 3) radians that listening adds to neck and head: nods, and the attitude of attention."""
    generator = np.random.default_rng([direction.seed, STREAM, 1])
    count = len(listening.attentive)
    times = np.arange(count) / FPS
    amount = smooth(listening.attentive, _SETTLES)
    side = generator.choice([-1.0, 1.0]) * generator.uniform(*_TILT)
    degrees = np.stack([np.full(count, _LEAN), np.zeros(count), np.full(count, side)], 1)
    for axis, size in enumerate(_STIR):
        degrees[:, axis] += size * _stir(times, generator)
    degrees *= amount[:, None]
    for reply in listening.replies:
        _nod(degrees[:, 0], reply)
    radians: FloatArray = np.deg2rad(direction.strength("head") * direction.intensity * degrees).astype(np.float32)
    return radians


def face_weights(listening: ListenerMotion, direction: Direction, *, may_smile: bool = True) -> FloatArray:
    """Return weights (T, 52) in 0..1 of the replies of brows and mouth; where one speaks oneself they are 0.

    Args:
        listening: see `attend`.
        direction: intensity and the strengths of brows, lips and cheeks.
        may_smile: whether the mood lets one smile.
    """
    count = len(listening.own)
    raised, smiling, pressed = np.zeros(count), np.zeros(count), np.zeros(count)
    for reply in listening.replies:
        _swell(raised, reply.time + 0.2, reply.raised, _BROW_EASE)
        _swell(smiling, reply.time + 0.6, reply.smile * may_smile, _SMILE_EASE)
        _swell(pressed, reply.time + 0.3, reply.press, _PRESS_EASE)
    for time, size in listening.struck:
        _swell(raised, time + 0.35, size, _BROW_EASE)
    gate = 1 - smooth(listening.own, 0.1)  # lips and brows are the voice's as soon as one speaks
    weights = np.zeros((count, len(ARKIT)), np.float32)
    for values, region, shapes in (
        (raised, "brows", {"browInnerUp": 1.0, "browOuterUpLeft": 0.6, "browOuterUpRight": 0.6}),
        (smiling, "lips", {"mouthSmileLeft": 1.0, "mouthSmileRight": 0.92}),
        (smiling, "cheeks", {"cheekSquintLeft": 0.5, "cheekSquintRight": 0.46}),
        (pressed, "lips", {"mouthPressLeft": 1.0, "mouthPressRight": 0.94, "mouthShrugLower": 0.4}),
    ):
        scaled = np.clip(values * gate * direction.strength(region) * direction.intensity, 0.0, 1.0)
        for name, share in shapes.items():
            weights[:, ARKIT_INDEX[name]] = share * scaled
    return weights


def _around(own: Prosody) -> FloatArray:
    """(T,) 1 where one speaks oneself and shortly before and after."""
    busy = np.zeros(len(own.level), np.float32)
    for start, end in own.phrases:
        busy[max(0, round((start - _OWN) * FPS)) : round((end + _OWN) * FPS)] = 1.0
    return busy


def _is_free(busy: FloatArray, time: float, lasting: float) -> bool:
    """Whether one is silent at a time and for so many seconds after it."""
    first = max(0, round(time * FPS))
    return first < len(busy) and not busy[first : first + 1 + round(lasting * FPS)].any()


def _replies(
    other: Prosody,
    turns: tuple[tuple[float, float], ...],
    busy: FloatArray,
    eager: float,
    generator: np.random.Generator,
) -> Iterator[Backchannel]:
    last = -_APART
    for end, (start, _) in zip(other.ends, other.phrases, strict=False):
        made = _reply(end, eager, generator)  # drawn always, so that one more word does not change all that follow
        replies = generator.random() < _REPLIES[end.kind] * eager
        for nod in _urges(other, max(start, last), end.time, eager, generator):
            if _is_free(busy, nod.time, _FREE):
                last = nod.time
                yield nod
        began = max((first for first, _ in turns if first < end.time), default=end.time)
        worth = end.time - began >= _SAID and made.time - last >= _APART
        if replies and worth and _is_free(busy, end.time, _FREE):
            last = made.time
            yield made


def _urges(
    other: Prosody, since: float, until: float, eager: float, generator: np.random.Generator
) -> Iterator[Backchannel]:
    """Single nods within a long phrase, on its stressed words."""
    for time, strength in other.accents:
        depth, seconds = 0.7 * eager * generator.uniform(*_DEPTH), generator.uniform(*_NOD_SECONDS)
        if since + _LONG <= time <= until - _APART and strength >= _URGED:
            since = time
            yield Backchannel(time + _DELAY[1], "level", 1, float(depth), float(seconds))


def _reply(end: PhraseEnd, eager: float, generator: np.random.Generator) -> Backchannel:
    counts, chances = zip(*_NODS, strict=True)
    nods = int(generator.choice(counts, p=chances))
    depth, seconds = eager * generator.uniform(*_DEPTH), generator.uniform(*_NOD_SECONDS)
    smiles, presses, asked = generator.random(3)
    smile, press, raised = (generator.uniform(*size) for size in (_SMILE, _PRESS, _RAISE))
    return Backchannel(
        time=end.time + float(generator.uniform(*_DELAY)),
        kind=end.kind,
        nods=nods,
        depth=float(depth),
        seconds=float(seconds),
        smile=float(smile) if smiles < _SMILES else 0.0,
        press=float(press) if smiles >= _SMILES and presses < _PRESSES else 0.0,
        raised=float(raised) if end.kind == "rising" and asked < _ASKED else 0.0,
    )


def _nod(degrees: Array, reply: Backchannel) -> None:
    """Add a run of nods to (T,) degrees about X, in place: down and up again, each smaller than the one before."""
    for number in range(reply.nods):
        start = reply.time + number * reply.seconds
        first, last = max(0, round(start * FPS)), min(len(degrees), round((start + reply.seconds) * FPS) + 1)
        passed = np.clip((np.arange(first, last) / FPS - start) / reply.seconds, 0.0, 1.0)
        degrees[first:last] += reply.depth * _SMALLER**number * 0.5 * (1 - np.cos(2 * np.pi * passed))


def _stir(times: Array, generator: np.random.Generator) -> Array:
    """(T,) slow movement of spread 1: sines of unrelated rates."""
    rates = np.geomspace(*_STIR_BAND, 5) * generator.uniform(0.85, 1.15, 5)
    phases = generator.uniform(0, 2 * np.pi, 5)
    waves: Array = np.sqrt(2 / 5) * np.sin(2 * np.pi * times[:, None] * rates + phases).sum(1)
    return waves


def _swell(values: Array, top: float, size: float, ease: tuple[float, float]) -> None:
    """Let (T,) reach `size` at `top`, in place, with these spreads before and after; neighbours join."""
    if size <= 0.0:
        return
    first = max(0, round((top - 4 * ease[0]) * FPS))
    last = max(first, min(len(values), round((top + 4 * ease[1]) * FPS) + 1))
    offset = np.arange(first, last) / FPS - top
    width = np.where(offset < 0, ease[0], ease[1])
    values[first:last] = np.maximum(values[first:last], size * np.exp(-0.5 * (offset / width) ** 2))
