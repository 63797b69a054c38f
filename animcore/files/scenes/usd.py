"""USD with UsdSkel: written by Blender, set in order with the library of OpenUSD where that is installed.

Blender gives shapes of the same name on several meshes numbered channels (`jawOpen`, `jawOpen2` ...). UsdSkel lets
meshes share a channel, so with `usd-core` at hand they do, and the file holds each curve once. Without it the file is
right, only less tidy; and only with it can the frame rate of a foreign file be known.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.frame_rates import exact_rate
from animcore.errors import InputError
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.scenes import scene_curves, via_blender


def write(animation: AnimationCurves, path: Path, setup: FormatOptions) -> None:
    """Have Blender put the motion onto the character and export it; then let meshes share their channels."""
    via_blender.write("usd", animation, path, setup)
    if _has_library():
        share_channels(path)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Have Blender import a file and report its animation.

    Raises:
        InputError: when it cannot, nothing moves, or the frame rate is unknown.
    """
    if _has_library():
        setup = replace(setup, rate=_rate(path))
    elif setup.rate is None:
        raise InputError(f"{path.name}: its frame rate cannot be read without OpenUSD; give it (--fps), or "
                         "`pip install '.[usd]'` in the source folder of Animcore.")  # fmt: skip
    return via_blender.read(path, setup)


def share_channels(path: Path) -> None:
    """Let shapes of one name that do the same on every mesh share one channel of the animation."""
    from pxr import Sdf, Usd, UsdSkel

    stage = Usd.Stage.Open(str(path))
    animations = [UsdSkel.Animation(prim) for prim in stage.Traverse() if prim.IsA(UsdSkel.Animation)]
    bindings = [UsdSkel.BindingAPI(prim) for prim in stage.Traverse() if prim.HasAPI(UsdSkel.BindingAPI)]
    bindings = [binding for binding in bindings if binding.GetBlendShapesAttr().Get()]
    if len(animations) != 1 or not animations[0].GetBlendShapesAttr().Get():
        return
    weights = animations[0].GetBlendShapeWeightsAttr()
    times = weights.GetTimeSamples()
    table = np.array([weights.Get(time) for time in times])
    column = {str(name): index for index, name in enumerate(animations[0].GetBlendShapesAttr().Get())}
    kept = _moving(bindings, column, table)
    with Sdf.ChangeBlock():
        for binding in bindings:
            binding.GetBlendShapesAttr().Set(_channels(binding, column, table, kept))
        animations[0].GetBlendShapesAttr().Set(list(kept))
        for time, row in zip(times, table[:, list(kept.values())], strict=True):
            weights.Set(row.tolist(), time)
    stage.GetRootLayer().Save()


def _moving(bindings: Sequence[Any], column: dict[str, int], table: NDArray[Any]) -> dict[str, int]:
    """The first channel of each shape's name that is animated on any mesh."""
    found: dict[str, int] = {}
    for binding in bindings:
        targets = binding.GetBlendShapeTargetsRel().GetTargets()
        for channel, target in zip(map(str, binding.GetBlendShapesAttr().Get()), targets, strict=True):
            if scene_curves.moves(table[:, column[channel]]):
                found.setdefault(target.name, column[channel])
    return found


def _channels(binding: Any, column: dict[str, int], table: NDArray[Any], kept: dict[str, int]) -> list[str]:
    """Names of the channels that a mesh's shapes follow; what it needs is added to `kept`."""
    names = []
    targets = binding.GetBlendShapeTargetsRel().GetTargets()
    for channel, target in zip(map(str, binding.GetBlendShapesAttr().Get()), targets, strict=True):
        index = column[channel]
        shared = kept.setdefault(target.name, index)
        still = not scene_curves.moves(table[:, index])  # it may follow what the other copies do
        name = target.name if still or np.array_equal(table[:, shared], table[:, index]) else channel
        kept.setdefault(name, index)
        names.append(name)
    return names


def _rate(path: Path) -> Fraction:
    """Frames a second of a file: its time codes are frames, as every program writes them."""
    from pxr import Sdf, Tf

    try:
        layer = Sdf.Layer.FindOrOpen(str(path))
    except Tf.ErrorException as error:
        raise InputError(f"{path.name} is not a USD file, or a broken one; export it again.") from error
    if layer is None:
        raise InputError(f"{path.name} is not a USD file, or a broken one; export it again.")
    return exact_rate(layer.timeCodesPerSecond)


def _has_library() -> bool:
    return importlib.util.find_spec("pxr") is not None


FORMAT = FileFormat(
    title="USD",
    suffix=".usdc",
    carries=scene_curves.CARRIES,
    encode=via_blender.encode,
    write=write,
    read=read,
    decode=via_blender.decode,
    tolerance=1e-4,
)
