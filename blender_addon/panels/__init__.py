"""The panels in the sidebar of the 3D view, one file each. Drawing reads what is known already and computes nothing."""

from __future__ import annotations

from .capture import ANIMCORE_PT_capture
from .character import ANIMCORE_PT_character, ANIMCORE_UL_tracks
from .deliver import ANIMCORE_PT_deliver
from .dialogue import ANIMCORE_PT_dialogue, ANIMCORE_UL_cast
from .direction import ANIMCORE_PT_direction
from .doctor import ANIMCORE_PT_doctor
from .main import ANIMCORE_PT_main
from .polish import ANIMCORE_PT_polish
from .splats import ANIMCORE_PT_splats
from .takes import ANIMCORE_PT_takes, ANIMCORE_UL_takes
from .voice import ANIMCORE_PT_voice

CLASSES = (
    ANIMCORE_UL_tracks,
    ANIMCORE_UL_takes,
    ANIMCORE_UL_cast,
    ANIMCORE_PT_main,
    ANIMCORE_PT_character,
    ANIMCORE_PT_voice,
    ANIMCORE_PT_dialogue,
    ANIMCORE_PT_direction,
    ANIMCORE_PT_doctor,
    ANIMCORE_PT_takes,
    ANIMCORE_PT_polish,
    ANIMCORE_PT_splats,
    ANIMCORE_PT_capture,
    ANIMCORE_PT_deliver,
)
