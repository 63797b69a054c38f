"""The engine as its parents see it: a process that answers lines, cancels, fails in sentences and dies with them."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import containers
import numpy as np
import pytest

from animcore.audio import recording
from animcore.files.video import face_landmarks, writer
from animcore.motion import Motion


class Engine:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "animcore.service"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        assert self.read()["event"] == "ready"

    def say(self, **message) -> None:
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def read(self) -> dict:
        return json.loads(self.process.stdout.readline())

    def end_of(self, number: str) -> dict:
        """The answer that ends a job; progress before it must rise."""
        last = 0.0
        while True:
            answer = self.read()
            if answer["id"] != number:
                continue
            if answer["event"] != "progress":
                return answer
            assert answer["fraction"] >= last
            last = answer["fraction"]


@pytest.fixture
def engine():
    engine = Engine()
    yield engine
    engine.process.kill()
    engine.process.wait()
    for pipe in (engine.process.stdin, engine.process.stdout, engine.process.stderr):
        pipe.close()


def wish(audio: Path, out: Path, number: str = "1", **changes) -> dict:
    return {"id": number, "do": "generate", "audio": str(audio), "fps": [24000, 1001], "out": str(out), **changes}


def test_a_line_becomes_a_motion_at_the_rate_that_was_asked(engine, spoken_line, tmp_path):
    engine.say(**wish(spoken_line, tmp_path / "take.npz", direction={"seed": 3}))
    answer = engine.end_of("1")
    assert answer["event"] == "done", answer
    motion = Motion.load(Path(answer["motion"]))
    assert (motion.rate.numerator, motion.rate.denominator) == (24000, 1001)
    assert motion.frame_count == answer["frames"] == int(answer["duration"] * motion.rate) + 1
    assert motion.arkit[:, 17].max() > 0.1
    assert {"duration", "sample_rate", "loudness", "silences"} <= answer["facts"].keys()
    assert [path.name for path in tmp_path.iterdir()] == ["take.npz"]


def test_the_sound_that_was_heard_comes_with_a_file_that_others_play_at_another_time(engine, spoken_line, tmp_path):
    film, copy = containers.write(tmp_path, "mp4_late"), tmp_path / "copy.wav"
    engine.say(**wish(film, tmp_path / "take.npz", sound=str(copy)))
    answer = engine.end_of("1")
    assert answer["sound"] == str(copy)
    assert recording.load(copy).duration == pytest.approx(recording.load(film).duration, abs=1e-3)
    assert not answer["facts"]["plays_alike"]
    copy.unlink()
    engine.say(**wish(spoken_line, tmp_path / "take.npz", "2", sound=str(copy)))
    assert "sound" not in engine.end_of("2")
    assert not copy.exists()


@pytest.mark.parametrize("choice", [{"track": 2}, {"channel": 3}, {"track": "one"}, {"channel": -1}])
def test_a_track_or_channel_that_is_not_there_gets_a_sentence(engine, spoken_line, choice):
    engine.say(id="1", do="inspect", audio=str(spoken_line), **choice)
    answer = engine.end_of("1")
    assert answer["event"] == "error"
    assert answer["report"] == ""
    engine.say(id="2", do="inspect", audio=str(spoken_line), track=1, channel=1)
    assert engine.end_of("2")["facts"]["channel"] == 1


def test_inspect_tells_the_facts(engine, spoken_line):
    engine.say(id="1", do="inspect", audio=str(spoken_line))
    answer = engine.end_of("1")
    assert answer["event"] == "done"
    assert answer["facts"]["channels"] == 1
    assert answer["facts"]["music"] == answer["facts"]["speakers"] == []


def test_a_dialogue_is_performed_for_everybody(engine, tmp_path):
    voices = Path(__file__).parent / "golden" / "voices"
    one, two = ([{"audio": str(voices / f"{name}.flac"), "at": at}] for name, at in (("kal", 0), ("rms", [9, 2])))
    cast = [{"parts": own, "listening_to": other, "fps": [24, 1], "out": str(tmp_path / f"{number}.npz")}
            for number, (own, other) in enumerate(((one, two), (two, one), ([], one)))]  # fmt: skip
    engine.say(id="1", do="dialogue", cast=cast)
    answer = engine.end_of("1")
    assert answer["event"] == "done"
    motions = [Motion.load(Path(part["motion"])) for part in answer["cast"]]
    assert motions[0].frame_count == motions[1].frame_count > motions[2].frame_count
    assert any(event.label == "nod" for motion in motions for event in motion.events)
    engine.say(id="2", do="dialogue", cast=[{"parts": [], "fps": [24, 1], "out": str(tmp_path / "none.npz")}])
    assert "no recording" in engine.end_of("2")["message"]


def test_a_cancelled_job_leaves_nothing_and_the_engine_lives(engine, sound, noise, spoken_line, tmp_path):
    long = sound("long.wav", np.tile(noise, 300))
    (tmp_path / "out").mkdir()
    engine.say(**wish(long, tmp_path / "out" / "take.npz"))
    engine.read()
    engine.say(id="1", do="cancel")
    assert engine.end_of("1")["event"] == "cancelled"
    assert not list((tmp_path / "out").iterdir())
    engine.say(**wish(spoken_line, tmp_path / "out" / "take.npz", "2"))
    assert engine.end_of("2")["event"] == "done"


def test_a_second_job_is_refused_while_one_runs(engine, sound, noise, tmp_path):
    engine.say(**wish(sound("long.wav", np.tile(noise, 300)), tmp_path / "a.npz"))
    engine.say(**wish(sound("short.wav", noise), tmp_path / "b.npz", "2"))
    answer = engine.end_of("2")
    assert answer["event"] == "error"
    assert "already being generated" in answer["message"]
    engine.say(id="1", do="cancel")
    assert engine.end_of("1")["event"] == "cancelled"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("this is not a JSON", "cannot read"),
        ("[]", "cannot read"),
        ('{"id": "1"}', "cannot read"),
        ('{"id": "1", "do": "dance"}', "has no request 'dance'"),
        ('{"id": "1", "do": "generate"}', "without 'fps'"),
        ('{"id": "1", "do": "generate", "fps": [24, 0], "out": "x", "audio": "y"}', "not a frame rate"),
        ('{"id": "1", "do": "inspect", "audio": "/nowhere.wav"}', "There is no file"),
        ('{"id": "1", "do": "generate", "fps": [24, 1], "out": "/x/y", "audio": "z", "direction": {"a": 1}}', "'a'"),
    ],
)
def test_a_wrong_message_is_answered_with_one_sentence(engine, message, words):
    engine.process.stdin.write(message + "\n")
    engine.process.stdin.flush()
    answer = engine.read()
    assert answer["event"] == "error"
    assert words in answer["message"]
    assert answer["report"] == ""


def test_a_field_of_a_wrong_kind_is_one_sentence(engine):
    engine.say(id="1", do="inspect", audio=[1])
    answer = engine.end_of("1")
    assert answer["event"] == "error"
    assert "'audio' of a request must be a text, not [1]" in answer["message"]
    assert answer["report"] == ""


def test_it_dies_with_its_parent_and_leaves_no_half_file(engine, sound, noise, tmp_path):
    engine.say(**wish(sound("long.wav", np.tile(noise, 300)), tmp_path / "take.npz"))
    engine.read()
    engine.process.stdin.close()
    started = time.monotonic()
    assert engine.process.wait(10) == 0
    assert time.monotonic() - started < 5
    assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]


def test_a_motion_becomes_files_and_one_that_cannot_be_does_not_stop_the_others(engine, tmp_path):
    poses = np.full((50, 3), 0.1, np.float32)
    Motion(Fraction(25), head_pose=poses).save(tmp_path / "take.npz")
    engine.say(
        id="1", do="export", motion=str(tmp_path / "take.npz"), formats=["livelink", "npz"], folder=str(tmp_path / "o")
    )
    answer = engine.end_of("1")
    assert answer["event"] == "done"
    table, motion = answer["files"]
    assert "no ARKit weights" in table["error"]
    assert motion["error"] is None
    assert motion["frames"] == 50
    assert motion["tracks"] == {"head_pose": 0.0}
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["take.npz"]


def test_an_unknown_format_is_an_error(engine, tmp_path):
    engine.say(id="1", do="export", motion=str(tmp_path / "take.npz"), formats=["gif"], folder=str(tmp_path))
    assert "no format 'gif'" in engine.end_of("1")["message"]


def test_words_that_are_typed_travel_with_the_motion(engine, spoken_line, tmp_path):
    text = "Hello! [warm] I'm made of nothing but a voice, rhinoceros."
    engine.say(**wish(spoken_line, tmp_path / "a.npz", transcript=text))
    done = engine.end_of("1")
    assert done["event"] == "done"
    assert any("rhinoceros" in warning for warning in done["warnings"])
    labels = [one.label for one in Motion.load(tmp_path / "a.npz").events if one.kind == "word"]
    assert labels == ["Hello!", "I'm", "made", "of", "nothing", "but", "a", "voice,"]
    engine.say(**wish(spoken_line, tmp_path / "b.npz", number="2", transcript="[gloomyish] Hello"))
    assert "names no emotion" in engine.end_of("2")["message"]


def test_parts_an_offset_and_a_span_are_asked_for(engine, spoken_line, tmp_path):
    out = tmp_path / "take.npz"
    parts = [
        {"audio": str(spoken_line), "skip": [1, 2], "length": [1, 1]},
        {"audio": str(spoken_line), "at": [5, 4], "length": 1, "gain": 0.8},
    ]
    engine.say(id="1", do="generate", parts=parts, fps=[25, 1], out=str(out), offset=[-100, 1000], span=[0.4, 1.6])
    answer = engine.end_of("1")
    assert answer["event"] == "done", answer
    assert answer["duration"] == 2.25
    motion = Motion.load(out)
    assert motion.start == pytest.approx(0.4)
    assert motion.frame_count == 31
    engine.say(id="2", do="generate", parts=[{"audio": str(spoken_line), "at": "soon"}], fps=[25, 1], out=str(out))
    assert "neither" in engine.end_of("2")["message"]


def test_how_loud_a_voice_is_can_be_drawn(engine, spoken_line, tmp_path):
    out = tmp_path / "envelope.npz"
    engine.say(id="1", do="inspect", audio=str(spoken_line), envelope=str(out))
    answer = engine.end_of("1")
    with np.load(out) as data:
        assert len(data["peaks"]) == pytest.approx(100 * answer["duration"], abs=1)
        assert data["peaks"].max() == pytest.approx(answer["facts"]["peak"], abs=0.1)


def test_what_this_python_has_is_told(engine):
    engine.say(id="1", do="about")
    answer = engine.end_of("1")
    assert answer["python"] == platform.python_version()
    assert "articulation" in answer["models"]
    assert {"torch", "gpu"} <= answer.keys()


def test_a_film_gives_the_performance_in_the_place_of_a_solver(engine, tmp_path):
    film = Path(__file__).parent / "golden" / "films" / "talking_head.mp4"
    images = (image for _, image, _ in face_landmarks.frames(film, 0.0, 0.7))
    short = tmp_path / "short.mp4"
    writer.write(images, Fraction(24), short)
    engine.say(**wish(short, tmp_path / "take.npz", film="face"))
    answer = engine.end_of("1")
    assert answer["event"] == "done", answer
    motion = Motion.load(tmp_path / "take.npz")
    assert motion.frame_count == answer["frames"]
    assert answer["duration"] == pytest.approx(0.7, abs=0.1)
    assert motion.rate == Fraction(24000, 1001)
    assert motion.arkit.max() > 0.1
    assert motion.origin.consent["status"] == "not stated"
    engine.say(**wish(short, tmp_path / "take.npz", "2", film="feet"))
    assert "no part 'feet' of a person to track; the parts are face, body, both" in engine.end_of("2")["message"]
    engine.say(**wish(tmp_path / "gone.mp4", tmp_path / "take.npz", "3", film="body"))
    assert "There is no file" in engine.end_of("3")["message"]
