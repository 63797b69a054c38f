"""Flamenco 3, Blender's render farm: a job type for its Manager, and the job as its API takes it.

Source: flamenco.blender.org, "Job Types" and "Workers".
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

from animcore.core.atomic_files import make_folder, whole_file
from animcore.pipelines.batch.jobs.parts import Job

TYPE = "animcore-batch"
_PLATFORMS = {"win32": "windows", "darwin": "darwin"}

# Each task performs a part of the lines on one worker, with all of its cores. The last one waits for all others and
# performs what they left (a worker that was switched off), then writes the report.
_SCRIPT = """\
// Job type of Animcore for Flamenco 3: put this file into the folder `scripts` beside the Manager and restart it.
const JOB_TYPE = {
    label: "Animcore Batch",
    description: "Performs a table of voice lines, a part of it in each task.",
    settings: [
        { key: "program", type: "string", required: true, default: "animcore",
          description: "Program on the workers; a variable of the Manager such as {animcore} works too" },
        { key: "run_arguments", type: "string", required: true, visible: "submission",
          description: "Arguments of `animcore batch run`, as a JSON list" },
        { key: "report_arguments", type: "string", required: true, visible: "submission",
          description: "Arguments of `animcore batch report`, as a JSON list" },
        { key: "parts", type: "int32", required: true, default: 1,
          description: "How many tasks the lines are shared among" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const run = JSON.parse(settings.run_arguments);
    const last = author.Task("rest-and-report", "misc");
    for (let part = 1; part <= settings.parts; part++) {
        const task = author.Task(`lines-${part}-of-${settings.parts}`, "misc");
        const args = run.concat(["--part", `${part}/${settings.parts}`]);
        task.addCommand(author.Command("exec", { exe: settings.program, args: args }));
        last.addDependency(task);
        job.addTask(task);
    }
    last.addCommand(author.Command("exec", { exe: settings.program, args: run }));
    last.addCommand(author.Command("exec", { exe: settings.program, args: JSON.parse(settings.report_arguments) }));
    job.addTask(last);
}
"""


def write(job: Job, folder: Path) -> list[Path]:
    """Write the job type and the job; returns both files.

    Raises:
        InputError: where they cannot be written.
    """
    make_folder(folder)
    script, submission = folder / f"{TYPE}.js", folder / "flamenco_job.json"
    contents = {
        "name": job.name,
        "type": TYPE,
        "priority": 50,
        "submitter_platform": _PLATFORMS.get(sys.platform, platform.system().lower()),
        "settings": {
            "program": job.program,
            "run_arguments": json.dumps(job.run()),
            "report_arguments": json.dumps(job.report()),
            "parts": job.count,
        },
        "metadata": {"project": job.folder.name, "table": job.table.name},
    }
    for path, text in ((script, _SCRIPT), (submission, json.dumps(contents, indent=1) + "\n")):
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [script, submission]


def advice(files: list[Path]) -> list[str]:
    """Return what to do with the files, a sentence each."""
    script, submission = files
    return [
        f"Copy {script} into the folder `scripts` of the Flamenco Manager once, and restart it.",
        f"Submit: curl -H 'Content-Type: application/json' -d @{submission} http://MANAGER:8080/api/v3/jobs",
    ]
