"""One module a format, each with its `FORMAT`; this list is what commands, service and extension offer."""

from __future__ import annotations

from pathlib import Path

from animcore.core.reading import check_file
from animcore.errors import InputError
from animcore.files import animcore_npz
from animcore.files.animation_curves import FileFormat, FormatOptions
from animcore.files.body_motion import amass, beat2, bvh, flame
from animcore.files.export_and_verify import loaded
from animcore.files.face_curves import a2f_csv, a2f_json, godot, livelink, shape_csv, unity, vmd
from animcore.files.scenes import glb, pc2, usd, via_blender, vrma
from animcore.files.subtitles import captions, rhubarb, textgrid
from animcore.motion import Motion

FORMATS: dict[str, FileFormat] = {
    "livelink": livelink.FORMAT,
    "npz": animcore_npz.FORMAT,
    "a2f-csv": a2f_csv.FORMAT,
    "a2f-json": a2f_json.FORMAT,
    "beat2": beat2.FORMAT,
    "amass": amass.FORMAT,
    "amass-smplx": amass.SMPLX_FORMAT,
    "flame": flame.FORMAT,
    "bvh": bvh.FORMAT,
    "csv": shape_csv.FORMAT,
    "unity": unity.FORMAT,
    "godot": godot.FORMAT,
    "vmd": vmd.FORMAT,
    "rhubarb-tsv": rhubarb.TSV,
    "rhubarb-xml": rhubarb.XML,
    "rhubarb-json": rhubarb.JSON,
    "rhubarb-dat": rhubarb.DAT,
    "srt": captions.SRT,
    "vtt": captions.VTT,
    "textgrid": textgrid.FORMAT,
    "glb": glb.FORMAT,
    "vrma": vrma.FORMAT,
    "fbx": via_blender.FBX,
    "usd": usd.FORMAT,
    "alembic": via_blender.ALEMBIC,
    "pc2": pc2.FORMAT,
}


def format_named(name: str) -> FileFormat:
    """Return the format of that name.

    Raises:
        InputError: where there is none.
    """
    if name not in FORMATS:
        raise InputError(f"There is no format {name!r}; the formats are {', '.join(FORMATS)}.")
    return FORMATS[name]


def format_of(path: Path) -> FileFormat:
    """Return the format that the suffix of a path stands for: the longest that fits, the first one of equal ones.

    Raises:
        InputError: where there is none.
    """
    fitting = [form for form in FORMATS.values() if path.name.lower().endswith(form.suffix)]
    if not fitting:
        known = ", ".join(sorted({form.suffix for form in FORMATS.values()}))
        raise InputError(f"{path.name} has no suffix of a format; give the format, or one of {known}.")
    return max(fitting, key=lambda form: len(form.suffix))


def load_any(path: str | Path, setup: FormatOptions | None = None) -> tuple[str, Motion, tuple[str, ...]]:
    """Read a file of any format there is; returns the format's name, the motion, and what was noticed in the file.

    The longest suffix that fits is tried first, so that `take.beat2.npz` is not taken for our own `.npz`.

    Raises:
        InputError: when the file is missing or none of the formats with this suffix can read it.
    """
    path = Path(path)
    endings = {name: "." + form.suffix.rsplit(".", 1)[1] for name, form in FORMATS.items()}
    fitting = [name for name, ending in endings.items() if path.suffix.lower() == ending]
    if not fitting:
        known = ", ".join(sorted(set(endings.values())))
        raise InputError(f"{path.name} has a format that cannot be read; readable are {known}.")
    check_file(path)
    fitting.sort(key=lambda name: (path.name.lower().endswith(FORMATS[name].suffix), len(FORMATS[name].suffix)))
    reasons = []
    for name in reversed(fitting):
        try:
            return name, *loaded(path, FORMATS[name], setup)
        except InputError as error:
            reasons.append(str(error))
    raise InputError(reasons[0] if len(reasons) == 1 else f"{path.name} is none of {', '.join(fitting)}: {reasons[0]}")


def stem(path: Path) -> str:
    """Return the name of a file without the suffix of its format: `take` of `take.beat2.npz`, `line` of `line.wav`."""
    endings = [form.suffix for form in FORMATS.values() if path.name.lower().endswith(form.suffix)]
    return path.name[: -max(map(len, endings))] if endings else path.stem
