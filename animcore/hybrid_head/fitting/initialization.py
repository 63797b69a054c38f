"""Where the first Gaussians of a fit stand: on triangles, and in the space around the skull that all images show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import Gaussians, isotropic
from animcore.hybrid_head.fitting.samples import TrainingView
from animcore.hybrid_head.fitting.trainable_gaussians import TrainableGaussians
from animcore.hybrid_head.head_model import HybridHead, Mode, PosedHead
from animcore.rendering.gaussian_rasterizers.rasterize import draw

FloatArray = NDArray[np.float32]

_AROUND = 0.13  # metres around the mesh in which hair is looked for
_OFF = 0.004  # metres that hair keeps off the mesh at least
_TRIED = 60_000  # points
_NEAR_MARKS = 0.012  # metres around the landmarks of brows, eyes and mouth
_RATE_RIDING, _RATE_HAIR, _RATE_KNOWN = 5e-3, 1.6e-4, 6e-5  # of the means: triangles, metres, metres
_ON_FACES = {"hybrid": 0.1, "gaussians": 0.4}  # of the first Gaussians: the others are hair
_SIZE_HAIR = 0.003  # metres
_LONGER = 2.0  # times, at most, that known hair is drawn longer where there are fewer Gaussians than pieces of it
_STILL = np.array([1, 0, 0, 0], np.float32)
_THICK = 0.004  # metres behind the mean depth of a pixel that it still shows
_SEEN = 0.5  # of the images that see a face must show the person there
_NOSE = slice(10, 19)  # of the 51 landmarks


def mean_colour(views: Sequence[TrainingView]) -> FloatArray:
    """(3,) the mean colour of the person."""
    total = sum(np.asarray(view.colour.sum((0, 1)).cpu()) for view in views)
    area = sum(float(view.mask.sum()) for view in views)
    return np.asarray(total / max(area, 1.0), np.float32)


def visible_faces(head: HybridHead, posed: Mapping[int, PosedHead], views: Sequence[TrainingView]) -> NDArray[np.bool_]:
    """(F,) the faces that lie within the masks of most images that they are in."""
    faces = head.model.faces
    inside, total = np.zeros(len(faces)), np.zeros(len(faces))
    for view in views:
        centres = posed[view.moment].vertices[faces].mean(1)
        found, hit = _looked(centres, view)
        total += found
        inside += hit * found
    return np.asarray((total == 0) | (inside >= _SEEN * total))


def initial_gaussians(
    head: HybridHead,
    posed: Mapping[int, PosedHead],
    views: Sequence[TrainingView],
    count: int,
    mode: Mode,
    random: np.random.Generator,
    known: Gaussians | None = None,
) -> tuple[TrainableGaussians, TrainableGaussians | None]:
    """The first Gaussians: those that ride, and hair; with Gaussians alone everything rides.

    Args:
        head: with the person's vertices and the faces that are drawn.
        posed: the head by moments.
        views: the training views.
        count: Gaussians; fewer where there is no room for hair.
        mode: `hybrid` or `gaussians`.
        random: of all random numbers.
        known: where hair is known to be at the first moment; found by the masks where not given.
    """
    first = views[0].moment
    hybrid = mode == "hybrid"
    whole = isotropic(visual_hull(head, posed, views, random), _SIZE_HAIR) if known is None else known
    of_hair = min(whole.count, round(count * (1 - _ON_FACES[mode])))
    hair = _some(whole, of_hair, random)
    around = hair.means
    mesh = triangle_binding.frames(posed[first].vertices, head.model.faces)
    chosen = _on_faces(head, posed[first], count - of_hair, hybrid, random)
    means = np.zeros((len(chosen), 3), np.float32)
    means[:, :2] = random.uniform(-0.3, 0.3, (len(chosen), 2))
    colours = colours_at(mesh.origins[chosen], posed, views)
    hair_colours = colours_at(around, posed, views, None if known is None else hair)
    back = (around - posed[first].shift) @ posed[first].rotation
    if hybrid:
        riding = TrainableGaussians.started(means, 0.25, colours, chosen, _RATE_RIDING, opacity=0.1)
        turns = triangle_binding.multiplied(triangle_binding.quaternions(posed[first].rotation.T[None]), hair.rotations)
        rate = _RATE_HAIR if known is None else _RATE_KNOWN
        return riding, TrainableGaussians.started(back, hair.scales, hair_colours, None, rate, hair.opacities, turns)
    nearest = _nearest(around, mesh.origins[head.drawn] if head.drawn is not None else mesh.origins)
    if head.drawn is not None:
        nearest = np.flatnonzero(head.drawn)[nearest]
    local = triangle_binding.to_local(hair, mesh, nearest)
    still = np.tile(_STILL, (len(means), 1))
    riding = TrainableGaussians.started(
        np.concatenate([means, local.means]),
        np.concatenate([np.full((len(means), 3), 0.5), local.scales]),
        np.concatenate([colours, hair_colours]),
        np.concatenate([chosen, nearest]),
        _RATE_RIDING,
        np.concatenate([np.full(len(means), 0.5, np.float32), hair.opacities]),
        np.concatenate([still, local.rotations]),
    )
    return riding, None


def _some(splats: Gaussians, count: int, random: np.random.Generator) -> Gaussians:
    """Random Gaussians; they grow longer in their longest direction, so that fewer cover as much."""
    chosen = random.permutation(splats.count)[:count]
    scales = splats.scales[chosen]
    longest = scales == scales.max(1, keepdims=True)
    longer = min(splats.count / max(count, 1), _LONGER)
    scales = np.where(longest & ~longest.all(1, keepdims=True), scales * np.float32(longer), scales)
    return Gaussians(splats.means[chosen], splats.rotations[chosen], scales, splats.opacities[chosen],
                  splats.harmonics[chosen])  # fmt: skip


def visual_hull(
    head: HybridHead, posed: Mapping[int, PosedHead], views: Sequence[TrainingView], random: np.random.Generator
) -> FloatArray:
    """Points (M, 3) off the mesh that lie within the masks of all images of one moment: mostly hair."""
    first = views[0].moment
    vertices = posed[first].vertices
    used = np.unique(head.model.faces[head.drawn]) if head.drawn is not None else np.arange(len(vertices))
    low, high = vertices[used].min(0) - _AROUND, vertices[used].max(0) + _AROUND
    points = random.uniform(low, high, (_TRIED * 4, 3)).astype(np.float32)
    inside, seen = np.ones(len(points), bool), np.zeros(len(points))
    for view in views:
        if view.moment == first:
            found, hit = _looked(points, view)
            inside &= hit | (~found & _is_cut_off(view))
            seen += found
    points = points[inside & (seen >= 2)][:_TRIED]
    frames = triangle_binding.frames(vertices, head.model.faces)
    chosen = np.flatnonzero(head.drawn) if head.drawn is not None else np.arange(len(head.model.faces))
    chosen = chosen[:: max(1, len(chosen) // 4000)]  # a sample of the faces is near enough
    nearest = chosen[_nearest(points, frames.origins[chosen])]
    away = points - frames.origins[nearest]
    height = (away * frames.rotations[nearest][:, :, 1]).sum(1)
    distance = np.linalg.norm(away, axis=1)
    return np.asarray(points[(height > 0.5 * distance) & (height > _OFF) & (distance < _AROUND)])


def colours_at(
    points: FloatArray,
    posed: Mapping[int, PosedHead],
    views: Sequence[TrainingView],
    hiding: Gaussians | None = None,
) -> FloatArray:
    """(N, 3) the mean colour of the images of one moment where points are.

    Args:
        points: (N, 3) in the world.
        posed: the head by moments.
        views: the training views; those of the first one's moment are used.
        hiding: Gaussians that hide what lies behind them; without, what hides a point is not asked.
    """
    first = views[0].moment
    total, weight = np.zeros((len(points), 3)), np.full((len(points), 1), 1e-6)
    anywhere, often = np.zeros((len(points), 3)), np.full((len(points), 1), 1e-6)
    for view in views:
        if view.moment != first:
            continue
        row, column, inside = _pixels(points, view)
        mask = (np.asarray(view.mask.cpu())[row, column] * inside)[:, None]
        colour = np.asarray(view.colour.cpu())[row, column] * inside[:, None]
        anywhere += colour
        often += mask
        if hiding is not None:
            drawn = draw(hiding, view.camera)
            _, far = view.camera.projected(points)
            shown = (far < drawn.depth[row, column] + _THICK)[:, None]
            total += colour * shown
            weight += mask * shown
    mean = np.where(weight > 0.5, total / weight, anywhere / often)
    return np.asarray(np.clip(mean, 0.02, 0.98), np.float32)


def _on_faces(
    head: HybridHead, posed: PosedHead, count: int, near_marks: bool, random: np.random.Generator
) -> NDArray[np.int64]:
    """Triangles (count,) by their area; near brows, eyes and mouth alone where a mesh does the rest."""
    corners = posed.vertices[head.model.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    if head.drawn is not None:
        area = area * head.drawn
    extras: Any = head.model.extras
    if near_marks and "lmk_faces_idx" in extras:
        marks = np.einsum("lc,lcx->lx", extras["lmk_bary_coords"], corners[extras["lmk_faces_idx"]])
        marks = np.delete(marks, _NOSE, 0) if len(marks) == 51 else marks
        distance = np.linalg.norm(corners.mean(1)[:, None] - marks[None], axis=2).min(1)
        area = area * (distance < _NEAR_MARKS)
    return np.asarray(random.choice(len(area), count, p=area / area.sum()))


def _is_cut_off(view: TrainingView) -> bool:
    """Whether the person goes on beyond the edge of an image; where it does not, nothing of it lies there."""
    mask = view.mask
    return any(float(edge.max()) > 0.5 for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def _looked(points: NDArray[Any], view: TrainingView) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether points (N, 3) are in an image, and whether the person is there in it."""
    row, column, inside = _pixels(points, view)
    return inside, np.asarray(view.mask.cpu())[row, column] > 0.5


def _pixels(points: NDArray[Any], view: TrainingView) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    camera = view.camera
    flat, depth = camera.projected(points)
    inside = (depth > 0) & (flat >= 0).all(1) & (flat < (camera.width, camera.height)).all(1)
    column, row = (np.clip(flat[:, axis], 0, size - 1).astype(np.int64)
                   for axis, size in enumerate((camera.width, camera.height)))  # fmt: skip
    return row, column, inside


def _nearest(points: NDArray[Any], among: NDArray[Any]) -> NDArray[np.int64]:
    """(N,) the nearest of some places, in pieces of bounded memory."""
    squares = (among**2).sum(1)
    pieces = np.array_split(points, max(1, len(points) * len(among) // 20_000_000))
    return np.concatenate([(squares - 2 * piece @ among.T).argmin(1) for piece in pieces])
