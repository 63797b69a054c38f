"""The rooms import only what DESIGN.md allows, and importing does nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import animcore

ROOT = Path(__file__).resolve().parent.parent

# From the ground up, the floors of each folder: what stands on one imports from its own floor and from those below it.
# Within a floor, and in every folder that is not named here, there is an order too: there are no circles at any level.
FLOORS: dict[str, list[set[str]]] = {
    "": [{"animcore"}, {"blender_addon"}],
    "animcore": [
        {"errors"},
        {"core", "geometry", "request_check"},
        {"audio", "motion", "direction", "gaussians"},
        {"body_models", "speech", "rendering", "trackers"},
        {"solvers", "postprocess", "retarget"},
        {"hybrid_head", "body_tracking"},
        {"provenance"},
        {"files"},
        {"training", "pipelines"},
        {"evaluation", "service"},
        {"api", "avatar", "cli"},
        {"__main__"},
    ],
    "animcore/solvers": [
        {"checkpoints", "speech_face"},
        {"gesture", "nonverbal"},
        {"gesture_networks"},
        {"face_networks"},
        {"perform"},
    ],
    "animcore/training": [
        {"trainer", "clip_cache", "cpu_optimizer", "onnx_files"},
        {"clip_windows", "lip_sync", "head_motion"},
        {"gestures", "streaming"},
        {"faces"},
    ],
    "blender_addon": [
        {"errors", "callbacks", "id_properties", "object_data", "locale", "child"},
        {"list_properties", "properties", "resources", "engine", "scene"},
        {"preferences", "character"},
        {"voice"},
        {"takes", "doctor"},
        {"performance"},
        {"api", "capture", "export", "splats"},
        {"ui", "child_requests"},
        {"registration"},
    ],
    "blender_addon/splats": [{"properties", "scene"}, {"render"}],
    "blender_addon/ui": [
        {"shared"},
        {"batch", "capture", "character", "doctor", "export", "splats", "takes", "voice"},
        {"performance"},
    ],
}  # fmt: skip
LARGEST_FOLDER = 15  # modules, without __init__

# What the extension may import into Blender's own process; numpy is all that these need.
OPEN_TO_THE_EXTENSION = {
    "errors", "core", "geometry", "motion", "direction", "body_models", "postprocess", "retarget", "gaussians",
    "rendering", "hybrid_head", "provenance", "files",
}  # fmt: skip

ENGINE = sorted((ROOT / "animcore").rglob("*.py"))
ADDON = sorted((ROOT / "blender_addon").rglob("*.py"))


def imports(path: Path, root: Path = ROOT) -> set[str]:
    """Every module that a file imports, wherever in it, relative ones made absolute."""
    package = path.relative_to(root).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def arrows(files: Sequence[Path], root: Path = ROOT) -> dict[Path, set[Path]]:
    """Which file imports which, wherever in it, as paths from the root; a package is its __init__."""
    modules = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}
    found = {}
    for path in files:
        named = imports(path, root)
        # `from package import module` names the package too, whose __init__ is then not what is wanted
        finer = {name.rpartition(".")[0] for name in named if name in modules}
        wanted = {modules[name] for name in named - finer if name in modules}
        found[path.relative_to(root)] = {other.relative_to(root) for other in wanted - {path}}
    return found


def inside(folder: Path, graph: Mapping[Path, set[Path]]) -> dict[str, set[str]]:
    """The arrows between the files and folders that lie in a folder, each by its name."""
    found: dict[str, set[str]] = {}
    for path, others in graph.items():
        if folder in path.parents:
            own = _child(folder, path)
            near = {_child(folder, other) for other in others if folder in other.parents}
            found.setdefault(own, set()).update(near - {own})
    return found


def _child(folder: Path, path: Path) -> str:
    return path.relative_to(folder).parts[0].removesuffix(".py")


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Names that import each other in a loop; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


FOLDERS = sorted({parent for path in [*ENGINE, *ADDON] for parent in path.relative_to(ROOT).parents})


@pytest.fixture(scope="module")
def graph() -> dict[Path, set[Path]]:
    return arrows([*ENGINE, *ADDON])


def test_no_files_import_each_other_in_a_circle(graph):
    assert circle({str(path): {str(other) for other in others} for path, others in graph.items()}) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_no_rooms_of_a_folder_import_each_other_in_a_circle(folder, graph):
    assert circle(inside(folder, graph)) == []


@pytest.mark.parametrize("folder", [*FLOORS], ids=str)
def test_rooms_stand_on_those_below(folder, graph):
    floor = {room: level for level, rooms in enumerate(FLOORS[folder]) for room in rooms}
    found = inside(Path(folder), graph)
    assert found.keys() - {"__init__"} == floor.keys(), "a room is new or gone: give it its floor"
    up = [f"{room} -> {other}" for room in floor for other in found[room] & floor.keys() if floor[other] > floor[room]]
    assert up == []


@pytest.mark.parametrize("folder", FOLDERS[1:], ids=str)
def test_no_folder_grows_too_large(folder):
    assert len([path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]) <= LARGEST_FOLDER


@pytest.mark.parametrize("path", [*ENGINE, *ADDON], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_prefix_stands_for_the_folder(path):
    assert not path.stem.startswith(f"{path.parent.name}_")


def test_the_engine_never_imports_blender():
    assert [path for path in ENGINE if "bpy" in {name.split(".")[0] for name in imports(path)}] == []


def test_circles_and_rooms_that_reach_up_are_seen(tmp_path):
    """Between files, and between folders whose files make no circle."""
    files = {
        "animcore/a/one.py": "from animcore.b.two import x",
        "animcore/b/two.py": "def f():\n    from animcore.b import four",
        "animcore/b/three.py": "from ..a import five",
        "animcore/b/four.py": "from . import two",
        "animcore/a/five.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = arrows([tmp_path / name for name in files], tmp_path)
    assert found[Path("animcore/b/three.py")] == {Path("animcore/a/five.py")}
    assert set(circle(inside(Path("animcore"), found))) == {"a", "b"}
    assert set(circle(inside(Path("animcore/b"), found))) == {"two", "four"}
    assert circle(inside(Path("animcore/a"), found)) == []


@pytest.mark.parametrize("path", ADDON, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_extension_takes_names_and_numbers_from_the_engine_and_asks_for_the_rest(path):
    """What is slow or native runs in the child process alone, so that Blender never waits and never crashes with it."""
    found = imports(path)
    assert {name.split(".")[0] for name in found} & {"torch", "scipy", "onnxruntime", "av"} == set()
    rooms = {[*name.split("."), ""][1] for name in found if name.split(".")[0] == "animcore"}
    assert rooms <= OPEN_TO_THE_EXTENSION


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
