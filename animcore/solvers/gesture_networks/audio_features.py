"""Audio features of gesture networks: our own mel spectrogram, or the hidden states of a speech model on the disk."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio.mel import MelFeatures, mel_filters
from animcore.audio.recording import RATE
from animcore.errors import InputError

FloatArray = NDArray[np.float32]

FPS = 60  # frames of audio a second, two to each frame of movement
BANDS = 40
_WINDOW = 512  # samples
_LOWEST, _HIGHEST = 60.0, 7600.0  # Hz
_LOUD = 95.0  # percentile of a clip's loudness that is taken for 0, whatever the gain of the recording
_RANGE = 8.0  # range below that, in natural logarithms of power
_PIECE = 30 * RATE  # samples that a speech model encodes at once
_STATES_FPS = 50.0  # of wav2vec 2.0, HuBERT and WavLM


def mel_features(fps: float) -> MelFeatures:
    """Return how `mel` makes its numbers at a frame rate, in words that the files of networks carry."""
    log = "natural logarithm of power + 1e-8"
    normalization = f"less the {_LOUD:g}th percentile of the frames' means, at least -{_RANGE:g}, divided by 4"
    return MelFeatures(_WINDOW, round(RATE / fps), BANDS, _LOWEST, _HIGHEST, log, normalization)


def mel(samples: FloatArray, count: int, fps: float = FPS) -> FloatArray:
    """Return (count, 40) logarithms of mel power, frame i at i / fps seconds, in about -2..0.5 whatever the gain.

    Args:
        samples: (N,) at 16 kHz.
        count: frames wanted.
        fps: frame rate.
    """
    half = _WINDOW // 2
    starts = np.round(np.arange(count) * RATE / fps).astype(np.int64)
    padded = np.pad(samples, (half, max(0, int(starts[-1:].sum()) + half - len(samples)) + half))
    views = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    window, bank = np.hanning(_WINDOW).astype(np.float32), mel_filters(BANDS, _WINDOW, RATE, _LOWEST, _HIGHEST)
    bands = [
        np.square(np.abs(np.fft.rfft(views[starts[first : first + 2048]] * window, axis=1))) @ bank
        for first in range(0, count, 2048)
    ]
    level = np.log(np.concatenate([np.zeros((0, BANDS)), *bands]) + 1e-8)
    loud = np.percentile(level.mean(1), _LOUD) if count else 0.0
    return np.asarray(np.maximum(level - loud, -_RANGE) / 4, np.float32)


def states(samples: FloatArray, count: int, folder: Path) -> FloatArray:
    """Return (count, D) hidden states of a speech model at 60 FPS, piece by piece.

    Args:
        samples: (N,) at 16 kHz.
        count: frames wanted.
        folder: with a wav2vec 2.0, HuBERT or WavLM model as `transformers` keeps it.

    Raises:
        InputError: without the package transformers, or where the folder holds no such model.
    """
    model = speech_model(folder)
    import torch

    found = []
    with torch.inference_mode():
        for first in range(0, max(len(samples), 1), _PIECE):
            piece = samples[first : first + _PIECE]
            piece = np.pad(piece, (0, max(0, 800 - len(piece))))
            level = (piece - piece.mean()) / (piece.std() + 1e-7)
            found.append(model(torch.from_numpy(level.astype(np.float32))[None]).last_hidden_state[0].cpu().numpy())
    every = np.concatenate(found)
    position = np.minimum(np.arange(count) / FPS * _STATES_FPS, len(every) - 1)
    before = position.astype(np.int64)
    share = (position - before)[:, None].astype(np.float32)
    mixed: FloatArray = every[before] * (1 - share) + every[np.minimum(before + 1, len(every) - 1)] * share
    return mixed.astype(np.float32)


@functools.lru_cache(maxsize=1)
def speech_model(folder: Path) -> Any:
    """Return the speech model of a folder; nothing is downloaded and no code of the folder is run.

    Raises:
        InputError: without the package transformers, or where the folder holds no such model.
    """
    try:
        import transformers
    except ImportError as error:
        raise InputError(
            "A speech model needs the package transformers: pip install '.[train]' in the source folder of Animcore."
        ) from error
    if not (folder / "config.json").is_file():
        raise InputError(f"There is no speech model in {folder}: give a folder with config.json and model.safetensors.")
    try:
        model = transformers.AutoModel.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
    except Exception as error:  # a broken file breaks anywhere, safetensors with an error of its own
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise InputError(f"The speech model in {folder} cannot be read ({why}); download it again.") from error
    return model.eval()
