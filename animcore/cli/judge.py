"""`animcore judge`: takes against a truth, side by side, as a table, `judge.json`, `judge.html` and videos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.cli.arguments import add_command, add_evaluation
from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.frame_rates import exact_rate
from animcore.core.progress import Progress, progress_bar
from animcore.errors import InputError
from animcore.evaluation.face import comparison_video, file_pairing, html_report, loading, software_renderer, syncnet
from animcore.evaluation.face.loading import VIDEOS, FaceTake
from animcore.evaluation.face.reference_face import ReferenceFace, default
from animcore.evaluation.face.scoring import MEASURES, TRUTH, ClipScore, FaceClip, Metric, mean, score, truth_values
from animcore.files.animation_curves import FormatOptions

Values = Mapping[str, float]

_EXAMPLES = """examples:
  animcore judge --truth capture.csv takes/line.npz rhubarb/line.tsv --out verdict
  animcore judge --truth truths --out verdict ours a2f --name ours --name "Audio2Face" --video
  animcore judge --truth interview.mp4 take.npz --out verdict        (lips of a video are tracked: extra `judge`)
  animcore judge --truth lips seeds --out verdict                    (seeds/1, seeds/2 ...: takes, for diversity)"""


@dataclass(frozen=True)
class EvaluationResult:
    """The evaluation of some outputs.

    Attributes:
        clips: those that all outputs have, each with its verdicts.
        means: figures of each output over these clips, and the truth's own.
        notes: sentences on what was left out.
    """

    clips: tuple[FaceClip, ...]
    means: Mapping[str, Values]
    notes: tuple[str, ...] = ()


def register(commands: Any) -> None:
    """Add the command to the others."""
    parser = add_command(
        commands,
        "judge",
        "evaluate takes against a tracked face, an animator's curves or another take",
        _EXAMPLES,
        "Evaluate any number of outputs against one ground truth; see docs/research/measures.md.",
    )
    parser.add_argument(
        "output", nargs="+", type=Path, help="motion file of any readable format, video, or a folder of them"
    )
    parser.add_argument(
        "--truth", type=Path, required=True, help="ground truth: likewise, or curves or tracked lips in an .npz"
    )
    add_evaluation(parser, "truth")
    parser.add_argument("--clip", action="append", default=[], help="evaluate only this clip, may be repeated")
    parser.add_argument(
        "--from-zero", action="store_true", help="let every file start with the audio, whatever start it states"
    )
    parser.add_argument("--syncnet", type=Path, metavar="WEIGHTS", help="syncnet_v2.model, for LSE-D and LSE-C")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Judge, print the table, write the report.

    Raises:
        InputError: where something that was given cannot be used.
    """
    face = default()
    setup = FormatOptions(exact_rate(options.source_fps) if options.source_fps else None)
    with progress_bar() as progress:
        clips, notes = collect(options, face, setup, progress)
        sounds = _audio_files(options.audio, clips, needed=options.video or options.syncnet is not None)
        clips = [score_clip(clip, face) for clip in clips]
        if options.syncnet is not None:
            net = syncnet.SyncNet(options.syncnet)
            clips = [_with_lse(clip, sounds[clip.name], net, face) for clip in clips]
    result = aggregate(clips, notes)
    make_folder(options.out)
    _write_json(result, options, options.out / "judge.json")
    print(table(result))
    messages = [
        *notes,
        *(note for clip in result.clips for verdict in clip.verdicts.values() for note in verdict.notes),
    ]
    for note in dict.fromkeys(messages):
        print(f"note: {note}")
    try:
        html_report.write(result.clips, result.means, sounds, notes, options.out / "judge.html")
    except InputError as error:
        print(f"note: there is no judge.html: {error}")
    if options.video:  # last: they take minutes, and the figures do not wait for them
        with progress_bar() as progress:
            _videos(result.clips, sounds, options.out, face, progress)
    print(f"written: {', '.join(sorted(str(path) for path in options.out.glob('*') if path.is_file()))}")
    return 0


def collect(
    options: argparse.Namespace, face: ReferenceFace, setup: FormatOptions, progress: Progress
) -> tuple[list[FaceClip], tuple[str, ...]]:
    """Read the truths and what the outputs made of them; the sentences give the clips that were left out, and why.

    Raises:
        InputError: where a file cannot be used, or there is no clip that all outputs have.
    """
    truths = file_pairing.truth_files(options.truth)
    single = options.truth.is_file()
    unknown = sorted(set(options.clip) - truths.keys())
    if unknown:
        raise InputError(f"There is no clip {unknown[0]!r} in {options.truth}; its clips are {', '.join(truths)}.")
    outputs = dict(zip(file_pairing.output_names(options.output, options.name), options.output, strict=True))
    clips, left_out = [], []
    wanted = options.clip or list(truths)
    for index, clip in enumerate(wanted):
        progress(index / len(wanted), clip)
        paths = {name: file_pairing.takes_of(output, clip, single) for name, output in outputs.items()}
        if not all(paths.values()):
            left_out.append(clip)
            continue
        read = {name: [_load(path, options, face, setup) for path in found] for name, found in paths.items()}
        clips.append(FaceClip(clip, _load(truths[clip], options, face, setup), read))
    if not clips:
        raise InputError(f"No clip of {options.truth} is in every output; outputs are found by the truth's file name.")
    few = ", ".join(left_out[:5]) + (" ..." if len(left_out) > 5 else "")
    return clips, (f"{len(left_out)} clip(s) that not every output has were left out: {few}",) if left_out else ()


def _load(path: Path, options: argparse.Namespace, face: ReferenceFace, setup: FormatOptions) -> FaceTake:
    take = loading.load(path, face, setup)
    return loading.from_zero(take) if options.from_zero else take


def score_clip(clip: FaceClip, face: ReferenceFace) -> FaceClip:
    """Return a clip with the figures of every output, and the truth's own."""
    verdicts = {name: score(clip.truth, found, face) for name, found in clip.takes.items()}
    return replace(clip, verdicts=verdicts, own=truth_values(clip.truth, face))


def aggregate(clips: Sequence[FaceClip], notes: Sequence[str] = ()) -> EvaluationResult:
    """Average the figures of every output over the clips."""
    means: dict[str, Values] = {
        name: mean([clip.verdicts[name].values for clip in clips], MEASURES) for name in clips[0].verdicts
    }
    own = mean([clip.own for clip in clips], MEASURES)
    return EvaluationResult(tuple(clips), means | ({TRUTH: own} if own else {}), tuple(notes))


def table(result: EvaluationResult, per_clip: bool = False) -> str:
    """Return the means as text, a row an output; with `per_clip`, before them a row for each clip and output."""
    rows: list[tuple[str, Values]] = []
    if per_clip:
        rows = [(f"{clip.name} {name}", v.values) for clip in result.clips for name, v in clip.verdicts.items()]
    rows += [(name, values) for name, values in result.means.items()]
    return as_text(rows, MEASURES, f"{len(result.clips)} clip(s)")


def as_text(rows: Sequence[tuple[str, Values]], measures: Sequence[Metric], head: str) -> str:
    """Return rows of figures as text under a head; measures that no row has are left out."""
    shown = [measure for measure in measures if any(measure.name in values for _, values in rows)]
    wide = max(*(len(name) for name, _ in rows), len(head)) + 1
    lines = [f"{head:{wide}}" + "".join(f"{measure.name:>13}" for measure in shown)]
    lines.append(" " * wide + "".join(f"{measure.unit:>13}" for measure in shown))
    for name, values in rows:
        lines.append(f"{name:{wide}}" + "".join(f"{measure.text(values):>13}" for measure in shown))
    return "\n".join(line.rstrip() for line in lines)


def _audio_files(given: Path | None, clips: Sequence[FaceClip], needed: bool) -> dict[str, Path]:
    """The sound of each clip that has one.

    Raises:
        InputError: where one is needed, or was given, and is not there.
    """
    found = {}
    for clip in clips:
        sound = _sound(given, clip)
        if sound is not None:
            found[clip.name] = sound
            if needed:
                recording.load(sound)  # a broken one is better known before a video is drawn
        elif needed or given is not None:
            raise InputError(
                f"There is no audio for {clip.name}; put it next to the truth under its name, or --audio FILE."
            )
    return found


def _sound(given: Path | None, clip: FaceClip) -> Path | None:
    if given is None:
        return loading.sound_beside(clip.truth.path)
    if given.is_dir():
        return loading.sound_beside(given / clip.truth.path.with_suffix(".npz").name)
    if not given.is_file():
        raise InputError(f"There is no file or folder {given}.")
    return given


def _with_lse(clip: FaceClip, sound: Path, net: syncnet.SyncNet, face: ReferenceFace) -> FaceClip:
    """Add LSE-D and LSE-C: of a video's own images, or of the default head drawn from its weights."""
    verdicts = {}
    for name, verdict in clip.verdicts.items():
        take = clip.takes[name][0]
        own = take.path.suffix.lower() in VIDEOS
        images = syncnet.face_crops(take.path) if own else _drawn(take, face)
        samples = recording.load(take.path if own else sound).samples
        least, confidence = net.score(images, samples)
        verdicts[name] = replace(verdict, values={**verdict.values, "lse_d": least, "lse_c": confidence})
    return replace(clip, verdicts=verdicts)


def _drawn(take: FaceTake, face: ReferenceFace) -> NDArray[np.uint8]:
    times = np.arange(int((take.start + take.duration) * syncnet.FPS)) / syncnet.FPS
    weights = take.at(times, face)[2]
    if weights is None:
        raise InputError(f"{take.path.name} has neither images nor weights to draw, which LSE needs.")
    return np.stack([software_renderer.draw(pose, syncnet.SIDE, syncnet.SIDE)[..., ::-1] for pose in weights])


def _videos(
    clips: Sequence[FaceClip], sounds: Mapping[str, Path], out: Path, face: ReferenceFace, progress: Progress
) -> None:
    """Two takes side by side for each clip: the first two outputs, or the truth and the one output."""
    for clip in clips:
        shown = [comparison_video.VideoPanel(name, found[0]) for name, found in clip.takes.items()]
        if len(shown) == 1:
            shown.insert(0, comparison_video.VideoPanel(TRUTH, clip.truth))
        shown = [side for side in shown if comparison_video.drawable(side.take)][:2]
        if not shown:
            raise InputError(f"There is nothing to render of {clip.name}: neither weights nor images.")
        comparison_video.write(shown, clip.truth, face, sounds[clip.name], out / f"{clip.name}.mp4", progress)


def _write_json(result: EvaluationResult, options: argparse.Namespace, path: Path) -> None:
    contents = {
        "truth": str(options.truth),
        "outputs": {name: str(output) for name, output in zip(result.clips[0].verdicts, options.output, strict=True)},
        "measures": {measure.name: {"unit": measure.unit, "meaning": measure.meaning} for measure in MEASURES},
        "means": {name: plain(values) for name, values in result.means.items()},
        "clips": {
            clip.name: {name: _told(verdict) for name, verdict in clip.verdicts.items()} for clip in result.clips
        },
        "notes": list(result.notes),
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _told(verdict: ClipScore) -> dict[str, Any]:
    return {**plain(verdict.values), "notes": list(verdict.notes)}


def plain(values: Values) -> dict[str, float | None]:
    """Return figures for JSON, which has no NaN: an unknown one is null there."""
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
