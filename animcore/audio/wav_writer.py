"""Sound -> WAV files, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file, write_failure
from animcore.errors import InputError

FULL_SCALE = 32768.0  # of 16 bits


class WavWriter:
    """A WAV file of 16 bits that grows; above 4 GB it becomes an RF64 by itself."""

    def __init__(self, container: Any) -> None:
        """Write into an open container."""
        self._container = container
        self._stream: Any = None

    def add(self, values: NDArray[np.float32], rate: int, layout: Any) -> None:
        """Add samples (channels, n), full scale at 1; all blocks have the rate and the layout of the first one."""
        if self._stream is None:
            self._stream = self._container.add_stream("pcm_s16le", rate=rate, layout=layout)
        scaled = np.clip(np.rint(values * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
        packed = np.ascontiguousarray(scaled.T.astype(np.int16).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
        frame.sample_rate = rate
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what waits."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))


@contextmanager
def wav(path: Path) -> Iterator[WavWriter]:
    """Give a WAV file to write into; it is there when the block ends well.

    Raises:
        InputError: where it cannot be written.
    """
    with whole_file(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="wav", options={"rf64": "auto"}) as container:
                made = WavWriter(container)
                yield made
                made.finish()
        except av.error.FFmpegError as error:
            known = OSError(error.errno or 0, error.strerror or str(error))
            raise InputError(write_failure(path, known)) from error
