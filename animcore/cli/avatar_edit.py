"""`animcore avatar edit`: colours, holes, hair and textures of avatars and of files of Gaussians."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import images
from animcore.errors import InputError
from animcore.files.avatars import avatar_folder, open_any_splats
from animcore.files.avatars.avatar_folder import GROUP, MESH, Avatar
from animcore.files.splats.base import content
from animcore.gaussians import editing
from animcore.gaussians.gaussians import Gaussians
from animcore.gaussians.transforms import concatenated
from animcore.provenance import consent

HAIR, TEXTURE = "hair", "texture"
_WHOLE = np.array([0.2126, 0.7152, 0.0722])  # how light red, green and blue of a mask are


def register(actions: Any) -> None:
    """Add the action to the others."""
    parser = actions.add_parser("edit", help="recolour, cut, swap hair or paint")
    edits = parser.add_subparsers(title="edits", required=True, metavar="EDIT")

    recolour = edits.add_parser("recolour", help="recolour all Gaussians or a region")
    _add_files(recolour)
    _add_region(recolour)
    recolour.add_argument(
        "--hue", type=float, default=0.0, metavar="DEGREES", help="hue shift in degrees: 120 makes red green"
    )
    recolour.add_argument("--saturation", type=float, default=1.0, help="saturation factor, 0 is grey (default: 1)")
    recolour.add_argument("--lightness", type=float, default=1.0, help="lightness factor (default: 1)")
    recolour.set_defaults(command=_report_out_of_memory(_recolour))

    cut = edits.add_parser("cut", help="delete the Gaussians of a region")
    _add_files(cut)
    _add_region(cut)
    cut.set_defaults(command=_report_out_of_memory(_cut))

    swap = edits.add_parser("swap-hair", help="transfer the hair of one avatar to another")
    swap.add_argument("source", type=Path, metavar="IN", help="avatar that receives the hair")
    swap.add_argument("donor", type=Path, metavar="DONOR", help="avatar that the hair comes from")
    swap.add_argument("target", type=Path, metavar="OUT", help="output folder")
    swap.set_defaults(command=_report_out_of_memory(_swap))

    paint = edits.add_parser("paint", help="replace the texture of an avatar by a painted image")
    paint.add_argument("source", type=Path, metavar="IN", help="avatar")
    paint.add_argument("picture", type=Path, metavar="PICTURE", help="PNG with the same UV layout")
    paint.add_argument("target", type=Path, metavar="OUT", help="output folder")
    paint.set_defaults(command=_report_out_of_memory(_paint))


def _report_out_of_memory(command: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Report in a sentence that memory ran out, wherever it does."""

    def run(options: argparse.Namespace) -> int:
        with open_any_splats.enough_memory(options.source):
            return command(options)

    return run


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="IN", help="avatar folder or file of Gaussians")
    parser.add_argument("target", type=Path, metavar="OUT", help="output; its suffix is the format")


def _add_region(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--part", help="group of Gaussians of an avatar, such as hair")
    parser.add_argument("--box", nargs=6, type=float, metavar=("X", "Y", "Z", "X2", "Y2", "Z2"), help="metres, Y up")
    parser.add_argument("--sphere", nargs=4, type=float, metavar=("X", "Y", "Z", "R"), help="metres, Y up")
    parser.add_argument(
        "--mask", type=Path, metavar="PNG", help="image in the avatar's UV layout, white where it applies"
    )


def _recolour(options: argparse.Namespace) -> int:
    def change(splats: Gaussians, chosen: NDArray[np.bool_]) -> Gaussians:
        hue = np.radians(options.hue)
        return editing.recolour(splats, chosen, hue, options.saturation, options.lightness)

    return _edit(options, change)


def _cut(options: argparse.Namespace) -> int:
    if not (options.box or options.sphere or options.mask or options.part):
        raise InputError("Choose what to cut: --part, --box, --sphere or --mask.")
    return _edit(options, editing.cut)


def _edit(options: argparse.Namespace, change: Any) -> int:
    """Change the chosen Gaussians of each part and write the whole."""
    open_any_splats.check_target(options.target)
    avatar = open_avatar(options.source)
    parts = [options.part] if options.part else avatar.groups
    touched = 0
    for group in parts:
        splats = avatar.splats(group)
        chosen = region(avatar, group, options.box, options.sphere, options.mask)
        touched += int(chosen.sum())
        after = change(splats, chosen)
        avatar = avatar.with_splats(group, after if after.count else None)
    if not touched:
        raise InputError(f"No Gaussian of {options.source.name} lies in that region, so nothing was written.")
    _save(avatar, options.target)
    print(f"{options.target}: {touched:,} Gaussians changed")
    return 0


def region(
    avatar: Avatar, group: str, box: Sequence[float] | None, sphere: Sequence[float] | None, mask: Path | None
) -> NDArray[np.bool_]:
    """Return (N,) which Gaussians of a group lie in all regions that are given; all where none is.

    Args:
        avatar: whose Gaussians they are.
        group: of them.
        box: x, y, z of two corners, metres.
        sphere: x, y, z of the centre and the radius, metres.
        mask: an image over the texture coordinates of the avatar's mesh.

    Raises:
        InputError: where a part of the face is selected and there is no mesh to find it, or the image is broken.
    """
    splats = avatar_folder.at_rest(avatar, group)
    chosen = np.ones(splats.count, bool)
    if splats.binding is not None and (box or sphere):
        raise InputError(
            f"The Gaussians of {group} are bound to a mesh that is not at hand, so it is not known where they are; "
            "give the avatar's folder."
        )
    if box:
        chosen &= editing.in_box(splats.means, np.array(box[:3]), np.array(box[3:]))
    if sphere:
        chosen &= editing.in_sphere(splats.means, np.array(sphere[:3]), sphere[3])
    if mask:
        chosen &= _under(avatar, group, splats, mask)
    return chosen


def _under(avatar: Avatar, group: str, splats: Gaussians, mask: Path) -> NDArray[np.bool_]:
    missing = [name for name in MESH if name not in avatar.arrays]
    if missing:
        raise InputError(f"A mask is painted over a mesh's texture, and there is none here (no {missing[0]}).")
    vertices, faces, uv, uv_faces = (avatar.arrays[name] for name in MESH)
    if uv_faces.shape != faces.shape or not 0 <= uv_faces.min() <= uv_faces.max() < len(uv):
        raise InputError("The avatar's texture coordinates do not fit its mesh; save it again.")
    triangles = avatar.splats(group).binding
    if triangles is None:
        triangles = editing.nearest_triangles(splats.means, vertices, faces)
    places = editing.texture_coordinates(splats.means, triangles, vertices, faces, uv, uv_faces)
    pixels = images.decoded(content(mask), mask.name)
    return editing.under_mask(places, pixels[..., :3] @ _WHOLE * (pixels[..., 3] / 255))


def _swap(options: argparse.Namespace) -> int:
    mine, hers = avatar_folder.with_textures(options.source), avatar_folder.load(options.donor)
    models = {avatar.facts.get("basis") for avatar in (mine, hers)} - {None}
    if len(models) > 1:
        names = " and ".join(sorted(map(str, models)))
        raise InputError(f"The heads are of {names}: hair goes between heads of one model alone.")
    consent.check(avatar_folder.origin_of(hers))
    hair = hers.splats(HAIR)
    if hair.binding is None:
        absent = [
            path for path, avatar in ((options.source, mine), (options.donor, hers)) if MESH[0] not in avatar.arrays
        ]
        if absent:
            raise InputError(f"{absent[0].name} has no mesh, so it is not known how hair lies on it.")
        hair = editing.transplant_hair(hair, hers.arrays[MESH[0]], mine.arrays[MESH[0]])
    _save(mine.with_splats(HAIR, hair), options.target)
    print(f"{options.target}: {hair.count:,} Gaussians of hair from {options.donor.name}")
    return 0


def _paint(options: argparse.Namespace) -> int:
    avatar = avatar_folder.with_textures(options.source)
    old = avatar.textures.get(TEXTURE)
    if old is None:
        raise InputError(f"{options.source.name} has no texture that could be painted.")
    pixels = images.decoded(content(options.picture), options.picture.name)
    if pixels.shape[0] * old.shape[1] != pixels.shape[1] * old.shape[0]:
        raise InputError(
            f"{options.picture.name} is {pixels.shape[1]} x {pixels.shape[0]}, which is not of the size of the "
            f"texture ({old.shape[1]} x {old.shape[0]}); paint over {TEXTURE}.png."
        )
    _save(replace(avatar, textures=avatar.textures | {TEXTURE: pixels}), options.target)
    print(f"{options.target}: painted, {pixels.shape[1]} x {pixels.shape[0]}")
    return 0


def open_avatar(path: Path) -> Avatar:
    """Return the avatar of a folder, or of a file of Gaussians one that is nothing else.

    Raises:
        InputError: where it cannot be read.
    """
    if path.is_dir():
        return avatar_folder.with_textures(path)
    return Avatar({}).with_splats(GROUP, open_any_splats.load(path).splats)


def _save(avatar: Avatar, path: Path) -> None:
    """Write an avatar into a folder, or its Gaussians at rest into a file."""
    if not path.suffix:
        avatar_folder.save(avatar, path)
        return
    if not avatar.groups:
        raise InputError(f"No Gaussians are left, so {path.name} was not written.")
    splats = concatenated([avatar_folder.at_rest(avatar, group) for group in avatar.groups])
    open_any_splats.save(splats, path, origin=avatar_folder.origin_of(avatar))
