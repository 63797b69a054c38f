"""`animcore avatar fit`: a capture becomes a head that a motion drives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from animcore.core.progress import progress_bar
from animcore.errors import InputError
from animcore.hybrid_head.head_model import MODES
from animcore.pipelines import fit_avatar

_SETTINGS = ("mode", "gaussians", "steps", "texture", "changes", "displacement", "lpips", "seed")  # as options


def register(actions: Any) -> None:
    """Add the action to the others."""
    parser = actions.add_parser("fit", help="fit a head of mesh and Gaussians to a capture of many views")
    parser.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="folder in the layout of VHAP and GaussianAvatars; of a real person, with a consent.toml in it",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="output folder of checkpoint, preview image and head"
    )
    add_settings(parser)
    parser.set_defaults(command=run)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options of a fit."""
    parser.add_argument("--model", type=Path, metavar="FILE", help="FLAME file that the capture was tracked with")
    parser.add_argument("--mode", choices=MODES, default="hybrid", help="layers of the head (default: %(default)s)")
    parser.add_argument(
        "--gaussians", type=int, default=20_000, metavar="N", help="number of Gaussians (default: %(default)s)"
    )
    parser.add_argument(
        "--iterations",
        type=int,
        default=3_000,
        metavar="N",
        dest="steps",
        help="training iterations, one image each (default: %(default)s)",
    )
    parser.add_argument(
        "--texture", type=int, default=1024, metavar="N", help="texture size in texels (default: %(default)s)"
    )
    parser.add_argument(
        "--texture-components",
        type=int,
        default=6,
        metavar="N",
        dest="changes",
        help="components by which the texture changes with the expression (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: %(default)s)")
    parser.add_argument("--displacement", action="store_true", help="fit offsets of the skin from the model")
    parser.add_argument(
        "--lpips",
        type=float,
        default=0.0,
        metavar="W",
        help="weight of the LPIPS loss, which needs its own weights (default: %(default)s)",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="device that computes (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all)")


def run(options: argparse.Namespace) -> int:
    """Fit, and write the head into the folder `head` of the fit.

    Raises:
        InputError: without PyTorch, or where the capture cannot be used.
    """
    check(options)
    if options.threads:
        fit_avatar.require_torch().set_num_threads(options.threads)
    with progress_bar() as progress:
        fitted = fit_avatar.fit(options.data, options.out, progress, options.model, options.device, **_asked(options))
    print(f"{options.out / fit_avatar.HEAD}: {fitted.count:,} Gaussians; look at {options.out / fit_avatar.PICTURE}")
    return 0


def check(options: argparse.Namespace) -> None:
    """Check that settings and machine can fit a head.

    Raises:
        InputError: where they cannot.
    """
    if options.threads is not None and options.threads < 1:
        raise InputError(f"Give at least 1 thread, not {options.threads}, or leave --threads out.")
    fit_avatar.settings_of(_asked(options))
    fit_avatar.device_named(options.device)


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in _SETTINGS}
