"""Videos (MP4, H.264 and AAC): rendered frames and the audio they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from animcore.audio import decoding, recording
from animcore.core.atomic_files import whole_file
from animcore.core.origin import COMPOSITE, Origin, Source
from animcore.errors import InputError
from animcore.provenance import imprint, marks

_SOUND_RATE = 48_000
RENDERED = Origin(COMPOSITE)  # a character that a trained model moves, with a recorded voice


def write(
    frames: Iterable[NDArray[np.uint8]], rate: Fraction, path: Path, sound: Path | None = None,
    origin: Origin = RENDERED, watermark: bool = True,
) -> None:  # fmt: skip
    """Encode frames (height, width, 3) uint8 sRGB at `rate`, with audio that starts with the first frame.

    Height and width must be even. The audio is cut where the video ends. The video states how it was made (`origin`,
    and the audio), and is signed. Pixels of a real person carry a watermark, unless `watermark` is False.

    Raises:
        InputError: when there are no frames, the audio cannot be decoded or the file cannot be written.
    """
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise InputError(f"{path.name} was not written: there are no frames.")
    origin = origin.made_from([Source.of(sound, "audio")] if sound is not None else ())
    origin = imprint.numbered(origin, on=watermark)
    with whole_file(path) as temporary:
        _encode(imprint.on_images(chain([first], iterator), origin), first.shape[:2], rate, temporary, sound)
        marks.mark(temporary, origin)


def _encode(
    frames: Iterator[NDArray[np.uint8]], size: tuple[int, ...], rate: Fraction, path: Path, sound: Path | None
) -> None:
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video: Any = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "medium"})
        (video.height, video.width), video.pix_fmt = size, "yuv420p"
        heard: Any = container.add_stream("aac", rate=_SOUND_RATE, layout="stereo") if sound else None
        count = 0
        for image in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(video.encode(frame))
            count += 1
        container.mux(video.encode(None))
        if sound is not None:
            _add_sound(container, heard, sound, round(count / rate * _SOUND_RATE))


def _add_sound(container: Any, stream: Any, sound: Path, samples: int) -> None:
    """Resample the audio of `sound` on its own clock, and encode at most `samples` samples of it."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=_SOUND_RATE, frame_size=1024)
    for frame in chain(_frames(decoding.TrackDecoder(sound, recording.list_tracks(sound)[1])), [None]):
        for piece in resampler.resample(frame):
            if (piece.pts or 0) < samples:
                container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def _frames(reader: decoding.TrackDecoder) -> Iterator[av.AudioFrame]:
    for values in reader.blocks():
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), format="fltp", layout=reader.layout)
        frame.sample_rate, frame.time_base = reader.rate, Fraction(1, reader.rate)
        frame.pts = reader.count - values.shape[1]
        yield frame
