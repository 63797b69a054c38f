"""Reads a rig from its names: which convention it follows, how sure that is, and the map that follows from recipes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.retarget import affixes, name_normalization
from animcore.retarget.face_map import FaceMap, Kind, RigChannel, assemble, coverage
from animcore.retarget.reference_head import reference, row_of
from animcore.retarget.rig_profiles import RigProfile, profiles

FloatArray = NDArray[np.float64]
Spellings = Callable[[RigProfile, tuple[str, ...]], Iterator[dict[str, str]]]

FEWEST = 3  # shapes or bones of a convention that make it one
_WORTH = 0.02  # share of a performance that a second convention must add to be used as well
_GUESSED = 0.6  # what a convention counts whose names stand behind a beginning of the rig's own
_OWN = frozenset((*ARKIT, *TONGUE))
_LONELY = 0.35  # confidence, at most, of a convention that only single letters speak for


@dataclass(frozen=True)
class DetectedChannel:
    """A channel of the rig with what it does: a recipe in tracks, per unit.

    `direct` names a track that it is, `gain` how far it has to be raised for it.
    """

    channel: RigChannel
    recipe: Mapping[str, float]
    direct: str = ""
    gain: float = 1.0


@dataclass(frozen=True)
class DetectedRig:
    """A rig as found by its names.

    Attributes:
        profile: the convention, several joined by " + "; empty where no name is known.
        confidence: 0..1, how much of the convention is there.
        entries: the channels that were understood.
        unknown: names of shapes that nothing is known of.
        missing: sentences about tracks that the rig has nothing for.
        note: on the convention.
    """

    profile: str
    confidence: float
    entries: tuple[DetectedChannel, ...]
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    note: str = ""

    @property
    def mapping(self) -> dict[str, dict[str, float]]:
        """The recipe of each channel by its name."""
        return {entry.channel.name: dict(entry.recipe) for entry in self.entries}


def propose(meshes: Mapping[str, Sequence[str]], bones: Sequence[str] = ()) -> DetectedRig:
    """Return the convention that a rig follows, by names alone.

    The convention that can make most of a spoken performance is taken, and another one with it where that adds to
    it: visemes for the mouth and ARKit shapes for brows and lids, say.

    Args:
        meshes: the shapes of each mesh, without its basis.
        bones: the bones of the armature.
    """
    return _proposed({name: tuple(shapes) for name, shapes in meshes.items()}, tuple(bones), images=False)


def propose_images(names: Sequence[str]) -> DetectedRig:
    """Return which mouth each image of a 2D character shows; names may be those of files (`mouth_A.png`)."""
    stems = {name.rpartition("/")[2].rpartition("\\")[2].partition(".")[0] or name: name for name in names}
    found = _proposed({"": tuple(stems)}, (), images=True)
    entries = tuple(
        replace(
            entry, channel=replace(entry.channel, kind="image", targets=(("", stems[entry.channel.targets[0][1]]),))
        )
        for entry in found.entries
    )
    return replace(found, entries=tuple(entries))


def from_profile(proposal: DetectedRig) -> FaceMap:
    """Return the map that a proposal's recipes give.

    Raises:
        InputError: where no name is known.
    """
    if not proposal.entries:
        raise InputError(
            "The names of the rig's shapes and bones follow no convention that is known; read its geometry, or write a "
            "profile (docs/studios/rigs.md)."
        )
    return _kept(
        proposal.profile,
        tuple((one.channel, tuple(one.recipe.items()), one.direct, one.gain) for one in proposal.entries),
    )


@functools.lru_cache(maxsize=32)
def _kept(profile: str, entries: tuple[tuple[RigChannel, tuple[tuple[str, float], ...], str, float], ...]) -> FaceMap:
    """A map by what it follows from: a panel asks for it again and again."""
    return _map(
        profile, [DetectedChannel(channel, dict(recipe), direct, gain) for channel, recipe, direct, gain in entries]
    )


def _map(profile: str, entries: Sequence[DetectedChannel]) -> FaceMap:
    columns = np.array([row_of(dict(entry.recipe)) for entry in entries])
    direct = np.array([row_of({entry.direct: entry.gain} if entry.direct else {}) for entry in entries])
    mix = columns @ reference().meaning
    return assemble(profile, tuple(entry.channel for entry in entries), direct, mix @ columns.T, mix)


def _proposed(meshes: dict[str, tuple[str, ...]], bones: tuple[str, ...], images: bool) -> DetectedRig:
    candidates = {}
    exact = {}
    for profile in profiles():
        if profile.kind == "image" or not images:
            plain = list(_entries(profile, meshes, bones, _plain))
            found = list(_entries(profile, meshes, bones, _spellings))
            exact[profile.name] = len(plain) == len(found)
            if found:
                candidates[profile.name] = (profile, plain if exact[profile.name] else found)
    if not candidates:
        return _summary([], [], meshes, bones)
    best = max(candidates, key=lambda name: _worth(*candidates[name]) * (1.0 if exact[name] else _GUESSED))
    first, entries = candidates.pop(best)
    chosen = [first]
    while candidates and not images:
        reached = _reached(entries) + _WORTH
        joined = {name: [*entries, *_unclaimed(found, entries)] for name, (_, found) in candidates.items()}
        best = max(joined, key=lambda name: _reached(joined[name]))
        profile, _ = candidates.pop(best)
        if _reached(joined[best]) < reached:
            break
        chosen.append(profile)
        entries = joined[best]
    return _summary(chosen, entries, meshes, bones)


def _unclaimed(found: Sequence[DetectedChannel], entries: Sequence[DetectedChannel]) -> list[DetectedChannel]:
    """The channels of another convention whose names, the rig's and its own, are not in use already."""
    taken = {target for entry in entries for target in entry.channel.targets}
    names = {entry.channel.name for entry in entries}
    return [one for one in found if taken.isdisjoint(one.channel.targets) and one.channel.name not in names]


def _reached(entries: Sequence[DetectedChannel]) -> float:
    """How much of a performance some channels can make."""
    return coverage(_map("", entries).explained)


def _worth(profile: RigProfile, entries: Sequence[DetectedChannel]) -> float:
    """How much of a performance a convention can make; a doubtful one counts less."""
    return _reached(entries) * (0.5 + 0.5 * _confidence(profile, entries))


def _summary(
    chosen: list[RigProfile], entries: list[DetectedChannel], meshes: dict[str, tuple[str, ...]], bones: tuple[str, ...]
) -> DetectedRig:
    known = {name for entry in entries for _, name in entry.channel.targets}
    unknown = tuple(dict.fromkeys(name for shapes in meshes.values() for name in shapes if name not in known))
    if not entries:
        return DetectedRig("", 0.0, (), unknown, ("Nothing of the rig is known by name.",))
    return DetectedRig(
        profile=" + ".join(profile.name for profile in chosen),
        confidence=_confidence(chosen[0], entries),
        entries=tuple(entries),
        unknown=unknown,
        missing=_map("", entries).missing,
        note=" ".join(profile.note for profile in chosen if profile.note),
    )


def _confidence(profile: RigProfile, entries: Sequence[DetectedChannel]) -> float:
    """The share of a convention's shapes, or of its face bones, that is there."""
    names = {entry.channel.name for entry in entries}
    shapes = [name for name in _recipes(profile) if name in names or {f"{name} 1", f"{name} 2"} <= names]
    bones = {one.bone for one in profile.face_bones}
    present = {bone for bone in bones if any(name.startswith(f"{bone} ") for name in names)}
    shares = [len(shapes) / max(len(_recipes(profile)), 1), len(present) / max(len(bones), 1)]
    certainty = max(shares)
    letters = max(map(len, shapes), default=9) < 2
    return min(certainty, _LONELY) if letters and certainty < 1 else certainty


def _recipes(profile: RigProfile) -> Mapping[str, Mapping[str, float]]:
    """The recipe of each shape of a convention; a track of our own under its own name stands for itself."""
    own = {name: {name: 1.0} for name in profile.shapes if name in _OWN}
    return own | dict(profile.recipes)


def _entries(
    profile: RigProfile, meshes: dict[str, tuple[str, ...]], bones: tuple[str, ...], spellings: Spellings
) -> Iterator[DetectedChannel]:
    """The channels of a rig that a convention explains; nothing where too few are there."""
    recipes = _recipes(profile)
    places: dict[tuple[str, int, int], list[tuple[str, str]]] = {}
    for mesh, shapes in meshes.items():
        for name, own in _matched(profile, recipes, shapes, spellings).items():
            for part, shape in enumerate(own):
                places.setdefault((name, part, len(own)), []).append((mesh, shape))
    if len(places) >= FEWEST:
        for (name, part, parts), targets in places.items():
            yield _shape_entry(profile, name, recipes[name], tuple(targets), part, parts)
    known = {
        one.bone: bone
        for one in profile.face_bones
        if (bone := name_normalization.first([one.bone], bones)) is not None
    }
    if len(known) >= min(FEWEST, len({one.bone for one in profile.face_bones})):
        for one in profile.face_bones:
            if one.bone in known:
                name = f"{one.bone} {one.kind} {one.axis}"
                channel = RigChannel(name, one.kind, (("", known[one.bone]),), one.axis, one.low, one.high)
                yield DetectedChannel(channel, {track: weight / one.amount for track, weight in one.recipe.items()})


def _matched(
    profile: RigProfile, recipes: Mapping[str, Mapping[str, float]], shapes: tuple[str, ...], spellings: Spellings
) -> dict[str, tuple[str, ...]]:
    """The mesh's own names by the convention's: as they are written, without prefixes, and by other spellings."""
    whole = {shape.lower(): shape for shape in reversed(shapes)}
    found: dict[str, tuple[str, ...]] = {name: (whole[name.lower()],) for name in recipes if name.lower() in whole}
    for bare in spellings(profile, shapes):
        taken = {one for own in found.values() for one in own}
        left = [name for name in recipes if name not in found]
        for name, own in name_normalization.match(left, [one for one in bare if bare[one] not in taken]).items():
            found[name] = tuple(bare[one] for one in own)
            taken.update(found[name])
        for name, others in profile.aliases.items():
            other = name_normalization.first(others, [one for one in bare if bare[one] not in taken])
            if name not in found and other is not None:
                found[name] = (bare[other],)
                taken.add(bare[other])
    return found


def _plain(profile: RigProfile, shapes: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The mesh's own names without the convention's prefixes."""
    yield {_without(shape, profile.prefixes): shape for shape in reversed(shapes)}


def _spellings(profile: RigProfile, shapes: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The same, and then without what many of the names share."""
    yield from _plain(profile, shapes)
    yield {bare: shape for shape, bare in reversed(_stripped(shapes).items()) if bare != shape}
    for start in _prefixes(shapes):
        yield {shape[len(start) :]: shape for shape in reversed(shapes) if shape.startswith(start)}


@functools.lru_cache(maxsize=64)
def _stripped(shapes: tuple[str, ...]) -> dict[str, str]:
    return affixes.stripped(shapes)


@functools.lru_cache(maxsize=64)
def _prefixes(shapes: tuple[str, ...]) -> tuple[str, ...]:
    return affixes.prefixes(shapes)


def _without(shape: str, prefixes: tuple[str, ...]) -> str:
    """A name without the first of some prefixes that it begins with."""
    for prefix in prefixes:
        if shape.lower().startswith(prefix.lower()) and len(shape) > len(prefix):
            return shape[len(prefix) :]
    return shape


def _shape_entry(
    profile: RigProfile,
    name: str,
    recipe: Mapping[str, float],
    targets: tuple[tuple[str, str], ...],
    part: int,
    parts: int,
) -> DetectedChannel:
    low, high, rest = profile.ranges.get(name, (0.0, 1.0, 0.0))
    kind: Kind = "parameter" if profile.kind == "parameter" else "shape"
    channel = RigChannel(name if parts == 1 else f"{name} {part + 1}", kind, targets, -1, low, high, rest)
    share = {track: weight / parts for track, weight in recipe.items()}
    direct = next(iter(recipe)) if list(recipe.values()) == [1.0] and name not in profile.ranges else ""
    return DetectedChannel(channel, share, profile.direct.get(name, direct))
