"""The hybrid head speaks: a motion and its sound in, a film of a head of mesh and Gaussians out.

    python examples/hybrid_head.py [out/line.npz] [assets/voices/line.flac]

writes `out/hybrid.mp4`. `make demo` calls `film_of` with what it has performed. Only the engine draws: no Blender.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from animcore.core.origin import COMPOSITE, from_text  # noqa: E402
from animcore.core.progress import Progress, silent  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.files.avatars import hybrid_head  # noqa: E402
from animcore.files.video import writer  # noqa: E402
from animcore.hybrid_head.head_model import HybridHead, Mode, render  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.pipelines import generate_files  # noqa: E402
from animcore.provenance import consent, embedding  # noqa: E402
from animcore.rendering.camera import Camera  # noqa: E402

LINE = ROOT / "assets" / "voices" / "line.flac"
OUT = ROOT / "out"
SIZE = 320  # pixels
MIDDLE = np.array([0.0, 0.147, 0.06])  # metres: what the camera looks at
SPAN = 0.375  # metres that the picture shows there
FOCAL = 2.6  # lengths of the lens in widths of the picture, as in the capture
SWAY = 14.0  # degrees that the camera goes to each side in the film
BACKDROP = (0.32, 0.34, 0.37)


def film_of(
    motion: Motion, sound: Path, path: Path, head: Path = hybrid_head.SHIPPED, mode: Mode = "hybrid", size: int = SIZE,
    progress: Progress = silent,
) -> None:  # fmt: skip
    """Write a film of a head that performs a motion.

    Args:
        motion: with ARKit weights, or expression coefficients of the head's model.
        sound: that the motion was made from.
        path: of the film, `.mp4`.
        head: folder of the avatar.
        mode: `mesh`, `gaussians` or `hybrid`.
        size: pixels, width and height; even.
        progress: told the fraction done.

    Raises:
        InputError: where the head or the sound cannot be read, or the film cannot be written.
    """
    loaded = hybrid_head.load(head)
    shown = from_text(embedding.statement(head))  # who is shown, and agreed to what
    consent.check(shown)
    origin = replace(motion.stated_origin.by(COMPOSITE), consent=shown.consent)
    writer.write(frames(loaded, loaded.prepared(motion), mode, size, progress), motion.rate, path, sound, origin)


def frames(
    head: HybridHead, motion: Motion, mode: Mode, size: int, progress: Progress = silent
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures (size, size, 3) of a prepared motion; the camera sways a little."""
    for frame in range(motion.frame_count):
        around = math.radians(SWAY) * math.sin(2 * math.pi * frame / max(motion.frame_count, 1))
        picture = render(head, head.posed(motion, frame), camera_at(around, size), mode, BACKDROP)
        progress((frame + 1) / motion.frame_count, "Drawing the hybrid head")
        yield np.round(picture.colour * 255).astype(np.uint8)


def camera_at(around: float, size: int, up: float = 0.05) -> Camera:
    """Return a camera that looks at the face from `around` radians to its left and `up` radians above."""
    away = np.array([math.sin(around) * math.cos(up), math.sin(up), math.cos(around) * math.cos(up)])
    aside = np.array([math.cos(around), 0.0, -math.sin(around)])
    to_world = np.eye(4)
    to_world[:3, :3] = np.stack([aside, np.cross(away, aside), away], 1)
    to_world[:3, 3] = MIDDLE + away * SPAN * FOCAL
    return Camera.from_opengl(to_world, (size, size), (size * FOCAL, size * FOCAL))


def main(arguments: Callable[[], list[str]] = lambda: sys.argv[1:]) -> None:
    """Perform the line, unless a motion is given, and write the film."""
    given = [Path(argument) for argument in arguments()]
    sound = given[1] if len(given) > 1 else LINE
    motion = Motion.load(given[0]) if given else generate_files.generate(sound, 24, Direction())[0]
    OUT.mkdir(exist_ok=True)
    film_of(motion, sound, OUT / "hybrid.mp4")
    print(f"  -> {OUT.name}/hybrid.mp4")


if __name__ == "__main__":
    main()
