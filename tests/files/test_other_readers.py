"""What we write is what readers find that are not ours: a fault that our writer and reader share shows here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from other_readers import READERS

from animcore.core.vocabulary import ARKIT
from animcore.files import FORMATS
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export
from animcore.motion import Event, Motion

BY_BLENDER = ("fbx", "usd", "alembic", "pc2")
CUES = [name for name in FORMATS if name.startswith("rhubarb")]
WORDS = ("srt", "vtt", "textgrid")
BODIES = ("beat2", "amass", "amass-smplx", "flame", "bvh")
COUNT = 48
OPEN = ARKIT.index("jawOpen")


def take(start: float = 0.0) -> Motion:
    """Two seconds in which jaw, head and body move and one word is said a half."""
    seconds = np.arange(COUNT) / 24
    arkit = np.zeros((COUNT, 52), np.float32)
    arkit[:, OPEN] = 0.5 - 0.5 * np.cos(2 * np.pi * 1.5 * seconds)
    head = np.zeros((COUNT, 3), np.float32)
    head[:, 1] = 0.3 * np.sin(2 * np.pi * seconds)
    pose = np.zeros((COUNT, 55, 3), np.float32)
    pose[:, 16, 2] = 0.4 * np.sin(np.pi * seconds)
    words = tuple(Event("word", f"word{k}.", start + k / 2, start + k / 2 + 0.4) for k in range(4))
    return Motion(Fraction(24), start, arkit=arkit, head_pose=head, body_pose=pose, events=words,
                  translation=np.zeros((COUNT, 3), np.float32))  # fmt: skip


@pytest.mark.parametrize("start", [0.0, -0.5])
@pytest.mark.parametrize("name", [name for name in FORMATS if name not in BY_BLENDER])
def test_readers_of_others_find_what_was_meant_from_second_0(tmp_path, name, start):
    path = tmp_path / ("take" + FORMATS[name].suffix)
    report = export(take(start), path, FORMATS[name])
    assert any("the audio starts 0.500 s later" in said for said in report.lacks) == (start < 0)
    first, curves = READERS[name](path)
    assert first == pytest.approx(0.0, abs=1e-6)
    _check(name, curves, take())


def _check(name: str, curves: dict[str, np.ndarray], motion: Motion) -> None:
    """Compare what a reader found in its own terms."""
    if name in WORDS:
        wanted = [0.0, 0.5, 1.0, 1.5]
        assert list(curves["start"][: len(wanted)]) == pytest.approx(wanted[: len(curves["start"])], abs=1e-3)
    elif name in CUES:
        opened = np.concatenate([times for mouth, times in curves.items() if mouth in ("C", "D", "AI", "E")])
        assert len(opened) >= 3, "three openings of the mouth"
    elif name in BODIES:
        body = motion.body_pose.reshape(COUNT, -1).T if name != "flame" else np.zeros((0, COUNT))
        turned = np.concatenate([body, motion.head_pose.T])
        moved = [column for column in curves.values() if np.ptp(column) > 0.05]
        assert moved
        assert {len(column) for column in curves.values()} == {COUNT}
        like = [max(abs(np.corrcoef(column, one)[0, 1]) for column in moved) for one in turned if np.ptp(one) > 0.1]
        assert min(like) > 0.99
    elif name == "vmd":
        assert max(map(np.ptp, curves.values())) > 0.9
        assert {len(values) for values in curves.values()} == {60}  # two seconds at 30 a second
    else:
        found = {key.lower(): values for key, values in curves.items()}
        key = next(one for one in ("jawopen", f"arkit {OPEN}") if one in found) if name != "vrma" else _vrma(found)
        assert len(found[key]) == COUNT
        np.testing.assert_allclose(found[key], motion.arkit[:, OPEN], atol=2e-5)


def _vrma(found: dict[str, np.ndarray]) -> str:
    """VRMA has the weight of an expression as the first coordinate of its node."""
    return next(one for one in found if "jawopen" in one and one.endswith("translation 0"))


def test_every_format_has_another_reader():
    assert READERS.keys() | {"alembic"} == FORMATS.keys()  # Blender's importer reads Alembic, in tests/blender


@pytest.mark.parametrize("name", ["fbx", "usd", "pc2"])
def test_what_blender_writes_is_read_by_others_too(tmp_path, name):
    pytest.importorskip("bpy")
    path = tmp_path / ("take" + FORMATS[name].suffix)
    motion = replace(take(-0.25), body_pose=None, translation=None)
    export(motion, path, FORMATS[name], FormatOptions())
    first, curves = READERS[name](path)
    assert first == 0.0
    if name == "pc2":
        assert {len(values) for values in curves.values()} == {COUNT}
    else:
        np.testing.assert_allclose(curves["jawOpen"], motion.arkit[:, OPEN], atol=1e-5)
