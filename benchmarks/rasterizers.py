"""All rasterizers of Gaussians side by side: `python benchmarks/rasterizers.py [--quick]`.

The cloud is spread over the surface of assets/bodies/open_head.npz, which fills half of the picture; its harmonics are
of degree 3. Prints milliseconds a picture (the best of several runs), forward and with gradients, how they grow with
Gaussians and pixels, and the memory that a picture needs. gsplat has rows where CUDA is at hand.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from machine import describe

from animcore.avatar.camera import Camera
from animcore.avatar.mesh_raster import draw_mesh
from animcore.avatar.rasterize import draw, module_of, rasterize_torch
from animcore.avatar.splats import Splats
from animcore.errors import InputError

HEAD = Path(__file__).resolve().parents[1] / "assets" / "bodies" / "open_head.npz"
FILLS = 1.09  # of the head's height over the picture's, so that it covers half of the pixels
GAUSSIANS, SIZE = 50_000, 512


def cloud(count: int, seed: int = 0) -> Splats:
    """Flat Gaussians on the surface of the head, as large as they must be to cover it."""
    dice = np.random.default_rng(seed)
    with np.load(HEAD, allow_pickle=False) as head:
        corners = head["v_template"][head["f"]]
    crosses = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(crosses, axis=1) / 2
    faces = dice.choice(len(corners), count, p=areas / areas.sum())
    means = (corners[faces] * dice.dirichlet((1, 1, 1), count)[:, :, None]).sum(1)
    normals = crosses[faces] / (2 * areas[faces, None])
    turns = np.stack((1 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(count)), 1)
    turns[np.linalg.norm(turns, axis=1) < 1e-6] = (0, 1, 0, 0)
    scales = np.sqrt(areas.sum() / count) * dice.uniform(0.35, 1.0, (count, 3)) * (1, 1, 0.2)
    shades = dice.normal(0, 0.05, (count, 16, 3))
    shades[:, 0] = dice.normal(0.5, 0.4, (count, 3))
    opacities = 1 / (1 + np.exp(-dice.normal(1, 1.5, count)))
    values = (means, turns / np.linalg.norm(turns, axis=1, keepdims=True), scales, opacities, shades)
    return Splats(*(np.ascontiguousarray(value, np.float32) for value in values))


def portrait(size: int) -> Camera:
    """A camera before the face."""
    with np.load(HEAD, allow_pickle=False) as head:
        low, high = head["v_template"].min(0), head["v_template"].max(0)
    pose = np.eye(4)
    pose[:3, 3] = (low + high) / 2 + (0, 0, 1)
    return Camera.from_opengl(pose, (size, size), (FILLS * size / float(high[1] - low[1]),) * 2)


def best(work: Callable[[], object], runs: int) -> float:
    """Milliseconds of the quickest of several runs; the first, which compiles, does not count."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def fitting(backend: str, splats: Splats, camera: Camera) -> Callable[[], None]:
    """One picture and its gradients, as a step of a fit has them."""
    import torch

    device = "cuda" if backend == "gsplat" else "cpu"
    names = ("means", "rotations", "scales", "opacities", "harmonics")
    tensors = [torch.tensor(getattr(splats, name), device=device, requires_grad=True) for name in names]

    def step() -> None:
        colour, depth, alpha = rasterize_torch(*tensors, camera, backend=backend)
        (colour.sum() + depth.sum() + alpha.sum()).backward()
        if device == "cuda":
            torch.cuda.synchronize()

    return step


def usable(backend: str) -> bool:
    """Whether a backend can run here."""
    try:
        module_of(backend)
    except InputError:
        return False
    if backend != "gsplat":
        return True
    import torch

    return bool(torch.cuda.is_available())


def side_by_side(runs: int) -> None:
    """Print the table of backends."""
    splats, camera = cloud(GAUSSIANS), portrait(SIZE)
    covered = float((draw(splats, camera).alpha > 0.5).mean())
    print(f"\n{GAUSSIANS:,} Gaussians, {SIZE} x {SIZE}; the head covers {covered:.0%}\n")
    print("| backend | forward ms | frames a second | forward and backward ms | memory MB |\n|---|---|---|---|---|")
    times: dict[str, list[float]] = {}
    for backend in filter(usable, ("reference", "numpy", "numba", "gsplat")):
        few = runs if backend in ("numba", "gsplat") else 2
        forward = best(lambda name=backend: draw(splats, camera, backend=name), few)  # type: ignore[misc]
        both = float("nan") if backend == "numpy" else best(fitting(backend, splats, camera), few)
        times[backend] = [forward, both]
        print(
            f"| {backend} | {forward:.1f} | {1000 / forward:.1f} | {both:.1f} | {memory(backend)} |",
            flush=True,
        )
    if {"reference", "numba"} <= times.keys():
        gains = [slow / fast for slow, fast in zip(times["reference"], times["numba"], strict=True)]
        back = (times["reference"][1] - times["reference"][0]) / max(times["numba"][1] - times["numba"][0], 1e-3)
        print(f"\nnumba against the reference: {gains[0]:.0f} times forward, {gains[1]:.0f} with gradients, "
              f"{back:.0f} for the gradients alone")  # fmt: skip


def memory(backend: str) -> str:
    """Megabytes that a picture and its gradients (of numpy, which has none, the picture) need, in a fresh process."""
    command = [sys.executable, __file__, "--memory", backend]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def measure_memory(backend: str) -> None:
    """Print what `memory` asks for."""
    splats, camera = cloud(GAUSSIANS), portrait(SIZE)

    def work(some: Splats) -> Callable[[], object]:
        return (lambda: draw(some, camera, backend=backend)) if backend == "numpy" else fitting(backend, some, camera)

    work(splats.part(np.arange(8)))()  # what is imported or compiled does not count
    step, process, over, seen = work(splats), psutil.Process(), threading.Event(), [0]
    before = process.memory_info().rss

    def watch() -> None:
        while not over.wait(0.001):
            seen.append(process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    step()
    over.set()
    watcher.join()
    if backend == "gsplat":
        import torch

        seen = [torch.cuda.max_memory_allocated()]
    print(f"{max(seen) / 1e6:.0f}")


def growth(runs: int) -> None:
    """Print how time grows, for the rasterizer of processors and where it is at hand for gsplat."""
    fast = [name for name in ("numba", "gsplat") if usable(name)]
    print(f"\n| Gaussians, at {SIZE} x {SIZE} | " + " | ".join(f"{name} ms" for name in fast) + " |")
    print("|---" * (1 + len(fast)) + "|")
    for count in (5_000, 50_000, 160_000, 500_000):
        splats, camera = cloud(count), portrait(SIZE)
        row = [best(lambda name=name: draw(splats, camera, backend=name), runs) for name in fast]  # type: ignore[misc]  # noqa: B023
        print(f"| {count:,} | " + " | ".join(f"{value:.1f}" for value in row) + " |", flush=True)
    print(f"\n| pixels, of {GAUSSIANS:,} Gaussians | " + " | ".join(f"{name} ms" for name in fast) + " | mesh ms |")
    print("|---" * (2 + len(fast)) + "|")
    splats = cloud(GAUSSIANS)
    with np.load(HEAD, allow_pickle=False) as head:
        vertices, faces = head["v_template"], head["f"]
    for size in (128, 256, 512, 1024, 2048):
        camera = portrait(size)
        row = [best(lambda name=name: draw(splats, camera, backend=name), runs) for name in fast]  # type: ignore[misc]  # noqa: B023
        row.append(best(lambda: draw_mesh(vertices, faces, camera), runs))  # noqa: B023
        print(f"| {size} x {size} | " + " | ".join(f"{value:.1f}" for value in row) + " |", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first table alone, of few runs")
    parser.add_argument("--memory", metavar="BACKEND", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.memory)
        return
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}")
    side_by_side(5 if options.quick else 30)
    if not options.quick:
        growth(10)


if __name__ == "__main__":
    main()
