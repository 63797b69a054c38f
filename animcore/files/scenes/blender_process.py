"""Blender as a child process: it opens characters, takes motions and writes the formats that it alone can write.

The first Blender that is found serves: the program or Python of the environment variable ANIMCORE_BLENDER, this Python
if it has the module `bpy`, the program `blender` on the path. One child serves all requests of this process and dies
with it. What it runs is the extension's `child.py`.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

from animcore.core.progress import Progress, silent
from animcore.core.shipped import PACKAGE, shipped
from animcore.core.vocabulary import BLENDER as VARIABLE
from animcore.core.vocabulary import BLENDER_SCRIPT
from animcore.errors import InputError
from animcore.files.scenes import gltf

_STARTING = 120.0  # seconds that a Blender on a slow disk may take to start
_SILENCE = 1800.0  # seconds without output after which it is taken for hung: exporters print nothing while they work
_GLANCE = 0.25  # seconds between looks at whether the work is still wanted
_LAST_WORDS = 5.0


def command() -> list[str]:
    """Return the command line that starts the child.

    Raises:
        InputError: where no Blender is to be found.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        program = shutil.which(chosen)
        if program is None:
            raise InputError(f"{VARIABLE} says {chosen}, but there is no such program; let it point to Blender.")
        return _started_by(program)
    if importlib.util.find_spec("bpy") is not None:
        return _started_by(sys.executable)
    program = shutil.which("blender")
    if program is None:
        raise InputError(
            "This format is written by Blender, and none is here; install it (blender.org, or `pip install bpy`) or "
            f"let the environment variable {VARIABLE} point to it."
        )
    return _started_by(program)


def program() -> str:
    """Return the Blender that renders: that of the environment variable where it is no Python, or the one on the path.

    Raises:
        InputError: where no Blender is to be found.
    """
    chosen = os.environ.get(VARIABLE, "")
    named = chosen if chosen and not Path(chosen).name.lower().startswith("python") else "blender"
    found = shutil.which(named)
    if found is None:
        raise InputError(f"There is no program {named}; install Blender, or let {VARIABLE} point to it.")
    return found


def script() -> Path:
    """Return the program that Blender runs: of the extension that started this engine, in the package, or next to it.

    Raises:
        InputError: where the installation is incomplete.
    """
    told = os.environ.get(BLENDER_SCRIPT)
    place = Path(told) if told else shipped("blender_addon/child.py")
    if not place.is_file():
        raise InputError(f"{place}, which Blender runs for the engine, is missing; install Animcore again.")
    return place


def _started_by(program: str) -> list[str]:
    """The command line for a Python that has `bpy`, or for Blender itself."""
    engine, own = str(PACKAGE.parent), str(script())
    program = os.path.abspath(program)
    if Path(program).name.lower().startswith("python"):
        return [program, "-P", own, engine]
    return [program, "--background", "--factory-startup", "--disable-autoexec", "--python", own, "--", engine]


class BlenderProcess:
    """One Blender that answers requests."""

    def __init__(self, progress: Progress = silent) -> None:
        """Start it.

        Raises:
            InputError: where there is none, or it does not start.
            Cancelled: when the progress callback raises it.
        """
        line = command()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the child)
        try:
            self._process = subprocess.Popen(
                line,
                cwd=Path(line[0]).parent,  # modules next to a user's file must never be imported or run
                env={**os.environ, "PYTHONSAFEPATH": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise InputError(f"Blender could not be started ({line[0]}: {error.strerror}).") from error
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._answer(_STARTING, progress)
        except BaseException:
            self._end()
            raise

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, wish: str, progress: Progress = silent, **arguments: Any) -> dict[str, Any]:
        """Have a request answered.

        Raises:
            InputError: with the child's own sentence, or that it broke off.
            Cancelled: when the progress callback raises it; the child is then ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": wish, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise InputError(self._broken()) from error
        try:
            return self._answer(_SILENCE, progress)
        except InputError:
            raise
        except BaseException:  # it would go on working for no one
            self._end()
            raise

    def close(self) -> None:
        """End it."""
        if self.alive:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(_LAST_WORDS)
            except subprocess.TimeoutExpired:
                self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _answer(self, patience: float, progress: Progress) -> dict[str, Any]:
        where, heard = (0.0, "Starting Blender"), time.monotonic()
        while True:
            try:
                line = self._lines.get(timeout=_GLANCE)
            except queue.Empty:
                progress(*where)  # cancelling works during an export, too
                if time.monotonic() - heard < patience:
                    continue
                self._end()
                raise InputError(f"Blender did not respond for {patience:.0f} s and was ended; try again.") from None
            heard = time.monotonic()
            if line is None:
                raise InputError(self._broken())
            if not line.startswith("{"):
                continue  # a Blender that starts greets on its standard output
            message = _message(line)
            if message is None:
                continue
            if message["event"] == "error":
                raise InputError(message["message"])
            if message["event"] != "progress":
                return message
            where = message["fraction"], message["stage"]
            progress(*where)

    def _broken(self) -> str:
        self._process.wait(_LAST_WORDS)
        self._log.seek(0)
        output = self._log.read().decode(errors="replace").strip().splitlines()
        return (
            f"Blender stopped ({output[-1] if output else 'without a message'}); try again with another version of it."
        )


def _message(line: str) -> dict[str, Any] | None:
    """The message of a line; None where an importer printed it."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and "event" in message else None


_child: BlenderProcess | None = None
_lock = threading.RLock()


def call_blender(wish: str, progress: Progress = silent, **arguments: Any) -> dict[str, Any]:
    """Have the child of this process answer; it is started where there is none.

    Raises:
        InputError: where there is no Blender, or it refuses.
    """
    global _child
    with _lock:
        if _child is None or not _child.alive:
            _child = BlenderProcess(progress)
            atexit.register(_child.close)
        return _child.ask(wish, progress, **arguments)


_made: dict[tuple[str, int], Path] = {}
_folder: tempfile.TemporaryDirectory[str] | None = None


def as_glb(path: Path) -> Path:
    """Return a `.glb` of the character in a `.blend` or `.fbx`; it is made once in this process.

    Raises:
        InputError: where there is no Blender, or no character in the file.
    """
    global _folder
    key = (str(path.resolve()), path.stat().st_mtime_ns)
    with _lock:
        if key not in _made:
            if _folder is None:
                _folder = tempfile.TemporaryDirectory(prefix="animcore-", ignore_cleanup_errors=True)
            target = Path(_folder.name) / f"{len(_made)}.glb"
            call_blender("still", character=key[0], path=str(target))
            document = gltf.load(target)
            _skins_to_the_top(document)
            document.save(target)
            _made[key] = target
        return _made[key]


def _skins_to_the_top(document: gltf.GltfDocument) -> None:
    """Take meshes with a skin out from under other nodes, whose place does not move them (glTF 2.0, 3.7.3.3)."""
    skinned = {index for index, node in enumerate(document.part("nodes")) if "skin" in node and "mesh" in node}
    for node in document.part("nodes"):
        node["children"] = [child for child in node.get("children", ()) if child not in skinned]
        if not node["children"]:
            del node["children"]
    for scene in document.part("scenes"):
        scene["nodes"] = sorted({*scene.get("nodes", ()), *skinned})
