"""Custom properties as what they have to be: in a file from elsewhere anything may stand under their names."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

import bpy

Group = TypeVar("Group")

_FASTEST = 100_000  # FPS, more than Blender accepts


def registered(owner: bpy.types.bpy_struct, name: str, _kind: type[Group]) -> Group:
    """Return a property that the extension has registered with Blender's own types, as the class that it points to."""
    found: Group = getattr(owner, name)
    return found


def text(owner: bpy.types.bpy_struct, name: str) -> str:
    """Return a text; empty where there is none."""
    found = owner.get(name)
    return found if isinstance(found, str) else ""


def number(owner: bpy.types.bpy_struct, name: str, otherwise: float) -> float:
    """Return a finite number."""
    found = owner.get(name)
    return float(found) if isinstance(found, (int, float)) and math.isfinite(found) else otherwise


def fields(owner: bpy.types.bpy_struct, name: str) -> dict[str, Any]:
    """Return what a JSON object has; empty where there is none."""
    try:
        found = json.loads(text(owner, name) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def rate(pair: Any) -> Fraction | None:
    """Return a frame rate that is stored as two integers; None where it is none."""
    if isinstance(pair, (str, bytes)):
        return None
    try:
        above, below = (int(part) for part in pair)
        found = Fraction(above, below)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return found if 0 < found <= _FASTEST else None


def wish(owner: bpy.types.bpy_struct, name: str) -> dict[str, Any]:
    """Return what the engine was asked with; what is of another kind than it has to be is left out."""
    found = fields(owner, name)
    right: dict[str, Callable[[Any], bool]] = {
        "audio": lambda value: isinstance(value, str),
        "parts": _recordings,
        "listening_to": _recordings,
        "direction": lambda value: isinstance(value, dict) and isinstance(value.get("seed", 0), int),
        "fps": lambda value: rate(value) is not None,
    }
    return {key: value for key, value in found.items() if key not in right or right[key](value)}


def _recordings(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(part, dict) and isinstance(part.get("audio"), str) for part in value
    )
