"""The layout of GaussianAvatars: written, read, and what is wrong with it said in a sentence."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_heads import looking

from animcore.errors import InputError
from animcore.hybrid_head import capture_format


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "flame_param").mkdir()
    views = []
    for number in range(4):
        image = tmp_path / "images" / f"00000_{number:02d}.png"
        image.write_bytes(b"")
        pose = tmp_path / "flame_param" / "00000.npz"
        views.append(capture_format.CaptureView(looking(number * 0.5), number, 0, image, None, pose))
    joints = np.arange(15, dtype=np.float32).reshape(5, 3) / 10
    pose = capture_format.HeadPose(
        np.ones(3, np.float32), joints, np.ones(3, np.float32), np.zeros(2, np.float32), None, "open-head"
    )
    capture_format.write_pose(pose, views[0].pose)
    capture_format.write_views(tmp_path, capture_format.TRAIN, views)
    return tmp_path, views, pose


def test_views_and_poses_come_back(folder):
    path, views, pose = folder
    for read, written in zip(capture_format.read_views(path, capture_format.TRAIN), views, strict=True):
        np.testing.assert_allclose(read.camera.world_to_camera, written.camera.world_to_camera, atol=1e-9)
        assert (read.camera.focal, read.camera.centre) == (written.camera.focal, written.camera.centre)
        assert (read.image, read.moment, read.camera_index) == (written.image, written.moment, written.camera_index)
    read = capture_format.read_pose(views[0].pose)
    np.testing.assert_array_equal(read.joints, pose.joints)
    np.testing.assert_array_equal(read.expression, pose.expression)
    assert read.basis == "open-head"
    assert read.offset is None


def test_the_names_are_those_that_gaussian_avatars_reads(folder):
    """The keys that the published data has, so that other programs open ours."""
    path, _, _ = folder
    table = json.loads((path / "transforms_train.json").read_text())
    wanted = {"timestep_index", "camera_index", "transform_matrix", "file_path", "flame_param_path",
              "fl_x", "fl_y", "cx", "cy", "w", "h", "camera_angle_x"}  # fmt: skip
    assert wanted <= set(table["frames"][0])
    with np.load(path / "flame_param" / "00000.npz") as data:
        assert {name: data[name].shape for name in ("expr", "neck_pose", "jaw_pose", "eyes_pose", "translation")} == {
            "expr": (1, 3), "neck_pose": (1, 3), "jaw_pose": (1, 3), "eyes_pose": (1, 6), "translation": (1, 3),
        }  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 8), st.floats(0.1, 1.2))
def test_cameras_of_opencv_are_told_from_those_of_opengl(count, step):
    cameras = [looking(number * step, 0.1 * number) for number in range(count)]
    assert not capture_format._looks_away(np.array([camera.to_opengl() for camera in cameras]))
    assert capture_format._looks_away(np.array([np.linalg.inv(camera.world_to_camera) for camera in cameras]))


def test_a_file_with_opencv_cameras_gives_the_same_cameras(folder):
    path, views, _ = folder
    table = json.loads((path / "transforms_train.json").read_text())
    for frame, view in zip(table["frames"], views, strict=True):
        frame["transform_matrix"] = np.linalg.inv(view.camera.world_to_camera).tolist()
    (path / "transforms_train.json").write_text(json.dumps(table))
    for read, written in zip(capture_format.read_views(path, capture_format.TRAIN), views, strict=True):
        np.testing.assert_allclose(read.camera.world_to_camera, written.camera.world_to_camera, atol=1e-9)


def edited(path, change):
    file = path / "transforms_train.json"
    table = json.loads(file.read_text())
    change(table)
    file.write_text(json.dumps(table))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: (path / "transforms_train.json").unlink(), "There is no transforms_train.json"),
        (lambda path: (path / "transforms_train.json").write_text('{"frames": [{'), "broken"),
        (lambda path: (path / "images" / "00000_02.png").unlink(),
         r"names files that are missing, 1 of them, first .*00000_02\.png"),
        (lambda path: edited(path, lambda table: table.update(frames=[])), "lists no images"),
        (lambda path: edited(path, lambda table: table["frames"][0].pop("transform_matrix")), "broken"),
        (lambda path: edited(path, lambda table: table["frames"][0].update(transform_matrix=np.zeros((4, 4)).tolist())),
         "not a rotation"),
        (lambda path: edited(path, lambda table: table["frames"][0].update(fl_x=0)), "intrinsics"),
        (lambda path: edited(path, lambda table: table["frames"][1].update(fl_y=float("nan"))), "intrinsics"),
        (lambda path: edited(path, lambda table: table["frames"][0].update(w=-4)), "intrinsics"),
        (lambda path: edited(path, lambda table: table["frames"][0].update(cx=float("inf"))), "intrinsics"),
        (lambda path: edited(path, lambda table: table["frames"][0].update(w=float("inf"))), "broken"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(folder, spoil, sentence):
    path, _, _ = folder
    spoil(path)
    with pytest.raises(InputError, match=sentence):
        capture_format.read_views(path, capture_format.TRAIN)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 0.999), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_pose_is_read_or_refused(folder, place, value, cut):
    _, views, pose = folder
    capture_format.write_pose(pose, views[0].pose)
    data = bytearray(views[0].pose.read_bytes())
    data[int(place * len(data))] = value
    views[0].pose.write_bytes(data[: int(place * len(data))] if cut else data)
    with contextlib.suppress(InputError):
        assert np.isfinite(capture_format.read_pose(views[0].pose).joints).all()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut", None])
def test_a_broken_pose_is_one_sentence(folder, data):
    _, views, pose = folder
    if data is None:
        bad = capture_format.HeadPose(np.array([np.nan], np.float32), pose.joints, pose.translation, pose.shape)
        capture_format.write_pose(bad, views[0].pose)
    else:
        views[0].pose.write_bytes(data)
    with pytest.raises(InputError, match=r"00000\.npz"):
        capture_format.read_pose(views[0].pose)
