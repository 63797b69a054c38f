"""A graph of ONNX under construction. Weights are stored as half floats and computed with as floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17  # which onnxruntime 1.20 knows


class GraphBuilder:
    """Collects nodes and weights by name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self._count = 0

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        name = self._fresh(kind)
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any, kind: Any = np.float32) -> str:
        """A constant as it is."""
        name = self._fresh("constant")
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(values, kind), name)
        return name

    def integers(self, *values: int) -> str:
        """A constant list of integers: a shape, axes, or where to slice."""
        return self.constant(values, np.int64)

    def weight(self, values: np.ndarray) -> str:
        """A trained weight: half floats are stored as such, and become floats when the file is loaded."""
        if values.dtype != np.float16:
            return self.constant(values)
        return self.add("Cast", self.constant(values, np.float16), to=TensorProto.FLOAT)

    def slice(self, name: str, start: int, end: int, axis: int) -> str:
        """A part of a tensor along an axis."""
        return self.add("Slice", name, self.integers(start), self.integers(end), self.integers(axis))

    def model(
        self, size: tuple[int, int], outputs: dict[str, tuple[str, tuple[int, ...]]], about: dict[str, str]
    ) -> onnx.ModelProto:
        """The network whose input is `image` (1, height, width, 3) uint8, without what no output needs.

        Args:
            size: height and width of the image.
            outputs: for each output's name, what it is called here and its shape.
            about: facts that the file carries.
        """
        self.nodes += [helper.make_node("Identity", [inner], [name]) for name, (inner, _) in outputs.items()]
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(node.input)
        graph = helper.make_graph(
            kept[::-1], about["name"],
            [helper.make_tensor_value_info("image", TensorProto.UINT8, (1, *size, 3))],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in outputs.items()],
            [weight for name, weight in self.weights.items() if name in needed],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        model.producer_name = "animcore tools/convert_trackers.py"
        helper.set_model_props(model, about)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _fresh(self, kind: str) -> str:
        self._count += 1
        return f"{kind.lower()}_{self._count}"
