"""What shapes do, measured: dead ones, sides that are swapped, shapes that are weak or go the wrong way.

A name shows what its maker intended; the mesh shows what it does. A shape that does nothing is left out, so that others
can do its work; a pair whose sides are swapped changes its tracks; a shape at half its strength is keyed twice as
strong, one that goes the wrong way with its sign turned.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT
from animcore.retarget.reference_head import reference
from animcore.retarget.rig_detection import DetectedChannel

FloatArray = NDArray[np.float64]
Target = tuple[str, str]

_DEAD = 0.01  # of what the usual shape of the character moves: less is nothing
_NOISE = 1e-5  # of what its strongest shape moves: left over from an exporter's rounding
_POINTS = 3  # vertices that a shape has to move before its place and direction count
_APART = 0.3  # of the usual distance between a pair's sides from which they lie on two sides
_AGAINST = -0.6  # cosine between the ways of a shape and of the reference's from which it goes the wrong way
_DECIDED = 0.75  # how much of the reference shape goes one way, 0..1, from which a wrong direction is certain
_WEAK = 0.67  # of the strength of its twin, or of what the other shapes lead to expect, from which a shape is weak
_STRONGEST = 3.0  # times that a weak shape is keyed stronger
_ALIKE = 0.35  # spread of the strengths of a character's shapes (of their logarithms) that still is one measure
_MOST_WRONG = 0.34  # share of the shapes that may go the wrong way; with more the character looks elsewhere
_SIDES = (("Left", "Right"), ("Right", "Left"))


@dataclass(frozen=True)
class ShapeDisplacement:
    """What a shape at 1 does to its mesh.

    Attributes:
        most: metres that the vertex goes which goes farthest.
        way: (3,) the mean displacement over its size, weighted by size; as long as 1 where all go the same way.
        centre: (3,) metres, where it happens.
        count: vertices that it moves.
    """

    most: float
    way: FloatArray
    centre: FloatArray
    count: int


def move(rest: NDArray[np.floating[Any]], delta: NDArray[np.floating[Any]]) -> ShapeDisplacement:
    """Measure a shape by the places (V, 3) and the displacements (V, 3) of its mesh, in any axes."""
    squares = np.einsum("vx,vx->v", delta, delta)
    moved = np.flatnonzero(squares)  # most shapes leave most of the mesh alone
    if not len(moved):
        return ShapeDisplacement(0.0, np.zeros(3), np.zeros(3), 0)
    size = np.sqrt(squares[moved].astype(np.float64))
    most = float(size.max())
    weight = size / float((size**2).sum())
    count = int((size > 0.05 * most).sum())
    return ShapeDisplacement(most, weight @ delta[moved], (weight * size) @ rest[moved], count)


def dead(moves: Mapping[Target, ShapeDisplacement]) -> set[Target]:
    """Return the shapes that do nothing; none where all do nothing, which means that they were not measured."""
    sizes = np.array([one.most for one in moves.values()])
    real = sizes[sizes > _NOISE * sizes.max(initial=0.0)]
    if not len(real) or real.max() <= 0.0:
        return set()
    least = _DEAD * float(np.median(real))
    return {target for target, one in moves.items() if one.most <= least}


def corrected(
    entries: Sequence[DetectedChannel], moves: Mapping[Target, ShapeDisplacement], axes: FloatArray, sure: bool
) -> tuple[tuple[DetectedChannel, ...], tuple[str, ...]]:
    """Return the channels as their shapes really move, and sentences about what was done.

    Args:
        entries: by names; only those that are tracks of ours are compared.
        moves: what each shape does, in world axes.
        axes: (3, 3) columns left, up, forward of the character in the world.
        sure: whether a skeleton determines which side is left; without one most of the shapes do.
    """
    seen = {one.direct: one for one in entries if one.direct in ARKIT and _of(one, moves).count >= _POINTS}
    found = {track: _of(one, moves) for track, one in seen.items()}
    axes = axes if sure else _sided(found, axes)
    swapped = _swapped(found, axes)
    tracks = {track: swapped.get(track, track) for track in seen}
    turned = {track for track in _against(found, tracks, axes) if not track.startswith(("mouthClose", "eyeLook"))}
    gains = _gains({tracks[track]: one.most for track, one in found.items()})
    told, made = [], []
    for entry in entries:
        track = tracks.get(entry.direct, entry.direct)
        gain = gains.get(track, 1.0) * (-1.0 if entry.direct in turned else 1.0)
        made.append(_as(entry, track, gain) if entry.direct in seen else entry)
    if pairs := sorted(track for track in swapped if track.endswith("Left")):
        told.append(f"{_names(pairs)}: the sides of these shapes are swapped, so each is given the other's movement.")
    if turned:
        told.append(f"{_names(sorted(turned))}: these shapes go the wrong way and are keyed with their sign turned.")
    if weak := sorted(track for track, gain in gains.items() if gain != 1.0):
        size = {tracks[track]: one.most for track, one in found.items()}
        names_of_weak = ", ".join(
            f"{track} moves {1000 * size[track]:.1f} mm and is keyed {gains[track]:.1f} times" for track in weak
        )
        told.append(f"Weak shapes are keyed stronger: {names_of_weak}.")
    return tuple(made), tuple(told)


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _of(entry: DetectedChannel, moves: Mapping[Target, ShapeDisplacement]) -> ShapeDisplacement:
    """What the strongest of a channel's shapes does."""
    own = [moves[target] for target in entry.channel.targets if target in moves]
    return max(own, key=lambda one: one.most, default=ShapeDisplacement(0.0, np.zeros(3), np.zeros(3), 0))


def _pairs(found: Mapping[str, ShapeDisplacement]) -> list[tuple[str, str]]:
    return [
        (track, f"{track[:-4]}Right") for track in found if track.endswith("Left") and f"{track[:-4]}Right" in found
    ]


def _sided(found: Mapping[str, ShapeDisplacement], axes: FloatArray) -> FloatArray:
    """The axes of a character without a skeleton: left is where most of the shapes of the left are."""
    apart = np.sum([found[left].centre - found[right].centre for left, right in _pairs(found)] or [np.zeros(3)], axis=0)
    left = apart - axes[:, 1] * (axes[:, 1] @ apart)
    size = float(np.linalg.norm(left))
    return np.column_stack((left / size, axes[:, 1], np.cross(left / size, axes[:, 1]))) if size > 0.0 else axes


def _swapped(found: Mapping[str, ShapeDisplacement], axes: FloatArray) -> dict[str, str]:
    """Tracks whose shape moves the other side, with that one: their names are swapped."""
    pairs = _pairs(found)
    apart = np.array([(found[left].centre - found[right].centre) @ axes[:, 0] for left, right in pairs])
    usual = float(np.median(np.abs(apart))) if len(apart) else 0.0
    if usual <= 0.0:
        return {}
    wrong = apart < -_APART * usual
    changed = [pair for pair, is_wrong in zip(pairs, wrong, strict=True) if is_wrong]
    middle = [pair for pair, is_apart in zip(pairs, np.abs(apart), strict=True) if is_apart < 0.1 * usual]
    changed += [pair for pair in middle if pair[0] in ("jawLeft", "mouthLeft") and _aside(found, pair, axes) < 0]
    return {one: other for pair in changed for one, other in (pair, pair[::-1])}


def _aside(found: Mapping[str, ShapeDisplacement], pair: tuple[str, str], axes: FloatArray) -> float:
    """How much more the first of a pair goes to the left than the second."""
    return float((found[pair[0]].way - found[pair[1]].way) @ axes[:, 0])


@functools.cache
def _reference() -> dict[str, ShapeDisplacement]:
    head = reference()
    return {track: move(head.rest, head.delta[index]) for index, track in enumerate(ARKIT)}


def _against(found: Mapping[str, ShapeDisplacement], tracks: Mapping[str, str], axes: FloatArray) -> set[str]:
    """Tracks whose shape goes against the way of the reference's."""
    compared, wrong = 0, set()
    for track, one in found.items():
        meant, own = _reference()[tracks[track]].way, one.way @ axes
        sizes = float(np.linalg.norm(meant)), float(np.linalg.norm(own))
        if min(sizes) >= _DECIDED:
            compared += 1
            if float(meant @ own) < _AGAINST * sizes[0] * sizes[1]:
                wrong.add(track)
    return wrong if len(wrong) <= max(1, _MOST_WRONG * compared) and compared > 2 else set()


def _gains(sizes: Mapping[str, float]) -> dict[str, float]:
    """How much stronger weak shapes have to be keyed: next to their twin, else next to all that the character does."""
    known = {track: size / _reference()[track].most for track, size in sizes.items() if _reference()[track].most > 0.0}
    if not known:
        return {}
    ratios = np.log(np.array(list(known.values())))
    usual, spread = float(np.median(ratios)), float(np.median(np.abs(ratios - np.median(ratios))))
    gains = {}
    for track, ratio in known.items():
        twins = [known[track[: -len(own)] + other] for own, other in _SIDES if track.endswith(own)
                 and track[: -len(own)] + other in known]  # fmt: skip
        whole = len(known) > 2 * _POINTS and spread < _ALIKE
        wanted = twins[0] if twins else float(np.exp(usual)) if whole and not track.startswith("eyeLook") else ratio
        if ratio < _WEAK * wanted:
            gains[track] = min(wanted / ratio, _STRONGEST)
    return gains


def _as(entry: DetectedChannel, track: str, gain: float) -> DetectedChannel:
    """A channel that is another track, or this one weaker, stronger or the other way about."""
    if track == entry.direct and gain == 1.0:
        return entry
    low, high = sorted((0.0, gain))
    channel = replace(entry.channel, low=min(low, 0.0), high=max(high, 0.0))
    return DetectedChannel(channel, {track: 1.0 / gain}, track, gain)
