"""A take from a video: the engine tracks the person in it, and the character does what it did."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import properties
from ..engine.jobs import Job
from ..errors import AddonError
from ..scene.frame_rates import exact_rate
from ..takes import keying
from ..voice import analysis
from . import session

PARTS = ("face", "body", "both")  # what of a person is tracked


def disabled_reason(scene: bpy.types.Scene) -> str:
    """Return why no video can be tracked now, in one sentence; empty when one can."""
    settings = properties.of(scene)
    if session.session.jobs.busy:
        return "The engine is busy; wait for it or cancel it first"
    if properties.root(settings) is None:
        return "Choose a character first, or add the default one"
    return session.character_seen(settings).problem


def order(scene: bpy.types.Scene, film: Path, part: str) -> Job:
    """Request a take of what the person in a video does.

    Args:
        scene: where it is written, from its start frame on.
        film: one person, in one shot.
        part: face, body or both.

    Raises:
        AddonError: where it cannot be made: what is wrong and what to do.
    """
    if not film.is_file():
        raise AddonError(f"There is no file {film}; choose a video.")
    settings = properties.of(scene)
    rate = exact_rate(scene.render.fps, scene.render.fps_base)
    asked = {"audio": str(film), "film": part, "direction": {}, "fps": [rate.numerator, rate.denominator]}
    placement = keying.Placement(settings.start_frame, film.stem, "", asked)
    return session.begin(scene, [(properties.root(settings), placement)], analysis.of_file("", 0, 0))
