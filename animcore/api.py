"""The public functions of `import animcore as ac`: paths as text or `Path`, rates of any kind, arrays or lists."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from animcore import files
from animcore.audio import recording, wav_writer
from animcore.audio.recording import AudioClip
from animcore.core.frame_rates import FrameRate, as_rate
from animcore.direction import Direction
from animcore.errors import InputError
from animcore.evaluation.face import loading, reference_face, scoring
from animcore.files import export_and_verify
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import ExportReport
from animcore.files.subtitles import transcripts
from animcore.motion import Motion
from animcore.pipelines import generate_files
from animcore.solvers.face_networks import face_solver
from animcore.solvers.gesture_networks import gesture_solver

Audio = str | Path | AudioClip | ArrayLike  # a file of any kind, a loaded one, or samples with their rate

_LAYOUTS = ("mono", "stereo")


def generate(
    audio: Audio,
    fps: FrameRate = 30,
    *,
    direction: Direction | None = None,
    transcript: str | Path | None = None,
    listening_to: Audio | None = None,
    sample_rate: int | None = None,
    face: str | Path | face_solver.FaceNetworkSolver | None = None,
    gestures: str | Path | gesture_solver.GestureNetworkSolver | None = None,
) -> Motion:
    """Perform recorded speech: face, tongue, head, eyes, hands and body.

    Notes on the recording (clipped, music in it ...) come as Python warnings.

    Args:
        audio: path of an audio or video file, an `AudioClip`, or samples: (N,) or (N, 2), full scale at 1.
        fps: frames a second of the motion: 24, 29.97, "24000/1001" ...
        direction: seed, intensity, emotions, style; the usual ones where not given.
        transcript: the text, or the name of a `.txt`, `.srt`, `.vtt` or `.TextGrid` that holds it.
        listening_to: the voice of the other speaker, on the same clock, as `audio`.
        sample_rate: of samples, in Hz.
        face: a trained solver of speech in the place of the shipped one, or its folder.
        gestures: likewise one of the body.

    Raises:
        InputError: where something given cannot be used.

    Examples:
        >>> motion = ac.generate("line.wav", fps=24, direction=ac.Direction(seed=1), transcript="Hello there.")
        >>> motion.fps
        24.0
        >>> motion["jawOpen"].shape == (motion.frame_count,)
        True
    """
    direction = direction or Direction()
    text = transcripts.load(transcript) if isinstance(transcript, Path) else transcript
    motion, facts = generate_files.generate(
        load_audio(audio, sample_rate),
        as_rate(fps),
        direction,
        transcript=transcripts.from_request(text) if isinstance(text, str) else text,
        listening_to=() if listening_to is None else load_audio(listening_to, sample_rate),
        face=face_solver.load(face) if isinstance(face, str | Path) else face,
        gestures=gesture_solver.load(gestures) if isinstance(gestures, str | Path) else gestures,
    )
    _warn(facts.warnings)
    return motion


def load(
    path: str | Path, fps: FrameRate | None = None, *, profile: str | None = None, model: str | Path = "open-head"
) -> Motion:
    """Read a motion from a file of any format of Animcore's (docs/formats).

    Args:
        path: the file; its suffix and its content determine the format.
        fps: frames a second of the motion; those of the file where not given. Some files do not state theirs.
        profile: of rigs/, for files whose shapes have the names of another convention.
        model: the FLAME or SMPL-X model that coefficients in the file belong to.

    Raises:
        InputError: where the file is missing, broken or of no known kind.

    Examples:
        >>> ac.load("take.npz").fps
        30.0
        >>> ac.load("take.npz", fps="24000/1001").rate
        Fraction(24000, 1001)
    """
    rate = None if fps is None else as_rate(fps)
    _, motion, notes = files.load_any(path, FormatOptions(rate=rate, profile=profile, model=str(model)))
    _warn(notes)
    return motion if rate is None else motion.resampled(rate)


def save(
    motion: Motion,
    path: str | Path,
    format: str | None = None,
    *,
    profile: str | None = None,
    mesh: str = "Head",
    model: str | Path = "open-head",
    character: str | Path | None = None,
) -> ExportReport:
    """Write a motion; the file is read back and compared before it takes its place.

    Args:
        motion: to write.
        path: the file.
        format: a name of `animcore formats`, such as `livelink`; where not given, by the suffix of the path.
        profile: of rigs/, for the names of the shapes.
        mesh: that carries the shapes, for Unity and Godot.
        model: the FLAME or SMPL-X model that coefficients are for.
        character: `.blend` or `.glb` that goes into the file; the default one where not given.

    Returns:
        What was read back: `frames`, the largest `errors`, and `lacks`, a sentence for everything the format left out.

    Raises:
        InputError: where the format cannot hold the motion, or the file cannot be written.

    Examples:
        >>> report = ac.save(ac.load("take.npz"), "take.csv")  # Live Link Face
        >>> report.worst <= report.tolerance
        True
        >>> report = ac.save(ac.load("take.npz"), "mouth.csv", format="csv", profile="MMD")
    """
    path = Path(path)
    form = files.format_named(format) if format is not None else files.format_of(path)
    setup = FormatOptions(
        profile=profile, mesh=mesh, model=str(model), character=None if character is None else Path(character)
    )
    return export_and_verify.export(motion, path, form, setup)


def load_audio(audio: Audio, sample_rate: int | None = None, *, track: int = 0, channel: int = 0) -> AudioClip:
    """Load speech as every solver takes it: mono at 16 kHz, with what was measured of the recording in `facts`.

    Args:
        audio: path of an audio or video file, or samples: (N,) or (N, 2), full scale at 1. An `AudioClip` is
            returned as it is.
        sample_rate: of samples, in Hz.
        track: which audio track of the file, from 1 on; 0 for the usual one.
        channel: which channel, from 1 on; 0 for the centre, or for all of them mixed.

    Raises:
        InputError: where there is no such file, track or channel, or nothing that can be decoded.

    Examples:
        >>> clip = ac.load_audio("line.wav")
        >>> clip.samples.dtype, clip.rate
        (dtype('float32'), 16000)
        >>> tone = 0.1 * np.sin(np.arange(48_000) * 0.05)
        >>> ac.load_audio(tone, sample_rate=48_000).duration
        1.0
    """
    if isinstance(audio, AudioClip):
        return audio
    if isinstance(audio, str | Path):
        return recording.load(audio, track=track, channel=channel)
    samples = _samples(audio)
    if sample_rate is None or sample_rate <= 0:
        raise InputError(f"Samples need their rate in Hz, such as sample_rate=48000, not {sample_rate}.")
    with tempfile.TemporaryDirectory() as folder:  # so that samples are mixed, resampled and measured as a file is
        path = Path(folder) / "samples.wav"
        with wav_writer.wav(path) as made:
            made.add(samples, round(sample_rate), _LAYOUTS[len(samples) - 1])
        return recording.load(path, track=track, channel=channel)


def judge(take: str | Path | Motion, truth: str | Path | Motion) -> dict[str, float]:
    """Measure the face of a take against a truth; every figure by its name (docs/research/measures.md).

    Args:
        take: to evaluate, a motion or a file of any format.
        truth: tracked or animated curves of the same audio, or the video of a speaker.

    Raises:
        InputError: where one of them has no face, or they share less than half of their time.

    Examples:
        >>> truth = ac.load("take.npz")
        >>> figures = ac.judge("take.npz", truth)
        >>> round(figures["r_open"], 3), figures["lve_mm"]  # a take judged by itself
        (1.0, 0.0)
    """
    head = reference_face.default()
    took, true = (
        loading.from_motion(one, Path(name), head) if isinstance(one, Motion) else loading.load(one, head)
        for one, name in ((take, "the take"), (truth, "the truth"))
    )
    verdict = scoring.score(true, [took], head)
    _warn(verdict.notes)
    return dict(verdict.values)


def _samples(given: ArrayLike) -> NDArray[np.float32]:
    """(channels, N) float32 of what was given as samples."""
    try:
        samples = np.atleast_2d(np.asarray(given, np.float32).T)
    except (TypeError, ValueError) as error:
        raise InputError(f"Audio is a path, a clip or samples, not {type(given).__name__}.") from error
    if samples.ndim != 2 or not samples.size or len(samples) > len(_LAYOUTS):
        raise InputError(f"Samples have the shape (N,) or (N, 2), not {np.shape(given)}.")
    if np.asarray(given).dtype.kind in "iu":
        raise InputError("Samples are numbers with full scale at 1; divide 16-bit integers by 32768.")
    if not np.isfinite(samples).all():
        raise InputError("The samples hold values that are not numbers (NaN or infinite).")
    return samples


def _warn(notes: Any) -> None:
    """Give notes as Python warnings, at the line that called the public function."""
    for note in notes:
        warnings.warn(note, stacklevel=3)
