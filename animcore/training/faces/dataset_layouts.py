"""Layouts of data sets of talking faces: their folders of audio and faces, and the files in them.

- VOCASET and BIWI as the published solvers prepare them: `wav/NAME.wav`, `vertices_npy/NAME.npy` (T, 3 V),
  `templates.pkl` with each person's face at rest, and a `.ply` of the mesh there or in `templates`.
- VOCASET as it is downloaded: `data_verts.npy` (N, 5023, 3) of all frames, 60 a second, `subj_seq_to_idx.pkl` with the
  rows of each sentence of each person, `raw_audio_fixed.pkl` with the voices, `templates.pkl` and a `.ply` as above.
- MEAD as EMOTE's authors reconstruct it: `.../PERSON/VIEW/EMOTION/LEVEL/TAKE/shape_pose_cam.hdf5` with `exp`
  (1, T, 100) and `jaw` (1, T, 3) at 25 FPS, and MEAD's `.../PERSON/audio/EMOTION/LEVEL/TAKE.m4a`.
- BEAT2: `wave16k/*.wav` and `smplxflame_30/*.npz`.
- Ours: NAME.npz, an Animcore motion, next to NAME.wav, .flac, .mp3, .ogg or .m4a; the speaker is the folder's name.
"""

from __future__ import annotations

import functools
import re
import tempfile
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.body_models import safe_unpickler
from animcore.body_models.parametric_model import OPEN_MODELS
from animcore.core import reading
from animcore.core.vocabulary import EMOTIONS
from animcore.errors import InputError, readable
from animcore.files import animcore_npz
from animcore.files.animation_curves import FormatOptions
from animcore.files.body_motion import beat2
from animcore.files.expression_coefficients import with_expression
from animcore.motion import Motion
from animcore.solvers.face_networks.output_space import JAW, TOPOLOGIES, FloatArray, MeshTopology, templates
from animcore.training.clip_cache import SOUNDS, sound_of

_FRAMES, _ROWS, _VOICES, _REST = "data_verts.npy", "subj_seq_to_idx.pkl", "raw_audio_fixed.pkl", "templates.pkl"
_VOCASET_FPS = 60.0
_HEARD = range(4000, 200_001)  # samples a second of a voice
_VERTICES, _BEAT2, _MEAD = "vertices_npy", "smplxflame_30", "shape_pose_cam.hdf5"
_MEAD_FPS = 25.0
_MEAD_EMOTIONS = {
    "angry": "anger", "contempt": "contempt", "disgusted": "disgust", "fear": "fear", "happy": "joy",
    "neutral": "neutral", "sad": "sadness", "surprised": "surprise",
}  # fmt: skip
_LEVELS = 3
_RATES = (24, 25, 30, 48, 50, 60, 100, 120)  # at which meshes are captured
_NEAR = 0.08  # share by which frames over seconds may be off such a rate
_LARGEST = 2_000_000_000  # bytes of a file of vertices


@dataclass(frozen=True)
class FaceCurves:
    """What a face does in a clip.

    Attributes:
        kind: `arkit`, `flame` or `vertices`, as in `output_space`.
        values: (T, W).
        fps: frame rate.
        basis: of the coefficients or the vertices.
        emotions: (T, 8) how strong each of `vocabulary.EMOTIONS` is; all 0 where that is not known.
    """

    kind: str
    values: FloatArray
    fps: float
    basis: str
    emotions: FloatArray


@dataclass(frozen=True)
class ClipSource:
    """A clip of a data set.

    Attributes:
        motion, sound: its files; the audio is None where there is none.
        speaker: who it is.
        read: gives the face; takes the number of expression coefficients, and the kind of the space.
        part: its name, where the files hold other clips too.
        hear: gives the audio, where it is not in a file of its own.
    """

    motion: Path
    sound: Path | None
    speaker: str
    read: Callable[[int, str], FaceCurves]
    part: str = ""
    hear: Callable[[], AudioClip] | None = None

    @property
    def name(self) -> str:
        """Its name among the others."""
        return self.part or self.motion.stem

    @property
    def told(self) -> str:
        """Its name in sentences."""
        return self.part or self.motion.name


def sources(folder: Path) -> tuple[list[ClipSource], MeshTopology | None]:
    """Return the clips of a folder of any layout, and the mesh whose vertices they move, where it is there.

    Raises:
        InputError: where there is no such folder, or its templates or its mesh cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; give a data set's, or one of motions next to audio files.")
    if (folder / _VERTICES).is_dir():
        return list(_of_vertices(folder)), MeshTopology.beside(folder)
    if (folder / _FRAMES).is_file():
        return list(_of_vocaset(folder)), MeshTopology.beside(folder)
    if (folder / _BEAT2).is_dir():
        return list(_of_beat2(folder)), None
    reconstructed = sorted(folder.rglob(_MEAD))
    if reconstructed:
        return list(_of_mead(folder, reconstructed)), None
    own = sorted(folder.glob("*.npz"))
    return [
        ClipSource(path, sound_of(path), folder.resolve().name, functools.partial(_ours, path)) for path in own
    ], None


def _of_vertices(folder: Path) -> Iterator[ClipSource]:
    people = _templates(folder / _REST, _VERTICES)
    for path in sorted((folder / _VERTICES).glob("*.npy")):
        sound = folder / "wav" / f"{path.stem}.wav"
        who = max((name for name in people if path.stem.startswith(name)), key=len, default="")

        def read(_count: int, _kind: str, path: Path = path, sound: Path = sound, who: str = who) -> FaceCurves:
            return _vertices(path, sound, people.get(who))

        yield ClipSource(path, sound if sound.is_file() else None, who or path.stem, read)


def _templates(path: Path, beside: str) -> dict[str, FloatArray]:
    """Each person's face at rest, (V, 3)."""
    if not path.is_file():
        raise InputError(f"There is no {path}; it holds each person's face at rest: put it next to {beside}.")
    return templates(path)


def _vertices(path: Path, sound: Path, template: FloatArray | None) -> FaceCurves:
    if template is None:
        raise InputError(f"{path.name} is of a person whose face at rest is not in templates.pkl.")
    with readable(f"{path.name} is cut off, damaged or no array of numbers", "download it again"):
        values = reading.one_array(path, _LARGEST)
    width = template.size
    if not values.ndim or values.dtype.kind not in "iuf" or not len(values) or values.size != len(values) * width:
        raise InputError(f"{path.name} has the shape {values.shape}; its person's face has {width // 3} vertices.")
    frames = np.asarray(values, np.float32).reshape(len(values), width) - template.reshape(-1)
    basis = TOPOLOGIES.get(width // 3, "other")
    return FaceCurves("vertices", frames, _rate(path, len(frames), sound), basis, _no_emotions(len(frames)))


def _rate(path: Path, count: int, sound: Path) -> float:
    """The frame rate, which such files do not state: the usual rate at which they last as long as the audio."""
    found = count / max(recording.load(sound).duration, 1e-3)
    nearest = min(_RATES, key=lambda rate: abs(np.log(rate / found)))
    if abs(found / nearest - 1) > _NEAR:
        raise InputError(
            f"{path.name} has {count} frames for {count / found:.1f} s of audio, which is not a usual frame rate "
            f"({found:.1f}): they are not of the same clip."
        )
    return float(nearest)


def _of_vocaset(folder: Path) -> Iterator[ClipSource]:
    missing = [name for name in (_ROWS, _VOICES, _REST) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"There is no {' nor '.join(missing)} in {folder}; VOCASET's training data have them: unzip all."
        )
    people, rows = templates(folder / _REST), safe_unpickler.load(folder / _ROWS)

    @functools.cache
    def voices() -> dict[str, Any]:  # hundreds of megabytes: read where a clip is not in the cache
        return safe_unpickler.load(folder / _VOICES)

    for who, sentences in rows.items():
        for sentence, places in sentences.items() if isinstance(sentences, dict) else ():

            def read(
                _count: int, _kind: str, who: str = who, sentence: str = sentence, places: Any = places
            ) -> FaceCurves:
                return _frames_of(folder / _FRAMES, f"{who}_{sentence}", places, people.get(who))

            def hear(who: str = who, sentence: str = sentence) -> AudioClip:
                return _voice(voices(), who, sentence)

            name = f"{who}_{sentence}"
            yield ClipSource(folder / _FRAMES, folder / _VOICES, who, read, name, hear)


def _frames_of(path: Path, name: str, places: Any, template: FloatArray | None) -> FaceCurves:
    """The rows of a sentence out of the frames of all, which stay on the disk."""
    if template is None:
        raise InputError(f"{name} is of a person whose face at rest is not in {_REST}.")
    with readable(f"{path.name} or {_ROWS} is cut off or damaged", "download them again"):
        frames = reading.mapped(path)
        rows = np.array([int(safe_unpickler.array(places[frame], name)) for frame in sorted(places)], np.int64)
    if frames.dtype.kind != "f" or frames.ndim < 2 or frames.size != len(frames) * template.size:
        raise InputError(
            f"{path.name} has the shape {frames.shape}; the face at rest of {name} has {len(template)} vertices."
        )
    if not len(rows) or rows.min() < 0 or rows.max() >= len(frames):
        raise InputError(f"{_ROWS} names rows for {name} that {path.name} does not have: they are of two downloads.")
    values = np.asarray(frames[rows], np.float32).reshape(len(rows), -1) - template.reshape(-1)
    basis = TOPOLOGIES.get(len(template), "other")
    return FaceCurves("vertices", values, _VOCASET_FPS, basis, _no_emotions(len(rows)))


def _voice(voices: Mapping[str, Any], who: str, sentence: str) -> AudioClip:
    """The audio of a sentence, by way of an audio file, so that it is decoded as every other."""
    name, content = f"{who}_{sentence}", voices.get(who)
    entry = content.get(sentence) if isinstance(content, dict) else None
    if not isinstance(entry, dict) or not {"audio", "sample_rate"} <= set(entry):
        raise InputError(f"{_VOICES} has no voice of {name}.")
    samples = safe_unpickler.array(entry["audio"], f"the voice of {name}").reshape(-1)
    rate = int(safe_unpickler.array(entry["sample_rate"], f"the rate of {name}"))
    if not len(samples) or samples.dtype.kind not in "if" or not np.isfinite(samples).all() or rate not in _HEARD:
        raise InputError(f"{_VOICES} holds no audio for {name}; download it again.")
    if np.abs(samples).max() <= 1.0:  # else they are whole numbers of 16 bits
        samples = samples * 32767
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())
        return recording.load(path)


def _of_mead(folder: Path, reconstructed: list[Path]) -> Iterator[ClipSource]:
    sounds = {
        path.with_suffix("").parts[-5:]: path for suffix in SOUNDS for path in folder.rglob(f"audio/*/*/*{suffix}")
    }
    for path in reconstructed:
        person, _view, emotion, level, take = ("", "", "", "", "", *path.parts[:-1])[-5:]
        basis = next(
            (found[0] for part in reversed(path.parts) if (found := re.search(r"flame20\d\d", part))), "flame2020"
        )

        def read(
            count: int, _kind: str, path: Path = path, basis: str = basis, felt: tuple[str, str] = (emotion, level)
        ) -> FaceCurves:
            return _reconstruction(path, count, basis, felt)

        yield ClipSource(path, sounds.get((person, "audio", emotion, level, take)), person, read)


def _reconstruction(path: Path, count: int, basis: str, felt: tuple[str, str]) -> FaceCurves:
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            "Reconstructions of MEAD are .hdf5 files: pip install '.[train]' (h5py) in the source folder of Animcore."
        ) from error
    name = "/".join(path.parts[-6:])
    what = f"{name} is cut off, damaged or no reconstruction of MEAD"
    with readable(what, "download it again"), h5py.File(path, "r") as data:
        expression, jaw = (np.asarray(data[key][0], np.float32) for key in ("exp", "jaw"))
    values = _flame(name, expression, jaw, count)
    emotions = _no_emotions(len(values))
    emotion = _MEAD_EMOTIONS.get(felt[0])
    if emotion is not None:
        strength = int(felt[1][-1]) / _LEVELS if felt[1][-1:].isdigit() else 1.0
        emotions[:, EMOTIONS.index(emotion)] = 1.0 if emotion == "neutral" else min(strength, 1.0)
    return FaceCurves("flame", values, _MEAD_FPS, basis, emotions)


def _of_beat2(folder: Path) -> Iterator[ClipSource]:
    for path in sorted((folder / _BEAT2).glob("*.npz")):
        sound = folder / "wave16k" / f"{path.stem}.wav"
        speaker = "_".join(path.stem.split("_")[:2])

        def read(count: int, _kind: str, path: Path = path) -> FaceCurves:
            setup = FormatOptions()
            return _of_motion(path, beat2.decode(beat2.read(path, setup), setup), count, "flame")

        yield ClipSource(path, sound if sound.is_file() else None, speaker, read)


def _ours(path: Path, count: int, kind: str) -> FaceCurves:
    motion = animcore_npz.decode(animcore_npz.read(path, FormatOptions()), FormatOptions())
    wanted = kind or ("arkit" if motion.arkit is not None else "flame")
    return _of_motion(path, motion, count, wanted)


def _of_motion(path: Path, motion: Motion, count: int, kind: str) -> FaceCurves:
    """What the face of a motion does, as weights or as coefficients; weights become the open head's coefficients."""
    if not motion.frame_count:
        raise InputError(f"{path.name} has no frames.")
    emotions = emotions_of(motion)
    if kind == "arkit":
        if motion.arkit is None:
            raise InputError(f'{path.name} has no ARKit weights; with `space = "flame"` its coefficients are learned.')
        return FaceCurves("arkit", motion.arkit, motion.fps, "", emotions)
    motion, _ = with_expression(motion, FormatOptions(model=OPEN_MODELS[0]))
    if motion.expression is None or motion.basis is None:
        raise InputError(f"{path.name} moves no face.")
    jaw = np.zeros((motion.frame_count, 3), np.float32) if motion.jaw_pose is None else motion.jaw_pose
    return FaceCurves("flame", _flame(path.name, motion.expression, jaw, count), motion.fps, motion.basis, emotions)


def emotions_of(motion: Motion) -> FloatArray:
    """Return (T, 8) how strong each of `vocabulary.EMOTIONS` is, by the events of a motion (`joy 0.7`)."""
    found, times = _no_emotions(motion.frame_count), motion.times
    for event in motion.events:
        name, _, strength = event.label.partition(" ")
        if event.kind != "emotion" or name not in EMOTIONS:
            continue
        column = found[:, EMOTIONS.index(name)]
        within = (times >= event.start) & (times < event.end)
        try:
            column[within] = np.clip(float(strength or 1.0), 0.0, 1.0)
        except ValueError:
            column[within] = 1.0
    return found


def _flame(name: str, expression: NDArray[Any], jaw: NDArray[Any], count: int) -> FloatArray:
    """(T, count + 3) coefficients and jaw."""
    if expression.ndim != 2 or jaw.shape != (len(expression), JAW) or not len(expression):
        raise InputError(f"{name} has an expression {expression.shape} and a jaw {jaw.shape}, which do not fit.")
    if expression.shape[1] < count:
        raise InputError(f"{name} has {expression.shape[1]} coefficients; lower `expressions` from {count} to these.")
    result: FloatArray = np.concatenate([expression[:, :count], jaw], 1).astype(np.float32)
    return result


def _no_emotions(count: int) -> FloatArray:
    return np.zeros((count, len(EMOTIONS)), np.float32)
