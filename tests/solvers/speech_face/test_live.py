"""The live variant: the same however the sound is cut, deaf to what is 80 ms off, and close to the full one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.direction import Direction
from animcore.errors import AnimcoreError, InputError
from animcore.solvers.speech_face import lip_sync, streaming

ROOT = Path(__file__).resolve().parents[3]
VOICES = sorted((ROOT / "tests" / "golden" / "voices").glob("*.json"))
LINE = recording.load(ROOT / "assets" / "voices" / "line.flac")
FOUR = LINE.samples[: 4 * 16_000]


def heard(samples: np.ndarray, sizes: list[int], direction: Direction | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Weights and tongue of samples that are fed in bits of these sizes, in turn."""
    listener = streaming.StreamingSolver(direction)
    parts, place, turn = [], 0, 0
    while place < len(samples):
        parts.append(listener.feed(samples[place : place + sizes[turn % len(sizes)]]))
        place, turn = place + sizes[turn % len(sizes)], turn + 1
    parts.append(listener.finish())
    assert [part.first for part in parts] == [
        sum(len(one.arkit) for one in parts[:index]) for index in range(len(parts))
    ]
    return np.concatenate([part.arkit for part in parts]), np.concatenate([part.tongue for part in parts])


@pytest.fixture(scope="module")
def whole() -> tuple[np.ndarray, np.ndarray]:
    return heard(FOUR, [len(FOUR)])


@pytest.mark.parametrize("sizes", [[528], [1, 7000, 333], [320]])
def test_it_does_not_matter_how_the_sound_is_cut(whole, sizes):
    weights, tongue = heard(FOUR, sizes)
    assert np.array_equal(weights, whole[0])
    assert np.array_equal(tongue, whole[1])


def test_there_are_as_many_frames_as_of_the_full_solver(whole):
    assert len(whole[0]) == len(FOUR) // 320 + 1
    assert [len(heard(FOUR[:count], [count])[0]) for count in (1, 319, 320, 700, 1600)] == [1, 1, 2, 3, 6]


def test_no_frame_depends_on_sound_that_is_further_off_than_80_ms(whole):
    frame = 100
    changed = FOUR.copy()
    changed[frame * 320 + 1280 :] = np.random.default_rng(0).normal(size=len(FOUR) - frame * 320 - 1280) * 0.3
    weights, tongue = heard(changed, [4000])
    assert np.array_equal(weights[: frame + 1], whole[0][: frame + 1])
    assert np.array_equal(tongue[: frame + 1], whole[1][: frame + 1])
    assert not np.array_equal(weights[frame + 1 : frame + 20], whole[0][frame + 1 : frame + 20])


def test_frames_come_as_soon_as_80_ms_are_there():
    listener = streaming.StreamingSolver()
    for second in range(0, 8000, 160):
        listener.feed(FOUR[second : second + 160])
        waiting = (second + 160) / 16_000 - listener._answered / 50
        assert waiting <= 0.08 + 1e-6


@pytest.mark.parametrize("voice", VOICES, ids=lambda path: path.stem)
def test_it_does_nearly_what_the_full_solver_does(voice, lips):
    clip = recording.load(voice.with_suffix(".flac"))
    full, ours = (lips.gap(one.solve(clip, Direction()).arkit) for one in (lip_sync, streaming))
    assert np.corrcoef(full, ours)[0, 1] > 0.75
    assert 0.7 < ours.std() / full.std() < 1.4


@pytest.mark.parametrize("voice", VOICES, ids=lambda path: path.stem)
def test_most_closures_are_closed(voice, lips):
    told = json.loads(voice.read_text())
    motion = streaming.solve(recording.load(voice.with_suffix(".flac")), Direction())
    gap = lips.gap(motion.arkit)
    least = [
        gap[(motion.times >= start - 0.05) & (motion.times <= end + 0.05)].min()
        for name, start, end in told["phones"]
        if name in "pbm"
    ]
    assert np.mean(np.array(least) < 0.5) > 0.75


def test_loudness_of_the_sound_hardly_matters_after_a_second(whole, lips):
    quiet = lips.gap(heard(FOUR * 0.1, [4000])[0])
    assert np.corrcoef(quiet[50:], lips.gap(whole[0])[50:])[0, 1] > 0.95


def test_silence_and_hiss_keep_the_mouth_shut(lips):
    assert lips.gap(heard(np.zeros(32_000, np.float32), [1600])[0]).max() < 0.7
    hiss = np.random.default_rng(0).normal(size=64_000).astype(np.float32) * 0.003
    assert lips.gap(heard(hiss, [1600])[0])[100:].mean() < 2.0


def test_strengths_scale_their_region():
    weights, tongue = heard(FOUR, [16_000], Direction(strengths={"jaw": 0.0, "tongue": 0.0}))
    assert not weights[:, ARKIT_INDEX["jawOpen"]].any()
    assert not tongue.any()


def test_wrong_sound_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(InputError, match="a row of finite samples"):
        streaming.StreamingSolver().feed(np.zeros((100, 2), np.float32))
    with pytest.raises(InputError, match="a row of finite samples"):
        streaming.StreamingSolver().feed(np.full(100, np.nan, np.float32))
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(AnimcoreError, match=r"broken\.onnx cannot be loaded"):
        streaming.load(tmp_path / "broken.onnx")
