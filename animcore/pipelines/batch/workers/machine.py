"""What this computer has: cores, memory, and what a process holds of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path


def cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int:
    """Return the bytes of memory that programs can take now, containers' limits counted; 0 where nobody says."""
    found = [one for one in (_available(), _left_in_group()) if one]
    return min(found, default=0)


def memory_of(process: int | None) -> int:
    """Return the bytes that a process holds; 0 where nobody says."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _available() -> int:
    if sys.platform == "win32":
        return _available_on_windows()
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) << 10
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # macOS does not say what is free
    return 0


def _left_in_group() -> int:
    """What is left in a container's group of processes (cgroup v2)."""
    with contextlib.suppress(OSError, ValueError):
        folder = Path("/sys/fs/cgroup")
        limit = (folder / "memory.max").read_text().strip()
        if limit != "max":
            return int(limit) - int((folder / "memory.current").read_text())
    return 0


def _available_on_windows() -> int:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong), ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "pages", "free_pages", "space", "free_space",
                                                      "extended")),
        )  # fmt: skip

    status = Status()
    status.length = ctypes.sizeof(Status)
    library = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    return int(status.free) if library.GlobalMemoryStatusEx(ctypes.byref(status)) else 0
