"""Reports for those who mend: what happened, and whether the engine runs."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import bpy

from ... import preferences
from ...engine.jobs import Job, State
from ...errors import AddonError
from ...performance import session
from ..shared.operator_base import AnimcoreOperator

_LOG = "Animcore Log"


class ANIMCORE_OT_copy_report(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Copy what happened, with versions and the engine's log, to paste it into a message for help."""

    bl_idname = "animcore.copy_report"
    bl_label = "Copy Report"
    bl_description = "Copy what happened, with versions and the engine's log, to paste it into a message for help"

    def work(self, context: bpy.types.Context) -> None:
        """Put the report onto the clipboard."""
        context.window_manager.clipboard = report_text()
        self.report({"INFO"}, "The report is on the clipboard")


class ANIMCORE_OT_open_log(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Put the log of the engine, with versions, into a text block to be read in the Text Editor."""

    bl_idname = "animcore.open_log"
    bl_label = "Open Log"
    bl_description = "Put the log of the engine, with versions, into a text block to be read in the Text Editor"

    def work(self, _context: bpy.types.Context) -> None:
        """Write it, over the one of before."""
        text = bpy.data.texts.get(_LOG) or bpy.data.texts.new(_LOG)
        text.from_string(report_text())
        self.report({"INFO"}, f"The log is the text {text.name!r} in the Text Editor")


class ANIMCORE_OT_clear_cache(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Remove what the engine keeps of voices that it heard; takes stay."""

    bl_idname = "animcore.clear_cache"
    bl_label = "Clear Cache"
    bl_description = "Remove what the engine keeps of voices that it heard; takes stay, the next one listens anew"

    def work(self, _context: bpy.types.Context) -> None:
        """Remove the files, and nothing else that lies in the folder."""
        count = preferences.clear()
        self.report({"INFO"}, f"{count} file{'s' * (count != 1)} removed")


class ANIMCORE_OT_dismiss(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Remove this message."""

    bl_idname = "animcore.dismiss"
    bl_label = "Dismiss"
    bl_description = "Remove this message"

    def work(self, _context: bpy.types.Context) -> None:
        """Forget the outcome."""
        session.session.outcome = None


class ANIMCORE_OT_check_engine(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Start the engine with the Python chosen here and see whether it answers."""

    bl_idname = "animcore.check_engine"
    bl_label = "Check Engine"
    bl_description = "Start the engine with the Python chosen here and see whether it answers"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether the engine is free."""
        return not session.session.jobs.busy

    def work(self, _context: bpy.types.Context) -> None:
        """Ask it what its Python has."""
        session.session.engine_note = "Starting ..."
        session.session.jobs.begin(preferences.launch(), {"do": "about"})
        session.session.finish = _tell
        session.follow()


def _tell(job: Job) -> None:
    failed = job.state is not State.DONE
    session.session.engine_note = job.message if failed else _about(job.answer)
    if failed:
        raise AddonError(job.message)


def _about(answer: Mapping[str, Any]) -> str:
    """Say in one line what the engine's Python has."""
    torch = f"PyTorch {answer['torch']}" if answer.get("torch") else "no PyTorch"
    card = answer.get("gpu") or "no graphics card"
    models = ", ".join(answer.get("models", ())) or "none"
    python = answer.get("python", "?")
    return f"The engine {session.session.jobs.version} answers: Python {python}, {torch}, {card}. Models: {models}."


def report_text() -> str:
    """Everything that helps to find a fault: versions, the last message, its traceback and the engine's log."""
    outcome, engine = session.session.outcome, session.session.jobs.engine
    lines = [
        f"Blender {bpy.app.version_string}, Python {platform.python_version()}, {platform.platform()}",
        f"Engine {session.session.jobs.version or 'not started yet'}",
    ]
    if outcome is not None:
        lines += [outcome.message, *outcome.notes, outcome.report]
    if engine is not None:
        lines += ["Log of the engine:", engine.log]
    return "\n".join(line for line in lines if line)
