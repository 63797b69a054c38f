"""The panels in the sidebar of the 3D view, one file each. Drawing reads what is known already and computes nothing."""

from __future__ import annotations

from .deliver import ANIMCORE_PT_deliver
from .direction import ANIMCORE_PT_direction
from .main import ANIMCORE_PT_main

CLASSES = (ANIMCORE_PT_main, ANIMCORE_PT_direction, ANIMCORE_PT_deliver)
