"""The compiled loops that carry gradients from an image back to the Gaussians.

A tile is drawn a second time, nearest first as before: what a Gaussian hides is what the pixel got in all less what it
got up to here, so that no order of blending needs to be kept (after Ye et al., gsplat, 2024, who go from the farthest).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.rendering.gaussian_rasterizers.numba_kernels import (
    APART,
    BATCH,
    COLUMNS,
    DENSEST,
    DONE,
    FAINTEST,
    HIGH,
    SH_1,
    SH_2,
    SH_3,
    TILE,
    WIDE,
    axes_of,
    exp8,
    fetch,
    lit,
    loop,
    sh_basis,
    slopes_of,
    turned,
    unpacked,
)  # fmt: skip

Array = NDArray[Any]
Number = Any  # a float32 or an integer of the compiled loop

SUMS = 10  # columns: exponent, its first and second moments x, y, xx, xy, yy; red, green, blue; depth

_F = np.float32
_0, _1, _2, _3, _4, _6, _8, _HALF = (_F(0), _F(1), _F(2), _F(3), _F(4), _F(6), _F(8), _F(0.5))

# The numbers of a tile, one part after the other. REST: what the pixel gets from here on, times its gradient
_LIGHT, _REST, _RED, _GREEN, _BLUE, _DEPTH, _ALPHA, _LIMIT, _X, _Y = (np.uint64(TILE * part) for part in range(10))
_PARTS = 10


@loop
def trace(
    begin: Number, end: Number, base: Number, starts: Array, pairs: Array, records: Array, limit: Array, drawn: Array,
    given: Array, sums: Array,
) -> None:  # fmt: skip
    """Add to sums (N, 10) what the gradients (5, H, W) of the image are to the ellipses of tiles begin .. end - 1."""
    across = (drawn.shape[2] + WIDE - 1) // WIDE
    tile, near = np.empty(_PARTS * TILE, np.float32), np.empty((BATCH, COLUMNS), np.float32)
    for number in range(begin, end):
        left, top = number % across * WIDE, number // across * HIGH
        first, last = starts[number - base], starts[number - base + 1]
        if first == last:
            continue
        _open_tile(tile, left, top, limit, drawn, given)
        for batch in range(first, last, BATCH):
            count = min(BATCH, last - batch)
            for at in range(count):
                fetch(near, at, records, pairs[batch + at] >> 16)
            for at in range(count):
                upper, lower = unpacked(pairs[batch + at])
                _uncover(tile, near, at, upper, lower, sums, pairs[batch + at] >> 16)
            if not lit(tile):
                break


@loop
def _open_tile(tile: Array, left: Number, top: Number, limit: Array, drawn: Array, given: Array) -> None:
    height, width = drawn.shape[1], drawn.shape[2]
    hidden = len(limit) > 0
    tile[:] = _0
    for y in range(min(HIGH, height - top)):
        for x in range(min(WIDE, width - left)):
            pixel = y * WIDE + x
            tile[pixel] = _1
            rest = _0
            for part in range(5):
                gradient = given[part, top + y, left + x]
                rest += gradient * drawn[part, top + y, left + x]
                tile[(2 + part) * TILE + pixel] = gradient
            tile[TILE + pixel] = rest
            tile[7 * TILE + pixel] = limit[top + y, left + x] if hidden else _F(3e38)
            tile[8 * TILE + pixel] = _F(left + x) + _HALF
            tile[9 * TILE + pixel] = _F(top + y) + _HALF


@loop
def _uncover(tile: Array, near: Array, at: Number, first: Number, last: Number, sums: Array, one: Number) -> None:
    """Add the gradients of one Gaussian in the pixels first .. last - 1 of a tile."""
    centre_x, centre_y, xx, xy, yy = near[at, 0], near[at, 1], near[at, 2], near[at, 3], near[at, 4]
    opacity, red, green, blue, depth = (
        near[at, 5],
        near[at, 6],
        near[at, 7],
        near[at, 8],
        near[at, 9],
    )
    power = power_x = power_y = power_xx = power_xy = power_yy = _0
    red_sum = green_sum = blue_sum = depth_sum = _0
    for pixel in range(first, last):
        aside, below = tile[pixel + _X] - centre_x, tile[pixel + _Y] - centre_y
        full = opacity * exp8((xx * aside + xy * below) * aside + yy * below * below)
        alpha = min(full, DENSEST)
        alpha = alpha if alpha >= FAINTEST and depth <= tile[pixel + _LIMIT] else _0
        light = tile[pixel]
        weight = light * alpha
        after = light - weight
        drawn = after >= DONE
        weight = weight if drawn else _0
        tile[pixel] = after if drawn else _0
        gradient_red, gradient_green, gradient_blue = tile[pixel + _RED], tile[pixel + _GREEN], tile[pixel + _BLUE]
        gradient_depth = tile[pixel + _DEPTH]
        value = red * gradient_red + green * gradient_green + blue * gradient_blue + depth * gradient_depth
        value += tile[pixel + _ALPHA]
        rest = tile[pixel + _REST] - weight * value
        tile[pixel + _REST] = rest
        slope = weight * value - alpha * rest / (_1 - alpha)
        slope = slope if drawn and full <= DENSEST else _0
        power += slope
        power_x += slope * aside
        power_y += slope * below
        power_xx += slope * aside * aside
        power_xy += slope * aside * below
        power_yy += slope * below * below
        red_sum += weight * gradient_red
        green_sum += weight * gradient_green
        blue_sum += weight * gradient_blue
        depth_sum += weight * gradient_depth
    sums[one, 0] += power
    sums[one, 1] += power_x
    sums[one, 2] += power_y
    sums[one, 3] += power_xx
    sums[one, 4] += power_xy
    sums[one, 5] += power_yy
    sums[one, 6] += red_sum
    sums[one, 7] += green_sum
    sums[one, 8] += blue_sum
    sums[one, 9] += depth_sum


@loop
def unproject(
    first: Number, last: Number, records: Array, sums: Array, means: Array, rotations: Array,
    scales: Array, shades: Array, plain: bool, view: Array, to_means: Array, to_rotations: Array, to_scales: Array,
    to_opacities: Array, to_shades: Array, to_shifts: Array,
) -> None:  # fmt: skip
    """Carry sums (workers, N, 10) of the visible Gaussians first .. last - 1 back through the projection."""
    total, pull = np.empty(SUMS, np.float32), np.zeros(16, np.float32)
    for one in range(first, last):
        if records[one, 15] == _0:
            continue
        for column in range(SUMS):
            total[column] = _0
            for worker in range(len(sums)):
                total[column] += sums[worker, one, column]
        to_opacities[one] = total[0] / records[one, 5]
        # the conic: a record holds -1/16, -1/8 and -1/16 of xx, xy and yy
        conic_xx, conic_xy, conic_yy = -_F(16) * records[one, 2], -_8 * records[one, 3], -_F(16) * records[one, 4]
        to_x = conic_xx * total[1] + conic_xy * total[2]
        to_y = conic_xy * total[1] + conic_yy * total[2]
        to_shifts[one, 0], to_shifts[one, 1] = to_x, to_y
        spread = _through_inverse(conic_xx, conic_xy, conic_yy, total)
        x, y, z = means[one, 0], means[one, 1], means[one, 2]
        point = (
            view[0] * x + view[1] * y + view[2] * z + view[3], view[4] * x + view[5] * y + view[6] * z + view[7],
            view[8] * x + view[9] * y + view[10] * z + view[11],
        )  # fmt: skip
        slopes = slopes_of(point[0], point[1], point[2], view)
        to_slopes = _through_axes(slopes, spread, rotations, scales, one, to_rotations, to_scales)
        _through_point(point, slopes, to_slopes, to_x, to_y, total[9], view, to_means, one)
        if plain:
            for part in range(3):
                to_shades[one, 0, part] = total[6 + part]
        else:
            _through_shade(
                shades, one, records, total, pull, x - view[12], y - view[13], z - view[14], to_shades, to_means
            )


@loop
def _through_inverse(xx: Number, xy: Number, yy: Number, total: Array) -> tuple[Number, ...]:
    """From the second moments to the covariance: -K G K, with G the gradient of the conic K."""
    gxx, gxy, gyy = -_HALF * total[3], -_HALF * total[4], -_HALF * total[5]
    a, b = xx * gxx + xy * gxy, xx * gxy + xy * gyy
    c, d = xy * gxx + yy * gxy, xy * gxy + yy * gyy
    return -(a * xx + b * xy), -_2 * (a * xy + b * yy), -(c * xy + d * yy)


@loop
def _through_axes(
    slopes: Any, spread: Any, rotations: Array, scales: Array, one: Number, to_rotations: Array, to_scales: Array
) -> tuple[Number, ...]:
    """From the covariance to rotation and scale; returns the gradients of the slopes."""
    j0, j1, j2, k0, k1, k2 = slopes
    to_xx, to_xy, to_yy = spread
    turn = turned(rotations, one)
    r00, r01, r02, r10, r11, r12, r20, r21, r22 = turn
    a0, a1, a2, b0, b1, b2 = axes_of(slopes, turn, scales, one)
    da0, da1, da2 = _2 * to_xx * a0 + to_xy * b0, _2 * to_xx * a1 + to_xy * b1, _2 * to_xx * a2 + to_xy * b2
    db0, db1, db2 = _2 * to_yy * b0 + to_xy * a0, _2 * to_yy * b1 + to_xy * a1, _2 * to_yy * b2 + to_xy * a2
    to_scales[one, 0] = da0 * (j0 * r00 + j1 * r10 + j2 * r20) + db0 * (k0 * r00 + k1 * r10 + k2 * r20)
    to_scales[one, 1] = da1 * (j0 * r01 + j1 * r11 + j2 * r21) + db1 * (k0 * r01 + k1 * r11 + k2 * r21)
    to_scales[one, 2] = da2 * (j0 * r02 + j1 * r12 + j2 * r22) + db2 * (k0 * r02 + k1 * r12 + k2 * r22)
    da0, da1, da2 = da0 * scales[one, 0], da1 * scales[one, 1], da2 * scales[one, 2]
    db0, db1, db2 = db0 * scales[one, 0], db1 * scales[one, 1], db2 * scales[one, 2]
    _to_quaternion(
        rotations, one, to_rotations, da0 * j0 + db0 * k0, da1 * j0 + db1 * k0, da2 * j0 + db2 * k0,
        da0 * j1 + db0 * k1, da1 * j1 + db1 * k1, da2 * j1 + db2 * k1,
        da0 * j2 + db0 * k2, da1 * j2 + db1 * k2, da2 * j2 + db2 * k2,
    )  # fmt: skip
    return (
        da0 * r00 + da1 * r01 + da2 * r02, da0 * r10 + da1 * r11 + da2 * r12, da0 * r20 + da1 * r21 + da2 * r22,
        db0 * r00 + db1 * r01 + db2 * r02, db0 * r10 + db1 * r11 + db2 * r12, db0 * r20 + db1 * r21 + db2 * r22,
    )  # fmt: skip


@loop
def _to_quaternion(
    rotations: Array, one: Number, to_rotations: Array, d00: Number, d01: Number, d02: Number, d10: Number, d11: Number,
    d12: Number, d20: Number, d21: Number, d22: Number,
) -> None:  # fmt: skip
    """From the gradient of a rotation matrix to that of its quaternion of any length."""
    w, x, y, z = rotations[one, 0], rotations[one, 1], rotations[one, 2], rotations[one, 3]
    n = _1 / math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w * n, x * n, y * n, z * n
    dw = _2 * (x * (d21 - d12) + y * (d02 - d20) + z * (d10 - d01))
    dx = _2 * (y * (d01 + d10) + z * (d02 + d20) + w * (d21 - d12) - _2 * x * (d11 + d22))
    dy = _2 * (x * (d01 + d10) + z * (d12 + d21) + w * (d02 - d20) - _2 * y * (d00 + d22))
    dz = _2 * (x * (d02 + d20) + y * (d12 + d21) + w * (d10 - d01) - _2 * z * (d00 + d11))
    along = w * dw + x * dx + y * dy + z * dz
    to_rotations[one, 0], to_rotations[one, 1] = (dw - along * w) * n, (dx - along * x) * n
    to_rotations[one, 2], to_rotations[one, 3] = (dy - along * y) * n, (dz - along * z) * n


@loop
def _through_point(
    point: Any,
    slopes: Any,
    to_slopes: Any,
    to_x: Number,
    to_y: Number,
    to_depth: Number,
    view: Array,
    to_means: Array,
    one: Number,
) -> None:
    """From the centre, the slopes and the depth to the mean."""
    right, down, depth = point
    j0, j1, j2, k0, k1, k2 = slopes
    dj0, dj1, dj2, dk0, dk1, dk2 = to_slopes
    fx, fy = view[15] / depth, view[16] / depth
    u, v = right / depth, down / depth
    dx, dy = to_x * fx, to_y * fy
    dz = to_depth - dx * u - dy * v
    dz -= (dj0 * j0 + dj1 * j1 + dj2 * j2 + dk0 * k0 + dk1 * k1 + dk2 * k2) / depth
    if view[19] <= u <= view[20]:
        du = -fx * (dj0 * view[8] + dj1 * view[9] + dj2 * view[10]) / depth
        dx += du
        dz -= du * u
    if view[21] <= v <= view[22]:
        dv = -fy * (dk0 * view[8] + dk1 * view[9] + dk2 * view[10]) / depth
        dy += dv
        dz -= dv * v
    for axis in range(3):
        to_means[one, axis] = view[axis] * dx + view[4 + axis] * dy + view[8 + axis] * dz


@loop
def _through_shade(
    shades: Array,
    one: Number,
    records: Array,
    total: Array,
    pull: Array,
    x: Number,
    y: Number,
    z: Number,
    to_shades: Array,
    to_means: Array,
) -> None:
    """From the colour to the spherical harmonics and, through the view direction, to the mean."""
    red = total[6] if records[one, 6] > _0 else _0
    green = total[7] if records[one, 7] > _0 else _0
    blue = total[8] if records[one, 8] > _0 else _0
    n = _1 / math.sqrt(max(x * x + y * y + z * z, APART))
    x, y, z = x * n, y * n, z * n
    basis = sh_basis(x, y, z)
    for term in range(shades.shape[1]):
        to_shades[one, term, 0], to_shades[one, term, 1], to_shades[one, term, 2] = (
            basis[term] * red, basis[term] * green, basis[term] * blue,
        )  # fmt: skip
    if shades.shape[1] == 1:
        return
    for term in range(1, shades.shape[1]):
        pull[term] = red * shades[one, term, 0] + green * shades[one, term, 1] + blue * shades[one, term, 2]
    dx, dy, dz = _sh_slope(pull, x, y, z)
    along = x * dx + y * dy + z * dz
    to_means[one, 0] += (dx - along * x) * n
    to_means[one, 1] += (dy - along * y) * n
    to_means[one, 2] += (dz - along * z) * n


@loop
def _sh_slope(pull: Array, x: Number, y: Number, z: Number) -> tuple[Number, ...]:
    """The gradient of the sum of pull (16,) times the spherical harmonics."""
    xx, yy, zz = x * x, y * y, z * z
    p4, p5, p6, p7, p8 = SH_2[0] * pull[4], SH_2[1] * pull[5], SH_2[2] * pull[6], SH_2[3] * pull[7], SH_2[4] * pull[8]
    q0, q1, q2, q3 = SH_3[0] * pull[9], SH_3[1] * pull[10], SH_3[2] * pull[11], SH_3[3] * pull[12]
    q4, q5, q6 = SH_3[4] * pull[13], SH_3[5] * pull[14], SH_3[6] * pull[15]
    dx = -SH_1 * pull[3] + p4 * y - _2 * p6 * x + p7 * z + _2 * p8 * x
    dx += _6 * q0 * x * y + q1 * y * z - _2 * q2 * x * y - _6 * q3 * x * z
    dx += q4 * (_4 * zz - _3 * xx - yy) + _2 * q5 * x * z + _3 * q6 * (xx - yy)
    dy = -SH_1 * pull[1] + p4 * x + p5 * z - _2 * p6 * y - _2 * p8 * y
    dy += _3 * q0 * (xx - yy) + q1 * x * z + q2 * (_4 * zz - xx - _3 * yy) - _6 * q3 * y * z
    dy += -_2 * q4 * x * y - _2 * q5 * y * z - _6 * q6 * x * y
    dz = SH_1 * pull[2] + p5 * y + _4 * p6 * z + p7 * x
    dz += q1 * x * y + _8 * q2 * y * z + q3 * (_6 * zz - _3 * xx - _3 * yy) + _8 * q4 * x * z + q5 * (xx - yy)
    return dx, dy, dz
