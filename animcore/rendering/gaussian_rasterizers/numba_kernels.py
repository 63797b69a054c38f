"""The compiled loops of the rasterizer for processors: projection, order, tiles, blending.

Numbers are float32 throughout; a constant of another type would widen every loop. Columns of a record:
0, 1 centre in pixels; 2, 3, 4 xx, xy, yy of the exponent as `blend` takes it; 5 opacity; 6, 7, 8 colour; 9 depth;
10 reach to the sides; 11, 12, 13 how the ellipse leans, its thickness, and where its highest point lies, from which
`rows` finds the rows that it covers in a column of tiles; 14 reach up and down;
15 whether it is visible.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from animcore.rendering import projection as rules

Array = NDArray[Any]
Number = Any  # a float32 or an integer of the compiled loop

COLUMNS = 16
WIDE = 8  # pixels across a tile: one vector of a CPU
HIGH = 32
TILE = WIDE * HIGH

_F = np.float32
NEAR, BLUR, FAINTEST = _F(rules.NEAR), _F(rules.BLUR), _F(rules.FAINTEST)
DENSEST, DONE = _F(rules.DENSEST), _F(rules.DONE)
APART = _F(rules.EYES_APART)
_SH_0, SH_1 = _F(0.28209479177387814), _F(rules.SH_1)
SH_2 = tuple(_F(value) for value in rules.SH_2)
SH_3 = tuple(_F(value) for value in rules.SH_3)
_0, _1, _2, _3, _4, _HALF = _F(0), _F(1), _F(2), _F(3), _F(4), _F(0.5)
_SLACK = _F(1.001)  # of an ellipse's square: rounding must not lose a pixel of its rim
_NOWHERE = np.uint32(0xFFFFFFFF)  # key of an invisible Gaussian: farther than everything
BATCH = 32  # records fetched at a time: one after the other, each would be waited for

# exp(x) = exp(x / 8)^8, and a polynomial that is exp within 8e-8 on -0.7 .. 0: where alpha is 1 / 255 at least
_LOWEST = _F(-0.7)
_E0, _E1, _E2 = _F(0.999999921), _F(0.999992539), _F(0.499882588)
_E3, _E4, _E5 = _F(0.165973976), _F(0.0397725621), _F(0.00584676)

# Reassociation lets loops be cut into vectors; NaN and infinity keep their meaning
_FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}


def compiled(function: Callable[..., Any], fast: Any = False) -> Callable[..., Any]:
    """Compile a loop when it is first called, and cache it next to this file or in the user's cache."""
    try:
        return njit(nogil=True, cache=True, fastmath=fast, error_model="numpy")(function)
    except RuntimeError:  # neither can be written: it is compiled in each process
        return njit(nogil=True, fastmath=fast, error_model="numpy")(function)


def loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop that may be cut into vectors."""
    return compiled(function, _FAST)


@loop
def project(
    first: Number,
    last: Number,
    means: Array,
    rotations: Array,
    scales: Array,
    opacities: Array,
    shades: Array,
    plain: bool,
    shifts: Array,
    view: Array,
    records: Array,
    keys: Array,
) -> Array:
    """Fill records and keys (bits of the depth) of the Gaussians first .. last - 1, and count those of each tile."""
    width, height = view[23], view[24]
    across = (int(width) + WIDE - 1) // WIDE
    counts = np.zeros(across * ((int(height) + HIGH - 1) // HIGH), np.int64)
    for one in range(first, last):
        keys[one], records[one, 15] = _NOWHERE, _0
        opacity = opacities[one]
        x, y, z = means[one, 0], means[one, 1], means[one, 2]
        depth = view[8] * x + view[9] * y + view[10] * z + view[11]
        if not (depth > NEAR and opacity >= FAINTEST):
            continue
        right = view[0] * x + view[1] * y + view[2] * z + view[3]
        down = view[4] * x + view[5] * y + view[6] * z + view[7]
        slopes = slopes_of(right, down, depth, view)
        ax, ay, az, bx, by, bz = axes_of(slopes, turned(rotations, one), scales, one)
        xx = ax * ax + ay * ay + az * az + BLUR
        xy = ax * bx + ay * by + az * bz
        yy = bx * bx + by * by + bz * bz + BLUR
        cx, cy, cz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        square = cx * cx + cy * cy + cz * cz + BLUR * (xx + yy - BLUR)
        centre_x = right / depth * view[15] + view[17]
        centre_y = down / depth * view[16] + view[18]
        if len(shifts):
            centre_x += shifts[one, 0]
            centre_y += shifts[one, 1]
        reach = _SLACK * _2 * math.log(opacity / FAINTEST)
        wide, high = math.sqrt(reach * xx), math.sqrt(reach * yy)
        inside = centre_x + wide > _0 and centre_x - wide < width and centre_y + high > _0 and centre_y - high < height
        if not (inside and square < _F(3e38)):
            continue
        records[one, 0], records[one, 1] = centre_x, centre_y
        # the exponent over 8, as `exp8` takes it
        records[one, 2], records[one, 3], records[one, 4] = (
            -yy / square / _F(16),
            xy / square / _F(8),
            -xx / square / _F(16),
        )
        records[one, 5] = opacity
        if plain:
            records[one, 6], records[one, 7], records[one, 8] = shades[one, 0, 0], shades[one, 0, 1], shades[one, 0, 2]
        else:
            records[one, 6], records[one, 7], records[one, 8] = shade(
                shades, one, x - view[12], y - view[13], z - view[14]
            )
        records[one, 9] = depth
        records[one, 10], records[one, 11], records[one, 12] = wide, xy / xx, math.sqrt(square) / xx
        records[one, 13] = xy * math.sqrt(reach / yy)
        records[one, 14], records[one, 15] = high, _1
        keys[one] = np.float32(depth).view(np.uint32)
        _count(records, one, counts, across, view)
    return counts


@loop
def axes_of(slopes: Any, turn: Any, scales: Array, one: Number) -> tuple[Number, ...]:
    """The main axes of a Gaussian in pixels: three numbers across the image, three down."""
    j0, j1, j2, k0, k1, k2 = slopes
    r00, r01, r02, r10, r11, r12, r20, r21, r22 = turn
    s0, s1, s2 = scales[one, 0], scales[one, 1], scales[one, 2]
    return (
        (j0 * r00 + j1 * r10 + j2 * r20) * s0, (j0 * r01 + j1 * r11 + j2 * r21) * s1,
        (j0 * r02 + j1 * r12 + j2 * r22) * s2, (k0 * r00 + k1 * r10 + k2 * r20) * s0,
        (k0 * r01 + k1 * r11 + k2 * r21) * s1, (k0 * r02 + k1 * r12 + k2 * r22) * s2,
    )  # fmt: skip


@loop
def slopes_of(right: Number, down: Number, depth: Number, view: Array) -> tuple[Number, ...]:
    """How the pixel moves with a point of the world: three numbers across the image, three down."""
    u, v = min(max(right / depth, view[19]), view[20]), min(max(down / depth, view[21]), view[22])
    fx, fy = view[15] / depth, view[16] / depth
    return (
        fx * (view[0] - u * view[8]), fx * (view[1] - u * view[9]), fx * (view[2] - u * view[10]),
        fy * (view[4] - v * view[8]), fy * (view[5] - v * view[9]), fy * (view[6] - v * view[10]),
    )  # fmt: skip


@loop
def turned(rotations: Array, one: Number) -> tuple[Number, ...]:
    """The matrix of a quaternion of any length, row by row."""
    w, x, y, z = rotations[one, 0], rotations[one, 1], rotations[one, 2], rotations[one, 3]
    n = _1 / math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w * n, x * n, y * n, z * n
    return (
        _1 - _2 * (y * y + z * z), _2 * (x * y - w * z), _2 * (x * z + w * y),
        _2 * (x * y + w * z), _1 - _2 * (x * x + z * z), _2 * (y * z - w * x),
        _2 * (x * z - w * y), _2 * (y * z + w * x), _1 - _2 * (x * x + y * y),
    )  # fmt: skip


@loop
def shade(shades: Array, one: Number, x: Number, y: Number, z: Number) -> tuple[Number, ...]:
    """The colour of spherical harmonics (K, 3) in a direction of any length."""
    n = _1 / math.sqrt(max(x * x + y * y + z * z, APART))
    basis = sh_basis(x * n, y * n, z * n)
    red, green, blue = _HALF, _HALF, _HALF
    for term in range(shades.shape[1]):
        red += basis[term] * shades[one, term, 0]
        green += basis[term] * shades[one, term, 1]
        blue += basis[term] * shades[one, term, 2]
    return max(red, _0), max(green, _0), max(blue, _0)


@loop
def sh_basis(x: Number, y: Number, z: Number) -> tuple[Number, ...]:
    """The 16 spherical harmonics of a unit direction."""
    xx, yy, zz = x * x, y * y, z * z
    return (
        _SH_0, -SH_1 * y, SH_1 * z, -SH_1 * x,
        SH_2[0] * x * y, SH_2[1] * y * z, SH_2[2] * (_2 * zz - xx - yy), SH_2[3] * x * z, SH_2[4] * (xx - yy),
        SH_3[0] * y * (_3 * xx - yy), SH_3[1] * x * y * z, SH_3[2] * y * (_4 * zz - xx - yy),
        SH_3[3] * z * (_2 * zz - _3 * xx - _3 * yy), SH_3[4] * x * (_4 * zz - xx - yy),
        SH_3[5] * z * (xx - yy), SH_3[6] * x * (xx - _3 * yy),
    )  # fmt: skip


@loop
def nearest_first(keys: Array) -> Array:
    """Return the indices of visible Gaussians in the order of the keys, stable: radix of 11 bits."""
    seen = 0
    for one in range(len(keys)):
        seen += keys[one] != _NOWHERE
    order, spare = np.empty(seen, np.int32), np.empty(seen, np.int32)
    place = 0
    for one in range(len(keys)):
        if keys[one] != _NOWHERE:
            order[place] = one
            place += 1
    for shift in (0, 11, 22):
        starts = np.zeros(2049, np.int64)
        for one in order:
            starts[((keys[one] >> np.uint32(shift)) & np.uint32(2047)) + np.uint32(1)] += 1
        for digit in range(2048):
            starts[digit + 1] += starts[digit]
        for one in order:
            digit = (keys[one] >> np.uint32(shift)) & np.uint32(2047)
            spare[starts[digit]] = one
            starts[digit] += 1
        order, spare = spare, order
    return order


# Without fast mathematics: where tiles are counted and where their lists are filled, it must round alike
@compiled
def rows(records: Array, one: Number, left: Number, height: Number) -> tuple[int, int]:
    """First and last row (none where last < first) that an ellipse covers in the column of tiles at a pixel left."""
    wide = records[one, 10]
    begin = max(left + _HALF - records[one, 0], -wide)
    end = min(left + _F(WIDE - 0.5) - records[one, 0], wide)
    if end < begin:
        return 0, -1
    top, bottom = min(max(-records[one, 13], begin), end), min(max(records[one, 13], begin), end)
    square = wide * wide
    low = records[one, 11] * top - records[one, 12] * math.sqrt(max(square - top * top, _0)) + records[one, 1] - _HALF
    high = (
        records[one, 11] * bottom
        + records[one, 12] * math.sqrt(max(square - bottom * bottom, _0))
        + records[one, 1]
        - _HALF
    )
    # rounded by casts: ceil and floor would be calls of a library
    first, last = int(max(low, _0)), int(max(min(high, height - _1), -_1) + _1) - 1
    return first + (first < low), last


@compiled
def _columns(records: Array, one: Number, width: Number) -> tuple[int, int]:
    """First and last column of tiles that an ellipse may touch."""
    first = int(max(records[one, 0] - records[one, 10], _0)) // WIDE
    return first, int(min(records[one, 0] + records[one, 10], width - _1)) // WIDE


@loop
def _count(records: Array, one: Number, counts: Array, across: Number, view: Array) -> None:
    """Add one to the tiles that an ellipse touches."""
    first, last = _columns(records, one, view[23])
    for column in range(first, last + 1):
        top, bottom = rows(records, one, _F(column * WIDE), view[24])
        if top <= bottom:
            for line in range(top // HIGH, bottom // HIGH + 1):
                counts[line * across + column] += 1


@loop
def fill(
    begin: Number, end: Number, base: Number, starts: Array, pairs: Array, records: Array, order: Array,
    height: Number, width: Number,
) -> None:  # fmt: skip
    """Write the Gaussians of the tiles begin .. end - 1 into their lists, nearest first."""
    across = (width + WIDE - 1) // WIDE
    cursor = starts[begin - base : end - base].copy()
    upmost, lowest = begin // across, (end - 1) // across
    ceiling, floor = _F(upmost * HIGH), _F((lowest + 1) * HIGH)
    near = np.empty((BATCH, COLUMNS), np.float32)
    for rank in range(len(order)):
        at = rank % BATCH
        if at == 0:
            for other in range(min(BATCH, len(order) - rank)):
                fetch(near, other, records, order[rank + other])
        if near[at, 1] + near[at, 14] < ceiling or near[at, 1] - near[at, 14] > floor:
            continue
        first, last = _columns(near, at, _F(width))
        for column in range(first, last + 1):
            top, bottom = rows(near, at, _F(column * WIDE), _F(height))
            if top > bottom:
                continue
            for line in range(max(top // HIGH, upmost), min(bottom // HIGH, lowest) + 1):
                place = line * across + column - begin
                if 0 <= place < len(cursor) and cursor[place] < starts[begin - base + place + 1]:
                    pairs[cursor[place]] = packed(order[rank], top, bottom, line * HIGH)
                    cursor[place] += 1


@loop
def fetch(near: Array, at: Number, records: Array, one: Number) -> None:
    """Copy a record to where the next loop finds it at once."""
    for column in range(COLUMNS):
        near[at, column] = records[one, column]


@loop
def packed(one: Number, first: Number, last: Number, top: Number) -> Number:
    """A Gaussian and the rows of a tile from top that it covers, in one number."""
    return one << 16 | max(first - top, 0) << 8 | min(last - top + 1, HIGH)


@loop
def unpacked(pair: Number) -> tuple[Number, Number]:
    """The pixels of the tile where a Gaussian begins and ends."""
    return np.uint64((pair >> 8 & 255) * WIDE), np.uint64((pair & 255) * WIDE)


# A tile's numbers stand one after the other in one array: LLVM sees that its parts never overlap
_LIGHT, _RED, _GREEN, _BLUE, _DEPTH, _ALPHA, _LIMIT, _X, _Y = (np.uint64(TILE * part) for part in range(9))
_PARTS = 9


@loop
def blend(
    begin: Number, end: Number, base: Number, starts: Array, pairs: Array, records: Array, limit: Array, drawn: Array
) -> None:
    """Draw the tiles begin .. end - 1 into drawn (5, H, W)."""
    height, width = drawn.shape[1], drawn.shape[2]
    across = (width + WIDE - 1) // WIDE
    tile, near = np.empty(_PARTS * TILE, np.float32), np.empty((BATCH, COLUMNS), np.float32)
    for number in range(begin, end):
        left, top = number % across * WIDE, number // across * HIGH
        first, last = starts[number - base], starts[number - base + 1]
        if first == last:
            continue
        open_tile(tile, left, top, limit, height, width)
        for batch in range(first, last, BATCH):
            count = min(BATCH, last - batch)
            for at in range(count):
                fetch(near, at, records, pairs[batch + at] >> 16)
            for at in range(count):
                upper, lower = unpacked(pairs[batch + at])
                cover(tile, near, at, upper, lower)
            if not lit(tile):
                break
        close_tile(tile, left, top, drawn)


@loop
def open_tile(tile: Array, left: Number, top: Number, limit: Array, height: Number, width: Number) -> None:
    """Make a tile that lets all light through; pixels outside of the image let none."""
    hidden = len(limit) > 0
    tile[:] = _0
    for y in range(HIGH):
        for x in range(WIDE):
            pixel = y * WIDE + x
            inside = left + x < width and top + y < height
            tile[pixel] = _1 if inside else _0
            tile[6 * TILE + pixel] = limit[top + y, left + x] if hidden and inside else _F(3e38)
            tile[7 * TILE + pixel] = _F(left + x) + _HALF
            tile[8 * TILE + pixel] = _F(top + y) + _HALF


@loop
def lit(tile: Array) -> bool:
    """Whether light passes some pixel of the tile."""
    light = _0
    for pixel in range(TILE):
        light += tile[pixel]
    return bool(light > _0)


@loop
def close_tile(tile: Array, left: Number, top: Number, drawn: Array) -> None:
    """Write a tile into the image."""
    flat = drawn.reshape(-1)
    height, width = drawn.shape[1], drawn.shape[2]
    wide = min(WIDE, width - left)
    for part in range(5):
        for y in range(min(HIGH, height - top)):
            source, target = (
                np.uint64((part + 1) * TILE + y * WIDE),
                np.uint64((part * height + top + y) * width + left),
            )
            if wide == WIDE:  # a number that is known makes one vector of it
                for x in range(WIDE):
                    flat[target + np.uint64(x)] = tile[source + np.uint64(x)]
            else:
                for x in range(wide):
                    flat[target + np.uint64(x)] = tile[source + np.uint64(x)]


@loop
def exp8(power: Number) -> Number:
    """exp(8 power) for powers from -0.7 on; for lower ones that of -0.7, which covers less than 1 / 255."""
    x = max(power, _LOWEST)
    value = _E0 + x * (_E1 + x * (_E2 + x * (_E3 + x * (_E4 + x * _E5))))
    value *= value
    value *= value
    return value * value


@loop
def cover(tile: Array, near: Array, at: Number, first: Number, last: Number) -> None:
    """Blend one Gaussian into the pixels first .. last - 1 of a tile. Without branches: a vector takes 8 pixels."""
    centre_x, centre_y, xx, xy, yy = near[at, 0], near[at, 1], near[at, 2], near[at, 3], near[at, 4]
    opacity, red, green, blue, depth = (
        near[at, 5],
        near[at, 6],
        near[at, 7],
        near[at, 8],
        near[at, 9],
    )
    for pixel in range(first, last):
        aside, below = tile[pixel + _X] - centre_x, tile[pixel + _Y] - centre_y
        alpha = opacity * exp8((xx * aside + xy * below) * aside + yy * below * below)
        alpha = min(alpha, DENSEST)
        alpha = alpha if alpha >= FAINTEST and depth <= tile[pixel + _LIMIT] else _0
        light = tile[pixel]
        weight = light * alpha
        after = light - weight
        weight = weight if after >= DONE else _0
        tile[pixel] = after if after >= DONE else _0
        tile[pixel + _RED] += weight * red
        tile[pixel + _GREEN] += weight * green
        tile[pixel + _BLUE] += weight * blue
        tile[pixel + _DEPTH] += weight * depth
        tile[pixel + _ALPHA] += weight
