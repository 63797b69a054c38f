"""The encoder's attention is banded, and the band bounds what a frame can hear."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra train")

from animcore.training.lip_sync import conformer  # noqa: E402 (torch first)


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(0)
    return conformer.ConformerBlock().eval()


@pytest.mark.parametrize("count", [1, 49, 50, 51, 130, 200])
def test_attention_in_blocks_is_banded_attention(block, count):
    x = torch.randn(2, count, conformer.WIDTH)
    shape = (2, count, 3, conformer.HEADS, conformer.WIDTH // conformer.HEADS)
    query, key, value = block.projections(x).view(shape).permute(2, 0, 3, 1, 4)
    index = torch.arange(count)
    far = (index[:, None] - index[None]).abs() > conformer.BAND
    scores = (query @ key.transpose(-1, -2) * shape[-1] ** -0.5).masked_fill(far, -torch.inf)
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(2, count, -1)
    expected = block.attention_out(mixed)
    torch.testing.assert_close(block._attend(x, conformer.band_mask(count)), expected, atol=1e-5, rtol=1e-4)


def test_a_frame_hears_no_further_than_its_reach():
    torch.manual_seed(0)
    ear = conformer.ConformerEncoder().eval()
    ear.mel.fill_(0.01)
    ear.real.normal_()
    samples = torch.randn(1, 2 * 16_000 * 6 + 16_000)
    changed = samples.clone()
    changed[:, : 16_000 * 6] = 0
    with torch.no_grad():
        difference = (ear(samples) - ear(changed)).abs().amax((0, 2))
    first_equal = 6 * conformer.FPS + conformer.REACH
    assert difference[first_equal:].max() < 1e-5
    assert difference[6 * conformer.FPS + conformer.REACH // 4] > 1e-5


def test_frames_are_counted_as_promised():
    ear = conformer.ConformerEncoder().eval()
    for count in (400, 16_000, 16_001, 50_000):
        assert ear(torch.zeros(1, count)).shape == (1, count // 160 // 2 + 1, conformer.FEATURES)


def test_another_file_is_no_package():
    with pytest.raises(ValueError, match=r"not a \.hama archive"):
        conformer.read_package(b"something else")
