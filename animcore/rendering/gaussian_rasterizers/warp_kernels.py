"""The kernels of the rasterizer for GPUs: projection, tiles, blending, and gradients; Warp compiles them anywhere.

A Gaussian is three vectors. Place: centre in pixels, half the width and half the height of what it covers. Form: xx,
xy, yy of the inverse covariance, opacity. Look: colour, depth. A tile is 16 pixels wide and high; 32 threads, which
run together on a GPU, take 8 x 4 of its pixels, and pass by what does not reach them.

All kernels are one module of Warp, so that it compiles once: for the CPU, and for each way a GPU is launched.
"""

from __future__ import annotations

from typing import Any

import warp as wp

from animcore.rendering.gaussian_rasterizers.warp_device import inlined, kernel, struct
from animcore.rendering.projection import BLUR, DENSEST, DONE, EYES_APART, FAINTEST, NEAR, SH_1, SH_2, SH_3

TILE = 16  # pixels along each side
PIXELS = TILE * TILE
BLOCK = 32  # threads that trace together: their sums become one
WIDE, HIGH = 8, 4  # pixels that they take
SLACK = 1.001  # of an ellipse's square: rounding must not lose a pixel of its rim
FARTHEST = 3e38
SH_0 = 0.28209479177387814
A0, A1, A2, A3, A4 = SH_2
B0, B1, B2, B3, B4, B5, B6 = SH_3

Basis = wp.types.vector(length=16, dtype=wp.float32)
Parts = wp.types.vector(length=5, dtype=wp.float32)  # of an image: colour, depth times alpha, alpha
# The exponent, its first and second moments x, y, xx, xy, yy; red, green, blue; depth
Sums = wp.types.vector(length=10, dtype=wp.float32)


@struct
class GaussianCamera:
    """A camera as the kernels read it: `least` and `most` are the slopes to which the projection is followed."""

    turn: wp.mat33
    shift: wp.vec3
    eye: wp.vec3
    focal: wp.vec2
    centre: wp.vec2
    least: wp.vec2
    most: wp.vec2
    width: wp.int32
    height: wp.int32
    across: wp.int32  # tiles in a row
    tiles: wp.int32


@inlined
def turned(rotations: wp.array[wp.vec4], one: wp.int32) -> wp.mat33:
    """The matrix of a quaternion w, x, y, z of any length."""
    q = wp.normalize(rotations[one])
    return wp.quat_to_matrix(wp.quat(q[1], q[2], q[3], q[0]))


@inlined
def slope_of(view: GaussianCamera, point: wp.vec3, axis: wp.int32) -> wp.vec3:
    """How a pixel moves across (axis 0) or down (1) with a point of the world."""
    slope = wp.clamp(point[axis] / point[2], view.least[axis], view.most[axis])
    return view.focal[axis] / point[2] * (view.turn[axis] - slope * view.turn[2])


@inlined
def sh_basis(d: wp.vec3):  # type: ignore[no-untyped-def]  # a vector type that mypy cannot name
    """The spherical harmonics of a unit direction."""
    x, y, z = d[0], d[1], d[2]
    xx, yy, zz = x * x, y * y, z * z
    return Basis(
        SH_0, -SH_1 * y, SH_1 * z, -SH_1 * x,
        A0 * x * y, A1 * y * z, A2 * (2.0 * zz - xx - yy), A3 * x * z, A4 * (xx - yy),
        B0 * y * (3.0 * xx - yy), B1 * x * y * z, B2 * y * (4.0 * zz - xx - yy),
        B3 * z * (2.0 * zz - 3.0 * xx - 3.0 * yy), B4 * x * (4.0 * zz - xx - yy), B5 * z * (xx - yy),
        B6 * x * (xx - 3.0 * yy),
    )  # fmt: skip


@inlined
def direction_of(view: GaussianCamera, mean: wp.vec3) -> wp.vec4:
    """Where a Gaussian lies from the eye, as a unit vector, and one over how far."""
    way = mean - view.eye
    scale = 1.0 / wp.sqrt(wp.max(wp.dot(way, way), EYES_APART))
    return wp.vec4(way[0] * scale, way[1] * scale, way[2] * scale, scale)


@inlined
def shade(view: GaussianCamera, mean: wp.vec3, shades: wp.array2d[wp.vec3], one: wp.int32) -> wp.vec3:
    """The colour of spherical harmonics (K,) in the view direction."""
    aim = direction_of(view, mean)
    basis = sh_basis(wp.vec3(aim[0], aim[1], aim[2]))
    colour = wp.vec3(0.5, 0.5, 0.5)
    for term in range(shades.shape[1]):
        colour += basis[term] * shades[one, term]
    return wp.max(colour, wp.vec3(0.0, 0.0, 0.0))


@inlined
def rows(view: GaussianCamera, place: wp.vec4, form: wp.vec4, column: wp.int32) -> wp.vec2i:
    """First and last row of tiles (last before first where none) that an ellipse covers in a column of them."""
    wide = place[2]
    left = wp.float32(column * TILE)
    begin = wp.max(left + 0.5 - place[0], -wide)
    end = wp.min(left + (float(TILE) - 0.5) - place[0], wide)
    if end < begin:
        return wp.vec2i(0, -1)
    highest = -form[1] / form[0] * place[3]  # how far aside of its centre its lowest point lies
    top, bottom = wp.clamp(-highest, begin, end), wp.clamp(highest, begin, end)
    lean = -form[1] / form[2]
    thick = wp.sqrt(reach(form[3]) / form[2]) / wide
    middle = place[1] - 0.5
    low = lean * top - thick * wp.sqrt(wp.max(wide * wide - top * top, 0.0)) + middle
    high = lean * bottom + thick * wp.sqrt(wp.max(wide * wide - bottom * bottom, 0.0)) + middle
    first = wp.int32(wp.ceil(wp.clamp(low, 0.0, wp.float32(view.height))))
    last = wp.int32(wp.floor(wp.clamp(high, -1.0, wp.float32(view.height) - 1.0)))
    if last < first:
        return wp.vec2i(0, -1)
    return wp.vec2i(first // TILE, last // TILE)


@inlined
def columns(view: GaussianCamera, place: wp.vec4) -> wp.vec2i:
    """First and last column of tiles that an ellipse may touch."""
    first = wp.int32(wp.max(place[0] - place[2], 0.0)) // TILE
    return wp.vec2i(first, wp.int32(wp.min(place[0] + place[2], wp.float32(view.width) - 1.0)) // TILE)


@inlined
def reach(opacity: wp.float32) -> wp.float32:
    """The square of the distance, in standard deviations, at which a Gaussian is too faint."""
    return SLACK * 2.0 * wp.log(opacity / FAINTEST)


@kernel
def project(
    view: GaussianCamera, means: wp.array[wp.vec3], rotations: wp.array[wp.vec4], scales: wp.array[wp.vec3],
    opacities: wp.array[wp.float32], shades: wp.array2d[wp.vec3], plain: wp.int32, shifts: wp.array[wp.vec2],
    places: wp.array[wp.vec4], forms: wp.array[wp.vec4], looks: wp.array[wp.vec4], depths: wp.array[wp.float32],
    order: wp.array[wp.int32], counts: wp.array[wp.int32],
) -> None:  # fmt: skip
    """Project Gaussians, count the tiles that each covers, and prepare the keys that are sorted by depth."""
    one = wp.tid()
    order[one] = one
    depths[one] = FARTHEST
    counts[one] = 0
    point = view.turn * means[one] + view.shift
    opacity = opacities[one]
    if point[2] > NEAR and opacity >= FAINTEST:
        turn = wp.transpose(turned(rotations, one))
        a = wp.cw_mul(turn * slope_of(view, point, 0), scales[one])
        b = wp.cw_mul(turn * slope_of(view, point, 1), scales[one])
        xx, xy, yy = wp.dot(a, a) + BLUR, wp.dot(a, b), wp.dot(b, b) + BLUR
        # The determinant as a sum of squares: xx yy - xy xy would cancel where an ellipse is long and thin
        square = wp.length_sq(wp.cross(a, b)) + BLUR * (xx + yy - BLUR)
        x = point[0] / point[2] * view.focal[0] + view.centre[0] + shifts[one][0]
        y = point[1] / point[2] * view.focal[1] + view.centre[1] + shifts[one][1]
        place = wp.vec4(x, y, wp.sqrt(reach(opacity) * xx), wp.sqrt(reach(opacity) * yy))
        if seen(view, place) and square < FARTHEST:
            form = wp.vec4(yy / square, -xy / square, xx / square, opacity)
            colour = shades[one, 0]
            if plain == 0:
                colour = shade(view, means[one], shades, one)
            places[one] = place
            forms[one] = form
            looks[one] = wp.vec4(colour[0], colour[1], colour[2], point[2])
            depths[one] = point[2]
            count = wp.int32(0)
            span = columns(view, place)
            for column in range(span[0], span[1] + 1):
                lines = rows(view, place, form, column)
                count += lines[1] - lines[0] + 1
            counts[one] = count


@inlined
def seen(view: GaussianCamera, place: wp.vec4) -> wp.bool:
    """Whether an ellipse reaches into the image."""
    across = place[0] + place[2] > 0.0 and place[0] - place[2] < wp.float32(view.width)
    return across and place[1] + place[3] > 0.0 and place[1] - place[3] < wp.float32(view.height)


@kernel
def rank(order: wp.array[wp.int32], counts: wp.array[wp.int32], ranked: wp.array[wp.int64]) -> None:
    """Counts in the order of depth; wide enough to be added up."""
    place = wp.tid()
    ranked[place] = wp.int64(counts[order[place]])


@kernel
def fill(
    view: GaussianCamera, places: wp.array[wp.vec4], forms: wp.array[wp.vec4], order: wp.array[wp.int32],
    counts: wp.array[wp.int32], ends: wp.array[wp.int64], tiles: wp.array[wp.int32], pairs: wp.array[wp.int32],
) -> None:  # fmt: skip
    """Write each Gaussian, nearest first, with each tile that it covers."""
    number = wp.tid()
    one = order[number]
    if counts[one] > 0:
        end = wp.int32(ends[number])
        cursor = end - counts[one]
        span = columns(view, places[one])
        for column in range(span[0], span[1] + 1):
            lines = rows(view, places[one], forms[one], column)
            for line in range(lines[0], lines[1] + 1):
                if cursor < end:
                    tiles[cursor] = line * view.across + column
                    pairs[cursor] = one
                    cursor += 1
        # Should two compilations of `rows` round otherwise, the remainder belongs to no tile
        for left in range(cursor, end):
            tiles[left] = view.tiles
            pairs[left] = one


@kernel
def bound(view: GaussianCamera, tiles: wp.array[wp.int32], count: wp.int32, bounds: wp.array2d[wp.int32]) -> None:
    """Where the list of each tile begins and ends."""
    at = wp.tid()
    tile = tiles[at]
    if tile < view.tiles:
        if at == 0 or tiles[wp.max(at - 1, 0)] != tile:
            bounds[tile, 0] = at
        if at == count - 1 or tiles[wp.min(at + 1, count - 1)] != tile:
            bounds[tile, 1] = at + 1


@inlined
def pixel_of(view: GaussianCamera, thread: wp.int32) -> wp.vec2i:
    """The pixel of a thread: those that run together take a small field of a tile."""
    tile, field, lane = thread // PIXELS, thread % PIXELS // BLOCK, thread % BLOCK
    x = tile % view.across * TILE + field % 2 * WIDE + lane % WIDE
    return wp.vec2i(x, tile // view.across * TILE + field // 2 * HIGH + lane // WIDE)


@inlined
def reaches(place: wp.vec4, pixel: wp.vec2i) -> wp.bool:
    """Whether an ellipse may touch the field of a pixel: the same for all that run together."""
    left, top = wp.float32(pixel[0] // WIDE * WIDE), wp.float32(pixel[1] // HIGH * HIGH)
    aside, below = wp.abs(place[0] - left - float(WIDE) * 0.5), wp.abs(place[1] - top - float(HIGH) * 0.5)
    return aside <= place[2] + float(WIDE) * 0.5 and below <= place[3] + float(HIGH) * 0.5


@inlined
def covered(form: wp.vec4, aside: wp.float32, below: wp.float32) -> wp.float32:
    """How much a Gaussian covers of a pixel, before it is held to the densest."""
    power = -0.5 * (form[0] * aside * aside + form[2] * below * below) - form[1] * aside * below
    return form[3] * wp.exp(power)


@inlined
def limit_of(limit: wp.array2d[wp.float32], pixel: wp.vec2i) -> wp.float32:
    """The depth behind which nothing is drawn; a limit of no pixels is none."""
    if limit.shape[0] > 0:
        return limit[pixel[1], pixel[0]]
    return wp.float32(FARTHEST)


@kernel
def blend(
    view: GaussianCamera, places: wp.array[wp.vec4], forms: wp.array[wp.vec4], looks: wp.array[wp.vec4],
    pairs: wp.array[wp.int32], bounds: wp.array2d[wp.int32], limit: wp.array2d[wp.float32],
    drawn: wp.array3d[wp.float32],
) -> None:  # fmt: skip
    """Draw, a pixel each thread, nearest first."""
    thread = wp.tid()
    pixel = pixel_of(view, thread)
    if pixel[0] < view.width and pixel[1] < view.height:
        tile = thread // PIXELS
        far = limit_of(limit, pixel)
        x, y = wp.float32(pixel[0]) + 0.5, wp.float32(pixel[1]) + 0.5
        light = wp.float32(1.0)
        sums = Parts()
        for at in range(bounds[tile, 0], bounds[tile, 1]):
            one = pairs[at]
            place = places[one]
            if reaches(place, pixel):
                form, look = forms[one], looks[one]
                alpha = wp.min(covered(form, x - place[0], y - place[1]), DENSEST)
                if alpha >= FAINTEST and look[3] <= far:
                    weight = light * alpha
                    after = light - weight
                    if after < DONE:
                        break
                    light = after
                    sums += weight * Parts(look[0], look[1], look[2], look[3], 1.0)
        for part in range(5):
            drawn[part, pixel[1], pixel[0]] = sums[part]


@kernel
def trace(
    view: GaussianCamera, places: wp.array[wp.vec4], forms: wp.array[wp.vec4], looks: wp.array[wp.vec4],
    pairs: wp.array[wp.int32], bounds: wp.array2d[wp.int32], limit: wp.array2d[wp.float32],
    drawn: wp.array3d[wp.float32], given: wp.array3d[wp.float32], total: wp.array[Sums],
) -> None:  # fmt: skip
    """Add up what the gradients of the image are to the ellipses; see `numba_backward` for the way.

    The threads of a block take the same way through the list, so that their sums are added before memory sees them.
    """
    thread = wp.tid()
    pixel = pixel_of(view, thread)
    tile = thread // PIXELS
    x, y = wp.float32(pixel[0]) + 0.5, wp.float32(pixel[1]) + 0.5
    light, rest, far = wp.float32(0.0), wp.float32(0.0), wp.float32(0.0)
    pull = Parts()
    if pixel[0] < view.width and pixel[1] < view.height:
        light = wp.float32(1.0)
        far = limit_of(limit, pixel)
        for part in range(5):
            pull[part] = given[part, pixel[1], pixel[0]]
            rest += pull[part] * drawn[part, pixel[1], pixel[0]]
    for at in range(bounds[tile, 0], bounds[tile, 1]):
        if (at - bounds[tile, 0]) % BLOCK == 0:
            brightest = wp.tile_max(wp.tile(light))
            if brightest[0] == 0.0:
                break
        one = pairs[at]
        place = places[one]
        if reaches(place, pixel):
            form, look = forms[one], looks[one]
            aside, below = x - place[0], y - place[1]
            full = covered(form, aside, below)
            alpha = wp.min(full, DENSEST)
            sums = Sums()
            if light > 0.0 and alpha >= FAINTEST and look[3] <= far:
                weight = light * alpha
                light -= weight
                if light < DONE:
                    light = wp.float32(0.0)
                else:
                    value = wp.dot(pull, Parts(look[0], look[1], look[2], look[3], 1.0))
                    rest -= weight * value
                    slope = weight * value - alpha * rest / (1.0 - alpha)
                    if full > DENSEST:
                        slope = wp.float32(0.0)
                    sums = Sums(
                        slope, slope * aside, slope * below, slope * aside * aside, slope * aside * below,
                        slope * below * below, weight * pull[0], weight * pull[1], weight * pull[2], weight * pull[3],
                    )  # fmt: skip
            wp.tile_atomic_add(total, wp.tile_sum(wp.tile(sums, preserve_type=True)), offset=one)


@kernel
def unproject(
    view: GaussianCamera, means: wp.array[wp.vec3], rotations: wp.array[wp.vec4], scales: wp.array[wp.vec3],
    shades: wp.array2d[wp.vec3], plain: wp.int32, forms: wp.array[wp.vec4], looks: wp.array[wp.vec4],
    counts: wp.array[wp.int32], total: wp.array[Sums], to_means: wp.array[wp.vec3], to_rotations: wp.array[wp.vec4],
    to_scales: wp.array[wp.vec3], to_opacities: wp.array[wp.float32], to_shades: wp.array2d[wp.vec3],
    to_shifts: wp.array[wp.vec2],
) -> None:  # fmt: skip
    """Carry the sums back through the projection; entries that are not written are zero."""
    one = wp.tid()
    if counts[one] > 0:
        form, sums = forms[one], total[one]
        conic = wp.mat22(form[0], form[1], form[1], form[2])
        to_centre = conic * wp.vec2(sums[1], sums[2])
        # from the second moments to the covariance: -K G K, with G the gradient of the conic K
        spread = conic * wp.mat22(sums[3], sums[4], sums[4], sums[5]) * conic
        point = view.turn * means[one] + view.shift
        j, k = slope_of(view, point, 0), slope_of(view, point, 1)
        turn = turned(rotations, one)
        across, down = wp.transpose(turn) * j, wp.transpose(turn) * k
        a, b = wp.cw_mul(across, scales[one]), wp.cw_mul(down, scales[one])
        to_a, to_b = spread[0, 0] * a + spread[0, 1] * b, spread[1, 1] * b + spread[0, 1] * a
        to_scales[one] = wp.cw_mul(to_a, across) + wp.cw_mul(to_b, down)
        to_a, to_b = wp.cw_mul(to_a, scales[one]), wp.cw_mul(to_b, scales[one])
        to_rotations[one] = to_quaternion(rotations[one], wp.outer(j, to_a) + wp.outer(k, to_b))
        to_mean = to_point(view, point, to_centre, sums[9], turn * to_a, turn * to_b)
        to_opacities[one] = sums[0] / form[3]
        to_shifts[one] = to_centre
        colour = wp.vec3(sums[6], sums[7], sums[8])
        if plain != 0:
            to_shades[one, 0] = colour
        else:
            for channel in range(3):
                if looks[one][channel] <= 0.0:
                    colour[channel] = 0.0
            to_mean += to_shade(view, means[one], shades, one, colour, to_shades)
        to_means[one] = to_mean


@inlined
def to_quaternion(rotation: wp.vec4, d: wp.mat33) -> wp.vec4:
    """From the gradient of a rotation matrix to that of its quaternion of any length."""
    q = wp.normalize(rotation)
    w, x, y, z = q[0], q[1], q[2], q[3]
    slope = 2.0 * wp.vec4(
        x * (d[2, 1] - d[1, 2]) + y * (d[0, 2] - d[2, 0]) + z * (d[1, 0] - d[0, 1]),
        y * (d[0, 1] + d[1, 0]) + z * (d[0, 2] + d[2, 0]) + w * (d[2, 1] - d[1, 2]) - 2.0 * x * (d[1, 1] + d[2, 2]),
        x * (d[0, 1] + d[1, 0]) + z * (d[1, 2] + d[2, 1]) + w * (d[0, 2] - d[2, 0]) - 2.0 * y * (d[0, 0] + d[2, 2]),
        x * (d[0, 2] + d[2, 0]) + y * (d[1, 2] + d[2, 1]) + w * (d[1, 0] - d[0, 1]) - 2.0 * z * (d[0, 0] + d[1, 1]),
    )  # fmt: skip
    return (slope - wp.dot(q, slope) * q) / wp.length(rotation)


@inlined
def to_point(
    view: GaussianCamera, point: wp.vec3, to_centre: wp.vec2, to_depth: wp.float32, to_j: wp.vec3, to_k: wp.vec3
) -> wp.vec3:
    """From the centre, the depth and the slopes j and k to the mean."""
    back = wp.vec3(0.0, 0.0, to_depth)
    for axis in range(2):
        to_slope = to_j
        if axis == 1:
            to_slope = to_k
        part = point[axis] / point[2]
        scale = view.focal[axis] / point[2]
        aside = to_centre[axis] * scale
        if part >= view.least[axis] and part <= view.most[axis]:
            aside -= scale / point[2] * wp.dot(to_slope, view.turn[2])
        back[axis] += aside
        back[2] -= aside * part + wp.dot(to_slope, slope_of(view, point, axis)) / point[2]
    return wp.transpose(view.turn) * back


@inlined
def to_shade(
    view: GaussianCamera, mean: wp.vec3, shades: wp.array2d[wp.vec3], one: wp.int32, colour: wp.vec3,
    to_shades: wp.array2d[wp.vec3],
) -> wp.vec3:  # fmt: skip
    """From the colour to the spherical harmonics; returns the gradient of the mean, through the view direction."""
    aim = direction_of(view, mean)
    unit = wp.vec3(aim[0], aim[1], aim[2])
    basis = sh_basis(unit)
    pull = Basis()
    for term in range(shades.shape[1]):
        to_shades[one, term] = basis[term] * colour
        pull[term] = wp.dot(colour, shades[one, term])
    slope = sh_slope(pull, unit)
    return (slope - wp.dot(unit, slope) * unit) * aim[3]


@inlined
def sh_slope(pull: Any, d: wp.vec3) -> wp.vec3:
    """The gradient of the sum of pull times the spherical harmonics, to the direction."""
    x, y, z = d[0], d[1], d[2]
    xx, yy, zz = x * x, y * y, z * z
    p4, p5, p6, p7, p8 = A0 * pull[4], A1 * pull[5], A2 * pull[6], A3 * pull[7], A4 * pull[8]
    q0, q1, q2, q3 = B0 * pull[9], B1 * pull[10], B2 * pull[11], B3 * pull[12]
    q4, q5, q6 = B4 * pull[13], B5 * pull[14], B6 * pull[15]
    dx = -SH_1 * pull[3] + p4 * y - 2.0 * p6 * x + p7 * z + 2.0 * p8 * x
    dx += 6.0 * q0 * x * y + q1 * y * z - 2.0 * q2 * x * y - 6.0 * q3 * x * z
    dx += q4 * (4.0 * zz - 3.0 * xx - yy) + 2.0 * q5 * x * z + 3.0 * q6 * (xx - yy)
    dy = -SH_1 * pull[1] + p4 * x + p5 * z - 2.0 * p6 * y - 2.0 * p8 * y
    dy += 3.0 * q0 * (xx - yy) + q1 * x * z + q2 * (4.0 * zz - xx - 3.0 * yy) - 6.0 * q3 * y * z
    dy += -2.0 * q4 * x * y - 2.0 * q5 * y * z - 6.0 * q6 * x * y
    dz = SH_1 * pull[2] + p5 * y + 4.0 * p6 * z + p7 * x
    dz += q1 * x * y + 8.0 * q2 * y * z + q3 * (6.0 * zz - 3.0 * xx - 3.0 * yy) + 8.0 * q4 * x * z + q5 * (xx - yy)
    return wp.vec3(dx, dy, dz)
