"""Where the files of a line go: templates of paths, and what every disk must be able to hold."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath

from animcore.core.vocabulary import casefolded
from animcore.errors import InputError

# One default for all tables: a language that comes later moves nothing. Lines without a language are not in a folder.
USUAL = "{language}/{id}"
_FIELDS = ("id", "language", "speaker", "character", "emotion", "style", "row")
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows, in any folder
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
_LONGEST = 120  # bytes of a name: suffixes and temporary names come to it
_OUR_FOLDERS, _OUR_FILES = ("ledger", "job"), ("report", "localisation", "verdicts", "batch")  # of the batch itself


def check_template(template: str, what: str = "--path") -> None:
    """Check a template of paths.

    Raises:
        InputError: where it has a field that there is not, or not the id.
    """
    try:
        used = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise InputError(f"{what} {template!r} has a brace without its other one; write it such as {USUAL}.") from error
    if unknown := [name for name in used if name not in _FIELDS]:
        raise InputError(f"{what} has a field {{{unknown[0]}}}; there are {', '.join(f'{{{f}}}' for f in _FIELDS)}.")
    if _ABSOLUTE.match(template) and what == "--path":
        raise InputError(f"--path {template!r} starts outside the folder; start it with a name.")
    if not {"id", "row"} & set(used):
        raise InputError(f"{what} {template!r} gives all lines one name; put {{id}} into it.")


def output_name(template: str, cells: Mapping[str, str], row: int) -> str:
    """Return the output path of a line, without suffix, relative to the folder.

    An id may hold `/` and makes folders then. Empty fields leave no empty folders.

    Raises:
        InputError: where the path would leave the folder, or some disk cannot hold it.
    """
    values = dict.fromkeys(_FIELDS, "") | {name: cells.get(name, "") for name in _FIELDS} | {"row": str(row)}
    filled = unicodedata.normalize("NFC", template.format(**values).replace("\\", "/"))
    if not cells.get("id"):
        raise InputError("It has no id.")
    if any(_ABSOLUTE.match(value) for value in values.values()):
        raise InputError(f"Its files would go to {filled!r}, outside the folder; take the path out of its id.")
    parts = [part for part in filled.split("/") if part]
    for part in parts:
        _check_part(part, filled)
    ours = _OUR_FOLDERS if len(parts) > 1 else (*_OUR_FOLDERS, *_OUR_FILES)
    if casefolded(parts[0]).partition(".")[0] in ours:
        raise InputError(f"{parts[0]!r} is a name that the batch uses itself; rename the line.")
    return str(PurePosixPath(*parts))


def _check_part(part: str, whole: str) -> None:
    if part in (".", ".."):
        raise InputError(f"Its files would go to {whole!r}, outside the folder; take {part!r} out of its id.")
    if found := _FORBIDDEN.search(part):
        raise InputError(f"Its name {part!r} has {found[0]!r}, which Windows does not allow; rename it.")
    if _RESERVED.fullmatch(part) or part != part.rstrip(" .") or part != part.lstrip():
        raise InputError(f"Its name {part!r} cannot be a file's on Windows; rename it.")
    if len(part.encode()) > _LONGEST:
        raise InputError(f"Its name {part[:40]!r}... is longer than {_LONGEST} bytes; shorten it.")


def on_disk(name: str) -> str:
    """Return what is equal for names that some disk takes for one: in other case, or é as one sign or two."""
    return casefolded(name)
