"""Fit a hybrid head to a capture: texture and its changes, Gaussians that ride on triangles, hair on the skull.

One image a step: the mesh layer and the Gaussians over it, as `avatar.head.render` draws them, against the photograph
over a grey that changes; L1 and D-SSIM as 3DGS, LPIPS where it is asked for, and the masks. What a mesh shows where is
found once, before the first step; where the person's skin is learned too, the mesh is drawn each time while it is. A
run that was stopped goes on from its checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians
from animcore.hybrid_head.fitting import losses, lpips, texture_layer
from animcore.hybrid_head.fitting.samples import HeadState, TrainingView
from animcore.hybrid_head.fitting.texture_layer import PoseTensors, TextureLayer
from animcore.hybrid_head.fitting.trainable_gaussians import TrainableGaussians
from animcore.hybrid_head.head_model import SLACK, HybridHead, Mode
from animcore.rendering.gaussian_rasterizers.rasterize import rasterize_torch
from animcore.solvers import checkpoints

CHECKPOINT = "checkpoint.pt"
_VERSION = 2
_SSIM, _MASK, _SIZE, _PLACE = 0.2, 0.2, 1.0, 0.1  # weights of the losses
_LARGEST = 0.6  # triangles: standard deviation from which a riding Gaussian is drawn smaller
_LARGEST_HAIR = 0.008  # metres
_FARTHEST = 0.09  # metres from its triangle
_GROWTH = (0.08, 0.6)  # of all steps: when Gaussians become more
_GROWN = 10  # times
_STARTED = (0.5, 0.8)  # of the Gaussians that there are in the end: from images alone, and where hair is known
_SHAPING = (0.1, 0.4)  # of all steps: when the skin's place is learned, where it is
_PAINTED = 5  # steps between those of the mesh: its texture is most of the numbers, and each image shows a part
_WINDOW = 128  # pixels
_KEPT = 200  # steps between checkpoints


@dataclass(frozen=True)
class FitSettings:
    """How a head is fitted.

    Attributes:
        mode: which layers it has.
        gaussians: how many at the end.
        steps: iterations, of one training view each.
        texture: texels along a side.
        changes: components by which the texture changes with the expression; 0 for none.
        displacement: whether the positions of the skin are fitted, from those of the capture.
        lpips: weight of LPIPS among the losses, whose own weights are then needed (`lpips`); 0 for none.
        seed: of all random numbers.
    """

    mode: Mode = "hybrid"
    gaussians: int = 20_000
    steps: int = 3_000
    texture: int = 1024
    changes: int = 6
    displacement: bool = False
    lpips: float = 0.0
    seed: int = 0


def unseen(_image: NDArray[np.uint8]) -> None:
    """Look at no image."""


@dataclass
class HeadFitter:
    """A head that is being fitted in a folder.

    Attributes:
        head: with the model, the person's shape and the texture's layout; its layers are made here.
        moments: by their numbers.
        views: the training views.
        settings: how.
        folder: of the checkpoint.
        progress: called with the fraction done.
        show: given a photograph next to the rendered head (H, 2 W, 3), now and then.
        known: Gaussians in the world of the first moment where hair is known to be, or None.
        device: where it is computed.
    """

    head: HybridHead
    moments: dict[int, HeadState]
    views: Sequence[TrainingView]
    settings: FitSettings
    folder: Path
    progress: Progress = silent
    show: Callable[[NDArray[np.uint8]], None] = unseen
    known: Gaussians | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    step: int = 0
    riding: TrainableGaussians | None = None
    hair: TrainableGaussians | None = None
    paint: TextureLayer | None = None
    history: list[tuple[int, float]] = field(default_factory=list)

    def run(self) -> HybridHead:
        """Fit, from the checkpoint on where there is one, and return the head.

        More or fewer steps than the checkpoint's fit was to have lengthen or shorten it; one that has them all is used
        as it is.

        Raises:
            InputError: where the folder holds the checkpoint of another fit, or cannot be written; where LPIPS is asked
                for and its weights are missing.
        """
        self._perceived = lpips.load() if self.settings.lpips else None
        torch.manual_seed(self.settings.seed)
        make_folder(self.folder)
        self._capture = _capture_name(self.views, self.moments)
        self.views = [
            replace(one, colour=one.colour.to(self.device), mask=one.mask.to(self.device)) for one in self.views
        ]
        self._pose_moments()
        if not self._resume():
            self._start()
        while self.step < self.settings.steps:
            loss = self._learn(self.views[self._order(self.step)])
            if not np.isfinite(loss):
                raise InputError("The fit came to values that are not numbers; start it again with another seed.")
            self.step += 1
            self._grow()
            if self.step % _KEPT == 0 or self.step == self.settings.steps:
                self._keep()
            if self.step % 10 == 0:
                self.history.append((self.step, loss))
                self.progress(self.step / self.settings.steps, f"Fitting: {self.count} Gaussians, loss {loss:.4f}")
        return self.result()

    @property
    def count(self) -> int:
        """Gaussians now."""
        return sum(len(cloud) for cloud in self._clouds)

    @property
    def _clouds(self) -> list[TrainableGaussians]:
        return [cloud for cloud in (self.riding, self.hair) if cloud is not None]

    def result(self) -> HybridHead:
        """The head as it is now."""
        head = replace(self.head, riding=_plain(self.riding), hair=_plain(self.hair))
        return head if self.paint is None else self.paint.finished(head)

    def drawn(self, view: TrainingView) -> tuple[Tensor, Tensor, Tensor | None]:
        """Colour over black (H, W, 3), alpha (H, W), and the zeros (N, 2) that take the pull on each Gaussian."""
        pose = self._poses[view.moment]
        mesh: tuple[Tensor, Tensor, Tensor] | None = None
        frames = pose.frames
        if self.paint is not None and self._shaping:
            mesh, vertices = self.paint.moving_layer(view, pose)
            frames = triangle_binding.frames(vertices.detach(), self.head.model.faces)
        elif self.paint is not None:
            mesh = self.paint.layer(view, pose)
        if not self._clouds:
            assert mesh is not None
            return mesh[0], mesh[1], None
        parts = [self._placed(cloud, pose, frames) for cloud in self._clouds]
        means, turns, sizes, opacities, colours = (torch.cat(values) for values in zip(*parts, strict=True))
        shifts = torch.zeros(len(means), 2, device=self.device, requires_grad=torch.is_grad_enabled())
        limit = None if mesh is None else mesh[2] + SLACK
        colour, _depth, alpha = rasterize_torch(
            means, turns, sizes, opacities, colours, view.camera, limit=limit, shifts=shifts
        )
        if mesh is None:
            return colour, alpha, shifts
        left = 1 - alpha
        return colour + left[..., None] * mesh[0], alpha + left * mesh[1], shifts

    @property
    def _shaping(self) -> bool:
        """Whether the place of the skin is learned in this step."""
        first, last = (round(at * self.settings.steps) for at in _SHAPING)
        return self.paint is not None and "skin" in self.paint.values and first <= self.step < last

    def _placed(
        self, cloud: TrainableGaussians, pose: PoseTensors, frames: triangle_binding.TriangleFrames
    ) -> tuple[Tensor, ...]:
        splats = cloud.splats()
        if cloud.binding is not None:
            placed = triangle_binding.to_world(splats, frames)
        else:
            placed = triangle_binding.rotated(splats, pose.rotation, pose.shift)
        colours = (0.5 + HARMONIC_0 * placed.harmonics[:, 0]).clamp(min=0)
        return placed.means, placed.rotations, placed.scales, placed.opacities, colours

    def _learn(self, view: TrainingView) -> float:
        share = self.step / self.settings.steps
        shaping = self._shaping
        colour, alpha, shifts = self.drawn(view)
        behind = torch.rand(3, device="cpu").to(self.device)  # one device' chance for all: fits are the same everywhere
        shown = colour + (1 - alpha)[..., None] * behind
        wanted = view.colour + (1 - view.mask)[..., None] * behind
        loss = (1 - _SSIM) * (shown - wanted).abs().mean() + self._unlike(shown, wanted)
        loss = loss + _MASK * (alpha - view.mask).abs().mean() + self._bounds(view)
        if self.paint is not None:
            loss = loss + self.paint.cost()
        loss.backward()
        self._add_gradients(shifts)
        for cloud in self._clouds:
            cloud.step(share)
        if self.paint is not None and (self.step + 1) % _PAINTED == 0:
            self.paint.step(share)
        if self.paint is not None and shaping:
            self.paint.move()
        shaped = self.step + 1 >= round(_SHAPING[1] * self.settings.steps)  # a fit that was shortened may be past it
        if self.paint is not None and "skin" in self.paint.values and shaped:
            self.head = self.paint.settled()
            self._pose_moments()
        return float(loss.detach())

    def _unlike(self, shown: Tensor, wanted: Tensor) -> Tensor:
        """D-SSIM and LPIPS of a window, elsewhere each time: of all they would take most of the time."""
        height, width = (max(side - _WINDOW, 0) for side in shown.shape[:2])
        top, left = (int(torch.randint(most + 1, (), device="cpu")) for most in (height, width))
        part = slice(top, top + _WINDOW), slice(left, left + _WINDOW)
        total = _SSIM * (1 - losses.ssim(shown[part], wanted[part]))
        if self._perceived is not None:
            total = total + self.settings.lpips * self._perceived(shown[part], wanted[part])
        return total

    def _bounds(self, view: TrainingView) -> Tensor:
        """Costs of Gaussians that outgrow their triangles or leave them, and of hair in lumps."""
        total = torch.zeros((), device=self.device)
        if self.riding is not None:
            size = self.riding.values["sizes"].exp()
            own = self._poses[view.moment].frames.sizes[self.riding.binding]
            far = (self.riding.values["means"].norm(dim=1) * own - _FARTHEST).clamp(min=0)
            total = total + _SIZE * (size - self._largest()).clamp(min=0).mean() + _PLACE * far.mean() / _FARTHEST
        if self.hair is not None:
            size = self.hair.values["sizes"].exp()
            total = total + _SIZE * (size - _LARGEST_HAIR).clamp(min=0).mean() / _LARGEST_HAIR
        return total

    def _largest(self) -> float:
        """A Gaussian alone must fill what a mesh fills elsewhere: it may be larger."""
        return _LARGEST if self.paint is not None else 2 * _LARGEST

    def _add_gradients(self, shifts: Tensor | None) -> None:
        if shifts is None or shifts.grad is None:
            return
        pull, first = shifts.grad.norm(dim=1), 0
        for cloud in self._clouds:
            cloud.felt(pull[first : first + len(cloud)])
            first += len(cloud)

    def _grow(self) -> None:
        """Fill up the clouds, each in proportion to how much the image pulls at it."""
        clouds = self._clouds
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
        """Make the layers: what the images show on the skin, and the first Gaussians, fewer than in the end."""
        from animcore.hybrid_head.fitting import initialization

        settings = self.settings
        posed = {number: pose.posed for number, pose in self._poses.items()}
        self.head = replace(self.head, drawn=initialization.visible_faces(self.head, posed, self.views))
        if settings.mode != "gaussians":
            if settings.changes:
                count = self.head.model.expression_count
                mix = texture_layer.expression_basis(list(self.moments.values()), count, settings.changes)
                self.head = replace(self.head, mix=mix)
                self._pose_moments()
            colour = initialization.mean_colour(self.views)
            self.paint = texture_layer.create_layer(
                self.head, settings.texture, settings.changes, settings.displacement, colour, self._poses
            )
            self.paint.spread(self.views, self._poses)
        if settings.mode != "mesh":
            count = round(settings.gaussians * _STARTED[self.known is not None])
            self.riding, self.hair = initialization.initial_gaussians(
                self.head, posed, self.views, count, settings.mode, np.random.default_rng(settings.seed), self.known
            )
            for cloud in self._clouds:
                cloud.to(self.device)
        self._started = self.count

    def _pose_moments(self) -> None:
        """Pose the head for each moment."""
        turning = self.settings.displacement and (self.paint is None or "skin" in self.paint.values)
        self._poses = {
            number: texture_layer.pose_tensors(self.head, moment, self.device, turning)
            for number, moment in self.moments.items()
        }

    def _order(self, step: int) -> int:
        """The image of a step: all in a new order each round."""
        rounds, place = divmod(step, len(self.views))
        return int(np.random.default_rng((self.settings.seed, rounds)).permutation(len(self.views))[place])

    def _facts(self) -> dict[str, Any]:
        """What a fit must share with its checkpoint to go on: all but its length."""
        settings = {name: value for name, value in asdict(self.settings).items() if name != "steps"}
        return {"version": _VERSION, **settings, "model": self.head.model.name,
                "pictures": len(self.views), "moments": len(self.moments), "capture": self._capture,
                "known": 0 if self.known is None else self.known.count}  # fmt: skip

    def _keep(self) -> None:
        state = {
            "facts": self._facts(),
            "step": self.step,
            "random": torch.get_rng_state(),
            "drawn": torch.as_tensor(self.head.drawn),
            "mix": None if self.head.mix is None else torch.as_tensor(self.head.mix),
            "paint": None if self.paint is None else self.paint.state(),
            "riding": None if self.riding is None else self.riding.state(),
            "hair": None if self.hair is None else self.hair.state(),
            "started": self._started,
        }
        with whole_file(self.folder / CHECKPOINT) as temporary:
            torch.save(state, temporary)
        self._show()

    def _resume(self) -> bool:
        """Go on from the checkpoint; False where there is none."""
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return False
        state = checkpoints.pickled(path)
        saved = state.get("facts", {})
        if any(saved.get(name) != value for name, value in self._facts().items()):
            raise InputError(f"{path} is the checkpoint of another fit; choose another folder, or remove it.")
        self.step, self._started = state["step"], state["started"]
        mix = None if state["mix"] is None else state["mix"].numpy()
        self.head = replace(self.head, drawn=state["drawn"].numpy(), mix=mix)
        if state["paint"] is not None:
            self.paint = TextureLayer.from_state(state["paint"], self.head, self._poses, self.device)
            self.head = self.paint.head
        self.riding, self.hair = (
            None if state[name] is None else TrainableGaussians.from_state(state[name]) for name in ("riding", "hair")
        )
        for cloud in self._clouds:
            cloud.to(self.device)
        torch.set_rng_state(state["random"])
        self._pose_moments()
        return True

    def _show(self) -> None:
        """Show a photograph next to the rendered head."""
        view = self.views[0]
        with torch.no_grad():
            colour, alpha, _ = self.drawn(view)
        pair = torch.cat([_over_white(view.colour, view.mask), _over_white(colour, alpha)], 1)
        self.show(np.round(_array(pair.clamp(0, 1)) * 255).astype(np.uint8))


def _capture_name(views: Sequence[TrainingView], moments: dict[int, HeadState]) -> str:
    """A name that another capture does not have: of its cameras, what the head did, and some pixels of each image."""
    found = hashlib.sha256()
    for view in views:
        camera = view.camera
        pixels = _array(view.colour[::16, ::16]), _array(view.mask[::16, ::16])
        for values in (camera.world_to_camera, camera.focal, camera.centre, *pixels):
            found.update(np.asarray(values, np.float32).tobytes())
    for number, moment in sorted(moments.items()):
        found.update(str(number).encode())
        for values in (moment.expression, moment.joints, moment.translation):
            found.update(np.asarray(values, np.float32).tobytes())
    return found.hexdigest()


def _plain(cloud: TrainableGaussians | None) -> Gaussians | None:
    if cloud is None:
        return None
    with torch.no_grad():
        splats = cloud.splats()
    names = ("means", "rotations", "scales", "opacities", "harmonics")
    arrays: dict[str, Any] = {name: _array(getattr(splats, name)) for name in names}
    return replace(splats, **arrays)


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.detach().cpu().numpy(), np.float32)


def _over_white(colour: Tensor, alpha: Tensor) -> Tensor:
    return colour + (1 - alpha)[..., None]
