"""Our own avatars: a folder with `avatar.json`, `avatar.safetensors` and the textures as PNG that anyone can paint.

The JSON describes the avatar: its kind, the version of this layout, the basis of the head model whose expressions
drive it, units and axes, which arrays there are, and whatever the maker adds. The arrays are numbers alone, so a
folder from anywhere can be opened: nothing in it is run. Gaussians are groups of arrays with a dot in their names:
`hair.means`, `hair.rotations`, `hair.scales`, `hair.opacities`, `hair.harmonics` and, where they are bound to a mesh,
`hair.binding`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import images
from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.origin import Origin, from_text
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.splats.base import Notes, SplatFormat, content
from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import Gaussians, validated
from animcore.gaussians.transforms import concatenated
from animcore.provenance import consent

Arrays = dict[str, NDArray[Any]]

FACTS, ARRAYS = "avatar.json", "avatar.safetensors"
ORIGIN = "provenance"  # in the facts: how the avatar was made, and who agreed to it
VERSION = 1
GROUP = "splats"  # of Gaussians that came alone, out of a file of another kind
_KIND = "animcore avatar"
_PARTS = ("means", "rotations", "scales", "opacities", "harmonics")
_BINDING = "binding"
MESH = ("mesh.vertices", "mesh.faces", "mesh.uv", "mesh.uv_faces")  # (V, 3) at rest, (F, 3), (U, 2), (F, 3)
_LARGEST_FACTS = 1 << 24  # bytes
_KINDS = "fiub"  # of numbers that are kept


@dataclass(frozen=True)
class Avatar:
    """What a folder holds.

    Attributes:
        arrays: numbers by name.
        facts: what else is to be known: texts, numbers, lists and dicts of them, as JSON has them. `basis` names the
            head model whose expressions drive the avatar (`open-head`, `flame2023`), None where nothing does.
        textures: (H, W, 4) red, green, blue and opacity, 0..255, by their file's name without `.png`.
    """

    arrays: Arrays
    facts: dict[str, Any] = field(default_factory=dict)
    textures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups of Gaussians, such as `hair`."""
        return tuple(sorted(name.rpartition(".")[0] for name in self.arrays if name.endswith(".means")))

    def splats(self, group: str) -> Gaussians:
        """Return the Gaussians of a group.

        Raises:
            InputError: where there is no such group, or its arrays do not fit.
        """
        if group not in self.groups:
            raise InputError(f"The avatar has no Gaussians {group!r}; it has {', '.join(self.groups) or 'none'}.")
        missing = [name for name in _PARTS if f"{group}.{name}" not in self.arrays]
        if missing:
            raise InputError(f"The avatar's Gaussians {group!r} have no {missing[0]}; save it again.")
        means, *others = (self.arrays[f"{group}.{name}"] for name in _PARTS)
        rotations, scales, opacities, harmonics = others
        binding = self.arrays.get(f"{group}.{_BINDING}")
        if binding is not None and (binding.dtype.kind not in "iu" or binding.shape != (len(means),)):
            raise InputError(f"The avatar's Gaussians {group!r} have a broken binding; save it again.")
        triangles = None if binding is None else binding.astype(np.int64)
        return validated(Gaussians(means, rotations, scales, opacities, harmonics, triangles), group)

    def with_splats(self, group: str, splats: Gaussians | None) -> Avatar:
        """Return the avatar with other Gaussians in a group, or without that group."""
        kept = {name: values for name, values in self.arrays.items() if name.rpartition(".")[0] != group}
        if splats is not None:
            kept |= {f"{group}.{name}": np.asarray(getattr(splats, name)) for name in _PARTS}
            if splats.binding is not None:
                kept[f"{group}.{_BINDING}"] = splats.binding
        return replace(self, arrays=kept)


def save(avatar: Avatar, folder: str | Path) -> None:
    """Write an avatar into a folder, which is made; textures that it no longer has are left alone.

    Raises:
        InputError: where it cannot be written, or the consent of the person whom it shows has ended.
    """
    folder = Path(folder)
    from safetensors.numpy import save as as_bytes

    consent.check(origin_of(avatar))
    make_folder(folder)
    arrays = {name: np.ascontiguousarray(values) for name, values in avatar.arrays.items()}
    with whole_file(folder / ARRAYS) as temporary:
        temporary.write_bytes(as_bytes(arrays))
    for name, pixels in avatar.textures.items():
        with whole_file(folder / f"{name}.png") as temporary:
            temporary.write_bytes(images.encoded(pixels, "png"))
    facts = {
        **{"basis": None, ORIGIN: Origin().facts(), **avatar.facts},
        "kind": _KIND,
        "version": VERSION,
        "units": {"length": "metres", "angle": "radians", "up": "Y", "forward": "Z"},
        "textures": list(avatar.textures),
        "arrays": {name: {"shape": list(values.shape), "type": str(values.dtype)} for name, values in arrays.items()},
    }
    with whole_file(folder / FACTS) as temporary:  # last, so that a folder is an avatar when it is whole
        temporary.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")


def origin_of(avatar: Avatar) -> Origin:
    """Return how an avatar was made, as far as it is stated."""
    return from_text(json.dumps(avatar.facts.get(ORIGIN)))


def load(folder: str | Path) -> Avatar:
    """Read an avatar; textures are read when they are asked for with `texture`, not here.

    Raises:
        InputError: where the folder is none, of a later version, broken or cut off.
    """
    folder = Path(folder)
    facts = facts_of(folder)
    arrays = _arrays(folder / ARRAYS)
    announced = facts.pop("arrays", {})
    for name, about in announced.items() if isinstance(announced, dict) else ():
        if name not in arrays or list(arrays[name].shape) != about.get("shape"):
            raise InputError(f"{folder / ARRAYS} does not fit its {FACTS}: {name} is another; save the avatar again.")
    for name in ("kind", "version", "units"):
        facts.pop(name, None)
    return Avatar(arrays, facts)


def facts_of(folder: Path) -> dict[str, Any]:
    """Return the contents of `avatar.json`.

    Raises:
        InputError: where there is none, or it is of another kind or a later version.
    """
    path = folder / FACTS
    if not path.is_file():
        raise InputError(f"There is no {FACTS} in {folder}; give the folder of an avatar.")
    data = content(path)
    try:
        facts = json.loads(data.decode("utf-8")) if len(data) <= _LARGEST_FACTS else None
    except BROKEN_FILE as error:
        raise InputError(f"{path} is broken or cut off ({error}); copy the folder again.") from error
    if not isinstance(facts, dict) or facts.get("kind") != _KIND:
        raise InputError(f"{path} does not describe an avatar of Animcore.")
    version = facts.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(f"{path} has version {version!r}; this Animcore reads up to {VERSION}: update it.")
    return facts


def texture(folder: Path, name: str) -> NDArray[np.uint8]:
    """Return (H, W, 4) of a texture, as it is now: painted over by hand or not.

    Raises:
        InputError: where there is none of that name, or it is broken.
    """
    path = folder / f"{name}.png"
    if Path(name).name != name or not path.is_file():
        raise InputError(f"There is no {name}.png in {folder}.")
    return images.decoded(content(path), path.name)


def with_textures(folder: Path) -> Avatar:
    """Return the avatar of a folder with the textures that it names.

    Raises:
        InputError: where something is missing or broken.
    """
    avatar = load(folder)
    names = avatar.facts.get("textures", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{folder / FACTS} is broken: it names no textures; save the avatar again.")
    return replace(avatar, textures={name: texture(folder, name) for name in names})


def _arrays(path: Path) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load as of_bytes

    try:
        found: Arrays = of_bytes(content(path))
    except (SafetensorError, *BROKEN_FILE) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is cut off or damaged ({error}); copy the folder again.") from error
    for name, values in found.items():
        if values.dtype.kind not in _KINDS:
            raise InputError(f"{path} holds {name} as {values.dtype}, which are not numbers.")
    return found


def read(path: Path) -> tuple[Gaussians, Notes]:
    """Read all Gaussians of an avatar; those that ride on its mesh stand where it is at rest.

    Raises:
        InputError: where it has none, or some are bound to a mesh that is not there.
    """
    avatar = load(path)
    if not avatar.groups:
        raise InputError(f"{path.name} has no Gaussians: it is a mesh alone.")
    whole = concatenated([at_rest(avatar, group) for group in avatar.groups])
    if MESH[0] not in avatar.arrays:
        return whole, ()
    return whole, (f"{path.name} is a head at rest: its mesh and what moves it are not among its Gaussians.",)


def at_rest(avatar: Avatar, group: str) -> Gaussians:
    """Return the Gaussians of a group in the world; bound ones only where the avatar has the mesh that carries them.

    Raises:
        InputError: where the mesh is broken, or of another avatar.
    """
    splats = avatar.splats(group)
    if splats.binding is None or not {*MESH[:2]} <= avatar.arrays.keys():
        return splats
    vertices, faces = (avatar.arrays[name] for name in MESH[:2])
    shapes = [values.ndim == 2 and values.shape[1] == 3 for values in (vertices, faces)]
    if not all(shapes) or faces.dtype.kind not in "iu" or not 0 <= faces.min() <= faces.max() < len(vertices):
        raise InputError("The avatar's mesh is broken: its faces do not fit its vertices; save it again.")
    if not 0 <= splats.binding.min() <= splats.binding.max() < len(faces):
        raise InputError(f"The avatar's Gaussians {group!r} are bound to triangles that its mesh does not have.")
    return triangle_binding.to_world(splats, triangle_binding.frames(vertices, faces))


def write(splats: Gaussians, path: Path) -> None:
    """Write Gaussians as an avatar that is nothing else.

    Raises:
        InputError: where it cannot be written.
    """
    save(Avatar({}).with_splats(GROUP, splats), path)


FORMAT = SplatFormat("avatar folder of Animcore", ("",), read, write, upright=True, bound=True)
