"""Preferences: which Python runs the engine. Blender reads the annotations as values, so they are not postponed."""

import bpy

from . import engine


class AnimcorePreferences(bpy.types.AddonPreferences):
    """Settings of the computer, not of a file."""

    bl_idname = __package__

    python: bpy.props.StringProperty(
        name="Other Python",
        description=(
            "A Python with animcore[torch] installed, to use its models and its GPU. "
            "Empty: the engine that this extension carries"
        ),
        subtype="FILE_PATH",
    )
    microphone: bpy.props.StringProperty(
        name="Microphone",
        description="The microphone of Speak Live. Empty: the one that this computer uses",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the preferences."""
        from .runner import session

        column = self.layout.column()
        column.prop(self, "python")
        column.prop(self, "microphone")
        row = column.row()
        row.operator("animcore.check_engine", icon="CHECKMARK")
        row.operator("animcore.copy_report", text="Copy Log", icon="COPYDOWN")
        row.operator("animcore.open_log", icon="TEXT")
        if session.engine_note:
            column.label(text=session.engine_note, translate=False)


def launch() -> engine.Launch:
    """Return how the engine is to be started.

    Raises:
        AddonError: where it is not installed.
    """
    python = bpy.path.abspath(_own("python"))
    return engine.of_python(python) if python else engine.carried()


def microphone() -> str:
    """Return the name of the microphone; empty for the computer's own choice."""
    return _own("microphone")


def _own(name: str) -> str:
    addon = bpy.context.preferences.addons.get(__package__)
    return getattr(addon.preferences, name) if addon is not None else ""
