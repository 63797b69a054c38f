"""The rooms import only what DESIGN.md allows, and importing does nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import animcore

ROOT = Path(__file__).resolve().parent.parent

# From the ground up: a room imports from its own line and from those before it.
ROOMS = [
    {"errors", "progress", "names", "shipped", "array_namespace"},
    {"atomic", "rates", "loudness", "pictures", "decoding", "file_length", "film_rates", "sound_file"},
    {"reading"},
    {"audio", "motion", "direction"},
    {"microphone"},
    {"bodies"},
    {"speech"},
    {"solvers"},
    {"finish"},
    {"retarget"},
    {"avatar"},
    {"files"},
    {"training"},
    {"judge"},
    {"batch", "listening", "fit_avatar", "track_video"},
    {"avatars"},
    {"request_check"},
    {"service"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}

# What the extension may import into Blender's own process; numpy is all that these need.
OPEN_TO_THE_EXTENSION = {
    "array_namespace", "errors", "names", "shipped", "rates", "atomic", "reading", "motion", "direction", "bodies",
    "finish",
    "retarget", "avatar", "files",
}  # fmt: skip

ENGINE = sorted((ROOT / "animcore").rglob("*.py"))
ADDON = sorted((ROOT / "blender_addon").rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it, relative ones made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def forbidden(path: Path) -> list[str]:
    """Imports of a module of the engine that lie on a floor above its own."""
    inner = path.relative_to(ROOT / "animcore").with_suffix("").parts[0]
    if inner == "__init__":
        return []
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("animcore.")}
    return sorted(room for room in rooms & FLOOR.keys() if FLOOR[room] > FLOOR[inner])


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_of_the_engine_stand_on_those_below(path):
    inner = path.relative_to(ROOT / "animcore").with_suffix("").parts[0]
    assert inner in FLOOR or inner == "__init__", f"{inner} is no room of DESIGN.md"
    assert forbidden(path) == []
    assert "bpy" not in {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", ADDON, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_extension_takes_names_and_numbers_from_the_engine_and_asks_for_the_rest(path):
    """What is slow or native runs in the child process alone, so that Blender never waits and never crashes with it."""
    found = imports(path)
    assert {name.split(".")[0] for name in found} & {"torch", "scipy", "onnxruntime", "av"} == set()
    rooms = {[*name.split("."), ""][1] for name in found if name.split(".")[0] == "animcore"}
    assert rooms <= OPEN_TO_THE_EXTENSION


def test_the_rule_catches_a_room_that_reaches_up(monkeypatch, tmp_path):
    (tmp_path / "animcore").mkdir()
    bad = tmp_path / "animcore" / "audio.py"
    bad.write_text("def f():\n    from animcore.solvers import performance\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert forbidden(bad) == ["solvers"]


@pytest.mark.parametrize("path", [*ENGINE, *ADDON, ROOT / "build_addon.py"], ids=lambda path: path.name)
def test_files_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_the_engine_needs_no_heavy_package():
    script = (
        "import sys, animcore.service, animcore.cli.main, animcore.pipelines.generate_files\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'scipy', 'librosa', 'bpy', 'smplx'}))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
    assert answer.stderr == ""


def test_what_the_extension_imports_needs_numpy_alone():
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ENGINE}
    wanted = {name for path in ADDON for name in imports(path)}
    chosen = sorted(name for name in wanted if name in modules or f"{name}.__init__" in modules)
    script = (
        f"import sys, {', '.join(chosen)}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'scipy', 'onnxruntime', 'av', 'warp'}))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_function_finds_what_animcore_carries(path):
    """A path counted from a module's own place is wrong in a wheel, or after the module moved."""
    if path.name != "shipped.py":
        assert "__file__" not in path.read_text(encoding="utf-8"), "ask animcore.core.shipped"


def test_what_is_said_of_extras_works():
    """Animcore is on no index: an extra is installed from the source folder, by a name that pyproject.toml has."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for folder in ("animcore", "blender_addon", "docs", "assets", "examples", "benchmarks", "tools"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".md", ".toml"):
                text = path.read_text(encoding="utf-8")
                assert not re.search(r"(pip install|-m) *['\"]?animcore\[", text), path
                named = re.findall(r"pip install (?:-e )?['\"]\.\[([\w,]+)\]", text)
                assert {extra for names in named for extra in names.split(",")} <= set(known), path


def test_tests_are_collected_without_what_only_some_of_them_need():
    """In an environment of NumPy, sound and pytest alone, the other tests are skipped, and no file breaks."""
    code = """
import sys
from importlib.machinery import PathFinder
import pytest
find, absent = PathFinder.find_spec, {"torch", "warp", "mediapipe", "transformers", "onnx", "bpy", "numba"}
PathFinder.find_spec = lambda name, *more: None if name.partition(".")[0] in absent else find(name, *more)
left_out = ["--ignore=tests/blender", "--ignore=tests/test_house.py"]
sys.exit(pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", *left_out]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_changelog_tells_of_this_version():
    assert f"## {animcore.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
