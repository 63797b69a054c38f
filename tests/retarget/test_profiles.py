"""Every convention in rigs/: what its file says holds together, is found again by name, and speaks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.errors import InputError
from animcore.motion import Motion
from animcore.retarget.face_map import FaceMap, coverage
from animcore.retarget.image_swapping import SHORTEST
from animcore.retarget.rig_detection import from_profile, propose, propose_images
from animcore.retarget.rig_profiles import profiles
from animcore.retarget.source_tracks import SOURCES

SPEAKING = [profile for profile in profiles() if profile.recipes or profile.face_bones or profile.drives]
RPM = ["mouthOpen", "mouthSmile", "eyesClosed", "eyesLookUp", "eyesLookDown"]


def names_of(profile):
    return list(profile.recipes) or list(profile.shapes)


def still(frames=30, rate=30, **weights):
    """A motion that holds some ARKit weights."""
    arkit = np.zeros((frames, len(ARKIT)), np.float32)
    for name, weight in weights.items():
        arkit[:, ARKIT_INDEX[name]] = weight
    return Motion(rate=Fraction(rate), arkit=arkit)


def value(found, motion, name):
    return found.solve(motion)[0, found.names.index(name)]


@pytest.mark.parametrize("profile", SPEAKING, ids=lambda profile: profile.name)
def test_recipes_are_of_tracks_that_exist_and_of_sane_size(profile):
    recipes = [*profile.recipes.values(), *(bone.recipe for bone in profile.face_bones)]
    assert all(track in SOURCES and -1 <= weight <= 1 for recipe in recipes for track, weight in recipe.items())
    assert all(low <= rest <= high for low, high, rest in profile.ranges.values())
    assert set(profile.ranges) | set(profile.aliases) <= set(profile.recipes)
    assert set(profile.direct.values()) <= set(SOURCES)
    assert all(bone.low <= 0 <= bone.high and bone.low <= bone.amount <= bone.high for bone in profile.face_bones)


@pytest.mark.parametrize("profile", SPEAKING, ids=lambda profile: profile.name)
def test_every_convention_is_proposed_by_its_own_names(profile):
    found = propose({"Face": names_of(profile)}, [bone.bone for bone in profile.face_bones])
    if profile.name != "Rigify modular face":
        assert found.profile.split(" + ")[0] == profile.name
    assert found.confidence == 1.0
    assert found.unknown == ()


@pytest.mark.parametrize(
    "written",
    [
        str.lower,
        str.upper,
        lambda name: f"ARKit_{name}",
        lambda name: f"blendShape1.{name}",
        lambda name: f"{name}.001",
    ],
)
def test_arkit_in_any_spelling_passes_straight_through(written):
    motion = still(jawOpen=0.5, mouthClose=0.25, eyeBlinkLeft=0.75)
    found = from_profile(propose({"Head": [written(name) for name in reversed(ARKIT)], "Teeth": [written("jawOpen")]}))
    np.testing.assert_allclose(found.solve(motion)[0][found.names.index("jawOpen")], 0.5)
    targets = found.channels[found.names.index("jawOpen")].targets
    assert targets == (("Head", written("jawOpen")), ("Teeth", written("jawOpen")))
    assert value(found, motion, "mouthClose") == 0.25
    assert value(found, motion, "browInnerUp") == 0.0


def test_46_shapes_say_what_they_lack():
    lacking = {"tongueOut", "cheekPuff", "browInnerUp", "browDownLeft", "browDownRight"}
    found = propose({"Head": [name for name in ARKIT if name not in lacking] + ["Fat"]})
    assert found.profile == "ARKit"
    assert found.confidence == pytest.approx(47 / 52)
    assert found.unknown == ("Fat",)
    assert any("browInnerUp" in sentence and "cheekPuff" in sentence for sentence in found.missing)
    assert any("no tongue" in sentence.lower() for sentence in found.missing)


def test_without_mouth_close_the_jaw_closes_the_lips():
    found = from_profile(propose({"Head": [name for name in ARKIT if name != "mouthClose"]}))
    assert value(found, still(jawOpen=0.3, mouthClose=0.3), "jawOpen") < 0.08
    assert value(found, still(jawOpen=0.3), "jawOpen") == pytest.approx(0.3, abs=0.05)


def test_halves_take_the_whole():
    names = [name for name in ARKIT if name != "browInnerUp"] + ["browInnerUp_L", "browInnerUp_R"]
    found = from_profile(propose({"Head": names}))
    values = found.solve(still(browInnerUp=0.6))[0]
    assert [values[found.names.index(f"browInnerUp {part}")] for part in (1, 2)] == pytest.approx([0.6, 0.6])


def test_two_conventions_on_one_rig_are_joined():
    brows = [name for name in ARKIT if name.startswith(("brow", "eyeBlink"))]
    visemes = names_of(next(profile for profile in profiles() if profile.name == "VRChat"))[:15]
    found = propose({"Body": visemes, "Brows": brows})
    assert found.profile == "VRChat + ARKit"
    assert not any("brow" in sentence for sentence in found.missing)


def test_ready_player_me_with_arkit_is_arkit():
    visemes = names_of(next(profile for profile in profiles() if profile.name == "viseme"))
    found = propose({"Wolf3D_Head": [*ARKIT, *visemes, *RPM]})
    assert found.profile.startswith("ARKit")
    solved = from_profile(found).solve(still(jawOpen=0.5))
    assert solved[0, from_profile(found).names.index("jawOpen")] == 0.5


def test_metahuman_curves_in_lower_case_take_their_tracks():
    profile = next(profile for profile in profiles() if profile.name == "MetaHuman")
    found = from_profile(propose({"Face": [name.lower() for name in profile.recipes]}))
    motion = still(mouthFunnel=0.5, mouthClose=0.2, jawOpen=0.4)
    for quarter in ("UL", "UR", "DL", "DR"):
        assert value(found, motion, f"CTRL_expressions_mouthFunnel{quarter}") == pytest.approx(0.5)
        assert value(found, motion, f"CTRL_expressions_mouthLipsTogether{quarter}") == pytest.approx(0.2)


def test_live2d_eyes_are_open_at_rest_and_close():
    found = from_profile(propose({"": names_of(next(one for one in profiles() if one.name == "Live2D"))}))
    assert value(found, still(), "ParamEyeLOpen") == 1.0
    assert value(found, still(eyeBlinkLeft=1.0), "ParamEyeLOpen") < 0.1
    assert value(found, still(mouthPucker=1.0), "ParamMouthForm") < -0.3
    turned = Motion(rate=Fraction(30), head_pose=np.full((2, 3), [0.0, np.radians(10), 0.0], np.float32))
    assert value(found, turned, "ParamAngleX") == pytest.approx(10, rel=0.05)


def test_images_close_on_a_bilabial_and_never_flicker():
    found = from_profile(propose_images([f"art/mouth_{letter}.png" for letter in "ABCDEFGHX"]))
    assert found.channels[0].targets == (("", "art/mouth_A.png"),)
    jaw = np.zeros(90, np.float32)
    jaw[20:50], jaw[53:80] = 0.6, 0.6  # open, three frames of closed lips, open
    random = np.random.default_rng(0)
    arkit = np.zeros((90, len(ARKIT)), np.float32)
    arkit[:, ARKIT_INDEX["jawOpen"]] = np.clip(jaw + 0.05 * random.normal(size=90), 0, 1)
    arkit[:, ARKIT_INDEX["mouthClose"]] = np.where((jaw == 0), arkit[:, ARKIT_INDEX["jawOpen"]], 0)
    shown = found.solve(Motion(rate=Fraction(30), arkit=arkit))
    assert (shown.sum(1) == 1).all()
    names = np.array(found.names)[shown.argmax(1)]
    assert (names[25:45] == "D").all()
    assert set(names[50:53]) <= {"A", "X", "B"}
    changes = np.flatnonzero(np.diff(shown.argmax(1)))
    assert np.diff(changes).min() >= round(SHORTEST * 30)
    assert len(changes) <= 5


def test_names_that_say_nothing_say_so():
    found = propose({"Cube": ["Key 1", "Key 2"]}, ["Bone", "Bone.001"])
    assert (found.profile, found.confidence) == ("", 0.0)
    assert found.unknown == ("Key 1", "Key 2")
    with pytest.raises(InputError, match="no convention"):
        from_profile(found)
    assert propose({}).profile == ""


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=8), st.lists(st.text(max_size=12), max_size=8))
def test_any_names_are_survived(shapes, bones):
    propose({"Mesh": shapes}, bones)
    propose_images(shapes)


def test_one_frame_and_none():
    found = from_profile(propose_images(list("ABCDEFGHX")))
    assert found.solve(still(frames=1, jawOpen=0.6)).sum() == 1
    assert found.solve(still(frames=0)).shape == (0, 9)
    assert from_profile(propose({"Head": list(ARKIT)})).solve(still(frames=0)).shape == (0, 52)


def test_a_broken_map_is_refused(tmp_path):
    path = tmp_path / "map.npz"
    found = from_profile(propose({"Head": list(ARKIT)}))
    found.save(path)
    data = path.read_bytes()
    for bad in (b"", data[: len(data) // 2], b"PK\x03\x04 nonsense"):
        path.write_bytes(bad)
        with pytest.raises(InputError):
            FaceMap.load(path)
    np.savez(path, format="something")
    with pytest.raises(InputError, match="not a face map"):
        FaceMap.load(path)
    with pytest.raises(InputError, match="no file"):
        FaceMap.load(tmp_path / "gone.npz")


def test_more_of_the_face_is_more_coverage():
    some = from_profile(propose({"Head": [name for name in ARKIT if name.startswith(("jaw", "mouth"))]}))
    whole = from_profile(propose({"Head": list(ARKIT)}))
    assert coverage(some.explained) < coverage(whole.explained) <= 1.0
