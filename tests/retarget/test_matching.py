"""Names of shapes and bones in the ways people write them."""

from __future__ import annotations

import pytest

from animcore.core.vocabulary import ARKIT
from animcore.retarget import name_normalization
from animcore.retarget.rig_profiles import driving, find_bones


def test_the_profile_has_the_names_of_the_engine():
    assert driving().shapes == ARKIT
    assert all(driving().region(name) != "Face" for name in ARKIT)


@pytest.mark.parametrize(
    "written",
    [
        "eyeBlinkLeft", "EyeBlinkLeft", "eyeblinkleft", "EYEBLINKLEFT", "eyeBlink_L", "eyeBlink.L", "eye_blink_left",
        "blendShape2.eyeBlinkLeft", "ARKit_eyeBlink_L", "ARKit-EyeBlinkLeft", "eyeBlinkLeft.001", "head|eyeBlink_L",
        "blendShape1.eyeBlink_L", "Eye Blink Left", "L_eyeBlink", "bs_eyeBlinkLeft", "blendshape12_eyeBlinkLeft",
        "eyeBlinkL",
    ],
)  # fmt: skip
def test_one_form_for_all_spellings(written):
    assert name_normalization.canonical(written) == "eyeblinkleft"


def test_no_two_shapes_share_a_form():
    assert len({name_normalization.canonical(name) for name in ARKIT}) == len(ARKIT)


@pytest.mark.parametrize("name", ["", "...", "123", "あ", "_", "L", "Key 1"])
def test_odd_names_do_not_break_it(name):
    assert isinstance(name_normalization.canonical(name), str)
    assert name_normalization.match(ARKIT, [name]) == {}


def test_the_nearest_spelling_wins():
    assert name_normalization.match(["jawOpen"], ["ARKit_jawOpen", "jawOpen", "jaw_open"]) == {"jawOpen": ("jawOpen",)}
    assert name_normalization.match(["jawOpen"], ["ARKit_jawOpen", "JawOpen"]) == {"jawOpen": ("JawOpen",)}


def test_halves_stand_for_a_whole():
    assert name_normalization.match(ARKIT, ["browInnerUp_L", "browInnerUp_R"]) == {
        "browInnerUp": ("browInnerUp_L", "browInnerUp_R")
    }
    assert name_normalization.match(ARKIT, ["browInnerUp_L"]) == {}
    # the mouth has its own left and right, which are no halves of another shape
    assert name_normalization.match(ARKIT, ["mouthLeft", "mouthRight"]) == {
        "mouthLeft": ("mouthLeft",),
        "mouthRight": ("mouthRight",),
    }


def test_bones_of_the_default_character():
    names = ["pelvis", "neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf"]
    profile, found = find_bones(names)
    assert profile == "SMPL-X"
    assert found == {
        "head": "head",
        "neck": "neck",
        "jaw": "jaw",
        "left_eye": "left_eye_smplhf",
        "right_eye": "right_eye_smplhf",
    }


def test_pairs_of_sides():
    pairs = name_normalization.side_pairs(["left_eye", "right_eye", "Arm.L", "Arm.R", "head", "Leg_L"])
    assert sorted(pairs) == [("Arm.L", "Arm.R"), ("left_eye", "right_eye")]
