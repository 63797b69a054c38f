"""FBX, USD, Alembic and PC2: written by Blender in a child process, read back by it, and by others that there are."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest

from animcore.core.vocabulary import ARKIT
from animcore.errors import Cancelled, InputError
from animcore.files import FORMATS
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import ExportReport, export, load
from animcore.files.scenes import blender_process, glb, pc2, usd, via_blender
from animcore.motion import Motion

FILM = Fraction(24000, 1001)
COUNT, OPENS = 30, 20  # frames; the jaw opens on this one
JAW = ARKIT.index("jawOpen")


@pytest.fixture(scope="module", autouse=True)
def a_blender() -> None:
    """Skip where there is none."""
    try:
        blender_process.command()
    except InputError as absent:
        pytest.skip(str(absent))


@pytest.fixture(scope="module")
def motion() -> Motion:
    generator = np.random.default_rng(7)
    weights = generator.random((COUNT, 52), np.float32)
    weights[:, JAW] = np.arange(COUNT) >= OPENS
    turns = {
        name: generator.normal(size=(COUNT, *shape)).astype(np.float32) * 0.2
        for name, shape in (("jaw_pose", (3,)), ("neck_pose", (3,)), ("head_pose", (3,)), ("eye_pose", (2, 3)))
    }
    turns["head_pose"][:4] *= (np.arange(4, dtype=np.float32)[:, None]) * 1e-3  # small turns are not rounded away
    return Motion(FILM, start=float(12 / FILM), arkit=weights, **turns, audio_name="line.wav")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="module")
def reports(folder, motion) -> dict[str, ExportReport]:
    """One file of each format, on the default character."""
    return {
        name: export(motion, folder / ("a" + FORMATS[name].suffix), FORMATS[name])
        for name in ("fbx", "usd", "alembic", "pc2")
    }


@pytest.mark.parametrize("name", ["fbx", "usd", "alembic", "pc2"])
def test_what_is_read_back_is_what_was_meant(reports, name):
    report = reports[name]
    assert report.frames == COUNT
    assert report.worst < 5e-6
    curves = {"fbx": 52 + 5, "usd": 52 + 5, "alembic": 5, "pc2": 1}[name]
    assert len(report.errors) == curves


def test_keys_come_back_as_a_motion_in_its_place(folder, reports, motion):
    for name in ("fbx", "usd"):
        back = load(reports[name].path, FORMATS[name])
        assert back.rate == FILM
        assert back.start == pytest.approx(motion.start, abs=1e-9)
        assert np.abs(back.arkit - motion.arkit).max() < 1e-6
        assert np.abs(back.head_pose - motion.head_pose).max() < 5e-6


def test_vertices_really_move(folder, reports):
    """A cache of a still mesh would agree with another one of it."""
    places = pc2.read(folder / "a.pc2", FormatOptions(FILM)).curves["vertices"]
    assert np.ptp(places, axis=0).max() > 0.01


def test_pc2_says_which_mesh_it_holds(reports):
    assert any("here Animcore Skin" in said for said in reports["pc2"].lacks)


def test_blender_plays_the_pc2_cache(folder, reports):
    """Its Mesh Cache modifier is a reader that is none of ours."""
    bpy = pytest.importorskip("bpy")
    _, _, points, first, _, samples = struct.unpack("<12siiffi", (folder / "a.pc2").read_bytes()[:32])
    assert (first, samples) == (12, COUNT)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    mesh = bpy.data.meshes.new("Points")
    mesh.vertices.add(points)
    thing = bpy.data.objects.new("Points", mesh)
    bpy.context.scene.collection.objects.link(thing)
    modifier = thing.modifiers.new("Cache", "MESH_CACHE")
    modifier.cache_format, modifier.filepath = "PC2", str(folder / "a.pc2")
    modifier.frame_start = first
    wanted = np.fromfile(folder / "a.pc2", "<f4", offset=32).reshape(samples, points, 3)
    for frame in (12, 20, 41):
        bpy.context.scene.frame_set(frame)
        found = np.empty(3 * points, np.float32)
        moved = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        moved.vertices.foreach_get("co", found)
        assert np.abs(found.reshape(-1, 3) - wanted[frame - 12]).max() < 1e-5


def test_another_library_reads_the_usd(folder, reports):
    skeletal = pytest.importorskip("pxr.UsdSkel")
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.Open(str(folder / "a.usdc"))
    assert stage.GetTimeCodesPerSecond() == 24000 / 1001
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    animations = [skeletal.Animation(prim) for prim in stage.Traverse() if prim.IsA(skeletal.Animation)]
    names = list(animations[0].GetBlendShapesAttr().Get())
    weights = animations[0].GetBlendShapeWeightsAttr()
    times = weights.GetTimeSamples()
    table = np.array([weights.Get(time) for time in times])
    jaw = table[:, names.index("jawOpen")]
    opening = times[int(np.argmax(jaw > 0.5))] / stage.GetTimeCodesPerSecond()
    assert opening == pytest.approx((12 + OPENS) * 1001 / 24000, abs=1e-9)
    bound = {
        prim.GetName(): list(skeletal.BindingAPI(prim).GetBlendShapesAttr().Get() or ())
        for prim in stage.Traverse()
        if prim.IsA(UsdGeom.Mesh)
    }
    assert set(ARKIT) <= set(bound["Animcore_Skin"])
    assert all(set(own) <= set(names) for own in bound.values())
    assert len(names) == len(set(names)) == 52 + 16, "meshes share the channels of shapes that they share"


def test_the_times_of_fbx_keys_are_exact(folder, reports):
    """Read by the parser of Blender's older importer: 46,186,158,000 ticks a second."""
    pytest.importorskip("bpy")
    parser = pytest.importorskip("io_scene_fbx.parse_fbx")
    root, _ = parser.parse(str(folder / "a.fbx"))
    objects = next(part for part in root.elems if part.id == b"Objects")
    times = [
        np.array(next(one for one in curve.elems if one.id == b"KeyTime").props[0], np.float64) / 46_186_158_000
        for curve in objects.elems
        if curve.id == b"AnimationCurve"
    ]
    assert max(map(len, times)) == COUNT
    for keys in times:
        frames = keys * float(FILM)
        assert np.abs(frames - np.round(frames)).max() < 1e-6
        assert 12 <= round(frames[0]) <= round(frames[-1]) <= 41


def test_blender_reads_our_glb(folder, motion):
    """Its importer is a reader that is none of ours: weights, and turns through bones whose axes it chooses itself."""
    export(motion, folder / "a.glb", glb.FORMAT)
    found = via_blender.read(folder / "a.glb", FormatOptions(FILM))
    assert found.frame_count == COUNT
    assert found.start == pytest.approx(motion.start, abs=1e-9)
    assert np.abs(found.curves["jawOpen"] - motion.arkit[:, JAW]).max() < 1e-6
    for name in ("jaw_pose", "neck_pose", "head_pose"):
        assert np.abs(found.curves[name] - getattr(motion, name)).max() < 1e-5


@pytest.mark.parametrize(("form", "suffix"), [(glb.FORMAT, ".blend"), (via_blender.FBX, ".glb")], ids=["glb", "fbx"])
def test_characters_of_other_kinds_are_brought_over(tmp_path, motion, form, suffix):
    character = (via_blender.DEFAULT if suffix == ".blend" else glb.DEFAULT).resolve()
    report = export(motion, tmp_path / ("a" + form.suffix), form, FormatOptions(character=character))
    assert report.frames == COUNT
    assert report.worst < 1e-5
    assert not any("no shapes for jaw" in said for said in report.lacks)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.blend", b"BLENDER-v405 but not for long", "not a file that this Blender can open"),
        ("a.blend", b"", "not a file that this Blender can open"),
        ("a.fbx", b"Kaydara FBX Binary  \0\x1a\0\xe8\x1c\0\0", "a.fbx"),
        ("a.obj", b"v 0 0 0\n", "no kind that Blender can read"),
        ("a.glb", b"glTF", "a.glb"),
    ],
)
def test_what_is_no_character_is_refused_in_one_sentence(tmp_path, motion, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refusal:
        export(motion, tmp_path / "out.fbx", via_blender.FBX, FormatOptions(character=tmp_path / name))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out.fbx").exists()


@pytest.mark.parametrize(("form", "content"), [(via_blender.FBX, b"; FBX 6.1"), (usd.FORMAT, b"PXR-USDC" + bytes(99))])
def test_what_is_no_scene_is_refused_in_one_sentence(tmp_path, form, content):
    path = tmp_path / ("bad" + form.suffix)
    path.write_bytes(content)
    with pytest.raises(InputError, match="bad"):
        load(path, form, FormatOptions(FILM))


def test_a_blender_that_breaks_off_is_followed_by_another(tmp_path, motion):
    blender_process.call_blender("describe", character=str(via_blender.DEFAULT))
    child = blender_process._child
    child._process.kill()
    child._process.wait()
    assert blender_process.call_blender("describe", character=str(via_blender.DEFAULT))["shapes"]
    assert blender_process._child is not child


def test_a_silent_blender_is_ended(monkeypatch):
    monkeypatch.setattr(blender_process, "_SILENCE", 0.001)
    monkeypatch.setattr(blender_process, "_GLANCE", 0.001)
    with pytest.raises(InputError, match="did not respond"):
        blender_process.call_blender("describe", character=str(via_blender.DEFAULT))
    monkeypatch.undo()
    assert blender_process.call_blender("describe", character=str(via_blender.DEFAULT))["bones"]


def test_work_that_nobody_waits_for_is_ended(folder, reports):
    def stop(_fraction: float, _stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        blender_process.call_blender("read", stop, path=str(folder / "a.fbx"), out=str(folder / "never.npz"))
    assert not blender_process._child.alive
    assert not (folder / "never.npz").exists()


def test_the_child_dies_with_its_parent():
    script = (
        "import sys, time; from animcore.files.scenes import blender_process as blender\n"
        "blender.call_blender('describe', character=sys.argv[1])\n"
        "print(blender._child._process.pid, flush=True); time.sleep(60)"
    )
    line = [sys.executable, "-c", script, str(via_blender.DEFAULT)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.05)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("chosen", ["", "/no/such/blender"])
def test_no_blender_is_said_in_one_sentence(tmp_path, monkeypatch, motion, chosen):
    monkeypatch.setenv(blender_process.VARIABLE, chosen)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(blender_process.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(blender_process, "_child", None)
    via_blender._described.cache_clear()
    with pytest.raises(InputError, match=r"ANIMCORE_BLENDER.*point to"):
        export(motion, tmp_path / "a.fbx", via_blender.FBX)


def test_blender_itself_and_a_python_with_bpy_are_started_each_in_their_way(tmp_path, monkeypatch):
    for name in ("blender", "python3"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setenv(blender_process.VARIABLE, str(program))
        line = blender_process.command()
        assert line[0] == str(program)
        assert ("--background" in line) == (name == "blender")
        assert Path(line[-1]) / "animcore" / "__init__.py" in Path(line[-1]).rglob("animcore/__init__.py")


def cache(points: int = 4, samples: int = 3) -> bytes:
    head = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, points, 5.0, 1.0, samples)
    return head + np.arange(points * samples * 3, dtype="<f4").tobytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a PC2"),
        (b"POINTCACHE3\0" + bytes(20), "not a PC2"),
        (cache()[:-1], "is cut off"),
        (cache() + b"more", "is cut off"),
        (cache()[:16] + struct.pack("<i", -4) + cache()[20:], "broken"),
        (cache()[:12] + struct.pack("<i", 9) + cache()[16:], "broken"),
        (cache()[:28] + struct.pack("<i", 2**31 - 1) + cache()[32:], "is cut off"),
    ],
)
def test_a_broken_cache_is_refused(tmp_path, content, words):
    (tmp_path / "bad.pc2").write_bytes(content)
    with pytest.raises(InputError, match=words):
        pc2.read(tmp_path / "bad.pc2", FormatOptions(FILM))


def test_a_cache_says_where_it_begins(tmp_path):
    (tmp_path / "a.pc2").write_bytes(cache())
    found = pc2.read(tmp_path / "a.pc2", FormatOptions(FILM))
    assert found.start == pytest.approx(5 * 1001 / 24000)
    assert np.array_equal(found.curves["vertices"].ravel(), np.arange(36))


SLOW = """
import json, sys, time
print(json.dumps({"event": "ready"}), flush=True)
sys.stdin.readline()
print(json.dumps({"event": "progress", "fraction": 0.5, "stage": "Writing"}), flush=True)
time.sleep(60)
"""


def test_a_cancel_is_heard_while_an_exporter_says_nothing(tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text(SLOW)
    monkeypatch.setenv(blender_process.VARIABLE, sys.executable)
    monkeypatch.setenv(blender_process.BLENDER_SCRIPT, str(tmp_path / "slow.py"))
    told = []

    def stop(fraction, stage):
        told.append(fraction)
        if told.count(0.5) == 2:  # nothing new was said
            raise Cancelled

    started = time.monotonic()
    child = blender_process.BlenderProcess()
    with pytest.raises(Cancelled):
        child.ask("write_take", stop)
    assert time.monotonic() - started < 5
    assert not child.alive


def test_the_extension_tells_the_engine_where_the_program_of_its_blender_is(tmp_path, monkeypatch):
    (tmp_path / "child.py").write_text("")
    monkeypatch.setenv(blender_process.BLENDER_SCRIPT, str(tmp_path / "child.py"))
    assert blender_process.script() == tmp_path / "child.py"
    monkeypatch.setenv(blender_process.BLENDER_SCRIPT, str(tmp_path / "none.py"))
    with pytest.raises(InputError, match=r"none\.py.*is missing; install Animcore again"):
        blender_process.script()
