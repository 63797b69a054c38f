"""The README's two commands, from a clone whose path has spaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).resolve().parent.parent
# what stands for Python: it makes a .venv with itself in it, and writes down what it is asked
STAND_IN = """#!/bin/sh
for argument in "$@"; do printf '<%s>' "$argument" >> "$ASKED"; done; echo >> "$ASKED"
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/ruff"; fi
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="this computer has no make")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without an environment, in a folder with spaces and other signs in its name."""
    folder = tmp_path / "My Projects (new) & so on" / "anim core"
    folder.mkdir(parents=True)
    fill(folder, ["Makefile", "pyproject.toml"])
    return folder


def fill(clone: Path, names: list[str]) -> None:
    """Copy files of this checkout."""
    for name in names:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)


def make(clone: Path, *arguments: str, **variables: str) -> str:
    """Run make in the clone; returns what it prints."""
    surroundings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MAKEFLAGS")}
    command = ["make", *arguments]
    done = subprocess.run(command, cwd=clone, env=surroundings | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("way", ["demo", "test", "test-all"])
def test_every_command_sets_up_and_asks_whole_arguments(clone, tmp_path, way):
    stand_in, asked = tmp_path / "a python", tmp_path / "asked"
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    make(clone, way, f"PYTHON={stand_in}", ASKED=str(asked))
    lines = asked.read_text(encoding="utf-8").splitlines()
    assert "<-m><venv><.venv>" in lines
    extra = "demo" if way == "demo" else "test"
    assert sum(line.endswith(f"<--editable><.[{extra}]>") for line in lines) == 1
    if way == "demo":
        assert lines[-1] == "<examples/talking_character.py>"
        return
    assert {"<check><.>", "<format><--check><.>", "<-m><mypy>"} <= set(lines)
    (engine,) = [line for line in lines if line.startswith("<-m><pytest>")]
    assert "<--ignore><tests/blender>" in engine
    (blenders,) = [line for line in lines if line.startswith("<tools/test_blender.py>")]
    assert ("<4.2><4.5><5.0><5.2>" in blenders) == ("long" in engine) == (way == "test-all")
    asked.unlink()
    make(clone, way, f"PYTHON={stand_in}", ASKED=str(asked))
    assert "venv" not in asked.read_text(encoding="utf-8"), "it is set up once"


@pytest.mark.parametrize("way", ["docs", "test-all"])
def test_every_warning_of_the_documentation_is_an_error(clone, tmp_path, way):
    """mkdocs counts no warnings when it is told to be quiet."""
    stand_in, asked = tmp_path / "python", tmp_path / "asked"
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    make(clone, way, f"PYTHON={stand_in}", ASKED=str(asked))
    assert "<-m><mkdocs><build><--strict>" in asked.read_text(encoding="utf-8").splitlines()


def test_ci_runs_what_the_readme_names():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "make test"
    assert "make test " in (ROOT / "README.md").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.long
def test_the_demo_is_made_in_a_folder_with_spaces(clone):
    pytest.importorskip("bpy")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    fill(clone, [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()])
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=clone, check=True)
    (packages,) = (clone / ".venv").glob("lib/python*/site-packages")
    (packages / "all.pth").write_text(f"{clone}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    (clone / ".venv" / ".demo").touch()
    samples, rate = soundfile.read(ROOT / "assets" / "voices" / "line.flac", frames=20_000)
    soundfile.write(clone / "a line.wav", samples, rate)
    make(clone, "demo", AUDIO="a line.wav")
    assert {path.suffix for path in (clone / "out").iterdir()} >= {".mp4", ".blend"}


def test_the_window_is_found_beside_the_checkout_and_that_of_a_worktree(clone, tmp_path):
    tool = clone.parent / "shared" / "tools" / "blender_window"
    tool.parent.mkdir(parents=True)
    tool.touch()
    fill(clone, ["tools/window_tool.py"])
    tree = tmp_path / "elsewhere" / "tree"
    own = {name: value for name, value in os.environ.items() if name != "BLENDER_WINDOW" and "GIT" not in name}
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "a"], ["worktree", "add", "-q", str(tree)]):
        subprocess.run(["git", *command], cwd=clone, env=own, check=True, capture_output=True)
    for place in (clone, tree):
        code = "import window_tool; print(window_tool.find())"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=place / "tools", env=own, capture_output=True, text=True
        )
        assert done.stdout.strip() == str(tool), done.stderr
