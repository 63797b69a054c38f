"""The eyes: blinks and glances in human amounts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.geometry import rotations
from animcore.motion import Motion
from animcore.solvers.nonverbal import gaze
from animcore.speech.prosody import FPS, Prosody


@pytest.fixture(scope="module")
def eyes(talk) -> gaze.EyeMotion:
    """Ten minutes of talk with a still head."""
    voice = talk(10)
    return gaze.solve(voice, np.zeros((len(voice.level), 3), np.float32), Direction())


def test_every_blink_is_complete(eyes):
    lid = eyes.weights[:, ARKIT_INDEX["eyeBlinkLeft"]]
    for start in eyes.blinks:
        assert lid[round(start * FPS) : round((start + 0.15) * FPS)].max() > 0.98
    assert lid[0] == lid[-1] == 0


@pytest.mark.parametrize("rate", ["24", "24000/1001", "25", "30", "60"])
def test_every_blink_shuts_the_eye_at_any_rate(eyes, rate):
    motion = Motion(Fraction(FPS), arkit=eyes.weights).resampled(Fraction(rate))
    lid = motion.arkit[:, ARKIT_INDEX["eyeBlinkLeft"]]
    for start in eyes.blinks:
        assert lid[(motion.times >= start) & (motion.times <= start + 0.2)].max() > 0.999


def world(eyes: gaze.EyeMotion) -> np.ndarray:
    """(T, 2) degrees of where the left eye looks, of a head that only adds what the eyes ask for."""
    return np.rad2deg(eyes.pose[:, 0, :2] + eyes.head[:, :2])


def test_gaze_is_on_the_viewer_as_much_as_in_people(eyes, talk):
    size = np.linalg.norm(world(eyes), axis=1)
    speaking = talk(10).speaking > 0
    assert 0.45 < (size[speaking] < 5).mean() < 0.72
    assert np.median(size[size < 5]) < 2
    assert size.max() < 32


def test_saccades_are_fast_and_fixations_still(eyes):
    step = np.linalg.norm(np.diff(world(eyes), axis=0), axis=1)
    assert (step < 0.05).mean() > 0.85
    assert step.max() * FPS > 150


@pytest.mark.parametrize("size", [1.0, 5.0, 10.0, 20.0])
def test_saccades_lie_on_the_main_sequence(size):
    """Duration after Carpenter (1988), top speed after Becker (1989)."""
    rate = 5000
    path = gaze.follow_fixations([gaze.Fixation(0, 0, 0), gaze.Fixation(0.1, 0, size)], np.arange(rate) / rate)[:, 1]
    moving = np.flatnonzero((path > 0) & (path < size))
    assert np.ptp(moving) / rate == pytest.approx(0.021 + 0.0022 * size, abs=0.002)
    speed = np.diff(path) * rate
    assert speed.max() == pytest.approx(1.65 * size / (0.021 + 0.0022 * size), rel=0.08)
    assert moving[0] < speed.argmax() < moving.mean()  # it is fastest before the middle
    assert (speed >= 0).all()


def long_turns(count: int) -> Prosody:
    """Turns of 8 s without a pause, 3 s apart."""
    phrases = tuple((2 + 11.0 * index, 10 + 11.0 * index) for index in range(count))
    frames = round((phrases[-1][1] + 3) * FPS)
    speaking = np.zeros(frames, np.float32)
    for start, end in phrases:
        speaking[round(start * FPS) : round(end * FPS)] = 1
    return Prosody(np.where(speaking, -20, -80).astype(np.float32), speaking, phrases, ())


def test_eyes_look_away_as_long_turns_begin_and_are_back_as_they_end():
    voice = long_turns(60)
    eyes = gaze.solve(voice, np.zeros((len(voice.level), 3), np.float32), Direction())
    away = np.linalg.norm(world(eyes), axis=1) > 5
    thinking = np.mean([away[round((start + 0.4) * FPS)] for start, _ in voice.phrases])
    assert 0.5 < thinking < 0.9
    assert not any(away[round(end * FPS)] for _, end in voice.phrases)


def test_styles_differ_in_how_much_they_look_away(talk):
    voice = talk(4)
    still = np.zeros((len(voice.level), 3), np.float32)
    looks = {style: gaze.solve(voice, still, Direction(style=style)) for style in ("shy", "calm", "presenter")}
    on = {style: (np.linalg.norm(world(eyes), axis=1) < 5).mean() for style, eyes in looks.items()}
    assert on["shy"] + 0.05 < on["calm"] < on["presenter"] - 0.05


def test_both_eyes_look_at_the_same(eyes):
    np.testing.assert_array_equal(eyes.pose[:, 0], eyes.pose[:, 1])


def test_lids_follow_the_eyes(eyes):
    down = eyes.pose[:, 0, 0] > np.deg2rad(3)
    assert (eyes.weights[down][:, ARKIT_INDEX["eyeLookUpLeft"]] == 0).all()
    open_lids = down & (eyes.weights[:, ARKIT_INDEX["eyeBlinkLeft"]] == 0)
    assert (eyes.weights[open_lids][:, ARKIT_INDEX["eyeLookDownLeft"]] > 0.05).all()
    left = eyes.pose[:, 0, 1] > np.deg2rad(3)
    assert (eyes.weights[left][:, ARKIT_INDEX["eyeLookOutLeft"]] > 0.05).all()
    assert (eyes.weights[left][:, ARKIT_INDEX["eyeLookInRight"]] > 0.05).all()


def test_only_the_eyes_move(eyes):
    others = [ARKIT_INDEX[name] for name in ARKIT if not name.startswith(("eyeBlink", "eyeLook"))]
    assert not eyes.weights[:, others].any()
    assert eyes.weights.min() >= 0
    assert eyes.weights.max() <= 1


def test_eyes_turn_against_the_head(hush):
    voice = hush(4)
    turned = np.zeros((200, 3), np.float32)
    turned[:, 1] = np.deg2rad(6)
    pose = gaze.solve(voice, turned, Direction()).pose
    still = gaze.solve(voice, 0 * turned, Direction()).pose
    np.testing.assert_allclose(pose[:, 0, 1], still[:, 0, 1] - np.deg2rad(6), atol=1e-3)


def rays(eyes: gaze.EyeMotion, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (2, 3) and directions (T, 2, 3) of the eyes for a head (T, 3) that turns about the middle between them."""
    turned = rotations.to_matrix(head)
    forward = rotations.to_matrix(eyes.pose.astype(np.float64))[..., 2]
    return np.array([[0.0315, 0, 0], [-0.0315, 0, 0]]), np.einsum("tij,tej->tei", turned, forward)


@pytest.mark.parametrize("target", [(0.0, 0.0, 0.4), (0.15, -0.1, 0.8), (-0.02, 0.1, 3.0)])
def test_both_eyes_meet_on_the_target(hush, target):
    voice = hush(20)
    eyes = gaze.solve(voice, np.zeros((1000, 3), np.float32), Direction(target=target))
    places, directions = rays(eyes, np.zeros((1000, 3)))
    nearest = []
    for place, ray in zip(places, directions.transpose(1, 0, 2), strict=True):
        away = np.array(target) - place
        nearest.append(np.linalg.norm(np.cross(ray, away), axis=1))
    # fixations spread about it by a degree or so; both eyes have the same point, seldom far off
    miss = np.rad2deg(np.median(nearest, axis=1) / np.linalg.norm(target))
    assert (miss < 2.5).all()
    between = np.rad2deg(np.arccos(np.clip((directions[:, 0] * directions[:, 1]).sum(1), -1, 1)))
    assert np.median(between) == pytest.approx(np.rad2deg(0.063 / np.linalg.norm(target)), rel=0.1)


def test_eyes_stay_on_a_target_while_the_head_turns(hush):
    voice = hush(8)
    head = np.zeros((400, 3), np.float32)
    head[:, 1] = np.deg2rad(12) * np.sin(np.arange(400) / 30)
    direction = Direction(target=(0.0, 0.0, 0.5))
    moved, still = (gaze.solve(voice, turn, direction) for turn in (head, 0 * head))
    gone = [rays(eyes, turn)[1] for eyes, turn in ((moved, head), (still, 0 * head))]
    off = np.rad2deg(np.arccos(np.clip((gone[0] * gone[1]).sum(2), -1, 1)))
    # the eyes are carried along by the head, 9 cm before where it turns, so they turn by more than the head
    assert 0.5 < off.max() < 5
    plain = moved.pose[:, :, 1] + head[:, None, 1]
    assert np.corrcoef(np.diff(plain.mean(1) - still.pose[:, :, 1].mean(1)), np.diff(head[:, 1]))[0, 1] < -0.9


def test_the_head_takes_part_in_large_gaze_shifts(hush):
    voice = hush(6)
    still = np.zeros((300, 3), np.float32)
    aside = (1.0, 0.0, 1.2)  # 40 degrees to the left
    eyes = gaze.solve(voice, still, Direction(target=aside))
    share = np.rad2deg(np.median(eyes.head[:, 1]))
    assert 15 < share < 27
    assert np.rad2deg(np.median(eyes.pose[:, :, 1])) == pytest.approx(np.rad2deg(np.arctan2(1, 1.2)) - share, abs=3)
    assert not gaze.solve(voice, still, Direction(target=aside, strengths={"head": 0.0})).head.any()
    assert np.abs(gaze.solve(voice, still, Direction(target=(0.05, 0.0, 1.0))).head).max() < np.deg2rad(5)


def test_the_head_comes_after_the_eyes_and_moves_smoothly(eyes):
    degrees = np.rad2deg(eyes.head[:, :2])
    assert np.abs(degrees).max() > 2
    assert np.abs(np.diff(degrees, axis=0)).max() * FPS < 60
    fast = np.flatnonzero(np.abs(np.diff(world(eyes)[:, 1])) > 4)
    following = np.abs(degrees[np.minimum(fast + 25, len(degrees) - 1), 1] - degrees[fast, 1])
    assert following.mean() > np.abs(degrees[fast, 1] - degrees[np.maximum(fast - 15, 0), 1]).mean()


def test_strengths_switch_off(talk):
    voice = talk(1)
    still = np.zeros((len(voice.level), 3), np.float32)
    off = gaze.solve(voice, still, Direction(strengths={"blinks": 0.0, "gaze": 0.0}))
    assert not off.pose.any()
    assert not off.weights.any()
    often = gaze.solve(voice, still, Direction(strengths={"blinks": 2.0}))
    assert len(often.blinks) > 1.4 * len(gaze.solve(voice, still, Direction()).blinks)


def test_equal_seeds_give_equal_eyes(talk):
    voice = talk(1)
    still = np.zeros((len(voice.level), 3), np.float32)
    one, again, other = (gaze.solve(voice, still, Direction(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weights, again.weights)
    assert not np.array_equal(one.blinks, other.blinks)


def test_silence_is_idling(hush):
    """Eyes that live: on the viewer for most of the time, a glance aside now and then, blinks."""
    voice = hush(300)
    eyes = gaze.solve(voice, np.zeros((len(voice.level), 3), np.float32), Direction())
    on = np.linalg.norm(world(eyes), axis=1) < 5
    assert 0.7 < on.mean() < 0.95
    assert 8 < len(eyes.blinks) / 5 < 21


@pytest.mark.parametrize("frames", [0, 1, 15])
def test_short_sounds_look_at_the_viewer(hush, frames):
    eyes = gaze.solve(hush(frames / FPS), np.zeros((frames, 3), np.float32), Direction())
    assert eyes.pose.shape == (frames, 2, 3)
    assert not len(eyes.blinks)
    assert np.abs(eyes.pose).max(initial=0) < np.deg2rad(3.5)
