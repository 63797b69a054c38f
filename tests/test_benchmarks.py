"""Every benchmark imports as its page starts it, and those that need no data of their own run with tiny settings."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
ALL = sorted(path.stem for path in FOLDER.glob("*.py"))
IN_BLENDER = [name for name in ALL if "import bpy" in (FOLDER / f"{name}.py").read_text(encoding="utf-8")]

# arguments as on the command line, and constants of the module made small
TINY: dict[str, tuple[str, dict[str, object]]] = {
    "busy_scene": ("", {"OBJECTS": 2, "ROUNDS": 1}),
    "finish": ("", {"SECONDS": 3, "MINUTES": (0.05,), "STYLES": ("presenter",)}),
    "formats": ("", {"FRAMES": 120}),
    "keys": ("--seconds 1", {}),
    "layers": ("shared", {"LENGTH": 3.0, "RUNS": 1}),
    "playback": ("", {}),
    "provenance": ("--trials 4 --frames 6", {"SIDE": 64, "FRAMES": 2, "SECONDS": 1}),
    "polish": ("2", {}),
    "skinning": ("", {"FRAMES": 50, "RUNS": 1}),
    "solver_speed": ("", {"LENGTHS": (0,), "RUNS": 1}),
    "splat_files": ("", {"COUNT": 500}),
    "splat_preview": ("--gaussians 500 --frames 4", {}),
}
SCRIPT = """
import importlib, sys
sys.path[0] = sys.argv[1]
for name, arguments, constants in eval(sys.argv[2]):
    print(">", name, flush=True)
    module = importlib.import_module(name)
    if arguments is not None:
        for constant, value in constants.items():
            assert hasattr(module, constant), constant
            setattr(module, constant, value)
        sys.argv = [name + ".py", *arguments.split()]
        module.main()
"""


def start(place: Path, names: list[str], small: bool) -> None:
    """Import benchmarks as `python benchmarks/NAME.py` does, and run them where they have tiny settings."""
    orders = [(name, *(TINY[name] if small else (None, {}))) for name in names]
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", SCRIPT, str(FOLDER), repr(orders)]
    done = subprocess.run(command, cwd=place, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


@pytest.mark.parametrize("names", [IN_BLENDER, sorted(set(ALL) - set(IN_BLENDER))], ids=["blender", "engine"])
def test_every_benchmark_imports_as_it_is_documented(tmp_path, names):
    for needed in ("torch", "scipy", *(["bpy"] if names is IN_BLENDER else [])):
        pytest.importorskip(needed)
    start(tmp_path, names, small=False)


@pytest.mark.parametrize("name", TINY)
def test_benchmarks_run_with_tiny_settings(tmp_path, name):
    pytest.importorskip("bpy" if name in IN_BLENDER else "numpy")
    if name == "layers":
        speech = tmp_path / "shared" / "data" / "speech"
        speech.mkdir(parents=True)
        shutil.copy(FOLDER.parent / "assets" / "voices" / "line.flac", speech / "SadTalker_line.flac")
    start(tmp_path, [name], small=True)


@pytest.mark.parametrize("name", ALL)
def test_the_command_in_a_benchmarks_first_lines_is_its_own(name):
    text = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))) or ""
    assert "PYTHONPATH" not in text, "it runs without, in an environment that Animcore is installed in"
    if "__main__" in (FOLDER / f"{name}.py").read_text(encoding="utf-8"):
        assert f"python benchmarks/{name}.py" in text
