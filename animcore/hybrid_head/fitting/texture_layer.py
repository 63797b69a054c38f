"""The mesh layer while it is learned: a texture, how it changes with the expression, and where the skin really lies.

What the mesh shows where is found once an image and kept; only while the skin's place is learned the mesh is drawn
each time, with the gradients of texture and silhouette that `differentiable` gives. That place is
smoothed along the mesh and moved by an Adam of one scale for all vertices, so that they move together, and those that
nothing pulls at not at all (after Nicolet et al., Large Steps in Inverse Rendering of Geometry, SIGGRAPH Asia 2021,
with some steps of diffusion for their solve); a Laplacian with equal weights keeps the result smooth (Sorkine et al.,
Laplacian Surface Editing, SGP 2004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from animcore.gaussians import triangle_binding
from animcore.hybrid_head.fitting.samples import HeadState, TrainingView
from animcore.hybrid_head.head_model import FINER, HybridHead, PosedHead, features, mesh_samples
from animcore.rendering.camera import Camera
from animcore.rendering.mesh_rasterizers import differentiable
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh

RATES = {"texture": 1e-2, "changes": 4e-3}
_RATE_SKIN = 2e-3  # metres a step at most
_MEMORY = (0.9, 0.99)  # of the skin's steps and of their scale
_CALM = 2.0  # cost of changes of the texture
_SMOOTH = 1e3  # cost of skin whose displacement differs from that around it, per square metre
_SPREAD = 12  # times that the offset of a vertex is averaged with its neighbours'
_NEAR = 0.02  # of the square: samples of a pixel that lie farther apart are on two sides of a seam
_MOVING = 0.0003, 0.002  # metres that skin moves by from which its colour may change, and may wholly
CHANGES_FINENESS = 8  # texels of the texture in one of the changes


@dataclass(frozen=True)
class PoseTensors:
    """A moment's pose as tensors; `turns` (V, 3, 3) carry offsets at rest into the pose."""

    posed: PosedHead
    frames: triangle_binding.TriangleFrames
    rotation: Tensor
    shift: Tensor
    detail: Tensor
    turns: Tensor | None = None


def pose_tensors(head: HybridHead, moment: HeadState, device: torch.device, turning: bool) -> PoseTensors:
    """Return the pose of a head at a moment.

    Args:
        head: with the person's vertices.
        moment: what it did.
        device: of the tensors.
        turning: whether skin will be displaced.
    """
    pose = moment.expression, moment.joints, moment.translation
    posed = head.at(*pose)
    turns = None
    if turning:  # skinning is linear in the vertices at rest: three unit displacements determine it
        columns = [replace(head, offset=head.offset + unit).at(*pose).vertices - posed.vertices
                   for unit in np.eye(3, dtype=np.float32)]  # fmt: skip
        turns = torch.as_tensor(np.stack(columns, -1), device=device)
    return PoseTensors(
        posed,
        triangle_binding.frames(torch.as_tensor(posed.vertices, device=device), head.model.faces),
        torch.as_tensor(posed.rotation, device=device),
        torch.as_tensor(posed.shift, device=device),
        torch.as_tensor(posed.detail, device=device),
        turns,
    )


class TextureLayer:
    """The mesh layer of a fit.

    `values` holds `texture` (1, 3, S, S), and where they are learned `changes` (K, 3, S / 8, S / 8) and `skin`
    (V, 3) metres that are added to the person's vertices at rest.
    """

    def __init__(self, head: HybridHead, values: dict[str, Tensor], poses: Mapping[int, PoseTensors]) -> None:
        """Take the head, with its mix of changes, the values, and the head's poses."""
        self.head = head
        self.values = {name: value.detach().clone().requires_grad_() for name, value in values.items()}
        self.optimizer = torch.optim.Adam(
            [{"params": [self.values[name]], "name": name} for name in RATES if name in values]
        )
        if "changes" in values:
            self._reach = reach(head, poses, values["changes"].shape[-1]).to(self.device)
        self._pull: Tensor | None = None
        self._scale, self._moves = 0.0, 0
        self._layers: dict[int, tuple[Tensor, Tensor, Tensor, Tensor]] = {}
        faces = head.model.faces if head.drawn is None else head.model.faces[head.drawn]
        self._faces, self._corners = faces, head.uv_faces if head.drawn is None else head.uv_faces[head.drawn]
        self._beyond = torch.as_tensor(differentiable.neighbours(faces)) if "skin" in values else None
        self._around = _around(head.model.faces, self.values["skin"]) if "skin" in values else None

    @property
    def device(self) -> torch.device:
        """Of all tensors."""
        return self.values["texture"].device

    def layer(self, view: TrainingView, pose: PoseTensors) -> tuple[Tensor, Tensor, Tensor]:
        """Return colour over black (H, W, 3), alpha (H, W) and depth (H, W) of the mesh in an image."""
        places, pixel, share, depth = self._found(view, pose.posed)
        colour = self._read(places, pose.detail)
        total = torch.zeros(view.camera.height * view.camera.width, 4, device=self.device)
        seen = torch.cat([colour * share[:, None], share[:, None]], 1)
        total = total.index_add(0, pixel, seen).reshape(view.camera.height, view.camera.width, 4)
        return total[..., :3], total[..., 3], depth

    def moving_layer(self, view: TrainingView, pose: PoseTensors) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """Return the same with gradients to the skin, and the vertices (V, 3) where the skin is now."""
        assert pose.turns is not None
        assert self._beyond is not None
        base = torch.as_tensor(pose.posed.vertices, device=self.device)
        vertices = base + (pose.turns @ self.skin()[..., None])[..., 0]
        fragments = draw_mesh(vertices.detach().cpu().numpy(), self._faces, view.camera)
        faces = torch.as_tensor(self._faces, device=self.device)
        weights, _ = differentiable.barycentrics(vertices, faces, fragments, view.camera)
        uv = torch.as_tensor(self.head.uv, device=self.device)
        places = differentiable.interpolated(uv, torch.as_tensor(self._corners, device=self.device), fragments, weights)
        hit = torch.as_tensor(fragments.triangle >= 0, device=self.device)
        colour = self._read(_grid(places[hit]), pose.detail)
        shown = torch.zeros(*hit.shape, 4, device=self.device)
        seen = torch.cat([colour, torch.ones_like(colour[:, :1])], 1)
        shown = shown.masked_scatter(hit[..., None].expand_as(shown), seen)
        shown = differentiable.antialiased(shown, vertices, faces, self._beyond, fragments, view.camera)
        depth = torch.as_tensor(fragments.depth, dtype=torch.float32, device=self.device)
        return (shown[..., :3], shown[..., 3], depth), vertices

    def cost(self) -> Tensor:
        """What calm changes and smooth skin ask for."""
        total = torch.zeros((), device=self.device)
        if "changes" in self.values:
            total = total + _CALM * (self.values["changes"] ** 2).mean()
        if self._around is not None:
            skin = self.skin()
            total = total + _SMOOTH * ((skin - self._around @ skin) ** 2).sum(1).mean()
        return total

    def skin(self) -> Tensor:
        """(V, 3) metres that are added to the person's vertices at rest: the offsets, smoothed along the mesh."""
        assert self._around is not None
        skin = self.values["skin"]
        for _ in range(_SPREAD):
            skin = 0.5 * skin + 0.5 * (self._around @ skin)
        return skin

    def step(self, share: float) -> None:
        """Go one step down with the colours, at `share` 0..1 of the way."""
        for group in self.optimizer.param_groups:
            group["lr"] = RATES[group["name"]] * 0.1 ** max(0.0, 2 * share - 1)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def move(self) -> None:
        """Go one step down with the skin: Adam with one scale for all vertices."""
        skin = self.values["skin"]
        assert skin.grad is not None
        with torch.no_grad():
            (first, second), self._moves = _MEMORY, self._moves + 1
            before = torch.zeros_like(skin) if self._pull is None else self._pull
            self._pull = first * before + (1 - first) * skin.grad
            self._scale = second * self._scale + (1 - second) * float((skin.grad**2).sum(1).max())
            size = (self._scale / (1 - second**self._moves)) ** 0.5 + 1e-12
            skin -= _RATE_SKIN / size / (1 - first**self._moves) * self._pull
        skin.grad = None

    def settled(self) -> HybridHead:
        """Put the trained offsets into the head, drop the cached layers, and return the head."""
        moved = _array(self.skin())
        del self.values["skin"]
        self._around = self._beyond = None
        self._layers = {}
        self.head = replace(self.head, offset=self.head.offset + moved)
        return self.head

    def finished(self, head: HybridHead) -> HybridHead:
        """The head with the layers as they are now."""
        texture = self.values["texture"].detach().clamp(0, 1)[0].movedim(0, -1)
        head = replace(head, texture=_array(texture))
        if "skin" in self.values:
            head = replace(head, offset=head.offset + _array(self.skin()))
        if "changes" in self.values:
            head = replace(head, changes=_array((self.values["changes"] * self._reach).movedim(1, -1)))
        return head

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint needs."""
        return {
            "values": {name: value.detach() for name, value in self.values.items()},
            "optimizer": self.optimizer.state_dict(),
            "offset": torch.as_tensor(self.head.offset),
            "moves": (self._pull, self._scale, self._moves),
        }

    @classmethod
    def from_state(
        cls, state: dict[str, Any], head: HybridHead, poses: Mapping[int, PoseTensors], device: torch.device
    ) -> TextureLayer:
        """Return the layer of a checkpoint, for the head that is being fitted."""
        values = {name: value.to(device) for name, value in state["values"].items()}
        paint = cls(replace(head, offset=state["offset"].numpy()), values, poses)
        paint.optimizer.load_state_dict(state["optimizer"])
        pull, paint._scale, paint._moves = state["moves"]
        paint._pull = None if pull is None else pull.to(device)
        return paint

    def spread(self, views: Sequence[TrainingView], poses: Mapping[int, PoseTensors]) -> None:
        """Set the texture to the mean of what the images show on the mesh: a start that is nearly there."""
        with torch.no_grad():
            weight = torch.full_like(self.values["texture"], 0.05)
            total = self.values["texture"] * 0.05
        found = [self._found(view, poses[view.moment].posed) for view in views]
        for view, (places, pixel, _share, _depth) in zip(views, found, strict=True):
            mask = view.mask.reshape(-1)[pixel]
            blank = torch.zeros_like(total, requires_grad=True)
            # the gradient of a look-up is a splat: each pixel's colour goes to the texels that it is read from
            read = functional.grid_sample(blank, places, align_corners=False, padding_mode="border")[0, :, 0].T
            colour = view.colour.reshape(-1, 3)[pixel]
            total = total + torch.autograd.grad(read, blank, colour, retain_graph=True)[0]
            weight = weight + torch.autograd.grad(read, blank, mask[:, None].expand(-1, 3))[0]
        with torch.no_grad():
            self.values["texture"].copy_(total / weight)

    def _found(self, view: TrainingView, posed: PosedHead) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Places as a grid (1, 1, P, 2), the pixels (P,), how much of each is mesh (P,), and the depth (H, W)."""
        if id(view) not in self._layers:
            found = visible_texels(self.head, posed, view.camera)
            places, pixel, share, depth = (torch.as_tensor(values, device=self.device) for values in found)
            self._layers[id(view)] = _grid(places), pixel, share, depth
        return self._layers[id(view)]

    def _read(self, places: Tensor, detail: Tensor) -> Tensor:
        """Colours (P, 3) of the texture and its changes at places of a grid."""
        colour = functional.grid_sample(self.values["texture"], places, align_corners=False, padding_mode="border")
        if "changes" in self.values:
            change = torch.einsum("k,kchw->chw", detail, self.values["changes"])[None] * self._reach
            colour = colour + functional.grid_sample(change, places, align_corners=False, padding_mode="border")
        return colour[0, :, 0].T


def visible_texels(
    head: HybridHead, posed: PosedHead, camera: Camera
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Return what an image shows of the mesh, one place a pixel: the middle of the finer samples that images take.

    Returns:
        (P, 2) places in the texture, (P,) pixels, (P,) how much of each is mesh, (H, W) depth.
    """
    covered, places, depth = mesh_samples(head, posed, camera, FINER)
    row, column = np.divmod(covered, camera.width * FINER)
    pixel, first, index, count = np.unique(
        row // FINER * camera.width + column // FINER, return_index=True, return_inverse=True, return_counts=True
    )
    total = np.zeros((len(pixel), 2))
    np.add.at(total, index.ravel(), places)
    middle = (total / count[:, None]).astype(np.float32)
    torn = np.abs(middle - places[first]).max(1) > _NEAR
    middle[torn] = places[first][torn]
    return middle, pixel, (count / FINER**2).astype(np.float32), depth


def expression_basis(moments: Sequence[HeadState], count: int, kept: int) -> NDArray[np.float32]:
    """The main ways in which moments differ, each with a spread of 1: (count + 16, kept); `count` coefficients."""
    rows = np.array([features(moment.expression, moment.joints, count)[:-1] for moment in moments])
    middle = rows.mean(0)
    _left, sizes, ways = np.linalg.svd(rows - middle, full_matrices=False)
    used = min(kept, int((sizes > 1e-6).sum()))
    mix = np.zeros((count + 16, kept), np.float32)
    mix[:-1, :used] = (ways[:used] / (sizes[:used] / np.sqrt(len(rows)))[:, None]).T
    mix[-1] = -middle @ mix[:-1]
    return mix


def create_layer(
    head: HybridHead, size: int, changes: int, skin: bool, colour: NDArray[Any], poses: Mapping[int, PoseTensors]
) -> TextureLayer:
    """One colour everywhere, no changes, and the skin where the model has it."""
    device = next(iter(poses.values())).shift.device
    values = {"texture": torch.as_tensor(colour, device=device).reshape(1, 3, 1, 1).repeat(1, 1, size, size)}
    if changes:
        side = size // CHANGES_FINENESS
        values["changes"] = torch.zeros(changes, 3, side, side, device=device)
    if skin:
        values["skin"] = torch.zeros(head.model.template.shape, device=device)
    return TextureLayer(head, values, poses)


def reach(head: HybridHead, poses: Mapping[int, PoseTensors], size: int) -> Tensor:
    """(size, size) how far the colours of each place of the square may change, 0..1: where the head moves in itself.

    Elsewhere, on neck and shoulders, changes would only fit the images' noise.
    """
    stiff = np.stack([(seat.posed.vertices - seat.posed.shift) @ seat.posed.rotation for seat in poses.values()])
    moved = np.linalg.norm(stiff - stiff.mean(0), axis=2).max(0)[head.model.faces].max(1)
    low, high = _MOVING
    share = np.clip((moved - low) / (high - low), 0, 1).astype(np.float32)
    places = head.uv[head.uv_faces]
    result = np.zeros((size, size), np.float32)
    for place in (*places.transpose(1, 0, 2), places.mean(1)):  # faces are about as large as the texels here
        at = np.clip((place * size).astype(int), 0, size - 1)
        np.maximum.at(result, (size - 1 - at[:, 1], at[:, 0]), share)
    return functional.avg_pool2d(torch.as_tensor(result)[None], 3, 1, 1)[0]


def _around(faces: NDArray[np.int64], like: Tensor) -> Tensor:
    """(V, V) sparse: the mean over the neighbours of each vertex; a vertex without any keeps its own value."""
    count = len(like)
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    alone = np.setdiff1d(np.arange(count), faces)
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1], np.stack([alone, alone], 1)]), axis=0)
    share = 1 / np.bincount(pairs[:, 0], minlength=count)[pairs[:, 0]]
    weights = torch.as_tensor(share, dtype=like.dtype)
    places = torch.as_tensor(pairs.T.copy())
    return torch.sparse_coo_tensor(places, weights, (count, count), check_invariants=True).coalesce().to(like.device)


def _grid(places: Tensor) -> Tensor:
    """Places (P, 2) 0..1, the second upwards, as `grid_sample` takes them: (1, 1, P, 2)."""
    return torch.stack((2 * places[:, 0] - 1, 1 - 2 * places[:, 1]), -1)[None, None]


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.detach().cpu().numpy(), np.float32)
