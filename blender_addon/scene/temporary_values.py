"""Values on a character by where they are: set for a while, put back, and never saved.

While they stand, a save by the user takes them off and puts them on again (`start` hooks that in). Blender calls no
one when it saves by itself, when it quits and when it notes a step of undo; for these a note of what was there before
stands on the data-block itself, and whoever opens such a file, or goes back to such a step, gets that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

import bpy

from . import handlers
from .fcurves import Channel

Place = tuple[str, int, str, int]  # collection and session number of the data-block, path, index

NOTE = "animcore_before"  # on a data-block: path, index and value of what stood there, as JSON
# what a note raises that somebody else has written
_FOREIGN = (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError)
_KINDS = ("objects", "shape_keys")


class Standing(Protocol):
    """What is on the user's data for a while."""

    def off(self) -> None:
        """Take it off, for it to be put on again."""

    def on(self) -> None:
        """Put it on again."""


_standing: list[Standing] = []


def add(one: Standing) -> None:
    """Have something be off whenever Blender saves."""
    if one not in _standing:
        _standing.append(one)


def discard(one: Standing) -> None:
    """Something is off for good."""
    if one in _standing:
        _standing.remove(one)


def of(owner: bpy.types.ID, channel: Channel) -> Place:
    """Return where a channel of an object or of shape keys sets its values."""
    kind = "objects" if isinstance(owner, bpy.types.Object) else "shape_keys"
    return kind, owner.session_uid, channel.path, channel.index


class Shown:
    """Values that stand on a character for a while; what was there before is remembered."""

    def __init__(self) -> None:
        self._before: dict[Place, float] = {}
        self._now: dict[Place, float] = {}

    @property
    def places(self) -> tuple[Place, ...]:
        """Where values stand."""
        return tuple(self._before)

    def remember(self, places: Iterable[Place]) -> None:
        """Keep what is there now, where it is not kept already."""
        new = [place for place in places if place not in self._before]
        if new:
            self._before |= {place: _value(place) for place in new}
            _note(self._before)
            add(self)

    def show(self, values: dict[Place, float]) -> None:
        """Set values; what was shown before and is not among them goes back."""
        self.remember(values)
        for place, value in {**self._before, **values}.items():
            _set(place, value)

    def off(self) -> None:
        """Put everything back for a while."""
        self._now = {}
        for place, value in self._before.items():
            with suppress(StopIteration, ValueError):  # deleted in the meantime
                self._now[place] = _value(place)
                _set(place, value)
        _forget_note(self._before)

    def on(self) -> None:
        """Set again what stood there when it was taken off."""
        for place, value in self._now.items():
            _set(place, value)
        _note(self._before)

    def back(self) -> None:
        """Put everything back; what was deleted in the meantime is passed over."""
        self.off()
        self.forget()

    def forget(self) -> None:
        """Know nothing of it any more, as where another file is opened."""
        self._before.clear()
        discard(self)


def target(place: Place) -> tuple[Any, str]:
    """Return the thing whose property a place names, and the property.

    Raises:
        StopIteration, ValueError: where it was deleted.
    """
    thing, _, name = place[2].rpartition(".")
    return _owner(place).path_resolve(thing), name


def _owner(place: Place) -> bpy.types.ID:
    result: bpy.types.ID = next(block for block in getattr(bpy.data, place[0]) if block.session_uid == place[1])
    return result


def _value(place: Place) -> float:
    thing, name = target(place)
    value = getattr(thing, name)
    return value if isinstance(value, float) else float(value[place[3]])


def _set(place: Place, value: float) -> None:
    try:
        thing, name = target(place)
    except (StopIteration, ValueError):
        return  # deleted in the meantime
    if isinstance(getattr(thing, name), float):
        setattr(thing, name, value)
    else:
        getattr(thing, name)[place[3]] = value


def _note(before: dict[Place, float]) -> None:
    """Note on each data-block what was there before."""
    for kind, uid in dict.fromkeys(place[:2] for place in before):
        with suppress(StopIteration):
            owner = _owner((kind, uid, "", 0))
            if owner.library is None:  # what is linked is not saved here
                values = [(*place[2:], value) for place, value in before.items() if place[:2] == (kind, uid)]
                owner[NOTE] = json.dumps(values)


def _forget_note(before: dict[Place, float]) -> None:
    for kind, uid in dict.fromkeys(place[:2] for place in before):
        with suppress(StopIteration, KeyError):
            owner = _owner((kind, uid, "", 0))
            if owner.library is None:
                del owner[NOTE]


@handlers.persistent
def take_off(*_args: Any) -> None:
    """Blender is about to save."""
    for one in _standing[::-1]:
        one.off()


@handlers.persistent
def put_on(*_args: Any) -> None:
    """Blender has saved, or could not."""
    for one in _standing[:]:
        one.on()


@handlers.persistent
def forget(*_args: Any) -> None:
    """Another file is opened: what stood in the old one is gone with it."""
    _standing.clear()


@handlers.persistent
def heal(*_args: Any) -> None:
    """Put back what a file or a step of undo has of values that stood there for a while."""
    owned = {place[:2] for one in _standing if isinstance(one, Shown) for place in one.places}
    for kind in _KINDS:
        for owner in getattr(bpy.data, kind):
            if NOTE in owner and owner.library is None and (kind, owner.session_uid) not in owned:
                with suppress(*_FOREIGN):
                    for path, index, value in json.loads(owner[NOTE]):
                        _set((kind, owner.session_uid, str(path), int(index)), float(value))
                del owner[NOTE]


_HANDLERS = (
    ("save_pre", take_off), ("save_post", put_on), ("save_post_fail", put_on), ("load_pre", forget),
    ("load_post", heal), ("load_post_fail", heal), ("undo_post", heal), ("redo_post", heal),
)  # fmt: skip


def start() -> None:
    """Hook into Blender."""
    handlers.add(_HANDLERS)


def stop() -> None:
    """Unhook; who has something standing takes it off."""
    handlers.remove(_HANDLERS)
    _standing.clear()
