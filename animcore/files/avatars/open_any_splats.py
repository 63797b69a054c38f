"""Files of Gaussians, found by their names: what commands and the extension open and save.

Formats that do not state axes (PLY, .splat, SOG) are taken to be as the engine is, Y up, unless they are given as
Y down, as what COLMAP reconstructs mostly is, and as most viewers expect it: then they are turned half round X, when
they are read and when they are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core import atomic_files
from animcore.core.origin import Origin
from animcore.core.reading import check_file
from animcore.errors import InputError, readable
from animcore.files.avatars import avatar_folder
from animcore.files.splats import gltf_splats, ply, sog, splat, spz, unpacking, usd_splats
from animcore.files.splats.base import SMALLEST, Notes, SplatFormat
from animcore.gaussians.gaussians import Gaussians, validated
from animcore.gaussians.transforms import HALF_TURN, centred, transformed
from animcore.provenance import consent, marks

FORMATS: dict[str, SplatFormat] = {
    "ply": ply.FORMAT,
    "splat": splat.FORMAT,
    "spz": spz.FORMAT,
    "sog": sog.FORMAT,
    "glb": gltf_splats.FORMAT,
    "usd": usd_splats.FORMAT,
    "avatar": avatar_folder.FORMAT,
}


_READ_ONLY = {".usdz": ".usdc", ".gltf": ".glb", sog.META: ".sog"}  # and their replacements
_SUFFIXES = tuple(suffix for form in FORMATS.values() for suffix in form.suffixes if suffix)
_HUGE = 1e4  # times the size of a cloud
_FAR = ("ply", "glb")  # that can hold positions far from zero


@dataclass(frozen=True)
class SplatFile:
    """What a file holds.

    Attributes:
        format: its name in `FORMATS`.
        splats: that can be drawn.
        notes: a sentence for each thing that was noticed.
    """

    format: str
    splats: Gaussians
    notes: Notes


def format_of(path: Path) -> str:
    """Return the name of the format that a path has: by its suffix, and a folder without one is an avatar.

    Raises:
        InputError: where it is of no kind that is known.
    """
    suffix = path.name.lower() if path.name.lower() == sog.META else path.suffix.lower()
    found = next((name for name, form in FORMATS.items() if suffix in form.suffixes), None)
    if found is None:
        known = ", ".join(form.suffixes[0] for form in FORMATS.values() if form.suffixes[0])
        raise InputError(f"{path.name} has no format of Gaussians; the formats are {known} and avatar folders.")
    return found


def check_target(path: Path) -> None:
    """Check before long work that Gaussians can be written at a path.

    Raises:
        InputError: where its kind is not written here, or no file can be there.
    """
    if format_of(path) == "avatar":
        return
    other = _READ_ONLY.get(path.name.lower()) or _READ_ONLY.get(path.suffix.lower())
    if other is not None:
        raise InputError(f"{path.name} can be read but not written here; name it {path.stem}{other}.")
    atomic_files.check_target(path)


def load(path: str | Path, y_down: bool = False) -> SplatFile:
    """Read the Gaussians of a file or folder of any format.

    Gaussians that are no numbers, as trainings leave a few, are left out with a sentence.

    Args:
        path: of the file or folder.
        y_down: whether Y is down in a format that does not state its axes.

    Raises:
        InputError: where it is missing, of another kind, broken, or nothing in it can be drawn.
    """
    path = Path(path)
    if path.suffix.lower() in unpacking.SUFFIXES and path.is_file():
        with unpacking.unpacked(path, _SUFFIXES) as inside:
            found = load(inside, y_down)
        return replace(found, notes=(f"{path.name}: {inside.name} in it was opened.", *found.notes))
    name = "avatar" if path.is_dir() else format_of(path)
    if not path.is_dir():
        check_file(path)
    with readable(f"{path.name} is not a readable file of Gaussians", "export it again"), enough_memory(path):
        splats, notes = FORMATS[name].read(path)
        splats, own_notes = _finite(splats, path.name)
        if splats.binding is None and not any(splats.origin):
            means, origin = centred(splats.means)
            splats = replace(splats, means=means, origin=origin)
        notes = (*notes, *own_notes, *_told(splats, path.name))
        if y_down and not FORMATS[name].upright and splats.binding is None:
            splats = transformed(splats, HALF_TURN)
    return SplatFile(name, splats, notes)


def save(splats: Gaussians, path: str | Path, y_down: bool = False, origin: Origin | None = None) -> Notes:
    """Write Gaussians into a file or folder of the format that its name has; returns what the format cannot keep.

    Args:
        splats: of numpy arrays.
        path: of the file or folder.
        y_down: whether to write Y down in a format that does not state its axes.
        origin: how they were made, where that is known; the file, or a small one next to it, states it.

    Raises:
        InputError: where it cannot be written, cannot hold Gaussians that are bound to a mesh, or the consent of the
            person shown has ended.
    """
    path = Path(path)
    check_target(path)
    origin = origin or Origin()
    consent.check(origin)
    name = format_of(path)
    form = FORMATS[name]
    if not splats.count:
        raise InputError(f"No Gaussians are left, so {path.name} was not written.")
    if splats.binding is not None and not form.bound:
        raise InputError(
            f"{path.name} was not written: the Gaussians are bound to the triangles of a mesh, which "
            f"{path.suffix or 'a folder'} cannot hold; write a .ply or an avatar folder."
        )
    with enough_memory(path):
        if y_down and not form.upright and splats.binding is None:
            splats = transformed(splats, HALF_TURN)
        form.write(splats, path)
    if name != "avatar" and marks.mark(path, origin) == marks.NONE:
        marks.mark_beside(path, origin)
    notes: Notes = ()
    if name == "splat" and splats.degree:
        notes = (f"{path.name}: colours no longer change with the view.",)
    if any(splats.origin) and name not in _FAR:
        notes += (f"{path.name} cannot hold the origin {_place(splats)}; its Gaussians lie around zero.",)
    return notes


def _told(splats: Gaussians, name: str) -> Notes:
    """A sentence on the origin of a cloud that lies far away."""
    return (f"{name} lies far away: it was moved to its own origin, {_place(splats)}.",) if any(splats.origin) else ()


def _place(splats: Gaussians) -> str:
    return "({:.0f}, {:.0f}, {:.0f}) m".format(*splats.origin)


@contextmanager
def enough_memory(path: Path) -> Iterator[None]:
    """Turn running out of memory into a sentence on the file that is worked on.

    Raises:
        InputError: where there is not enough.
    """
    try:
        yield
    except MemoryError as error:
        size = f" ({path.stat().st_size / 1e9:.1f} GB of file)" if path.is_file() else ""
        raise InputError(
            f"{path.name} needs more memory than is free{size}; close other programs, or export it with fewer "
            "Gaussians or harmonics of a lower degree."
        ) from error


def _huge(splats: Gaussians, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the good Gaussians (N,) are so large that they are the wreck of a training, not a sky."""
    largest = np.where(good, splats.scales.max(1), 0.0)
    usual = float(np.median(largest[good])) if good.any() else 0.0
    if splats.binding is not None or largest.max() <= _HUGE * usual:
        return np.zeros(splats.count, bool)
    means = splats.means[good].astype(np.float64)
    size = float(np.median(np.abs(means - np.median(means, 0)).max(1)))
    return np.asarray(largest > _HUGE * max(size, usual))


def _finite(splats: Gaussians, name: str) -> tuple[Gaussians, Notes]:
    """The Gaussians that can be drawn, and a sentence for those that cannot."""
    arrays = (splats.means, splats.rotations, splats.scales, splats.opacities[:, None], splats.harmonics)
    good = np.ones(splats.count, bool)
    for values in arrays:
        good &= np.isfinite(values.reshape(splats.count, -1)).all(1)
    good &= (splats.rotations != 0).any(1)
    huge = _huge(splats, good)
    notes: Notes = ()
    if not good.any():
        raise InputError(
            f"{name} holds no Gaussian that is a number: all are NaN or infinite; train or export it again."
        )
    if not good.all():
        notes = (f"{name}: {int((~good).sum())} Gaussians that are not numbers (NaN or infinite) were left out.",)
    if huge.any():
        good &= ~huge
        notes += (f"{name}: {int(huge.sum())} Gaussians larger than {_HUGE:,.0f} times the whole were left out.",)
    if not good.all():
        splats = splats.part(good)
    splats = replace(
        splats, scales=np.maximum(np.abs(splats.scales), SMALLEST), opacities=np.clip(splats.opacities, 0, 1)
    )
    return validated(splats, name), notes
