"""Options that the commands of a batch share, and the settings that they make."""

from __future__ import annotations

import argparse
from pathlib import Path

from animcore import files
from animcore.errors import InputError
from animcore.pipelines import generate_files
from animcore.pipelines.batch.settings import BatchSettings, Defaults, load_defaults


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is asked of the lines."""
    parser.add_argument("table", type=Path, help="table of the lines: .csv, .tsv, .xlsx, .po, .jsonl")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder; created if missing")
    parser.add_argument(
        "--format", default="", help=f"comma-separated list of files beside the motion: {', '.join(files.FORMATS)}"
    )
    parser.add_argument("--fps", default="30", help="FPS: 30, 23.976, 24000/1001 (default: 30)")
    parser.add_argument(
        "--path",
        metavar="PATTERN",
        help="output path of each line without suffix, of {id}, {language}, {speaker}, {character}, {row} (default: "
        "{language}/{id})",
    )
    parser.add_argument(
        "--audio",
        metavar="PATTERN",
        help="path of each recording where the table does not name it, such as 'voices/{language}/{id}'; the suffix "
        "may be left out",
    )
    parser.add_argument(
        "--speakers",
        type=Path,
        metavar="FILE",
        help="TOML file of defaults: [defaults], [speakers.NAME], [characters.NAME], [languages.CODE]",
    )
    parser.add_argument(
        "--source-language", metavar="CODE", help="language whose performance the others share (default: the first)"
    )
    parser.add_argument(
        "--own-performance", action="store_true", help="every language has its own head, eyes, gestures and emotion"
    )
    parser.add_argument("--profile", help="rig profile whose shape names are written, such as VRM")
    parser.add_argument("--mesh", help="mesh with the blend shapes, for Unity and Godot")
    parser.add_argument("--model", help="FLAME or SMPL-X model, by name or file")
    parser.add_argument("--character", type=Path, help=".blend or .glb character to animate")
    parser.add_argument(
        "--postprocess", default="", help=f"comma-separated list of: {', '.join(generate_files.FINISHES)}"
    )
    parser.add_argument(
        "--rehash", action="store_true", help="read every recording to see if it changed, whatever its date says"
    )


def settings(options: argparse.Namespace) -> BatchSettings:
    """Return the settings that the options ask for.

    Raises:
        InputError: where one of them cannot be used.
    """
    if options.own_performance and options.source_language:
        raise InputError("--own-performance and --source-language exclude each other; give one of them.")
    return BatchSettings(
        table=options.table.absolute(),
        folder=options.out.absolute(),
        path=options.path,
        audio=options.audio,
        formats=_listed(options.format),
        fps=options.fps,
        defaults=load_defaults(options.speakers.absolute()) if options.speakers is not None else Defaults(),
        postprocess=_listed(options.postprocess),
        profile=options.profile,
        mesh=options.mesh,
        model=options.model,
        character=options.character.absolute() if options.character is not None else None,
        source_language=options.source_language,
        shares=not options.own_performance,
    )


def arguments(options: argparse.Namespace) -> list[str]:
    """Return the options as a command line has them, without the table and the folder, paths made absolute."""
    found: list[str] = []
    for name in ("format", "fps", "path", "audio", "source_language", "profile", "mesh", "model", "postprocess"):
        value = getattr(options, name)
        if value:
            found += [f"--{name.replace('_', '-')}", str(value)]
    for name in ("speakers", "character"):
        value = getattr(options, name)
        if value is not None:
            found += [f"--{name}", str(value.absolute())]
    for name in ("own_performance", "rehash"):
        found += [f"--{name.replace('_', '-')}"] if getattr(options, name) else []
    return found


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def count(text: str) -> int:
    """Return a whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: where it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)
