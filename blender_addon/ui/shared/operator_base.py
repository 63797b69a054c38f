"""The base of all operators: one sentence for the user, a report for support, and never a bare traceback."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

import bpy

from animcore.errors import AnimcoreError

from ... import properties
from ...performance.session import Outcome, session

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    Result = set[OperatorReturnItems]
else:
    Result = set[str]  # modules with properties do not postpone their annotations, and Blender has no such name


class AnimcoreOperator(bpy.types.Operator):
    """Runs `work`; an `AnimcoreError` becomes its sentence in the panel and in the report."""

    bl_options = {"REGISTER", "INTERNAL"}  # noqa: RUF012 (Blender reads a plain set)

    def work(self, context: bpy.types.Context) -> None:
        """Do it.

        Raises:
            AnimcoreError: where it cannot be done.
        """
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> Result:
        """Run, and report an error in one sentence."""
        try:
            self.work(context)
        except AnimcoreError as error:
            return self._fail(str(error), "")
        except Exception as error:
            report = traceback.format_exc()
            sys.stderr.write(report)
            return self._fail(
                f"Unexpected error ({type(error).__name__}: {error}); press Copy Report and report it.", report
            )
        return {"FINISHED"}

    def _fail(self, message: str, report: str) -> Result:
        already_told = session.outcome is not None and session.outcome.message == message
        if not session.jobs.busy and not already_told:
            session.outcome = Outcome(True, message, report=report)
        self.report({"ERROR"}, message)
        return {"CANCELLED"}


class OnCharacter(AnimcoreOperator):
    """An operator that needs a character and supports undo."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a character is chosen."""
        chosen = properties.root(properties.of(context.scene)) is not None
        if not chosen:
            cls.poll_message_set("Choose a character first")
        return chosen
