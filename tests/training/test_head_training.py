"""What the head learns from, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra train")

from animcore.errors import InputError  # noqa: E402 (torch first)
from animcore.geometry import rotations  # noqa: E402
from animcore.solvers.nonverbal import head_network  # noqa: E402
from animcore.speech.prosody import FPS, Prosody  # noqa: E402
from animcore.training.head_motion import dataset, train  # noqa: E402


def face_in_motion(degrees: np.ndarray) -> np.ndarray:
    """Landmarks (T, 478, 3) in pixels as a tracker gives them, of a stiff face turned so."""
    generator = np.random.default_rng(0)
    face = generator.normal(size=(478, 3)) * (60, 80, 40)
    turned = np.einsum("tij,nj->tni", rotations.to_matrix(np.deg2rad(degrees)), face)
    return turned * (1, -1, -1) * 1.3 + (300, 200, 0) + generator.normal(size=(len(degrees), 1, 3))


def made_head(seconds: int, seed: int = 0) -> dataset.HeadRecording:
    """A head that is quick while it speaks, in every other second, and slow otherwise."""
    generator = np.random.default_rng(seed)
    count = seconds * FPS
    speaking = (np.arange(count) // FPS % 2).astype(np.float32)
    slow = dataset.resampled(generator.normal(size=(seconds * 25, 3)) * 20, 25, count)
    degrees = np.cumsum(slow * (0.2 + speaking[:, None]) / FPS, 0)
    degrees -= np.linspace(0, 1, count)[:, None] * degrees[-1]
    phrases = tuple((float(start), start + 1.0) for start in range(1, seconds, 2))
    voice = Prosody(np.where(speaking > 0, -20, -80).astype(np.float32), speaking, phrases, ())
    return dataset.HeadRecording(f"made-{seed}", f"made-{seed}", degrees - degrees.mean(0), voice)


def test_rotations_come_back_from_landmarks():
    time = np.arange(100)[:, None] / 25
    degrees = np.sin(time * (1.0, 2.0, 3.0)) * (8, 12, 5)
    found = np.rad2deg(dataset.around_mean(dataset.tracked(face_in_motion(degrees))))
    expected = np.rad2deg(dataset.around_mean(rotations.to_matrix(np.deg2rad(degrees))))
    np.testing.assert_allclose(found, expected, atol=0.05)
    for axis in range(3):
        assert np.corrcoef(found[:, axis], degrees[:, axis])[0, 1] > 0.99


def test_a_curve_keeps_its_slow_part_and_loses_its_jitter():
    time = np.arange(250) / 25
    slow, jitter = np.sin(2 * np.pi * 1.3 * time), np.sin(2 * np.pi * 10 * time)
    curve = dataset.resampled(np.stack([slow, jitter, slow + jitter], 1), 25, 490)
    expected = np.sin(2 * np.pi * 1.3 * np.arange(490) / FPS)
    for axis in (0, 2):
        np.testing.assert_allclose(curve[25:-25, axis], expected[25:-25], atol=0.03)
    assert np.abs(curve[25:-25, 1]).max() < 0.03


def test_surprise_is_that_of_a_gaussian():
    generator = torch.Generator().manual_seed(0)
    scale = torch.randn(1, 1, 6, generator=generator) * 0.3
    triangle = torch.zeros(3, 3)
    for index in range(3):
        triangle[index, index] = scale[0, 0, index].exp()
    triangle[1, 0], triangle[2, 0], triangle[2, 1] = scale[0, 0, 3:]
    mean = torch.randn(1, 1, 3, generator=generator)
    velocity = torch.randn(5, 3, generator=generator)
    gaussian = torch.distributions.MultivariateNormal(mean[0, 0], precision_matrix=triangle.T @ triangle)
    expected = -gaussian.log_prob(velocity) - 1.5 * np.log(2 * np.pi)
    guess = (torch.zeros(5, 1), mean.expand(5, 1, 3), scale.expand(5, 1, 6))
    torch.testing.assert_close(train.negative_log_likelihood(guess, velocity), expected)


def test_the_solver_draws_from_what_the_network_says():
    generator = np.random.default_rng(0)
    scale = np.array([0.3, -0.2, 0.1, 0.5, -0.4, 0.2])
    drawn = np.stack([head_network._spread(scale, generator.normal(size=3)) for _ in range(20_000)])
    triangle = np.diag(np.exp(scale[:3]))
    triangle[1, 0], triangle[2, 0], triangle[2, 1] = scale[3:]
    np.testing.assert_allclose(np.cov(drawn.T), np.linalg.inv(triangle.T @ triangle), atol=0.06)


def test_a_head_learns_to_be_quick_where_it_spoke(tmp_path):
    heads = [made_head(20, seed) for seed in range(2)]
    model = train.train(heads, np.array([np.log(heads[0].speed), 0.1], np.float32), steps=100)
    train.write(model, tmp_path / "head.npz")
    kept = head_network.load(tmp_path / "head.npz")
    voice = heads[0].prosody
    ways = [kept.walk(voice, np.random.default_rng(seed)) for seed in range(3)]
    speed = np.mean([np.linalg.norm(np.gradient(way, 1 / FPS, axis=0), axis=1) for way in ways], 0)
    assert speed[voice.speaking > 0].mean() > 1.5 * speed[voice.speaking == 0].mean()
    assert 0.6 * heads[0].speed < np.sqrt(np.square(speed).mean()) < 1.6 * heads[0].speed


def test_clips_that_the_data_folder_lacks_are_left_out_by_name(tmp_path):
    with pytest.raises(InputError, match="too few tracked heads"):
        dataset.present(tmp_path)
    for name in ("headpose/andrew_clip_1", "lips_train/vrt_4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.npz").touch()
    folds, absent = dataset.present(tmp_path)
    assert folds == (("headpose/andrew_clip_1",), ("lips_train/vrt_4",))
    assert "lips_train/WDA_KatieHill_000" in absent
