"""A camera that looks at a point sees it in the middle, the right way up, as large as its field of view says."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.errors import InputError
from animcore.rendering.camera import Camera


@pytest.mark.parametrize("position", [(0, 0, 1), [0.5, 1.2, -2], np.array([3.0, -1, 0.2])])
def test_what_it_looks_at_is_in_the_middle_and_up_is_up(position):
    target = np.array([0.1, 0.2, 0.3])
    camera = Camera.look_at(position, target, size=(640, 480), fov=40)
    (middle, above), depths = camera.projected(np.stack([target, target + np.array([0, 0.01, 0])]))
    np.testing.assert_allclose(middle, (320, 240))
    assert above[0] == pytest.approx(320)
    assert above[1] < 240
    assert depths[0] == pytest.approx(np.linalg.norm(np.asarray(position) - target))
    np.testing.assert_allclose(camera.position, position, atol=1e-12)
    turn = camera.world_to_camera[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_the_characters_left_is_on_the_right_of_the_image():
    """Seen from the front, along -Z, X (the character's left) goes to the right."""
    camera = Camera.look_at([0, 0, 1], [0, 0, 0])
    assert camera.projected(np.array([[0.1, 0, 0]]))[0][0, 0] > 256


def test_the_field_of_view_is_vertical_and_in_degrees():
    camera = Camera.look_at([0, 0, 2], [0, 0, 0], size=(300, 200), fov=90)
    (top,), _ = camera.projected(np.array([[0, 2.0, 0]]))
    assert top[1] == pytest.approx(0)
    opengl = Camera.from_opengl(camera.to_opengl(), (300, 200), camera.focal)
    np.testing.assert_allclose(opengl.world_to_camera, camera.world_to_camera, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"position": [0, 0, 0], "target": [0, 0, 0]}, "where it looks at"),
        ({"position": [0, 1, 0], "target": [0, 0, 0]}, "along its up direction"),
        ({"position": [0, 1], "target": [0, 0, 0]}, "three numbers"),
        ({"position": "here", "target": [0, 0, 0]}, "three numbers"),
        ({"position": [0, 0, 1], "target": [0, 0, 0], "fov": 180}, "between 0 and 180"),
        ({"position": [0, 0, 1], "target": [0, 0, 0], "size": (0, 10)}, "1 pixel"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        Camera.look_at(**arguments)
