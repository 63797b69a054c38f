"""What the engine was asked to perform, for one character or for several who talk with each other.

It holds session numbers of data-blocks and never references: the user works on while the engine works.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.core.reading import arrays
from animcore.errors import InputError, readable
from animcore.motion import Motion

from ..character import rig_reader
from ..errors import AddonError
from ..scene.stepwise import Steps
from ..takes import keying
from ..voice import analysis

Root = bpy.types.Object | bpy.types.Collection
_TAKE, _MAP, _VALUES = "take{}.npz", "map{}.npz", "values{}.npz"  # the engine's motion, and what it solved for the rig
_TRIES = 5  # of writing keys, between which the user undoes something
_SOUND = "sound{}.wav"  # the sound of a file that Blender would play at another time


@dataclass(frozen=True)
class Role:
    """A character and what it is to perform.

    Attributes:
        root: session number of the object or collection that the character was chosen by.
        name: its name, for messages.
        placement: where the take goes.
    """

    root: int
    name: str
    placement: keying.Placement


@dataclass(frozen=True)
class Order:
    """What was asked for, as it was when the user asked.

    Attributes:
        scene: session number of the scene.
        roles: who performs: one, or all who talk with each other.
        voice: what the voice was chosen by.
        folder: temporary folder for the engine's answer.
    """

    scene: int
    roles: tuple[Role, ...]
    voice: analysis.Choice
    folder: Path

    def drop(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def made(scene: bpy.types.Scene, wanted: Sequence[tuple[Root, keying.Placement]], voice: analysis.Choice) -> Order:
    """Return the order of takes on these characters, with a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="animcore-"))
    roles = tuple(Role(root.session_uid, root.name, placement) for root, placement in wanted)
    return Order(scene.session_uid, roles, voice, folder)


def request(order: Order, characters: Sequence[rig_reader.Character]) -> dict[str, Any]:
    """Return what the engine is asked: to perform for one character, or a dialogue.

    Args:
        order: what was asked for.
        characters: of its roles; the map of one that has to be solved for is written into the folder.
    """
    wishes = [_wish(order, place, character) for place, character in enumerate(characters)]
    return {"do": "generate", **wishes[0]} if len(wishes) == 1 else {"do": "dialogue", "cast": wishes}


def _wish(order: Order, place: int, character: rig_reader.Character) -> dict[str, Any]:
    wish = {**order.roles[place].placement.settings, "out": str(order.folder / _TAKE.format(place))}
    if order.roles[place].placement.audio:
        wish["sound"] = str(order.folder / _SOUND.format(place))
    if character.solved:
        path = order.folder / _MAP.format(place)
        character.map.save(path)
        wish |= {"map": str(path), "values": str(order.folder / _VALUES.format(place))}
    return wish


def write(order: Order, answer: Mapping[str, Any]) -> Steps[list[keying.Take]]:
    """Put the engine's answer onto the characters: all takes, or none. What is undone meanwhile is begun again.

    Raises:
        AddonError: where a character or the scene is gone, or an answer cannot be read; nothing was changed then.
    """
    for _ in range(_TRIES):
        scene = by_uid(bpy.data.scenes, order.scene)
        if scene is None:
            raise AddonError("The scene is no longer in this file; nothing was written.")
        check_scene(scene)
        answers = answer.get("cast", [answer])
        performances = [_performance(order, place, one) for place, one in enumerate(answers)]
        yield 0.0
        with contextlib.suppress(ReferenceError):
            return (yield from keying.apply_all(scene, performances))
    raise AddonError("The character changed again and again while its keys were written; press Generate again.")


def _performance(order: Order, place: int, answer: Mapping[str, Any]) -> keying.Performance:
    role, path = order.roles[place], Path(answer["motion"])
    heard = Path(answer["sound"]) if "sound" in answer else None
    root = root_by_uid(role.root)
    if root is None:
        raise AddonError(f"The character {role.name!r} is no longer in this file; nothing was written.")
    try:
        with readable(f"{path.name} is not what the engine writes", "update the extension"):
            motion, values = Motion.load(path), _values(order.folder / _VALUES.format(place))
    except InputError as error:
        raise AddonError(f"The engine's result cannot be read ({error}); generate again.") from error
    return keying.Performance(rig_reader.read(root), motion, replace(role.placement, heard=heard), values)


def _values(path: Path) -> NDArray[np.float64] | None:
    """(T, K) what the engine solved for the channels of the character; None where there was nothing to solve."""
    if not path.is_file():
        return None
    found: NDArray[np.float64] = arrays(path, ("values",))["values"]
    return found


def check_scene(scene: bpy.types.Scene) -> None:
    """Check that a scene can be changed.

    Raises:
        AddonError: where it is linked.
    """
    if not scene.is_editable:
        raise AddonError(
            f"The scene {scene.name!r} is linked from another file and cannot be changed here; use your own."
        )


def root_by_uid(uid: int) -> Root | None:
    """Return the object or collection of a session number; None where it is gone."""
    result: Root | None = by_uid(bpy.data.objects, uid) or by_uid(bpy.data.collections, uid)
    return result


def by_uid(collection: Any, uid: int) -> Any:
    """Return the data-block of a session number; None where it is gone."""
    return next((block for block in collection if block.session_uid == uid), None)
