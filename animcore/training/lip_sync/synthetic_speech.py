"""Synthetic voices with exact phoneme times: sentences spoken by flite's voices, labelled by how the mouth makes them.

Needs Debian's `flite` (its voices stand under BSD-like licences); only the trained network is shipped, no voice.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VOICES = ("slt", "rms", "awb", "kal16")

# Where the mouth makes each of flite's phones; the order is that of the network's outputs.
PLACES: dict[str, frozenset[str]] = {
    "bilabial": frozenset({"p", "b", "m"}),
    "labiodental": frozenset({"f", "v"}),
    "dental": frozenset({"th", "dh"}),
    "alveolar": frozenset({"t", "d", "n", "l"}),
    "velar": frozenset({"k", "g", "ng"}),
}

_WORDS = """
about above again always amber animal answer apple april autumn baby balloon banana beautiful before began
believe below better between big birthday blue boat book bottle box brave bread breakfast bring broken brother
bubble build busy butter cabin camera carry castle catch chair change chapter cheese children city clever
climb cloud coffee cold colour come corner cousin cover dance daughter deep different dinner doctor dream
drive early eleven empty engine evening every family famous father favour feather fifty film finger five
flower follow forever forget forty forward friend from full funny gather gave gentle giant give golden good
grandmother great green guitar hammer happen happy harbour have heavy help hidden hobby home honey hope house
humble hundred imagine important invite island jam jump jumble just keep kitchen ladder lamp laugh leave lemon
letter level library little lively lobby machine magic maple marble mark market maybe meadow member memory
middle milk million minute mobile moment money monkey month moon more morning mother mountain mouth move movie
much museum music my near never nimble nobody north nothing number october often open orange other oven over
paint paper parcel park people pepper perfect piano picture pilot place plan play please pocket poem possible
problem promise proud public pump purple rabbit rain remember ribbon river robin room sample scheme seven
shape shelter ship shoulder simple sleep small smooth something sofa soft somebody spoon spring stamp stone
story summer supper swim table tempo temple them thimble thing think thousand three throat thumb timber time
tomorrow travel umbrella under vanilla vapour velvet very victory village violin visit voice volume warm water
weather whisper wife window winter wonderful wooden yellow
""".split()  # noqa: SIM905  a list of quoted words reads worse


def sentences(count: int, seed: int = 0) -> list[str]:
    """Return `count` sentences of 4 to 9 everyday words, some parted by a comma for a pause."""
    generator = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        words = list(generator.choice(_WORDS, generator.integers(4, 10)))
        if generator.random() < 0.4:
            words[len(words) // 2] += ","
        result.append(" ".join(words) + ".")
    return result


def speak(text: str, voice: str, path: Path, speed: float = 1.0) -> list[tuple[str, float, float]]:
    """Write `text` as WAV and return its phones as (name, start, end) in seconds."""
    answer = subprocess.run(
        ["flite", "-voice", voice, "--setf", f"duration_stretch={1 / speed}", "-psdur", "-t", text, "-o", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    ends = [(name, float(end)) for name, end in re.findall(r"(\w+):([0-9.]+)", answer.stdout)]
    starts = [0.0, *(end for _, end in ends)][:-1]
    return [(name, start, end) for start, (name, end) in zip(starts, ends, strict=True)]


PAUSE = "pau"
_AHEAD = 0.06  # seconds by which the mouth is in place before the first phone of a phrase


def labels(phones: list[tuple[str, float, float]], count: int, fps: float) -> NDArray[np.float32]:
    """(count, len(PLACES)) 0 or 1: what the mouth does in each frame; frame i is at i / fps seconds.

    After a pause the mouth is in place before the sound: no stop bursts from lips that were open.
    """
    times = np.arange(count) / fps
    result = np.zeros((count, len(PLACES)), np.float32)
    before = ""
    for name, start, end in phones:
        start = start - _AHEAD if before == PAUSE else start
        before = name
        for column, members in enumerate(PLACES.values()):
            if name in members:
                result[(times >= start) & (times < end), column] = 1.0
    return result


def corpus(folder: Path, count: int, seed: int = 0) -> Iterator[tuple[Path, list[tuple[str, float, float]]]]:
    """Speak `count` sentences, the voices in turn and at changing speed; yield each WAV and its phones."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    for index, text in enumerate(sentences(count, seed)):
        path = folder / f"{index:04d}.wav"
        yield path, speak(text, VOICES[index % len(VOICES)], path, generator.uniform(0.85, 1.2))
