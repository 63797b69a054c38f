"""The wheel, unpacked where no checkout is in reach: its commands find everything that they need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).resolve().parent.parent

TINY = {
    "faceformer": "hidden = 8\nlayers = 1\nwindow = 30\nstride = 30\nbatch = 2\nepochs = 1\n",
    "talkshow": "hidden = 8\ncodes = 8\nlength = 8\nlayers = 1\nwindow = 32\nepochs_codes = 1\nepochs = 1\n",
}
COMMANDS = """
generate line.wav --out takes --format livelink,npz --fps 30 --style presenter
generate line.wav --out said --transcript line.txt --format srt,vtt,textgrid,npz
generate line.wav --out felt --emotion joy=0.7 --strength head=0 --look-at 0.4,0,1.2
generate line.wav --out heard --listening-to line.wav
generate line.wav --out live --variant live
export takes/line.npz --out files --format unity,glb,vrma,bvh
export takes/line.csv --out back --format csv --profile "Character Creator"
judge --truth takes/line.csv takes/line.npz --out verdict
judge-body takes/line.npz --audio . --out bodies
inspect line.wav
formats
avatar info CURLS
avatar convert CURLS small.spz --degree 1
avatar edit recolour CURLS dyed --part hair --hue -90
""".strip()
TRAINING = """
train faceformer --data data --config faceformer.toml --out face
train talkshow --data data --config talkshow.toml --out gestures
generate line.wav --out learned --face face/model --gestures gestures/model
""".strip()
SCRIPT = """
import shlex, sys
sys.path.insert(0, sys.argv[1])
import animcore.cli.main
from animcore.evaluation.face.reference_face import ASSETS
assert animcore.__file__.startswith(sys.argv[1])
for line in sys.argv[2].splitlines():
    print(">", line, flush=True)
    assert animcore.cli.main.main(shlex.split(line.replace("CURLS", str(ASSETS / "avatar" / "curls")))) == 0, line
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of packages that holds the wheel, built now."""
    pytest.importorskip("hatchling", reason="builds the wheel: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, place: Path, commands: str) -> None:
    """Run commands of the wheel one after the other in a folder."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", SCRIPT, str(installed), commands]
    done = subprocess.run(command, cwd=place, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_every_file_of_its_folders_and_nothing_else(installed):
    """Whatever is added to these folders is packaged, with no list to keep."""
    held = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    folders = ("animcore", "assets", "blender_addon", "rigs")
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    tracked = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    if not tracked:
        pytest.skip("this is not a checkout of git")
    left_out = ("/recipe/", "assets/voices/")
    wanted = [name for name in tracked if not any(part in name for part in left_out)]
    assert {name if name.startswith("animcore/") else f"animcore/{name}" for name in wanted} <= held
    assert not {name for name in held if any(part in name for part in (*left_out, "__pycache__"))}


def test_commands_of_the_docs_work_from_another_folder(installed, tmp_path):
    samples, rate = soundfile.read(ROOT / "assets" / "voices" / "line.flac", frames=40_000)
    soundfile.write(tmp_path / "line.wav", samples, rate)
    (tmp_path / "line.txt").write_text("Hello there.", encoding="utf-8")
    run(installed, tmp_path, COMMANDS)
    pytest.importorskip("torch", reason="training needs the extra train")
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        shutil.copy(tmp_path / "line.wav", tmp_path / "data" / f"{name}.wav")
        shutil.copy(tmp_path / "takes" / "line.npz", tmp_path / "data" / f"{name}.npz")
    for solver, settings in TINY.items():
        (tmp_path / f"{solver}.toml").write_text(settings, encoding="utf-8")
    run(installed, tmp_path, TRAINING)
