"""Presses every button of the installed extension once, in an empty file, and notes how long each held the window.

Runs inside Blender, with the extension installed and nothing of the checkout on any path:

    blender --background --python every_operator.py -- VOICE OUT.json

OUT.json: operator -> `seconds`, `longest` (seconds of the longest block of the main thread) and `cpu` (its processor
time), `said` (the panel's sentence), `notes`, or `skipped` (the button is grey). What operators write lies beside it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np

PACKAGE = "bl_ext.user_default.animcore"
Step = tuple[str, dict[str, Any]]


class Blocks:
    """A clock of the main thread: how long it worked between two waits for the engine."""

    def __init__(self) -> None:
        self.longest, self.cpu = 0.0, 0.0
        self.begin()

    def begin(self) -> None:
        """A block begins."""
        self._began = time.monotonic(), time.thread_time()

    def end(self) -> None:
        """A block ends."""
        self.longest = max(self.longest, time.monotonic() - self._began[0])
        self.cpu = max(self.cpu, time.thread_time() - self._began[1])

    def sleep(self, seconds: float) -> None:
        """Wait, as a window would go on meanwhile."""
        self.end()
        time.sleep(seconds)
        self.begin()


def press(name: str, /, **arguments: Any) -> dict[str, Any]:
    """Press a button and wait for what comes of it."""
    operator, maker = getattr(bpy.ops.animcore, name), import_module(f"{PACKAGE}.performance.session")
    maker.session.outcome = None
    if not operator.poll():
        return {"skipped": "grey"}
    blocks, began, error = Blocks(), time.monotonic(), ""
    maker.time = SimpleNamespace(monotonic=time.monotonic, sleep=blocks.sleep)
    try:
        operator(**arguments)
    except RuntimeError as raised:
        error = str(raised).strip()
    blocks.end()
    outcome = maker.session.outcome
    return {
        "seconds": round(time.monotonic() - began, 3),
        "longest": round(blocks.longest, 3),
        "cpu": round(blocks.cpu, 3),
        "error": error,
        "failed": bool(outcome is not None and outcome.failed),
        "said": outcome.message if outcome is not None else "",
        "notes": list(outcome.notes) if outcome is not None else [],
    }


def steps(voice: Path, folder: Path) -> Iterator[Step]:
    """What is pressed, in order; between two of them the scene is prepared."""
    scene, mine = bpy.context.scene, bpy.context.scene.animcore
    _prepare(scene)
    yield "add_character", {}
    rig = mine.character
    for part in rig.children_recursive:
        part.hide_render = part.data.shape_keys is None if part.type == "MESH" else False
    bpy.context.view_layer.objects.active = rig
    yield "use_selected", {}
    yield from _mapping()
    yield "pick_audio", {"filepath": str(voice)}
    for name in ("check_engine", "inspect", "examine"):
        yield name, {}
    _key().key_blocks["jawOpen"].mute = True
    yield "examine", {}
    yield "mend", {"finding": "muted_shapes"}
    yield "mend_all", {}
    yield "take_from_video", {"filepath": str(voice), "part": "body"}
    yield "generate", {}
    yield "run_again", {"another": True}
    yield from _takes()
    yield from _polish()
    yield from _files(folder)
    yield "emotion_sheet", {}
    yield from _batch(folder / "batch")
    yield from _dialogue(rig)
    yield "match", {}
    yield "forget_match", {}
    yield from _splats(folder)
    mine.character = rig
    scene.animcore_capture.cameras, scene.animcore_capture.faces, scene.animcore_capture.size = 2, 1, 64
    yield "capture_head", {"directory": str(folder / "capture")}
    yield "fit_head", {}
    for name in ("listen", "stop_listening", "cancel", "heed_escape"):  # grey without a window, or without a job
        yield name, {}
    yield "save_profile", {"name": "Mine"}
    for name in ("delete_take", "open_log", "copy_report", "clear_cache", "dismiss"):
        yield name, {}


def _prepare(scene: bpy.types.Scene) -> None:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0.0, -1.2, 1.6), (1.57, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera, scene.render.engine, scene.cycles.samples = camera, "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.cycles.use_denoising, scene.render.use_persistent_data = False, True


def _key() -> bpy.types.Key:
    return next(key for key in bpy.data.shape_keys if "jawOpen" in key.key_blocks)


def _mapping() -> Iterator[Step]:
    yield "list_tracks", {}
    yield "preview_track", {"track": "jawOpen"}
    yield "preview_track", {"track": ""}
    yield "assign_track", {"track": "mouthSmileLeft", "target": "mouthFunnel"}
    yield "mirror_track", {"track": "mouthFrownLeft"}
    yield "forget_corrections", {}


def _takes() -> Iterator[Step]:
    yield "compare_takes", {}
    yield "show_take", {}
    yield "rename_take", {"name": "Second"}
    yield "bake_take", {"target": "NLA"}
    (second,) = [one for one in import_module(f"{PACKAGE}.takes.library").all_takes(bpy.context.scene) if one.on_nla]
    yield "show_take", {"take": second.ident}
    bpy.context.scene.render.fps = 30
    yield "retime", {}
    bpy.context.scene.render.fps = 24
    yield "retime", {}
    for strip in bpy.context.scene.sequence_editor.strips_all:
        strip.select = True
    yield "use_strips", {}
    bpy.context.scene.animcore.voice_from = "FILE"


def _polish() -> Iterator[Step]:
    yield "polish", {"smoothing": 30.0, "keys_per_second": 12.0}
    yield "reset_polish", {}
    yield "mirror_take", {}
    yield "key_viseme", {"viseme": "PP"}
    yield "drop_edits", {}
    yield "show_curves", {}
    yield "bake_take", {"target": "KEYS"}


def _files(folder: Path) -> Iterator[Step]:
    mine = bpy.context.scene.animcore
    yield "pick_folder", {"directory": str(folder / "export")}
    mine.deliver_formats = {item.identifier for item in mine.bl_rna.properties["deliver_formats"].enum_items_static}
    yield "deliver", {}
    yield "film_take", {"filepath": str(folder / "film.mp4")}


def _dialogue(rig: bpy.types.Object) -> Iterator[Step]:
    mine = bpy.context.scene.animcore
    yield "add_part", {}
    yield "add_character", {}
    yield "add_part", {}
    yield "generate_dialogue", {}
    yield "remove_part", {}
    mine.character = rig


def _batch(folder: Path) -> Iterator[Step]:
    """A take as `animcore batch run` leaves it, in Blender and back."""
    folder.mkdir()
    motion = import_module("animcore.motion").Motion
    motion(30, arkit=np.linspace(0, 1, 90 * 52).reshape(90, 52)).save(folder / "line.motion.npz")
    yield "list_batch", {"directory": str(folder)}
    yield "import_lines", {"arrangement": "TAKES"}
    yield "export_edits", {}


def _splats(folder: Path) -> Iterator[Step]:
    yield "add_hybrid_head", {}
    holder = bpy.context.object
    carrier = holder.animcore_splats.carrier
    yield "toggle_carrier", {}
    yield "own_splats", {}
    carrier.select_set(True)
    yield "attach_splats", {}
    yield "render_side_by_side", {"filepath": str(folder / "pair.png")}
    yield "add_splats", {"filepath": holder.animcore_splats.added}


def note(found: dict[str, Any], step: Step, now: dict[str, Any]) -> None:
    """Keep what came of a button; of one that is pressed twice its slower time."""
    name, arguments = step
    if "cpu" in now:
        before = found.get(name, {})
        now = now | {what: max(before.get(what, 0.0), now[what]) for what in ("longest", "cpu")}
    found[name] = now
    sys.stdout.write(f"{name} {arguments} {now}\n")
    sys.stdout.flush()


def finish(found: dict[str, Any], out: Path) -> None:
    """Write what came of all of them."""
    classes = [one for one in import_module(f"{PACKAGE}.ui").CLASSES if issubclass(one, bpy.types.Operator)]
    found["never pressed"] = sorted({one.bl_idname.split(".")[1] for one in classes} - set(found))
    found["engine"] = import_module("animcore").__file__
    out.write_text(json.dumps(found, indent=1), encoding="utf-8")


def without_window(voice: Path, out: Path) -> None:
    """Press everything, one after the other."""
    bpy.ops.wm.read_homefile(use_empty=True)
    found: dict[str, Any] = {}
    for name, arguments in steps(voice, out.parent):
        note(found, (name, arguments), press(name, **arguments))
    finish(found, out)


class InWindow:
    """Presses everything in a window, by a timer that also sees how long the window was held."""

    def __init__(self, voice: Path, out: Path) -> None:
        self._steps, self._out = steps(voice, out.parent), out
        self._found: dict[str, Any] = {}
        self._step: Step | None = None
        self._blocks, self._began, self._quiet, self._error = Blocks(), time.monotonic(), 0, ""

    def __call__(self) -> float | None:
        """Look at the window; press the next button where nothing is under way."""
        self._blocks.end()
        self._quiet = 0 if self._busy() else self._quiet + 1
        if self._quiet < _QUIET:
            self._blocks.begin()
            return _TICK
        if self._step is not None:
            note(self._found, self._step, self._outcome())
        self._step = next(self._steps, None)
        if self._step is None:
            finish(self._found, self._out)
            bpy.ops.wm.quit_blender()
            return None
        self._blocks, self._quiet = Blocks(), 0
        self._press(*self._step)
        return _TICK

    def _press(self, name: str, arguments: dict[str, Any]) -> None:
        import_module(f"{PACKAGE}.performance.session").session.outcome = None
        operator, self._began, self._error = getattr(bpy.ops.animcore, name), time.monotonic(), ""
        window = bpy.context.window_manager.windows[0]
        area = next(one for one in window.screen.areas if one.type == "VIEW_3D")
        region = next(one for one in area.regions if one.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            try:
                if operator.poll():
                    operator(**arguments)
                else:
                    self._error = "grey"
            except RuntimeError as raised:
                self._error = str(raised).strip()

    def _busy(self) -> bool:
        """Whether something is under way."""
        modules = [import_module(f"{PACKAGE}.{name}") for name in _UNDER_WAY]
        session, filming, pair = modules
        reading = import_module(f"{PACKAGE}.splats.scene.file_cache")._readings
        return bool(session.session.jobs.busy or session.session.finish or filming._running or pair._running or reading)

    def _outcome(self) -> dict[str, Any]:
        outcome = import_module(f"{PACKAGE}.performance.session").session.outcome
        return {
            "seconds": round(time.monotonic() - self._began, 3),
            "longest": round(self._blocks.longest, 3),
            "cpu": round(self._blocks.cpu, 3),
            "error": self._error,
            "failed": bool(outcome is not None and outcome.failed),
            "said": outcome.message if outcome is not None else "",
        }


_UNDER_WAY = ("performance.session", "performance.video_render", "splats.render.side_by_side")
_TICK, _QUIET = 0.02, 20  # seconds between two looks at the window, and looks at a quiet one before the next button


if __name__ == "__main__":
    voice_path, out_path = map(Path, sys.argv[-2:])
    if bpy.app.background:
        without_window(voice_path, out_path)
    else:
        bpy.context.preferences.view.show_splash = False
        for thing in list(bpy.data.objects):
            bpy.data.objects.remove(thing)
        bpy.app.timers.register(InWindow(voice_path, out_path), first_interval=3.0, persistent=True)
