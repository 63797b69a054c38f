"""`animcore train`: data of both layouts, good and bad, runs that are killed and go on, and what comes out."""

from __future__ import annotations

import builtins
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="training needs the extra train")

from animcore.audio import recording  # noqa: E402 (torch first)
from animcore.cli import main  # noqa: E402 (torch first)
from animcore.cli.train import run_facts  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.errors import Cancelled, InputError  # noqa: E402
from animcore.evaluation.body import frechet_distance  # noqa: E402
from animcore.files import npz_arrays  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.solvers import checkpoints  # noqa: E402
from animcore.solvers.gesture_networks import gesture_solver, motion_features, vq_vae  # noqa: E402
from animcore.speech import prosody  # noqa: E402
from animcore.training import trainer  # noqa: E402
from animcore.training.gestures import dataset, stages  # noqa: E402
from animcore.training.gestures.fgd_encoder import FgdConfig, job  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "talkshow": "hidden = 8\ncodes = 8\nlength = 8\nlayers = 1\nwindow = 32\nepochs_codes = 1\nepochs = 1\n",
    "emage": "hidden_size = 8\naudio_f = 8\nmotion_f = 8\ncodes = 8\nlength = 8\nlayers = 1\nwindow = 16\n"
    "stride = 30\nbatch = 4\nepochs_codes = 1\nepochs = 1\nlearning_rate = 0.001\n",
    "fgd": "hidden = 8\nlength = 4\nwindow = 32\nepochs = 4\n",
}


def waving(seconds: float, rate: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    times = np.arange(int(seconds * rate)) / rate
    speed, phase = random.uniform(0.3, 2, (2, 55, 3))
    pose = 0.3 * np.sin(2 * np.pi * speed * times[:, None, None] + phase)
    return pose.astype(np.float32), np.zeros((len(times), 3), np.float32)


def speak(path: Path, seconds: float, seed: int = 0) -> None:
    samples = np.random.default_rng(seed).normal(size=int(seconds * 16_000)) * 0.1
    soundfile.write(path, samples, 16_000)


def ours(folder: Path, name: str, seconds: float = 4.0, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pose, way = waving(seconds, 50, seed)
    Motion(Fraction(50), body_pose=pose, translation=way).save(folder / f"{name}.npz")
    speak(folder / f"{name}.wav", seconds, seed)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two clips in our own layout."""
    ours(tmp_path / "calm", "a", 4.0, 1)
    ours(tmp_path / "calm", "b", 3.0, 2)
    return tmp_path / "calm"


@pytest.fixture
def beat2(tmp_path) -> Path:
    """Two clips as BEAT2 has them."""
    root = tmp_path / "beat_english_v2.0.0"
    for part in ("wave16k", "smplxflame_30", "textgrid"):
        (root / part).mkdir(parents=True)
    for index, name in enumerate(("2_scott_0_1_1", "4_lawrence_0_2_2")):
        pose, way = waving(4.0, 30, index)
        contents = {
            "poses": pose.reshape(len(pose), 165),
            "expressions": np.zeros((len(pose), 100)),
            "trans": way + np.array([0, 1.3, 0]),
            "betas": np.zeros(300),
            "model": "smplx2020",
            "gender": "neutral",
            "mocap_frame_rate": 30,
        }
        npz_arrays.save(contents, root / "smplxflame_30" / f"{name}.npz")
        speak(root / "wave16k" / f"{name}.wav", 4.0, index)
    return root


def train(solver: str, tmp_path: Path, *data: Path, config: str = "") -> int:
    (tmp_path / "config.toml").write_text(config or TINY[solver])
    options = ["--config", str(tmp_path / "config.toml"), "--out", str(tmp_path / "run"), "--threads", "1"]
    return main.main(["train", solver, "--data", *map(str, data), *options])


def test_both_layouts_are_read(folder, beat2, tmp_path):
    data = dataset.load([folder, beat2], tmp_path / "cache", 30)
    assert data.speakers == ("2_scott", "4_lawrence", "calm")
    assert sorted(clip.name for clip in data.clips) == ["2_scott_0_1_1", "4_lawrence_0_2_2", "a", "b"]
    assert not data.notes
    assert data.seconds == pytest.approx(15, abs=0.2)
    pose, _ = waving(4.0, 30, 0)
    scott = next(clip for clip in data.clips if clip.name.startswith("2_scott"))
    found, _ = motion_features.decode(scott.frames)
    face = [22, 23, 24]
    kept = [joint for joint in range(55) if joint not in face]
    assert found[:, kept] == pytest.approx(pose[: len(found), kept], abs=1e-3)
    samples = recording.load(beat2 / "wave16k" / "2_scott_0_1_1.wav").samples
    assert np.array_equal(scott.samples, samples[: len(scott.samples)])
    assert len(scott.samples) == round(len(scott.frames) / 30 * 16_000)


def spoil_nan(folder: Path) -> None:
    contents = {"poses": np.full((90, 165), np.nan), "expressions": np.zeros((90, 100)), "trans": np.zeros((90, 3))}
    npz_arrays.save({**contents, "mocap_frame_rate": 30}, folder / "a.npz")


def spoil_nan_in_ours(folder: Path) -> None:
    with np.load(folder / "a.npz") as data:
        contents = dict(data)
    contents["body_pose"][7] = np.nan
    npz_arrays.save(contents, folder / "a.npz")


SPOILT = {
    "no audio": (lambda folder: (folder / "a.wav").unlink(), "left out: a.npz has no audio"),
    "NaN curves": (spoil_nan, "left out: a.npz: poses holds values that are not numbers"),
    "NaN in ours": (spoil_nan_in_ours, "left out: a.npz: The track body_pose holds values that are not numbers"),
    "another clip's audio": (lambda folder: speak(folder / "a.wav", 9.0), "not of the same clip"),
    "a longer audio": (lambda folder: speak(folder / "a.wav", 5.0), "cut to the shorter"),
    "an empty audio": (lambda folder: (folder / "a.wav").write_bytes(b""), "left out: a.wav"),
    "no archive": (lambda folder: (folder / "a.npz").write_bytes(b"x" * 99), "left out: a.npz is not a readable"),
    "a cut archive": (lambda folder: os.truncate(folder / "a.npz", 900), "left out: a.npz is not a readable"),
    "too short": (lambda folder: ours(folder, "a", 0.5), "left out: a.npz is shorter than"),
    "no body": (
        lambda folder: Motion(Fraction(50), jaw_pose=np.zeros((200, 3), np.float32)).save(folder / "a.npz"),
        "left out: a.npz moves no body",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_bad_clip_is_left_out_with_a_sentence(folder, tmp_path, name):
    spoil, words = SPOILT[name]
    spoil(folder)
    data = dataset.load([folder], tmp_path / "cache", 30)
    assert [words in note for note in data.notes] == [True], data.notes
    assert "b" in [clip.name for clip in data.clips]


def test_a_clip_that_changed_is_read_again(folder, tmp_path):
    before = dataset.load([folder], tmp_path / "cache", 30).clips[0].frames
    ours(folder, "a", 4.0, 7)
    after = dataset.load([folder], tmp_path / "cache", 30).clips[0].frames
    assert not np.allclose(before, after)


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_no_data_is_a_clear_sentence(tmp_path, capsys, what):
    if what == "empty":
        (tmp_path / "data").mkdir()
    assert train("fgd", tmp_path, tmp_path / "data") == 1
    assert "animcore: There is no" in capsys.readouterr().err


def test_what_was_trained_gestures(folder, beat2, tmp_path, spoken_line):
    clip = recording.load(spoken_line)
    heard = prosody.analyse(clip, 100)
    for solver in ("talkshow", "emage"):
        (tmp_path / solver).mkdir()
        assert train(solver, tmp_path / solver, folder, beat2) == 0
        trained = gesture_solver.load(tmp_path / solver / "run" / "model")
        assert trained.speakers == ("2_scott", "4_lawrence", "calm")
        assert trained.move(clip, heard, Direction()).pose.shape == (100, 55, 3)


def test_training_learns_and_the_encoder_measures(folder, tmp_path):
    assert train("fgd", tmp_path, folder, config=TINY["fgd"].replace("epochs = 4", "epochs = 30")) == 0
    encoder = frechet_distance.MotionFeatureEncoder(tmp_path / "run" / "model")
    pose, _ = waving(4.0, 50, 1)
    points = encoder.features(pose, 50)
    assert points.shape[1] == 4
    same, _ = waving(4.0, 50, 1)
    near = np.linalg.norm(encoder.features(same, 50).mean(0) - points.mean(0))
    far = np.linalg.norm(encoder.features(np.zeros_like(pose), 50).mean(0) - points.mean(0))
    assert near < 1e-5 < far
    assert encoder.features(pose[:20], 50).shape == (0, 4)


def prepared(
    folder: Path, tmp_path: Path, out: str, progress=lambda fraction, stage: None, **settings
) -> trainer.TrainingRun:
    config = FgdConfig(**{"hidden": 8, "length": 4, "window": 32, "epochs": 4, "batch": 2, "stride": 8, **settings})
    data = dataset.load([folder], tmp_path / "cache", 30)
    torch.manual_seed(0)
    made = job(config, data)
    (tmp_path / out).mkdir(exist_ok=True)
    return trainer.TrainingRun(
        made.model, made.stages, made.windows, tmp_path / out, run_facts("fgd", config, data.speakers), 0, progress
    )


def test_a_stopped_run_goes_on_as_if_it_never_stopped(folder, tmp_path):
    through = prepared(folder, tmp_path, "through")
    through.train()
    losses = [epoch["loss"] for epoch in through.history]
    assert losses[-1] < losses[0]

    def stop(fraction: float, _stage: str) -> None:
        if fraction > 0.6:  # in the middle of the third of four epochs
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        prepared(folder, tmp_path, "stopped", stop).train()
    second = prepared(folder, tmp_path, "stopped")
    second.train()
    assert [epoch["epoch"] for epoch in second.history] == [3, 4]  # the third is lost, no more
    for name, values in through.model.state_dict().items():
        assert torch.equal(values, second.model.state_dict()[name]), name


def test_a_killed_run_loses_at_most_one_epoch(folder, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(TINY["fgd"].replace("epochs = 4", "epochs = 100000"))
    command = [sys.executable, "-m", "animcore.cli", "train", "fgd", "--data", str(folder), "--config", str(config)]
    command += ["--out", str(tmp_path / "run"), "--threads", "1"]
    checkpoint, seen = tmp_path / "run" / trainer.CHECKPOINT, 0
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            while seen < 3 and running.poll() is None:
                time.sleep(0.2)
                if checkpoint.exists():
                    seen = torch.load(checkpoint, weights_only=True)["epoch"]
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait()
    told = (tmp_path / "log").read_text().count("epoch ")
    saved = torch.load(checkpoint, weights_only=True)  # whole, whenever it was killed
    assert saved["epoch"] >= 3
    assert told - saved["epoch"] in (0, 1)


def test_a_run_of_other_settings_is_not_gone_on_with(folder, tmp_path):
    prepared(folder, tmp_path, "run").train()
    with pytest.raises(InputError, match=r"another solver, configuration or speakers; choose another --out"):
        prepared(folder, tmp_path, "run", hidden=16).train()


def test_a_bad_checkpoint_of_a_run_is_a_clear_sentence(folder, tmp_path):
    prepared(folder, tmp_path, "run").train()
    os.truncate(tmp_path / "run" / trainer.CHECKPOINT, 1000)
    with pytest.raises(InputError, match=r"cut off or damaged .*; delete it, and the run begins anew"):
        prepared(folder, tmp_path, "run").train()


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")])
def test_running_out_of_memory_is_a_clear_sentence(folder, tmp_path, monkeypatch, error):
    run = prepared(folder, tmp_path, "run")

    def full(batch):
        raise error

    monkeypatch.setattr(run.stages[0], "forward", full)
    with pytest.raises(InputError, match=r"Memory ran out; lower `batch`"):
        run.train()


def test_a_run_goes_on_with_a_smaller_batch_but_with_no_other_change(folder, tmp_path, capsys):
    assert train("fgd", tmp_path, folder) == 0
    assert train("fgd", tmp_path, folder, config=TINY["fgd"] + "batch = 2\n") == 0
    assert train("fgd", tmp_path, folder, config=TINY["fgd"].replace("hidden = 8", "hidden = 16")) == 1
    assert "choose another --out" in capsys.readouterr().err


def test_a_run_is_lengthened_and_shortened(folder, tmp_path):
    def epochs() -> int:
        return torch.load(tmp_path / "run" / trainer.CHECKPOINT, weights_only=True)["epoch"]

    for count, done in ((2, 2), (5, 5), (3, 5)):
        assert train("fgd", tmp_path, folder, config=TINY["fgd"].replace("epochs = 4", f"epochs = {count}")) == 0
        assert epochs() == done


def test_a_lengthened_run_learns_on(folder, tmp_path):
    prepared(folder, tmp_path, "run", epochs=2).train()
    longer = prepared(folder, tmp_path, "run", epochs=6)
    longer.train()
    assert [epoch["epoch"] for epoch in longer.history] == [3, 4, 5, 6]


def test_a_stopped_run_can_be_used(folder, tmp_path, monkeypatch):
    """Ctrl-C in the third epoch leaves the network of the second in OUT/model."""
    seen = []

    def interrupted(_log, _title, epoch, _means):
        seen.append(epoch)
        if epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer.LossLog, "write", interrupted)
    assert train("fgd", tmp_path, folder) == 130
    encoder = frechet_distance.MotionFeatureEncoder(tmp_path / "run" / "model")
    pose, _ = waving(4.0, 50, 0)
    assert np.isfinite(encoder.features(pose, 50)).all()


def test_a_loss_that_explodes_is_a_clear_sentence(folder, tmp_path):
    run = prepared(folder, tmp_path, "run")
    with torch.no_grad():
        next(run.stages[0].parameters()).fill_(torch.inf)
    with pytest.raises(InputError, match=r"became infinite in epoch 1; lower `learning_rate`"):
        run.train()


def test_without_tensorboard_losses_are_a_table(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    prepared(folder, tmp_path, "run").train()
    rows = (tmp_path / "run" / "losses.csv").read_text().splitlines()
    assert [row.split(",")[:3] for row in rows] == [[str(epoch), "movement", "loss"] for epoch in range(1, 5)]


def test_with_tensorboard_losses_are_its_events(folder, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    prepared(folder, tmp_path, "run").train()
    events = accumulator.EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert [event.step for event in events.Scalars("movement/loss")] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hiden = 3", "has no use for 'hiden'"),
        ("hidden = 'wide'", "hidden must be a whole number"),
        ("batch = 0", "batch must be a whole number of at least 1"),
        ("learning_rate = -1.0", "learning_rate must be a number between 0 and 1"),
        ("window = 30", "window must be a multiple of 8"),
        ("hidden = ", "is not a readable TOML file"),
    ],
)
def test_a_bad_setting_is_a_clear_sentence(folder, tmp_path, capsys, text, words):
    assert train("fgd", tmp_path, folder, config=text) == 1
    assert words in capsys.readouterr().err


def test_interrupting_keeps_what_was_learned(folder, tmp_path, monkeypatch, capsys):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer.TrainingRun, "train", interrupt)
    assert train("fgd", tmp_path, folder) == 130
    assert "finished files are kept" in capsys.readouterr().err
    assert not (tmp_path / "run" / "model").exists()


def test_without_torch_it_says_what_to_install(folder, tmp_path, monkeypatch, capsys):
    real = builtins.__import__

    def without(name, *arguments, **named):
        if name.split(".")[0] == "torch":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert train("fgd", tmp_path, folder) == 1
    assert "Training needs PyTorch: pip install" in capsys.readouterr().err


def test_parts_of_an_epoch_are_equal_and_apart(folder, tmp_path):
    """Several processes see as many batches, and no window twice."""
    windows = prepared(folder, tmp_path, "run").source
    whole = windows.starts(3, 0)
    parts = [windows._own(3, 0, part, 3) for part in range(3)]
    assert len({len(part) for part in parts}) == 1
    seen = [start for part in parts for start in part]
    assert len(set(seen)) == len(seen) >= len(whole) - 2
    assert set(seen) <= set(whole)
    assert windows.starts(3, 0) == whole != windows.starts(4, 0)


def test_checkpoints_are_written_whole(folder, tmp_path, monkeypatch):
    """A disk that fills up while a checkpoint is written leaves the one before."""
    prepared(folder, tmp_path, "run").train()
    before = (tmp_path / "run" / trainer.CHECKPOINT).read_bytes()
    run = prepared(folder, tmp_path, "run")

    def full(content, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match="The disk is full"):
        run._save(0, 9, torch.optim.AdamW(run.model.parameters()))
    assert (tmp_path / "run" / trainer.CHECKPOINT).read_bytes() == before
    assert checkpoints.pickled(tmp_path / "run" / trainer.CHECKPOINT)["epoch"] == 4
    shutil.rmtree(tmp_path / "run")


def test_small_movements_count_as_much_as_large_ones(folder, tmp_path):
    """A code begins at the mean of the data, and hears a finger as well as an arm."""
    data = dataset.load([folder], tmp_path / "cache", 30)
    scale = stages.FeatureScale.of(data)
    frames = np.concatenate([clip.frames for clip in data.clips])
    assert scale.mean.numpy() == pytest.approx(frames.mean(0), abs=1e-4)
    assert scale.spread.numpy() == pytest.approx(np.maximum(frames.std(0), 0.02), abs=1e-4)
    torch.manual_seed(0)
    columns = motion_features.COLUMNS["hands"].tolist()
    small = stages.FeatureScale(scale.mean[columns], torch.full((180,), 0.05))
    codes, plain = vq_vae.MotionVqVae(180, 8, 1, 8, fold=4), vq_vae.MotionVqVae(180, 8, 1, 8, fold=4)
    plain.load_state_dict(codes.state_dict())
    small.prime(codes.encoder, codes.decoder)
    tens = torch.randn(2, 40, 180)
    inside = slice(1, -1)  # at the ends the padding is 0 for one and the mean for the other
    primed = codes.encoder.main[0]((small.mean + small.spread * tens).view(2, 10, 720).transpose(1, 2))
    usual = plain.encoder.main[0](tens.view(2, 10, 720).transpose(1, 2))
    torch.testing.assert_close(primed[..., inside], usual[..., inside], atol=1e-4, rtol=1e-3)
    vectors = torch.randn(2, 10, 8)
    shifted = (codes.frames(vectors) - small.mean) / small.spread
    bias = plain.decoder.main[-1].bias.view(4, 180).repeat(10, 1)
    torch.testing.assert_close(shifted, plain.frames(vectors) - bias, atol=1e-3, rtol=1e-3)
