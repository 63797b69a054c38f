"""Reads a rig from its geometry: what each of its channels does to the user's own mesh, whatever it is called.

The user's head is laid over the reference head, the displacement of each channel is carried there and compared with
what the ARKit shapes do. A channel that does what one shape does takes that track as it is; all others are solved for,
so that the user's mesh does what the reference mesh does, scaled to the size of its face.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError, readable
from animcore.geometry.surface_registration import (
    SimilarityTransform,
    SurfaceRegistration,
    TriangleMesh,
    register_surface,
)
from animcore.retarget.face_map import FaceMap, RigChannel, assemble
from animcore.retarget.reference_head import ReferenceHead, reference
from animcore.retarget.rig_detection import DetectedRig
from animcore.retarget.source_tracks import INDEX, SOURCES

FloatArray = NDArray[np.float64]

ALIKE = 0.72  # cosine from which a channel is taken for the shape that it is most like
_FACE = 0.2  # of what a channel does that a face can do; with less it has nothing to do with one
_NAMED = 0.3  # cosine from which a channel may be the track of its name
_STRENGTH = (0.35, 2.8)  # how much weaker or stronger than the shape such a channel may be


@dataclass(frozen=True)
class RigGeometry:
    """What a rig does to its mesh, in metres or any unit of length, Y up, Z forward, X to the character's left.

    Several meshes are given as one, their vertices and triangles one after the other.

    Attributes:
        rest: (V, 3) vertices at rest.
        triangles: (F, 3), counter-clockwise from outside.
        channels: K, with their ranges and values at rest.
        fields: (K, V, 3) what one unit of each channel moves: the displacement of a finite step divided by the step.
        eyes: (2, 3) centres of the left and the right eye, where they are known; they make the comparison surer.
    """

    rest: FloatArray
    triangles: NDArray[np.int64]
    channels: tuple[RigChannel, ...]
    fields: NDArray[np.float32]
    eyes: FloatArray | None = None

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            InputError: where they do not fit together, or numbers are not finite.
        """
        if self.fields.shape != (len(self.channels), *self.rest.shape) or self.rest.ndim != 2:
            raise InputError(
                f"{len(self.channels)} channels of a mesh of {len(self.rest)} vertices cannot have displacements of "
                f"the shape {self.fields.shape}."
            )
        if not (np.isfinite(self.fields).all() and np.isfinite(self.rest).all()):
            raise InputError("The rig moves vertices to positions that are not numbers; fix its shapes or bones.")


def load(path: str | Path) -> RigGeometry:
    """Read a rig that another program measured (docs/developers/service.md); nothing is unpickled.

    Raises:
        InputError: when the file is missing, broken, or its arrays do not fit together.
    """
    path = Path(path)
    with readable(f"{path.name} is not a rig that can be read", "measure it again"):
        contents = reading.arrays(path)
        columns = (contents[name].tolist() for name in ("names", "kinds", "meshes", "targets", "ranges"))
        channels = tuple(
            RigChannel(name, kind, ((mesh, target),), -1, *limits)
            for name, kind, mesh, target, limits in zip(*columns, strict=True)
        )
        eyes = contents["eyes"] if len(contents["eyes"]) else None
        return RigGeometry(contents["rest"], contents["triangles"], channels, contents["fields"], eyes)


def from_geometry(geometry: RigGeometry) -> FaceMap:
    """Return the map that makes the user's mesh do what the reference mesh does.

    `alike` of the map has the most similar ARKit shape of each channel.

    Raises:
        InputError: where nothing of the mesh moves, or it cannot be compared.
    """
    return _fitted(geometry, "geometry", {})


def from_names_and_geometry(proposal: DetectedRig, geometry: RigGeometry) -> FaceMap:
    """Return the map that takes names where they are sure, and measures everything else.

    Args:
        proposal: found by names; its channels and those of the geometry are matched by mesh and shape.
        geometry: what the channels do.

    Raises:
        InputError: where nothing of the mesh moves, or it cannot be compared.
    """
    tracks = {target: entry.direct for entry in proposal.entries if entry.direct for target in entry.channel.targets}
    known = {
        channel.name: next(tracks[target] for target in channel.targets if target in tracks)
        for channel in geometry.channels
        if tracks.keys() & set(channel.targets)
    }
    return _fitted(geometry, " and ".join(filter(None, (proposal.profile, "geometry"))), known)


def overlay(geometry: RigGeometry) -> SurfaceRegistration:
    """Find the points of the reference head on the user's mesh.

    Raises:
        InputError: where nothing of the mesh moves, or it has no surface.
    """
    head = reference()
    moved = np.abs(head.delta).max((0, 2)) > 1e-4
    face = moved & (head.rest[:, 2] > 0.04)
    other = TriangleMesh(np.asarray(geometry.rest, np.float64), np.asarray(geometry.triangles, np.int64))
    return register_surface(
        TriangleMesh(head.rest, head.triangles), other, head.eye_distance, face, _starts(geometry, head)
    )


def _fitted(geometry: RigGeometry, profile: str, known: Mapping[str, str]) -> FaceMap:
    head = reference()
    rows = head.rows(overlay(geometry).carry(geometry.fields.astype(np.float32)))
    rows[_like_a_face(rows, head) < _FACE] = 0.0  # it stays at rest
    mix = np.zeros((len(rows), len(SOURCES)))
    mix[:, : len(ARKIT)] = rows @ head.shapes.T
    cosine, strength = _compared(rows, mix[:, : len(ARKIT)], head)
    track_of = {
        index: known[one.name]
        for index, one in enumerate(geometry.channels)
        if one.name in known and _as_named(cosine[index], known[one.name])
    }
    track_of |= _alike(geometry.channels, cosine, strength, track_of)
    direct = np.zeros((len(rows), len(SOURCES)))
    for index, track in track_of.items():
        direct[index, INDEX[track]] = 1.0
    best = np.abs(cosine).argmax(1)
    alike = tuple((ARKIT[shape], float(cosine[index, shape])) for index, shape in enumerate(best))
    return assemble(profile, geometry.channels, direct, rows @ rows.T, mix, alike)


def _like_a_face(rows: FloatArray, head: ReferenceHead) -> FloatArray:
    """(K,) how much of what each channel does a face can do, 0..1: hair that hides and legs are nothing of the kind."""
    _, sizes, ways = np.linalg.svd(head.shapes, full_matrices=False)
    inside = rows @ ways[sizes > 1e-3 * sizes[0]].T
    share: FloatArray = (inside**2).sum(1) / np.maximum((rows**2).sum(1), 1e-30)
    return share


def _as_named(cosine: FloatArray, track: str) -> bool:
    """Whether a channel does not contradict its name; tracks that do not move the skin cannot be checked."""
    return track not in ARKIT or track == "tongueOut" or bool(cosine[ARKIT.index(track)] > _NAMED)


def _compared(rows: FloatArray, mix: FloatArray, head: ReferenceHead) -> tuple[FloatArray, FloatArray]:
    """(K, 52) cosines of channels and shapes, and how strong each channel is next to each shape."""
    own = np.linalg.norm(rows, axis=1)
    shapes = np.linalg.norm(head.shapes, axis=1)
    cosine = mix / np.maximum(own[:, None] * shapes, 1e-30)
    return cosine, mix / np.maximum(shapes**2, 1e-30)


def _alike(
    channels: tuple[RigChannel, ...], cosine: FloatArray, strength: FloatArray, taken: Mapping[int, str]
) -> dict[int, str]:
    """Tracks of the channels that are ARKit shapes under other names: the most alike pairs first, each once."""
    plain = np.array([(one.low, one.high, one.rest) == (0.0, 1.0, 0.0) and one.kind == "shape" for one in channels])
    fits = plain[:, None] & (cosine > ALIKE) & (strength > _STRENGTH[0]) & (strength < _STRENGTH[1])
    fits[list(taken)] = False
    fits[:, [ARKIT.index(track) for track in taken.values() if track in ARKIT]] = False
    found: dict[int, str] = {}
    for flat in np.argsort(-cosine, axis=None, kind="stable"):
        channel, shape = divmod(int(flat), len(ARKIT))
        if fits[channel, shape]:
            found[channel] = ARKIT[shape]
            fits[channel] = False
            fits[:, shape] = False
    return found


def _starts(geometry: RigGeometry, head: ReferenceHead) -> Iterator[SimilarityTransform]:
    """First guesses: by the eyes where they are known, else by what moves and by the size of the whole."""
    if geometry.eyes is not None:
        left, right = geometry.eyes
        scale = float(np.linalg.norm(head.eyes[0] - head.eyes[1])) / max(float(np.linalg.norm(left - right)), 1e-9)
        yield SimilarityTransform(scale, np.eye(3), head.eyes.mean(0) - scale * geometry.eyes.mean(0))
        return
    where = _energy(geometry.fields)
    if where.sum() <= 0:
        raise InputError("Nothing of the mesh is moved by its shapes or bones; choose the mesh of the face.")
    names = {"face": ARKIT, "mouth": [name for name in ARKIT if name.startswith(("jaw", "mouth"))]}
    for chosen in names.values():
        ours = _energy(head.delta[[ARKIT.index(name) for name in chosen]])
        for axis in (0, 1):
            middle, spread = _spread(np.asarray(geometry.rest, np.float64), where)
            wanted, size = _spread(head.rest, ours)
            scale = float(size[axis] / max(spread[axis], 1e-12))
            yield SimilarityTransform(scale, np.eye(3), wanted - scale * middle)
    rest = np.asarray(geometry.rest, np.float64)
    low, high = rest.min(0), rest.max(0)
    top, width = head.rest.max(0), float(np.ptp(head.rest[:, 0]))
    scale = width / max(float(np.ptp(rest[:, 0])), 1e-12)
    middle = np.array([(low[0] + high[0]) / 2, high[1], high[2]])
    yield SimilarityTransform(scale, np.eye(3), np.array([0.0, top[1], top[2]]) - scale * middle)


def _energy(fields: NDArray[np.float32]) -> FloatArray:
    """(V,) how much each vertex moves, every channel counting the same."""
    size = np.linalg.norm(fields, axis=2)
    most = size.max(1, keepdims=True)
    share: FloatArray = (size / np.where(most > 0, most, 1.0)).mean(0).astype(np.float64)
    return share


def _spread(points: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The weighted middle (3,) and the spread (3,) of points."""
    middle = np.average(points, axis=0, weights=weight)
    return middle, np.sqrt(np.average((points - middle) ** 2, axis=0, weights=weight))
