"""LPIPS: the published formula, its gradients, the published names of its weights, and what is said without them."""

from __future__ import annotations

import io
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest

from animcore.errors import InputError

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402
from scipy.signal import correlate  # noqa: E402

from animcore.hybrid_head.fitting import lpips as perceptual  # noqa: E402

SHIFT, SCALE = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
# as torchvision lists `features`: channels, kernel, stride, padding of a convolution; kernel and stride of a pooling
ALEXNET = [
    (0, 64, 11, 4, 2), (2, 3, 2), (3, 192, 5, 1, 2), (5, 3, 2), (6, 384, 3, 1, 1), (8, 256, 3, 1, 1),
    (10, 256, 3, 1, 1),
]  # fmt: skip


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    lpips = perceptual.Lpips("alex")
    with torch.no_grad():
        for name, values in lpips.named_parameters():
            if name.startswith("lin"):
                values.abs_()
    return lpips


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An empty folder for weights, and none that a user has elsewhere."""
    monkeypatch.delenv(perceptual.FOLDER, raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path


def pictures(seed: int = 0) -> list[torch.Tensor]:
    random = np.random.default_rng(seed)
    return [torch.tensor(random.uniform(size=(41, 36, 3)), dtype=torch.float32) for _ in range(2)]


def seen(picture: np.ndarray, state: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The layers (C, h, w) of AlexNet, by SciPy's correlation."""
    values = ((picture * 2 - 1 - SHIFT) / SCALE).transpose(2, 0, 1)
    found = []
    for number, *rest in ALEXNET:
        if len(rest) == 2:
            windows = np.lib.stride_tricks.sliding_window_view(values, (rest[0], rest[0]), (1, 2))
            values = windows[:, :: rest[1], :: rest[1]].max((-1, -2))
            continue
        _, _, stride, padding = rest
        padded = np.pad(values, ((0, 0), (padding, padding), (padding, padding)))
        kernels, bias = state[f"features.{number}.weight"], state[f"features.{number}.bias"]
        rows = [correlate(padded, kernel, "valid")[0, ::stride, ::stride] for kernel in kernels]
        values = np.maximum(np.stack(rows) + bias[:, None, None], 0)
        found.append(values)
    return found


def test_it_is_the_published_formula(network):
    first, second = pictures()
    state = {name: values.numpy().astype(np.float64) for name, values in network.state_dict().items()}
    wanted = 0.0
    for index, (one, other) in enumerate(zip(*(seen(p.numpy(), state) for p in (first, second)), strict=True)):
        apart = (one / np.linalg.norm(one, axis=0) - other / np.linalg.norm(other, axis=0)) ** 2
        wanted += (apart * state[f"lin{index}.model.1.weight"][0]).sum(0).mean()
    assert float(network(first, second)) == pytest.approx(wanted, rel=1e-4)


def test_equal_pictures_do_not_differ_and_have_a_gradient(network):
    first, _ = pictures()
    black = torch.zeros_like(first, requires_grad=True)
    assert float(network(first, first)) == 0
    blind = perceptual.Lpips("alex")
    with torch.no_grad():
        blind.features[0].bias.fill_(-100)
    blind(black, first).backward()
    assert torch.isfinite(black.grad).all()


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_a_step_along_the_gradient_brings_pictures_nearer(net):
    torch.manual_seed(1)
    lpips = perceptual.Lpips(net)
    with torch.no_grad():
        for name, values in lpips.named_parameters():
            values.abs_() if name.startswith("lin") else None
    first, second = pictures(1)
    first.requires_grad_()
    before = lpips(first, second)
    before.backward()
    assert not any(values.requires_grad for values in lpips.parameters())
    after = lpips(first.detach() - 0.05 * first.grad / first.grad.abs().max(), second)
    assert after.item() < before.item()


@pytest.mark.parametrize("size", [(41, 35, 3), (31, 36, 3), (41, 36)])
def test_pictures_that_cannot_be_compared(network, size):
    with pytest.raises(InputError, match="one size"):
        network(torch.zeros(41, 36, 3) if size[0] == 41 else torch.zeros(size), torch.zeros(size))


def names(net: str) -> list[str]:
    numbers = {"alex": (0, 3, 6, 8, 10), "vgg": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)}[net]
    features = [f"features.{number}.{part}" for number in numbers for part in ("weight", "bias")]
    return features + [f"lin{index}.model.1.weight" for index in range(5)]


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_names_are_torchvisions_and_those_of_lpips(net):
    assert set(perceptual.Lpips(net).state_dict()) == set(names(net))


def test_weights_as_they_are_published(network, nowhere, monkeypatch):
    """Torchvision's file has a classifier too; the package's has the channels alone."""
    state = {name: values.clone() for name, values in perceptual.Lpips("alex").state_dict().items()}
    features = {name: values for name, values in state.items() if name.startswith("features")}
    torch.save(features | {"classifier.1.weight": torch.zeros(4, 4)}, nowhere / "alexnet-owt-7be5be79.pth")
    with pytest.raises(InputError, match=r"alex\.pth of the package lpips.*ANIMCORE_LPIPS"):
        perceptual.load("alex", nowhere)
    torch.save({name: values for name, values in state.items() if name.startswith("lin")}, nowhere / "alex.pth")
    (nowhere / "vgg16-397923af.pth").write_bytes(b"of no concern")
    monkeypatch.setenv(perceptual.FOLDER, str(nowhere))
    for folder in (None, nowhere):
        found = perceptual.load("alex", folder).state_dict()
        assert all(torch.equal(found[name], values) for name, values in state.items())


def test_weights_in_one_file(nowhere):
    state = {name: values.contiguous() for name, values in perceptual.Lpips("alex").state_dict().items()}
    save_file(state, nowhere / "lpips_alex.safetensors")
    first, second = pictures(2)
    lpips = perceptual.Lpips("alex")
    lpips.load_state_dict(state)
    assert float(perceptual.load("alex", nowhere)(first, second)) == float(lpips(first, second))


def test_what_is_said_without_weights(nowhere):
    with pytest.raises(InputError, match=r"lpips_vgg\.safetensors.*tools/lpips_weights\.py"):
        perceptual.load("vgg")


@pytest.mark.parametrize("damage", ["cut off", "another shape", "not numbers"])
def test_weights_that_are_damaged(nowhere, damage):
    state = {name: values.clone() for name, values in perceptual.Lpips("alex").state_dict().items()}
    path = nowhere / "alexnet-owt-7be5be79.pth"
    if damage == "another shape":
        state["features.3.weight"] = torch.zeros(4, 4)
    if damage == "not numbers":
        state["features.3.bias"][7] = torch.nan
    torch.save(state, path)
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"alexnet-owt"):
        perceptual.load("alex", nowhere)


@pytest.mark.parametrize(("net", "wanted"), [("alex", 0.4293451), ("vgg", 0.3171658)])
def test_with_the_published_weights_it_gives_the_published_packages_figure(net, wanted):
    """What lpips 0.1.4 gives for these pictures: where a user has the weights."""
    try:
        lpips = perceptual.load(net)
    except InputError as error:
        pytest.skip(str(error))
    rows, columns = np.mgrid[0:96, 0:128]
    first = np.stack([columns / 127, rows / 95, (columns + rows) / 222], -1).astype(np.float32)
    second = first.copy()
    second[20:60, 30:90] = [0.8, 0.3, 0.2]
    assert float(lpips(torch.tensor(first), torch.tensor(second))) == pytest.approx(wanted, abs=2e-6)


def test_the_tool_refuses_a_file_that_would_run_something():
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "lpips_weights.py"), run_name="tool")
    layers = {"Conv_0": {"kernel": np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)}}
    read = tool["Arrays"](io.BytesIO(pickle.dumps(layers, 3))).load()
    assert np.array_equal(read["Conv_0"]["kernel"], layers["Conv_0"]["kernel"])
    with pytest.raises(pickle.UnpicklingError, match="asks for"):
        tool["Arrays"](io.BytesIO(pickle.dumps(Path("x"), 3))).load()
