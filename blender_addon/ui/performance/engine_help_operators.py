"""Reports for support: what happened, and whether the engine runs."""

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
    """Copy the last message, the versions and the engine's log for a bug report."""

    bl_idname = "animcore.copy_report"
    bl_label = "Copy Report"
    bl_description = "Copy the last message, the versions and the engine's log for a bug report"

    def work(self, context: bpy.types.Context) -> None:
        """Put the report onto the clipboard."""
        context.window_manager.clipboard = report_text()
        self.report({"INFO"}, "The report is on the clipboard")


class ANIMCORE_OT_open_log(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Write versions and the engine's log to a text data-block for the Text Editor."""

    bl_idname = "animcore.open_log"
    bl_label = "Open Log"
    bl_description = "Write versions and the engine's log to a text data-block for the Text Editor"

    def work(self, _context: bpy.types.Context) -> None:
        """Write it, over the one of before."""
        text = bpy.data.texts.get(_LOG) or bpy.data.texts.new(_LOG)
        text.from_string(report_text())
        self.report({"INFO"}, f"The log is the text {text.name!r} in the Text Editor")


class ANIMCORE_OT_clear_cache(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Delete the cached audio features; takes are not affected."""

    bl_idname = "animcore.clear_cache"
    bl_label = "Clear Cache"
    bl_description = "Delete the cached audio features; takes are not affected"

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
    """Start the engine with the chosen Python and report its version, GPU and models."""

    bl_idname = "animcore.check_engine"
    bl_label = "Check Engine"
    bl_description = "Start the engine with the chosen Python and report its version, GPU and models"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether the engine is free."""
        return not session.session.jobs.busy

    def work(self, _context: bpy.types.Context) -> None:
        """Request the versions and models of its Python."""
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
    """Describe the engine's Python in one line."""
    torch = f"PyTorch {answer['torch']}" if answer.get("torch") else "no PyTorch"
    gpu = answer.get("gpu") or "no GPU"
    models = ", ".join(answer.get("models", ())) or "none"
    python = answer.get("python", "?")
    return f"Engine {session.session.jobs.version} is ready: Python {python}, {torch}, {gpu}. Models: {models}."


def report_text() -> str:
    """Versions, the last message, its traceback and the engine's log."""
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
