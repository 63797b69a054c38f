"""Networks as ONNX files: traced by PyTorch, with metadata on all that feeds them, checked, then kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from animcore.core.atomic_files import make_folder, whole_file
from animcore.errors import InputError

OPSET = 17
T = TypeVar("T")

Axes = Mapping[str, Mapping[int, str]]


def write(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    path: Path,
    metadata: Mapping[str, str],
    check: Callable[[Path], T],
    axes: Axes | None = None,
) -> T:
    """Write a network, and return what `check` found; a file that it refuses never gets its name.

    Args:
        module: in evaluation.
        inputs: an example of each, by name.
        outputs: their names.
        path: of the file; its folder is made.
        metadata: of inputs and outputs, all that feeds the network among it.
        check: compares a file with PyTorch, and raises where its answers are others.
        axes: which axes of an input or an output may have any length, by its name.

    Raises:
        InputError: where the package onnx is missing, or the file cannot be written.
    """
    package = _package()
    make_folder(path.parent)
    with whole_file(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing: what it would warn of is what `check` looks for
            torch.onnx.export(
                module,
                tuple(inputs.values()),
                str(temporary),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={name: dict(found) for name, found in (axes or {}).items()},
                opset_version=OPSET,
                dynamo=False,
            )
        graph = package.load(str(temporary))
        package.helper.set_model_props(graph, dict(metadata))
        package.checker.check_model(graph)
        package.save(graph, str(temporary))
        return check(temporary)


def _package() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            "Writing ONNX needs the package onnx: pip install '.[train]' in the source folder of Animcore."
        ) from error
    return onnx
