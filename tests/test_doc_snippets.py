"""Code in the docs: what is marked with `<!-- runs -->` runs.

A page may use names and files that its reader has: `GIVEN` makes them. `tests/test_documentation.py` checks the
imports of all code, `tests/body_models/test_docs.py` runs docs/research/bodies.md, and `tests/blender/test_doc_code.py`
runs or checks the pages for Blender.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import animcore as ac
from animcore.cli.main import main
from animcore.core.vocabulary import ARKIT

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
BLOCK = re.compile(r"(<!-- runs -->\n)?```python\n(.*?)```", re.DOTALL)


def blocks(page: Path) -> list[tuple[bool, str]]:
    """Whether each Python block of a page is marked to run, and its code, which keeps its line numbers."""
    text = page.read_text(encoding="utf-8")
    return [(bool(found[1]), "\n" * text.count("\n", 0, found.start(2)) + found[2]) for found in BLOCK.finditer(text)]


WITH_CODE = [page for page in PAGES if blocks(page)]
RUNNING = [page for page in WITH_CODE if any(runs for runs, _ in blocks(page))]


ELSEWHERE = {"bodies.md", "scripting.md", "blender.md", "capture.md", "splat_preview.md"}
NOWHERE = {"gpu.md"}  # compiles kernels for GPUs, for minutes


def body(folder: Path) -> dict[str, Any]:
    """A motion with a body, and parts of it."""
    motion = ac.Motion.load(folder / "take.npz")
    names: dict[str, Any] = {"motion": motion, "first": motion, "second": motion, "idle": motion}
    return names | {"pose": motion.body_pose, "translation": motion.translation, "rate": motion.fps}


def vertices(folder: Path) -> dict[str, Any]:
    """Weights, and vertices of two faces."""
    (folder / "mine").mkdir()
    random = np.random.default_rng(0)
    names = {"np": np, "weights": random.random((30, 52)), "names": ARKIT, "template": random.normal(size=(20, 3))}
    faces = {name: random.normal(size=(30, 20, 3)) for name in ("predicted", "truth")}
    return names | faces | {"lips": np.arange(5), "upper": np.arange(10, 20)}


def line(folder: Path) -> dict[str, Any]:
    """The take under the name of its line."""
    shutil.copy(folder / "take.npz", folder / "line.npz")
    return {}


def trained_face(folder: Path) -> dict[str, Any]:
    """The folder of a small untrained FaceFormer."""
    pytest.importorskip("torch", reason="trained faces need the extra train")
    from animcore.solvers.face_networks import audio_encoders, output_space
    from animcore.solvers.face_networks.faceformer import FaceFormer, FaceFormerSizes

    encoder = audio_encoders.encoder_config("", 8, 1)
    space = output_space.OutputSpace("arkit", 52, 30)
    FaceFormer(FaceFormerSizes(8), space, encoder, ("calm",)).save(folder / "runs" / "faceformer" / "model")
    return {}


def trained_gestures(folder: Path) -> dict[str, Any]:
    """The folder of a small untrained solver of gestures."""
    pytest.importorskip("torch", reason="trained gestures need the extra train")
    from animcore.solvers.gesture_networks import talkshow

    sizes = talkshow.TalkShowSizes(hidden=16, codes=12, length=8, layers=1, speakers=2)
    talkshow.TalkShow(sizes).save(folder / "runs" / "emage" / "model", ["calm", "lively"])
    return {}


def batch(folder: Path) -> dict[str, Any]:
    """A batch of one line."""
    shutil.copy(ROOT / "tests" / "golden" / "voices" / "kal.flac", folder / "kal.flac")
    (folder / "lines.csv").write_text("id,audio\nkal,kal.flac\n", encoding="utf-8")
    assert main(["batch", "run", str(folder / "lines.csv"), "--out", str(folder / "takes"), "--jobs", "1"]) == 0
    return {}


GIVEN: dict[str, Callable[[Path], dict[str, Any]]] = {
    "finish.md": body, "judge.md": vertices, "rigs.md": line, "face_models.md": trained_face,
    "training.md": trained_gestures, "batch.md": batch,
    "trackers.md": lambda _folder: {"images": [np.zeros((64, 64, 3), np.uint8)]},
}  # fmt: skip


def test_every_page_with_code_runs_somewhere():
    assert {page.name for page in WITH_CODE} == {page.name for page in RUNNING} | ELSEWHERE | NOWHERE


@pytest.mark.parametrize("page", RUNNING, ids=lambda page: str(page.relative_to(ROOT)))
def test_marked_code_in_docs_runs(page, in_examples):
    """The blocks of a page run one after the other, as a reader would type them."""
    pytest.importorskip("numba", reason="the rasterizers of a head are slow without it")
    names = GIVEN.get(page.name, lambda _folder: {})(in_examples)
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
