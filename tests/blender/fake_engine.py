"""An engine for tests: speaks the real protocol, and does what the sound file's name asks for.

A name with ``die`` kills the process in the middle, ``hang`` never answers (and heeds a cancel), ``deaf`` does not
heed it either, ``full`` fails as on a full disk, ``broken`` writes half a file. Every other name gets a performance of
2 seconds.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np


def say(**message: object) -> None:
    """Send one line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def weights(times: np.ndarray) -> np.ndarray:
    """(T, 52) values at times (T,) in seconds that differ from column to column: a slow wave in 0..1."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * times[:, None] * (1 + np.arange(52) / 52))).astype(np.float32)


def swings(times: np.ndarray) -> dict[str, np.ndarray]:
    """Poses at times (T,) in seconds."""
    swing = np.sin(times * 3).astype(np.float32)
    still = np.zeros_like(swing)
    return {
        "head_pose": np.stack([0.2 * swing, 0.1 * swing, 0.05 * swing], 1),
        "jaw_pose": np.stack([0.2 * np.abs(swing), still, still], 1),
        "eye_pose": np.stack([np.stack([0.1 * swing, 0.1 * swing, still], 1)] * 2, 1),
    }


def write_take(request: dict, seconds: float) -> int:
    """Write a performance; returns its number of frames."""
    top, bottom = request["fps"]
    begin, end = request.get("span", (0.0, seconds))
    first, last = round(begin * top / bottom), int(min(seconds, end) * top / bottom + 1e-6)
    count = last - first + 1
    times = np.arange(first, last + 1) * bottom / top
    np.savez(
        request["out"],
        format="animcore.motion",
        version=1,
        names=np.array(json.loads(os.environ["FAKE_ENGINE_NAMES"])),
        arkit=weights(times),
        fps=top / bottom,
        fps_rational=np.array([top, bottom]),
        start=first * bottom / top,
        audio_name="",
        audio_sha256="",
        event_kind=np.array([], np.str_),
        event_label=np.array([], np.str_),
        event_start=np.array([]),
        event_end=np.array([]),
        **swings(times),
    )
    return count


def generate(request: dict, cancelled: threading.Event) -> None:
    """Do as the name says."""
    first = request["parts"][0] if "parts" in request else request
    number, wish = request["id"], Path(first["audio"]).stem
    for step in range(1, 4):
        say(id=number, event="progress", fraction=step / 5, stage="Listening")
    if "die" in wish:
        sys.stderr.write("a last word\n")
        sys.stderr.flush()
        os._exit(9)
    while "hang" in wish or "deaf" in wish:
        time.sleep(0.02)
        if cancelled.is_set() and "deaf" not in wish:
            say(id=number, event="cancelled")
            return
    if "full" in wish:
        say(id=number, event="error", message="The disk is full: free some space and generate again.", report="ENOSPC")
        return
    if "broken" in wish:
        Path(request["out"]).write_bytes(b"PK half a file")
        say(id=number, event="done", motion=request["out"], frames=1, warnings=[])
        return
    seconds = float(os.environ["FAKE_ENGINE_SECONDS"])
    frames = write_take(request, seconds)
    warnings = ["The voice is quiet."] if "quiet" in wish else []
    say(id=number, event="done", motion=request["out"], frames=frames, duration=seconds, warnings=warnings)


def dialogue(request: dict) -> None:
    """Perform everybody at once; a voice of the name ``full`` fails as on a full disk."""
    heard = [one["audio"] for part in request["cast"] for one in part["parts"]]
    if any("full" in Path(path).stem for path in heard):
        say(id=request["id"], event="error", message="The disk is full: free some space and generate again.", report="")
        return
    seconds = float(os.environ["FAKE_ENGINE_SECONDS"])
    cast = [{"motion": part["out"], "frames": write_take(part, seconds), "warnings": []} for part in request["cast"]]
    say(id=request["id"], event="done", cast=cast)


def listen(request: dict, cancelled: threading.Event, stopped: threading.Event) -> None:
    """Show jawOpen ever wider until told to stop, and write what was heard: a second of silence."""
    number, frame = request["id"], [0.0] * 52
    while not (cancelled.is_set() or stopped.is_set()):
        frame = [min(1.0, value + 0.05) for value in frame]
        say(id=number, event="news", arkit=frame, tongue=[0.0] * 16, jaw_pose=[0.1, 0.0, 0.0], level=0.5)
        time.sleep(0.02)
    if cancelled.is_set():
        say(id=number, event="cancelled")
        return
    with wave.open(request["out"], "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(32000))
    say(id=number, event="done", audio=request["out"], seconds=1.0)


def main() -> None:
    """Serve until standard input ends."""
    if "--refuse" in sys.argv:
        sys.exit("no such library")
    say(event="ready", protocol=1, version="0.1.0-fake")
    cancelled, stopped = threading.Event(), threading.Event()
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "cancel":
            cancelled.set()
        elif request["do"] == "dialogue":
            dialogue(request)
        elif request["do"] == "stop":
            stopped.set()
        elif request["do"] == "listen":
            cancelled.clear()
            stopped.clear()
            threading.Thread(target=listen, args=(request, cancelled, stopped), daemon=True).start()
        elif request["do"] == "about":
            say(id=request["id"], event="done", python="3.11.7", torch=None, gpu=None, models=["articulation"])
        elif request["do"] == "inspect":
            facts = {"duration": 2.0, "sample_rate": 44100, "channels": 2}
            facts |= json.loads(os.environ.get("FAKE_ENGINE_FACTS", "{}"))
            np.savez(request["envelope"], peaks=np.linspace(0, 1, 200, dtype=np.float32), rate=100)
            say(id=request["id"], event="done", facts=facts, warnings=["The voice is quiet."])
        elif request["do"] != "generate":
            say(id=request["id"], event="error", message="The engine of the tests cannot do that.", report="")
        else:
            cancelled.clear()
            threading.Thread(target=generate, args=(request, cancelled), daemon=True).start()
    os._exit(0)


if __name__ == "__main__":
    main()
