"""Rigs made of the open head: other people, other sizes, shapes under any names, bones of jaw and lips, visemes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animcore.core.vocabulary import ARKIT
from animcore.geometry.rotations import to_matrix
from animcore.retarget.face_map import RigChannel
from animcore.retarget.geometry_matching import RigGeometry
from animcore.retarget.rig_profiles import profiles

ROOT = Path(__file__).resolve().parents[2]
JAW_STEP = 0.2  # radians of the pose in which the jaw is measured
INNER_LIPS = (45, 49)  # landmarks 62 and 66 of iBUG 68, upper and lower, without the 17 of the contour


@functools.cache
def open_head() -> dict[str, np.ndarray]:
    """The arrays of the open head."""
    with np.load(ROOT / "assets" / "bodies" / "open_head.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


@dataclass(frozen=True)
class Person:
    """The skin of one person: vertices, triangles, ARKit fields, jaw joint, weights of the jaw, inner lips."""

    rest: np.ndarray
    triangles: np.ndarray
    arkit: np.ndarray
    jaw: np.ndarray
    follows: np.ndarray
    lips: tuple[tuple[np.ndarray, np.ndarray], ...]

    def opening(self, displaced: np.ndarray) -> np.ndarray:
        """(T,) the opening of the inner lips for vertices (T, V, 3)."""
        upper, lower = (displaced[:, corners, 1] @ weights for corners, weights in self.lips)
        return upper - lower


def person(dials: np.ndarray | None = None) -> Person:
    """The open head with shape coefficients (16,); None is the mean."""
    data = open_head()
    skin = np.flatnonzero(data["part_of_vertex"] == 0)
    index = np.full(len(data["v_template"]), -1)
    index[skin] = np.arange(len(skin))
    faces = index[data["f"]]
    rest = data["v_template"].astype(np.float64)
    if dials is not None:
        rest = rest + data["shapedirs"][:, :, :16] @ dials
    joint = (data["J_regressor"] @ rest)[2]
    follows = data["weights"][:, 2]
    fields = np.einsum("ke,vxe->kvx", data["arkit_to_expression"], data["shapedirs"][:, :, 300:364])
    for field, turn in zip(fields, data["arkit_to_jaw"].astype(np.float64), strict=True):
        if turn.any():
            field += follows[:, None] * ((rest + field - joint) @ (to_matrix(turn) - np.eye(3)).T)
    lips = []
    for landmark in INNER_LIPS:
        corners = data["f"][data["lmk_faces_idx"][landmark]]
        lips.append((index[corners], data["lmk_bary_coords"][landmark]))
    triangles = faces[(faces >= 0).all(1)]
    return Person(rest[skin], triangles, fields[:, skin], joint, follows[skin], tuple(lips))


def someone(seed: int) -> Person:
    """A person drawn by chance."""
    return person(np.random.default_rng(seed).normal(size=16))


def cut_otherwise(one: Person, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Another topology of the same surface: rest, triangles and ARKit fields.

    Vertices are shuffled, and every third triangle gets one more vertex inside.
    """
    random = np.random.default_rng(seed)
    chosen = np.arange(0, len(one.triangles), 3)
    corners = one.triangles[chosen]
    share = random.dirichlet((4, 4, 4), len(chosen))
    added = np.einsum("nc,ncx->nx", share, one.rest[corners])
    moved = np.einsum("nc,kncx->knx", share, one.arkit[:, corners])
    new = len(one.rest) + np.arange(len(chosen))
    a, b, c = corners.T
    split = np.concatenate([np.stack([a, b, new], 1), np.stack([b, c, new], 1), np.stack([c, a, new], 1)])
    triangles = np.concatenate([np.delete(one.triangles, chosen, 0), split])
    order = random.permutation(len(one.rest) + len(new))
    place = np.argsort(order)
    rest = np.concatenate([one.rest, added])[order]
    fields = np.concatenate([one.arkit, moved], 1)[:, order]
    return rest, place[triangles], fields


def shapes(rest: np.ndarray, triangles: np.ndarray, fields: np.ndarray, names: list[str]) -> RigGeometry:
    """A rig of shapes 0..1."""
    channels = tuple(RigChannel(name, "shape", (("Head", name),)) for name in names)
    return RigGeometry(rest, triangles, channels, fields.astype(np.float32))


def visemes(one: Person) -> RigGeometry:
    """A head with the 15 visemes alone, sculpted as their recipes say."""
    recipes = next(profile for profile in profiles() if profile.name == "viseme").recipes
    amounts = np.array([[recipe.get(name, 0.0) for name in ARKIT] for recipe in recipes.values()])
    return shapes(one.rest, one.triangles, np.einsum("ks,svx->kvx", amounts, one.arkit), list(recipes))


@dataclass(frozen=True)
class JawAndLips:
    """A head with a jaw bone and four lip bones: no shapes at all."""

    person: Person
    geometry: RigGeometry
    moves: np.ndarray  # (4, V) how much each vertex follows the upper, lower, left and right lip bone

    def posed(self, values: np.ndarray) -> np.ndarray:
        """(T, V, 3) vertices as the armature places them: lips moved first, then turned with the jaw."""
        one = self.person
        steps = values[:, 1:].reshape(len(values), 4, 3)
        points = one.rest + np.einsum("tbx,bv->tvx", steps, self.moves)
        angle = values[:, 0]
        turned = np.einsum("tij,tvj->tvi", to_matrix(angle[:, None] * [1.0, 0.0, 0.0]), points - one.jaw) + one.jaw
        return points + one.follows[:, None] * (turned - points)


def jaw_and_lips(one: Person) -> JawAndLips:
    """Give a person a jaw that turns and lips that move by up to 2 cm, measured by finite poses."""
    upper, lower = (one.rest[corners].T @ weights for corners, weights in one.lips)
    reach = np.array([0.03, 0.0, -0.012])
    places = [upper, lower, (upper + lower) / 2 + reach, (upper + lower) / 2 + reach * [-1, 1, 1]]
    sizes = (0.014, 0.014, 0.013, 0.013)
    sides = (1 - one.follows, one.follows, np.ones_like(one.follows), np.ones_like(one.follows))
    moves = np.array(
        [
            side * np.exp(-(np.linalg.norm(one.rest - place, axis=1) ** 2) / (2 * size**2))
            for place, size, side in zip(places, sizes, sides, strict=True)
        ]
    )
    channels = [RigChannel("jaw turn", "bone", (("", "jaw"),), low=-0.05, high=0.6)]
    opened = one.follows[:, None] * ((one.rest - one.jaw) @ (to_matrix(np.array([JAW_STEP, 0, 0])) - np.eye(3)).T)
    fields = [opened / JAW_STEP]
    for bone, move in zip(("lip_up", "lip_down", "corner_left", "corner_right"), moves, strict=True):
        for axis in range(3):
            channels.append(RigChannel(f"{bone} {'xyz'[axis]}", "bone", (("", bone),), low=-0.02, high=0.02))
            fields.append(move[:, None] * np.eye(3)[axis])
    geometry = RigGeometry(one.rest, one.triangles, tuple(channels), np.array(fields, np.float32))
    return JawAndLips(one, geometry, moves)
