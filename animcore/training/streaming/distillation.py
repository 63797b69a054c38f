"""Distil the audio encoder of the streaming solver, with 80 ms of look-ahead, from the one that sees the whole clip.

The teacher is the audio encoder itself (hama's conformer), which gets a whole clean recording; the student gets it step
by step, in a room, in noise, over music or by telephone, and learns the teacher's hidden states (distillation; Hinton
et al., 2015). For audio without a voice the target is the teacher's state for silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

from animcore.audio import recording
from animcore.core import reading
from animcore.training.cpu_optimizer import OptimizerSettings, minimize
from animcore.training.lip_sync import conformer, recordings, synthetic_music, synthetic_noise, synthetic_speech
from animcore.training.lip_sync.augmentation import at_loudness, faster, roughened
from animcore.training.lip_sync.conformer import FPS, HOP, WIDTH
from animcore.training.lip_sync.recordings import LEVEL
from animcore.training.streaming.causal_conformer import STEP, StreamingEncoder, steps

FloatArray = NDArray[np.float32]

SECONDS = 6  # length of a training example
EXAMPLES = 4  # that a step sees
# The folders of audio, at how many speeds (the first is as it is), and every how manieth file.
_FOLDERS = {"lips_train": (3, 1), "speech": (2, 1), "performance": (1, 1), "lips_grid": (1, 3)}
# Validation split of the audio encoder, by which its training was chosen. (The head trains on them.)
HELD_OUT = frozenset(
    {"edtalk_obama", "vrt_3", "latentsync_demo2_video", "anitalker_english_female", "May_5s"}
    | {"EmoTalk_ted2", "SadTalker_fayu", "hallo_4", "echomimic_v2_news", "LatentSync_demo2_audio"}
)
_SENTENCES = 240
_PIECES, _SOUNDS = 120, 140
_SPEEDS = 0.16  # largest change of speed, as a logarithm
_GAIN_ERROR = 3.0  # dB by which a live gain is off: standard deviation
_UNVOICED = 0.2  # of the examples have no voice
_OVER = 0.4  # of the voices are mixed with music or other sounds,
_BELOW = (0.0, 25.0)  # so many dB below the voice
_EDGE = 8  # frames around the ends of a recording that do not count
_PLACES = (1.0, 1.0, 0.3, 0.3)  # how much the frames of a step count


@dataclass(frozen=True)
class CleanVoice:
    """A clean recording (N,) at `LEVEL`, and the outputs of the teacher's blocks, (T, 576) float16."""

    samples: FloatArray
    states: Tensor


@dataclass(frozen=True)
class BackgroundSounds:
    """Sounds (N,) that are no voice, of about the same power, and the teacher's states (576,) in silence."""

    sounds: list[FloatArray]
    silence: Tensor


def voices(data: Path, cache: Path) -> list[CleanVoice]:
    """Encode every recording by the teacher, once; cached."""
    encoder = conformer.pretrained()
    paths = [
        (path, speeds)
        for folder, (speeds, every) in _FOLDERS.items()
        for path in sorted((data / folder).glob("*.flac"))[::every]
        if path.stem not in HELD_OUT
    ]
    paths += [(path, 1) for path, _ in synthetic_speech.corpus(cache / "synthetic", _SENTENCES)]
    return [voice for path, speeds in paths for voice in _at_speeds(path, speeds, encoder, cache)]


def _at_speeds(path: Path, speeds: int, encoder: conformer.ConformerEncoder, cache: Path) -> Iterator[CleanVoice]:
    kept = cache / f"clean-{path.parent.name}-{path.stem}.pt"

    def make(place: Path) -> None:
        samples = recording.load(path).samples
        rows = []
        for way in range(speeds):
            generator = np.random.default_rng([way, *path.stem.encode()])
            factor = float(np.exp(generator.uniform(-_SPEEDS, _SPEEDS))) if way else 1.0
            sound = at_loudness(faster(samples, factor) if way else samples, LEVEL)
            states = recordings.encoded(encoder, sound)[:, WIDTH:]
            rows.append((torch.from_numpy(sound), torch.from_numpy(states.copy())))
        torch.save(rows, place)

    for sound, states in reading.cached(kept, partial(torch.load, weights_only=True), make):
        yield CleanVoice(sound.numpy(), states)


@lru_cache
def background_sounds(cache: Path) -> BackgroundSounds:
    """Make background sounds; the pieces of music are cached."""
    made = [*synthetic_music.pieces(cache / "music", _PIECES), *synthetic_noise.sounds(_SOUNDS)]
    hiss = 1e-4 * np.random.default_rng(1).normal(size=10 * recording.RATE).astype(np.float32)
    states = recordings.encoded(conformer.pretrained(), hiss)[200:300, WIDTH:]
    return BackgroundSounds(
        [one / np.sqrt(np.square(one).mean() + 1e-12) for one in made], torch.from_numpy(states.mean(0))
    )


def _bed(beside: BackgroundSounds, count: int, generator: np.random.Generator) -> FloatArray:
    """(count,) of audio, from anywhere in it, over and over; its power is 1."""
    sound = beside.sounds[generator.integers(len(beside.sounds))]
    return np.resize(np.roll(sound, -int(generator.integers(len(sound)))), count)


def mix_background(sound: FloatArray, beside: BackgroundSounds, generator: np.random.Generator) -> FloatArray:
    """Return a voice (N,) over one of the sounds."""
    power = np.sqrt(np.square(sound).mean()) * 10 ** (-generator.uniform(*_BELOW) / 20)
    mixed: FloatArray = sound + np.float32(power) * _bed(beside, len(sound), generator)
    return mixed


def example(
    clean_voices: Sequence[CleanVoice],
    beside: BackgroundSounds,
    chances: NDArray[np.float64],
    generator: np.random.Generator,
) -> tuple[FloatArray, Tensor, Tensor]:
    """Draw sound (N,), the teacher's states (T, 576) and which frames count (T,)."""
    count = SECONDS * FPS
    length = count * HOP - 1
    gain = np.float32(10 ** (generator.normal() * _GAIN_ERROR / 20))
    states = beside.silence.expand(count, -1).clone()
    counts = torch.ones(count, dtype=torch.bool)
    if generator.random() < _UNVOICED:
        sound = _bed(beside, length, generator)
        sound = roughened(sound, generator) if generator.random() < 0.5 else sound
        level = 10 ** (LEVEL / 20) * gain * 10 ** (generator.choice([0.0, -20.0], p=[0.8, 0.2]) / 20)
        return (sound * level).astype(np.float32), states, counts
    voice = clean_voices[generator.choice(len(clean_voices), p=chances)]
    first = int(generator.integers(-FPS, max(len(voice.states) - count + FPS, 1)))
    start, end = max(first, 0), min(first + count, len(voice.states))
    sound = np.zeros(length, np.float32)
    part = voice.samples[start * HOP : (first + count) * HOP - 1]
    sound[(start - first) * HOP :][: len(part)] = part
    states[start - first : end - first] = voice.states[start:end]
    for edge in (-first, end - first):
        counts[max(edge - _EDGE, 0) : max(edge + _EDGE, 0)] = edge <= 0 or edge >= count
    sound = roughened(sound, generator)
    if generator.random() < _OVER:
        sound = mix_background(sound, beside, generator)
    return (sound * gain).astype(np.float32), states, counts


@dataclass(frozen=True)
class TeacherReadout:
    """What the shipped network reads from the states: its heads' first layers (720, D), scaled, and its phonemes."""

    heads: Tensor
    phonemes: Tensor
    bias: Tensor


def teacher_readout(path: Path, clean_voices: Sequence[CleanVoice]) -> TeacherReadout:
    """Find them in the shipped network's file; what heads see of the voices has a variance of 1 on average."""
    graph = onnx.load(str(path)).graph
    parts = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    heads = torch.cat([parts[node.input[1]] for node in graph.node if node.name.endswith("/into/MatMul")], 1)
    seen = normal(torch.cat([voice.states[::10] for voice in clean_voices[::10]]).float()) @ heads[WIDTH:]
    return TeacherReadout(heads / seen.var(0).mean().sqrt(), parts["phonemes_weight"], parts["phonemes_bias"])


def normal(states: Tensor) -> Tensor:
    """(..., L * 144) with every layer's states brought to mean 0 and variance 1."""
    shape = (*states.shape[:-1], -1, WIDTH)
    return functional.layer_norm(states.view(shape), (WIDTH,)).view(states.shape)


def loss_of(
    student: StreamingEncoder, reading: TeacherReadout, sound: Tensor, taught: Tensor, counts: Tensor
) -> Tensor:
    """How far the student's states are from the teacher's: as they are, as heads see them, and as phonemes.

    Args:
        student: the audio encoder.
        reading: of the shipped network.
        sound: (B, N).
        taught: (B, T, 576) the teacher's states.
        counts: (B, T) bool.
    """
    heard, _ = student(steps(sound), student.past(len(sound)))
    taught = taught.unfold(1, len(_PLACES), STEP).transpose(2, 3)
    weight = counts.unfold(1, len(_PLACES), STEP).float() * torch.tensor(_PLACES)
    heard = heard[:, : taught.shape[1]]
    # the stem does not train: a difference there is the noise's
    whole = torch.cat([heard[..., :WIDTH].detach(), taught], -1)
    ours, theirs = normal(heard), normal(whole)
    apart = (ours - theirs)[..., WIDTH:].square().mean(-1)
    read = ((ours - theirs) @ reading.heads).square().mean(-1)
    named = functional.log_softmax(heard @ reading.phonemes + reading.bias, -1)
    meant = functional.softmax(whole @ reading.phonemes + reading.bias, -1)
    surprise = (meant * (meant.clamp(min=1e-6).log() - named)).sum(-1)
    return ((apart + 2 * read + 0.5 * surprise) * weight).sum() / weight.sum()


def train(
    student: StreamingEncoder,
    clean_voices: Sequence[CleanVoice],
    beside: BackgroundSounds,
    reading: TeacherReadout,
    count: int,
    checkpoint: Path,
    threads: int = 1,
) -> None:
    """Train an audio encoder; a killed run goes on from the checkpoint."""
    student.encoder.stem.requires_grad_(False)
    chances = np.sqrt([len(voice.states) for voice in clean_voices])
    chances = chances / chances.sum()

    def one(step: int, part: int) -> Tensor:
        sound, taught, counts = example(clean_voices, beside, chances, np.random.default_rng([29, step, part]))
        return loss_of(student, reading, torch.from_numpy(sound)[None], taught[None].float(), counts[None])

    course = OptimizerSettings("ear", count, EXAMPLES, rate=5e-4, decay=0.01, memory=0.98, every=25)
    minimize(student, course, one, checkpoint, threads)


def distill(data: Path, shipped: Path, count: int, cache: Path, threads: int = 1) -> StreamingEncoder:
    """Return the audio encoder after so many steps with all voices of a data folder."""
    clean_voices, student = voices(data, cache), StreamingEncoder(conformer.pretrained())
    train(
        student,
        clean_voices,
        background_sounds(cache),
        teacher_readout(shipped, clean_voices),
        count,
        cache / f"ear-{count}.pt",
        threads,
    )
    return student
