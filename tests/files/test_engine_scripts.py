"""The scripts for game engines, as far as they work without one: files are read as they were written."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore import files
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.files.export_and_verify import export
from animcore.motion import Motion

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "engines" / "unreal" / "import_takes.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("import_takes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("rate", [24, 25, 30, 60])
def test_unreal_reads_what_was_written(script, tmp_path, rate):
    arkit = np.random.default_rng(0).random((3 * rate, 52)).astype(np.float32)
    path = tmp_path / "line.csv"
    export(Motion(Fraction(rate), arkit=arkit), path, files.FORMATS["livelink"])
    found, curves = script.read_take(path)
    assert found == rate
    assert len(curves) == 61
    np.testing.assert_allclose(curves["JawOpen"], arkit[:, ARKIT_INDEX["jawOpen"]], atol=1e-4)
    np.testing.assert_allclose(curves["MouthLeft"], arkit[:, ARKIT_INDEX["mouthLeft"]], atol=1e-4)


def test_fewer_keys_miss_nothing(script):
    times = np.arange(200)
    values = np.where(times < 80, 0.0, np.clip((times - 80) / 40, 0, 1)).tolist()
    keys = script.reduced(values)
    assert len(keys) < 8
    np.testing.assert_allclose(np.interp(times, keys, np.array(values)[keys]), values, atol=1e-4)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.7], [0.0] * 5])
def test_short_curves_have_their_ends(script, values):
    keys = script.reduced(values)
    assert keys[0] == 0
    assert keys[-1] == len(values) - 1
