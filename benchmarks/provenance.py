"""What a mark costs and what it tells: `python benchmarks/provenance.py`.

A row each for a video, images, sound, a glTF and arrays: bytes that the mark adds, milliseconds (median of five,
the key is there already), and what `animcore provenance verify` says of the file as it is, with a byte changed in its
last third, and cut by a tenth. Then what the watermark survives, its false alarms and its cost (`watermark.py`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import watermark
from machine import describe

from animcore.core import images
from animcore.core.origin import COMPOSITE, Origin, Source
from animcore.core.shipped import shipped
from animcore.errors import AnimcoreError
from animcore.files.video import writer
from animcore.provenance import keys, marks, verification

ORIGIN = Origin(COMPOSITE, sources=(Source("audio", "line.wav", "ab" * 32),))
TIMES = 5
SIDE, FRAMES, SECONDS = 512, 48, 10


def main() -> None:
    """Make the files, mark them, spoil them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    watermark.add_options(parser)
    options = parser.parse_args()
    print(f"{describe()}\nCommand: python benchmarks/provenance.py {' '.join(sys.argv[1:])}\n")
    print(f"{'file':10}{'bytes':>10}{'added':>8}{'ms':>7}  {'as':8}{'whole':10}{'one byte':10}cut")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[keys.FOLDER] = str(folder / "keys")
        for path in made(folder):
            print(row(path))
    print()
    watermark.report(watermark.videos_in(options.videos), options.trials, options.frames)


def made(folder: Path) -> list[Path]:
    """Write unmarked files."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (SIDE, SIDE, 4), np.uint8)
    frames = (np.roll(pixels[..., :3], frame, 0) for frame in range(FRAMES))
    writer._encode(frames, (SIDE, SIDE), Fraction(24), folder / "a.mp4", None)
    (folder / "a.png").write_bytes(images.encoded(pixels, "png"))
    (folder / "a.webp").write_bytes(images.encoded(pixels, "webp"))
    with wave.open(str(folder / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 48_000, 0, "NONE", ""))
        sound.writeframes(random.integers(-9000, 9000, 48_000 * SECONDS, np.int16).tobytes())
    shutil.copy(shipped("assets/character/character.glb"), folder / "a.glb")
    np.savez_compressed(folder / "a.npz", weights=random.uniform(0, 1, (60 * SECONDS, 52)))
    return [folder / f"a.{suffix}" for suffix in ("mp4", "png", "webp", "wav", "glb", "npz")]


def row(path: Path) -> str:
    """Measure one file."""
    whole, took = path.read_bytes(), []
    kind = marks.NONE
    for _ in range(TIMES):
        path.write_bytes(whole)
        begin = time.perf_counter()
        kind = marks.mark(path, ORIGIN)
        took.append(1000 * (time.perf_counter() - begin))
    marked = path.read_bytes()
    told = [state(path)]
    for spoiled in (changed(marked), marked[: len(marked) * 9 // 10]):
        path.write_bytes(spoiled)
        told.append(state(path))
    added = len(marked) - len(whole)
    cells = "".join(f"{one:10}" for one in told[:2]) + told[2]
    return f"{path.suffix:10}{len(whole):10,}{added:8,}{statistics.median(took):7.1f}  {kind:8}{cells}"


def changed(data: bytes) -> bytes:
    """One bit of another value."""
    at = len(data) * 4 // 5
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def state(path: Path) -> str:
    """What `animcore provenance verify` finds."""
    try:
        return verification.verify(path).state
    except AnimcoreError as error:
        return str(error)


if __name__ == "__main__":
    main()
