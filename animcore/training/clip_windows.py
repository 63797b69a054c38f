"""Windows of clips in batches: which ones an epoch sees depends on seed and epoch alone, so that runs can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from animcore.audio.recording import RATE
from animcore.core import reading
from animcore.solvers.gesture_networks.motion_features import FPS
from animcore.solvers.gesture_networks.talkshow import encode_audio
from animcore.training.clip_cache import hash_of

FloatArray = NDArray[np.float32]
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class TrainingClip:
    """A voice with its body, on the disk until it is looked at.

    Attributes:
        name: of its files.
        speaker: who it is, an index into the speakers of the data.
        frames: (T, 337) float32 of `motion_features`, 30 a second.
        samples: (N,) float32 at 16 kHz, of the same length in seconds.
        place: beginning of the names of its files in the cache.
    """

    name: str
    speaker: int
    frames: FloatArray
    samples: FloatArray
    place: Path

    def heard(self, speech: str = "") -> FloatArray:
        """Return (2 T, D) frames of audio, 60 a second, from the cache; see `talkshow.encode_audio`."""
        path = self.place.with_name(f"{self.place.name}.heard{hash_of(Path(speech)) if speech else ''}.npy")

        def make(place: Path) -> None:
            np.save(place, encode_audio(np.asarray(self.samples), 2 * len(self.frames), speech))

        found: FloatArray = reading.cached(path, reading.mapped, make)
        return found


Hear = Callable[[TrainingClip], FloatArray]


class ClipDataset(Protocol):
    """A data set whose clips have `frames`, `samples` and `speaker`."""

    @property
    def clips(self) -> Sequence[Any]:
        """Return the clips."""
        ...


@dataclass(frozen=True)
class ClipWindows:
    """All windows of a data set.

    Attributes:
        data: the clips.
        length: frames of a window.
        stride: frames from one window to the next; each epoch begins elsewhere within it.
        batch: windows in a batch.
        hear: frames of audio (2 T, D) of a clip where the solver takes such, else None.
        seed: of the order.
    """

    data: ClipDataset
    length: int
    stride: int
    batch: int
    hear: Hear | None = None
    seed: int = 0

    def starts(self, epoch: int, stage: int) -> list[tuple[int, int]]:
        """Return clip and first frame of every window of an epoch, in the order of training."""
        generator = np.random.default_rng([self.seed, stage, epoch])
        result = []
        for index, clip in enumerate(self.data.clips):
            room = len(clip.frames) - self.length
            offset = int(generator.integers(min(self.stride, room + 1)))
            result += [(index, first) for first in range(offset, room + 1, self.stride)]
        return [result[i] for i in generator.permutation(len(result))]

    def batches(self, epoch: int, stage: int, part: int = 0, parts: int = 1) -> Iterator[Batch]:
        """Yield the batches of an epoch: every `parts`-th window from `part` on, equally many for every part.

        A batch holds `frames` (B, T, 337), `samples` (B, T / 30 * 16000), `speaker` (B,) and, where the solver takes
        frames of audio, `heard` (B, 2 T, D).
        """
        own = self._own(epoch, stage, part, parts)
        for first in range(0, len(own), self.batch):
            yield self._batch(own[first : first + self.batch])

    def count(self, epoch: int, stage: int, parts: int = 1) -> int:
        """Return how many batches `batches` yields."""
        return -(-len(self._own(epoch, stage, 0, parts)) // self.batch)

    def _own(self, epoch: int, stage: int, part: int, parts: int) -> list[tuple[int, int]]:
        starts = self.starts(epoch, stage)
        return starts[part : len(starts) - len(starts) % parts : parts] or starts[:1]

    def _batch(self, chosen: list[tuple[int, int]]) -> Batch:
        clips = [self.data.clips[index] for index, _ in chosen]
        sound = self.length * RATE // FPS
        batch = {
            "frames": stacked([clip.frames for clip in clips], [first for _, first in chosen], self.length),
            "samples": stacked([clip.samples for clip in clips], [first * RATE // FPS for _, first in chosen], sound),
            "speaker": torch.tensor([clip.speaker for clip in clips]),
        }
        if self.hear is not None:
            firsts = [2 * first for _, first in chosen]
            batch["heard"] = stacked([self.hear(clip) for clip in clips], firsts, 2 * self.length)
        return batch


def stacked(values: list[FloatArray], firsts: list[int], count: int) -> Tensor:
    """Return pieces of `count` rows, of each from its own first row on; zeros behind the end."""
    result = np.zeros((len(values), count, *values[0].shape[1:]), np.float32)
    for row, (value, first) in enumerate(zip(values, firsts, strict=True)):
        piece = value[first : first + count]
        result[row, : len(piece)] = piece
    return torch.from_numpy(result)
