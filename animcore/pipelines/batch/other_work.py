"""Rows that are no voice lines: heads that are fitted to captures or videos, and scenes that Blender renders.

Each runs a program of its own that writes into a folder beside its place; the folder takes it when all went well.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from animcore.core.atomic_files import make_folder
from animcore.errors import InputError
from animcore.files.scenes import blender_process

FOLDER = "folder"  # what stands for the format where the result is a folder
_LAST_WORDS = 300  # characters of a program's own words


@dataclass(frozen=True)
class Work:
    """What a row asks for.

    Attributes:
        kind: of `KINDS`.
        arguments: more arguments of its program.
        gpus: how many GPUs it needs, on a cluster.
    """

    kind: str
    arguments: tuple[str, ...] = ()
    gpus: float = 0.0


def _fit(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "animcore", "avatar", "fit", str(source), "--out", str(out)]


def _from_video(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "animcore", "avatar", "from-video", str(source), str(out)]


def _render(source: Path, out: Path) -> list[str]:
    start = [blender_process.program(), "--background", "--disable-autoexec", str(source)]
    return [*start, "--render-output", f"{out}{os.sep}frame_####"]


# What a row may ask for in its column `do`; a render has all frames where its arguments say nothing else.
KINDS = {"fit": _fit, "from-video": _from_video, "render": _render}
_USUAL: dict[str, tuple[str, ...]] = {"render": ("--render-anim",)}


def of_cells(cells: Mapping[str, str]) -> Work | None:
    """Return what a row asks for; None for a voice line.

    Raises:
        InputError: where there is no such work, or its arguments have a quotation mark without its other one.
    """
    kind = cells.get("do", "").strip().lower()
    if kind in ("", "line"):
        return None
    if kind not in KINDS:
        raise InputError(f"do: there is no work {kind!r}; there are line, {', '.join(KINDS)}.")
    try:
        arguments = tuple(shlex.split(cells.get("arguments", "")))
        gpus = float(cells.get("gpus") or 0)
    except ValueError as error:
        raise InputError(f"arguments or gpus cannot be read ({error}).") from error
    return Work(kind, arguments or _USUAL.get(kind, ()), gpus)


def perform(work: Work, source: Path, target: Path) -> None:
    """Do the work of a row; its folder is there as a whole or not at all.

    Raises:
        InputError: with the last words of the program, where it fails.
    """
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    make_folder(part)
    try:
        _run([*KINDS[work.kind](source, part), *work.arguments], work)
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        part.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run(command: list[str], work: Work) -> None:
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise InputError(f"{command[0]} cannot be started ({error.strerror}); install it on this computer.") from error
    try:
        said, _ = process.communicate()
    except BaseException:
        with contextlib.suppress(OSError):
            process.send_signal(signal.SIGTERM)
        raise
    if process.returncode:
        words = " ".join(said.decode(errors="replace").split())[-_LAST_WORDS:]
        raise InputError(f"{work.kind} ended with status {process.returncode}: {words or 'it said nothing'}")
