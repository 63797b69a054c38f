"""What the names and shapes of a rig mean, and how weights become its own; called, it is `ac.retarget(motion, rig)`.

Needs numpy alone: Blender runs it too.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """The public function has this package's name, which importing any module of it gives back to the package."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from animcore.retarget.named_rigs import retarget

        return retarget(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
