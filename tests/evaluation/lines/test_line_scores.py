"""Faults that are planted into a real line are found, named, and placed; the line itself has none of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scored_line import with_samples

from animcore.audio import recording
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.evaluation.lines import against_speakers, findings, limits, lips, listening, mouth, score
from animcore.evaluation.lines.findings import KINDS, Finding, found, quality
from animcore.motion import Event, Motion

RATE = recording.RATE


def kinds(result) -> set[str]:
    return {finding.kind for finding in result.findings}


def louder(samples: np.ndarray, other: np.ndarray, level: float) -> np.ndarray:
    """Another sound, so many dB above a line."""
    other = np.resize(other, len(samples))
    return samples + other * np.sqrt(np.square(samples).mean() / np.square(other).mean()) * 10 ** (level / 20)


def test_a_clean_line_has_no_fault_and_all_its_values(line):
    result = line.score()
    assert result.findings == ()
    assert result.quality == 1.0
    assert result.reason == ""
    assert result.values["closures"] == 1.0
    assert result.values["words"] > 0.95
    assert abs(result.values["lag"]) < 40
    assert {"jerk", "agreement", "noise", "hum", "loudness", "pitch", "pace", "fit"} <= result.values.keys()


AUDIO = {
    "clipping": lambda samples: np.clip(samples * 12, -0.3, 0.3),
    "noise": lambda samples: louder(samples, np.random.default_rng(0).standard_normal(len(samples)), -8),
    "hum": lambda samples: louder(samples, sum(np.sin(2 * np.pi * 50 * k * np.arange(len(samples)) / RATE) / k
                                               for k in range(1, 6)), -14),
    "music": lambda samples: louder(samples, sum(np.sin(2 * np.pi * f * np.arange(len(samples)) / RATE)
                                                 for f in (440, 550, 660, 1320)), -6),
    "silence_ends": lambda samples: np.concatenate([np.zeros(3 * RATE), samples]),
    "cut": lambda samples: samples[: int(np.abs(samples).argmax()) + 200],
    "words": lambda samples: samples[: len(samples) // 2],
    "extra_speech": lambda samples: np.concatenate([samples, np.zeros(RATE // 2), samples]),
}  # fmt: skip


@pytest.mark.parametrize("kind", AUDIO)
def test_faults_of_the_audio_are_found(line, kind):
    samples = np.asarray(AUDIO[kind](line.clip.samples), np.float64)
    clip = with_samples(line.clip, samples)
    result = score(Motion(30, arkit=np.zeros((30, 52))), clip, line.text)
    own = next(finding for finding in result.findings if finding.kind == kind)
    assert 0 < own.severity <= KINDS[kind].weight
    assert 0 <= own.worst <= clip.duration + 0.05
    assert own.sentence.endswith((".", "?"))


def edited(motion: Motion, **shapes: float) -> Motion:
    weights = motion.arkit.copy()
    for name, least in shapes.items():
        weights[:, ARKIT_INDEX[name]] = np.maximum(weights[:, ARKIT_INDEX[name]], least)
    return replace(motion, arkit=weights)


def test_lips_that_an_edit_keeps_open_are_found_where_they_are_widest(line):
    weights = edited(line.motion, jawOpen=0.25).arkit.copy()
    weights[:, ARKIT_INDEX["mouthClose"]] = 0.0
    result = line.score(motion=replace(line.motion, arkit=weights))
    own = next(finding for finding in result.findings if finding.kind == "closures")
    assert own.value < 0.5
    assert "p, b, m" in own.sentence
    assert "teeth" in kinds(result)


def test_a_late_face_is_found_and_an_ordered_offset_is_none(line):
    late = replace(line.motion, start=line.motion.start + 0.15)
    own = next(finding for finding in line.score(motion=late).findings if finding.kind == "lag")
    assert own.value == pytest.approx(150, abs=30)
    assert "after" in own.sentence
    assert "lag" not in kinds(score(late, line.clip, line.text, offset=0.15))


def test_curves_of_another_line_are_found(line):
    other = replace(line.motion, arkit=line.motion.arkit[::-1].copy())
    assert "agreement" in kinds(line.score(motion=other))


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60])
def test_shaking_is_found_at_every_rate_and_the_clean_line_is_not(line, rate):
    clean = line.motion.resampled(rate)
    assert "jerk" not in kinds(line.score(motion=clean))
    weights = clean.arkit.copy()
    weights[:, ARKIT_INDEX["jawOpen"]] += 0.2 * (np.arange(len(weights)) % 2)
    assert "jerk" in kinds(line.score(motion=replace(clean, arkit=np.clip(weights, 0, 1))))


def test_a_shape_at_its_limit_is_named(line):
    weights = line.motion.arkit.copy()
    weights[30:60, ARKIT_INDEX["mouthFunnel"]] = 1.0
    own = next(one for one in line.score(motion=replace(line.motion, arkit=weights)).findings if one.kind == "limit")
    assert own.sentence.startswith("mouthFunnel")
    assert own.value == pytest.approx(1.0, abs=0.05)


def test_an_open_mouth_in_silence_is_found(line):
    clip = with_samples(line.clip, np.concatenate([line.clip.samples, np.zeros(3 * RATE)]))
    weights = np.concatenate([line.motion.arkit, np.repeat(line.motion.arkit[-1:], 90, 0)])
    weights[-80:, ARKIT_INDEX["jawOpen"]] = 0.5
    weights[-80:, ARKIT_INDEX["mouthClose"]] = 0.0
    result = line.score(clip=clip, motion=replace(line.motion, **_all(line.motion, weights)))
    own = next(one for one in result.findings if one.kind == "open_silence")
    assert own.worst > line.clip.duration
    assert own.value > 2


def _all(motion: Motion, weights: np.ndarray) -> dict:
    """The weights alone: other tracks would have another length."""
    return {name: None for name in motion.tracks()} | {"arkit": weights}


def test_another_text_is_found_and_no_text_is_no_fault(line):
    result = line.score(text="Nobody ever mentioned seventeen wet elephants crossing Piccadilly on a Thursday morning.",
                        motion=replace(line.motion, events=()))  # fmt: skip
    assert {"words", "fit"} & kinds(result)
    assert result.quality < 0.6
    assert "words" not in line.score(text="").values


def test_silence_is_told_as_silence(line):
    clip = recording.silence(RATE * 2)
    result = score(line.motion, clip, line.text)
    assert kinds(result) == {"silent"}


def test_what_a_format_cannot_take_is_a_finding(line):
    result = score(line.motion, line.clip, lacks=["line.csv: cheekPuff has no place."])
    assert [one.sentence for one in result.findings] == ["line.csv: cheekPuff has no place."]


def test_a_body_alone_has_scores_of_its_audio(line):
    values = score(Motion(30, head_pose=np.zeros((60, 3))), line.clip).values
    assert "noise" in values
    assert "closures" not in values


def test_silent_letters_are_no_closures(line):
    heard = listening.listen(line.clip)
    wrong = [Event("phoneme", "b", 0.02, 0.06)]  # a b of the text where nothing is said
    assert lips.sounds_of(heard, wrong, "pbm", (0.0, line.clip.duration)) == lips.sounds_of(
        heard, (), "pbm", (0.0, line.clip.duration)
    )


def test_the_lower_lip_is_at_the_teeth_for_f(line):
    at_rest = np.zeros((1, 52), np.float32)
    rolled, open_ = at_rest.copy(), at_rest.copy()
    rolled[0, ARKIT_INDEX["mouthRollLower"]] = 0.5
    open_[0, ARKIT_INDEX["jawOpen"]] = 0.4
    gaps = [float(mouth.of_motion(Motion(30, arkit=one)).below_teeth[0]) for one in (at_rest, rolled, open_)]
    assert gaps[0] < limits.AT_TEETH < gaps[2]
    assert gaps[1] < limits.AT_TEETH


def test_lines_are_compared_with_their_speaker():
    usual = [("a/en", {"loudness": -20.0 + 0.3 * n, "pitch": 200.0 + n, "fit": 0.5, "pace": 0.06, "noise": 50.0,
                       "seconds": 3.0}) for n in range(8)]  # fmt: skip
    odd = ("a/en", {"loudness": -34.0, "pitch": 100.0, "fit": 0.1, "pace": 0.15, "noise": 20.0, "seconds": 3.0})
    faults = against_speakers([*usual, odd, ("b/en", odd[1])])
    assert all(not one for one in faults[:8])
    assert {one.kind for one in faults[8]} == {"level", "voice", "fit", "pace", "noise"}
    assert faults[9] == []  # one line has no median


def test_severity_grows_from_the_limit_to_what_is_bad():
    def severity(value: float) -> float:
        return found("closures", "", value, 0.9, 0.4, (0, 1), 0).severity

    assert 0 < severity(0.89) < severity(0.6) < severity(0.4) == severity(0.0) == KINDS["closures"].weight


def test_of_one_kind_the_gravest_counts():
    mild, grave = (found("noise", "", value, 24.0, 10.0, (0, 1), 0) for value in (20.0, 12.0))
    assert quality([mild, grave]) == quality([grave]) < quality([mild]) < 1.0
    assert quality([]) == 1.0


def test_findings_travel_as_json(line):
    clip = with_samples(line.clip, AUDIO["clipping"](line.clip.samples))
    result = line.score(clip=clip)
    plain = result.to_dict()
    assert [Finding.of(one).kind for one in plain["findings"]] == [one.kind for one in result.findings]
    assert plain["scores"][findings.QUALITY] == pytest.approx(result.quality, abs=1e-4)
