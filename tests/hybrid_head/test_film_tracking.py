"""The track of a head whose landmarks are known: the mesh's own, seen by a camera, with noise."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from animcore.body_models.face_landmarks import IRISES, ModelLandmarks
from animcore.body_models.parametric_model import load_model
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.errors import InputError
from animcore.geometry.rotations import from_matrix, to_matrix
from animcore.hybrid_head.tracking import face_tracker, landmark_solver
from animcore.hybrid_head.tracking.landmark_solver import FrameParameters, SequenceParameters
from animcore.motion import Motion

SIZE, FOCAL, RATE, COUNT = 480, 720.0, 24, 30
LENS = FOCAL / SIZE * 36
SHAPES = ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "browInnerUp")


@pytest.fixture(scope="module")
def model():
    return load_model("open-head")


@pytest.fixture(scope="module")
def marks(model):
    return ModelLandmarks.on(model)


@pytest.fixture(scope="module")
def seen(marks):
    """Times, landmarks, turns and weights of a head that nods, turns, talks and blinks, and looks to its left."""
    time = np.arange(COUNT) / RATE
    weights = np.zeros((COUNT, 52))
    for number, name in enumerate(SHAPES):
        weights[:, ARKIT_INDEX[name]] = 0.35 * (1 - np.cos((5 + 2 * number) * time))
    turns = to_matrix(np.stack([0.15 * np.sin(4 * time), 0.4 * np.sin(5 * time), 0.1 * np.cos(6 * time)], 1))
    places = np.stack([0.03 * np.sin(3 * time), np.full(COUNT, -0.12), -0.8 + 0.05 * np.sin(4 * time)], 1)
    centre = np.full(2, SIZE / 2)
    scene = SequenceParameters(
        marks.points, marks.normals, marks.drift, marks.spread, marks.shapes, np.ones(52), centre, FOCAL
    )
    frames = FrameParameters(np.zeros((COUNT, len(marks.points), 2)), turns, places, weights)
    noise = np.random.default_rng(0).normal(size=(COUNT, len(marks.points), 2))
    points = np.zeros((COUNT, 478, 3), np.float32)
    points[:, : len(marks.points), :2] = landmark_solver.project(scene, frames) + 0.5 * noise
    depths = np.einsum("txy,ly->tlx", turns, marks.points)[..., 2]
    points[:, : len(marks.points), 2] = -(depths - depths.mean(1, keepdims=True)) * FOCAL / 0.8
    way = np.array([np.sin(0.3), 0.0, np.cos(0.3)])
    eyes = np.einsum("txy,ey->tex", turns, marks.eyes + 0.0122 * way) + places[:, None]
    points[:, list(IRISES), :2] = centre + FOCAL * eyes[..., :2] * (1, -1) / -eyes[..., 2:]
    return time, points, turns, weights


@pytest.fixture(scope="module")
def track(model, seen):
    time, points, _, _ = seen
    lost = points.copy()
    lost[12:15] = np.nan
    return face_tracker.track(time, lost, (SIZE, SIZE), model, LENS)


def degrees_between(found, wanted):
    return np.degrees(np.linalg.norm(from_matrix(found @ wanted.transpose(0, 2, 1)), axis=1))


def test_pose_and_expression_come_back(track, seen):
    _, _, turns, weights = seen
    assert degrees_between(track.turns, turns).mean() < 1.0
    assert np.nanmedian(track.errors) < 1.0
    for name in SHAPES:
        shape = ARKIT_INDEX[name]
        assert np.corrcoef(track.arkit[:, shape], weights[:, shape])[0, 1] > 0.9, name
    others = [index for name, index in ARKIT_INDEX.items() if name not in SHAPES and not name.startswith("eyeLook")]
    assert track.arkit[:, others].mean() < 0.05


def test_lost_frames_lie_between_the_others(track, seen):
    assert track.found.sum() == COUNT - 3
    assert np.isnan(track.errors[12:15]).all()
    assert degrees_between(track.turns[12:15], seen[2][12:15]).max() < 4.0
    assert np.isfinite(track.arkit).all()


def test_the_eyes_look_to_the_left(track):
    open_eyed = track.arkit[:, ARKIT_INDEX["eyeBlinkLeft"]] < 0.3
    assert np.degrees(np.median(track.looks[open_eyed, 0])) == pytest.approx(17.2, abs=2.5)
    assert track.arkit[open_eyed, ARKIT_INDEX["eyeLookOutLeft"]].mean() > 0.4
    assert track.arkit[open_eyed, ARKIT_INDEX["eyeLookOutRight"]].max() == 0.0


def test_the_lens_is_found_about(model, seen):
    time, points, _, _ = seen
    found = face_tracker.track(time, points, (SIZE, SIZE), model)
    assert found.lens == pytest.approx(LENS, rel=0.35)  # perspective tells little at arm's length


def test_the_performance_is_for_any_rig(track):
    motion = track.motion(Fraction(24))
    assert motion.frame_count == COUNT
    both = to_matrix(motion.neck_pose) @ to_matrix(motion.head_pose)
    assert degrees_between(both, track.turns).max() < 0.01
    assert track.motion(Fraction(48)).frame_count == 2 * COUNT - 1


def test_a_track_is_kept_whole(track, tmp_path):
    track.save(tmp_path / "track.npz")
    again = face_tracker.HeadTrack.load(tmp_path / "track.npz")
    assert (again.arkit == track.arkit).all()
    assert again.model == "open-head"
    Motion(Fraction(24)).save(tmp_path / "other.npz")
    with pytest.raises(InputError, match="not a readable track"):
        face_tracker.HeadTrack.load(tmp_path / "other.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "track.npz").read_bytes()[:2000])
    with pytest.raises(InputError, match="not a readable track"):
        face_tracker.HeadTrack.load(tmp_path / "cut.npz")


def test_a_face_that_is_hardly_there_is_refused(model, seen):
    time, points, _, _ = seen
    lost = points.copy()
    lost[4:] = np.nan
    with pytest.raises(InputError, match="4 frames show a face"):
        face_tracker.track(time, lost, (SIZE, SIZE), model)


def test_marks_are_found_on_other_heads(model, marks):
    """A larger head with its vertices in another order, as a user's FLAME file is another mesh."""
    order = np.random.default_rng(0).permutation(len(model.template))
    larger = (model.template * np.float32(1.05))[order]
    place = np.argsort(order)
    other = replace(
        model, name="flame2023", template=larger, faces=place[model.faces], weights=model.weights[order],
        directions=model.directions[:, :, order], extras={},
    )  # fmt: skip
    found = ModelLandmarks.on(other)
    away = np.linalg.norm(found.points - marks.points * 1.05, axis=1)
    assert np.median(away) < 0.003
    jaw = found.shapes[ARKIT_INDEX["jawOpen"], :, 1]
    assert jaw[13] > -0.008 > -0.02 > jaw[14]


def test_the_marks_lie_where_their_names_say(marks):
    """Of MediaPipe's numbering: upper and lower lip, chin, corners of the eyes."""
    jaw = marks.shapes[ARKIT_INDEX["jawOpen"], :, 1]
    assert jaw[13] > -0.005 > -0.02 > jaw[14]
    assert marks.points[152, 1] < marks.points[14, 1] < marks.points[13, 1] < marks.points[10, 1]
    assert marks.points[263, 0] > 0.03
    assert marks.points[33, 0] < -0.03
