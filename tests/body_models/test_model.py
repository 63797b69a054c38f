"""Posing: against the formula written out, against the smplx package, on tensors, and how the open models stand."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest

from animcore.body_models import model_file, pose_tracks, skinning
from animcore.body_models import parametric_model as models
from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS
from animcore.errors import InputError
from animcore.geometry import rotations
from animcore.motion import Motion

MILLIMETRE = 1e-3
ALIKE = 0.01 * MILLIMETRE


@pytest.fixture
def small(small_head, tmp_path):
    np.savez(tmp_path / "flame2020.npz", **small_head)
    return models.load_model(tmp_path / "flame2020.npz")


@pytest.fixture(scope="module")
def head():
    return models.load_model("open-head")


@pytest.fixture(scope="module")
def body():
    return models.load_model("open-body")


def moves(model, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random arguments of `posed`: a different person in poses that go beyond what people do."""
    rng = np.random.default_rng(seed)
    return {
        "pose": rng.normal(0.0, 0.4, (count, len(model.parents), 3)).astype(np.float32),
        "expression": rng.normal(0.0, 1.0, (count, model.expression_count)).astype(np.float32),
        "shape": rng.normal(0.0, 1.0, model.shape_count).astype(np.float32),
        "translation": rng.normal(0.0, 1.0, (count, 3)).astype(np.float32),
    }


def written_out(arrays, pose, expression, shape, translation):
    """The model's formula for one frame, joint by joint in double precision, as the papers have it."""
    coefficients = np.concatenate([shape, expression])
    shaped = arrays["v_template"] + arrays["shapedirs"] @ coefficients
    joints = arrays["J_regressor"] @ shaped
    turns = rotations.to_matrix(pose)
    posed = shaped + arrays["posedirs"] @ (turns[1:] - np.eye(3)).ravel()
    parents = arrays["kintree_table"][0].astype(np.int64)
    world = []
    for joint, turn in enumerate(turns):
        local = np.eye(4)
        local[:3, :3] = turn
        local[:3, 3] = joints[joint] - (joints[parents[joint]] if joint else 0.0)
        world.append(world[parents[joint]] @ local if joint else local)
    places = np.array([matrix[:3, 3] for matrix in world])
    vertices = np.zeros_like(posed)
    for joint, matrix in enumerate(world):
        vertices += arrays["weights"][:, joint, None] * ((posed - joints[joint]) @ matrix[:3, :3].T + matrix[:3, 3])
    return vertices + translation, places + translation


def test_every_frame_follows_the_formula(small, small_head):
    arguments = moves(small, 7)
    vertices, joints = small.posed(**arguments)
    for frame in range(7):
        per_frame = {key: values if key == "shape" else values[frame] for key, values in arguments.items()}
        wanted, places = written_out(small_head, **per_frame)
        np.testing.assert_allclose(vertices[frame], wanted, atol=2e-6)
        np.testing.assert_allclose(joints[frame], places, atol=2e-6)


def test_pieces_make_no_difference(small, monkeypatch):
    arguments = moves(small, 23)
    whole, joints = small.posed(**arguments)
    monkeypatch.setitem(skinning._WORKING, "cpu", 5 * 20 * len(small.template))  # five frames at a time
    again, joints_again = small.posed(**arguments)
    np.testing.assert_allclose(again, whole, atol=1e-6)
    np.testing.assert_array_equal(joints_again, joints)
    assert whole.flags.c_contiguous
    assert whole.dtype == np.float32


@pytest.mark.parametrize("name", ["open-head", "open-body"])
def test_nothing_given_is_the_template(name, head, body):
    model = {"open-head": head, "open-body": body}[name]
    vertices, joints = model.posed()
    np.testing.assert_allclose(vertices[0], model.template, atol=1e-6)
    np.testing.assert_allclose(joints[0], model.rest_joints, atol=1e-6)
    assert model.posed(translation=np.zeros((0, 3)))[0].shape == (0, len(model.template), 3)


def test_fewer_coefficients_are_the_first_ones(small):
    arguments = moves(small, 3)
    short = arguments | {"expression": arguments["expression"][:, :4], "shape": arguments["shape"][:2]}
    filled = arguments | {"expression": arguments["expression"].copy(), "shape": arguments["shape"].copy()}
    filled["expression"][:, 4:], filled["shape"][2:] = 0.0, 0.0
    np.testing.assert_allclose(small.posed(**short)[0], small.posed(**filled)[0], atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"pose": np.zeros((2, 4, 3))},
        {"pose": np.zeros((2, 5, 3)), "expression": np.zeros((3, 10))},
        {"expression": np.zeros((2, 11))},
        {"shape": np.zeros(11)},
        {"shape": np.zeros((2, 10))},
        {"translation": np.zeros(3)},
    ],
)
def test_arguments_that_do_not_fit_are_said(small, wrong):
    with pytest.raises(InputError, match=r"for flame2020 has the shape"):
        small.posed(**wrong)


def test_a_part_moves_as_in_the_whole(head):
    arguments = moves(head, 4)
    chosen = np.arange(100, 2000, 7)
    part = head.part(chosen)
    vertices, joints = part.posed(**arguments)
    whole, whole_joints = head.posed(**arguments)
    np.testing.assert_allclose(vertices, whole[:, chosen], atol=1e-6)
    np.testing.assert_array_equal(joints, whole_joints)
    np.testing.assert_array_equal(part.extras["part_of_vertex"], head.extras["part_of_vertex"][chosen])
    assert part.faces.size == 0 or part.faces.max() < len(chosen)
    everything = head.part(np.arange(len(head.template)))
    np.testing.assert_array_equal(everything.faces, head.faces)


def test_tensors_give_the_same(head):
    torch = pytest.importorskip("torch")
    arguments = moves(head, 3)
    vertices, joints = head.on("cpu").posed(**{key: torch.from_numpy(value) for key, value in arguments.items()})
    wanted, wanted_joints = head.posed(**arguments)
    np.testing.assert_allclose(vertices.numpy(), wanted, atol=2e-6)
    np.testing.assert_allclose(joints.numpy(), wanted_joints, atol=2e-6)


def test_tensors_can_be_differentiated(small):
    torch = pytest.importorskip("torch")
    exact = models.replace(small, **{name: torch.as_tensor(getattr(small, name)).double() for name in models._TENSORS})
    arguments = {key: torch.from_numpy(value).double() for key, value in moves(small, 2).items()}
    arguments["pose"][0, 0] = 0.0  # where an angle has no direction
    arguments["pose"][1, 1] = torch.tensor([np.pi, 0.0, 0.0])
    inputs = tuple(value.requires_grad_() for value in arguments.values())
    assert torch.autograd.gradcheck(lambda *values: exact.posed(*values), inputs, atol=1e-5, fast_mode=True)


def test_a_device_that_is_not_there(small):
    pytest.importorskip("torch")
    with pytest.raises(InputError, match="cannot use the device 'nonsense'"):
        small.on("nonsense")


@pytest.fixture(scope="module")
def oracles(tmp_path_factory):
    """The open models in the classes of the smplx package, under the names that it looks for."""
    smplx = pytest.importorskip("smplx", reason="the smplx package is the oracle; it is an optional extra")
    folder = tmp_path_factory.mktemp("models")
    (folder / "SMPLX_NEUTRAL.npz").symlink_to(models.FOLDER / "open_body.npz")
    (folder / "FLAME_NEUTRAL.npz").symlink_to(models.FOLDER / "open_head.npz")
    head = model_file.read(models.FOLDER / "open_head.npz").arrays
    landmarks = {"lmk_face_idx": head["lmk_faces_idx"], "lmk_b_coords": head["lmk_bary_coords"]}
    (folder / "flame_static_embedding.pkl").write_bytes(pickle.dumps(landmarks))
    common = {"ext": "npz", "num_betas": 16, "num_expression_coeffs": 64}
    return {
        "open-head": smplx.FLAME(str(folder), **common),
        "open-body": smplx.SMPLX(str(folder), use_pca=False, flat_hand_mean=True, **common),
    }


def asked(oracle, kind: str, arguments: dict) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints from the smplx package."""
    torch = pytest.importorskip("torch")
    given = {key: torch.from_numpy(value) for key, value in arguments.items()}
    pose, count = given["pose"], len(given["pose"])
    parts = {"flame": {"global_orient": [0], "neck_pose": [1], "jaw_pose": [2], "leye_pose": [3], "reye_pose": [4]}}
    parts["smplx"] = {
        **{"global_orient": [0], "body_pose": range(1, 22), "jaw_pose": [22], "leye_pose": [23], "reye_pose": [24]},
        **{"left_hand_pose": range(25, 40), "right_hand_pose": range(40, 55)},
    }
    split = {name: pose[:, list(joints)].reshape(count, -1) for name, joints in parts[kind].items()}
    with torch.no_grad():
        out = oracle(
            betas=given["shape"].expand(count, -1), expression=given["expression"], transl=given["translation"], **split
        )
    return out.vertices.numpy(), out.joints.numpy()[:, : pose.shape[1]]


@pytest.mark.parametrize("name", ["open-head", "open-body"])
def test_the_smplx_package_loads_the_open_models_and_agrees(name, head, body, oracles):
    model = {"open-head": head, "open-body": body}[name]
    arguments = moves(model, 3, seed=5)
    if name == "open-body":  # that class takes its landmarks for one batch size alone
        arguments = {key: value if key == "shape" else value[:1] for key, value in arguments.items()}
    vertices, joints = model.posed(**arguments)
    wanted, wanted_joints = asked(oracles[name], model.kind, arguments)
    assert np.abs(vertices - wanted).max() < ALIKE
    assert np.abs(joints - wanted_joints).max() < ALIKE


def test_the_open_models_are_what_their_card_says(head, body):
    assert (head.name, head.kind, body.name, body.kind) == ("open-head", "flame", "open-body", "smplx")
    assert head.named_by == body.named_by == "file"
    assert min(head.shape_count, body.shape_count) >= 10
    assert min(head.expression_count, body.expression_count) >= 50
    assert tuple(head.extras["arkit_names"]) == ARKIT
    assert tuple(body.extras["joint_names"]) == SMPLX_JOINTS
    assert tuple(head.extras["joint_names"]) == pose_tracks.FLAME_JOINTS
    np.testing.assert_array_equal(head.template[:, 0] * 0, 0)
    # the head is that of the body, at another origin
    offset = body.template[head.extras["body_vertices"]] - head.template
    assert np.abs(offset - offset[0]).max() < ALIKE


def test_the_joints_move_what_they_are_named_after(body):
    place = {name: body.rest_joints[index] for index, name in enumerate(SMPLX_JOINTS)}
    assert place["left_wrist"][0] > place["left_elbow"][0] > place["left_shoulder"][0] > 0 > place["right_wrist"][0]
    assert abs(place["left_wrist"][1] - place["left_shoulder"][1]) < 0.03  # a T-pose
    assert place["left_foot"][2] > place["left_ankle"][2]  # Z is forward
    pose = np.zeros((1, 55, 3), np.float32)
    pose[0, SMPLX_JOINTS.index("jaw"), 0] = 0.3
    moved = np.linalg.norm(body.posed(pose)[0][0] - body.template, axis=1) > MILLIMETRE
    names = body.extras["part_names"].tolist()
    assert moved.any()
    assert (body.template[moved, 1] > place["neck"][1]).all()
    assert not moved[body.extras["part_of_vertex"] == names.index("left_eye")].any()


def test_a_motion_as_poses_of_both_models(head, body):
    rng = np.random.default_rng(1)
    motion = Motion(
        Fraction(30),
        jaw_pose=rng.normal(0, 0.2, (4, 3)).astype(np.float32),
        neck_pose=rng.normal(0, 0.2, (4, 3)).astype(np.float32),
        head_pose=rng.normal(0, 0.2, (4, 3)).astype(np.float32),
        eye_pose=rng.normal(0, 0.2, (4, 2, 3)).astype(np.float32),
    )
    on_head, joints = head.posed(pose_tracks.flame_pose(motion))
    on_body, body_joints = body.posed(pose_tracks.smplx_pose(motion))
    same = [SMPLX_JOINTS.index(name) for name in pose_tracks.FLAME_JOINTS]
    # the jaw, the eyes and the face above them move alike on both, whose origins differ
    offset = (body_joints[:, same] - joints)[0, 0]
    np.testing.assert_allclose(joints + offset, body_joints[:, same], atol=1e-4)
    moved = on_body[:, head.extras["body_vertices"]] - on_head - offset
    inner = head.extras["part_of_vertex"] != head.extras["part_names"].tolist().index("skin")
    assert np.abs(moved[:, inner]).max() < 1e-4


def test_a_body_track_gives_way_to_the_tracks_of_the_head():
    body_pose = np.full((2, 55, 3), 0.1, np.float32)
    motion = Motion(Fraction(30), body_pose=body_pose, jaw_pose=np.full((2, 3), 0.5, np.float32))
    pose = pose_tracks.smplx_pose(motion)
    changed = np.flatnonzero((pose != body_pose).any((0, 2)))
    assert changed.tolist() == [SMPLX_JOINTS.index("jaw")]
    np.testing.assert_allclose(
        pose_tracks.flame_pose(motion)[0], [[0.1] * 3, [0.1] * 3, [0.5] * 3, [0.1] * 3, [0.1] * 3]
    )
