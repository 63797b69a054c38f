"""Faces in films: what the tracker finds, and a sentence for every film that cannot be tracked."""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from animcore.errors import AnimcoreError, InputError
from animcore.evaluation.face import lip_tracking
from animcore.files.video import face_landmarks, writer
from animcore.trackers import networks

FILM = Path(__file__).resolve().parents[1] / "golden" / "films" / "talking_head.mp4"
RATE = Fraction(25)


def picture(shade: int) -> np.ndarray:
    image = np.full((48, 64, 3), shade, np.uint8)
    image[:, :10] = 255 - shade
    return image


def write(path: Path, shades: list[int]) -> Path:
    writer.write((picture(shade) for shade in shades), RATE, path)
    return path


@pytest.fixture
def tracker(monkeypatch):
    """A tracker that finds in each picture what a test says, by its number: how many faces, and where they are."""
    faces: dict[int, list[tuple[float, float]]] = {}
    ordinary = [(30.0, 20.0)]
    count = iter(range(10_000))
    shape = np.random.default_rng(0).uniform(-1, 1, (face_landmarks.MARKS, 3))

    @contextmanager
    def tracked(*_arguments, **_options):
        yield None

    def found(_mesh, _image):
        return [shape * (size, size, size) + (x, 20.0, 0.0) for x, size in faces.get(next(count), ordinary)]

    monkeypatch.setattr(face_landmarks, "tracker", tracked)
    monkeypatch.setattr(face_landmarks, "landmarks", found)
    return faces


def phone(path: Path) -> Path:
    """A film that is meant to have 30 frames a second and has 30.25 on average, as telephones write them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 30_000)
        for number, time in enumerate(np.cumsum([1000, 967, 1033, 983, 975] * 18).tolist()):
            frame = av.VideoFrame.from_ndarray(picture(60 + number), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 30_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_film_of_a_phone_has_its_nominal_rate_and_stays_on_its_clock(tracker, tmp_path):
    path = phone(tmp_path / "phone.mp4")
    assert face_landmarks.rate_of(path) == 30
    faces = face_landmarks.read(path)
    assert faces.rate == 30
    rate, opening, _ = lip_tracking.track(path)
    assert len(opening) / rate == pytest.approx(faces.times[-1] - faces.times[0], abs=1.1 / 30)
    assert len(opening) < len(faces.times)


def test_a_face_is_followed(tracker, tmp_path):
    path = write(tmp_path / "a.mp4", [90] * 10)
    tracker[4] = [(200.0, 25.0), (31.0, 20.0)]  # somebody passes behind, larger
    faces = face_landmarks.read(path)
    assert (faces.rate, faces.size, len(faces.times)) == (RATE, (64, 48), 10)
    assert faces.found.all()
    assert faces.points[4, :, 0].mean() == pytest.approx(faces.points[3, :, 0].mean() + 1, abs=0.01)
    assert faces.notes == ()


def test_lost_frames_are_told(tracker, tmp_path):
    path = write(tmp_path / "a.mp4", [90] * 10)
    tracker.update({3: [], 4: [], 8: []})
    faces = face_landmarks.read(path)
    assert faces.found.tolist() == [True] * 3 + [False] * 2 + [True] * 3 + [False] + [True]
    assert "lost in 3 of 10 frames" in faces.notes[0]
    assert "0.12 to 0.16 s, 0.32 s" in faces.notes[0]


def test_a_part_of_a_film(tracker, tmp_path):
    faces = face_landmarks.read(write(tmp_path / "a.mp4", [90] * 20), 0.2, 0.5)
    assert faces.times[0] == pytest.approx(0.2)
    assert faces.times[-1] < 0.5
    with pytest.raises(InputError, match="no frames between 5 s"):
        face_landmarks.read(tmp_path / "a.mp4", 5.0)


def test_two_faces_a_cut_and_none(tracker, tmp_path):
    path = write(tmp_path / "a.mp4", [60] * 5 + [200] * 5)
    tracker.update({number: [(300.0, 40.0)] for number in range(5, 10)})
    with pytest.raises(InputError, match=r"cut at 0\.20 s"):
        face_landmarks.read(path)


def test_light_that_changes_is_no_cut(tracker, tmp_path):
    assert face_landmarks.read(write(tmp_path / "a.mp4", [60] * 5 + [200] * 5)).found.all()


def test_two_faces(tracker, tmp_path):
    tracker.update({number: [(30.0, 20.0), (90.0, 20.0)] for number in range(4, 9)})
    with pytest.raises(InputError, match=r"two faces, first at 0\.16 s"):
        face_landmarks.read(write(tmp_path / "a.mp4", [90] * 10))


@pytest.mark.parametrize(("lost", "words"), [(10, "No face was found in a.mp4"), (7, "found in 3 of 10 frames")])
def test_no_face(tracker, tmp_path, lost, words):
    tracker.update({number: [] for number in range(lost)})
    with pytest.raises(InputError, match=words):
        face_landmarks.read(write(tmp_path / "a.mp4", [90] * 10))


def test_frames_that_do_not_come_evenly(tracker, tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time in (0, 40, 80, 120, 240, 280, 320, 360, 400):
            frame = av.VideoFrame.from_ndarray(picture(90), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    faces = face_landmarks.read(path)
    assert faces.times[4] == pytest.approx(0.24)
    assert "do not come evenly" in faces.notes[0]
    assert float(faces.rate) == 25


def test_portraits_are_turned_upright():
    class Frame:
        rotation = -90

        def to_ndarray(self, **_form):
            image = np.zeros((4, 6, 3), np.uint8)
            image[0, 0] = 9  # what lies left above in the file is right above in a film that a telephone made
            return image

    shown = face_landmarks.upright(Frame())
    assert shown.shape == (6, 4, 3)
    assert shown[0, 3, 0] == 9


def test_no_film(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video at all")
    whole = FILM.read_bytes()
    (tmp_path / "short.mp4").write_bytes(whole[: len(whole) // 2])
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="mono")
        frame.rate = 16_000
        container.mux(stream.encode(frame))
    for name, words in (
        ("a.mp4", "not a video that can be decoded"), ("gone.mp4", "There is no video"),
        ("sound.wav", "has no video track"), ("short.mp4", "breaks off|cannot? be decoded|that can be decoded"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            list(face_landmarks.frames(tmp_path / name))


def test_without_the_networks(monkeypatch, tmp_path):
    monkeypatch.setattr(networks, "FOLDER", tmp_path)
    networks.network.cache_clear()
    with pytest.raises(AnimcoreError, match=r"talking_head.mp4 cannot be tracked.*face_detector.onnx cannot be loaded"):
        face_landmarks.read(FILM)


def test_what_was_found_is_kept(tracker, tmp_path):
    path = write(tmp_path / "a.mp4", [90] * 10)
    faces = face_landmarks.read(path)
    source = face_landmarks.source_of(path, 0.0, np.inf)
    face_landmarks.save(faces, tmp_path / "kept.npz", source)
    again = face_landmarks.kept(tmp_path / "kept.npz", source)
    assert again is not None
    assert (again.points == faces.points).all()
    assert (again.rate, again.size) == (faces.rate, faces.size)
    assert face_landmarks.kept(tmp_path / "kept.npz", face_landmarks.source_of(path, 0.1, np.inf)) is None
    assert face_landmarks.kept(tmp_path / "none.npz", source) is None
    (tmp_path / "cut.npz").write_bytes((tmp_path / "kept.npz").read_bytes()[:600])
    assert face_landmarks.kept(tmp_path / "cut.npz", source) is None
