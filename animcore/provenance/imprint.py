"""The watermark's door for writers and for verification: which files get one, its id, and the reading of files.

Pixels carry it where a real person is shown (the origin has a consent, be it "not stated") or was dubbed. Invented
characters have none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.origin import Origin
from animcore.errors import BROKEN_FILE
from animcore.provenance import keys
from animcore.provenance.watermark import detection
from animcore.provenance.watermark.detection import Found
from animcore.provenance.watermark.marking import Marker

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".gif")
_LOOKS = 16  # frames of a video that are summed
_AT_ONCE = 48  # frames that are read one after the other where a video cannot be searched


def numbered(origin: Origin, *, on: bool = True) -> Origin:
    """Return the origin with the id of its watermark: the first 32 bits of the SHA-256 of what it states.

    Args:
        origin: complete, but for the id; where it shows no real person and is no dub, it stays as it is.
        on: False leaves the watermark out, as does the setting of this computer (`keys.switch_watermark`).

    Raises:
        InputError: where the settings of this computer are broken.
    """
    plain = replace(origin, watermark="")
    if not on or not (origin.consent or origin.action == "dubbed") or not keys.has_watermark():
        return plain
    return replace(plain, watermark=hashlib.sha256(plain.text().encode()).hexdigest()[:8])


def marker(origin: Origin) -> Marker | None:
    """Return what marks the frames of a file, or None where its origin has no id."""
    return Marker(int(origin.watermark, 16)) if origin.watermark else None


def on_images(images: Iterable[NDArray[np.uint8]], origin: Origin) -> Iterator[NDArray[np.uint8]]:
    """Yield sRGB images (H, W, 3 or 4) with the mark of their origin, where it has one."""
    mark = marker(origin)
    for image in images:
        yield image if mark is None else mark.image(image)


def on_planes(planes: Sequence[NDArray[np.unsignedinteger[Any]]], form: str, most: float, mark: Marker | None) -> None:
    """Mark the planes of a frame in place.

    Args:
        planes: luma and chroma, or green, blue and red; (H, W) each.
        form: FFmpeg's name of the pixel format.
        most: the largest sample value.
        mark: None leaves all as it is.
    """
    if mark is not None:
        mark.planes(planes, most, is_rgb=form.startswith("gbr"))


def can_carry(path: Path) -> bool:
    """Whether a file is a video or an image by its name."""
    return path.suffix.lower() in (*IMAGES, *VIDEOS)


def found_in(path: Path) -> Found:
    """Look for a mark in a video or an image; one that cannot be decoded has none."""
    import av

    try:
        with av.open(str(path)) as container:
            return detection.detect(_same_size(_frames(container)))
    except (av.error.FFmpegError, IndexError, *BROKEN_FILE):
        return detection.NOTHING


def text_of(found: Found) -> str:
    """Return the id as 8 hexadecimal digits, or an empty text."""
    return f"{found.number:08x}" if found.number >= 0 else ""


def _frames(container: Any) -> Iterator[NDArray[np.uint8]]:
    """Frames from all parts of a video, where it can be searched; else its first ones."""
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    span, start = stream.duration, stream.start_time or 0
    if not span or (stream.frames and stream.frames <= 3 * _LOOKS):
        for number, frame in enumerate(container.decode(stream)):
            if number % 3 == 0:
                yield frame.to_ndarray(format="gray")
            if number >= _AT_ONCE:
                return
        return
    for look in range(_LOOKS):
        container.seek(start + span * look // _LOOKS, stream=stream)
        frame = next(container.decode(stream), None)
        if frame is not None:
            yield frame.to_ndarray(format="gray")


def _same_size(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    shape: tuple[int, ...] | None = None
    for frame in frames:
        shape = shape or frame.shape
        if frame.shape == shape:
            yield frame
