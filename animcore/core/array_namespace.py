"""One text for numpy and torch: arrays of one kind go in, and the functions of that kind are called."""

from __future__ import annotations

import sys
from typing import Any

Array = Any  # a numpy array or a torch tensor


def namespace(array: Array) -> Any:
    """Return the module that an array is of: numpy or torch."""
    return sys.modules[type(array).__module__.partition(".")[0]]


def alike(values: Any, array: Array) -> Array:
    """Return values as an array of the kind, the type and the device of another; tensors keep their history."""
    xp = namespace(array)
    if hasattr(xp, "as_tensor"):
        return xp.as_tensor(values, dtype=array.dtype, device=array.device)
    return xp.asarray(values, array.dtype)
