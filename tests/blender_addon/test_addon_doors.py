"""No child runs what lies beside a user's file: it starts elsewhere, and looks for modules nowhere near."""

from __future__ import annotations

import importlib.util
import io
import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from animcore.files.scenes import blender_process, via_blender
from blender_addon import child
from blender_addon.engine import process

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "import os\nopen(os.environ['TRAP'], 'w').close()\n"


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A folder that a user might download, in which this process works; the file that its modules write if they run."""
    folder = tmp_path / "beside the blend"
    folder.mkdir()
    for name in ("numpy", "json", "onnxruntime", "av", "bpy", "sitecustomize", "queue"):
        (folder / f"{name}.py").write_text(HOSTILE)
    (folder / "animcore").mkdir()
    for name in ("__init__", "service", "errors"):
        (folder / "animcore" / f"{name}.py").write_text(HOSTILE)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TRAP", str(tmp_path / "ran"))
    return tmp_path / "ran"


def answer(launch: process.Launch, **request) -> dict:
    started = process.Engine(launch)
    try:
        started.send({"id": "1", **request})
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for event in started.events():
                if event["event"] in ("done", "error", "gone"):
                    return event
            time.sleep(0.01)
        pytest.fail(started.log)
    finally:
        started.close()


@pytest.mark.parametrize("which", ["carried", "of_python"])
def test_the_engine_does_not_run_what_lies_beside_the_blend(trap, which):
    launch = process.carried() if which == "carried" else process.of_python(sys.executable)
    if which == "of_python":  # a checkout is not installed there
        launch = process.Launch(launch.command, {**launch.environment, "PYTHONPATH": str(ROOT)})
    assert answer(launch, do="about")["event"] == "done"
    assert not trap.exists()


def test_a_path_that_is_meant_from_here_is_found_from_there(trap, spoken_line):
    Path("voice.flac").write_bytes(spoken_line.read_bytes())
    found = answer(process.carried(), do="inspect", audio="voice.flac", parts=[{"audio": "voice.flac"}])
    assert found["event"] == "done", found
    assert not trap.exists()


def test_every_module_of_a_child_is_run_with_a_safe_path(trap):
    """What is behind the command line: `-P` is what keeps the folder out, whichever one the child works in."""
    command = [*process.carried().command[:-2], "-c", "import sys; print(sys.path)"]
    ran = subprocess.run(command, env=dict(process.carried().environment), capture_output=True, text=True, check=True)
    assert str(Path.cwd()) not in ran.stdout
    assert "''" not in ran.stdout


def test_blender_as_a_child_does_not_either(trap, monkeypatch):
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("needs the module bpy")
    monkeypatch.setattr(blender_process, "_child", None)
    via_blender._described.cache_clear()
    started = blender_process.BlenderProcess()
    try:
        found = started.ask("describe", character=str(via_blender.DEFAULT.absolute()))
    finally:
        started.close()
    assert found["shapes"]
    assert not trap.exists()


def test_the_same_child_without_the_safe_path_is_caught_by_the_trap(trap):
    """The trap works."""
    subprocess.run([sys.executable, "-m", "animcore.service"], stdin=subprocess.DEVNULL, check=False)
    assert trap.exists()


@pytest.mark.parametrize("line", ["[" * 100_000, '{"do": []}', "7", '{"do": "cancel"', "null", '{"do": "nothing"}'])
def test_blender_as_a_child_survives_any_line(monkeypatch, line):
    requests, answers, ended = queue.Queue(), io.StringIO(), []
    monkeypatch.setattr(sys, "stdin", io.StringIO(line + "\n"))
    monkeypatch.setattr(child.os, "_exit", ended.append)
    child._listen(requests, threading.Event())
    child._answer({}, requests.get_nowait(), answers, threading.Event())
    (said,) = map(json.loads, answers.getvalue().splitlines())
    assert said["event"] == "error"
    assert said["message"].startswith("Unknown request")
    assert ended == [0]
