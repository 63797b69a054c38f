"""Names of rigs that no list knows: beginnings and endings that many share, kana of any width, bones by their words."""

from __future__ import annotations

import pytest

from animcore.core.vocabulary import ARKIT
from animcore.retarget import affixes, bone_names, name_normalization
from animcore.retarget.rig_detection import propose
from animcore.retarget.rig_profiles import profiles

VROID = ("MTH_A", "MTH_I", "MTH_U", "MTH_E", "MTH_O", "EYE_Close_L", "EYE_Close_R", "EYE_Close", "BRW_Angry")
LIMBS = ("Clavicle", "Upper", "Lower", "Hand"), ("Upper", "Lower", "Foot", "Toe")


@pytest.mark.parametrize(
    "written",
    ["face_shapes.ai_{}", "Hero_head_geo_{}", "{}_Head_Mesh", "m_expr:{}_Armature"],
)
def test_what_many_shapes_share_is_no_part_of_their_names(written):
    found = propose({"Face": [written.format(name) for name in ARKIT]})
    assert found.profile == "ARKit"
    assert len(found.entries) == 52
    assert found.unknown == ()


def test_vroid_of_vrm_0():
    found = propose({"Face": [f"Face.M_F00_000_00_Fcl_{name}" for name in VROID]})
    assert found.profile == "VRM"
    assert len(found.entries) == 9


def test_vowels_behind_a_word_for_the_mouth():
    names = ["blendShape1.MTH_" + vowel for vowel in "AIUEO"] + ["blendShape2.EYE_DEF_C", "blendShape2.BLW_ANG1"]
    found = propose({"head": names})
    assert {entry.channel.name for entry in found.entries} >= {"A", "I", "U", "E", "O"}


def test_letters_behind_another_word_are_no_mouths():
    assert propose({"Hair": [f"hair_{letter}" for letter in "ABCDEFGH"]}).entries == ()


def test_kana_of_half_and_full_width_are_one():
    names = ["ｱ", "ｲ", "ｳ", "ｴ", "ｵ", "ﾏﾊﾞﾀｷ", "ウィンク２", "ウィンク２右"]
    found = propose({"Face": names})
    assert found.profile == "MMD"
    assert {entry.channel.targets[0][1] for entry in found.entries} == set(names)
    assert (
        name_normalization.canonical("まばたき")
        == name_normalization.canonical("マバタキ")
        == name_normalization.canonical("ﾏﾊﾞﾀｷ")
    )


def test_makehuman_units_by_their_files():
    names = list(next(one for one in profiles() if one.name == "MakeHuman units").recipes)
    assert len(names) == 34
    found = propose({"Human": names})
    assert found.profile == "MakeHuman units"
    assert found.unknown == ()
    assert "jawOpen" in {entry.direct for entry in found.entries if entry.channel.name == "mouth-open"}


def test_a_side_is_no_ending_that_is_taken_away():
    bare = affixes.stripped([f"{bone}.{side}_Armature" for bone in ("arm", "leg", "hand") for side in "lr"])
    assert bare["arm.l_Armature"] == "arm.l"
    assert affixes.stripped(["eye.l", "arm.l", "leg.l"])["arm.l"] == "arm.l"


@pytest.mark.parametrize("written", ["{side}_{word}0001_bind_JNT", "{word}.{side}_Armature", "{word}_{side}"])
def test_a_skeleton_of_no_convention_is_known_by_its_words(written):
    limbs = [f"{limb}{part}" for limb, parts in zip(("arm", "leg"), LIMBS, strict=True) for part in parts]
    names = [written.format(side=side, word=word) for side in "LR" for word in (*limbs, "fingerIndexA")]
    names += [written.format(side="C", word=word) for word in ("hips", "spineLower", "chest", "neck", "head", "jaw")]
    names += [written.format(side=side, word=word) for side in "LR" for word in ("eye", "armUpperTwist", "HairBall")]
    found = bone_names.find(names)
    assert found.chains["left_elbow"] == (written.format(side="L", word="armLower"),)
    assert found.chains["right_ankle"] == (written.format(side="R", word="legFoot"),)
    assert "head" in found.chains
    assert len(found.spine) == 2
    used = {bone for bones in found.chains.values() for bone in bones}
    assert not any("Twist" in bone or "Hair" in bone for bone in used)
    roles = bone_names.roles(names)[1]
    assert roles["jaw"] == written.format(side="C", word="jaw")
    assert roles["left_eye"] == written.format(side="L", word="eye")


def test_each_bone_is_one_joint():
    names = ["hips", "chest", "neck", "head", *(f"{bone}.{side}" for side in "lr" for bone in (
        "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "thumb.1", "thumb.2", "thumb.3"))]  # fmt: skip
    chains = bone_names.find(names).chains
    used = [bone for bones in chains.values() for bone in bones]
    assert len(used) == len(set(used))
    assert "left_ring1" not in chains


def test_the_last_of_a_row_of_neck_bones_is_the_head():
    sides = [f"{bone}.{side}" for side in "LR" for bone in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")]
    found = bone_names.find(["spine", *(f"spine.{number:03}" for number in range(1, 6)), *sides])
    assert (found.chains["neck"], found.chains["head"]) == (("spine.004",), ("spine.005",))


@pytest.mark.parametrize("thumb", [("ThumbProximal", "ThumbIntermediate"), ("ThumbMetacarpal", "ThumbProximal")])
def test_a_declared_humanoid_comes_before_names(thumb):
    standard = ("Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", *thumb, "ThumbDistal")
    own = ["hips", "spine", "neck", "head", *(f"{side}{name}" for side in ("left", "right") for name in standard)]
    declared = {name: f"Bone.{number:03}" for number, name in enumerate(own)}
    found = bone_names.find(list(declared.values()), declared)
    assert found.chains["left_elbow"] == (declared["leftLowerArm"],)
    assert found.chains["right_thumb1"] == (declared[f"right{thumb[0]}"],)
    assert bone_names.roles(list(declared.values()), declared)[1]["head"] == declared["head"]
