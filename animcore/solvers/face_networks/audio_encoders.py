"""Audio encoders of face networks: a mel spectrogram, the shipped network's phonemes, or wav2vec 2.0, HuBERT or WavLM.

Each encodes audio as a given number of states, spread evenly over it. The part that does not depend on what is
learned (`raw`) is made once a clip. Nothing is ever downloaded: a speech model comes from a folder on the disk as
`transformers` keeps it, and once it is part of a trained face it is saved with it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.audio import loudness
from animcore.audio.mel import MelFeatures, mel_filters
from animcore.audio.recording import RATE, AudioClip, AudioFacts
from animcore.errors import InputError
from animcore.solvers import checkpoints
from animcore.solvers.face_networks.output_space import FloatArray
from animcore.solvers.gesture_networks import audio_features
from animcore.solvers.gesture_networks.audio_features import speech_model
from animcore.solvers.speech_face import lip_sync
from animcore.speech import pronunciation

LEVEL = -23.0  # LUFS of the input, in training and inference
PHONEMES = "phonemes"  # where a configuration names a folder: the shipped network's
VOICE = "voice"  # and these with a mel spectrogram
SPEECH = ("wav2vec2", "hubert", "wavlm")  # model types of transformers that can encode
BANDS = 64
_HOP, _WINDOW = 160, 400  # samples: 100 FPS of 25 ms
_LOWEST, _HIGHEST = 60.0, 7600.0  # Hz
_FLOOR = 1e-5  # of the power of a band
_MIDDLE, _SCALE = -4.0, 3.0  # of its logarithm in speech at LEVEL, so that what goes in is about -1..1
_PHONEME_FPS = 50
_TAPS = 7
_DILATIONS = (1, 2, 4, 8)


def normalize_loudness(samples: FloatArray) -> FloatArray:
    """Return samples (N,) at 16 kHz brought to -23 LUFS; silence stays as it is."""
    level = loudness.integrated_loudness(samples, RATE) if len(samples) else None
    return samples if level is None else (samples * np.float32(10 ** ((LEVEL - level) / 20))).astype(np.float32)


class AudioEncoder(nn.Module):
    """What every audio encoder does.

    Attributes:
        width: numbers of a state.
        rate: rows of what `raw` gives a second.
    """

    width: int
    rate: int = RATE

    def raw(self, samples: FloatArray) -> FloatArray:
        """Return the input of `forward` for a whole clip (N,) at 16 kHz: (N,), or (M, D) rows."""
        return normalize_loudness(samples)

    def forward(self, sound: Tensor, count: int) -> Tensor:
        """Return (B, count, width) states spread evenly over what `raw` gave (B, N) or (B, M, D), the first at 0 s."""
        raise NotImplementedError

    def values(self) -> dict[str, Any]:
        """Return what `build` makes the audio encoder again from, without its weights."""
        raise NotImplementedError

    def metadata(self) -> dict[str, str]:
        """Return what an exported network must state of all that feeds it, as text by name."""
        return {
            "sample_rate": str(RATE),
            "loudness": f"{LEVEL:g}",
            "input": f"(1, N) samples in -1..1, one channel, at {LEVEL:g} LUFS",
            "input_rate": str(self.rate),
        }


class MelEncoder(AudioEncoder):
    """Logarithms of mel power, then gated convolutions: 0.9 s to each side for one round of dilations."""

    waves: Tensor
    bank: Tensor

    def __init__(self, hidden: int = 128, layers: int = 4) -> None:
        """Build with random weights.

        Args:
            hidden: width of the states.
            layers: of convolutions, each wider apart than the one before, in rounds of four.
        """
        super().__init__()
        self.width, self.layers = hidden, layers
        time = np.arange(_WINDOW)
        angle = 2 * np.pi * np.arange(_WINDOW // 2 + 1)[:, None] * time / _WINDOW
        waves = np.concatenate([np.cos(angle), np.sin(angle)]) * np.hanning(_WINDOW)
        self.register_buffer("waves", torch.from_numpy(waves).float()[:, None], persistent=False)
        self.register_buffer(
            "bank", torch.from_numpy(mel_filters(BANDS, _WINDOW, RATE, _LOWEST, _HIGHEST)).float(), persistent=False
        )
        self.into = nn.Conv1d(BANDS, hidden, 5, stride=2, padding=2)
        self.around = _stack(hidden, layers)

    def forward(self, sound: Tensor, count: int) -> Tensor:
        """See `AudioEncoder`."""
        padded = functional.pad(sound, (_WINDOW // 2, _WINDOW // 2))[:, None]
        real, imaginary = functional.conv1d(padded, self.waves, stride=_HOP).chunk(2, 1)
        power = torch.einsum("bft,fm->bmt", real.square() + imaginary.square(), self.bank)
        states = self.around(functional.gelu(self.into((torch.log(power + _FLOOR) - _MIDDLE) / _SCALE)))
        return resample_states(states.transpose(1, 2), count, sound.shape[1] / (2 * _HOP))

    def values(self) -> dict[str, Any]:
        """See `AudioEncoder`."""
        return {"kind": "mel", "hidden": self.width, "layers": self.layers}

    def metadata(self) -> dict[str, str]:
        """See `AudioEncoder`; the graph makes the spectrogram itself."""
        log, normalization = f"natural logarithm of power + {_FLOOR:g}", f"(x - {_MIDDLE:g}) / {_SCALE:g}"
        made = MelFeatures(_WINDOW, _HOP, BANDS, _LOWEST, _HIGHEST, log, normalization)
        return super().metadata() | made.metadata() | {"features": "mel spectrogram, in the graph"}


class PhonemeEncoder(AudioEncoder):
    """Probabilities of phonemes by the shipped speech network: a good start for small data."""

    rate = _PHONEME_FPS

    def __init__(self, hidden: int = 128, layers: int = 4) -> None:
        """Build with random weights; the arguments are those of `MelEncoder`."""
        super().__init__()
        self.width, self.layers = hidden, layers
        self.into = nn.Conv1d(len(pronunciation.PHONEMES), hidden, 5, padding=2)
        self.around = _stack(hidden, layers)

    def raw(self, samples: FloatArray) -> FloatArray:
        """(M, 40) probabilities, 50 a second."""
        found = lip_sync.detect_phonemes(_clip(samples))
        if found.fps != self.rate:
            raise InputError(
                f"The speech network has {found.fps} frames per second, this audio encoder was made for {self.rate}."
            )
        return found.probabilities

    def forward(self, sound: Tensor, count: int) -> Tensor:
        """See `AudioEncoder`."""
        states = self.around(functional.gelu(self.into(sound.transpose(1, 2))))
        return resample_states(states.transpose(1, 2), count, sound.shape[1])

    def values(self) -> dict[str, Any]:
        """See `AudioEncoder`."""
        return {"kind": PHONEMES, "hidden": self.width, "layers": self.layers}

    def metadata(self) -> dict[str, str]:
        """See `AudioEncoder`; the features are made before the graph."""
        rows = f"(1, M, {len(pronunciation.PHONEMES)}) probabilities of phonemes, {self.rate} rows per second"
        features = "the output `phonemes` of articulation.onnx, before the graph"
        return super().metadata() | {"input": rows, "features": features}


class PhonemeVoiceEncoder(AudioEncoder):
    """Phonemes as in `PhonemeEncoder`, and mel power, as they are: nothing of it is trained.

    A state depends on no other moment than its own, so that a face with this encoder can be made piece by piece.
    """

    rate = _PHONEME_FPS

    def __init__(self) -> None:
        super().__init__()
        self.width = len(pronunciation.PHONEMES) + audio_features.BANDS

    def raw(self, samples: FloatArray) -> FloatArray:
        """(M, 80) probabilities and logarithms of mel power whatever the gain, 50 a second."""
        phonemes = lip_sync.detect_phonemes(_clip(samples)).probabilities
        return np.concatenate([phonemes, audio_features.mel(samples, len(phonemes), self.rate)], axis=1)

    def forward(self, sound: Tensor, count: int) -> Tensor:
        """See `AudioEncoder`."""
        return resample_states(sound, count, sound.shape[1])

    def values(self) -> dict[str, Any]:
        """See `AudioEncoder`."""
        return {"kind": VOICE}

    def metadata(self) -> dict[str, str]:
        """See `AudioEncoder`; the features are made before the graph."""
        rows = f"(1, M, {self.width}) probabilities of phonemes, then mel power, {self.rate} rows per second"
        features = "the output `phonemes` of articulation.onnx and a mel spectrogram, before the graph"
        made = audio_features.mel_features(self.rate).metadata()
        return super().metadata() | made | {"input": rows, "features": features}


def _clip(samples: FloatArray) -> AudioClip:
    """Samples (N,) at 16 kHz as a recording."""
    peak = float(np.abs(samples).max(initial=0.0))
    level = loudness.integrated_loudness(samples, RATE) if len(samples) else None
    return AudioClip(samples, "", "", AudioFacts(len(samples) / RATE, RATE, 1, peak, level, 0.0, (), ()))


def _stack(hidden: int, layers: int) -> nn.Sequential:
    return nn.Sequential(*(_GatedConvolution(hidden, _DILATIONS[index % len(_DILATIONS)]) for index in range(layers)))


class _GatedConvolution(nn.Module):
    """A gated convolution over time with a residual connection."""

    def __init__(self, hidden: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, hidden)
        self.wide = nn.Conv1d(hidden, hidden, _TAPS, padding=dilation * (_TAPS // 2), dilation=dilation, groups=hidden)
        self.mix = nn.Conv1d(hidden, 2 * hidden, 1)
        self.out = nn.Conv1d(hidden, hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        value, gate = self.mix(self.wide(self.norm(x))).chunk(2, 1)
        return cast(Tensor, x + self.out(functional.gelu(value) * gate.sigmoid()))


class SpeechModelEncoder(AudioEncoder):
    """A speech model of `transformers`; its convolutions stay as they are, as in the papers of FaceFormer and others.

    As in FaceFormer, the output of the convolutions is resampled to the number of states before the transformer
    takes it.
    """

    def __init__(self, model: Any) -> None:
        """Take a model of `transformers`, with or without its weights."""
        super().__init__()
        self.model = model
        self.width = int(model.config.hidden_size)
        for parameter in model.feature_extractor.parameters():
            parameter.requires_grad_(requires_grad=False)
        if hasattr(model, "masked_spec_embed"):  # an input of its own training alone
            model.masked_spec_embed.requires_grad_(requires_grad=False)

    def forward(self, sound: Tensor, count: int) -> Tensor:
        """See `AudioEncoder`."""
        middle, size = sound.mean(1, keepdim=True), sound.std(1, keepdim=True)
        heard = self.model.feature_extractor((sound - middle) / (size + 1e-7))
        heard = functional.interpolate(heard, size=count, mode="linear", align_corners=True)
        states = self.model.feature_projection(heard.transpose(1, 2))
        if isinstance(states, tuple):  # wav2vec 2.0 and WavLM return their input as well
            states = states[0]
        return cast(Tensor, self.model.encoder(states)[0])

    def values(self) -> dict[str, Any]:
        """See `AudioEncoder`."""
        return {
            "kind": "speech",
            "config": self.model.config.to_diff_dict() | {"model_type": self.model.config.model_type},
        }

    def metadata(self) -> dict[str, str]:
        """See `AudioEncoder`; the graph brings samples to a mean of 0 and a standard deviation of 1."""
        features = f"{self.model.config.model_type}, in the graph, of samples with mean 0 and standard deviation 1"
        return super().metadata() | {"features": features}


_OWN: dict[str, type[MelEncoder | PhonemeEncoder]] = {"mel": MelEncoder, PHONEMES: PhonemeEncoder}


def resample_states(states: Tensor, count: int, last: float) -> Tensor:
    """Return (B, count, C) of states (B, T, C), evenly from the first on; the audio ends at `last` states."""
    position = torch.arange(count, device=states.device, dtype=torch.float32) * (last / count)
    position = position.clamp(max=states.shape[1] - 1)
    before = position.long()
    after = (before + 1).clamp(max=states.shape[1] - 1)
    return torch.lerp(states[:, before], states[:, after], (position - before)[:, None])


def from_folder(folder: Path) -> SpeechModelEncoder:
    """Return an audio encoder with the speech model of a folder.

    Raises:
        InputError: without the package transformers, or where the folder holds no wav2vec 2.0, HuBERT or WavLM.
    """
    model = speech_model(folder)
    if model.config.model_type not in SPEECH:
        raise InputError(
            f"{folder} holds a model of type {model.config.model_type}; the known ones are {', '.join(SPEECH)}."
        )
    return SpeechModelEncoder(copy.deepcopy(model))


def encoder_config(speech: str, hidden: int, layers: int) -> AudioEncoder:
    """Return the audio encoder of a configuration: `phonemes`, `voice`, the model of a folder, or mel by default.

    Raises:
        InputError: as `from_folder` does.
    """
    if not speech:
        return MelEncoder(hidden, layers)
    if speech == VOICE:
        return PhonemeVoiceEncoder()
    return PhonemeEncoder(hidden, layers) if speech == PHONEMES else from_folder(Path(speech))


def build(values: Any, where: Path) -> AudioEncoder:
    """Return the audio encoder of `AudioEncoder.values`, with random weights.

    Args:
        values: the value of `ear` in a model's `config.json`.
        where: that file.

    Raises:
        InputError: where it makes no sense, or needs the package transformers and there is none.
    """
    kind = values.get("kind") if isinstance(values, Mapping) else None
    if kind == VOICE:
        return PhonemeVoiceEncoder()
    if kind in _OWN:
        sizes = [values.get(name) for name in ("hidden", "layers")]
        if all(isinstance(size, int) and 1 <= size <= 4096 for size in sizes):
            return _OWN[kind](*sizes)
    if kind == "speech" and isinstance(values.get("config"), Mapping) and values["config"].get("model_type") in SPEECH:
        return SpeechModelEncoder(_empty(dict(values["config"]), where))
    raise InputError(f"{where} does not describe the model's audio encoder; train or download it again.")


def _empty(config: dict[str, Any], where: Path) -> Any:
    """A speech model with random weights."""
    try:
        import transformers
    except ImportError as error:
        raise InputError(
            "This model needs a speech model: pip install '.[train]' in the source folder of Animcore."
        ) from error
    kind = config.pop("model_type")
    try:
        return transformers.AutoModel.from_config(transformers.AutoConfig.for_model(kind, **config))
    except Exception as error:  # a configuration of unknown origin breaks anywhere
        if checkpoints.memory_ran_out(error):
            raise
        raise InputError(f"{where} describes a speech model that cannot be built ({type(error).__name__}).") from error


def base_speech_model(kind: str = "wav2vec2") -> SpeechModelEncoder:
    """Return an audio encoder of the usual sizes, with random weights: official weights fill it.

    Args:
        kind: `wav2vec2` for `facebook/wav2vec2-base-960h`, `hubert` for `facebook/hubert-base-ls960`.

    Raises:
        InputError: without the package transformers.
    """
    return SpeechModelEncoder(_empty({"model_type": kind}, Path(f"{kind}-base")))
