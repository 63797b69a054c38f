"""Learned gestures: published weights by their layout, broken and bad files, and what every one of them keeps to."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch", reason="learned gestures need the extra train")

import emage_layout  # noqa: E402

from animcore.audio import recording  # noqa: E402 (torch first)
from animcore.body_models import kinematics  # noqa: E402
from animcore.cli import main  # noqa: E402 (torch first)
from animcore.core.vocabulary import SMPLX_JOINTS  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.errors import Cancelled, InputError  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from animcore.pipelines import generate_files  # noqa: E402 (torch first)
from animcore.solvers.gesture_networks import gesture_solver, talkshow  # noqa: E402
from animcore.speech import prosody  # noqa: E402

torch.set_num_threads(1)


def as_safetensors(arrays: dict[str, np.ndarray], folder: Path) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, folder / "model.safetensors")


def as_pickle(arrays: dict[str, np.ndarray], folder: Path) -> None:
    torch.save(
        {name: torch.from_numpy(np.array(values)) for name, values in arrays.items()}, folder / "pytorch_model.bin"
    )


@pytest.fixture
def emage(tmp_path) -> Path:
    emage_layout.write(tmp_path / "emage_audio", as_safetensors)
    return tmp_path / "emage_audio"


@pytest.fixture
def talk(tmp_path) -> Path:
    torch.manual_seed(0)
    sizes = talkshow.TalkShowSizes(hidden=16, codes=12, length=8, layers=1, speakers=2)
    talkshow.TalkShow(sizes).save(tmp_path / "talk", ["calm", "lively"])
    return tmp_path / "talk"


@pytest.fixture
def voice(spoken_line) -> tuple[recording.AudioClip, prosody.Prosody]:
    clip = recording.load(spoken_line)
    return clip, prosody.analyse(clip, int(clip.duration * prosody.FPS))


def test_the_published_sizes_make_the_published_file():
    """556 MB of float32: what the download page states for pytorch_model.bin."""
    sizes = emage_layout.SMALL | {"hidden_size": 768, "audio_f": 256, "motion_f": 256, "vae_codebook_size": 256}
    shapes = emage_layout.transformer(sizes | {"pose_length": 64, "speaker_dims": 1})
    assert round(4 * sum(int(np.prod(shape)) for shape in shapes.values()) / 1e6) == 556


@pytest.mark.parametrize("save", [as_safetensors, as_pickle])
def test_published_weights_gesture(tmp_path, voice, save):
    emage_layout.write(tmp_path / "emage", save)
    body = gesture_solver.load(tmp_path / "emage").move(*voice, Direction())
    assert body.pose.shape == (len(voice[1].level), 55, 3)
    assert np.isfinite(body.pose).all()
    assert np.ptp(body.pose, axis=0).max() > 0.01


@pytest.mark.parametrize("kind", ["emage", "talk"])
def test_every_learned_solver_keeps_to_the_interface(kind, request, voice):
    solver = gesture_solver.load(request.getfixturevalue(kind))
    clip, heard = voice
    body = solver.move(clip, heard, Direction(seed=3))
    again = solver.move(clip, heard, Direction(seed=3))
    other = solver.move(clip, heard, Direction(seed=4))
    assert body.pose.dtype == body.translation.dtype == np.float32
    assert body.translation.shape == (len(heard.level), 3)
    assert np.array_equal(body.pose, again.pose)
    assert not np.allclose(body.pose, other.pose, atol=1e-3)
    assert solver.move(clip, heard, Direction(strengths={"body": 0.0})) is None
    face = [SMPLX_JOINTS.index(name) for name in ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")]
    assert not body.pose[:, face].any()
    feet = kinematics.joint_positions(kinematics.world_rotations(body.pose), body.translation)[:, [7, 8, 10, 11], 1]
    floor = kinematics.open_body_joints()[[7, 8, 10, 11], 1]
    assert (feet - floor).min() == pytest.approx(0, abs=1e-4)


def test_the_command_takes_a_learned_solver(talk, spoken_line, tmp_path):
    wish = ["generate", str(spoken_line), "--out", str(tmp_path / "out"), "--format", "npz", "--gestures"]
    assert main.main([*wish, str(talk)]) == 0
    made = Motion.load(tmp_path / "out" / f"{spoken_line.stem}.npz").body_pose
    shipped, _ = generate_files.generate(spoken_line, Fraction(30), Direction())
    assert np.abs(made - shipped.body_pose).max() > 0.1
    assert main.main([*wish, str(tmp_path / "nowhere")]) != 0


class Waving:
    """A network that always waves with every joint."""

    def generate(self, samples, count, speaker, seed, progress=None):
        angle = 0.4 * np.sin(2 * np.pi * 0.9 * np.arange(count) / 30)
        pose = np.repeat(angle[:, None, None], 55, 1) * np.array([1.0, 0.3, -0.2]) + np.array([0.0, 0.0, 0.5])
        return pose.astype(np.float32), np.zeros((count, 3), np.float32)


def test_strengths_scale_body_and_hands(voice):
    solver = gesture_solver.GestureNetworkSolver(Waving(), ("someone",))
    spread = {}
    for name, strengths in {"full": {}, "half": {"body": 0.5}, "no hands": {"hands": 0.0}}.items():
        pose = solver.move(*voice, Direction(strengths=strengths)).pose
        spread[name] = pose[:, :22].std(0).sum(), pose[:, 25:].std(0).sum()
    assert spread["half"][0] == pytest.approx(0.5 * spread["full"][0], rel=0.1)
    assert spread["no hands"][1] < 1e-3 < spread["full"][1]
    assert spread["no hands"][0] == pytest.approx(spread["full"][0], rel=1e-3)


def test_a_body_calms_in_silence(heard):
    times = np.arange(16 * 16_000) / 16_000
    voice = np.sin(2 * np.pi * 400 * times) * (np.sin(2 * np.pi * 3 * times) > 0) * 0.3
    clip = heard(np.where(times < 8, voice, 0))
    pose = gesture_solver.GestureNetworkSolver(Waving(), ()).move(clip, prosody.analyse(clip, 800), Direction()).pose
    speaking, silent = pose[50:350, :22], pose[550:780, :22]
    assert silent.std(0).sum() < 0.5 * speaking.std(0).sum()


def test_nothing_and_hardly_anything_to_hear(talk, emage, heard):
    clip = heard(np.random.default_rng(0).normal(size=4800) * 0.1)
    for folder in (talk, emage):
        body = gesture_solver.load(folder).move(clip, prosody.analyse(clip, 15), Direction())
        assert body.pose.shape == (15, 55, 3)
        assert gesture_solver.load(folder).move(clip, prosody.analyse(clip, 0), Direction()).pose.shape == (0, 55, 3)


def test_it_can_be_stopped(emage, voice):
    def stop(_fraction: float, _stage: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        gesture_solver.load(emage).move(*voice, Direction(), progress=stop)


def test_a_style_is_a_speaker_of_its_name(talk, voice):
    solver = gesture_solver.load(talk)
    assert solver.speakers == ("calm", "lively")
    calm, lively, unknown = (solver.move(*voice, Direction(style=s)).pose for s in ("calm", "lively", "presenter"))
    assert np.array_equal(calm, unknown)
    assert not np.allclose(calm, lively, atol=1e-3)


def test_codes_are_drawn_as_they_are_predicted(monkeypatch):
    """Step by step with a short memory, and all at once: the same codes are likeliest."""
    torch.manual_seed(1)
    predictor = talkshow.CodePredictor(talkshow.TalkShowSizes(hidden=16, codes=12)).eval()
    told = predictor.listen(torch.randn(1, 8 * 80, 40), torch.tensor([0]))
    seen: list[torch.Tensor] = []

    def likeliest(logits, _generator):
        seen.append(logits[0])
        return logits.argmax(-1)

    monkeypatch.setattr(talkshow, "_drawn", likeliest)
    with torch.no_grad():
        codes = predictor.draw(told, torch.Generator())
        start = torch.full((1, 1), predictor.start)
        past = {name: torch.cat([start, values[:, :-1]], 1) for name, values in codes.items()}
        logits = predictor(told, past, codes["body"])
    for offset, name in enumerate(talkshow.STREAMS):
        torch.testing.assert_close(torch.stack(seen[offset::2]), logits[name][0], atol=1e-5, rtol=1e-4)


def test_a_code_knows_nothing_of_later_ones():
    torch.manual_seed(2)
    predictor = talkshow.CodePredictor(talkshow.TalkShowSizes(hidden=16, codes=12)).eval()
    told = torch.randn(1, 40, 16)
    past = {name: torch.randint(0, 12, (1, 40)) for name in talkshow.STREAMS}
    changed = {name: torch.cat([values[:, :25], (values[:, 25:] + 1) % 12], 1) for name, values in past.items()}
    body = torch.randint(0, 12, (1, 40))
    with torch.no_grad():
        first, second = predictor(told, past, body), predictor(told, changed, body)
    for name in talkshow.STREAMS:
        assert torch.equal(first[name][:, :25], second[name][:, :25])
        assert not torch.equal(first[name][:, 25:], second[name][:, 25:])


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return (Path.touch, (self.place,))


def edited(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    """A change to the tensors of a folder's file."""

    def apply(folder: Path) -> None:
        from safetensors.numpy import load_file

        arrays = load_file(folder / "model.safetensors")
        change(arrays)
        as_safetensors(arrays, folder)

    return apply


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def cut_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    as_pickle({"a": np.zeros(1000)}, folder)
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:700])


def trapped(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"moton_proj.weight": Trap(folder / "sprung")}))


def replaced(**values: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return apply


BAD = {
    "missing": (edited(lambda a: [a.pop("moton_proj.weight")]), "lack moton_proj.weight"),
    "extra": (edited(lambda a: a.update(word_encoder=np.zeros(3, np.float32))), "hold word_encoder too many"),
    "another shape": (edited(lambda a: a.update({"moton_proj.bias": np.zeros(7, np.float32)})), "is (7,) where"),
    "no numbers": (edited(lambda a: a["moton_proj.bias"].__setitem__(0, np.nan)), "not numbers"),
    "another model": (
        edited(lambda a: (a.clear(), a.update(weight=np.zeros(3, np.float32)))),
        "those of another model",
    ),
    "cut off": (cut, "cut off or damaged"),
    "cut off pickle": (cut_pickle, "cut off or damaged"),
    "would run code": (trapped, "could run code"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "neither model.safetensors nor"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "broken config": (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
    "a size that is none": (replaced(hidden_size=-1), "hidden_size = -1"),
    "sizes that do not fit": (replaced(hidden_size=15), "do not fit each other"),
    "of another type": (replaced(model_type="bert"), 'of type "bert"'),
    "without hands": (lambda folder: (folder / "emage_vq/hands/model.safetensors").unlink(), "hands"),
    "hands for feet": (
        lambda folder: (
            (folder / "emage_vq/lower").rename(folder / "old")
            or (folder / "emage_vq/upper").rename(folder / "emage_vq/lower")
        ),
        "another part|no config.json",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_checkpoint_is_one_clear_sentence(emage, name):
    spoil, words = BAD[name]
    spoil(emage)
    with pytest.raises(InputError) as caught:
        gesture_solver.load(emage)
    said = str(caught.value)
    assert any(word in said for word in words.split("|")), said
    assert "\n" not in said
    assert said.endswith(".")
    assert not (emage / "sprung").exists()


def test_without_torch_it_says_what_to_install(emage, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("animcore.solvers.gesture_networks.")]:
        if name.split(".")[-1] in ("checkpoints", "emage", "talkshow", "emage_network", "gesture_codes"):
            monkeypatch.delitem(sys.modules, name)
    package = sys.modules["animcore.solvers.gesture_networks"]
    for name in ("checkpoints", "emage", "talkshow"):
        monkeypatch.delattr(package, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"need PyTorch: pip install"):
        gesture_solver.load(emage)
