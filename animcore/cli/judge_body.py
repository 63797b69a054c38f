"""`animcore judge-body`: bodies that talk, side by side, as a table, `judge.json`, `judge.html` and videos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from animcore.audio import recording
from animcore.cli import judge
from animcore.cli.arguments import add_command, add_evaluation
from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.frame_rates import exact_rate
from animcore.core.progress import Progress, progress_bar
from animcore.errors import InputError
from animcore.evaluation.body import comparison_video, frechet_distance, html_report, scoring
from animcore.evaluation.body.scoring import MEASURES, BodyClip, BodyTake
from animcore.evaluation.face import file_pairing, loading
from animcore.evaluation.face.scoring import TRUTH, mean
from animcore.files.animation_curves import FormatOptions
from animcore.solvers.gesture_networks import motion_features

_EXAMPLES = """examples:
  animcore judge-body take.npz other.npz --audio line.wav --out verdict --video
  animcore judge-body ours emage --audio voices --name ours --name EMAGE --out verdict
  animcore judge-body ours --truth beat2 --encoder fgd --audio voices --out verdict       (FGD; animcore train fgd)
  animcore judge-body seeds --audio voices --out verdict                 (seeds/1, seeds/2 ...: takes, for diversity)"""


def register(commands: Any) -> None:
    """Add the command to the others."""
    parser = add_command(
        commands,
        "judge-body",
        "evaluate body motion: beats, diversity, jerk, foot sliding, self-collision",
        _EXAMPLES,
        "Evaluate body motions with or without a captured one; see docs/research/measures.md.",
    )
    parser.add_argument("output", nargs="+", type=Path, help="motion file of any readable format, or a folder of them")
    add_evaluation(parser, "outputs")
    parser.add_argument(
        "--truth",
        type=Path,
        help="captured body motion under the same names: a row of its own, and the reference of FGD",
    )
    parser.add_argument(
        "--encoder", type=Path, metavar="DIR", help="encoder of `animcore train fgd`, for FGD; needs --truth"
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Judge, print the table, write the report.

    Raises:
        InputError: where something that was given cannot be used.
    """
    if options.encoder is not None and options.truth is None:
        raise InputError("FGD compares with captured motion: give --truth with --encoder.")
    setup = FormatOptions(exact_rate(options.source_fps) if options.source_fps else None)
    with progress_bar() as progress:
        clips, notes = collect(options, setup, progress)
        clips = [_judged(clip, part / len(clips), progress) for part, clip in enumerate(clips)]
        means: dict[str, Mapping[str, float]] = {}
        means |= {name: mean([clip.values[name] for clip in clips], MEASURES) for name in clips[0].values}
        if options.encoder is not None:
            means = _with_distance(means, clips, options.encoder)
    make_folder(options.out)
    print(judge.as_text([*means.items()], MEASURES, f"{len(clips)} clip(s)"))
    for note in notes:
        print(f"note: {note}")
    _write_json(clips, means, notes, options)
    try:
        html_report.write(clips, means, notes, options.out / "judge.html")
    except InputError as error:
        print(f"note: there is no judge.html: {error}")
    if options.video:
        with progress_bar() as progress:
            _videos(clips, options.out, progress)
    print(f"written: {', '.join(sorted(str(path) for path in options.out.glob('*') if path.is_file()))}")
    return 0


def collect(options: argparse.Namespace, setup: FormatOptions, progress: Progress) -> tuple[list[BodyClip], list[str]]:
    """Read the motions to evaluate; the sentences give what was left out or noticed.

    Raises:
        InputError: where a file cannot be used, or there is no clip that all outputs have.
    """
    outputs = dict(zip(file_pairing.output_names(options.output, options.name), options.output, strict=True))
    single = options.output[0].is_file()
    wanted = file_pairing.truth_files(options.output[0]) if single else _of_folder(options.output[0])
    clips, left_out = [], []
    for index, name in enumerate(wanted):
        progress(index / len(wanted) / 2, name)
        paths = {output: file_pairing.takes_of(path, name, single) for output, path in outputs.items()}
        if not all(paths.values()):
            left_out.append(name)
            continue
        read = {output: [scoring.load(path, setup) for path in found] for output, found in paths.items()}
        truth = None if options.truth is None else _truth(options.truth, name, single, setup)
        sound = _sound(options.audio, name, next(iter(paths.values()))[0])
        clips.append(BodyClip(name, read, sound, truth))
    if not clips:
        raise InputError("No clip is in every output; outputs are found by the file names in the first one.")
    notes = [note for clip in clips for found in clip.takes.values() for take in found for note in take.notes]
    silent = [clip.name for clip in clips if clip.sound is None]
    if silent:
        notes.append(
            f"There is no audio for {', '.join(silent[:5])}: beats were not evaluated there; --audio FILE or DIR."
        )
    if left_out:
        notes.append(f"{len(left_out)} clip(s) that not every output has were left out: {', '.join(left_out[:5])}")
    return clips, [*dict.fromkeys(notes)]


def _of_folder(folder: Path) -> Mapping[str, Path]:
    """The clips of a folder, or of the folders in it, as several runs leave them."""
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    for place in (folder, *inner):
        try:
            return file_pairing.truth_files(place)
        except InputError:
            continue
    return file_pairing.truth_files(folder)


def _truth(path: Path, clip: str, single: bool, setup: FormatOptions) -> BodyTake | None:
    found = file_pairing.takes_of(path, clip, single)
    return scoring.load(found[0], setup) if found else None


def _sound(given: Path | None, clip: str, take: Path) -> Path | None:
    """The sound of a clip.

    Raises:
        InputError: where one was given and is not there.
    """
    if given is None:
        return loading.sound_beside(take)
    if given.is_dir():
        return loading.sound_beside(given / f"{clip}.npz")
    if not given.is_file():
        raise InputError(f"There is no file or folder {given}.")
    return given


def _judged(clip: BodyClip, done: float, progress: Progress) -> BodyClip:
    progress(0.5 + done / 2, clip.name)
    sound = None if clip.sound is None else recording.load(clip.sound)
    values = {name: scoring.score(found, sound) for name, found in clip.takes.items()}
    if clip.truth is not None:
        values[TRUTH] = scoring.score([clip.truth], sound)
    return replace(clip, values=values)


def _with_distance(
    means: Mapping[str, Mapping[str, float]], clips: Sequence[BodyClip], folder: Path
) -> dict[str, Mapping[str, float]]:
    """Add FGD to each output's means: over the windows of all clips, as few clips have enough of their own."""
    encoder = _encoder(folder)
    truths = [clip.truth for clip in clips if clip.truth is not None]
    if not truths:
        raise InputError("No clip has a captured body: --truth holds none of their names.")
    result: dict[str, Mapping[str, float]] = dict(means)
    for name in clips[0].takes:
        found = [take for clip in clips for take in clip.takes[name]]
        result[name] = {**means[name], "fgd": scoring.gesture_distance(found, truths, encoder)}
    return result


def _encoder(folder: Path) -> scoring.Encoder:
    """The encoder in a folder that `animcore train fgd` left.

    Raises:
        InputError: without PyTorch, or where there is no such encoder.
    """
    encoder = frechet_distance.MotionFeatureEncoder(folder)
    return lambda take: encoder.features(take.at(motion_features.FPS).pose, motion_features.FPS)


def _videos(clips: Sequence[BodyClip], out: Path, progress: Progress) -> None:
    """Two takes side by side for each clip: the first two outputs, or the truth and the one output."""
    for clip in clips:
        shown = [(name, found[0]) for name, found in clip.takes.items()]
        if len(shown) == 1 and clip.truth is not None:
            shown.insert(0, (TRUTH, clip.truth))
        comparison_video.write(shown[:2], clip.sound, out / f"{clip.name}.mp4", progress)


def _write_json(
    clips: Sequence[BodyClip],
    means: Mapping[str, Mapping[str, float]],
    notes: Sequence[str],
    options: argparse.Namespace,
) -> None:
    contents = {
        "outputs": {name: str(path) for name, path in zip(clips[0].takes, options.output, strict=True)},
        "truth": None if options.truth is None else str(options.truth),
        "measures": {measure.name: {"unit": measure.unit, "meaning": measure.meaning} for measure in MEASURES},
        "means": {name: judge.plain(values) for name, values in means.items()},
        "clips": {clip.name: {name: judge.plain(values) for name, values in clip.values.items()} for clip in clips},
        "notes": list(notes),
    }
    with whole_file(options.out / "judge.json") as temporary:
        temporary.write_text(json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
