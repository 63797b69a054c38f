"""Coming and going: registration, the child process, the timer, a file opened in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import bpy
import pytest
from conftest import ROOT, fake_launch, generate, head, settings

import blender_addon
from blender_addon import preferences
from blender_addon.engine import process
from blender_addon.engine.jobs import State
from blender_addon.performance import session
from blender_addon.scene import windows
from blender_addon.voice import analysis


def traces() -> dict:
    """Everything in Blender that could be ours."""
    names = (
        "load_pre",
        "load_post",
        "undo_post",
        "redo_post",
        "frame_change_post",
        "save_pre",
        "depsgraph_update_post",
    )
    return {
        "types": sorted(name for name in dir(bpy.types) if "animcore" in name.lower()),
        "operators": dir(bpy.ops.animcore),
        "property": hasattr(bpy.types.Scene, "animcore"),
        "handlers": [
            handler.__name__
            for name in names
            for handler in getattr(bpy.app.handlers, name)
            if "blender_addon" in handler.__module__
        ],
        "timer": bpy.app.timers.is_registered(session._tick),
    }


def test_registering_twice_leaves_nothing_behind(voice):
    inside = traces()
    assert "generate" in inside["operators"]
    assert inside["handlers"]
    for _ in range(2):
        generate(head(), voice())
        engine = session.session.jobs.engine
        assert engine.alive
        blender_addon.unregister()
        assert not engine.alive
        assert session.session.jobs.engine is None
        assert traces() == {"types": [], "operators": [], "property": False, "handlers": [], "timer": False}
        blender_addon.register()
        assert traces() == inside
        bpy.ops.wm.read_homefile(use_empty=True)


def test_a_second_press_gets_one_sentence(voice):
    settings().character, settings().audio = head(), str(voice("hang.wav"))
    session.order_take(bpy.context.scene)
    with pytest.raises(RuntimeError, match="engine is busy"):
        bpy.ops.animcore.generate()
    bpy.ops.animcore.cancel()
    session.wait()
    assert session.session.outcome.message == "Cancelled; nothing was changed."
    assert not bpy.data.actions


def test_a_timer_brings_the_keys_without_blocking(voice):
    face = head()
    settings().character, settings().audio = face, str(voice())
    session.order_take(bpy.context.scene)
    session.watch()
    longest, end = 0.0, time.monotonic() + 20
    while bpy.app.timers.is_registered(session._tick) and time.monotonic() < end:
        started = time.monotonic()
        if session._tick() is None:
            break
        if not session.session.jobs.current.state.over:
            longest = max(longest, time.monotonic() - started)
        time.sleep(0.02)
    session.unwatch()
    assert session.session.outcome.message.startswith("52 shapes")
    assert longest < 0.05


def test_opening_another_file_ends_the_work(voice):
    settings().character, settings().audio = head(), str(voice("hang.wav"))
    job = session.order_take(bpy.context.scene)
    folder = session.session.order.folder
    engine = session.session.jobs.engine
    bpy.ops.wm.read_homefile(use_empty=True)
    assert job.state is State.CANCELLED
    assert not engine.alive
    assert not folder.exists()


def test_a_character_that_is_gone_gets_one_sentence(voice):
    face = head()
    settings().character, settings().audio = face, str(voice())
    session.order_take(bpy.context.scene)
    bpy.data.objects.remove(face)
    with pytest.raises(Exception, match="'Head' is no longer in this file"):
        session.wait()


def test_a_character_renamed_meanwhile_is_found(voice):
    face = head()
    settings().character, settings().audio = face, str(voice())
    session.order_take(bpy.context.scene)
    face.name = "Hero"
    session.wait()
    assert face.data.shape_keys.animation_data.action is not None


def test_a_frame_rate_changed_meanwhile_is_said(voice):
    settings().character, settings().audio = head(), str(voice())
    session.order_take(bpy.context.scene)
    bpy.context.scene.render.fps = 60
    with pytest.raises(Exception, match="frame rate was changed to 60"):
        session.wait()
    assert not bpy.data.actions


def test_an_engine_that_cannot_start_says_why(voice, monkeypatch):
    monkeypatch.setattr(preferences, "launch", lambda: fake_launch("--refuse"))
    with pytest.raises(RuntimeError, match=r"could not start .no such library"):
        generate(head(), voice())
    from blender_addon.ui.performance.engine_help_operators import report_text

    assert "no such library" in report_text()


def test_the_report_holds_the_last_words_of_a_dead_engine(voice):
    with pytest.raises(RuntimeError, match="exit code 9"):
        generate(head(), voice("die.wav"))
    from blender_addon.ui.performance.engine_help_operators import report_text

    assert "a last word" in report_text()
    assert bpy.app.version_string in report_text()


def test_the_check_of_the_engine(voice):
    bpy.ops.animcore.check_engine()
    assert session.session.engine_note == (
        "Engine 0.1.0-fake is ready: Python 3.11.7, no PyTorch, no GPU. Models: articulation."
    )
    bpy.ops.animcore.open_log()
    assert "Engine 0.1.0-fake" in bpy.data.texts["Animcore Log"].as_string()


def test_the_cache_has_a_place_a_size_and_a_button(monkeypatch, tmp_path):
    monkeypatch.undo()  # the real way to start the engine; nothing is started
    monkeypatch.setenv("ANIMCORE_CACHE", str(tmp_path))
    assert preferences.launch().environment["ANIMCORE_CACHE"] == str(tmp_path)
    (tmp_path / "one.heard.npz").write_bytes(bytes(2**20))
    (tmp_path / "mine.txt").write_text("not the engine's")
    assert preferences._size() == "1.0 MB"
    bpy.ops.animcore.clear_cache()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert preferences._size() == "0.0 MB"


def test_looking_at_a_voice(voice):
    settings().audio = str(voice())
    bpy.ops.animcore.inspect()
    seen = analysis.of(settings())
    assert seen.line == "2.0 s · 44.1 kHz · stereo"
    assert seen.problem == "The voice is quiet."
    settings().audio = str(voice("other.wav"))
    assert analysis.of(settings()) is None


def test_the_engine_dies_with_blender():
    code = f"""
        import sys, os, time
        sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests" / "blender")!r}]
        import bpy, blender_addon
        from conftest import fake_launch, head
        from blender_addon import preferences
        from blender_addon.performance import session
        import wave
        blender_addon.register()
        job = session.session.jobs.begin(fake_launch(), {{"do": "generate", "audio": "hang.wav", "fps": [24, 1]}})
        while job.state.value == "starting":
            session.session.jobs.tick()
        print(session.session.jobs.engine.pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    pid = int(done.stdout.split()[-1])
    end = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_an_answer_does_not_wait_for_a_render_that_is_over():
    """The operator of a render ends with the next move of the mouse alone; what counts is its job."""
    assert not "RENDER_OT_render".startswith(windows._BUSY_OPERATORS)
    assert "RENDER_OT_opengl".startswith(windows._BUSY_OPERATORS)  # which has no job


DEAF = """import time; print('{"event": "ready", "protocol": 1}', flush=True); time.sleep(60)"""


def test_another_engine_is_started_without_waiting_for_the_end_of_the_one_before():
    jobs = session.session.jobs
    jobs.begin(process.Launch((sys.executable, "-c", DEAF), dict(os.environ)), {})
    before = jobs.engine
    while jobs.busy:
        jobs.tick()
    began = time.monotonic()
    jobs.begin(fake_launch(), {})
    assert time.monotonic() - began < 1
    assert jobs.engine is not before
