"""Onsets of audio, by librosa: EMAGE's beat consistency is measured against them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.errors import InputError

Array = NDArray[np.floating[Any]]

_RATE, _STEP = 16_000, 512  # Hz and samples: as EMAGE measures


def onsets(clip: AudioClip) -> Array:
    """Return (N,) seconds of the onsets in audio, in steps of 32 ms (`librosa.onset.onset_detect`, its defaults).

    Raises:
        InputError: without the package librosa.
    """
    try:
        import librosa
    except ImportError as error:
        raise InputError(
            "Beats are measured against the audio by the package librosa: pip install '.[judge]' in the source folder "
            "of Animcore, or evaluate without audio."
        ) from error
    samples = np.asarray(clip.samples, np.float32)
    if clip.rate != _RATE:
        samples = librosa.resample(samples, orig_sr=clip.rate, target_sr=_RATE)
    if not len(samples) or not np.any(samples):
        return np.zeros(0)
    return np.asarray(librosa.onset.onset_detect(y=samples, sr=_RATE, hop_length=_STEP, units="time"), np.float64)
