"""Blend shapes and linear blend skinning of many frames, on numpy arrays and torch tensors alike.

The model is that of SMPL (Loper et al. 2015, "SMPL: a skinned multi-person linear model", ACM TOG 34) which FLAME and
SMPL-X share: shapes, expressions and pose correctives are added to a template, then each vertex follows its joints.
Every function takes the arrays of one kind and calls the functions of that kind (numpy's or torch's, which agree in
those used here); on tensors the result can be differentiated and stays on their device.

Coordinates stand in planes, (3, V) and not (V, 3): whole planes are multiplied and added, which is what makes numpy
fast here. Frames go through in pieces whose intermediate arrays fit the cache of a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from animcore.core.array_namespace import Array, namespace

# Numbers in the intermediate arrays of a piece: on a CPU they should stay near its cache
_WORKING = {"cpu": 1 << 22, "cuda": 1 << 27}
_PER_VERTEX = 20  # numbers a vertex and frame: 12 of its transform, its place before and after, a product
_NEAR = 1e-2  # squared radians below which sin(a) / a is taken from its series


def matrices(vectors: Array) -> Array:
    """Axis-angle (..., 3) in radians -> rotation matrices (..., 3, 3), differentiable at every angle, 0 included."""
    xp = namespace(vectors)
    square = (vectors * vectors).sum(-1)
    near = square < _NEAR
    angle = xp.sqrt(xp.where(near, xp.ones_like(square), square))
    sine = xp.where(near, _series(square, 1 / 6, 1 / 120, 1 / 5040), xp.sin(angle) / angle)
    half = xp.where(near, _series(square, 1 / 24, 1 / 1920, 1 / 322560), xp.sin(angle / 2) / (angle / 2))
    versine = half * half / 2  # (1 - cos a) / a^2
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    entries = (
        1 - versine * (y * y + z * z), versine * x * y - sine * z, versine * x * z + sine * y,
        versine * x * y + sine * z, 1 - versine * (x * x + z * z), versine * y * z - sine * x,
        versine * x * z - sine * y, versine * y * z + sine * x, 1 - versine * (x * x + y * y),
    )  # fmt: skip
    return xp.stack(entries, -1).reshape(*vectors.shape[:-1], 3, 3)


def _series(square: Array, first: float, second: float, third: float) -> Array:
    """1 - first s + second s^2 - third s^3."""
    return 1 - square * (first - square * (second - square * third))


def global_transforms(turns: Array, rest: Array, parents: Sequence[int]) -> tuple[Array, Array]:
    """Carry the rotations of joints down the skeleton.

    Args:
        turns: (T, J, 3, 3) of each joint relative to its parent.
        rest: (T, J, 3) or (1, J, 3) places of the joints before they turn.
        parents: (J,) each parent before its children, -1 of the root.

    Returns:
        (T, J, 3, 3) rotations and (T, J, 3) places in the space of the model.
    """
    xp = namespace(turns)
    rest = xp.broadcast_to(rest, turns.shape[:3])
    rotations, places = [turns[:, 0]], [rest[:, 0]]
    for joint, parent in list(enumerate(parents))[1:]:
        arm = rest[:, joint] - rest[:, parent]
        rotations.append(rotations[parent] @ turns[:, joint])
        places.append(places[parent] + (rotations[parent] @ arm[..., None])[..., 0])
    return xp.stack(rotations, 1), xp.stack(places, 1)


def blend_shapes(coefficients: Array, directions: Array) -> Array:
    """The sum of directions (K, A, B) by coefficients (..., K): (..., A, B)."""
    flat = directions.reshape(directions.shape[0], directions.shape[1] * directions.shape[2])
    return (coefficients @ flat).reshape(*coefficients.shape[:-1], *directions.shape[1:])


def linear_blend_skinning(
    template: Array, directions: Array, coefficients: Array, weights: Array, transforms: Array
) -> Array:
    """Return the vertices (T, V, 3) of all frames.

    Args:
        template: (3, V).
        directions: (K, 3, V) offsets at coefficient 1.
        coefficients: (T, K).
        weights: (J, V) of the vertices on the joints, 1 in sum.
        transforms: (T, J, 3, 4) of each joint: what carries a point of the template to its place.
    """
    xp = namespace(template)
    count, vertices = len(transforms), template.shape[-1]
    device = str(getattr(template, "device", "cpu")).partition(":")[0]
    piece = max(1, _WORKING.get(device, _WORKING["cuda"]) // (_PER_VERTEX * vertices))
    transforms = xp.moveaxis(transforms, 1, -1).reshape(count, 12, len(weights))

    def pieces() -> Iterator[Array]:
        for first in range(0, max(count, 1), piece):  # no frames are one empty piece
            frames = slice(first, first + piece)
            points = template + blend_shapes(coefficients[frames], directions)
            blended = (transforms[frames] @ weights).reshape(len(points), 3, 4, vertices)
            moved = blended[:, :, 3]
            for axis in range(3):
                moved = moved + blended[:, :, axis] * points[:, None, axis]
            yield xp.stack((moved[:, 0], moved[:, 1], moved[:, 2]), -1)

    return _joined(pieces(), (count, vertices, 3), template)


def _joined(pieces: Iterator[Array], shape: tuple[int, int, int], like: Array) -> Array:
    """One array of all pieces. Tensors are joined at the end, which keeps their history short."""
    xp = namespace(like)
    if hasattr(xp, "as_tensor"):
        return xp.concatenate(list(pieces), 0)
    whole = xp.empty(shape, like.dtype)
    first = 0
    for part in pieces:
        whole[first : first + len(part)] = part
        first += len(part)
    return whole
