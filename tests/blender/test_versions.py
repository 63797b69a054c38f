"""The same file in several Blenders: what an older one saved opens in this one with its takes, edits and settings.

Older Blenders are the environments of tools/test_blender.py that are there, and those that the variable
ANIMCORE_BPYS names (Pythons with the module bpy, separated as in PATH).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import ROOT
from older import EDIT, LIFT, edit
from test_takes import made, values

from blender_addon.performance import session
from blender_addon.scene import fcurves
from blender_addon.takes import library

OLDER = Path(__file__).with_name("older.py")
_FOLDERS = (ROOT / ".venvs").glob("*/bin/python")
PYTHONS = [str(path) for path in _FOLDERS] + [
    path for path in os.environ.get("ANIMCORE_BPYS", "").split(os.pathsep) if path
]
_ASK = "import bpy; print(*bpy.app.version)"


def version_of(python: str) -> tuple[int, ...]:
    done = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=False)
    return tuple(map(int, done.stdout.split()[-3:])) if done.returncode == 0 and done.stdout else ()


@pytest.fixture(params=[sys.executable, *PYTHONS], ids=lambda python: Path(python).parents[1].name)
def older_file(request, tmp_path, voice) -> Path:
    """A file that another Blender saved, or this one."""
    version = version_of(request.param)
    if not version or version > tuple(bpy.app.version):
        pytest.skip("no Blender as old as this one or older")
    out = tmp_path / "older.blend"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([request.param, str(OLDER), str(out), str(voice())], env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert out.is_file(), done.stderr
    return out


def test_a_file_of_an_older_blender_opens_with_its_take_its_edits_and_its_settings(older_file, voice):
    bpy.ops.wm.open_mainfile(filepath=str(older_file))
    face, rig = bpy.data.objects["Head"], bpy.data.objects["Rig"]
    settings = bpy.context.scene.animcore
    assert (settings.seed, round(settings.lips, 3), settings.transition) == (7, 0.8, "blend")
    assert (settings.cast[0].character, settings.cast[0].style) == (face, "shy")
    (take,) = library.all_takes(bpy.context.scene)
    assert take.playing
    assert len(take.actions) == 2
    assert library.settings_of(take)["direction"]["seed"] == 7
    lifted = made("browInnerUp")
    lifted[EDIT.start - 1 : EDIT.stop - 1] += LIFT
    np.testing.assert_allclose(values(face, "browInnerUp"), lifted, atol=1e-5)
    np.testing.assert_allclose(values(face, "jawOpen"), 0.5 * made("jawOpen"), atol=1e-5)
    # it plays
    bpy.context.scene.frame_set(15)
    assert face.data.shape_keys.key_blocks["browInnerUp"].value == pytest.approx(min(lifted[14], 1.0), abs=1e-4)
    turned = {curve.data_path.split('"')[1] for curve in fcurves.current_curves(rig)}
    assert turned == {"neck", "head"}
    # and it is worked on as if it were made here
    bpy.ops.animcore.polish(regions={"jaw"}, exaggeration=1.0)
    np.testing.assert_allclose(values(face, "jawOpen"), made("jawOpen"), atol=1e-5)
    edit(face, "mouthClose")
    bpy.ops.animcore.run_again(another=True)
    assert any("edits were kept" in note for note in session.session.outcome.notes)
    assert len(library.all_takes(bpy.context.scene)) == 2
    np.testing.assert_allclose(values(face, "browInnerUp"), lifted, atol=1e-5)
