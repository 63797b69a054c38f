"""What the extension says in other languages, through Blender's own translation of its interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy


def told(sentence: str, values: Mapping[str, Any]) -> str:
    """Return a sentence in the user's language with its values in their places."""
    translated = bpy.app.translations.pgettext_iface(sentence)
    return str(translated).format(**values)
