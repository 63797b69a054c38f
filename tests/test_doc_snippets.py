"""Code in the docs: what is marked with `<!-- runs -->` runs, and all of it imports what there is."""

from __future__ import annotations

import ast
import importlib
import re
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
BLOCK = re.compile(r"(<!-- runs -->\n)?```python\n(.*?)```", re.DOTALL)


def blocks(page: Path) -> list[tuple[bool, str]]:
    """Whether each Python block of a page is marked to run, and its code, which keeps its line numbers."""
    text = page.read_text(encoding="utf-8")
    return [(bool(found[1]), "\n" * text.count("\n", 0, found.start(2)) + found[2]) for found in BLOCK.finditer(text)]


WITH_CODE = [page for page in PAGES if blocks(page)]
RUNNING = [page for page in WITH_CODE if any(runs for runs, _ in blocks(page))]


def missing(code: str) -> list[str]:
    """What code imports from Animcore that is not there."""
    wanted = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "animcore"
        for alias in node.names
    ]
    return [f"{module}.{name}" for module, name in wanted if not is_there(module, name)]


def is_there(module: str, name: str) -> bool:
    try:
        if hasattr(importlib.import_module(module), name):
            return True
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError as error:
        return not (error.name or "").startswith("animcore")  # an extra that is not installed here
    return True


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_in_docs_imports_what_there_is(page):
    assert [name for _, code in blocks(page) for name in missing(code)] == []


@pytest.mark.parametrize("page", RUNNING, ids=lambda page: str(page.relative_to(ROOT)))
def test_marked_code_in_docs_runs(page, in_examples):
    """The blocks of a page run one after the other, as a reader would type them."""
    pytest.importorskip("numba", reason="the rasterizers of a head are slow without it")
    names: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for runs, code in blocks(page):
            if runs:
                exec(compile(code, str(page), "exec"), names)


def test_ten_examples_teach_the_public_functions():
    (page,) = (page for page in PAGES if page.name == "python.md")
    assert len(re.findall(r"^## \d+\. ", page.read_text(encoding="utf-8"), re.MULTILINE)) == 10
    code = "\n".join(code for runs, code in blocks(page) if runs)
    for name in ("generate", "load", "save", "load_audio", "Direction", "Motion", "retarget", "judge", "avatar.render"):
        assert f"ac.{name}(" in code, name


def test_code_that_imports_what_is_gone_is_found():
    assert missing("from animcore.no_such_room import feet\nfrom animcore import no_such_name, Motion") == [
        "animcore.no_such_room.feet",
        "animcore.no_such_name",
    ]
