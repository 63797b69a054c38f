"""The record reads back exactly, is resampled in time, and refuses what it does not know."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import animcore as ac
from animcore.core import curve_plot
from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.motion import Event, Motion
from animcore.retarget.named_rigs import face_map

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


def ramp(seconds: int = 4, rate: int = 30, start: float = 0.0) -> Motion:
    """A jaw that opens evenly over some seconds, with an event in each of them."""
    face = np.zeros((seconds * rate, 52), np.float32)
    face[:, ARKIT.index("jawOpen")] = np.linspace(0, 1, len(face))
    events = tuple(Event("word", str(second), start + second, start + second + 0.9) for second in range(seconds))
    return Motion(Fraction(rate), start, arkit=face, head_pose=np.zeros((len(face), 3), np.float32), events=events)


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

    def full(handle, *_values, **_options):
        handle.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(InputError, match=r"disk is full, so a\.npz was not written"):
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


@settings(max_examples=25, deadline=None)
@given(motion=motions())
def test_equal_motions_are_equal_and_others_are_not(motion):
    copy = Motion(**{name: getattr(motion, name) for name in motion.__dataclass_fields__})
    assert motion == copy
    assert motion != Motion(motion.rate + 1, **{name: values for name, values in motion.tracks().items()})
    assert motion != "a motion"
    if motion.frame_count:
        assert motion != motion.sampled([0.0], motion.rate, 50.0)
    with pytest.raises(TypeError, match="unhashable"):
        hash(motion)


def test_other_records_with_arrays_are_equal_by_value(spoken_line):
    first, second = ac.load_audio(spoken_line), ac.load_audio(spoken_line)
    assert first == second
    assert first != ac.load_audio(np.zeros(16_000), 16_000)
    head, other = ac.avatar.load(), ac.avatar.load()
    assert head == other
    assert repr(head).startswith("HybridHead(on open-head: ")
    assert len(repr(head.model)) < 100
    assert head != dataclasses.replace(head, hair=None)
    assert face_map("MMD").only([0, 1]) == face_map("MMD").only([0, 1]) != face_map("MMD").only([0])
    camera = ac.Camera.look_at([0, 0, 1], [0, 0, 0])
    assert camera == ac.Camera.look_at([0, 0, 1], [0, 0, 0])
    assert camera != ac.Camera.look_at([0, 0, 2], [0, 0, 0])


def test_tracks_and_blendshapes_are_asked_for_by_name():
    motion = ramp()
    np.testing.assert_array_equal(motion["jawOpen"], motion.arkit[:, ARKIT.index("jawOpen")])
    assert motion["head_pose"] is motion.head_pose
    with pytest.raises(InputError, match="no track or blendshape 'jawopen'; is it jawOpen"):
        motion["jawopen"]
    with pytest.raises(InputError, match="no track tongue; it has arkit, head_pose"):
        motion["tongueTipUp"]
    for key in (3, slice(0, 1, 2)):
        with pytest.raises(InputError, match="for seconds"):
            motion[key]
    with pytest.raises(TypeError, match="not iterable"):
        list(motion)


@pytest.mark.parametrize("start", [0.0, -1.0, 3.7])
def test_a_slice_is_in_seconds_of_the_sound(start):
    motion = ramp(start=start)
    part = motion[start + 1 : start + 2.5]
    assert part.frame_count == 45
    np.testing.assert_allclose(part.times, motion.times[30:75])
    np.testing.assert_array_equal(part["jawOpen"], motion["jawOpen"][30:75])
    assert [event.label for event in part.events] == ["1", "2"]
    assert motion[:] == motion
    both = [motion[: start + 1.03], motion[start + 1.03 :]]
    np.testing.assert_array_equal(np.concatenate([half["jawOpen"] for half in both]), motion["jawOpen"])
    assert motion[start + 90 :].frame_count == 0


def test_a_slice_keeps_events_without_length():
    motion = Motion(30, arkit=np.zeros((60, 52)), events=[Event("beat", "accent", 1.0, 1.0)])
    assert (len(motion[:1].events), len(motion[1:].events)) == (0, 1)


def test_what_is_shown_of_a_motion_is_short():
    assert repr(ramp()) == "Motion(4.00 s: 120 frames at 30 fps; arkit, head_pose; 4 events)"
    assert repr(Motion("23.976", audio_name="a.wav")) == "Motion(0.00 s: 0 frames at 23.976 fps; audio a.wav)"


def test_plain_values_are_json_and_hold_everything():
    motion = ramp(rate=24)
    read = json.loads(json.dumps(motion.to_dict()))
    tracks = {name: np.array(values, np.float32) for name, values in read["tracks"].items()}
    events = [Event(**event) for event in read["events"]]
    assert Motion(read["rate"], read["start"], **tracks, events=events) == motion
    assert read["names"]["arkit"] == list(ARKIT)


def test_a_plot_shows_the_shapes_that_move(monkeypatch):
    pytest.importorskip("matplotlib", reason="plots need it")
    from matplotlib.figure import Figure

    motion = ramp()
    axes = motion.plot(["jawOpen", "mouthClose"], Figure().subplots())
    assert [line.get_label() for line in axes.lines] == ["jawOpen", "mouthClose"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), motion["jawOpen"])
    assert motion._repr_png_().startswith(b"\x89PNG")
    assert Motion(30)._repr_png_() is None
    monkeypatch.setattr(curve_plot, "is_possible", lambda: False)
    assert motion._repr_png_() is None
    with pytest.raises(InputError, match="pip install matplotlib"):
        motion.plot()
