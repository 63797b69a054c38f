"""TensorFlow Lite's operators as those of ONNX.

TensorFlow Lite has channels last, ONNX has them first: tensors of four dimensions are kept as (1, C, H, W) throughout,
and only turned where an operator depends on the order (`RESHAPE`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from trackers import attention_mesh
from trackers.onnx_graph import GraphBuilder
from trackers.tflite_reader import Network, Operator, Tensor

_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # channels first, channels last


class Conversion:
    """A network on its way to ONNX.

    Args:
        network: what is converted.
        low: of the range that the network expects pixels in.
        high: its other end; 0 and 255 of the image are brought to them.
    """

    def __init__(self, network: Network, low: float, high: float) -> None:
        self.graph, self.network = GraphBuilder(), network
        pixels = self.graph.add("Cast", "image", to=1)
        scaled = self.graph.add("Mul", pixels, self.graph.constant((high - low) / 255))
        shifted = self.graph.add("Add", scaled, self.graph.constant(low)) if low else scaled
        self.names = {network.inputs[0]: self.graph.add("Transpose", shifted, perm=_FIRST)}
        for operator in network.operators:
            OPERATORS[operator.kind](self, operator)

    def tensor(self, operator: Operator, place: int) -> Tensor:
        """What goes into an operator at a place."""
        return self.network.tensors[operator.inputs[place]]

    def shape(self, number: int) -> tuple[int, ...]:
        """The shape of a tensor, channels last."""
        return self.network.tensors[number].shape

    def input(self, operator: Operator, place: int = 0) -> str:
        """The name of what goes into an operator at a place; a constant is turned as the tensors are."""
        number = operator.inputs[place]
        if number not in self.names:
            values = self.network.tensors[number].values
            if values is None:
                raise ValueError(f"{operator.kind} needs {self.network.tensors[number].name}, which nothing makes")
            self.names[number] = self.graph.weight(values.transpose(_FIRST) if values.ndim == 4 else values)
        return self.names[number]

    def values(self, operator: Operator, place: int) -> np.ndarray:
        """The constant that goes into an operator at a place."""
        values = self.tensor(operator, place).values
        if values is None:
            raise ValueError(f"{operator.kind}: {self.tensor(operator, place).name} is not a constant")
        return values

    def result(self, operator: Operator, name: str) -> None:
        """What an operator gives, after the activation that goes with it."""
        activation = operator.options.get("FusedActivationFunction", "")
        if activation == "RELU":
            name = self.graph.add("Relu", name)
        elif activation == "RELU6":
            name = self.graph.add("Clip", name, self.graph.constant(0.0), self.graph.constant(6.0))
        self.names[operator.outputs[0]] = name

    def channels_last(self, number: int) -> str:
        """A tensor in TensorFlow Lite's own order."""
        name = self.names[number]
        return self.graph.add("Transpose", name, perm=_LAST) if len(self.shape(number)) == 4 else name


def _window(conversion: Conversion, operator: Operator, size: tuple[int, int]) -> dict[str, Any]:
    """Strides, dilations and pads of a window that moves over a tensor."""
    options = operator.options
    strides = options["StrideH"], options["StrideW"]
    dilations = options.get("DilationHFactor", 1), options.get("DilationWFactor", 1)
    pads = [(0, 0), (0, 0)]
    if options["Padding"] == "SAME":  # what is odd goes below and to the right
        for axis in (0, 1):
            side = conversion.shape(operator.inputs[0])[axis + 1]
            reach = (size[axis] - 1) * dilations[axis] + 1
            whole = max((-(-side // strides[axis]) - 1) * strides[axis] + reach - side, 0)
            pads[axis] = whole // 2, whole - whole // 2
    (top, bottom), (left, right) = pads
    return {"strides": strides, "dilations": dilations, "pads": (top, left, bottom, right)}


def _convolution(conversion: Conversion, operator: Operator) -> None:
    values = conversion.values(operator, 1)
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    window = _window(conversion, operator, values.shape[1:3])
    kernel = conversion.graph.weight(values.transpose((3, 0, 1, 2) if depthwise else _FIRST))
    inputs = [conversion.input(operator), kernel]
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        inputs.append(conversion.input(operator, 2))
    group = conversion.shape(operator.inputs[0])[3] if depthwise else 1
    conversion.result(operator, conversion.graph.add("Conv", *inputs, group=group, **window))


def _transposed_convolution(conversion: Conversion, operator: Operator) -> None:
    values = conversion.values(operator, 1)  # (out, height, width, in)
    options = operator.options
    strides = options["StrideH"], options["StrideW"]
    if strides != values.shape[1:3]:
        raise ValueError("only transposed convolutions whose windows lie side by side are known")
    kernel = conversion.graph.weight(values.transpose(3, 0, 1, 2))
    inputs = conversion.input(operator), kernel, conversion.input(operator, 2)
    conversion.result(operator, conversion.graph.add("ConvTranspose", *inputs, strides=strides))


def _pool(kind: str) -> Callable[[Conversion, Operator], None]:
    def convert(conversion: Conversion, operator: Operator) -> None:
        size = operator.options["FilterHeight"], operator.options["FilterWidth"]
        window = _window(conversion, operator, size)
        del window["dilations"]
        conversion.result(operator, conversion.graph.add(kind, conversion.input(operator), kernel_shape=size, **window))

    return convert


def _mean(conversion: Conversion, operator: Operator) -> None:
    axes = conversion.values(operator, 1).ravel().tolist()
    keep = int(operator.options["KeepDims"])
    if len(conversion.shape(operator.inputs[0])) != 4 or axes != [1, 2]:
        raise ValueError("only means over the image are known")
    conversion.result(
        operator, conversion.graph.add("ReduceMean", conversion.input(operator), axes=(2, 3), keepdims=keep)
    )


def _pad(conversion: Conversion, operator: Operator) -> None:
    (batch, rows, columns, channels) = conversion.values(operator, 1).tolist()
    first, last = zip(batch, channels, rows, columns, strict=True)
    conversion.result(
        operator, conversion.graph.add("Pad", conversion.input(operator), conversion.graph.integers(*first, *last))
    )


def _prelu(conversion: Conversion, operator: Operator) -> None:
    """Of a slope a: a x + (1 - a) max(x, 0), as two scalings a channel.

    onnxruntime keeps tensors in blocks of channels between convolutions, but knows no PRelu for such blocks: with one,
    it turns every tensor there and back, and the network takes twice as long.
    """
    graph = conversion.graph
    slope = graph.weight(conversion.values(operator, 1).reshape(-1, 1, 1, 1))
    rest = graph.add("Sub", graph.constant(1.0), slope)
    name, channels = conversion.input(operator), conversion.shape(operator.inputs[0])[3]
    positive = graph.add("Conv", graph.add("Relu", name), rest, group=channels)
    conversion.result(operator, graph.add("Add", graph.add("Conv", name, slope, group=channels), positive))


def _fully_connected(conversion: Conversion, operator: Operator) -> None:
    flat = conversion.input(operator)
    shape = conversion.shape(operator.inputs[0])
    if len(shape) == 4:
        flat = conversion.graph.add(
            "Reshape", conversion.channels_last(operator.inputs[0]), conversion.graph.integers(1, -1)
        )
    inputs = flat, conversion.input(operator, 1), conversion.input(operator, 2)
    conversion.result(operator, conversion.graph.add("Gemm", *inputs, transB=1))


def _reshape(conversion: Conversion, operator: Operator) -> None:
    shape = conversion.shape(operator.outputs[0])
    name = conversion.channels_last(operator.inputs[0])
    name = conversion.graph.add("Reshape", name, conversion.graph.integers(*shape))
    if len(shape) == 4:
        name = conversion.graph.add("Transpose", name, perm=_FIRST)
    conversion.result(operator, name)


def _concatenation(conversion: Conversion, operator: Operator) -> None:
    count = len(conversion.shape(operator.outputs[0]))
    axis = operator.options["Axis"] % count
    if count == 4:
        axis = _FIRST.index(axis)
    inputs = [conversion.input(operator, place) for place in range(len(operator.inputs))]
    conversion.result(operator, conversion.graph.add("Concat", *inputs, axis=axis))


def _resize(conversion: Conversion, operator: Operator) -> None:
    options = operator.options
    _, height, width, channels = conversion.shape(operator.outputs[0])
    how = "align_corners" if options["AlignCorners"] else "half_pixel" if options["HalfPixelCenters"] else "asymmetric"
    size = conversion.graph.integers(1, channels, height, width)
    conversion.result(operator, conversion.graph.add(
        "Resize", conversion.input(operator), "", "", size, mode="linear", coordinate_transformation_mode=how
    ))  # fmt: skip


def _depth_to_space(conversion: Conversion, operator: Operator) -> None:
    conversion.result(operator, conversion.graph.add(
        "DepthToSpace", conversion.input(operator), blocksize=operator.options["BlockSize"], mode="DCR"
    ))  # fmt: skip


def _slice(conversion: Conversion, operator: Operator) -> None:
    if conversion.shape(operator.inputs[0]) != conversion.shape(operator.outputs[0]):
        raise ValueError("only slices that keep everything are known")
    conversion.result(operator, conversion.input(operator))


def _same(kind: str) -> Callable[[Conversion, Operator], None]:
    """An operator that ONNX has too, and that does not depend on the order."""

    def convert(conversion: Conversion, operator: Operator) -> None:
        inputs = [conversion.input(operator, place) for place in range(len(operator.inputs))]
        conversion.result(operator, conversion.graph.add(kind, *inputs))

    return convert


OPERATORS: dict[str, Callable[[Conversion, Operator], None]] = {
    "CONV_2D": _convolution, "DEPTHWISE_CONV_2D": _convolution, "Convolution2DTransposeBias": _transposed_convolution,
    "MAX_POOL_2D": _pool("MaxPool"), "AVERAGE_POOL_2D": _pool("AveragePool"), "MEAN": _mean, "PAD": _pad,
    "PRELU": _prelu, "FULLY_CONNECTED": _fully_connected, "RESHAPE": _reshape, "CONCATENATION": _concatenation,
    "RESIZE_BILINEAR": _resize, "DEPTH_TO_SPACE": _depth_to_space, "STRIDED_SLICE": _slice,
    "ADD": _same("Add"), "MUL": _same("Mul"), "RELU": _same("Relu"), "LOGISTIC": _same("Sigmoid"),
    "HARD_SWISH": _same("HardSwish"),
    "Landmarks2TransformMatrix": attention_mesh.matrix_of_landmarks,
    "TransformTensorBilinear": attention_mesh.sampled_part, "TransformLandmarks": attention_mesh.moved_landmarks,
}  # fmt: skip
