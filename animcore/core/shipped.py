"""Where the files lie that Animcore carries: assets, rig profiles, and the extension's scripts."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def shipped(name: str) -> Path:
    """Return the path of a file or folder by its name in the repository (``assets/solvers/head.npz``).

    It lies inside the installed package; in a checkout next to it. Where it is in neither, the path that an
    installation should have is returned, so that the error on opening it names the missing file.
    """
    inside = PACKAGE / name
    beside = PACKAGE.parent / name
    return beside if beside.exists() and not inside.exists() else inside
