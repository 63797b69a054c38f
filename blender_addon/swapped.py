"""Settings of a scene that are others for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Setting = tuple[Any, str, Any]  # whose, which, and what


class Swapped:
    """Sets settings in their order, and puts back in the same order what they were before."""

    def __init__(self, wanted: Iterable[Setting]) -> None:
        settings = list(wanted)
        self._before = [(owner, name, getattr(owner, name)) for owner, name, _value in settings]
        for owner, name, value in settings:
            setattr(owner, name, value)

    def back(self) -> None:
        """Put them back."""
        for owner, name, value in self._before:  # in the same order: a kind of file resets what belongs to films
            setattr(owner, name, value)
