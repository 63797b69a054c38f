"""From the landmarks of a recorded face to what the head does: a track of poses, ARKit weights and gaze.

The person's head is the model's, changed by its own coefficients of the person and by a smooth field of offsets, which
are found from some frames of the clip together with the focal length; all frames follow (`avatar.film_solver`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.face_landmarks import FACE, IRISES, ModelLandmarks
from animcore.body_models.parametric_model import ParametricModel
from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.core.progress import Progress, silent
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.errors import InputError, readable
from animcore.geometry.rotations import from_matrix
from animcore.hybrid_head.tracking import landmark_solver
from animcore.hybrid_head.tracking.landmark_solver import POSE, FrameParameters, SequenceParameters
from animcore.motion import Motion

FloatArray = NDArray[np.float64]

# Focal lengths are told as those of a camera for film of 36 mm width, as photographers do.
FULL_FRAME = 36.0
_USUAL_LENS = 40.0  # millimetres: between a phone's or webcam's 26 and a portrait's 85
_LENS_SPREAD = 0.5  # of its logarithm
_KEYS = 40  # frames that the person and the lens are found from
_FEWEST = 5  # frames with a face
_REACH = 0.025  # metres over which the person's offsets are alike
_OFFSET = 0.002  # metres, their spread
_MODES = 40  # smooth ways in which they may differ, each along three axes
_FLOOR = 0.0015  # metres that a landmark may be off at least
_EYEBALL = 0.0122  # metres from its middle to the iris
_FULL_LOOK = np.deg2rad(30.0)  # at which an eyeLook weight is 1
_AT_CAMERA = np.deg2rad(10.0)  # beside the camera at which a gaze that holds there is taken to be at it
_HELD = np.deg2rad(3.0)  # median distance from it of a gaze that holds on to the camera while the head moves
_CLOSED = 0.5  # eyeBlink from which the iris is not seen
_NECK_SHARE = 0.35  # of the head's turn
# What a single camera hardly sees, or what looks like something else, must explain more before it is believed.
_DEAR = {
    "jawForward": 8.0, "cheekPuff": 6.0, "noseSneerLeft": 2.0, "noseSneerRight": 2.0, "mouthShrugLower": 2.0,
    "mouthShrugUpper": 2.0, "cheekSquintLeft": 3.0, "cheekSquintRight": 3.0, "mouthDimpleLeft": 2.0,
    "mouthDimpleRight": 2.0,
}  # fmt: skip
_UNSEEN = ("eyeLook", "tongueOut")  # beginnings of the names of shapes that the gaze gives, or nothing
_LIDS = {"Down": "eyeBlink", "Up": "eyeWide"}  # a gaze moves lids as these shapes do
# metres, radians and weights that may be expected from one frame to the next at 25 FPS
_STEPS = {"turn": 0.04, "place": 0.006, "weight": 0.2, "blink": 0.6}
_FORMAT, _VERSION = "animcore.track", 1


@dataclass(frozen=True)
class HeadTrack:
    """What a head did before a camera, T frames. Axes of the camera: X right, Y up, Z towards it; metres, radians.

    Attributes:
        times: (T,) seconds.
        found: (T,) whether the face was found; other frames are filled in.
        arkit: (T, 52).
        turns: (T, 3, 3) and
        places: (T, 3), which carry the head from the axes of its model.
        looks: (T, 2) gaze beside the head, to the person's left and up.
        errors: (T,) median distance between landmarks and the head's, pixels; NaN where lost.
        size: (2,) width and height of the image.
        focal: pixels; the axis meets the image in its middle.
        people: (S,) coefficients of the person.
        offset: (V, 3) metres, beside what they give.
        model: the name of the head's model.
    """

    times: FloatArray
    found: NDArray[np.bool_]
    arkit: FloatArray
    turns: FloatArray
    places: FloatArray
    looks: FloatArray
    errors: FloatArray
    size: NDArray[np.int64]
    focal: float
    people: FloatArray
    offset: FloatArray
    model: str

    @property
    def lens(self) -> float:
        """Millimetres of a lens for 36 mm film that shows as much across the longer side."""
        return self.focal / float(self.size.max()) * FULL_FRAME

    def motion(self, rate: Fraction) -> Motion:
        """Return the performance at even times, for any rig: weights, gaze, and the turn of head and neck.

        The head's turn is told beside the camera: somebody who faces it looks straight ahead.
        """
        count = max(1, round((self.times[-1] - self.times[0]) * float(rate)) + 1)
        position = np.interp(np.arange(count) / float(rate), self.times - self.times[0], np.arange(len(self.times)))
        turn = from_matrix(self.turns)
        eyes = np.stack([-self.looks[:, 1], self.looks[:, 0], np.zeros(len(turn))], 1)
        uneven = Motion(
            rate,
            arkit=self.arkit.astype(np.float32),
            head_pose=((1 - _NECK_SHARE) * turn).astype(np.float32),
            neck_pose=(_NECK_SHARE * turn).astype(np.float32),
            eye_pose=np.repeat(eyes[:, None], 2, 1).astype(np.float32),
        )
        return uneven.sampled(position, rate, float(self.times[0]))

    def save(self, path: str | Path) -> None:
        """Write it as `.npz`.

        Raises:
            InputError: when it cannot be written.
        """
        path = Path(path)
        contents: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        with whole_file(path) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, format=_FORMAT, version=_VERSION, **contents)

    @classmethod
    def load(cls, path: str | Path) -> HeadTrack:
        """Read what `save` wrote.

        Raises:
            InputError: where it is missing or broken.
        """
        path = Path(path)
        with readable(f"{path} is not a readable track", "remove it and track the video again"):
            data = reading.arrays(path)
            if str(data["format"]) != _FORMAT or int(data["version"]) != _VERSION:
                raise ValueError("another format")
            contents: dict[str, Any] = {field.name: data[field.name] for field in fields(cls)}
            return cls(**{**contents, "focal": float(contents["focal"]), "model": str(contents["model"])})


def track(
    times: NDArray[Any],
    points: NDArray[Any],
    size: tuple[int, int],
    model: ParametricModel,
    lens: float | None = None,
    progress: Progress = silent,
) -> HeadTrack:
    """Find what a head did in a video.

    Args:
        times: (T,) seconds of the frames.
        points: (T, 478, 3) landmarks of MediaPipe in pixels, Y down; NaN where the face was lost.
        size: width and height of the image.
        model: the open head or a FLAME model.
        lens: millimetres of the lens for 36 mm film; None where it is not known.
        progress: called with the fraction done.

    Raises:
        InputError: where too few frames show the face, or they and the head never come together.
    """
    marks = ModelLandmarks.on(model)
    chosen = [index for index, name in enumerate(ARKIT) if not name.startswith(_UNSEEN)]
    observed, depths = points[:, :FACE, :2].astype(np.float64), points[:, :FACE, 2].astype(np.float64)
    found = np.isfinite(observed).all((1, 2))
    if found.sum() < _FEWEST:
        raise InputError(f"{found.sum()} frames show a face; at least {_FEWEST} are needed to track it.")
    scene = SequenceParameters(
        marks.points, marks.normals, marks.drift, np.maximum(marks.spread, _FLOOR), average_sides(marks.shapes)[chosen],
        np.array([_DEAR.get(ARKIT[index], 1.0) for index in chosen]), np.array(size, float) / 2,
        (lens or _USUAL_LENS) / FULL_FRAME * max(size),
    )  # fmt: skip
    progress(0.0, "Estimating head shape and focal length")
    frames = landmark_solver.initial_parameters(scene, observed, depths)
    known = np.flatnonzero(found)
    keys = known[np.unique(np.linspace(0, len(known) - 1, min(_KEYS, len(known))).round().astype(int))]
    patches = _SmoothOffsets(marks.points)
    ways = np.concatenate([marks.people, patches.ways()])
    scene, _, amounts = landmark_solver.solve_clip(scene, frames.part(keys), ways, 0.0 if lens else _LENS_SPREAD)
    progress(0.4, "Tracking the face")
    frames = landmark_solver.initial_parameters(scene, observed, depths)
    frames = landmark_solver.solve_frames(scene, frames, _steps(times, chosen))
    progress(0.9, "Tracking the eyes")
    people, local = amounts[: len(marks.people)], amounts[len(marks.people) :]
    arkit = np.zeros((len(times), len(ARKIT)))
    arkit[:, chosen] = frames.weights
    arkit[:, _OPEN] = np.minimum(arkit[:, _OPEN] + arkit[:, _CLOSE], 1.0)
    eyes = marks.eyes + np.tensordot(people, marks.eye_people, 1) + patches.offset(marks.eyes, local)
    looks = gaze(scene, frames, eyes, points[:, list(IRISES), :2].astype(np.float64), arkit)
    with_gaze(arkit, looks, marks)
    errors = np.full(len(times), np.nan)
    distance = np.linalg.norm(landmark_solver.project(scene, frames) - observed, axis=2)
    errors[found] = np.median(distance[found], axis=1)
    progress(1.0, "Tracked")
    return HeadTrack(
        np.asarray(times, float), found, arkit, frames.turns, frames.places, looks, errors, np.array(size),
        scene.focal, people, patches.offset(np.asarray(model.template, np.float64), local), model.name,
    )  # fmt: skip


_OPEN, _CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]


def average_sides(shapes: FloatArray) -> FloatArray:
    """Shapes (52, L, 3) where mouthClose means a jaw that is open behind closed lips, so that it never exceeds it."""
    together = shapes.copy()
    together[_CLOSE] += together[_OPEN]
    return together


def gaze(
    scene: SequenceParameters, frames: FrameParameters, eyes: FloatArray, irises: FloatArray, arkit: FloatArray
) -> FloatArray:
    """(T, 2) how far both eyes look to the person's left and up beside the head: where rays meet the eyeballs.

    Args:
        scene: of the clip.
        frames: solved.
        eyes: (2, 3) the middle of the left and the right eyeball in the axes of the head.
        irises: (T, 2, 2) pixels of the left and the right iris.
        arkit: (T, 52) weights: closed eyes look where they looked before and will look after.
    """
    there = np.einsum("txy,ey->tex", frames.turns, eyes) + frames.places[:, None]
    rays = np.concatenate([(irises - scene.centre) * (1, -1) / scene.focal, -np.ones((*irises.shape[:2], 1))], 2)
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    along = (rays * there).sum(2)
    beside = (there**2).sum(2) - along**2
    depth = along - np.sqrt(np.maximum(_EYEBALL**2 - beside, 0.0))
    ways = np.einsum("tyx,tey->tex", frames.turns, rays * depth[..., None] - there)
    ways /= np.linalg.norm(ways, axis=2, keepdims=True)
    looks = _angles(ways.mean(1))
    camera = _angles(np.einsum("tyx,ty->tx", frames.turns, -there.mean(1)))
    closed = arkit[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]].max(1) > _CLOSED
    seen = np.flatnonzero(np.isfinite(looks).all(1) & ~closed)
    if not len(seen):
        return np.zeros((len(looks), 2))
    # the middle of an eye is known within a millimetre, which is five degrees of gaze
    away = looks[seen] - camera[seen]
    beside_camera = np.median(away, 0)
    held = np.median(np.abs(away - beside_camera), 0).max() < _HELD
    if held and np.linalg.norm(beside_camera) < _AT_CAMERA:
        looks = looks - beside_camera
    every = np.arange(len(looks))
    return np.stack([np.interp(every, seen, looks[seen, axis]) for axis in (0, 1)], 1)


def with_gaze(arkit: FloatArray, looks: FloatArray, marks: ModelLandmarks) -> None:
    """Set the eyeLook weights of a gaze (T, 2), and take from the lids what these shapes do to them."""
    for side, out in (("Left", looks[:, 0]), ("Right", -looks[:, 0])):
        for way, angle in {"Out": out, "In": -out, "Up": looks[:, 1], "Down": -looks[:, 1]}.items():
            weight = np.clip(angle / _FULL_LOOK, 0.0, 1.0)
            look = ARKIT_INDEX[f"eyeLook{way}{side}"]
            arkit[:, look] = weight
            if way in _LIDS:
                lid = ARKIT_INDEX[_LIDS[way] + side]
                moved, own = marks.shapes[look], marks.shapes[lid]
                share = float((moved * own).sum() / np.maximum((own**2).sum(), 1e-12))
                arkit[:, lid] = np.clip(arkit[:, lid] - max(share, 0.0) * weight, 0.0, 1.0)


def _angles(ways: FloatArray) -> FloatArray:
    """(T, 2) to the left and up, of ways (T, 3) in the axes of a head."""
    ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    return np.stack([np.arctan2(ways[:, 0], ways[:, 2]), np.arcsin(np.clip(ways[:, 1], -1, 1))], 1)


def _steps(times: NDArray[Any], chosen: Sequence[int]) -> FloatArray:
    """(6 + K,) how far each unknown may be expected to go from one frame to the next."""
    rate = 1 / max(float(np.median(np.diff(times))), 1e-3)
    weights = [_STEPS["blink" if ARKIT[index].startswith("eye") else "weight"] for index in chosen]
    return np.array([_STEPS["turn"]] * 3 + [_STEPS["place"]] * (POSE - 3) + weights) * 25 / rate


class _SmoothOffsets:
    """Smooth offsets of a face: the main ways of a Gaussian process over its landmarks (Rasmussen and Williams)."""

    def __init__(self, points: FloatArray) -> None:
        self.points = points
        sizes, ways = np.linalg.eigh(self._alike(points))
        self.sizes, self.own = sizes[::-1][:_MODES], ways[:, ::-1][:, :_MODES]

    def ways(self) -> FloatArray:
        """(3 M, L, 3) metres, each for a coefficient whose spread is 1."""
        modes = (self.own * np.sqrt(self.sizes)).T
        return np.asarray((modes[:, None, :, None] * np.eye(3)[None, :, None]).reshape(-1, len(self.points), 3))

    def offset(self, places: FloatArray, amounts: FloatArray) -> FloatArray:
        """(N, 3) the offsets of coefficients (3 M,) at other places (N, 3); none far from the face."""
        pulls = self.own @ (amounts.reshape(-1, 3) / np.sqrt(self.sizes)[:, None])
        return np.concatenate([self._alike(few) @ pulls for few in np.array_split(places, len(places) // 2000 + 1)])

    def _alike(self, places: FloatArray) -> FloatArray:
        apart = ((places[:, None] - self.points) ** 2).sum(2)
        return np.asarray(_OFFSET**2 * np.exp(-apart / (2 * _REACH**2)))
