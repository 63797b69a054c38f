"""`animcore avatar fit`: a capture becomes a head that a motion drives."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.avatar.head import MODES, HybridHead
from animcore.errors import InputError
from animcore.progress import Progress, progress_bar

HEAD = "head"  # the avatar's folder in that of the fit
PICTURE = "progress.png"
_SEEDS = 1 << 32  # what PyTorch and NumPy both take

_SETTINGS = ("mode", "gaussians", "steps", "texture", "changes", "displacement", "lpips", "seed")  # as options


def register(actions: Any) -> None:
    """Add the action to the others."""
    parser = actions.add_parser("fit", help="fit a head of mesh and Gaussians to a capture of many views")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder in the layout of VHAP and GaussianAvatars")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of checkpoint, picture and head")
    add_settings(parser)
    parser.set_defaults(command=run)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options of a fit."""
    parser.add_argument("--model", type=Path, metavar="FILE", help="the FLAME file that the capture was tracked with")
    parser.add_argument(
        "--mode", choices=MODES, default="hybrid", help="which layers the head has (default: %(default)s)"
    )
    parser.add_argument("--gaussians", type=int, default=20_000, metavar="N", help="in the end (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, default=3_000, metavar="N", help="pictures to learn from (default: %(default)s)"
    )
    parser.add_argument(
        "--texture", type=int, default=1024, metavar="N", help="texels along a side (default: %(default)s)"
    )
    parser.add_argument(
        "--changes",
        type=int,
        default=6,
        metavar="N",
        help="ways the texture changes with the face (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another one, another head (default: %(default)s)"
    )
    parser.add_argument(
        "--displacement", action="store_true", help="learn where the skin lies off the model, from the pictures"
    )
    parser.add_argument(
        "--lpips",
        type=float,
        default=0.0,
        metavar="W",
        help="weight of LPIPS, whose weights are yours (default: %(default)s)",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it is computed (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of the CPU (default: all)")


def run(options: argparse.Namespace) -> int:
    """Fit, and write the head into the folder `head` of the fit.

    Raises:
        InputError: without PyTorch, or where the capture cannot be used.
    """
    check(options)
    if options.threads:
        _torch().set_num_threads(options.threads)
    with progress_bar() as progress:
        fitted = fit(options.data, options.out, progress, options.model, options.device, **_asked(options))
    print(f"{options.out / HEAD}: {fitted.count:,} Gaussians; look at {options.out / PICTURE}")
    return 0


def check(options: argparse.Namespace) -> None:
    """Check that settings and machine can fit a head.

    Raises:
        InputError: where they cannot.
    """
    if options.threads is not None and options.threads < 1:
        raise InputError(f"Give at least 1 thread, not {options.threads}, or leave --threads out.")
    _settings(_asked(options))
    _device(options.device)


def fit(
    data: Path, out: Path, progress: Progress, model: Path | None = None, device: str = "auto", **asked: Any
) -> HybridHead:
    """Fit a head to a capture, and write it into the folder `head` of the fit; go on where one was stopped.

    Args:
        data: folder of the capture.
        out: folder of checkpoint, picture and head.
        progress: told the fraction done.
        model: the FLAME file that the capture was tracked with.
        device: auto, cpu or cuda.
        **asked: fields of `fitting.Settings`.

    Raises:
        InputError: without PyTorch, or where the capture or a setting cannot be used.
    """
    settings, where = _settings(asked), _device(device)
    from animcore.avatar import capture
    from animcore.avatar.fitting import Fit
    from animcore.files import capture_folder, capture_pictures, hybrid_head

    pictures, moments = capture_folder.read(data, capture.TRAIN)
    head, known = capture_folder.person(data, model), capture_folder.start(data)
    capture_folder.check(data, head, pictures, moments)

    def show(picture: NDArray[np.uint8]) -> None:
        capture_pictures.write(picture, out / PICTURE)

    fitted = Fit(head, moments, pictures, settings, out, progress, show, known, where).run()
    hybrid_head.save(fitted, out / HEAD, {"pictures": len(pictures), "steps": settings.steps})
    return fitted


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in _SETTINGS}


def _settings(asked: dict[str, Any]) -> Any:
    """What was asked as `fitting.Settings`, where it can be done."""
    _torch()
    from animcore.avatar.fitting import Settings

    settings = Settings(**asked)
    texture = settings.texture
    if settings.gaussians < 100 or settings.steps < 1 or not 64 <= texture <= 8192 or texture % 8:
        raise InputError("Give at least 100 Gaussians, 1 step, and a texture of 64 to 8192 texels, a multiple of 8.")
    if settings.changes < 0 or not 0 <= settings.lpips < math.inf:
        raise InputError("Give 0 changes of the texture or more, and a weight of LPIPS that is 0 or more.")
    if not 0 <= settings.seed < _SEEDS:
        raise InputError(f"Give a seed of 0 or more and below {_SEEDS:,}, not {settings.seed}.")
    return settings


def _device(name: str) -> Any:
    """A device of PyTorch by its name on the command line."""
    torch = _torch()
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("PyTorch finds no NVIDIA card with CUDA; fit with --device cpu.")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            'Fitting a head needs PyTorch: pip install ".[avatar]" in the source folder of Animcore; '
            "in Blender, name the Python that has it "
            "under Other Python in the extension's preferences."
        ) from error
    return torch
