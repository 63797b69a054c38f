"""Fit a hybrid head to a capture: texture and its changes, Gaussians that ride on triangles, hair on the skull.

One picture a step: the mesh layer and the Gaussians over it, as `avatar.head.render` draws them, against the photograph
over a grey that changes; L1 and D-SSIM as 3DGS, and the masks. What a mesh shows where is found once, before the first
step. A run that was stopped goes on from its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from animcore.atomic import whole_file
from animcore.avatar import binding, losses
from animcore.avatar.camera import Camera
from animcore.avatar.clouds import Cloud
from animcore.avatar.head import SLACK, HybridHead, Mode, features, mesh_samples
from animcore.avatar.rasterize import rasterize_torch
from animcore.avatar.splats import HARMONIC_0, Splats
from animcore.errors import InputError
from animcore.progress import Progress, silent
from animcore.solvers import checkpoints

CHECKPOINT = "checkpoint.pt"
_VERSION = 1
_RATES = {"texture": 1e-2, "changes": 4e-3}
_SSIM, _MASK, _SIZE, _PLACE, _CALM = 0.2, 0.2, 1.0, 0.1, 2.0  # weights of the losses
_LARGEST = 0.6  # triangles: standard deviation from which a riding Gaussian is drawn smaller
_LARGEST_HAIR = 0.008  # metres
_FARTHEST = 0.09  # metres from its triangle
_GROWTH = (0.08, 0.6)  # of all steps: when Gaussians become more
_GROWN = 10  # times
_WINDOW = 160  # pixels
_KEPT = 200  # steps between checkpoints


@dataclass(frozen=True)
class Settings:
    """How a head is fitted.

    Attributes:
        mode: which layers it has.
        gaussians: how many at the end.
        steps: pictures that are learned from.
        texture: texels along a side.
        changes: how many ways the texture changes with the expression; 0 for none.
        seed: of everything that is drawn by chance.
    """

    mode: Mode = "hybrid"
    gaussians: int = 12_000
    steps: int = 3_000
    texture: int = 768
    changes: int = 6
    seed: int = 0


@dataclass(frozen=True)
class Picture:
    """A photograph: `colour` (H, W, 3) times the mask, the `mask` (H, W), from where, and of which moment."""

    camera: Camera
    moment: int
    colour: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Moment:
    """What the head did: expression (E,), joints (5, 3), translation (3,)."""

    expression: NDArray[np.float32]
    joints: NDArray[np.float32]
    translation: NDArray[np.float32]


def unseen(_picture: NDArray[np.uint8]) -> None:
    """Look at no picture."""


@dataclass
class Fit:
    """A head that is being fitted in a folder.

    Attributes:
        head: with the model, the person's shape and the texture's layout; its layers are made here.
        moments: by their numbers.
        pictures: that are learned from.
        settings: how.
        folder: of the checkpoint.
        progress: told the fraction done.
        show: given a photograph and the head beside it (H, 2 W, 3), now and then.
    """

    head: HybridHead
    moments: dict[int, Moment]
    pictures: Sequence[Picture]
    settings: Settings
    folder: Path
    progress: Progress = silent
    show: Callable[[NDArray[np.uint8]], None] = unseen
    step: int = 0
    riding: Cloud | None = None
    hair: Cloud | None = None
    paint: dict[str, Tensor] = field(default_factory=dict)
    history: list[tuple[int, float]] = field(default_factory=list)

    def run(self) -> HybridHead:
        """Fit, from the checkpoint on where there is one, and return the head.

        Raises:
            InputError: where the folder holds the checkpoint of another fit, or cannot be written.
        """
        torch.manual_seed(self.settings.seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._seats = {number: self._seat(moment) for number, moment in self.moments.items()}
        self._layers: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        self._start()
        self._resume()
        paint = (
            torch.optim.Adam([{"params": [value], "name": name} for name, value in self.paint.items()])
            if self.paint
            else None
        )
        if paint is not None and self._paint_state is not None:
            paint.load_state_dict(self._paint_state)
        while self.step < self.settings.steps:
            share = self.step / self.settings.steps
            picture = self.pictures[self._order(self.step)]
            loss = self._learn(picture, share, paint)
            if not np.isfinite(loss):
                raise InputError("The fit came to values that are no numbers; start it again with another seed.")
            self.step += 1
            self._grow()
            if self.step % _KEPT == 0 or self.step == self.settings.steps:
                self._keep(paint)
            if self.step % 10 == 0:
                self.history.append((self.step, loss))
                self.progress(self.step / self.settings.steps, f"Fitting: {self.count} Gaussians, loss {loss:.4f}")
        return self.result()

    def _painter(self) -> torch.optim.Optimizer | None:
        """The optimizer of texture and changes, as the checkpoint left it; None where there are none."""
        if not self.paint:
            return None
        painter = torch.optim.Adam([{"params": [value], "name": name} for name, value in self.paint.items()])
        if self._paint_state is not None:
            painter.load_state_dict(self._paint_state)
        return painter

    @property
    def count(self) -> int:
        """Gaussians now."""
        return sum(len(cloud) for cloud in (self.riding, self.hair) if cloud is not None)

    def result(self) -> HybridHead:
        """The head as it is now."""
        head = replace(self.head, riding=_plain(self.riding), hair=_plain(self.hair))
        if "texture" in self.paint:
            head = replace(head, texture=_array(self.paint["texture"].clamp(0, 1)[0].movedim(0, -1)))
        if "changes" in self.paint:
            head = replace(head, changes=_array(self.paint["changes"].movedim(1, -1)), mix=self.head.mix)
        return head

    def drawn(self, picture: Picture) -> tuple[Tensor, Tensor, Tensor | None]:
        """Colour over black (H, W, 3), alpha (H, W), and the zeros (N, 2) that take the pull on each Gaussian."""
        mesh = self._mesh(picture) if self.paint else None
        clouds = [cloud for cloud in (self.riding, self.hair) if cloud is not None]
        if not clouds:
            assert mesh is not None
            return mesh[0], mesh[1], None
        seat = self._seats[picture.moment]
        parts = [self._placed(cloud, seat) for cloud in clouds]
        means, turns, sizes, opacities, colours = (torch.cat(values) for values in zip(*parts, strict=True))
        shifts = torch.zeros(len(means), 2, requires_grad=torch.is_grad_enabled())
        limit = None if mesh is None else mesh[2] + SLACK
        colour, _depth, alpha = rasterize_torch(
            means, turns, sizes, opacities, colours, picture.camera, limit=limit, shifts=shifts
        )
        if mesh is None:
            return colour, alpha, shifts
        left = 1 - alpha
        return colour + left[..., None] * mesh[0], alpha + left * mesh[1], shifts

    def _placed(self, cloud: Cloud, seat: _Seat) -> tuple[Tensor, ...]:
        splats = cloud.splats()
        if cloud.binding is not None:
            placed = binding.placed(splats, seat.frames)
        else:
            placed = binding.turned(splats, seat.rotation, seat.shift)
        colours = (0.5 + HARMONIC_0 * placed.harmonics[:, 0]).clamp(min=0)
        return placed.means, placed.rotations, placed.scales, placed.opacities, colours

    def _mesh(self, picture: Picture) -> tuple[Tensor, Tensor, Tensor]:
        """Colour over black, alpha and depth of the textured mesh; what is seen where is kept."""
        key = id(picture)
        seat, camera = self._seats[picture.moment], picture.camera
        if key not in self._layers:
            covered, places, far = mesh_samples(self.head, seat.posed, camera, 1)
            grid = torch.as_tensor(places) * torch.tensor([2.0, -2.0]) + torch.tensor([-1.0, 1.0])
            self._layers[key] = torch.as_tensor(covered), grid[None, None], torch.as_tensor(far)
        pixel, grid, depth = self._layers[key]
        colour = functional.grid_sample(self.paint["texture"], grid, align_corners=False, padding_mode="border")
        if "changes" in self.paint:
            change = torch.einsum("k,kchw->chw", seat.detail, self.paint["changes"])[None]
            colour = colour + functional.grid_sample(change, grid, align_corners=False, padding_mode="border")
        total = torch.zeros(camera.height * camera.width, 4)
        ones = torch.ones(len(pixel), 1)
        total = total.index_add(0, pixel, torch.cat([colour[0, :, 0].T, ones], 1))
        total = total.reshape(camera.height, camera.width, 4)
        return total[..., :3], total[..., 3], depth

    def _learn(self, picture: Picture, share: float, paint: torch.optim.Optimizer | None) -> float:
        colour, alpha, shifts = self.drawn(picture)
        behind = torch.rand(3)
        shown = colour + (1 - alpha)[..., None] * behind
        wanted = picture.colour + (1 - picture.mask)[..., None] * behind
        loss = (1 - _SSIM) * (shown - wanted).abs().mean() + _SSIM * (1 - self._likeness(shown, wanted))
        loss = loss + _MASK * (alpha - picture.mask).abs().mean() + self._bounds(picture)
        if "changes" in self.paint:
            loss = loss + _CALM * (self.paint["changes"] ** 2).mean()
        loss.backward()
        self._feel(shifts)
        for cloud in (self.riding, self.hair):
            if cloud is not None:
                cloud.step(share)
        if paint is not None:
            for group in paint.param_groups:
                group["lr"] = _RATES[group["name"]] * 0.1 ** max(0.0, 2 * share - 1)
            paint.step()
            paint.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _likeness(self, shown: Tensor, wanted: Tensor) -> Tensor:
        """The structural similarity of a window, elsewhere each time: of all it would take half of the time."""
        height, width = (max(side - _WINDOW, 0) for side in shown.shape[:2])
        top, left = int(torch.randint(height + 1, ())), int(torch.randint(width + 1, ()))
        part = slice(top, top + _WINDOW), slice(left, left + _WINDOW)
        return losses.ssim(shown[part], wanted[part])

    def _bounds(self, picture: Picture) -> Tensor:
        """Costs of Gaussians that outgrow their triangles or leave them, and of hair in lumps."""
        total = torch.zeros(())
        if self.riding is not None:
            size = self.riding.values["sizes"].exp()
            own = self._seats[picture.moment].frames.sizes[self.riding.binding]
            far = (self.riding.values["means"].norm(dim=1) * own - _FARTHEST).clamp(min=0)
            total = total + _SIZE * (size - self._largest()).clamp(min=0).mean() + _PLACE * far.mean() / _FARTHEST
        if self.hair is not None:
            size = self.hair.values["sizes"].exp()
            total = total + _SIZE * (size - _LARGEST_HAIR).clamp(min=0).mean() / _LARGEST_HAIR
        return total

    def _largest(self) -> float:
        """A Gaussian alone must fill what a mesh fills elsewhere: it may be larger."""
        return _LARGEST if self.paint else 2 * _LARGEST

    def _feel(self, shifts: Tensor | None) -> None:
        if shifts is None or shifts.grad is None:
            return
        pull, first = shifts.grad.norm(dim=1), 0
        for cloud in (self.riding, self.hair):
            if cloud is not None:
                cloud.felt(pull[first : first + len(cloud)])
                first += len(cloud)

    def _grow(self) -> None:
        """Fill up the clouds, each in proportion to how much the picture pulls at it."""
        clouds = [cloud for cloud in (self.riding, self.hair) if cloud is not None]
        first, last = (round(at * self.settings.steps) for at in _GROWTH)
        every = max(1, (last - first) // _GROWN)
        if not clouds or not first < self.step <= last or (self.step - first) % every:
            return
        round_now = (self.step - first) // every
        total = self._started + (self.settings.gaussians - self._started) * min(1.0, round_now / (_GROWN - 1))
        pull = [float((cloud.pull / cloud.seen.clamp(min=1)).mean()) * len(cloud) for cloud in clouds]
        now = [len(cloud) for cloud in clouds]
        more = total - sum(now)
        wanted = [round(have + more * part / max(sum(pull), 1e-12)) for have, part in zip(now, pull, strict=True)]
        wanted[-1] = round(total) - sum(wanted[:-1])
        for cloud, count in zip(clouds, wanted, strict=True):
            cloud.grow(count, 0.35 if cloud.binding is not None else 0.004)

    def _start(self) -> None:
        """Make the layers: grey paint, and the first Gaussians, half as many as in the end."""
        from animcore.avatar import starting

        generator = np.random.default_rng(self.settings.seed)
        self._paint_state: dict[str, Any] | None = None
        skin = starting.mean_colour(self.pictures)
        self.head = replace(self.head, drawn=starting.shown_faces(self.head, self._posed(), self.pictures))
        if self.settings.mode != "gaussians":
            size = self.settings.texture
            self.paint["texture"] = torch.as_tensor(skin).reshape(1, 3, 1, 1).repeat(1, 1, size, size)
            self.paint["texture"] = self._painted().requires_grad_()
            if self.settings.changes:
                self.head = replace(self.head, mix=self._mix())
                for number, seat in self._seats.items():
                    self._seats[number] = replace(seat, detail=torch.as_tensor(self._detail(self.moments[number])))
                shape = self.settings.changes, 3, size // 8, size // 8
                self.paint["changes"] = torch.zeros(shape, requires_grad=True)
        if self.settings.mode != "mesh":
            self.riding, self.hair = starting.clouds(
                self.head, self._posed(), self.pictures, self.settings.gaussians // 2, self.settings.mode, generator
            )
        self._started = self.count

    def _painted(self) -> Tensor:
        """The texture (1, 3, S, S) as the mean of what the pictures show on the mesh: a start that is nearly there."""
        texture = self.paint["texture"]
        weight = torch.full_like(texture, 0.05)
        texture = texture * 0.05
        for picture in self.pictures:
            self._mesh(picture)
            pixel, grid, _depth = self._layers[id(picture)]
            share = picture.mask.reshape(-1)[pixel]
            spread = torch.zeros_like(texture, requires_grad=True)
            # the gradient of a look-up is a splat: each pixel's colour goes to the texels that it is read from
            read = functional.grid_sample(spread, grid, align_corners=False, padding_mode="border")[0, :, 0].T
            colour = picture.colour.reshape(-1, 3)[pixel]
            texture = texture + torch.autograd.grad(read, spread, colour, retain_graph=True)[0]
            weight = weight + torch.autograd.grad(read, spread, share[:, None].expand(-1, 3))[0]
        return texture / weight

    def _posed(self) -> dict[int, Any]:
        return {number: seat.posed for number, seat in self._seats.items()}

    def _seat(self, moment: Moment) -> _Seat:
        posed = self.head.at(moment.expression, moment.joints, moment.translation)
        frames = binding.frames(torch.as_tensor(posed.vertices), self.head.model.faces)
        return _Seat(posed, frames, torch.as_tensor(posed.rotation), torch.as_tensor(posed.shift), torch.zeros(0))

    def _detail(self, moment: Moment) -> NDArray[np.float32]:
        return replace(self.head).detail(moment.expression, moment.joints)

    def _mix(self) -> NDArray[np.float32]:
        """The main ways in which the moments differ, each with a spread of 1: (E + 16, K)."""
        count = self.head.model.expression_count
        rows = np.array([features(moment.expression, moment.joints, count)[:-1] for moment in self.moments.values()])
        middle = rows.mean(0)
        _left, sizes, ways = np.linalg.svd(rows - middle, full_matrices=False)
        kept = min(self.settings.changes, int((sizes > 1e-6).sum()))
        mix = np.zeros((count + 16, self.settings.changes), np.float32)
        spread = sizes[:kept] / np.sqrt(len(rows))
        mix[:-1, :kept] = (ways[:kept] / spread[:, None]).T
        mix[-1] = -middle @ mix[:-1]
        return mix

    def _order(self, step: int) -> int:
        """The picture of a step: all in a new order each round."""
        rounds, place = divmod(step, len(self.pictures))
        return int(np.random.default_rng((self.settings.seed, rounds)).permutation(len(self.pictures))[place])

    def _facts(self) -> dict[str, Any]:
        names = sorted(self.moments)
        return {"version": _VERSION, **asdict(self.settings), "model": self.head.model.name,
                "pictures": len(self.pictures), "moments": len(names)}  # fmt: skip

    def _keep(self, paint: torch.optim.Optimizer | None) -> None:
        state = {
            "facts": self._facts(),
            "step": self.step,
            "random": torch.get_rng_state(),
            "paint": {name: value.detach() for name, value in self.paint.items()},
            "paint_optimizer": None if paint is None else paint.state_dict(),
            "riding": None if self.riding is None else self.riding.state(),
            "hair": None if self.hair is None else self.hair.state(),
            "started": self._started,
        }
        with whole_file(self.folder / CHECKPOINT) as temporary:
            torch.save(state, temporary)
        self._show()

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return
        state = checkpoints.pickled(path)
        if state.get("facts") != self._facts():
            raise InputError(f"{path} is the checkpoint of another fit; choose another folder, or remove it.")
        self.step, self._started = state["step"], state["started"]
        self.paint = {name: value.requires_grad_() for name, value in state["paint"].items()}
        self._paint_state = state["paint_optimizer"]
        self.riding, self.hair = (
            None if state[name] is None else Cloud.from_state(state[name]) for name in ("riding", "hair")
        )
        torch.set_rng_state(state["random"])

    def _show(self) -> None:
        """Show a photograph and the head beside it."""
        picture = self.pictures[0]
        with torch.no_grad():
            colour, alpha, _ = self.drawn(picture)
        pair = torch.cat([_over_white(picture.colour, picture.mask), _over_white(colour, alpha)], 1)
        self.show(np.round(_array(pair.clamp(0, 1)) * 255).astype(np.uint8))


@dataclass(frozen=True)
class _Seat:
    """A moment's pose as tensors."""

    posed: Any
    frames: binding.Frames
    rotation: Tensor
    shift: Tensor
    detail: Tensor


def _plain(cloud: Cloud | None) -> Splats | None:
    if cloud is None:
        return None
    with torch.no_grad():
        splats = cloud.splats()
    names = ("means", "rotations", "scales", "opacities", "harmonics")
    arrays: dict[str, Any] = {name: _array(getattr(splats, name)) for name in names}
    return replace(splats, **arrays)


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.detach().numpy(), np.float32)


def _over_white(colour: Tensor, alpha: Tensor) -> Tensor:
    return colour + (1 - alpha)[..., None]
