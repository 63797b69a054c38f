"""Audio and body motion: BEAT2's folders, or any folder of motions next to audio files of the same name.

BEAT2 (Liu et al., EMAGE, CVPR 2024) has `wave16k/*.wav` and `smplxflame_30/*.npz`; the speaker is the first two parts
of a name (`2_scott_0_103_103`). Our own layout is a folder with NAME.npz (Animcore motions, or BEAT2 archives) next to
NAME.wav, .flac, .mp3, .ogg or .m4a; the speaker is the folder's name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animcore.body_models.pose_tracks import smplx_pose
from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.body_motion import beat2
from animcore.motion import Motion
from animcore.solvers.gesture_networks import motion_features
from animcore.training.clip_cache import cached, hash_of, sound_of, together
from animcore.training.clip_windows import FloatArray, TrainingClip

LOG = logging.getLogger(__name__)

_BEAT2 = ("wave16k", "smplxflame_30")


@dataclass(frozen=True)
class GestureDataset:
    """What a solver learns from.

    Attributes:
        clips: in the order of their names.
        speakers: their names.
        notes: a sentence for every clip that was left out or cut.
    """

    clips: tuple[TrainingClip, ...]
    speakers: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Length of all clips together."""
        return sum(len(clip.frames) for clip in self.clips) / motion_features.FPS


def load(folders: Sequence[Path], cache: Path, least: int, progress: Progress = silent) -> GestureDataset:
    """Read all clips of some folders; those that cannot be used are left out with a sentence.

    Args:
        folders: of either layout.
        cache: folder where clips are kept as they are learned from, so that a data set larger than memory is read
            piece by piece, and a second run starts at once.
        least: frames that a clip must have.
        progress: called with the fraction done.

    Raises:
        InputError: where a folder is missing, or there is no clip that can be used.
    """
    found = [pair for folder in folders for pair in _pairs(folder)]
    cache.mkdir(parents=True, exist_ok=True)
    clips, notes = [], []
    speakers = sorted({speaker for _, _, speaker in found})
    for index, (motion, sound, speaker) in enumerate(sorted(found)):
        progress(index / len(found), f"Reading {motion.stem}")
        try:
            place, arrays, note = _cached(motion, sound, cache)
            if len(arrays["frames"]) < least:
                seconds = least / motion_features.FPS
                raise InputError(f"{motion.name} is shorter than the {seconds:.1f} s that are learned at a time.")
        except InputError as error:
            notes.append(f"left out: {error}")
            continue
        notes += [note] if note else []
        clips.append(TrainingClip(motion.stem, speakers.index(speaker), place=place, **arrays))
    if not clips:
        why = f" The first was {notes[0]}" if notes else ""
        raise InputError(f"There is no clip with audio and motion in {', '.join(map(str, folders))}.{why}")
    return GestureDataset(tuple(clips), tuple(speakers), tuple(notes))


def _pairs(folder: Path) -> Iterator[tuple[Path, Path | None, str]]:
    """Each motion of a folder, its audio where there is one, and who speaks."""
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; give one in BEAT2's layout, or of motions next to audio files.")
    sounds, motions = (folder / name for name in _BEAT2)
    if motions.is_dir():
        for path in sorted(motions.glob("*.npz")):
            sound = sounds / f"{path.stem}.wav"
            yield path, sound if sound.is_file() else None, "_".join(path.stem.split("_")[:2])
        return
    for path in sorted(folder.glob("*.npz")):
        yield path, sound_of(path), folder.resolve().name


def _cached(motion: Path, sound: Path | None, cache: Path) -> tuple[Path, dict[str, FloatArray], str]:
    """Where a clip is kept, its frames and samples, and a note on it."""
    if sound is None:
        raise InputError(f"{motion.name} has no audio file of its name; put it next to the motion.")
    place = cache / f"{motion.stem}-{hash_of(motion, sound):016x}"
    return place, *cached(place, lambda: _read(motion, sound))


def _read(motion: Path, sound: Path) -> tuple[dict[str, FloatArray], str]:
    """Frames and samples of equal length, and a note where one was cut."""
    body = _motion(motion)
    if not body.frame_count:
        raise InputError(f"{motion.name} has no frames.")
    if body.body_pose is None:
        raise InputError(f"{motion.name} moves no body.")
    way = np.zeros((body.frame_count, 3), np.float32) if body.translation is None else body.translation
    pose, way = motion_features.resampled(smplx_pose(body), way, body.fps, motion_features.FPS)
    frames = motion_features.encode(pose, way)
    count, samples, note = together(len(frames), motion_features.FPS, motion.name, sound)
    return {"frames": frames[:count], "samples": samples}, note


def _motion(path: Path) -> Motion:
    """A motion of ours, or an archive of BEAT2."""
    with path.open("rb") as handle:
        if handle.read(2) != b"PK":
            raise InputError(f"{path.name} is not a readable .npz file; make it again.")
    try:
        return Motion.load(path)
    except InputError as ours:
        if "has no format" not in str(ours):
            raise
        setup = FormatOptions()
        return beat2.decode(beat2.read(path, setup), setup)
