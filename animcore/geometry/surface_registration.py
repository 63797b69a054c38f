"""Which point of another head is which point of ours, whatever its topology, size and proportions.

Two steps: a similarity (turn, size, place) that brings the other head onto ours, by iterated closest points with
trimming, so that hair, ears or a body that only one of them has do not count; then our head is bent towards the other
one, first stiffly, then more softly (non-rigid iterated closest points: Amberg, Romdhani and Vetter 2007, "Optimal step
nonrigid ICP algorithms for surface registration", here with a smooth displacement instead of affine maps). Points go
together only where both surfaces look the same way, so that lips that touch stay apart.

numpy alone, in bounded memory: nearest points are found among samples of the surface by matrix products in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SAMPLES = 5_000  # points on the other surface that are compared with
_PIECE = 1_000_000  # distances at a time
_TRIM = 0.75  # share of the closest pairs that count while the similarity is found
_TURN = 0.25  # sizes of the face that a turn of a surface by a right angle is worth
_STIFFNESS = (300.0, 100.0, 30.0, 10.0, 3.0, 1.0)  # of the bending, from first to last
_AGREE = 0.2  # cosine of two surface directions from which points may go together
_FAR = 0.12  # sizes of the face that a point may be away from its partner in the bending


@dataclass(frozen=True)
class TriangleMesh:
    """A triangle mesh: `points` (V, 3) and `triangles` (F, 3), counter-clockwise from outside."""

    points: FloatArray
    triangles: IntArray

    def normals(self, points: FloatArray | None = None) -> FloatArray:
        """(V, 3) unit directions of the surface at its vertices, or where these are moved to."""
        points = self.points if points is None else points
        a, b, c = points[self.triangles].transpose(1, 0, 2)
        across = np.cross(b - a, c - a)
        total = np.zeros_like(points)
        for corner in range(3):
            for axis in range(3):
                total[:, axis] += np.bincount(self.triangles[:, corner], across[:, axis], minlength=len(points))
        unit: FloatArray = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)
        return unit


@dataclass(frozen=True)
class SimilarityTransform:
    """Brings points of the other head onto ours: ``scale * points @ rotation.T + shift``."""

    scale: float
    rotation: FloatArray
    shift: FloatArray

    def points(self, points: FloatArray) -> FloatArray:
        """(N, 3) places in our frame."""
        moved: FloatArray = self.scale * points @ self.rotation.T + self.shift
        return moved

    def directions(self, fields: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """(..., 3) displacements in our frame."""
        turned: NDArray[np.floating[Any]] = self.scale * fields @ self.rotation.T.astype(fields.dtype)
        return turned

    def then(self, other: SimilarityTransform) -> SimilarityTransform:
        """This one first, then the other."""
        return SimilarityTransform(
            other.scale * self.scale,
            other.rotation @ self.rotation,
            other.scale * self.shift @ other.rotation.T + other.shift,
        )


@dataclass(frozen=True)
class SurfaceRegistration:
    """Where the points of our head lie on the other one.

    Attributes:
        corners: (V, 3) vertices of the other head around each of our points.
        weights: (V, 3) their barycentric weights.
        similarity: from the other head to ours.
        distance: (V,) metres in our frame between each point, after the bending, and the place found for it.
    """

    corners: IntArray
    weights: FloatArray
    similarity: SimilarityTransform
    distance: FloatArray

    def carry(self, fields: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Bring displacements (K, U, 3) of the other head to our points (K, V, 3), turned and scaled to our head."""
        weights = self.weights.astype(fields.dtype)
        there = sum(fields[:, self.corners[:, corner]] * weights[:, corner, None] for corner in range(3))
        return self.similarity.directions(np.asarray(there))

    def places(self, points: FloatArray) -> FloatArray:
        """(V, 3) where our points lie on the other head with vertices (U, 3), in its own frame."""
        there: FloatArray = np.einsum("vc,vcx->vx", self.weights, points[self.corners])
        return there


def register_surface(
    ours: TriangleMesh,
    other: TriangleMesh,
    size: float,
    focus: NDArray[np.bool_],
    starts: Iterable[SimilarityTransform],
) -> SurfaceRegistration:
    """Find our points on another head.

    Args:
        ours: our head.
        other: the other head, upright within some twenty degrees.
        size: metres, about the width of our face.
        focus: (V,) our points that both heads certainly have: the face without ears, hair and neck.
        starts: first guesses of the similarity; the one that fits best in the end is taken.

    Raises:
        InputError: where the other head has no surface.
    """
    _check(other)
    samples = _SurfaceSamples(other)
    best = min((_fit(ours, samples, size, focus, start) for start in starts), key=lambda found: found[0])
    similarity = best[1]
    near = samples.near(similarity, ours.points, size)
    bent = _bend(ours, near, size)
    corners, weights, distance = near.project(bent, ours.normals(bent), size)
    return SurfaceRegistration(corners, weights, similarity, distance)


def _check(other: TriangleMesh) -> None:
    if len(other.triangles) < 4 or not np.isfinite(other.points).all():
        raise InputError("The mesh cannot be compared: it has too few faces, or positions that are not numbers.")
    if other.triangles.min() < 0 or other.triangles.max() >= len(other.points):
        raise InputError("The mesh has faces of vertices that it does not have.")


class _SurfaceSamples:
    """Points spread over a surface, each with its triangle, and the nearest of them."""

    def __init__(self, surface: TriangleMesh) -> None:
        self.surface = surface
        a, b, c = surface.points[surface.triangles].transpose(1, 0, 2)
        across = np.cross(b - a, c - a)
        area = np.linalg.norm(across, axis=1)
        direction = across / np.maximum(area[:, None], 1e-30)
        # each triangle has as many samples as its share of the area, and at least its centre; a fixed sequence
        # (the golden ratio and its kin) spreads them, so that equal heads give equal answers
        count = np.maximum(1, np.round(_SAMPLES * area / max(area.sum(), 1e-30)).astype(np.int64))
        self.triangle = np.repeat(np.arange(len(area)), count)
        number = np.arange(len(self.triangle))
        u, v = (number * 0.7548776662466927) % 1.0, (number * 0.5698402909980532) % 1.0
        over = u + v > 1
        u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
        alone = (count == 1)[self.triangle]
        u, v = np.where(alone, 1 / 3, u), np.where(alone, 1 / 3, v)
        t = self.triangle
        self.points = a[t] + u[:, None] * (b - a)[t] + v[:, None] * (c - a)[t]
        self.directions = direction[t]

    def near(self, similarity: SimilarityTransform, points: FloatArray, size: float) -> _SurfaceSamples:
        """Samples of the part of the surface that lies around our points, in our frame; denser, since it is smaller."""
        moved = similarity.points(self.surface.points)
        low, high = points.min(0) - 0.3 * size, points.max(0) + 0.3 * size
        inside = ((moved > low) & (moved < high)).all(1)
        triangles = self.surface.triangles[inside[self.surface.triangles].all(1)]
        return _SurfaceSamples(TriangleMesh(moved, triangles))

    def nearest(self, points: FloatArray, directions: FloatArray, turn: float) -> IntArray:
        """(N,) the sample nearest to each point, where a right angle between the surfaces counts as `turn` metres."""
        return _nearest(_features(points, directions, turn), _features(self.points, self.directions, turn))

    def project(
        self, points: FloatArray, directions: FloatArray, size: float
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """Vertices (N, 3), weights (N, 3) and distances (N,) of the closest places on the surface."""
        triangles = self.surface.triangles
        found = self.nearest(points, directions, 0.5 * _TURN * size)
        # the triangles around the vertices of the one that was hit
        touching = _touching(triangles, len(self.surface.points))
        corners = triangles[self.triangle[found]]
        best = np.full(len(points), np.inf)
        answer, weights = corners.copy(), np.full((len(points), 3), 1 / 3)
        moved = self.surface.points
        for candidate in touching(corners):
            there = triangles[candidate]
            share = _closest(points, moved[there])
            distance = np.linalg.norm(np.einsum("nc,ncx->nx", share, moved[there]) - points, axis=1)
            facing = np.einsum("nx,nx->n", _direction(moved[there]), directions)
            distance = np.where((candidate >= 0) & (facing > _AGREE), distance, np.inf)
            better = distance < best
            best = np.where(better, distance, best)
            answer[better], weights[better] = there[better], share[better]
        lost = ~np.isfinite(best)
        best[lost] = np.linalg.norm(self.points[found[lost]] - points[lost], axis=1)
        return answer, weights, best


def _fit(
    ours: TriangleMesh, samples: _SurfaceSamples, size: float, focus: NDArray[np.bool_], start: SimilarityTransform
) -> tuple[float, SimilarityTransform]:
    """The similarity found from a start, with the residual, in sizes of the face."""
    chosen = np.flatnonzero(focus)[:: max(1, int(focus.sum()) // 800)]
    points, directions = ours.points[chosen], ours.normals()[chosen]
    low, high = points.min(0), points.max(0)
    similarity, left = start, np.inf
    for turn in np.repeat([0.5, 0.25], 8) * _TURN * size:
        there = similarity.points(samples.points)
        looks = samples.directions @ similarity.rotation.T
        inside = np.flatnonzero(((there > low - 0.2 * size) & (there < high + 0.2 * size)).all(1))
        if len(inside) < 10:
            return np.inf, similarity
        inside = inside[:: max(1, len(inside) // 2500)]
        ahead = inside[_nearest(_features(points, directions, turn), _features(there[inside], looks[inside], turn))]
        few = inside[:: max(1, len(inside) // 800)]
        back = _nearest(_features(there[few], looks[few], turn), _features(points, directions, turn))
        mine, theirs = np.concatenate([points, points[back]]), np.concatenate([there[ahead], there[few]])
        pairs = [(0, len(points)), (len(points), len(mine))]
        distance = np.linalg.norm(mine - theirs, axis=1)
        kept = np.concatenate([np.arange(a, b)[_smallest(distance[a:b])] for a, b in pairs])
        left = float(np.sqrt((distance[kept] ** 2).mean())) / size
        similarity = similarity.then(similarity_between(theirs[kept], mine[kept]))
    return left, similarity


def _smallest(distance: FloatArray) -> NDArray[np.bool_]:
    kept: NDArray[np.bool_] = distance <= np.quantile(distance, _TRIM)
    return kept


def similarity_between(source: FloatArray, target: FloatArray) -> SimilarityTransform:
    """The similarity that brings points onto others best (Umeyama 1991)."""
    middle, wanted = source.mean(0), target.mean(0)
    a, b = source - middle, target - wanted
    left, _, right = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ np.diag(signs) @ right
    # the size from the spreads of both, not from the projection of one on the other, which shrinks what fits badly
    scale = float(np.sqrt((b**2).sum() / max((a**2).sum(), 1e-30)))
    return SimilarityTransform(scale, rotation, wanted - scale * middle @ rotation.T)


def _bend(ours: TriangleMesh, near: _SurfaceSamples, size: float) -> FloatArray:
    """(V, 3) our points bent onto the other surface."""
    edges = np.unique(np.sort(ours.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0)
    laplacian = _laplacian(edges, len(ours.points))
    moved = np.zeros_like(ours.points)
    turn = 0.5 * _TURN * size
    for stiffness in _STIFFNESS:
        for _ in range(2):
            points = ours.points + moved
            directions = ours.normals(points)
            found = near.nearest(points, directions, turn)
            way = near.points[found] - points
            # towards the plane of the partner only: along it the surface may slide
            look = near.directions[found]
            across = np.einsum("nx,nx->n", way, look)[:, None] * look
            agree = np.einsum("nx,nx->n", look, directions)
            distance = np.linalg.norm(way, axis=1)
            trust = np.where(agree > _AGREE, np.exp(-((distance / (_FAR * size)) ** 2)), 0.0)
            target = moved + 0.7 * across + 0.3 * way
            moved = _solve(laplacian, stiffness, trust, target, moved)
    return ours.points + moved


def _laplacian(edges: IntArray, count: int) -> Callable[[FloatArray], FloatArray]:
    """The graph's Laplacian as a function of (V, 3), over the six edges that a vertex has as a rule."""
    ends = np.concatenate([edges, edges[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    degree = np.bincount(ends[:, 0], minlength=count)
    most = int(degree.max(initial=0))
    # a row for the first neighbours of all points, one for the second ...: three times as fast as sums by index;
    # a point with fewer neighbours than the most is its own
    neighbours = np.tile(np.arange(count), (most, 1))
    first = np.concatenate([[0], np.cumsum(degree)[:-1]])
    neighbours[np.arange(len(ends)) - first[ends[:, 0]], ends[:, 0]] = ends[:, 1]
    scale = 1.0 / 6.0

    def apply(values: FloatArray) -> FloatArray:
        total = most * values
        for row in neighbours:
            total -= values.take(row, axis=0)
        return scale * total

    return apply


def _solve(
    laplacian: Callable[[FloatArray], FloatArray],
    stiffness: float,
    trust: FloatArray,
    target: FloatArray,
    start: FloatArray,
) -> FloatArray:
    """Minimize ``trust |x - target|^2 + stiffness |gradient x|^2`` over (V, 3) by conjugate gradients."""
    weight = trust[:, None]

    def matrix(values: FloatArray) -> FloatArray:
        image: FloatArray = weight * values + stiffness * laplacian(values) + 1e-6 * values
        return image

    x = start.copy()
    residual = weight * target - matrix(x)
    way = residual.copy()
    power = float((residual**2).sum())
    least = 1e-8 * power
    for _ in range(120):
        if power <= least:
            break
        image = matrix(way)
        step = power / float((way * image).sum())
        x += step * way
        residual -= step * image
        new = float((residual**2).sum())
        way = residual + new / power * way
        power = new
    return x


def _features(points: FloatArray, directions: FloatArray, turn: float) -> NDArray[np.float32]:
    features: NDArray[np.float32] = np.concatenate([points, directions * (turn / np.sqrt(2))], 1, dtype=np.float32)
    return features


def _nearest(points: NDArray[np.float32], among: NDArray[np.float32]) -> IntArray:
    """(N,) the index of the nearest row of (M, D) to each row of (N, D)."""
    middle = among.mean(0)
    points, among = points - middle, among - middle
    # |p - a|^2 without |p|^2, which is the same for all a, in one product
    table = np.concatenate([-2 * among.T, (among**2).sum(1)[None]])
    points = np.concatenate([points, np.ones_like(points[:, :1])], 1)
    answer = np.empty(len(points), np.int64)
    piece = max(1, _PIECE // max(len(among), 1))
    for first in range(0, len(points), piece):
        part = slice(first, first + piece)
        answer[part] = (points[part] @ table).argmin(1)
    return answer


def _touching(triangles: IntArray, count: int) -> Callable[[IntArray], Iterable[IntArray]]:
    """For corners (N, 3): (N,) triangles around them, some a time; -1 where a vertex has no more."""
    order = np.argsort(triangles.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(triangles.ravel(), minlength=count))
    starts = np.concatenate([[0], ends[:-1]])

    def around(corners: IntArray) -> Iterable[IntArray]:
        for corner in range(3):
            vertex = corners[:, corner]
            many = int((ends - starts)[vertex].max(initial=0))
            for number in range(min(many, 12)):
                place = starts[vertex] + number
                yield np.where(place < ends[vertex], order[np.minimum(place, len(order) - 1)] // 3, -1)

    return around


def _direction(corners: FloatArray) -> FloatArray:
    """(N, 3) unit directions of triangles (N, 3, 3)."""
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit: FloatArray = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)
    return unit


def _closest(points: FloatArray, corners: FloatArray) -> FloatArray:
    """(N, 3) barycentric weights of the places of triangles (N, 3, 3) that are closest to points (N, 3)."""
    a, b, c = corners.transpose(1, 0, 2)
    inside = _plane_weights(points, a, b, c)
    answer = inside
    best = np.where((inside >= 0).all(1), 0.0, np.inf)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, along = corners[:, first], corners[:, second] - corners[:, first]
        share = np.einsum("nx,nx->n", points - start, along) / np.maximum(np.einsum("nx,nx->n", along, along), 1e-30)
        share = np.clip(share, 0.0, 1.0)
        distance = ((start + share[:, None] * along - points) ** 2).sum(1)
        better = distance < best
        weights = np.zeros_like(answer)
        weights[:, first], weights[:, second] = 1 - share, share
        answer = np.where(better[:, None], weights, answer)
        best = np.where(better, distance, best)
    return answer


def _plane_weights(points: FloatArray, a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """(N, 3) barycentric weights of the feet of points on the planes of triangles; a flat triangle gives -1."""
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = (np.einsum("nx,nx->n", *pair) for pair in ((u, u), (u, v), (v, v)))
    uw, vw = np.einsum("nx,nx->n", u, w), np.einsum("nx,nx->n", v, w)
    below = uu * vv - uv**2
    flat = below <= 1e-12 * np.maximum(uu * vv, 1e-300)
    below = np.where(flat, 1.0, below)
    second, third = (vv * uw - uv * vw) / below, (uu * vw - uv * uw) / below
    weights: FloatArray = np.stack([1 - second - third, second, third], 1)
    weights[flat] = -1.0
    return weights
