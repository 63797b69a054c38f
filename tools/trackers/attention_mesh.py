"""The three operators that MediaPipe's attention mesh brings along, in operators of ONNX, and the mesh's refinement.

The network finds 468 points, looks closer at the lips and the eyes ("Attention Mesh: High-fidelity Face Mesh Prediction
in Real-time"; Grishchenko, Ablavatski, Kartynnik, Raveendran, Grundmann 2020), and finds the irises. A closer look is a
part of the features, sampled along a rectangle that the points of the part lie in.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Which points of the mesh each closer look finds anew, in the network's order; lines of the lips and of the eyes.
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
    76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
    62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
)  # fmt: skip
RIGHT_EYE = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
    130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190,
    226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189,
    35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
)  # fmt: skip
LEFT_EYE = (
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
    359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414,
    446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413,
    265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336, 285, 417,
)  # fmt: skip
_MESH, _IRIS, _CONTOUR = 468, 5, 16  # points; of an eye, the first are its contour


def matrix_of_landmarks(conversion: Any, operator: Any) -> None:
    """Landmarks2TransformMatrix: (1, 4, 4) from a part's pixels to the rectangle around some landmarks (1, N, 3).

    The rectangle is turned so that two of the landmarks lie side by side; no angle is needed for that, its cosine and
    sine are the direction between them.
    """
    options, graph = operator.options, conversion.graph
    if options["target_rotation_radians"]:
        raise ValueError("only parts that stand upright are known")
    flat = graph.slice(conversion.input(operator), 0, 2, 2)

    def point(number: int) -> str:
        return graph.add("Gather", flat, graph.integers(number), axis=1)

    way = graph.add("Sub", point(options["right_rotation_idx"]), point(options["left_rotation_idx"]))  # (1, 1, 2)
    way = graph.add("Div", way, graph.add("ReduceL2", way, axes=(2,), keepdims=1))
    cosine, sine = graph.slice(way, 0, 1, 2), graph.slice(way, 1, 2, 2)
    back = graph.add("Neg", sine)
    upright = graph.add(  # (1, 2, 2), whose rows are applied to rows of points
        "Concat", graph.add("Concat", cosine, back, axis=2), graph.add("Concat", sine, cosine, axis=2), axis=1
    )
    chosen = graph.add("MatMul", graph.add("Gather", flat, graph.integers(*options["subset_idxs"]), axis=1), upright)
    high, low = (graph.add(kind, chosen, axes=(1,), keepdims=1) for kind in ("ReduceMax", "ReduceMin"))
    middle = graph.add("Mul", graph.add("Add", high, low), graph.constant(0.5))
    turned = graph.add("Transpose", upright, perm=(0, 2, 1))
    middle = graph.add("MatMul", middle, turned)  # (1, 1, 2) in the image again
    size = options["output_width"], options["output_height"]
    share = np.array([options["scale_x"] / size[0], options["scale_y"] / size[1]], np.float32)
    scale = graph.add("Mul", graph.add("Sub", high, low), graph.constant(share.reshape(1, 1, 2)))
    linear = graph.add("Mul", upright, scale)  # columns scaled: pixels of the part first become lengths
    half = graph.constant(np.array(size, np.float32).reshape(1, 2, 1) / 2)
    shift = graph.add("Sub", graph.add("Transpose", middle, perm=(0, 2, 1)), graph.add("MatMul", linear, half))
    zeros = graph.constant(np.zeros((1, 2, 1)))
    rows = graph.add("Concat", linear, zeros, shift, axis=2)
    conversion.result(operator, graph.add("Concat", rows, graph.constant(np.eye(4)[None, 2:]), axis=1))


def _rows(conversion: Any, matrix: str) -> tuple[str, str]:
    """The linear part (1, 2, 2) and the shift (1, 2, 1) of a matrix (1, 4, 4)."""
    top = conversion.graph.slice(matrix, 0, 2, 1)
    return conversion.graph.slice(top, 0, 2, 2), conversion.graph.slice(top, 3, 4, 2)


def sampled_part(conversion: Any, operator: Any) -> None:
    """TransformTensorBilinear: features (1, C, H, W) where a matrix takes each pixel; zero outside of them.

    Rows of channels are gathered from the four pixels around each place, which is faster than GridSample.
    """
    options, graph = operator.options, conversion.graph
    _, height, width, channels = conversion.shape(operator.inputs[0])
    rows, columns = np.mgrid[: options["output_height"], : options["output_width"]]
    # pixels have their middles at halves, on both sides of the matrix
    pixels = np.stack([columns, rows]).reshape(1, 2, -1).astype(np.float32) + 0.5
    linear, shift = _rows(conversion, conversion.input(operator, 1))
    places = graph.add("Add", graph.add("MatMul", linear, graph.constant(pixels)), shift)
    places = graph.add("Sub", places, graph.constant(0.5))
    places = graph.add("Reshape", places, graph.integers(1, 2, 1, -1))
    limits = graph.constant(np.array([width - 1, height - 1]).reshape(1, 2, 1, 1))
    zero, one = graph.constant(0.0), graph.constant(1.0)
    within = graph.add("And", graph.add("GreaterOrEqual", places, zero), graph.add("LessOrEqual", places, limits))
    around = graph.constant(np.array([[0, 1, 0, 1], [0, 0, 1, 1]]).reshape(1, 2, 4, 1))
    corners = graph.add("Add", graph.add("Floor", places), around)  # (1, 2, 4, N)
    shares = graph.add("Sub", one, graph.add("Abs", graph.add("Sub", corners, places)))
    shares = graph.add("Mul", shares, graph.add("Cast", within, to=1))
    shares = graph.add("Reshape", graph.add("ReduceProd", shares, axes=(1,), keepdims=0), graph.integers(4, -1, 1))
    corners = graph.add("Min", graph.add("Max", corners, zero), limits)
    strides = graph.constant(np.array([1.0, width]).reshape(1, 2, 1, 1))  # from X and Y to the number of a pixel
    numbers = graph.add("ReduceSum", graph.add("Mul", corners, strides), graph.integers(0, 1), keepdims=0)
    features = graph.add("Transpose", conversion.input(operator), perm=(0, 2, 3, 1))
    features = graph.add("Reshape", features, graph.integers(height * width, channels))
    taken = graph.add("Gather", features, graph.add("Cast", numbers, to=7), axis=0)  # (4, N, C)
    total = graph.add("ReduceSum", graph.add("Mul", taken, shares), graph.integers(0), keepdims=0)
    shape = (1, options["output_height"], options["output_width"], channels)
    conversion.result(operator, graph.add(
        "Transpose", graph.add("Reshape", total, graph.integers(*shape)), perm=(0, 3, 1, 2)
    ))  # fmt: skip


def moved_landmarks(conversion: Any, operator: Any) -> None:
    """TransformLandmarks: points (1, N, 2) where a matrix takes them."""
    if operator.options.get("dimensions", 2) != 2:
        raise ValueError("only landmarks in the image are known")
    graph = conversion.graph
    linear, shift = _rows(conversion, conversion.input(operator, 1))
    moved = graph.add("MatMul", conversion.input(operator), graph.add("Transpose", linear, perm=(0, 2, 1)))
    conversion.result(operator, graph.add("Add", moved, graph.add("Transpose", shift, perm=(0, 2, 1))))


def refined(conversion: Any) -> str:
    """(478, 3) points of the crop: the mesh's, with what the closer looks found, and the irises at their eyes' depth.

    The network's outputs are the mesh, the lips, one eye and the other, one iris and the other; the person's right
    eye, which is on the left of the image, comes first.
    """
    graph = conversion.graph
    mesh, lips, *eyes = (conversion.channels_last(number) for number in conversion.network.outputs[:6])
    points = graph.add("Reshape", mesh, graph.integers(_MESH, 3))
    flat = [graph.slice(points, 0, 2, 1)] + [
        graph.add("Reshape", part, graph.integers(-1, 2)) for part in (lips, *eyes)
    ]
    source = np.arange(_MESH + 2 * _IRIS)
    begin = _MESH
    for part in (LIPS, RIGHT_EYE, LEFT_EYE, range(_MESH, _MESH + _IRIS), range(_MESH + _IRIS, _MESH + 2 * _IRIS)):
        source[list(part)] = begin + np.arange(len(part))
        begin += len(part)
    flat_points = graph.add("Gather", graph.add("Concat", *flat, axis=0), graph.constant(source, np.int64), axis=0)
    depth = graph.slice(points, 2, 3, 1)
    irises = []
    for eye in (RIGHT_EYE, LEFT_EYE):
        contour = graph.add("Gather", depth, graph.integers(*eye[:_CONTOUR]), axis=0)
        mean = graph.add("ReduceMean", contour, axes=(0,), keepdims=1)
        irises.append(graph.add("Expand", mean, graph.integers(_IRIS, 1)))
    return graph.add("Concat", flat_points, graph.add("Concat", depth, *irises, axis=0), axis=1)
