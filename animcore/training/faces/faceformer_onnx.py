"""FaceFormer as two ONNX graphs, checked against PyTorch: autoregression cannot be one."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from animcore.core.atomic_files import make_folder
from animcore.errors import InputError
from animcore.solvers.face_networks.faceformer import ExportGraph, FaceFormer
from animcore.training import onnx_files

TOLERANCE = 1e-3  # of the largest number that a graph gives


def write(model: FaceFormer, folder: Path) -> list[Path]:
    """Write `listen.onnx` and `step.onnx` into a folder, which is made, and return them.

    `listen` takes the encoder's input and the speaker, and returns the encoded audio of each frame, and the style;
    `step` gives one frame more. The caller gives `step` the style before the first frame, and feeds `next_told` and
    `next_past` back.

    Raises:
        InputError: where its encoder is a speech model, the package onnx is missing, or the folder cannot be written.
    """
    make_folder(folder)
    written = []
    for name, graph in model.graphs().items():
        graph.module.eval()  # else the exporter would leave the model's dropout on
        path = folder / name
        check = functools.partial(_check, graph)
        onnx_files.write(graph.module, graph.inputs, graph.outputs, path, graph.metadata, check, graph.dynamic)
        written.append(path)
    return written


def _check(graph: ExportGraph, path: Path) -> None:
    """Compare the file with PyTorch on random inputs, of the example's length and of another."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for longer in (1, 2):
        inputs = {name: _like(values, graph.dynamic.get(name, {}), longer) for name, values in graph.inputs.items()}
        with torch.inference_mode():
            expected = graph.module(*inputs.values())
        found = session.run(None, {name: values.numpy() for name, values in inputs.items()})
        for ours, theirs in zip(found, expected, strict=True):
            off = float(np.abs(ours - theirs.numpy()).max(initial=0.0))
            if ours.shape != tuple(theirs.shape) or off > TOLERANCE * max(1.0, float(theirs.abs().max())):
                raise InputError(f"{path.name} differs from PyTorch by {off:g}; it was not written.")


def _like(values: torch.Tensor, dynamic: dict[int, str], longer: int) -> torch.Tensor:
    """Random numbers in the shape of an example, longer along its dynamic axes; whole numbers stay as they are."""
    if not values.is_floating_point():
        return values
    shape = [size * longer if axis in dynamic else size for axis, size in enumerate(values.shape)]
    return torch.randn(shape, generator=torch.Generator().manual_seed(longer)) * 0.1
