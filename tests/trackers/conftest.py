"""People who are drawn with a pose that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.evaluation.body import figure_renderer
from animcore.evaluation.body.scoring import BodyTake
from animcore.postprocess import foot_contact

HEIGHT, WIDTH = 800, 600


@pytest.fixture(scope="session")
def drawn_person() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """An image of somebody who stands with hands raised, and where joints are in it, pixels."""
    pose = np.zeros((1, 55, 3))
    for side, sign in (("left", 1), ("right", -1)):
        pose[0, INDEX[f"{side}_shoulder"]] = (0.0, 0.0, -sign * 1.1)
        pose[0, INDEX[f"{side}_elbow"]] = (0.0, -sign * 1.0, 0.0)
        pose[0, INDEX[f"{side}_wrist"]] = (-1.2, 0.0, 0.0)
    still = np.zeros((1, 3))
    (image,) = figure_renderer.draw(BodyTake(Path("drawn"), 25.0, pose, still), np.zeros(1), HEIGHT, WIDTH)
    places = joint_positions(world_rotations(pose), still)[0] - (0, foot_contact.floor_of(pose, still), 0)
    seen = places @ figure_renderer._view().T * HEIGHT / figure_renderer._TALL
    under = figure_renderer._UNDER * HEIGHT / figure_renderer._TALL
    flat = np.stack([WIDTH / 2 + seen[:, 0], HEIGHT - under - seen[:, 1]], 1)
    return image, {name: flat[number] for name, number in INDEX.items()}
