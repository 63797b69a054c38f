"""A trained `emote` or `flow` as ONNX: the input of its audio encoder in, frames of the face out, any length.

The other faces have no such form: FaceFormer and CodeTalker make frame after frame, FaceDiffuser step after step, and
each would be a loop around its graph. `faceformer_onnx` writes FaceFormer in two graphs; the others stay with PyTorch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from animcore.core.vocabulary import ARKIT, EMOTIONS
from animcore.errors import InputError
from animcore.solvers.face_networks.audio_encoders import LEVEL
from animcore.solvers.face_networks.base import FaceModel
from animcore.solvers.face_networks.emote import FOLD, Emote
from animcore.solvers.face_networks.flow_matching import STATES, FlowMatching, noise_frames
from animcore.training import onnx_files

TOLERANCE = 2e-3  # of a spread of the data
_SECONDS = (2, 5)  # with which the graph is drawn, and with which it is checked


class _ExportedModel(nn.Module):
    """Audio encoder, network and the denormalization, as one graph."""

    def __init__(self, model: Emote | FlowMatching) -> None:
        super().__init__()
        self.model = model

    def forward(self, sound: Tensor, speaker: Tensor, emotions: Tensor, *white: Tensor) -> Tensor:
        model = self.model
        states = model.ear(sound, STATES * emotions.shape[1])
        return cast(Tensor, model(states, speaker, emotions, *white) * model.spread + model.mean)


def write(model: FaceModel, path: Path) -> float:
    """Write a face as ONNX; return how far its answers are from PyTorch's, in standard deviations of the data.

    Inputs: `sound` (1, M, D) or (1, N), the output of the encoder's `raw`; `speaker` (1,); `emotions` (1, T, 8), whose
    length is the number of frames, for `emote` a multiple of 8; for `flow` `white` (1, T + 12, W), normal noise.
    Output: `frames` (1, T, W). Its metadata describe its inputs and outputs.

    Raises:
        InputError: where the model has no such form, a package is missing, or the file's answers are others.
    """
    if not isinstance(model, Emote | FlowMatching):
        raise InputError(f"{model.MODEL_TYPE} makes its frames in a loop and has no ONNX form; emote and flow have.")
    whole, inputs = _ExportedModel(model).eval(), _inputs(model, _SECONDS[0])
    axes = {name: {1: f"length of {name}"} for name in (*inputs, "frames") if name != "speaker"}

    def check(written: Path) -> float:
        worst = _difference(whole, written)
        if worst > TOLERANCE:
            raise InputError(f"{path.name} differs from PyTorch by {worst:g} spreads; this model cannot be exported.")
        return worst

    return onnx_files.write(whole, inputs, ["frames"], path, _facts(model), check, axes)


def _inputs(model: Emote | FlowMatching, seconds: int) -> dict[str, Tensor]:
    """Random audio, and the other inputs of the graph."""
    random = np.random.default_rng(seconds)
    frames = seconds * model.space.fps // FOLD * FOLD
    samples = (random.normal(size=frames * 16_000 // model.space.fps) * 0.1).astype(np.float32)
    given = {
        "sound": torch.from_numpy(model.ear.raw(samples))[None],
        "speaker": torch.tensor([0]),
        "emotions": torch.from_numpy(random.random((1, frames, len(EMOTIONS)), np.float32)),
    }
    if isinstance(model, FlowMatching):
        noise = random.standard_normal((1, noise_frames(frames), model.space.width), np.float32)
        given["white"] = torch.from_numpy(noise)
    return given


def _facts(model: Emote | FlowMatching) -> dict[str, str]:
    return {
        "model_type": model.MODEL_TYPE,
        "space": json.dumps(model.space.to_dict()),
        "names": json.dumps(ARKIT if model.space.kind == "arkit" else []),
        "ear": json.dumps({"kind": model.ear.values()["kind"], "rate": model.ear.rate, "loudness": LEVEL}),
        "speakers": json.dumps(model.speakers),
        "emotions": json.dumps(EMOTIONS),
        "multiple_of": str(FOLD if isinstance(model, Emote) else 1),
        **model.ear.metadata(),
    }


def _difference(whole: _ExportedModel, path: Path) -> float:
    """How far the file is from PyTorch on another length than it was drawn with, in standard deviations of the data."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = _inputs(whole.model, _SECONDS[1])
    with torch.no_grad():
        expected = whole(*inputs.values())
    (found,) = session.run(None, {name: values.numpy() for name, values in inputs.items()})
    return float((torch.from_numpy(found) - expected).div(whole.model.spread).abs().max())
