"""The engine's analysis of the chosen audio: requested once, and cached until other audio is chosen."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.reading import arrays
from animcore.errors import BROKEN_FILE

from .. import properties

Choice = tuple[str, ...]


@dataclass(frozen=True)
class Heard:
    """What is known of one voice.

    Attributes:
        choice: what it was chosen by.
        facts: as the engine gave them; empty where it could not read it.
        problem: why it could not, or what else is to be known.
        peaks: (N,) loudness in 0..1, a hundred values per second; None where it was not analyzed.
    """

    choice: Choice
    facts: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    peaks: NDArray[np.float32] | None = None

    @property
    def line(self) -> str:
        """One line for the panel."""
        parts = []
        if "duration" in self.facts:
            parts.append(f"{self.facts['duration']:.1f} s")
        if "sample_rate" in self.facts:
            parts.append(f"{self.facts['sample_rate'] / 1000:g} kHz")
        if self.facts.get("tracks", 1) > 1:
            parts.append(f"track {self.facts['track']} of {self.facts['tracks']}")
        if "channels" in self.facts:
            parts.append({1: "mono", 2: "stereo"}.get(self.facts["channels"], f"{self.facts['channels']} channels"))
        return " · ".join(parts)


_last: Heard | None = None


def choice(settings: properties.AnimcoreSettings) -> Choice:
    """Return a key of the chosen audio, cheap enough to compute while a panel is drawn."""
    speaker = settings.speaker.name if settings.speaker is not None else ""
    if settings.voice_from == "FILE":
        return of_file(settings.audio, settings.sound_track, settings.sound_channel)
    return (settings.voice_from, settings.strips if settings.voice_from == "STRIPS" else speaker)


def of_file(audio: str, track: int, channel: int) -> Choice:
    """Return the choice of a file with its track and channel."""
    return ("FILE", audio, str(track), str(channel))


def of(settings: properties.AnimcoreSettings) -> Heard | None:
    """Return the analysis of the chosen audio, if there is one."""
    return _last if _last is not None and _last.choice == choice(settings) else None


def facts(settings: properties.AnimcoreSettings) -> dict[str, Any]:
    """Return the facts of the chosen audio, with `problem` where it cannot be read; empty where it was not analyzed."""
    heard = of(settings)
    if heard is None:
        return {}
    return heard.facts or {"problem": heard.problem}


def keep(what: Choice, answer: Mapping[str, Any], envelope: Path | None = None) -> None:
    """Remember what the engine answered; without an envelope the one that is known stays."""
    global _last
    known = _last if _last is not None and _last.choice == what else Heard(what)
    peaks = known.peaks if envelope is None else _peaks(envelope)
    warnings = " ".join(map(str, answer.get("warnings", ())))
    facts = {**known.facts, **answer.get("facts", {})}  # a performance has no facts about music and speakers
    _last = Heard(what, facts, warnings, peaks)


def refuse(what: Choice, message: str) -> None:
    """Remember that a voice cannot be read, and why."""
    global _last
    _last = Heard(what, problem=message)


def forget() -> None:
    """Forget it."""
    global _last
    _last = None


def _peaks(path: Path) -> NDArray[np.float32] | None:
    if not path.is_file():
        return None
    with contextlib.suppress(*BROKEN_FILE):  # without it, nothing is drawn
        return np.asarray(arrays(path, ("peaks",))["peaks"], np.float32)
    return None
