"""PNG and WebP images without loss, through the audio library's codecs (av): no other package is needed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import BROKEN_FILE, InputError

MOST_PIXELS = 16384 * 16384  # of one image: more is hostile, or no texture that a GPU takes
_KINDS = {"png": ("image2pipe", "png", "rgba"), "webp": ("webp", "libwebp", "bgra")}


def decoded(data: bytes, name: str, most: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """Return (H, W, 4) red, green, blue and opacity, 0..255, of an image of any kind.

    Args:
        data: the file's bytes.
        name: of the file, for sentences.
        most: pixels; no more are unpacked.

    Raises:
        InputError: when it is none, broken or too large.
    """
    import av

    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"max_pixels": str(most)}
            frame = next(iter(container.decode(stream)))
            pixels = np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
    except (av.error.FFmpegError, *BROKEN_FILE) as error:
        raise InputError(f"{name} is not a readable image, or a broken one ({error}); save it again as PNG.") from error
    return pixels


def encoded(pixels: NDArray[np.uint8], kind: str) -> bytes:
    """Return an image (H, W, 4) as the bytes of a file, without loss where it is not wholly transparent.

    Args:
        pixels: red, green, blue and opacity, 0..255.
        kind: "png" or "webp".
    """
    import av

    form, codec, layout = _KINDS[kind]
    whole = io.BytesIO()
    with av.open(whole, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = pixels.shape[1], pixels.shape[0], layout
        stream.options = {"lossless": "1"} if kind == "webp" else {}
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgba").reformat(format=layout)
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return whole.getvalue()
