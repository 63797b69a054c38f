"""Import lines of a batch, and export their edits. Blender reads annotations here: they are not postponed."""

from pathlib import Path
from typing import cast

import bpy

from ... import list_properties, properties
from ...performance import session
from ...takes import batch_folder, batch_lines
from ..shared.operator_base import AnimcoreOperator, OnCharacter, Result

_ARRANGEMENTS = (
    ("TAKES", "Takes", "Takes of the character; the last one plays"),
    ("STRIPS", "Strips", "NLA strips one after another, with their audio"),
    ("SCENES", "Scenes", "A full copy of the scene for each line"),
)


class ANIMCORE_OT_list_batch(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """List the takes in the output folder of a batch."""

    bl_idname = "animcore.list_batch"
    bl_label = "Import Batch"
    bl_description = "List the takes in the output folder of a batch"
    bl_options = {"REGISTER"}  # noqa: RUF012

    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> None:
        """Fill the list."""
        settings = properties.of(context.scene)
        folder = self.directory or settings.batch_folder
        lines = batch_folder.read(Path(bpy.path.abspath(folder)))
        settings.batch_folder = folder
        manager = context.window_manager
        rows = list_properties.lines_of(manager)
        rows.clear()
        for line in lines:
            row = rows.add()
            row.name, row.text, row.quality = line.name, line.text, min(max(line.quality, 0.0), 1.0)
        setattr(manager, list_properties.LINE_INDEX, 0)


class ANIMCORE_OT_import_lines(OnCharacter):  # noqa: N801
    """Key lines of the batch on the character."""

    bl_idname = "animcore.import_lines"
    bl_label = "Import Lines"
    bl_description = "Key the marked lines of the list, or the active one, on the character"

    arrangement: bpy.props.EnumProperty(name="As", items=_ARRANGEMENTS)
    names: bpy.props.StringProperty(
        name="Lines", description="Names of lines, separated by commas; if empty, the marked ones are imported"
    )

    def work(self, context: bpy.types.Context) -> None:
        """Key them."""
        folder = Path(bpy.path.abspath(properties.of(context.scene).batch_folder))
        wanted = _wanted(context.window_manager, self.names)
        lines = [line for line in batch_folder.read(folder) if line.name in wanted]
        made = batch_lines.apply_lines(context.scene, lines, cast(batch_lines.Arrangement, self.arrangement))
        count = len(made)
        told = made[0].message if count == 1 else f"{count} lines were imported."
        session.session.outcome = session.Outcome(False, told, made[-1].notes, take=made[-1])


def _wanted(window: bpy.types.WindowManager, names: str) -> set[str]:
    """The names of the lines that are asked for: those given, those marked, or the active one."""
    if names.strip():
        return {name.strip() for name in names.split(",")}
    rows = list_properties.lines_of(window)
    marked = {row.name for row in rows if row.chosen}
    active = list_properties.line_index_of(window)
    return marked or ({rows[active].name} if 0 <= active < len(rows) else set())


class ANIMCORE_OT_export_edits(OnCharacter):  # noqa: N801
    """Write the manual edits of the active take for the next run of its batch."""

    bl_idname = "animcore.export_edits"
    bl_label = "Export Edits"
    bl_description = "Write the manual edits of the active take beside its line, for the next run of the batch"
    bl_options = {"REGISTER"}  # noqa: RUF012

    def work(self, context: bpy.types.Context) -> None:
        """Write them."""
        path = batch_lines.export_edits(context.scene)
        told = f"The edits are in {path.name}." if path is not None else "There are no edits to export."
        session.session.outcome = session.Outcome(False, told)
