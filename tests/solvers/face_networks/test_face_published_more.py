"""The published weights of FaceDiffuser and EMOTE by their layouts, against what their papers and authors say."""

from __future__ import annotations

import os
import pathlib
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="face networks need the extra train")
yaml = pytest.importorskip("yaml")
transformers = pytest.importorskip("transformers")

import face_layout  # noqa: E402 (torch first)

from animcore.audio import recording  # noqa: E402
from animcore.core.vocabulary import ARKIT, EMOTIONS  # noqa: E402
from animcore.direction import Direction, EmotionSpan  # noqa: E402
from animcore.errors import InputError  # noqa: E402
from animcore.pipelines import generate_files  # noqa: E402
from animcore.solvers.face_networks import audio_encoders, emote_published, face_solver, published_weights  # noqa: E402
from animcore.solvers.face_networks.base import Conditioning  # noqa: E402
from animcore.solvers.face_networks.output_space import OutputSpace  # noqa: E402

torch.set_num_threads(1)

RATE = recording.RATE
ROOT = Path(__file__).resolve().parents[3]
linear, F = torch.nn.functional.linear, torch.nn.functional


@pytest.fixture(autouse=True)
def small_ears(monkeypatch):
    """Small speech models in the place of the 95 million weights of the published ones."""

    def made(kind: str = "wav2vec2") -> audio_encoders.SpeechModelEncoder:
        return audio_encoders.SpeechModelEncoder(
            audio_encoders._empty(face_layout.EAR | {"model_type": kind}, Path("small"))
        )

    monkeypatch.setattr(audio_encoders, "base_speech_model", made)


def states(tensors: dict[str, torch.Tensor], start: str, samples: np.ndarray, between: int | None = None):
    """What the authors' ear hears: (1, M, 16), with the states of its convolutions brought to `between` where given."""
    kind = transformers.HubertModel if between is None else transformers.Wav2Vec2Model
    config = {name: value for name, value in face_layout.EAR.items() if name != "model_type"}
    model = kind(kind.config_class(**config)).eval()
    names = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    state = {}
    for name, values in tensors.items():
        if name.startswith(start):
            for old, new in names.items():
                name = name.replace(f"conv.{old}", f"conv.{new}")
            state[name.removeprefix(start)] = values
    model.load_state_dict(state)
    level = torch.from_numpy((samples - samples.mean()) / samples.std())[None]
    with torch.no_grad():
        if between is None:
            return model(level).last_hidden_state
        heard = F.interpolate(model.feature_extractor(level), size=between, align_corners=True, mode="linear")
        return model.encoder(model.feature_projection(heard.transpose(1, 2))[0])[0]


def noise_of(seconds: float, seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=round(seconds * RATE)) * 0.1).astype(np.float32)


# ---------------------------------------------------------------- FaceDiffuser


def people(data: str) -> dict[str, np.ndarray]:
    names = published_weights.VOCASET if data == "vocaset" else published_weights.BIWI
    random = np.random.default_rng(3)
    return {name: random.normal(size=(face_layout.VERTICES[data], 3)) * 0.1 for name in (*names, "somebody else")}


def diffuser(folder: Path, data: str, file: str, rest: bool = True) -> dict[str, torch.Tensor]:
    tensors = face_layout.weights(face_layout.facediffuser(data))
    face_layout.write(folder / file, tensors)
    if rest:
        (folder / "templates.pkl").write_bytes(pickle.dumps(people(data), protocol=2))
    return tensors


def recurrent(tensors: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Gated recurrent units by their formula (Cho et al., 2014, with the reset gate behind the product)."""
    for layer in range(2):
        hidden, rows = torch.zeros(8), []
        for now in x:
            inner = linear(now, tensors[f"gru.weight_ih_l{layer}"], tensors[f"gru.bias_ih_l{layer}"]).chunk(3)
            outer = linear(hidden, tensors[f"gru.weight_hh_l{layer}"], tensors[f"gru.bias_hh_l{layer}"]).chunk(3)
            reset, keep = (inner[0] + outer[0]).sigmoid(), (inner[1] + outer[1]).sigmoid()
            hidden = (1 - keep) * (inner[2] + reset * outer[2]).tanh() + keep * hidden
            rows.append(hidden)
        x = torch.stack(rows)
    return x


def clean_as_published(
    tensors: dict[str, torch.Tensor], noisy: torch.Tensor, step: int, heard: torch.Tensor, who: int, rest: torch.Tensor
) -> torch.Tensor:
    """What the authors' network says of vertices (T, W), frame by frame and position by position."""
    code = tensors["time_mlp.0.weight"][:, step] + tensors["time_mlp.0.bias"]
    code = code * F.softplus(code).tanh()  # Mish
    rows = []
    for frame, said in zip(noisy, heard, strict=True):
        wide = linear(frame, tensors["input_projection.0.weight"], tensors["input_projection.0.bias"])
        padded, kernel = F.pad(wide, (4, 4)), tensors["input_projection.1.weight"][0, 0]
        smooth = (
            torch.stack([padded[i : i + 9] @ kernel for i in range(len(wide))]) + tensors["input_projection.1.bias"]
        )
        seen = torch.stack([smooth[i : i + 2].max() for i in range(0, len(wide), 2)]).clamp(min=0)
        told = linear(said, tensors["cond_projection.weight"], tensors["cond_projection.bias"])
        rows.append(torch.cat([told, seen, code]))
    x = F.layer_norm(torch.stack(rows), (24,), tensors["norm_cond.weight"], tensors["norm_cond.bias"])
    found = recurrent(tensors, x) * tensors["obj_vector.weight"][:, who]
    return linear(found, tensors["final_layer.weight"], tensors["final_layer.bias"]) + rest


@pytest.mark.parametrize("data", ["vocaset", "biwi"])
def test_published_facediffuser_does_what_its_authors_do(tmp_path, data):
    tensors = diffuser(tmp_path, data, f"pretrained_{data}.pth")
    model = face_solver.load(tmp_path).model
    fps = {"vocaset": 30, "biwi": 25}[data]
    assert model.space == OutputSpace(
        "vertices", 3 * face_layout.VERTICES[data], fps, {"vocaset": "flame"}.get(data, "biwi")
    )
    names = list(people(data))
    assert list(model.speakers) == names[:-1]
    count, who = 8, 4
    samples = noise_of(count / fps)
    heard = states(tensors, "audio_encoder.", samples)
    if data == "vocaset":  # 50 states a second brought to 60
        heard = F.interpolate(heard.transpose(1, 2), size=2 * count, align_corners=True, mode="linear").transpose(1, 2)
    else:  # as they are; the convolutions lose the last
        heard = torch.cat([heard, heard[:, -1:]], 1)[:, : 2 * count]
    heard = heard.reshape(count, -1)
    rest = torch.from_numpy(people(data)[names[who]].astype(np.float32)).reshape(-1)
    noisy = torch.randn(count, model.space.width)
    with torch.inference_mode():
        found = model.clean(
            noisy[None], 17, model.ear(torch.from_numpy(samples)[None], 2 * count).reshape(1, count, -1), who
        )
        wanted = clean_as_published(tensors, noisy, 17, heard, who, rest)
    torch.testing.assert_close(found[0], wanted, atol=3e-4, rtol=2e-3)


def test_published_facediffuser_denoises_vertices_where_they_lie(tmp_path, monkeypatch):
    """Fifty steps from noise to step 0; what comes out is the network's last word, from where the person rests."""
    diffuser(tmp_path, "vocaset", "pretrained_vocaset.pth")
    model = face_solver.load(tmp_path).model
    rest = torch.from_numpy(people("vocaset")[model.speakers[3]].astype(np.float32)).reshape(-1)
    asked, said, inner = [], [], model.clean

    def watched(noisy, step, states, speaker):
        asked.append((step, float(noisy.std())))
        said.append(inner(noisy, step, states, speaker))
        return said[-1]

    monkeypatch.setattr(model, "clean", watched)
    with torch.inference_mode():
        found = model.piece(torch.from_numpy(noise_of(0.3))[None], 9, Conditioning(3), torch.Generator().manual_seed(1))
    assert [step for step, _ in asked][::49] == [59, 0]
    assert len(asked) == 50
    assert 0.97 < asked[0][1] < 1.03
    torch.testing.assert_close(found + rest, said[-1][0])


def test_published_facediffuser_draws_another_take_with_another_seed(tmp_path):
    diffuser(tmp_path, "vocaset", "face_diffuser_vocaset_50.pth")
    model = face_solver.load(tmp_path).model
    samples = noise_of(0.4)
    once = model.predict(samples, Conditioning(seed=1))
    assert once.shape == (13, 15069)
    assert np.array_equal(once, model.predict(samples, Conditioning(seed=1)))
    assert not np.array_equal(once, model.predict(samples, Conditioning(seed=2)))


def test_published_facediffuser_of_beat_gives_weights_in_the_order_of_the_alphabet(tmp_path):
    tensors = diffuser(tmp_path, "beat", "face_diffuser_beat_50.pth", rest=False)
    tensors["final_layer.weight"] *= 0
    tensors["final_layer.bias"] = torch.arange(51) / 100
    face_layout.write(tmp_path / "face_diffuser_beat_50.pth", tensors)
    face = face_solver.load(tmp_path)
    assert face.model.space == OutputSpace("arkit", 52, 30)
    frames = face.model.predict(noise_of(0.5))
    # after arkit2metahuman.py and the masks of compute_objective_metrics_blendshape.py of the authors
    known = {0: "browDownLeft", 8: "eyeBlinkLeft", 21: "eyeWideRight", 24: "jawOpen", 26: "mouthClose",
             31: "mouthFunnel", 37: "mouthPucker", 50: "noseSneerRight"}  # fmt: skip
    for index, name in known.items():
        assert np.allclose(frames[:, ARKIT.index(name)], index / 100, atol=1e-6), name
    assert not frames[:, ARKIT.index("tongueOut")].any()


DIFFUSER_BAD = {
    "multiface": ({"final_layer.bias": torch.zeros(18516)}, "18516 numbers.*Multiface and UUDaMM"),
    "14 people": (
        {"obj_vector.weight": torch.zeros(8, 14)},
        "has 14 speakers, the published weights of VOCASET have 8",
    ),
    "extra": ({"lm_head.weight": torch.zeros(2)}, "hold lm_head.weight too many"),
    "no face": ({"final_layer.bias": None}, "those of another model: they have no out.bias"),
    "not numbers": ({"gru.bias_ih_l0": torch.full((24,), torch.nan)}, "are not numbers"),
}


@pytest.mark.parametrize("name", DIFFUSER_BAD)
def test_bad_weights_of_facediffuser_are_a_clear_sentence(tmp_path, name):
    changes, words = DIFFUSER_BAD[name]
    tensors = diffuser(tmp_path, "vocaset", "pretrained_vocaset.pth") | changes
    face_layout.write(tmp_path / "pretrained_vocaset.pth", {n: v for n, v in tensors.items() if v is not None})
    with pytest.raises(InputError, match=words):
        face_solver.load(tmp_path)


def test_facediffuser_needs_the_faces_at_rest(tmp_path):
    diffuser(tmp_path, "vocaset", "pretrained_vocaset.pth", rest=False)
    with pytest.raises(InputError, match=r"no .*templates.pkl: FaceDiffuser needs the faces at rest"):
        face_solver.load(tmp_path)
    (tmp_path / "templates.pkl").write_bytes(pickle.dumps(people("biwi"), protocol=2))
    with pytest.raises(InputError, match="has no face of 5023 vertices for FaceTalk_170728_03272_TA"):
        face_solver.load(tmp_path)
    diffuser(tmp_path, "biwi", "pretrained_BIWI.pth", rest=False)
    with pytest.raises(InputError, match=r"holds pretrained_BIWI.pth, pretrained_vocaset.pth; put each into"):
        face_solver.load(tmp_path)


# ---------------------------------------------------------------- EMOTE

SETTINGS = {
    "model": {
        "sequence_decoder": {
            "type": "BertPriorDecoder", "style_op": "cat", "squash_before": False, "squash_after": True, "nhead": 4,
            "squash_type": "stack_linear", "activation": "gelu", "post_bug_fix": True, "period": 3,
            "temporal_bias_type": "faceformer_future", "n_identities": "todo",
            "motion_prior": {"cfg": {"model": {"sequence_decoder": {"nhead": 2}}}},
        }
    }
}  # fmt: skip


class DictConfig:
    """As omegaconf's, whose objects may lie in a Lightning checkpoint."""

    __module__ = "omegaconf.dictconfig"


def emote(folder: Path, tensors: dict[str, torch.Tensor] | None = None, **settings) -> dict[str, torch.Tensor]:
    found = face_layout.weights(face_layout.emote()) if tensors is None else tensors
    (folder / "checkpoints").mkdir(exist_ok=True, parents=True)
    torch.save({"state_dict": found, "epoch": 2, "loops": {"fit_loop": {}}}, folder / "checkpoints" / "last.ckpt")
    decoder = SETTINGS["model"]["sequence_decoder"] | settings
    (folder / "cfg.yaml").write_text(yaml.safe_dump({"model": {"sequence_decoder": decoder}}))
    return found


def attention(tensors: dict[str, torch.Tensor], start: str, x: torch.Tensor, heads: int, period: int) -> torch.Tensor:
    """A layer of a transformer, head by head: attention that fades by whole periods to both sides, dense layers."""
    own = {name.removeprefix(start): values for name, values in tensors.items() if name.startswith(start)}
    count, width = x.shape
    size, seen = width // heads, []
    query, key, value = linear(x, own["self_attn.in_proj_weight"], own["self_attn.in_proj_bias"]).chunk(3, -1)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        score = query[:, part] @ key[:, part].T / size**0.5
        for i in range(count):
            for j in range(count):
                score[i, j] -= (abs(i - j) // period) * 2.0 ** (-8 * (head + 1) / heads)
        seen.append(score.softmax(-1) @ value[:, part])
    x = x + linear(torch.cat(seen, -1), own["self_attn.out_proj.weight"], own["self_attn.out_proj.bias"])
    x = F.layer_norm(x, (width,), own["norm1.weight"], own["norm1.bias"])
    inner = F.gelu(linear(x, own["linear1.weight"], own["linear1.bias"]))
    x = x + linear(inner, own["linear2.weight"], own["linear2.bias"])
    return F.layer_norm(x, (width,), own["norm2.weight"], own["norm2.bias"])


def prior_as_published(tensors: dict[str, torch.Tensor], latents: torch.Tensor) -> torch.Tensor:
    start = "sequence_decoder.motion_prior.motion_decoder."
    own = {name.removeprefix(start): values for name, values in tensors.items() if name.startswith(start)}
    x = latents.T[None]
    for index in range(3):
        name = f"expander.{index}"
        weight, bias = own[f"{name}.0.weight"], own[f"{name}.0.bias"]
        if index == 0:
            x = F.conv_transpose1d(x, weight, bias, stride=2, padding=2, output_padding=1)
        else:
            x = F.conv1d(F.pad(x, (2, 2), mode="replicate"), weight, bias)
        mean, variance = (own[f"{name}.2.running_{part}"][:, None] for part in ("mean", "var"))
        x = (F.leaky_relu(x, 0.2) - mean) / (variance + 1e-5).sqrt()
        x = x * own[f"{name}.2.weight"][:, None] + own[f"{name}.2.bias"][:, None]
        if index:
            x = torch.stack([x, x], -1).flatten(2)
    x = linear(x[0].T, own["decoder_linear_embedding.weight"], own["decoder_linear_embedding.bias"])
    x = attention(own, "decoder_transformer.layers.0.", x, heads=2, period=1)
    x = linear(x, own["post_transformer_linear.weight"], own["post_transformer_linear.bias"])
    return F.conv1d(x.T[None], own["cross_smooth_layer.weight"], own["cross_smooth_layer.bias"], padding=2)[0].T


def test_published_emote_does_what_its_authors_do(tmp_path):
    """13 frames, so that the last latent is of five frames and three of nothing; W009 glad, halfway to the loudest."""
    tensors = emote(tmp_path)
    face = face_solver.load(tmp_path)
    model = face.model
    assert model.space == OutputSpace("flame", 53, 25, "flame2020")
    assert face.feels
    count, who = 13, model.speakers.index("W009")
    samples = noise_of(count / 25)
    felt = np.zeros((count, 8), np.float32)
    felt[:, EMOTIONS.index("joy")] = 2.5 / 3
    with torch.inference_mode():
        found = model.piece(torch.from_numpy(samples)[None], count, Conditioning(who, emotions=felt), torch.Generator())
        heard = states(tensors, "audio_model.model.", samples, between=count)[0]
        heard = linear(heard, tensors["sequence_encoder.linear.weight"], tensors["sequence_encoder.linear.bias"])
        asked = torch.zeros(43)
        asked[1], asked[8 + 1], asked[8 + 2], asked[8 + 3 + 18] = 1.0, 0.5, 0.5, 1.0  # Happy; levels 2 and 3; W009
        style = linear(asked, *(tensors[f"sequence_decoder.obj_vector.map.{part}"] for part in ("weight", "bias")))
        x = torch.cat([heard, style.expand(count, -1)], -1)
        x = attention(tensors, "sequence_decoder.bert_decoder.layers.0.", x, heads=4, period=3)
        x = linear(x, tensors["sequence_decoder.decoder.weight"], tensors["sequence_decoder.decoder.bias"])
        x = torch.cat([x, torch.zeros(3, 16)]).reshape(2, 8 * 16)
        x = linear(x, *(tensors[f"sequence_decoder.squasher_2.linear.{part}"] for part in ("weight", "bias")))
        wanted = prior_as_published(tensors, x)[:count]
    torch.testing.assert_close(found, wanted, atol=2e-4, rtol=2e-3)
    assert model.predict(noise_of(1.0)).shape == (26, 53)


def test_emote_is_asked_for_emotions_as_it_was_taught_them():
    """AffectNet's order; a strength of a third is MEAD's first level; without any it is neutral at the first."""
    felt = np.zeros((5, 8), np.float32)
    felt[1, EMOTIONS.index("contempt")] = 1 / 3
    felt[2, EMOTIONS.index("sadness")] = 1.0
    felt[3, EMOTIONS.index("anger")], felt[3, EMOTIONS.index("neutral")] = 1 / 6, 1.0
    felt[4, EMOTIONS.index("fear")] = felt[4, EMOTIONS.index("surprise")] = 2 / 3
    found = emote_published.condition(Conditioning(5, emotions=felt), 5, 32)
    wanted = np.zeros((5, 43), np.float32)
    wanted[:, 8 + 3 + 5] = 1
    wanted[[0, 1, 2, 3, 4], [8, 8, 10, 8, 9]] = 1
    wanted[0, 0], wanted[1, 7], wanted[2, 2], wanted[3, 0], wanted[3, 6], wanted[4, 3], wanted[4, 4] = (
        1,
        1,
        1,
        0.5,
        0.5,
        0.5,
        0.5,
    )
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert np.array_equal(emote_published.condition(Conditioning(5), 1, 32), wanted[:1])


def test_what_lightning_keeps_beside_the_weights_is_passed_over(tmp_path, monkeypatch):
    tensors = emote(tmp_path)
    for name in ("omegaconf", "omegaconf.dictconfig"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules["omegaconf.dictconfig"], "DictConfig", DictConfig, raising=False)
    config = DictConfig()
    config._content = {"path": pathlib.PurePosixPath("/home/somebody")}
    content = {"state_dict": tensors, "hyper_parameters": config, "callbacks": {"dirpath": pathlib.Path("/tmp")}}
    torch.save(content, tmp_path / "checkpoints" / "last.ckpt")
    assert face_solver.load(tmp_path).model.space.width == 53


class Malicious:
    def __reduce__(self):
        return os.mkdir, (str(Path(os.environ["MALICIOUS"])),)


def test_published_emote_never_runs_code(tmp_path, monkeypatch):
    monkeypatch.setenv("MALICIOUS", str(tmp_path / "made"))
    tensors, path = emote(tmp_path), tmp_path / "checkpoints" / "last.ckpt"
    torch.save({"state_dict": tensors, "callbacks": Malicious()}, path)
    with pytest.raises(InputError, match="could run code; it was not opened"):
        face_solver.load(tmp_path)
    (tmp_path / "cfg.yaml").write_text(f"!!python/object/apply:os.mkdir ['{tmp_path}/made']")
    with pytest.raises(InputError, match="not a readable YAML"):
        face_solver.load(tmp_path)
    assert not (tmp_path / "made").exists()


EMOTE_BAD = {
    "no settings": (lambda folder: (folder / "cfg.yaml").unlink(), "There is no .*cfg.yaml; EMOTE's folder holds it"),
    "another head": (lambda folder: emote(folder, type="FlameBertDecoder"), "has type = 'FlameBertDecoder'"),
    "no size": (lambda folder: emote(folder, nhead="todo"), "has nhead = 'todo', where a size is expected"),
    "another style": (
        lambda folder: emote(folder, emote(folder) | {"sequence_decoder.obj_vector.map.weight": torch.zeros(8, 40)}),
        "has 40 style values where EMOTE has 43",
    ),
    "another model": (lambda folder: emote(folder, {"a.weight": torch.zeros(2)}), "those of another model"),
    "cut off": (lambda folder: os.truncate(folder / "checkpoints" / "last.ckpt", 700), "cut off or damaged"),
    "missing": (
        lambda folder: emote(folder, {n: v for n, v in emote(folder).items() if "running_mean" not in n}),
        "lack prior.expander.0.2.running_mean",
    ),
}


@pytest.mark.parametrize("name", EMOTE_BAD)
def test_a_bad_emote_is_a_clear_sentence(tmp_path, name):
    emote(tmp_path)
    spoil, words = EMOTE_BAD[name]
    spoil(tmp_path)
    with pytest.raises(InputError, match=words):
        face_solver.load(tmp_path)


def test_emote_reaches_a_rig_through_its_own_flame(tmp_path, spoken_line):
    """A file with the arrays of the open head in the place of FLAME's; the prior is made to say one face alone."""
    prior = "sequence_decoder.motion_prior.motion_decoder.cross_smooth_layer"
    tensors = face_layout.weights(face_layout.emote())
    tensors[f"{prior}.weight"] *= 0
    tensors[f"{prior}.bias"] = torch.zeros(53)
    tensors[f"{prior}.bias"][50] = 0.25  # the jaw, about the axis through the ears
    emote(tmp_path, tensors)
    clip, direction = recording.load(spoken_line), Direction(emotions=(EmotionSpan("joy", 0.7),))
    with pytest.raises(InputError, match="coefficients of flame2020; put the file of that FLAME model"):
        face_solver.load(tmp_path).solve(clip, direction)
    with np.load(ROOT / "assets" / "bodies" / "open_head.npz") as head:
        names = ("v_template", "f", "weights", "kintree_table", "J_regressor", "shapedirs", "posedirs")
        np.savez(tmp_path / "flame2020.npz", **{name: head[name] for name in names})
    motion = face_solver.load(tmp_path).solve(clip, direction)
    assert motion.fps == 25
    jaw = motion.arkit[:, ARKIT.index("jawOpen")]
    assert 0.2 < jaw.min() <= jaw.max() <= 1.0
    assert motion.arkit[:, ARKIT.index("mouthSmileLeft")].max() < 0.2


def test_a_face_speaks_in_the_manner_of_whom_it_knows(tmp_path):
    emote(tmp_path)
    assert face_solver.load(tmp_path).model.speakers[face_solver.load(tmp_path, speaker="W009").speaker] == "W009"
    with pytest.raises(InputError, match="has no speaker 'M001'; its speakers are M003, M005"):
        face_solver.load(tmp_path, speaker="M001")


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")]
)
def test_running_out_of_memory_while_a_face_is_read_is_no_damaged_file(tmp_path, monkeypatch, error):
    emote(tmp_path)
    for place in ((torch, "load"), (transformers.AutoModel, "from_config")):
        with monkeypatch.context() as patch:
            patch.setattr(*place, lambda *_, **__: (_ for _ in ()).throw(error))
            with pytest.raises(InputError, match="Memory ran out while the face of"):
                face_solver.load(tmp_path)


def test_a_speaker_is_one_of_a_face_that_was_taught_some(tmp_path, spoken_line):
    with pytest.raises(InputError, match="The speaker 'Anna' is one of a face network; give that face too"):
        generate_files.run([spoken_line], generate_files.BatchRequest(tmp_path, speaker="Anna"))
