"""Learned faces as ONNX, checked against PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from animcore.atomic import whole_file
from animcore.errors import InputError
from animcore.solvers.face_model import Graph

TOLERANCE = 1e-3  # of the largest number that a graph gives


def write(model: Any, folder: Path) -> list[Path]:
    """Write the graphs of a model into a folder and return their files.

    Args:
        model: a `FaceModel`; others have no graphs.
        folder: where they go.

    Raises:
        InputError: where the model's form does not allow it, or the package onnx is missing.
    """
    if not hasattr(model, "graphs"):
        raise InputError("Faces alone are exported to ONNX; gestures and encoders are not.")
    try:
        import onnx
    except ImportError as error:
        raise InputError("Exporting needs the package onnx: pip install onnx.") from error
    model.cpu().eval()
    written = []
    for name, graph in model.graphs().items():
        graph.module.eval()  # else the exporter would leave the model's dropout on
        with whole_file(folder / name) as temporary, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what `_check` would find
            torch.onnx.export(
                graph.module,
                tuple(graph.inputs.values()),
                str(temporary),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_axes=graph.dynamic,
                opset_version=17,
                dynamo=False,
            )
            found = onnx.load(str(temporary))
            onnx.helper.set_model_props(found, graph.metadata)
            onnx.checker.check_model(found)
            onnx.save(found, str(temporary))
            _check(graph, temporary)
        written.append(folder / name)
    return written


def _check(graph: Graph, path: Path) -> None:
    """Compare the file with PyTorch on inputs of chance, of the example's length and of another."""
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
    """Numbers of chance in the shape of an example, longer along its dynamic axes; whole numbers stay as they are."""
    if not values.is_floating_point():
        return values
    shape = [size * longer if axis in dynamic else size for axis, size in enumerate(values.shape)]
    return torch.randn(shape, generator=torch.Generator().manual_seed(longer)) * 0.1
