"""A pool whose workers die, hang and eat memory, and the run that goes on over it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import batch_workers
import numpy as np
import pytest

from animcore.errors import InputError
from animcore.pipelines.batch import ledger, run
from animcore.pipelines.batch.settings import BatchSettings
from animcore.pipelines.batch.workers.interface import WorkerOptions
from animcore.pipelines.batch.workers.pool import Pool


@dataclass
class Told:
    """What a run told."""

    lines: list = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def begin(self, lines, done):
        self.chosen, self.before = [one.line.name for one in lines], done

    def line(self, record):
        self.lines.append(record)

    def note(self, sentence):
        self.notes.append(sentence)


def performed(table: Path, told: Told | None = None, formats: tuple[str, ...] = (), **limits) -> run.Summary:
    options = WorkerOptions(jobs=2, solve=batch_workers.solve, **limits)
    settings = BatchSettings(table, table.parent / "takes", formats=formats)
    return run.run(settings, lambda: Pool(options), lambda plan, _: plan.to_do, told or Told())


@pytest.fixture
def lines(voices, table):
    """A table of lines that say these words."""

    def write(*said: str) -> Path:
        voices("a")
        return table(["id", "audio", "text"], *([f"line_{i}", "voices/a.wav", word] for i, word in enumerate(said)))

    return write


def statuses(table: Path) -> list[str]:
    return [record.status for record in ledger.read(table.parent / "takes")]


def test_a_run_does_all_lines_and_the_next_one_nothing(lines):
    path = lines("a", "b", "c")
    assert performed(path).done == 3
    told = Told()
    again = performed(path, told)
    assert (again.done, again.unchanged, told.chosen) == (0, 3, [])


def test_a_worker_that_dies_costs_an_attempt_of_its_line_alone(lines):
    path = lines("a", "die once", "b", "die", "c", "bad")
    told = Told()
    summary = performed(path, told)
    assert (summary.done, summary.failed) == (4, 2)
    found = ledger.read(path.parent / "takes")
    assert [record.status for record in found] == ["done", "done", "done", "failed", "done", "failed"]
    assert "It failed 2 times: its process was ended by SIGKILL" in found[3].error
    assert found[5].error == "a.wav is not an audio file."
    assert len(told.notes) == 2


def test_lines_that_take_too_long_or_too_much_memory_fail_with_that_reason(lines):
    path = lines("hang", "a")
    assert performed(path, timeout=1.0).failed == 1
    assert "took longer than 1 s (--timeout)" in ledger.read(path.parent / "takes")[0].error
    if sys.platform == "linux":
        path = lines("big", "a")
        performed(path, memory=300 << 20)
        assert "more than 0.3 GB of memory (--memory)" in ledger.read(path.parent / "takes")[0].error


def test_a_disk_that_fails_once_is_tried_again_and_one_that_is_full_ends_the_run(lines):
    path = lines("full once", "a")
    assert performed(path).done == 2
    path = lines(*["full"] * 20)
    summary = performed(path)
    assert "The disk is full" in summary.stopped
    assert summary.left > 5
    assert performed(lines(*["now there is room"] * 20)).done == 20


def test_a_changed_cell_performs_its_line_alone(lines):
    performed(lines("a", "b", "c"))
    told = Told()
    performed(lines("a", "B", "c"), told)
    assert told.chosen == ["line_1"]
    performed(lines("a", "B"), told)
    assert len(ledger.read(lines("a", "B").parent / "takes")) == 2


def test_a_changed_recording_and_a_lost_file_are_noticed(lines, voices):
    path = lines("a", "b")
    performed(path)
    (path.parent / "takes" / "line_1.motion.npz").unlink()
    told = Told()
    performed(path, told)
    assert told.chosen == ["line_1"]
    os.utime(path.parent / "voices" / "a.wav")  # touched, and the same: read again, and left alone
    (path.parent / "voices" / "a.wav").write_bytes(b"x" * 5000)
    performed(path, told)
    assert told.chosen == ["line_0", "line_1"]


def test_another_format_performs_lines_again_and_one_less_does_not(lines):
    path = lines("a", "b")
    performed(path)
    told = Told()
    performed(path, told, ("srt",))
    assert told.chosen == ["line_0", "line_1"]
    written = (path.parent / "takes" / "ledger" / "lines.jsonl").read_bytes()
    performed(path, told)
    assert told.chosen == []
    assert (path.parent / "takes" / "ledger" / "lines.jsonl").read_bytes() == written


def test_recordings_that_are_away_for_an_hour_cost_nothing(lines):
    path = lines("a", "b")
    performed(path)
    voices = path.parent / "voices"
    voices.rename(path.parent / "away")
    assert performed(path).rejected == 2
    assert statuses(path) == ["failed", "failed"]
    (path.parent / "away").rename(voices)
    told = Told()
    performed(path, told)
    assert told.chosen == []
    assert statuses(path) == ["done", "done"]


def test_other_languages_wait_for_their_source_line(voices, table):
    voices("a")
    rows = [["a", "voices/a.wav", language, "slow" if language == "en" else "x"] for language in ("fr", "de", "en")]
    path = table(["id", "audio", "language", "text"], *rows)
    settings = BatchSettings(path, path.parent / "takes", source_language="en")
    told = Told()
    options = WorkerOptions(jobs=3, solve=batch_workers.solve)
    run.run(settings, lambda: Pool(options), lambda plan, _: plan.to_do, told)
    assert told.lines[0].language == "en"
    assert b"en/a.motion.npz" in (path.parent / "takes" / "fr" / "a.motion.npz").read_bytes()


def test_a_folder_on_a_drive_that_went_is_not_made_anew(lines, tmp_path):
    from animcore.pipelines.batch import solve as solving

    path = lines("a")
    performed(path)
    (record,) = ledger.read(tmp_path / "takes")
    planned = run.planning.make(BatchSettings(path, tmp_path / "takes"))
    (tmp_path / "takes").rename(tmp_path / "gone")
    task = solving.Task(planned.lines[0].line, tmp_path / "takes", "x", {})
    outcome = solving.solve(task)
    assert (outcome.kind, "connect its drive" in outcome.error) == ("storage", True)
    assert not (tmp_path / "takes").exists()
    assert record.status == "done"


_DRIVER = """
import sys, batch_workers
from pathlib import Path
from animcore.cli.batch.progress import Progress
from animcore.pipelines.batch import run
from animcore.pipelines.batch.settings import BatchSettings
from animcore.pipelines.batch.workers.interface import WorkerOptions
from animcore.pipelines.batch.workers.pool import Pool

if __name__ == "__main__":
    table, out = map(Path, sys.argv[1:])
    options = WorkerOptions(jobs=2, solve=batch_workers.solve)
    run.run(BatchSettings(table, out), lambda: Pool(options), lambda plan, _: plan.to_do, Progress())
"""


def files(folder: Path) -> dict[str, bytes]:
    """All that a batch wrote but for what it notes of itself, by path."""
    kept = (path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != "ledger")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in kept
        if path.name not in ("batch.json", ".batch.lock")
    }


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.long)])
def test_kills_of_driver_and_workers_lose_nothing_and_leave_no_half_file(kills, lines, tmp_path):
    """At random moments; what comes out in the end is what a run comes to that nobody disturbs."""
    path = lines(*["slow"] * (4 * kills + 8))
    performed(path)
    wanted = files(tmp_path / "takes")
    (tmp_path / "drive.py").write_text(_DRIVER)
    chance = np.random.default_rng(kills)
    environment = {**os.environ, "PYTHONPATH": str(Path(batch_workers.__file__).parent)}
    command = [sys.executable, str(tmp_path / "drive.py"), str(path), str(tmp_path / "killed")]
    for kill in range(kills):
        driver = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        driver.stdout.readline()  # it is at work
        time.sleep(float(chance.uniform(0.0, 1.2)))
        victims = [driver.pid] if kill % 2 == 0 else _children(driver.pid)[:1]
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        if kill % 2:
            time.sleep(0.3)
            driver.kill()
        driver.communicate()
    assert subprocess.run(command, env=environment, check=True, capture_output=True).returncode == 0
    assert files(tmp_path / "killed") == wanted
    assert {record.status for record in ledger.read(tmp_path / "killed")} == {"done"}


def _children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children")
    return [int(one) for one in found.read_text().split()] if found.exists() else []


def test_workers_end_with_their_driver(lines, tmp_path):
    path = lines(*["slow"] * 50)
    (tmp_path / "drive.py").write_text(_DRIVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(batch_workers.__file__).parent)}
    command = [sys.executable, str(tmp_path / "drive.py"), str(path), str(tmp_path / "takes")]
    driver = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    driver.stdout.readline()
    time.sleep(1.0)
    workers = _children(driver.pid)
    driver.kill()
    driver.communicate()
    until = time.monotonic() + 10
    while any(map(_is_alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_is_alive, workers))


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_workers_that_cannot_begin_end_the_run_with_a_sentence(lines, monkeypatch):
    monkeypatch.setattr(batch_workers, "__name__", "a_module_that_is_not_there")
    options = WorkerOptions(jobs=1, solve=_Unknown())
    path = lines("a")
    with pytest.raises((InputError, Exception), match="end before they can work"):
        run.run(BatchSettings(path, path.parent / "takes"), lambda: Pool(options), lambda plan, _: plan.to_do, Told())


class _Unknown:
    """Cannot be read in a worker."""

    def __reduce__(self):
        return os._exit, (3,)
