"""Numbers as people read them."""

from __future__ import annotations


def seconds(value: float) -> str:
    """Return a span of time: `8 s`, `4 min 10 s`, `3 h 20 min`."""
    whole = round(value)
    if whole < 60:
        return f"{value:.1f} s" if value < 10 and value != whole else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(value: float) -> str:
    """Return a number of bytes: `340 MB`, `1.2 GB`."""
    if value < 1e6:
        return f"{value / 1e3:.0f} kB"
    return f"{value / 1e6:.0f} MB" if value < 1e9 else f"{value / 1e9:.1f} GB"


def lines(number: int) -> str:
    """Return a number of lines: `1 line`, `10,000 lines`."""
    return "1 line" if number == 1 else f"{number:,} lines"
