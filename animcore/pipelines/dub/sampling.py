"""Images sampled along a flow: cubic, compiled where numba is there and NumPy alone elsewhere; smoothing by boxes."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatImage = NDArray[np.float32]
Number = Any


def sampled(image: Array, nodes: FloatImage, step: int, mask: NDArray[np.bool_]) -> FloatImage:
    """Return (H, W, 3) of an image along a flow, 0 where the mask is not set.

    Keys' cubic convolution (1981) with a = -0.5; coordinates beyond the image take its rim.

    Args:
        image: (h, w, 3), of any type of numbers.
        nodes: (gh, gw, 2) columns and rows in the image (the middle of the first pixel is 0) at every `step`-th pixel.
        step: pixels between nodes.
        mask: (H, W) which pixels are wanted; H - 1 <= (gh - 1) step, and so across.
    """
    out = np.zeros((*mask.shape, 3), np.float32)
    kernel = _compiled()
    if kernel is not None:
        kernel(image, nodes.astype(np.float32), step, mask, out)
        return out
    rows, columns = np.nonzero(mask)
    if len(rows):
        out[rows, columns] = _by_numpy(image, _between(nodes, rows / step, columns / step))
    return out


def _by_numpy(image: Array, places: FloatImage) -> FloatImage:
    """(P, 3) at places (P, 2)."""
    height, width = image.shape[:2]
    whole = np.floor(places).astype(int)
    share = (places - whole).astype(np.float32)
    found = np.zeros((len(places), 3), np.float32)
    across, down = _weights(share[:, 0]), _weights(share[:, 1])
    for row in range(4):
        y = np.clip(whole[:, 1] + row - 1, 0, height - 1)
        for column in range(4):
            x = np.clip(whole[:, 0] + column - 1, 0, width - 1)
            found += (down[row] * across[column])[:, None] * image[y, x]
    return found


def _between(nodes: FloatImage, rows: Array, columns: Array) -> FloatImage:
    """(P, 2) flow between its nodes."""
    top = np.minimum(rows.astype(int), nodes.shape[0] - 2)
    left = np.minimum(columns.astype(int), nodes.shape[1] - 2)
    v, u = (rows - top)[:, None], (columns - left)[:, None]
    upper = nodes[top, left] * (1 - u) + nodes[top, left + 1] * u
    lower = nodes[top + 1, left] * (1 - u) + nodes[top + 1, left + 1] * u
    return np.asarray(upper * (1 - v) + lower * v, np.float32)


def _weights(t: Array) -> tuple[Array, Array, Array, Array]:
    s = 1 - t
    return -0.5 * t * s * s, 1 + t * t * (1.5 * t - 2.5), 1 + s * s * (1.5 * s - 2.5), -0.5 * s * t * t


@functools.cache
def _compiled() -> Callable[..., None] | None:
    """The compiled loop, or None without numba."""
    if importlib.util.find_spec("numba") is None:
        return None
    from animcore.rendering.gaussian_rasterizers.numba_kernels import compiled

    return compiled(_loop, fast=True)


def _loop(image: Array, nodes: Array, step: Number, mask: Array, out: Array) -> None:
    """Fill `out` where the mask is set."""
    height, width = image.shape[0], image.shape[1]
    down, across = np.zeros(4, np.float32), np.zeros(4, np.float32)
    for row in range(mask.shape[0]):
        top = min(row // step, nodes.shape[0] - 2)
        v = (row - top * step) / step
        for column in range(mask.shape[1]):
            if not mask[row, column]:
                continue
            left = min(column // step, nodes.shape[1] - 2)
            u = (column - left * step) / step
            w00, w01, w10, w11 = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
            x = (nodes[top, left, 0] * w00 + nodes[top, left + 1, 0] * w01
                 + nodes[top + 1, left, 0] * w10 + nodes[top + 1, left + 1, 0] * w11)  # fmt: skip
            y = (nodes[top, left, 1] * w00 + nodes[top, left + 1, 1] * w01
                 + nodes[top + 1, left, 1] * w10 + nodes[top + 1, left + 1, 1] * w11)  # fmt: skip
            x = min(max(x, 0.0), width - 1.0)
            y = min(max(y, 0.0), height - 1.0)
            first, start = int(x), int(y)
            for axis in range(2):
                t = x - first if axis == 0 else y - start
                s = 1 - t
                weights = across if axis == 0 else down
                weights[0] = -0.5 * t * s * s
                weights[1] = 1 + t * t * (1.5 * t - 2.5)
                weights[2] = 1 + s * s * (1.5 * s - 2.5)
                weights[3] = -0.5 * s * t * t
            r, g, b = 0.0, 0.0, 0.0
            for j in range(4):
                at = min(max(start + j - 1, 0), height - 1)
                for i in range(4):
                    to = min(max(first + i - 1, 0), width - 1)
                    w = down[j] * across[i]
                    r += w * image[at, to, 0]
                    g += w * image[at, to, 1]
                    b += w * image[at, to, 2]
            out[row, column, 0], out[row, column, 1], out[row, column, 2] = r, g, b


def smoothed(values: Array, reach: float) -> FloatImage:
    """Return (H, W) or (H, W, C) after three boxes, which are nearly a Gaussian of `reach` pixels; rims repeat."""
    result = np.asarray(values, np.float32)
    # the variance of a box of n pixels is (n^2 - 1) / 12
    width = round(np.sqrt(4 * reach * reach + 1))
    half = max((width - 1) // 2 if width % 2 else width // 2, 0)
    if half == 0:
        return result
    small = max(result.shape[:2]) < 512  # so few that float32 sums them well enough
    for axis in (0, 1):
        for _ in range(3):
            pads = [(half + 1, half) if one == axis else (0, 0) for one in range(result.ndim)]
            sums = np.pad(result, pads, mode="edge").cumsum(axis, dtype=np.float32 if small else np.float64)
            size = result.shape[axis]
            ahead = sums.take(np.arange(2 * half + 1, 2 * half + 1 + size), axis)
            result = ((ahead - sums.take(np.arange(size), axis)) / (2 * half + 1)).astype(np.float32)
    return result


def filled(values: FloatImage, weight: FloatImage) -> FloatImage:
    """Return (H, W, C) values that are known where weight (H, W) is above 0, and smooth between: pull and push.

    Gortler et al., The Lumigraph (1996): means of known neighbours at half the size again and again, and back.
    """
    if min(weight.shape) <= 2:
        total = float(weight.sum())
        mean = (values * weight[..., None]).sum((0, 1)) / max(total, 1e-9)
        return np.where(weight[..., None] > 1e-3, values, mean).astype(np.float32)
    coarse = filled(*_halved(values, weight))
    back = _doubled(coarse, weight.shape)
    share = np.minimum(weight, 1.0)[..., None]
    return np.asarray(values * share + back * (1 - share), np.float32)


def _halved(values: FloatImage, weight: FloatImage) -> tuple[FloatImage, FloatImage]:
    height, width = weight.shape
    pads = ((0, height % 2), (0, width % 2))
    weight = np.pad(weight, pads)
    carried = np.pad(values, (*pads, (0, 0))) * weight[..., None]
    shape = weight.shape[0] // 2, 2, weight.shape[1] // 2, 2
    total = weight.reshape(shape).sum((1, 3))
    means = carried.reshape(*shape, -1).sum((1, 3)) / np.maximum(total, 1e-9)[..., None]
    return means.astype(np.float32), np.minimum(total, 1.0).astype(np.float32)


def _doubled(values: FloatImage, shape: tuple[int, ...]) -> FloatImage:
    rows, columns = (np.arange(count) / 2 - 0.25 for count in shape)
    rows = np.clip(rows, 0, values.shape[0] - 1)
    columns = np.clip(columns, 0, values.shape[1] - 1)
    top, left = rows.astype(int), columns.astype(int)
    v, u = (rows - top)[:, None, None], (columns - left)[None, :, None]
    below, right = np.minimum(top + 1, values.shape[0] - 1), np.minimum(left + 1, values.shape[1] - 1)
    upper = values[top][:, left] * (1 - u) + values[top][:, right] * u
    lower = values[below][:, left] * (1 - u) + values[below][:, right] * u
    return np.asarray(upper * (1 - v) + lower * v, np.float32)
