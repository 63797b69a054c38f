"""Handlers of Blender's events: hooked in and out by the names of `bpy.app.handlers`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import bpy

Handler = TypeVar("Handler", bound=Callable[..., None])


def persistent(handler: Handler) -> Handler:
    """Mark a handler to stay when another file is opened: `bpy.app.handlers.persistent` with a type."""
    marked: Handler = bpy.app.handlers.persistent(handler)
    return marked


def add(wanted: Iterable[tuple[str, Callable[..., None]]]) -> None:
    """Hook handlers in, each at its event: `save_pre`, `load_post`."""
    for event, handler in wanted:
        handlers = getattr(bpy.app.handlers, event)
        if handler not in handlers:
            handlers.append(handler)


def remove(wanted: Iterable[tuple[str, Callable[..., None]]]) -> None:
    """Unhook handlers; those that are not there are passed over."""
    for event, handler in wanted:
        handlers = getattr(bpy.app.handlers, event)
        if handler in handlers:
            handlers.remove(handler)
