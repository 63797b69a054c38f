"""What is wrong with curves as such: jerk, shapes at their limit, another line's curves, curves that come late."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.evaluation.face import metrics
from animcore.evaluation.lines import limits
from animcore.evaluation.lines.findings import Finding, found
from animcore.evaluation.lines.listening import Heard, longest
from animcore.evaluation.lines.mouth import Mouth

Array = NDArray[np.floating[Any]]
Values = dict[str, float]

JERK_RATE = 26.0  # frames a second at which jerk is measured: what people are filmed at
_FAST = 40.0  # frames a second from which a curve is also measured at its own rate,
_OWN_RATE = 7.0  # where closures that are exact to the frame give so much more
_JERK_WINDOW = 0.6  # seconds over which it is averaged
_AT_LIMIT = 0.995  # weight from which a shape is at its limit
_REACH = 0.3  # seconds by which curves are looked for earlier and later


def judge(mouth: Mouth, heard: Heard) -> tuple[Values, list[Finding]]:
    """Return the values and faults of the curves of a mouth."""
    values: Values = {}
    faults: list[Finding] = []
    for part in (_jerk(mouth), _limit(mouth), _synchrony(mouth, heard)):
        values |= part[0]
        faults += part[1]
    return values, faults


def jerk(times: Array, opening: Array) -> tuple[Array, Array]:
    """Return the jerk of an opening (T,): seconds (W,) and its root mean square over 0.6 s (W,), per second cubed.

    The smoothness cost of Flash and Hogan (J. Neuroscience, 1985) by third differences, at 26 frames a second, as it
    grows with the rate. Curves of more than 40 frames a second are also measured at their own, where what shakes from
    frame to frame does not hide between the samples; a seventh of it counts.
    """
    wanted = np.arange(times[0], times[-1] + 1e-9, 1 / JERK_RATE)
    if len(times) < 4 or len(wanted) < 4:
        return np.zeros(0), np.zeros(0)
    middle, strength = _third(wanted, np.interp(wanted, times, opening))
    if (len(times) - 1) / (times[-1] - times[0]) > _FAST:
        own = np.interp(middle, *_third(times, opening)) / _OWN_RATE
        strength = np.maximum(strength, own)
    return middle, strength


def _third(times: Array, curve: Array) -> tuple[Array, Array]:
    """Seconds (W,), and the root mean square of the third derivative of a curve (T,) around them."""
    rate = (len(times) - 1) / (times[-1] - times[0])
    power = np.square(np.diff(curve, n=3) * rate**3)
    size = max(1, min(round(_JERK_WINDOW * rate), len(power)))
    summed = np.cumsum(np.concatenate([[0.0], power]))
    mean = (summed[size:] - summed[:-size]) / size
    return times[0] + (np.arange(len(mean)) + (size + 2) / 2) / rate, np.sqrt(np.maximum(mean, 0.0))


def _jerk(mouth: Mouth) -> tuple[Values, list[Finding]]:
    seconds, strength = jerk(mouth.times, mouth.opening)
    if not len(strength):
        return {}, []
    place = int(np.argmax(strength))
    value, worst = float(strength[place]), float(seconds[place])
    limit, bad = limits.JERK
    if value <= limit:
        return {"jerk": value}, []
    sentence = f"The lips shake at {worst:.2f} s: {value / limit:.1f} times the jerk that 99 % of people stay under."
    span = (worst - _JERK_WINDOW / 2, worst + _JERK_WINDOW / 2)
    return {"jerk": value}, [found("jerk", sentence, value, limit, bad, span, worst)]


def _limit(mouth: Mouth) -> tuple[Values, list[Finding]]:
    """The longest time that a shape of jaw or mouth stands at its limit."""
    best, name = (0, 0), ""
    for column in np.flatnonzero(mouth.shapes.max(0) >= _AT_LIMIT).tolist():
        span = longest(mouth.shapes[:, column] >= _AT_LIMIT)
        if span[1] - span[0] > best[1] - best[0]:
            best, name = span, mouth.names[column]
    seconds = (best[1] - best[0]) / mouth.fps
    limit, bad = limits.AT_LIMIT
    if seconds <= limit:
        return {"limit": seconds}, []
    start, end = float(mouth.times[best[0]]), float(mouth.times[best[1] - 1])
    sentence = f"{name} stands at its limit for {seconds:.2f} s from {start:.2f} s on: what goes further is cut off."
    fault = found("limit", sentence, seconds, limit, bad, (start, end), (start + end) / 2)
    return {"limit": seconds}, [fault]


def _synchrony(mouth: Mouth, heard: Heard) -> tuple[Values, list[Finding]]:
    """How well the mouth opens as the audio calls for, and how late it does."""
    begin, end = max(mouth.times[0], 0.0), min(mouth.times[-1], heard.clip.duration)
    times = np.arange(begin + _REACH, end - _REACH, 1 / heard.fps)
    if len(times) < limits.FEWEST_FRAMES or not heard.speaking.any():
        return {}, []
    wanted = np.interp(times, heard.times, heard.opening)
    if np.ptp(wanted) < limits.LEAST_MOVEMENT:
        return {}, []
    most = round(_REACH * heard.fps)
    moves = np.arange(-most, most + 1) / heard.fps
    alike = np.array(
        [metrics.correlation(np.interp(times + move, mouth.times, mouth.opening), wanted) for move in moves]
    )
    place = int(np.argmax(alike))
    values = {"agreement": float(alike[place])}
    worst = float(times[int(np.argmax(np.abs(np.interp(times, mouth.times, mouth.opening) - wanted)))])
    span = (float(times[0]), float(times[-1]))
    limit, bad = limits.AGREEMENT
    if alike[place] < limit:
        sentence = (
            f"The mouth does not move as this audio calls for (correlation {alike[place]:.2f}): are the curves of "
            "another recording?"
        )
        return values, [found("agreement", sentence, alike[place], limit, bad, span, worst)]
    values["lag"] = 1000.0 * (moves[place] + _between(alike, place) / heard.fps)
    limit, bad = limits.LAG
    if abs(values["lag"]) <= limit:
        return values, []
    way = "after" if values["lag"] > 0 else "before"
    sentence = f"The lips move {abs(values['lag']):.0f} ms {way} the audio."
    return values, [found("lag", sentence, abs(values["lag"]), limit, bad, span, worst)]


def _between(alike: Array, place: int) -> float:
    """Where the peak of correlations lies beside its highest one, in steps: of the parabola through three of them."""
    if not 0 < place < len(alike) - 1:
        return 0.0
    before, here, after = alike[place - 1 : place + 2]
    return float(0.5 * (before - after) / min(before - 2 * here + after, -1e-9))
