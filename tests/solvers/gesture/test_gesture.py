"""The body: strokes on stressed syllables, feet that stay, hands that rest, words that choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.body_models import kinematics
from animcore.body_models.kinematics import INDEX
from animcore.core.vocabulary import STYLES
from animcore.direction import Direction
from animcore.motion import Event
from animcore.solvers.gesture import arm_motion, body_motion, planning
from animcore.solvers.gesture.lexicon import lexicon
from animcore.speech import prosody
from animcore.speech.prosody import FPS, Prosody

VOICES = Path(__file__).resolve().parents[2] / "golden" / "voices"
WRISTS = [INDEX["left_wrist"], INDEX["right_wrist"]]
ANKLES = [INDEX["left_ankle"], INDEX["right_ankle"], INDEX["left_foot"], INDEX["right_foot"]]


def places(body: body_motion.BodyMotion) -> np.ndarray:
    return kinematics.joint_positions(kinematics.world_rotations(body.pose), body.translation)


def speeds(places: np.ndarray) -> np.ndarray:
    """(T - 1, ...) metres a second."""
    return np.linalg.norm(np.diff(places, axis=0), axis=-1) * FPS


@pytest.fixture(scope="module")
def voice() -> Prosody:
    """A recording of 8 s."""
    clip = recording.load(VOICES / "slt.flac")
    return prosody.analyse(clip, int(clip.facts.duration * FPS))


@pytest.mark.parametrize("style", STYLES)
def test_people_move_so(talk, style):
    body = body_motion.solve(talk(1.5), Direction(style=style))
    where = places(body)
    wrists = speeds(where[:, WRISTS])
    assert 0.5 < wrists.max() < 3.0  # metres a second
    assert np.linalg.norm(np.diff(where[:, WRISTS], 2, axis=0), axis=-1).max() * FPS**2 < 45
    assert np.abs(body.translation).max() < 0.07
    # never behind the back, never above the head, never through the middle of the body
    assert (where[:, WRISTS, 2] > -0.12).all()
    assert (where[:, WRISTS, 1] < where[:, [INDEX["head"]], 1]).all()
    inside = (np.abs(where[:, WRISTS, 0]) < 0.12) & (where[:, WRISTS, 2] < 0.10)
    assert not inside.any()


def test_speakers_differ(talk):
    voice = talk(2)
    moved = {
        style: speeds(places(body_motion.solve(voice, Direction(style=style)))[:, WRISTS]).mean() for style in STYLES
    }
    assert moved["lively"] > 1.5 * moved["calm"]
    assert moved["calm"] > moved["shy"]
    assert moved["presenter"] > moved["shy"]


def test_feet_stay_where_they_stand(talk):
    feet = places(body_motion.solve(talk(1), Direction(style="lively")))[:, ANKLES]
    assert np.ptp(feet, axis=0).max() < 1e-4
    turned = kinematics.world_rotations(body_motion.solve(talk(1), Direction()).pose)[:, [INDEX["left_ankle"]]]
    np.testing.assert_allclose(turned[..., 1, 1], 1.0, atol=1e-5)  # soles lie flat


def test_strokes_end_on_stressed_syllables(voice):
    accents = np.array([time for time, _ in voice.accents])
    arrived = []
    for seed in range(8):
        style = lexicon().styles["lively"]
        planned = planning.strokes(voice, style, (), 1.0, np.random.default_rng(seed))
        for side in planning.SIDES:
            keys = planning.keys(planned, side, style, voice.turns(planning.TURN), (seed,))
            known = {id(pose) for pose in lexicon().rest.values()}
            ends = [key.start + key.duration for key in keys if id(key.pose) not in known]
            arrived += [np.abs(accents - end).min() for end in ends]
    arrived = np.array(arrived)
    # of the parts of gestures, at least the strokes themselves; the rest prepare them
    assert (arrived < 0.12).mean() > 0.5
    random = np.random.default_rng(0).uniform(0, accents[-1], 4000)
    assert (arrived < 0.12).mean() > 1.3 * (np.abs(accents[:, None] - random).min(0) < 0.12).mean()


def test_hands_slow_down_on_accents_more_than_elsewhere(talk):
    voice = talk(2)
    speed = speeds(places(body_motion.solve(voice, Direction(style="lively")))[:, WRISTS]).max(1)
    before, after = (
        np.array([speed[round((time + offset) * FPS)] for time, _ in voice.accents]) for offset in (-0.06, 0.22)
    )
    assert before.mean() > 1.3 * after.mean()


def test_a_word_chooses_its_gesture(talk):
    voice = talk(1)
    calling = {"never": "negate", "huge": "size", "everybody": "open", "二": "second"}
    for word, expected in calling.items():
        spoken = [Event("word", word, time - 0.1, time + 0.1) for time, _ in voice.accents]
        planned = planning.strokes(voice, lexicon().styles["calm"], spoken, 1.0, np.random.default_rng(0))
        made = [stroke.gesture for stroke in planned if stroke.gesture != planning.BEAT]
        assert len(made) > 5
        assert set(made) == {expected}


def test_silence_idles(hush):
    body = body_motion.solve(hush(120), Direction(style="lively"))
    where = places(body)
    speed = speeds(where[:, WRISTS])
    assert np.percentile(speed, 90) < 0.1
    assert speed.max() < 0.3  # while the weight goes to the other leg
    assert 0.01 < np.ptp(body.translation[:, 0]) < 0.12  # the weight shifts


def test_ten_minutes_do_not_drift_and_hands_come_back_to_rest(talk):
    voice = talk(10)
    body = body_motion.solve(voice, Direction(style="calm"))
    minutes = places(body)[:, WRISTS].reshape(10, -1, 2, 3).mean(1)
    assert np.abs(minutes[0] - minutes[-1]).max() < 0.1
    rest = speeds(places(body)[:, WRISTS]).max(1) < 0.05
    assert rest.mean() > 0.15


def test_strengths(talk, hush):
    voice = talk(0.5)
    assert body_motion.solve(voice, Direction(strengths={"body": 0})) is None
    fingers = arm_motion.joints("right")[arm_motion.ARM :]
    still = body_motion.solve(voice, Direction(strengths={"hands": 0}, style="lively")).pose[:, fingers]
    moving = body_motion.solve(voice, Direction(style="lively")).pose[:, fingers]
    assert np.ptp(still, axis=0).max() < 1e-6 < 0.1 < np.ptp(moving, axis=0).max()
    small, large = (
        speeds(
            places(body_motion.solve(voice, Direction(style="lively", strengths={"body": amount})))[:, WRISTS]
        ).mean()
        for amount in (0.4, 1.4)
    )
    assert small < 0.7 * large


def test_seeds_give_other_takes_and_equal_seeds_equal_ones(voice):
    one, again, other = (body_motion.solve(voice, Direction(seed=seed)).pose for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.1


@pytest.mark.parametrize("count", [0, 1, 15])
def test_shortest(hush, count):
    body = body_motion.solve(hush(count / FPS), Direction())
    assert body.pose.shape == (count, 55, 3)
    assert np.isfinite(body.pose).all()


@pytest.mark.parametrize("side", planning.SIDES)
def test_every_pose_of_the_lexicon_is_reached_without_breaking_a_wrist(side):
    known = lexicon()
    poses = [*known.rest.values(), *(pose for one in known.gestures.values() for pose in one.poses)]
    turns = arm_motion.posed(side, poses)
    pose = np.zeros((len(poses), 55, 3))
    pose[:, arm_motion.joints(side)] = arm_motion.rotations.from_quaternion(turns)
    wrist = kinematics.joint_positions(kinematics.world_rotations(pose))[:, INDEX[f"{side}_wrist"]]
    shoulder = kinematics.open_body_joints()[INDEX[f"{side}_shoulder"]]
    outward = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    wanted = shoulder + np.stack([one.wrist for one in poses]) * outward * 0.498
    assert np.linalg.norm(wrist - wanted, axis=1).max() < 0.005
    assert np.rad2deg(np.linalg.norm(pose[:, INDEX[f"{side}_wrist"]], axis=1)).max() < 80


def test_both_arms_mirror_each_other():
    poses = [one for made in lexicon().gestures.values() for one in made.poses]
    left, right = (arm_motion.rotations.from_quaternion(arm_motion.posed(side, poses)) for side in planning.SIDES)
    np.testing.assert_allclose(np.abs(left[:, :4]), np.abs(right[:, :4]), atol=1e-3)


def test_every_style_and_word_list_is_sound():
    known = lexicon()
    assert tuple(known.styles) == STYLES
    for style in known.styles.values():
        assert {style.rest, style.between} <= set(known.rest)
    for made in known.gestures.values():
        assert all(pose.hand in known.hands for pose in made.poses)
        assert made.sides in ("one", "both", "any")
