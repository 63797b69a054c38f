"""The documentation: every link leads somewhere, every page is in the site, every snippet and command is real."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from animcore.files import FORMATS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "tools"))
from docs_hooks import HELP, LINK, outward, the_parser  # noqa: E402

PAGES = sorted(DOCS.rglob("*.md"))
OTHERS = [*ROOT.glob("*.md"), *(ROOT / "assets").rglob("*.md"), ROOT / "rigs" / "README.md"]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What `#...` may name on a page, as GitHub and mkdocs make it of headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", one).lower() for one in headings)
    return {re.sub(r"[^\w\- ]", "", one).strip().replace(" ", "-") for one in plain}


def blocks(language: str) -> list[tuple[str, str]]:
    """Page and code of every block of a language."""
    found = []
    for page in [*PAGES, *OTHERS]:
        text = page.read_text(encoding="utf-8")
        found += [(page.relative_to(ROOT).as_posix(), code) for kind, code in FENCE.findall(text) if kind == language]
    return found


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    for _, target, _ in LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        if ":" in path:
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} leads nowhere"
        assert there.is_relative_to(ROOT), f"{target} leads out of the repository"
        if anchor:
            assert anchor in anchors(there), f"{target}: no such heading"


def test_every_page_is_in_the_site_and_every_image_is_shown():
    named = re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)
    shown = {(page.parent / link[1]).resolve() for page in [*PAGES, *OTHERS] for link in LINK.findall(prose(page))}
    images = {one for one in (DOCS / "images").iterdir() if one.suffix in (".png", ".jpg")}
    assert images <= shown


def test_a_link_out_of_the_pages_goes_to_the_repository_on_the_site():
    text = (
        "[rigs](../../rigs) [card](../../assets/solvers/live.md#live) [page](rigs.md) [web](https://x.org) [here](#a)"
    )
    assert outward(text, "studios/export.md", "https://host/animcore") == (
        "[rigs](https://host/animcore/tree/main/rigs) "
        "[card](https://host/animcore/blob/main/assets/solvers/live.md#live) "
        "[page](rigs.md) [web](https://x.org) [here](#a)"
    )


def test_every_format_has_its_page():
    index = (DOCS / "formats" / "README.md").read_text(encoding="utf-8")
    linked = {
        name: page for names, page in re.findall(r"\[([^\]]+)\]\((\w+\.md)\)", index) for name in names.split(", ")
    }
    for name, form in FORMATS.items():
        page = (DOCS / "formats" / linked[f"`{name}`"]).read_text(encoding="utf-8")
        assert f"`{name}`" in page or f"`.{form.suffix.rsplit('.', 1)[-1]}`" in page, name


def test_every_promise_names_a_test_that_exists():
    """`file::test`, or `::test` of the file before it, or a whole file or folder."""
    file, text = "", (DOCS / "developers" / "promises.md").read_text(encoding="utf-8")
    for named, test in re.findall(r"`([\w/]*test_\w+|)(?:::(test_\w+)[^`]*)?`", text):
        file = named or file
        path = ROOT / "tests" / f"{file}.py"
        assert path.is_file(), file
        assert not test or f"def {test}(" in path.read_text(encoding="utf-8"), f"{file}::{test}"


@pytest.mark.parametrize(("page", "code"), blocks("python"), ids=lambda part: part[:40])
def test_every_snippet_is_python_and_imports_what_there_is(page, code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("animcore"):
            for name in node.names:
                assert _is_there(f"{node.module}.{name.name}"), f"{page}: {node.module} has no {name.name}"
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.startswith("animcore"):
                    assert _is_there(name.name), f"{page}: no {name.name}"


def test_a_snippet_that_imports_what_is_gone_is_found():
    assert _is_there("animcore.Motion")
    assert _is_there("animcore.postprocess.foot_contact")
    assert not _is_there("animcore.no_such_room")
    assert not _is_there("animcore.motion.no_such_name")


def _is_there(dotted: str) -> bool:
    """Whether a module, or a name at the top of one, is in the sources; nothing is imported."""
    path = ROOT.joinpath(*dotted.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    module = path.parent / "__init__.py" if path.parent.is_dir() else path.parent.with_suffix(".py")
    return bool(re.search(rf"\b{path.name}\b", module.read_text(encoding="utf-8"))) if module.is_file() else False


MODULE = re.compile(r"`((?:\w+/)*(\w+)\.py)`|`([a-z_]+)\.([A-Za-z_]+)(?:\(|`)")
SOURCES = [path for room in ("animcore", "blender_addon", "tools", "benchmarks", "examples", "assets", "tests")
           for path in (ROOT / room).rglob("*.py")]  # fmt: skip


def gone(text: str) -> list[str]:
    """Files `room/name.py` that a page names and that do not exist, and names `module.name` that a module lacks."""
    names: dict[str, list[Path]] = {}
    for path in SOURCES:
        names.setdefault(path.stem, []).append(path)
    found = []
    for file, _, module, name in MODULE.findall(text):
        if file and not any(path.as_posix().endswith("/" + file) for path in SOURCES):
            found.append(file)
        elif module in names and module not in VARIABLES and name not in ENDINGS:
            codes = [path.read_text(encoding="utf-8") for path in names[module]]
            found += [] if any(re.search(rf"\b{name}\b", code) for code in codes) else [f"{module}.{name}"]
    return found


VARIABLES = {"head", "hair", "model", "line", "take"}  # objects in examples, arrays in files
ENDINGS = {
    "json",
    "safetensors",
    "npz",
    "toml",
    "blend",
    "html",
    "csv",
    "onnx",
    "ply",
}  # of files with a name of a module


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_modules_that_a_page_names_exist(page):
    assert gone(page.read_text(encoding="utf-8")) == []


def test_a_module_that_is_gone_is_found():
    text = "`solvers/gesture_plan.py`, `solvers/gesture/planning.py`, `lip_sync.no_such(x)` and `lip_sync.solve`"
    assert gone(text) == ["solvers/gesture_plan.py", "lip_sync.no_such"]


def commands() -> list[tuple[str, str]]:
    """Page and line of every command `animcore` in the docs."""
    lines = []
    for page, code in [*blocks("sh"), *blocks("")]:
        joined = re.sub(r"\\\n\s*", "", code)
        lines += [(page, line) for line in joined.splitlines() if line.startswith("animcore ")]
    return sorted(set(lines))


@pytest.fixture(scope="module")
def parser() -> Any:
    return the_parser()


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda part: part[:60])
def test_every_command_has_options_that_exist(parser, page, line):
    words = shlex.split(line, comments=True)[1:]
    parser.parse_args(words)


def test_the_page_of_commands_gets_the_help():
    assert HELP in (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")


def test_the_reference_names_modules_that_exist():
    named = [
        name for page in PAGES for name in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(named) > 20
    assert [name for name in named if not _is_there(name)] == []
