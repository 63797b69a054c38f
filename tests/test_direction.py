from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animcore.core.vocabulary import REGIONS, TRANSITIONS
from animcore.direction import Direction, EmotionKey, EmotionSpan, directed
from animcore.errors import InputError
from animcore.solvers.speech_face.transcript_timing import blended

strengths = st.dictionaries(st.sampled_from(REGIONS), st.floats(0, 2))


targets = st.none() | st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(0.1, 9))


@given(st.builds(Direction, seed=st.integers(0, 2**32), intensity=st.floats(0, 2), strengths=strengths, target=targets))
def test_a_direction_reads_back(direction):
    assert Direction.from_dict(direction.to_dict()) == direction


def keys_of(found, name):
    return sorted((one.time, one.intensity) for one in found if isinstance(one, EmotionKey) and one.emotion == name)


CUES = {1.0: {"joy": 0.7}, 3.0: {"anger": 0.5, "surprise": 0.2}}


def test_what_is_held_gives_way_to_the_next():
    found = directed([EmotionSpan("sadness", 0.4)], CUES, "hold")
    assert found == [
        EmotionSpan("sadness", 0.4, 0.0, 1.0), EmotionSpan("joy", 0.7, 1.0, 3.0),
        EmotionSpan("anger", 0.5, 3.0), EmotionSpan("surprise", 0.2, 3.0),
    ]  # fmt: skip


def test_what_blends_goes_evenly_over_into_the_next():
    found = directed([EmotionSpan("sadness", 0.4)], CUES, "blend")
    assert keys_of(found, "sadness") == [(0.0, 0.4), (1.0, 0.0), (3.0, 0.0)]
    assert keys_of(found, "joy") == [(0.0, 0.0), (1.0, 0.7), (3.0, 0.0)]
    assert keys_of(found, "anger") == [(0.0, 0.0), (1.0, 0.0), (3.0, 0.5)]


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_without_moments_the_line_feels_as_a_whole(transition):
    assert directed([EmotionSpan("joy", 0.4)], {}, transition) == [EmotionSpan("joy", 0.4)]


def test_tags_blend_where_one_follows_another_and_come_quickly_where_none_does():
    spans = (EmotionSpan("joy", 0.6, 1.0, 3.0), EmotionSpan("fear", 0.8, 3.0, 4.0), EmotionSpan("joy", 0.2, 6.0))
    found = blended(spans)
    times, joy = zip(*keys_of(found, "joy"), strict=True)
    _, fear = zip(*keys_of(found, "fear"), strict=True)
    at = [0.5, 1.0, 2.0, 3.0, 3.5, 4.0, 5.5, 6.0, 9.0]
    np.testing.assert_allclose(np.interp(at, times, joy), [0, 0.6, 0.3, 0, 0, 0, 0, 0.2, 0.2], atol=1e-9)
    np.testing.assert_allclose(np.interp(at, times, fear), [0, 0, 0.4, 0.8, 0.8, 0, 0, 0, 0], atol=1e-9)


def test_a_region_that_is_not_named_stands_at_one():
    assert Direction(strengths={"lips": 0.5}).strength("jaw") == 1.0


@pytest.mark.parametrize(
    "values",
    [
        {"seed": -1},
        {"seed": 1.5},
        {"seed": True},
        {"intensity": 2.1},
        {"intensity": float("nan")},
        {"strengths": {"lips": "much"}},
        {"strengths": {"ears": 1.0}},
        {"mood": "happy"},
        {"transition": "jump"},
        {"target": [0, 0]},
        {"target": [0, 0, 0.05]},
        {"target": [0, 0, -1]},
        {"target": [0, "up", 1]},
        {"target": [0, float("nan"), 1]},
        {"target": 3},
    ],
)
def test_what_is_no_direction_is_refused(values):
    with pytest.raises(InputError):
        Direction.from_dict(values)


def test_a_variant_that_there_is_not_is_refused():
    assert Direction.from_dict(Direction(variant="live").to_dict()).variant == "live"
    with pytest.raises(InputError, match="no variant 'slow'; the variants are full, live"):
        Direction(variant="slow")
