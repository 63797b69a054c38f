"""The shipped face as numbers: does it seal, open, smile and blink as its shapes promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT

PATH = Path(__file__).resolve().parents[2] / "assets" / "character" / "face_basis.npz"
MM = 1000.0


@pytest.fixture(scope="module")
def basis() -> dict[str, np.ndarray]:
    """Return the arrays of the shipped basis."""
    with np.load(PATH, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def posed(basis: dict[str, np.ndarray], part: str, **shapes: float) -> np.ndarray:
    """Return the points (N, 3) of `part` with the named shapes at the given weights, in millimetres."""
    weights = np.zeros(len(ARKIT))
    for name, weight in shapes.items():
        weights[ARKIT.index(name)] = weight
    return MM * (basis[f"{part}_rest"] + np.einsum("k,knc->nc", weights, basis[f"{part}_delta"]))


def profile(line: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the heights of a line of points (N, 3) at each x."""
    order = np.argsort(line[:, 0])
    return np.interp(x, line[order, 0], line[order, 1])


def lip_gap(basis: dict[str, np.ndarray], **shapes: float) -> np.ndarray:
    """Return the opening (19,) in millimetres between the lips along the mouth (negative: they press together)."""
    x = np.linspace(-18, 18, 19)
    upper = posed(basis, "lip_contact_upper", **shapes).reshape(4, -1, 3)
    lower = posed(basis, "lip_contact_lower", **shapes).reshape(4, -1, 3)
    return np.min([profile(line, x) for line in upper], 0) - np.max([profile(line, x) for line in lower], 0)


def test_names_and_size(basis: dict[str, np.ndarray]) -> None:
    """The shapes come in the order of the house's vocabulary and the file stays small."""
    assert tuple(basis["names"]) == ARKIT
    assert PATH.stat().st_size < 3_000_000


def test_lips_rest_closed(basis: dict[str, np.ndarray]) -> None:
    """The resting mouth shows no slit and hardly any overlap."""
    gap = lip_gap(basis)
    assert gap.max() < 0.0
    assert gap.min() > -1.0


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.75, 1.0])
def test_mouth_close_counters_jaw_open(basis: dict[str, np.ndarray], weight: float) -> None:
    """Equal weights of jawOpen and mouthClose keep the lips sealed while the chin drops."""
    gap = lip_gap(basis, jawOpen=weight, mouthClose=weight)
    assert gap.max() < 0.1
    assert gap.min() > -1.5
    weights = np.zeros(len(ARKIT))
    weights[[ARKIT.index("jawOpen"), ARKIT.index("mouthClose")]] = weight
    drop = MM * np.einsum("k,kc->c", weights, basis["chin_delta"])[1]
    assert drop < -15 * weight


def test_jaw_opens(basis: dict[str, np.ndarray]) -> None:
    """A full jaw opens the lips by 25 to 45 mm and takes the lower teeth along, not the upper lip."""
    assert 25 < lip_gap(basis, jawOpen=1.0).max() < 45
    teeth = basis["teeth_lower_delta"][ARKIT.index("jawOpen")]
    assert MM * teeth[:, 1].min() < -15


@pytest.mark.parametrize(
    "shapes",
    [
        {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
        {"mouthPressLeft": 1.0, "mouthPressRight": 1.0},
        {"mouthFrownLeft": 1.0, "mouthFrownRight": 1.0},
        {"mouthPucker": 1.0},
        {"mouthLeft": 1.0},
    ],
)
def test_lips_touch_but_do_not_cross(basis: dict[str, np.ndarray], shapes: dict[str, float]) -> None:
    """Shapes of a closed mouth keep it closed without one lip sinking into the other."""
    gap = lip_gap(basis, **shapes)
    assert gap.max() < 0.3
    assert gap.min() > -1.0


def test_mouth_width(basis: dict[str, np.ndarray]) -> None:
    """A smile widens the mouth, a pucker narrows it, both by several millimetres."""

    def width(**shapes: float) -> float:
        corners = posed(basis, "probe", **shapes)[2:]
        return float(np.linalg.norm(corners[0] - corners[1]))

    assert width(mouthSmileLeft=1.0, mouthSmileRight=1.0) > width() + 6
    assert width(mouthPucker=1.0) < width() - 6


def test_blink_closes(basis: dict[str, np.ndarray]) -> None:
    """A full blink brings the lid edges together from corner to corner; half a blink does not."""
    for weight, closed in ((1.0, True), (0.5, False)):
        upper = posed(basis, "lid_upper", eyeBlinkLeft=weight)
        lower = posed(basis, "lid_lower", eyeBlinkLeft=weight)
        x = np.linspace(upper[:, 0].min() + 2, upper[:, 0].max() - 2, 25)
        assert ((profile(upper, x) - profile(lower, x)).max() < 0.05) == closed


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("name", ["eyeBlinkLeft", "eyeSquintLeft", "eyeWideLeft", "eyeLookDownLeft"])
def test_lids_glide_on_the_eye(basis: dict[str, np.ndarray], name: str, weight: float) -> None:
    """The lid edges never sink into the eyeball (0.3 mm smaller than the sphere of the base mesh)."""
    centre, radius = MM * basis["eye_centre"][0], MM * float(basis["eye_radius"])
    for part in ("lid_upper", "lid_lower"):
        distance = np.linalg.norm(posed(basis, part, **{name: weight}) - centre, axis=1)
        assert distance.min() > radius - 0.3


def test_left_mirrors_right(basis: dict[str, np.ndarray]) -> None:
    """Left and right shapes are mirror images at the mouth's corners, within half a millimetre."""
    for name in ("mouthSmile", "mouthFrown", "mouthStretch", "mouthPress"):
        left = posed(basis, "probe", **{f"{name}Left": 1.0})[[2, 3]]
        right = posed(basis, "probe", **{f"{name}Right": 1.0})[[3, 2]] * np.array([-1, 1, 1])
        assert np.abs(left - right).max() < 0.5
