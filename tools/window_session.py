"""A session in a real window: install the zip, add the character, Generate, cancel, Generate, see the keys, speak live.

    python tools/window_session.py [--out FOLDER] [--expect]

Drives a real Blender 5.2 on a virtual screen through ../shared/tools/blender_window (or BLENDER_WINDOW), with real
clicks, keeps a picture of every step, and fails where a step does not come to what it should, or where the keyed face
does not look like tests/golden/window/face.png (`--expect` writes that picture anew). The microphone is a device of
ALSA's that plays the demo's line. Linux alone; part of `make test-all`.
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
import time
import wave
from pathlib import Path
from typing import Any

import window_tool

ROOT = Path(__file__).resolve().parent.parent
TOOL = window_tool.find()
SIZE = "1600x900"
LIMIT = 400  # seconds for the whole session

# places in a window of that size, with the panel at the top of the sidebar and nothing above it changed
ADD_CHARACTER = (1165, 178)
GENERATE = (1165, 310)
CANCEL = (1220, 330)
DELIVER = (1085, 581)
SPEAK = (1243, 326)
STOP = (1100, 348)
VIEW = (560, 350, 820, 680)  # of the picture: the face

EXPECTED = ROOT / "tests" / "golden" / "window" / "face.png"
ALIKE = (
    0.96  # least SSIM with the expected picture: two runs are alike by 0.98, the same face with the mouth open by 0.94
)
_PATCH = 8  # pixels along the side of the patches that SSIM compares


class SessionError(Exception):
    """A step did not come to what it should; the text says which and what was seen."""


def main() -> None:
    """Run the session, from either side: the caller's, or as the steps beside the running Blender."""
    parser = argparse.ArgumentParser(description="Use the extension in a real window and keep pictures.")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "window", help="folder of the pictures")
    parser.add_argument("--expect", action="store_true", help="keep the face seen now as the expected one")
    parser.add_argument("--steps", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        steps(options.steps, options.out) if options.steps else session(options.out, options.expect)
    except SessionError as error:
        sys.exit(f"window_session: {error}")


def session(out: Path, expect: bool) -> None:
    """Install the zip into a Blender home of its own, run the steps beside its window, and compare the face.

    Raises:
        SessionError: where one of them fails.
    """
    if not TOOL.is_file():
        raise SessionError(f"there is no {TOOL}; set BLENDER_WINDOW to the tool that runs Blender in a window.")
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="animcore-window-"))
    surroundings = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "home"), **_microphone(folder)}
    try:
        subprocess.run([sys.executable, "build_addon.py", "--platform", "linux-x64"], cwd=ROOT, check=True)
        zip_path = next((ROOT / "dist").glob("animcore-*-linux_x64.zip"))
        install = ["--command", "extension", "install-file", "-r", "user_default", "-e", str(zip_path)]
        subprocess.run([str(TOOL), "batch", "--", *install], cwd=ROOT, env=surroundings, check=True, timeout=LIMIT)
        beside = ["python3", "tools/window_session.py", "--steps", str(folder), "--out", str(out)]
        order = shlex.join(beside) + f" > {folder}/log 2>&1"
        command = [str(TOOL), "shot", str(out / "9_end.png"), "--after", "1", "--size", SIZE, "--do", order]
        driver = ["--python", "tools/window_driver.py", "--", str(folder)]
        subprocess.run([*command, "--", *driver], cwd=ROOT, env=surroundings, check=True, timeout=LIMIT)
        log = (folder / "log").read_text(encoding="utf-8")
        print(log, end="")
        if "The session is complete." not in log:
            raise SessionError(f"it did not come to its end; the pictures are in {out}.")
        _compare(out / "4_keyed.png", expect)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def steps(folder: Path, out: Path) -> None:
    """What a user does, one step after the other.

    Raises:
        SessionError: where Blender does not come to what a step should bring.
    """
    voices = ROOT / "assets" / "voices"
    _until(folder, lambda state: True, "Blender has not started")
    while _order(folder, "open") != "Animcore":
        time.sleep(0.5)
    _picture(out, "1_empty")
    _click(ADD_CHARACTER)
    _until(folder, lambda state: state["character"], "the default character was not added")
    _order(folder, "look")
    _order(folder, f"voice {voices / 'line.flac'}")
    _picture(out, "2_ready", seconds=6)
    _click(DELIVER)
    _picture(out, "2_deliver", seconds=3)
    _click(DELIVER)
    _order(folder, f"voice {_long_voice(folder)}")
    _click(GENERATE)
    _until(folder, lambda state: state["busy"] and state["fraction"] > 0.02, "Generate did not start")
    _click(CANCEL)
    state = _until(folder, lambda state: "Cancelled" in (state["message"] or ""), "Cancel did not cancel")
    _expect(state["keyed"] == 0 and state["strips"] == 0, "a cancelled performance left something behind", state)
    _click(GENERATE)
    _until(folder, lambda state: state["busy"] and state["fraction"] > 0.02, "Generate did not start again")
    subprocess.run(["xdotool", "key", "Escape"], check=True)
    state = _until(folder, lambda state: not state["busy"], "Esc did not cancel")
    _expect("Cancelled" in (state["message"] or "") and state["keyed"] == 0, "Esc left something behind", state)
    _order(folder, f"voice {voices / 'line.flac'}")
    _click(GENERATE)
    _until(folder, lambda state: state["busy"] and state["fraction"] > 0.02, "Generate shows no progress")
    _picture(out, "3_progress", seconds=0.3)
    state = _until(folder, lambda state: not state["busy"] and state["message"], "Generate brought no result")
    _expect(not state["failed"] and state["keyed"] > 0 and state["strips"] == 1, "there are no keys or no strip", state)
    _order(folder, "frame 30")
    _picture(out, "4_keyed", seconds=5)
    _order(folder, "save")
    _click(SPEAK)
    _until(folder, lambda state: state["level"] > 0.05, "nobody is heard")
    _picture(out, "5_live", seconds=1)
    _click(STOP, seconds=5)  # a face that moves keeps a computer without a graphics card busy
    state = _until(folder, lambda state: not state["busy"] and state["message"], "the recording brought no take")
    _expect(not state["failed"] and state["strips"] == 2 and state["level"] == 0.0, "there is no second take", state)
    _order(folder, f"voice {ROOT / 'README.md'}")
    _click(GENERATE)
    state = _until(folder, lambda state: state["failed"], "a text file as voice brought no error")
    _expect(state["keyed"] > 0, "the earlier take is gone", state)
    _picture(out, "6_bad_file")
    print("The session is complete.")


def _microphone(folder: Path) -> dict[str, str]:
    """A microphone that hears the demo's line at 48 kHz from both sides, as what the system's libraries are told."""
    import av

    resampler, pieces = av.AudioResampler("s16", "stereo", 48_000), []
    with av.open(str(ROOT / "assets" / "voices" / "line.flac")) as container:
        for frame in (*container.decode(audio=0), None):
            pieces += [piece.to_ndarray().tobytes() for piece in resampler.resample(frame)]
    (folder / "voice.raw").write_bytes(b"".join(pieces))
    config = folder / "asound.conf"
    device = f'type file slave.pcm "null" file "/dev/null" infile "{folder / "voice.raw"}" format "raw"'
    config.write_text(f"</usr/share/alsa/alsa.conf>\npcm.!default {{ {device} }}\n", encoding="utf-8")
    return {"ALSA_CONFIG_PATH": str(config)}


def _compare(picture: Path, expect: bool) -> None:
    """Hold the face in a picture against the expected one."""
    from PIL import Image

    seen = Image.open(picture).convert("L").crop(VIEW)
    if expect:
        EXPECTED.parent.mkdir(parents=True, exist_ok=True)
        seen.save(EXPECTED)
    alike = _ssim(seen, Image.open(EXPECTED))
    print(f"The face is like the expected one: SSIM {alike:.3f}.")
    if alike < ALIKE:
        raise SessionError(f"the keyed face is like the expected one by {alike:.3f} alone (SSIM); see {picture}.")


def _ssim(one: Any, other: Any) -> float:
    """Structural similarity of two grey pictures (Wang et al., 2004), over square patches."""
    import numpy as np

    def patches(picture: Any) -> Any:
        values = np.asarray(picture, np.float64) / 255
        rows, columns = (size // _PATCH * _PATCH for size in values.shape)
        cut = values[:rows, :columns].reshape(rows // _PATCH, _PATCH, columns // _PATCH, _PATCH)
        return cut.swapaxes(1, 2).reshape(-1, _PATCH**2)

    first, second = patches(one), patches(other)
    means = first.mean(1), second.mean(1)
    covariance = ((first - means[0][:, None]) * (second - means[1][:, None])).mean(1)
    light = (2 * means[0] * means[1] + 1e-4) / (means[0] ** 2 + means[1] ** 2 + 1e-4)
    return float((light * (2 * covariance + 9e-4) / (first.var(1) + second.var(1) + 9e-4)).mean())


def _long_voice(folder: Path, minutes: int = 20) -> Path:
    """A sound that takes long enough to be cancelled: noise, since silence is soon done with."""
    path = folder / "long.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        for _ in range(minutes):
            out.writeframes(os.urandom(2 * 16000 * 60))
    return path


def _until(folder: Path, true_of, failure: str, limit: float = 60.0) -> dict:
    """Wait until something is true of what the driver tells."""
    end = time.monotonic() + limit
    state: dict = {}
    while time.monotonic() < end:
        file = folder / "state.json"
        if file.is_file():
            state = json.loads(file.read_text(encoding="utf-8"))
            if true_of(state):
                return state
        time.sleep(0.1)
    raise SessionError(f"{failure}: {state}")


def _expect(true: bool, failure: str, state: dict) -> None:
    if not true:
        raise SessionError(f"{failure}: {state}")


def _order(folder: Path, order: str) -> str:
    """Have the driver do something, and return its answer."""
    part = folder / "order.part"
    part.write_text(order, encoding="utf-8")
    part.replace(folder / "order")
    done = _until(folder, lambda state: not (folder / "order").is_file() and state["answer"], f"no answer to {order!r}")
    return done["answer"]


def _click(place: tuple[int, int], seconds: float = 0.8) -> None:
    x, y = map(str, place)
    # slowly, as a hand does: without a graphics card Blender needs a moment to see where the pointer is
    press = ["mousedown", "1", "sleep", "0.15", "mouseup", "1", "sleep", "0.3"]
    subprocess.run(["xdotool", "mousemove", x, y, "sleep", str(seconds), *press], check=True)


def _picture(out: Path, name: str, seconds: float = 1.5) -> None:
    """Save the screen, after the time that drawing it needs."""
    time.sleep(seconds)
    subprocess.run(["import", "-window", "root", str(out / f"{name}.png")], check=True)


if __name__ == "__main__":
    main()
