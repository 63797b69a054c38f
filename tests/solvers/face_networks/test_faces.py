"""Learned faces: how they hear, what becomes of each kind of face, broken and bad folders."""

from __future__ import annotations

import json
import logging
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="face networks need the extra train")

import face_layout  # noqa: E402

from animcore.audio import recording  # noqa: E402 (torch first)
from animcore.body_models.arkit_to_flame import OpenHeadShapes  # noqa: E402
from animcore.body_models.parametric_model import load_model  # noqa: E402
from animcore.cli import main  # noqa: E402 (torch first)
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, EMOTIONS  # noqa: E402
from animcore.direction import Direction, EmotionKey, EmotionSpan  # noqa: E402
from animcore.errors import Cancelled, InputError  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.pipelines import generate_files  # noqa: E402 (torch first)
from animcore.solvers.face_networks import audio_encoders, codetalker, face_solver, faceformer  # noqa: E402
from animcore.solvers.face_networks.base import Conditioning, FaceModel  # noqa: E402
from animcore.solvers.face_networks.codetalker import CodeTalker  # noqa: E402
from animcore.solvers.face_networks.faceformer import FaceFormer  # noqa: E402
from animcore.solvers.face_networks.output_space import MeshTopology, OutputSpace  # noqa: E402

torch.set_num_threads(1)

RATE = recording.RATE
SPACES = {
    "arkit": OutputSpace("arkit", 52, 30),
    "flame": OutputSpace("flame", 13, 25, "open-head"),
    "vertices": OutputSpace("vertices", 30, 30, "other"),
}


def shaken(model: FaceModel, seed: int = 1) -> FaceModel:
    """A model whose every weight counts; official ones begin with zeros that would hide mistakes."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def small(kind: str, space: str = "arkit", speakers: tuple[str, ...] = ("calm", "lively")) -> FaceModel:
    ear = audio_encoders.MelEncoder(16, 2)
    if kind == "faceformer":
        return shaken(FaceFormer(faceformer.FaceFormerSizes(16, 2), SPACES[space], ear, speakers))
    sizes = codetalker.CodeTalkerSizes(16, 1, prior=16, prior_blocks=1, prior_inner=16, codes=12, length=4, parts=4)
    return shaken(CodeTalker(sizes, SPACES[space], ear, speakers))


@pytest.fixture
def noisy() -> np.ndarray:
    return (np.random.default_rng(0).normal(size=2 * RATE) * 0.1).astype(np.float32)


# ---------------------------------------------------------------- ears


@pytest.mark.parametrize(("at", "fps"), [(0.5, 30), (1.5, 25)])
def test_the_mel_ear_hears_where_it_happens(at, fps):
    torch.manual_seed(0)
    ear = audio_encoders.MelEncoder(16, 1).eval()
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
    ear = audio_encoders.encoder_config(str(tmp_path / "speech"), 8, 1)
    face = shaken(FaceFormer(faceformer.FaceFormerSizes(8), SPACES["arkit"], ear, ("calm",)))
    frozen = [name for name, values in face.named_parameters() if not values.requires_grad]
    assert frozen
    assert all("feature_extractor" in name or "masked_spec" in name for name in frozen)
    face.save(tmp_path / "face")
    for path in (tmp_path / "speech").iterdir():
        path.unlink()  # the face needs its folder no more
    again = face_solver.load(tmp_path / "face").model
    assert np.array_equal(again.predict(noisy), face.predict(noisy))
    assert again.predict(noisy).shape == (61, 52)


def test_the_shipped_phonemes_are_an_ear(spoken_line):
    clip = recording.load(spoken_line)
    ear = audio_encoders.encoder_config("phonemes", 8, 1)
    raw = ear.raw(clip.samples)
    assert raw.shape == (len(clip.samples) // 320 + 1, 40)
    assert raw.sum(1) == pytest.approx(np.ones(len(raw)), abs=1e-3)
    with torch.no_grad():
        assert ear(torch.from_numpy(raw)[None], 77).shape == (1, 77, 8)


def test_missing_speech_weights_are_a_clear_sentence(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="There is no speech model in"):
        audio_encoders.encoder_config(str(tmp_path / "nowhere"), 8, 1)
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(InputError, match=r"cannot be read .*download it again"):
        audio_encoders.encoder_config(str(tmp_path), 8, 1)


# ---------------------------------------------------------------- models and folders


@pytest.mark.parametrize("kind", ["faceformer", "codetalker"])
@pytest.mark.parametrize("space", SPACES)
def test_a_saved_face_is_the_same_face(tmp_path, kind, space, noisy):
    model = small(kind, space)
    with torch.no_grad():
        model.mean.normal_()
        model.spread.uniform_(0.5, 1)
    model.topology = MeshTopology(np.zeros((10, 3), np.float32), np.array([[0, 1, 2]]))
    model.save(tmp_path)
    again = face_solver.load(tmp_path)
    assert again.model.speakers == ("calm", "lively")
    assert again.model.space == SPACES[space]
    assert again.model.topology.faces.tolist() == [[0, 1, 2]]
    first = model.predict(noisy, Conditioning(1))
    assert np.array_equal(again.model.predict(noisy, Conditioning(1)), first)
    assert np.abs(model.predict(noisy, Conditioning(0)) - first).max() > 1e-3  # who speaks counts


def test_faceformer_frame_by_frame_is_all_at_once_with_its_own_frames(noisy):
    model = small("faceformer")
    sound = torch.from_numpy(model.ear.raw(noisy))[None]
    with torch.no_grad():
        frames = model.piece(sound, 60, Conditioning(1), torch.Generator())[None]
        again = model(model.listen(sound, 60), frames[:, :-1], model.style(torch.tensor([1])))
    torch.testing.assert_close(again, frames, atol=1e-4, rtol=1e-3)


def test_codetalker_gives_nothing_but_its_codes(noisy):
    model = small("codetalker")
    sound = torch.from_numpy(model.ear.raw(noisy))[None]
    with torch.no_grad():
        frames = model.piece(sound, 40, Conditioning(0), torch.Generator())
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
    "no ear": (lambda f: change_config(f, ear={"kind": "elephant"}), "does not describe the model's audio encoder"),
    "a strange ear": (
        lambda f: change_config(f, ear={"kind": "speech", "config": {"model_type": "llama"}}),
        "does not describe the model's audio encoder",
    ),
    "no space": (lambda f: change_config(f, space=3), "does not state what the model's numbers are"),
    "a strange space": (
        lambda f: change_config(f, space={"kind": "arkit", "width": 51, "fps": 30, "basis": ""}),
        "describes impossible faces",
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
        face_solver.load(tmp_path)


# ---------------------------------------------------------------- as Motion


@pytest.fixture
def face(tmp_path) -> face_solver.FaceNetworkSolver:
    model = small("faceformer")
    with torch.no_grad():
        model.mean.fill_(0.3)
        model.spread.fill_(0.1)
    return face_solver.FaceNetworkSolver(model)


def test_a_face_speaks_as_the_shipped_one_does(face, spoken_line):
    clip = recording.load(spoken_line)
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


def test_whom_a_user_names_speaks_whatever_the_style_is(face, tmp_path, spoken_line):
    clip = recording.load(spoken_line)
    face.model.save(tmp_path)
    asked, styled = face_solver.load(tmp_path, speaker="lively").solve(clip, Direction()), Direction(style="lively")
    assert asked.arkit.tolist() == face.solve(clip, styled).arkit.tolist()
    assert (
        face_solver.load(tmp_path, speaker="calm").solve(clip, styled).arkit.tolist()
        == face.solve(clip, Direction()).arkit.tolist()
    )


def test_a_silent_clip_gives_a_still_face(face, sound):
    clip = recording.load(sound("silence.wav", np.zeros(48_000, np.float32)))
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
    with pytest.raises(InputError, match=r"Memory ran out while the face network spoke line\.flac"):
        face.solve(recording.load(spoken_line), Direction())


def test_generate_uses_a_learned_face(face, spoken_line, tmp_path, capsys):
    face.model.save(tmp_path / "face")
    assert (
        main.main(
            ["generate", str(spoken_line), "--out", str(tmp_path), "--format", "npz", "--face", str(tmp_path / "face")]
        )
        == 0
    )
    own, _ = generate_files.generate(spoken_line, Fraction(30), Direction())
    learned, _ = generate_files.generate(spoken_line, Fraction(30), Direction(), face=face)
    written = Motion.load(tmp_path / "line.npz")
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.abs(own.arkit[:200, jaw] - learned.arkit[:200, jaw]).max() > 0.05
    assert written.frame_count == learned.frame_count
    assert learned.body_pose is not None
    assert main.main(["generate", str(spoken_line), "--out", str(tmp_path), "--face", str(tmp_path / "none")]) == 1
    assert "holds no face" in capsys.readouterr().err


def test_emotions_of_a_direction_reach_a_model_frame_by_frame():
    direction = Direction(
        emotions=[EmotionSpan("joy", 0.7, 1.0, 2.0), EmotionKey("fear", 0.0, 0.0), EmotionKey("fear", 1.0, 3.0)]
    )
    felt = face_solver.emotion_frames(direction, 90, 30)
    joy, fear = felt[:, EMOTIONS.index("joy")], felt[:, EMOTIONS.index("fear")]
    assert joy[:29].max() == 0
    assert joy[31:59] == pytest.approx(0.7)
    assert fear == pytest.approx(np.arange(90) / 90, abs=0.01)
    assert face_solver.emotion_frames(Direction(), 90, 30) is None


def talking(count: int = 20) -> np.ndarray:
    """Weights as of a talk, and a smile: mouthClose within jawOpen."""
    random = np.random.default_rng(3)
    weights = np.zeros((count, len(ARKIT)), np.float32)
    for name in ("jawOpen", "mouthSmileLeft", "mouthFunnel", "browInnerUp"):
        weights[:, ARKIT_INDEX[name]] = random.uniform(0, 0.6, count)
    weights[:, ARKIT_INDEX["mouthClose"]] = 0.5 * weights[:, ARKIT_INDEX["jawOpen"]]
    return weights


@pytest.fixture(scope="module")
def mesh() -> tuple[MeshTopology, np.ndarray]:
    """The skin of the open head in centimetres, turned and shuffled, as of unknown hands; what ARKit does to it."""
    head = OpenHeadShapes.read()
    order = np.random.default_rng(0).permutation(len(head.surface_vertices))
    turn = np.deg2rad(4.0)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    template = 100 * head.template[head.surface_vertices][order] @ rotation.T + 7
    shapes = 100 * head.shapes[: len(ARKIT), head.surface_vertices][:, order] @ rotation.T
    return MeshTopology(template.astype(np.float32), np.argsort(order)[head.surface]), shapes


def test_vertices_of_another_mesh_become_weights(mesh):
    topology, shapes = mesh
    weights = talking()
    moved = np.einsum("tk,kvc->tvc", weights, shapes).reshape(len(weights), -1).astype(np.float32)
    space = OutputSpace("vertices", moved.shape[1], 30, "other")
    found, residual = face_solver.to_arkit(space, moved, topology)
    assert residual.max() < 0.4  # millimetres
    seen = np.abs(found - weights).mean(0)
    assert seen[ARKIT_INDEX["jawOpen"]] < 0.03
    assert seen[ARKIT_INDEX["mouthSmileLeft"]] < 0.05
    assert np.abs(found - weights).max() < 0.2
    with pytest.raises(InputError, match="moves \\(10, 3\\) where the mesh has"):
        face_solver.to_arkit(space, moved[:, :30], topology)


def test_a_face_of_vertices_tells_how_far_its_weights_are_off(mesh, spoken_line, caplog):
    topology, shapes = mesh
    moved = np.einsum("k,kvc->vc", talking()[0], shapes)
    space = OutputSpace("vertices", moved.size, 25, "other")
    model = FaceFormer(faceformer.FaceFormerSizes(8), space, audio_encoders.MelEncoder(8, 1), ("calm",)).eval()
    model.mean.copy_(torch.from_numpy(moved.reshape(-1)).float())
    clip = recording.load(spoken_line)
    with pytest.raises(InputError, match=r"its triangles are not known; put the mesh as \.ply"):
        face_solver.FaceNetworkSolver(model).solve(clip, Direction())
    model.topology = topology
    with caplog.at_level(logging.INFO):
        motion = face_solver.FaceNetworkSolver(model).solve(clip, Direction())
    assert motion.rate == 25
    jaw = ARKIT_INDEX["jawOpen"]
    assert motion.arkit[:, jaw] == pytest.approx(np.full(motion.frame_count, talking()[0, jaw]), abs=0.05)
    assert "mm on average" in caplog.text


def test_coefficients_become_weights_with_their_own_model_alone(tmp_path):
    head = load_model("open-head")
    space = OutputSpace("flame", 67, 25, "open-head")
    from animcore.body_models.arkit_to_flame import bridge

    weights = talking()
    motion, _ = bridge(head).to_flame(Motion(Fraction(25), arkit=weights))
    frames = np.concatenate([motion.expression, motion.jaw_pose], 1)
    found, residual = face_solver.to_arkit(space, frames)
    assert residual.mean() < 1.0
    assert np.abs(found - weights)[:, ARKIT_INDEX["jawOpen"]].mean() < 0.1
    other = OutputSpace("flame", 67, 25, "flame2020")
    with pytest.raises(InputError, match="gives coefficients of flame2020; put the file of that FLAME model"):
        face_solver.to_arkit(other, frames)
    path = Path(__file__).resolve().parents[3] / "assets" / "bodies" / "open_head.npz"
    with pytest.raises(InputError, match="is open-head; this face gives coefficients of flame2020"):
        face_solver.to_arkit(other, frames, flame=path)
