"""BEAT2, AMASS and FLAME archives, read by NumPy alone and written by hand as those projects do."""

from __future__ import annotations

import contextlib
import pickle
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from animcore.body_models.parametric_model import load_model
from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.body_motion import amass, beat2, flame
from animcore.files.export_and_verify import export, load
from animcore.motion import Motion

JAW, NECK, HEAD = (SMPLX_JOINTS.index(name) for name in ("jaw", "neck", "head"))


def random(*shape: int, size: float = 0.2) -> np.ndarray:
    return (np.random.default_rng(sum(shape)).normal(size=shape) * size).astype(np.float32)


@pytest.fixture
def motion() -> Motion:
    return Motion(
        Fraction(30000, 1001),
        expression=random(25, 60),
        basis="flame2020",
        jaw_pose=random(25, 3),
        head_pose=random(25, 3) + 0.1,
        eye_pose=random(25, 2, 3),
        body_pose=random(25, 55, 3),
        translation=random(25, 3),
    )


def arrays(path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def test_beat2_has_the_keys_of_its_release(tmp_path, motion):
    export(motion, tmp_path / "take.beat2.npz", beat2.FORMAT)
    found = arrays(tmp_path / "take.beat2.npz")
    shapes = {name: found[name].shape for name in ("poses", "expressions", "trans", "betas")}
    assert shapes == {"poses": (25, 165), "expressions": (25, 100), "trans": (25, 3), "betas": (300,)}
    assert (str(found["model"]), str(found["gender"]), str(found["basis"])) == ("smplx2020", "neutral", "flame2020")
    assert float(found["mocap_frame_rate"]) == pytest.approx(29.97, abs=1e-3)
    joints = found["poses"].reshape(25, 55, 3)
    assert (joints[:, JAW] == motion.jaw_pose).all()  # the track, not the body's own joint
    assert (joints[:, HEAD] == motion.head_pose).all()
    assert (joints[:, NECK] == motion.body_pose[:, NECK]).all()
    assert (found["expressions"][:, :60] == motion.expression).all()
    assert not found["expressions"][:, 60:].any()


def test_coefficients_of_another_model_keep_their_name(tmp_path):
    motion = Motion(Fraction(30), expression=random(5, 50), basis="open-head", jaw_pose=random(5, 3))
    report = export(motion, tmp_path / "take.beat2.npz", beat2.FORMAT)
    assert any("open-head, not of smplx2020" in sentence for sentence in report.lacks)
    assert str(arrays(tmp_path / "take.beat2.npz")["model"]) == "open-head"
    back = load(tmp_path / "take.beat2.npz", beat2.FORMAT)
    assert back.basis == "open-head"


def emage(**changes) -> dict[str, object]:
    contents = {
        "betas": np.zeros(300),
        "poses": random(6, 165).astype(np.float64),
        "expressions": random(6, 100),
        "trans": random(6, 3) + np.array([0, 1, 0]),
        "model": "smplx2020",
        "gender": "neutral",
        "mocap_frame_rate": 30,
    }
    return {name: value for name, value in (contents | changes).items() if value is not None}


def test_what_emage_writes_is_read(tmp_path):
    np.savez(tmp_path / "take.beat2.npz", **emage())
    back = load(tmp_path / "take.beat2.npz", beat2.FORMAT)
    assert (back.rate, back.frame_count, back.basis) == (30, 6, "smplx2020")
    assert np.abs(back.jaw_pose - random(6, 165)[:, 66:69]).max() < 1e-6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"poses": np.degrees(random(6, 165))}, "degrees"),
        ({"trans": 100 * (random(6, 3) + np.array([0, 1, 0]))}, "centimetres"),
        ({"trans": 1000 * (random(6, 3) + np.array([0, 1.5, 0]))}, "millimetres"),
        ({"basis": "open-head"}, "says smplx2020, but its expression is that of open-head"),
        ({"gender": np.array("neutral", object)}, "gender is a pickled object"),
    ],
)
def test_wrong_units_and_mixed_models_are_noticed(tmp_path, changes, words):
    np.savez(tmp_path / "take.beat2.npz", **emage(**changes))
    sheet = beat2.read(tmp_path / "take.beat2.npz", FormatOptions())
    assert any(words in note for note in sheet.notes)
    assert np.abs(sheet.curves["poses"] - random(6, 165)).max() < 1e-5
    assert np.abs(sheet.curves["trans"]).max() < 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"poses": None}, "no poses"),
        ({"poses": random(6, 156)}, "165"),
        ({"poses": random(7, 165)}, "two takes"),
        ({"poses": random(0, 165), "expressions": random(0, 100), "trans": random(0, 3)}, "no frames"),
        ({"poses": np.full((6, 165), np.nan)}, "not numbers"),
        ({"poses": np.full((6, 165), "a")}, "no numbers"),
        ({"poses": np.full((6, 165), None)}, "no poses|pickled"),
        ({"mocap_frame_rate": None}, "--fps"),
        ({"mocap_frame_rate": 0}, "frame rate"),
        ({"mocap_frame_rate": float("nan")}, "frame rate"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, changes, words):
    np.savez(tmp_path / "take.beat2.npz", **emage(**changes))
    with pytest.raises(InputError, match=words):
        load(tmp_path / "take.beat2.npz", beat2.FORMAT)


class Bomb:
    def __reduce__(self):
        return (print, ("run!",))


@pytest.mark.parametrize("form", [beat2.FORMAT, amass.FORMAT, amass.SMPLX_FORMAT, flame.FORMAT])
def test_hostile_pickles_never_run(tmp_path, capsys, form):
    path = tmp_path / "take.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("poses", "trans", "expr", "jaw_pose", "root_orient", "expressions"):
            archive.writestr(f"{name}.npy", pickle.dumps(Bomb()))
    with pytest.raises(InputError):
        load(path, form)
    np.savez(path, poses=np.array([Bomb()]), trans=random(6, 3), expr=np.array([Bomb()]), jaw_pose=np.array([Bomb()]))
    with pytest.raises(InputError):
        load(path, form)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError):
        load(path, form)
    assert "run!" not in capsys.readouterr().out


def test_an_archive_that_swells_is_not_unpacked(tmp_path):
    path = tmp_path / "take.beat2.npz"
    np.savez(path, **emage())
    with zipfile.ZipFile(path, "a") as archive:
        entry = archive.NameToInfo["poses.npy"]
        entry.file_size = 9 * 1024**3
        archive.writestr("more.npy", b"")
    with pytest.raises(InputError, match=r"GB|readable"):
        load(path, beat2.FORMAT)


def up(pose: np.ndarray) -> np.ndarray:
    """Where the body's up axis points, by Rodrigues' formula written out."""
    angle = np.linalg.norm(pose)
    axis = pose / angle if angle else pose
    y = np.array([0.0, 1.0, 0.0])
    return y * np.cos(angle) + np.cross(axis, y) * np.sin(angle) + axis * (axis @ y) * (1 - np.cos(angle))


def standing(frames: int = 8) -> Motion:
    body = random(frames, 55, 3, size=0.05)
    return Motion(Fraction(120), body_pose=body, translation=np.tile(np.float32([1, 0.9, 2]), (frames, 1)))


def test_amass_has_z_up(tmp_path):
    motion = standing()
    export(motion, tmp_path / "take.amass.npz", amass.FORMAT)
    found = arrays(tmp_path / "take.amass.npz")
    assert (found["poses"].shape, found["betas"].shape, found["dmpls"].shape) == ((8, 156), (16,), (8, 8))
    assert float(found["mocap_framerate"]) == float(found["mocap_frame_rate"]) == 120
    assert up(found["poses"][0, :3])[2] > 0.99
    x, y, z = motion.translation[0]
    assert found["trans"][0] == pytest.approx([x, -z, y], abs=1e-6)  # the open body's pelvis lies at its origin
    back = load(tmp_path / "take.amass.npz", amass.FORMAT)
    joints = [index for index in range(55) if index not in (22, 23, 24)]
    assert np.abs(back.body_pose[:, joints] - motion.body_pose[:, joints]).max() < 1e-6
    assert np.abs(back.translation - motion.translation).max() < 1e-6


def test_amass_of_smplx_comes_in_parts(tmp_path):
    motion = standing()
    export(motion, tmp_path / "take.amassx.npz", amass.SMPLX_FORMAT)
    found = arrays(tmp_path / "take.amassx.npz")
    widths = {name: found[name].shape[1] for name in ("root_orient", "pose_body", "pose_hand", "pose_jaw", "pose_eye")}
    assert widths == {"root_orient": 3, "pose_body": 63, "pose_hand": 90, "pose_jaw": 3, "pose_eye": 6}
    assert str(found["surface_model_type"]) == "smplx"
    assert float(found["mocap_time_length"]) == pytest.approx(8 / 120)
    parts = {name: found[name] for name in (*widths, "trans", "mocap_frame_rate", "surface_model_type")}
    np.savez(tmp_path / "parts.amassx.npz", **parts)
    back = load(tmp_path / "parts.amassx.npz", amass.SMPLX_FORMAT)
    assert np.abs(back.body_pose - motion.body_pose).max() < 1e-6
    hands = found["pose_body"].reshape(8, 21, 3)
    assert (hands == motion.body_pose[:, 1:22]).all()


@pytest.mark.parametrize("spelling", ["mocap_framerate", "mocap_frame_rate"])
@pytest.mark.parametrize("width", [72, 156, 165])
def test_amass_is_read_however_its_rate_is_spelled(tmp_path, spelling, width):
    poses = random(5, width, size=0.02).astype(np.float64)
    poses[:, 0] += np.pi / 2
    np.savez(tmp_path / "a.amass.npz", poses=poses, trans=np.zeros((5, 3)), betas=np.zeros(16), **{spelling: 59.94})
    back = load(tmp_path / "a.amass.npz", amass.FORMAT)
    assert back.rate == Fraction(60000, 1001)
    assert up(back.body_pose[0, 0])[1] > 0.99
    assert np.abs(back.body_pose[:, 5] - poses[:, 15:18]).max() < 1e-6
    if width == 156:
        assert np.abs(back.body_pose[:, 25] - poses[:, 66:69]).max() < 1e-6  # fingers follow the body at once


def test_a_body_that_stands_along_y_is_noticed(tmp_path):
    poses = random(5, 156, size=0.02)
    np.savez(tmp_path / "a.amass.npz", poses=poses, trans=np.zeros((5, 3)), mocap_framerate=60)
    sheet = amass.read(tmp_path / "a.amass.npz", FormatOptions())
    assert any("stands along Y" in note for note in sheet.notes)
    assert np.abs(amass.decode(sheet, FormatOptions()).body_pose[:, 0] - poses[:, :3]).max() < 1e-6


def test_flame_has_the_keys_of_vhap(tmp_path, motion):
    export(motion, tmp_path / "take.flame.npz", flame.FORMAT)
    found = arrays(tmp_path / "take.flame.npz")
    shapes = {name: values.shape for name, values in found.items() if values.ndim > 1}
    assert shapes == {
        "expr": (25, 100), "rotation": (25, 3), "neck_pose": (25, 3), "jaw_pose": (25, 3), "eyes_pose": (25, 6),
        "translation": (25, 3), "static_offset": (1, 5143, 3),
    }  # fmt: skip
    assert found["shape"].shape == (300,)
    assert (found["jaw_pose"] == motion.jaw_pose).all()
    assert (found["eyes_pose"].reshape(25, 2, 3) == motion.eye_pose).all()
    assert (found["rotation"] == motion.body_pose[:, NECK]).all()  # FLAME's root is where a body's neck is
    assert (found["neck_pose"] == motion.head_pose).all()


def test_tracked_parameters_of_vhap_are_read(tmp_path):
    tracked = {
        "n_processed_frames": 4, "timestep_id": np.array(["000", "001", "002", "003"]), "shape": np.zeros(300),
        "expr": random(4, 50), "rotation": random(4, 3), "neck_pose": random(4, 3), "jaw_pose": random(4, 3),
        "eyes_pose": random(4, 6), "translation": random(1, 3), "tex": np.zeros((3, 4, 4)), "lights": np.zeros(9),
    }  # fmt: skip
    path = tmp_path / "tracked_flame_params_30.npz"
    np.savez(path, **tracked)
    with pytest.raises(InputError, match="--fps"):
        load(path, flame.FORMAT)
    back = load(path, flame.FORMAT, FormatOptions(Fraction(25)))
    assert (back.rate, back.basis, back.expression.shape) == (25, "flame2023", (4, 100))
    assert np.abs(back.expression[:, :50] - tracked["expr"]).max() < 1e-6
    assert (back.neck_pose == tracked["rotation"]).all()
    assert (back.head_pose == tracked["neck_pose"]).all()
    assert any("flame2023 is assumed" in note for note in flame.read(path, FormatOptions(Fraction(25))).notes)


def test_parameters_of_two_takes_are_refused(tmp_path):
    np.savez(tmp_path / "a.flame.npz", expr=random(4, 100), jaw_pose=random(5, 3), fps=25)
    with pytest.raises(InputError, match="two takes"):
        load(tmp_path / "a.flame.npz", flame.FORMAT)


@pytest.mark.parametrize("form", [beat2.FORMAT, flame.FORMAT])
def test_weights_become_the_open_heads_coefficients(tmp_path, form):
    arkit = np.zeros((6, 52), np.float32)
    arkit[:, ARKIT.index("mouthSmileLeft")] = np.linspace(0, 1, 6)
    arkit[:, ARKIT.index("jawOpen")] = 0.5
    report = export(Motion(Fraction(30), arkit=arkit), tmp_path / f"take{form.suffix}", form)
    assert any("converted from ARKit weights to the expression of open-head" in one for one in report.lacks)
    back = load(tmp_path / f"take{form.suffix}", form)
    assert back.basis == "open-head"
    smile = np.linalg.norm(back.expression - back.expression[0], axis=1)
    assert (np.diff(smile) > 0).all()
    assert (back.jaw_pose[:, 0] > 0.1).all()  # the jaw opens by its joint
    model = load_model("open-head")
    pose, wanted = np.zeros((6, 5, 3)), np.zeros((6, 5, 3))
    pose[:, 2], wanted[:, 2] = back.jaw_pose, arkit @ model.extras["arkit_to_jaw"]
    reached, _ = model.posed(pose=pose, expression=back.expression[:, : model.expression_count])
    meant, _ = model.posed(pose=wanted, expression=arkit @ model.extras["arkit_to_expression"])
    assert np.linalg.norm(reached - meant, axis=-1).max() < 0.003  # metres, at the worst of all vertices


def test_a_model_that_is_not_there_is_said(tmp_path):
    motion = Motion(Fraction(30), arkit=np.zeros((2, 52), np.float32))
    with pytest.raises(InputError, match="nobody"):
        export(motion, tmp_path / "take.flame.npz", flame.FORMAT, FormatOptions(model=str(tmp_path / "nobody.npz")))
    with pytest.raises(InputError, match="neither body nor head"):
        export(motion, tmp_path / "take.amass.npz", amass.FORMAT)
    assert export(Motion(Fraction(30), head_pose=random(5, 3)), tmp_path / "b.flame.npz", flame.FORMAT).lacks == ()


def test_a_hundred_thousand_frames(tmp_path):
    motion = Motion(Fraction(60), head_pose=np.zeros((100_000, 3), np.float32))
    assert export(motion, tmp_path / "take.flame.npz", flame.FORMAT).frames == 100_000


KEYS = (
    "poses", "trans", "expressions", "expr", "jaw_pose", "neck_pose", "eyes_pose", "rotation", "translation", "basis",
    "root_orient", "pose_body", "pose_hand", "pose_jaw", "mocap_frame_rate", "fps", "betas", "gender", "model",
)  # fmt: skip
VALUES = (
    np.zeros((4, 165)), np.zeros((4, 156)), np.zeros((4, 100)), np.zeros((4, 63)), np.zeros((4, 3)), np.zeros((4, 6)),
    np.zeros((0, 3)), np.zeros(()), np.zeros(3), np.zeros((4, 3, 2)), np.array("text"), np.array(["a", "b"]),
    np.zeros((4, 3), complex), np.zeros((4, 3), bool), np.array(30), np.array(-1.0), np.array([]),
    np.full((4, 3), np.inf), None,
)  # fmt: skip


@pytest.mark.parametrize("form", [beat2.FORMAT, amass.FORMAT, amass.SMPLX_FORMAT, flame.FORMAT])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(range(len(VALUES))), min_size=1, max_size=4))
def test_no_arrays_break_a_reader(tmp_path, form, changes):
    whole = tmp_path / "whole.npz"
    if not whole.exists():
        export(Motion(Fraction(30), body_pose=random(4, 55, 3), jaw_pose=random(4, 3)), whole, form)
    contents = arrays(whole) | {name: VALUES[index] for name, index in changes.items()}
    np.savez(tmp_path / "take.npz", **{name: values for name, values in contents.items() if values is not None})
    with contextlib.suppress(InputError):
        assert load(tmp_path / "take.npz", form).frame_count in (1, 3, 4)
