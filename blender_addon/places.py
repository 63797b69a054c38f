"""Values on a character by where they are: set for a while, and put back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

from .keys import Channel

Place = tuple[str, int, str, int]  # collection and session number of the data-block, path, index


def of(owner: bpy.types.ID, channel: Channel) -> Place:
    """Return where a channel of an object or of shape keys sets its values."""
    kind = "objects" if isinstance(owner, bpy.types.Object) else "shape_keys"
    return kind, owner.session_uid, channel.path, channel.index


class Shown:
    """Values that stand on a character for a while; what was there before is remembered."""

    def __init__(self) -> None:
        self._before: dict[Place, float] = {}

    def remember(self, places: Iterable[Place]) -> None:
        """Keep what is there now, where it is not kept already."""
        for place in places:
            if place not in self._before:
                self._before[place] = _value(place)

    def show(self, values: dict[Place, float]) -> None:
        """Set values; what was shown before and is not among them goes back."""
        self.remember(values)
        for place, value in {**self._before, **values}.items():
            _set(place, value)

    def back(self) -> None:
        """Put everything back; what was deleted in the meantime is passed over."""
        for place, value in self._before.items():
            _set(place, value)
        self._before.clear()


def _target(place: Place) -> tuple[Any, str]:
    """The thing whose property a place names, and the property."""
    kind, uid, path, _ = place
    owner = next(block for block in getattr(bpy.data, kind) if block.session_uid == uid)
    thing, _, name = path.rpartition(".")
    return owner.path_resolve(thing), name


def _value(place: Place) -> float:
    thing, name = _target(place)
    value = getattr(thing, name)
    return value if isinstance(value, float) else float(value[place[3]])


def _set(place: Place, value: float) -> None:
    try:
        thing, name = _target(place)
    except (StopIteration, ValueError):
        return  # deleted in the meantime
    if isinstance(getattr(thing, name), float):
        setattr(thing, name, value)
    else:
        getattr(thing, name)[place[3]] = value
