"""The commands: `animcore generate` and `animcore inspect`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

import animcore
from animcore import audio, batch, files
from animcore.direction import REGIONS, Direction
from animcore.errors import AnimcoreError, InputError
from animcore.rates import exact_rate

_EXAMPLES = """examples:
  animcore generate line.wav --out takes
  animcore generate voices/*.mp3 --out takes --format livelink --fps 60
  animcore generate line.wav --out takes --seed 3 --intensity 1.2 --strength brows=1.5 --strength head=0
  animcore inspect line.wav"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 when all went well, 1 when something failed, 130 when it was interrupted."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except AnimcoreError as error:
        print(f"animcore: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("animcore: stopped; what was finished is kept.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="animcore",
        description="Turn recorded speech into facial animation.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"animcore {animcore.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    generate = commands.add_parser(
        "generate",
        help="perform recordings and write animation files",
        description="Perform each recording and write its animation, named as the recording, into one folder.",
    )
    generate.add_argument("file", nargs="+", type=Path, help="sound or film of any kind that ffmpeg reads")
    generate.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the files; made if missing"
    )
    generate.add_argument(
        "--format",
        default="livelink,npz",
        help=f"comma-separated, of: {', '.join(files.FORMATS)} (default: livelink,npz)",
    )
    generate.add_argument("--fps", default="30", help="frames a second: 30, 23.976, 24000/1001 (default: 30)")
    generate.add_argument("--seed", type=int, default=0, help="another number, another take of eyes and head")
    generate.add_argument("--intensity", type=float, default=1.0, help="of the whole face, 0 to 2 (default: 1)")
    generate.add_argument(
        "--strength",
        action="append",
        default=[],
        metavar="REGION=VALUE",
        help=f"of one region, 0 to 2, may be repeated; regions: {', '.join(REGIONS)}",
    )
    generate.set_defaults(command=_generate)

    inspect = commands.add_parser("inspect", help="say what is to be known about a recording")
    inspect.add_argument("file", nargs="+", type=Path)
    inspect.set_defaults(command=_inspect)
    return parser


def _strengths(pairs: Sequence[str]) -> dict[str, float]:
    strengths = {}
    for pair in pairs:
        region, _, value = pair.partition("=")
        try:
            strengths[region] = float(value)
        except ValueError as error:
            raise InputError(f"--strength wants REGION=VALUE, such as brows=1.5, not {pair!r}.") from error
    return strengths


def _generate(options: argparse.Namespace) -> int:
    order = batch.Order(
        folder=options.out,
        formats=[name.strip() for name in options.format.split(",")],
        rate=exact_rate(options.fps),
        direction=Direction(options.seed, options.intensity, _strengths(options.strength)),
    )
    with tqdm(total=100, unit="%", bar_format="{desc}{percentage:3.0f}% |{bar}| {elapsed}<{remaining}") as bar:

        def show(fraction: float, stage: str) -> None:
            bar.set_description(stage, refresh=False)
            bar.update(100 * fraction - bar.n)

        takes = batch.run(options.file, order, show)
        bar.update(100 - bar.n)
    for take in takes:
        if take.error is not None:
            print(f"{take.source}: {take.error}", file=sys.stderr)
            continue
        print(f"{take.source}: {take.duration:.2f} s, {take.frames} frames -> {', '.join(map(str, take.written))}")
        for warning in take.warnings:
            print(f"  note: {warning}")
    return int(any(take.error is not None for take in takes))


def _inspect(options: argparse.Namespace) -> int:
    failed = False
    for path in options.file:
        try:
            facts = audio.load(path).facts
        except InputError as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed = True
            continue
        loudness = "silent" if facts.loudness is None else f"{facts.loudness:.1f} LUFS"
        print(f"{path}: {facts.duration:.2f} s, {facts.sample_rate} Hz, {facts.channels} channel(s), {loudness}, "
              f"peak {facts.peak:.3f}, {facts.clipped_fraction:.2%} clipped")  # fmt: skip
        if facts.silences:
            print("  silence: " + ", ".join(f"{start:.2f}-{end:.2f} s" for start, end in facts.silences))
        for warning in facts.warnings:
            print(f"  note: {warning}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
