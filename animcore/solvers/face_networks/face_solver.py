"""Learned faces behind the interface of the shipped speech solver: a trained folder in, a Motion for a voice out."""

from __future__ import annotations

import functools
import importlib
import json
import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.body_models.arkit_to_flame import ArkitFlameBridge, bridge
from animcore.body_models.parametric_model import OPEN_MODELS, load_model
from animcore.body_models.vertices_to_arkit import VertexBridge
from animcore.core.progress import Progress, part, silent
from animcore.core.vocabulary import ARKIT, EMOTIONS, TONGUE
from animcore.direction import Direction
from animcore.errors import InputError
from animcore.motion import Motion
from animcore.solvers.face_networks.output_space import JAW, MeshTopology, OutputSpace
from animcore.solvers.speech_face import emotion, lip_sync, tongue
from animcore.speech import prosody

if TYPE_CHECKING:
    from animcore.solvers.face_networks.base import Conditioning, FaceModel

FloatArray = NDArray[np.float32]
LOG = logging.getLogger(__name__)
_MODULES = {"flow": "flow_matching"}  # kinds whose module is called otherwise

# model_type of config.json -> module of solvers with `load(folder, values) -> FaceModel`.
FACES = {
    "animcore_faceformer": "faceformer",
    "animcore_codetalker": "codetalker",
    "animcore_emote": "emote",
    "animcore_facediffuser": "facediffuser",
    "animcore_flow": "flow",
}
# File of published weights -> module with `published(folder) -> FaceModel`; * is any part of a name.
PUBLISHED = {
    "vocaset.pth": "faceformer",
    "biwi.pth": "faceformer",
    "vocaset_stage2.pth.tar": "codetalker",
    "biwi_stage2.pth.tar": "codetalker",
    "checkpoints/last.ckpt": "emote_published",
    "pretrained_*.pth": "facediffuser_published",
    "face_diffuser_*.pth": "facediffuser_published",
}
_LISTENING = 0.3  # share of the work that hearing the phonemes of the tongue is
_FLAME_FILES = ("*flame*.npz", "*flame*.pkl", "*FLAME*.npz", "*FLAME*.pkl", "generic_model.pkl")


@dataclass(frozen=True)
class FaceNetworkSolver:
    """A learned speech solver.

    Attributes:
        model: trained.
        flame: file of the FLAME model that its coefficients belong to, where it needs one.
        speaker: of the model's; None for the one whom the direction's style names, else the first.
    """

    model: FaceModel
    flame: Path | None = None
    speaker: int | None = None

    @property
    def feels(self) -> bool:
        """Whether it acts the emotions of a direction itself."""
        return self.model.feels

    def solve(self, clip: AudioClip, direction: Direction, progress: Progress = silent) -> Motion:
        """Return the face of a voice at the model's rate, as `lip_sync.solve` does; still where all is silent.

        The tongue, which none of these models has, is the shipped one's. How far the weights are from what the model
        did, where it is no model of ARKit weights, is written to the log.

        Args:
            clip: the voice.
            direction: the style where a speaker has its name, seed, emotions, intensity and strengths by region.
            progress: called with the fraction done; whatever it raises ends the work.

        Raises:
            InputError: where the model's coefficients or vertices cannot become ARKit weights.
        """
        from animcore.solvers.face_networks.base import Conditioning

        space, count = self.model.space, len(clip.samples) * self.model.space.fps // clip.rate + 1
        rate = Fraction(space.fps)
        if clip.facts.silent:
            still = np.zeros((count, len(ARKIT)), np.float32)
            return lip_sync.as_motion(clip, rate, still, np.zeros((count, len(TONGUE)), np.float32))
        asked = Conditioning(self._speaker(direction), direction.seed, emotion_frames(direction, count, space.fps))
        frames = self._frames(clip, asked, part(progress, 0.0, 1.0 - _LISTENING))
        weights, residual = to_arkit(space, frames, self.model.topology, self.flame)
        if residual is not None:
            LOG.info(
                "The weights lie %.2f mm on average, %.2f mm at most, from what the model did.",
                residual.mean(),
                residual.max(initial=0.0),
            )
        lip_sync.apply_direction(weights, direction)
        heard = lip_sync.detect_phonemes(clip, part(progress, 1.0 - _LISTENING, 1.0))
        strength = direction.strength("tongue") * direction.intensity
        moved = _resampled(tongue.solve(heard.probabilities, heard.fps, strength), heard.fps, space.fps, count)
        return lip_sync.as_motion(clip, rate, weights, moved)

    def _speaker(self, direction: Direction) -> int:
        if self.speaker is not None:
            return self.speaker
        speakers = self.model.speakers
        return speakers.index(direction.style) if direction.style in speakers else 0

    def _frames(self, clip: AudioClip, asked: Conditioning, progress: Progress) -> FloatArray:
        """What the model does, (T, W)."""
        from animcore.solvers.checkpoints import memory_ran_out

        try:
            return self.model.predict(clip.samples, asked, progress)
        except (MemoryError, RuntimeError) as error:
            if memory_ran_out(error):
                raise InputError(
                    f"Memory ran out while the face network spoke {clip.name}; close other programs, or use a smaller "
                    "model."
                ) from error
            raise


def load(folder: str | Path, flame: str | Path | None = None, speaker: str = "") -> FaceNetworkSolver:
    """Return the face of a folder: one that `animcore train` left, or one with published weights.

    Args:
        folder: with `config.json` and `model.safetensors`, or with a file of `PUBLISHED`.
        flame: the FLAME model that coefficients belong to; None where it lies in the folder or none is needed.
        speaker: whose manner it takes, a speaker of the model; where empty, by the direction's style.

    Raises:
        InputError: without PyTorch, or where the folder's files are missing, damaged, would run code, or are another
            model's, or the model has no such speaker.
    """
    folder = Path(folder)
    try:
        from animcore.solvers import checkpoints
    except ImportError as error:
        raise InputError(
            "Face networks need PyTorch: pip install '.[train]' in the source folder of Animcore."
        ) from error
    try:
        face = _loaded(folder, None if flame is None else Path(flame))
    except (MemoryError, RuntimeError) as error:
        if checkpoints.memory_ran_out(error):
            raise InputError(f"Memory ran out while the face of {folder} was loaded; close other programs.") from error
        raise
    if not speaker:
        return face
    names = face.model.speakers
    if speaker not in names:
        raise InputError(f"The face of {folder} has no speaker {speaker!r}; its speakers are {', '.join(names)}.")
    return replace(face, speaker=names.index(speaker))


def _loaded(folder: Path, flame: Path | None) -> FaceNetworkSolver:
    from animcore.solvers import checkpoints

    own = next((path for pattern in _FLAME_FILES for path in sorted(folder.glob(pattern))), None)
    for name, module in PUBLISHED.items():
        if next(folder.glob(name), None) is not None:
            return FaceNetworkSolver(_module(module).published(folder), flame or own)
    if not (folder / checkpoints.CONFIG).is_file():
        raise InputError(
            f"{folder} holds no face: neither {checkpoints.CONFIG}, as `animcore train` leaves it in OUT/model, nor "
            f"{', '.join(PUBLISHED)}."
        )
    values = checkpoints.config(folder)
    kind = FACES.get(str(values.get("model_type")))
    if kind is None:
        found_type = json.dumps(values.get("model_type"))
        raise InputError(f"{folder} holds a model of type {found_type}; the known faces are {', '.join(FACES)}.")
    return FaceNetworkSolver(_module(kind).load(folder, values), flame or own)


def to_arkit(
    space: OutputSpace, frames: FloatArray, topology: MeshTopology | None = None, flame: Path | None = None
) -> tuple[FloatArray, FloatArray | None]:
    """Return frames as ARKit weights (T, 52), and how far those are from them, (T,) in millimetres.

    Args:
        space: what the frames are.
        frames: (T, W).
        topology: the mesh, where they are its vertices.
        flame: file of the FLAME model, where they are coefficients of one.

    Raises:
        InputError: where the mesh or the FLAME file is missing or another one.
    """
    if space.kind == "arkit":
        return np.clip(frames, 0.0, 1.0), None
    if space.kind == "vertices":
        if topology is None:
            raise InputError(
                "This face moves the vertices of a mesh, and its triangles are not known; put the mesh as .ply "
                "(FLAME_sample.ply, BIWI.ply) next to its weights, or next to the data it is trained on."
            )
        weights, residual = _vertex_bridge(_TopologyKey(topology)).to_arkit(frames.reshape(len(frames), -1, 3))
        return weights, residual.astype(np.float32)
    if space.basis not in OPEN_MODELS and flame is None:
        raise InputError(
            f"This face gives coefficients of {space.basis}; put the file of that FLAME model (.npz or .pkl) into its "
            "folder."
        )
    motion = Motion(
        Fraction(space.fps),
        expression=frames[:, :-JAW],
        basis=space.basis,
        jaw_pose=np.ascontiguousarray(frames[:, -JAW:]),
    )
    found, distance = _flame_bridge(space.basis if flame is None else str(flame), space.basis).to_arkit(motion)
    assert found.arkit is not None
    return found.arkit, distance.astype(np.float32)


def emotion_frames(direction: Direction, count: int, fps: int) -> FloatArray | None:
    """Return (count, 8) how strong each of `vocabulary.EMOTIONS` is directed to be; None where there are none."""
    if not direction.emotions:
        return None
    wanted = emotion.directed(direction, -(-count * prosody.FPS // fps) + 1)
    assert wanted.shape[1] == len(EMOTIONS)
    return _resampled(wanted, prosody.FPS, fps, count)


def _resampled(values: FloatArray, fps: int, wanted: int, count: int) -> FloatArray:
    """(T, K) at one rate as (count, K) at another; the last frame holds."""
    position = np.minimum(np.arange(count) * fps / wanted, len(values) - 1)
    before = position.astype(np.int64)
    share = (position - before).astype(np.float32)[:, None]
    mixed: FloatArray = values[before] * (1 - share) + values[np.minimum(before + 1, len(values) - 1)] * share
    return mixed


class _TopologyKey:
    """A topology that can be a key: the same object is the same mesh."""

    def __init__(self, topology: MeshTopology) -> None:
        self.topology = topology

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _TopologyKey) and other.topology is self.topology

    def __hash__(self) -> int:
        return id(self.topology)


@functools.lru_cache(maxsize=4)
def _vertex_bridge(held: _TopologyKey) -> VertexBridge:
    return VertexBridge.over(held.topology.template, held.topology.faces)


@functools.lru_cache(maxsize=4)
def _flame_bridge(model: str, basis: str) -> ArkitFlameBridge:
    """The bridge to a FLAME file; one whose name does not state its edition is taken as the user gives it."""
    found = load_model(model)
    if found.name not in (basis, "flame"):
        raise InputError(f"{model} is {found.name}; this face gives coefficients of {basis}: give that one's file.")
    return replace(bridge(found), model=basis)


def _module(name: str) -> Any:
    return importlib.import_module(f"{__package__}.{_MODULES.get(name, name)}")
