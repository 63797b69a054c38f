"""`animcore avatar from-video`: a film of somebody who talks becomes a performance, and a head that a motion drives."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from animcore.atomic import make_folder, whole_file
from animcore.avatar.film_tracking import Track, track
from animcore.avatars import fit_command
from animcore.bodies.model import ParametricModel, load_model
from animcore.errors import BROKEN_FILE, InputError
from animcore.files import film_capture, film_faces, film_overlay
from animcore.progress import Progress, part, progress_bar
from animcore.reading import content

FACES, TRACK, PERFORMANCE, OVERLAY = "landmarks.npz", "track.npz", "performance.npz", "tracked.mp4"
CAPTURE, FIT = "capture", "fit"
_STAMP = "film.json"  # in the capture: what it was made from

_EXAMPLES = """examples:
  animcore avatar from-video clip.mp4 me                  track, then fit a head: me/fit/head
  animcore avatar from-video clip.mp4 me --track-only     the performance alone: me/performance.npz, for any rig
  animcore avatar from-video clip.mp4 me --model FLAME2023.pkl --lens 50

Stop it with Ctrl-C; the same command goes on where it was. docs/from_video.md tells how to film."""


def register(actions: Any) -> None:
    """Add the action to the others."""
    parser = actions.add_parser(
        "from-video",
        help="track a film of a talking head, and fit a head of mesh and Gaussians to it",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("film", type=Path, metavar="FILM", help="one person who talks, in one shot")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of all that is made")
    parser.add_argument("--track-only", action="store_true", help="make the performance, and no head")
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="of the part to use (default: 0)")
    parser.add_argument("--end", type=float, default=math.inf, metavar="SECONDS", help="of the part (default: the end)")
    parser.add_argument("--lens", type=float, metavar="MM", help="focal length for 36 mm film, where you know it")
    parser.add_argument("--frames", type=int, default=96, metavar="N", help="that the head is fitted to (default: 96)")
    parser.add_argument("--size", type=int, default=512, metavar="N", help="pixels of these at most (default: 512)")
    fit_command.add_settings(parser)
    # one view of each face teaches light as if it were wrinkles
    parser.set_defaults(command=run, changes=0)


def run(options: argparse.Namespace) -> int:
    """Track, write the performance and the capture, and fit.

    Raises:
        InputError: where the film cannot be tracked; see `film_faces.read` and `film_tracking.track`.
    """
    _check(options)
    make_folder(options.out)
    source = film_faces.source_of(options.film, options.start, options.end)
    model = load_model(options.model or "open-head")
    with progress_bar() as progress:
        faces = _faces(options, source, part(progress, 0.0, 0.5))
        found = _tracked(options, faces, model, source, part(progress, 0.5, 0.8))
        found.motion(faces.rate).save(options.out / PERFORMANCE)
        if not (options.out / OVERLAY).is_file():
            film_overlay.write(options.film, options.out / OVERLAY, found, model, faces.rate, part(progress, 0.8, 1.0))
    for note in faces.notes:
        print(f"note: {note}")
    print(
        f"{options.out / PERFORMANCE}: {len(found.times)} frames, landmarks within {np.nanmedian(found.errors):.1f} "
        f"pixels, a lens of {found.lens:.0f} mm; look at {options.out / OVERLAY}"
    )
    if options.track_only:
        return 0
    _capture(options, found, model, source)
    options.data, options.out = options.out / CAPTURE, options.out / FIT
    return fit_command.run(options)


def _check(options: argparse.Namespace) -> None:
    if not options.film.is_file():
        raise InputError(f"There is no film {options.film}.")
    if not 0 <= options.start < options.end:
        raise InputError(f"--start {options.start:g} must lie before --end {options.end:g}, and not before 0.")
    if options.lens is not None and not 5 <= options.lens <= 1000:
        raise InputError(f"A lens of {options.lens:g} mm is none; give 5 to 1000 mm (for 36 mm film), or leave it out.")
    if options.frames < 8 or not 64 <= options.size <= 4096:
        raise InputError("Give at least 8 frames, of 64 to 4096 pixels.")
    if options.out.is_file():
        raise InputError(f"{options.out} is a file; give the name of a folder.")
    if not options.track_only:
        fit_command.check(options)


def _faces(options: argparse.Namespace, source: str, progress: Progress) -> film_faces.FilmFaces:
    """The landmarks, from an earlier run where it was the same film."""
    path = options.out / FACES
    faces = film_faces.kept(path, source)
    if faces is None:
        faces = film_faces.read(options.film, options.start, options.end, progress)
        film_faces.save(faces, path, source)
    return faces


def _tracked(
    options: argparse.Namespace,
    faces: film_faces.FilmFaces,
    model: ParametricModel,
    source: str,
    progress: Progress,
) -> Track:
    """The track, from an earlier run where it was of the same film; what was drawn from another goes."""
    path = options.out / TRACK
    stamp = f"{source} {model.name} {options.lens}"
    if path.is_file() and _stamp(path.with_suffix(".json")) == {"track": stamp}:
        return Track.load(path)
    _forget(path.with_suffix(".json"), options.out / OVERLAY)
    found = track(faces.times, faces.points, faces.size, model, options.lens, progress)
    found.save(path)
    _write_stamp(path.with_suffix(".json"), {"track": stamp})
    return found


def _capture(options: argparse.Namespace, found: Track, model: ParametricModel, source: str) -> None:
    """Write the capture, unless an earlier run has."""
    folder = options.out / CAPTURE
    stamp = {"film": source, "model": model.name, "lens": options.lens, "frames": options.frames, "size": options.size}
    if _stamp(folder / _STAMP) == stamp:
        return
    _forget(folder / _STAMP)
    with progress_bar() as progress:
        film_capture.write(options.film, folder, found, model, options.frames, options.size, progress)
    _write_stamp(folder / _STAMP, stamp)


def _forget(*paths: Path) -> None:
    """Remove what would no longer be true of a run that is stopped half way."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{path} cannot be replaced ({error.strerror}); choose another folder.") from error


def _stamp(path: Path) -> Any:
    try:
        return json.loads(content(path).decode())
    except BROKEN_FILE:
        return None


def _write_stamp(path: Path, facts: dict[str, Any]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")
