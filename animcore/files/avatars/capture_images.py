"""The images of a capture as numbers, and their masks as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core import images
from animcore.core.atomic_files import whole_file
from animcore.core.origin import Origin
from animcore.core.reading import content
from animcore.errors import InputError
from animcore.hybrid_head.capture_format import CaptureView
from animcore.provenance import imprint, marks


def read(view: CaptureView) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return colours (H, W, 3) times the mask, and the mask (H, W), 0..1.

    The mask is the image's own alpha or, where that is 1 everywhere, the file of the mask.

    Raises:
        InputError: where an image is broken, or of another size than its camera.
    """
    pixels = _pixels(view.image, view)
    mask = pixels[..., 3]
    if view.mask is not None and (mask == 1).all():
        mask = _pixels(view.mask, view)[..., 0]
    return np.ascontiguousarray(pixels[..., :3] * mask[..., None]), mask


def write(colours: NDArray[np.uint8], path: Path, origin: Origin | None = None) -> None:
    """Write colours (H, W, 3), or grey (H, W, 1), as PNG; where an origin is given it is marked, pixels included.

    Parts of the user's own video and masks have none: they are not generated.

    Raises:
        InputError: where it cannot be written.
    """
    origin = imprint.numbered(origin) if origin is not None else None
    pixels = np.full((*colours.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = colours
    if origin is not None:
        pixels = next(imprint.on_images([pixels], origin))
    with whole_file(path) as temporary:
        temporary.write_bytes(images.encoded(pixels, "png"))
        if origin is not None:
            marks.mark(temporary, origin)


def write_masks(folder: Path) -> None:
    """Write the alpha of every image in `images` into `fg_masks`, for programs that read it there.

    Raises:
        InputError: where it cannot be written.
    """
    (folder / "fg_masks").mkdir(exist_ok=True)
    for image in sorted((folder / "images").glob("*.png")):
        write_mask(image, folder / "fg_masks" / image.name)


def write_mask(image: Path, mask: Path) -> None:
    """Write the alpha of an image as a grey PNG.

    Raises:
        InputError: where the image is broken, or the mask cannot be written.
    """
    write(images.decoded(content(image), image.name)[..., 3:], mask)


def _pixels(path: Path, view: CaptureView) -> NDArray[np.float32]:
    pixels = images.decoded(content(path), path.name)
    if pixels.shape[:2] != (view.camera.height, view.camera.width):
        raise InputError(
            f"{path} is {pixels.shape[1]} x {pixels.shape[0]} pixels, its camera {view.camera.width} x "
            f"{view.camera.height}; export the capture again."
        )
    return (pixels / np.float32(255)).astype(np.float32)
