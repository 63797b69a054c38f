"""What the network heard is kept: the same voice again costs nothing and gives the same take."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from animcore.audio import recording
from animcore.core.vocabulary import CACHE_FOLDER
from animcore.direction import Direction
from animcore.solvers.speech_face import feature_cache, lip_sync


@pytest.fixture
def clip(spoken_line):
    return recording.load(spoken_line)


@pytest.fixture
def kept(monkeypatch, tmp_path):
    folder = tmp_path / "a folder that is not there yet"
    monkeypatch.setenv(CACHE_FOLDER, str(folder))
    return folder


def test_a_voice_is_heard_once_and_its_takes_stay_equal(clip, kept, monkeypatch):
    monkeypatch.delenv(CACHE_FOLDER)
    plain = lip_sync.solve(clip, Direction())
    monkeypatch.setenv(CACHE_FOLDER, str(kept))
    runs = []
    network = lip_sync.load(lip_sync.MODEL)

    class Counting:
        def run(self, *arguments):
            runs.append(arguments)
            return network.session.run(*arguments)

    monkeypatch.setattr(lip_sync, "load", lambda _: replace(network, session=Counting()))
    for _ in range(2):
        again = lip_sync.solve(clip, Direction(intensity=1.0))
        for name, values in plain.tracks().items():
            np.testing.assert_array_equal(again.tracks()[name], values)
    lip_sync.detect_phonemes(clip)
    assert len(runs) == 1
    assert len(list(kept.iterdir())) == 1


def test_another_network_or_another_sound_is_heard_anew():
    samples = np.zeros(100, np.float32)
    names = {feature_cache.key(*one) for one in (("a", samples, ["x"]), ("b", samples, ["x"]), ("a", samples, ["y"]),
                                          ("a", samples[:50], ["x"]), ("a", samples + 1e-6, ["x"]))}  # fmt: skip
    assert len(names) == 5


@pytest.mark.parametrize("contents", [b"", b"PK half a file", b"\x00" * 100])
def test_a_broken_file_counts_as_none(clip, kept, contents):
    before = lip_sync.solve(clip, Direction())
    (path,) = kept.iterdir()
    path.write_bytes(contents)
    after = lip_sync.solve(clip, Direction())
    np.testing.assert_array_equal(after.arkit, before.arkit)
    assert path.stat().st_size > 1000


def test_the_oldest_go_where_there_are_too_many(kept, monkeypatch):
    for number in range(5):
        feature_cache.write(f"{number}", [np.full(1000, number, np.float32)])
        os.utime(kept / f"{number}{feature_cache.SUFFIX}", (number, number))
    assert feature_cache.read("0") is not None  # what is used is the youngest
    monkeypatch.setattr(feature_cache, "LIMIT", 10_000)
    feature_cache.write("5", [np.zeros(500, np.float32)])
    assert [feature_cache.read(str(number)) is not None for number in range(6)] == [True, *[False] * 4, True]
    assert sum(path.stat().st_size for path in kept.iterdir()) <= 10_000


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(CACHE_FOLDER, str(tmp_path / "file"))
    feature_cache.write("a", [np.zeros(3, np.float32)])
    assert feature_cache.read("a") is None


def test_within_a_block_the_last_answers_are_in_memory_and_go_with_it(clip, monkeypatch):
    monkeypatch.delenv(CACHE_FOLDER, raising=False)
    runs = []
    network = lip_sync.load(lip_sync.MODEL)

    class Counting:
        def run(self, *arguments):
            runs.append(arguments)
            return network.session.run(*arguments)

    monkeypatch.setattr(lip_sync, "load", lambda _: replace(network, session=Counting()))
    with feature_cache.in_memory():
        heard = lip_sync.detect_phonemes(clip)
        answers = lip_sync.answers(clip)
        with feature_cache.in_memory():  # one within another knows what the outer one does
            lip_sync.solve(clip, Direction())
    assert len(runs) == 1
    np.testing.assert_array_equal(answers.phonemes, heard.probabilities)
    lip_sync.answers(clip)
    assert len(runs) == 2


def test_memory_holds_two_answers_alone():
    with feature_cache.in_memory():
        for number in range(3):
            feature_cache.write(f"{number}", [np.full(3, number, np.float32)])
        assert [feature_cache.read(f"{number}") is not None for number in range(3)] == [False, True, True]
