"""Training of EMOTE, FaceDiffuser and flow, and lip reading as a loss: what is learned, by whom, and runs that stop."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="training needs the extra train")

from animcore.cli import main, train  # noqa: E402 (torch first)
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX  # noqa: E402
from animcore.errors import Cancelled, InputError  # noqa: E402
from animcore.motion import Event, Motion  # noqa: E402
from animcore.solvers.face_networks import audio_encoders, face_solver  # noqa: E402
from animcore.solvers.face_networks import emote as emote_solver  # noqa: E402
from animcore.solvers.face_networks import flow_matching as flow_solver  # noqa: E402
from animcore.solvers.face_networks.output_space import OutputSpace  # noqa: E402
from animcore.speech.pronunciation import PHONEMES  # noqa: E402
from animcore.training import trainer  # noqa: E402
from animcore.training.faces import (  # noqa: E402
    codetalker,
    dataset,
    emote,
    facediffuser,
    faceformer,
    flow_matching,
    lip_reading_loss,
)
from animcore.training.faces.emotion_features import EmotionFeatures  # noqa: E402
from animcore.training.faces.lip_reading_loss import SelfTalk, phoneme_tokens, reading_loss  # noqa: E402

torch.set_num_threads(1)

MODULES = {
    "emote": emote,
    "facediffuser": facediffuser,
    "flow": flow_matching,
    "faceformer": faceformer,
    "codetalker": codetalker,
}
SMALL: dict[str, dict] = {
    "emote": {"epochs_prior": 1, "latent": 8, "blocks": 1, "window": 32},
    "facediffuser": {"noise_steps": 20, "steps": 3},
    "flow": {"steps": 1},
    "faceformer": {},
    "codetalker": {"epochs_codes": 1, "prior": 8, "prior_blocks": 1, "codes": 8, "length": 4, "parts": 2},
}


class Sound(audio_encoders.AudioEncoder):
    """Hears how loud it is: fast."""

    rate, width = 50, 1

    def raw(self, samples):
        count = len(samples) // 320 + 1
        return np.abs(np.pad(samples, (0, count * 320 - len(samples)))).reshape(count, 320).mean(1)[:, None]

    def forward(self, sound, count):
        return audio_encoders.resample_states(sound, count, sound.shape[1])


def small(kind: str, **more):
    values = {"speech": "", "hidden": 8, "layers": 1, "window": 30, "stride": 30, "batch": 2, "epochs": 2}
    return MODULES[kind].CONFIG(**{**values, **SMALL[kind], **more})


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two talks with faces, one of them happy."""
    for index, name in enumerate("ab"):
        times = np.arange(200) / 50
        weights = np.zeros((200, len(ARKIT)), np.float32)
        weights[:, ARKIT_INDEX["jawOpen"]] = 0.4 + 0.3 * np.sin(7 * times + index)
        weights[:, ARKIT_INDEX["mouthSmileLeft"]] = 0.7 * index
        felt = (Event("emotion", "joy 0.8", 0.0, 4.0),) if index else ()
        (tmp_path / "data").mkdir(exist_ok=True)
        Motion(Fraction(50), arkit=weights, events=felt).save(tmp_path / "data" / f"{name}.npz")
        sound = np.random.default_rng(index).normal(size=64_000) * 0.1 * weights[:, 17].repeat(320)
        soundfile.write(tmp_path / "data" / f"{name}.wav", sound, 16_000)
    return tmp_path / "data"


def prepared(folder: Path, config) -> dataset.FaceDataset:
    return dataset.load([folder], folder.parent / "cache", config.wanted)


# ---------------------------------------------------------------- runs


def as_toml(kind: str, **more) -> str:
    values = {"hidden": 8, "layers": 1, "window": 30, "stride": 30, "batch": 2, "epochs": 1, **SMALL[kind], **more}
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())


@pytest.mark.parametrize("kind", MODULES)
def test_a_run_from_the_command_line_leaves_a_face(folder, tmp_path, kind, capsys):
    config = tmp_path / "small.toml"
    config.write_text(as_toml(kind, selftalk=0.1, speech="phonemes"))
    wish = ["train", kind, "--data", str(folder), "--config", str(config), "--out", str(tmp_path / "run")]
    assert main.main(wish) == 0
    face = face_solver.load(tmp_path / "run" / "model")
    assert face.model.speakers == ("data",)
    assert face.feels == (kind in ("emote", "flow"))
    names = {path.name for path in (tmp_path / "run" / "model").iterdir()}
    assert names == {"config.json", "model.safetensors"}
    frames = face.model.predict(np.random.default_rng(0).normal(size=16_000).astype(np.float32) * 0.1)
    assert frames.shape == (31, 52)
    assert np.isfinite(frames).all()


@pytest.mark.parametrize("kind", ["emote", "facediffuser", "flow"])
def test_a_run_that_is_stopped_ends_as_one_that_was_not(folder, tmp_path, kind):
    config = small(kind, selftalk=0.1)

    def run(out: str, progress=lambda done, what: None) -> dict[str, torch.Tensor]:
        torch.manual_seed(config.seed)
        job = MODULES[kind].job(config, prepared(folder, config))
        (tmp_path / out).mkdir(exist_ok=True)
        trainer.TrainingRun(
            job.model, job.stages, job.windows, tmp_path / out, {"kind": kind}, config.seed, progress
        ).train()
        return job.model.state_dict()

    def stop(done: float, what: str) -> None:
        if done > 0.7:
            raise Cancelled("stopped")

    whole = run("whole")
    with pytest.raises(Cancelled):
        run("stopped", stop)
    assert (tmp_path / "stopped" / trainer.CHECKPOINT).exists()
    again = run("stopped")
    assert any(name.startswith("teachers.") for name in whole)
    assert all(torch.equal(values, again[name]) for name, values in whole.items())


def test_a_checkpoint_of_another_version_is_a_clear_sentence(folder, tmp_path):
    config = small("flow", epochs=1, selftalk=0.1)
    job = flow_matching.job(config, prepared(folder, config))
    (tmp_path / "run").mkdir()
    run = trainer.TrainingRun(job.model, job.stages, job.windows, tmp_path / "run", {})
    run.train()
    saved = torch.load(tmp_path / "run" / trainer.CHECKPOINT, weights_only=True)
    saved["model"]["teachers.0.reader.out.weight"] = torch.zeros(41, 64, 1)
    torch.save(saved, tmp_path / "run" / trainer.CHECKPOINT)
    with pytest.raises(InputError, match=r"checkpoint.pt is of another version of Animcore; delete it"):
        run.train()


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("flow", "steps = 9", "steps must be a whole number from 1 to 8, not 9"),
        ("flow", "chance = 101", "chance must be a whole number from 1 to 100, not 101"),
        ("emote", "window = 30", "window must be a multiple of 8, not 30"),
        ("emote", "hidden = 18", "hidden must be a multiple of 4, not 18"),
        ("flow", "selftalk = -0.1", "selftalk must be a number between 0 and 1"),
        ("flow", "learning_rate = 0.0", "learning_rate must be a number between 0 and 1"),
    ],
)
def test_settings_that_make_no_sense_are_told(folder, tmp_path, kind, text, words):
    path = tmp_path / "config.toml"
    path.write_text(text)

    def begin() -> None:
        config = train.settings(path, MODULES[kind].CONFIG)
        MODULES[kind].job(config, prepared(folder, config))

    with pytest.raises(InputError, match=words):
        begin()


def test_nothing_need_be_said_nor_felt(folder, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(as_toml("emote", selftalk=0, emotion_weight=0))
    config = train.settings(path, emote.EmoteConfig)
    job = emote.job(config, prepared(folder, config))
    batch = next(job.windows.batches(0, 1))
    assert "said" not in batch
    assert {"reader", "talks"}.isdisjoint(job.stages[1](batch))


# ---------------------------------------------------------------- what is learned


def test_what_is_said_is_spelled_without_silence_and_repeats():
    order = ["sil", "m", "m", "aa", "sil", "m", "sil"]
    said = torch.zeros(2, len(order), len(PHONEMES))
    for frame, name in enumerate(order):
        said[0, frame, PHONEMES.index(name)] = 1.0
    said[1, :, 0] = 1.0  # nothing at all
    tokens, lengths = phoneme_tokens(said)
    assert [PHONEMES[token] for token in tokens[0, : lengths[0]]] == ["m", "aa", "m"]
    assert lengths.tolist() == [3, 0]
    logits = 20 * said - 10
    assert float(reading_loss(logits, said, tokens, lengths)) < 0.01
    assert float(reading_loss(logits.roll(1, 1), said, tokens, lengths)) > 1.0


def talking(batch: int, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Faces whose eight numbers show which of four phonemes is said, each for five frames."""
    random = torch.Generator().manual_seed(seed)
    spoken = torch.randint(4, (batch, count // 5), generator=random).repeat_interleave(5, 1) * 7 + 1
    said = torch.nn.functional.one_hot(spoken, len(PHONEMES)).float()
    look = torch.randn(len(PHONEMES), 8, generator=torch.Generator().manual_seed(9))
    return said @ look + 0.1 * torch.randn(batch, count, 8, generator=random), said


def test_a_reader_learns_to_tell_faces_that_say_it_from_faces_that_do_not():
    torch.manual_seed(0)
    talk = SelfTalk(8, 0.5)
    optimizer = torch.optim.Adam(talk.parameters(), 3e-3)
    for step in range(60):
        real, said = talking(4, 40, step)
        loss = talk({"loss": torch.zeros(())}, real, real, {"said": said})["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    real, said = talking(8, 40, 1000)
    with torch.no_grad():
        right = talk({"loss": torch.zeros(())}, real, real, {"said": said})["talks"]
        late = talk({"loss": torch.zeros(())}, real.roll(5, 1), real, {"said": said})["talks"]
        still = talk({"loss": torch.zeros(())}, torch.zeros_like(real), real, {"said": said})["talks"]
    assert right < 0.3 * late
    assert right < 0.3 * still


def test_no_solver_teaches_the_reader():
    torch.manual_seed(0)
    talk = SelfTalk(8, 0.5)
    real, said = talking(2, 20, 0)
    plain = talk({"loss": torch.zeros(())}, real, real, {"said": said})
    made = torch.randn_like(real).requires_grad_()
    losses = talk({"loss": torch.ones(())}, made, real, {"said": said})
    assert float(losses["loss"].detach()) > 1.0
    losses["loss"].backward()
    assert made.grad.abs().max() > 0
    got = [values.grad.clone() for values in talk.parameters()]
    talk.zero_grad()
    plain["loss"].backward()
    wanted = [values.grad for values in talk.parameters()]
    for one, other in zip(got, wanted, strict=True):  # what was made left nothing in the reader
        torch.testing.assert_close(one, other)


def test_weightless_it_is_not_there():
    talk = SelfTalk(8, 0.0)
    assert not list(talk.parameters())
    losses = {"loss": torch.ones(())}
    assert talk(losses, torch.zeros(1, 2, 8), torch.zeros(1, 2, 8), {}) == losses


def test_what_is_said_comes_with_the_frames_of_a_clip(folder, monkeypatch):
    heard = np.eye(len(PHONEMES), dtype=np.float32)[np.arange(201) * 40 // 201]  # one after the other
    monkeypatch.setattr(audio_encoders.PhonemeEncoder, "raw", lambda self, samples: heard)
    config = small("flow")
    clip = prepared(folder, config).clips[0]
    said = lip_reading_loss.phoneme_probabilities(clip)
    assert said.shape == (len(clip.frames), 40)
    assert said.argmax(1) == pytest.approx(np.arange(len(said)) * 40 // len(said), abs=1)


def test_the_motion_prior_stays_as_it_is_while_emote_learns_to_speak(folder):
    config = small("emote", selftalk=0.1)
    torch.manual_seed(0)
    job = emote.job(config, prepared(folder, config))
    model = job.model.model
    before = {name: values.clone() for name, values in model.prior.state_dict().items()}
    optimizer = torch.optim.Adam(job.stages[1].parameters(), 1e-2)
    losses = []
    for epoch in range(6):
        for batch in job.windows.batches(epoch, 1):
            loss = job.stages[1](batch)
            optimizer.zero_grad()
            loss["loss"].backward()
            optimizer.step()
            losses.append(float(loss["frames"].detach()))
    assert losses[-1] < losses[0]
    assert all(torch.equal(values, before[name]) for name, values in model.prior.state_dict().items())
    assert not any(name.startswith("prior") for name, _ in job.stages[1].named_parameters())


def test_feelings_are_read_from_real_faces_alone():
    torch.manual_seed(0)
    feelings = EmotionFeatures(6)
    emotions = torch.zeros(4, 20, 8)
    emotions[:2, :, 1] = 1.0
    real = torch.randn(4, 20, 6)
    real[:2, :, 0] += 3
    made = torch.randn(4, 20, 6).requires_grad_()
    feelings.measured(made, emotions).backward()
    assert made.grad.abs().max() > 0
    assert all(values.grad is None for values in feelings.parameters())
    optimizer = torch.optim.Adam(feelings.parameters(), 1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        feelings.loss(real, emotions).backward()
        optimizer.step()
    assert float(feelings.measured(real, emotions)) < 0.1 < float(feelings.measured(real, emotions.flip(0)))


def test_a_flow_learns_that_there_are_two_ways():
    """The same sound goes with a smile to the left or to the right: the mean of both is neither."""
    torch.manual_seed(0)
    model = flow_solver.FlowMatching(
        flow_solver.FlowSizes(16, 4, 100), OutputSpace("flame", 4, 30, "open-head"), Sound(), ("calm",), 0.0
    )
    stage = flow_matching.FlowStage(model, SelfTalk(4, 0.0), 1, 1e-3)
    optimizer = torch.optim.Adam(stage.parameters(), 4e-3)
    for _ in range(90):
        side = torch.randint(2, (16, 1, 1)) * 2.0 - 1
        frames = side * torch.tensor([1.0, 1.0, 0.0, 0.0]) + 0.05 * torch.randn(16, 12, 4)
        batch = {"frames": frames, "sound": torch.zeros(16, 20, 1), "speaker": torch.zeros(16, dtype=torch.long),
                 "emotions": torch.zeros(16, 12, 8)}  # fmt: skip
        optimizer.zero_grad()
        stage(batch)["loss"].backward()
        optimizer.step()
    model.eval()
    with torch.inference_mode():
        white = torch.randn(64, flow_solver.noise_frames(12), 4)
        states = torch.zeros(64, 24, 1)
        drawn = model(states, torch.zeros(64, dtype=torch.long), torch.zeros(64, 12, 8), white)
        guess = model.guess(model.listen(states[:1], torch.zeros(1, dtype=torch.long), torch.zeros(1, 12, 8)))
    middle = drawn[:, 3:9, 0]
    assert guess.abs().max() < 0.4
    assert float((middle.abs() > 0.5).float().mean()) > 0.8
    assert 0.2 < float((middle.mean(1) > 0).float().mean()) < 0.8
    assert float(drawn[..., 2:].abs().mean()) < 0.25
    assert float(model.open[0]) > 4 * float(model.open[2])


def test_emote_is_of_one_piece_with_its_prior():
    torch.manual_seed(0)
    model = emote_solver.Emote(
        emote_solver.EmoteSizes(8, 4, 1), OutputSpace("arkit", 52, 30), Sound(), ("calm",)
    ).eval()
    states, speaker = torch.rand(1, 32, 1), torch.tensor([0])
    with torch.inference_mode():
        latents = model.talk(states, speaker, torch.zeros(1, 16, 8))
        assert torch.equal(model.prior.decoded(latents), model(states, speaker, torch.zeros(1, 16, 8)))
