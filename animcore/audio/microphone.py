"""Sound from a microphone, as it is spoken."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.device
import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import RATE
from animcore.errors import InputError

BLOCK = RATE // 50  # samples that are handed on at a time: 20 ms
FULL_SCALE = 32768.0  # of 16 bits: blocks are whole numbers over it


@dataclass(frozen=True)
class _CaptureBackend:
    """How a system names its microphones: FFmpeg's format, what stands before a name, and its own choice."""

    format: str
    prefix: str = ""
    usual: str = "default"


_SYSTEMS = {"win32": _CaptureBackend("dshow", "audio=", ""), "darwin": _CaptureBackend("avfoundation", ":")}
_LINUX = _CaptureBackend("alsa")
_NO_MICROPHONES = ("null",)  # ALSA's device without input
# PyAV carries a libasound of its own, which looks for its files where it was built.
_ALSA_FILES = {
    "ALSA_CONFIG_PATH": ("/usr/share/alsa/alsa.conf",),
    "ALSA_PLUGIN_DIR": ("/usr/lib/x86_64-linux-gnu/alsa-lib", "/usr/lib/aarch64-linux-gnu/alsa-lib",
                        "/usr/lib64/alsa-lib", "/usr/lib/alsa-lib"),
}  # fmt: skip


def device_names() -> list[str]:
    """Return the names of the microphones of this computer, its default first; empty where it lists none."""
    system = _system()
    try:
        found = av.device.enumerate_input_devices(system.format)
    except (OSError, ValueError):
        return []
    heard = [one for one in found if _hears(one) and one.name not in _NO_MICROPHONES]
    heard.sort(key=lambda one: not (one.is_default or one.name == system.usual))
    return [one.description if system.prefix and one.description else one.name for one in heard]


def record_blocks(name: str, stopped: Callable[[], bool]) -> Iterator[NDArray[np.float32]]:
    """Yield the audio of a microphone in blocks (320,) in -1..1 at 16 kHz until `stopped` returns true.

    Args:
        name: one of `names`; empty for the computer's own choice.
        stopped: is asked after each block.

    Raises:
        InputError: where it cannot be opened, or is taken away.
    """
    container = _open(name)
    resampler = av.AudioResampler("s16", "mono", RATE)
    waiting = np.zeros(0, np.int16)
    try:
        for frame in container.decode(audio=0):
            heard = [piece.to_ndarray().ravel() for piece in resampler.resample(frame)]
            waiting = np.concatenate([waiting, *heard])
            while len(waiting) >= BLOCK:
                yield waiting[:BLOCK].astype(np.float32) / FULL_SCALE
                waiting = waiting[BLOCK:]
                if stopped():
                    return
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"The microphone was lost ({error}); plug it in and start again.") from error
    finally:
        container.close()


def _open(name: str) -> Any:
    system = _system()
    wanted = name or system.usual or next(iter(device_names()), "")
    try:
        return av.open(system.prefix + wanted, format=system.format)
    except (av.FFmpegError, OSError, ValueError) as error:
        known = device_names()
        which = f"The microphone {wanted!r}" if wanted else "No microphone"
        told = f"known here: {', '.join(known)}" if known else "this computer lists none: plug one in"
        raise InputError(
            f"{which} cannot be opened ({error}); allow Blender to use it in the system's settings, or name another "
            f"one in the preferences ({told})."
        ) from error


def _hears(device: Any) -> bool:
    return not device.media_types or "audio" in device.media_types


def _system() -> _CaptureBackend:
    system = _SYSTEMS.get(sys.platform, _LINUX)
    if system is _LINUX:
        for variable, places in _ALSA_FILES.items():
            place = next((place for place in places if Path(place).exists()), None)
            if place is not None:
                os.environ.setdefault(variable, place)
    return system
