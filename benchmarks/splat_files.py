"""What each format of Gaussians costs: `python benchmarks/splat_files.py [FILE]`.

A cloud (a file of your own, or 50,000 Gaussians with harmonics of degree 3 on the open head, with strands that stand
off it) goes into every format and back. A row each: size, size against the PLY, seconds to write and to read, the
largest error of places, the mean error of colours, and PSNR and SSIM of three pictures of 512 x 512 against those of
the cloud as it was. Then the same for the compressed formats with fewer harmonics (`convert --degree`).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from machine import describe

from animcore.body_models.parametric_model import load_model
from animcore.errors import InputError
from animcore.files.avatars import open_any_splats
from animcore.files.splats import sog
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians, validated
from animcore.geometry import rotations
from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers.rasterize import draw

NAMES = ("a.ply", "a.splat", "a.spz", "a.sog", "a.glb", "a.spz.glb", "a.usdc", "avatar")
SMALL = ("a.spz", "a.sog")
COUNT = 50_000  # Gaussians of the cloud that is made here
PIXELS, WIDE = 512, np.radians(22)
AROUND = (-0.6, 0.0, 0.7)  # radians that the camera goes round the head


def strands(count: int) -> Gaussians:
    """A head of Gaussians: skin on the open head, a third of them thin strands above it."""
    random = np.random.default_rng(0)
    model = load_model("open-head")
    corners = model.template[model.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    normals /= np.maximum(area, 1e-12)[:, None]
    triangle = random.choice(len(area), count, p=area / area.sum())
    means = np.einsum("nc,ncx->nx", random.dirichlet((1, 1, 1), count), corners[triangle])
    upper = means[:, 1] > np.quantile(means[:, 1], 0.55)
    hair = upper & (means[:, 2] < np.quantile(means[:, 2], 0.8)) & (random.random(count) < 0.9)
    means += np.where(hair, random.uniform(0, 0.03, count), 0)[:, None] * normals[triangle]
    size = np.sqrt(area.sum() / 2 / count)
    scales = np.where(hair[:, None], (0.3 * size, 3 * size, 0.3 * size), (size, size, 0.2 * size))
    scales = scales * random.lognormal(0, 0.3, (count, 3))
    turn = random.normal(size=(count, 3)) * np.where(hair, 0.3, 1.5)[:, None]
    colours = np.where(hair[:, None], (0.35, 0.2, 0.1), (0.8, 0.6, 0.5)) + random.normal(size=(count, 3)) * 0.04
    colours += 0.08 * np.sin(60 * means)  # what changes slowly over the skin
    harmonics = (
        random.normal(size=(count, 16, 3)) * (0.5 * np.array([0] + [0.1] * 3 + [0.05] * 5 + [0.025] * 7))[:, None]
    )
    harmonics[:, 0] = (colours - 0.5) / HARMONIC_0
    opacities = np.where(hair, random.uniform(0.3, 0.9, count), random.uniform(0.7, 0.99, count))
    return validated(Gaussians(means, rotations.to_quaternion(turn), scales, opacities, harmonics), "the cloud")


def cameras(splats: Gaussians) -> list[Camera]:
    """Three cameras around the middle of the cloud, which fills most of each picture."""
    low, high = np.quantile(splats.means, 0.02, axis=0), np.quantile(splats.means, 0.98, axis=0)
    middle, reach = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    focal = PIXELS / 2 / np.tan(WIDE / 2)
    found = []
    for angle in AROUND:
        turn = rotations.to_matrix([0.0, angle, 0.0])
        place = np.eye(4)
        place[:3, :3], place[:3, 3] = turn, middle + turn @ (0, 0, reach / np.tan(WIDE / 2))
        found.append(Camera.from_opengl(place, (PIXELS, PIXELS), (focal, focal)))
    return found


def pictures(splats: Gaussians, views: Sequence[Camera]) -> np.ndarray:
    """(V, H, W, 3) 0..1 over white."""
    return np.stack([np.clip(draw(splats, view, background=(1, 1, 1)).colour, 0, 1) for view in views])


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Of pictures 0..1, in dB."""
    error = float(((one - other) ** 2).mean())
    return float("inf") if error == 0 else -10 * np.log10(error)


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Mean structural similarity of grey pictures (V, H, W), in windows of 8 x 8 (Wang et al., 2004)."""
    blocks = [
        picture.reshape(len(picture), PIXELS // 8, 8, PIXELS // 8, 8).swapaxes(2, 3).reshape(-1, 64)
        for picture in (one, other)
    ]
    (a, b), (x, y) = blocks, [block.mean(1) for block in blocks]
    both = ((a - x[:, None]) * (b - y[:, None])).mean(1)
    sizes = a.var(1) + b.var(1)
    parts = (2 * x * y + 1e-4) * (2 * both + 9e-4) / ((x**2 + y**2 + 1e-4) * (sizes + 9e-4))
    return float(parts.mean())


def main() -> None:
    """Print a row a format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="Gaussians of your own, in the world")
    options = parser.parse_args()
    splats = open_any_splats.load(options.file).splats if options.file else strands(COUNT)
    print(f"machine: {describe()}, load {os.getloadavg()[0]:.1f}")
    print(f"command: python {' '.join(sys.argv)}")
    print(f"{splats.count:,} Gaussians, harmonics of degree {splats.degree}")
    print("format        size  of PLY   write    read     place  colour    PSNR    SSIM")
    views = cameras(splats)
    before = pictures(splats, views)
    orders = [(name, splats.degree) for name in NAMES]
    orders += [(name, degree) for name in SMALL for degree in range(splats.degree)]
    with tempfile.TemporaryDirectory() as folder:
        plain = 0
        for name, degree in orders:
            try:
                size, row = measured(splats, degree, Path(folder) / name, views, before)
            except InputError as error:
                print(f"{name.lstrip('a.') or name:8s} {error}")
                continue
            plain = plain or size
            kind = name[2:] if "." in name else name
            called = kind if degree == splats.degree else f"{kind} d{degree}"
            print(f"{called:8s} {size / 1e6:6.2f} MB {size / plain:6.1%} {row}", flush=True)


def measured(
    splats: Gaussians, degree: int, path: Path, views: Sequence[Camera], before: np.ndarray
) -> tuple[int, str]:
    """Bytes of a file of the Gaussians with harmonics to a degree, and the rest of its row.

    Raises:
        InputError: where the format needs a package that is not there.
    """
    start = time.perf_counter()
    open_any_splats.save(splats.up_to(degree), path)
    written = time.perf_counter()
    back = open_any_splats.load(path).splats
    read = time.perf_counter()
    size = sum(part.stat().st_size for part in (path.iterdir() if path.is_dir() else [path]))
    after = pictures(back, views)
    if path.suffix == ".sog":
        back = back.part(np.argsort(sog.morton(splats.means)))
    place = np.abs(back.means - splats.means).max() * 1e6
    colour = np.abs(back.harmonics[:, 0] - splats.harmonics[:, 0]).mean() * HARMONIC_0 * 255
    return size, (
        f"{written - start:5.2f} s {read - written:5.2f} s {place:6.1f} um {colour:7.3f} {psnr(before, after):7.2f} "
        f"{ssim(before.mean(-1), after.mean(-1)):7.4f}"
    )


if __name__ == "__main__":
    main()
