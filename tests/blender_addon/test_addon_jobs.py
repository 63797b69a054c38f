"""The client of the engine process, with a small engine of the tests and a clock of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from animcore.retarget.rig_profiles import driving
from blender_addon.engine import process as engine
from blender_addon.engine.jobs import Job, Jobs, State
from blender_addon.errors import AddonError

FAKE_ENGINE = Path(__file__).parent.parent / "blender" / "fake_engine.py"


class Clock:
    """A clock that goes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock for the jobs."""
    return Clock()


@pytest.fixture
def jobs(clock):
    """Jobs whose engine is ended after the test."""
    made = Jobs(clock)
    yield made
    made.close()


def launch(*arguments: str) -> engine.Launch:
    """The engine of the tests."""
    settings = {"FAKE_ENGINE_NAMES": json.dumps(driving().shapes), "FAKE_ENGINE_SECONDS": "1"}
    return engine.Launch((sys.executable, str(FAKE_ENGINE), *arguments), {**os.environ, **settings})


def request(name: str, folder: Path) -> dict:
    """A request for a performance."""
    return {"do": "generate", "audio": name, "fps": [30, 1], "out": str(folder / "take.npz")}


def until(jobs: Jobs, state: State, seconds: float = 20.0) -> Job:
    """Tick until the job is in a state."""
    end = time.monotonic() + seconds
    while jobs.current.state is not state:
        assert time.monotonic() < end, jobs.current
        jobs.tick()
        time.sleep(0.005)
    return jobs.current


def test_an_answer_and_the_same_process_for_the_next(jobs, tmp_path):
    jobs.begin(launch(), request("a.wav", tmp_path))
    job = until(jobs, State.DONE)
    assert job.answer["frames"] == 31
    assert (tmp_path / "take.npz").is_file()
    pid = jobs.engine.pid
    jobs.begin(launch(), request("b.wav", tmp_path))
    until(jobs, State.DONE)
    assert jobs.engine.pid == pid
    jobs.close()


def test_another_launch_starts_another_process(jobs, tmp_path):
    jobs.begin(launch(), request("a.wav", tmp_path))
    until(jobs, State.DONE)
    old = jobs.engine
    jobs.begin(launch("--anything"), request("b.wav", tmp_path))
    until(jobs, State.DONE)
    assert jobs.engine is not old
    assert not old.alive


def test_a_cancel_is_obeyed(jobs, tmp_path):
    jobs.begin(launch(), request("hang.wav", tmp_path))
    until(jobs, State.WORKING)
    jobs.cancel()
    assert jobs.current.state is State.CANCELLING
    until(jobs, State.CANCELLED)
    assert jobs.engine.alive
    jobs.begin(launch(), request("a.wav", tmp_path))
    until(jobs, State.DONE)


def test_a_cancel_before_the_start(jobs, tmp_path):
    jobs.begin(launch(), request("hang.wav", tmp_path))
    jobs.cancel()
    assert jobs.current.state is State.CANCELLED
    jobs.begin(launch(), request("a.wav", tmp_path))
    assert until(jobs, State.DONE).answer["frames"] == 31


def test_an_engine_that_heeds_no_cancel_is_killed(jobs, clock, tmp_path):
    jobs.begin(launch(), request("deaf.wav", tmp_path))
    until(jobs, State.WORKING)
    process = jobs.engine
    jobs.cancel()
    jobs.tick()
    assert jobs.current.state is State.CANCELLING
    clock.now += 6
    until(jobs, State.CANCELLED)
    assert not process.alive


def test_an_engine_that_never_gets_ready_is_given_up(jobs, clock, tmp_path):
    sleeper = engine.Launch((sys.executable, "-c", "import time; time.sleep(60)"), dict(os.environ))
    jobs.begin(sleeper, request("a.wav", tmp_path))
    process = jobs.engine
    clock.now += 100
    assert "did not start" in until(jobs, State.FAILED).message
    assert not process.alive


def test_only_one_job_at_a_time(jobs, tmp_path):
    jobs.begin(launch(), request("hang.wav", tmp_path))
    with pytest.raises(AddonError, match="engine is busy"):
        jobs.begin(launch(), request("a.wav", tmp_path))


def test_progress_only_grows_and_gives_a_time_left(clock):
    jobs = Jobs(clock)
    job = Job("1", {"do": "generate"}, clock(), State.WORKING, working_since=clock())
    assert job.seconds_left(clock()) is None
    for fraction in (0.1, 0.25, 0.2):
        jobs._take(job, {"event": "progress", "id": "1", "fraction": fraction, "stage": "Acting"})
    assert job.fraction == 0.25
    assert job.seconds_left(clock() + 10) == pytest.approx(30)
    jobs._take(job, {"event": "progress", "id": "another", "fraction": 0.9})
    assert job.fraction == 0.25


def test_another_protocol_is_refused(clock):
    jobs = Jobs(clock)
    job = Job("1", {"do": "generate"}, clock())
    jobs._take(job, {"event": "ready", "protocol": 2, "version": "9.9"})
    assert job.state is State.FAILED
    assert "protocol" in job.message
    assert "9.9" in job.message


def test_noise_on_the_pipe_goes_to_the_log(tmp_path):
    code = "print('hello'); print('{\"no\": 1}'); print('[1]'); import sys; print('grumble', file=sys.stderr)"
    noisy = engine.Engine(engine.Launch((sys.executable, "-c", code), dict(os.environ)))
    end = time.monotonic() + 10
    events = []
    while not events and time.monotonic() < end:
        events += noisy.events()
        time.sleep(0.01)
    assert events == [{"event": "gone", "code": 0}]
    assert set(noisy.log.splitlines()) == {"hello", '{"no": 1}', "[1]", "grumble"}
    noisy.close()


def test_a_python_that_is_not_there():
    with pytest.raises(AddonError, match="There is no Python at /nowhere"):
        engine.of_python("/nowhere/python")
    with pytest.raises(AddonError, match="could not be started"):
        engine.Engine(engine.Launch(("/nowhere/python",), {}))


def test_the_engine_that_is_carried_is_found_without_other_folders(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/wrong")
    made = engine.carried()
    assert made.command[0] == sys.executable
    assert "PYTHONHOME" not in made.environment
    assert len(made.environment["PYTHONPATH"].split(os.pathsep)) <= 4
