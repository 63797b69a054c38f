"""Scenes and engines for the tests inside Blender. Each test starts from an empty file, the extension registered."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

# a home of its own for each process: no test reads or changes the user's, and two at once do not meet
HOME = tempfile.mkdtemp(prefix="animcore_home_")
os.environ["BLENDER_USER_RESOURCES"] = HOME
bpy = pytest.importorskip("bpy", reason="these tests run inside Blender: tools/test_blender.py")

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import blender_addon  # noqa: E402
from animcore.retarget.rig_profiles import driving  # noqa: E402
from blender_addon import preferences  # noqa: E402
from blender_addon.engine import process  # noqa: E402
from blender_addon.performance import session  # noqa: E402

_status = 0
FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")


@pytest.fixture(autouse=True)
def empty_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty file, the extension registered, and the engine of the tests instead of the real one."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    blender_addon.register()
    monkeypatch.setattr(preferences, "launch", fake_launch)
    yield
    blender_addon.unregister()


@pytest.fixture
def real_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine itself in place of the one for tests."""
    launch = process.Launch((sys.executable, "-m", "animcore.service"), process.carried().environment)
    monkeypatch.setattr(preferences, "launch", lambda: launch)


def pytest_sessionfinish(exitstatus: int) -> None:
    """Remember how the tests went, for `pytest_unconfigure`."""
    global _status
    _status = int(exitstatus)


def pytest_unconfigure() -> None:
    """End at once before Blender 5.0: a module still held then waits for ever or crashes (Blender #146640)."""
    shutil.rmtree(HOME, ignore_errors=True)
    if bpy.app.version < (5, 0, 0):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status)


def fake_launch(*arguments: str, seconds: float = 2.0) -> process.Launch:
    """Start the engine of the tests."""
    environment = {
        **os.environ,
        "FAKE_ENGINE_NAMES": json.dumps(driving().shapes),
        "FAKE_ENGINE_SECONDS": str(seconds),
    }
    return process.Launch((sys.executable, str(FAKE_ENGINE), *arguments), environment)


@pytest.fixture
def voice(tmp_path: Path) -> Callable[..., Path]:
    """Make a sound file of two seconds with the given name."""

    def make(name: str = "line.wav", seconds: float = 2.0) -> Path:
        path = tmp_path / name
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(16000)
            out.writeframes(bytes(2 * int(16000 * seconds)))
        return path

    return make


def set_rate(rate: Fraction) -> None:
    """Set the scene's frame rate as a user does: 24000/1001 is 24 over 1.001."""
    render = bpy.context.scene.render
    whole = round(rate)
    render.fps, render.fps_base = whole, float(whole / rate)


def head(name: str = "Head", shapes: tuple[str, ...] | None = None) -> bpy.types.Object:
    """Add a mesh of four vertices with the shapes given; each shape lifts one vertex by 1."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [], [(0, 1, 2, 3)])
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    made.shape_key_add(name="Basis")
    for number, shape in enumerate(driving().shapes if shapes is None else shapes):
        block = made.shape_key_add(name=shape, from_mix=False)
        block.data[number % 4].co.z = 1.0
    return made


def armature(
    bones: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float]], name: str = "Rig"
) -> bpy.types.Object:
    """Add an armature of unconnected bones: name -> (head, tail, roll); each is a child of the one before it."""
    rig = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    above = None
    for bone_name, (start, end, roll) in bones.items():
        bone = rig.data.edit_bones.new(bone_name)
        bone.head, bone.tail, bone.roll, bone.parent = start, end, roll, above
        above = bone if bone_name in ("pelvis", "neck", "head") else above
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def settings() -> bpy.types.PropertyGroup:
    """Animcore's settings of the current scene."""
    return bpy.context.scene.animcore


def generate(character: bpy.types.ID, audio: Path, start_frame: int = 1) -> session.Outcome:
    """Press Generate as a user would, and return what the panel then says."""
    mine = settings()
    mine.source = "COLLECTION" if isinstance(character, bpy.types.Collection) else "OBJECT"
    setattr(mine, "collection" if mine.source == "COLLECTION" else "character", character)
    mine.audio, mine.start_frame = str(audio), start_frame
    bpy.ops.animcore.generate()
    assert session.session.outcome is not None
    return session.session.outcome


def has_sound() -> bool:
    """Whether this build of Blender can play and place sounds; the module bpy 4.2 cannot."""
    try:
        import aud  # noqa: F401
    except ImportError:
        return False
    return True


with_sound = pytest.mark.skipif(not has_sound(), reason="this bpy was built without Audaspace")
