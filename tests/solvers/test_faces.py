"""Learned faces: published weights by their layout, what becomes of each kind of face, broken and bad files."""

from __future__ import annotations

import json
import logging
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="learned faces need the extra animcore[train]")

import face_layout  # noqa: E402

from animcore import audio, batch, cli  # noqa: E402 (torch first)
from animcore.bodies.expression import OpenHead  # noqa: E402
from animcore.bodies.model import load_model  # noqa: E402
from animcore.direction import Direction, EmotionKey, EmotionSpan  # noqa: E402
from animcore.errors import Cancelled, InputError  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.names import ARKIT, ARKIT_INDEX, EMOTIONS  # noqa: E402
from animcore.solvers import codetalker, face_decoder, face_encoder, faceformer, faces  # noqa: E402
from animcore.solvers.codetalker import CodeTalker  # noqa: E402
from animcore.solvers.face_model import Asked, FaceModel  # noqa: E402
from animcore.solvers.face_space import Space, Topology  # noqa: E402
from animcore.solvers.faceformer import FaceFormer  # noqa: E402

torch.set_num_threads(1)

RATE = audio.RATE
SPACES = {
    "arkit": Space("arkit", 52, 30),
    "flame": Space("flame", 13, 25, "open-head"),
    "vertices": Space("vertices", 30, 30, "other"),
}


def shaken(model: FaceModel, seed: int = 1) -> FaceModel:
    """A model whose every weight counts; official ones begin with zeros that would hide mistakes."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def small(kind: str, space: str = "arkit", speakers: tuple[str, ...] = ("calm", "lively")) -> FaceModel:
    ear = face_encoder.MelEar(16, 2)
    if kind == "faceformer":
        return shaken(FaceFormer(faceformer.Sizes(16, 2), SPACES[space], ear, speakers))
    sizes = codetalker.Sizes(16, 1, prior=16, prior_blocks=1, prior_inner=16, codes=12, length=4, parts=4)
    return shaken(CodeTalker(sizes, SPACES[space], ear, speakers))


@pytest.fixture
def noisy() -> np.ndarray:
    return (np.random.default_rng(0).normal(size=2 * RATE) * 0.1).astype(np.float32)


# ---------------------------------------------------------------- the decoder


def test_a_frame_after_the_other_is_all_at_once():
    torch.manual_seed(0)
    decoder = face_decoder.BiasedDecoder(16, 3, 4, period=5, per_frame=2).eval()
    frames, heard = torch.randn(2, 12, 16), torch.randn(2, 24, 16)
    past = face_decoder.Past([], [])
    steps = [decoder.step(frames[:, i], heard[:, 2 * i : 2 * i + 2], past) for i in range(12)]
    torch.testing.assert_close(torch.stack(steps, 1), decoder(frames, heard), atol=1e-5, rtol=1e-4)


def test_a_frame_knows_nothing_of_later_ones_and_hears_its_own_time_alone():
    torch.manual_seed(0)
    decoder = face_decoder.BiasedDecoder(16, 1, 4, period=5).eval()
    frames, heard = torch.randn(1, 12, 16), torch.randn(1, 12, 16)
    whole = decoder(frames, heard)
    later, louder = frames.clone(), heard.clone()
    later[:, 7:] += 1
    louder[:, 7] += 1
    assert torch.equal(decoder(later, heard)[:, :7], whole[:, :7])
    moved = (decoder(frames, louder) - whole).abs().amax((0, 2)) > 1e-6
    assert moved.nonzero().flatten().tolist() == [7]


def test_the_past_fades_by_whole_periods():
    """The bias of the paper: minus the periods passed, times 1/4, 1/16, 1/64 and 1/256."""
    bias = face_decoder._ahead(7, 3, torch.device("cpu"))
    assert bias[6].tolist() == [-2, -1, -1, -1, 0, 0, 0]
    assert bias[2, 3:].tolist() == [-torch.inf] * 4
    assert face_decoder._slopes(4) == [1 / 4, 1 / 16, 1 / 64, 1 / 256]


# ---------------------------------------------------------------- published weights


@pytest.fixture
def small_ear(monkeypatch):
    """A small wav2vec 2.0 in the place of the 95 million weights of the published one."""
    pytest.importorskip("transformers")
    made = lambda: face_encoder.SpeechEar(face_encoder._empty(dict(face_layout.EAR), Path("small")))  # noqa: E731
    monkeypatch.setattr(face_encoder, "base_speech_model", made)


def heard_as_published(tensors: dict[str, torch.Tensor], samples: np.ndarray, data: str) -> torch.Tensor:
    """What the authors' ear gives: convolutions, brought to 30 states a second for VOCASET, then the transformer."""
    import transformers

    config = {name: value for name, value in face_layout.EAR.items() if name != "model_type"}
    model = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**config)).eval()
    names = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    state = {}
    for name, values in tensors.items():
        if name.startswith("audio_encoder."):
            for old, new in names.items():
                name = name.replace(f"conv.{old}", f"conv.{new}")
            state[name.removeprefix("audio_encoder.")] = values
    model.load_state_dict(state)
    level = torch.from_numpy((samples - samples.mean()) / samples.std())[None]
    with torch.no_grad():
        states = model.feature_extractor(level).transpose(1, 2)
        if data == "vocaset":
            count = len(samples) * 30 // RATE
            states = torch.nn.functional.interpolate(
                states.transpose(1, 2), size=count, align_corners=True, mode="linear"
            ).transpose(1, 2)
        states = model.encoder(model.feature_projection(states)[0])[0]
        return torch.nn.functional.linear(
            states, tensors["audio_feature_map.weight"], tensors["audio_feature_map.bias"]
        )


def decoder_as_published(tensors: dict[str, torch.Tensor], layers: int, width: int) -> torch.nn.Module:
    layer = torch.nn.TransformerDecoderLayer(width, 4, 2 * width, batch_first=True)
    decoder = torch.nn.TransformerDecoder(layer, layers).eval()
    start = "transformer_decoder."
    decoder.load_state_dict({n.removeprefix(start): v for n, v in tensors.items() if n.startswith(start)})
    return decoder


def masks(count: int, period: int, per_frame: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The two masks, written down entry by entry."""
    biased = torch.full((4, count, count), -torch.inf)
    for head in range(4):
        for i in range(count):
            for j in range(i + 1):
                biased[head, i, j] = -((i - j) // period) / 4 ** (head + 1)
    deaf = torch.ones(count, count * per_frame, dtype=torch.bool)
    for i in range(count):
        deaf[i, i * per_frame : (i + 1) * per_frame] = False
    return biased, deaf


def positions(count: int, period: int, width: int) -> torch.Tensor:
    found = torch.zeros(count, width)
    for i in range(count):
        for k in range(0, width, 2):
            angle = (i % period) / 10_000 ** (k / width)
            found[i, k], found[i, k + 1] = np.sin(angle), np.cos(angle)
    return found


@pytest.mark.parametrize("data", ["vocaset", "biwi"])
def test_published_faceformer_does_what_the_paper_says(tmp_path, small_ear, data):
    """Against the whole decoder run anew for each frame, as the authors run it."""
    tensors = face_layout.weights(face_layout.faceformer(data))
    face_layout.write(tmp_path / f"{data}.pth", tensors)
    model = faces.load(tmp_path).model
    fps, per_frame = {"vocaset": (30, 1), "biwi": (25, 2)}[data]
    assert model.space == Space("vertices", 3 * face_layout.VERTICES[data], fps, {"vocaset": "flame"}.get(data, "biwi"))
    samples = (np.random.default_rng(1).normal(size=RATE) * 0.1).astype(np.float32)
    count = 12
    part = samples[: round(count * RATE / fps)]
    with torch.inference_mode():
        found = model.piece(torch.from_numpy(part)[None], count, Asked(speaker=2), torch.Generator())
    heard = heard_as_published(tensors, part, data)
    if data == "biwi":  # the convolutions lose the last of 24 states, which ours spreads over all
        count, heard = 8, model.listen(torch.from_numpy(part)[None], 12)[:, :16].detach()
    decoder = decoder_as_published(tensors, 1, 8)
    style = tensors["obj_vector.weight"][:, 2]
    told, (biased, deaf) = style[None, None], masks(count, 30 if data == "vocaset" else 25, per_frame)
    for i in range(count):
        x = told + positions(i + 1, 30 if data == "vocaset" else 25, 8)
        seen = decoder(x, heard, tgt_mask=biased[:, : i + 1, : i + 1], memory_mask=deaf[: i + 1, : heard.shape[1]])
        frames = torch.nn.functional.linear(seen, tensors["vertice_map_r.weight"], tensors["vertice_map_r.bias"])
        fed = torch.nn.functional.linear(frames[:, -1:], tensors["vertice_map.weight"], tensors["vertice_map.bias"])
        told = torch.cat([told, fed + style], 1)
    torch.testing.assert_close(found[:count], frames[0].detach(), atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize("data", ["vocaset", "biwi"])
def test_published_codetalker_gives_faces_of_its_codes(tmp_path, small_ear, data):
    tensors = face_layout.weights(face_layout.codetalker(data))
    face_layout.write(tmp_path / f"{data}_stage2.pth.tar", {f"module.{n}": v for n, v in tensors.items()}, wrapped=True)
    model = faces.load(tmp_path).model
    assert isinstance(model, CodeTalker)
    for name, values in tensors.items():
        if name.startswith("autoencoder.") and not name.endswith(".pe"):
            assert torch.equal(model.state_dict()[name], values)
    samples = (np.random.default_rng(1).normal(size=RATE // 2) * 0.1).astype(np.float32)
    frames = model.predict(samples)
    assert frames.shape == (len(samples) * model.space.fps // RATE + 1, 3 * face_layout.VERTICES[data])
    assert np.isfinite(frames).all()
    assert np.array_equal(frames, model.predict(samples))


def test_published_autoencoder_is_the_papers():
    """Convolution, spread 1 over the clip, the one position, layers before which is normalized, and the way back."""
    torch.manual_seed(0)
    sizes = codetalker.Sizes(8, 1, prior=16, prior_blocks=1, prior_heads=2, prior_inner=16, codes=9, length=4, parts=4,
                             layout=codetalker.VOCASET)  # fmt: skip
    prior = codetalker.Prior(6, sizes).eval()
    frames = torch.randn(1, 10, 6)
    encoder = prior.encoder
    x = torch.nn.functional.leaky_relu(encoder.vertice_mapping[0](frames), 0.2).transpose(1, 2)
    x = torch.nn.functional.pad(x, (2, 2), mode="replicate")
    x = torch.nn.functional.conv1d(x, encoder.squasher[0][0].weight, encoder.squasher[0][0].bias)
    x = torch.nn.functional.leaky_relu(x, 0.2)
    x = ((x - x.mean(2, keepdim=True)) / (x.var(2, keepdim=True, unbiased=False) + 1e-5).sqrt()).transpose(1, 2)
    x = encoder.encoder_linear_embedding.net(x)
    x = x + torch.tensor([0.0, 1.0] * 8)
    attention = encoder.encoder_transformer.net[0].fn
    q, k, v = attention.fn.to_qkv(attention.norm(x)).chunk(3, -1)
    seen = []
    for head in (slice(0, 8), slice(8, 16)):
        share = (q[..., head] @ k[..., head].transpose(1, 2) / 16**0.5).softmax(-1)
        seen.append(share @ v[..., head])
    x = x + attention.fn.to_out(torch.cat(seen, -1))
    inner = encoder.encoder_transformer.net[1].fn
    x = x + inner.fn.l2(torch.nn.functional.gelu(inner.fn.l1(inner.norm(x))))
    torch.testing.assert_close(prior.encoder(frames), x, atol=1e-5, rtol=1e-4)
    through, codes = prior.quantize(x)
    book = prior.quantize.embedding.weight
    for row, code in zip(x.reshape(-1, 4), codes.reshape(-1, 4), strict=True):
        assert torch.equal(code, book[(book - row).norm(dim=1).argmin()])
    torch.testing.assert_close(through, codes)


BAD = {
    "another model": (lambda t: {f"other.{n}": v for n, v in t.items()}, "those of another model"),
    "missing": (lambda t: {n: v for n, v in t.items() if n != "vertice_map_r.bias"}, "lack vertice_map_r.bias"),
    "extra": (lambda t: {**t, "lm_head.weight": torch.zeros(2)}, "hold lm_head.weight too many"),
    "another shape": (lambda t: {**t, "obj_vector.weight": torch.zeros(8, 3)}, r"obj_vector.weight .*is \(8, 3\)"),
    "not numbers": (lambda t: {**t, "vertice_map_r.bias": t["vertice_map_r.bias"] * torch.nan}, "are not numbers"),
    "no tensors": (lambda t: {"args": "vocaset"}, "does not hold the weights"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_published_weights_are_a_clear_sentence(tmp_path, small_ear, name):
    spoil, words = BAD[name]
    face_layout.write(tmp_path / "vocaset.pth", spoil(face_layout.weights(face_layout.faceformer("vocaset"))))
    with pytest.raises(InputError, match=words):
        faces.load(tmp_path)


class Malicious:
    def __reduce__(self):
        return os.mkdir, (str(Path(os.environ["MALICIOUS"])),)


@pytest.mark.parametrize("file", ["vocaset.pth", "biwi_stage2.pth.tar"])
def test_published_weights_never_run_code(tmp_path, small_ear, monkeypatch, file):
    monkeypatch.setenv("MALICIOUS", str(tmp_path / "made"))
    torch.save({"state_dict": Malicious()}, tmp_path / file)
    with pytest.raises(InputError, match="could run code; it was not opened"):
        faces.load(tmp_path)
    assert not (tmp_path / "made").exists()
    torch.save({"a": torch.zeros(9999)}, tmp_path / file)
    os.truncate(tmp_path / file, 900)
    with pytest.raises(InputError, match="cut off or damaged"):
        faces.load(tmp_path)


def ply(path: Path, count: int) -> None:
    random = np.random.default_rng(0)
    lines = ["ply", "format ascii 1.0", f"element vertex {count}", "property float x", "property float y",
             "property float z", "element face 1", "property list uchar int vertex_indices", "end_header"]  # fmt: skip
    lines += [" ".join(f"{value:.5f}" for value in row) for row in random.normal(size=(count, 3)) * 0.1]
    path.write_text("\n".join([*lines, "4 0 1 2 3", ""]))


def test_a_mesh_beside_published_weights_must_be_theirs(tmp_path, small_ear):
    face_layout.write(tmp_path / "vocaset.pth", face_layout.weights(face_layout.faceformer("vocaset")))
    ply(tmp_path / "FLAME_sample.ply", 5023)
    assert faces.load(tmp_path).model.topology.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    ply(tmp_path / "FLAME_sample.ply", 5000)
    with pytest.raises(InputError, match=r"FLAME_sample.ply has 5000 vertices, the model 5023: it is another mesh"):
        faces.load(tmp_path)


# ---------------------------------------------------------------- ears


@pytest.mark.parametrize(("at", "fps"), [(0.5, 30), (1.5, 25)])
def test_the_mel_ear_hears_where_it_happens(at, fps):
    torch.manual_seed(0)
    ear = face_encoder.MelEar(16, 1).eval()
    quiet = torch.randn(1, 2 * RATE) * 1e-3
    loud = quiet.clone()
    loud[:, round(at * RATE) : round(at * RATE) + 160] += 0.5
    with torch.no_grad():
        change = (ear(loud, 2 * fps) - ear(quiet, 2 * fps)).abs().sum((0, 2))
    # the window, five frames of mel and seven states: 0.1 s to each side
    assert abs(int(change.argmax()) / fps - at) < 0.05
    assert change[: int((at - 0.12) * fps)].max() < 0.01 * change.max()


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm"])
def test_a_speech_model_is_heard_with_and_saved_with_the_face(tmp_path, kind, noisy, monkeypatch):
    transformers = pytest.importorskip("transformers")
    config = transformers.AutoConfig.for_model(kind, **{n: v for n, v in face_layout.EAR.items() if n != "model_type"})
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path / "speech")
    ear = face_encoder.wanted(str(tmp_path / "speech"), 8, 1)
    face = shaken(FaceFormer(faceformer.Sizes(8), SPACES["arkit"], ear, ("calm",)))
    frozen = [name for name, values in face.named_parameters() if not values.requires_grad]
    assert frozen
    assert all("feature_extractor" in name or "masked_spec" in name for name in frozen)
    face.save(tmp_path / "face")
    for path in (tmp_path / "speech").iterdir():
        path.unlink()  # the face needs its folder no more
    again = faces.load(tmp_path / "face").model
    assert np.array_equal(again.predict(noisy), face.predict(noisy))
    assert again.predict(noisy).shape == (61, 52)


def test_the_shipped_phonemes_are_an_ear(spoken_line):
    clip = audio.load(spoken_line)
    ear = face_encoder.wanted("phonemes", 8, 1)
    raw = ear.raw(clip.samples)
    assert raw.shape == (len(clip.samples) // 320 + 1, 40)
    assert raw.sum(1) == pytest.approx(np.ones(len(raw)), abs=1e-3)
    with torch.no_grad():
        assert ear(torch.from_numpy(raw)[None], 77).shape == (1, 77, 8)


def test_missing_speech_weights_are_a_clear_sentence(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="There is no speech model in"):
        face_encoder.wanted(str(tmp_path / "nowhere"), 8, 1)
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(InputError, match=r"cannot be read .*download it again"):
        face_encoder.wanted(str(tmp_path), 8, 1)


# ---------------------------------------------------------------- models and folders


@pytest.mark.parametrize("kind", ["faceformer", "codetalker"])
@pytest.mark.parametrize("space", SPACES)
def test_a_saved_face_is_the_same_face(tmp_path, kind, space, noisy):
    model = small(kind, space)
    with torch.no_grad():
        model.mean.normal_()
        model.spread.uniform_(0.5, 1)
    model.topology = Topology(np.zeros((10, 3), np.float32), np.array([[0, 1, 2]]))
    model.save(tmp_path)
    again = faces.load(tmp_path)
    assert again.model.speakers == ("calm", "lively")
    assert again.model.space == SPACES[space]
    assert again.model.topology.faces.tolist() == [[0, 1, 2]]
    first = model.predict(noisy, Asked(1))
    assert np.array_equal(again.model.predict(noisy, Asked(1)), first)
    assert np.abs(model.predict(noisy, Asked(0)) - first).max() > 1e-3  # who speaks counts


def test_faceformer_frame_by_frame_is_all_at_once_with_its_own_frames(noisy):
    model = small("faceformer")
    sound = torch.from_numpy(model.ear.raw(noisy))[None]
    with torch.no_grad():
        frames = model.piece(sound, 60, Asked(1), torch.Generator())[None]
        again = model(model.listen(sound, 60), frames[:, :-1], model.style(torch.tensor([1])))
    torch.testing.assert_close(again, frames, atol=1e-4, rtol=1e-3)


def test_codetalker_gives_nothing_but_its_codes(noisy):
    model = small("codetalker")
    sound = torch.from_numpy(model.ear.raw(noisy))[None]
    with torch.no_grad():
        frames = model.piece(sound, 40, Asked(0), torch.Generator())
        found, features = model(model.listen(sound, 40), frames[None, :-1], torch.tensor([0]))
    assert frames.shape == (40, 52)
    assert features.shape == (1, 40, 16)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("kind", ["faceformer", "codetalker"])
def test_long_takes_go_together_without_a_jump(kind):
    model = small(kind)
    random = np.random.default_rng(0)
    samples = (random.normal(size=19 * RATE) * 0.1).astype(np.float32)
    told: list[float] = []
    frames = model.predict(samples, progress=lambda done, _: told.append(done))
    assert len(frames) == 571
    steps = np.abs(np.diff(frames, axis=0)).max(1)
    seams = [int(30 * second) for second in range(model.SECONDS - 1, 18, model.SECONDS - 1)]
    usual = np.quantile(steps, 0.95)
    assert all(steps[seam - 1 : seam + 31].max() < 2 * usual for seam in seams)
    assert told == sorted(told)
    assert told[-1] == 1.0

    def stop(done: float, _stage: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        model.predict(samples, progress=stop)


def change_config(folder: Path, **values) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


BAD_FOLDERS = {
    "nothing": (lambda f: [path.unlink() for path in f.iterdir()], "holds no face: neither config.json"),
    "another type": (
        lambda f: change_config(f, model_type="bert"),
        'holds a model of type "bert"; the known faces are',
    ),
    "no size": (lambda f: change_config(f, hidden=0), "hidden = 0, where a size is expected"),
    "other sizes": (lambda f: change_config(f, hidden=24), "where config.json asks for"),
    "odd sizes": (lambda f: change_config(f, hidden=17), "hidden must be a multiple of 8"),
    "no speakers": (lambda f: change_config(f, speaker_names=[]), "does not name its speakers"),
    "no ear": (lambda f: change_config(f, ear={"kind": "elephant"}), "does not say how the model hears"),
    "a strange ear": (
        lambda f: change_config(f, ear={"kind": "speech", "config": {"model_type": "llama"}}),
        "does not say how the model hears",
    ),
    "no space": (lambda f: change_config(f, space=3), "does not say what the model's numbers are"),
    "a strange space": (
        lambda f: change_config(f, space={"kind": "arkit", "width": 51, "fps": 30, "basis": ""}),
        "tells of faces that cannot be",
    ),
    "cut off": (lambda f: os.truncate(f / "model.safetensors", 100), "cut off or damaged"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "neither model.safetensors nor"),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_a_bad_folder_is_a_clear_sentence(tmp_path, name):
    spoil, words = BAD_FOLDERS[name]
    small("faceformer").save(tmp_path)
    spoil(tmp_path)
    with pytest.raises(InputError, match=words):
        faces.load(tmp_path)


# ---------------------------------------------------------------- as Motion


@pytest.fixture
def face(tmp_path) -> faces.Face:
    model = small("faceformer")
    with torch.no_grad():
        model.mean.fill_(0.3)
        model.spread.fill_(0.1)
    return faces.Face(model)


def test_a_face_speaks_as_the_shipped_one_does(face, spoken_line):
    clip = audio.load(spoken_line)
    motion = face.solve(clip, Direction())
    assert motion.rate == 30
    assert motion.frame_count == len(clip.samples) * 30 // RATE + 1
    assert motion.tongue.max() > 0.1  # the shipped tongue
    assert motion.jaw_pose[:, 0] == pytest.approx(0.41 * motion.arkit[:, ARKIT_INDEX["jawOpen"]], abs=1e-4)
    assert motion.audio_sha256 == clip.sha256
    half = face.solve(clip, Direction(intensity=0.5))
    assert half.arkit == pytest.approx(0.5 * motion.arkit, abs=1e-4)
    shut = face.solve(clip, Direction(strengths={"jaw": 0.0}))
    assert shut.arkit[:, ARKIT_INDEX["jawOpen"]].max() == 0.0
    lively = face.solve(clip, Direction(style="lively"))
    assert np.abs(lively.arkit - motion.arkit).max() > 0.01


def test_a_silent_clip_gives_a_still_face(face, sound):
    clip = audio.load(sound("silence.wav", np.zeros(48_000, np.float32)))
    motion = face.solve(clip, Direction())
    assert motion.frame_count == 31
    assert not motion.arkit.any()
    assert not motion.tongue.any()


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory")]
)
def test_running_out_of_memory_is_a_clear_sentence(face, spoken_line, monkeypatch, error):
    def full(*_arguments):
        raise error

    monkeypatch.setattr(face.model, "piece", full)
    with pytest.raises(InputError, match=r"Memory ran out while the learned face spoke line\.flac"):
        face.solve(audio.load(spoken_line), Direction())


def test_generate_uses_a_learned_face(face, spoken_line, tmp_path, capsys):
    face.model.save(tmp_path / "face")
    assert (
        cli.main(
            ["generate", str(spoken_line), "--out", str(tmp_path), "--format", "npz", "--face", str(tmp_path / "face")]
        )
        == 0
    )
    own, _ = batch.generate(spoken_line, Fraction(30), Direction())
    learned, _ = batch.generate(spoken_line, Fraction(30), Direction(), face=face)
    written = Motion.load(tmp_path / "line.npz")
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.abs(own.arkit[:200, jaw] - learned.arkit[:200, jaw]).max() > 0.05
    assert written.frame_count == learned.frame_count
    assert learned.body_pose is not None
    assert cli.main(["generate", str(spoken_line), "--out", str(tmp_path), "--face", str(tmp_path / "none")]) == 1
    assert "holds no face" in capsys.readouterr().err


def test_emotions_of_a_direction_reach_a_model_frame_by_frame():
    direction = Direction(
        emotions=[EmotionSpan("joy", 0.7, 1.0, 2.0), EmotionKey("fear", 0.0, 0.0), EmotionKey("fear", 1.0, 3.0)]
    )
    felt = faces.feelings(direction, 90, 30)
    joy, fear = felt[:, EMOTIONS.index("joy")], felt[:, EMOTIONS.index("fear")]
    assert joy[:29].max() == 0
    assert joy[31:59] == pytest.approx(0.7)
    assert fear == pytest.approx(np.arange(90) / 90, abs=0.01)
    assert faces.feelings(Direction(), 90, 30) is None


def talking(count: int = 20) -> np.ndarray:
    """Weights as of a talk, and a smile: mouthClose within jawOpen."""
    random = np.random.default_rng(3)
    weights = np.zeros((count, len(ARKIT)), np.float32)
    for name in ("jawOpen", "mouthSmileLeft", "mouthFunnel", "browInnerUp"):
        weights[:, ARKIT_INDEX[name]] = random.uniform(0, 0.6, count)
    weights[:, ARKIT_INDEX["mouthClose"]] = 0.5 * weights[:, ARKIT_INDEX["jawOpen"]]
    return weights


@pytest.fixture(scope="module")
def mesh() -> tuple[Topology, np.ndarray]:
    """The skin of the open head in centimetres, turned and shuffled, as of unknown hands; what ARKit does to it."""
    head = OpenHead.read()
    order = np.random.default_rng(0).permutation(len(head.surface_vertices))
    turn = np.deg2rad(4.0)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    template = 100 * head.template[head.surface_vertices][order] @ rotation.T + 7
    shapes = 100 * head.shapes[: len(ARKIT), head.surface_vertices][:, order] @ rotation.T
    return Topology(template.astype(np.float32), np.argsort(order)[head.surface]), shapes


def test_vertices_of_another_mesh_become_weights(mesh):
    topology, shapes = mesh
    weights = talking()
    moved = np.einsum("tk,kvc->tvc", weights, shapes).reshape(len(weights), -1).astype(np.float32)
    space = Space("vertices", moved.shape[1], 30, "other")
    found, residual = faces.to_arkit(space, moved, topology)
    assert residual.max() < 0.4  # millimetres
    seen = np.abs(found - weights).mean(0)
    assert seen[ARKIT_INDEX["jawOpen"]] < 0.03
    assert seen[ARKIT_INDEX["mouthSmileLeft"]] < 0.05
    assert np.abs(found - weights).max() < 0.2
    with pytest.raises(InputError, match="moves \\(10, 3\\) where the mesh has"):
        faces.to_arkit(space, moved[:, :30], topology)


def test_a_face_of_vertices_tells_how_far_its_weights_are_off(mesh, spoken_line, caplog):
    topology, shapes = mesh
    moved = np.einsum("k,kvc->vc", talking()[0], shapes)
    space = Space("vertices", moved.size, 25, "other")
    model = FaceFormer(faceformer.Sizes(8), space, face_encoder.MelEar(8, 1), ("calm",)).eval()
    model.mean.copy_(torch.from_numpy(moved.reshape(-1)).float())
    clip = audio.load(spoken_line)
    with pytest.raises(InputError, match=r"its triangles are not known; put the mesh as \.ply"):
        faces.Face(model).solve(clip, Direction())
    model.topology = topology
    with caplog.at_level(logging.INFO):
        motion = faces.Face(model).solve(clip, Direction())
    assert motion.rate == 25
    jaw = ARKIT_INDEX["jawOpen"]
    assert motion.arkit[:, jaw] == pytest.approx(np.full(motion.frame_count, talking()[0, jaw]), abs=0.05)
    assert "mm on average" in caplog.text


def test_coefficients_become_weights_with_their_own_model_alone(tmp_path):
    head = load_model("open-head")
    space = Space("flame", 67, 25, "open-head")
    from animcore.bodies.expression import bridge

    weights = talking()
    motion, _ = bridge(head).to_flame(Motion(Fraction(25), arkit=weights))
    frames = np.concatenate([motion.expression, motion.jaw_pose], 1)
    found, residual = faces.to_arkit(space, frames)
    assert residual.mean() < 1.0
    assert np.abs(found - weights)[:, ARKIT_INDEX["jawOpen"]].mean() < 0.1
    other = Space("flame", 67, 25, "flame2020")
    with pytest.raises(InputError, match="gives coefficients of flame2020; put the file of that FLAME model"):
        faces.to_arkit(other, frames)
    path = Path(__file__).resolve().parents[2] / "assets" / "bodies" / "open_head.npz"
    with pytest.raises(InputError, match="is open-head; this face gives coefficients of flame2020"):
        faces.to_arkit(other, frames, flame=path)
