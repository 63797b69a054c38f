"""Figures of the docs know their command, machine, commit and code, and when they are older than it."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def figures():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("figures", ROOT / "benchmarks" / "figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture
def engine(tmp_path, monkeypatch):
    (tmp_path / "measured_engine").mkdir()
    (tmp_path / "measured_engine" / "work.py").write_text('"""Work."""\nimport math\n\nSIZE = 3\n')
    (tmp_path / "work_speed.py").write_text(
        "import sys\nimport measured_engine.work as w\nprint(w.SIZE, sys.argv[1:])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [one for one in sys.modules if one.startswith("measured_engine")]:
        del sys.modules[name]


def test_what_a_benchmark_prints_is_kept_with_what_it_measured(figures, engine):
    code = engine / "measured_engine"
    record = json.loads(figures.run(engine / "work_speed.py", ["a"], engine / "kept", code).read_text())
    assert record["printed"] == ["3 ['a']"]
    assert record["command"] == "python benchmarks/work_speed.py a"
    assert list(record["measures"]) == ["measured_engine/work.py"]
    assert "cores" in record["machine"]
    assert figures.changed(record, code) == []
    (code / "deeper").mkdir()
    (code / "work.py").rename(code / "deeper" / "work.py")  # a file that moves, and what it imports from
    (code / "deeper" / "work.py").write_text('"""Other words."""\nfrom math import pi\n\nSIZE = 3  # said\n')
    assert figures.changed(record, code) == []
    (code / "deeper" / "work.py").write_text("SIZE = 4\n")
    assert figures.changed(record, code) == ["measured_engine/work.py"]


def test_the_docs_name_benchmarks_that_exist_and_records_are_whole(figures):
    named = figures.named()
    assert [name for name in named if not (ROOT / "benchmarks" / f"{name}.py").is_file()] == []
    for path in figures.FOLDER.glob("*.json"):
        record = json.loads(path.read_text())
        assert set(record) == {"command", "machine", "commit", "day", "measures", "printed"}, path
        assert record["printed"], path
        assert record["measures"], path
        assert path.stem in named, f"no page names {path.stem}"
        assert str(ROOT) not in path.read_text()
    assert len(list(figures.check())) == len(named)
