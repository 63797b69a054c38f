"""`animcore avatar fit`: a capture becomes a head that a motion drives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from animcore.avatar.head import MODES
from animcore.errors import InputError

HEAD = "head"  # the avatar's folder in that of the fit
PICTURE = "progress.png"


def register(actions: Any) -> None:
    """Add the action to the others."""
    parser = actions.add_parser("fit", help="fit a head of mesh and Gaussians to a capture of many views")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder in the layout of VHAP and GaussianAvatars")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of checkpoint, picture and head")
    parser.add_argument("--model", type=Path, metavar="FILE", help="the FLAME file that the capture was tracked with")
    parser.add_argument("--mode", choices=MODES, default="hybrid", help="which layers the head has (default: hybrid)")
    parser.add_argument("--gaussians", type=int, default=12_000, metavar="N", help="in the end (default: 12000)")
    parser.add_argument("--steps", type=int, default=3_000, metavar="N", help="pictures to learn from (default: 3000)")
    parser.add_argument("--texture", type=int, default=768, metavar="N", help="texels along a side (default: 768)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another one, another head (default: 0)")
    parser.add_argument("--threads", type=int, metavar="N", help="of the CPU (default: all)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Fit, and write the head into the folder `head` of the fit.

    Raises:
        InputError: without PyTorch, or where the capture cannot be used.
    """
    if options.gaussians < 100 or options.steps < 1 or not 64 <= options.texture <= 8192 or options.texture % 8:
        raise InputError("Give at least 100 Gaussians, 1 step, and a texture of 64 to 8192 texels, a multiple of 8.")
    try:
        import torch
    except ImportError as error:
        raise InputError('Fitting a head needs PyTorch: pip install "animcore[avatar]".') from error
    from animcore.avatar import capture
    from animcore.avatar.fitting import Fit, Settings
    from animcore.files import capture_folder, capture_pictures, hybrid_head

    if options.threads:
        torch.set_num_threads(options.threads)
    pictures, moments = capture_folder.read(options.data, capture.TRAIN)
    head = capture_folder.person(options.data, options.model)
    note = capture_folder.noticed(options.data, head, pictures, moments)
    if note:
        print(f"note: {note}")
    settings = Settings(options.mode, options.gaussians, options.steps, options.texture, seed=options.seed)
    with tqdm(total=100, unit="%") as bar:

        def told(fraction: float, stage: str) -> None:
            bar.set_description(stage, refresh=False)
            bar.update(100 * fraction - bar.n)

        def show(picture: NDArray[np.uint8]) -> None:
            capture_pictures.write(picture, options.out / PICTURE)

        fitted = Fit(head, moments, pictures, settings, options.out, told, show).run()
    hybrid_head.save(fitted, options.out / HEAD, {"pictures": len(pictures), "steps": settings.steps})
    print(f"{options.out / HEAD}: {fitted.count:,} Gaussians; look at {options.out / PICTURE}")
    return 0
