"""The commands `generate`, `batch`, `dub`, `export`, `formats`, `judge`, `train`, `avatar`, `provenance`, `inspect`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import animcore
from animcore import files
from animcore.audio import recording
from animcore.cli.avatar import register as register_avatar
from animcore.cli.batch.commands import register as register_batch
from animcore.cli.dub import register as register_dub
from animcore.cli.judge import register as register_judge
from animcore.cli.judge_body import register as register_judge_body
from animcore.cli.provenance import register as register_provenance
from animcore.cli.renamed_options import with_new_names
from animcore.cli.train import register as register_train
from animcore.cli.train import register_export as register_export_face
from animcore.core.atomic_files import check_target, make_folder, whole_file
from animcore.core.frame_rates import exact_rate
from animcore.core.progress import progress_bar, silent
from animcore.core.vocabulary import EMOTIONS, REGIONS, STYLES, TRANSITIONS, VARIANTS
from animcore.direction import Direction, EmotionSpan
from animcore.errors import AnimcoreError, InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import ExportReport
from animcore.pipelines import generate_files
from animcore.speech import voice_detection

_EXAMPLES = """examples:
  animcore generate line.wav --out takes
  animcore generate voices/*.mp3 --out takes --format livelink --fps 60
  animcore generate line.wav --out takes --seed 3 --intensity 1.2 --strength brows=1.5 --strength head=0
  animcore generate line.wav --out takes --emotion joy=0.7 --emotion 1.2-3.0:surprise=0.6
  animcore generate line.wav --out takes --transcript line.txt --format livelink,srt
  animcore generate anna.wav --out takes --listening-to ben.wav --look-at 0.4,0,1.2
  animcore export takes/line.npz --out files --format unity,vrma,fbx
  animcore export capture.csv --out files --format csv --profile "Character Creator"
  animcore inspect line.wav"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 when all went well, 1 when something failed, 130 when it was interrupted."""
    options = _parser().parse_args(with_new_names(sys.argv[1:] if arguments is None else arguments))
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except AnimcoreError as error:
        print(f"animcore: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("animcore: stopped; finished files are kept.", file=sys.stderr)
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
        help="animate recordings and write animation files",
        description="Generate a performance from each recording and write it under the recording's name.",
    )
    generate.add_argument("file", nargs="+", type=Path, help="audio or video file of any kind that FFmpeg reads")
    _add_delivery(generate, "livelink,npz", "30")
    generate.add_argument(
        "--seed", type=int, default=0, help="random seed: each number gives another take (default: 0)"
    )
    generate.add_argument(
        "--intensity", type=float, default=1.0, help="strength of the whole face, 0 to 2 (default: 1)"
    )
    generate.add_argument(
        "--strength",
        action="append",
        default=[],
        metavar="REGION=VALUE",
        help=f"strength of one region, 0 to 2, may be repeated; regions: {', '.join(REGIONS)}",
    )
    generate.add_argument(
        "--emotion",
        action="append",
        default=[],
        metavar="[START-END:]NAME=VALUE",
        help=f"emotion, 0 to 1, over the recording or between two seconds, may be repeated: {', '.join(EMOTIONS)}",
    )
    generate.add_argument(
        "--transcript",
        type=Path,
        metavar="FILE",
        help="transcript (.txt, .srt, .vtt, .TextGrid), or a folder of them named like the recordings",
    )
    generate.add_argument(
        "--transition",
        choices=TRANSITIONS,
        default=TRANSITIONS[0],
        help="whether an emotion tag of the transcript holds until the next tag or blends into it (default: hold)",
    )
    generate.add_argument(
        "--listening-to",
        type=Path,
        metavar="FILE",
        help="audio of the other speaker in a dialogue, with the same start, or a folder of such files named like the "
        "recordings; the face listens while the other speaks",
    )
    generate.add_argument(
        "--look-at",
        metavar="LEFT,UP,FORWARD",
        help="gaze target in metres from the point between the eyes (default: a viewer far ahead)",
    )
    _add_choice(generate)
    generate.add_argument("--style", choices=STYLES, default=STYLES[0], help="gesture style (default: %(default)s)")
    generate.add_argument(
        "--gestures",
        type=Path,
        metavar="DIR",
        help="gesture network: the folder OUT/model of `animcore train`, or EMAGE's weights",
    )
    generate.add_argument(
        "--face",
        type=Path,
        metavar="DIR",
        help="face network: the folder OUT/model of `animcore train`, or published weights",
    )
    generate.add_argument(
        "--speaker", default="", metavar="NAME", help="with --face: one of the speakers the network was trained on"
    )
    generate.add_argument(
        "--variant",
        choices=VARIANTS,
        default=VARIANTS[0],
        help="live: the streaming solver, 80 ms of look-ahead at most (default: full)",
    )
    generate.set_defaults(command=_generate)

    export = commands.add_parser(
        "export",
        help="convert motion files to other formats",
        description="Read each motion file (any readable format), write it in other formats, read back and compare.",
    )
    export.add_argument(
        "file", nargs="+", type=Path, help="motion files of `animcore generate`, of captures or of other tools"
    )
    _add_delivery(export, "livelink", "the file's own")
    export.add_argument("--source-fps", help="FPS of sources that do not state it")
    export.set_defaults(command=_export)

    formats = commands.add_parser("formats", help="list the file formats and the tracks that each can hold")
    formats.set_defaults(command=_formats)

    register_batch(commands)
    register_judge(commands)
    register_judge_body(commands)
    register_train(commands)
    register_avatar(commands)
    register_dub(commands)
    register_export_face(commands)
    register_provenance(commands)

    inspect = commands.add_parser("inspect", help="report length, loudness, clipping and silences of a recording")
    inspect.add_argument("file", nargs="+", type=Path)
    _add_choice(inspect)
    inspect.set_defaults(command=_inspect)
    return parser


def _add_choice(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose an audio track and a channel."""
    parser.add_argument(
        "--track",
        type=_number,
        default=0,
        metavar="N",
        help="audio track, from 1 (default: the file's default track, or where that has no voice the loudest with one)",
    )
    parser.add_argument(
        "--channel",
        type=_number,
        default=0,
        metavar="N",
        help="channel, from 1 (default: the centre channel of surround audio, else a mix of all)",
    )


def _number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return number


def _add_delivery(parser: argparse.ArgumentParser, formats: str, rate: str) -> None:
    """Add the options of every command that writes files."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder; created if missing")
    parser.add_argument(
        "--format", default=formats, help=f"comma-separated list of: {', '.join(files.FORMATS)} (default: {formats})"
    )
    parser.add_argument("--fps", help=f"FPS: 30, 23.976, 24000/1001 (default: {rate})")
    parser.add_argument(
        "--profile", help="rig profile whose shape names are written, such as VRM; see docs/studios/rigs.md"
    )
    parser.add_argument(
        "--mesh",
        default=FormatOptions.mesh,
        help=f"mesh with the blend shapes, for Unity and Godot (default: {FormatOptions.mesh})",
    )
    parser.add_argument(
        "--model",
        default=FormatOptions.model,
        help=f"FLAME or SMPL-X model, by name or file (default: {FormatOptions.model})",
    )
    parser.add_argument(
        "--character", type=Path, help=".blend or .glb character to animate (default: Animcore's character)"
    )
    parser.add_argument(
        "--postprocess",
        default="",
        dest="finish",
        help="comma-separated list of: clean (foot contacts, hand smoothing, self-collision), still (lower body), loop",
    )
    parser.add_argument("--report", type=Path, help="also write the read-back report as JSON to this file")


def _order(
    options: argparse.Namespace, direction: Direction, source_rate: str | None = None
) -> generate_files.BatchRequest:
    return generate_files.BatchRequest(
        folder=options.out,
        formats=[name.strip() for name in options.format.split(",")],
        rate=_rate(options.fps),
        direction=direction,
        finish=[name.strip() for name in options.finish.split(",") if name.strip()],
        setup=FormatOptions(_rate(source_rate), options.profile, options.mesh, options.model, options.character),
    )


def _strengths(pairs: Sequence[str]) -> dict[str, float]:
    strengths = {}
    for pair in pairs:
        region, _, value = pair.partition("=")
        try:
            strengths[region] = float(value)
        except ValueError as error:
            raise InputError(f"--strength must be REGION=VALUE, such as brows=1.5, not {pair!r}.") from error
    return strengths


def _point(text: str | None) -> tuple[float, float, float] | None:
    try:
        left, up, forward = map(float, text.split(",")) if text is not None else (0.0, 0.0, 0.0)
    except ValueError as error:
        raise InputError(f"--look-at must be LEFT,UP,FORWARD in metres, such as 0.4,0,1.2, not {text!r}.") from error
    return None if text is None else (left, up, forward)


def _generate(options: argparse.Namespace) -> int:
    emotions = [EmotionSpan.from_text(text) for text in options.emotion]
    strengths = _strengths(options.strength)
    asked = Direction(
        options.seed, options.intensity, strengths, emotions, options.style, options.variant,
        _point(options.look_at), options.transition,
    )  # fmt: skip
    learned = {"gestures": options.gestures, "face": options.face, "speaker": options.speaker}
    learned |= {"track": options.track, "channel": options.channel}
    order = replace(_order(options, asked), transcript=options.transcript, listening_to=options.listening_to, **learned)
    return _run(generate_files.run, options, order)


def _export(options: argparse.Namespace) -> int:
    return _run(generate_files.convert, options, _order(options, Direction(), options.source_fps))


def _rate(text: str | None) -> Fraction | None:
    return exact_rate(text) if text is not None else None


def _run(
    work: Callable[..., list[generate_files.BatchResult]],
    options: argparse.Namespace,
    order: generate_files.BatchRequest,
) -> int:
    """Run the work with a progress bar, then report on each source."""
    if options.report is not None:
        make_folder(order.folder)  # the report may be meant to lie in it
        check_target(options.report)
    with progress_bar() as progress:
        takes = work(options.file, order, progress)
    for take in takes:
        if take.error is not None:
            print(f"{take.source}: {take.error}", file=sys.stderr)
            continue
        print(f"{take.source}: {take.duration:.2f} s, {take.frames} frames")
        for warning in take.warnings:
            print(f"  note: {warning}")
        for report in take.reports:
            _say(report)
    if options.report is not None:
        _write_report(options.report, takes)
    return int(any(take.error or any(report.error for report in take.reports) for take in takes))


def _say(report: ExportReport) -> None:
    """Print what was written, the read-back error, and what the format could not hold."""
    if report.error is not None:
        print(f"  {report.path}: {report.error}", file=sys.stderr)
        return
    tracks = ", ".join(f"{name} {error:.2g}" for name, error in report.tracks.items())
    read = f"{report.frames} frames read back, off by at most {report.worst:.2g}"
    print(f"  {report.path}: {read}" + (f"; loss of the format: {tracks}" if tracks else ""))
    for sentence in report.lacks:
        print(f"    {sentence}")


def _write_report(path: Path, takes: Sequence[generate_files.BatchResult]) -> None:
    contents = [asdict(take) for take in takes]
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(contents, indent=1, default=str), encoding="utf-8")


def _formats(_options: argparse.Namespace) -> int:
    for name, form in files.FORMATS.items():
        print(f"{name:12} {form.title} (*{form.suffix}): {', '.join(form.carries).replace('_', ' ')}")
    return 0


def _inspect(options: argparse.Namespace) -> int:
    failed = False
    for path in options.file:
        try:
            facts = recording.load(path, silent, options.track, options.channel, voice_detection.has_voice).facts
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
