"""`animcore avatar from-video`: track a video of a talking head, and fit a head to it; or a body and its hands."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from animcore.cli import avatar_fit
from animcore.cli.arguments import add_command, receipt_of
from animcore.core.atomic_files import make_folder
from animcore.core.progress import progress_bar
from animcore.errors import InputError
from animcore.pipelines import track_body, track_video

FIT = "fit"

_EXAMPLES = """examples:
  animcore avatar from-video clip.mp4 me                  track, then fit a head: me/fit/head
  animcore avatar from-video clip.mp4 me --track-only     the performance alone: me/performance.npz, for any rig
  animcore avatar from-video clip.mp4 me --body           body and hands alone: me/body.npz, for any skeleton
  animcore avatar from-video clip.mp4 me --consent anna.toml
  animcore avatar from-video clip.mp4 me --model FLAME2023.pkl --focal-length 50

Stop it with Ctrl-C; the same command goes on where it was. docs/vfx/from_video.md describes how to record."""


def register(actions: Any) -> None:
    """Add the action to the others."""
    parser = add_command(
        actions, "from-video", "track a video of a talking head, and fit a head of mesh and Gaussians to it", _EXAMPLES
    )
    parser.add_argument("video", type=Path, metavar="VIDEO", help="one person who talks, in one shot")
    parser.add_argument("out", type=Path, metavar="OUT", help="output folder")
    parser.add_argument("--track-only", action="store_true", help="write the performance and fit no head")
    parser.add_argument(
        "--body", action="store_true", help="track body and hands instead of the head, and write them as a motion"
    )
    parser.add_argument(
        "--start", type=float, default=0.0, metavar="SECONDS", help="start of the part to use (default: 0)"
    )
    parser.add_argument(
        "--end", type=float, default=math.inf, metavar="SECONDS", help="end of the part (default: the end of the video)"
    )
    parser.add_argument(
        "--focal-length", type=float, metavar="MM", dest="lens", help="35 mm equivalent, if known (default: estimated)"
    )
    parser.add_argument(
        "--frames", type=int, default=96, metavar="N", help="number of frames to fit the head to (default: 96)"
    )
    parser.add_argument(
        "--size", type=int, default=512, metavar="N", help="largest side of these frames in pixels (default: 512)"
    )
    avatar_fit.add_settings(parser)
    parser.add_argument(
        "--consent",
        metavar="FILE|own|none",
        help="receipt of the person's consent (`animcore provenance template` writes one to fill in), "
        "own for your own face, none for not stated; without it, you are asked once",
    )
    parser.add_argument(
        "--watermark", choices=("on", "off"), default="on",
        help="a faint mark in the pixels of the video (docs/provenance.md; default: on)",
    )  # fmt: skip
    # one view of each face teaches light as if it were wrinkles
    parser.set_defaults(command=run, changes=0)


def run(options: argparse.Namespace) -> int:
    """Track, write the performance and the capture, and fit.

    Raises:
        InputError: where the video cannot be tracked; see `face_landmarks.read` and `face_tracker.track`.
    """
    _check(options)
    make_folder(options.out)
    receipt = receipt_of(options, options.out)
    receipt.save(options.out)
    if options.body:
        return _body(options, receipt.reference())
    part_of_video = track_video.VideoPart(options.video, options.start, options.end)
    with progress_bar() as progress:
        tracked = track_video.run(
            part_of_video,
            options.out,
            options.model,
            options.lens,
            progress,
            receipt.reference(),
            options.watermark == "on",
        )
    found = tracked.track
    for note in tracked.notes:
        print(f"note: {note}")
    print(
        f"{options.out / track_video.PERFORMANCE}: {len(found.times)} frames, landmarks within "
        f"{np.nanmedian(found.errors):.1f} pixels, focal length {found.lens:.0f} mm; "
        f"look at {options.out / track_video.OVERLAY}"
    )
    if options.track_only:
        return 0
    with progress_bar() as progress:
        track_video.write_capture(tracked, options.out / track_video.CAPTURE, options.frames, options.size, progress)
    receipt.save(options.out / track_video.CAPTURE)  # the head takes it from there
    options.data, options.out = options.out / track_video.CAPTURE, options.out / FIT
    return avatar_fit.run(options)


def _body(options: argparse.Namespace, reference: Mapping[str, str]) -> int:
    """Track body and hands alone."""
    with progress_bar() as progress:
        found = track_body.run(options.video, options.start, options.end, options.lens, progress, reference)
    found.save(options.out / track_body.BODY)
    print(f"{options.out / track_body.BODY}: {found.frame_count} frames at {float(found.rate):g} FPS, body and hands")
    return 0


def _check(options: argparse.Namespace) -> None:
    if not options.video.is_file():
        raise InputError(f"There is no video {options.video}.")
    if not 0 <= options.start < options.end:
        raise InputError(f"--start {options.start:g} must lie before --end {options.end:g}, and not before 0.")
    if options.lens is not None and not 5 <= options.lens <= 1000:
        raise InputError(
            f"--focal-length must lie between 5 and 1000 mm (35 mm equivalent), not {options.lens:g}; "
            "leave it out to estimate it."
        )
    if options.frames < 8 or not 64 <= options.size <= 4096:
        raise InputError("Give at least 8 frames, of 64 to 4096 pixels.")
    in_the_way = next((path for path in (options.out, *options.out.parents) if path.is_file()), None)
    if in_the_way is not None:
        raise InputError(f"The folder {options.out} cannot be made ({in_the_way} is a file); choose another.")
    if not options.track_only:
        avatar_fit.check(options)
