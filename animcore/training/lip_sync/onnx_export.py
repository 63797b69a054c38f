"""A trained network as ONNX: 16 kHz samples in, tracks out, features included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import ARKIT
from animcore.training.lip_sync.conformer import FPS, HOP
from animcore.training.lip_sync.network import CONTEXT, LipSyncModel
from animcore.training.lip_sync.recordings import LEVEL
from animcore.training.lip_sync.synthetic_speech import PLACES

TOLERANCE = 1e-3  # of a weight in 0..1


def write(network: LipSyncModel, path: Path) -> None:
    """Write the network, with what a user of the file must know as metadata, and check it against PyTorch.

    Raises:
        ValueError: when the file's answers differ from PyTorch's.
    """
    metadata = {
        "version": "1",
        "sample_rate": "16000",
        "fps": str(FPS),
        "hop": str(HOP),
        "context_seconds": f"{CONTEXT:.2f}",
        "loudness": str(LEVEL),
        "names": json.dumps(ARKIT),
        "places": json.dumps(list(PLACES)),
        "licence": "Apache-2.0; contains the phoneme encoder of hama 1.7.0 (Seongmin Park, Apache-2.0)",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        torch.onnx.export(
            network,
            (torch.randn(1, 48_000) * 0.1,),
            str(temporary),
            input_names=["samples"],
            output_names=["arkit", "places"],
            dynamic_axes={"samples": {1: "n"}, "arkit": {1: "t"}, "places": {1: "t"}},
            opset_version=17,
            dynamo=False,
        )
        model = onnx.load(str(temporary))
        onnx.helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        onnx.save(model, str(temporary))
        _check(network, temporary)


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
