"""Animcore for Blender: a recorded voice becomes keys on a character's face.

The engine works in a child process; this package asks it, writes the keys and draws the panel.
"""

from __future__ import annotations


def register() -> None:
    """Register everything with Blender."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Take everything out of Blender again, in reverse."""
    from . import registration

    registration.unregister()
