"""The files of Gaussians, read once and again where they have changed on disk; beside the window where there is one."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.errors import AnimcoreError
from animcore.files.avatars import open_any_splats
from animcore.gaussians.gaussians import Gaussians
from animcore.hybrid_head.head_model import SLACK

from ...errors import AddonError
from . import hybrid_heads

MOST = 1_000_000  # Gaussians of one file that are drawn
_LOOK_AGAIN = 1.0  # seconds after which a file is looked at again
_GLANCE = 0.1  # seconds between looks at whether one is read
_MEASURED = 1_000_000  # bytes from which a file says how fast files are read


@dataclass(frozen=True, eq=False)
class Cloud:
    """The Gaussians of a file, as they are drawn.

    Attributes:
        splats: at most `MOST`.
        held: how many the file holds.
        faces: (F, 3) vertices of the triangles that carry them, where the file says so.
        notes: a sentence for each thing that was noticed in the file.
        slack: metres that they may lie behind a mesh and still be seen; lashes of a hybrid head lie on its skin.
    """

    splats: Gaussians
    held: int
    faces: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    slack: float = 0.0

    @property
    def is_bound(self) -> bool:
        """Whether triangles carry them."""
        return self.splats.binding is not None

    @functools.cached_property
    def _frames(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self.splats.binding is None:
            return np.zeros(1, np.int64), np.zeros(self.splats.count, np.int64)
        return np.unique(self.splats.binding, return_inverse=True)

    @property
    def frames_used(self) -> NDArray[np.int64]:
        """(F,) the triangles that carry Gaussians, rising; a single 0 where they stand in the world."""
        return self._frames[0]

    @property
    def frame_of(self) -> NDArray[np.int64]:
        """(N,) which of these each Gaussian belongs to."""
        return self._frames[1]


@dataclass
class _Kept:
    stamp: tuple[tuple[str, int, int], ...]
    looked: float
    cloud: Cloud | None
    problem: str


@dataclass
class Reading:
    """A file that is being read beside the window.

    Attributes:
        name: of the file.
        size: its bytes.
        started: when, on the monotonic clock.
        waiting: what is done when it is there.
        cancelled: whether nobody waits for it any more; then nothing comes of it.
    """

    name: str
    size: int
    started: float
    thread: threading.Thread | None = None
    waiting: list[Callable[[], None]] = field(default_factory=list)
    cancelled: bool = False

    def fraction(self, now: float) -> float:
        """How much of it is done, 0..1, by its size and how fast earlier ones were read: no reader counts its bytes."""
        return min(1.0 - math.exp(-2.0 * max(now - self.started, 0.0) / max(self.size / _speed, 0.1)), 0.99)

    def seconds_left(self, now: float) -> float:
        """About how long it will take yet."""
        return max(self.size / _speed - (now - self.started), 0.0)


_kept: dict[str, _Kept] = {}
_readings: dict[str, Reading] = {}
_speed = 50e6  # bytes a second that the last file was read at


class StillReading(AddonError):
    """A file that is being read beside the window; it will be drawn as soon as it is there."""


def of_file(path: Path, clock: Callable[[], float] = time.monotonic) -> Cloud:
    """Return the Gaussians of a file or of an avatar's folder.

    Raises:
        StillReading: in the main thread of a window, which is not held up until a file is read.
        AddonError: where it cannot be drawn; one sentence describes why.
    """
    kept, now = _kept.get(str(path)), clock()
    if kept is None or now - kept.looked > _LOOK_AGAIN:
        stamp = _stamp(path)
        if kept is None or kept.stamp != stamp:
            if _holds_a_window():
                reading(path)
                raise StillReading(f"Reading {path.name} ...")
            kept = _kept[str(path)] = _Kept(stamp, now, *_read(path))
        kept.looked = now
    if kept.cloud is None:
        raise AddonError(kept.problem)
    return kept.cloud


def reading(path: Path, then: Callable[[], None] | None = None) -> None:
    """Read a file in a thread, and in the main thread do something when it is there."""
    key = str(path)
    found = _readings.get(key)
    if found is None or found.cancelled:
        size = sum(size for _, _, size in _stamp(path))
        found = _readings[key] = Reading(path.name, size, time.monotonic())
        found.thread = threading.Thread(target=_keep, args=(path, found), daemon=True)
        found.thread.start()
    if then is not None:
        found.waiting.append(then)
    if not bpy.app.timers.is_registered(_look_for_read):
        bpy.app.timers.register(_look_for_read, first_interval=_GLANCE)


def under_way() -> list[Reading]:
    """Return the files that something waits for; those that are only to be drawn hold nobody up."""
    return [one for one in _readings.values() if one.waiting and not one.cancelled]


def cancel() -> bool:
    """Wait for no file any more; returns whether anything waited for one."""
    waited = under_way()
    for one in waited:
        one.cancelled = True
        one.waiting.clear()
    return bool(waited)


def _keep(path: Path, mine: Reading) -> None:
    global _speed
    stamp, began = _stamp(path), time.monotonic()
    kept = _Kept(stamp, began, *_read(path))
    if mine.cancelled:
        return
    kept.looked = time.monotonic()
    if mine.size > _MEASURED and kept.cloud is not None:
        _speed = mine.size / max(kept.looked - began, 1e-3)
    _kept[str(path)] = kept


def _look_for_read() -> float | None:
    """The timer: draw what was read, and go on with what waited for it."""
    for key, one in list(_readings.items()):
        if one.thread is not None and one.thread.is_alive() and not one.cancelled:
            continue
        if _readings.get(key) is one:
            del _readings[key]
        for then in one.waiting:
            then()
        _redraw("WINDOW")
    _redraw("UI")
    return _GLANCE if _readings else None


def _redraw(kind: str) -> None:
    """Redraw the viewports, or the panels beside them."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == kind:
                    region.tag_redraw()


def _holds_a_window() -> bool:
    """Whether reading here would hold up a window; a render has a thread of its own, which waits."""
    return not bpy.app.background and threading.current_thread() is threading.main_thread()


def thinned(splats: Gaussians, most: int) -> Gaussians:
    """Return the Gaussians that show most, by how opaque and how large they are; in the order they had."""
    if splats.count <= most:
        return splats
    largest_two = np.sort(splats.scales, axis=1)[:, 1:]
    shows = splats.opacities * largest_two.prod(1)
    return splats.part(np.sort(np.argpartition(shows, -most)[-most:]))


def forget() -> None:
    """Let all files go."""
    _kept.clear()
    cancel()
    _readings.clear()
    if bpy.app.timers.is_registered(_look_for_read):
        bpy.app.timers.unregister(_look_for_read)


def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    """When the files were written and how long they are."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        stats = [(file.name, file.stat()) for file in files]
    except OSError:
        return ()
    return tuple((name, one.st_mtime_ns, one.st_size) for name, one in stats)


def _read(path: Path) -> tuple[Cloud | None, str]:
    if not path.exists():
        return None, f"There is no file {path}; open it again, or delete the splats."
    try:
        if hybrid_heads.is_head(path):
            splats, faces = hybrid_heads.gaussians(hybrid_heads.loaded(path))
            return Cloud(thinned(splats, MOST), splats.count, faces, slack=SLACK), ""
        found = open_any_splats.load(path)
    except AnimcoreError as error:
        return None, str(error)
    return Cloud(thinned(found.splats, MOST), found.splats.count, notes=found.notes), ""
