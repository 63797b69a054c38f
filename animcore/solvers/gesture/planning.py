"""Which gesture when: strokes on stressed syllables, chosen by the words, the melody and the speaker's habits.

People gesture in units: hands leave their rest, make one stroke or several, hold, and go back (Kendon, 2004); the
stroke falls on the stressed syllable (McNeill, 1992), fastest shortly before the voice is highest (Pouw and Dixon,
2019).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
from numpy.typing import NDArray

from animcore.motion import Event
from animcore.solvers.gesture.arm_motion import ArmKey
from animcore.solvers.gesture.lexicon import ArmPose, GestureStyle, lexicon
from animcore.speech.prosody import Prosody

Array = NDArray[np.float64]

SIDES = ("left", "right")
BEAT = "beat"  # the hand that is up moves with a syllable, without a new gesture

TURN = 1.0  # seconds of pause within which a turn goes on
_WORD = 0.35  # seconds around an accent in which a word counts
_CALLED = 0.75  # chance that a word gets the gesture it calls for, whatever the speaker's rate
_LAST = 0.6  # seconds before the end of a phrase in which a gesture counts as its end
_RIGHT = 0.85  # chance that the right hand leads
_AGAIN = 0.25  # probability of the same gesture twice running, against others
_APEX = 0.08  # seconds by which a stroke ends after the middle of its syllable: it is fastest shortly before that
_AT_FIRST = 0.1  # seconds: the first frame is at rest
_HURRY = 0.35  # share of the way to a gesture that may be missing when there is little time
_BEAT_APART = 0.42  # seconds, least from one beat to the next
_BEAT_UP = np.array([0.0, 0.05, -0.02])  # arm lengths, outward, up, forward
_BEAT_DOWN = np.array([0.01, -0.06, 0.035])
_SOONEST = 0.45  # seconds of a way to the first pose of a gesture, least
_RETURN = (0.75, 1.15)  # seconds of the way back to rest
_FOLLOWS = (0.03, 0.08)  # seconds by which the other hand is later
_WEAKER = (0.80, 0.95)  # size of its gesture against the leading hand's
_ARM = 0.5  # metres of an arm length
_VARIES = 0.035  # arm lengths, spread of where a gesture is made


@dataclass(frozen=True)
class Stroke:
    """A gesture whose stroke ends at `time` seconds, with these hands, at a size; `turn` numbers the turn it is in."""

    time: float
    gesture: str
    sides: tuple[str, ...]
    size: float
    turn: int


def strokes(
    prosody: Prosody,
    style: GestureStyle,
    spoken: Sequence[Event],
    amount: float,
    generator: np.random.Generator,
) -> list[Stroke]:
    """Return the strokes of a performance in the order of time.

    Args:
        prosody: of the voice.
        style: of the speaker.
        spoken: words with their times, if known.
        amount: factor on how often and how large; 0 gives none.
        generator: chooses.
    """
    lead = SIDES[int(generator.random() < _RIGHT)]
    words = [event for event in spoken if event.kind == "word"]
    found: list[Stroke] = []
    times = [time for time, _ in prosody.accents]
    for number, turn in enumerate(prosody.turns(TURN)):
        before, last = "", -np.inf
        for time, strength in prosody.accents[bisect_left(times, turn[0]) : bisect_right(times, turn[1])]:
            called = _called(words, time)
            chance = max(style.rate * min(0.3 + strength, 1.0), _CALLED if called else 0.0) * min(amount, 1.0)
            size = style.size * amount * generator.uniform(0.85, 1.1) * (0.75 + 0.35 * strength)
            if time - last >= style.apart and time - turn[0] > 0.25 and generator.random() < chance:
                before = called or _chosen(prosody, time, before, generator)
                found.append(Stroke(time, before, _hands(before, style, lead, generator), size, number))
                last = time
            elif last > -np.inf and time - found[-1].time > _BEAT_APART and generator.random() < style.beats:
                found.append(Stroke(time, BEAT, found[-1].sides, size, number))
    return found


def reaches(planned: Sequence[Stroke]) -> list[tuple[float, float]]:
    """Return when one arm alone reaches out, seconds, and how far: positive for the right arm."""
    alone = [stroke for stroke in planned if len(stroke.sides) == 1]
    return [(stroke.time, stroke.size * (1.0 if stroke.sides[0] == "right" else -1.0)) for stroke in alone]


def keys(
    planned: Sequence[Stroke], side: str, style: GestureStyle, ends: Sequence[tuple[float, float]], seed: Sequence[int]
) -> list[ArmKey]:
    """Return the moves of one arm.

    Args:
        planned: all strokes; those of this side are taken.
        side: `left` or `right`.
        style: of the speaker.
        ends: the turns, in seconds.
        seed: of the variation; both arms use the same where they should agree.
    """
    generator = np.random.default_rng([*seed, SIDES.index(side)])
    rest, midway = lexicon().rest[style.rest], lexicon().rest[style.between]
    mine = [stroke for stroke in planned if side in stroke.sides]
    made = rest
    found: list[ArmKey] = []
    returning, beaten = False, rest  # whether the last of them only goes back, and what a beat starts from
    for stroke, following in zip_longest(mine, mine[1:]):
        if stroke.gesture == BEAT and beaten is rest:
            continue  # its gesture found no time; a hanging hand does not beat
        moves = _moves(stroke, side, beaten, style, generator)
        if returning and moves[0].start < _free(found):  # on its way back it turns round
            found.pop()
            beaten = made
            moves = _moves(stroke, side, beaten, style, generator)
        if moves := _in_time(moves, found):
            found, returning = found + moves, False
            made = beaten = beaten if stroke.gesture == BEAT else moves[-1].pose
        if found and found[-1].pose is not rest:
            start, more = _back(stroke, following, style, ends[stroke.turn][1], found, generator)
            if start is not None and found[-1].pose is not (midway if more else rest):
                beaten, returning = midway if more else rest, True
                found.append(ArmKey(start, generator.uniform(*_RETURN), beaten))
    return found


def _moves(
    stroke: Stroke, side: str, here: ArmPose, style: GestureStyle, generator: np.random.Generator
) -> list[ArmKey]:
    """What an arm does for a stroke."""
    follows = stroke.sides[0] != side
    apex = stroke.time + _APEX + (generator.uniform(*_FOLLOWS) if follows else 0.0)
    size = stroke.size * (generator.uniform(*_WEAKER) if follows else 1.0)
    if stroke.gesture == BEAT:
        return _beat(here, size, apex)
    return _made(stroke.gesture, here, style, apex, size, generator.normal(size=3) * _VARIES)


def _called(words: Sequence[Event], time: float) -> str:
    """The gesture that a word near this moment calls for; empty where none does."""
    near = [word for word in words if word.start - _WORD < time < word.end + _WORD]
    for word in sorted(near, key=lambda word: abs((word.start + word.end) / 2 - time)):
        text = word.label.lower().strip(".,;:!?\"'()«»…。，！？、")
        for name, gesture in lexicon().gestures.items():
            if text in gesture.words:
                return name
    return ""


def _chosen(prosody: Prosody, time: float, before: str, generator: np.random.Generator) -> str:
    """A gesture by habit alone."""
    last = any(0 <= end - time < _LAST for _, end in prosody.phrases)
    weights = {
        name: gesture.weight * (_AGAIN if name == before else 1.0) * (1.5 if last and gesture.ends else 1.0)
        for name, gesture in lexicon().gestures.items()
    }
    chances = np.array(list(weights.values()))
    return str(generator.choice(list(weights), p=chances / chances.sum()))


def _hands(name: str, style: GestureStyle, lead: str, generator: np.random.Generator) -> tuple[str, ...]:
    """Which hands make a gesture; the leading one first."""
    sides = lexicon().gestures[name].sides
    other = SIDES[1 - SIDES.index(lead)]
    if generator.random() < 0.12:  # now and then the other hand leads
        lead, other = other, lead
    two = sides == "both" or (sides == "any" and generator.random() < style.both)
    return (lead, other) if two else (lead,)


def _made(name: str, here: ArmPose, style: GestureStyle, apex: float, size: float, vary: Array) -> list[ArmKey]:
    """Preparation and stroke of a gesture that is to end at `apex`."""
    gesture = lexicon().gestures[name]
    poses = [pose.sized(1.0 if gesture.fixed else size).moved(vary) for pose in gesture.poses]
    ways = [_metres(start, after) for start, after in pairwise(poses)]
    lasting = [max(0.24, 1.875 * way / style.speed) for way in ways]  # 1.875: peak over mean of a minimum-jerk course
    moves, end = [], apex
    for pose, seconds in zip(poses[:0:-1], lasting[::-1], strict=True):
        moves.append(ArmKey(end - seconds, seconds, pose))
        end -= seconds * 0.8  # the parts of a stroke run into each other
    seconds = max(_SOONEST, 1.875 * _metres(here, poses[0]) / (style.speed * 0.9))
    moves.append(ArmKey(end - seconds + 0.06, seconds, poses[0]))
    return moves[::-1]


def _metres(start: ArmPose, end: ArmPose) -> float:
    """How far the wrist goes."""
    return float(np.linalg.norm(end.wrist - start.wrist)) * _ARM


def _beat(here: ArmPose, size: float, apex: float) -> list[ArmKey]:
    """Up a little and down again."""
    scale = min(size, 1.2)
    return [
        ArmKey(apex - 0.36, 0.24, here.moved(_BEAT_UP * scale)),
        ArmKey(apex - 0.18, 0.22, here.moved(_BEAT_DOWN * scale)),
    ]


def _free(before: Sequence[ArmKey]) -> float:
    """From when on an arm can do something new, seconds."""
    return before[-1].start + 0.8 * before[-1].duration if before else _AT_FIRST


def _in_time(moves: list[ArmKey], before: Sequence[ArmKey]) -> list[ArmKey]:
    """The moves if there is time for them after the earlier ones, the first one hurried a little; else none."""
    late = _free(before) - moves[0].start
    if late <= 0.0:
        return moves
    first = moves[0]
    if late < _HURRY * first.duration:
        return [ArmKey(first.start + late, first.duration - late, first.pose), *moves[1:]]
    return []


def _back(
    stroke: Stroke,
    following: Stroke | None,
    style: GestureStyle,
    end: float,
    found: Sequence[ArmKey],
    generator: np.random.Generator,
) -> tuple[float | None, bool]:
    """When the hand goes back (None: it stays up), and whether only halfway since more is to come."""
    hold = lexicon().gestures[stroke.gesture].hold if stroke.gesture != BEAT else 0.5
    done = found[-1].start + found[-1].duration
    later = done + hold * generator.uniform(0.7, 1.3)
    if following is not None and following.turn == stroke.turn:
        left = following.time - later
        if left < style.pause:
            return None, True
        if left < 3.5 * style.pause:
            return later, True
    return max(done + 0.1, min(later, max(end + 0.15, done + 0.2))), False
