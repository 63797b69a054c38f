"""Weights of the house become the values of a rig's own channels: shapes, parameters, bones or images.

A map is linear algebra on plain arrays. Each channel of the rig has a column: what it does to the reference head,
known from the recipe of its profile or measured on the user's mesh (`animcore.retarget.geometry_matching`). The
values of a frame are those within the ranges that make the rig do what the reference head does, by bounded least
squares. A channel that is one of our own tracks under another name takes that track as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.core.compared_by_value import ComparedByValue
from animcore.errors import InputError, readable
from animcore.geometry.bounded_least_squares import solve_bounded
from animcore.motion import Motion
from animcore.retarget import image_swapping
from animcore.retarget.reference_head import reference
from animcore.retarget.source_tracks import HEAD, INDEX, REGIONS, SOURCES, region, rows

FORMAT = "animcore.face_map"
VERSION = 1

Kind = Literal["shape", "parameter", "turn", "move", "slide", "bone", "image"]
FloatArray = NDArray[np.float64]

RIDGE = 0.01  # of a channel's own size: keeps channels small that do the same as others, and answers unique
SEEN = 0.25  # share of a track's movement that a rig must be able to make, or the track counts as missing
_FEW = 5  # names of tracks that a sentence may hold
_HELD_BACK = {"mouthClose": ("jawOpen", "mouthClose")}  # tracks that mean something together with another one only


@dataclass(frozen=True)
class RigChannel:
    """One value a frame of the user's rig.

    Attributes:
        name: unique in its map.
        kind: `shape`, `parameter`; `turn` and `move` of a bone about or along an axis of the character, in radians and
            in distances between the outer eye corners; `slide` of a bone along its own axis; `bone`, any channel that
            was measured; `image`, 0 or 1.
        targets: (mesh, shape) each, or ("", bone or parameter or image).
        axis: of `turn` and `move`: 0 the character's left, 1 up, 2 forward; of `slide`: the bone's x, y, z.
        low, high: its range.
        rest: its value at rest.
    """

    name: str
    kind: Kind
    targets: tuple[tuple[str, str], ...]
    axis: int = -1
    low: float = 0.0
    high: float = 1.0
    rest: float = 0.0


@dataclass(frozen=True, eq=False)
class FaceMap(ComparedByValue):
    """From a performance to the K channels of a rig.

    Attributes:
        profile: the convention, or what it was made from.
        channels: K.
        direct: (K, S) tracks of `source_tracks.SOURCES` that channels take as they are; a row of zeros is solved for.
        gram: (K, K) dot products of what channels do.
        mix: (K, S) dot products of what channels and tracks do.
        explained: (S,) 0..1, the share of each track's movement that the rig can make.
        alike: the track that each channel is most like, with the cosine (-1..1); empty where it was not measured.
    """

    profile: str
    channels: tuple[RigChannel, ...]
    direct: FloatArray
    gram: FloatArray
    mix: FloatArray
    explained: FloatArray
    alike: tuple[tuple[str, float], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the channels."""
        return tuple(channel.name for channel in self.channels)

    @property
    def opens_mouth(self) -> bool:
        """Whether the channels open the mouth at all."""
        return bool(self.explained[INDEX["jawOpen"]] >= SEEN)

    @property
    def missing(self) -> tuple[str, ...]:
        """Sentences: which tracks are not written, since the rig has nothing for them."""
        return _missing_sentences(self.explained)

    @property
    def moving(self) -> tuple[int, ...]:
        """The channels that do something for a performance."""
        return tuple(np.flatnonzero((self.direct != 0).any(1) | (np.diag(self.gram) > 0.0)).tolist())

    def only(self, keep: Sequence[int]) -> FaceMap:
        """Return the map of some of the channels alone."""
        index = np.array(list(keep), np.int64)
        alike = tuple(self.alike[one] for one in keep) if self.alike else ()
        channels = tuple(self.channels[one] for one in keep)
        gram = self.gram[np.ix_(index, index)]
        return assemble(self.profile, channels, self.direct[index], gram, self.mix[index], alike)

    def solve(self, motion: Motion) -> FloatArray:
        """Return the values (T, K) of the channels; equal motions give equal values.

        Where the channels are images, one of them is 1 in each frame and the others 0.
        """
        face = rows(motion)
        if any(channel.kind == "image" for channel in self.channels):
            return image_swapping.choose(self.gram, self.mix, face, motion.fps)
        rest = np.array([channel.rest for channel in self.channels])
        low = np.array([channel.low for channel in self.channels])
        high = np.array([channel.high for channel in self.channels])
        raised = _raised(self.direct, self.gram, self.mix, face, (low - rest, high - rest))
        values: FloatArray = np.clip(raised + rest, low, high)
        return values

    def recovered(self, values: FloatArray) -> FloatArray:
        """Return the tracks (T, S) in 0..1 that come nearest to what the channels do for values (T, K): `solve` undone.

        Tracks that a channel takes as they are come back exactly; what the rig cannot do is lost.
        """
        rest = np.array([channel.rest for channel in self.channels])
        raised = np.asarray(values, np.float64) - rest
        face: FloatArray = np.clip(raised @ np.linalg.pinv(self.direct.T), 0.0, 1.0)
        known = (self.direct != 0).any(0)
        left = np.flatnonzero(~known & (np.arange(len(SOURCES)) < len(SOURCES) - len(HEAD)))
        meaning = reference().meaning
        right = raised @ self.mix[:, left] - face @ meaning[:, left]
        ridge = np.diag(RIDGE * np.diag(meaning)[left])
        face[:, left] = solve_bounded(
            meaning[np.ix_(left, left)] + ridge, right, np.zeros(len(left)), np.ones(len(left))
        )
        return face

    def save(self, path: str | Path) -> None:
        """Write the map as `.npz`, whole or not at all.

        Raises:
            InputError: when the file cannot be written.
        """
        path = Path(path)
        targets = [(index, *target) for index, channel in enumerate(self.channels) for target in channel.targets]
        contents: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "profile": self.profile,
            "sources": np.array(SOURCES),
            "names": np.array(self.names, np.str_),
            "kinds": np.array([channel.kind for channel in self.channels], np.str_),
            "axes": np.array([channel.axis for channel in self.channels], np.int64),
            "ranges": np.array([(one.low, one.high, one.rest) for one in self.channels]).reshape(-1, 3),
            "target_channel": np.array([index for index, _, _ in targets], np.int64),
            "target_mesh": np.array([mesh for _, mesh, _ in targets], np.str_),
            "target_name": np.array([name for _, _, name in targets], np.str_),
            "alike_name": np.array([name for name, _ in self.alike], np.str_),
            "alike_cosine": np.array([cosine for _, cosine in self.alike], np.float64),
        }
        contents |= {name: getattr(self, name) for name in ("direct", "gram", "mix", "explained")}
        with whole_file(path) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, **contents)

    @classmethod
    def load(cls, path: str | Path) -> FaceMap:
        """Read a map written by `save`; nothing is unpickled.

        Raises:
            InputError: when the file is missing, broken or of another kind.
        """
        path = Path(path)
        with readable(f"{path.name} is not a readable face map", "make it again"):
            contents = reading.arrays(path)
            if str(contents.get("format")) != FORMAT or contents.get("version") != VERSION:
                raise InputError(f"{path.name} is not a face map that this Animcore reads; make it again.")
            return _from_arrays(contents)


def empty_map(profile: str = "") -> FaceMap:
    """Return the map of a rig whose face nothing moves."""
    none = np.zeros((0, len(SOURCES)))
    return assemble(profile, (), none, np.zeros((0, 0)), none)


def assemble(
    profile: str,
    channels: tuple[RigChannel, ...],
    direct: FloatArray,
    gram: FloatArray,
    mix: FloatArray,
    alike: tuple[tuple[str, float], ...] = (),
) -> FaceMap:
    """Put a map together, and find what each track loses on the rig.

    A rig without a `mouthClose` of its own must close its lips by all that it has, the jaw first: there `jawOpen` is
    solved for and not taken as it is, or no p, b and m would close.
    """
    jaw, close = INDEX["jawOpen"], INDEX["mouthClose"]
    closes = bool(direct[:, close].any())
    if not closes:
        direct = np.where(direct[:, [jaw]] != 0, 0.0, direct)
    if not direct[:, jaw].any():  # lips that close without a jaw that opens would go through each other
        direct = np.where(direct[:, [close]] != 0, 0.0, direct)
    bounds = np.array([(one.low - one.rest, one.high - one.rest) for one in channels]).reshape(-1, 2).T
    meaning = reference().meaning
    probes = np.eye(len(SOURCES))
    for name, together in _HELD_BACK.items():
        probes[INDEX[name], [INDEX[other] for other in together]] = 1.0
    values = _raised(direct, gram, mix, probes, (bounds[0], bounds[1]))
    whole = np.einsum("ts,sr,tr->t", probes, meaning, probes)
    left = whole - 2 * np.einsum("tk,ks,ts->t", values, mix, probes) + np.einsum("tk,kl,tl->t", values, gram, values)
    explained = np.clip(1 - left / whole, 0.0, 1.0)
    explained[(direct != 0).any(0)] = 1.0
    if not closes:
        explained[close] = max(explained[close], explained[jaw])
    return FaceMap(profile, channels, direct, gram, mix, explained, alike)


def coverage(explained: FloatArray) -> float:
    """How much of a spoken performance (0..1) a rig can make, from the share of each track."""
    total = 0.0
    for part, (_, share) in REGIONS.items():
        members = [INDEX[name] for name in SOURCES if region(name) == part]
        total += share * float(explained[members].mean())
    return total


def _raised(
    direct: FloatArray, gram: FloatArray, mix: FloatArray, face: FloatArray, bounds: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """(T, K) how far the channels are raised from rest for rows of tracks (T, S)."""
    values = np.clip(face @ direct.T, *bounds)
    solved = np.flatnonzero(~(direct != 0).any(1))
    if len(solved):
        own = np.diag(gram)[solved]
        size = own.max(initial=0.0)
        ridge = np.diag(RIDGE * own + 1e-9 * size + (size == 0.0))
        right = face @ mix[solved].T - values @ gram[:, solved]
        low, high = (bound[solved] for bound in bounds)
        right[:, own <= 1e-12 * size] = 0.0  # a channel that does nothing stays at rest
        values[:, solved] = solve_bounded(gram[np.ix_(solved, solved)] + ridge, right, low, high)
    return values


def _missing_sentences(explained: FloatArray) -> tuple[str, ...]:
    """Whole parts of the face in one sentence, single tracks in another."""
    lost = {name for index, name in enumerate(SOURCES) if explained[index] < SEEN and region(name) != "head"}
    parts = {part: [name for name in SOURCES if region(name) == part] for part in REGIONS if part != "head"}
    gone = [part for part, names in parts.items() if lost.issuperset(names)]
    single = []
    sentences = []
    for part, names in parts.items():
        kept = [name for name in names if name not in lost]
        if kept and len(kept) < len(names) / 4:
            others = f"No {part} shapes but {', '.join(kept)}" if len(kept) < _FEW else f"Few {part} shapes"
            sentences.append(f"{others}: the other tracks of the {part} are not written.")
        elif part not in gone:
            single += [name for name in names if name in lost]
    if gone:
        sentences.append(
            f"{', '.join(f'no {part}' for part in gone)} shapes: these tracks are not written.".capitalize()
        )
    if 0 < len(single) < _FEW:
        sentences.append(f"Nothing does what {', '.join(single)} mean: these tracks are not written.")
    elif single:
        counted = Counter(region(name) for name in single)
        parts_of = ", ".join(f"{count} of the {part}" for part, count in counted.items())
        sentences.append(f"{len(single)} smaller movements have no shape and are left out ({parts_of}).")
    return tuple(sentences)


def _from_arrays(contents: dict[str, NDArray[Any]]) -> FaceMap:
    """A map from the arrays of its file, its tracks matched by name."""
    order = [str(name) for name in contents["sources"]]
    columns = [order.index(name) for name in SOURCES]
    ranges = contents["ranges"]
    targets: list[list[tuple[str, str]]] = [[] for _ in contents["names"]]
    columns_of = (contents["target_channel"], contents["target_mesh"], contents["target_name"])
    for index, mesh, name in zip(*columns_of, strict=True):
        targets[int(index)].append((str(mesh), str(name)))
    for kind in contents["kinds"]:
        if kind not in get_args(Kind):
            raise InputError(f"A face map cannot have channels of the kind {str(kind)!r}; make it again.")
    channels = tuple(
        RigChannel(str(name), str(kind), tuple(target), int(axis), *(float(value) for value in limits))  # type: ignore[arg-type]
        for name, kind, target, axis, limits in zip(
            contents["names"], contents["kinds"], targets, contents["axes"], ranges, strict=True
        )
    )
    count = len(channels)
    arrays = {name: contents[name].astype(np.float64) for name in ("direct", "gram", "mix", "explained")}
    if arrays["gram"].shape != (count, count) or not all(np.isfinite(values).all() for values in arrays.values()):
        raise InputError("The arrays of the face map do not fit together; make it again.")
    alike = zip(contents["alike_name"], contents["alike_cosine"], strict=True)
    return FaceMap(
        str(contents["profile"]),
        channels,
        arrays["direct"][:, columns],
        arrays["gram"],
        arrays["mix"][:, columns],
        arrays["explained"][columns],
        tuple((str(name), float(cosine)) for name, cosine in alike),
    )
