"""The objects of a scene that stand for files of Gaussians: which they are, where they are now, what is wrong."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, cast

import bpy

from animcore.errors import AnimcoreError

from ...errors import AddonError
from ..properties import splats_of
from . import file_cache, hybrid_heads, placement
from .placement import Placed

GLOB = "*.ply;*.splat;*.spz;*.sog;*.glb;*.gltf;*.usd;*.usda;*.usdc;*.usdz;*.zip;*.gz"


@dataclass(frozen=True)
class Told:
    """The panel's sentence about an object: how many Gaussians, or the error."""

    text: str
    failed: bool = False


_told: dict[int, Told] = {}


def told(holder: bpy.types.Object) -> Told | None:
    """Return what was known of an object when it was last drawn."""
    return _told.get(holder.session_uid)


def is_holder(thing: bpy.types.Object | None) -> TypeGuard[bpy.types.Object]:
    """Whether an object stands for a file of Gaussians."""
    return thing is not None and bool(splats_of(thing).filepath)


def path_of(holder: bpy.types.Object) -> Path:
    """The file of an object; what begins with // lies beside the file that the object is from.

    Such paths stay as they are when a file is saved elsewhere: then the place where it was added counts.
    """
    library = holder.library
    if holder.override_library is not None and holder.override_library.reference is not None:
        library = holder.override_library.reference.library
    found, added = bpy.path.abspath(splats_of(holder).filepath, library=library), splats_of(holder).added
    kept = Path(os.path.normpath(found))
    return Path(added) if not kept.exists() and Path(added).name == kept.name and Path(added).exists() else kept


def add(context: bpy.types.Context, path: Path, carrier: bpy.types.Object | None) -> bpy.types.Object:
    """Add an object that stands for a file, and make it the active one.

    Args:
        context: of the scene.
        path: a file of Gaussians or an avatar's folder.
        carrier: the mesh that carries them, where they ride on one; a hybrid head brings its own.

    Raises:
        AddonError: where the file cannot be drawn.
    """
    head = hybrid_heads.loaded(path) if hybrid_heads.is_head(path) else None
    cloud = file_cache.of_file(path)
    holder = standing_for(path, context.collection)
    if head is not None:
        carrier = hybrid_heads.add_mesh(head, path, context.collection)
        cast("bpy.types.Object", carrier.parent).parent = holder  # mesh and splats go where the empty goes
    if cloud.is_bound and carrier is not None:
        attach(holder, carrier)
    select(context, holder)
    place(holder, context.evaluated_depsgraph_get())
    return holder


def standing_for(path: Path, collection: bpy.types.Collection) -> bpy.types.Object:
    """Add the object that stands for a file of Gaussians, or for an avatar's folder."""
    holder = bpy.data.objects.new(path.stem, None)
    holder.empty_display_type, holder.empty_display_size = "SPHERE", 0.05
    splats_of(holder).filepath, splats_of(holder).added = kept_path(path), str(path)
    collection.objects.link(holder)
    return holder


def select(context: bpy.types.Context, holder: bpy.types.Object) -> None:
    """Select an object alone, and make it the active one."""
    for other in context.selected_objects:
        other.select_set(False)
    holder.select_set(True)
    context.view_layer.objects.active = holder


def attach(holder: bpy.types.Object, carrier: bpy.types.Object) -> None:
    """Have a mesh carry the Gaussians of an object.

    Raises:
        AddonError: where they stand by themselves, or the object is no mesh.
    """
    if carrier.type != "MESH":
        raise AddonError(f"{carrier.name!r} is not a mesh; choose a mesh to bind the splats to.")
    if not file_cache.of_file(path_of(holder)).is_bound:
        raise AddonError(
            f"The splats of {holder.name!r} are bound to no triangles; to move them with an object, parent them to it."
        )
    splats_of(holder).carrier = carrier


def kept_path(path: Path) -> str:
    """A path as stored in a .blend: relative to a saved one; `paths` sees to one that is not saved yet."""
    return relative(path, str(Path(bpy.data.filepath).parent)) if bpy.data.filepath else str(path)


def relative(path: Path, folder: str) -> str:
    """A path as it is kept in a file of a folder, where that can be said."""
    try:
        return str(bpy.path.relpath(str(path), start=folder))
    except ValueError:  # another drive
        return str(path)


def place(holder: bpy.types.Object, depsgraph: bpy.types.Depsgraph, to_world: Any = None) -> Placed | None:
    """Return the Gaussians of an object as they are now; None where they cannot be drawn, and `told` says why.

    Args:
        holder: the object.
        depsgraph: whose moment it is.
        to_world: where it stands, where that is not its own place: an instance of it.
    """
    try:
        placed = _placed(holder, depsgraph, to_world)
    except file_cache.StillReading as waiting:
        _tell(holder, Told(str(waiting)))
        return None
    except AnimcoreError as error:
        _tell(holder, Told(str(error), failed=True))
        return None
    _tell(holder, Told(_described(placed.cloud)))
    return placed


def all_placed(depsgraph: bpy.types.Depsgraph, space: bpy.types.SpaceView3D | None = None) -> list[Placed]:
    """Return all Gaussians of a scene that are seen.

    Args:
        depsgraph: of the viewport or of the render.
        space: the viewport, where it is one: what its local view leaves out is not there.
    """
    given = ((holder, place(holder, depsgraph, to_world)) for holder, to_world in _shown(depsgraph, space))
    return [placed for _, placed in given if placed is not None]


def problems(depsgraph: bpy.types.Depsgraph, space: bpy.types.SpaceView3D | None = None) -> list[str]:
    """Return what is wrong with those that are seen, a sentence each, as of when they were last drawn."""
    known = [told(holder) for holder, _ in _shown(depsgraph, space)]
    return [one.text for one in known if one is not None and one.failed]


def _shown(
    depsgraph: bpy.types.Depsgraph, space: bpy.types.SpaceView3D | None
) -> Iterator[tuple[bpy.types.Object, Any]]:
    """The objects of a scene that stand for files and are seen, and where each of them or its instances stands."""
    for one in depsgraph.object_instances:
        holder = one.object.original
        if holder.type != "EMPTY" or not is_holder(holder):
            continue
        if space is None or one.is_instance or holder.visible_in_viewport_get(space):
            yield holder, one.matrix_world.copy()


def forget() -> None:
    """Let go of what is known."""
    _told.clear()


def _tell(holder: bpy.types.Object, known: Told) -> None:
    """Store the panel's sentence; where it is new, the panel is redrawn as soon as Blender has time."""
    if _told.get(holder.session_uid) != known:
        _told[holder.session_uid] = known
        in_window = not bpy.app.background and threading.current_thread() is threading.main_thread()
        if in_window:  # a render has a thread of its own, which must leave Blender's timers alone
            bpy.app.timers.register(_redraw_panels)


def _redraw_panels() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if area.type == "VIEW_3D" and region.type == "UI":
                    region.tag_redraw()


def _placed(holder: bpy.types.Object, depsgraph: bpy.types.Depsgraph, to_world: Any) -> Placed:
    cloud = file_cache.of_file(path_of(holder))
    if not cloud.is_bound:
        return placement.standing(cloud, holder.matrix_world if to_world is None else to_world)
    carrier = splats_of(holder).carrier
    if carrier is None:
        raise AddonError(f"The splats of {holder.name!r} are bound to a mesh; choose it under Bound Mesh.")
    if depsgraph.scene.objects.get(carrier.name) is not carrier:
        raise AddonError(
            f"The mesh {carrier.name!r}, to which {holder.name!r} is bound, is no longer in the scene; choose another."
        )
    return placement.carried(cloud, carrier, depsgraph)


def _described(cloud: file_cache.Cloud) -> str:
    said = f"{cloud.held:,} Gaussians."
    if cloud.held > cloud.splats.count:
        said = f"{cloud.held:,} Gaussians in the file; the {cloud.splats.count:,} most visible are drawn."
    return " ".join((said, *cloud.notes))
