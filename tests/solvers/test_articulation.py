"""The shipped network on real sound: closures, silence, pieces, strengths."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.direction import Direction
from animcore.errors import AnimcoreError, Cancelled
from animcore.names import ARKIT, ARKIT_INDEX
from animcore.solvers import articulation

RATES = [Fraction(24), Fraction(25), Fraction(30), Fraction(60), Fraction(24000, 1001)]
BILABIAL = {"p", "b", "m"}
OPEN_VOWELS = {"aa", "ae", "ay", "ao"}
CLOSED = 0.15  # share of the opening's 95th percentile, as in the judges
MOUTH = [ARKIT_INDEX[name] for name in ARKIT if name.startswith(("mouth", "jaw"))]


def spans(phones, wanted):
    """Phones of these names as (start, end); neighbours of the same place (m p) are one closure."""
    found = []
    for name, start, end in phones:
        if name in wanted:
            if found and start - found[-1][1] < 1e-6:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
    return found


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_lips_close_on_bilabials(spoken, lips, rate):
    motion = articulation.solve(spoken.clip, Direction()).resampled(rate)
    gap = lips.gap(motion.arkit)
    closed = motion.times[gap < CLOSED * np.percentile(gap, 95)]
    reach = 2 / motion.fps
    missed = [
        span
        for span in spans(spoken.phones, BILABIAL)
        if not ((closed > span[0] - reach) & (closed < span[1] + reach)).any()
    ]
    assert not missed


def test_lips_open_on_open_vowels(spoken, lips):
    motion = articulation.solve(spoken.clip, Direction())
    gap = lips.gap(motion.arkit)
    vowels = spans(spoken.phones, OPEN_VOWELS)
    opened = [gap[(motion.times >= start) & (motion.times <= end)].max() > 4.0 for start, end in vowels]
    assert np.mean(opened) > 0.75


def test_closed_means_sealed(sentence, lips):
    motion = articulation.solve(sentence.clip, Direction())
    gap = lips.gap(motion.arkit)
    sealed = [
        np.abs(gap[(motion.times > start - 0.04) & (motion.times < end + 0.04)]).min() < 0.4
        for start, end in spans(sentence.phones, BILABIAL)
    ]
    assert np.mean(sealed) > 0.8


def test_mouth_close_never_exceeds_the_jaw(spoken):
    weights = articulation.solve(spoken.clip, Direction(intensity=1.5)).arkit
    assert (weights[:, ARKIT_INDEX["mouthClose"]] <= weights[:, ARKIT_INDEX["jawOpen"]] + 1e-6).all()


def test_pieces_are_seamless(sentence, heard, monkeypatch):
    clip = heard(np.tile(sentence.clip.samples, 4))
    whole = articulation.solve(clip, Direction())
    monkeypatch.setattr(articulation, "PIECE", 5)
    pieces = articulation.solve(clip, Direction())
    assert np.abs(whole.arkit - pieces.arkit).max() < 0.03


def test_silence_is_still(heard):
    motion = articulation.solve(heard(np.zeros(48_000)), Direction())
    assert motion.frame_count == 151
    assert not motion.arkit.any()
    assert not motion.jaw_pose.any()


def test_mouth_rests_in_a_long_pause(sentence, heard, lips):
    voice = sentence.clip.samples
    clip = heard(np.concatenate([voice, np.zeros(48_000, np.float32), voice]))
    motion = articulation.solve(clip, Direction())
    start = len(voice) / 16_000
    pause = motion.arkit[(motion.times > start + 0.5) & (motion.times < start + 2.5)]
    assert lips.gap(pause).max() < 1.0
    assert np.abs(np.diff(pause, axis=0)).max() < 0.02


def hum(generator):
    """White noise: a fan, a hiss."""
    return 0.1 * generator.normal(size=64_000)


def rumble(generator):
    """Brown noise: traffic, wind."""
    noise = np.cumsum(generator.normal(size=64_000))
    return 0.1 * (noise - np.convolve(noise, np.ones(2000) / 2000, "same")) / 30


def breath(generator):
    """Soft noise that comes and goes every two seconds."""
    swell = np.clip(np.sin(2 * np.pi * 0.5 * np.arange(64_000) / 16_000), 0, 1)
    return 0.02 * swell * np.convolve(generator.normal(size=64_000), np.ones(8) / 8, "same")


def music(generator):
    """Chords with harmonics, a new one every half second."""
    time = np.arange(8_000) / 16_000
    chords = [(220, 277, 330), (247, 311, 370), (196, 247, 294), (165, 208, 247)] * 2
    notes = [
        sum(np.sin(2 * np.pi * note * harmonic * time) / harmonic for note in chord for harmonic in range(1, 6))
        for chord in chords
    ]
    return 0.03 * np.concatenate([note * np.exp(-3 * time) for note in notes])


@pytest.mark.parametrize("make", [hum, rumble, breath, music])
def test_what_is_no_voice_does_not_open_the_mouth(make, heard, lips, sentence):
    speech = np.percentile(lips.gap(articulation.solve(sentence.clip, Direction()).arkit), 95)
    motion = articulation.solve(heard(make(np.random.default_rng(0))), Direction())
    assert np.percentile(lips.gap(motion.arkit), 95) < 0.3 * speech


def test_two_runs_are_equal(sentence):
    first, second = (articulation.solve(sentence.clip, Direction()) for _ in range(2))
    np.testing.assert_array_equal(first.arkit, second.arkit)


def test_loudness_does_not_matter(sentence, heard):
    loud = articulation.solve(sentence.clip, Direction())
    soft = articulation.solve(heard(sentence.clip.samples * 0.1), Direction())
    assert np.abs(loud.arkit - soft.arkit).max() < 0.05


def test_noise_changes_little(sentence, heard, lips):
    voice = sentence.clip.samples
    noise = np.random.default_rng(1).normal(size=len(voice)) * voice.std() * 10 ** (-15 / 20)
    clean = lips.gap(articulation.solve(sentence.clip, Direction()).arkit)
    noisy = lips.gap(articulation.solve(heard(voice + noise), Direction()).arkit)
    assert np.corrcoef(clean, noisy)[0, 1] > 0.85


@pytest.mark.parametrize(
    ("region", "prefixes"),
    [("jaw", ("jaw",)), ("lips", ("mouth",)), ("brows", ("brow",)), ("cheeks", ("cheek", "nose"))],
)
def test_strengths_switch_regions_off(sentence, region, prefixes):
    columns = [ARKIT_INDEX[name] for name in ARKIT if name.startswith(prefixes) and name != "mouthClose"]
    normal = articulation.solve(sentence.clip, Direction()).arkit[:, columns]
    off = articulation.solve(sentence.clip, Direction(strengths={region: 0.0})).arkit[:, columns]
    assert normal.max() > 0
    assert not off.any()


def test_intensity_scales_the_whole_face(sentence, lips):
    openings = [
        lips.gap(articulation.solve(sentence.clip, Direction(intensity=value)).arkit).mean() for value in (0, 0.5, 1, 2)
    ]
    assert openings == sorted(openings)
    assert abs(openings[0]) < 1e-3
    assert openings[3] > 1.3 * openings[2]


def test_frames_cover_the_clip(sentence):
    motion = articulation.solve(sentence.clip, Direction())
    assert motion.rate == 50
    assert motion.times[-1] <= sentence.clip.duration < motion.times[-1] + 1 / 50


def test_one_sample_is_enough(heard):
    assert articulation.solve(heard(np.full(400, 0.1)), Direction()).frame_count == 2


def test_cancel_ends_the_work(sentence):
    def cancel(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        articulation.solve(sentence.clip, Direction(), cancel)


def test_progress_only_grows(sentence, heard, monkeypatch):
    monkeypatch.setattr(articulation, "PIECE", 1)
    told = []
    articulation.solve(sentence.clip, Direction(), lambda fraction, stage: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 3


def test_a_missing_network_is_said_in_a_sentence(tmp_path: Path):
    with pytest.raises(AnimcoreError, match=r"articulation\.onnx cannot be loaded; install Animcore again"):
        articulation.load(tmp_path / "articulation.onnx")


def test_a_broken_network_is_said_in_a_sentence(tmp_path: Path):
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(AnimcoreError, match=r"broken\.onnx cannot be loaded"):
        articulation.load(tmp_path / "broken.onnx")
