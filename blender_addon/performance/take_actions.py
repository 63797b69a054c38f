"""What is asked of a take that is there: to be made again, or to follow the sliders of its polish."""

from __future__ import annotations

import bpy

from animcore.errors import AnimcoreError

from ..errors import AddonError
from ..scene import fcurves
from ..takes import library, polish
from . import session


def run_again(scene: bpy.types.Scene, take: library.Listed, *, another: bool = False) -> None:
    """Ask the engine for a take once more, with what it was asked for then; `another` with the next seed.

    Raises:
        AddonError: where that cannot be made.
    """
    asked = library.settings_of(take)
    if not {"audio", "parts"} & asked.keys() or "direction" not in asked:
        raise AddonError(f"The settings of the take {take.name!r} are not stored in the file; press Generate.")
    if another:
        seeds = [library.settings_of(one).get("direction", {}).get("seed", 0) for one in library.all_takes(scene)]
        asked["direction"] = {**asked["direction"], "seed": max(seeds) + 1}
    start_frame = polish.record_of(take.actions[0], scene).sound_frame
    session.order_again(scene, asked, take.name, start_frame)


def follow_polish(scene: bpy.types.Scene, action: bpy.types.Action) -> None:
    """Write the curves of a take after a slider of its polish was moved; errors are shown in the panel."""
    if fcurves.TAKE not in action:
        return
    ident = fcurves.take_id(action)
    actions = [one for one in bpy.data.actions if fcurves.TAKE in one and fcurves.take_id(one) == ident]
    try:
        done = polish.rewrite(actions, polish.settings_of(action), scene)
    except AnimcoreError as error:
        session.session.outcome = session.Outcome(True, str(error))
        return
    _told[ident] = done


_told: dict[str, polish.Polished] = {}  # what the last rewriting of a take did, for the panel


def told(ident: str) -> polish.Polished | None:
    """Return what the last rewriting of a take did, if it was in this session."""
    return _told.get(ident)
