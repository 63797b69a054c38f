"""TensorFlow Lite files as plain records: tensors with their values, operators with their options.

Read with the schema of the package `tflite`. Weights that are stored as half floats, or sparse, come out dense, as what
they are stored as: `DEQUANTIZE` and `DENSIFY` of constants are done here, and vanish.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from flatbuffers import flexbuffers

_TYPES = {
    tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.INT32: np.int32,
    tflite.TensorType.UINT8: np.uint8, tflite.TensorType.INT64: np.int64,
}  # fmt: skip
_NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
_OPTIONS = {value: name for name, value in vars(tflite.BuiltinOptions).items() if isinstance(value, int)}
_ACTIVATIONS = {0: "", 1: "RELU", 3: "RELU6"}
_PADDINGS = {0: "SAME", 1: "VALID"}
_WANTED = (
    "FusedActivationFunction", "Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FilterHeight",
    "FilterWidth", "KeepDims", "Axis", "AlignCorners", "HalfPixelCenters", "BlockSize",
)  # fmt: skip


@dataclass
class Tensor:
    """A tensor: its shape, and its values where it is a constant."""

    name: str
    shape: tuple[int, ...]
    values: np.ndarray | None = None


@dataclass
class Operator:
    """An operator: what it is, which tensors (by number) go in and come out, and its options by their names."""

    kind: str
    inputs: list[int]
    outputs: list[int]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Network:
    """A network: its tensors, its operators in the order in which they run, and the numbers of what goes in and out."""

    tensors: list[Tensor]
    operators: list[Operator]
    inputs: list[int]
    outputs: list[int]


def read(path: Path) -> Network:
    """Read the one graph of a file."""
    model = tflite.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    tensors = [_tensor(model, graph.Tensors(number)) for number in range(graph.TensorsLength())]
    operators = [_operator(model, graph.Operators(number)) for number in range(graph.OperatorsLength())]
    network = Network(tensors, operators, graph.InputsAsNumpy().tolist(), graph.OutputsAsNumpy().tolist())
    _without_unpacking(network)
    return network


def _tensor(model: Any, source: Any) -> Tensor:
    shape = tuple(int(side) for side in source.ShapeAsNumpy()) if source.ShapeLength() else ()
    buffer = model.Buffers(source.Buffer())
    name = source.Name().decode()
    if not buffer.DataLength():
        return Tensor(name, shape)
    values = np.frombuffer(buffer.DataAsNumpy().tobytes(), _TYPES[source.Type()])
    if source.Sparsity() is not None:
        values = _dense(values, shape, source.Sparsity())
    return Tensor(name, shape, values.reshape(shape))


def _dense(stored: np.ndarray, shape: tuple[int, ...], sparsity: Any) -> np.ndarray:
    """All values of a tensor of which only those that are not zero are stored.

    The levels of the storage are the tensor's dimensions, in an order of their own, and then the blocks that some of
    them are cut into. A dense level has every place; a sparse one lists for each place above it which it has (CSR).
    """
    order = sparsity.TraversalOrderAsNumpy().tolist()
    blocked = sparsity.BlockMapAsNumpy().tolist() if sparsity.BlockMapLength() else []
    levels = [sparsity.DimMetadata(number) for number in range(sparsity.DimMetadataLength())]
    paths = np.zeros((1, 0), np.int64)  # a row for every place that is reached, level by level
    for level in levels:
        if level.Format() == tflite.DimensionType.DENSE:
            count = level.DenseSize()
            found = np.tile(np.arange(count), len(paths))
            paths = np.concatenate([np.repeat(paths, count, 0), found[:, None]], 1)
        else:
            segments, indices = _int_vector(level, "ArraySegments"), _int_vector(level, "ArrayIndices")
            paths = np.concatenate([np.repeat(paths, np.diff(segments), 0), indices[:, None]], 1)
    places = np.zeros((len(paths), len(shape)), np.int64)
    sizes = np.ones(len(shape), np.int64)
    for column, dimension in enumerate(order):
        if dimension >= len(shape):  # a block, inside its dimension
            owner = blocked[dimension - len(shape)]
            size = levels[column].DenseSize()
            places[:, owner] = places[:, owner] * size + paths[:, column]
            sizes[owner] *= size
        else:
            places[:, dimension] = places[:, dimension] + paths[:, column]
    values = np.zeros(shape, stored.dtype)
    values[tuple(places.T)] = stored
    return values


def _int_vector(level: Any, which: str) -> np.ndarray:
    kind = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }[getattr(level, f"{which}Type")()]
    vector = kind()
    table = getattr(level, which)()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)


def _operator(model: Any, source: Any) -> Operator:
    code = model.OperatorCodes(source.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = code.CustomCode().decode() if number == tflite.BuiltinOperator.CUSTOM else _NAMES[number]
    options = _custom_options(kind, source) if number == tflite.BuiltinOperator.CUSTOM else _options(source)
    return Operator(kind, source.InputsAsNumpy().tolist(), source.OutputsAsNumpy().tolist(), options)


def _options(source: Any) -> dict[str, Any]:
    """The options of a builtin operator, named as in the schema."""
    table = source.BuiltinOptions()
    if table is None or not source.BuiltinOptionsType():
        return {}
    kind = getattr(tflite, _OPTIONS[source.BuiltinOptionsType()])
    options = kind()
    options.Init(table.Bytes, table.Pos)
    plain = {name: getattr(options, name)() for name in _WANTED if hasattr(options, name)}
    if "FusedActivationFunction" in plain:
        plain["FusedActivationFunction"] = _ACTIVATIONS[plain["FusedActivationFunction"]]
    if "Padding" in plain:
        plain["Padding"] = _PADDINGS[plain["Padding"]]
    return plain


def _custom_options(kind: str, source: Any) -> dict[str, Any]:
    """The options of one of MediaPipe's own operators: a flexbuffer, or the bytes of a C structure."""
    data = source.CustomOptionsAsNumpy().tobytes() if source.CustomOptionsLength() else b""
    if kind == "Convolution2DTransposeBias":  # TfLiteTransposeConvParams; kTfLitePaddingSame is 1
        padding, width, height = struct.unpack("<3i", data[:12])
        return {"Padding": {1: "SAME", 2: "VALID"}[padding], "StrideW": width, "StrideH": height}
    return dict(flexbuffers.Loads(data)) if data else {}


def _without_unpacking(network: Network) -> None:
    """Drop the operators that only unpack weights: half floats stay half floats, and what is sparse is dense here."""
    kept = []
    for operator in network.operators:
        values = network.tensors[operator.inputs[0]].values
        if operator.kind in ("DEQUANTIZE", "DENSIFY") and values is not None:
            network.tensors[operator.outputs[0]].values = values
        else:
            kept.append(operator)
    network.operators[:] = kept
