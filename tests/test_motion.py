"""The record reads back exactly, is resampled in time, and refuses what it does not know."""

from __future__ import annotations

import errno
import io
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.motion import Event, Motion

RATES = [Fraction(24), Fraction(25), Fraction(30), Fraction(60), Fraction(24000, 1001), Fraction(30000, 1001)]


def weights(count: int, columns: int = 52) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float32, (count, columns), elements=st.floats(0, 1, width=32))


@st.composite
def motions(draw: st.DrawFn) -> Motion:
    count = draw(st.integers(0, 5))
    pose = hnp.arrays(np.float32, (count, 3), elements=st.floats(-3, 3, width=32))
    return Motion(
        rate=draw(st.sampled_from(RATES)),
        start=draw(st.floats(-10, 10)),
        arkit=draw(weights(count)),
        tongue=draw(st.none() | weights(count, 16)),
        head_pose=draw(st.none() | pose),
        eye_pose=draw(st.none() | hnp.arrays(np.float32, (count, 2, 3), elements=st.floats(-1, 1, width=32))),
        audio_name=draw(st.none() | st.just("声音.wav")),
        events=tuple(draw(st.lists(st.builds(Event, st.just("word"), st.text("abcé", min_size=1), st.floats(0, 9),
                                             st.floats(0, 9)), max_size=3))),
    )  # fmt: skip


def same(a: Motion, b: Motion) -> bool:
    keys = a.tracks().keys()
    return keys == b.tracks().keys() and all(np.array_equal(a.tracks()[key], b.tracks()[key]) for key in keys)


@settings(max_examples=50, deadline=None)
@given(motion=motions())
def test_a_file_reads_back_exactly(tmp_path_factory, motion):
    path = tmp_path_factory.mktemp("motion") / "a.npz"
    motion.save(path)
    back = Motion.load(path)
    assert same(motion, back)
    assert (back.rate, back.start, back.audio_name, back.events) == (
        motion.rate, motion.start, motion.audio_name, motion.events)  # fmt: skip
    first = path.read_bytes()
    back.save(path)
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


def test_plain_numpy_reads_it_as_the_judges_do(tmp_path):
    values = np.random.default_rng(0).random((7, 52), np.float32)
    Motion(Fraction(24000, 1001), arkit=values).save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as data:
        assert [str(name) for name in data["names"]] == list(ARKIT)
        assert np.array_equal(data["arkit"], values)
        assert float(data["fps"]) == pytest.approx(24000 / 1001)


@pytest.mark.parametrize("rate", RATES)
def test_resampling_keeps_seconds(rate):
    # a curve that rises with time reads its own time at every frame of every rate, for ten minutes
    source = Motion(Fraction(50), arkit=np.repeat(np.linspace(0, 1, 30_001, dtype=np.float32)[:, None], 52, 1))
    motion = source.resampled(rate)
    length = Fraction(30_001, 50)
    assert length - 1 / rate <= Fraction(motion.frame_count - 1) / rate < length
    assert np.abs(motion.arkit[:, 0] * 600 - np.minimum(motion.times, 600)).max() < 1e-3


def test_resampling_to_the_same_rate_changes_nothing():
    motion = Motion(Fraction(30), arkit=np.random.default_rng(0).random((9, 52), np.float32))
    assert same(motion.resampled(Fraction(30)), motion)


def test_weights_are_matched_by_name_whatever_their_order_and_case(tmp_path):
    values = np.random.default_rng(0).random((3, 52), np.float32)
    path = tmp_path / "a.npz"
    Motion(Fraction(30), arkit=values).save(path)
    with np.load(path) as data:
        contents = dict(data)
    contents["names"] = np.array([name.upper() for name in ARKIT[::-1]])
    contents["arkit"] = values[:, ::-1]
    np.savez(path, **contents)
    assert np.array_equal(Motion.load(path).arkit, values)


def changed(path, **changes) -> None:
    Motion(Fraction(30), arkit=np.zeros((3, 52), np.float32)).save(path)
    with np.load(path) as data:
        contents = {**data, **changes}
    np.savez(path, **{name: value for name, value in contents.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "version 2"),
        ({"version": None}, "version None"),
        ({"format": "something"}, "not a motion of Animcore"),
        ({"format": None}, "not a motion of Animcore"),
        ({"fps_rational": np.array([30, 0])}, "lacks a part"),
        ({"fps_rational": None}, "lacks a part"),
        ({"names": np.array(["jawOpen"])}, "for 1 names"),
        ({"arkit": np.full((3, 52), np.nan)}, "not numbers"),
        ({"arkit": np.full((3, 52), 2.0)}, "0..1"),
        ({"head_pose": np.zeros((2, 3))}, "equally long"),
        ({"head_pose": np.zeros((3, 4))}, "shape"),
        ({"arkit": np.array([[{}] * 52] * 3)}, "not a readable motion file"),
    ],
)
def test_what_it_does_not_know_is_refused(tmp_path, changes, words):
    changed(tmp_path / "a.npz", **changes)
    with pytest.raises(InputError) as refusal:
        Motion.load(tmp_path / "a.npz")
    assert words in str(refusal.value)


def test_a_pickle_never_runs(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    changed(tmp_path / "a.npz", audio_name=np.array(Evil(), dtype=object))
    with pytest.raises(InputError):
        Motion.load(tmp_path / "a.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_what_is_no_file_of_ours_is_refused(tmp_path, data):
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(InputError):
        Motion.load(tmp_path / "a.npz")


@given(cut=st.floats(0, 0.99))
@settings(max_examples=30, deadline=None)
def test_a_cut_off_file_is_refused(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "a.npz"
    Motion(Fraction(30), arkit=np.zeros((50, 52), np.float32)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(InputError):
        Motion.load(path)


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**13, 52)})
    changed(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("tongue.npy", header.getvalue())
    with pytest.raises(InputError):
        Motion.load(tmp_path / "a.npz")


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    motion = Motion(Fraction(30), arkit=np.zeros((3, 52), np.float32))
    motion.save(path)
    before = path.read_bytes()

    def full(handle, **contents):
        handle.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(InputError, match="disk is full"):
        motion.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        Motion(Fraction(30)).save(tmp_path / "nowhere" / "a.npz")


def test_expression_coefficients_keep_the_name_of_their_model(tmp_path):
    coefficients = np.random.default_rng(0).normal(size=(4, 60)).astype(np.float32)
    motion = Motion(Fraction(30), expression=coefficients, basis="open-head")
    motion.save(tmp_path / "a.npz")
    back = Motion.load(tmp_path / "a.npz")
    assert back.basis == "open-head"
    np.testing.assert_array_equal(back.expression, coefficients)


def test_expression_coefficients_of_no_model_are_refused():
    with pytest.raises(InputError, match="go together"):
        Motion(Fraction(30), expression=np.zeros((4, 60), np.float32))
