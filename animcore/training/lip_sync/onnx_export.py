"""A trained network as ONNX: 16 kHz samples in, tracks out, features included."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from animcore.core.vocabulary import ARKIT
from animcore.training import onnx_files
from animcore.training.lip_sync import conformer
from animcore.training.lip_sync.conformer import FPS, HOP
from animcore.training.lip_sync.network import CONTEXT, LipSyncModel
from animcore.training.lip_sync.recordings import LEVEL
from animcore.training.lip_sync.synthetic_speech import PLACES

TOLERANCE = 1e-3  # of a weight in 0..1


def write(network: LipSyncModel, path: Path) -> None:
    """Write the network, with metadata on its inputs and outputs, and check it against PyTorch.

    Raises:
        ValueError: when the file's answers differ from PyTorch's.
    """
    metadata = {
        "version": "1",
        "fps": str(FPS),
        "hop": str(HOP),
        "context_seconds": f"{CONTEXT:.2f}",
        "names": json.dumps(ARKIT),
        "places": json.dumps(list(PLACES)),
        "licence": "Apache-2.0; contains the phoneme encoder of hama 1.7.0 (Seongmin Park, Apache-2.0)",
        **conformer.metadata(LEVEL),
    }
    inputs = {"samples": torch.randn(1, 48_000) * 0.1}
    axes = {"samples": {1: "n"}, "arkit": {1: "t"}, "places": {1: "t"}}
    onnx_files.write(network, inputs, ["arkit", "places"], path, metadata, functools.partial(_check, network), axes)


def _check(network: LipSyncModel, path: Path) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    for count in (400, 16_000, 100_001):
        samples = (generator.normal(size=(1, count)) * 0.1).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(samples))
        for ours, theirs in zip(session.run(None, {"samples": samples}), expected, strict=True):
            worst = float(np.abs(ours - theirs.numpy()).max())
            if worst > TOLERANCE:
                raise ValueError(f"{path.name} differs from PyTorch by {worst:g} at {count} samples.")
