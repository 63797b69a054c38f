"""One module a format, each with its `FORMAT`; this list is what commands, service and extension offer."""

from __future__ import annotations

from animcore.errors import InputError
from animcore.files import a2f_csv, a2f_json, godot, livelink, npz, shape_csv, unity, vmd
from animcore.files.sheet import Format

FORMATS: dict[str, Format] = {
    "livelink": livelink.FORMAT,
    "npz": npz.FORMAT,
    "a2f-csv": a2f_csv.FORMAT,
    "a2f-json": a2f_json.FORMAT,
    "csv": shape_csv.FORMAT,
    "unity": unity.FORMAT,
    "godot": godot.FORMAT,
    "vmd": vmd.FORMAT,
}


def format_named(name: str) -> Format:
    """Return the format of that name.

    Raises:
        InputError: where there is none.
    """
    if name not in FORMATS:
        raise InputError(f"There is no format {name!r}; the formats are {', '.join(FORMATS)}.")
    return FORMATS[name]
