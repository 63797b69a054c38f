"""`facediffuser`: FaceDiffuser (Stan et al., MIG 2023), written anew: recurrent layers that take noise out of a face.

Two states of the audio, the noisy face and the step of the diffusion, side by side and normalized, go through
gated recurrent units to the clean face, which who speaks scales on the way. Faces are drawn by implicit sampling
(DDIM, Song et al., ICLR 2021): a few steps, and no chance but that of the first noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.base import Conditioning, FaceModel, restore
from animcore.solvers.face_networks.output_space import OutputSpace

STATES = 2  # states of audio to each frame
_OFFSET = 0.008  # of the cosine schedule (Nichol and Dhariwal, ICML 2021)
_LARGEST = 0.999  # share of the face that a step may lose


@dataclass(frozen=True)
class FaceDiffuserSizes:
    """The sizes of a network.

    Attributes:
        hidden: width of the recurrent layers and of the step's code.
        layers: recurrent ones.
        noise_steps: from a face to noise, in training.
        steps: from noise to a face, when it performs.
    """

    hidden: int = 256
    layers: int = 2
    noise_steps: int = 500
    steps: int = 10


class FaceDiffuser(FaceModel):
    """Noisy faces, sound and step -> clean faces."""

    MODEL_TYPE = "animcore_facediffuser"
    SIZES = FaceDiffuserSizes
    sizes: FaceDiffuserSizes
    kept: Tensor

    def __init__(
        self, sizes: FaceDiffuserSizes, space: OutputSpace, ear: AudioEncoder, speakers: tuple[str, ...]
    ) -> None:
        super().__init__(sizes, space, ear, speakers)
        wide = STATES * ear.width + space.width + sizes.hidden
        self.register_buffer("kept", schedule(sizes.noise_steps), persistent=False)
        self.time_mlp = nn.Sequential(nn.Linear(sizes.noise_steps, sizes.hidden), nn.Mish())
        self.norm_cond = nn.LayerNorm(wide)
        dropout = 0.3 if sizes.layers > 1 else 0.0
        self.gru = nn.GRU(wide, sizes.hidden, sizes.layers, batch_first=True, dropout=dropout)
        self.final_layer = nn.Linear(sizes.hidden, space.width)
        self.obj_vector = nn.Linear(len(speakers), sizes.hidden, bias=False)
        nn.init.ones_(self.obj_vector.weight)

    def forward(self, noisy: Tensor, step: Tensor, states: Tensor, speaker: Tensor) -> Tensor:
        """Return clean faces (B, T, W) in standard deviations from the mean.

        Args:
            noisy: (B, T, W) in standard deviations from the mean.
            step: (B,) whole numbers; 0 is next to the face.
            states: (B, 2 T, ear.width) of the audio encoder.
            speaker: (B,).
        """
        batch, count, _ = noisy.shape
        code = self.time_mlp(functional.one_hot(step, self.sizes.noise_steps).to(noisy.dtype))
        told = [states.reshape(batch, count, -1), noisy, code[:, None].expand(-1, count, -1)]
        found, _ = self.gru(self.norm_cond(torch.cat(told, -1)))
        who = self.obj_vector(functional.one_hot(speaker, len(self.speakers)).to(noisy.dtype))
        return cast(Tensor, self.final_layer(found * who[:, None]))

    def noised(self, clean: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """Return faces (B, T, W) as noisy as after steps (B,)."""
        kept = self.kept[step][:, None, None]
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """See `FaceModel`."""
        states = self.ear(sound, STATES * count)
        speaker = torch.tensor([asked.speaker], device=sound.device)

        def clean(noisy: Tensor, step: int) -> Tensor:
            return cast(Tensor, self(noisy, torch.tensor([step], device=sound.device), states, speaker))

        noise = torch.randn(1, count, self.space.width, generator=generator, device=sound.device)
        return denoise(clean, noise, self.kept, self.sizes.steps)[0]


def denoise(clean: Callable[[Tensor, int], Tensor], noise: Tensor, kept: Tensor, steps: int) -> Tensor:
    """Return a sample from noise by implicit sampling (DDIM), of the noise's shape.

    Args:
        clean: predicts the clean sample from a noisy one and the step of its noise.
        noise: to begin with; there is no other chance.
        kept: (S,) of `schedule`.
        steps: to take, evenly spread over those of the schedule.
    """
    last = len(kept) - 1
    taken = torch.linspace(last, 0, min(steps, last + 1)).round().long().tolist()
    state = found = noise
    for index, step in enumerate(taken):
        found = clean(state, step)
        if index + 1 < len(taken):
            here, there = kept[step], kept[taken[index + 1]]
            rest = (state - here.sqrt() * found) / (1 - here).sqrt()
            state = there.sqrt() * found + (1 - there).sqrt() * rest
    return found


def schedule(steps: int) -> Tensor:
    """(steps,) share of the face's power that is left after each step, falling as a cosine (Nichol and Dhariwal)."""
    place = (torch.arange(steps + 1, dtype=torch.float64) / steps + _OFFSET) / (1 + _OFFSET)
    level = (place * math.pi / 2).cos().square()
    lost = (1 - level[1:] / level[:-1]).clamp(max=_LARGEST)
    return (1 - lost).cumprod(0).float()


def load(folder: Path, values: dict[str, Any]) -> FaceDiffuser:
    """Return the model of a folder that `animcore train facediffuser` left.

    Args:
        folder: with its weights.
        values: its `config.json`.

    Raises:
        InputError: where a file is missing, cut off, damaged, would run code, or is another model's.
    """
    return restore(FaceDiffuser, folder, values)
