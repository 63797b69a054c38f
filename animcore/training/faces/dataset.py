"""Audio and faces of a data set, from any layout of `dataset_layouts`, at one frame rate and in one space."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.output_space import FloatArray, MeshTopology, OutputSpace
from animcore.training.clip_cache import cached, hash_of, together
from animcore.training.faces.dataset_layouts import ClipSource, sources


@dataclass(frozen=True)
class FaceTarget:
    """As what a face is learned.

    Attributes:
        fps: frame rate; data of other rates are resampled.
        kind: `arkit`, `flame`, or empty for what the data are; ours may be either.
        expressions: coefficients of a FLAME expression, the first of those that the data have.
        least: frames that a clip must have.
    """

    fps: int = 30
    kind: str = ""
    expressions: int = 50
    least: int = 1


@dataclass(frozen=True)
class FaceTrainingClip:
    """A voice with its face, on the disk until it is looked at.

    Attributes:
        name: of its files.
        speaker: who it is, an index into the speakers of the data.
        frames: (T, W) float32 of the data's space; vertices are differences from the person's face at rest.
        samples: (N,) float32 at 16 kHz, of the same length in seconds.
        emotions: (T, 8) how strong each of `vocabulary.EMOTIONS` is; all 0 where that is not known.
        place: beginning of the names of its files in the cache.
    """

    name: str
    speaker: int
    frames: FloatArray
    samples: FloatArray
    emotions: FloatArray
    place: Path

    def sound(self, ear: AudioEncoder) -> FloatArray:
        """Return the input of an audio encoder for the clip, (N,) or (M, D), from the cache where it is there."""
        kind = hashlib.sha256(f"{type(ear).__name__} {ear.rate}".encode()).hexdigest()[:8]
        place = self.place.with_name(f"{self.place.name}-{kind}")
        found, _ = cached(place, lambda: ({"sound": ear.raw(np.asarray(self.samples))}, ""))
        return found["sound"]


@dataclass(frozen=True)
class FaceDataset:
    """What a face is learned from.

    Attributes:
        clips: in the order of their names.
        speakers: their names.
        notes: a sentence for every clip that was left out or cut.
        space: what the frames are.
        topology: the mesh, where they are its vertices and it was there.
    """

    clips: tuple[FaceTrainingClip, ...]
    speakers: tuple[str, ...]
    notes: tuple[str, ...]
    space: OutputSpace
    topology: MeshTopology | None = None

    @property
    def seconds(self) -> float:
        """Length of all clips together."""
        return sum(len(clip.frames) for clip in self.clips) / self.space.fps


def load(folders: Sequence[Path], cache: Path, wanted: FaceTarget, progress: Progress = silent) -> FaceDataset:
    """Read all clips of some folders; those that cannot be used are left out with a sentence.

    Args:
        folders: of any layout; all faces must be of one kind, of which the first clip decides.
        cache: folder where clips are kept as they are learned from.
        wanted: frame rate and kind.
        progress: called with the fraction done.

    Raises:
        InputError: where a folder is missing, or there is no clip that can be used.
    """
    found: list[ClipSource] = []
    topology: MeshTopology | None = None
    for folder in folders:
        here, mesh = sources(folder)
        found += here
        topology = topology or mesh
    cache.mkdir(parents=True, exist_ok=True)
    found.sort(key=lambda source: (source.motion, source.speaker, source.part))
    clips: list[FaceTrainingClip] = []
    notes: list[str] = []
    speakers = sorted({source.speaker for source in found})
    space: OutputSpace | None = None
    for index, source in enumerate(found):
        progress(index / len(found), f"Reading {source.name}")
        try:
            place, arrays, own, note = _cached(source, cache, wanted)
            _check(source.told, own, space, len(arrays["frames"]), wanted)
        except InputError as error:
            notes.append(f"left out: {error}")
            continue
        space = own
        notes += [note] if note else []
        clips.append(FaceTrainingClip(source.name, speakers.index(source.speaker), place=place, **arrays))
    if space is None:
        why = f" The first was {notes[0]}" if notes else ""
        raise InputError(f"There is no clip with audio and face in {', '.join(map(str, folders))}.{why}")
    if topology is not None and (space.kind != "vertices" or topology.template.size != space.width):
        raise InputError(
            f"The mesh next to the data has {len(topology.template)} vertices, the clips {space.width // 3}."
        )
    return FaceDataset(tuple(clips), tuple(speakers), tuple(notes), space, topology)


def _cached(
    source: ClipSource, cache: Path, wanted: FaceTarget
) -> tuple[Path, Mapping[str, FloatArray], OutputSpace, str]:
    """Where a clip is cached, its arrays, its space, and a note on it."""
    motion, sound = source.motion, source.sound
    if sound is None:
        raise InputError(
            f"{source.told} has no audio file of its name; put it where the audio files of the others are."
        )
    settings = f"{wanted.fps} {wanted.kind} {wanted.expressions}".encode()
    facts = hash_of(motion, sound) ^ int.from_bytes(hashlib.sha256(settings).digest()[:7], "big")
    place = cache / f"{source.name}-{facts:016x}"

    def read() -> tuple[dict[str, FloatArray], str]:
        curves = source.read(wanted.expressions, wanted.kind)
        if not np.isfinite(curves.values).all():
            raise InputError(f"{source.told} holds values that are not numbers (NaN or infinite).")
        frames, emotions = (_resampled(values, curves.fps, wanted.fps) for values in (curves.values, curves.emotions))
        count, samples, note = together(
            len(frames), wanted.fps, source.told, sound if source.hear is None else source.hear()
        )
        arrays = {"frames": frames[:count], "samples": samples, "emotions": emotions[:count]}
        return arrays, f"{curves.kind} {curves.basis}\n{note}"

    arrays, text = cached(place, read)
    facts_of, _, note = text.partition("\n")
    kind, _, basis = facts_of.partition(" ")
    return place, arrays, OutputSpace(kind, arrays["frames"].shape[1], wanted.fps, basis), note


def _check(name: str, own: OutputSpace, space: OutputSpace | None, count: int, wanted: FaceTarget) -> None:
    if space is not None and own != space:
        raise InputError(
            f"{name} is {_described(own)}, the clips before it are {_described(space)}; "
            "all clips of a run must be of one kind."
        )
    if wanted.kind and own.kind != wanted.kind:
        raise InputError(f"{name} is {_described(own)}, and cannot become {wanted.kind}.")
    if count < wanted.least:
        raise InputError(f"{name} is shorter than the {wanted.least / wanted.fps:.1f} s that are learned at a time.")


def _described(space: OutputSpace) -> str:
    return f"{space.kind} of {space.width} numbers" + (f" ({space.basis})" if space.basis else "")


def _resampled(values: FloatArray, fps: float, wanted: float) -> FloatArray:
    """(T, K) at one rate as (T', K) at another, by linear interpolation."""
    if abs(fps - wanted) < 1e-9:
        return np.asarray(values, np.float32)
    position = np.arange(max(1, int(len(values) / fps * wanted + 1e-6))) * (fps / wanted)
    before = np.minimum(position.astype(np.int64), len(values) - 1)
    share = np.minimum(position - before, 1.0).astype(np.float32)[:, None]
    mixed: FloatArray = values[before] * (1 - share) + values[np.minimum(before + 1, len(values) - 1)] * share
    return mixed.astype(np.float32)
