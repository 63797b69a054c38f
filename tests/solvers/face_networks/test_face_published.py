"""The published weights of FaceFormer and CodeTalker by their layout, against the papers; bad files; their decoder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="face networks need the extra train")

import face_layout  # noqa: E402

from animcore.audio import recording  # noqa: E402 (torch first)
from animcore.errors import InputError  # noqa: E402
from animcore.solvers.face_networks import audio_encoders, autoregressive_decoder, codetalker, face_solver  # noqa: E402
from animcore.solvers.face_networks.base import Conditioning  # noqa: E402
from animcore.solvers.face_networks.codetalker import CodeTalker  # noqa: E402
from animcore.solvers.face_networks.output_space import OutputSpace  # noqa: E402

torch.set_num_threads(1)

RATE = recording.RATE


# ---------------------------------------------------------------- the decoder


def test_a_frame_after_the_other_is_all_at_once():
    torch.manual_seed(0)
    decoder = autoregressive_decoder.BiasedDecoder(16, 3, 4, period=5, per_frame=2).eval()
    frames, heard = torch.randn(2, 12, 16), torch.randn(2, 24, 16)
    past = autoregressive_decoder.DecoderCache([], [])
    steps = [decoder.step(frames[:, i], heard[:, 2 * i : 2 * i + 2], past) for i in range(12)]
    torch.testing.assert_close(torch.stack(steps, 1), decoder(frames, heard), atol=1e-5, rtol=1e-4)


def test_a_frame_knows_nothing_of_later_ones_and_hears_its_own_time_alone():
    torch.manual_seed(0)
    decoder = autoregressive_decoder.BiasedDecoder(16, 1, 4, period=5).eval()
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
    bias = autoregressive_decoder._ahead(7, 3, torch.device("cpu"))
    assert bias[6].tolist() == [-2, -1, -1, -1, 0, 0, 0]
    assert bias[2, 3:].tolist() == [-torch.inf] * 4
    assert autoregressive_decoder.slopes(4) == [1 / 4, 1 / 16, 1 / 64, 1 / 256]


# ---------------------------------------------------------------- published weights


@pytest.fixture
def small_ear(monkeypatch):
    """A small wav2vec 2.0 in the place of the 95 million weights of the published one."""
    pytest.importorskip("transformers")
    made = lambda: audio_encoders.SpeechModelEncoder(audio_encoders._empty(dict(face_layout.EAR), Path("small")))  # noqa: E731
    monkeypatch.setattr(audio_encoders, "base_speech_model", made)


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
    model = face_solver.load(tmp_path).model
    fps, per_frame = {"vocaset": (30, 1), "biwi": (25, 2)}[data]
    assert model.space == OutputSpace(
        "vertices", 3 * face_layout.VERTICES[data], fps, {"vocaset": "flame"}.get(data, "biwi")
    )
    samples = (np.random.default_rng(1).normal(size=RATE) * 0.1).astype(np.float32)
    count = 12
    part = samples[: round(count * RATE / fps)]
    with torch.inference_mode():
        found = model.piece(torch.from_numpy(part)[None], count, Conditioning(speaker=2), torch.Generator())
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
    model = face_solver.load(tmp_path).model
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
    small = {"prior": 16, "prior_blocks": 1, "prior_heads": 2, "prior_inner": 16, "codes": 9, "length": 4, "parts": 4}
    sizes = codetalker.CodeTalkerSizes(8, 1, **small, layout=codetalker.VOCASET)
    prior = codetalker.DiscreteMotionPrior(6, sizes).eval()
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
        face_solver.load(tmp_path)


class Malicious:
    def __reduce__(self):
        return os.mkdir, (str(Path(os.environ["MALICIOUS"])),)


@pytest.mark.parametrize("file", ["vocaset.pth", "biwi_stage2.pth.tar"])
def test_published_weights_never_run_code(tmp_path, small_ear, monkeypatch, file):
    monkeypatch.setenv("MALICIOUS", str(tmp_path / "made"))
    torch.save({"state_dict": Malicious()}, tmp_path / file)
    with pytest.raises(InputError, match="could run code; it was not opened"):
        face_solver.load(tmp_path)
    assert not (tmp_path / "made").exists()
    torch.save({"a": torch.zeros(9999)}, tmp_path / file)
    os.truncate(tmp_path / file, 900)
    with pytest.raises(InputError, match="cut off or damaged"):
        face_solver.load(tmp_path)


def ply(path: Path, count: int) -> None:
    random = np.random.default_rng(0)
    lines = ["ply", "format ascii 1.0", f"element vertex {count}", "property float x", "property float y",
             "property float z", "element face 1", "property list uchar int vertex_indices", "end_header"]  # fmt: skip
    lines += [" ".join(f"{value:.5f}" for value in row) for row in random.normal(size=(count, 3)) * 0.1]
    path.write_text("\n".join([*lines, "4 0 1 2 3", ""]))


def test_a_mesh_beside_published_weights_must_be_theirs(tmp_path, small_ear):
    face_layout.write(tmp_path / "vocaset.pth", face_layout.weights(face_layout.faceformer("vocaset")))
    ply(tmp_path / "FLAME_sample.ply", 5023)
    assert face_solver.load(tmp_path).model.topology.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    ply(tmp_path / "FLAME_sample.ply", 5000)
    with pytest.raises(InputError, match=r"FLAME_sample.ply has 5000 vertices, the model 5023: it is another mesh"):
        face_solver.load(tmp_path)
