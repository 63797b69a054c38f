"""The figures of the docs: where each comes from, and which are older than the code that they measure.

    python benchmarks/figures.py run finish.py ../shared/data/performance/1114_2_01.flac
    python benchmarks/figures.py check

`run` starts a benchmark as its page says and keeps what it prints in `benchmarks/figures/<name>.json`: the command, the
machine, the commit, the day, the text, and a fingerprint of each module of the engine that the benchmark loaded.
`check` compares these with the code as it is. A fingerprint leaves out imports, comments and docstrings, so that a file
that only moved counts as unchanged. It also says which benchmarks that the docs name were never kept.
"""

from __future__ import annotations

import ast
import contextlib
import datetime
import hashlib
import io
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from machine import describe

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks" / "figures"
NAMED = re.compile(r"python benchmarks/(\w+)\.py")
PAGES = ("README.md", "docs", "assets")


class _Tee(io.TextIOBase):
    """Text that goes to the terminal and is kept."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal, self.kept = terminal, io.StringIO()

    def write(self, text: str) -> int:
        self.terminal.write(text)
        return self.kept.write(text)

    def flush(self) -> None:
        self.terminal.flush()


def fingerprint(path: Path) -> str:
    """Return what tells the code of a module from other code, wherever its file lies."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _says_nothing(one)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def _says_nothing(node: ast.AST) -> bool:
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return text or isinstance(node, ast.Import | ast.ImportFrom)


def run(script: Path, arguments: Sequence[str], folder: Path = FOLDER, code: Path = ROOT / "animcore") -> Path:
    """Start a benchmark in this process and keep what it prints; returns the file."""
    both, before = _Tee(sys.stdout), sys.argv
    sys.argv = [f"benchmarks/{script.name}", *arguments]
    sys.path.insert(0, str(script.parent))
    try:
        with contextlib.redirect_stdout(both):
            runpy.run_path(str(script), run_name="__main__")
    except SystemExit as error:
        if error.code:
            raise
    finally:
        sys.argv = before
    loaded = {Path(one.__file__).resolve() for one in list(sys.modules.values()) if getattr(one, "__file__", None)}
    record = {
        "command": _plain(" ".join(["python", f"benchmarks/{script.name}", *arguments])),
        "machine": describe(),
        "commit": _commit(),
        "day": datetime.date.today().isoformat(),
        "measures": {
            path.relative_to(code.parent).as_posix(): fingerprint(path)
            for path in sorted(loaded)
            if path.is_relative_to(code) and path.suffix == ".py"
        },
        "printed": _plain(both.kept.getvalue()).splitlines(),
    }
    folder.mkdir(exist_ok=True)
    target = folder / f"{script.stem}.json"
    target.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def _plain(text: str) -> str:
    """The text without the folders of this machine."""
    return text.replace(f"{ROOT}/", "").replace(f"{ROOT.parent}/", "../")


def _commit() -> str:
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def changed(record: dict[str, Any], code: Path = ROOT / "animcore") -> list[str]:
    """Return the modules that a benchmark measured and whose code is no longer anywhere in the engine."""
    now = {fingerprint(path) for path in code.rglob("*.py")}
    return [name for name, print_ in record["measures"].items() if print_ not in now]


def named() -> dict[str, list[str]]:
    """Return benchmark -> the pages that name it as the source of their figures."""
    found: dict[str, list[str]] = {}
    for page in _pages():
        for name in sorted(set(NAMED.findall(page.read_text(encoding="utf-8"))) - {Path(__file__).stem}):
            found.setdefault(name, []).append(page.relative_to(ROOT).as_posix())
    return found


def _pages() -> Iterator[Path]:
    for one in PAGES:
        yield from [ROOT / one] if one.endswith(".md") else sorted((ROOT / one).rglob("*.md"))


def check() -> Iterator[str]:
    """Give a line for each benchmark that the docs name: whether its figures are as old as their code."""
    for name, pages in sorted(named().items()):
        path, where = FOLDER / f"{name}.json", ", ".join(pages)
        if not path.is_file():
            yield f"never kept   {name} ({where})"
            continue
        record = json.loads(path.read_text(encoding="utf-8"))
        older = changed(record)
        state = "as the code " if not older else f"older        ({len(older)} modules changed: {', '.join(older[:3])})"
        yield f"{state} {name}, {record['day']}, {record['commit']} ({where})"


def main() -> None:
    """Run a benchmark, or check."""
    if sys.argv[1:2] == ["run"] and len(sys.argv) > 2:
        print(f"kept in {run(ROOT / 'benchmarks' / Path(sys.argv[2]).name, sys.argv[3:]).relative_to(ROOT)}")
    elif sys.argv[1:] == ["check"]:
        print("\n".join(check()))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
