"""Regions of images: turned, scaled, beyond the edge, against a slow interpolation that is written out."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from animcore.trackers.regions import Region, crop, joined, turn_between


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def slow(image: np.ndarray, region: Region, size: tuple[int, int], beyond: bool) -> np.ndarray:
    """What a region shows, pixel by pixel, at the nearest 32nd."""
    answer = np.zeros((size[1], size[0], 3))
    cosine, sine = math.cos(region.turn), math.sin(region.turn)
    for row in range(size[1]):
        for column in range(size[0]):
            across, down = (column / size[0] - 0.5) * region.width, (row / size[1] - 0.5) * region.height
            x = round(32 * (region.x + cosine * across - sine * down)) / 32
            y = round(32 * (region.y + sine * across + cosine * down)) / 32
            for left, share in ((math.floor(x), 1 - x % 1), (math.floor(x) + 1, x % 1)):
                for top, part in ((math.floor(y), 1 - y % 1), (math.floor(y) + 1, y % 1)):
                    inside = 0 <= left < image.shape[1] and 0 <= top < image.shape[0]
                    if inside or beyond:
                        colour = image[min(max(top, 0), image.shape[0] - 1), min(max(left, 0), image.shape[1] - 1)]
                        answer[row, column] += share * part * colour.astype(float)
    return np.floor(answer + 0.5).astype(np.uint8)


@pytest.mark.parametrize(
    ("region", "size", "beyond"),
    [
        (Region(60.0, 45.0, 40.0, 40.0), (16, 16), True),
        (Region(57.3, 41.9, 37.0, 52.0, 0.4), (20, 12), True),
        (Region(3.0, 80.0, 50.0, 50.0, -1.1), (17, 17), True),
        (Region(60.0, 45.0, 120.0, 120.0), (32, 32), False),
        (Region(118.0, 2.0, 30.0, 30.0, 2.9), (9, 9), False),
    ],
)
def test_a_crop_is_the_interpolation_of_four_pixels(image, region, size, beyond):
    assert (crop(image, region, size, beyond) == slow(image, region, size, beyond)).all()


def test_the_whole_image_at_its_own_size_is_the_image(image):
    assert (crop(image, Region.of_image(image), (120, 90)) == image).all()


def test_large_crops_are_cut_in_blocks_that_fit_together(image):
    region = Region(60.0, 45.0, 100.0, 80.0, 0.2)
    whole = crop(image, region, (256, 256))
    assert np.abs(np.diff(whole[:, 128].astype(int), axis=0)).mean() < 60
    assert (whole[::8, ::8] == crop(image, region, (32, 32))).all()


def test_points_go_to_the_image_and_back():
    region = Region(30.0, 20.0, 10.0, 4.0, math.pi / 2)
    points = np.array([[0.5, 0.5, 0.0], [1.0, 0.5, 0.1], [0.5, 0.0, -0.2]])
    assert region.to_image(points) == pytest.approx(np.array([[30, 20, 0], [30, 25, 1.0], [32, 20, -2.0]]))


def test_a_square_lies_over_the_longer_side_and_moves_along_its_own_axis():
    region = Region(30.0, 20.0, 10.0, 40.0, math.pi / 2).square(2.0, shift_y=-0.5)
    assert (region.x, region.y) == pytest.approx((50.0, 20.0))
    assert (region.width, region.height) == (80.0, 80.0)


def test_overlap():
    one = Region(10.0, 10.0, 10.0, 10.0)
    assert one.overlap(one) == pytest.approx(1.0)
    assert one.overlap(Region(15.0, 10.0, 10.0, 10.0)) == pytest.approx(50 / 150)
    assert one.overlap(Region(30.0, 10.0, 10.0, 10.0)) == 0.0


def test_what_is_followed_stays_and_what_is_new_comes_along():
    followed = Region(10.0, 10.0, 10.0, 10.0, 0.3)
    again, new = Region(10.5, 10.0, 10.0, 10.0), Region(50.0, 10.0, 10.0, 10.0)
    assert joined([again, new], [followed], 0.5) == [new, followed]


def test_a_turn_brings_a_way_to_its_angle():
    start, end = np.array([10.0, 10.0]), np.array([14.0, 14.0])
    assert turn_between(start, end) == pytest.approx(math.pi / 4)
    assert turn_between(start, np.array([10.0, 2.0]), math.pi / 2) == pytest.approx(0.0)
    turned = Region(0, 0, 1, 1, turn_between(start, end)).axes()
    assert turned[0] == pytest.approx((end - start) / np.linalg.norm(end - start))


def test_a_crop_takes_milliseconds_without_opencv():
    image = np.zeros((1080, 1920, 3), np.uint8)
    region = Region(900.0, 500.0, 700.0, 700.0, 0.1)
    crop(image, region, (192, 192))
    taken = []
    for _ in range(5):
        begin = time.process_time()
        crop(image, region, (192, 192))
        taken.append(time.process_time() - begin)
    assert min(taken) < 0.03
