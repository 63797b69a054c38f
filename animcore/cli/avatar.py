"""`animcore avatar`: files of Gaussians and avatars, convert between formats, and list contents."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from animcore.body_models.parametric_model import load_model
from animcore.cli import avatar_edit, avatar_fit, avatar_from_video
from animcore.cli.arguments import add_command
from animcore.core.origin import from_text
from animcore.errors import InputError
from animcore.files.avatars import avatar_folder, gaussian_avatars, hybrid_head, open_any_splats
from animcore.gaussians.gaussians import Gaussians
from animcore.provenance import embedding

_EXAMPLES = """examples:
  animcore avatar info head.ply
  animcore avatar convert head.ply head.spz
  animcore avatar convert garden.ply garden.glb --y-down     (a PLY from COLMAP: Y down)
  animcore avatar edit recolour head red --part hair --hue 20
  animcore avatar edit cut head.ply clean.ply --sphere 0 1.6 0 0.05
  animcore avatar edit swap-hair mine hers mine_with_her_hair
  animcore avatar edit paint head painted.png head_painted
  animcore avatar fit capture --out runs/me              (cameras all around; see docs/vfx/hybrid_head.md)
  animcore avatar from-video clip.mp4 me                 (a video of a talking head; see docs/vfx/from_video.md)

A folder is an avatar of Animcore; see docs/vfx/splats.md."""


def register(commands: Any) -> None:
    """Add the command to the others."""
    parser = add_command(
        commands,
        "avatar",
        "open, convert and edit heads of Gaussians",
        _EXAMPLES,
        "Read, write and edit Gaussians in all common formats, and avatars of mesh and Gaussians.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    for add in (_add_convert, _add_info, avatar_edit.register, avatar_fit.register, avatar_from_video.register):
        add(actions)


def say(notes: Iterable[str]) -> None:
    """Print what was noticed."""
    for note in notes:
        print(f"note: {note}")


def add_y_down(parser: argparse.ArgumentParser) -> None:
    """Add the option for files that do not state their axes."""
    parser.add_argument(
        "--y-down",
        action="store_true",
        help="the input has Y down, as from COLMAP (PLY, .splat and SOG do not state their axes)",
    )


def _add_convert(actions: Any) -> None:
    kinds = ", ".join(form.suffixes[0] or "a folder" for form in open_any_splats.FORMATS.values())
    parser = actions.add_parser("convert", help=f"write Gaussians in another format: {kinds}")
    parser.add_argument("source", type=Path, metavar="IN", help="file or avatar folder")
    parser.add_argument(
        "target",
        type=Path,
        metavar="OUT",
        help="output file; its suffix is the format, without one it is an avatar folder",
    )
    add_y_down(parser)
    parser.add_argument(
        "--model", metavar="FILE", help="FLAME file of an avatar of GaussianAvatars: OUT becomes a head to animate"
    )
    parser.add_argument(
        "--degree",
        type=int,
        choices=range(4),
        help="highest SH degree to keep: smaller files, less view-dependent colour",
    )
    parser.set_defaults(command=_convert)


def _add_info(actions: Any) -> None:
    parser = actions.add_parser("info", help="report the contents of files of Gaussians")
    parser.add_argument("source", nargs="+", type=Path, metavar="IN", help="file or avatar folder")
    add_y_down(parser)
    parser.set_defaults(command=_info)


def _convert(options: argparse.Namespace) -> int:
    if options.source.resolve() == options.target.resolve():
        raise InputError(f"{options.target} is the input file; choose another output name.")
    open_any_splats.check_target(options.target)
    if open_any_splats.format_of(options.target) == "avatar" and options.model:
        theirs = gaussian_avatars.load(options.source)
        theirs = replace(theirs, splats=_lowered(theirs.splats, options.degree))
        head, remarks = theirs.head(load_model(options.model))
        hybrid_head.save(head, options.target)
        say(remarks)
        print(f"{options.target}: a head of {head.count:,} Gaussians on {head.model.name}")
        return 0
    found = open_any_splats.load(options.source, options.y_down)
    splats = _lowered(found.splats, options.degree)
    origin = from_text(embedding.statement(options.source))
    notes = open_any_splats.save(splats, options.target, options.y_down, origin)
    say([*found.notes, *notes])
    before, after = _size(options.source), _size(options.target)
    print(f"{options.target}: {found.splats.count:,} Gaussians, {after / 1e6:.2f} MB (from {before / 1e6:.2f} MB)")
    return 0


def _lowered(splats: Gaussians, degree: int | None) -> Gaussians:
    return splats if degree is None else splats.up_to(degree)


def _info(options: argparse.Namespace) -> int:
    failed = False
    for path in options.source:
        try:
            found = open_any_splats.load(path, options.y_down)
            told = _of_folder(path) if path.is_dir() else []
        except InputError as error:
            print(error if path.name in str(error) else f"{path}: {error}")
            failed = True
            continue
        title = open_any_splats.FORMATS[found.format].title
        print(f"{path}: {title}, {_size(path) / 1e6:.2f} MB, {found.splats.count:,} Gaussians")
        for line in [*told, *_of_splats(found.splats)]:
            print(f"  {line}")
        say(found.notes)
    return int(failed)


def _of_folder(path: Path) -> list[str]:
    avatar = avatar_folder.with_textures(path)
    lines = [f"expression basis: {avatar.facts.get('basis') or 'nothing'}"]
    lines += [f"{group}: {avatar.splats(group).count:,} Gaussians" for group in avatar.groups]
    if avatar_folder.MESH[0] in avatar.arrays:
        lines.append(f"mesh of {len(avatar.arrays[avatar_folder.MESH[0]]):,} vertices")
    return lines + [f"{name}.png: {pixels.shape[1]} x {pixels.shape[0]}" for name, pixels in avatar.textures.items()]


def _of_splats(splats: Gaussians) -> list[str]:
    low, high = splats.means.min(0), splats.means.max(0)
    reach = ", ".join(f"{axis} {a:.3f}..{b:.3f}" for axis, a, b in zip("xyz", low, high, strict=True))
    median = float(np.median(splats.scales.max(1)))
    lines = [
        f"spherical harmonics of degree {splats.degree}",
        f"opacity {np.median(splats.opacities):.2f} (median), {(splats.opacities < 1 / 255).mean():.1%} invisible",
    ]
    if splats.binding is None:
        return [*lines, f"{reach} metres", f"radius along the longest axis {1000 * median:.2f} mm (median)"]
    carrying = len(np.unique(splats.binding))
    return [*lines, f"bound to {carrying:,} triangles of a mesh, the last of them {splats.binding.max():,}"]


def _size(path: Path) -> int:
    """Bytes of a file, or of the files of a folder."""
    return sum(part.stat().st_size for part in (path.iterdir() if path.is_dir() else [path]) if part.is_file())
