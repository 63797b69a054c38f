"""The live solver's ear hears step by step what it hears at once, no further than promised; music is music."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("onnx", reason="training needs the extra train")

from animcore.training import cpu_optimizer  # noqa: E402 (torch first)
from animcore.training.lip_sync import conformer, synthetic_music  # noqa: E402 (torch first)
from animcore.training.lip_sync.conformer import HOP, WIDTH  # noqa: E402
from animcore.training.streaming import causal_conformer, distillation, train  # noqa: E402 (torch first)
from animcore.training.streaming.causal_conformer import AHEAD, STEP  # noqa: E402


@pytest.fixture(scope="module")
def whole_ear() -> conformer.ConformerEncoder:
    torch.manual_seed(0)
    ear = conformer.ConformerEncoder().eval()
    ear.mel.uniform_(0, 0.01)
    ear.real.normal_()
    ear.imaginary.normal_()
    return ear


@pytest.fixture(scope="module")
def ear(whole_ear) -> causal_conformer.StreamingEncoder:
    return causal_conformer.StreamingEncoder(whole_ear).eval()


@pytest.fixture(scope="module")
def sound() -> torch.Tensor:
    return torch.randn(1, 3 * 16_000 + 77, generator=torch.Generator().manual_seed(1)) * 0.1


@torch.no_grad()
def test_step_by_step_is_the_same_as_at_once(ear, sound):
    heard = causal_conformer.steps(sound)
    whole, last = ear(heard, ear.past(1))
    past, parts = ear.past(1), []
    for step in range(heard.shape[1]):
        states, past = ear(heard[:, step : step + 1], past)
        parts.append(states)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=2e-4, rtol=1e-4)
    for ours, theirs in zip(past, last, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-4)


@torch.no_grad()
def test_a_step_hears_80_ms_ahead_and_nothing_further(ear, sound):
    step = 40
    end = (STEP * step + AHEAD) * HOP
    before = ear(causal_conformer.steps(sound), ear.past(1))[0]
    for first, heard in ((end, False), (end - HOP // 2, True)):
        changed = sound.clone()
        changed[:, first:] = 0
        after = ear(causal_conformer.steps(changed), ear.past(1))[0]
        assert torch.equal(after[:, : step + 1], before[:, : step + 1]) != heard
        assert not torch.equal(after[:, : step + 2], before[:, : step + 2])


@torch.no_grad()
def test_the_spectrum_is_the_one_that_the_whole_ear_sees(ear, whole_ear, sound):
    """Of the last frame of a step the last 2.5 ms are not there yet."""
    ours = ear(causal_conformer.steps(sound), ear.past(1))[0][0, 1:-4, : AHEAD - 1, :WIDTH]
    theirs = whole_ear(sound)[0, :, :WIDTH]
    for place in range(AHEAD - 1):
        wanted = theirs[STEP + place :: STEP][: len(ours)]
        torch.testing.assert_close(ours[:, place], wanted, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_past_is_gone_when_it_is_said_to_be(ear, sound):
    quiet = torch.zeros(1, causal_conformer.SETTLES, causal_conformer.WINDOW * HOP)
    _, after_nothing = ear(quiet, ear.past(1))
    _, past = ear(causal_conformer.steps(sound), ear.past(1))
    _, after_sound = ear(quiet, past)
    for ours, theirs in zip(after_nothing, after_sound, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_steps_cover_every_frame():
    for count in (1, 319, 320, 700, 1600):
        assert causal_conformer.steps(torch.zeros(1, count)).shape[1] == -(-(count // HOP + 1) // STEP)


def test_the_teacher_hears_silence_where_no_voice_is():
    """A voice begins and ends within the example: outside the target is silence, at its edges nothing counts."""
    beside = distillation.BackgroundSounds(
        [np.random.default_rng(0).normal(size=16_000).astype(np.float32)], torch.zeros(576)
    )
    voice = distillation.CleanVoice(np.full(2 * 16_000, 0.1, np.float32), torch.ones(101, 576))
    kinds = set()
    for seed in range(30):
        sound, states, counts = distillation.example([voice], beside, np.ones(1), np.random.default_rng(seed))
        spoken = states[:, 0] > 0
        kinds.add((bool(spoken.any()), bool(counts.all())))
        assert len(sound) == len(states) * HOP - 1 == len(counts) * HOP - 1
        for edge in np.flatnonzero(np.diff(spoken.numpy())):
            assert not counts[edge : edge + 2].any()
    assert (False, True) in kinds
    assert (True, False) in kinds


def test_pieces_are_midi_files_without_voices_and_differ():
    made = [synthetic_music.composed(np.random.default_rng([3, index])) for index in range(20)]
    assert made[0] == synthetic_music.composed(np.random.default_rng([3, 0]))
    assert len(set(made)) == 20
    for piece in made:
        programs, notes, end = _read(piece)
        assert notes
        assert not programs & {52, 53, 54, 85, 91}
        assert end > 10 * 96


def _read(piece: bytes) -> tuple[set[int], int, int]:
    """Programs, number of notes and length in ticks of a MIDI file of one track, read by the standard."""
    assert piece[:4] == b"MThd"
    assert piece[14:18] == b"MTrk"
    assert int.from_bytes(piece[18:22], "big") == len(piece) - 22
    place, programs, notes, now, sounding = 22, set(), 0, 0, set()
    while place < len(piece):
        delay = 0
        while piece[place] & 0x80:
            delay, place = delay << 7 | piece[place] & 0x7F, place + 1
        now, place = now + (delay << 7 | piece[place]), place + 1
        kind = piece[place] & 0xF0
        if piece[place] == 0xFF:
            place += 3 + piece[place + 2]
        elif kind == 0xC0:
            programs.add(piece[place + 1])
            place += 2
        else:
            assert kind in (0x80, 0x90)
            key = (piece[place] & 0x0F, piece[place + 1])
            notes += kind == 0x90
            (sounding.add if kind == 0x90 else sounding.discard)(key)
            place += 3
    assert place == len(piece)
    assert not sounding
    return programs, notes, now


def lessons(count: int) -> list[train.StreamingExample]:
    chance = torch.Generator().manual_seed(count)
    return [
        train.StreamingExample(
            torch.randn(200, AHEAD * conformer.FEATURES, generator=chance).half(),
            torch.rand(400, train.OUTPUTS, generator=chance).half(),
            torch.rand(400, 2, generator=chance),
            0.8,
        )
        for _ in range(count)
    ]


def test_a_head_is_the_same_on_several_threads_and_when_it_was_killed(tmp_path, monkeypatch):
    """By chance numbers are dropped while it learns; when a thread comes to its part must not matter."""
    book, quiet = lessons(3), lessons(1)
    course = train.OptimizerSettings
    monkeypatch.setattr(train, "OptimizerSettings", lambda *values, **names: course(*values, **names | {"every": 1}))
    straight = train.train(book, quiet, 3, 0, tmp_path / "one.pt").state_dict()
    whole_file = cpu_optimizer.whole_file

    def killed(path):
        if path.exists() and torch.load(path, weights_only=True)["step"] == 2:
            raise KeyboardInterrupt
        return whole_file(path)

    with monkeypatch.context() as patch:
        patch.setattr(cpu_optimizer, "whole_file", killed)
        with pytest.raises(KeyboardInterrupt):
            train.train(book, quiet, 3, 0, tmp_path / "three.pt", threads=3)
    again = train.train(book, quiet, 3, 0, tmp_path / "three.pt", threads=3).state_dict()
    for name, values in straight.items():
        torch.testing.assert_close(again[name], values, atol=0, rtol=0)
