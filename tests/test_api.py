"""`import animcore as ac`: light, typed, and what callers pass is taken as they have it."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
import textwrap
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import animcore as ac
from animcore.files.avatars import hybrid_head
from animcore.retarget.face_map import FaceMap
from animcore.retarget.named_rigs import face_map
from animcore.solvers.face_networks import face_solver

ROOT = Path(__file__).resolve().parent.parent
READ_OR_WRITTEN = {"load", "save", "load_any", "loaded", "export"}


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_import_is_light_and_imports_nothing_else():
    measure = "import time; t = time.perf_counter(); import animcore; print(time.perf_counter() - t)"
    assert min(float(in_new_process(measure)) for _ in range(3)) < 0.15
    assert (
        in_new_process("import sys, animcore; print([m for m in sys.modules if 'numpy' in m or 'animcore.' in m])")
        == "[]"
    )


@pytest.mark.parametrize("name", ac.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name):
    assert getattr(ac, name).__doc__
    assert name in dir(ac)


def test_the_public_names_are_typed():
    """What type checkers see is what `__getattr__` gives."""
    tree = ast.parse((ROOT / "animcore" / "__init__.py").read_text(encoding="utf-8"))
    seen = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen - {"TYPE_CHECKING"} == set(ac.__all__)
    assert (ROOT / "animcore" / "py.typed").is_file()


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'generat'"):
        ac.generat  # noqa: B018


def test_retarget_stays_callable_whatever_is_imported(example_files):
    importlib.import_module("animcore.retarget.face_map")
    values = ac.retarget(ac.load(example_files / "take.npz"), "VRM 0")
    assert np.ptp(values["A"]) > 0.1
    assert sys.modules["animcore.retarget"] is ac.retarget


@pytest.mark.parametrize("kind", [str, Path])
def test_paths_are_text_or_path_wherever_something_is_loaded_or_saved(kind, tmp_path, example_files):
    motion = ac.load(kind(example_files / "take.npz"))
    motion.save(kind(tmp_path / "a.npz"))
    assert ac.Motion.load(kind(tmp_path / "a.npz")) == motion
    ac.save(motion, kind(tmp_path / "a.csv"))
    assert ac.load_audio(kind(example_files / "line.wav")).duration == pytest.approx(1.5)
    head = hybrid_head.load(kind(hybrid_head.SHIPPED))
    ac.avatar.save(head, kind(tmp_path / "head"))
    assert ac.avatar.load(kind(tmp_path / "head")).count == head.count
    face_map("MMD").save(kind(tmp_path / "map.npz"))
    assert ac.retarget(motion, kind(tmp_path / "map.npz")).keys() == ac.retarget(motion, "MMD").keys()
    assert len(ac.to_flame(motion, kind(hybrid_head.SHIPPED.parents[1] / "bodies" / "open_head.npz"))[0]["expression"])
    pytest.importorskip("torch", reason="learned faces need it")
    with pytest.raises(ac.InputError):
        face_solver.load(kind(tmp_path / "no_such_folder"))


def test_no_function_that_loads_or_saves_takes_path_objects_alone():
    """Such a function, given text, would end in an AttributeError far from the call."""
    narrow = []
    for path in (ROOT / "animcore").rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        if "training" in path.parts or not any(f"def {name}(" in code for name in READ_OR_WRITTEN):
            continue
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.FunctionDef) and node.name in READ_OR_WRITTEN:
                known = {arg.arg: ast.unparse(arg.annotation) for arg in node.args.args if arg.annotation}
                of_solver = {"values", "network"} & known.keys()  # called by the public `load` of its folder
                narrow += [(path.name, node.name) for given in known.values() if given == "Path" and not of_solver]
    assert narrow == []


@pytest.mark.parametrize(
    "rate",
    [30, 30.0, "30", Fraction(30), np.int64(30), np.float32(30), np.float64(30)],
    ids=lambda rate: type(rate).__name__,
)
def test_rates_are_numbers_of_any_kind(rate, tmp_path):
    motion = ac.Motion(rate, arkit=np.zeros((60, 52)))
    motion.save(tmp_path / "a.npz")
    assert (motion.rate, ac.Motion.load(tmp_path / "a.npz").rate) == (30, 30)
    assert motion.resampled(rate).frame_count == 60


@pytest.mark.parametrize("rate", [29.97, "29.97", "30000/1001", np.float32(29.97)])
def test_rates_of_television_are_exact(rate):
    assert ac.Motion(25, arkit=np.zeros((25, 52))).resampled(rate).rate == Fraction(30000, 1001)


@pytest.mark.parametrize("rate", ["fast", None, [30], float("nan"), 0, -25])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ac.InputError, match="rate"):
        ac.Motion(rate)


def test_tracks_are_lists_or_arrays_of_any_kind():
    motion = ac.Motion(30, arkit=[[0] * 52, [1] * 52], head_pose=[(0, 0.1, 0), (0, 0.2, 0)])
    assert motion.arkit.dtype == motion.head_pose.dtype == np.float32
    assert motion == ac.Motion(30.0, arkit=motion.arkit.astype(np.float64), head_pose=motion.head_pose)
    for wrong in ("weights", [["a"]], [[0], [0, 1]], {}):
        with pytest.raises(ac.InputError, match="The track head_pose must"):
            ac.Motion(30, head_pose=wrong)


def test_a_direction_takes_numbers_of_numpy():
    direction = ac.Direction(seed=np.int64(3), intensity=np.float32(0.5), target=np.array([0.1, 0, 1.0]))
    assert (direction.seed, direction.intensity) == (3, 0.5)
    assert json.loads(json.dumps(direction.to_dict()))["target"] == pytest.approx([0.1, 0, 1])
    with pytest.raises(ac.InputError, match="EmotionSpan"):
        ac.Direction(emotions=["joy"])


def test_samples_are_performed_as_their_file_is(example_files, tmp_path):
    import soundfile

    path = example_files / "line.wav"
    samples, rate = soundfile.read(path)
    from_file, from_samples = ac.load_audio(path), ac.load_audio(samples, rate)
    np.testing.assert_array_equal(from_file.samples, from_samples.samples)
    stereo = ac.load_audio(np.stack([samples, samples], 1), rate)
    np.testing.assert_allclose(stereo.samples, from_samples.samples, atol=1e-4)
    first, second = ac.generate(path, fps="24"), ac.generate(samples.tolist(), fps=24.0, sample_rate=rate)
    assert first.tracks().keys() == second.tracks().keys()
    for name, values in first.tracks().items():
        np.testing.assert_array_equal(values, second[name])


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros((2, 48_000)), 48_000, r"\(N,\) or \(N, 2\)"),
        (np.zeros(48_000), None, "rate in Hz"),
        (np.full(48_000, np.nan), 48_000, "not numbers"),
        (np.zeros(48_000, np.int16), 48_000, "divide"),
        ([], 48_000, "shape"),
        ({"a": 1}, 48_000, "not dict"),
    ],
)
def test_samples_that_cannot_be_are_refused(samples, rate, words):
    with pytest.raises(ac.InputError, match=words):
        ac.load_audio(samples, rate)


def test_what_is_to_be_known_of_a_recording_is_a_warning_at_the_callers_line(sound, noise):
    path = sound("loud.wav", np.clip(noise * 40, -1, 1))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ac.generate(path)
    assert any("clip" in str(one.message) and one.filename == __file__ for one in said)


def test_a_format_is_told_by_the_suffix_or_by_name(example_files, tmp_path):
    motion = ac.load(example_files / "take.npz")
    for name, format in (("a.csv", None), ("b.csv", "csv"), ("a.beat2.npz", None), ("a.glb", None)):
        report = ac.save(motion, tmp_path / name, format)
        assert report.frames == motion.frame_count
        assert report.worst <= report.tolerance
    assert (tmp_path / "a.csv").read_text().startswith("Timecode")
    assert not (tmp_path / "b.csv").read_text().startswith("Timecode")
    with pytest.raises(ac.InputError, match=r"no suffix of a format; give the format, or one of .*\.glb"):
        ac.save(motion, tmp_path / "a.mov")


def test_a_judge_takes_files_and_motions(example_files):
    truth = ac.load(example_files / "take.npz")
    half = ac.Motion(truth.rate, arkit=truth.arkit * 0.5)
    figures = ac.judge(half, str(example_files / "take.npz"))
    assert figures["lve_mm"] > 0.1
    assert figures["r_jaw"] == pytest.approx(1)


def test_a_rig_is_a_profile_its_shapes_or_a_map(example_files):
    motion = ac.load(example_files / "take.npz")
    named = ac.retarget(motion, "arkit")
    np.testing.assert_allclose(named["jawOpen"], motion["jawOpen"], atol=1e-6)
    shapes = ac.retarget(motion, list(named))
    for name in named:
        np.testing.assert_array_equal(shapes[name], named[name])
    assert isinstance(face_map("MMD"), FaceMap)
    with pytest.raises(ac.InputError, match="There is no profile"):
        ac.retarget(motion, "no such rig")
    with pytest.raises(ac.InputError, match="no face weights"):
        ac.retarget(ac.Motion(30), "MMD")


def test_a_head_is_rendered_at_any_moment(example_files):
    pytest.importorskip("numba", reason="the rasterizers of a head are slow without it")
    head, motion = ac.avatar.load(), ac.load(example_files / "take.npz")
    camera = ac.avatar.portrait(head, size=(96, 96))
    still = ac.avatar.render(head, ac.Motion(30, arkit=np.zeros((1, 52))), camera=camera)
    assert still.shape == (96, 96, 3)
    assert (still[0, 0] == 255).all()
    assert still[40:60, 40:56].mean() < 230  # the face is in the middle
    loudest = float(motion.times[motion["jawOpen"].argmax()])
    spoken = ac.avatar.render(head, motion, at=loudest, camera=camera)
    assert np.abs(spoken.astype(int) - still).max() > 20
    red = ac.avatar.render(head, motion, at=loudest, camera=camera, background=[1, 0, 0])
    assert red[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(ac.InputError, match="no frames"):
        ac.avatar.render(head, ac.Motion(30))


def test_strict_type_checkers_accept_what_is_accepted(tmp_path):
    pytest.importorskip("mypy", reason="pip install mypy")
    script = tmp_path / "user.py"
    script.write_text(
        textwrap.dedent("""
            from pathlib import Path
            import animcore as ac

            motion: ac.Motion = ac.generate("line.wav", fps=29.97, direction=ac.Direction(seed=1))
            ac.save(ac.Motion("24", head_pose=[[0.0, 0.1, 0.0]]), Path("a.npz"))
            values = ac.retarget(motion[1.0:2], "MMD")
            image = ac.avatar.render(ac.avatar.load(), motion, camera=ac.Camera.look_at([0, 0, 1], (0, 0, 0)))
            print(values["a"].mean() + motion["jawOpen"].max() + image.mean() + ac.judge(motion, "a.npz")["r_jaw"])
            reveal_type(motion[1.0:2])
            reveal_type(motion["jawOpen"])
            reveal_type(values)
        """)
    )
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        "--cache-dir",
        str(ROOT / ".mypy_cache"),
    ]
    done = subprocess.run([*command, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "error" not in done.stdout, done.stdout
    assert "animcore.motion.Motion" in done.stdout
    assert "dict[" in done.stdout
