"""Presses every button of the built zip once in a real window: `python tools/zip_session.py` (needs `blender_window`).

The zip is installed by Blender's own `extension install-file` into an empty home, in the Blender of
../shared/tools/blender_window (or BLENDER_WINDOW), and nothing of the checkout is on any path.
tests/blender/every_operator.py then presses the buttons and notes how long each held the main thread. Linux alone;
some four minutes on two idle cores; part of `make test-all`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any

import window_tool

ROOT = Path(__file__).resolve().parent.parent
TOOL = window_tool.find()
LIMIT = 1500  # seconds for the whole session
LONGEST = 0.3  # seconds of processor time of the main thread at a stretch, at most
# what a program without graphics card draws by itself: Gaussians for the first time, renders, another editor
DRAWING = {"film_take", "render_side_by_side", "add_character", "add_hybrid_head", "toggle_carrier", "show_curves"}
REFUSED = {"fit_head": "PyTorch"}  # what cannot work here, and a word of the sentence that says why
# buttons for a microphone, for a job under way, and for a Blender with splats of its own
GREY = {"listen", "stop_listening", "cancel", "heed_escape", "own_splats"}


class SessionError(Exception):
    """A button did not do what it should; the text says which and what was seen."""


def main() -> None:
    """Run the session and print what came of each button."""
    parser = argparse.ArgumentParser(description="Press every button of the built zip in a real window.")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "zip", help="folder of the table and the picture")
    try:
        found = session(parser.parse_args().out)
        for name, one in found.items():
            print(name, one)
        check(found)
    except SessionError as error:
        sys.exit(f"zip_session: {error}")
    print("Every button did its work.")


def session(out: Path) -> dict[str, Any]:
    """Build and install the zip, and press everything; returns the table that the script writes.

    Raises:
        SessionError: where it does not come to its end.
    """
    if not TOOL.is_file():
        raise SessionError(f"there is no {TOOL}; set BLENDER_WINDOW to the tool that runs Blender in a window.")
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="animcore-zip-"))
    table = folder / "work" / "table.json"
    table.parent.mkdir()
    script = shutil.copy(ROOT / "tests" / "blender" / "every_operator.py", folder)
    home = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    home["BLENDER_USER_RESOURCES"] = str(folder / "home")
    try:
        build = [sys.executable, "build_addon.py", "--platform", "linux-x64", "--out", str(folder)]
        subprocess.run(build, cwd=ROOT, check=True)
        _short_line(folder / "line.wav")
        zip_path = next(folder.glob("*.zip"))
        install = ["--command", "extension", "install-file", "-r", "user_default", "-e", str(zip_path)]
        subprocess.run([str(TOOL), "batch", "--", *install], cwd=table.parent, env=home, check=True, timeout=LIMIT)
        wait = f"for i in $(seq {LIMIT}); do [ -e {shlex.quote(str(table))} ] && break; sleep 1; done"
        shot = [str(TOOL), "shot", str(folder / "end.png"), "--after", "1", "--do", wait, "--"]
        buttons = ["--python", str(script), "--", str(folder / "line.wav"), str(table)]
        subprocess.run([*shot, *buttons], cwd=table.parent, env=home, check=True, timeout=2 * LIMIT)
        if not table.is_file():
            raise SessionError(f"it did not come to its end within {LIMIT} s; {out}/end.png shows where it stands.")
        shutil.copy(table, out)
        found: dict[str, Any] = json.loads(table.read_text(encoding="utf-8"))
        return found
    finally:
        if (folder / "end.png").is_file():
            shutil.copy(folder / "end.png", out)
        shutil.rmtree(folder, ignore_errors=True)


def check(found: dict[str, Any]) -> None:
    """Compare the table with what is right.

    Raises:
        SessionError: with every button that did otherwise.
    """
    buttons = {name: one for name, one in found.items() if isinstance(one, dict)}
    wrong = [f"{name} was never pressed" for name in found["never pressed"]]
    for name, one in buttons.items():
        said = one["error"] or (one["said"] if one["failed"] else "")
        if said and not (name in GREY or (name in REFUSED and REFUSED[name] in said)):
            wrong.append(f"{name}: {said}")
        if one["cpu"] > LONGEST and name not in DRAWING:
            wrong.append(f"{name} held the window for {one['cpu']} s of processor time")
    if "home" not in Path(found["engine"]).parts:
        wrong.append(f"the engine is {found['engine']}, not that of the zip")
    if wrong:
        raise SessionError("; ".join(wrong))


def _short_line(path: Path) -> None:
    """Write the first second of the demo's line."""
    import av

    with av.open(str(ROOT / "assets" / "voices" / "line.flac")) as source:
        resampler = av.AudioResampler("s16", "mono", 16000)
        frames = [part for frame in source.decode(audio=0) for part in resampler.resample(frame)]
    samples = b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(samples[: 2 * 16000])


if __name__ == "__main__":
    main()
