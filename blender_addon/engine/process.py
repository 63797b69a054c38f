"""The engine as a child process: line-delimited JSON over its pipes. Imports no bpy and never blocks.

The child ends when its standard input does, so it dies with Blender whatever happens to Blender.
docs/developers/service.md lists the messages.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from animcore.core.vocabulary import BLENDER, BLENDER_SCRIPT

from ..errors import AddonError

PROTOCOL = 1
CHILD = Path(__file__).parents[1] / "child.py"
_LOG_LINES = 400
_LAST_WORDS = 2.0  # seconds a process that was asked to end is given
_PATHS = frozenset(
    ("audio", "capture", "character", "envelope", "face", "file", "folder", "gestures", "map", "motion", "out", "path",
     "rig", "values")
)  # fmt: skip
_NO_CONSOLE = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows alone


@dataclass(frozen=True)
class Launch:
    """How the engine is started.

    Attributes:
        command: the program and its arguments.
        environment: the whole environment of the child.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]


def carried() -> Launch:
    """Start the engine that the extension carries, with Blender's own Python.

    Raises:
        AddonError: where its wheels are not installed.
    """
    if importlib.util.find_spec("animcore") is None:
        raise AddonError("The engine is not installed with this extension; install the Animcore zip for this computer.")
    # only the folders that hold what the engine imports: other add-ons' modules stay out of its way
    places = dict.fromkeys(_folder_of(package) for package in ("animcore", "onnxruntime", "av", "numpy"))
    python_path = os.pathsep.join(place for place in places if place)
    return Launch((sys.executable, "-P", "-s", "-m", "animcore.service"), _environment(python_path))


def of_python(python: str) -> Launch:
    """Start the engine of another Python, for example one with Animcore and PyTorch.

    Raises:
        AddonError: where there is no such program.
    """
    if not Path(python).is_file():
        raise AddonError(f"There is no Python at {python}; correct its path in the preferences, or clear it.")
    return Launch((python, "-P", "-m", "animcore.service"), _environment(None))


def of_blender(program: str) -> dict[str, str]:
    """What tells the engine which Blender writes and reads files for it: a program, or a Python that has `bpy`."""
    return {BLENDER: program or sys.executable, BLENDER_SCRIPT: str(CHILD)}


def another_blender(program: str) -> Launch:
    """Return how the same Blender is started in the background, with its own preferences and so its own devices.

    Args:
        program: of Blender (`bpy.app.binary_path`); empty where Blender is a module of this Python.

    Raises:
        AddonError: where the engine's files are not there.
    """
    spec = importlib.util.find_spec("animcore")
    if spec is None or spec.origin is None:
        raise AddonError("The engine is not installed with this extension; install the Animcore zip for this computer.")
    arguments = [str(CHILD), str(Path(spec.origin).parents[1])]
    if program:
        return Launch((program, "--background", "--python", arguments[0], "--", arguments[1]), plain())
    return Launch((sys.executable, "-P", *arguments), plain())


def plain() -> dict[str, str]:
    """Blender's environment for another Blender, which finds Python's packages by itself."""
    return _environment(None)


def neutral_folder() -> str:
    """Return where children work: a module or a program that lies beside a user's file must never be theirs."""
    return str(Path(sys.executable).parent) if Path(sys.executable).is_file() else sys.prefix


def _with_whole_paths(message: Any) -> Any:
    """A message whose paths start at the root: those of a user may be meant from where Blender was started."""
    if isinstance(message, list):
        return [_with_whole_paths(one) for one in message]
    if not isinstance(message, Mapping):
        return message
    return {
        name: os.path.abspath(value)
        if name in _PATHS and isinstance(value, str) and value
        else _with_whole_paths(value)
        for name, value in message.items()
    }


def _folder_of(package: str) -> str:
    """The folder that a package would be imported from, or nothing where there is none. Imports nothing."""
    spec = importlib.util.find_spec(package)
    return str(Path(spec.origin).absolute().parent.parent) if spec is not None and spec.origin else ""


def _environment(python_path: str | None) -> dict[str, str]:
    """Blender's environment, with the child's `PYTHONPATH` alone; texts are UTF-8, and no bytecode is written."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    kept |= {"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
    return kept if python_path is None else kept | {"PYTHONPATH": python_path}


class Engine:
    """One running child process. `events` returns its messages since the last call."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        try:
            self._process = subprocess.Popen(
                launch.command,
                env=dict(launch.environment),
                cwd=neutral_folder(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                creationflags=_NO_CONSOLE,
            )
        except OSError as error:
            raise AddonError(
                f"The engine could not be started ({error}); check its Python in the preferences."
            ) from error
        self._log_reader = threading.Thread(target=self._read_log, args=(self._process.stderr,), daemon=True)
        self._log_reader.start()
        threading.Thread(target=self._read_events, args=(self._process.stdout,), daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """The last lines that the engine wrote to its log."""
        return "\n".join(self._log)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; where the process has ended, the event ``gone`` reports it."""
        with contextlib.suppress(OSError, ValueError):  # broken or closed pipe
            self._stdin.write(json.dumps(_with_whole_paths(message)) + "\n")
            self._stdin.flush()

    def events(self) -> list[dict[str, Any]]:
        """Return what came since the last call, oldest first; ``{"event": "gone", "code": n}`` is the last ever."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._events.get_nowait())
        return found

    def close(self, *, wait: bool = True) -> None:
        """End the process: its input ends; what then still runs is killed, in a thread where nobody is to wait."""
        with contextlib.suppress(OSError, ValueError):
            self._stdin.close()
        if wait:
            self._see_it_end()
        else:
            threading.Thread(target=self._see_it_end, daemon=True).start()

    def _see_it_end(self) -> None:
        try:
            self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None  # it was opened as a pipe
        return self._process.stdin

    def _read_events(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                event = json.loads(line)
                self._events.put({**event, "event": str(event["event"])})
            except (ValueError, KeyError, TypeError):
                self._log.append(line.rstrip())  # a library that printed to the wrong place
        code = self._process.wait()
        self._log_reader.join(_LAST_WORDS)
        self._events.put({"event": "gone", "code": code})

    def _read_log(self, stream: IO[str]) -> None:
        for line in stream:
            self._log.append(line.rstrip())
