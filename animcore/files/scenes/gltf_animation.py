"""The animations of a glTF document: keys of node properties, written a frame each and read at any rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.frame_rates import exact_rate
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.scenes.gltf import GltfDocument
from animcore.geometry import rotations

FloatArray = NDArray[np.float64]
Target = tuple[int, str]  # node, and what of it: "rotation", "translation", "weights"

_EXTRA = "animcore"  # under an animation's `extras`: what glTF has no place for
_ON_THE_GRID = 0.02  # of a frame that a key may be off its frame, for 32-bit seconds
_USUAL_RATE = Fraction(30)
_MOST_FRAMES = 10_000_000
_W_FIRST, _W_LAST = (3, 0, 1, 2), (1, 2, 3, 0)  # columns of a quaternion; glTF has w last


@dataclass(frozen=True)
class GltfAnimation:
    """One animation, sampled a frame each.

    Attributes:
        name: of the animation.
        rate: frame rate, exact.
        start: seconds of the first frame.
        values: of each target, (T, width); rotations are quaternions w, x, y, z as everywhere in the house.
        extras: notes of our own writer.
    """

    name: str
    rate: Fraction
    start: float
    values: Mapping[Target, FloatArray]
    extras: Mapping[str, Any] = field(default_factory=dict)


def write(gltf: GltfDocument, clip: GltfAnimation) -> None:
    """Add an animation as the document's first, in place of an earlier one of that name."""
    count = len(next(iter(clip.values.values())))
    times = clip.start + np.arange(count) * (clip.rate.denominator / clip.rate.numerator)
    at = gltf.add_accessor(times, limits=True)
    written: dict[int, int] = {}  # meshes that share their shapes share their keys
    samplers, channels = [], []
    for (node, path), values in clip.values.items():
        if id(values) not in written:
            written[id(values)] = gltf.add_accessor(_in_the_file(values, path))
        samplers.append({"input": at, "interpolation": "LINEAR", "output": written[id(values)]})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})
    extras = {"rate": [clip.rate.numerator, clip.rate.denominator], "start": clip.start, **clip.extras}
    animation = {"name": clip.name, "channels": channels, "samplers": samplers, "extras": {_EXTRA: extras}}
    others = [other for other in gltf.part("animations") if other.get("name") != clip.name]
    gltf.document["animations"] = [animation, *others]


def read(gltf: GltfDocument, rate: Fraction | None = None) -> GltfAnimation:
    """Sample the first animation of a document.

    The rate is the one that our own writer noted, else `rate`, else the one that the keys are spaced by.

    Raises:
        InputError: where there is none, or it is broken.
    """
    animations = gltf.part("animations")
    if not animations:
        raise InputError(f"{gltf.name} has no animation.")
    try:
        return _read(gltf, animations[0], rate)
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{gltf.name} is broken: its animation cannot be read ({error!r}).") from error


def _read(gltf: GltfDocument, animation: dict[str, Any], rate: Fraction | None) -> GltfAnimation:
    noted = animation.get("extras", {}).get(_EXTRA, {}) if isinstance(animation.get("extras", {}), dict) else {}
    times: dict[int, FloatArray] = {}
    keys: dict[Target, tuple[int, str, FloatArray]] = {}
    for channel in animation["channels"]:
        target, sampler = channel["target"], animation["samplers"][channel["sampler"]]
        if "node" not in target or target["path"] == "pointer":
            continue
        at = sampler["input"]
        if at not in times:
            times[at] = _times(gltf, at)
        data = gltf.accessor(sampler["output"])
        data = data[:, _W_FIRST] if target["path"] == "rotation" else data
        keys[target["node"], target["path"]] = at, sampler.get("interpolation", "LINEAR"), data
    if not times:
        raise InputError(f"{gltf.name} has an animation without keys.")
    rate, start = _rate_and_start(noted, rate, list(times.values()))
    end = max(float(one[-1]) for one in times.values())
    count = round((end - start) * float(rate)) + 1
    if not 0 < count <= _MOST_FRAMES:
        raise InputError(f"{gltf.name} lasts {end - start:g} s; that is not an animation of a face.")
    wanted = start + np.arange(count) * (rate.denominator / rate.numerator)
    values = {
        target: _sampled(times[at], data, how, wanted, float(rate), target[1] == "rotation")
        for target, (at, how, data) in keys.items()
    }
    return GltfAnimation(str(animation.get("name", "")), rate, start, values, noted)


def _in_the_file(values: FloatArray, path: str) -> FloatArray:
    """The numbers of a target as glTF lays them out."""
    if path == "rotation":
        return values[:, _W_LAST]
    return values.ravel() if path == "weights" else values


def _times(gltf: GltfDocument, accessor: int) -> FloatArray:
    times = gltf.accessor(accessor)[:, 0]
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise InputError(f"{gltf.name} is broken: the times of its keys do not rise.")
    return times


def _rate_and_start(noted: Mapping[str, Any], rate: Fraction | None, times: list[FloatArray]) -> tuple[Fraction, float]:
    """Frames a second and the first frame's seconds."""
    first = min(float(one[0]) for one in times)
    longest = max(times, key=len)
    if "rate" in noted:
        exact = Fraction(int(noted["rate"][0]), int(noted["rate"][1]))
        if exact > 0 and abs(float(noted["start"]) - first) * float(exact) < _ON_THE_GRID:
            return exact, float(noted["start"])
    if rate is not None:
        return rate, first
    if len(longest) < 2:
        return _USUAL_RATE, first
    steps = np.diff(longest)
    even = float(longest[-1] - longest[0]) / len(steps)
    # over the whole length the rounding of 32-bit seconds vanishes, but only evenly spaced keys can be averaged
    return exact_rate(1 / (even if np.allclose(steps, even, rtol=0.05) else float(np.median(steps)))), first


def _sampled(
    times: FloatArray, data: FloatArray, how: str, wanted: FloatArray, rate: float, turning: bool
) -> FloatArray:
    """(T, width) values at the wanted times; outside the keys the nearest one holds."""
    three = how == "CUBICSPLINE"
    table = data.reshape(len(times) * (3 if three else 1), -1)
    keys = table[1::3] if three else table
    keys = rotations.continuous(rotations.normalized(keys)) if turning and not three else keys
    if len(times) == len(wanted) and np.abs(times - wanted).max() * rate < _ON_THE_GRID:
        return keys
    before = np.clip(np.searchsorted(times, wanted, side="right") - 1, 0, max(len(times) - 2, 0))
    step = times[np.minimum(before + 1, len(times) - 1)] - times[before]
    share = np.clip((wanted - times[before]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
    after = np.minimum(before + 1, len(times) - 1)
    if how == "STEP":
        return np.where((share >= 1.0)[:, None], keys[after], keys[before])
    if three:
        mixed = _hermite(table, before, after, share[:, None], step[:, None])
        return rotations.normalized(mixed) if turning else mixed
    if turning:
        return rotations.slerp(keys[before], keys[after], share)
    return np.asarray(keys[before] + (keys[after] - keys[before]) * share[:, None])


def _hermite(
    table: FloatArray, before: NDArray[np.int64], after: NDArray[np.int64], share: FloatArray, step: FloatArray
) -> FloatArray:
    """The cubic spline of the glTF 2.0 specification, appendix C.5; `table` holds in-tangent, value, out-tangent."""
    square, cube = share**2, share**3
    return np.asarray(
        (2 * cube - 3 * square + 1) * table[3 * before + 1]
        + step * (cube - 2 * square + share) * table[3 * before + 2]
        + (3 * square - 2 * cube) * table[3 * after + 1]
        + step * (cube - square) * table[3 * after]
    )
