"""The extension's own reader of the engine's files."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from animcore.motion import Motion
from animcore.names import ARKIT
from blender_addon import motion_file
from blender_addon.errors import AddonError


@pytest.fixture
def written(tmp_path):
    """A motion that the engine wrote, and its file."""
    rng = np.random.default_rng(0)
    motion = Motion(
        rate=Fraction(24000, 1001),
        start=0.25,
        arkit=rng.random((7, 52)).astype(np.float32),
        head_pose=rng.normal(size=(7, 3)).astype(np.float32),
        eye_pose=rng.normal(size=(7, 2, 3)).astype(np.float32),
    )
    path = tmp_path / "take.npz"
    motion.save(path)
    return motion, path


def test_what_the_engine_writes_is_read(written):
    motion, path = written
    found = motion_file.load(path)
    assert found.rate == motion.rate
    assert found.start == 0.25
    assert found.names == ARKIT
    np.testing.assert_array_equal(found.weights, motion.arkit)
    np.testing.assert_array_equal(found.head, motion.head_pose)
    np.testing.assert_array_equal(found.eyes, motion.eye_pose)
    assert found.jaw is None
    assert found.frame_count == 7


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version 2"),
        ({"format": "other"}, "other"),
        ({"names": np.array(["jawOpen"])}, "cannot be read"),
        ({"arkit": np.full((7, 52), np.nan, np.float32)}, "cannot be read"),
        ({"arkit": np.zeros((0, 52), np.float32)}, "cannot be read"),
        ({"head_pose": np.zeros((3, 3), np.float32)}, "head_pose"),
        ({"fps_rational": np.array([24, 0])}, "cannot be read"),
        ({"names": np.array([{"a": 1}] * 52, dtype=object)}, "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence(written, change, words):
    _, path = written
    with np.load(path) as data:
        contents = dict(data)
    np.savez(path, **(contents | change))
    with pytest.raises(AddonError, match=words):
        motion_file.load(path)


def test_a_file_that_is_missing_or_cut(written, tmp_path):
    _, path = written
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(AddonError, match="cannot be read"):
        motion_file.load(path)
    with pytest.raises(AddonError, match="cannot be read"):
        motion_file.load(tmp_path / "none.npz")
