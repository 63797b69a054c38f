"""LSE: the cepstra against the package SyncNet was trained with, the distances against loops, weights in its layout."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from animcore.errors import InputError
from animcore.evaluation.face import syncnet
from animcore.files.video import writer


def test_cepstra_equal_those_of_python_speech_features(noise):
    package = pytest.importorskip("python_speech_features")
    samples = noise[:20_001] * np.linspace(0, 1, 20_001)
    wanted = package.mfcc(np.round(samples * 32767).astype(np.int16), 16_000)
    assert syncnet.mfcc(samples) == pytest.approx(wanted, abs=1e-5)


def test_distances_equal_a_plain_loop():
    random = np.random.default_rng(0)
    seen = random.normal(size=(40, 8))
    heard = np.roll(seen, 3, axis=0) + 0.1 * random.normal(size=(40, 8))
    means = []
    for shift in range(-15, 16):
        total = 0.0
        for frame in range(40):
            other = heard[frame + shift] if 0 <= frame + shift < 40 else np.zeros(8)
            total += float(np.sqrt(np.square(seen[frame] - other + 1e-6).sum()))
        means.append(total / 40)
    least, confidence = syncnet.distances(seen, heard)
    assert least == pytest.approx(means[15 + 3])
    assert confidence == pytest.approx(sorted(means)[15] - min(means))
    assert confidence > 1


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Write weights of chance in the layout of syncnet_v2.model."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    torch.save(syncnet.network().state_dict(), path)
    return path


def test_the_layout_is_the_published_one(weights):
    torch = pytest.importorskip("torch")
    state = torch.load(weights, weights_only=True)
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    # from the published SyncNetModel.py
    assert shapes["netcnnaud.0.weight"] == (64, 1, 3, 3)
    assert shapes["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert shapes["netcnnlip.0.weight"] == (96, 3, 5, 7, 7)
    assert shapes["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert shapes["netfclip.3.weight"] == (1024, 512)
    assert sum(name.endswith("running_mean") for name in shapes) == 14


def test_a_film_gets_its_figures(weights, tmp_path, sound, noise):
    random = np.random.default_rng(1)
    frames = (random.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(16))
    writer.write(frames, Fraction(25), tmp_path / "a.mp4", sound("a.wav", noise))
    pictures = syncnet.face_crops(tmp_path / "a.mp4")
    assert pictures.shape == (16, 224, 224, 3)
    least, confidence = syncnet.SyncNet(weights).score(pictures, noise[:16_000])
    assert np.isfinite([least, confidence]).all()
    assert least > 0
    assert confidence >= 0
    with pytest.raises(InputError, match="at least six video frames"):
        syncnet.SyncNet(weights).score(pictures[:5], noise)


def test_films_of_other_rates_are_seen_at_25(tmp_path):
    frames = [np.full((32, 32, 3), 10 * index, np.uint8) for index in range(20)]
    writer.write(frames, Fraction(50), tmp_path / "fast.mp4")
    writer.write(frames, Fraction(10), tmp_path / "slow.mp4")
    assert len(syncnet.face_crops(tmp_path / "fast.mp4")) == pytest.approx(10, abs=1)
    slow = syncnet.face_crops(tmp_path / "slow.mp4")
    assert len(slow) == pytest.approx(48, abs=2)
    assert [float(slow[index].mean()) for index in (0, 25, 45)] == pytest.approx([0, 100, 180], abs=6)


@pytest.mark.parametrize("kind", ["missing", "text", "other"])
def test_weights_that_are_not_syncnets(tmp_path, kind):
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.model"
    if kind == "text":
        path.write_text("no weights")
    if kind == "other":
        torch.save({"layer.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"weights\.model"):
        syncnet.SyncNet(path)


def test_weights_that_would_run_code_are_refused(tmp_path):
    torch = pytest.importorskip("torch")

    class Mean:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    torch.save({"layer": Mean()}, tmp_path / "weights.model")
    with pytest.raises(InputError, match=r"weights\.model"):
        syncnet.SyncNet(tmp_path / "weights.model")
    assert not (tmp_path / "ran").exists()


def test_without_pytorch_it_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(InputError, match=r"pip install '\.\[train\]'"):
        syncnet.network()
