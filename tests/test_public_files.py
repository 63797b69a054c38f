"""What the repository shows to the public: one version, a changelog of one form, CI that runs what exists."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import animcore

ROOT = Path(__file__).resolve().parent.parent
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]
sys.path.insert(0, str(ROOT / "tools"))
from test_blender import BLENDERS  # noqa: E402


def loaded(path: Path) -> Any:
    """A YAML file's content; YAML comes with the extra `docs`."""
    return pytest.importorskip("yaml").safe_load(path.read_text(encoding="utf-8"))


def test_one_version_everywhere():
    manifest = tomllib.loads((ROOT / "blender_addon" / "blender_manifest.toml").read_text(encoding="utf-8"))
    newest = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", CHANGELOG, re.MULTILINE)[0]
    cited = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    service = (ROOT / "docs" / "developers" / "service.md").read_text(encoding="utf-8")
    assert {manifest["version"], newest, *cited} == {animcore.__version__}
    assert f'"version": "{animcore.__version__}"' in service


def test_the_changelog_keeps_a_changelog():
    versions = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}", one) for one in versions[1:])
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= KINDS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_there_is(path):
    targets = set(re.findall(r"^([\w-]+)(?: [\w-]+)*:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for job in loaded(path)["jobs"].values():
        assert job["runs-on"]
        for command in (step["run"] for step in job["steps"] if "run" in step):
            if made := re.match(r"make ([\w-]+)", command):
                assert made[1] in targets
            if script := re.match(r"python ([\w/]+\.py)", command):
                assert (ROOT / script[1]).is_file()
            assert set(re.findall(r"\.\[(\w+)\]", command)) <= set(extras)


def test_ci_tests_every_blender_with_its_python():
    jobs = loaded(ROOT / ".github" / "workflows" / "test.yml")["jobs"]
    rows = {(row["blender"], row["python"]) for row in jobs["blender"]["strategy"]["matrix"]["include"]}
    assert rows == {(version, python) for version, (_, python) in BLENDERS.items()}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_have_what_github_asks_for(path):
    form = loaded(path)
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert all(field["attributes"].get("options") for field in fields if field["type"] == "dropdown")
