"""MikuMikuDance motions (`.vmd`): keys of morphs with Japanese names, at 30 FPS.

Layout, little endian, after the description of the format in kaitai_struct_formats (3d/mmd_vmd.ksy): a header of 30
and a model's name of 20 bytes; then a count and as many records for bones, morphs, cameras, lights, shadows and
switches. A morph's record is a name of 15 bytes in Shift-JIS, a frame and a weight. Between keys MMD moves straight.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.core.reading import content
from animcore.errors import BROKEN_FILE, InputError
from animcore.files import blendshape_names
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.frame_times import check_frame_count, keys, resampled
from animcore.motion import Motion

RATE = Fraction(30)
_MAGIC = b"Vocaloid Motion Data 0002"
_OLD_MAGIC = b"Vocaloid Motion Data file"  # with 10 bytes for the model's name
_BONE = 111  # bytes of a record
_MORPH = np.dtype([("name", "V15"), ("frame", "<u4"), ("weight", "<f4")])
_ENCODING = "cp932"  # Shift-JIS as Windows has it, where MMD lives


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the weights under the rig's names, those of MMD's models where no other is named, at 30 FPS.

    Raises:
        InputError: when a name does not fit into 15 bytes of Shift-JIS.
    """
    animation = blendshape_names.encode(motion, replace(setup, profile=setup.profile or "MMD"))
    for name in animation.curves:
        _bytes_of(name)
    return resampled(AnimationCurves(animation.rate, animation.start, animation.curves, lacks=animation.lacks), RATE)


def write(animation: AnimationCurves, path: Path, setup: FormatOptions) -> None:
    """Write the keys; amid a run of equal weights there is none.

    Raises:
        InputError: when the file cannot be written.
    """
    first = round(animation.start * RATE)
    records = []
    for name, values in animation.curves.items():
        needed = keys(values)
        record = np.zeros(len(needed), _MORPH)
        record["name"] = np.void(_bytes_of(name).ljust(15, b"\0"))
        record["frame"] = first + needed
        record["weight"] = values[needed]
        records.append(record)
    morphs = np.concatenate(records)
    header = _MAGIC.ljust(30, b"\0") + setup.mesh.encode(_ENCODING, "replace")[:19].ljust(20, b"\0")
    with whole_file(path) as temporary:
        counts = struct.pack("<2I", 0, len(morphs)), struct.pack("<4I", 0, 0, 0, 0)
        temporary.write_bytes(header + counts[0] + morphs.tobytes() + counts[1])


def read(path: Path, _setup: FormatOptions) -> AnimationCurves:
    """Read the morphs' keys and put them on even frames; bones, cameras and the rest are passed over.

    Raises:
        InputError: when it is no such file, cut off, or moves no morphs.
    """
    data = content(path)
    records, has_bones = _records(data, path)
    if not len(records):
        raise InputError(f"{path.name} moves no morphs of a face.")
    if not np.isfinite(records["weight"]).all():
        raise InputError(f"{path.name} holds values that are not numbers (NaN or infinite).")
    first, last = int(records["frame"].min()), int(records["frame"].max())
    wanted = first + np.arange(check_frame_count(last - first + 1, path.name, len(records)))
    columns = {}
    for raw in dict.fromkeys(records["name"].tolist()):
        of_one = records[records["name"] == np.void(raw)]
        frames, places = np.unique(of_one["frame"], return_index=True)
        columns[_name_of(raw)] = np.interp(wanted, frames, of_one["weight"][places])
    columns, notes = blendshape_names.noticed(columns, path.name)
    if has_bones:
        notes = (*notes, f"{path.name} also moves bones; the face alone was read.")
    return AnimationCurves(RATE, float(first / RATE), columns, notes=notes)


def _records(data: bytes, path: Path) -> tuple[NDArray[np.void], bool]:
    """The records of morphs, and whether there are some of bones."""
    if data.startswith(_MAGIC):
        place = 50
    elif data.startswith(_OLD_MAGIC):
        place = 40
    else:
        raise InputError(f"{path.name} is not a motion of MikuMikuDance.")
    try:
        (bones,) = struct.unpack_from("<I", data, place)
        place += 4 + bones * _BONE
        (count,) = struct.unpack_from("<I", data, place)
        return np.frombuffer(data, _MORPH, count, place + 4), bones > 0
    except BROKEN_FILE as error:
        raise InputError(f"{path.name} is cut off: it ends before its keys do.") from error


def _bytes_of(name: str) -> bytes:
    try:
        data = name.encode(_ENCODING)
    except UnicodeEncodeError as error:
        raise InputError(f"The shape {name} cannot be written in Shift-JIS, which MMD names its morphs in.") from error
    if len(data) > 15:
        raise InputError(f"The shape {name} is longer than the 15 bytes that MMD keeps of a name; use the MMD profile.")
    return data


def _name_of(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode(_ENCODING, "ignore")  # a name that was cut may end amid a letter


FORMAT = FileFormat(
    title="MMD motion",
    suffix=".vmd",
    carries=("arkit", "tongue"),
    encode=encode,
    write=write,
    read=read,
    decode=blendshape_names.decode,
    tolerance=1e-6,
)
