"""Faces, hands, bodies and persons found in images: of the film of the tests, and of people drawn with a known pose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore.errors import AnimcoreError
from animcore.files.video import face_landmarks
from animcore.trackers import networks
from animcore.trackers.body import NAMES, BodyTracker, refined
from animcore.trackers.detection import merged
from animcore.trackers.face import FaceTracker
from animcore.trackers.hands import HandTracker
from animcore.trackers.person_mask import PersonMask, enlarged
from animcore.trackers.smoothing import OneEuroFilter

FILM = Path(__file__).resolve().parents[1] / "golden" / "films" / "talking_head.mp4"
NOISE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def film() -> list[np.ndarray]:
    return [image for _, image, _ in face_landmarks.frames(FILM, 0.0, 0.5)]


def iris_and_lips(points: np.ndarray) -> np.ndarray:
    return points[[468, 473, 13, 14, 61, 291], :2]


def test_a_face_is_where_it_is(film):
    (points,) = FaceTracker()(film[0])
    assert points.shape == (478, 3)
    right_eye, left_eye, upper, lower, *corners = iris_and_lips(points)
    assert right_eye[0] < corners[0][0] < upper[0] < corners[1][0] < left_eye[0], "the person's right is on the left"
    assert right_eye[1] < upper[1] <= lower[1]
    assert points[1, 2] < points[234, 2], "the nose is nearer than the ear"


def test_a_face_that_is_followed_is_the_one_that_is_found_anew(film):
    follow, still = FaceTracker(), FaceTracker(still=True)
    for image in film:
        away = iris_and_lips(follow(image)[0]) - iris_and_lips(still(image)[0])
        assert np.linalg.norm(away, axis=1).max() < 3.0


def test_the_detector_rests_while_every_face_is_followed(film, monkeypatch):
    tracker = FaceTracker()
    tracker(film[0])
    monkeypatch.setattr("animcore.trackers.face.detect", lambda *_: pytest.fail("the face is followed"))
    assert len(tracker(film[1])) == 1


def test_two_faces_and_one_that_leaves(film):
    two = np.concatenate([film[0], film[0][:, ::-1]], 1)
    tracker = FaceTracker(2)
    width = film[0].shape[1]
    assert sorted(points[:, 0].mean() // width for points in tracker(two)) == [0, 1]
    assert len(tracker(two)) == 2
    two[:, width:] = 127
    (left,) = tracker(two)
    assert left[:, 0].mean() < width
    assert len(tracker(two)) == 1


def test_a_face_that_lies_on_its_side(film):
    (upright,), (turned,) = FaceTracker()(film[0]), FaceTracker()(np.ascontiguousarray(np.rot90(film[0], -1)))
    height = film[0].shape[0]
    back = np.stack([turned[:, 1], height - turned[:, 0]], 1)
    assert np.median(np.linalg.norm(back - upright[:, :2], axis=1)) < 3.0


@pytest.mark.parametrize("tracker", [FaceTracker(2), HandTracker(), BodyTracker()], ids=["face", "hands", "body"])
@pytest.mark.parametrize("image", [NOISE, NOISE * 0, NOISE[:2, :3]], ids=["noise", "black", "tiny"])
def test_nothing_is_found_where_nothing_is(tracker, image):
    assert not tracker(np.ascontiguousarray(image))


def test_a_mask_shows_the_person(film):
    mask = PersonMask()(film[0])
    assert mask.shape == film[0].shape[:2]
    (points,) = FaceTracker()(film[0])
    columns, rows = points[:, :2].astype(int).T
    assert np.median(mask[rows, columns]) > 0.9
    assert mask[:20, :20].max() < 0.1


def test_a_mask_is_enlarged_between_the_middles_of_its_pixels():
    ramp = np.tile(np.arange(4, dtype=np.float32), (4, 1))
    found = enlarged(ramp, (8, 16))
    assert found[3, [0, 1, 2, 6, 15]] == pytest.approx([0, 0, 0.125, 1.125, 3])
    assert (enlarged(ramp, (4, 4)) == ramp).all()


def test_boxes_that_overlap_become_one():
    boxes = np.array([[0.5, 0.5, 0.2, 0.2, 0.4, 0.4], [0.52, 0.5, 0.2, 0.2, 0.44, 0.4], [0.1, 0.1, 0.1, 0.1, 0, 0]])
    first, second = merged(boxes, np.array([0.9, 0.6, 0.7]))
    assert first[1] == pytest.approx(0.9)
    assert first[0][[0, 4]] == pytest.approx([(0.9 * 0.5 + 0.6 * 0.52) / 1.5, (0.9 * 0.4 + 0.6 * 0.44) / 1.5])
    assert second[0][0] == pytest.approx(0.1)
    assert merged(np.zeros((0, 6)), np.zeros(0)) == []


def test_a_heat_map_moves_a_point_and_a_faint_one_does_not():
    heat = np.zeros((2, 64, 64))
    heat[0, 20, 31], heat[0, 20, 33], heat[1, 20, 30] = 0.9, 0.3, 0.4
    points = np.array([[0.5, 0.3, 0.1], [0.5, 0.3, 0.1]])
    found = refined(points, heat)
    assert found[0] == pytest.approx([(0.9 * 31 + 0.3 * 33) / 1.2 / 64, 20 / 64, 0.1])
    assert (found[1] == points[1]).all()


def test_the_one_euro_filter_rests_and_follows():
    steady, quick = OneEuroFilter(1.0, 0.0), OneEuroFilter(1.0, 10.0)
    jump = [0.0] * 10 + [1.0] * 10
    slow, fast = ([float(one(np.array([x]), n / 30)[0]) for n, x in enumerate(jump)] for one in (steady, quick))
    assert slow[9] == fast[9] == 0.0
    assert slow[12] < 0.6 < fast[12]


def test_a_drawn_person_is_found(drawn_person):
    image, joints = drawn_person
    body = BodyTracker()(image)
    assert body is not None
    assert body.score > 0.9
    for name in ("left_shoulder", "right_elbow", "left_wrist", "right_wrist", "left_knee", "right_ankle"):
        away = np.linalg.norm(body.points[NAMES.index(name), :2] - joints[name])
        assert away < 0.05 * image.shape[0], name
    metres = body.metres
    arm = np.linalg.norm(metres[NAMES.index("left_shoulder")] - metres[NAMES.index("left_elbow")])
    assert 0.18 < arm < 0.38


def test_drawn_hands_are_found(drawn_person):
    """The left one is seen from the front, the right one from its edge."""
    image, joints = drawn_person
    right, left = sorted(HandTracker()(image), key=lambda hand: float(hand.points[0, 0]))
    for side, hand in (("right", right), ("left", left)):
        assert np.linalg.norm(hand.points[0, :2] - joints[f"{side}_wrist"]) < 0.05 * image.shape[0], side
    assert 0.045 < np.linalg.norm(left.metres[9] - left.metres[0]) < 0.13
    mirrored = max(
        HandTracker()(np.ascontiguousarray(image[:, ::-1])), key=lambda hand: float(np.ptp(hand.points[:, 0]))
    )
    assert left.right < 0.5 < mirrored.right, "in a mirror it is a right one"


def test_a_network_that_is_broken_is_said(tmp_path, monkeypatch):
    (tmp_path / "face_detector.onnx").write_bytes(b"no network")
    monkeypatch.setattr(networks, "FOLDER", tmp_path)
    networks.network.cache_clear()
    with pytest.raises(AnimcoreError, match=r"face_detector.onnx cannot be loaded; install Animcore again"):
        FaceTracker()
    networks.network.cache_clear()
