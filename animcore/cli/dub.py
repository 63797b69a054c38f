"""`animcore dub`: a person in a video says other words."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from animcore.cli import arguments
from animcore.core.progress import part, progress_bar
from animcore.core.vocabulary import EMOTIONS
from animcore.direction import Direction, EmotionSpan
from animcore.errors import InputError
from animcore.pipelines.dub import dubbing, report
from animcore.pipelines.dub.request import FITS, LAYERS, MOUTHS, DubRequest, Line, lines_of

_EXAMPLES = """examples:
  animcore dub video.mp4 new.wav --out dubbed.mp4 --consent own      the person says new.wav
  animcore dub video.mp4 --lines lines.csv --out dubbed.mp4          several lines, each at its time
  animcore dub video.mp4 new.wav --out dubbed.mp4 --layer mov        and dubbed.layer.mov: what was changed, with alpha
  animcore dub video.mp4 own.wav --out d.mp4 --references 0-6 --start 6 --end 10 --mouth tracked

Next to OUT come OUT.motion.npz (the keys of the face), OUT.html (worst moments first) and the folder OUT.dub (what the
next run on the same video takes up again). docs/vfx/dub.md describes what it can do and what it cannot."""


def register(commands: Any) -> None:
    """Add the command to the others."""
    parser = arguments.add_command(
        commands, "dub", "make a person in a video say other words", _EXAMPLES,
        "Give a person in a video a new voice, and the mouth that belongs to it.",
    )  # fmt: skip
    parser.add_argument("video", type=Path, metavar="VIDEO", help="video of a real person")
    parser.add_argument("audio", type=Path, nargs="?", metavar="AUDIO", help="the new voice, for the whole video")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the dubbed video (.mp4, .mov or .mkv)")
    parser.add_argument(
        "--lines", type=Path, metavar="CSV", help="table of lines: start, audio, transcript, emotion, person"
    )
    parser.add_argument("--transcript", type=Path, metavar="FILE", help="what AUDIO says")
    parser.add_argument(
        "--emotion", action="append", default=[], metavar="[START-END:]NAME=VALUE",
        help=f"emotion of AUDIO, 0 to 1, may be repeated: {', '.join(EMOTIONS)}",
    )  # fmt: skip
    parser.add_argument(
        "--person", type=int, metavar="N", help="who says AUDIO, from 1, the longest seen first (default: who speaks)"
    )
    parser.add_argument(
        "--fit", choices=FITS, default=FITS[0],
        help="where AUDIO is longer than the video: hold its last frame, loop it, or trim the audio; where it is "
        "shorter: the mouth rests, or with trim the video ends (default: hold)",
    )  # fmt: skip
    parser.add_argument("--duck", action="store_true", help="keep the old sound softly under the new")
    parser.add_argument(
        "--references", type=_seconds, action="append", default=[], metavar="A-B",
        help="only these seconds of the video lend their appearance; may be repeated",
    )  # fmt: skip
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="start of the part that is written")
    parser.add_argument("--end", type=float, default=math.inf, metavar="SECONDS", help="end of that part")
    parser.add_argument(
        "--mouth", choices=MOUTHS, default=MOUTHS[0],
        help="tracked: the mouth of the video itself, to measure the images alone (default: solver)",
    )  # fmt: skip
    parser.add_argument(
        "--layer", choices=LAYERS, default=LAYERS[0], help="also write what was changed, with alpha (default: none)"
    )
    parser.add_argument("--no-check", action="store_true", help="do not track the result again for the report")
    parser.add_argument(
        "--consent", metavar="FILE|own|none",
        help="receipt of the person's consent (`animcore provenance template` writes one to fill in), "
        "own for your own face, none for not stated; without it, you are asked once",
    )  # fmt: skip
    parser.add_argument(
        "--watermark", choices=("on", "off"), default="on",
        help="a faint mark in the pixels of the video (docs/provenance.md; default: on)",
    )  # fmt: skip
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Dub, write the report, and say what was made.

    Raises:
        InputError: see `dubbing.run`.
    """
    order = _order(options)
    dubbing.check(order)
    receipt = arguments.receipt_of(options, order.work)
    order = DubRequest(**{**vars(order), "consent": receipt.reference()})
    with progress_bar() as progress:
        made = dubbing.run(order, part(progress, 0.0, 0.85))
        receipt.save(order.work)
        shown = report.write(order, made, part(progress, 0.85, 1.0))
    for note in made.notes:
        print(f"note: {note}")
    print(f"{order.out}: {made.dubbed} of {made.frames} frames dubbed; {shown}")
    return 0


def _order(options: argparse.Namespace) -> DubRequest:
    if (options.audio is None) == (options.lines is None):
        raise InputError("Give either the new voice (an audio file) or --lines with a table of them.")
    if options.lines is not None:
        lines: Sequence[Line] = lines_of(options.lines)
    else:
        emotions = tuple(EmotionSpan.from_text(text) for text in options.emotion)
        lines = (Line(options.audio, 0.0, options.transcript, Direction(emotions=emotions), options.person),)
    return DubRequest(
        options.video, options.out, tuple(lines), options.lines is None, tuple(options.references), options.start,
        options.end, options.mouth, options.fit, options.duck, options.layer, not options.no_check,
        watermark=options.watermark == "on",
    )  # fmt: skip


def _seconds(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be two seconds such as 0-6, not {text!r}") from error
