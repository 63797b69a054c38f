"""EMOTE, FaceDiffuser and flow: what they draw, how pieces meet, emotions, folders, ONNX."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="face networks need the extra train")

from animcore.audio import recording  # noqa: E402 (torch first)
from animcore.cli import main  # noqa: E402 (torch first)
from animcore.core.vocabulary import EMOTIONS  # noqa: E402
from animcore.direction import Direction, EmotionSpan  # noqa: E402
from animcore.errors import Cancelled, InputError  # noqa: E402
from animcore.solvers.face_networks import audio_encoders, emote, face_solver, facediffuser, flow_matching  # noqa: E402
from animcore.solvers.face_networks.base import Conditioning, FaceModel  # noqa: E402
from animcore.solvers.face_networks.output_space import OutputSpace  # noqa: E402

torch.set_num_threads(1)

RATE = recording.RATE
SPACES = {
    "arkit": OutputSpace("arkit", 52, 30),
    "flame": OutputSpace("flame", 13, 25, "open-head"),
    "vertices": OutputSpace("vertices", 30, 30, "other"),
}
KINDS = {
    "emote": (emote.Emote, emote.EmoteSizes(16, 8, 1)),
    "facediffuser": (facediffuser.FaceDiffuser, facediffuser.FaceDiffuserSizes(16, 2, 50, 4)),
    "flow": (flow_matching.FlowMatching, flow_matching.FlowSizes(16, 2)),
}


class Sound(audio_encoders.AudioEncoder):
    """Hears how loud it is, 50 times a second: fast, and of its own moment alone, as `voice` does."""

    rate, width = 50, 2

    def raw(self, samples):
        count = len(samples) // 320 + 1
        level = np.abs(np.pad(samples, (0, count * 320 - len(samples)))).reshape(count, 320).mean(1)
        return np.stack([level, level > 0.1], 1).astype(np.float32)

    def forward(self, sound, count):
        return audio_encoders.resample_states(sound, count, sound.shape[1])


def small(kind: str, space: str = "arkit", ear: audio_encoders.AudioEncoder | None = None) -> FaceModel:
    """A model whose every weight counts."""
    made, sizes = KINDS[kind]
    torch.manual_seed(0)
    model = made(sizes, SPACES[space], ear or audio_encoders.MelEncoder(8, 1), ("calm", "lively"))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def voice(seconds: float) -> np.ndarray:
    samples = np.random.default_rng(0).normal(size=int(seconds * RATE)) * 0.1
    return (samples * (1 + np.sin(np.arange(len(samples)) / RATE * 9))).astype(np.float32)


# ---------------------------------------------------------------- what they draw


def test_the_noise_of_a_diffusion_falls_as_the_papers_cosine():
    kept = facediffuser.schedule(1000).numpy()
    place = (np.arange(1001) / 1000 + 0.008) / 1.008
    wanted = np.cos(place * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    assert kept[:990] == pytest.approx(wanted[1:991], rel=1e-4)
    assert kept[-1] < 1e-6
    assert (np.diff(kept) < 0).all()


def test_a_diffusion_draws_faces_as_wide_as_they_are(monkeypatch):
    """With the best answer to noise on faces of spread 0.4, which is known, implicit steps lead to that spread."""
    sizes = facediffuser.FaceDiffuserSizes(8, 1, 500, 60)
    model = facediffuser.FaceDiffuser(sizes, SPACES["arkit"], Sound(), ("calm",)).eval()

    def best(noisy, step, states, speaker):
        kept = model.kept[step][:, None, None]
        return noisy * kept.sqrt() * 0.16 / (kept * 0.16 + 1 - kept)

    monkeypatch.setattr(model, "forward", best)
    with torch.inference_mode():
        frames = model.piece(torch.zeros(1, 500, 2), 300, Conditioning(), torch.Generator().manual_seed(0))
    assert float(frames.std()) == pytest.approx(0.4, rel=0.05)
    assert abs(float(frames.mean())) < 0.02


@pytest.mark.parametrize(("steps", "within"), [(1, 0.35), (2, 0.06), (8, 0.03)])
def test_a_flow_draws_faces_as_wide_as_they_are(monkeypatch, steps, within):
    """The same with the velocity between noise and faces of spread 0.4 around a guess; two steps are enough."""
    model = flow_matching.FlowMatching(
        flow_matching.FlowSizes(8, steps, 100), SPACES["arkit"], Sound(), ("calm",)
    ).eval()

    def best(state, time, told):
        t = time[:, None, None]
        return state * (t * 0.16 - (1 - t)) / (t**2 * 0.16 + (1 - t) ** 2)

    monkeypatch.setattr(model, "velocity", best)
    with torch.inference_mode():
        white = torch.randn(1, flow_matching.noise_frames(400), 52)
        frames = model(torch.zeros(1, 800, 2), torch.tensor([0]), torch.zeros(1, 400, 8), white)
        left = frames[0] - model.guess(model.listen(torch.zeros(1, 800, 2), torch.tensor([0]), torch.zeros(1, 400, 8)))
    assert float(left.std()) == pytest.approx(0.4, rel=within)


def test_noise_is_as_smooth_as_faces_and_as_wide_as_before():
    torch.manual_seed(0)
    noise = flow_matching.smooth(torch.randn(2, flow_matching.noise_frames(4000), 5))
    assert noise.shape == (2, 4000, 5)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)
    assert float((noise[:, 1:] * noise[:, :-1]).mean()) > 0.85


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_takes(kind):
    model, samples = small(kind), voice(2)
    first, again, other = (model.predict(samples, Conditioning(seed=seed)) for seed in (3, 3, 4))
    assert first.shape == (61, 52)
    assert np.array_equal(first, again)
    assert (np.abs(first - other).max() > 1e-3) == (kind != "emote")  # EMOTE has no chance in it


# ---------------------------------------------------------------- pieces


@pytest.mark.parametrize("seconds", [0.01, 3.0, 11.3])
def test_a_flow_made_in_pieces_is_as_made_at_once(monkeypatch, seconds):
    model, samples = small("flow", ear=Sound()), voice(seconds)
    felt = np.random.default_rng(0).random((int(len(samples) * 30 / RATE) + 1, 8)).astype(np.float32)
    whole = model.predict(samples, Conditioning(seed=1, emotions=felt))
    monkeypatch.setattr(flow_matching.FlowMatching, "SECONDS", 2)
    told: list[float] = []
    pieces = model.predict(samples, Conditioning(seed=1, emotions=felt), lambda done, _: told.append(done))
    assert pieces == pytest.approx(whole, abs=2e-4)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_no_frame_of_a_flow_depends_on_more_than_its_reach():
    model = small("flow", ear=Sound())
    count, at = 2 * model.reach + 41, model.reach + 20
    sound, white = torch.zeros(1, 2 * count, 2), torch.zeros(1, flow_matching.noise_frames(count), 52)
    louder = sound.clone()
    louder[:, 2 * at] = 5.0
    with torch.no_grad():
        told = [torch.tensor([0]), torch.zeros(1, count, 8), white]
        change = (model(louder, *told) - model(sound, *told)).abs().amax((0, 2))
    moved = (change > 0).nonzero().flatten()
    assert at - model.reach <= moved.min() < at < moved.max() <= at + model.reach


@pytest.mark.parametrize("kind", ["emote", "facediffuser"])
def test_long_takes_go_together_without_a_jump(kind):
    model = small(kind, ear=Sound())
    frames = model.predict(voice(33))
    steps = np.abs(np.diff(frames, axis=0)).max(1)
    around = np.concatenate([steps[30 * second - 1 : 30 * second + 31] for second in (15, 30)])
    assert around.max() < 2 * np.quantile(steps, 0.98)

    def stop(done, _stage):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        model.predict(voice(1), progress=stop)


@pytest.mark.parametrize("count", [1, 7, 8, 30])
def test_emote_makes_as_many_frames_as_are_asked_for(count):
    model = small("emote", ear=Sound())
    with torch.inference_mode():
        frames = model.piece(torch.rand(1, 50, 2), count, Conditioning(emotions=np.ones((count, 8), np.float32)), None)
        latents, _ = model.prior.encoded(torch.rand(2, 24, 52))
        assert model.prior.decoded(latents).shape == (2, 24, 52)
    assert frames.shape == (count, 52)
    assert latents.shape == (2, 3, 8)


# ---------------------------------------------------------------- emotions


@pytest.mark.parametrize("kind", ["emote", "flow"])
def test_an_emotion_changes_the_face_where_it_is_felt(kind):
    model, samples = small(kind, ear=Sound()), voice(8)
    felt = np.zeros((241, 8), np.float32)
    felt[:90, EMOTIONS.index("joy")] = 1.0
    change = np.abs(model.predict(samples, Conditioning(emotions=felt)) - model.predict(samples)).max(1)
    assert change[20:70].mean() > {"flow": 5, "emote": 1.5}[kind] * change[-40:].mean()


def test_a_face_that_was_taught_no_emotion_leaves_them_to_others(tmp_path, spoken_line):
    model = small("flow", ear=audio_encoders.PhonemeVoiceEncoder())
    model.save(tmp_path)
    assert not face_solver.load(tmp_path).feels
    assert not face_solver.FaceNetworkSolver(small("facediffuser")).feels
    model.taught[1] = 0.8
    model.save(tmp_path)
    face = face_solver.load(tmp_path)
    assert face.feels
    clip = recording.load(spoken_line)
    plain, happy = face.solve(clip, Direction()), face.solve(clip, Direction(emotions=[EmotionSpan("joy", 1.0)]))
    assert plain.rate == 30
    assert plain.frame_count == len(clip.samples) * 30 // RATE + 1
    assert np.abs(plain.arkit - happy.arkit).max() > 1e-3
    assert plain.tongue.max() > 0.1


# ---------------------------------------------------------------- folders


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", SPACES)
def test_a_saved_face_is_the_same_face(tmp_path, kind, space):
    model = small(kind, space)
    model.mean.normal_()
    model.save(tmp_path)
    again, samples = face_solver.load(tmp_path).model, voice(1)
    assert type(again) is type(model)
    first = model.predict(samples, Conditioning(1))
    assert np.array_equal(again.predict(samples, Conditioning(1)), first)
    assert np.abs(model.predict(samples, Conditioning(0)) - first).max() > 1e-4  # who speaks counts


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("emote", {"hidden": 18}, "hidden must be a multiple of 4"),
        ("emote", {"latent": 9}, "where config.json asks for"),
        ("flow", {"steps": 0}, "steps = 0, where a size is expected"),
        ("flow", {"model_type": "animcore_emote"}, "has latent = None, where a size is expected"),
        ("facediffuser", {"noise_steps": 60}, "time_mlp.0.weight .* where config.json asks for"),
        ("facediffuser", {"layers": 1}, "too many: they are another version's"),
    ],
)
def test_a_bad_folder_is_a_clear_sentence(tmp_path, kind, change, words):
    small(kind).save(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=words):
        face_solver.load(tmp_path)


def test_the_voice_ear_hears_phonemes_and_how_they_sound(spoken_line):
    samples = recording.load(spoken_line).samples
    ear, phonemes = audio_encoders.encoder_config("voice", 8, 1), audio_encoders.encoder_config("phonemes", 8, 1)
    raw = ear.raw(samples)
    assert raw.shape == (len(samples) // 320 + 1, 80)
    assert np.array_equal(raw[:, :40], phonemes.raw(samples))
    assert raw[:, 40:].std(0).min() > 0.05
    assert sum(parameter.numel() for parameter in ear.parameters()) == 0
    heard = ear(torch.from_numpy(raw)[None], len(raw))
    assert heard[0].numpy() == pytest.approx(raw, abs=1e-5)
    assert type(audio_encoders.build(ear.values(), Path("config.json"))) is type(ear)


# ---------------------------------------------------------------- ONNX


@pytest.mark.parametrize("kind", ["emote", "flow"])
def test_as_onnx_it_is_the_same_face(tmp_path, kind, capsys):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = small(kind)
    model.save(tmp_path / "model")
    assert main.main(["export-face", str(tmp_path / "model"), str(tmp_path / "face.onnx")]) == 0
    assert "of PyTorch" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(tmp_path / "face.onnx"), providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["names"])[0] == "eyeBlinkLeft"
    assert json.loads(facts["ear"])["kind"] == "mel"
    feed = {"sample_rate": "16000", "loudness": "-23", "mel_window": "400", "mel_hop": "160", "mel_bands": "64"}
    feed |= {"mel_lowest": "60", "mel_highest": "7600", "mel_log": "natural logarithm of power + 1e-05"}
    assert (feed | {"mel_normalization": "(x - -4) / 3"}).items() <= facts.items()
    count = 56  # neither of the lengths that it was made and checked with
    sound = model.ear.raw(voice(count / 30))
    given = {"sound": sound[None], "speaker": np.array([1]), "emotions": np.zeros((1, count, 8), np.float32)}
    generator = torch.Generator().manual_seed(0)
    if kind == "flow":
        given["white"] = torch.randn(1, flow_matching.noise_frames(count), 52, generator=generator).numpy()
    with torch.inference_mode():
        wanted = model.piece(torch.from_numpy(sound)[None], count, Conditioning(1), torch.Generator().manual_seed(0))
    (found,) = session.run(None, given)
    assert found[0] == pytest.approx(wanted.numpy(), abs=1e-3)


def test_what_makes_frames_in_a_loop_has_no_onnx(tmp_path, capsys):
    pytest.importorskip("onnx")
    small("facediffuser").save(tmp_path / "model")
    assert main.main(["export-face", str(tmp_path / "model"), str(tmp_path / "face.onnx")]) == 1
    assert "animcore_facediffuser makes its frames in a loop" in capsys.readouterr().err
    assert not (tmp_path / "face.onnx").exists()
