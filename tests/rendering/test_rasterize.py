"""The rasterizers draw one picture, and the oracle among them draws the right one."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.errors import InputError
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians
from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers.rasterize import draw, rasterize_torch

STEP = 1 / 255


def clouds(seed: int, count: int, degree: int, spread: float) -> Gaussians:
    """Gaussians of all sizes and shapes around the origin."""
    dice = np.random.default_rng(seed)
    scales = spread * np.exp(dice.normal(-2.5, 1.0, (count, 3)))
    shades = np.concatenate(
        [dice.normal(0.5, 1, (count, 1, 3)), dice.normal(0, 0.3, (count, (degree + 1) ** 2 - 1, 3))], 1
    )
    values = (
        dice.normal(0, spread, (count, 3)), dice.normal(0, 1, (count, 4)), scales, dice.uniform(0, 1, count) ** 0.5,
        shades,
    )  # fmt: skip
    return Gaussians(*(value.astype(np.float32) for value in values))


def camera(width: int = 45, height: int = 37, away: float = 3.0, focal: float = 60.0) -> Camera:
    """A camera that looks at the origin from Z, turned a little."""
    angle = 0.3
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = pose[:3, :3] @ (0.1, 0.05, away)
    return Camera.from_opengl(pose, (width, height), (focal, focal * 1.1), (width / 2 + 1.3, height / 2 - 0.7))


def one(**changes: object) -> Gaussians:
    """A grey round Gaussian at the origin."""
    values = {
        "means": np.zeros((1, 3)), "rotations": np.array([[1.0, 0, 0, 0]]), "scales": np.full((1, 3), 0.1),
        "opacities": np.array([0.8]), "harmonics": np.zeros((1, 1, 3)),
    }  # fmt: skip
    return Gaussians(**{**values, **changes})  # type: ignore[arg-type]


def straight(size: int = 33, away: float = 2.0, focal: float = 100.0) -> Camera:
    """A camera that looks at the origin, which lies in the middle of its middle pixel."""
    pose = np.eye(4)
    pose[2, 3] = away
    return Camera.from_opengl(pose, (size, size), (focal, focal))


@pytest.mark.parametrize("backend", ["numpy", "reference", "numba", "warp"])
def test_a_gaussian_is_a_bell_of_the_known_width(backend):
    pytest.importorskip("torch" if backend == "reference" else backend)
    picture = draw(one(), straight(), backend=backend)
    square = (0.1 * 100 / 2) ** 2 + 0.3  # square pixels: 5 pixels of it, and the blur
    y, x = np.mgrid[:33, :33] - 16
    bell = 0.8 * np.exp(-0.5 * (x * x + y * y) / square)
    np.testing.assert_allclose(picture.alpha, np.where(bell >= STEP, bell, 0), atol=2e-6)
    np.testing.assert_allclose(picture.colour[..., 1], 0.5 * picture.alpha, atol=2e-6)
    assert np.all(picture.depth[picture.alpha > 0] == pytest.approx(2.0))
    assert np.all(np.isinf(picture.depth[picture.alpha == 0]))
    assert picture.alpha[0, 0] == 0


@pytest.mark.parametrize("backend", ["numpy", "numba", "warp"])
@given(
    seed=st.integers(0, 10**6), count=st.integers(1, 300), degree=st.integers(0, 3),
    spread=st.sampled_from([0.1, 0.5, 2]), hidden=st.booleans(), width=st.integers(1, 70), height=st.integers(1, 50),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_all_backends_draw_the_picture_of_the_oracle(backend, seed, count, degree, spread, hidden, width, height):
    """Clouds before, around and behind the camera, with and without a mesh in them."""
    pytest.importorskip(backend)
    pytest.importorskip("torch")
    cloud = clouds(seed, count, degree, spread)
    view = camera(width, height)
    limit = np.random.default_rng(seed).uniform(2, 4, (height, width)) if hidden else None
    if hidden:
        limit[::3] = np.inf
    truth = draw(cloud, view, limit=limit, background=(0.2, 0.4, 1.0), backend="reference")
    picture = draw(cloud, view, limit=limit, background=(0.2, 0.4, 1.0), backend=backend)
    assert np.abs(picture.colour - truth.colour).max() <= STEP * max(1, truth.colour.max())
    assert np.abs(picture.alpha - truth.alpha).max() <= STEP
    solid = (truth.alpha > 0.1) & (picture.alpha > 0.1)
    np.testing.assert_allclose(picture.depth[solid], truth.depth[solid], rtol=0.02)


def test_harmonics_are_those_of_the_files():
    """Signs and order of 3DGS: seen from +Z, along -Z, the third coefficient darkens, and so on."""
    view = straight()
    flat = draw(one(), view).colour[16, 16, 0]
    for term, sign in ((1, 0), (2, -1), (3, 0), (6, 1), (12, -1)):
        shades = np.zeros((1, 16, 3))
        shades[0, term] = 0.2
        seen = draw(one(harmonics=shades), view).colour[16, 16, 0]
        assert np.sign(round(float(seen - flat), 5)) == sign
    assert flat == pytest.approx(0.8 * 0.5, abs=1e-4)
    white = draw(one(harmonics=np.full((1, 1, 3), 0.5 / HARMONIC_0)), view)
    assert white.colour[16, 16, 0] == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("backend", ["numpy", "numba", "warp"])
def test_a_mesh_hides_what_is_behind_it_in_its_pixels_alone(backend):
    pytest.importorskip(backend)
    limit = np.full((33, 33), np.inf)
    limit[:, :16] = 1.9
    limit[:, 20:] = 2.1
    picture = draw(one(), straight(), limit=limit, backend=backend)
    free = draw(one(), straight(), backend=backend)
    assert picture.alpha[:, :16].max() == 0
    np.testing.assert_array_equal(picture.alpha[:, 16:], free.alpha[:, 16:])


def test_the_nearer_of_two_covers_the_other():
    two = Gaussians(
        np.array([[0, 0, 0], [0, 0, 0.5]]), np.array([[1.0, 0, 0, 0]] * 2), np.full((2, 3), 0.1), np.array([0.9, 0.6]),
        np.array([[[1.0, -2, -2]], [[-2, -2, 1.0]]]),
    )  # fmt: skip
    colour = draw(two, straight(), backend="numpy").colour[16, 16]
    full = 0.5 + HARMONIC_0
    assert colour == pytest.approx([0.9 * 0.4 * full, 0, 0.6 * full], abs=1e-3)


def test_a_background_may_be_a_picture():
    behind = np.random.default_rng(0).uniform(0, 1, (33, 33, 3)).astype(np.float32)
    free, placed = draw(one(), straight()), draw(one(), straight(), background=behind)
    np.testing.assert_allclose(placed.colour, free.colour + (1 - free.alpha)[..., None] * behind, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"means": np.full((1, 3), np.nan)}, "not numbers"),
        ({"harmonics": np.zeros((1, 5, 3))}, "5 spherical harmonics"),
        ({"binding": np.zeros(1, np.int64)}, "bound to triangles"),
        ({"rotations": np.zeros((1, 4))}, "length zero"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_told(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        draw(one(**changes), straight())


def test_pictures_and_limits_that_cannot_be_are_told():
    with pytest.raises(InputError, match="100000 x 100000 pixels"):
        draw(one(), straight(100000))
    with pytest.raises(InputError, match="The limit is"):
        draw(one(), straight(), limit=np.zeros((3, 3)))
    with pytest.raises(InputError, match="not numbers"):
        draw(one(), straight(), limit=np.full((33, 33), np.nan))
    with pytest.raises(InputError, match="A background is"):
        draw(one(), straight(), background=(1, 2))
    with pytest.raises(InputError, match="no rasterizer 'vulkan'"):
        draw(one(), straight(), backend="vulkan")
    with pytest.raises(InputError, match="holds no Gaussians"):
        draw(clouds(0, 1, 0, 1).part(np.zeros(0, np.int64)), straight())


def test_tensors_of_other_shapes_are_told():
    torch = pytest.importorskip("torch")
    values = [torch.zeros(2, 3), torch.ones(2, 4), torch.ones(2, 3), torch.ones(2), torch.zeros(2, 5, 3)]
    with pytest.raises(InputError, match="The colours are"):
        rasterize_torch(*values, straight())
    with pytest.raises(InputError, match="The tensor opacities"):
        rasterize_torch(*values[:3], torch.ones(2, 1), torch.zeros(2, 3), straight())


def test_a_camera_inside_the_cloud_sees_what_is_before_it():
    picture = draw(clouds(1, 500, 3, 1.0), camera(away=0.0), backend="numpy")
    assert np.isfinite(picture.colour).all()
    assert picture.alpha.max() > 0.5


def gradients(
    cloud: Gaussians, view: Camera, backend: str, limit: np.ndarray | None, plain: bool, dtype: object,
    device: str = "cpu",
) -> list:  # fmt: skip
    """Of a picture with random weights on colour, depth and alpha, to all that was drawn, background and shifts."""
    import torch

    shades = np.abs(cloud.harmonics[:, 0]) if plain else cloud.harmonics
    values = [
        cloud.means,
        cloud.rotations,
        cloud.scales,
        cloud.opacities,
        shades,
        np.zeros((cloud.count, 2)),
        (0.2, 0.4, 1),
    ]
    tensors = [torch.tensor(np.asarray(value), dtype=dtype, device=device, requires_grad=True) for value in values]
    *given, shifts, background = tensors
    colour, depth, alpha = rasterize_torch(
        *given, view, limit=limit, background=background, shifts=shifts, backend=backend
    )
    torch.manual_seed(3)
    weights = [torch.randn(part.shape, dtype=torch.float64).to(part) for part in (colour, depth, alpha)]
    # the mean of next to nothing jumps where a pixel falls below 1 / 255
    weights[1] = weights[1] * (alpha > 0.5)
    sum((weight * part).sum() for weight, part in zip(weights, (colour, depth, alpha), strict=True)).backward()
    return [np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.double().cpu().numpy() for tensor in tensors]


def agree(truth: list, found: list) -> None:
    """Within a thousandth of the largest gradient of the oracle."""
    for wanted, got in zip(truth, found, strict=True):
        assert np.abs(got - wanted).max() <= 1e-3 * max(1.0, np.abs(wanted).max())


@pytest.mark.parametrize("backend", ["numba", "warp"])
@given(
    seed=st.integers(0, 10**6), count=st.integers(1, 100), degree=st.integers(0, 3), hidden=st.booleans(),
    plain=st.booleans(), spread=st.sampled_from([0.3, 2]),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_gradients_are_those_of_the_oracle(backend, seed, count, degree, hidden, plain, spread):
    pytest.importorskip(backend)
    torch = pytest.importorskip("torch")
    cloud, view = clouds(seed, count, degree, spread), camera(33, 29)
    limit = np.random.default_rng(seed).uniform(2, 4, (29, 33)) if hidden else None
    truth = gradients(cloud, view, "reference", limit, plain, torch.float64)
    device = "cuda" if backend == "warp" and torch.cuda.is_available() else "cpu"
    agree(truth, gradients(cloud, view, backend, limit, plain, torch.float32, device))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("backend", ["warp", "gsplat"])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
def test_cards_draw_the_picture_and_the_gradients_of_the_oracle(backend, device, plain, hidden):
    """What is lent for an hour must be told right from wrong in one run; processors run what they can of it."""
    torch = pytest.importorskip("torch")
    pytest.importorskip(backend)
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    if backend == "gsplat" and (device == "cpu" or hidden):
        pytest.skip("gsplat draws on CUDA alone, and behind no mesh")
    if backend == "warp" and device == "cpu" and not pytest.importorskip("warp").is_cpu_available():
        pytest.skip("this Warp has no compiler for processors")
    cloud, view = clouds(7, 2000, 3, 0.4), camera(133, 97)
    cloud = replace(cloud, opacities=cloud.opacities * np.float32(0.9))  # gsplat lets 0.999 of a pixel be covered
    limit = np.random.default_rng(7).uniform(2.5, 3.5, (97, 133)) if hidden else None
    shades = np.abs(cloud.harmonics[:, 0]) if plain else cloud.harmonics
    values = cloud.means, cloud.rotations, cloud.scales, cloud.opacities, shades
    tensors = [torch.tensor(value) for value in values]
    wanted = rasterize_torch(*tensors, view, limit=limit, backend="reference")
    found = rasterize_torch(*(tensor.to(device) for tensor in tensors), view, limit=limit, backend=backend)
    assert {part.device.type for part in found} == {device}
    assert float((found[0].cpu() - wanted[0]).abs().max()) <= STEP * max(1, float(wanted[0].max()))
    assert float((found[2].cpu() - wanted[2]).abs().max()) <= STEP
    truth = gradients(cloud, view, "reference", limit, plain, torch.float64)
    agree(truth, gradients(cloud, view, backend, limit, plain, torch.float32, device))


def test_blocks_of_a_card_add_up_what_single_threads_do(monkeypatch):
    """On a card the 32 threads of a block add their gradients up before memory sees them; here they can be acted."""
    torch = pytest.importorskip("torch")
    warp = pytest.importorskip("warp")
    if not warp.is_cpu_available():
        pytest.skip("this Warp has no compiler for processors")
    monkeypatch.setattr(warp.config, "enable_cpu_blocks", True, raising=False)
    cloud, view = clouds(4, 60, 3, 0.4), camera(45, 37)
    truth = gradients(cloud, view, "reference", None, False, torch.float64)
    agree(truth, gradients(cloud, view, "warp", None, False, torch.float32))


@pytest.mark.parametrize("module", ["gaussian_rasterizers.warp_kernels", "mesh_rasterizers.warp_backend"])
def test_kernels_compile_for_a_card_where_there_is_none(module, tmp_path):
    """Warp brings NVIDIA's compiler: what only a card would refuse is seen here."""
    pytest.importorskip("torch")
    warp = pytest.importorskip("warp")
    kernels = importlib.import_module(f"animcore.rendering.{module}")
    usual = warp.get_module_options(module=kernels)["block_dim"]
    warp.set_module_options({"block_dim": 32}, module=kernels)
    made = warp.compile_aot_module(kernels, arch=90, module_dir=tmp_path, use_ptx=False)
    warp.set_module_options({"block_dim": usual}, module=kernels)
    assert made[0].stat().st_size > 10_000


def test_warp_tells_what_it_cannot_draw(monkeypatch):
    torch = pytest.importorskip("torch")
    warp = pytest.importorskip("warp")
    from animcore.rendering.gaussian_rasterizers import warp_backend, warp_device

    with pytest.raises(InputError, match="not on mps"):
        warp_device.ready("mps")
    if not torch.cuda.is_available():
        monkeypatch.setattr(warp, "is_cuda_available", lambda: False)
        with pytest.raises(InputError, match="finds no NVIDIA GPU"):
            warp_device.ready("cuda")
    monkeypatch.setattr(warp_backend, "_CROWD", 2)
    with pytest.raises(MemoryError, match=r"1 Gaussians cover \d+ tiles"):
        warp_backend.render(*(torch.tensor(value).float() for value in (
            one().means, one().rotations, one().scales, one().opacities, one().harmonics)), straight())  # fmt: skip
    with pytest.raises(InputError, match="1 Gaussians at 33 x 33 need more memory"):
        draw(one(), straight(), backend="warp")


def test_warp_draws_where_nothing_can_be_kept(monkeypatch):
    """A read-only home: what it compiles goes with the process. Only the start is tried here."""
    pytest.importorskip("torch")
    warp = pytest.importorskip("warp")
    from animcore.rendering.gaussian_rasterizers import warp_device

    tries = []

    def start() -> None:
        tries.append(warp.config.kernel_cache_dir)
        if len(tries) == 1:
            raise PermissionError

    monkeypatch.setattr(warp.config, "kernel_cache_dir", "/sealed")
    monkeypatch.setattr(warp, "init", start)
    warp_device.ready("cpu")
    assert tries[0] == "/sealed"
    assert Path(tries[1]).is_dir()


def test_the_fastest_that_is_installed_is_taken(monkeypatch):
    from animcore.rendering.gaussian_rasterizers import rasterize

    there = {"numba", "warp", "gsplat"}
    monkeypatch.setattr(rasterize, "installed", lambda package: package in there)
    assert rasterize.select_backend("auto") == "numba"
    assert rasterize.select_backend("auto", on_cuda=True) == "gsplat"
    assert rasterize.select_backend("auto", on_cuda=True, hidden=True) == "warp"
    there.remove("gsplat")
    assert rasterize.select_backend("auto", on_cuda=True) == "warp"
    there.remove("warp")
    assert rasterize.select_backend("auto", on_cuda=True) == "numba"
    there.remove("numba")
    assert rasterize.select_backend("auto") == "numpy"
    assert rasterize.select_backend("auto", gradients=True) == "reference"


def test_gradients_of_the_oracle_are_differences_of_its_pictures():
    torch = pytest.importorskip("torch")
    cloud, view = clouds(5, 6, 3, 0.3), camera(12, 10, focal=20)
    tensors = [
        torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for value in (cloud.means, cloud.rotations, cloud.scales, cloud.opacities * 0.9, cloud.harmonics)
    ]
    assert torch.autograd.gradcheck(
        lambda *given: rasterize_torch(*given, view, backend="reference")[0],
        tensors,
        eps=1e-7,
        atol=1e-4,
        fast_mode=True,
    )


def test_backends_that_are_not_at_hand_are_told(monkeypatch):
    from animcore.rendering.gaussian_rasterizers import rasterize

    monkeypatch.setattr(rasterize, "installed", lambda package: False)
    with pytest.raises(InputError, match="needs the package numba"):
        draw(one(), straight(), backend="numba")
    with pytest.raises(InputError, match="needs the package warp"):
        draw(one(), straight(), backend="warp")
    with pytest.raises(InputError, match="pip install gsplat"):
        draw(one(), straight(), backend="gsplat")
    assert draw(one(), straight()).alpha.max() > 0.7  # with NumPy alone


def test_crowds_are_drawn_in_parts(monkeypatch):
    """Bounds on memory change no picture."""
    pytest.importorskip("numba")
    from animcore.rendering import projection
    from animcore.rendering.gaussian_rasterizers import numba_backend

    cloud = clouds(3, 400, 1, 0.5)
    whole = {backend: draw(cloud, camera(), backend=backend) for backend in ("numpy", "numba")}
    monkeypatch.setattr(projection, "_AT_A_TIME", 7)
    monkeypatch.setattr(numba_backend, "_CROWD", 50)
    for backend, picture in whole.items():
        np.testing.assert_allclose(draw(cloud, camera(), backend=backend).colour, picture.colour, atol=1e-6)


def test_too_little_memory_is_told(monkeypatch):
    from animcore.rendering.gaussian_rasterizers import reference

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reference, "render", full)
    with pytest.raises(InputError, match="1 Gaussians at 33 x 33 need more memory"):
        draw(one(), straight(), backend="numpy")
