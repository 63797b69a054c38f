"""Pair outputs with ground truths: files by name, folders by the stems of their files."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from animcore import files
from animcore.errors import InputError
from animcore.evaluation.face import loading


def truth_files(truth: Path) -> dict[str, Path]:
    """Return the truths by their clips' names: one file, or every readable file of a folder.

    Raises:
        InputError: where there is none.
    """
    if not truth.exists():
        raise InputError(f"There is no file or folder {truth}.")
    if truth.is_file():
        return {_stem(truth): truth}
    found = _by_stem(truth)
    if not found:
        raise InputError(f"The folder {truth} holds no truth: no motion, no tracked .npz, no video.")
    return found


def takes_of(output: Path, clip: str, single: bool) -> list[Path]:
    """Return the files that an output made of a clip.

    A file stands for the only clip there is. In a folder it is the file named as the clip; in a folder of folders, as
    several runs with other seeds leave them, one of each.

    Raises:
        InputError: where the output is missing, or is a file although there are several clips.
    """
    if not output.exists():
        raise InputError(f"There is no file or folder {output}.")
    if output.is_file():
        if not single:
            raise InputError(f"{output} is one file for several truths; give a folder with a file for each.")
        return [output]
    folders = [output, *sorted(path for path in output.iterdir() if path.is_dir())]
    return [found[clip] for found in map(_by_stem, folders) if clip in found]


def output_names(outputs: Sequence[Path], given: Sequence[str]) -> list[str]:
    """Return the names of the outputs: as given, else the shortest that differ.

    Raises:
        InputError: where the number of names is another than that of outputs, or two are equal.
    """
    if given and len(given) != len(outputs):
        raise InputError(
            f"There are {len(given)} names for {len(outputs)} outputs; give --name once for each, or never."
        )
    stems = [output.name if output.is_dir() else files.stem(output) for output in outputs]
    folders = [f"{output.absolute().parent.name}/{stem}" for output, stem in zip(outputs, stems, strict=True)]
    ways = [list(given)] if given else [stems, folders, [output.name for output in outputs], [*map(str, outputs)]]
    for way in ways:
        if len(set(way)) == len(way):
            return way
    raise InputError("Two outputs have the same name; give each its own with --name, once for each.")


def _by_stem(folder: Path) -> dict[str, Path]:
    """The readable files of a folder by stem; of one take in several formats, our own goes before."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and loading.readable(path) and not path.name.startswith("."):
            stem = _stem(path)
            if stem not in found or path.suffix.lower() == ".npz":
                found[stem] = path
    return found


def _stem(path: Path) -> str:
    """The name of a clip: é is one sign, whichever system wrote the name."""
    return unicodedata.normalize("NFC", files.stem(path))
