"""`animcore avatar from-video`: a film of the default character, whose performance is known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from golden_film import FILM, perfect_landmarks, truth

from animcore.body_models import blendshape_head
from animcore.body_models.arkit_to_flame import OpenHeadShapes
from animcore.body_models.face_landmarks import FACE, ModelLandmarks
from animcore.body_models.parametric_model import load_model
from animcore.cli.main import main
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.files.avatars import capture_images, hybrid_head
from animcore.files.video import capture_from_video, face_landmarks, overlay
from animcore.geometry.rotations import from_matrix, to_matrix
from animcore.hybrid_head import capture_format
from animcore.hybrid_head.tracking.face_tracker import HeadTrack
from animcore.motion import Motion
from animcore.provenance import verification

COUNT, SIZE = 20, 400


def faces() -> face_landmarks.VideoLandmarks:
    """The landmarks of the first frames as a perfect tracker would see them."""
    points = perfect_landmarks(COUNT, SIZE)
    return face_landmarks.VideoLandmarks(Fraction(24), np.arange(COUNT) / 24, points, (SIZE, SIZE))


@pytest.fixture
def looked(monkeypatch):
    """How often a film was looked through, without the networks: everything is the person."""
    times = []

    def read(*_arguments, **_options):
        times.append(1)
        return faces()

    def everywhere():
        return lambda image: np.ones(image.shape[:2], np.float32)

    monkeypatch.setattr(face_landmarks, "read", read)
    monkeypatch.setattr(capture_from_video, "_segmenter", everywhere)
    return times


def from_video(*arguments) -> int:
    return main(["avatar", "from-video", *map(str, arguments), "--consent", "none"])


def test_a_performance_and_a_capture(looked, tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    from animcore.cli import avatar_fit

    fits = []

    def fit(options) -> int:
        fits.append((options.data, options.out, options.changes))
        return 0

    monkeypatch.setattr(avatar_fit, "run", fit)
    assert from_video(FILM, tmp_path / "me", "--frames", 10, "--size", 160, "--focal-length", 64.8) == 0
    assert fits == [(tmp_path / "me" / "capture", tmp_path / "me" / "fit", 0)]
    motion, known = Motion.load(tmp_path / "me" / "performance.npz"), truth()
    assert (motion.rate, motion.frame_count) == (24, COUNT)
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.corrcoef(motion.arkit[:, jaw], known["arkit"][:COUNT, jaw])[0, 1] > 0.9
    with av.open(str(tmp_path / "me" / "tracked.mp4")) as container:
        assert container.streams.video[0].frames == COUNT
    assert motion.origin.consent["status"] == "not stated"
    assert (tmp_path / "me" / "consent.toml").read_text() == 'status = "not stated"\n'
    assert (tmp_path / "me" / "capture" / "consent.toml").is_file()
    shown = verification.verify(tmp_path / "me" / "tracked.mp4")
    assert (shown.origin.source_type, shown.origin.consent["status"]) == ("compositeSynthetic", "not stated")
    assert [one.name for one in shown.origin.sources] == [FILM.name]
    check_capture(tmp_path / "me" / "capture")

    assert from_video(FILM, tmp_path / "me", "--frames", 10, "--size", 160, "--focal-length", 64.8) == 0
    assert len(looked) == 1  # the landmarks were kept
    assert "focal length 65 mm" in capsys.readouterr().out


def test_the_first_picture_need_not_be_the_films_first(looked, tmp_path, monkeypatch):
    """A frame's time is no round number, and the pictures are found again by their times."""
    pytest.importorskip("torch")
    from animcore.cli import avatar_fit

    def late(*_arguments, **_options):
        seen = faces()
        seen.points[0] = np.nan
        return seen

    monkeypatch.setattr(face_landmarks, "read", late)
    monkeypatch.setattr(avatar_fit, "run", lambda _options: 0)
    assert from_video(FILM, tmp_path / "me", "--frames", COUNT, "--size", 64) == 0
    folder = tmp_path / "me" / "capture"
    views = [
        view
        for split in (capture_format.TRAIN, capture_format.MOMENTS)
        for view in capture_format.read_views(folder, split)
    ]
    assert sorted(view.moment for view in views) == list(range(1, COUNT))


def test_a_film_is_tracked_with_a_characters_own_head(looked, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from animcore.cli import avatar_fit

    model, head = load_model("open-head"), OpenHeadShapes.read()
    corners = model.faces.astype(np.int64)
    weights, joints = model.weights.astype(np.float32), model.rest_joints.astype(np.float32)
    uv = np.zeros((len(model.template), 2), np.float32)
    shapes = np.zeros((68, *model.template.shape), np.float32)
    shapes[:52] = head.shapes[:52]
    measured = blendshape_head.MeasuredHead("ada", model.template, corners, uv, corners, shapes, weights, joints)
    blendshape_head.write(measured, tmp_path / "model.npz")
    monkeypatch.setattr(avatar_fit, "run", lambda _options: 0)
    assert from_video(FILM, tmp_path / "me", "--frames", 8, "--size", 64, "--model", tmp_path / "model.npz") == 0
    pose = capture_format.read_pose(
        capture_format.read_views(tmp_path / "me" / "capture", capture_format.TRAIN)[0].pose
    )
    assert (pose.basis, len(pose.expression)) == ("ada", 68)


def test_a_run_that_was_stopped_leaves_nothing_of_another(looked, tmp_path, monkeypatch):
    """After another lens was tried in vain, neither its track nor an old film passes for the first one's."""
    out = tmp_path / "me"
    assert from_video(FILM, out, "--track-only", "--focal-length", 64.8) == 0

    def stopped(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(overlay, "write", stopped)
        assert from_video(FILM, out, "--track-only", "--focal-length", 40) != 0
    assert not (out / "tracked.mp4").exists()
    assert from_video(FILM, out, "--track-only", "--focal-length", 64.8) == 0
    assert HeadTrack.load(out / "track.npz").lens == pytest.approx(64.8)
    assert (out / "tracked.mp4").is_file()


def check_capture(folder: Path) -> None:
    """Each picture's head lies where the perfect tracker saw it, and its mask ends under the chin."""
    model, seen = load_model("open-head"), faces()
    marks = ModelLandmarks.on(model)
    views = capture_format.read_views(folder, capture_format.TRAIN)
    assert len(views) == 9
    assert len(capture_format.read_views(folder, capture_format.MOMENTS)) == 1
    for view in views:
        pose = capture_format.read_pose(view.pose)
        assert pose.basis == "open-head"
        head = model.template + pose.offset
        posed = hybrid_head.HybridHead(model, pose.shape, pose.offset, np.zeros((1, 2)), 0 * model.faces)
        vertices = posed.at(pose.expression, pose.joints, pose.translation).vertices
        assert vertices.shape == head.shape
        points = np.einsum("lc,lcx->lx", marks.shares, vertices[marks.corners])
        there = points @ view.camera.world_to_camera[:3, :3].T + view.camera.world_to_camera[:3, 3]
        flat = there[:, :2] / there[:, 2:] * view.camera.focal + view.camera.centre
        scale = view.camera.focal[0] / float(truth()["focal"])
        shift = np.array(view.camera.centre) - SIZE / 2 * scale
        wanted = seen.points[view.moment, :FACE, :2] * scale + shift
        assert np.median(np.linalg.norm(flat - wanted, axis=1)) < 1.5
        _, mask = capture_images.read(view)
        column, row = flat[152].astype(int)
        assert mask[row - 2, column] == 1
        assert mask[0, 0] == 0
        assert not mask[min(row + 40, len(mask) - 1), column]


def test_ctrl_c_keeps_what_was_found(looked, tmp_path, monkeypatch):
    def stopped(*_arguments):
        raise KeyboardInterrupt

    from animcore.pipelines import track_video

    monkeypatch.setattr(track_video, "track", stopped)
    assert from_video(FILM, tmp_path / "me", "--track-only") != 0
    assert (tmp_path / "me" / "landmarks.npz").is_file()
    assert not (tmp_path / "me" / "performance.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.mp4", "me"], "There is no video gone.mp4"),
        ([FILM, FILM / "me"], "cannot be made"),
        ([FILM, "me", "--start", "3", "--end", "2"], "must lie before"),
        ([FILM, "me", "--focal-length", "2"], "--focal-length must lie between 5 and 1000 mm"),
        ([FILM, "me", "--frames", "2"], "at least 8 frames"),
        ([FILM, "me", "--track-only", "--model", "open-body"], "is not a head"),
    ],
)
def test_what_cannot_be_done_is_said(looked, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert from_video(*arguments) == 1
    assert words in capsys.readouterr().err


def test_a_rendered_film_is_tracked(tmp_path):
    assert from_video(FILM, tmp_path / "me", "--track-only") == 0
    track, known = HeadTrack.load(tmp_path / "me" / "track.npz"), truth()
    away = from_matrix(track.turns @ to_matrix(known["rotation"]).transpose(0, 2, 1))
    assert np.degrees(np.linalg.norm(away, axis=1)).mean() < 2.5
    assert np.nanmedian(track.errors) < 1.0
    for name, least in {"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9, "jawOpen": 0.75}.items():
        shape = ARKIT_INDEX[name]
        assert np.corrcoef(track.arkit[:, shape], known["arkit"][:, shape])[0, 1] > least, name
