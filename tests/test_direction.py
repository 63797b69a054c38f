from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animcore.direction import Direction
from animcore.errors import InputError
from animcore.names import REGIONS

strengths = st.dictionaries(st.sampled_from(REGIONS), st.floats(0, 2))


targets = st.none() | st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(0.1, 9))


@given(st.builds(Direction, seed=st.integers(0, 2**32), intensity=st.floats(0, 2), strengths=strengths, target=targets))
def test_a_direction_reads_back(direction):
    assert Direction.from_dict(direction.to_dict()) == direction


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
