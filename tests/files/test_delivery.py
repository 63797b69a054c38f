"""A delivered file holds what was meant, or is not there; and what it cannot hold is said."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.files import FORMATS, format_named
from animcore.files.animation_curves import AnimationCurves, largest_errors
from animcore.files.export_and_verify import accept_if_equal, compare, export, load
from animcore.files.face_curves import livelink
from animcore.files.scenes import glb, gltf, gltf_character
from animcore.motion import Event, Motion


@pytest.fixture
def motion() -> Motion:
    generator = np.random.default_rng(1)
    return Motion(
        Fraction(25),
        arkit=generator.random((50, 52), np.float32),
        tongue=generator.random((50, 16), np.float32),
        events=(Event("word", "hello", 0.1, 0.5),),
    )


def test_the_report_says_how_far_off_each_curve_is_and_what_is_left_out(tmp_path, motion):
    report = export(motion, tmp_path / "a.csv", livelink.FORMAT)
    assert report.frames == 50
    assert report.errors["jawOpen"] == pytest.approx(0, abs=1e-6)
    assert 0 < report.worst < 1e-6  # six digits are not all digits
    assert report.lacks == ("Live Link Face CSV has no place for tongue, events: not written.",)


def test_everything_is_kept_by_our_own_format(tmp_path, motion):
    report = export(motion, tmp_path / "a.npz", FORMATS["npz"])
    assert report.worst == 0.0
    assert report.lacks == ()
    assert load(tmp_path / "a.npz", FORMATS["npz"]).events == motion.events


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda sheet: replace(sheet, curves={**sheet.curves, "jawOpen": sheet.curves["jawOpen"] * 0.9}), "jawOpen"),
        (lambda sheet: replace(sheet, curves={n: v[:-1] for n, v in sheet.curves.items()}), "49 frames instead of 50"),
    ],
)
def test_a_file_that_does_not_read_back_is_not_kept(tmp_path, motion, spoil, words):
    (tmp_path / "a.csv").write_text("the one before")

    def write(sheet, path, setup):
        livelink.write(spoil(sheet), path, setup)

    with pytest.raises(InputError, match=words):
        export(motion, tmp_path / "a.csv", replace(livelink.FORMAT, write=write))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the one before"]


def test_a_curve_that_is_not_there_is_infinitely_wrong():
    wanted = AnimationCurves(Fraction(30), curves={"a": np.zeros(3), "b": np.ones(3)})
    assert largest_errors(wanted, AnimationCurves(Fraction(30), curves={"A": np.full(3, 0.5)})) == {
        "a": 0.5,
        "b": float("inf"),
    }


def test_an_unknown_format_names_those_there_are():
    with pytest.raises(InputError, match="livelink, "):
        format_named("fbx9000")


def test_no_two_formats_write_the_same_file():
    suffixes = [form.suffix for form in FORMATS.values()]
    assert len(set(suffixes)) == len(suffixes)


def meant(folder, motion, **changes) -> Path:
    """What the extension notes of the shapes of a motion."""
    values = {"names": np.array(ARKIT), "values": motion.arkit.T, **changes}
    np.savez(folder / "meant.npz", **values)
    return folder / "meant.npz"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda motion: {"values": motion.arkit.T[:, ::-1]}, "shapes up to 0[.]9[0-9]+ off where 0.001 is the most"),
        (lambda motion: {"values": np.clip(motion.arkit.T, 0, 0.99)}, "shapes up to 0[.]00[0-9]+ off"),
        (lambda _: {"names": np.array(["Fcl_A"]), "values": np.linspace(0, 0.3, 50)[None]}, "shapes up to"),
    ],
)
def test_what_another_program_wrote_must_be_what_was_meant(tmp_path, motion, change, words):
    export(motion, tmp_path / "a.csv", livelink.FORMAT)
    (tmp_path / "out").mkdir()
    report = accept_if_equal(
        motion, tmp_path / "a.csv", tmp_path / "out", livelink.FORMAT, meant(tmp_path, motion, **change(motion))
    )
    assert re.search(words, report.error)
    assert not list((tmp_path / "out").iterdir())


def test_what_another_program_wrote_must_have_all_frames_bones_and_begin_at_its_second(tmp_path, motion):
    path, noted = tmp_path / "a.csv", meant(tmp_path, motion)
    export(motion, path, livelink.FORMAT)
    assert compare(motion, path, livelink.FORMAT, noted).error is None
    longer = Motion(motion.rate, arkit=np.concatenate([motion.arkit, motion.arkit[:3]]))
    assert "50 frames are in it where the take has 53" in compare(longer, path, livelink.FORMAT, noted).error
    later = replace(motion, start=4.2)
    assert "it begins at 0.000 s where 4.200 s is meant" in compare(later, path, livelink.FORMAT, noted).error
    bones = {"bones": np.array(["head"]), "turns": turned(np.zeros(50)), "shifts": np.zeros((50, 1, 3))}
    assert "bones of the character are not in it" in compare(
        motion, path, livelink.FORMAT, meant(tmp_path, motion, **bones)
    ).error  # fmt: skip


def turned(angles) -> np.ndarray:
    """Quaternions (T, 1, 4) of one bone that nods, in Blender's axes."""
    return np.stack([np.cos(angles / 2), np.sin(angles / 2), 0 * angles, 0 * angles], 1)[:, None]


def test_bones_are_compared_by_name_apart_from_every_retargeting(tmp_path, motion):
    angles = np.linspace(0, 0.5, 50)
    nod = replace(motion, head_pose=np.stack([angles, 0 * angles, 0 * angles], 1).astype(np.float32), neck_pose=None)
    export(nod, path := tmp_path / "a.glb", glb.FORMAT)
    names, shifts = np.array(["head", "neck"]), np.zeros((50, 2, 3))
    right = {"bones": names, "turns": np.concatenate([turned(0.6 * angles), turned(0.4 * angles)], 1), "shifts": shifts}

    def error(**changes) -> str | None:
        return compare(nod, path, glb.FORMAT, meant(tmp_path, nod, **right | changes)).error

    assert error() is None
    assert "turns up to 0.4" in error(turns=np.concatenate([turned(-0.3 * angles), turned(0.4 * angles)], 1))
    assert "shifts up to 0.02 off" in error(shifts=shifts + 0.02 * np.eye(3)[0])
    assert "the bone tail is not in it" in error(bones=np.array(["head", "tail"]))


def test_bones_of_a_file_are_read_from_their_roots_outwards(tmp_path):
    """Exporters write the last bone of a row first; a bone and a mesh may have one name."""
    nodes = [
        {"name": "finger.2"},
        {"name": "finger.1", "children": [0]},
        {"name": "hand", "children": [1, 3]},
        {"name": "finger.1"},
        {"name": "round", "children": [4]},
    ]
    document = gltf.GltfDocument("a.glb", {"asset": {"version": "2.0"}, "nodes": nodes, "skins": [{"joints": [1]}]})
    assert list(gltf_character.by_name(document).items())[:3] == [("hand", 2), ("finger.1", 1), ("finger.2", 0)]


def test_what_another_program_wrote_comes_into_its_folder_once_it_was_read_back(tmp_path, motion):
    made, folder = tmp_path / "made", tmp_path / "out"
    folder.mkdir()
    (made / "textures").mkdir(parents=True)
    (made / "textures" / "skin.png").write_bytes(b"skin")
    export(motion, made / "a.csv", livelink.FORMAT)
    report = accept_if_equal(motion, made / "a.csv", folder, livelink.FORMAT, meant(tmp_path, motion))
    assert report.error is None
    assert report.path == folder / "a.csv"
    assert load(report.path, livelink.FORMAT).frame_count == 50
    assert (folder / "textures" / "skin.png").read_bytes() == b"skin"


def test_what_another_program_wrote_and_nobody_can_read_is_not_kept(tmp_path, motion):
    made, folder = tmp_path / "made" / "a.csv", tmp_path / "out"
    folder.mkdir()
    made.parent.mkdir()
    made.write_bytes(b"\x00 not a table")
    report = accept_if_equal(motion, made, folder, livelink.FORMAT, meant(tmp_path, motion))
    assert report.error is not None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["glb", "vrma", "unity", "godot", "bvh", "csv"])
def test_a_capture_at_the_time_of_day_begins_at_zero_where_seconds_are_short(tmp_path, motion, name):
    late = replace(motion, start=50_400.5, head_pose=np.zeros((50, 3), np.float32))
    form = FORMATS[name]
    report = export(late, path := tmp_path / f"a{form.suffix}", form)
    assert any("clock of the recording is 14:00:00.500" in sentence for sentence in report.lacks)
    assert report.frames == 50
    assert load(path, form).start == pytest.approx(0.0, abs=1e-6)


def test_a_timecode_keeps_the_time_of_day(tmp_path, motion):
    for form in (livelink.FORMAT, FORMATS["npz"]):
        report = export(replace(motion, start=50_400.0), path := tmp_path / f"a{form.suffix}", form)
        assert not any("clock" in sentence for sentence in report.lacks)
        assert load(path, form).start == 50_400.0
