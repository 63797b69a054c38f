"""A copy of a scene that renders with settings of its own: the user's scene keeps its settings and its frame.

The copy is runtime data, which Blender never saves, not by itself either. Its objects are those of the scene. A step of
undo that was noted meanwhile brings it back: then it is removed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

from . import handlers

Setting = tuple[Any, str, Any]  # whose, which, and what

_MARK = "animcore_renders"
_COMPOSITOR = "compositing_node_group"  # of a scene since Blender 5.0

_rendering: set[int] = set()  # session numbers of the copies that are needed


def add(scene: bpy.types.Scene, name: str) -> bpy.types.Scene:
    """Return a copy of a scene, at its frame, with a compositor of its own."""
    made = scene.copy()
    made.name, made[_MARK], made.is_runtime_data = name, True, True
    _own_compositor(made, scene)
    _rendering.add(made.session_uid)
    return made


def remove(uid: int) -> None:
    """Remove a copy by its session number; where it is gone already, nothing."""
    _rendering.discard(uid)
    for scene in [one for one in bpy.data.scenes if one.session_uid == uid]:
        _remove(scene)


def render(
    scene: bpy.types.Scene, how: str = "EXEC_DEFAULT", *, animation: bool = False, write_still: bool = False
) -> None:
    """Render a copy, at its own frame: by `scene=` Blender would take that of the scene that the user sees.

    Args:
        scene: the copy.
        how: the execution context, as of any operator.
        animation: all frames of the copy's range.
        write_still: one image, to the copy's output path.
    """
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        bpy.ops.render.render(how, animation=animation, write_still=write_still)


def set_all(wanted: Iterable[Setting]) -> None:
    """Apply settings in order: setting a file format resets the video settings."""
    for owner, name, value in wanted:
        setattr(owner, name, value)


def _own_compositor(made: bpy.types.Scene, scene: bpy.types.Scene) -> None:
    """Have the compositor take the copy's layers: since Blender 5.0 scenes share its nodes, which name the scene."""
    shared: Any = getattr(made, _COMPOSITOR, None)
    if shared is not None:
        group = shared.copy()
        setattr(made, _COMPOSITOR, group)
        group.is_runtime_data = True
        for node in group.nodes:
            if node.type == "R_LAYERS" and node.scene == scene:
                node.scene = made


def _remove(scene: bpy.types.Scene) -> None:
    group = getattr(scene, _COMPOSITOR, None)
    bpy.data.scenes.remove(scene)
    if group is not None and group.is_runtime_data:
        bpy.data.node_groups.remove(group)


@handlers.persistent
def remove_left(*_args: Any) -> None:
    """Remove copies that a file or a step of undo brings back."""
    for scene in [one for one in bpy.data.scenes if _MARK in one and one.session_uid not in _rendering]:
        _remove(scene)


@handlers.persistent
def forget(*_args: Any) -> None:
    """Another file is opened: the copies are gone."""
    _rendering.clear()


_HANDLERS = (("load_pre", forget), ("load_post", remove_left), ("undo_post", remove_left), ("redo_post", remove_left))


def start() -> None:
    """Hook into Blender."""
    handlers.add(_HANDLERS)


def stop() -> None:
    """Unhook."""
    handlers.remove(_HANDLERS)
