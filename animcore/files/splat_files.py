"""Files of Gaussians, found by their names: what commands and the extension open and save.

Formats that say nothing of axes (PLY, .splat, SOG) are taken to be as the engine is, Y up, unless they are said to be
Y down, as what COLMAP reconstructs mostly is, and as most viewers expect it: then they are turned half round X, when
they are read and when they are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from animcore import atomic
from animcore.avatar.moving import HALF_TURN, moved
from animcore.avatar.splats import Splats, checked
from animcore.errors import InputError, readable
from animcore.files import avatar_folder, gltf_splats, ply, sog, splat, spz, usd_splats
from animcore.files.splat_format import SMALLEST, Notes, SplatFormat
from animcore.reading import check_file

FORMATS: dict[str, SplatFormat] = {
    "ply": ply.FORMAT,
    "splat": splat.FORMAT,
    "spz": spz.FORMAT,
    "sog": sog.FORMAT,
    "glb": gltf_splats.FORMAT,
    "usd": usd_splats.FORMAT,
    "avatar": avatar_folder.FORMAT,
}


_READ_ONLY = {".usdz": ".usdc", ".gltf": ".glb", sog.META: ".sog"}  # and what is written in their place


@dataclass(frozen=True)
class Found:
    """What a file holds.

    Attributes:
        format: its name in `FORMATS`.
        splats: that can be drawn.
        notes: a sentence for each thing that was noticed.
    """

    format: str
    splats: Splats
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
        raise InputError(f"{path.name} is of no kind that holds Gaussians here; there are {known} and avatar folders.")
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
    atomic.check_target(path)


def load(path: Path, y_down: bool = False) -> Found:
    """Read the Gaussians of a file or folder of any format.

    Gaussians that are no numbers, as trainings leave a few, are left out with a sentence.

    Args:
        path: of the file or folder.
        y_down: what a format that says nothing of axes has.

    Raises:
        InputError: where it is missing, of another kind, broken, or nothing in it can be drawn.
    """
    name = "avatar" if path.is_dir() else format_of(path)
    if not path.is_dir():
        check_file(path)
    with readable(f"{path.name} is no readable file of Gaussians", "export it again"), enough_memory(path):
        splats, notes = FORMATS[name].read(path)
        splats, said = _sound(splats, path.name)
        if y_down and not FORMATS[name].upright and splats.binding is None:
            splats = moved(splats, HALF_TURN)
    return Found(name, splats, (*notes, *said))


def save(splats: Splats, path: Path, y_down: bool = False) -> Notes:
    """Write Gaussians into a file or folder of the format that its name has; returns what the format cannot keep.

    Args:
        splats: of numpy arrays.
        path: of the file or folder.
        y_down: what a format that says nothing of axes shall have.

    Raises:
        InputError: where it cannot be written, or cannot hold Gaussians that are bound to a mesh.
    """
    check_target(path)
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
            splats = moved(splats, HALF_TURN)
        form.write(splats, path)
    return (f"{path.name}: colours no longer change with the view.",) if name == "splat" and splats.degree else ()


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


def _sound(splats: Splats, name: str) -> tuple[Splats, Notes]:
    """The Gaussians that can be drawn, and a sentence for those that cannot."""
    arrays = (splats.means, splats.rotations, splats.scales, splats.opacities[:, None], splats.harmonics)
    good = np.ones(splats.count, bool)
    for values in arrays:
        good &= np.isfinite(values.reshape(splats.count, -1)).all(1)
    good &= (splats.rotations != 0).any(1)
    notes: Notes = ()
    if not good.any():
        raise InputError(
            f"{name} holds no Gaussian that is a number: all are NaN or infinite; train or export it again."
        )
    if not good.all():
        notes = (f"{name}: {int((~good).sum())} Gaussians that are no numbers (NaN or infinite) were left out.",)
        splats = splats.part(good)
    splats = replace(
        splats, scales=np.maximum(np.abs(splats.scales), SMALLEST), opacities=np.clip(splats.opacities, 0, 1)
    )
    return checked(splats, name), notes
