"""Stands in for the solver in tests of the workers: writes a file of the line's name, or does what the text says."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

from animcore.core.atomic_files import make_folder, whole_file
from animcore.pipelines.batch import keys
from animcore.pipelines.batch import solve as solving
from animcore.pipelines.batch.solve import Outcome, Scorer, Task


def solve(task: Task, _scorer: Scorer | None = None) -> Outcome:
    """Do what the text asks for: `die`, `die once`, `full`, `slow`, `big` or nothing special."""
    line = task.line
    word = line.text
    if word == "die" or (word == "die once" and _first(task)):
        os.kill(os.getpid(), signal.SIGKILL)
    if word.startswith("full") and (word == "full" or _first(task)):
        return Outcome(line.name, "The disk is full, so nothing was written.", "storage", task.parts)
    if word == "hang":
        time.sleep(60)
    if word == "slow":
        time.sleep(0.2)
    if word == "big":
        held = bytearray(400 << 20)
        time.sleep(20)
        del held
    if word == "bad":
        return Outcome(line.name, f"{line.audio.name} is not an audio file.", "input", task.parts)
    targets = line.targets(task.folder)
    make_folder(targets["npz"].parent)
    for path in targets.values():
        with whole_file(path) as temporary:
            temporary.write_bytes(f"{line.name} {line.text} {task.source}".encode() * 1000)
    parts = {**task.parts, "audio": keys.of_file(line.audio), "other": ""}
    return Outcome(line.name, None, "", parts, targets, 1.0, 0.0, memory=solving.memory())


def _first(task: Task) -> bool:
    """Whether the line is tried for the first time; a file beside the folder remembers it."""
    marker = Path(f"{task.folder}.{task.line.id}.tried")
    try:
        marker.touch(exist_ok=False)
    except OSError as error:
        if error.errno == errno.EEXIST:
            return False
        raise
    return True
