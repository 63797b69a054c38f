"""Edits that came back from Blender, on a new solve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT_INDEX
from animcore.errors import InputError
from animcore.files.hand_edits import HandEdits
from animcore.motion import Motion

SMILE = ARKIT_INDEX["mouthSmileLeft"]


def motion(level: float, rate: int = 30, count: int = 60) -> Motion:
    weights = np.full((count, 52), level, np.float32)
    return Motion(rate, arkit=weights, head_pose=np.zeros((count, 3)))


@pytest.fixture
def edited() -> Motion:
    weights = motion(0.2).arkit.copy()
    weights[20:40, SMILE] = 0.5
    return replace(motion(0.2), arkit=weights)


def test_an_edit_is_as_far_from_the_new_curves_as_from_the_old(edited, tmp_path):
    HandEdits.between(edited, motion(0.2)).save(tmp_path / "a.edits.npz")
    made = HandEdits.load(tmp_path / "a.edits.npz").lay_over(motion(0.4))
    assert made["mouthSmileLeft"][30] == pytest.approx(0.7)
    assert made["mouthSmileLeft"][10] == pytest.approx(0.4)
    assert made["jawOpen"].max() == pytest.approx(0.4)


def test_an_edit_may_stand_in_the_place_of_the_new_curves(edited):
    made = HandEdits.between(edited, motion(0.2), "replace").lay_over(motion(0.4))
    assert made["mouthSmileLeft"][30] == pytest.approx(0.5)


def test_edits_fit_another_rate_and_length_and_stay_in_range(edited):
    made = HandEdits.between(edited, motion(0.2)).lay_over(motion(0.9, 60, 90))
    assert made["mouthSmileLeft"][60] == pytest.approx(1.0)
    assert made["mouthSmileLeft"][20] == pytest.approx(0.9)


def test_equal_edits_are_equal_files_and_nothing_changed_is_nothing(edited, tmp_path):
    for name in "ab":
        HandEdits.between(edited, motion(0.2)).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert HandEdits.between(motion(0.2), motion(0.2)).layers == {}


def test_what_holds_no_edits(edited, tmp_path):
    motion(0.2).save(tmp_path / "a.edits.npz")
    with pytest.raises(InputError, match="holds no edits"):
        HandEdits.load(tmp_path / "a.edits.npz")
    (tmp_path / "b.edits.npz").write_bytes(b"x")
    with pytest.raises(InputError, match="not a readable file of edits"):
        HandEdits.load(tmp_path / "b.edits.npz")
    with pytest.raises(InputError, match="same frames"):
        HandEdits.between(edited, motion(0.2, count=30))
