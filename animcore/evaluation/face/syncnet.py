"""LSE-D and LSE-C: how well audio and images agree for SyncNet, a network trained on people who talk.

Chung and Zisserman, "Out of time: automated lip sync in the wild", 2016; as figures: Prajwal et al., "A lip sync expert
is all you need" (Wav2Lip), 2020. The weights are a user's own download (`syncnet_v2.model`). The images
must show the face alone, as SyncNet's own face tracker crops it: the whole image is taken for the face.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.errors import BROKEN_FILE, InputError, reason

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

FPS, SIDE = 25, 224  # what SyncNet was trained on: FPS, pixels
_WINDOW, _STEPS = 5, 4  # frames of a window; steps of audio to a frame
_REACH = 15  # frames that the audio is moved by, either way (Wav2Lip's evaluation)
_BATCH = 16

# Channels, kernel, stride and padding of each convolution, then kernel, stride and padding of the pooling behind it.
_Layer = tuple[int, Any, Any, Any, tuple[Any, Any, Any] | None]
_SOUND: tuple[_Layer, ...] = (
    (64, (3, 3), 1, 1, ((1, 1), 1, 0)),
    (192, (3, 3), 1, 1, ((3, 3), (1, 2), 0)),
    (384, (3, 3), 1, 1, None),
    (256, (3, 3), 1, 1, None),
    (256, (3, 3), 1, 1, ((3, 3), (2, 2), 0)),
    (512, (5, 4), 1, 0, None),
)
_PICTURE: tuple[_Layer, ...] = (
    (96, (5, 7, 7), (1, 2, 2), 0, ((1, 3, 3), (1, 2, 2), 0)),
    (256, (1, 5, 5), (1, 2, 2), (0, 1, 1), ((1, 3, 3), (1, 2, 2), (0, 1, 1))),
    (256, (1, 3, 3), 1, (0, 1, 1), None),
    (256, (1, 3, 3), 1, (0, 1, 1), None),
    (256, (1, 3, 3), 1, (0, 1, 1), ((1, 3, 3), (1, 2, 2), 0)),
    (512, (1, 6, 6), 1, 0, None),
)


class SyncNet:
    """The published network (`syncnet_v2`, 1024 outputs), with weights from a file."""

    def __init__(self, path: Path) -> None:
        """Load the weights; nothing is unpickled but numbers.

        Raises:
            InputError: without PyTorch, or where the file is not SyncNet's weights.
        """
        torch = _torch()
        self._network = network()
        if not path.is_file():
            raise InputError(f"There is no file {path}; SyncNet's weights are called syncnet_v2.model.")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self._network.load_state_dict(state)
        except BROKEN_FILE as error:
            why = reason(error)
            raise InputError(f"{path.name} does not hold the weights of syncnet_v2 ({why[:120]}).") from error
        self._network.eval()

    def score(self, images: Image, sound: Array) -> tuple[float, float]:
        """Return LSE-D and LSE-C of images (T, 224, 224, 3) BGR 0..255 at 25 a second, and sound at 16 kHz, -1..1.

        Raises:
            InputError: for less than 0.24 s of both.
        """
        torch = _torch()
        features = mfcc(sound)
        count = min(len(images), len(sound) // (recording.RATE // FPS)) - _WINDOW
        if count < 1:
            raise InputError("LSE needs at least six video frames with audio.")
        seen, heard = [], []
        with torch.inference_mode():
            for piece in (range(first, min(first + _BATCH, count)) for first in range(0, count, _BATCH)):
                frames = np.stack([images[i : i + _WINDOW].transpose(3, 0, 1, 2) for i in piece])
                steps = np.stack([features[i * _STEPS : (i + _WINDOW) * _STEPS].T[None] for i in piece])
                seen.append(self._run("lip", frames))
                heard.append(self._run("aud", steps))
        return distances(np.concatenate(seen), np.concatenate(heard))

    def _run(self, kind: str, values: Array) -> Array:
        tensor = _torch().from_numpy(values.astype(np.float32))
        result: Array = self._network[f"netfc{kind}"](self._network[f"netcnn{kind}"](tensor).flatten(1)).numpy()
        return result


def distances(seen: Array, heard: Array) -> tuple[float, float]:
    """LSE-D and LSE-C from what SyncNet makes of images (T, 1024) and sound (T, 1024).

    The distance of each image to the audio up to 15 frames before and after it (nothing beyond the ends), averaged
    over images: LSE-D is the least of these 31, LSE-C their median less the least.
    """
    padded = np.pad(heard, ((_REACH, _REACH), (0, 0)))
    shifts = range(2 * _REACH + 1)
    mean = np.array([np.linalg.norm(seen - padded[k : k + len(seen)] + 1e-6, axis=1).mean() for k in shifts])
    return float(mean.min()), float(np.median(mean) - mean.min())


def network() -> Any:
    """Build the published network with random weights."""
    nn = _torch().nn
    return nn.ModuleDict(
        {
            "netcnnaud": nn.Sequential(*_layers(_SOUND, 1, nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d)),
            "netfcaud": _head(nn),
            "netfclip": _head(nn),
            "netcnnlip": nn.Sequential(*_layers(_PICTURE, 3, nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d)),
        }
    )


def _layers(plan: tuple[_Layer, ...], channels: int, convolution: Any, norm: Any, pool: Any) -> Iterator[Any]:
    before = (channels, *(layer[0] for layer in plan))
    for (width, following), (_, kernel, stride, padding, pooling) in zip(pairwise(before), plan, strict=True):
        yield convolution(width, following, kernel, stride, padding)
        yield norm(following)
        yield _torch().nn.ReLU()
        if pooling is not None:
            yield pool(*pooling)


def _head(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


def mfcc(sound: Array) -> Array:
    """(T, 13) mel-frequency cepstra of (N,) sound at 16 kHz, -1..1: 25 ms windows, 100 a second.

    As the package python_speech_features makes them by its defaults, which SyncNet was trained on: 16-bit samples,
    pre-emphasis 0.97, 512-point spectra, 26 mel triangles, orthonormal DCT-II, a sine lifter of 22, and the log energy
    in the place of the first.
    """
    samples = np.round(np.clip(sound, -1, 1) * 32767)
    samples = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    window, hop, size = recording.RATE // 40, recording.RATE // 100, 512
    count = 1 + max(0, -(-(len(samples) - window) // hop))
    padded = np.pad(samples, (0, max(0, (count - 1) * hop + window - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:count]
    power = np.square(np.abs(np.fft.rfft(frames, size))) / size
    energy = _floored(power.sum(1))
    bands = np.log(_floored(power @ _mel_triangles(26, size).T))
    numbers = np.arange(13)[:, None]
    basis = np.cos(np.pi * numbers * (2 * np.arange(26) + 1) / 52) * np.where(numbers == 0, 1 / 26, 2 / 26) ** 0.5
    cepstra: Array = (bands @ basis.T) * (1 + 11 * np.sin(np.pi * np.arange(13) / 22))
    cepstra[:, 0] = np.log(energy)
    return cepstra


def _floored(values: Array) -> Array:
    """Zeros become the smallest step above them, so that there is a logarithm."""
    return np.where(values == 0, np.finfo(float).eps, values)


def _mel_triangles(count: int, size: int) -> Array:
    """(count, size // 2 + 1) triangles evenly spaced in mel from 0 to 8 kHz."""
    top = 2595 * np.log10(1 + recording.RATE / 2 / 700)
    edges = np.floor((size + 1) * 700 * (10 ** (np.linspace(0, top, count + 2) / 2595) - 1) / recording.RATE)
    bins = np.arange(size // 2 + 1)
    low, middle, high = (edges[k : k + count, None] for k in range(3))
    rising = (bins - low) / np.maximum(middle - low, 1)
    falling = (high - bins) / np.maximum(high - middle, 1)
    inside = np.where(bins < middle, (bins >= low) * rising, (bins < high) * falling)
    triangles: Array = np.where((bins >= low) & (bins < high), inside, 0.0)
    return triangles


def face_crops(path: Path) -> Image:
    """(T, 224, 224, 3) uint8 BGR: the frames of a video at 25 a second, each scaled to a square.

    Raises:
        InputError: when it is no video that can be decoded.
    """
    images: list[Image] = []
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            for index, frame in enumerate(container.decode(video=0)):
                time = frame.time if frame.time is not None else index / FPS
                scaled = (
                    frame.reformat(width=SIDE, height=SIDE, format="bgr24").to_ndarray().astype(np.uint8, copy=False)
                )
                # a frame stays until the next one comes; of two that fall on one place the first stays
                while len(images) < round(time * FPS) + 1:
                    images.append(scaled if len(images) >= round(time * FPS) or not images else images[-1])
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise InputError(f"{path.name} is not a video that can be decoded; export it again as MP4.") from error
    if not images:
        raise InputError(f"{path.name} has no video track.")
    return np.stack(images)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            "LSE-C and LSE-D need PyTorch: pip install '.[train]' in the source folder of Animcore."
        ) from error
    return torch
