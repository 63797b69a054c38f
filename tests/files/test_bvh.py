"""Bodies as BVH: read back by us and by bvhio, other programs' skeletons, and files that are broken."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.body_models.kinematics import INDEX, PARENTS, open_body_joints
from animcore.errors import InputError
from animcore.files import FORMATS
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.geometry import rotations
from animcore.motion import Motion
from animcore.retarget import bone_names
from animcore.retarget.skeleton_retarget import Skeleton, SkeletonRetargeter

BVH = FORMATS["bvh"]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "skeletons"


def dancing(rate: Fraction = Fraction(30), count: int = 40) -> Motion:
    generator = np.random.default_rng(2)
    smooth = np.cumsum(generator.normal(size=(count, 55, 3)) * 0.02, 0) + generator.normal(size=(55, 3)) * 0.3
    way = np.cumsum(generator.normal(size=(count, 3)) * 0.01, 0)
    return Motion(rate, body_pose=smooth.astype(np.float32), translation=way.astype(np.float32))


def test_what_is_written_is_read(tmp_path):
    motion = dancing()
    report = export(motion, tmp_path / "a.bvh", BVH)
    assert report.worst < 2e-6
    back = load(tmp_path / "a.bvh", BVH)
    np.testing.assert_allclose(back.body_pose, motion.body_pose, atol=1e-5)
    np.testing.assert_allclose(back.translation, motion.translation, atol=1e-6)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(60)])
@pytest.mark.parametrize("seconds", [60, pytest.param(600, marks=pytest.mark.long)])
def test_long_takes_do_not_drift(tmp_path, rate, seconds):
    motion = dancing(rate, int(seconds * rate))
    export(motion, tmp_path / "a.bvh", BVH)
    back = load(tmp_path / "a.bvh", BVH)
    assert back.rate == rate
    assert back.frame_count == motion.frame_count
    (line,) = [line for line in (tmp_path / "a.bvh").read_text().splitlines() if line.startswith("Frame Time")]
    assert float(line.split(":")[1]) * back.frame_count == pytest.approx(float(motion.frame_count / rate), abs=1e-9)


def test_another_reader_puts_the_joints_where_smplx_has_them(tmp_path):
    bvhio = pytest.importorskip("bvhio", reason="bvhio is the oracle")
    motion = dancing()
    export(motion, tmp_path / "a.bvh", BVH)
    root = bvhio.readAsHierarchy(str(tmp_path / "a.bvh"))
    joints = open_body_joints()
    for frame in (0, 17, 39):
        root.loadPose(frame)
        turns = np.zeros((55, 3, 3))
        places = np.zeros((55, 3))
        for joint, parent in enumerate(PARENTS):
            own = rotations.to_matrix(motion.body_pose[frame, joint])
            turns[joint] = own if parent < 0 else turns[parent] @ own
            places[joint] = (
                joints[0] + motion.translation[frame]
                if parent < 0
                else places[parent] + turns[parent] @ (joints[joint] - joints[parent])
            )
        for name in ("pelvis", "head", "left_wrist", "right_foot", "left_index3"):
            found = np.array(root.filter(name)[0].PositionWorld) / 100
            np.testing.assert_allclose(found, places[INDEX[name]], atol=2e-5)


@pytest.mark.parametrize(("unit", "said"), [(100.0, ()), (1.0, ("metres",)), (1 / 0.0254, ("inches",))])
def test_a_mixamo_file_in_any_unit_moves_smplx(tmp_path, unit, said):
    with np.load(GOLDEN / "mixamo.npz") as data:
        names, parents = list(map(str, data["names"])), list(map(int, data["parents"]))
        heads = data["rest"][:, :3, 3].astype(float)
    straight = np.tile(np.eye(4), (len(names), 1, 1))
    straight[:, :3, 3] = heads
    target = Skeleton(tuple(names), tuple(parents), straight)
    motion = dancing()
    retarget = SkeletonRetargeter(target, bone_names.find(names), open_body_joints())
    quaternions, location = retarget.to_bones(motion.body_pose, motion.translation)
    angles = np.degrees(rotations.to_euler(rotations.quaternion_to_matrix(quaternions), "YXZ"))
    (tmp_path / "a.bvh").write_text(foreign(names, parents, heads * unit, angles, (location + heads[0]) * unit))
    sheet = BVH.read(tmp_path / "a.bvh", FormatOptions())
    assert any("joints of Mixamo" in note for note in sheet.notes)
    assert all(any(word in note for note in sheet.notes) for word in said)
    back = BVH.decode(sheet, FormatOptions())
    known = [INDEX[joint] for joint in ("left_shoulder", "right_elbow", "left_knee", "right_ankle", "head", "spine2")]
    off = np.linalg.norm(
        rotations.from_matrix(
            np.swapaxes(rotations.to_matrix(motion.body_pose), -1, -2) @ rotations.to_matrix(back.body_pose)
        ),
        axis=-1,
    )
    assert np.degrees(off[:, known]).max() < 0.1
    np.testing.assert_allclose(back.translation, motion.translation, atol=1e-4)


def foreign(names, parents, heads, angles, places) -> str:
    """A file as another program writes it: its own order of angles, names and joints."""
    lines, columns = ["HIERARCHY"], [places]

    def put(index: int, depth: int) -> None:
        columns.append(angles[:, index])
        offset = heads[index] - (heads[parents[index]] if parents[index] >= 0 else 0)
        lines.append(f"{'ROOT' if parents[index] < 0 else 'JOINT'} {names[index]} {{")
        lines.append("OFFSET " + " ".join(map(repr, map(float, offset))))
        moving = "Xposition Yposition Zposition " if parents[index] < 0 else ""
        lines.append(f"CHANNELS {6 if moving else 3} {moving}Yrotation Xrotation Zrotation")
        below = [child for child, parent in enumerate(parents) if parent == index]
        for child in below:
            put(child, depth + 1)
        if not below:
            lines.append("End Site { OFFSET 0 1 0 }")
        lines.append("}")

    put(0, 0)
    table = np.concatenate(columns, 1)
    rows = "\n".join(" ".join(f"{value:.8f}" for value in row) for row in table)
    return "\n".join([*lines, "MOTION", f"Frames: {len(table)}", f"Frame Time: {1 / 30!r}", rows])


def changed(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_text("nothing of the kind"), "not a BVH"),
        (lambda path: path.write_text(path.read_text()[:3000]), "not a BVH"),
        (lambda path: path.write_text(path.read_text()[:-200]), "cut off"),
        (lambda path: changed(path, "Frames: 40", "Frames: 41"), "cut off"),
        (lambda path: changed(path, "Frames: 40", "Frames: many"), "cannot be read"),
        (lambda path: changed(path, "Frame Time: ", "Frame Time: -"), "a frame lasts"),
        (lambda path: changed(path, "CHANNELS 3", "CHANNELS 2"), "were promised"),
        (lambda path: changed(path, "Zrotation", "Wrotation"), "channel 'Wrotation'"),
        (lambda path: changed(path, "CHANNELS 3", "CHANNELS -2"), "tree of joints"),
        (lambda path: changed(path, "CHANNELS 3", "CHANNELS 3000000000"), "tree of joints"),
        (lambda path: changed(path, "OFFSET 0", "OFFSET x"), "tree of joints"),
        (lambda path: changed(path, "}", ""), "cut off"),
        (lambda path: path.write_text(path.read_text().replace("left_", "a_").replace("right_", "b_")
                                      .replace("spine", "q")), "not known"),
    ],
)  # fmt: skip
def test_broken_files_are_refused_in_a_sentence(tmp_path, spoil, words):
    export(dancing(), tmp_path / "a.bvh", BVH)
    spoil(tmp_path / "a.bvh")
    with pytest.raises(InputError, match=words):
        BVH.read(tmp_path / "a.bvh", FormatOptions())


@pytest.mark.parametrize(
    ("written", "rate"),
    [("0.033333", 30), ("0.0333", 30), ("0.03333", 30), ("0.008333", 120), ("0.00833", 120), ("0.0167", 60),
     ("0.01666", 60), ("0.041667", 24), ("0.041708", Fraction(24000, 1001)), ("0.04170833", Fraction(24000, 1001)),
     ("0.0334", Fraction(30000, 1001)), ("0.0333667", Fraction(30000, 1001)), ("0.04", 25), ("0.1", 10), ("1", 1),
     ("3.3333333e-2", 30), ("0.0125", 80)],
)  # fmt: skip
def test_few_digits_of_a_frame_time_mean_the_rate_that_they_were_cut_from(tmp_path, written, rate):
    export(dancing(), tmp_path / "a.bvh", BVH)
    changed(tmp_path / "a.bvh", f"Frame Time: {1 / 30!r}", f"Frame Time:\t{written}")
    assert BVH.read(tmp_path / "a.bvh", FormatOptions()).rate == rate


def walking_elsewhere(unit: float = 100.0) -> tuple[list[str], list[int], np.ndarray, np.ndarray, np.ndarray, Motion]:
    """A Mixamo skeleton with straight axes: names, parents, heads, (T, J, 3) angles in YXZ, places of the hips."""
    with np.load(GOLDEN / "mixamo.npz") as data:
        names, parents = list(map(str, data["names"])), list(map(int, data["parents"]))
        heads = data["rest"][:, :3, 3].astype(float)
    straight = np.tile(np.eye(4), (len(names), 1, 1))
    straight[:, :3, 3] = heads
    motion = dancing()
    retarget = SkeletonRetargeter(
        Skeleton(tuple(names), tuple(parents), straight), bone_names.find(names), open_body_joints()
    )
    quaternions, location = retarget.to_bones(motion.body_pose, motion.translation)
    angles = rotations.to_euler(rotations.quaternion_to_matrix(quaternions), "YXZ")
    return names, parents, heads * unit, angles, (location + heads[0]) * unit, motion


def same(found: Motion, wanted: Motion) -> None:
    """Limbs, trunk and way are the same."""
    known = [INDEX[joint] for joint in ("pelvis", "left_shoulder", "right_elbow", "left_knee", "right_ankle", "spine2")]
    one, other = (rotations.to_matrix(motion.body_pose[:, known]) for motion in (found, wanted))
    between = rotations.from_matrix(np.swapaxes(one, -1, -2) @ other)
    assert np.degrees(np.linalg.norm(between, axis=-1)).max() < 0.1
    np.testing.assert_allclose(found.translation, wanted.translation, atol=1e-3)


def test_a_root_above_the_hips_that_carries_the_way(tmp_path):
    names, parents, heads, angles, places, motion = walking_elsewhere()
    still = np.zeros((len(places), 1, 3))
    text = foreign(["Armature", *names], [-1, *(parent + 1 for parent in parents)], np.vstack([heads[:1] * 0, heads]),
                   np.degrees(np.concatenate([still, angles], 1)), places - heads[0])  # fmt: skip
    (tmp_path / "a.bvh").write_text(text)
    same(BVH.decode(BVH.read(tmp_path / "a.bvh", FormatOptions()), FormatOptions()), motion)


def test_angles_in_radians_are_noticed(tmp_path):
    names, parents, heads, angles, places, _ = walking_elsewhere()
    (tmp_path / "a.bvh").write_text(foreign(names, parents, heads, angles, places))
    assert any("radians" in note for note in BVH.read(tmp_path / "a.bvh", FormatOptions()).notes)


def test_a_figure_whose_rest_is_no_stand_is_refused(tmp_path):
    names, parents, heads, angles, places, _ = walking_elsewhere()
    pointing = np.zeros_like(heads)  # all bones along one axis, as some archives have it
    for index, parent in enumerate(parents):
        if parent >= 0:
            way = heads[index] - heads[parent]
            pointing[index] = pointing[parent] + (np.linalg.norm(way), 0, way[0])
    (tmp_path / "a.bvh").write_text(foreign(names, parents, pointing, np.degrees(angles), places))
    with pytest.raises(InputError, match="does not stand at rest"):
        BVH.read(tmp_path / "a.bvh", FormatOptions())


def test_nan_is_refused(tmp_path):
    export(dancing(), tmp_path / "a.bvh", BVH)
    lines = (tmp_path / "a.bvh").read_text().splitlines()
    lines[-1] = "nan " + lines[-1].split(" ", 1)[1]
    (tmp_path / "a.bvh").write_text("\n".join(lines))
    with pytest.raises(InputError, match="not numbers"):
        BVH.read(tmp_path / "a.bvh", FormatOptions())


def test_a_face_alone_is_refused(tmp_path):
    with pytest.raises(InputError, match="neither body nor head"):
        export(Motion(Fraction(30), arkit=np.zeros((3, 52), np.float32)), tmp_path / "a.bvh", BVH)


def test_one_frame(tmp_path):
    motion = dancing(count=1)
    export(motion, tmp_path / "a.bvh", BVH)
    assert load(tmp_path / "a.bvh", BVH).frame_count == 1
