"""The examples in the docstrings of the public modules do what they say."""

from __future__ import annotations

import doctest
import importlib
import warnings

import numpy as np
import pytest

import animcore as ac

MODULES = [
    "animcore.api",
    "animcore.avatar",
    "animcore.body_models.arkit_to_flame",
    "animcore.body_models.parametric_model",
    "animcore.core.frame_rates",
    "animcore.direction",
    "animcore.motion",
    "animcore.rendering.camera",
    "animcore.retarget.named_rigs",
]


# What has examples of its own; the records that these take and return are shown in theirs.
PUBLIC = ["Camera", "Direction", "Motion", "generate", "judge", "load", "load_audio", "load_model", "retarget", "save",
          "to_arkit", "to_flame"]  # fmt: skip


def examples(module: str) -> list[doctest.DocTest]:
    """The docstrings of a module that have examples; `ac` and `np` are imported in each."""
    found = doctest.DocTestFinder().find(importlib.import_module(module), extraglobs={"ac": ac, "np": np})
    return [one for one in found if one.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module, in_examples):
    if module == "animcore.avatar":
        pytest.importorskip("numba", reason="the rasterizers of a head are slow without it")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = examples(module)
        for one in found:
            runner.run(one, out=said.append)
    assert found
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_has_an_example(name):
    shown = getattr(ac, name)
    module = importlib.import_module("animcore.retarget.named_rigs") if name == "retarget" else shown
    assert any(one.examples for one in doctest.DocTestFinder().find(module, name, module=False, globs={})), name
