"""Gaussians as ellipses in an image, nearest first, on numpy arrays and torch tensors alike.

The mathematics is that of 3D Gaussian Splatting (Kerbl et al., SIGGRAPH 2023), which draws with the local affine
approximation of Zwicker et al., EWA Volume Splatting (2001). The numbers below are those that 3DGS and gsplat share,
so that a head that was fitted elsewhere looks here as it does there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from animcore.core.array_namespace import alike, namespace
from animcore.rendering.camera import Camera

Array = Any  # a numpy array or a torch tensor

NEAR = 0.01  # metres before the camera; nearer ones are not drawn
BLUR = 0.3  # square pixels added to each ellipse: a Gaussian is never thinner than a pixel
FAINTEST = 1 / 255  # what covers less of a pixel is not drawn there
DENSEST = 0.99  # what one Gaussian covers of a pixel at most
DONE = 1e-4  # where less of the light passes, nothing further is drawn
MARGIN = 0.3  # of half the image: farther outside, the slope of the projection is that of the margin
_AT_A_TIME = 1 << 18  # Gaussians projected together: millions of them need no more memory than this many
EYES_APART = 1e-12  # square metres; a Gaussian at the very camera has no view direction

# Real spherical harmonics as 3DGS has them: signs and order belong to the file formats
SH_1 = 0.4886025119029199
SH_2 = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005, -1.0925484305920792, 0.5462742152960396)
SH_3 = (
    -0.5900435899266435, 2.890611442640554, -0.4570457994644658, 0.3731763325901154, -0.4570457994644658,
    1.445305721320277, -0.5900435899266435,
)  # fmt: skip


class ProjectedGaussians(NamedTuple):
    """The M visible Gaussians, nearest first, as ellipses in the image.

    Attributes:
        centres: (M, 2) pixels from the left upper corner.
        conics: (M, 3) xx, xy, yy of the inverse covariances, 1 / square pixels.
        reaches: (M, 2) half of the width and the height of what they cover, in pixels.
        depths: (M,) metres along the camera's axis.
        opacities: (M,).
        colours: (M, 3).
    """

    centres: Array
    conics: Array
    reaches: Array
    depths: Array
    opacities: Array
    colours: Array


def margins(camera: Camera) -> tuple[float, float, float, float]:
    """Return the slopes x / z and y / z (left, right, top, bottom) up to which the projection is followed."""
    (across, down), (x, y) = camera.focal, camera.centre
    aside, above = MARGIN * camera.width / 2 / across, MARGIN * camera.height / 2 / down
    left, top = -x / across - aside, -y / down - above
    return left, (camera.width - x) / across + aside, top, (camera.height - y) / down + above


def harmonics(directions: Array, degree: int) -> Array:
    """Return the spherical harmonics of unit directions (N, 3) without the constant one: (N, (degree + 1)^2 - 1)."""
    x, y, z = directions[:, 0], directions[:, 1], directions[:, 2]
    terms = [-SH_1 * y, SH_1 * z, -SH_1 * x]
    xx, yy, zz = x * x, y * y, z * z
    if degree > 1:
        shapes = (x * y, y * z, 2 * zz - xx - yy, x * z, xx - yy)
        terms += [factor * shape for factor, shape in zip(SH_2, shapes, strict=True)]
    if degree > 2:
        cubes = (
            y * (3 * xx - yy), x * y * z, y * (4 * zz - xx - yy), z * (2 * zz - 3 * xx - 3 * yy),
            x * (4 * zz - xx - yy), z * (xx - yy), x * (xx - 3 * yy),
        )  # fmt: skip
        terms += [factor * shape for factor, shape in zip(SH_3, cubes, strict=True)]
    return namespace(directions).stack(terms, -1)


def rotation_matrices(rotations: Array) -> Array:
    """Quaternions (N, 4) w, x, y, z of any length but zero -> rotation matrices (N, 3, 3)."""
    xp = namespace(rotations)
    unit = rotations / xp.sqrt((rotations * rotations).sum(-1))[:, None]
    w, x, y, z = (unit[:, part] for part in range(4))
    entries = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return xp.stack(entries, -1).reshape(-1, 3, 3)


def shade(colours: Array, means: Array, camera: Camera) -> Array:
    """Return colours (N, 3), or spherical harmonics (N, K, 3) evaluated for the camera, as (N, 3) from 0 on."""
    xp = namespace(means)
    if len(colours.shape) == 2:
        return colours
    seen = 0.5 + 0.28209479177387814 * colours[:, 0]
    if colours.shape[1] > 1:
        aims = means - alike(camera.position, means)
        square = (aims * aims).sum(-1)
        aims = aims / xp.sqrt(xp.clip(square, EYES_APART, None))[:, None]
        degree = {4: 1, 9: 2, 16: 3}[colours.shape[1]]
        seen = seen + (harmonics(aims, degree)[:, :, None] * colours[:, 1:]).sum(1)
    return xp.clip(seen, 0.0, None)


def project(
    means: Array, rotations: Array, scales: Array, opacities: Array, colours: Array, camera: Camera,
    shifts: Array | None = None,
) -> ProjectedGaussians:  # fmt: skip
    """Return the Gaussians that lie before the camera and in the image, nearest first.

    Args:
        means: (N, 3), this and the next three as `Gaussians` has them.
        rotations: (N, 4).
        scales: (N, 3).
        opacities: (N,).
        colours: (N, 3), or spherical harmonics (N, K, 3).
        camera: of the image.
        shifts: (N, 2) pixels by which the centres are moved in the image; none where not given.
    """
    xp = namespace(means)
    pieces = []
    for first in range(0, len(means), _AT_A_TIME):
        piece = slice(first, first + _AT_A_TIME)
        moved = None if shifts is None else shifts[piece]
        pieces.append(
            _projected(means[piece], rotations[piece], scales[piece], opacities[piece], colours[piece], camera, moved)
        )
    found = ProjectedGaussians(*(xp.concatenate(values, 0) for values in zip(*pieces, strict=True)))
    order = _nearest_first(found.depths)
    return ProjectedGaussians(*(values[order] for values in found))


def _projected(
    means: Array, rotations: Array, scales: Array, opacities: Array, colours: Array, camera: Camera,
    shifts: Array | None,
) -> ProjectedGaussians:  # fmt: skip
    """The visible Gaussians, in the order of the cloud."""
    xp = namespace(means)
    pose = alike(camera.world_to_camera, means)
    points = means @ pose[:3, :3].T + pose[:3, 3]
    chosen = _indices((points[:, 2] > NEAR) & (opacities >= FAINTEST))
    points = points[chosen]
    rows = _slopes(points, camera) @ pose[:3, :3]  # (M, 2, 3)
    axes = rows @ (
        rotation_matrices(rotations[chosen]) * scales[chosen][:, None, :]
    )  # (M, 2, 3): pixels of each main axis
    across, down = axes[:, 0], axes[:, 1]
    xx, xy, yy = (across * across).sum(-1) + BLUR, (across * down).sum(-1), (down * down).sum(-1) + BLUR
    # The determinant as a sum of squares: a x c - b x b would cancel where an ellipse is long and thin
    square = _cross_square(across, down) + BLUR * (xx + yy - BLUR)
    depths = points[:, 2]
    focal, centre = alike(camera.focal, means), alike(camera.centre, means)
    centres = points[:, :2] / depths[:, None] * focal + centre
    if shifts is not None:
        centres = centres + shifts[chosen]
    opacity = opacities[chosen]
    reach = xp.sqrt(xp.clip(2 * xp.log(opacity / FAINTEST), 0.0, None))
    found = ProjectedGaussians(
        centres, xp.stack((yy, -xy, xx), -1) / square[:, None],
        xp.stack((xp.sqrt(xx), xp.sqrt(yy)), -1) * reach[:, None], depths, opacity,
        shade(colours[chosen], means[chosen], camera),
    )  # fmt: skip
    inside = _in_picture(found, camera)
    return ProjectedGaussians(*(values[inside] for values in found))


def _slopes(points: Array, camera: Camera) -> Array:
    """How pixels move with points (M, 3) of the camera's space: (M, 2, 3)."""
    xp = namespace(points)
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    left, right, top, bottom = margins(camera)
    across, down = camera.focal
    none = xp.zeros_like(z)
    rows = (
        across / z, none, -across * xp.clip(x / z, left, right) / z,
        none, down / z, -down * xp.clip(y / z, top, bottom) / z,
    )  # fmt: skip
    return xp.stack(rows, -1).reshape(-1, 2, 3)


def _cross_square(a: Array, b: Array) -> Array:
    x = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    y = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    z = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return x * x + y * y + z * z


def _indices(mask: Array) -> Array:
    return mask.nonzero()[0] if namespace(mask).__name__ == "numpy" else mask.nonzero()[:, 0]


def _nearest_first(depths: Array) -> Array:
    """Indices; those of equal depth stay as they were."""
    xp = namespace(depths)
    return xp.argsort(depths, kind="stable") if xp.__name__ == "numpy" else xp.argsort(depths, stable=True)


def _in_picture(found: ProjectedGaussians, camera: Camera) -> Array:
    x, y, wide, high = found.centres[:, 0], found.centres[:, 1], found.reaches[:, 0], found.reaches[:, 1]
    return (x + wide > 0) & (x - wide < camera.width) & (y + high > 0) & (y - high < camera.height)
