"""Skin, teeth, tongue and eyes of a person as one mesh of triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from eyes import make_eyes
from part import Part
from person import SKIN, Person, y_up
from teeth import make_teeth
from tongue import make_tongue

from animcore.core.vocabulary import ARKIT


@dataclass(frozen=True)
class Assembly:
    """All parts one after the other, Y up.

    vertices (V, 3); part_of (V,) index into `names`; triangles (F, 3); picture (P, 2) places in the texture and
    picture_triangles (F, 3) indices into it; deltas: shape -> (V, 3); lower_teeth: (V,) bool, what is rigid on the jaw.
    """

    names: tuple[str, ...]
    vertices: np.ndarray
    part_of: np.ndarray
    triangles: np.ndarray
    picture: np.ndarray
    picture_triangles: np.ndarray
    deltas: dict[str, np.ndarray]
    lower_teeth: np.ndarray

    def of(self, name: str) -> slice:
        """The vertices of a part."""
        found = np.flatnonzero(self.part_of == self.names.index(name))
        return slice(int(found[0]), int(found[-1]) + 1)


def part_points(person: Person) -> np.ndarray:
    """(V, 3) the vertices of the assembly for another person of the same mesh, Y up."""
    parts = (make_teeth(person).vertices, make_tongue(person).vertices, make_eyes(person).vertices)
    return y_up(np.concatenate([person.vertices[SKIN], *parts]))


def assemble(person: Person) -> Assembly:
    """Put a person with mended shapes together."""
    skin = _skin(person)
    teeth, tongue, eyes = make_teeth(person), make_tongue(person), make_eyes(person)
    parts = [skin, teeth, tongue, eyes]
    firsts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    count = int(firsts[-1])
    part_of = np.repeat(np.arange(4), np.diff(firsts))
    part_of[firsts[3] + len(eyes.vertices) // 2 :] = 4
    corners = [_corners(part, first) for part, first in zip(parts, firsts, strict=False)]
    triangles = np.concatenate([index for index, _ in corners])
    picture, where = np.unique(np.concatenate([uv for _, uv in corners]).reshape(-1, 2), axis=0, return_inverse=True)
    deltas: dict[str, np.ndarray] = {}
    for part, first in zip(parts, firsts, strict=False):
        for name, delta in part.deltas.items():
            whole = deltas.setdefault(name, np.zeros((count, 3)))
            whole[first : first + len(delta)] = y_up(delta)
    lower = np.zeros(count, bool)
    lower[firsts[1] : firsts[2]] = teeth.attributes["lower"] > 0
    return Assembly(
        names=("skin", "teeth", "tongue", "left_eye", "right_eye"),
        vertices=part_points(person),
        part_of=part_of,
        triangles=triangles,
        picture=picture,
        picture_triangles=where.reshape(-1, 3),
        deltas=deltas,
        lower_teeth=lower,
    )


def _skin(person: Person) -> Part:
    chosen = person.groups == "body"
    deltas = {name: person.deltas[index, SKIN] for index, name in enumerate(ARKIT)}
    quads = person.quads[chosen].tolist()
    return Part("Skin", person.vertices[SKIN], quads, ["skin"], deltas=deltas, uv=person.uv[chosen].reshape(-1, 2))


def _corners(part: Part, first: int) -> tuple[np.ndarray, np.ndarray]:
    """(F, 3) vertices and (F, 3, 2) texture places of a part's triangles; flat ones are left out."""
    fans, places = [], []
    start = 0
    for face in part.faces:
        for k in range(1, len(face) - 1):
            fans.append((face[0], face[k], face[k + 1]))
            places.append((start, start + k, start + k + 1))
        start += len(face)
    index = np.array(fans)
    uv = part.uv[np.array(places)] if part.uv is not None else np.zeros((*index.shape, 2))
    real = (index[:, 0] != index[:, 1]) & (index[:, 1] != index[:, 2]) & (index[:, 0] != index[:, 2])
    return index[real] + first, np.round(uv[real], 6)
