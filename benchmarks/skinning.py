"""How long 1,000 frames of the open head and the open body take: `python benchmarks/skinning.py [--device cuda]`.

Poses, expressions and person are random. Each way runs once to warm up, then three times, in turn with the others, so
that all meet the same load of the machine. Printed are the median and the best time, the processor's seconds of all
threads in the best run (which other programs disturb least), and how far the vertices lie from those of numpy. Ways
that are not installed are left out: torch and the smplx package (which takes batches of 50 frames here, since it holds
a matrix a vertex and frame).
"""

from __future__ import annotations

import argparse
import importlib.util
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

from animcore.body_models.parametric_model import FOLDER, OPEN_MODELS, ParametricModel, load_model

FRAMES, RUNS, BATCH = 1000, 3, 50
_PARTS = {
    "flame": {
        "global_orient": (0, 1),
        "neck_pose": (1, 2),
        "jaw_pose": (2, 3),
        "leye_pose": (3, 4),
        "reye_pose": (4, 5),
    },
    "smplx": {
        **{"global_orient": (0, 1), "body_pose": (1, 22), "jaw_pose": (22, 23), "leye_pose": (23, 24)},
        **{"reye_pose": (24, 25), "left_hand_pose": (25, 40), "right_hand_pose": (40, 55)},
    },
}

Arguments = dict[str, Any]
Way = Callable[[], Any]


def main() -> None:
    """Print a table for both models."""
    parser = argparse.ArgumentParser(description="Time the posing of 1,000 frames.")
    parser.add_argument("--device", default="cpu", help="where torch computes, such as cuda")
    device: str = parser.parse_args().device
    print(f"machine: {describe()}, numpy {np.__version__}{_torch_version(device)}")
    print(f"command: python {' '.join(sys.argv)}")
    heads = f"{'median':>9s} {'best':>9s} {'processor':>10s} {'frames/s':>9s} {'beside numpy':>13s}"
    print(f"{'model':>10s} {'way':>14s} {heads}")
    for name in OPEN_MODELS:
        model = load_model(name)
        for way, times, busy, apart in measured(ways(model, device)):
            median = statistics.median(times)
            taken = f"{median:7.3f} s {min(times):7.3f} s {min(busy):8.3f} s {FRAMES / median:9.0f}"
            print(f"{name:>10s} {way:>14s} {taken} {apart:10.5f} mm", flush=True)


def ways(model: ParametricModel, device: str) -> dict[str, Way]:
    """The ways of posing a model that are at hand; each returns the vertices as a numpy array."""
    rng = np.random.default_rng(0)
    arguments: Arguments = {
        "pose": rng.normal(0.0, 0.3, (FRAMES, len(model.parents), 3)).astype(np.float32),
        "expression": rng.normal(0.0, 1.0, (FRAMES, model.expression_count)).astype(np.float32),
        "shape": rng.normal(0.0, 1.0, model.shape_count).astype(np.float32),
        "translation": np.zeros((FRAMES, 3), np.float32),
    }
    found: dict[str, Way] = {"numpy": lambda: model.posed(**arguments)[0]}
    if importlib.util.find_spec("torch"):
        found[f"torch {device}"] = _tensors(model, arguments, device)
    if importlib.util.find_spec("torch") and importlib.util.find_spec("smplx"):
        found[f"smplx {device}"] = _smplx(model, arguments, device)
    return found


def measured(found: dict[str, Way]) -> list[tuple[str, list[float], list[float], float]]:
    """Name, seconds and processor's seconds of every run, largest distance from the first way's vertices in mm."""
    times: dict[str, list[float]] = {name: [] for name in found}
    busy: dict[str, list[float]] = {name: [] for name in found}
    apart: dict[str, float] = {}
    reference = None
    for name, way in found.items():
        vertices = way()
        vertices = vertices if isinstance(vertices, np.ndarray) else vertices.cpu().numpy()
        reference = vertices if reference is None else reference
        apart[name] = float(np.abs(vertices - reference).max()) * 1000
    for _ in range(RUNS):
        for name, way in found.items():
            start, start_busy = time.perf_counter(), time.process_time()
            way()
            times[name].append(time.perf_counter() - start)
            busy[name].append(time.process_time() - start_busy)
    return [(name, times[name], busy[name], apart[name]) for name in found]


def _tensors(model: ParametricModel, arguments: Arguments, device: str) -> Way:
    import torch

    on_device = model.on(device)
    tensors = {key: torch.as_tensor(value, device=device) for key, value in arguments.items()}

    def run() -> Any:
        with torch.no_grad():
            vertices = on_device.posed(**tensors)[0]
        if device != "cpu":
            torch.cuda.synchronize()
        return vertices

    return run


def _smplx(model: ParametricModel, arguments: Arguments, device: str) -> Way:
    import smplx
    import torch

    options = {"ext": "npz", "num_betas": model.shape_count, "num_expression_coeffs": model.expression_count}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "SMPLX_NEUTRAL.npz").symlink_to(FOLDER / "open_body.npz")
        (Path(folder) / "FLAME_NEUTRAL.npz").symlink_to(FOLDER / "open_head.npz")
        landmarks = {"lmk_face_idx": model.extras["lmk_faces_idx"], "lmk_b_coords": model.extras["lmk_bary_coords"]}
        (Path(folder) / "flame_static_embedding.pkl").write_bytes(pickle.dumps(landmarks))
        if model.kind == "flame":
            oracle = smplx.FLAME(folder, batch_size=BATCH, **options)
        else:
            oracle = smplx.SMPLX(folder, batch_size=BATCH, use_pca=False, flat_hand_mean=True, **options)
    oracle = oracle.to(device)
    tensors = {key: torch.as_tensor(value, device=device) for key, value in arguments.items()}

    def batch(first: int) -> Any:
        frames = slice(first, first + BATCH)
        pose = tensors["pose"][frames]
        parts = {key: pose[:, low:high].reshape(len(pose), -1) for key, (low, high) in _PARTS[model.kind].items()}
        betas = tensors["shape"].expand(len(pose), -1)
        return oracle(betas=betas, expression=tensors["expression"][frames], **parts).vertices

    def run() -> Any:
        with torch.no_grad():
            vertices = torch.cat([batch(first) for first in range(0, FRAMES, BATCH)])
        if device != "cpu":
            torch.cuda.synchronize()
        return vertices

    return run


def _torch_version(device: str) -> str:
    if not importlib.util.find_spec("torch"):
        return ""
    import torch

    where = "" if device == "cpu" else f" on {torch.cuda.get_device_name()}"
    return f", torch {torch.__version__}{where}"


if __name__ == "__main__":
    main()
