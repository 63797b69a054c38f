"""Two hours of voice stay under 1 GB: no step holds a second copy of what is long, and the whole is measured."""

from __future__ import annotations

import resource
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.direction import Direction
from animcore.motion import Motion
from animcore.pipelines import generate_files
from animcore.solvers import perform
from animcore.speech import pitch

LINE = Path(__file__).resolve().parents[1] / "assets" / "voices" / "line.flac"
HOURS = 2
LIMIT = 1e9  # bytes


@contextmanager
def memory() -> Iterator[list[int]]:
    """The most bytes that were held at once within, beyond those held before."""
    found = [0]
    tracemalloc.start()
    try:
        yield found
        found[0] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def performed(frames: int) -> Motion:
    """A face and a body of so many frames, with the tracks of a performance."""
    dice = np.random.default_rng(0)
    weights = dice.random((frames, 68), np.float32)
    return Motion(
        Fraction(30),
        arkit=weights[:, :52].copy(),
        tongue=weights[:, 52:].copy(),
        head_pose=np.zeros((frames, 3), np.float32),
        eye_pose=np.zeros((frames, 2, 3), np.float32),
        body_pose=dice.normal(0, 0.05, (frames, 55, 3)).astype(np.float32),
        translation=np.zeros((frames, 3), np.float32),
    )


def test_resampling_takes_what_it_returns():
    motion = performed(18_000)
    with memory() as held:
        other = motion.resampled(Fraction(24))
    assert held[0] < 1.8 * sum(values.nbytes for values in other.tracks().values())


@pytest.mark.parametrize(("name", "most"), [("livelink", 1000), ("csv", 1000), ("npz", 2000)])
def test_files_are_written_read_back_and_compared_in_pieces(tmp_path, name, most):
    """A frame of a performance is 1,000 bytes; two hours of frames of so many more stay below the promise."""
    script = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from animcore.files import FORMATS; from animcore.files.export_and_verify import export\n"
        "from test_long_takes import performed\n"
        "form, most = FORMATS[sys.argv[2]], []\n"
        "for frames in (1_000, 5_000, 13_000):\n"
        "    motion = performed(frames); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    export(motion, Path(sys.argv[3]) / f'a{form.suffix}', form)\n"
        "    most.append(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "print((most[2] - most[1]) / 8_000)"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent), name, str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(answer.stdout) < 1000 + most  # the motion itself, and what writing and reading it back takes


def test_samples_go_once_they_were_heard(monkeypatch):
    kept: list[weakref.ref] = []
    load, act = recording.load, perform.animate

    def loaded(*arguments):
        clip = load(*arguments)
        kept.append(weakref.ref(clip))
        return clip

    def acted(*arguments):
        assert kept[0]() is None  # nobody holds them while the body is made
        return act(*arguments)

    monkeypatch.setattr(recording, "load", loaded)
    monkeypatch.setattr(generate_files, "animate", acted)
    assert generate_files.generate(LINE, Fraction(30), Direction())[0].frame_count


def test_the_pitch_of_a_long_voice_needs_no_copy_of_it():
    samples = np.zeros(16_000 * 1200, np.float32)
    samples[:16_000] = np.sin(np.arange(16_000) * 2 * np.pi * 140 / 16_000)
    with memory() as held:
        pitch.track(samples, 16_000, 320, 50)
    assert held[0] < 0.2 * samples.nbytes


@pytest.mark.long
def test_two_hours_of_voice_stay_under_a_gigabyte(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(LINE, dtype="float32")
    with soundfile.SoundFile(tmp_path / "talk.flac", "w", rate, 1) as talk:
        for _ in range(int(HOURS * 3600 * rate / len(samples))):
            talk.write(samples)
    script = (
        "import resource, sys; from pathlib import Path; from animcore.pipelines import generate_files as made\n"
        "take, = made.run([Path(sys.argv[1])], made.BatchRequest(Path(sys.argv[2]), formats=('livelink', 'npz')))\n"
        "assert take.error is None and all(one.error is None for one in take.reports), take\n"
        "print(take.frames, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "talk.flac"), str(tmp_path / "out")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    frames, most = (int(word) for word in answer.stdout.split())
    assert frames > 0.99 * HOURS * 3600 * 30
    assert most < LIMIT, f"{most / 1e9:.2f} GB"


def test_the_measure_of_memory_is_that_of_this_system():
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 10_000  # in kilobytes, as on Linux
