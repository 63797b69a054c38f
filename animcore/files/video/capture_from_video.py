"""A tracked video as a capture that a head is fitted from: its images, masks, and what the head did in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import arkit_to_flame
from animcore.body_models.face_landmarks import ModelLandmarks
from animcore.body_models.parametric_model import ParametricModel
from animcore.core.atomic_files import make_folder
from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.files.avatars import capture_images
from animcore.files.splats import ply
from animcore.files.video import face_landmarks
from animcore.gaussians.gaussians import Gaussians, isotropic
from animcore.geometry.rotations import from_matrix
from animcore.hybrid_head import capture_format
from animcore.hybrid_head.tracking.face_tracker import HeadTrack
from animcore.motion import Motion
from animcore.rendering.camera import Camera
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh
from animcore.trackers.person_mask import PersonMask

FloatArray = NDArray[np.float64]

CHIN = 152  # the landmark under the chin
_HELD_OUT = 8  # every so many-th image is kept from the fit, to see how well the head does
_TURN = 0.1  # radians that make as much difference as a weight of 1
_CANDIDATES = 400  # frames among which different ones are chosen
_HAIR = 0.09  # metres from the mesh that the person's hair may reach
_NECK = 0.05  # metres under the chin where the head ends
_RIM = 0.006  # metres that the neck may be wider than the mesh
_PERSON = (0.3, 0.7)  # of the network's answer: where a person begins, and is wholly there
_MARGIN = 0.04  # metres around the head in the images
_TRIED, _KEPT_HAIR = 200_000, 8_000  # points in which hair is looked for, and kept
_NEAR, _AROUND, _OFF_FACE = 0.004, 0.06, 0.022  # metres from the mesh, and from the landmarks of the face
_ALWAYS = 0.97  # of the images in which hair must be within the mask
_SIZE = 0.003  # metres: of the Gaussians that hair starts as


@dataclass(frozen=True)
class _CaptureFrame:
    """One frame of the capture: its camera, the head's parameters, and where its vertices are in the world."""

    frame: int
    camera: Camera
    pose: capture_format.HeadPose
    vertices: NDArray[np.float32]


def write(
    film: Path,
    folder: Path,
    track: HeadTrack,
    model: ParametricModel,
    count: int,
    size: int,
    progress: Progress = silent,
) -> int:
    """Write a capture of some frames of a video, those that differ most, and return how many it has.

    The world's axes are those of the camera, its origin is where the head is in the middle of the video.

    Args:
        film: the video that was tracked.
        folder: of the capture.
        track: what the head did.
        model: the track's model.
        count: frames that are chosen, at most.
        size: pixels of the longer side of the images.
        progress: called with the fraction done.

    Raises:
        InputError: where the video has changed or a file cannot be written.
    """
    if track.model != model.name:
        raise InputError(f"The video was tracked with {track.model}, not with {model.name}; give that model.")
    for name in ("images", "fg_masks", "flame_param"):
        make_folder(folder / name)
    marks = ModelLandmarks.on(model).corners[:, 0]
    person = replace(model, template=model.template + track.offset.astype(np.float32))
    faces = without_shoulders(person, marks[CHIN])
    chosen = _chosen(track, count)
    weights = Motion(Fraction(25), arkit=track.arkit[chosen].astype(np.float32))
    shots = _shots(track, person, chosen, arkit_to_flame.to_flame(weights, model)[0], size)
    views, masks = [], []
    person_in = _segmenter()
    for shot, image in _pictures(film, track, shots):
        view = capture_format.CaptureView(
            shot.camera, 0, shot.frame,
            *(folder / part / f"{shot.frame:05d}{end}" for part, end in
              (("images", ".png"), ("fg_masks", ".png"), ("flame_param", ".npz"))),
        )  # fmt: skip
        cut = _cut(image, shot.camera, track)
        mask = _cut(person_in(image), shot.camera, track) * _head_region(shot, track, faces, marks[CHIN])
        masks.append(mask)
        capture_images.write(np.round(cut * 255).astype(np.uint8), view.image)
        grey = np.round(mask * 255).astype(np.uint8)[..., None]
        capture_images.write(grey, folder / "fg_masks" / view.image.name)
        capture_format.write_pose(shot.pose, view.pose, track.arkit[shot.frame].astype(np.float32))
        views.append(view)
        progress(len(views) / len(shots), f"Images and masks: {len(views)}")
    if len(views) < len(shots):
        raise InputError(f"{film.name} has fewer frames than when it was tracked; track it again.")
    held = set(range(_HELD_OUT // 2, len(views), _HELD_OUT))
    capture_format.write_views(
        folder, capture_format.TRAIN, [view for index, view in enumerate(views) if index not in held]
    )
    capture_format.write_views(folder, capture_format.VIEWS, [])
    capture_format.write_views(folder, capture_format.MOMENTS, [views[index] for index in sorted(held)])
    hair = _hair(shots, masks, person, track, marks)
    from animcore.files.avatars.capture_dataset import START  # needs PyTorch, as all that comes after a capture

    (folder / START).unlink(missing_ok=True)  # of another capture, whose hair was elsewhere
    if hair is not None:
        ply.write(hair, folder / START)
    return len(views)


def without_shoulders(person: ParametricModel, chin: int) -> NDArray[np.int64]:
    """(F, 3) the faces of what goes with the head: down to a little under the vertex of the chin."""
    lowest = person.template[chin, 1] - _NECK
    return np.asarray(person.faces[(person.template[person.faces][..., 1] > lowest).all(1)])


def _chosen(track: HeadTrack, count: int) -> NDArray[np.int64]:
    """Frames with a face, each as different as can be from those before it (farthest points: Gonzalez, 1985)."""
    known = np.flatnonzero(track.found)
    known = known[np.unique(np.linspace(0, len(known) - 1, min(_CANDIDATES, len(known))).round().astype(int))]
    features = np.concatenate([track.arkit[known], from_matrix(track.turns[known]) / _TURN], 1)
    chosen = [int(np.linalg.norm(features - np.median(features, 0), axis=1).argmin())]
    away = np.full(len(known), np.inf)
    while len(chosen) < min(count, len(known)):
        away = np.minimum(away, np.linalg.norm(features - features[chosen[-1]], axis=1))
        chosen.append(int(away.argmax()))
    return np.sort(known[chosen])


def _shots(
    track: HeadTrack, person: ParametricModel, chosen: NDArray[np.int64], motion: Motion, size: int
) -> list[_CaptureFrame]:
    """Poses in the world, before a camera that sees what the head fills in all of them."""
    assert motion.expression is not None
    origin = np.median(track.places[track.found], 0)
    rests = (
        np.asarray(person.rest_joints, float)[0]
        + np.tensordot(track.people, np.asarray(person.joint_shape, float)[: len(track.people), 0], 1)
        + motion.expression @ np.asarray(person.joint_expression, float)[:, 0]
    )
    joints = np.zeros((len(chosen), 5, 3), np.float32)
    joints[:, 0] = from_matrix(track.turns[chosen])
    joints[:, 2] = 0.0 if motion.jaw_pose is None else motion.jaw_pose  # a character's own head has it in its shapes
    looks = track.looks[chosen]
    joints[:, 3:] = np.stack([-looks[:, 1], looks[:, 0], np.zeros(len(looks))], 1)[:, None]
    # the model turns around its root's joint, a track around the origin of the model
    shifts = track.places[chosen] - origin + np.einsum("txy,ty->tx", track.turns[chosen], rests) - rests
    shape, shifts = track.people.astype(np.float32), shifts.astype(np.float32)
    vertices = [
        person.posed(joints[k : k + 1], motion.expression[k : k + 1], shape, shifts[k : k + 1])[0][0]
        for k in range(len(chosen))
    ]
    camera = _camera(track, origin, vertices, size)
    return [
        _CaptureFrame(int(frame), camera, capture_format.HeadPose(
            motion.expression[k], joints[k], shifts[k], shape, track.offset.astype(np.float32), person.name
        ), vertices[k])
        for k, frame in enumerate(chosen)
    ]  # fmt: skip


def _camera(track: HeadTrack, origin: FloatArray, vertices: Sequence[NDArray[np.float32]], size: int) -> Camera:
    """The video's camera, cropped to the heads with their hair, and scaled."""
    to_world = np.eye(4)
    to_world[:3, 3] = -origin
    width, height = (int(side) for side in track.size)
    whole = Camera.from_opengl(to_world, (width, height), (track.focal, track.focal))
    every = np.concatenate([few[:: max(1, len(few) // 1000)] for few in vertices])
    flat, depth = whole.projected(every)
    margin = (_HAIR + _MARGIN) * track.focal / np.median(depth)
    low = np.maximum(np.floor(flat.min(0) - margin), 0)
    high = np.minimum(np.ceil(flat.max(0) + margin), (width, height))
    wide, tall = (high - low).astype(int)
    cut = Camera(int(wide), int(tall), whole.focal, (width / 2 - low[0], height / 2 - low[1]), whole.world_to_camera)
    return cut.resized(min(1.0, size / max(wide, tall)))


def _pictures(
    film: Path, track: HeadTrack, shots: Sequence[_CaptureFrame]
) -> Iterator[tuple[_CaptureFrame, NDArray[np.uint8]]]:
    """Each shot with its image of the video, found again by its time."""
    wanted = {round(float(track.times[shot.frame]), 4): shot for shot in shots}
    for time, image, _ in face_landmarks.frames(film, min(wanted) - 1e-3, max(wanted) + 1e-3):
        shot = wanted.get(round(time, 4))
        if shot is not None:
            yield shot, image


def _cut(image: NDArray[Any], camera: Camera, track: HeadTrack) -> NDArray[np.float32]:
    """The video's image (H, W) or (H, W, 3), 0..1, resampled for a camera: means of the pixels, by area."""
    scale = camera.focal[0] / track.focal, camera.focal[1] / track.focal
    left, top = track.size[0] / 2 - camera.centre[0] / scale[0], track.size[1] / 2 - camera.centre[1] / scale[1]
    picture = image.astype(np.float32) / (255 if image.dtype == np.uint8 else 1)
    for axis, first, step, count in ((0, top, 1 / scale[1], camera.height), (1, left, 1 / scale[0], camera.width)):
        sums = np.concatenate([np.zeros_like(picture.take([0], axis)), picture.cumsum(axis, dtype=np.float64)], axis)
        edges = np.clip(first + step * np.arange(count + 1), 0, image.shape[axis])
        low = np.minimum(edges.astype(int), image.shape[axis] - 1)
        share = (edges - low).reshape([-1 if one == axis else 1 for one in range(picture.ndim)])
        at = sums.take(low, axis) * (1 - share) + sums.take(low + 1, axis) * share
        picture = np.diff(at, axis=axis) / step
    return np.asarray(np.clip(picture, 0, 1), np.float32)


def _segmenter() -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A function that gives (H, W) 0..1 where a person is in an image."""
    network = PersonMask()

    def person_in(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.clip((network(image) - _PERSON[0]) / (_PERSON[1] - _PERSON[0]), 0, 1)

    return person_in


def _head_region(shot: _CaptureFrame, track: HeadTrack, faces: NDArray[Any], chin: int) -> NDArray[np.bool_]:
    """(H, W) where the head and its hair may be: around the mesh, and no lower than the neck."""
    camera = shot.camera
    shown = draw_mesh(shot.vertices, faces, camera).triangle >= 0
    pixel = camera.focal[1] / float(camera.projected(shot.vertices.mean(0)[None])[1][0])  # pixels a metre
    upward = track.turns[shot.frame][:, 1]
    ends, _ = camera.projected(shot.vertices[chin] - np.outer((0, _NECK), upward))
    way = (ends[1] - ends[0]) / max(float(np.linalg.norm(ends[1] - ends[0])), 1e-6)
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    below = ((columns - ends[0, 0]) * way[0] + (rows - ends[0, 1]) * way[1]) / pixel  # metres under the chin
    hair = _grown(shown & (below < 0), round(_HAIR * pixel)) & (below < 0)
    neck = _grown(shown, round(_RIM * pixel)) & (below >= 0) & (below < _NECK)
    return np.asarray(hair | neck)


def _grown(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """A mask grown by some pixels to all sides: three boxes after one another are nearly round."""
    grown = mask
    for part in np.diff(np.round(np.linspace(0, reach, 4)).astype(int)):
        for axis in (0, 1):
            padded = np.pad(grown, [(part + 1, part) if one == axis else (0, 0) for one in (0, 1)])
            sums = padded.cumsum(axis)
            size = grown.shape[axis]
            grown = sums.take(np.arange(size) + 2 * part + 1, axis) > sums.take(np.arange(size), axis)
    return grown


def _hair(
    shots: Sequence[_CaptureFrame],
    masks: Sequence[NDArray[Any]],
    person: ParametricModel,
    track: HeadTrack,
    marks: NDArray[Any],
) -> Gaussians | None:
    """Gaussians around the skull of the first shot that lie within nearly all masks: where hair may be."""
    first = shots[0].frame
    random = np.random.default_rng(0)
    base = person.posed(shape=track.people.astype(np.float32))[0][0].astype(float)
    skull = base[base[:, 1] > base[marks[CHIN], 1]]
    points = random.uniform(skull.min(0) - _AROUND, skull.max(0) + _AROUND, (_TRIED, 3))
    points = points[_distance(points, base[marks[::4]]) > _OFF_FACE]
    away = _distance(points, skull[:: max(1, len(skull) // 3000)])
    outside = np.linalg.norm(points - skull.mean(0), axis=1) > 0.06
    points = points[(away > _NEAR) & (away < _AROUND) & outside]
    origin = track.places[track.found]
    inside = np.zeros(len(points))
    for shot, mask in zip(shots, masks, strict=True):
        world = points @ track.turns[shot.frame].T + track.places[shot.frame] - np.median(origin, 0)
        flat, _ = shot.camera.projected(world)
        column, row = np.clip(flat.astype(int).T, 0, np.array([[mask.shape[1]], [mask.shape[0]]]) - 1)
        beyond = ((flat < 0) | (flat >= (mask.shape[1], mask.shape[0]))).any(1)
        inside += beyond | (mask[row, column] > 0.5)
    points = points[inside >= _ALWAYS * len(shots)][:_KEPT_HAIR]
    if not len(points):
        return None
    means = points @ track.turns[first].T + track.places[first] - np.median(origin, 0)
    return isotropic(means, _SIZE)


def _distance(points: FloatArray, among: FloatArray) -> FloatArray:
    """(N,) from each point to the nearest of some places."""
    squares = (among**2).sum(1)
    pieces = np.array_split(points, max(1, len(points) * len(among) // 20_000_000))
    least = [(squares - 2 * piece @ among.T).min(1) + (piece**2).sum(1) for piece in pieces]
    return np.asarray(np.sqrt(np.maximum(np.concatenate(least), 0)))
