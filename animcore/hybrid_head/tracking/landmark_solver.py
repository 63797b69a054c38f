"""Poses and expressions of one head in many frames of a video, from landmarks: Gauss-Newton, NumPy alone.

A landmark is a point of the head's surface that ARKit weights move; frame by frame the head is turned and put before
one camera. What is unknown: per frame rotation, place and weights; per clip the focal length, the person's coefficients
and a smooth field of offsets. Landmarks count by how well they are tracked, less where they are far off (Huber, 1964)
or the surface looks away. Weights stay within 0..1 (projected Newton: Bertsekas, 1982) and are drawn to 0.

The clip's unknowns are found from some frames together with these frames' own, which are eliminated first (Schur's
complement, as in bundle adjustment: Triggs et al., 1999). Then all frames are solved with what a head can do from one
frame to the next; their equations are block tridiagonal, so time and memory grow with the frames alone.

Axes are the camera's, as OpenGL has them: X right, Y up, the camera looks along -Z.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.face_landmarks import MIDDLE, views_of
from animcore.geometry.rotations import from_matrix, to_matrix

FloatArray = NDArray[np.float64]

POSE = 6  # unknowns of a frame before its weights: rotation and place
_EFFECTIVE = 5.0  # landmarks that say together what one says: their errors go together
_FAR = 2.5  # spreads from which a landmark counts less
_AWAY = (-0.1, 0.4)  # cosine towards the camera from which a landmark counts, and until it counts fully
_LEAST = 0.02  # what a landmark on the far side counts
_DRAWN, _RIDGE = 0.03, 0.3  # what a weight costs: straight, and squared
_DAMPING = 1e-3  # of the diagonal
_PIECE = 48  # frames at a time: some 25 MB
_ROUNDS_CLIP, _ROUNDS_FRAMES = 14, 8
_NEAREST = 0.05  # metres before the camera that a point may come to while it is searched


@dataclass(frozen=True)
class SequenceParameters:
    """What is the same in all frames.

    Attributes:
        points: (L, 3) metres, of the person at rest, in the axes of the head.
        normals: (L, 3).
        drift: (5, L, 3) metres that the tracker goes astray with the view (`face_marks.views_of`).
        spread: (L,) metres, of the tracker.
        shapes: (K, L, 3) what the weights at 1 move.
        costs: (K,) how dear a weight is beside the others.
        centre: (2,) pixels, where the camera's axis meets the image.
        focal: pixels.
    """

    points: FloatArray
    normals: FloatArray
    drift: FloatArray
    spread: FloatArray
    shapes: FloatArray
    costs: FloatArray
    centre: FloatArray
    focal: float


@dataclass(frozen=True)
class FrameParameters:
    """What differs: observed (T, L, 2) pixels (NaN where lost), turns (T, 3, 3), places (T, 3), weights (T, K)."""

    observed: FloatArray
    turns: FloatArray
    places: FloatArray
    weights: FloatArray

    def part(self, which: slice | NDArray[Any]) -> FrameParameters:
        """Some of the frames."""
        return FrameParameters(self.observed[which], self.turns[which], self.places[which], self.weights[which])


def project(scene: SequenceParameters, frames: FrameParameters) -> FloatArray:
    """(T, L, 2) where the landmarks lie in the image, in pixels."""
    found = [_seen(scene, frames.part(piece))[1] for piece in _pieces(len(frames.turns))]
    return np.concatenate(found) if found else np.zeros((0, len(scene.points), 2))


def initial_parameters(scene: SequenceParameters, observed: FloatArray, depths: FloatArray) -> FrameParameters:
    """First poses: the head at rest laid over each frame's landmarks (Kabsch, 1976).

    Args:
        scene: with the head.
        observed: (T, L, 2) pixels; lost frames take the pose of the nearest frame.
        depths: (T, L) of the tracker, in pixels and away from the camera; good enough for a first turn.
    """
    known = np.flatnonzero(np.isfinite(observed).all((1, 2)))
    flat = observed[known] - scene.centre
    cloud = np.stack([flat[..., 0], -flat[..., 1], -depths[known]], -1)
    weight = 1 / scene.spread**2
    weight = weight / weight.sum()
    middle, own = np.einsum("l,tlx->tx", weight, cloud), weight @ scene.points
    centred, rest = cloud - middle[:, None], scene.points - own
    left, _, right = np.linalg.svd(np.einsum("l,tlx,ly->txy", weight, centred, rest))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    turns = left @ right
    turned = np.einsum("txy,ly->tlx", turns, rest)
    # pixels a metre, from what lies across the image alone
    scale = np.einsum("l,tlx,tlx->t", weight, centred[..., :2], turned[..., :2])
    scale /= np.einsum("l,tlx,tlx->t", weight, turned[..., :2], turned[..., :2])
    depth = scene.focal / scale
    places = np.stack([middle[:, 0] / scale, middle[:, 1] / scale, -depth], 1) - np.einsum("txy,y->tx", turns, own)
    nearest = np.abs(np.arange(len(observed))[:, None] - known[None]).argmin(1)
    return FrameParameters(observed, turns[nearest], places[nearest], np.zeros((len(observed), len(scene.shapes))))


def solve_clip(
    scene: SequenceParameters,
    frames: FrameParameters,
    ways: FloatArray,
    focal_spread: float,
    rounds: int = _ROUNDS_CLIP,
) -> tuple[SequenceParameters, FrameParameters, FloatArray]:
    """Solve some frames with what is unknown of the clip.

    Args:
        scene: the first idea of it.
        frames: some, from different sides and with different faces.
        ways: (G, L, 3) in which the person may differ, each for a coefficient whose spread is 1.
        focal_spread: of the logarithm of the focal length beside the first idea; 0 where it is known.
        rounds: of Gauss-Newton.

    Returns:
        scene and frames, and the coefficients (G,) of the ways.
    """
    first, guess = scene, np.log(scene.focal)
    amounts = np.zeros(len(ways))
    stiff = np.concatenate([[1 / max(focal_spread, 1e-6) ** 2], np.ones(len(ways))])
    for _ in range(rounds):
        total = np.diag(stiff)
        pull = stiff * np.concatenate([[np.log(scene.focal) - guess], amounts])
        kept = []
        for piece in _pieces(len(frames.turns)):
            part = frames.part(piece)
            own, rows, own_pull, clip_pull, whole = _both(scene, part, ways)
            free = _free(part.weights, own_pull)
            own, own_pull, rows = _held(own, free), own_pull * free, rows * free[..., None]
            solved = np.linalg.solve(own, np.concatenate([rows, own_pull[..., None]], 2))
            total += whole - np.einsum("tng,tnh->gh", rows, solved[..., :-1], optimize=True)
            pull += clip_pull - np.einsum("tng,tn->g", rows, solved[..., -1], optimize=True)
            kept.append(solved)
        step = -np.linalg.solve(total, pull)
        step[0] = np.clip(step[0], -0.3, 0.3)
        moves = [-(solved[..., -1] + solved[..., :-1] @ step) for solved in kept]
        frames = _stepped(frames, np.concatenate(moves))
        amounts = amounts + step[1:]
        points = first.points + np.tensordot(amounts, ways, 1)
        scene = replace(scene, points=points, focal=scene.focal * float(np.exp(step[0])))
    return scene, frames, amounts


def solve_frames(
    scene: SequenceParameters, frames: FrameParameters, steps: FloatArray, rounds: int = _ROUNDS_FRAMES
) -> FrameParameters:
    """Solve all frames of a clip, each near its neighbours.

    Args:
        scene: which is known.
        frames: the first idea of them; those that are lost (NaN) are filled in between the others.
        steps: (6 + K,) how far each unknown may be expected to go from one frame to the next.
        rounds: of Gauss-Newton.
    """
    stiff = 1 / steps**2
    for _ in range(rounds):
        systems = [_own(scene, frames.part(piece)) for piece in _pieces(len(frames.turns))]
        own = np.concatenate([system[0] for system in systems])
        pull = np.concatenate([system[1] for system in systems])
        between = stiff * _differences(frames)
        diagonal = np.arange(len(steps))
        own[:-1, diagonal, diagonal] += stiff
        own[1:, diagonal, diagonal] += stiff
        pull[1:] += between
        pull[:-1] -= between
        free = _free(frames.weights, pull)
        moves = _tridiagonal(_held(own, free), -pull * free, -stiff * free[1:] * free[:-1])
        frames = _stepped(frames, moves)
    return frames


def _differences(frames: FrameParameters) -> FloatArray:
    """(T - 1, 6 + K) how far the unknowns go from frame to frame."""
    turned = from_matrix(frames.turns[1:] @ frames.turns[:-1].transpose(0, 2, 1))
    return np.concatenate([turned, np.diff(frames.places, axis=0), np.diff(frames.weights, axis=0)], 1)


def _seen(scene: SequenceParameters, frames: FrameParameters) -> tuple[FloatArray, FloatArray]:
    """Landmarks (T, L, 3) in the axes of the camera, and (T, L, 2) in pixels."""
    there = scene.points + np.einsum("tk,klx->tlx", frames.weights, scene.shapes, optimize=True)
    ways = -np.einsum("tyx,ty->tx", frames.turns, frames.places) - MIDDLE
    there = there + np.einsum("tf,flx->tlx", views_of(ways), scene.drift, optimize=True)
    there = np.einsum("txy,tly->tlx", frames.turns, there) + frames.places[:, None]
    depth = np.maximum(-there[..., 2:], _NEAREST)
    return there, scene.centre + scene.focal * there[..., :2] * (1, -1) / depth


def _rows(scene: SequenceParameters, frames: FrameParameters) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Residuals (T, L, 2) in standard deviations, weights (T, L), gradients (T, L, 2, 3), positions."""
    there, pixels = _seen(scene, frames)
    depth = np.maximum(-there[..., 2], _NEAREST)
    residual = (pixels - np.nan_to_num(frames.observed)) * (depth / scene.focal)[..., None] / scene.spread[:, None]
    gradient = np.zeros((*there.shape[:2], 2, 3))
    gradient[..., 0, 0], gradient[..., 1, 1] = 1.0, -1.0
    gradient[..., 0, 2], gradient[..., 1, 2] = there[..., 0] / depth, -there[..., 1] / depth
    gradient /= scene.spread[:, None, None]
    looks = np.einsum("txy,ly->tlx", frames.turns, scene.normals)
    towards = -(looks * there).sum(2) / np.linalg.norm(there, axis=2)
    counts = np.clip((towards - _AWAY[0]) / (_AWAY[1] - _AWAY[0]), _LEAST, 1.0)
    counts = counts / np.maximum(np.linalg.norm(residual, axis=2) / _FAR, 1.0)
    known = np.isfinite(frames.observed).all(2)
    return residual, np.where(known, counts, 0.0) / _EFFECTIVE, gradient, there


def _jacobian(
    scene: SequenceParameters, frames: FrameParameters, gradient: FloatArray, there: FloatArray
) -> FloatArray:
    """(T, L, 2, 6 + K) of the residuals to a frame's own unknowns."""
    arm = there - frames.places[:, None]
    zero = np.zeros_like(arm[..., 0])
    x, y, z = np.moveaxis(arm, 2, 0)
    across = np.stack([np.stack(row, -1) for row in ((zero, z, -y), (-z, zero, x), (y, -x, zero))], -2)
    moved = _turned(frames.turns, scene.shapes)
    return np.concatenate([gradient @ across, gradient, gradient @ moved], -1)


def _turned(turns: FloatArray, fields: FloatArray) -> FloatArray:
    """(T, L, 3, K) fields (K, L, 3) in the axes of the camera."""
    count, marks = fields.shape[:2]
    flat = fields.transpose(2, 1, 0).reshape(3, -1)
    return np.asarray((turns @ flat).reshape(len(turns), 3, marks, count).transpose(0, 2, 1, 3))


def _own(scene: SequenceParameters, frames: FrameParameters) -> tuple[FloatArray, FloatArray]:
    """Equations (t, N, N) and pulls (t, N) of frames' own unknowns, with what weights cost."""
    residual, counts, gradient, there = _rows(scene, frames)
    jacobian = _jacobian(scene, frames, gradient, there)
    return _normal(scene, frames, jacobian, residual, counts)


def _normal(
    scene: SequenceParameters, frames: FrameParameters, jacobian: FloatArray, residual: FloatArray, counts: FloatArray
) -> tuple[FloatArray, FloatArray]:
    rows = jacobian.reshape(len(jacobian), -1, jacobian.shape[-1])
    weighted = (jacobian * counts[..., None, None]).reshape(rows.shape).transpose(0, 2, 1)
    own = weighted @ rows
    pull = (weighted @ residual.reshape(len(rows), -1, 1))[..., 0]
    diagonal = np.arange(own.shape[1])
    own[:, diagonal, diagonal] *= 1 + _DAMPING
    own[:, diagonal, diagonal] += 1e-6
    own[:, diagonal[POSE:], diagonal[POSE:]] += _RIDGE * scene.costs
    pull[:, POSE:] += scene.costs * (_DRAWN + _RIDGE * frames.weights)
    return own, pull


def _both(scene: SequenceParameters, frames: FrameParameters, ways: FloatArray) -> tuple[FloatArray, ...]:
    """Own equations (t, N, N), those with the clip (t, N, 1 + G), own pulls, the clip's pull and its equations."""
    residual, counts, gradient, there = _rows(scene, frames)
    jacobian = _jacobian(scene, frames, gradient, there)
    own, own_pull = _normal(scene, frames, jacobian, residual, counts)
    lens = there[..., :2] * (1, -1) / scene.spread[:, None]
    clip = np.concatenate([lens[..., None], gradient @ _turned(frames.turns, ways)], -1)
    flat = clip.reshape(len(clip), -1, clip.shape[-1])
    weighted = (clip * counts[..., None, None]).reshape(flat.shape)
    rows = jacobian.reshape(len(jacobian), -1, jacobian.shape[-1]).transpose(0, 2, 1) @ weighted
    every = weighted.reshape(-1, flat.shape[-1])
    return own, rows, own_pull, every.T @ residual.ravel(), every.T @ flat.reshape(every.shape)


def _free(weights: FloatArray, pull: FloatArray) -> FloatArray:
    """(T, 6 + K) 1, or 0 where a weight at a bound is drawn beyond it."""
    own = pull[:, POSE:]
    beyond = ((weights <= 0) & (own > 0)) | ((weights >= 1) & (own < 0))
    return np.concatenate([np.ones((len(weights), POSE)), np.where(beyond, 0.0, 1.0)], 1)


def _held(own: FloatArray, free: FloatArray) -> FloatArray:
    """Equations in which what is not free stays."""
    held: FloatArray = own * free[:, :, None] * free[:, None]
    diagonal = np.arange(own.shape[1])
    held[:, diagonal, diagonal] += 1 - free
    return held


def _stepped(frames: FrameParameters, moves: FloatArray) -> FrameParameters:
    turns = to_matrix(moves[:, :3]) @ frames.turns
    weights = np.clip(frames.weights + moves[:, POSE:], 0.0, 1.0)
    return replace(frames, turns=turns, places=frames.places + moves[:, 3:POSE], weights=weights)


def _tridiagonal(own: FloatArray, right: FloatArray, between: FloatArray) -> FloatArray:
    """(T, N) solution of blocks (T, N, N) whose neighbours are joined by diagonals (T - 1, N) (Thomas, 1949)."""
    count, size = right.shape
    carried, values = np.empty((count, size, size)), np.empty((count, size))
    block, value = own[0], right[0]
    for frame in range(count):
        if frame:
            joint = between[frame - 1]
            block = own[frame] - joint[:, None] * carried[frame - 1]
            value = right[frame] - joint * values[frame - 1]
        after = np.diag(between[frame]) if frame < count - 1 else np.zeros((size, size))
        solved = np.linalg.solve(block, np.concatenate([after, value[:, None]], 1))
        carried[frame], values[frame] = solved[:, :-1], solved[:, -1]
    for frame in range(count - 2, -1, -1):
        values[frame] -= carried[frame] @ values[frame + 1]
    return values


def _pieces(count: int) -> Iterator[slice]:
    for first in range(0, count, _PIECE):
        yield slice(first, min(first + _PIECE, count))
