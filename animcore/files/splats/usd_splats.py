"""OpenUSD's ParticleField3DGaussianSplat (since OpenUSD 26.03), through the library of OpenUSD (usd-core).

Attributes by the names of the schema: positions, orientations (real part first), scales (linear, as its documentation
says), opacities, radiance:sphericalHarmonicsDegree and radiance:sphericalHarmonicsCoefficients, all coefficients of a
Gaussian side by side, the constant one first; the same with an h at the end are half floats, and are read too.
The prim is written by its name, so that older libraries, which do not have its schema, write it as well.
The stage states its up axis and its unit; reading converts to Y up and metres.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.splats.base import Notes, SplatFormat, check_count, harmonics
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians
from animcore.gaussians.transforms import concatenated, transformed
from animcore.geometry.surface_registration import SimilarityTransform

_TYPE = "ParticleField3DGaussianSplat"
_DEGREE = "radiance:sphericalHarmonicsDegree"
_COEFFICIENTS = "radiance:sphericalHarmonicsCoefficients"
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_EVEN = 1e-3  # how much the sizes of a transform may differ and still be one


def read(path: Path) -> tuple[Gaussians, Notes]:
    """Read all Gaussians of a stage at its first time, where its transforms put them.

    Raises:
        InputError: without usd-core, when the file is broken, or has no Gaussians.
    """
    pxr = _library(path)
    try:
        stage = pxr.Usd.Stage.Open(str(path))
        prims = [prim for prim in stage.Traverse() if prim.GetTypeName() == _TYPE]
        clouds = [_cloud(pxr, prim, path.name) for prim in prims]
    except (pxr.Tf.ErrorException, *BROKEN_FILE) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is not a USD file, or a broken one; export it again.") from error
    if not clouds:
        raise InputError(f"{path.name} has no Gaussians: none of its prims is a {_TYPE}.")
    whole = concatenated([cloud for cloud, _ in clouds])
    unit = float(pxr.UsdGeom.GetStageMetersPerUnit(stage))
    turn = _Z_UP if pxr.UsdGeom.GetStageUpAxis(stage) == "Z" else np.eye(3)
    if unit != 1.0 or turn is _Z_UP:
        whole = transformed(whole, SimilarityTransform(unit, turn, np.zeros(3)))
    return whole, tuple(dict.fromkeys(note for _, notes in clouds for note in notes))


def write(splats: Gaussians, path: Path) -> None:
    """Write a stage with one prim; `.usda` is text, anything else binary.

    Raises:
        InputError: without usd-core, or when it cannot be written.
    """
    pxr = _library(path)
    types, vt = pxr.Sdf.ValueTypeNames, pxr.Vt
    reach = 3 * splats.scales.max(1, keepdims=True)
    extent = np.stack([(splats.means - reach).min(0), (splats.means + reach).max(0)])
    colours = np.clip(0.5 + HARMONIC_0 * splats.harmonics[:, 0], 0, 1)
    turns = vt.QuatfArrayFromBuffer(np.ascontiguousarray(splats.rotations[:, [1, 2, 3, 0]], np.float32))
    values = (
        ("positions", types.Point3fArray, _triples(vt, splats.means)),
        ("orientations", types.QuatfArray, turns),
        ("scales", types.Float3Array, _triples(vt, splats.scales)),
        ("opacities", types.FloatArray, vt.FloatArrayFromBuffer(np.ascontiguousarray(splats.opacities, np.float32))),
        (_COEFFICIENTS, types.Float3Array, _triples(vt, splats.harmonics.reshape(-1, 3))),
        ("extent", types.Float3Array, _triples(vt, extent)),
        ("primvars:displayColor", types.Color3fArray, _triples(vt, colours)),
    )
    with whole_file(path) as temporary:
        try:
            stage = pxr.Usd.Stage.CreateNew(str(temporary))
        except pxr.Tf.ErrorException as error:
            raise InputError(f"{path.name} was not written: choose a folder you may write to.") from error
        pxr.UsdGeom.SetStageUpAxis(stage, "Y")
        pxr.UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        prim = stage.DefinePrim("/Gaussians", _TYPE)
        stage.SetDefaultPrim(prim)
        for name, kind, value in values:
            prim.CreateAttribute(name, kind, False).Set(value)
        prim.GetAttribute(_COEFFICIENTS).SetMetadata("elementSize", splats.harmonics.shape[1])
        prim.CreateAttribute(_DEGREE, types.Int, False, pxr.Sdf.VariabilityUniform).Set(splats.degree)
        stage.GetRootLayer().Save()
        del prim, stage


def _triples(vt: Any, values: NDArray[Any]) -> Any:
    return vt.Vec3fArrayFromBuffer(np.ascontiguousarray(values, np.float32))


def _cloud(pxr: Any, prim: Any, name: str) -> tuple[Gaussians, Notes]:
    """The Gaussians of one prim in the stage's space."""
    means = _column(prim, "positions", 3, name)
    count = check_count(len(means), name)
    coefficients = _column(prim, _COEFFICIENTS, 3, name)
    if len(coefficients) % count:
        raise InputError(f"{name} is broken: {len(coefficients)} coefficients for {count} Gaussians; export it again.")
    table, notes = harmonics(coefficients.reshape(count, -1, 3)[:, 0], coefficients.reshape(count, -1, 3)[:, 1:], name)
    turns = _column(prim, "orientations", 4, name)[:, [3, 0, 1, 2]]
    cloud = Gaussians(means, turns, _column(prim, "scales", 3, name), _column(prim, "opacities", 1, name)[:, 0], table)
    if any(len(values) != count for values in (cloud.rotations, cloud.scales, cloud.opacities)):
        raise InputError(f"{name} is broken: its Gaussians have more of one value than of another.")
    place = np.array(pxr.UsdGeom.XformCache().GetLocalToWorldTransform(prim)).T
    if (place == np.eye(4)).all():
        return cloud, notes
    sizes = np.linalg.norm(place[:3, :3], axis=0)
    size = float(sizes.mean())
    if not np.isfinite(place).all() or not size or np.ptp(sizes) > _EVEN * size:
        raise InputError(f"{name}: a transform stretches its Gaussians more in one direction; apply its scale.")
    return transformed(cloud, SimilarityTransform(size, place[:3, :3] / size, place[:3, 3])), notes


def _column(prim: Any, attribute: str, width: int, name: str) -> NDArray[np.float32]:
    """(N, width) of an attribute, or of the same one in half floats; quaternions are x y z w, as they lie in memory."""
    for candidate in (attribute, attribute + "h"):
        found = prim.GetAttribute(candidate)
        value = found.Get() if found else None
        if value is None and found and found.GetTimeSamples():
            value = found.Get(found.GetTimeSamples()[0])
        if value is not None:
            values = np.asarray(value, np.float32)
            if values.size and values.size == len(values) * width:
                return values.reshape(-1, width)
    raise InputError(f"{name} is broken: its Gaussians have no {attribute}; export it again.")


def _library(path: Path) -> Any:
    try:
        import pxr
        import pxr.Sdf
        import pxr.Tf
        import pxr.Usd
        import pxr.UsdGeom
        import pxr.Vt
    except ImportError as error:
        raise InputError(
            f"{path.name} needs the library of OpenUSD: pip install '.[usd]' in the source folder of Animcore."
        ) from error
    return pxr


FORMAT = SplatFormat("OpenUSD ParticleField3DGaussianSplat", (".usdc", ".usda", ".usd", ".usdz"), read, write, True)
