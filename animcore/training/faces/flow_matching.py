"""Training of `flow`: the guess, and the field around it by conditional flow matching, both at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from animcore.errors import InputError
from animcore.solvers.face_networks.audio_encoders import VOICE
from animcore.solvers.face_networks.flow_matching import MOST_STEPS, STATES, FlowMatching, FlowSizes, noise_like
from animcore.training.faces.dataset import FaceDataset
from animcore.training.faces.lip_reading_loss import SelfTalk, taught
from animcore.training.faces.stages import FaceConfig, FaceLoss, prepared, windows
from animcore.training.gestures.stages import TrainingJob
from animcore.training.trainer import Batch, Stage

_STEADY = 0.5  # weight of the speed of what the field leads to
_LATELY = 0.02  # share of the last batch in what the guess leaves open
_LEAST = 1e-6  # of the square of that
_UNTOLD = 0.15  # share of examples whose emotions are kept from the network
_HIDDEN = 0.15  # longest stretch of audio that is kept from it, as a share of the window


@dataclass(frozen=True)
class FlowConfig(FaceConfig):
    """Settings of a `flow` configuration, in addition to those of every face.

    Attributes:
        steps: of the flow when it performs, 1 to 8, each of two looks at the field.
        chance: per cent of what the flow adds to the guess, 1 to 100.
    """

    speech: str = VOICE
    hidden: int = 192
    selftalk: float = 0.02
    steps: int = 2
    chance: int = 30

    def __post_init__(self) -> None:
        """Check the settings of this solver.

        Raises:
            InputError: where there are too many steps, or as `FaceConfig` does.
        """
        super().__post_init__()
        if self.steps > MOST_STEPS:
            raise InputError(f"steps must be a whole number from 1 to {MOST_STEPS}, not {self.steps}.")
        if self.chance > 100:
            raise InputError(f"chance must be a whole number from 1 to 100, not {self.chance}.")


CONFIG = FlowConfig


class FlowStage(Stage):
    """Guess, and flow from the guess to the face."""

    def __init__(self, model: FlowMatching, talk: SelfTalk, epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "the face", epochs, rate
        self.model, self.talk, self.off = model, talk, FaceLoss(model)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of the guess, of the field and of the lip reading."""
        model, wanted = self.model, self.model.normal(batch["frames"])
        states = _hidden(model.ear(batch["sound"], STATES * wanted.shape[1]))
        keep = torch.rand(len(wanted), 1, 1, device=wanted.device) >= _UNTOLD
        told = model.listen(states, batch["speaker"], batch["emotions"] * keep)
        guess = cast(Tensor, model.guess(told))
        self._look((wanted - guess).detach())
        off = self.off(guess, wanted)
        field, face = self._field(wanted, guess.detach(), told)
        losses = {**off, "loss": off["loss"] + field, "field": field, "open": model.open.mean()}
        return cast(dict[str, Tensor], self.talk(losses, face, wanted, batch))

    def _look(self, errors: Tensor) -> None:
        """Update the residual of the guess: a running mean."""
        if self.training:
            found = (errors.square().mean((0, 1)) + _LEAST).log() / 2
            self.model.doubt.lerp_(found, _LATELY)

    def _field(self, wanted: Tensor, guess: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """How far the field is off on the way from smooth noise around the guess to the face, and where it leads to."""
        left = self.model.open.detach()
        target, source = (wanted - guess) / left, noise_like(wanted)
        # the middle of the way is the hardest and is drawn most often (Esser et al., ICML 2024)
        time = torch.sigmoid(torch.randn(len(wanted), device=wanted.device))
        share = time[:, None, None]
        state = (1 - share) * source + share * target
        velocity = self.model.velocity(state, time, told)
        error = functional.mse_loss(velocity, target - source)
        found = state + (1 - share) * velocity
        steady = functional.mse_loss(found.diff(dim=1), target.diff(dim=1))
        return error + _STEADY * steady, guess + left * found


def job(config: FlowConfig, data: FaceDataset) -> TrainingJob:
    """Build the network and its stage.

    Raises:
        InputError: where the speech model cannot be used.
    """
    model = prepared(FlowMatching, FlowSizes(config.hidden, config.steps, config.chance), config, data)
    talk = SelfTalk(data.space.width, config.selftalk)
    stage = FlowStage(model, talk, config.epochs, config.learning_rate)
    return TrainingJob(taught(model, talk), [stage], windows(config, data, model))


def _hidden(states: Tensor) -> Tensor:
    """Audio states (B, N, D) with a masked stretch, so that the network uses the context."""
    count = states.shape[1]
    lengths = torch.rand(len(states), 1, device=states.device) * _HIDDEN * count
    starts = torch.rand(len(states), 1, device=states.device) * (count - lengths)
    place = torch.arange(count, device=states.device)
    inside = (place >= starts) & (place < starts + lengths)
    return states.masked_fill(inside[..., None], 0.0)
