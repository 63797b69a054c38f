"""A face that listens: nods where the other ends a phrase, eyes on the other, and lips that stay one's own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.audio.recording import AudioSegment
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.errors import InputError
from animcore.pipelines import generate_files
from animcore.solvers.nonverbal import gaze, listener
from animcore.solvers.perform import perform
from animcore.speech.prosody import FPS, PhraseEnd, Prosody

VOICES = Path(__file__).resolve().parents[2] / "golden" / "voices"
NEAR = (-0.1, 0.7)  # seconds around the end of a phrase


def talking(spans: list[tuple[float, float]], seconds: float) -> Prosody:
    """The prosody of somebody who speaks in these spans, each falling at its end."""
    speaking = np.zeros(int(seconds * FPS), np.float32)
    for start, end in spans:
        speaking[round(start * FPS) : round(end * FPS)] = 1
    ends = tuple(PhraseEnd(end, "falling", -2.0, 0.5) for _, end in spans)
    return Prosody(np.where(speaking, -20, -80).astype(np.float32), speaking, tuple(spans), (), ends=ends)


@pytest.fixture
def turns() -> tuple[Prosody, Prosody]:
    """Two minutes in turns of 10 s: one speaks first, then the other, each in phrases of 2 s with pauses of 0.5 s."""
    spans: tuple[list, list] = ([], [])
    for turn in range(12):
        spans[turn % 2].extend((10 * turn + start, 10 * turn + start + 2.0) for start in (0.5, 3.0, 5.5))
    return talking(spans[0], 120), talking(spans[1], 120)


def near(times: list[float], ends: np.ndarray) -> float:
    late = np.array(times)[:, None] - ends[None]
    return float(((late >= NEAR[0]) & (late <= NEAR[1])).any(1).mean())


def test_nods_come_where_the_other_ends_a_phrase_and_not_by_chance(turns):
    own, other = turns
    ends = np.array([end.time for end in other.ends])
    nods = [event.start for seed in range(6) for event in listener.solve(own, other, Direction(seed=seed)).events()]
    assert len(nods) > 6 * 6
    assert near(nods, ends) == 1.0
    assert near(nods, (ends + 1.2) % 120) < 0.1


def test_nobody_nods_while_speaking(turns):
    own, other = turns
    attention = listener.solve(own, other, Direction())
    added = listener.head_rotations(attention, Direction())
    deep = np.abs(np.rad2deg(added)).max(1)
    assert deep[own.speaking > 0].max() < 2.5
    assert deep[attention.attentive > 0].max() > 3.0
    for event in attention.events():
        assert not own.speaking[round(event.start * FPS) : round(event.end * FPS)].any()


def test_the_face_replies_and_leaves_the_lips_to_ones_own_voice(turns):
    own, other = turns
    weights = np.max([listener.face_weights(listener.solve(own, other, Direction(seed=s)), Direction(seed=s))
                      for s in range(8)], 0)  # fmt: skip
    mouth = [ARKIT_INDEX[name] for name in ARKIT if name.startswith("mouth")]
    assert weights[:, mouth].max() > 0.1
    assert weights[own.speaking > 0][:, mouth].max() < 0.01
    glum = listener.face_weights(listener.solve(own, other, Direction()), Direction(), may_smile=False)
    assert not glum[:, ARKIT_INDEX["mouthSmileLeft"]].any()


def test_eyes_are_on_the_other_while_they_speak_and_where_one_replies(turns):
    own, other = turns
    still = np.zeros((len(own.level), 3), np.float32)
    shares, back = [], []
    for seed in range(6):
        attention = listener.solve(own, other, Direction(seed=seed))
        eyes = gaze.solve(own, still, Direction(seed=seed), None, attention)
        away = np.rad2deg(np.linalg.norm((eyes.pose.mean(1) + eyes.head)[:, :2], axis=1))
        shares.append((away[attention.attentive > 0] < 5).mean())
        back += [away[round((reply.time + 0.2) * FPS)] < 5 for reply in attention.replies]
    assert 0.75 < np.mean(shares) < 0.97
    assert np.mean(back) == 1.0


def test_switched_off_regions_do_not_reply(turns):
    own, other = turns
    direction = Direction(strengths={"head": 0.0, "brows": 0.0, "lips": 0.0, "cheeks": 0.0})
    attention = listener.solve(own, other, direction)
    assert not listener.head_rotations(attention, direction).any()
    assert not listener.face_weights(attention, direction).any()


@pytest.mark.parametrize("spans", [[], [(0.0, 0.3)], [(0.0, 0.05), (3.9, 4.0)]])
def test_a_little_of_the_other_or_nothing_does_no_harm(spans):
    own, other = talking([], 4.0), talking(spans, 4.0)
    attention = listener.solve(own, other, Direction())
    assert listener.head_rotations(attention, Direction()).shape == (200, 3)
    assert np.isfinite(listener.face_weights(attention, Direction())).all()


def test_two_real_voices_each_speak_to_their_own_face():
    """The same dialogue from both sides: the lips move with one's own voice alone, and takes are equally long."""
    lines = [VOICES / "kal.flac", VOICES / "rms.flac"]
    length = recording.load(lines[0]).duration
    parts = [[AudioSegment(lines[0])], [AudioSegment(lines[1], at=Fraction(round(length * 1000), 1000))]]
    motions = [generate_files.generate(parts[side], Fraction(30), Direction(), listening_to=parts[1 - side])[0]
               for side in (0, 1)]  # fmt: skip
    assert motions[0].frame_count == motions[1].frame_count
    jaw = [motion.arkit[:, ARKIT_INDEX["jawOpen"]] for motion in motions]
    change = round(length * 30)
    assert jaw[0][: change - 15].std() > 0.03 > 0.02 > jaw[0][change + 15 :].max()
    assert jaw[1][change + 15 :].std() > 0.03 > 0.02 > jaw[1][: change - 15].max()


def test_without_another_voice_nothing_changes_and_equal_takes_stay_equal(spoken_line):
    clip = recording.load(spoken_line)
    alone, again, listens = (perform(clip, Direction(), other=other) for other in (None, None, clip))
    np.testing.assert_array_equal(alone.head_pose, again.head_pose)
    mouth = [ARKIT_INDEX[name] for name in ARKIT if name.startswith(("mouth", "jaw"))]
    np.testing.assert_array_equal(alone.arkit[:, mouth], listens.arkit[:, mouth])


def test_somebody_who_only_listens_lasts_as_long_as_the_other():
    motion, facts = generate_files.generate((), Fraction(24), Direction(), listening_to=VOICES / "kal.flac")
    other = recording.load(VOICES / "kal.flac")
    assert abs(motion.frame_count / 24 - other.duration) < 0.1
    assert facts.silent
    assert not motion.jaw_pose.any()


def test_a_folder_of_other_voices_is_read_by_name(tmp_path):
    own, others = tmp_path / "own", tmp_path / "others"
    for folder, source in ((own, "kal"), (others, "rms")):
        folder.mkdir()
        (folder / "one.flac").write_bytes((VOICES / f"{source}.flac").read_bytes())
    (others / "one.txt").write_text("what is said")
    (own / "two.flac").write_bytes((VOICES / "slt.flac").read_bytes())
    takes = generate_files.run([own / "one.flac", own / "two.flac"],
                      generate_files.BatchRequest(tmp_path / "out", ("npz",), listening_to=others))  # fmt: skip
    assert [take.error for take in takes] == [None, None]
    with pytest.raises(InputError, match="one other voice for 2 recordings"):
        generate_files.run(
            [own / "one.flac", own / "two.flac"],
            generate_files.BatchRequest(tmp_path / "out", listening_to=others / "one.flac"),
        )
