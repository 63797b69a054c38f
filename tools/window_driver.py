"""Runs inside the Blender of tools/window_session.py: prepares the window, and tells the session what it sees.

The session clicks; this script only does what a click cannot do at a known place: it opens the sidebar, turns the view
to the face and chooses files. It takes orders from the file `order` of its folder and answers by the file
`state.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bpy
from mathutils import Quaternion

FOLDER = Path(sys.argv[-1])
EXTENSION = "bl_ext.user_default.animcore"


def main() -> None:
    """Hook into Blender."""
    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(_tick, first_interval=1.0, persistent=True)


def _tick() -> float:
    order_file = FOLDER / "order"
    answer = ""
    if order_file.is_file():
        name, _, argument = order_file.read_text(encoding="utf-8").partition(" ")
        order_file.unlink()
        answer = str(ORDERS[name](argument))
        _view()[1].tag_redraw()
    _tell(answer)
    return 0.2


def _tell(answer: str) -> None:
    from importlib import import_module

    session = import_module(f"{EXTENSION}.performance.session").session
    moved = import_module(f"{EXTENSION}.performance.live_session").stage()
    outcome = session.outcome
    character = bpy.context.scene.animcore.character
    state = {
        "answer": answer,
        "level": moved.level if moved else 0.0,
        "busy": session.jobs.busy,
        "fraction": session.jobs.current.fraction if session.jobs.current else 0.0,
        "failed": outcome.failed if outcome else None,
        "message": outcome.message if outcome else None,
        "notes": list(outcome.notes) if outcome else [],
        "character": character.name if character else None,
        "keyed": sum(1 for key in bpy.data.shape_keys if key.animation_data and key.animation_data.action),
        "strips": len(bpy.context.scene.sequence_editor.strips) if bpy.context.scene.sequence_editor else 0,
        "frame": bpy.context.scene.frame_current,
    }
    part = FOLDER / "state.part"
    part.write_text(json.dumps(state), encoding="utf-8")
    part.replace(FOLDER / "state.json")


def _view() -> tuple[bpy.types.Window, bpy.types.Area]:
    window = bpy.context.window_manager.windows[0]
    return window, next(area for area in window.screen.areas if area.type == "VIEW_3D")


def _open_sidebar(_argument: str) -> str:
    """Empty the scene, and show our tab of the sidebar."""
    for each in list(bpy.data.objects):
        bpy.data.objects.remove(each)
    _, area = _view()
    area.spaces.active.show_region_ui = True
    region = next(region for region in area.regions if region.type == "UI")
    area.tag_redraw()
    try:
        region.active_panel_category = "Animcore"
    except AttributeError:  # it cannot be set before the sidebar was drawn once
        return "not yet"
    return region.active_panel_category


def _look_at_face(_argument: str) -> str:
    """Turn the view to the head of the character, from the front."""
    _, area = _view()
    rig = bpy.context.scene.animcore.character
    view = area.spaces.active.region_3d
    view.view_perspective = "PERSP"
    view.view_rotation = Quaternion((0.7071, 0.7071, 0.0, 0.0))
    view.view_location = rig.matrix_world @ rig.data.bones["head"].tail_local
    view.view_location.z -= 0.05
    view.view_distance = 0.75
    area.spaces.active.shading.type = "SOLID"  # EEVEE's shaders take minutes to compile without a graphics card
    area.spaces.active.shading.color_type = "TEXTURE"
    area.spaces.active.overlay.show_bones = False
    return "looking"


def _voice(path: str) -> str:
    bpy.context.scene.animcore.audio = path
    return path


def _save(_argument: str) -> str:
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "shot.blend"))
    return "saved"


def _frame(number: str) -> str:
    bpy.context.scene.frame_set(int(number))
    return number


ORDERS = {"open": _open_sidebar, "look": _look_at_face, "voice": _voice, "frame": _frame, "save": _save}

main()
