"""Convert the networks that MediaPipe's wheel carries to ONNX: assets/trackers/*.onnx.

    pip install tflite flatbuffers onnx && pip download --no-deps mediapipe==0.10.21
    python tools/convert_trackers.py mediapipe-0.10.21-*.whl

What lies around a network in MediaPipe's graphs and needs nothing but tensors comes into the file with it: pixels are
brought to the range that the network expects, anchors are added to what a detector finds, the parts of the attention
mesh are joined. The weights are Google's, unchanged: half floats where they are half floats.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from trackers import attention_mesh, tflite_reader
from trackers.operators import Conversion

OUT = Path(__file__).resolve().parent.parent / "assets" / "trackers"
Outputs = dict[str, tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class Source:
    """A network of the wheel.

    Attributes:
        path: below mediapipe/modules.
        size: height and width of the image that it takes.
        outputs: makes what the file gives, from the converted network.
        low: of the range of the pixels, whose other end is 1.
    """

    path: str
    size: tuple[int, int]
    outputs: Callable[[Conversion], Outputs]
    low: float = 0.0


def detector(strides: tuple[int, ...]) -> Callable[[Conversion], Outputs]:
    """Boxes (N, 4 + 2 K): middle, width and height, and K points, in shares of the image; and their scores (N,)."""

    def outputs(conversion: Conversion) -> Outputs:
        graph, (boxes, scores) = conversion.graph, conversion.network.outputs
        side = conversion.shape(conversion.network.inputs[0])[1]
        _, count, width = conversion.shape(boxes)
        middles = anchors(side, strides)
        if len(middles) != count:
            raise ValueError(f"{count} boxes, {len(middles)} anchors")
        points = graph.constant(middles)
        parts = [points, graph.constant(np.zeros((count, 2)))] + [points] * ((width - 4) // 2)
        raw = graph.add("Reshape", conversion.names[boxes], graph.integers(count, width))
        shares = graph.add("Mul", raw, graph.constant(1 / side))
        found = graph.add("Add", shares, graph.add("Concat", *parts, axis=1))
        limits = graph.constant(-100.0), graph.constant(100.0)
        flat = graph.add("Clip", graph.add("Reshape", conversion.names[scores], graph.integers(count)), *limits)
        return {"boxes": (found, (count, width)), "scores": (graph.add("Sigmoid", flat), (count,))}

    return outputs


def anchors(side: int, strides: tuple[int, ...]) -> np.ndarray:
    """(N, 2) x and y of the middles of a detector's cells, in shares of the image: two boxes in each, a stride."""
    found = []
    for stride in sorted(set(strides)):
        cells = side // stride
        rows, columns = (np.mgrid[:cells, :cells] + 0.5) / cells
        found.append(np.repeat(np.stack([columns, rows], -1).reshape(-1, 2), 2 * strides.count(stride), 0))
    return np.concatenate(found).astype(np.float32)


def face_mesh(conversion: Conversion) -> Outputs:
    """Points (478, 3) in pixels of the crop, and how sure it is (1,) that it shows a face."""
    graph = conversion.graph
    flag = graph.add("Reshape", conversion.names[conversion.network.outputs[6]], graph.integers(1))
    points = attention_mesh.refined(conversion)
    return {"points": (points, (478, 3)), "score": (graph.add("Sigmoid", flag), (1,))}


def person_mask(conversion: Conversion) -> Outputs:
    """(256, 256) 0..1 where a person is."""
    graph = conversion.graph
    name = conversion.names[conversion.network.outputs[0]]
    return {"mask": (graph.add("Reshape", name, graph.integers(256, 256)), (256, 256))}


def hand(conversion: Conversion) -> Outputs:
    """Points (21, 3) in pixels of the crop, how sure it is of a hand and of a right one, and places in metres."""
    graph = conversion.graph
    points, score, right, metres = (conversion.names[number] for number in conversion.network.outputs)
    joints = graph.integers(21, 3)
    return {
        "points": (graph.add("Reshape", points, joints), (21, 3)),
        "score": (graph.add("Reshape", score, graph.integers(1)), (1,)),
        "right": (graph.add("Reshape", right, graph.integers(1)), (1,)),
        "metres": (graph.add("Reshape", metres, joints), (21, 3)),
    }


def body(conversion: Conversion) -> Outputs:
    """Points (39, 5): x, y, z in pixels of the crop, visibility, presence; heat maps; places in metres."""
    graph = conversion.graph
    points, score, _, heat, metres = (conversion.names[number] for number in conversion.network.outputs)
    points = graph.add("Reshape", points, graph.integers(39, 5))
    sure = graph.add("Sigmoid", graph.slice(points, 3, 5, 1))
    return {
        "points": (graph.add("Concat", graph.slice(points, 0, 3, 1), sure, axis=1), (39, 5)),
        "score": (graph.add("Reshape", score, graph.integers(1)), (1,)),
        "heat": (graph.add("Sigmoid", graph.add("Reshape", heat, graph.integers(39, 64, 64))), (39, 64, 64)),
        "metres": (graph.add("Reshape", metres, graph.integers(39, 3)), (39, 3)),
    }


NETWORKS = {
    "face_detector": Source(
        "face_detection/face_detection_short_range.tflite", (128, 128), detector((8, 16, 16, 16)), -1.0
    ),
    "face_mesh": Source("face_landmark/face_landmark_with_attention.tflite", (192, 192), face_mesh),
    "person_mask": Source("selfie_segmentation/selfie_segmentation.tflite", (256, 256), person_mask),
    "palm_detector": Source("palm_detection/palm_detection_full.tflite", (192, 192), detector((8, 16, 16, 16))),
    "hand": Source("hand_landmark/hand_landmark_full.tflite", (224, 224), hand),
    "body_detector": Source("pose_detection/pose_detection.tflite", (224, 224), detector((8, 16, 32, 32, 32)), -1.0),
    "body": Source("pose_landmark/pose_landmark_full.tflite", (256, 256), body),
}


def convert(data: bytes, name: str, source: Source) -> bytes:
    """The ONNX file of a network of the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(data)
        conversion = Conversion(tflite_reader.read(path), source.low, 1.0)
    about = {
        "name": name, "source": f"mediapipe/modules/{source.path}", "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "Apache-2.0, Copyright The MediaPipe Authors",
    }  # fmt: skip
    return bytes(conversion.graph.model(source.size, source.outputs(conversion), about).SerializeToString())


def main() -> None:
    """Convert all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="mediapipe-0.10.21-*.whl")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.wheel) as wheel:
        for name, source in NETWORKS.items():
            data = convert(wheel.read(f"mediapipe/modules/{source.path}"), name, source)
            (options.out / f"{name}.onnx").write_bytes(data)
            print(f"{name}.onnx  {len(data) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
