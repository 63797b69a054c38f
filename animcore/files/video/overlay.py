"""A video with the tracked head drawn over it: to see at a glance whether the track holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import arkit_to_flame
from animcore.body_models.face_landmarks import ModelLandmarks
from animcore.body_models.parametric_model import ParametricModel
from animcore.core.origin import OVERLAY, Origin, Source
from animcore.core.progress import Progress, silent
from animcore.files.video import face_landmarks, writer
from animcore.files.video.capture_from_video import CHIN, without_shoulders
from animcore.geometry.surface_registration import TriangleMesh
from animcore.hybrid_head.tracking.face_tracker import HeadTrack
from animcore.motion import Motion
from animcore.rendering.camera import Camera
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh

Image = NDArray[np.uint8]

LARGEST = 640  # pixels of the longer side
_SHOWN = 0.45  # of the head over the video
_COLOUR = np.array([120.0, 200.0, 255.0])
_LIGHT = np.array([0.3, 0.4, 0.87])


def write(
    source: Path, path: Path, track: HeadTrack, model: ParametricModel, rate: Fraction, progress: Progress = silent,
    consent: Mapping[str, str] | None = None, watermark: bool = True,
) -> None:  # fmt: skip
    """Write the part of a video that was tracked, with the head half transparent over it and a watermark.

    Raises:
        InputError: where the video cannot be decoded or the file cannot be written.
    """
    person = replace(model, template=model.template + track.offset.astype(np.float32))
    faces = without_shoulders(person, int(ModelLandmarks.on(model).corners[CHIN, 0]))
    motion, _ = arkit_to_flame.to_flame(Motion(rate, arkit=track.arkit.astype(np.float32)), model)
    assert motion.expression is not None
    coefficients = motion.expression
    jaws = np.zeros((len(coefficients), 3), np.float32) if motion.jaw_pose is None else motion.jaw_pose
    shape = track.people.astype(np.float32)
    step = -(-int(track.size.max()) // LARGEST)
    width, height = (int(side) // step // 2 * 2 for side in track.size)
    camera = Camera(
        width, height, (track.focal / step,) * 2, (track.size[0] / 2 / step, track.size[1] / 2 / step),
        np.diag([1.0, -1.0, -1.0, 1.0]),
    )  # fmt: skip

    def frames() -> Iterator[Image]:
        for number, (_, image, _) in enumerate(face_landmarks.frames(source, track.times[0], track.times[-1] + 1e-4)):
            if number >= len(track.times):
                return
            progress(number / len(track.times), "Drawing the head over the video")
            joints = np.zeros((1, 5, 3), np.float32)
            joints[0, 2] = jaws[number]
            vertices = person.posed(joints, coefficients[number : number + 1], shape)[0][0]
            placed = vertices @ track.turns[number].T + track.places[number]
            yield _over(image[::step, ::step][:height, :width], placed, faces, camera)

    origin = Origin(OVERLAY, "edited", (Source.of(source, "video"),), consent=consent or {})
    writer.write(frames(), rate, path, origin=origin, watermark=watermark)


def _over(image: Image, vertices: NDArray[np.float64], faces: NDArray[np.int64], camera: Camera) -> Image:
    drawn = draw_mesh(vertices.astype(np.float32), faces, camera)
    hit = drawn.triangle >= 0
    normals = TriangleMesh(vertices, faces).normals()
    corners = faces[drawn.triangle[hit]]
    looks = np.einsum("pc,pcx->px", drawn.barycentric[hit], normals[corners])
    light = np.clip(looks @ _LIGHT, 0.1, 1.0)[:, None] * _COLOUR
    picture = image.copy()
    picture[hit] = np.round((1 - _SHOWN) * image[hit] + _SHOWN * light).astype(np.uint8)
    return picture
