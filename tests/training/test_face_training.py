"""Training of faces: every layout of data, good and bad, both solvers on every kind of face, runs that are stopped."""

from __future__ import annotations

import os
import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="training needs the extra train")

from animcore.audio import recording  # noqa: E402 (torch first)
from animcore.body_models.ply_mesh import read_ply  # noqa: E402
from animcore.cli import main  # noqa: E402 (torch first)
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, EMOTIONS  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.errors import Cancelled, InputError  # noqa: E402
from animcore.files import npz_arrays  # noqa: E402
from animcore.motion import Event, Motion  # noqa: E402
from animcore.solvers.face_networks import audio_encoders, face_solver  # noqa: E402
from animcore.solvers.face_networks.output_space import MeshTopology  # noqa: E402
from animcore.training import trainer  # noqa: E402
from animcore.training.faces import codetalker, dataset, faceformer, stages  # noqa: E402
from animcore.training.faces.dataset import FaceTarget  # noqa: E402

torch.set_num_threads(1)

RATE = 16_000
TINY = {
    "faceformer": "hidden = 8\nlayers = 1\nwindow = 30\nstride = 30\nbatch = 2\nepochs = 2\nexpressions = 10\n",
    "codetalker": "hidden = 8\nlayers = 1\nwindow = 30\nstride = 30\nbatch = 2\nepochs = 1\nepochs_codes = 1\n"
    "prior = 8\nprior_blocks = 1\ncodes = 8\nlength = 4\nparts = 2\nblocks = 1\nexpressions = 10\n",
}
CONFIGS = {"faceformer": faceformer, "codetalker": codetalker}


def speak(path: Path, seconds: float, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(size=int(seconds * RATE)) * 0.1, RATE)


def weights(seconds: float, rate: int, seed: int) -> np.ndarray:
    times = np.arange(int(seconds * rate)) / rate
    found = np.zeros((len(times), len(ARKIT)), np.float32)
    found[:, ARKIT_INDEX["jawOpen"]] = 0.4 + 0.3 * np.sin(7 * times + seed)
    found[:, ARKIT_INDEX["mouthFunnel"]] = 0.2 + 0.1 * np.cos(5 * times + seed)
    return found


def ours(folder: Path, name: str, seconds: float = 3.0, seed: int = 0, **more) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Motion(Fraction(50), arkit=weights(seconds, 50, seed), **more).save(folder / f"{name}.npz")
    speak(folder / f"{name}.wav", seconds, seed)


PLY = """ply
format ascii 1.0
element vertex 4
property float x
property float y
property float z
element face 2
property list uchar int vertex_indices
end_header
0 0 0
0.1 0 0
0 0.1 0
0 0 0.1
3 0 1 2
3 0 2 3
"""


def meshes(folder: Path, rate: int, people: dict[str, np.ndarray], seconds: float = 3.0) -> None:
    """VOCASET and BIWI as the published solvers prepare them."""
    (folder / "vertices_npy").mkdir(parents=True)
    with (folder / "templates.pkl").open("wb") as handle:
        pickle.dump(people, handle, protocol=2)
    for seed, (who, template) in enumerate(people.items()):
        times = np.arange(round(seconds * rate)) / rate
        moved = template + 0.01 * np.sin(6 * times + seed)[:, None, None]
        np.save(folder / "vertices_npy" / f"{who}_sentence01.npy", moved.reshape(len(moved), -1).astype(np.float32))
        speak(folder / "wav" / f"{who}_sentence01.wav", seconds, seed)


@pytest.fixture
def vocaset(tmp_path) -> Path:
    """Two people; four vertices in the place of 5023."""
    random = np.random.default_rng(0)
    people = {name: random.normal(size=(4, 3)).astype(np.float32) * 0.1 for name in ("FaceTalk_1_TA", "FaceTalk_12_TA")}
    meshes(tmp_path / "vocaset", 60, people)
    (tmp_path / "vocaset" / "templates").mkdir()
    (tmp_path / "vocaset" / "templates" / "FLAME_sample.ply").write_text(PLY)
    return tmp_path / "vocaset"


@pytest.fixture
def mead(tmp_path) -> Path:
    h5py = pytest.importorskip("h5py")
    for index, (person, emotion, level) in enumerate((("M003", "happy", "level_2"), ("W009", "neutral", "level_1"))):
        place = tmp_path / "MEAD/reconstructions/EMICA-MEAD_flame2020" / person / "front" / emotion / level / "001"
        place.mkdir(parents=True)
        random = np.random.default_rng(index)
        with h5py.File(place / "shape_pose_cam.hdf5", "w") as file:
            for name, width in (("exp", 100), ("jaw", 3), ("global_pose", 3), ("cam", 3), ("shape", 300)):
                file[name] = random.normal(size=(1, 75, width)).astype(np.float32) * 0.1
        speak(tmp_path / "MEAD" / person / "audio" / emotion / level / "001.wav", 3.0, index)
    return tmp_path / "MEAD"


@pytest.fixture
def beat2(tmp_path) -> Path:
    root = tmp_path / "beat_english_v2.0.0"
    (root / "smplxflame_30").mkdir(parents=True)
    poses = np.zeros((90, 165))
    poses[:, 66] = 0.1 + 0.05 * np.sin(np.arange(90))
    contents = {
        "poses": poses,
        "expressions": np.random.default_rng(0).normal(size=(90, 100)),
        "trans": np.zeros((90, 3)),
    }
    more = {"betas": np.zeros(300), "model": "smplx2020", "gender": "neutral", "mocap_frame_rate": 30}
    npz_arrays.save(contents | more, root / "smplxflame_30" / "2_scott_0_1_1.npz")
    speak(root / "wave16k" / "2_scott_0_1_1.wav", 3.0)
    return root


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two clips in our own layout."""
    ours(tmp_path / "calm", "a", 3.0, 1)
    ours(tmp_path / "calm", "b", 2.0, 2)
    return tmp_path / "calm"


def train(solver: str, tmp_path: Path, *data: Path, config: str = "") -> int:
    (tmp_path / "config.toml").write_text(TINY[solver] + config)
    options = ["--config", str(tmp_path / "config.toml"), "--out", str(tmp_path / "run"), "--threads", "1"]
    return main.main(["train", solver, "--data", *map(str, data), *options])


# ---------------------------------------------------------------- data


def test_vocaset_is_read(vocaset, tmp_path):
    data = dataset.load([vocaset], tmp_path / "cache", FaceTarget(fps=30))
    assert not data.notes
    assert data.speakers == ("FaceTalk_12_TA", "FaceTalk_1_TA")
    assert (data.space.kind, data.space.width, data.space.fps, data.space.basis) == ("vertices", 12, 30, "other")
    assert data.topology.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    first = next(clip for clip in data.clips if clip.name.startswith("FaceTalk_1_"))
    assert data.speakers[first.speaker] == "FaceTalk_1_TA"
    # frames at 60 become those at 30, and the person's face at rest is taken away
    assert first.frames == pytest.approx(np.tile(0.01 * np.sin(6 * np.arange(90) / 30)[:, None], 12), abs=1e-5)
    assert len(first.samples) == 3 * RATE


def test_biwi_runs_at_its_own_rate(tmp_path):
    meshes(tmp_path / "biwi", 25, {"F1": np.zeros((4, 3), np.float32), "M2": np.ones((4, 3), np.float32)})
    data = dataset.load([tmp_path / "biwi"], tmp_path / "cache", FaceTarget(fps=25))
    assert [len(clip.frames) for clip in data.clips] == [75, 75]
    assert data.clips[0].frames[:, 0] == pytest.approx(0.01 * np.sin(6 * np.arange(75) / 25), abs=1e-6)
    assert data.topology is None


def test_reconstructions_of_mead_are_read_with_their_emotions(mead, tmp_path):
    data = dataset.load([mead], tmp_path / "cache", FaceTarget(fps=25, expressions=50))
    assert not data.notes
    assert data.speakers == ("M003", "W009")
    assert (data.space.kind, data.space.width, data.space.basis) == ("flame", 53, "flame2020")
    happy, neutral = data.clips
    wanted = np.random.default_rng(0).normal(size=(1, 75, 100)).astype(np.float32)[0] * 0.1
    assert happy.frames[:, :50] == pytest.approx(wanted[:, :50], abs=1e-6)
    assert happy.emotions[:, EMOTIONS.index("joy")] == pytest.approx(2 / 3)
    assert neutral.emotions[:, EMOTIONS.index("neutral")] == pytest.approx(1.0)
    assert neutral.emotions.sum() == pytest.approx(75)


def test_beat2_is_read(beat2, tmp_path):
    data = dataset.load([beat2], tmp_path / "cache", FaceTarget(fps=30, expressions=100))
    assert data.speakers == ("2_scott",)
    assert (data.space.kind, data.space.width) == ("flame", 103)
    assert data.clips[0].frames[:, 100] == pytest.approx(0.1 + 0.05 * np.sin(np.arange(90)), abs=1e-5)
    assert data.clips[0].frames[:, :100] == pytest.approx(np.random.default_rng(0).normal(size=(90, 100)), abs=1e-5)


def test_ours_are_read_as_weights_or_as_coefficients(folder, tmp_path):
    ours(folder, "c", 2.0, 3, events=(Event("emotion", "joy 0.7", 0.5, 1.0), Event("emotion", "fear", 1.0, 1.5)))
    data = dataset.load([folder], tmp_path / "cache", FaceTarget(fps=30))
    assert data.space.kind == "arkit"
    jaw = data.clips[0].frames[:, ARKIT_INDEX["jawOpen"]]
    assert jaw == pytest.approx(0.4 + 0.3 * np.sin(7 * np.arange(90) / 30 + 1), abs=0.01)
    joy, fear = (data.clips[2].emotions[:, EMOTIONS.index(name)] for name in ("joy", "fear"))
    assert joy[16:29] == pytest.approx(0.7)
    assert fear[31:44] == pytest.approx(1.0)
    assert joy[:14].max() == fear[:29].max() == 0
    other = dataset.load([folder], tmp_path / "cache", FaceTarget(fps=30, kind="flame", expressions=64))
    assert (other.space.kind, other.space.width, other.space.basis) == ("flame", 67, "open-head")
    weights_again, residual = face_solver.to_arkit(other.space, np.asarray(other.clips[0].frames))
    assert weights_again[:, ARKIT_INDEX["jawOpen"]] == pytest.approx(jaw, abs=0.1)
    assert residual.mean() < 1.0


def nan_in_ours(folder: Path) -> None:
    with np.load(folder / "a.npz") as data:
        contents = dict(data)
    contents["arkit"][7] = np.nan
    npz_arrays.save(contents, folder / "a.npz")


SPOILT = {
    "no audio": (lambda f: (f / "a.wav").unlink(), "left out: a.npz has no audio"),
    "NaN": (nan_in_ours, "left out: a.npz: The track arkit holds values that are not numbers"),
    "another clip's audio": (lambda f: speak(f / "a.wav", 9.0), "not of the same clip"),
    "a longer audio": (lambda f: speak(f / "a.wav", 3.8), "cut to the shorter"),
    "an empty audio": (lambda f: (f / "a.wav").write_bytes(b""), "left out: a.wav"),
    "no archive": (lambda f: (f / "a.npz").write_bytes(b"x" * 99), "left out: a.npz is not a readable"),
    "a cut archive": (lambda f: os.truncate(f / "a.npz", 900), "left out: a.npz is not a readable"),
    "too short": (lambda f: ours(f, "a", 0.5), "left out: a.npz is shorter than"),
    "no face": (
        lambda f: Motion(Fraction(50), head_pose=np.zeros((150, 3), np.float32)).save(f / "a.npz"),
        "left out: a.npz moves no face",
    ),
    "coefficients": (
        lambda f: Motion(Fraction(50), expression=np.zeros((150, 60), np.float32), basis="flame2020").save(f / "a.npz"),
        "is arkit of 52 numbers, the clips before it are flame of 53 numbers (flame2020)",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_bad_clip_of_ours_is_left_out_with_a_sentence(folder, tmp_path, name):
    spoil, words = SPOILT[name]
    spoil(folder)
    data = dataset.load([folder], tmp_path / "cache", FaceTarget(least=30))
    assert [words in note for note in data.notes] == [True], data.notes


def spoilt_vertices(vocaset: Path, values: np.ndarray) -> None:
    np.save(vocaset / "vertices_npy" / "FaceTalk_1_TA_sentence01.npy", values, allow_pickle=values.dtype == object)


SPOILT_MESHES = {
    "NaN": (lambda f: spoilt_vertices(f, np.full((180, 12), np.nan)), "holds values that are not numbers"),
    "another mesh": (lambda f: spoilt_vertices(f, np.zeros((180, 15))), r"(180, 15); its person's face has 4 vertices"),
    "pickled": (lambda f: spoilt_vertices(f, np.array([{}] * 180)), "no array of numbers"),
    "another length": (lambda f: spoilt_vertices(f, np.zeros((220, 12))), "is not a usual frame rate (73.3)"),
    "cut off": (
        lambda f: os.truncate(f / "vertices_npy" / "FaceTalk_1_TA_sentence01.npy", 500),
        "is cut off, damaged",
    ),
    "nobody": (
        lambda f: os.rename(f / "vertices_npy/FaceTalk_1_TA_sentence01.npy", f / "vertices_npy/X_sentence01.npy"),
        "X_sentence01.npy has no audio file of its name",
    ),
}


@pytest.mark.parametrize("name", SPOILT_MESHES)
def test_a_bad_clip_of_vertices_is_left_out_with_a_sentence(vocaset, tmp_path, name):
    spoil, words = SPOILT_MESHES[name]
    spoil(vocaset)
    data = dataset.load([vocaset], tmp_path / "cache", FaceTarget())
    assert [words in note for note in data.notes] == [True], data.notes
    assert len(data.clips) == 1


class Malicious:
    def __reduce__(self):
        return os.mkdir, (os.environ["MALICIOUS"],)


def test_templates_never_run_code(vocaset, tmp_path, monkeypatch):
    monkeypatch.setenv("MALICIOUS", str(tmp_path / "made"))
    (vocaset / "templates.pkl").write_bytes(pickle.dumps({"FaceTalk_1_TA": Malicious()}))
    with pytest.raises(InputError, match="it was not opened"):
        dataset.load([vocaset], tmp_path / "cache", FaceTarget())
    assert not (tmp_path / "made").exists()
    (vocaset / "templates.pkl").unlink()
    with pytest.raises(InputError, match="each person's face at rest"):
        dataset.load([vocaset], tmp_path / "cache", FaceTarget())


def test_a_bad_mesh_is_a_clear_sentence(vocaset, tmp_path):
    (vocaset / "templates" / "FLAME_sample.ply").write_text(PLY.replace("3 0 2 3", "3 0 2 9"))
    with pytest.raises(InputError, match="holds no triangles of its vertices"):
        dataset.load([vocaset], tmp_path / "cache", FaceTarget())
    more = PLY.replace("vertex 4", "vertex 5").replace("3 0 1 2", "9 9 9\n3 0 1 2", 1)
    (vocaset / "templates" / "FLAME_sample.ply").write_text(more)
    with pytest.raises(InputError, match="The mesh next to the data has 5 vertices, the clips 4"):
        dataset.load([vocaset], tmp_path / "cache", FaceTarget())


@pytest.mark.parametrize("order", ["<", ">"])
def test_binary_meshes_are_read_as_trimesh_reads_them(tmp_path, order):
    trimesh = pytest.importorskip("trimesh")
    box = trimesh.creation.icosphere(subdivisions=1)
    path = tmp_path / "ball.ply"
    path.write_bytes(box.export(file_type="ply"))
    if order == ">":
        head, body = path.read_bytes().split(b"end_header\n")
        points = np.frombuffer(body, "<f4", 3 * len(box.vertices)).astype(">f4").tobytes()
        rows = np.frombuffer(body, np.dtype([("n", "u1"), ("v", "<i4", 3)]), len(box.faces), len(points))
        faces_of = rows.astype(np.dtype([("n", "u1"), ("v", ">i4", 3)])).tobytes()
        head = head.replace(b"little", b"big")
        path.write_bytes(head + b"end_header\n" + points + faces_of)
    vertices, triangles = read_ply(path)
    assert vertices == pytest.approx(box.vertices, abs=1e-6)
    assert np.array_equal(triangles, box.faces)
    os.truncate(path, 400)
    with pytest.raises(InputError, match=r"is not a readable \.ply mesh"):
        read_ply(path)


@pytest.mark.parametrize("suffix", [".obj", ".off", ".glb"])
def test_other_meshes_are_read_by_trimesh(tmp_path, suffix):
    trimesh = pytest.importorskip("trimesh")
    box = trimesh.creation.icosphere(subdivisions=1)
    box.export(tmp_path / f"ball{suffix}")
    found = MeshTopology.beside(tmp_path, len(box.vertices))
    assert found.template == pytest.approx(box.vertices, abs=1e-6)
    assert np.array_equal(found.faces, box.faces)
    with pytest.raises(InputError, match=f"ball{suffix} has 42 vertices, the model 43"):
        MeshTopology.beside(tmp_path, 43)
    (tmp_path / f"ball{suffix}").write_bytes(b"none")
    with pytest.raises(InputError, match=f"ball{suffix} (is not a readable mesh|holds no triangles)"):
        MeshTopology.beside(tmp_path)


def test_no_faces_are_a_clear_sentence(tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        dataset.load([tmp_path / "none"], tmp_path / "cache", FaceTarget())
    with pytest.raises(InputError, match="There is no clip with audio and face in"):
        dataset.load([tmp_path], tmp_path / "cache", FaceTarget())


def test_windows_hear_what_they_see(folder, tmp_path):
    """Sound and face of a window are of the same time, for samples and for phonemes."""
    data = dataset.load([folder], tmp_path / "cache", FaceTarget(fps=30))

    class Clock(audio_encoders.AudioEncoder):
        rate = 50

        def raw(self, samples):
            return np.arange(len(samples) // 320 + 1, dtype=np.float32)[:, None] / 50

    times = lambda clip: np.arange(len(clip.frames), dtype=np.float32)[:, None] / 30  # noqa: E731
    windows = stages.FaceWindows(data, 30, 7, 4, ear=Clock(), fps=30, columns={"times": times})
    count = 0
    for batch in windows.batches(0, 0):
        assert set(batch) == {"frames", "sound", "speaker", "emotions", "times"}
        assert (batch["sound"][:, 0, 0] - batch["times"][:, 0, 0]).abs().max() <= 0.011
        assert batch["sound"].shape[1:] == (50, 1)
        count += len(batch["frames"])
    assert count == len(windows.starts(0, 0))


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("solver", TINY)
def test_what_was_trained_on_weights_speaks(solver, folder, tmp_path, spoken_line, capsys):
    assert train(solver, tmp_path, folder) == 0
    assert "2 clip(s), 0.1 minutes, speakers: calm" in capsys.readouterr().out
    face = face_solver.load(tmp_path / "run" / "model")
    motion = face.solve(recording.load(spoken_line), Direction())
    assert motion.fps == 30
    assert 0.2 < motion.arkit[:, ARKIT_INDEX["jawOpen"]].mean() < 0.6  # near the mean of what was seen


@pytest.mark.parametrize("solver", TINY)
def test_faces_of_every_kind_are_learned(solver, vocaset, mead, tmp_path):
    for name, data in (("vertices", vocaset), ("flame", mead)):
        (tmp_path / name).mkdir()
        assert train(solver, tmp_path / name, data) == 0
        model = face_solver.load(tmp_path / name / "run" / "model").model
        assert model.space.kind == name
        assert (model.topology is not None) == (name == "vertices")
        assert model.predict(np.zeros(RATE, np.float32)).shape == (31, model.space.width)


@pytest.mark.parametrize("solver", TINY)
def test_a_stopped_run_goes_on_as_if_it_never_stopped(solver, folder, tmp_path):
    settings = {"hidden": 8, "layers": 1, "window": 30, "stride": 20, "batch": 2, "epochs": 2}
    if solver == "codetalker":
        settings |= {"epochs_codes": 2, "prior": 8, "prior_blocks": 1, "codes": 8, "length": 4, "parts": 2}
    else:
        settings["epochs"] = 4
    config = CONFIGS[solver].CONFIG(**settings)
    data = dataset.load([folder], tmp_path / "cache", config.wanted)

    def run(out: str, progress=lambda fraction, stage: None) -> trainer.TrainingRun:
        torch.manual_seed(0)
        made = CONFIGS[solver].job(config, data)
        (tmp_path / out).mkdir(exist_ok=True)
        return trainer.TrainingRun(
            made.model, made.stages, made.windows, tmp_path / out, {"config": str(config)}, 0, progress
        )

    def stop(fraction: float, _stage: str) -> None:
        if fraction > 0.6:  # in the middle of the third of four epochs
            raise Cancelled("stopped")

    through = run("through")
    through.train()
    with pytest.raises(Cancelled):
        run("stopped", stop).train()
    second = run("stopped")
    second.train()
    assert len(second.history) == 2  # the third is lost, no more
    for name, values in through.model.state_dict().items():
        assert torch.equal(values, second.model.state_dict()[name]), name


def test_training_brings_the_lips_nearer(folder, tmp_path):
    config = faceformer.FaceFormerConfig(
        hidden=16, layers=1, window=30, stride=5, batch=4, epochs=12, learning_rate=3e-3
    )
    data = dataset.load([folder], tmp_path / "cache", config.wanted)
    torch.manual_seed(0)
    made = faceformer.job(config, data)
    run = trainer.TrainingRun(made.model, made.stages, made.windows, tmp_path, {}, 0)
    run.train()
    assert run.history[-1]["lips_mm"] < 0.8 * run.history[0]["lips_mm"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('space = "mesh"', "space must be arkit, flame, or empty"),
        ("hidden = 20", "hidden must be a multiple of 8, not 20"),
        ('speech = "nowhere"', "There is no speech model in nowhere"),
        ("expressions = 99\nspace = 'flame'", "lower `expressions` from 99"),
    ],
)
def test_a_bad_setting_is_a_clear_sentence(folder, tmp_path, capsys, text, words):
    if "nowhere" in text:
        pytest.importorskip("transformers")
    config = "\n".join(line for line in TINY["faceformer"].splitlines() if line.split()[0] not in text)
    (tmp_path / "config.toml").write_text(f"{config}\n{text}\n")
    options = ["--config", str(tmp_path / "config.toml"), "--out", str(tmp_path / "run")]
    assert main.main(["train", "faceformer", "--data", str(folder), *options]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("speech", ["", "phonemes"])
def test_an_exported_faceformer_speaks_without_pytorch(speech, tmp_path, noise):
    """Whoever runs the two graphs, feeding each frame back, gets the face that PyTorch makes."""
    pytest.importorskip("onnx")
    import onnxruntime

    from animcore.solvers.face_networks.base import Conditioning
    from animcore.solvers.face_networks.faceformer import FaceFormer, FaceFormerSizes
    from animcore.solvers.face_networks.output_space import OutputSpace
    from animcore.training.faces import faceformer_onnx

    torch.manual_seed(0)
    ear = audio_encoders.encoder_config(speech, 8, 1)
    model = FaceFormer(FaceFormerSizes(16, 2, period=10), OutputSpace("arkit", 52, 30), ear, ("calm", "lively"))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        model.mean.fill_(0.2)
    listen, step = (onnxruntime.InferenceSession(str(path)) for path in faceformer_onnx.write(model, tmp_path))
    facts = listen.get_modelmeta().custom_metadata_map
    assert facts["speakers"] == "calm,lively"
    assert ("mel_window" in facts, "of phonemes, 50 rows" in facts["input"]) == (not speech, bool(speech))
    samples = noise[:RATE]
    sound = model.ear.raw(samples)[: model.ear.rate]
    heard, style = listen.run(None, {"sound": sound[None], "speaker": np.array([1])})
    told, past, frames = style, np.zeros((2, 2, 4, 0, 4), np.float32), []
    for index in range(30):
        now = {"told": told, "heard": heard[:, index : index + 1], "style": style, "past": past}
        frame, told, past = step.run(None, now)
        frames.append(frame[0])
    with torch.inference_mode():
        wanted = model.piece(torch.from_numpy(sound)[None], 30, Conditioning(1), torch.Generator())
    assert np.stack(frames) == pytest.approx((wanted * model.spread + model.mean).numpy(), abs=1e-4)


def test_faces_are_exported_on_the_command_line_where_they_can_be(folder, tmp_path, capsys):
    pytest.importorskip("onnx")
    for solver, code in (("faceformer", 0), ("codetalker", 1)):
        (tmp_path / solver).mkdir()
        assert train(solver, tmp_path / solver, folder) == 0
        model, out = tmp_path / solver / "run" / "model", tmp_path / solver / "onnx"
        assert main.main(["export-face", str(model), str(out)]) == code
    assert "makes its frames in a loop and has no ONNX form" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "faceformer" / "onnx").iterdir()) == ["listen.onnx", "step.onnx"]
