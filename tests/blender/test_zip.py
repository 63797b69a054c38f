"""The zip in an empty Blender home: it installs, is enabled, and makes a performance with the wheels it carries."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import bpy
import pytest
from conftest import ROOT

SCRIPT = """
    import sys
    import bpy
    zip_path, voice, blend = sys.argv[1:4]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
    assert "bl_ext.user_default.animcore" in bpy.context.preferences.addons.keys()
    from importlib.util import find_spec
    home = bpy.utils.user_resource("EXTENSIONS")
    sys.path.sort(key=lambda place: not place.startswith(home))  # this environment's own packages come after the wheels
    for package in ("animcore", "onnxruntime", "av"):
        assert find_spec(package).origin.startswith(home), (package, find_spec(package).origin)
    bpy.ops.animcore.add_character()
    bpy.context.scene.animcore.audio = voice
    bpy.ops.animcore.generate()
    rig = bpy.context.scene.animcore.character
    keyed = [key for key in bpy.data.shape_keys if key.animation_data and key.animation_data.action]
    assert keyed and rig.animation_data.action
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.animcore")
    assert not hasattr(bpy.types.Scene, "animcore")
    print("made", len(keyed), "keyed meshes")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip for this computer, built now, and judged by this Blender."""
    platform = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}[sys.platform]
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "build_addon.py", "--platform", platform, "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not validated" not in done.stdout
    return next(folder.glob("*.zip"))


def test_it_installs_into_an_empty_home_and_speaks(built, tmp_path):
    line, blend = ROOT / "assets" / "voices" / "line.flac", tmp_path / "shot 说.blend"
    # nothing of the checkout may help
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["BLENDER_USER_RESOURCES"] = str(tmp_path / "home")
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(built), str(line), str(blend)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "made" in done.stdout
    assert blend.stat().st_size > 100_000


def test_it_carries_everything_once(built):
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    assert "assets/character/character.blend" in names
    assert not any("__pycache__" in name or name.endswith(".blend1") for name in names)
    wheel = next(name for name in names if name.startswith("wheels/animcore-"))
    with zipfile.ZipFile(built) as archive, archive.open(wheel) as inner, zipfile.ZipFile(inner) as engine:
        inside = engine.namelist()
    assert any(name.endswith("articulation.onnx") for name in inside)
    assert not any(name.endswith(".blend") for name in inside)
    assert {"animcore/service.py", "animcore/rigs/arkit.toml", "animcore/assets/retarget/head.npz"} <= set(inside)


def test_the_version_is_that_of_the_package():
    import animcore

    text = (ROOT / "blender_addon" / "blender_manifest.toml").read_text(encoding="utf-8")
    assert f'version = "{animcore.__version__}"' in text
    assert bpy.app.version >= (4, 2, 0)
