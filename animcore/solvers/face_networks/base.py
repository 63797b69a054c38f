"""The interface of face networks: audio, a speaker, a seed and emotions in, frames out.

A model is a folder: `config.json` states its type, its output space and its audio encoder; the weights are in
`model.safetensors`; where it moves a mesh, `topology.npz` holds that.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from animcore.audio.recording import RATE
from animcore.core.progress import Progress, silent
from animcore.core.vocabulary import EMOTIONS
from animcore.errors import InputError
from animcore.solvers import checkpoints
from animcore.solvers.face_networks import audio_encoders
from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.output_space import FloatArray, MeshTopology, OutputSpace

SEAM = 1  # seconds over which two pieces become one another
_SEED = 2**63  # PyTorch's seeds are smaller

Kind = TypeVar("Kind", bound="FaceModel")


@dataclass(frozen=True)
class Conditioning:
    """The conditioning of a take.

    Attributes:
        speaker: index into the model's speakers.
        seed: equal seeds, equal takes; models without chance pass it over.
        emotions: (T, 8) float32, how strong each of `vocabulary.EMOTIONS` is at the model's own frame rate, or None;
            models that were not taught emotions pass it over.
    """

    speaker: int = 0
    seed: int = 0
    emotions: FloatArray | None = None


class FaceModel(nn.Module):
    """A face network. Frames inside are in standard deviations from the mean; what goes in and comes out is not.

    A kind of model has the `MODEL_TYPE` of its folders and its `SIZES`, is built from
    (sizes, space, ear, speakers), and has a `piece`.

    Attributes:
        MODEL_TYPE: of `config.json`.
        SIZES: a dataclass of whole numbers.
        SECONDS: that are made at once; pieces go together over a seam.
        FEELS: whether it can be trained on emotions.
        sizes, space, speakers: as it was built.
        ear: its audio encoder; `piece` takes states from it.
        topology: the mesh whose vertices it moves.
        mean, spread: (W,) of the frames it was taught.
        taught: (8,) the strongest of each emotion that it was taught, where it can be.
    """

    MODEL_TYPE: ClassVar[str]
    SIZES: ClassVar[type[Any]]
    SECONDS: ClassVar[int] = 16
    FEELS: ClassVar[bool] = False
    mean: Tensor
    spread: Tensor
    taught: Tensor

    def __init__(self, sizes: Any, space: OutputSpace, ear: AudioEncoder, speakers: tuple[str, ...]) -> None:
        super().__init__()
        self.sizes, self.space, self.speakers = sizes, space, speakers
        self.ear = ear
        self.topology: MeshTopology | None = None
        self.register_buffer("mean", torch.zeros(space.width))
        self.register_buffer("spread", torch.ones(space.width))
        if self.FEELS:
            self.register_buffer("taught", torch.zeros(len(EMOTIONS)))

    @property
    def feels(self) -> bool:
        """Whether it was trained on emotions, so that they need not be added to the face."""
        return self.FEELS and bool(self.taught.any())

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """Return (count, W) frames in standard deviations from the mean.

        Args:
            sound: (1, N) or (1, M, D), the output of `ear.raw` for exactly these frames.
            count: frames, at most `SECONDS` of them.
            asked: with the emotions (count, 8) of this piece.
            generator: all chance comes from it.
        """
        raise NotImplementedError

    def normal(self, frames: Tensor) -> Tensor:
        """Frames (..., W) in standard deviations from the mean."""
        return (frames - self.mean) / self.spread

    def predict(
        self, samples: FloatArray, asked: Conditioning = Conditioning(), progress: Progress = silent
    ) -> FloatArray:
        """Return the face of a voice, (T, W) at `space.fps`, frame i at i / fps seconds.

        Args:
            samples: (N,) at 16 kHz, of any length.
            asked: speaker, seed and emotions.
            progress: called with the fraction done; whatever it raises ends the work.
        """
        fps = self.space.fps
        total = len(samples) * fps // RATE + 1
        raw, device = self.ear.raw(samples), self.mean.device
        length, step = self.SECONDS * fps, (self.SECONDS - SEAM) * fps
        found = np.zeros((total, self.space.width), np.float32)
        self.eval()
        with torch.inference_mode():
            for number, first in enumerate(range(0, max(1, total - SEAM * fps), step)):
                progress(first / total, "Generating the face")
                count = min(length, total - first)
                sound = _part(raw, round(first * self.ear.rate / fps), math.ceil(count * self.ear.rate / fps))
                generator = torch.Generator(device).manual_seed((asked.seed * 1009 + number) % _SEED)
                felt = None if asked.emotions is None else _part(asked.emotions, first, count)
                frames = self.piece(
                    torch.from_numpy(sound)[None].to(device), count, replace(asked, emotions=felt), generator
                )
                _join(found, (frames * self.spread + self.mean).cpu().numpy(), first, SEAM * fps)
        progress(1.0, "Generating the face")
        return found

    def values(self) -> dict[str, Any]:
        """Return what `config.json` holds."""
        return {
            "model_type": self.MODEL_TYPE,
            **asdict(self.sizes),
            "space": self.space.to_dict(),
            "ear": self.ear.values(),
            "speaker_names": list(self.speakers),
        }

    def save(self, folder: str | Path, _speakers: list[str] | None = None) -> None:
        """Write the model's folder.

        Raises:
            InputError: where it cannot be written.
        """
        folder = Path(folder)
        checkpoints.save(self, self.values(), folder)
        if self.topology is not None:
            self.topology.save(folder)


def restore(kind: type[Kind], folder: Path, values: dict[str, Any]) -> Kind:
    """Return the model of a folder that `FaceModel.save` wrote.

    Args:
        kind: of the model.
        folder: where it is.
        values: its `config.json`.

    Raises:
        InputError: where a file is missing, cut off, damaged, would run code, or is another model's.
    """
    where = folder / checkpoints.CONFIG
    sizes = kind.SIZES(
        **{part.name: checkpoints.whole_number(values, part.name, folder) for part in fields(kind.SIZES)}
    )
    space, names = OutputSpace.from_dict(values.get("space"), where), values.get("speaker_names")
    if not isinstance(names, list) or not names:
        raise InputError(f"{where} does not name its speakers; train or download the model again.")
    model = kind(sizes, space, audio_encoders.build(values.get("ear"), where), tuple(map(str, names)))
    checkpoints.fill(model, folder)
    model.topology = MeshTopology.load(folder)
    return model.eval()


def _part(values: FloatArray, first: int, count: int) -> FloatArray:
    """Rows from `first` on, `count` of them; zeros behind the end."""
    piece = values[first : first + count]
    return np.pad(piece, [(0, count - len(piece)), *[(0, 0)] * (values.ndim - 1)])


def _join(found: FloatArray, frames: FloatArray, first: int, seam: int) -> None:
    """Put frames (T, W) into the whole from `first` on, blended with the frames that are there over the seam."""
    if first:
        mixed = min(seam, len(frames))
        share = ((np.arange(mixed) + 1) / (seam + 1)).astype(np.float32)[:, None]
        frames[:mixed] = frames[:mixed] * share + found[first : first + mixed] * (1 - share)
    found[first : first + len(frames)] = frames
