"""Characters of other conventions are keyed under their own names, and what they lack is said."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from conftest import armature, generate, head

from blender_addon.character import rig_reader
from blender_addon.scene import fcurves

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
SETS = {
    "Ready Player Me": (*(f"viseme_{name}" for name in VISEMES), "mouthOpen", "mouthSmile", "eyesClosed"),
    "VRM": ("Fcl_MTH_A", "Fcl_MTH_I", "Fcl_MTH_U", "Fcl_MTH_E", "Fcl_MTH_O", "Fcl_EYE_Close"),
    "MMD": ("あ", "い", "う", "え", "お", "まばたき"),
    "MetaHuman": (
        "CTRL_expressions_jawOpen", "CTRL_expressions_mouthFunnelUL", "CTRL_expressions_mouthFunnelUR",
        "CTRL_expressions_mouthFunnelDL", "CTRL_expressions_mouthFunnelDR", "CTRL_expressions_eyeBlinkL",
        "CTRL_expressions_eyeBlinkR", "CTRL_expressions_mouthLipsTogetherUL", "CTRL_expressions_mouthLipsTogetherDL",
    ),
}  # fmt: skip


def curves(face: bpy.types.Object) -> dict[str, np.ndarray]:
    return {
        curve.data_path.split('"')[1]: np.array([point.co.y for point in curve.keyframe_points])
        for curve in fcurves.current_curves(face.data.shape_keys)
    }


@pytest.mark.parametrize("convention", SETS)
def test_shapes_of_other_conventions_are_keyed_by_their_own_names(voice, convention):
    face = head(shapes=SETS[convention])
    outcome = generate(face, voice())
    found = curves(face)
    assert set(found) <= set(SETS[convention])
    assert len(found) >= 0.6 * len(SETS[convention])
    moving = [name for name, values in found.items() if np.ptp(values) > 0.1]
    assert len(moving) >= 3
    assert all(values.min() >= 0.0 and values.max() <= 1.0 for values in found.values())
    assert any("not written" in note for note in outcome.notes), "what the rig lacks is said"


def test_the_panel_says_the_convention_and_how_sure_it_is():
    character = rig_reader.read(head(shapes=SETS["VRM"]))
    assert character.map.profile.startswith("VRM")
    assert character.summary.startswith("VRM")
    assert "% sure" in character.summary


def test_one_character_of_several_meshes_in_two_conventions(voice):
    rig = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0)})
    lips, lids = head("Lips", SETS["MMD"][:5]), head("Lids", ("eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"))
    lips.parent = lids.parent = rig
    generate(rig, voice())
    assert set(curves(lids)) == {"eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"}
    assert "あ" in curves(lips)
