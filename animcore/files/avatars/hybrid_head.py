"""A hybrid head in our own avatar folder (`files.avatar_folder`): mesh, texture that can be painted, Gaussians."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import blendshape_head
from animcore.body_models.parametric_model import OPEN_MODELS, ParametricModel, load_model
from animcore.core.shipped import shipped
from animcore.errors import InputError
from animcore.files.avatars import avatar_folder
from animcore.files.avatars.avatar_folder import Avatar
from animcore.hybrid_head.head_model import HybridHead

SHIPPED = shipped("assets/avatar/curls")

TEXTURE = "texture"
RIDING, HAIR = "riding", "hair"
_STEP = 127.0  # of the bytes that changes of the texture are kept in


def save(head: HybridHead, folder: str | Path, facts: dict[str, Any] | None = None) -> None:
    """Write a head; its texture is `texture.png`.

    Args:
        head: to write.
        folder: is made.
        facts: other entries of `avatar.json`.

    Raises:
        InputError: where it cannot be written.
    """
    folder = Path(folder)
    avatar_folder.save(to_avatar(head, facts or {}), folder)


def load(folder: str | Path, model: str | Path | ParametricModel | None = None) -> HybridHead:
    """Read a head.

    Args:
        folder: that `save` wrote.
        model: the FLAME file that the head was made with; the open head and heads of characters' own need none.

    Raises:
        InputError: where the folder is no head, broken, or the model is another than the head's.
    """
    folder = Path(folder)
    return from_avatar(avatar_folder.with_textures(folder), folder.name, model)


def to_avatar(head: HybridHead, facts: dict[str, Any]) -> Avatar:
    """Arrange a head as an avatar's arrays and textures."""
    rest = head.at(np.zeros(0, np.float32), np.zeros((5, 3), np.float32), np.zeros(3, np.float32))
    arrays: dict[str, NDArray[Any]] = {
        "mesh.vertices": np.asarray(rest.vertices, np.float32),
        "mesh.faces": head.model.faces.astype(np.int32),
        "mesh.uv": head.uv,
        "mesh.uv_faces": head.uv_faces.astype(np.int32),
        "head.shape": head.shape,
        "head.offset": head.offset.astype(np.float32),
    }
    if blendshape_head.is_blendshape_head(head.model):
        arrays |= blendshape_head.to_arrays(head.model)
    if head.drawn is not None:
        arrays["mesh.drawn"] = head.drawn.astype(np.uint8)
    if head.changes is not None and head.mix is not None:
        most = np.maximum(np.abs(head.changes).reshape(len(head.changes), -1).max(1), 1e-6).astype(np.float32)
        arrays["head.changes"] = np.round(head.changes / most[:, None, None, None] * _STEP).astype(np.int8)
        arrays["head.change_sizes"] = most
        arrays["head.mix"] = head.mix
    avatar = Avatar(arrays, {**facts, "basis": head.model.name, "drives": "hybrid head"})
    for name, splats in ((RIDING, head.riding), (HAIR, head.hair)):
        avatar = avatar.with_splats(name, splats) if splats is not None else avatar
    if head.texture is None:
        return avatar
    pixels = np.full((*head.texture.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = np.round(np.clip(head.texture, 0, 1) * 255)
    return Avatar(avatar.arrays, avatar.facts, {TEXTURE: pixels})


def from_avatar(avatar: Avatar, name: str, model: str | Path | ParametricModel | None = None) -> HybridHead:
    """Make a head of an avatar's arrays and textures; arguments and errors as of `load`."""
    arrays = avatar.arrays
    missing = [key for key in ("mesh.uv", "mesh.uv_faces", "head.shape", "head.offset") if key not in arrays]
    if missing:
        raise InputError(f"{name} is not a hybrid head: it has no {missing[0]}.")
    texture = avatar.textures.get(TEXTURE)
    changes = None
    if "head.changes" in arrays:
        sizes = arrays["head.change_sizes"][:, None, None, None]
        changes = arrays["head.changes"].astype(np.float32) / _STEP * sizes
    groups = avatar.groups
    if model is None:
        model = blendshape_head.from_arrays(arrays, str(avatar.facts.get("basis")), name)
    return HybridHead(
        model=_model(avatar.facts.get("basis"), name, model),
        shape=arrays["head.shape"],
        offset=arrays["head.offset"],
        uv=arrays["mesh.uv"],
        uv_faces=arrays["mesh.uv_faces"].astype(np.int64),
        texture=None if texture is None else (texture[..., :3] / np.float32(255)).astype(np.float32),
        changes=changes,
        mix=arrays.get("head.mix"),
        riding=avatar.splats(RIDING) if RIDING in groups else None,
        hair=avatar.splats(HAIR) if HAIR in groups else None,
        drawn=arrays["mesh.drawn"].astype(bool) if "mesh.drawn" in arrays else None,
    )


def _model(basis: Any, name: str, given: str | Path | ParametricModel | None) -> ParametricModel:
    if given is None:
        if basis not in OPEN_MODELS:
            raise InputError(f"{name} was made with {basis}; give the file of that model, it cannot be shipped.")
        given = str(basis)
    model = given if isinstance(given, ParametricModel) else load_model(given)
    if model.name != basis:
        raise InputError(f"{name} was made with {basis}, not with {model.name}; give the file of that model.")
    return model
