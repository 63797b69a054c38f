"""`animcore batch` as a localisation lead types it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile

from animcore.cli.main import main
from animcore.pipelines.batch import ledger
from animcore.pipelines.batch.jobs import flamenco, openjd, parts


@pytest.fixture
def project(tmp_path: Path, spoken_line: Path) -> Path:
    """A table of three lines of which one has no recording, in two languages."""
    samples, rate = soundfile.read(spoken_line)
    (tmp_path / "vo").mkdir()
    for name, seconds in (("a", 1.0), ("a_fr", 1.3)):
        soundfile.write(tmp_path / "vo" / f"{name}.wav", samples[: round(seconds * rate)], rate)
    rows = [
        ["Line ID", "Audio File", "Dialogue", "Locale", "Character", "Scene"],
        ["gate_01", "vo/a.wav", "The door is locked.", "en", "Mira", "1"],
        ["gate_01", "vo/a_fr.wav", "La porte est fermée.", "fr", "Mira", "1"],
        ["gate_02", "vo/gone.wav", "Who is there?", "en", "Ben", "=1+1"],
    ]
    with (tmp_path / "lines.csv").open("w", newline="", encoding="utf-8-sig") as handle:
        csv.writer(handle, delimiter=";").writerows(rows)
    return tmp_path


def batch(project: Path, command: str, *more: str) -> int:
    return main(["batch", command, str(project / "lines.csv"), "--out", str(project / "takes"), *more])


def test_a_plan_says_what_is_wrong_what_is_to_do_and_writes_nothing(project, capsys):
    assert batch(project, "plan", "--jobs", "2") == 1
    said = capsys.readouterr().out
    for words in (
        "lines.csv: 3 lines",
        "id = 'Line ID', audio = 'Audio File', text = 'Dialogue', language = 'Locale'",
        "carried through: Scene",
        "1 line shares head, eyes, gestures and emotion of en",
        "2 new",
        "1 line cannot be performed:\n  row 4 (gate_02): There is no file",
        "To do: 2 lines, 2.3 s of audio. About",
        "on 2 processes",
    ):
        assert words in said, said
    assert not (project / "takes").exists()


def test_a_plan_as_json(project, capsys):
    batch(project, "plan", "--json")
    found = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["status"]) for one in found["lines"]] == [
        ("en/gate_01", "missing"),
        ("fr/gate_01", "missing"),
    ]
    assert found["problems"][0]["row"] == 4


def test_a_run_goes_on_over_bad_lines_and_the_next_one_does_what_is_left(project, capsys):
    assert batch(project, "run", "--jobs", "1", "--format", "livelink") == 1
    said = capsys.readouterr()
    assert "2 lines to perform." in said.out
    assert "2 lines done: 2.3 s of audio in" in said.out
    assert "row 4 (gate_02): There is no file" in said.err
    records = ledger.read(project / "takes")
    assert [(one.name, one.status) for one in records] == [
        ("en/gate_01", "done"), ("fr/gate_01", "done"), ("en/gate_02", "failed")]  # fmt: skip
    assert records[0].scores
    assert records[1].shared == "en/gate_01"
    assert records[0].carried == {"Scene": "1"}
    assert (
        (project / "takes" / "localisation.csv")
        .read_text(encoding="utf-8-sig")
        .splitlines()[1]
        .startswith("gate_01,fr,en,1.30,1.00,1.3")
    )
    assert batch(project, "run", "--jobs", "1", "--format", "livelink", "--lines-may-fail") == 0
    assert "Nothing to do: 2 lines done." in capsys.readouterr().out
    batch(project, "plan")
    assert "2 done" in capsys.readouterr().out
    batch(project, "plan", "--format", "unity", "--fps", "24")
    assert "changed: settings of 2, format unity of 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--only", "best"], "--only must be changed, failed"),
        (["--only", "id=nobody"], "no such line"),
        (["--part", "3/2"], "--part must be N/M"),
        (["--on", "http://x"], "--on must be an address"),
        (["--path", "{who}/{id}"], "field {who}"),
        (["--format", "gif"], "There is no format 'gif'"),
        (["--source-language", "pl"], "no line in it; it has en, fr"),
        (["--own-performance", "--source-language", "en"], "exclude each other"),
    ],
)
def test_options_that_cannot_be_used(more, words, project, capsys):
    assert batch(project, "run", *more) == 1
    assert words in capsys.readouterr().err


@pytest.fixture
def job(project) -> parts.Job:
    return parts.Job("VO", project / "lines.csv", project / "takes", ["--format", "livelink"], 3)


def test_a_job_of_flamenco_has_a_task_for_each_part_and_one_for_the_rest(job, project):
    script, submission = flamenco.write(job, project / "job")
    given = json.loads(submission.read_text())
    assert (given["type"], given["settings"]["parts"]) == (script.stem, 3)
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript here")
    harness = """
        const tasks = [];
        const author = {
            Task: (name, type) => ({name, type, commands: [], after: [], addCommand(c) { this.commands.push(c); },
                                    addDependency(t) { this.after.push(t.name); }}),
            Command: (name, parameters) => ({name, parameters}),
        };
        const fs = require("fs"), job = JSON.parse(fs.readFileSync(process.argv[2]));
        job.addTask = task => tasks.push(task);
        new Function("author", "job", fs.readFileSync(process.argv[1], "utf8") + "; compileJob(job)")(author, job);
        console.log(JSON.stringify(tasks));
    """
    answer = subprocess.run([node, "-e", harness, str(script), str(submission)], capture_output=True, check=True)
    tasks = json.loads(answer.stdout)
    assert [task["name"] for task in tasks] == [*(f"lines-{n}-of-3" for n in (1, 2, 3)), "rest-and-report"]
    assert tasks[1]["commands"][0]["parameters"] == {"exe": "animcore", "args": [*job.run(), "--part", "2/3"]}
    assert tasks[3]["after"] == [task["name"] for task in tasks[:3]]


def test_a_job_of_openjd_is_valid(job, project):
    template, values = openjd.write(job, project / "job")
    given = json.loads(template.read_text())
    model = pytest.importorskip("openjd.model")
    found = model.decode_job_template(template=given)
    chosen = {one["name"]: one["value"] for one in json.loads(values.read_text())["parameterValues"]}
    filled = model.preprocess_job_parameters(
        job_template=found, job_parameter_values=chosen, job_template_dir=project, current_working_dir=project
    )
    made = model.create_job(job_template=found, job_parameter_values=filled)
    space = model.StepParameterSpaceIterator(space=made.steps[0].parameterSpace)
    assert len(space) == 3
    assert made.steps[0].script.actions.onRun.args[-2:] == ["--part", "{{Task.Param.Part}}/3"]


def test_parts_share_all_lines_among_them_and_languages_of_an_id_stay_together(project, capsys):
    assert batch(project, "write-job", "--for", "flamenco", "--chunk", "1") == 1
    assert "2 lines in 2 tasks" in capsys.readouterr().out
    performed = []
    for part in ("1/2", "2/2"):
        batch(project, "run", "--part", part, "--jobs", "1", "--no-scores")
        performed.append(capsys.readouterr().out)
    assert sorted("2 lines done" in said for said in performed) == [False, True]
    assert {record.status for record in ledger.read(project / "takes")} == {"done"}
