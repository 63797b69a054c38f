"""Open Job Description (OpenJD): a template that AWS Deadline Cloud and others run, `openjd run` on one computer too.

Source: the specification 2023-09, github.com/OpenJobDescription/openjd-specifications.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from animcore.core.atomic_files import make_folder, whole_file
from animcore.pipelines.batch.jobs.parts import Job

TEMPLATE, VALUES = "template.yaml", "parameter_values.yaml"
_LONGEST_NAME = 64  # characters of a job's name
_MOST = 1024  # values of a task parameter


def template(job: Job) -> dict[str, Any]:
    """Return the template: a task for each part, then what they left, then the report."""
    out = _path("Folder", "DIRECTORY")
    table = _path("Table", "FILE")
    program = {"name": "Program", "type": "STRING", "default": job.program}
    run = [_placed(argument, job) for argument in job.run()]
    report = [_placed(argument, job) for argument in job.report()]
    part = ["--part", f"{{{{Task.Param.Part}}}}/{job.count}"]
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": job.name[:_LONGEST_NAME],
        "parameterDefinitions": [table, out, program],
        "steps": [
            {
                "name": "Lines",
                "parameterSpace": {
                    "taskParameterDefinitions": [{"name": "Part", "type": "INT", "range": f"1-{job.count}"}]
                },
                "script": {"actions": {"onRun": _action([*run, *part])}},
            },
            _after("Rest", "Lines", run),
            _after("Report", "Rest", report),
        ],
    }


def values(job: Job) -> dict[str, str]:
    """Return the paths of the job on this computer, by the names of the template's parameters."""
    return {"Table": str(job.table), "Folder": str(job.folder)}


def write(job: Job, folder: Path) -> list[Path]:
    """Write the template and the values of its parameters; returns both files. JSON is YAML: no library is needed.

    Raises:
        InputError: where they cannot be written.
    """
    make_folder(folder)
    given = {"parameterValues": [{"name": name, "value": value} for name, value in values(job).items()]}
    files = []
    for name, contents in ((TEMPLATE, template(job)), (VALUES, given)):
        path = folder / name
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        files.append(path)
    return files


def advice(files: list[Path]) -> list[str]:
    """Return what to do with the files, a sentence each."""
    return [
        f"Submit to Deadline Cloud: deadline bundle submit {files[0].parent}",
        f"Check, or run on this computer: openjd check {files[0]}; openjd run --help",
    ]


def _path(name: str, kind: str) -> dict[str, Any]:
    """A path that the farm may have elsewhere.

    It has no default, since the specification allows none outside of the template's folder, and it is not copied to and
    fro: recordings and files lie on a drive that all computers see.
    """
    return {"name": name, "type": "PATH", "objectType": kind, "dataFlow": "NONE"}


def _action(arguments: list[str]) -> dict[str, Any]:
    return {"command": "{{Param.Program}}", "args": arguments}


def _after(name: str, before: str, arguments: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "dependencies": [{"dependsOn": before}],
        "script": {"actions": {"onRun": _action(arguments)}},
    }


def _placed(argument: str, job: Job) -> str:
    """An argument with the parameters in the place of the paths, which the farm may have elsewhere."""
    known = {str(job.table): "{{Param.Table}}", str(job.folder): "{{Param.Folder}}"}
    return known.get(argument, argument)


def most_parts() -> int:
    """Return the largest number of parts that a template may have."""
    return _MOST
