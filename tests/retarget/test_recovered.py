"""What a rig's own values mean in the engine's tracks: needed where hand-edited keys of any rig become files."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from animcore.audio import recording
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, TONGUE
from animcore.direction import Direction
from animcore.motion import Motion
from animcore.retarget.rig_detection import from_profile, propose
from animcore.solvers.perform import perform


@pytest.fixture(scope="module")
def performance(request) -> Motion:
    path = request.config.rootpath / "assets" / "voices" / "line.flac"
    return perform(recording.load(path), Direction()).resampled(Fraction(30))


def test_tracks_that_a_rig_has_come_back_as_they_are(performance):
    found = from_profile(propose({"Head": [*ARKIT, *TONGUE]}))
    tracks = found.recovered(found.solve(performance))
    np.testing.assert_allclose(tracks[:, : len(ARKIT)], performance.arkit, atol=1e-6)
    np.testing.assert_allclose(tracks[:, len(ARKIT) : len(ARKIT) + len(TONGUE)], performance.tongue, atol=1e-6)


@pytest.mark.parametrize("shapes", [("あ", "い", "う", "え", "お"), ("aa", "ih", "ou", "ee", "oh")], ids=["MMD", "VRM"])
def test_the_jaw_comes_back_from_mouth_shapes(performance, shapes):
    found = from_profile(propose({"Face": shapes}))
    tracks = found.recovered(found.solve(performance))
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.corrcoef(tracks[:, jaw], performance.arkit[:, jaw])[0, 1] > 0.85
    assert tracks.min() >= 0.0
    assert tracks.max() <= 1.0
