"""Fits a hybrid head to a capture: from the folder of a capture to the folder of an avatar, resumable."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.origin import TRAINED, Origin
from animcore.core.progress import Progress
from animcore.errors import InputError
from animcore.hybrid_head.head_model import HybridHead
from animcore.provenance import consent

HEAD = "head"  # the avatar's folder in that of the fit
PICTURE = "progress.png"
_SEEDS = 1 << 32  # what PyTorch and NumPy both take


def fit(
    data: Path, out: Path, progress: Progress, model: Path | None = None, device: str = "auto", **asked: Any
) -> HybridHead:
    """Fit a head to a capture, and write it into the folder `head` of the fit; go on where one was stopped.

    Args:
        data: folder of the capture; the receipt of consent that lies in it (`consent.toml`) goes into the head.
        out: folder of checkpoint, image and head.
        progress: called with the fraction done.
        model: the FLAME file that the capture was tracked with.
        device: auto, cpu or cuda.
        **asked: fields of `trainer.FitSettings`.

    Raises:
        InputError: without PyTorch, or where the capture or a setting cannot be used.
    """
    settings, where = settings_of(asked), device_named(device)
    from animcore.files.avatars import avatar_folder, capture_dataset, capture_images, hybrid_head
    from animcore.hybrid_head import capture_format
    from animcore.hybrid_head.fitting.trainer import HeadFitter

    views, moments = capture_dataset.read(data, capture_format.TRAIN)
    head, known = capture_dataset.person(data, model), capture_dataset.start(data)
    capture_dataset.check(data, head, views, moments)

    receipt = consent.of_folder(data)
    origin = Origin(TRAINED, consent=receipt.reference() if receipt is not None else {})

    def show(image: NDArray[np.uint8]) -> None:
        capture_images.write(image, out / PICTURE, origin)

    fitted = HeadFitter(head, moments, views, settings, out, progress, show, known, where).run()
    facts = {"pictures": len(views), "steps": settings.steps, avatar_folder.ORIGIN: origin.facts()}
    hybrid_head.save(fitted, out / HEAD, facts)
    if receipt is not None:
        receipt.save(out / HEAD)
    return fitted


def settings_of(asked: dict[str, Any]) -> Any:
    """Return what was asked as `trainer.FitSettings`.

    Raises:
        InputError: without PyTorch, or where a setting cannot be used.
    """
    require_torch()
    from animcore.hybrid_head.fitting.trainer import FitSettings

    settings = FitSettings(**asked)
    texture = settings.texture
    if settings.gaussians < 100 or settings.steps < 1 or not 64 <= texture <= 8192 or texture % 8:
        raise InputError("Give at least 100 Gaussians, 1 step, and a texture of 64 to 8192 texels, a multiple of 8.")
    if settings.changes < 0 or not 0 <= settings.lpips < math.inf:
        raise InputError("Give 0 changes of the texture or more, and a weight of LPIPS that is 0 or more.")
    if not 0 <= settings.seed < _SEEDS:
        raise InputError(f"Give a seed of 0 or more and below {_SEEDS:,}, not {settings.seed}.")
    return settings


def device_named(name: str) -> Any:
    """Return a device of PyTorch by its name: auto, cpu or cuda.

    Raises:
        InputError: without PyTorch or without that device.
    """
    torch = require_torch()
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("PyTorch finds no NVIDIA GPU with CUDA; fit with --device cpu.")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")


def require_torch() -> Any:
    """Return PyTorch.

    Raises:
        InputError: where it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise InputError(
            'Fitting a head needs PyTorch: pip install ".[avatar]" in the source folder of Animcore; '
            "in Blender, name the Python that has it under External Python in the extension's preferences."
        ) from error
    return torch
