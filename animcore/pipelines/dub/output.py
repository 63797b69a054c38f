"""The dubbed video and its layer: encoded as the source was, as far as FFmpeg here can encode that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from animcore.audio import mixing
from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.images import encoded
from animcore.core.origin import Origin
from animcore.errors import InputError
from animcore.pipelines.dub.pixels import Picture
from animcore.pipelines.dub.render import Rendered
from animcore.provenance import imprint, marks
from animcore.provenance.watermark.marking import Marker

SUFFIXES = (".mp4", ".mov", ".mkv", ".m4v")
_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"crf": "14", "preset": "medium"}),
    "hevc": ("libx265", {"crf": "16", "preset": "medium", "x265-params": "log-level=error"}),
    "prores": ("prores_ks", {"profile": "3"}),
    "dnxhd": ("dnxhd", {"profile": "dnxhr_hqx"}),
    "ffv1": ("ffv1", {}),
    "vp9": ("libvpx-vp9", {"crf": "18", "b:v": "0"}),
    "av1": ("libsvtav1", {"crf": "18"}),
    "mpeg2video": ("mpeg2video", {"qscale:v": "2"}),
}
_MOST_TICKS = 90_000


@dataclass(frozen=True)
class Format:
    """How a video is encoded: its codec, pixels, colours and rate.

    Attributes:
        codec: name of the source's.
        pixels: its pixel format.
        colours: names of PyAV's attributes with their values.
        rate: frames a second.
    """

    codec: str
    pixels: str
    colours: dict[str, int]
    rate: Fraction

    @classmethod
    def of(cls, path: Path, rate: Fraction) -> Format:
        """Read that of a video."""
        with av.open(str(path), metadata_errors="replace") as container:
            context = container.streams.video[0].codec_context
            names = ("color_primaries", "color_trc", "colorspace", "color_range")
            colours = {name: int(getattr(context, name, 0) or 0) for name in names}
            return cls(context.name, str(context.pix_fmt), colours, rate)

    def encoder(self, suffix: str) -> tuple[str, dict[str, str]]:
        """Return FFmpeg's encoder and its options for a file of this suffix."""
        family = {"libdav1d": "av1", "libvpx-vp9": "vp9"}.get(self.codec, self.codec)
        fits = {".mp4": ("h264", "hevc", "av1", "vp9"), ".m4v": ("h264", "hevc")}.get(suffix, tuple(_ENCODERS))
        name, options = _ENCODERS[family if family in fits and family in _ENCODERS else "h264"]
        try:
            av.codec.Codec(name, "w")
        except ValueError:  # this FFmpeg was built without it
            name, options = _ENCODERS["h264"]
        return name, options


class Film:
    """The dubbed video while it is written."""

    def __init__(self, path: Path, form: Format, size: tuple[int, int], pixels: str, has_sound: bool) -> None:
        name, options = form.encoder(path.suffix.lower())
        self.container: Any = av.open(str(path), "w", options=_muxing(path))
        self.video = cast(Any, self.container.add_stream(name, rate=form.rate, options=options))
        self.video.width, self.video.height = size
        offered = [one.name for one in av.codec.Codec(name, "w").video_formats or ()]
        self.pixels = _nearest(pixels, offered)
        self.video.pix_fmt = self.pixels
        for key, value in form.colours.items():
            if value:
                setattr(self.video.codec_context, key, value)
        self.video.codec_context.time_base = Fraction(1, _MOST_TICKS)
        self.mark: Marker | None = None
        self.sound: Any = None
        if has_sound:
            self.sound = self.container.add_stream("aac", rate=mixing.RATE, layout="stereo")
            self.sound.bit_rate = 192_000

    def add(self, picture: Picture, time: float) -> None:
        """Encode the next frame, shown from a second on; the picture takes the watermark."""
        imprint.on_planes(picture.planes, picture.form, picture.most, self.mark)
        frame = picture.frame()
        if self.pixels != picture.form:
            frame = frame.reformat(format=self.pixels)
        frame.pts, frame.time_base = round(time * _MOST_TICKS), Fraction(1, _MOST_TICKS)
        self.container.mux(self.video.encode(frame))

    def close(self, samples: NDArray[np.int16] | None) -> None:
        """Encode the sound and end the file."""
        self.container.mux(self.video.encode(None))
        if self.sound is not None and samples is not None:
            mixing.encode(self.container, self.sound, samples)
        self.container.close()


@contextmanager
def written(
    path: Path, form: Format, size: tuple[int, int], pixels: str, samples: NDArray[np.int16] | None, origin: Origin
) -> Iterator[Film]:
    """Give a film to add frames to; it takes its place, marked, when the block ends well.

    Raises:
        InputError: where it cannot be encoded or written.
    """
    with whole_file(path) as temporary:
        try:
            film = Film(temporary, form, size, pixels, samples is not None)
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError(f"{path.name} cannot be encoded here ({error}); choose .mp4 or .mov.") from error
        film.mark = imprint.marker(origin)
        try:
            yield film
            film.close(samples)
        except BaseException:
            with suppress(av.error.FFmpegError):  # what went wrong before is what is told
                film.container.close()
            raise
        state = marks.mark(temporary, origin)
    if state == marks.NONE:  # Matroska has no place for a statement
        marks.mark_beside(path, origin)


def layer_image(picture: Picture, rendered: Sequence[Rendered]) -> NDArray[np.uint8]:
    """(H, W, 4) of what was changed in a frame, after the change, with its opacity."""
    width, height = picture.size
    pixels = np.zeros((height, width, 4), np.uint8)
    if rendered:
        whole = picture.frame().to_ndarray(format="rgb24")
    for one in rendered:
        rows, columns = slice(one.box.top, one.box.bottom), slice(one.box.left, one.box.right)
        alpha = np.rint(255 * one.alpha).astype(np.uint8)
        pixels[rows, columns, 3] = np.maximum(pixels[rows, columns, 3], alpha)
        pixels[rows, columns, :3] = np.where(alpha[..., None] > 0, whole[rows, columns], pixels[rows, columns, :3])
    return pixels


@contextmanager
def layer_written(path: Path, rate: Fraction, size: tuple[int, int], origin: Origin) -> Iterator[Any]:
    """Give a function that adds the next image (H, W, 4) to a .mov (PNG inside, with alpha), or to a folder of PNGs."""
    if path.suffix.lower() != ".mov":
        make_folder(path)
        number = 0

        def add_file(pixels: NDArray[np.uint8]) -> None:
            nonlocal number
            with whole_file(path / f"{number:06d}.png") as temporary:
                temporary.write_bytes(encoded(pixels, "png"))
                marks.mark(temporary, origin)
            number += 1

        yield add_file
        return
    with whole_file(path) as temporary:
        container: Any = av.open(str(temporary), "w")
        stream: Any = container.add_stream("png", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "rgba"

        def add(pixels: NDArray[np.uint8]) -> None:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgba")
            container.mux(stream.encode(frame))

        try:
            yield add
            container.mux(stream.encode(None))
        finally:
            container.close()
        marks.mark(temporary, origin)


def _muxing(path: Path) -> dict[str, str]:
    return {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov", ".m4v") else {}


def _nearest(pixels: str, offered: list[str]) -> str:
    """The pixel format of an encoder that loses least."""
    if not offered or pixels in offered:
        return pixels
    plain = pixels.replace("yuvj", "yuv")
    deep = any(mark in pixels for mark in ("10", "12", "14", "16"))
    full = "444" in pixels or pixels.startswith("gbr")
    wished = [plain]
    wished += ["yuv444p10le"] * (deep and full) + ["yuv422p10le", "yuv420p10le"] * deep + ["yuv444p"] * full
    wished += ["yuv420p", "yuv422p10le", "yuv422p"]
    return next((one for one in wished if one in offered), offered[0])
