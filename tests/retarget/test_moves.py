"""What shapes really do, next to what their names say: dead, swapped, weak and turned ones, on the reference head."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.motion import Motion
from animcore.retarget import shape_measurement
from animcore.retarget.reference_head import reference
from animcore.retarget.rig_detection import from_profile, propose
from animcore.retarget.source_tracks import INDEX

AXES = np.eye(3)  # the reference head's own: left, up, forward


def shapes(**changed: np.ndarray) -> dict[str, np.ndarray]:
    """The displacements (V, 3) of the 52 shapes, some of them others than they were."""
    made = dict(zip(ARKIT, reference().delta, strict=True))
    return made | changed


def read(fields: dict[str, np.ndarray], axes: np.ndarray = AXES, sure: bool = True):
    """The map of a head with these shapes, as the extension's `shape_naming` reads it, and what is said of it."""
    seen = {("Head", name): shape_measurement.move(reference().rest, field) for name, field in fields.items()}
    still = shape_measurement.dead(seen)
    found = propose({"Head": [name for name in fields if ("Head", name) not in still]})
    entries, told = shape_measurement.corrected(found.entries, seen, axes, sure)
    return from_profile(type(found)(found.profile, found.confidence, entries)), told, still


def shown(found, fields: dict[str, np.ndarray], **weights: float) -> np.ndarray:
    """(V, 3) what the head does for some tracks, by the values of the map."""
    arkit = np.zeros((1, len(ARKIT)), np.float32)
    for track, weight in weights.items():
        arkit[0, ARKIT_INDEX[track]] = weight
    values = found.solve(Motion(rate=Fraction(30), arkit=arkit))[0]
    return sum(value * fields[one.targets[0][1]] for one, value in zip(found.channels, values, strict=True))


def opening(displaced: np.ndarray) -> float:
    """Millimetres that the lips are apart."""
    upper, lower = reference().lip_pairs.T
    return 1000 * float((displaced[upper, 1] - displaced[lower, 1]).max())


def test_a_head_as_it_is_named_is_left_as_it_is():
    found, told, _ = read(shapes())
    assert told == ()
    assert all(one.low == 0.0 and one.high == 1.0 for one in found.channels)


def test_shapes_that_do_nothing_are_left_out_and_visemes_do_their_work():
    gone = [name for name in ARKIT if name.startswith(("jaw", "mouthLower", "mouthUpper", "mouthClose"))]
    nothing = np.zeros_like(reference().delta[0])
    aa = reference().delta[ARKIT_INDEX["jawOpen"]] * 0.55
    fields = shapes(**dict.fromkeys(gone, nothing), viseme_aa=aa, viseme_O=0.7 * aa, viseme_E=0.5 * aa)
    found, _, still = read(fields)
    assert {name for _, name in still} >= set(gone)
    assert "viseme" in found.profile
    assert not {target[0][1] for target in (one.targets for one in found.channels)} & set(gone)
    assert opening(shown(found, fields, jawOpen=0.8)) > 8.0
    assert found.opens_mouth


def test_where_all_shapes_are_empty_nothing_can_be_said():
    empty = {
        ("Head", name): shape_measurement.move(reference().rest, np.zeros_like(reference().rest)) for name in ARKIT
    }
    assert shape_measurement.dead(empty) == set()


@pytest.mark.parametrize(
    ("pair", "sure"), [("eyeBlink", True), ("mouthSmile", False), ("jaw", True), ("browDown", False)]
)
def test_sides_that_are_swapped_change_their_tracks(pair, sure):
    whole = shapes()
    left, right = f"{pair}Left", f"{pair}Right"
    fields = shapes(**{left: whole[right], right: whole[left]})
    found, told, _ = read(fields, sure=sure)
    assert any(left in sentence and "swapped" in sentence for sentence in told)
    np.testing.assert_allclose(shown(found, fields, **{left: 0.7}), 0.7 * whole[left], atol=1e-5)


def test_without_a_skeleton_most_shapes_say_where_left_is():
    found, told, _ = read(shapes(), axes=AXES * (-1.0, 1.0, -1.0), sure=False)
    assert told == ()
    assert all(one.low == 0.0 for one in found.channels)


@pytest.mark.parametrize("track", ["jawOpen", "mouthFrownLeft", "browInnerUp"])
def test_a_shape_that_goes_the_wrong_way_is_keyed_with_its_sign_turned(track):
    whole = shapes()
    fields = shapes(**{track: -whole[track]})
    found, told, _ = read(fields)
    assert any(track in sentence and "wrong way" in sentence for sentence in told)
    np.testing.assert_allclose(shown(found, fields, **{track: 0.6}), 0.6 * whole[track], atol=1e-5)


@pytest.mark.parametrize("track", ["mouthSmileRight", "jawOpen"])
def test_a_shape_at_half_strength_is_keyed_twice_as_strong(track):
    whole = shapes()
    fields = shapes(**{track: 0.5 * whole[track]})
    found, told, _ = read(fields)
    assert any(track in sentence and "mm" in sentence for sentence in told)
    channel = found.channels[found.names.index(track)]
    assert channel.high == pytest.approx(2.0, rel=0.02)
    np.testing.assert_allclose(shown(found, fields, **{track: 0.9}), 0.9 * whole[track], atol=3e-4)
    assert found.direct[found.names.index(track), INDEX[track]] == pytest.approx(2.0, rel=0.02)


def test_another_artists_hand_is_no_fault():
    random = np.random.default_rng(3)
    strength = {name.removesuffix("Left").removesuffix("Right"): random.uniform(0.25, 2.5) for name in ARKIT}
    whole = shapes().items()
    told = read({name: field * strength[name.removesuffix("Left").removesuffix("Right")] for name, field in whole})[1]
    assert told == ()
