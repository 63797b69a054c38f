"""The hybrid head: a textured mesh for the stable parts, Gaussians for hair and for all that a mesh cannot hold.

After MeGA (Wang et al., CVPR 2025): the face is a mesh that FLAME's parameters drive, with displacement and a texture
that changes with the expression; hair is Gaussians that go with the skull as a stiff whole; the two are blended pixel
by pixel by their depths. Gaussians of lashes, brows and the mouth ride on triangles, as in GaussianAvatars.

numpy alone: Blender loads it too. Fitting is `avatar.fitting`; files are `files.hybrid_head`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import arkit_to_flame
from animcore.body_models.parametric_model import ParametricModel
from animcore.body_models.pose_tracks import flame_pose
from animcore.core.compared_by_value import ComparedByValue
from animcore.errors import InputError
from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import Gaussians
from animcore.geometry.rotations import to_matrix
from animcore.motion import Motion
from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers.rasterize import RenderedImage, draw
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh

FloatArray = NDArray[np.float32]
Mode = Literal["mesh", "gaussians", "hybrid"]

MODES: tuple[Mode, ...] = ("mesh", "gaussians", "hybrid")
SLACK = 0.003  # metres that a Gaussian may lie behind the skin and still be drawn: lashes and brows lie on it
FINER = 2  # samples of the mesh along each side of a pixel, in images
_SKULL = 1  # FLAME's joint that carries the skull


@dataclass(frozen=True)
class PosedHead:
    """A head at one moment, in the world; metres.

    Attributes:
        vertices: (V, 3).
        rotation, shift: (3, 3) and (3,) that carry the skull from rest.
        detail: (K,) how much of each change of the texture.
    """

    vertices: FloatArray
    rotation: FloatArray
    shift: FloatArray
    detail: FloatArray


@dataclass(frozen=True, repr=False, eq=False)
class HybridHead(ComparedByValue):
    """A head that a motion drives. Any part may be absent: Gaussians alone, or a mesh alone.

    Attributes:
        model: whose parameters drive it.
        shape: (S,) coefficients of the person.
        offset: (V, 3) metres from the model's vertices to the person's, before expression and pose.
        uv: (U, 2) places in the texture, 0..1, the second upwards.
        uv_faces: (F, 3) of them for the model's faces.
        texture: (H, W, 3) colours 0..1 as they are shown, first row on top; None where the mesh is not drawn.
        changes: (K, h, w, 3) added to the texture (spread over the same square) at detail 1.
        mix: (E + 15 + 1, K) detail of the expression's E coefficients, the joints' 15 angles, and 1.
        riding: Gaussians bound to triangles of the model, or None.
        hair: Gaussians that stand around the skull at rest and go with it, or None.
        drawn: (F,) the faces that the person has; None for all. A model's neck may go on where the images end.
    """

    model: ParametricModel
    shape: FloatArray
    offset: FloatArray
    uv: FloatArray
    uv_faces: NDArray[np.int64]
    texture: FloatArray | None = None
    changes: FloatArray | None = None
    mix: FloatArray | None = None
    riding: Gaussians | None = None
    hair: Gaussians | None = None
    drawn: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Check that the parts belong to the model.

        Raises:
            InputError: where they do not.
        """
        faces, vertices = len(self.model.faces), len(self.model.template)
        if self.offset.shape != (vertices, 3) or self.uv_faces.shape != (faces, 3):
            raise InputError(
                f"The head was made for a mesh of {len(self.offset)} vertices and {len(self.uv_faces)} faces; "
                f"{self.model.name} has {vertices} and {faces}: give the model that it was made with."
            )
        bound = None if self.riding is None else self.riding.binding
        if self.riding is not None and (bound is None or bound.min(initial=0) < 0 or bound.max(initial=0) >= faces):
            raise InputError(f"The head has Gaussians on triangles that {self.model.name} does not have.")

    def __repr__(self) -> str:
        texture = "no texture" if self.texture is None else "a texture of {1} x {0}".format(*self.texture.shape)
        return f"HybridHead(on {self.model.name}: {self.count:,} Gaussians, {texture})"

    @property
    def count(self) -> int:
        """All Gaussians."""
        return sum(part.count for part in (self.riding, self.hair) if part is not None)

    def prepared(self, motion: Motion) -> Motion:
        """Return the motion with expression coefficients of the head's model, made from ARKit weights where needed.

        Raises:
            InputError: where it has neither, or those of another model.
        """
        if motion.expression is not None and motion.basis == self.model.name:
            return motion
        if motion.arkit is None:
            raise InputError(
                f"The motion has no ARKit weights and no expression of {self.model.name}, which moves this head; "
                "export it with its weights."
            )
        return arkit_to_flame.to_flame(motion, self.model)[0]

    def posed(self, motion: Motion, frame: int) -> PosedHead:
        """Return the head at a frame of a motion that is `prepared`."""
        if motion.expression is None:
            raise InputError("Prepare the motion for the head first: it has no expression coefficients.")
        still = np.zeros(3, np.float32)
        shift = still if motion.translation is None else motion.translation[frame]
        few = motion.sampled(np.array([frame], float), motion.rate, 0.0)
        return self.at(motion.expression[frame], flame_pose(few)[0], shift)

    def at(self, coefficients: FloatArray, joints: FloatArray, translation: FloatArray) -> PosedHead:
        """Return the head for coefficients (E,), axis-angle of the five joints (5, 3) and a place (3,)."""
        coefficients = coefficients[: self.model.expression_count]
        person = self._person()
        vertices, places = person.posed(joints[None], coefficients[None], self.shape, translation[None])
        turns = to_matrix(joints[: _SKULL + 1])
        rotation = (turns[0] @ turns[1]).astype(np.float32)
        rest = person.posed(shape=self.shape)[1][0, _SKULL]
        return PosedHead(vertices[0], rotation, places[0, _SKULL] - rotation @ rest, self.detail(coefficients, joints))

    def detail(self, coefficients: FloatArray, joints: FloatArray) -> FloatArray:
        """(K,) how much of each change of the texture coefficients and joints ask for."""
        if self.mix is None:
            return np.zeros(0, np.float32)
        return np.asarray(features(coefficients, joints, self.model.expression_count) @ self.mix, np.float32)

    def splats(self, posed: PosedHead) -> Gaussians | None:
        """Return all Gaussians in the world, or None where there are none."""
        parts = []
        if self.riding is not None:
            parts.append(
                triangle_binding.to_world(self.riding, triangle_binding.frames(posed.vertices, self.model.faces))
            )
        if self.hair is not None:
            parts.append(triangle_binding.rotated(self.hair, posed.rotation, posed.shift))
        return joined(parts) if parts else None

    def painted(self, posed: PosedHead) -> FloatArray:
        """(H, W, 3) the texture with the changes of the moment.

        Raises:
            InputError: where the head has none.
        """
        if self.texture is None:
            raise InputError("The head has no texture: it is Gaussians alone.")
        change = self.change(posed)
        if change is None:
            return self.texture
        return np.asarray(self.texture + upsample(change, self.texture.shape[0] // change.shape[0]), np.float32)

    def change(self, posed: PosedHead) -> FloatArray | None:
        """(h, w, 3) what the moment adds to the texture, spread over the same square; None where nothing."""
        if self.changes is None or not len(self.changes):
            return None
        return np.asarray(np.tensordot(posed.detail, self.changes, 1), np.float32)

    def _person(self) -> ParametricModel:
        """The model with the person's own vertices."""
        return replace(self.model, template=self.model.template + self.offset)


def features(coefficients: FloatArray, joints: FloatArray, count: int) -> FloatArray:
    """(count + 16,) what detail is mixed from: coefficients, filled with zeros to `count`, angles, and 1."""
    row = np.zeros(count + 16, np.float32)
    row[: len(coefficients)] = coefficients
    row[count : count + 15] = joints.ravel()
    row[-1] = 1
    return row


def joined(parts: Sequence[Gaussians]) -> Gaussians:
    """Clouds of the world, with harmonics of one degree, as one."""
    names = ("means", "rotations", "scales", "opacities", "harmonics")
    return Gaussians(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def upsample(image: NDArray[Any], times: int) -> NDArray[Any]:
    """(h, w, C) with `times` as many rows and columns, linear between the middles of the old ones."""
    for axis in (0, 1):
        size = image.shape[axis]
        at = np.clip((np.arange(size * times) + 0.5) / times - 0.5, 0, size - 1)
        low = np.minimum(at.astype(int), size - 2)
        share = (at - low).astype(image.dtype).reshape([-1 if one == axis else 1 for one in range(3)])
        image = image.take(low, axis) * (1 - share) + image.take(low + 1, axis) * share
    return image


def sample_texture(texture: NDArray[Any], places: NDArray[Any]) -> NDArray[Any]:
    """(P, 3) colours of a texture (H, W, 3) at places (P, 2), linear between the middles of its texels."""
    height, width = texture.shape[:2]
    x = np.clip(places[:, 0] * np.float32(width) - np.float32(0.5), 0, width - 1)
    y = np.clip((1 - places[:, 1]) * np.float32(height) - np.float32(0.5), 0, height - 1)
    left, top = np.minimum(x.astype(np.int32), width - 2), np.minimum(y.astype(np.int32), height - 2)
    across, down = (x - left)[:, None], (y - top)[:, None]
    flat, corner = texture.reshape(-1, texture.shape[2]), top * width + left
    first, second = flat[corner], flat[corner + width]
    first = first + (flat[corner + 1] - first) * across
    second = second + (flat[corner + width + 1] - second) * across
    return np.asarray(first + (second - first) * down, np.float32)


def render(
    head: HybridHead,
    posed: PosedHead,
    camera: Camera,
    mode: Mode = "hybrid",
    background: Sequence[float] = (0.0, 0.0, 0.0),
    backend: str = "auto",
) -> RenderedImage:
    """Draw a head.

    Args:
        head: to render.
        posed: the head's answer to a motion.
        camera: from where.
        mode: `mesh` or `gaussians` alone, or `hybrid`: Gaussians before the mesh cover it, those behind it are hidden.
        background: (3,) colour behind.
        backend: of `rasterize.draw`.
    """
    splats = head.splats(posed) if mode != "mesh" else None
    shown = head.texture is not None and mode != "gaussians"
    mesh = mesh_layer(head, posed, camera) if shown else None
    if splats is None:
        if mesh is None:
            raise InputError(f"The head has nothing that the mode {mode} could draw.")
        drawn = mesh
    else:
        drawn = draw(splats, camera, backend=backend)
        if mesh is not None:
            drawn = composite_over_mesh(draw(splats, camera, limit=mesh.depth + SLACK, backend=backend), drawn, mesh)
    colour = drawn.colour + (1 - drawn.alpha)[..., None] * np.asarray(background, np.float32)
    return RenderedImage(np.clip(colour, 0, 1), drawn.depth, drawn.alpha)


def composite_over_mesh(before: RenderedImage, free: RenderedImage, mesh: RenderedImage) -> RenderedImage:
    """Composite Gaussians over a mesh; pixels that it covers in part show what lies behind it too.

    Args:
        before: the Gaussians with the mesh for a limit, over black.
        free: the Gaussians as they are without the mesh, over black.
        mesh: over black; its alpha is its share of each pixel.
    """
    left, beside = 1 - before.alpha, 1 - mesh.alpha
    colour = before.colour + left[..., None] * mesh.colour + beside[..., None] * (free.colour - before.colour)
    alpha = before.alpha + left * mesh.alpha + beside * (free.alpha - before.alpha)
    return RenderedImage(colour, np.where(before.alpha > 0.5, before.depth, mesh.depth), alpha)


def mesh_layer(head: HybridHead, posed: PosedHead, camera: Camera) -> RenderedImage:
    """Draw the textured mesh alone, over black; its edges are smooth, its depth is infinite where there is none.

    Raises:
        InputError: where the head has no texture.
    """
    if head.texture is None:
        raise InputError("The head has no texture: it is Gaussians alone.")
    covered, places, depth = mesh_samples(head, posed, camera, FINER)
    height, width = camera.height, camera.width
    fine = np.zeros((height * FINER * width * FINER, 3), np.float32)
    fine[covered] = sample_texture(head.texture, places)
    change = head.change(posed)
    if change is not None:
        fine[covered] += sample_texture(change, places)
    alpha = np.zeros(height * FINER * width * FINER, np.float32)
    alpha[covered] = 1
    return RenderedImage(downsample(fine, camera, FINER), depth, downsample(alpha[:, None], camera, FINER)[..., 0])


def mesh_samples(
    head: HybridHead, posed: PosedHead, camera: Camera, finer: int
) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return which fine samples the mesh covers (P,), their places in the texture (P, 2), and the depth (H, W).

    Args:
        head: with its layout.
        posed: where its vertices are.
        camera: of the image.
        finer: samples along each side of a pixel.
    """
    chosen = slice(None) if head.drawn is None else head.drawn
    drawn = draw_mesh(posed.vertices, head.model.faces[chosen], camera.resized(finer))
    covered = np.flatnonzero(drawn.triangle.ravel() >= 0)
    corners = head.uv[head.uv_faces[chosen][drawn.triangle.ravel()[covered]]]
    places = np.einsum("pc,pcx->px", drawn.barycentric.reshape(-1, 3)[covered], corners)
    hit = np.isfinite(drawn.depth)
    count = downsample(hit.reshape(-1, 1).astype(np.float32), camera, finer)[..., 0]
    total = downsample(np.where(hit, drawn.depth, 0).reshape(-1, 1).astype(np.float32), camera, finer)[..., 0]
    # a pixel that is mesh for less than a half hides nothing: hair shows at the edge of the face
    depth = np.where(count >= 0.5, total / np.maximum(count, 1e-6), np.inf)
    return covered, places.astype(np.float32), depth.astype(np.float32)


def downsample(fine: NDArray[Any], camera: Camera, finer: int) -> NDArray[Any]:
    """(H, W, C) the means of the fine samples (H * W * finer^2, C) of each pixel."""
    grid = fine.reshape(camera.height, finer, camera.width, finer, fine.shape[-1])
    # sums of few whole planes: several times as fast as a mean over two axes
    total = sum(grid[:, row, :, column] for row in range(finer) for column in range(finer))
    return np.asarray(total / np.float32(finer * finer))
