"""The 51 inner landmarks of the iBUG 68 scheme (Sagonas et al., 2013), which FLAME and SMPL-X files carry."""

from __future__ import annotations

import numpy as np
from lids import EDGE, lid_columns, lid_rings
from mouth import mouth_rings
from parts import Assembly
from person import SKIN, Person

_OUTER, _INNER = 3, 7  # rings of the mouth: the border of the red, and where the lips meet
_BROW_ABOVE = 0.021  # metres of the brow above the middle of the eye


def embedding(person: Person, whole: Assembly) -> dict[str, np.ndarray]:
    """Return `lmk_faces_idx` (51,) and `lmk_bary_coords` (51, 3): each landmark is a corner of its triangle."""
    vertices = np.concatenate([_brows(person), _nose(person), _eyes(person), _mouth(person)])
    faces, corners = [], []
    for vertex in vertices:
        face, corner = np.argwhere(whole.triangles == vertex)[0]
        faces.append(face)
        corners.append(np.eye(3)[corner])
    return {"lmk_faces_idx": np.array(faces), "lmk_bary_coords": np.array(corners)}


def _nearest(person: Person, place: np.ndarray) -> int:
    """The skin vertex nearest to a place, seen from the front."""
    skin, eye = person.vertices[SKIN], person.eye_sphere("left")[0]
    away = skin - place
    front = (skin[:, 1] < eye[1]) & (np.abs(skin[:, 2] - eye[2]) < 0.1)
    return int(np.where(front, np.hypot(away[:, 0], away[:, 2]), 9.0).argmin())


def _brows(person: Person) -> np.ndarray:
    """17 to 26: five on each brow, from the person's right temple to the left one."""
    centre, _ = person.eye_sphere("left")
    across = centre[0] + np.array([0.026, 0.014, 0.001, -0.012, -0.021])
    above = centre[2] + _BROW_ABOVE + np.array([-0.006, 0.001, 0.002, 0.0, -0.003])
    left = np.stack([across, np.zeros(5), above], 1)
    right = left * (-1.0, 1.0, 1.0)
    return np.array([_nearest(person, place) for place in (*right, *left[::-1])])


def _nose(person: Person) -> np.ndarray:
    """27 to 35: four down the bridge, five under the tip."""
    skin = person.vertices[SKIN]
    middle = np.abs(skin[:, 0]) < 0.002
    eyes = person.eye_sphere("left")[0][2] + 0.004
    below = middle & (skin[:, 2] < eyes) & (skin[:, 2] > eyes - 0.06)
    tip = skin[np.where(below, skin[:, 1], 9.0).argmin()]
    bridge = [(0.0, 0.0, height) for height in np.linspace(eyes, tip[2], 4)]
    base = [(x, 0.0, tip[2] - 0.012 + 0.002 * abs(x) / 0.006) for x in (-0.012, -0.006, 0.0, 0.006, 0.012)]
    return np.array([_nearest(person, np.array(place)) for place in (*bridge, *base)])


def _eyes(person: Person) -> np.ndarray:
    """36 to 47: the right eye from its outer corner, the left one from its inner corner, above and then below."""
    found = []
    for side in ("right", "left"):
        edge = lid_rings(person, side)[EDGE]
        upper, lower = edge[lid_columns(person, side, True)], edge[lid_columns(person, side, False)]
        if side == "right":
            upper, lower = upper[::-1], lower[::-1]
        thirds = [round(part * (len(upper) - 1)) for part in (0.0, 0.33, 0.67, 1.0)]
        back = [round(part * (len(lower) - 1)) for part in (0.67, 0.33)]
        found += [*upper[thirds], *lower[back]]
    return np.array(found)


def _mouth(person: Person) -> np.ndarray:
    """48 to 67: twelve around the lips from the right corner over the upper lip, then eight where they meet."""
    rings = mouth_rings(person)
    found = []
    for ring, upper, lower in (
        (_OUTER, (0, 0.17, 0.35, 0.5, 0.65, 0.83, 1.0), (0.83, 0.65, 0.5, 0.35, 0.17)),
        (_INNER, (0, 0.25, 0.5, 0.75, 1.0), (0.75, 0.5, 0.25)),
    ):
        line = person.vertices[rings[ring]]
        left, right = int(line[:, 0].argmax()), int(line[:, 0].argmin())
        over = np.concatenate([np.arange(right, len(line)), np.arange(0, left + 1)])
        under = np.arange(left, right + 1)[::-1]
        found += [rings[ring, over[round(part * (len(over) - 1))]] for part in upper]
        found += [rings[ring, under[round(part * (len(under) - 1))]] for part in lower]
    return np.array(found)
