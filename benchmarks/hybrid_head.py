"""What the mesh, the Gaussians and both together are worth: one capture, one number of Gaussians, three fits.

    python benchmarks/hybrid_head.py CAPTURE [--work DIR] [--gaussians 20000] [--steps 3000]

CAPTURE is what tools/capture_head.py renders (or any such folder). Figures are means over pictures, on white,
of cameras that were not learned from: of faces that were (views) and that were not (faces). "face" is the PSNR
within the square around the landmarks of brows, nose, eyes and mouth alone, where hair does not decide. A run that was
stopped goes on; fits that are there are not made again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from animcore.errors import InputError
from animcore.files.avatars import capture_dataset, hybrid_head
from animcore.hybrid_head import capture_format
from animcore.hybrid_head.fitting import losses
from animcore.hybrid_head.fitting import lpips as perceptual
from animcore.hybrid_head.fitting.samples import HeadState, TrainingView
from animcore.hybrid_head.fitting.trainer import FitSettings, HeadFitter
from animcore.hybrid_head.head_model import MODES, HybridHead, Mode, PosedHead, render
from animcore.rendering.camera import Camera

SPLITS = {"views": capture_format.VIEWS, "faces": capture_format.MOMENTS}


def main() -> None:
    """Fit what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/hybrid_head"))
    parser.add_argument("--gaussians", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=3_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        distance = perceptual.load()
    except InputError as error:
        distance = None
        print(f"LPIPS is not measured: {error}")
    pictures, moments = capture_dataset.read(options.capture, capture_format.TRAIN)
    person, known = capture_dataset.person(options.capture), capture_dataset.start(options.capture)
    print(f"fitted from {len(pictures)} pictures of {len(moments)} faces; {options.steps} steps")
    print("| layers | on | Gaussians | PSNR | face | SSIM | LPIPS | ms a picture | MB |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for mode in MODES:
        settings = FitSettings(mode, options.gaussians, options.steps)
        folder = options.work / mode
        head = HeadFitter(person, moments, pictures, settings, folder, known=known).run()
        hybrid_head.save(head, folder / "head")
        size = sum(path.stat().st_size for path in (folder / "head").iterdir()) / 1e6
        head = hybrid_head.load(folder / "head", person.model)
        for name, split in SPLITS.items():
            values = measured(head, mode, *capture_dataset.read(options.capture, split), distance)
            lpips = "-" if distance is None else f"{values[3]:.4f}"
            print(f"| {mode} | {name} | {head.count} | {values[0]:.2f} | {values[1]:.2f} | {values[2]:.4f} | "
                  f"{lpips} | {1000 * values[4]:.0f} | {size:.2f} |", flush=True)  # fmt: skip


def measured(
    head: HybridHead,
    mode: Mode,
    pictures: list[TrainingView],
    moments: dict[int, HeadState],
    distance: perceptual.Lpips | None,
) -> np.ndarray:
    """PSNR, that of the face, SSIM, LPIPS (0 where it is absent) and seconds a picture, as means."""
    first = moments[pictures[0].moment]  # a first picture compiles loops, and is not timed
    render(head, head.at(first.expression, first.joints, first.translation), pictures[0].camera, mode)
    rows = []
    for picture in pictures:
        moment = moments[picture.moment]
        start = time.perf_counter()
        posed = head.at(moment.expression, moment.joints, moment.translation)
        drawn = torch.as_tensor(render(head, posed, picture.camera, mode, (1.0, 1.0, 1.0)).colour)
        seconds = time.perf_counter() - start
        wanted = picture.colour + (1 - picture.mask)[..., None]
        with torch.no_grad():
            lpips = 0.0 if distance is None else float(distance(drawn, wanted))
        part = face(head, posed, picture.camera)
        near = losses.psnr(drawn[part], wanted[part])
        rows.append((losses.psnr(drawn, wanted), near, float(losses.ssim(drawn, wanted)), lpips, seconds))
    return np.mean(rows, 0)


def face(head: HybridHead, posed: PosedHead, camera: Camera) -> tuple[slice, slice]:
    """The rows and columns of the picture around the landmarks of the face."""
    extras = head.model.extras
    corners = posed.vertices[head.model.faces[extras["lmk_faces_idx"]]]
    marks = np.einsum("lc,lcx->lx", extras["lmk_bary_coords"], corners)
    there = marks @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
    flat = there[:, :2] / there[:, 2:] * camera.focal + camera.centre
    low, high = np.floor(flat.min(0)).astype(int), np.ceil(flat.max(0)).astype(int)
    return slice(max(low[1], 0), high[1]), slice(max(low[0], 0), high[0])


if __name__ == "__main__":
    main()
