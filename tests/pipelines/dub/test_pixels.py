"""Samples of frames in their own format: what is not changed stays bit for bit."""

from __future__ import annotations

import av
import numpy as np
import pytest

from animcore.pipelines.dub.pixels import Box, Picture


def noisy(form: str, size: tuple[int, int] = (32, 20)) -> av.VideoFrame:
    values = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    return av.VideoFrame.from_ndarray(values, format="rgb24").reformat(format=form)


@pytest.mark.parametrize("form", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "gbrp"])
def test_a_frame_survives_unchanged(form):
    frame = noisy(form)
    again = Picture.of(frame).frame()
    assert again.format.name == form
    assert np.array_equal(again.to_ndarray(format="rgb24"), frame.to_ndarray(format="rgb24"))


@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le"])
def test_a_change_leaves_all_other_samples(form):
    before, after = Picture.of(noisy(form)), Picture.of(noisy(form))
    box = Box(8, 4, 24, 16)
    change = np.zeros((12, 16, 3), np.float32)
    change[4:8, 4:8] = 0.1
    after.add(box, change)
    for plane, old in zip(after.planes, before.planes, strict=True):
        step = before.size[0] // plane.shape[1]
        inside = np.zeros(plane.shape, bool)
        inside[8 // step : 12 // step, 12 // step : 16 // step] = True
        assert np.array_equal(plane[~inside], old[~inside])
        room = old[inside] < 0.85 * before.most
        assert (plane[inside][room] > old[inside][room]).all()


def test_a_crop_has_chroma_at_the_size_of_luma():
    flat = av.VideoFrame.from_ndarray(np.full((20, 32, 3), (200, 40, 90), np.uint8), format="rgb24")
    crop = Picture.of(flat.reformat(format="yuv420p")).crop(Box(2, 2, 12, 14))
    assert crop.shape == (12, 10, 3)
    assert np.ptp(crop, axis=(0, 1)).max() < 1e-6


def test_formats_without_planes_are_converted():
    assert Picture.of(noisy("nv12")).form == "yuv420p"
    assert Picture.of(noisy("rgb24")).form == "gbrp"
    assert np.array_equal(
        Picture.of(noisy("rgb24")).frame().to_ndarray(format="rgb24"), noisy("rgb24").to_ndarray(format="rgb24")
    )


def test_a_box_lies_within_the_image_on_even_pixels():
    box = Box.around(np.array([[-5.0, 3.0], [40.0, 9.5]]), 1.0, (33, 21))
    assert (box.left, box.top, box.right, box.bottom) == (0, 2, 32, 12)
