"""Characters of other makers, where the folder that they are shared in lies above the checkout.

Its README says of each what is right.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.append(str(Path(__file__).with_name("character")))  # also where this file is collected alone
from test_rig_detector import apply, motion

from animcore.files import FORMATS
from animcore.files.export_and_verify import compare
from blender_addon.character import head_bones, rig_reader, shape_naming
from blender_addon.export import delivery
from blender_addon.scene import fcurves
from blender_addon.takes import readback

FOLDERS = [above / "shared" / "characters" for above in Path(__file__).resolve().parents]
FOLDER = next((one for one in FOLDERS if one.is_dir()), None)
pytestmark = pytest.mark.skipif(FOLDER is None, reason="the characters of other makers are not here")


def opened(name: str, folder: Path) -> bpy.types.Object:
    """Open or import a file; returns its armature."""
    if name.endswith(".blend"):
        bpy.ops.wm.open_mainfile(filepath=str(FOLDER / name))
    else:
        copy = folder / f"{Path(name).stem}.glb"  # a .vrm is one, for those who have no add-on for it
        shutil.copyfile(FOLDER / name, copy)
        bpy.ops.import_scene.gltf(filepath=str(copy))
    return next(one for one in bpy.context.scene.objects if one.type == "ARMATURE")


def lowest(mesh: bpy.types.Object, shape: str) -> float:
    """The metres that a shape brings a vertex down by, at most, in the frame shown."""
    block = mesh.data.shape_keys.key_blocks[shape]
    here, rest = (np.array([tuple(point.co) for point in data]) for data in (block.data, block.relative_key.data))
    return float(block.value * (rest - here)[:, 2].max())


@pytest.mark.parametrize(
    ("name", "speaks", "words", "moved", "still"),
    [
        ("mpfb_female.glb", True, "52 of 52", "mixamorig:LeftLeg", ""),
        ("mpfb_male.glb", True, "MakeHuman units", "calf_l", ""),
        ("male_base_mesh.glb", False, "No mouth found: head and body only", "shin.L", "heel.02.L"),
        ("character-female-a.glb", False, "No mouth found: the head only", "head", "leg-left"),
        ("godot chan.blend", False, "No mouth found: head and body only", "head", "brow1.l"),
        (
            "Godette_vrm_v4.vrm",
            False,
            "this looks like VRM 0: import it with the VRM add-on",
            "shin.l_Armature",
            "Ribbon",
        ),
    ],
)
def test_characters_of_other_makers(tmp_path, name, speaks, words, moved, still):
    rig = opened(name, tmp_path)
    character = rig_reader.read(rig)
    assert character.speaks == speaks
    assert words in character.summary
    take = apply(character, motion(jawOpen=0.9))
    assert moved in take.bones
    assert still not in take.bones
    assert bool(take.shape_count) == speaks
    counted = Counter((one.data_path, one.array_index) for one in fcurves.current_curves(rig))
    assert max(counted.values()) == 1


def test_makehuman_units_open_the_jaw_and_are_all_known(tmp_path):
    rig = opened("mpfb_male.glb", tmp_path)
    character = rig_reader.read(rig)
    assert shape_naming.proposal_of(character.faces, rig)[0].unknown == ()
    apply(character, motion(jawOpen=0.9))
    bpy.context.scene.frame_set(3)
    assert lowest(character.faces[0].mesh, "mouth-open") > 0.02


def test_a_figure_that_looks_along_x(tmp_path):
    rig = opened("male_base_mesh.glb", tmp_path)
    axes = np.array(rig.matrix_world.to_3x3().normalized()) @ head_bones.character_axes(rig)
    np.testing.assert_allclose(axes[:, 2], (1.0, 0.0, 0.0), atol=1e-6)


@pytest.mark.parametrize(
    "name", sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".md") if FOLDER else []
)
def test_every_scene_format_of_every_maker_is_right(tmp_path, name):
    """Writer and reader share no retargeting: what each bone, shape or vertex does is compared by its name."""
    rig = opened(name, tmp_path)
    scene = bpy.context.scene
    apply(rig_reader.read(rig), motion(jawOpen=0.9))
    character = rig_reader.read(rig)
    span = readback.span_of(scene, character)
    (tmp_path / "out").mkdir()
    take = readback.performance(scene, character, span)
    members = rig_reader.members_of(rig)
    made, _ = delivery._in_blender(
        scene, character, members, span, tmp_path / "out" / "take", list(delivery.IN_BLENDER), lambda *_: None
    )
    found = {
        form: one.get("error") or compare(take, Path(one["path"]), FORMATS[form], Path(one["meant"])).error
        for form, one in made.items()
    }
    assert found == dict.fromkeys(delivery.IN_BLENDER)
