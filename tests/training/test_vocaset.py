"""VOCASET as it is downloaded: one array of all frames, and pickles of Python 2 that say whose they are."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="training needs the extra train")

from animcore.cli import main  # noqa: E402 (torch first)
from animcore.errors import InputError  # noqa: E402
from animcore.training.faces import dataset  # noqa: E402
from animcore.training.faces.dataset import FaceTarget  # noqa: E402

torch.set_num_threads(1)

RATE, VERTICES = 22_000, 5
PEOPLE = ("FaceTalk_1_TA", "FaceTalk_12_TA")
FILES = ("data_verts.npy", "raw_audio_fixed.pkl", "subj_seq_to_idx.pkl", "templates.pkl")


def content(kind: type = np.int16) -> dict[str, object]:
    """Two people, two sentences each of 2 and 3 s; the rows of all of them are mixed."""
    random = np.random.default_rng(0)
    templates = {who: random.normal(size=(VERTICES, 3)) * 0.1 for who in PEOPLE}
    frames, rows, voices = [], {}, {}
    for who in PEOPLE:
        rows[who], voices[who] = {}, {}
        for number, seconds in enumerate((2, 3)):
            name, count = f"sentence0{number + 1}", 60 * seconds
            moved = templates[who] + 0.01 * np.sin(6 * np.arange(count) / 60 + number)[:, None, None]
            rows[who][name] = {frame: len(frames) + frame for frame in range(count)}
            frames += list(moved)
            sound = np.sin(2 * np.pi * 440 * np.arange(seconds * RATE) / RATE) * 0.25
            sound = sound if kind is np.float64 else (sound * 32767).astype(kind)
            voices[who][name] = {"audio": sound, "sample_rate": RATE}
    order = random.permutation(len(frames))
    places = np.argsort(order)
    for sentences in rows.values():
        for name, own in sentences.items():
            backwards = sorted(own.items(), reverse=True)  # the order of such a dictionary says nothing
            sentences[name] = {frame: int(places[row]) for frame, row in backwards}
    return {"frames": np.asarray(frames, np.float32)[order], "rows": rows, "voices": voices, "templates": templates}


def write(folder: Path, made: dict[str, object]) -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / FILES[0], made["frames"])
    for name, part in zip(FILES[1:], ("voices", "rows", "templates"), strict=True):
        (folder / name).write_bytes(pickle.dumps(made[part], protocol=2))
    return folder


@pytest.mark.parametrize("kind", [np.int16, np.float64])
def test_vocaset_is_read_as_it_is_downloaded(tmp_path, kind):
    data = dataset.load([write(tmp_path / "voca", content(kind))], tmp_path / "cache", FaceTarget(fps=30))
    assert not data.notes
    assert data.speakers == tuple(sorted(PEOPLE))
    assert [clip.name for clip in data.clips] == sorted(f"{who}_sentence0{n}" for who in PEOPLE for n in (1, 2))
    clip = next(clip for clip in data.clips if clip.name == "FaceTalk_1_TA_sentence02")
    assert data.speakers[clip.speaker] == "FaceTalk_1_TA"
    assert clip.frames == pytest.approx(np.tile(0.01 * np.sin(6 * np.arange(90) / 30 + 1)[:, None], 15), abs=1e-6)
    assert isinstance(clip.frames, np.memmap)
    assert len(clip.samples) == 48_000
    heard = np.abs(np.fft.rfft(clip.samples * np.hanning(48_000)))
    assert np.argmax(heard) == 440 * 3
    assert np.abs(clip.samples[4000:-4000]).max() == pytest.approx(0.25, abs=0.01)


def test_vocaset_is_learned_on_the_command_line(tmp_path, capsys):
    (tmp_path / "tiny.toml").write_text("hidden = 8\nlayers = 1\nwindow = 30\nstride = 30\nbatch = 4\nepochs = 1\n")
    folder = write(tmp_path / "voca", content())
    options = ["--config", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "run"), "--threads", "1"]
    assert main.main(["train", "faceformer", "--data", str(folder), *options]) == 0
    assert "4 clip(s), 0.2 minutes, speakers: FaceTalk_12_TA, FaceTalk_1_TA" in capsys.readouterr().out
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def change(part: str, *way: object, to: object = None):
    """Set a value deep in what is written; None takes it out."""

    def spoil(made: dict[str, object]) -> None:
        place = made[part]
        for step in way[:-1]:
            place = place[step]
        if to is None:
            del place[way[-1]]
        else:
            place[way[-1]] = to

    return spoil


WHO, SENTENCE = "FaceTalk_1_TA", "sentence01"
BAD_CLIPS = {
    "no voice": (change("voices", WHO, SENTENCE), "raw_audio_fixed.pkl has no voice of FaceTalk_1_TA_sentence01"),
    "nobody's voice": (change("voices", WHO), "raw_audio_fixed.pkl has no voice of FaceTalk_1_TA_sentence01"),
    "broken voice": (change("voices", WHO, SENTENCE, "audio", to=np.full(99, np.nan)), "holds no audio for"),
    "another length": (change("voices", WHO, SENTENCE, "audio", to=np.ones(9 * RATE)), "not of the same clip"),
    "no face at rest": (change("templates", WHO), "is of a person whose face at rest is not in templates.pkl"),
    "another mesh": (change("templates", WHO, to=np.zeros((4, 3))), "face at rest of FaceTalk_1_TA_sentence01 has 4"),
    "no such row": (change("rows", WHO, SENTENCE, 3, to=10**6), "names rows for FaceTalk_1_TA_sentence01 that"),
    "no rows": (change("rows", WHO, SENTENCE, to={}), "names rows for FaceTalk_1_TA_sentence01 that"),
}


@pytest.mark.parametrize("name", BAD_CLIPS)
def test_a_bad_sentence_of_vocaset_is_left_out_and_told(tmp_path, name):
    spoil, words = BAD_CLIPS[name]
    made = content()
    spoil(made)
    data = dataset.load([write(tmp_path / "voca", made)], tmp_path / "cache", FaceTarget(fps=30))
    assert "FaceTalk_1_TA_sentence01" not in [clip.name for clip in data.clips]
    assert any(words in note for note in data.notes), data.notes
    assert len(data.clips) >= 2


def test_frames_that_are_no_numbers_are_told(tmp_path):
    made = content()
    made["frames"][made["rows"][WHO][SENTENCE][7]] = np.nan
    data = dataset.load([write(tmp_path / "voca", made)], tmp_path / "cache", FaceTarget(fps=30))
    assert data.notes == ("left out: FaceTalk_1_TA_sentence01 holds values that are not numbers (NaN or infinite).",)


def test_half_a_download_is_a_clear_sentence(tmp_path):
    folder = write(tmp_path / "voca", content())
    (folder / "raw_audio_fixed.pkl").unlink()
    with pytest.raises(InputError, match=r"no raw_audio_fixed.pkl in .*VOCASET's training data have them: unzip all"):
        dataset.load([folder], tmp_path / "cache", FaceTarget())
    write(folder, content())
    os.truncate(folder / "data_verts.npy", 5000)
    with pytest.raises(InputError, match=r"The first was left out: data_verts.npy or subj_seq_to_idx.pkl is cut off"):
        dataset.load([folder], tmp_path / "cache", FaceTarget())


class Malicious:
    def __reduce__(self):
        return os.mkdir, (os.environ["MALICIOUS"],)


@pytest.mark.parametrize("name", FILES[1:])
def test_pickles_of_vocaset_never_run_code(tmp_path, monkeypatch, name):
    monkeypatch.setenv("MALICIOUS", str(tmp_path / "made"))
    folder = write(tmp_path / "voca", content())
    (folder / name).write_bytes(pickle.dumps({WHO: {SENTENCE: Malicious()}}))
    with pytest.raises(InputError, match=r"asks for posix.mkdir, which no model file needs; it was not opened"):
        dataset.load([folder], tmp_path / "cache", FaceTarget())
    assert not (tmp_path / "made").exists()
