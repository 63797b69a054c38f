"""One module a format. `WRITERS` names those that `animcore generate` can write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from animcore.files import livelink
from animcore.motion import Motion

# name on the command line -> (suffix, writer)
WRITERS: dict[str, tuple[str, Callable[[Motion, Path], None]]] = {
    "livelink": (".csv", livelink.write),
    "npz": (".npz", Motion.save),
}
