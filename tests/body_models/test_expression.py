"""ARKit weights to FLAME and back, on the open head and on a model of another topology, person and basis."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.audio.recording import load
from animcore.body_models.arkit_to_flame import ArkitFlameBridge, bridge
from animcore.body_models.parametric_model import ParametricModel, load_model
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.errors import InputError
from animcore.motion import Motion
from animcore.solvers.perform import perform

LINE = Path(__file__).resolve().parents[2] / "assets" / "voices" / "line.flac"


@pytest.fixture(scope="module")
def line() -> Motion:
    return perform(load(LINE), Direction())


@pytest.fixture(scope="module")
def head() -> ParametricModel:
    return load_model("open-head")


@pytest.fixture(scope="module")
def own(head) -> ArkitFlameBridge:
    return bridge(head)


@pytest.fixture(scope="module")
def stranger(head) -> ParametricModel:
    """FLAME's layout as another laboratory would fill it.

    Another person and place, vertices in another order, each third triangle cut in three, no eyeballs, teeth or tongue,
    and components that are mixtures of ours.
    """
    random = np.random.default_rng(4)
    part = head.part(np.flatnonzero(head.extras["part_of_vertex"] == 0))
    shape = random.normal(size=part.shape_count)
    template = part.template + part.shape_directions @ shape
    faces, chosen = part.faces, np.arange(0, len(part.faces), 3)
    corners, share = faces[chosen], random.dirichlet((4, 4, 4), len(chosen))
    new = len(template) + np.arange(len(chosen))
    a, b, c = corners.T
    split = [np.stack(three, 1) for three in ((a, b, new), (b, c, new), (c, a, new))]
    order = random.permutation(len(template) + len(new))
    place = np.argsort(order)

    shift = np.array([0.0, 0.4, 0.1], np.float32)

    def more(values: np.ndarray) -> np.ndarray:
        added = np.einsum("nc,nc...->n...", share, values[corners])
        return np.concatenate([values, added])[order].astype(np.float32)

    mixture = np.linalg.qr(random.normal(size=(part.expression_count, part.expression_count)))[0]
    directions = more(part.expression_directions @ mixture)
    joints = part.rest_joints + np.einsum("sjx,s->jx", part.joint_shape, shape)
    return replace(
        part,
        name="flame2099",
        template=more(template.astype(np.float32)) + shift,
        directions=np.moveaxis(directions, (0, 1, 2), (2, 1, 0)).copy(),
        shape_count=0,
        weights=more(part.weights),
        rest_joints=(joints + shift).astype(np.float32),
        joint_shape=np.zeros((0, 5, 3), np.float32),
        joint_expression=np.zeros((part.expression_count, 5, 3), np.float32),
        faces=place[np.concatenate([np.delete(faces, chosen, 0), *split])],
        extras={},
    )


def apart(one: ArkitFlameBridge, first: Motion, second: Motion) -> np.ndarray:
    """(T,) millimetres between the faces that two motions' ARKit weights make."""
    difference = (first.arkit - second.arkit).astype(np.float64)
    moved = np.einsum("ts,snx->tnx", difference, one.shapes[: len(ARKIT)], optimize=True)
    return one.millimetres * np.sqrt((moved**2).sum(2) @ one.weight)


def test_there_and_back_on_the_open_head(line, own):
    there, residual = own.to_flame(line)
    assert there.basis == "open-head"
    assert residual.max() < 0.3
    back, left = own.to_arkit(there)
    assert left.max() < 0.3
    assert apart(own, line, back).max() < 0.3
    assert np.abs(back.arkit - line.arkit).max() < 0.1


def test_the_skinned_model_does_what_the_weights_do(line, head, own):
    """Checked with the model's own skinning, not with the numbers of the conversion."""
    there, _ = own.to_flame(line)
    frames = np.arange(0, line.frame_count, 25)
    pose = np.zeros((len(frames), 5, 3), np.float32)
    pose[:, 2] = there.jaw_pose[frames]
    posed, _ = head.posed(pose, there.expression[frames])
    rest, _ = head.posed()
    vertex = int(np.abs(own.shapes[ARKIT_INDEX["jawOpen"]][:, 1]).argmax())
    index = int(np.linalg.norm(head.template - own.points[vertex], axis=1).argmin())
    wanted = line.arkit[frames] @ own.shapes[: len(ARKIT), vertex]
    np.testing.assert_allclose(posed[:, index] - rest[0, index], wanted, atol=1.5e-3)


def test_another_model_speaks_the_same(line, own, stranger):
    foreign = bridge(stranger)
    there, residual = foreign.to_flame(line)
    assert there.basis == "flame2099"
    assert residual.mean() < 0.5
    back, _ = foreign.to_arkit(there)
    assert apart(own, line, back).mean() < 0.3
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.corrcoef(back.arkit[:, jaw], line.arkit[:, jaw])[0, 1] > 0.99


def test_any_coefficients_give_weights_in_range(own):
    random = np.random.default_rng(0)
    wild = Motion(
        rate=Fraction(30),
        expression=random.normal(size=(50, 64)).astype(np.float32) * 3,
        basis="open-head",
        jaw_pose=(random.normal(size=(50, 3)) * 0.2).astype(np.float32),
    )
    found, _ = own.to_arkit(wild)
    assert found.arkit.min() >= 0.0
    assert found.arkit.max() <= 1.0
    assert (found.arkit[:, ARKIT_INDEX["mouthClose"]] <= found.arkit[:, ARKIT_INDEX["jawOpen"]] + 1e-6).all()


def test_nothing_shakes_that_did_not_shake(line, own):
    there, _ = own.to_flame(line)
    shaken = replace(there, expression=there.expression + np.float32(1e-4))
    a, b = own.to_arkit(there)[0], own.to_arkit(shaken)[0]
    assert apart(own, a, b).max() < 0.01
    still = Motion(rate=Fraction(50), arkit=np.repeat(line.arkit[100:101], 5, 0))
    back, _ = own.to_arkit(own.to_flame(still)[0])
    assert np.ptp(back.arkit, axis=0).max() < 1e-6


def test_what_does_not_fit_is_said(line, own, head):
    with pytest.raises(InputError, match="do not mix"):
        own.to_arkit(replace(own.to_flame(line)[0], basis="flame2020"))
    with pytest.raises(InputError, match="no expression"):
        own.to_arkit(line)
    with pytest.raises(InputError, match="no ARKit weights"):
        own.to_flame(Motion(rate=Fraction(30), jaw_pose=np.zeros((2, 3), np.float32)))
    with pytest.raises(InputError, match="not a FLAME model"):
        bridge(replace(head, kind="smplx"))
