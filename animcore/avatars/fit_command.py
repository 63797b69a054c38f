"""`animcore avatar fit`: a capture becomes a head that a motion drives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from animcore.avatar.head import MODES, HybridHead
from animcore.errors import InputError
from animcore.progress import Progress

HEAD = "head"  # the avatar's folder in that of the fit
PICTURE = "progress.png"


def register(actions: Any) -> None:
    """Add the action to the others."""
    parser = actions.add_parser("fit", help="fit a head of mesh and Gaussians to a capture of many views")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder in the layout of VHAP and GaussianAvatars")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of checkpoint, picture and head")
    parser.add_argument("--model", type=Path, metavar="FILE", help="the FLAME file that the capture was tracked with")
    parser.add_argument("--mode", choices=MODES, default="hybrid", help="which layers the head has (default: hybrid)")
    parser.add_argument("--gaussians", type=int, default=20_000, metavar="N", help="in the end (default: 20000)")
    parser.add_argument("--steps", type=int, default=3_000, metavar="N", help="pictures to learn from (default: 3000)")
    parser.add_argument("--texture", type=int, default=1024, metavar="N", help="texels along a side (default: 1024)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another one, another head (default: 0)")
    parser.add_argument(
        "--displacement", action="store_true", help="learn where the skin lies off the model, from the pictures"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it is computed (default: auto)"
    )
    parser.add_argument(
        "--lpips", type=float, default=0.0, metavar="W", help="weight of LPIPS, whose weights are yours (default: 0)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of the CPU (default: all)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Fit, and write the head into the folder `head` of the fit.

    Raises:
        InputError: without PyTorch, or where the capture cannot be used.
    """
    if options.threads:
        _torch().set_num_threads(options.threads)
    with tqdm(total=100, unit="%") as bar:

        def told(fraction: float, stage: str) -> None:
            bar.set_description(stage, refresh=False)
            bar.update(100 * fraction - bar.n)

        fitted = fit(
            options.data, options.out, told, options.model, mode=options.mode, gaussians=options.gaussians,
            steps=options.steps, texture=options.texture, displacement=options.displacement, lpips=options.lpips,
            seed=options.seed, device=options.device,
        )  # fmt: skip
    print(f"{options.out / HEAD}: {fitted.count:,} Gaussians; look at {options.out / PICTURE}")
    return 0


def fit(
    data: Path, out: Path, progress: Progress, model: Path | None = None, *, device: str = "auto", **asked: Any
) -> HybridHead:
    """Fit a head to a capture, and write it into the folder `head` of the fit; go on where one was stopped.

    Args:
        data: folder of the capture.
        out: folder of checkpoint, picture and head.
        progress: told the fraction done.
        model: the FLAME file that the capture was tracked with.
        device: auto, cpu or cuda.
        asked: fields of `fitting.Settings`.

    Raises:
        InputError: without PyTorch, or where the capture or a setting cannot be used.
    """
    texture = asked.get("texture", 1024)
    if asked["gaussians"] < 100 or asked["steps"] < 1 or not 64 <= texture <= 8192 or texture % 8:
        raise InputError("Give at least 100 Gaussians, 1 step, and a texture of 64 to 8192 texels, a multiple of 8.")
    chosen = _device(device)
    from animcore.avatar import capture
    from animcore.avatar.fitting import Fit, Settings
    from animcore.files import capture_folder, capture_pictures, hybrid_head

    pictures, moments = capture_folder.read(data, capture.TRAIN)
    head = capture_folder.person(data, model)
    capture_folder.check(data, head, pictures, moments)

    def show(picture: NDArray[np.uint8]) -> None:
        capture_pictures.write(picture, out / PICTURE)

    settings = Settings(**asked)
    known = capture_folder.start(data)
    fitted = Fit(head, moments, pictures, settings, out, progress, show, known, chosen).run()
    hybrid_head.save(fitted, out / HEAD, {"pictures": len(pictures), "steps": settings.steps})
    return fitted


def _device(name: str) -> Any:
    """The device of torch that is meant; auto is a card where there is one."""
    torch = _torch()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("PyTorch finds no NVIDIA card with CUDA; fit with --device cpu.")
    return torch.device(name)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise InputError('Fitting a head needs PyTorch: pip install "animcore[avatar]".') from error
    return torch
