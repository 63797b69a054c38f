"""Rows that are no voice lines."""

from __future__ import annotations

import sys

import pytest

from animcore.errors import InputError
from animcore.pipelines.batch import ledger, other_work, plan, run, solve
from animcore.pipelines.batch.ledger import Ledger
from animcore.pipelines.batch.other_work import Work
from animcore.pipelines.batch.settings import BatchSettings

_PROGRAM = "import sys, pathlib; pathlib.Path(sys.argv[2], 'head.ply').write_text(sys.argv[1] + sys.argv[3])"


class Here:
    """Performs tasks in this process."""

    def __init__(self):
        self.done = []

    def idle(self):
        return 1

    def submit(self, task):
        from animcore.pipelines.batch.workers.interface import Done

        self.done.append(Done(task, solve.solve(task)))

    def wait(self, seconds):
        found, self.done = self.done, []
        return found

    def close(self):
        pass


class Told:
    def begin(self, lines, done):
        self.chosen = [one.line.name for one in lines]

    def line(self, record):
        pass

    def note(self, sentence):
        raise AssertionError(sentence)


def performed(settings) -> tuple[run.Summary, list[str]]:
    told = Told()
    return run.run(settings, Here, lambda made, _: made.to_do, told), told.chosen


@pytest.fixture
def settings(tmp_path, table, monkeypatch):
    """A head to be fitted, by a program that writes what it was given."""
    (tmp_path / "mira").mkdir()
    (tmp_path / "mira" / "view.png").write_text("x")
    monkeypatch.setitem(
        other_work.KINDS, "fit", lambda source, out: [sys.executable, "-c", _PROGRAM, str(source), str(out)]
    )
    path = table(["id", "audio", "do", "arguments", "gpus"], ["heads/mira", "mira", "Fit", "--seed 3", "1"])
    return BatchSettings(path, tmp_path / "takes")


def test_a_head_is_fitted_once_and_again_when_its_capture_changes(settings, tmp_path):
    (line,) = plan.make(settings).lines
    assert line.line.work == Work("fit", ("--seed", "3"), 1.0)
    assert performed(settings)[0].done == 1
    head = tmp_path / "takes" / "heads" / "mira" / "head.ply"
    assert head.read_text() == f"{tmp_path / 'mira'}--seed"
    assert ledger.read(tmp_path / "takes")[0].files == {"folder": head.parent}
    assert performed(settings)[1] == []
    (tmp_path / "mira" / "more.png").write_text("y")
    assert performed(settings)[1] == ["heads/mira"]
    assert [path.name for path in head.parent.parent.iterdir()] == ["mira"]


def test_work_that_fails_tells_the_program_s_last_words_and_keeps_what_was(settings, tmp_path, monkeypatch):
    performed(settings)
    failing = [sys.executable, "-c", "import sys; sys.exit('no face in view.png')"]
    monkeypatch.setitem(other_work.KINDS, "fit", lambda *_: failing)
    (tmp_path / "mira" / "view.png").write_text("z")
    assert performed(settings)[0].failed == 1
    assert Ledger(tmp_path / "takes").entries["heads/mira"].record.error == (
        "fit ended with status 1: no face in view.png"
    )
    assert (tmp_path / "takes" / "heads" / "mira" / "head.ply").exists()


@pytest.mark.parametrize(
    ("cells", "words"),
    [({"do": "dance"}, "no work 'dance'"), ({"do": "fit", "arguments": "'a"}, "cannot be read")],
)
def test_work_that_there_is_not(cells, words):
    with pytest.raises(InputError, match=words):
        other_work.of_cells(cells)


def test_a_render_has_all_frames_unless_its_arguments_say_which():
    assert other_work.of_cells({"do": "render"}).arguments == ("--render-anim",)
    assert other_work.of_cells({"do": "render", "arguments": "-f 1"}).arguments == ("-f", "1")
    assert other_work.of_cells({"do": "line"}) is None
