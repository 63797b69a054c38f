"""What holds for every format: nothing drifts, nothing is lost in silence, and no file of another kind gets in."""

from __future__ import annotations

import contextlib
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.files import FORMATS, load_any
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.motion import Event, Motion

NAMES = (
    "livelink", "npz", "a2f-csv", "a2f-json", "beat2", "amass", "amass-smplx", "flame", "csv", "unity", "godot",
    "vmd", "rhubarb-tsv", "rhubarb-xml", "rhubarb-json", "rhubarb-dat", "srt", "vtt", "textgrid",
)  # fmt: skip
OWN_GRID = ("vmd", "rhubarb-tsv", "rhubarb-xml", "rhubarb-json", "rhubarb-dat")
WORDS_ALONE = ("srt", "vtt", "textgrid")
EVEN = tuple(name for name in NAMES if name not in OWN_GRID + WORDS_ALONE)
FACES = tuple(name for name in EVEN if "arkit" in FORMATS[name].carries and name not in ("beat2", "flame"))
RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)]
# One of these is a special case of the other, or differs by a line at its top.
ALIKE = {
    ("beat2", "amass"),
    ("beat2", "amass-smplx"),
    ("amass", "amass-smplx"),
    ("amass-smplx", "amass"),
    ("vtt", "srt"),
}


def motion_of(count: int, rate: Fraction, seed: int = 0) -> Motion:
    """Everything that a motion can hold."""
    generator = np.random.default_rng(seed)

    def poses(*shape: int) -> np.ndarray:
        return (generator.normal(size=(count, *shape)) * 0.2).astype(np.float32)

    body, head, neck, jaw, eyes = poses(55, 3), poses(3), poses(3), poses(3), poses(2, 3)
    body[:, 12], body[:, 15], body[:, 22], body[:, 23:25] = neck, head, jaw, eyes
    return Motion(
        rate,
        arkit=generator.random((count, 52), np.float32),
        tongue=generator.random((count, 16), np.float32),
        expression=generator.normal(size=(count, 100)).astype(np.float32),
        basis="flame2020",
        jaw_pose=jaw,
        neck_pose=neck,
        head_pose=head,
        eye_pose=eyes,
        body_pose=body,
        translation=poses(3),
        events=(Event("word", "hello", 0.0, 0.25), Event("word", "there", 0.25, 0.5)),
    )


def told(name: str, rate: Fraction) -> FormatOptions:
    """What a reader must be told: timecodes do not say whether they count 30 or 29.97 frames a second."""
    return FormatOptions(rate) if name == "livelink" else FormatOptions()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_a_second_reads_back_at_every_rate(tmp_path, name, rate):
    form, motion = FORMATS[name], motion_of(math.ceil(rate), rate)
    path = tmp_path / f"take{form.suffix}"
    report = export(motion, path, form)
    assert report.worst <= form.tolerance
    back = load(path, form, told(name, rate))
    if name in WORDS_ALONE:
        assert [(one.label, one.start, one.end) for one in back.events] == [("hello", 0, 0.25), ("there", 0.25, 0.5)]
    elif name in OWN_GRID:
        assert back.frame_count / back.rate == pytest.approx(motion.frame_count / motion.rate, abs=0.06)
    else:
        assert (back.rate, back.frame_count) == (motion.rate, motion.frame_count)
        assert back.times[-1] == pytest.approx(motion.times[-1], abs=1e-6)


@pytest.mark.parametrize("name", EVEN)
def test_what_a_format_carries_comes_back(tmp_path, name):
    form, motion = FORMATS[name], motion_of(20, Fraction(30))
    path = tmp_path / f"take{form.suffix}"
    said = " ".join(export(motion, path, form).lacks)
    back = load(path, form, told(name, motion.rate))
    for track, values in motion.tracks().items():
        got = back.tracks().get(track)
        if track not in form.carries:
            assert track.replace("_", " ") in said, f"{track} is lost without a word"
        elif name == "livelink" and track in ("neck_pose", "head_pose"):
            pass  # it holds neck and head together; a test of its own
        elif track != "arkit" or name in FACES:
            joints = np.delete(np.arange(55), [22, 23, 24] if name == "amass" else [])  # SMPL-H has no jaw and eyes
            pick = (slice(None), joints) if track == "body_pose" else slice(None)
            assert np.abs(got[pick] - values[pick]).max() < 2e-5, track


@pytest.mark.parametrize("name", NAMES)
def test_ten_minutes_do_not_drift(tmp_path, name):
    rate = Fraction(24000, 1001)
    count = int(600 * rate)
    arkit = np.zeros((count, 52), np.float32)
    arkit[-2, ARKIT.index("jawOpen")] = 1.0
    arkit[:, ARKIT.index("mouthPucker")] = np.linspace(0, 0.4, count)
    pose = np.zeros((count, 3), np.float32)
    pose[-2, 0] = 1.0
    end = float((count - 2) / rate)
    motion = Motion(
        rate,
        arkit=None if name in ("beat2", "flame") else arkit,  # not to wait for its conversion
        head_pose=pose,
        jaw_pose=pose,
        events=(Event("word", "first", 0.0, 0.4), Event("word", "last", end, end + 0.04)),
    )
    form, path = FORMATS[name], tmp_path / f"take{FORMATS[name].suffix}"
    export(motion, path, form)
    back = load(path, form, told(name, rate))
    if name in WORDS_ALONE:
        assert back.events[-1].start == pytest.approx(end, abs=0.0006)
    elif name in OWN_GRID:
        assert back.frame_count / back.rate == pytest.approx(float(count / rate), abs=0.06)
    else:
        assert back.frame_count == count
        moved = back.arkit[:, ARKIT.index("jawOpen")] if back.arkit is not None else back.head_pose[:, 0]
        assert moved.argmax() == count - 2
        assert back.times[moved.argmax()] == pytest.approx(end, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_one_frame_is_a_take_and_none_is_not(tmp_path, name):
    form = FORMATS[name]
    path = tmp_path / f"take{form.suffix}"
    rate = Fraction(30) if name == "vmd" else Fraction(25)  # a frame of film would be two of MMD's
    export(motion_of(1, rate), path, form)
    back = load(path, form, FormatOptions(rate))
    assert back.frame_count == (0 if name in WORDS_ALONE else 1)
    with pytest.raises(InputError, match="no frames"):
        export(motion_of(0, Fraction(25)), tmp_path / f"none{form.suffix}", form)
    assert [one.name for one in tmp_path.iterdir() if one.suffix != ".provenance"] == [path.name]


@pytest.mark.parametrize("name", NAMES)
def test_a_renamed_file_is_refused(tmp_path, name):
    motion = motion_of(10, Fraction(30))
    for other in NAMES:
        export(motion, tmp_path / f"take{FORMATS[other].suffix}", FORMATS[other])
        renamed = tmp_path / f"renamed{FORMATS[name].suffix}"
        renamed.write_bytes((tmp_path / f"take{FORMATS[other].suffix}").read_bytes())
        if other != name and (other, name) not in ALIKE:
            with pytest.raises(InputError, match="renamed"):
                load(renamed, FORMATS[name], FormatOptions(Fraction(30)))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_known_by_what_it_is_called(tmp_path, name):
    path = tmp_path / f"take{FORMATS[name].suffix}"
    export(motion_of(10, Fraction(30)), path, FORMATS[name])
    assert load_any(path)[0] == name


@pytest.mark.parametrize("name", NAMES)
def test_broken_files_give_a_sentence_and_never_a_trace(tmp_path, name):
    form, setup = FORMATS[name], FormatOptions(Fraction(30))
    path = tmp_path / f"take{form.suffix}"
    export(motion_of(8, Fraction(30)), path, form)
    whole = path.read_bytes()
    chance = random.Random(1)
    for data in (
        b"",
        b"\0" * 64,
        b"\xff\xfe\xfd",
        chance.randbytes(500),
        b"{}",
        b"[]",
        b"PK\x03\x04",
        b"\n\n\n",
        whole[:5],
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match="take"):
            load(path, form, setup)
    for _ in range(40):  # cut anywhere, or with a few wrong bytes: refused, or read as what is left
        place = chance.randrange(len(whole))
        spoiled = whole[:place] + (chance.randbytes(4) + whole[place + 4 :] if chance.random() < 0.5 else b"")
        path.write_bytes(spoiled)
        with contextlib.suppress(InputError):
            assert load(path, form, setup).frame_count < 5000


@pytest.mark.parametrize("name", FACES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    weights=arrays(np.float32, st.tuples(st.integers(1, 5), st.just(52)), elements=st.floats(0, 1, width=32)),
    start=st.integers(0, 240),
)
def test_any_weights_come_back(tmp_path, name, weights, start):
    form = FORMATS[name]
    motion = Motion(Fraction(24), start=start / 24, arkit=weights)
    path = tmp_path / f"take{form.suffix}"
    export(motion, path, form)
    back = load(path, form, FormatOptions(Fraction(24)))
    assert np.abs(back.arkit - weights).max() <= 2e-6
    assert back.start == pytest.approx(0 if name == "a2f-json" else motion.start, abs=1e-6)
