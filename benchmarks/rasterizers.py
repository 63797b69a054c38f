"""All rasterizers of Gaussians side by side: `python benchmarks/rasterizers.py [--quick | --driving]`.

The cloud is spread over the surface of assets/bodies/open_head.npz, which fills half of the picture; its harmonics are
of degree 3. Prints milliseconds a picture (the best of several runs), forward and with gradients, how they grow with
Gaussians and pixels, and the memory that a picture needs. Where PyTorch finds CUDA, gsplat and Warp draw there, from
tensors that lie there, and the memory is the card's (what Warp takes for a moment to sort is not in it).

`--driving` prints frames a second of a head that moves: 160,000 Gaussians on the triangles of the open head, 802 x 550,
posed, placed and drawn, each frame anew. The goal is 400 on an NVIDIA H200.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from machine import describe

from animcore.body_models.parametric_model import load_model
from animcore.errors import InputError
from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import Gaussians
from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers.rasterize import draw, module_of, rasterize_torch
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh

HEAD = Path(__file__).resolve().parents[1] / "assets" / "bodies" / "open_head.npz"
FILLS = 1.09  # of the head's height over the picture's, so that it covers half of the pixels
GAUSSIANS, SIZE = 50_000, 512
DRIVEN, FILM = 160_000, (802, 550)
TAKE, PIECE = 256, 32  # frames on a card, and those that are posed together; a processor plays no more than these
SLACK = 0.003  # metres that Gaussians may lie behind the mesh
CARDS = ("gsplat", "warp")  # backends that draw on a card
VALUES = ("means", "rotations", "scales", "opacities", "harmonics")


def cloud(count: int, seed: int = 0) -> Gaussians:
    """Flat Gaussians on the surface of the head, as large as they must be to cover it; they know their triangles."""
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
    return Gaussians(*(np.ascontiguousarray(value, np.float32) for value in values), binding=faces)


def standing(splats: Gaussians) -> Gaussians:
    """The same in the world."""
    return replace(splats, binding=None)


def portrait(width: int, height: int | None = None) -> Camera:
    """A camera before the face; square where no height is given."""
    height = height or width
    with np.load(HEAD, allow_pickle=False) as head:
        low, high = head["v_template"].min(0), head["v_template"].max(0)
    pose = np.eye(4)
    pose[:3, 3] = (low + high) / 2 + (0, 0, 1)
    return Camera.from_opengl(pose, (width, height), (FILLS * height / float(high[1] - low[1]),) * 2)


def best(work: Callable[[], object], runs: int) -> float:
    """Milliseconds of the quickest of several runs; the first, which compiles, does not count."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def card() -> bool:
    """Whether PyTorch finds CUDA."""
    import torch

    return bool(torch.cuda.is_available())


def place_of(backend: str) -> str:
    """The device where a backend draws."""
    return "cuda" if backend in CARDS and card() else "cpu"


def drawing(backend: str, splats: Gaussians, camera: Camera) -> Callable[[], object]:
    """One picture: of arrays, or on a card of tensors that lie there."""
    if place_of(backend) == "cpu":
        return lambda: draw(splats, camera, backend=backend)
    import torch

    tensors = [torch.tensor(getattr(splats, name), device="cuda") for name in VALUES]

    def step() -> None:
        with torch.no_grad():
            rasterize_torch(*tensors, camera, backend=backend)
        torch.cuda.synchronize()

    return step


def covering(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> Callable[[], object]:
    """A mesh drawn on the card where it lies."""
    import torch

    places, corners = torch.tensor(vertices, device="cuda"), torch.tensor(faces, device="cuda")

    def step() -> None:
        draw_mesh(places, corners, camera)
        torch.cuda.synchronize()

    return step


def fitting(backend: str, splats: Gaussians, camera: Camera) -> Callable[[], None]:
    """One picture and its gradients, as a step of a fit has them."""
    import torch

    device = place_of(backend)
    tensors = [torch.tensor(getattr(splats, name), device=device, requires_grad=True) for name in VALUES]

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
    return backend != "gsplat" or card()


def quick_ones() -> list[str]:
    """The backends that are made for speed here: Warp is on cards alone."""
    return [name for name in ("numba", *CARDS) if usable(name) and (name == "numba" or card())]


def side_by_side(runs: int) -> None:
    """Print the table of backends."""
    splats, camera = standing(cloud(GAUSSIANS)), portrait(SIZE)
    covered = float((draw(splats, camera).alpha > 0.5).mean())
    print(f"\n{GAUSSIANS:,} Gaussians, {SIZE} x {SIZE}; the head covers {covered:.0%}\n")
    print("| backend | forward ms | frames a second | forward and backward ms | memory MB |\n|---|---|---|---|---|")
    times: dict[str, list[float]] = {}
    for backend in filter(usable, ("reference", "numpy", "numba", *CARDS)):
        few = runs if backend in quick_ones() else 2
        forward = best(drawing(backend, splats, camera), few)
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
    splats, camera = standing(cloud(GAUSSIANS)), portrait(SIZE)

    def work(some: Gaussians) -> Callable[[], object]:
        return (lambda: draw(some, camera, backend=backend)) if backend == "numpy" else fitting(backend, some, camera)

    work(splats.part(np.arange(8)))()  # what is imported or compiled does not count
    step, process, over, seen = work(splats), psutil.Process(), threading.Event(), [0]
    if place_of(backend) == "cuda":
        import torch

        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    before = process.memory_info().rss

    def watch() -> None:
        while not over.wait(0.001):
            seen.append(process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    step()
    over.set()
    watcher.join()
    if place_of(backend) == "cuda":
        seen = [torch.cuda.max_memory_allocated() - held]
    print(f"{max(seen) / 1e6:.0f}")


def growth(runs: int) -> None:
    """Print how time grows, for the rasterizer of processors and where there is a card for those that draw there."""
    fast = quick_ones()
    print(f"\n| Gaussians, at {SIZE} x {SIZE} | " + " | ".join(f"{name} ms" for name in fast) + " |")
    print("|---" * (1 + len(fast)) + "|")
    for count in (5_000, 50_000, 160_000, 500_000):
        splats, camera = standing(cloud(count)), portrait(SIZE)
        row = [best(drawing(name, splats, camera), runs) for name in fast]
        print(f"| {count:,} | " + " | ".join(f"{value:.1f}" for value in row) + " |", flush=True)
    print(f"\n| pixels, of {GAUSSIANS:,} Gaussians | " + " | ".join(f"{name} ms" for name in fast)
          + " | mesh ms |" + " mesh on the card ms |" * card())  # fmt: skip
    print("|---" * (2 + len(fast) + card()) + "|")
    splats = standing(cloud(GAUSSIANS))
    with np.load(HEAD, allow_pickle=False) as head:
        vertices, faces = head["v_template"], head["f"]
    for size in (128, 256, 512, 1024, 2048):
        camera = portrait(size)
        row = [best(drawing(name, splats, camera), runs) for name in fast]
        row.append(best(lambda: draw_mesh(vertices, faces, camera), runs))  # noqa: B023
        if card():
            row.append(best(covering(vertices, faces, camera), runs))
        print(f"| {size} x {size} | " + " | ".join(f"{value:.1f}" for value in row) + " |", flush=True)


class AnimatedHead:
    """The open head in motion, with Gaussians on it, where a backend draws."""

    def __init__(self, backend: str, hidden: bool):
        """Take a backend, and whether the mesh hides what is behind it."""
        self.backend, self.hidden, self.device = backend, hidden, place_of(backend)
        self.camera, splats, model = portrait(*FILM), cloud(DRIVEN), load_model(HEAD)
        rest = triangle_binding.frames(model.template, model.faces)
        splats, self.faces = triangle_binding.to_local(standing(splats), rest, splats.binding), model.faces
        self.frames = TAKE if self.device == "cuda" else PIECE
        dice, beat = np.random.default_rng(0), np.linspace(0, 8 * np.pi, self.frames)[:, None]
        self.expression = np.sin(beat + dice.uniform(0, 7, model.expression_count)).astype(np.float32) * 0.5
        self.pose = 0.05 * np.sin(beat + dice.uniform(0, 7, 3 * len(model.parents))).astype(np.float32)
        self.pose = self.pose.reshape(self.frames, -1, 3)
        self.model, self.splats = model, splats
        if self.device == "cuda":
            import torch

            self.model, self.faces = model.on("cuda"), torch.tensor(model.faces, device="cuda")
            fields = {name: torch.tensor(getattr(splats, name), device="cuda") for name in (*VALUES, "binding")}
            self.splats = Gaussians(**fields)

    def play(self, drawn: bool) -> float:
        """Return the seconds that a frame takes, with or without its picture."""
        start = time.perf_counter()
        for first in range(0, self.frames, PIECE):
            piece = slice(first, first + PIECE)
            for vertices in self.model.posed(self.pose[piece], self.expression[piece])[0]:
                splats = triangle_binding.to_world(self.splats, triangle_binding.frames(vertices, self.faces))
                if drawn:
                    self.picture(splats, vertices)
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()
        return (time.perf_counter() - start) / self.frames

    def picture(self, splats: Gaussians, vertices: object) -> None:
        """Draw one frame."""
        limit = draw_mesh(vertices, self.faces, self.camera).depth + SLACK if self.hidden else None
        if self.device == "cuda":
            rasterize_torch(*(getattr(splats, name) for name in VALUES), self.camera, limit=limit, backend=self.backend)
        else:
            draw(splats, self.camera, limit=limit, backend=self.backend)


def driving(runs: int) -> None:
    """Print frames a second of a head that moves."""
    import torch

    print(f"\n{DRIVEN:,} Gaussians that ride on the open head, {FILM[0]} x {FILM[1]}\n")
    print("| backend | mesh before them | driving ms | with drawing ms | frames a second | memory MB of the card |")
    print("|---|---|---|---|---|---|")
    for backend in reversed(quick_ones()):
        for hidden in (False,) if backend == "gsplat" else (False, True):
            if card():
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            film = AnimatedHead(backend, hidden)
            with torch.no_grad():
                film.play(True)
                alone, whole = (1000 * min(film.play(drawn) for _ in range(runs)) for drawn in (False, True))
            most = f"{torch.cuda.max_memory_allocated() / 1e6:.0f}" if film.device == "cuda" else "-"
            row = backend, "yes" if hidden else "no", f"{alone:.2f}", f"{whole:.2f}", f"{1000 / whole:.0f}", most
            print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first table alone, of few runs")
    parser.add_argument("--driving", action="store_true", help="frames a second of a head that moves, and no more")
    parser.add_argument("--memory", metavar="BACKEND", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.memory)
        return
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}")
    if options.driving:
        driving(3)
        return
    side_by_side(5 if options.quick else 30)
    if not options.quick:
        growth(10)


if __name__ == "__main__":
    main()
