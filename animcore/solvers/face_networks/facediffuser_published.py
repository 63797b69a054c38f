"""The published weights of FaceDiffuser (Stan et al., MIG 2023) on VOCASET, BIWI and BEAT.

Names, shapes, settings and the order of operations are facts of the authors' repository
(uuembodiedsocialai/FaceDiffuser): of a mesh the noisy vertices themselves are denoised, each person's face at rest
among them, and the network predicts the offsets of the vertices from that; of BEAT it is 51 ARKit weights in the order
of the alphabet, without the tongue. HuBERT encodes the whole piece at 50 states a second, which are then brought to two
a frame. The authors draw in all of the 500 or 1000 steps; here `STEPS` implicit ones are taken (DDIM, Song et al., ICLR
2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.solvers.face_networks import audio_encoders, published_weights
from animcore.solvers.face_networks.audio_encoders import SpeechModelEncoder
from animcore.solvers.face_networks.base import Conditioning, FaceModel
from animcore.solvers.face_networks.facediffuser import STATES, denoise, schedule
from animcore.solvers.face_networks.output_space import MeshTopology, OutputSpace, templates
from animcore.solvers.face_networks.published_weights import BIWI, VOCASET, PublishedWeights

STEPS = 50
FILES = ("pretrained_*.pth", "face_diffuser_*.pth")  # as they are downloaded, and as the authors' training names them
TEMPLATES = "templates.pkl"
_HEARD = 50  # states of HuBERT a second
_WEIGHTS = tuple(name for name in sorted(ARKIT) if name != "tongueOut")
_SETS = {  # numbers of a frame -> data set, FPS, topology, people
    3 * 5023: ("VOCASET", 30, "flame", VOCASET),
    3 * 23370: ("BIWI", 25, "biwi", BIWI),
    len(_WEIGHTS): ("BEAT", 30, "", ("beat",)),
}


@dataclass(frozen=True)
class PublishedDiffuserSizes:
    """The sizes of a network.

    Attributes:
        hidden: width of everything inside.
        layers: recurrent ones.
        noise_steps: of the diffusion, in training.
    """

    hidden: int
    layers: int
    noise_steps: int


class WholePieceEncoder(SpeechModelEncoder):
    """A speech model that encodes the piece as it is; its states are resampled to the frames afterwards."""

    def __init__(self, model: Any, fps: int) -> None:
        """Take a model of `transformers`, for frames of which two states are to each."""
        super().__init__(model)
        self.native = STATES * fps == _HEARD

    def forward(self, sound: Tensor, count: int) -> Tensor:
        """See `AudioEncoder`; native states that the convolutions lose at the end repeat the last one."""
        middle, size = sound.mean(1, keepdim=True), sound.std(1, keepdim=True)
        heard = self.model((sound - middle) / (size + 1e-7)).last_hidden_state
        if self.native:
            missing = max(0, count - heard.shape[1])
            return torch.cat([heard, heard[:, -1:].expand(-1, missing, -1)], 1)[:, :count]
        spread = functional.interpolate(heard.transpose(1, 2), size=count, mode="linear", align_corners=True)
        return spread.transpose(1, 2)


class _PublishedDiffuser(FaceModel):
    """The part of both networks: a face sampled from noise."""

    SIZES = PublishedDiffuserSizes
    sizes: PublishedDiffuserSizes
    kept: Tensor

    def __init__(
        self,
        sizes: PublishedDiffuserSizes,
        space: OutputSpace,
        ear: SpeechModelEncoder,
        speakers: tuple[str, ...],
        wide: int,
    ) -> None:
        super().__init__(sizes, space, ear, speakers)
        self.register_buffer("kept", schedule(sizes.noise_steps), persistent=False)
        self.time_mlp = nn.Sequential(nn.Linear(sizes.noise_steps, sizes.hidden), nn.Mish())
        self.norm_cond = nn.LayerNorm(wide)
        self.gru = nn.GRU(wide, sizes.hidden, sizes.layers, batch_first=True)

    def clean(self, noisy: Tensor, step: int, states: Tensor, speaker: int) -> Tensor:
        """Return the clean numbers of noisy ones (1, T, .), as (1, T, .), from two states (1, T, 2 E) a frame."""
        raise NotImplementedError

    def at(self, step: int, count: int) -> Tensor:
        """(1, count, hidden) code of a step."""
        one = torch.zeros(1, self.sizes.noise_steps, device=self.kept.device)
        one[0, step] = 1.0
        return cast(Tensor, self.time_mlp(one))[:, None].expand(-1, count, -1)

    def draw(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator, width: int) -> Tensor:
        """(count, width) numbers as the network has them."""
        states = self.ear(sound, STATES * count).reshape(1, count, -1)
        noise = torch.randn(1, count, width, generator=generator, device=sound.device)
        return denoise(lambda noisy, step: self.clean(noisy, step, states, asked.speaker), noise, self.kept, STEPS)[0]


class VertexDiffuser(_PublishedDiffuser):
    """The network of VOCASET and BIWI.

    Attributes:
        rest: (S, W) each speaker's face at rest; (1, W) where all share one.
    """

    MODEL_TYPE = "facediffuser_vertices"
    rest: Tensor

    def __init__(
        self,
        sizes: PublishedDiffuserSizes,
        space: OutputSpace,
        ear: SpeechModelEncoder,
        speakers: tuple[str, ...],
        rest: Tensor,
    ) -> None:
        super().__init__(sizes, space, ear, speakers, 3 * sizes.hidden)
        hidden = sizes.hidden
        self.register_buffer("rest", rest, persistent=False)
        self.cond_projection = nn.Linear(STATES * ear.width, hidden)
        self.input_projection = nn.Sequential(
            nn.Linear(space.width, 2 * hidden), nn.Conv1d(1, 1, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2), nn.ReLU()
        )
        self.final_layer = nn.Linear(hidden, space.width)
        self.obj_vector = nn.Linear(len(speakers), hidden, bias=False)

    def clean(self, noisy: Tensor, step: int, states: Tensor, speaker: int) -> Tensor:
        """See `_PublishedDiffuser`; vertices where they lie, not from where they rest."""
        seen = self.input_projection(noisy.transpose(0, 1)).transpose(0, 1)
        told = [self.cond_projection(states), seen, self.at(step, noisy.shape[1])]
        found, _ = self.gru(self.norm_cond(torch.cat(told, -1)))
        moved = self.final_layer(found * self.obj_vector.weight[:, speaker])
        return cast(Tensor, moved + self.rest[min(speaker, len(self.rest) - 1)])

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """See `FaceModel`."""
        found = self.draw(sound, count, asked, generator, self.space.width)
        return found - self.rest[min(asked.speaker, len(self.rest) - 1)]


class WeightDiffuser(_PublishedDiffuser):
    """The network of BEAT, which has no speakers."""

    MODEL_TYPE = "facediffuser_weights"

    def __init__(
        self, sizes: PublishedDiffuserSizes, space: OutputSpace, ear: SpeechModelEncoder, speakers: tuple[str, ...]
    ) -> None:
        super().__init__(sizes, space, ear, speakers, STATES * ear.width + len(_WEIGHTS) + sizes.hidden)
        self.final_layer = nn.Linear(sizes.hidden, len(_WEIGHTS))

    def clean(self, noisy: Tensor, step: int, states: Tensor, speaker: int) -> Tensor:
        """See `_PublishedDiffuser`."""
        found, _ = self.gru(self.norm_cond(torch.cat([states, noisy, self.at(step, noisy.shape[1])], -1)))
        return cast(Tensor, self.final_layer(found))

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """See `FaceModel`; the tongue, which it does not have, stays in."""
        frames = torch.zeros(count, len(ARKIT), device=sound.device)
        order = [ARKIT.index(name) for name in _WEIGHTS]
        frames[:, order] = self.draw(sound, count, asked, generator, len(_WEIGHTS))
        return frames


def published(folder: Path) -> FaceModel:
    """Return the authors' model of a folder with one of `FILES`; of meshes `templates.pkl` lies next to it.

    Raises:
        InputError: where the weights are cut off, damaged, would run code, or are of a data set that is not read, or
            where the faces at rest are missing.
    """
    path = published_weights.one_of(folder, FILES)
    tensors = published_weights.tensors(path)
    width = published_weights.length(tensors, "final_layer.bias" if "final_layer.bias" in tensors else "out.bias", path)
    if width not in _SETS:
        raise InputError(
            f"{path} makes frames of {width} numbers; FaceDiffuser is read as trained on VOCASET (15069), BIWI (70110) "
            "or BEAT (51): what the numbers of Multiface and UUDaMM move is unknown."
        )
    name, fps, basis, people = _SETS[width]
    layers = sum(part.startswith("gru.weight_hh_l") for part in tensors)
    sizes = PublishedDiffuserSizes(
        published_weights.length(tensors, "time_mlp.0.bias", path),
        layers,
        published_weights.length(tensors, "time_mlp.0.weight", path, -1),
    )
    ear = WholePieceEncoder(audio_encoders.base_speech_model("hubert").model, fps)
    renamed = published_weights.renamed(tensors, {"audio_encoder.": "ear.model."})
    if name == "BEAT":
        weights = WeightDiffuser(sizes, OutputSpace("arkit", len(ARKIT), fps), ear, people)
        return published_weights.filled(
            weights, renamed, PublishedWeights(path, weights.space, people, fps, STATES, None)
        )
    _check_people(tensors, path, name, people)
    space = OutputSpace("vertices", width, fps, basis)
    mesh = MeshTopology.beside(folder, width // 3)
    rest = _rest(folder, name, people, mesh, width)
    if mesh is not None:  # of the person whose face is asked for by default, in the unit of the vertices
        mesh = MeshTopology(rest[0].reshape(-1, 3).numpy(), mesh.faces)
    model = VertexDiffuser(sizes, space, ear, people, rest)
    return published_weights.filled(model, renamed, PublishedWeights(path, space, people, fps, STATES, mesh))


def _check_people(tensors: Mapping[str, Any], path: Path, name: str, people: tuple[str, ...]) -> None:
    count = published_weights.length(tensors, "obj_vector.weight", path, -1)
    if count != len(people):
        raise InputError(
            f"{path} has {count} speakers, the published weights of {name} have {len(people)}: who they are, and how "
            "their meshes were scaled, is unknown."
        )


def _rest(folder: Path, name: str, people: tuple[str, ...], mesh: MeshTopology | None, width: int) -> Tensor:
    """(S, W) faces at rest; VOCASET's may be the mesh, of which its people are variants, BIWI's scale is its own."""
    path = folder / TEMPLATES
    if not path.is_file():
        if mesh is not None and name == "VOCASET":
            return torch.from_numpy(mesh.template).reshape(1, -1)
        raise InputError(
            f"There is no {path}: FaceDiffuser needs the faces at rest that it was taught with; put {TEMPLATES} of "
            f"{name} next to its weights."
        )
    found = templates(path)
    missing = [person for person in people if person not in found or found[person].size != width]
    if missing:
        raise InputError(f"{path} has no face of {width // 3} vertices for {', '.join(missing)}: it is another set's.")
    return torch.stack([torch.from_numpy(found[person]).reshape(-1) for person in people])
