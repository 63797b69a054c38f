"""`animcore train`: a solver, folders of data, a configuration; a run that goes on where it was stopped."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from animcore.cli.arguments import add_command
from animcore.core.atomic_files import make_folder
from animcore.core.progress import Progress, progress_bar
from animcore.core.reading import content
from animcore.errors import BROKEN_FILE, AnimcoreError, InputError

# Each solver's module in this room, with `CONFIG` and `job(config, data)`, and what it is.
SOLVERS: dict[str, tuple[str, str]] = {
    "talkshow": ("animcore.training.gestures.talkshow", "gestures: autoregressive VQ codes of body and hands"),
    "emage": ("animcore.training.gestures.emage", "gestures: a masked transformer over audio and motion"),
    "faceformer": ("animcore.training.faces.faceformer", "faces: an autoregressive transformer"),
    "codetalker": (
        "animcore.training.faces.codetalker",
        "faces: VQ codes of motion, then a transformer that predicts them",
    ),
    "emote": (
        "animcore.training.faces.emote",
        "faces: a motion prior, then a network from speech and emotion to its latents",
    ),
    "facediffuser": ("animcore.training.faces.facediffuser", "faces: diffusion"),
    "flow": ("animcore.training.faces.flow_matching", "faces: flow matching in a few steps (our own design)"),
    "fgd": (
        "animcore.training.gestures.fgd_encoder",
        "no solver: the encoder of the FGD of `animcore judge-body`",
    ),
}
MODEL = "model"  # folder of the trained network in that of the run
_NOTES = 10  # sentences on data that are printed
_MAY_BE_0 = ("seed", "selftalk", "emotion_weight")
# Settings under their former names: read for one version, with a note.
_RENAMED = {"feelings": "emotion_weight"}

_EXAMPLES = """examples:
  animcore train talkshow --data BEAT2/beat_english_v2.0.0 --out runs/talkshow
  animcore train emage --data takes/calm takes/lively --config small.toml --out runs/emage
  accelerate launch -m animcore.cli train emage --data BEAT2/beat_english_v2.0.0 --out runs/emage     (several GPUs)

The same command resumes a run that was stopped. See docs/research/training.md."""


def register(commands: Any) -> None:
    """Add the command to the others."""
    solvers = "; ".join(f"{name} ({what})" for name, (_, what) in SOLVERS.items())
    parser = add_command(commands, "train", "train a solver on your own data", _EXAMPLES, f"Train a solver: {solvers}.")
    parser.add_argument("solver", choices=SOLVERS)
    parser.add_argument(
        "--data",
        nargs="+",
        type=Path,
        required=True,
        metavar="DIR",
        help="data sets, or folders of motions with audio files of the same names",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file of settings (default: the sizes of the paper)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run; created if missing")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.set_defaults(command=run)


def register_export(commands: Any) -> None:
    """Add the command that writes a trained face as ONNX."""
    parser = commands.add_parser(
        "export-face",
        help="export a trained emote, flow or faceformer network to ONNX",
        description="Export a face network of `animcore train` to ONNX, and verify it: emote and flow as one file, "
        "faceformer as a folder of two files, one of which runs once per frame. Other networks cannot be exported.",
    )
    parser.add_argument("face", type=Path, metavar="DIR", help="folder OUT/model of the run")
    parser.add_argument("onnx", type=Path, metavar="OUT", help="file to write; for faceformer a folder")
    parser.set_defaults(command=export)


def export(options: argparse.Namespace) -> int:
    """Write a trained face as ONNX, and print how far the file is from PyTorch.

    Raises:
        InputError: without PyTorch or onnx, where the folder holds no face, or one that has no such form.
    """
    from animcore.solvers.face_networks import face_solver

    model = face_solver.load(options.face).model
    from animcore.solvers.face_networks.faceformer import FaceFormer
    from animcore.training.faces import faceformer_onnx, onnx_export

    if isinstance(model, FaceFormer):
        print(f"written: {', '.join(map(str, faceformer_onnx.write(model, options.onnx)))}")
        return 0
    worst = onnx_export.write(model, options.onnx)
    print(f"written: {options.onnx} (within {worst:.1g} standard deviations of PyTorch)")
    return 0


def run(options: argparse.Namespace) -> int:
    """Train, and write the trained network into the folder `model` of the run.

    Raises:
        InputError: without PyTorch, or where something that was given cannot be used.
    """
    try:
        import torch

        from animcore.training import trainer
    except ImportError as error:
        raise InputError("Training needs PyTorch: pip install '.[train]' in the source folder of Animcore.") from error
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.threads is not None:
        torch.set_num_threads(max(1, options.threads))
    module = importlib.import_module(SOLVERS[options.solver][0])
    config = settings(options.config, module.CONFIG)
    make_folder(options.out)
    machine = trainer.TrainingDevice.found()
    if not machine.first:
        logging.getLogger().setLevel(logging.WARNING)
    with progress_bar(machine.first) as progress:
        with machine.in_turn():
            data = _data(config, options.data, options.out / "cache", progress)
        if machine.first:
            _say(data.notes)
            print(f"{len(data.clips)} clip(s), {data.seconds / 60:.1f} minutes, speakers: {', '.join(data.speakers)}")
        torch.manual_seed(config.seed)
        job = module.job(config, data)

        def keep() -> None:
            job.model.save(options.out / MODEL, list(data.speakers))

        trainer.TrainingRun(
            job.model,
            job.stages,
            job.windows,
            options.out,
            run_facts(options.solver, config, data.speakers),
            config.seed,
            progress,
            machine,
            keep,
        ).train()
    if machine.first:
        keep()
        print(f"written: {options.out / MODEL}")
    return 0


def run_facts(solver: str, config: Any, speakers: Sequence[str]) -> dict[str, Any]:
    """What a run must share with its checkpoint to go on: all settings but its length and the examples at once."""
    kept = {name: value for name, value in asdict(config).items() if name != "batch" and not name.startswith("epochs")}
    return {"solver": solver, **kept, "speakers": list(speakers)}


def _data(config: Any, folders: Sequence[Path], cache: Path, progress: Progress) -> Any:
    """The clips that a solver learns from: faces or gestures."""
    from animcore.training.faces import dataset
    from animcore.training.faces.stages import FaceConfig
    from animcore.training.gestures import dataset as gesture_data

    if isinstance(config, FaceConfig):
        return dataset.load(folders, cache, config.wanted, progress)
    return gesture_data.load(folders, cache, config.least, progress)


def settings(path: Path | None, kind: type[Any]) -> Any:
    """Return the configuration of a TOML file, its defaults where there is none.

    Args:
        path: of the file, or None.
        kind: the dataclass of the solver's settings.

    Raises:
        InputError: where the file is missing or no TOML, or holds an unknown name or a value that is none.
    """
    if path is None:
        return kind()
    try:
        values = tomllib.loads(content(path).decode())
    except BROKEN_FILE as error:
        if isinstance(error, AnimcoreError):
            raise
        raise InputError(f"{path} is not a readable TOML file ({error}).") from error
    usual = kind()
    known = {part.name: getattr(usual, part.name) for part in fields(kind)}
    for former in _RENAMED.keys() & values.keys():
        name = _RENAMED[former]
        print(f"animcore: {path.name}: {former} is now {name}; the next version drops {former}.", file=sys.stderr)
        values[name] = values.pop(former)
    for name, value in values.items():
        if name not in known:
            raise InputError(f"{path.name} has no use for {name!r}; the settings are {', '.join(known)}.")
        _check(path, name, value, known[name])
    return kind(**{name: type(known[name])(value) for name, value in values.items()})


def _check(path: Path, name: str, value: Any, usual: Any) -> None:
    """Raise InputError where a value is not of the kind of the usual one, or below what makes sense."""
    wanted: dict[type, tuple[Any, str]] = {
        int: (int, "a whole number"),
        float: (int | float, "a number above 0"),
        str: (str, "a text"),
    }
    kind, words = wanted[type(usual)]
    least = 0 if name in _MAY_BE_0 else 1
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if fits and isinstance(usual, int):
        fits, words = value >= least, f"a whole number of at least {least}"
    elif fits and isinstance(usual, float):
        fits = 0.0 < value < 1.0 or (value == 0.0 and not least)
        words = "a number between 0 and 1"
    if not fits:
        raise InputError(f"{path.name}: {name} must be {words}, such as {usual!r}, not {value!r}.")


def _say(notes: Sequence[str]) -> None:
    for note in notes[:_NOTES]:
        print(f"note: {note}")
    if len(notes) > _NOTES:
        print(f"note: and {len(notes) - _NOTES} more")
