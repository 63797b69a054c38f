"""References, textures, manner and lines."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT_INDEX
from animcore.errors import InputError
from animcore.pipelines.dub import appearance, manner, references
from animcore.pipelines.dub.face_points import MOUTH, MOUTH_COLUMNS
from animcore.pipelines.dub.request import lines_of

JAW = MOUTH.index("jawOpen")


def test_a_path_stays_with_neighbours_where_two_frames_are_alike():
    offered = np.array([[0.0], [1.0], [2.0], [0.02], [1.02], [2.02]])
    wanted = np.array([[0.011], [1.009], [2.011]])
    assert references.choose(wanted, offered, np.array([0, 1, 2, 10, 11, 12])).tolist() == [3, 4, 5]
    jumpy = references.choose(wanted, offered, np.array([0, 1, 2, 10, 20, 30]))
    assert jumpy.tolist() == [0, 1, 2]


def test_a_jump_fades():
    rows, weights = references.weigh(np.array([4, 4, 7, 7]))
    assert np.allclose(weights.sum(1), 1)
    assert weights[0, 0] == 1.0
    assert weights[1, rows[1].tolist().index(7)] == 0.25


def test_different_frames_are_chosen():
    features = np.concatenate([np.zeros((50, 2)), [[5, 0], [0, 5.0]]])
    assert {50, 51} <= set(references.diverse(features, 3).tolist())


def test_a_frame_of_its_own_is_its_texture():
    offered = np.random.default_rng(0).normal(0, 4, (60, 3))
    rows, weights = appearance.nearest_weights(offered[:5], offered, 1.0, 0.01)
    assert np.allclose(weights.sum(1), 1)
    assert rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert weights[:, 0].min() > 0.85


def curves(count: int = 200) -> np.ndarray:
    weights = np.zeros((count, 52))
    time = np.arange(count)
    weights[:, ARKIT_INDEX["jawOpen"]] = 0.3 + 0.25 * np.sin(time / 5)
    weights[:, ARKIT_INDEX["mouthFunnel"]] = 0.2 + 0.2 * np.cos(time / 7)
    return weights


def test_a_persons_manner_is_found_from_their_own_voice():
    solver = curves()
    tracked = np.clip(0.5 * solver, 0, 1)
    tracked[:, ARKIT_INDEX["mouthFunnel"]] = 0.1 + 0.2 * solver[:, ARKIT_INDEX["jawOpen"]]
    opened = tracked[:, ARKIT_INDEX["jawOpen"]]
    found = manner.fit(tracked, opened, solver, solver)
    assert found.agreement > 0.9
    made = found.apply(solver, np.full(len(solver), 0.2))
    assert np.corrcoef(made[:, JAW], opened)[0, 1] > 0.95
    assert made[:, JAW].std() == pytest.approx(opened.std(), rel=0.2)


def test_without_agreement_the_range_is_the_persons():
    solver, random = curves(), np.random.default_rng(0)
    tracked = np.zeros((200, 52))
    tracked[:, ARKIT_INDEX["jawOpen"]] = random.uniform(0.1, 0.2, 200)
    found = manner.fit(tracked, tracked[:, ARKIT_INDEX["jawOpen"]], solver, solver)
    assert found.matrix is None
    made = found.apply(solver, np.full(len(solver), 0.2))[:, JAW]
    assert made.min() > 0.07
    assert made.max() < 0.24
    assert np.corrcoef(made, solver[:, ARKIT_INDEX["jawOpen"]])[0, 1] > 0.97


def test_closed_lips_are_the_persons_closed_lips():
    solver, tracked = curves(), np.zeros((200, 52))
    tracked[:, ARKIT_INDEX["jawOpen"]] = 0.1 + 0.3 * np.abs(np.sin(np.arange(200) / 9))
    found = manner.fit(tracked, tracked[:, ARKIT_INDEX["jawOpen"]], None, solver)
    openings = np.full(len(solver), 0.2)
    openings[50] = 0.0
    made = found.apply(solver, openings)
    assert made[50, JAW] == pytest.approx(found.closed[JAW])
    assert found.closed[JAW] == pytest.approx(0.1, abs=0.03)
    assert made.shape == (200, len(MOUTH_COLUMNS))


def test_lines_are_read_in_order(tmp_path):
    table = tmp_path / "lines.csv"
    table.write_text("start,audio,transcript,emotion,person\n4.5,b.wav,,joy=0.5,2\n1,a.wav,a.txt,,\n", encoding="utf-8")
    first, second = lines_of(table)
    assert (first.start, first.audio, first.transcript, first.person) == (
        1.0, tmp_path / "a.wav", tmp_path / "a.txt", None,
    )  # fmt: skip
    assert (second.start, second.person, second.direction.emotions[0].emotion) == (4.5, 2, "joy")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("start,audio\n", "has no lines"),
        ("begin,audio\n1,a.wav\n", "no column 'start'"),
        ("start,audio\nsoon,a.wav\n", "row 2: start is a number"),
        ("start,audio\n-1,a.wav\n", "0 or more seconds"),
        ("start,audio\n1,\n", "names no audio"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, complaint):
    table = tmp_path / "lines.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        lines_of(table)
