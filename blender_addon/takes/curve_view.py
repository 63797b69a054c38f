"""A view of the curves of some regions: the graph editor with nothing else in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import bpy

from ..errors import AddonError
from ..scene import fcurves
from . import polish
from .library import Listed

_SHARE = 0.4  # of the view's height that a new graph editor takes


def choose(scene: bpy.types.Scene, take: Listed, regions: Collection[str]) -> int:
    """Show and select the curves of some regions of a take, hide the others; returns how many are shown.

    Raises:
        AddonError: where the take has none there.
    """
    shown = 0
    for action in take.actions:
        kept = polish.record_of(action, scene)
        wanted = {(curve.path, curve.index) for curve in kept.curves if curve.region in regions}
        for curve in fcurves.curves_of(action):
            chosen = (curve.data_path, curve.array_index) in wanted and not _is_still(curve)
            curve.hide, curve.select = not chosen, chosen
            shown += chosen
    if not shown:
        raise AddonError(f"The take has no moving curves of {', '.join(sorted(regions))}.")
    return shown


def show(context: bpy.types.Context, take: Listed, regions: Collection[str]) -> None:
    """Show these curves in a graph editor: one that is open, or a new one below the 3D view.

    Raises:
        AddonError: where the take has none there.
    """
    choose(context.scene, take, regions)
    window = context.window
    if window is None or bpy.app.background:
        return
    area = _graph_editor(context, window)
    if area is None:
        return
    space = cast("bpy.types.SpaceGraphEditor", area.spaces.active)
    space.mode = "FCURVES"
    cast("bpy.types.DopeSheet", space.dopesheet).show_only_selected = False
    region = next(one for one in area.regions if one.type == "WINDOW")
    with context.temp_override(window=window, area=area, region=region):
        bpy.ops.graph.view_all()


def _is_still(curve: bpy.types.FCurve) -> bool:
    values = fcurves.points(curve)[:, 1]
    return not len(values) or float(values.max() - values.min()) < 1e-4


def _graph_editor(context: bpy.types.Context, window: bpy.types.Window) -> bpy.types.Area | None:
    """The graph editor of the window; where there is none, one below its largest 3D view."""
    areas = list(window.screen.areas)
    found = next((area for area in areas if area.type == "GRAPH_EDITOR"), None)
    views = [area for area in areas if area.type == "VIEW_3D"]
    if found is not None or not views:
        return found
    view = max(views, key=lambda area: area.width * area.height)
    with context.temp_override(window=window, area=view):
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=_SHARE)
    new = [area for area in window.screen.areas if area not in areas]
    if new:
        lower = min((view, *new), key=lambda area: area.y)
        lower.type = "GRAPH_EDITOR"
        return lower
    return None
