"""The skin: the body without what clothes hide, its 52 shapes, and the painted numbers its material reads."""

from __future__ import annotations

import numpy as np
from part import Part
from person import SKIN, Person
from skeleton import joint_heads, joint_weights

from animcore.core.vocabulary import ARKIT


def bump(points: np.ndarray, centre: np.ndarray, size: tuple[float, float, float]) -> np.ndarray:
    """Return a soft spot (V,) of height one around `centre` with the given radii in metres."""
    return np.exp(-(((points - centre) / np.array(size)) ** 2).sum(1))


def painted(person: Person) -> dict[str, np.ndarray]:
    """Return the numbers the skin material reads, each (V,) in 0..1 for the skin's vertices."""
    points = person.vertices[SKIN]
    mirror = np.array([-1.0, 1.0, 1.0])
    eye, radius = person.eye_sphere("left")
    nose = points[np.where(np.abs(points[:, 0]) < 0.004, -points[:, 1], -9).argmax()]
    cheek = np.array([eye[0] + 0.012, eye[1] - 0.012, nose[2] + 0.006])
    blush = sum(bump(points, cheek * side, (0.024, 0.05, 0.018)) for side in (1, mirror))
    blush = blush + 0.55 * bump(points, nose, (0.016, 0.02, 0.014))
    chin = np.array([0.0, nose[1] + 0.02, nose[2] - 0.066])
    blush = blush + 0.25 * bump(points, chin, (0.016, 0.03, 0.012))
    lids = sum(bump(points, (eye + np.array([0, -radius, 0.006])) * side, (0.021, 0.02, 0.010)) for side in (1, mirror))
    lips = np.clip(person.mask("lips")[SKIN], 0, 1)
    return {
        "lips": lips,
        "blush": np.clip(np.maximum(blush, 0.8 * person.mask("ears")[SKIN]), 0, 1),
        "lids": np.clip(lids, 0, 1),
        "mouth_inside": np.clip(person.mask("inside-mouth")[SKIN], 0, 1),
        "nails": np.clip(person.mask("fingernails")[SKIN], 0, 1),
    }


def smoothed(values: np.ndarray, quads: np.ndarray, rounds: int) -> np.ndarray:
    """Return per-vertex numbers blurred over the mesh."""
    result = values.astype(float)
    pairs = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    degree = np.bincount(pairs[:, 0], minlength=len(values))
    for _ in range(rounds):
        total = np.bincount(pairs[:, 0], weights=result[pairs[:, 1]], minlength=len(values))
        result = 0.5 * result + 0.5 * total / np.maximum(degree, 1)
    return result


def visible(person: Person) -> np.ndarray:
    """Return which skin vertices (V,) clothes do not hide for good."""
    points, heads = person.vertices[SKIN], joint_heads(person)
    shown = points[:, 2] > heads["neck"][2] - 0.115
    for side in ("left", "right"):
        axis = heads[f"{side}_wrist"] - heads[f"{side}_elbow"]
        axis /= np.linalg.norm(axis)
        beyond = (points - heads[f"{side}_wrist"]) @ axis
        outside = points[:, 0] * (1 if side == "left" else -1) > heads["left_elbow"][0] - 0.05
        shown |= outside & (beyond > -0.055)
    arm = (np.abs(points[:, 0]) > heads["left_collar"][0] + 0.115) & (points[:, 2] < heads["neck"][2])
    hand = np.abs(points[:, 0]) > heads["left_elbow"][0] - 0.05
    return shown & ~(arm & ~hand)


def make_skin(person: Person) -> Part:
    """Return the skin with all 52 shapes."""
    quads = person.quads[person.groups == "body"]
    keep = visible(person)[quads].all(1)
    used, index = np.unique(quads[keep], return_inverse=True)
    part = Part("Animcore Skin", person.vertices[used], index.reshape(-1, 4).tolist(), ["skin"], levels=(0, 1))
    part.deltas = {name: person.deltas[k, used] for k, name in enumerate(ARKIT)}
    part.weights = {joint: weight[used] for joint, weight in joint_weights(person).items() if weight[used].max() > 1e-4}
    part.uv = person.uv[person.groups == "body"][keep].reshape(-1, 2)
    for name, values in painted(person).items():
        part.attributes[name] = smoothed(values, quads, 1 if name in ("lips", "nails") else 2)[used]
    return part
