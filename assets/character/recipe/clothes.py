"""A sweater, trousers and shoes, cut from the base mesh's clothing layer, relaxed, offset and given hems."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from part import Part, vertex_normals
from person import Person
from skeleton import joint_heads, joint_weights


def cut(
    vertices: np.ndarray, faces: list[list[int]], level: np.ndarray, carried: np.ndarray
) -> tuple[np.ndarray, list[list[int]], np.ndarray]:
    """Keep the part of a mesh where `level` (V,) is positive; edges are cut where it is zero.

    Returns vertices, faces and the `carried` (V, K) numbers, interpolated at the cuts.
    """
    points, extra = list(vertices), list(carried)
    made: dict[tuple[int, int], int] = {}

    def crossing(one: int, two: int) -> int:
        key = (min(one, two), max(one, two))
        if key not in made:
            share = level[key[0]] / (level[key[0]] - level[key[1]])
            points.append(points[key[0]] + share * (points[key[1]] - points[key[0]]))
            extra.append(extra[key[0]] + share * (extra[key[1]] - extra[key[0]]))
            made[key] = len(points) - 1
        return made[key]

    kept = []
    for face in faces:
        polygon: list[int] = []
        for one, two in zip(face, face[1:] + face[:1], strict=True):
            if level[one] > 0:
                polygon.append(one)
            if (level[one] > 0) != (level[two] > 0):
                polygon.append(crossing(one, two))
        if len(polygon) >= 3:
            kept.append(polygon)
    used = np.unique([corner for face in kept for corner in face])
    place = np.full(len(points), -1)
    place[used] = np.arange(len(used))
    return np.array(points)[used], [[int(place[c]) for c in face] for face in kept], np.array(extra)[used]


def border_loops(faces: list[list[int]]) -> list[list[int]]:
    """Return the open borders as loops of vertices, in the direction of the faces' own edges."""
    edges = {(one, two) for face in faces for one, two in zip(face, face[1:] + face[:1], strict=True)}
    following = {one: two for one, two in edges if (two, one) not in edges}
    loops = []
    while following:
        start, current = following.popitem()
        loop = [start]
        while current != start:
            loop.append(current)
            current = following.pop(current)
        loops.append(loop)
    return loops


def relax(vertices: np.ndarray, faces: list[list[int]], rounds: int) -> np.ndarray:
    """Return vertices smoothed by their neighbours; borders are smoothed along themselves."""
    links: list[set[int]] = [set() for _ in vertices]
    for face in faces:
        for one, two in zip(face, face[1:] + face[:1], strict=True):
            links[one].add(two)
            links[two].add(one)
    for loop in border_loops(faces):
        for before, current, after in zip(loop[-1:] + loop[:-1], loop, loop[1:] + loop[:1], strict=True):
            links[current] = {before, after}
    result = vertices.copy()
    source = np.concatenate([[index] * len(link) for index, link in enumerate(links)]).astype(int)
    target = np.concatenate([list(link) for link in links]).astype(int)
    number = np.array([max(len(link), 1) for link in links])[:, None]
    for turn in range(2 * rounds):
        total = np.zeros_like(result)
        np.add.at(total, source, result[target])
        result += (0.5 if turn % 2 == 0 else -0.45) * (total / number - result)
    return result


def hem(
    vertices: np.ndarray, faces: list[list[int]], carried: np.ndarray, thick: float, deep: float
) -> tuple[np.ndarray, list[list[int]], np.ndarray]:
    """Fold every border inwards by `thick` metres and back inside by `deep` metres."""
    normals = vertex_normals(vertices, faces)
    blocks, extra, faces = [vertices], [carried], list(faces)
    count = len(vertices)
    inner = vertices.mean(0)
    links: dict[int, set[int]] = {}
    for face in faces:
        for corner in face:
            links.setdefault(corner, set()).update(face)
    for loop in border_loops(faces):
        ring = np.array(loop)
        inside = np.array(
            [vertices[list(links[c] - set(loop))].mean(0) if links[c] - set(loop) else inner for c in loop]
        )
        back = inside - vertices[ring]
        back /= np.maximum(np.linalg.norm(back, axis=1, keepdims=True), 1e-9)
        rows = [
            vertices[ring] - thick * 0.5 * normals[ring] - 0.35 * thick * back,
            vertices[ring] - thick * normals[ring],
            vertices[ring] - thick * normals[ring] + deep * back,
        ]
        before = ring
        for row in rows:
            blocks.append(row)
            extra.append(carried[ring])
            now = np.arange(count, count + len(ring))
            count += len(ring)
            for k in range(len(ring)):
                after = (k + 1) % len(ring)
                faces.append([int(before[after]), int(before[k]), int(now[k]), int(now[after])])
            before = now
    return np.concatenate(blocks), faces, np.concatenate(extra)


def sweater_level(person: Person, points: np.ndarray) -> np.ndarray:
    """Return a number per point that is positive where the sweater is."""
    heads = joint_heads(person)
    collar = heads["neck"] + np.array([0.0, -0.018, 0.0])
    front = 0.055 + 0.42 * (points[:, 1] - collar[1])
    below_collar = collar[2] - 0.060 + front - points[:, 2]
    radial = np.hypot(points[:, 0] / 0.059, (points[:, 1] - collar[1]) / 0.074) - 1
    level = np.maximum(below_collar, 0.06 * radial)
    level = np.minimum(level, points[:, 2] - (heads["left_hip"][2] - 0.045))
    for side in ("left", "right"):
        axis = heads[f"{side}_wrist"] - heads[f"{side}_elbow"]
        axis /= np.linalg.norm(axis)
        beyond = (points - heads[f"{side}_wrist"]) @ axis + 0.012
        arm = points[:, 0] * (1 if side == "left" else -1) > heads["left_shoulder"][0] + 0.06
        level = np.where(arm, np.minimum(np.where(arm, np.maximum(level, 0.02), level), -beyond), level)
    return level


def garment(
    person: Person, name: str, level: np.ndarray, offset: Callable[[np.ndarray], np.ndarray], rounds: int, thick: float
) -> Part:
    """Return one garment; `offset` tells for vertices (V, 3) how far (V,) metres it stands off."""
    quads = [list(map(int, quad)) for quad in person.quads[person.groups == "helper-tights"]]
    joints = joint_weights(person)
    carried = np.stack(list(joints.values()), 1)
    vertices, faces, weights = cut(person.vertices, quads, level, carried)
    vertices = relax(vertices, faces, rounds)
    normals = vertex_normals(vertices, faces)
    vertices = vertices + offset(vertices)[:, None] * normals
    vertices, faces, weights = hem(vertices, faces, weights, thick, 0.016)
    part = Part(f"Animcore {name}", vertices, faces, [name.lower()], levels=(0, 1))
    part.weights = {joint: weights[:, k] for k, joint in enumerate(joints) if weights[:, k].max() > 1e-4}
    return part


def make_clothes(person: Person) -> list[Part]:
    """Return sweater, trousers and shoes."""
    points, heads = person.vertices, joint_heads(person)
    hip, ankle = heads["left_hip"][2], heads["left_ankle"][2]

    def sweater_offset(place: np.ndarray) -> np.ndarray:
        torso = np.abs(place[:, 0]) < heads["left_shoulder"][0] + 0.04
        return np.where(
            torso, np.interp(place[:, 2], [hip - 0.05, hip + 0.10, hip + 0.25], [0.017, 0.012, 0.0055]), 0.0055
        )

    sweater = garment(person, "Sweater", sweater_level(person, points), sweater_offset, 6, 0.0030)
    fit_cuffs(sweater.vertices, heads)
    legs = np.minimum(hip + 0.06 - points[:, 2], points[:, 2] - (ankle - 0.010))
    trousers = garment(person, "Trousers", legs, lambda place: np.full(len(place), 0.0045), 5, 0.0030)
    trousers.vertices[:, :2] += flare(trousers.vertices, heads)
    feet = ankle + 0.010 + 0.10 * (points[:, 1] - heads["left_ankle"][1]) - points[:, 2]
    shoes = garment(person, "Shoes", feet, lambda place: np.full(len(place), 0.0055), 4, 0.0030)
    shoes.vertices[:, 2] = np.where(shoes.vertices[:, 2] < 0.020, 0.0, shoes.vertices[:, 2])
    shoes.attributes["sole"] = np.clip((0.026 - shoes.vertices[:, 2]) / 0.012, 0, 1)
    return [sweater, trousers, shoes]


def fit_cuffs(points: np.ndarray, heads: dict[str, np.ndarray]) -> None:
    """Draw the ends of the sleeves (points (V, 3), changed in place) towards the wrists."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        elbow, wrist = heads[f"{side}_elbow"], heads[f"{side}_wrist"]
        axis = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        along = (points - wrist) @ axis
        arm = points[:, 0] * sign > heads["left_shoulder"][0] + 0.06
        share = np.where(arm, np.clip((along + 0.075) / 0.045, 0, 1), 0)
        ring = arm & (along > -0.03)
        centre = points[ring].mean(0) if ring.any() else wrist
        middle = centre + ((points - centre) @ axis)[:, None] * axis
        points += 0.10 * share[:, None] * (middle - points)


def flare(points: np.ndarray, heads: dict[str, np.ndarray]) -> np.ndarray:
    """Return horizontal offsets (V, 2) that let the trouser legs hang wider than the shin."""
    offsets = np.zeros((len(points), 2))
    knee, ankle = heads["left_knee"][2], heads["left_ankle"][2]
    share = np.clip((knee + 0.10 - points[:, 2]) / (knee + 0.10 - ankle), 0, 1)
    for sign in (1.0, -1.0):
        leg = points[:, 0] * sign > 0
        centre = np.stack(
            [
                sign * np.interp(points[:, 2], [ankle, knee], [heads["left_ankle"][0], heads["left_knee"][0]]),
                np.interp(points[:, 2], [ankle, knee], [heads["left_ankle"][1] + 0.002, heads["left_knee"][1] + 0.01]),
            ],
            1,
        )
        away = points[:, :2] - centre
        distance = np.maximum(np.linalg.norm(away, axis=1), 1e-6)
        wider = np.maximum(0.068 - distance, 0) * 0.75 * share
        offsets += np.where(leg[:, None], away / distance[:, None] * wider[:, None], 0)
    return offsets
