"""Gestures by EMAGE (Liu et al., CVPR 2024): the published weights from a user's folder, or one trained here.

The folder is that of the Hugging Face repository H-Liu1997/emage_audio (its weights stand under Apache-2.0):
`config.json` and `model.safetensors` or `pytorch_model.bin`, and below `emage_vq` the folders `upper`, `hands`, `lower`
and `global` with the same two files each. `emage_vq/face` is not needed: Animcore's own solver moves the face.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from animcore.audio.recording import RATE
from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.solvers import checkpoints
from animcore.solvers.gesture_networks.emage_network import HEADS, UNUSED, EmageSizes, EmageTransformer
from animcore.solvers.gesture_networks.motion_features import COLUMNS, FPS, PARTS, WIDTH, decode, rest
from animcore.solvers.gesture_networks.vq_vae import MotionAutoencoder, MotionVqVae

FloatArray = NDArray[np.float32]

MODEL_TYPE = "emage_audio"
_CODES = "emage_vq"
_WAY = "global"
_VARIETY = 0.7  # spread of what a seed adds to the logits: likelier codes stay likely, close ones change places


class EmageModel(nn.Module):
    """The transformer, the codes of the three parts, and the way on the floor."""

    def __init__(self, sizes: EmageSizes, coders: dict[str, dict[str, int]]) -> None:
        """Build with random weights.

        Args:
            sizes: of the transformer.
            coders: of each part and of `global`: `vae_length`, `vae_layer`, `vae_codebook_size`.
        """
        super().__init__()
        self.coders = coders
        self.network = EmageTransformer(sizes)
        self.codes = nn.ModuleDict({part: _coder(len(COLUMNS[part]), coders[part]) for part in PARTS})
        own = coders[_WAY]
        self.way = MotionAutoencoder(len(COLUMNS["lower"]), own["vae_length"], own["vae_layer"])

    def save(self, folder: str | Path, speakers: list[str]) -> None:
        """Write the folder as the published one is.

        Raises:
            InputError: where it cannot be written.
        """
        folder = Path(folder)
        sizes = {part.name: getattr(self.network.sizes, part.name) for part in fields(EmageSizes)}
        checkpoints.save(self.network, {"model_type": MODEL_TYPE, **sizes, "speakers": speakers}, folder)
        for name, network in {**dict(self.codes.items()), _WAY: self.way}.items():
            width = len(COLUMNS[name if name in PARTS else "lower"])
            kind = "emage_vaeconv" if name == _WAY else "emage_vqvaeconv"
            checkpoints.save(
                network, {"model_type": kind, "vae_test_dim": width, **self.coders[name]}, folder / _CODES / name
            )

    def generate(
        self, samples: FloatArray, count: int, speaker: int, seed: int, progress: Progress = silent
    ) -> tuple[FloatArray, FloatArray]:
        """Return pose (count, 55, 3) and translation (count, 3) at 30 FPS.

        Window by window, each taking over the last frames of the one before. Seed 0 is what the network finds
        likeliest; any other adds the same noise to all frames of a window, so that no code flickers.
        """
        generator = torch.Generator().manual_seed(seed)
        step = self.network.sizes.pose_length - self.network.sizes.seed_frames
        known = torch.from_numpy(rest(self.network.sizes.seed_frames))[None]
        found: list[dict[str, Tensor]] = []
        with torch.inference_mode():
            for first in range(0, max(count, 1), step):
                codes = self._window(samples, first, speaker, known, generator if seed else None)
                known = self._frames(codes)[:, -self.network.sizes.seed_frames :]
                found.append({part: values[:, :step] for part, values in codes.items()})
                progress(min(first + step, count) / max(count, 1), "Gesturing")
            frames = self._frames({part: torch.cat([codes[part] for codes in found], 1) for part in PARTS})
        return decode(frames[0, :count].numpy())

    def _window(
        self, samples: FloatArray, first: int, speaker: int, known: Tensor, generator: torch.Generator | None
    ) -> dict[str, Tensor]:
        """(1, pose_length) codes of each part from frame `first` on."""
        length = self.network.sizes.pose_length
        start, stop = first * RATE // FPS, (first + length) * RATE // FPS
        heard = np.zeros(stop - start, np.float32)
        heard[: len(samples[start:stop])] = samples[start:stop]
        motion = torch.from_numpy(rest(length))[None]
        motion[:, : known.shape[1]] = known
        hidden = torch.ones(1, length, dtype=torch.bool)
        hidden[:, : known.shape[1]] = False
        logits = self.network(torch.from_numpy(heard)[None], torch.tensor([speaker]), motion, hidden)
        if generator is not None:
            logits = {
                part: values + _VARIETY * torch.randn(1, 1, values.shape[-1], generator=generator)
                for part, values in logits.items()
            }
        return {part: values.argmax(-1) for part, values in logits.items()}

    def _frames(self, codes: dict[str, Tensor]) -> Tensor:
        """(1, T, 337) frames of codes (1, T) of each part."""
        frames = torch.from_numpy(rest(codes["lower"].shape[1]))[None]
        for part, indices in codes.items():
            coder: Any = self.codes[part]
            decoded = coder.frames(coder.vectors(indices))
            frames[:, :, COLUMNS[part]] = decoded
            if part == "lower":  # the published `global` gives the way, the codes whether feet stand
                frames[:, :, WIDTH - 7 : WIDTH - 4] = self.way(decoded)[:, :, -7:-4]
        return frames


def load(folder: Path, values: dict[str, Any]) -> tuple[EmageModel, list[str]]:
    """Return the model of a folder and the names of its speakers.

    Args:
        folder: see above.
        values: its `config.json`.

    Raises:
        InputError: where a file is missing, cut off, damaged, would run code, or is another model's.
    """
    sizes = EmageSizes(
        **{part.name: checkpoints.whole_number(values, part.name, folder) for part in fields(EmageSizes)}
    )
    if sizes.hidden_size % (2 * HEADS) or sizes.audio_f % 4 or not sizes.seed_frames < sizes.pose_length:
        raise InputError(f"The sizes in {folder / checkpoints.CONFIG} do not fit each other; download it again.")
    coders = {part: _coder_sizes(folder / _CODES / part, part) for part in (*PARTS, _WAY)}
    for part in PARTS:
        if coders[part]["vae_codebook_size"] != sizes.vae_codebook_size:
            raise InputError(f"{folder / _CODES / part} has another number of codes than {folder}; use one release.")
    model = EmageModel(sizes, coders)
    checkpoints.fill(model.network, folder, UNUSED)
    for part in PARTS:
        checkpoints.fill(model.codes[part], folder / _CODES / part)
    checkpoints.fill(model.way, folder / _CODES / _WAY)
    names = values.get("speakers")
    named = isinstance(names, list) and len(names) == sizes.speaker_dims
    return model.eval(), [str(name) for name in names] if named and names else [
        str(i) for i in range(sizes.speaker_dims)
    ]


def _coder(width: int, sizes: dict[str, int]) -> MotionVqVae:
    return MotionVqVae(width, sizes["vae_length"], sizes["vae_layer"], sizes["vae_codebook_size"])


def _coder_sizes(folder: Path, part: str) -> dict[str, int]:
    """The sizes in a part's `config.json`."""
    values = checkpoints.config(folder)
    names = ("vae_length", "vae_layer", "vae_codebook_size", "vae_test_dim")
    sizes = {name: checkpoints.whole_number(values, name, folder) for name in names}
    width = len(COLUMNS[part if part in PARTS else "lower"])
    if sizes.pop("vae_test_dim") != width:
        raise InputError(f"{folder} holds codes of another part: {part} has {width} numbers a frame.")
    return sizes
