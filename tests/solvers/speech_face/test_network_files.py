"""The shipped networks' files: what feeds them is in their metadata."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from animcore.errors import AnimcoreError
from animcore.solvers.speech_face import lip_sync, network_file, streaming

FILES = {"articulation": lip_sync.MODEL, "live": streaming.MODEL}
FEED = {
    "sample_rate": "16000", "loudness": "-23.0", "hop": "320", "fps": "50", "mel_window": "400", "mel_hop": "160",
    "mel_bands": "80", "mel_log": "natural logarithm of power, at least 1e-10", "mel_normalization": "none",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_network_states_all_that_feeds_it(name):
    found = network_file.load(FILES[name], name, 1, lambda session, metadata: dict(metadata))
    assert FEED.items() <= found.items()
    assert "-23 LUFS" in found["input"]
    assert found["features"] == "mel spectrogram, in the graph"


@pytest.mark.parametrize("name", FILES)
def test_the_range_of_the_mel_filters_is_that_in_the_graph(name):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(FILES[name]))
    metadata = {one.key: one.value for one in model.metadata_props}
    spectrum, bands = int(metadata["mel_window"]) // 2 + 1, int(metadata["mel_bands"])
    (filters,) = (one for one in model.graph.initializer if tuple(one.dims) == (spectrum, bands))
    used = np.flatnonzero(onnx.numpy_helper.to_array(filters).any(1)) * 16_000 / int(metadata["mel_window"])
    assert (used[0], used[-1]) == (float(metadata["mel_lowest"]), float(metadata["mel_highest"]))


def test_a_file_without_its_metadata_is_a_clear_sentence(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(lip_sync.MODEL))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "bare.onnx"))
    assert onnxruntime.InferenceSession(str(tmp_path / "bare.onnx"), providers=["CPUExecutionProvider"])
    with pytest.raises(AnimcoreError, match=r"The speech network bare\.onnx cannot be loaded"):
        lip_sync.load(tmp_path / "bare.onnx")
