"""What should be told at once is: pipes, targets that cannot be, names that are one on other disks, Ctrl-C, depth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest

from animcore.body_models import model_file
from animcore.cli.main import main
from animcore.core import reading
from animcore.errors import InputError
from animcore.evaluation.face import loading, reference_face
from animcore.files import FORMATS, load_any, npz_arrays
from animcore.files.animation_curves import FormatOptions
from animcore.files.avatars import open_any_splats
from animcore.files.scenes import via_blender
from animcore.files.subtitles import rhubarb, transcripts
from animcore.hybrid_head import capture_format
from animcore.hybrid_head.tracking import face_tracker
from animcore.motion import Motion
from animcore.pipelines import generate_files
from animcore.retarget import geometry_matching
from animcore.retarget.face_map import FaceMap

ROOT = Path(__file__).resolve().parent.parent

posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")


@posix
def test_a_named_pipe_is_not_waited_for(tmp_path, capsys):
    for name in ("voice.wav", "take.csv", "take.npz", "head.ply", "head.glb", "words.txt", "take.bvh", "take.vmd"):
        os.mkfifo(tmp_path / name)
    begin = time.monotonic()
    assert main(["generate", str(tmp_path / "voice.wav"), "--out", str(tmp_path / "out")]) == 1
    assert main(["inspect", str(tmp_path / "voice.wav")]) == 1
    assert main(["export", str(tmp_path / "take.csv"), "--out", str(tmp_path / "out")]) == 1
    assert main(["avatar", "convert", str(tmp_path / "head.ply"), str(tmp_path / "a.spz")]) == 1
    readers = [
        lambda: Motion.load(tmp_path / "take.npz"), lambda: FaceMap.load(tmp_path / "take.npz"),
        lambda: geometry_matching.load(tmp_path / "take.npz"), lambda: transcripts.load(tmp_path / "words.txt"),
        lambda: open_any_splats.load(tmp_path / "head.glb"), lambda: load_any(tmp_path / "take.bvh"),
        lambda: load_any(tmp_path / "take.vmd"),
    ]  # fmt: skip
    for read in readers:
        with pytest.raises(InputError, match="pipe or a device"):
            read()
    assert time.monotonic() - begin < 5
    assert capsys.readouterr().err.count("pipe or a device") == 4


def test_a_report_that_cannot_be_written_is_told_before_the_work(spoken_line, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(generate_files, "run", lambda *_: pytest.fail("the work was begun"))
    command = ["generate", str(spoken_line), "--out", str(tmp_path / "out"), "--format", "npz", "--report"]
    assert main([*command, str(tmp_path / "no" / "report.json")]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_a_report_may_lie_in_the_folder_that_is_made(spoken_line, tmp_path):
    report = tmp_path / "out" / "report.json"
    command = ["generate", str(spoken_line), "--out", str(tmp_path / "out"), "--format", "npz", "--report"]
    assert main([*command, str(report)]) == 0
    assert json.loads(report.read_text())


@pytest.mark.parametrize(("name", "other"), [("a.usdz", "a.usdc"), ("a.gltf", "a.glb"), ("meta.json", "meta.sog")])
def test_a_kind_that_is_only_read_is_told_before_the_work(tmp_path, capsys, name, other):
    assert main(["avatar", "convert", str(tmp_path / "no.ply"), str(tmp_path / name)]) == 1
    assert f"name it {other}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_names_that_are_one_on_other_disks_do_not_write_over_each_other(spoken_line, tmp_path):
    sources = []
    for form in ("NFC", "NFD"):
        (tmp_path / form).mkdir()
        sources.append(tmp_path / form / f"{unicodedata.normalize(form, 'Éléonore')}.flac")
        sources[-1].write_bytes(spoken_line.read_bytes())
    with pytest.raises(InputError, match="would both be written as"):
        generate_files.run(sources, generate_files.BatchRequest(tmp_path / "out", ["npz"]))
    (tmp_path / "NFC" / f"{unicodedata.normalize('NFD', 'Éléonore')}.txt").write_text("hello")
    assert transcripts.find_beside(sources[0], tmp_path / "NFC").suffix == ".txt"


@posix
def test_ctrl_c_while_modules_are_imported_is_a_sentence():
    script = (
        "import os, signal, sys, builtins\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs of a shell ignore Ctrl-C
        "real = builtins.__import__\n"
        "def import_(name, *rest):\n"
        "    if name == 'numpy': os.kill(os.getpid(), signal.SIGINT)\n"
        "    return real(name, *rest)\n"
        "from animcore.__main__ import main\n"
        "builtins.__import__ = import_\n"
        "sys.exit(main())\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (ran.returncode, ran.stdout) == (130, "")
    assert ran.stderr == "animcore: stopped before it began.\n"


def test_xml_of_great_depth_is_refused_at_once(tmp_path):
    path = tmp_path / "a.rhubarb.xml"
    path.write_text("<rhubarbResult>" + "<a>" * 1_000_000)
    begin = time.monotonic()
    with pytest.raises(InputError, match="deep in each other"):
        rhubarb.XML.read(path, FormatOptions())
    assert time.monotonic() - begin < 2


def claimed(path: Path, names: str, size: int) -> Path:
    """A small archive whose list of parts says that each unpacks to `size` bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names.split():
            archive.writestr(f"{name}.npy", b"\x93NUMPY")
        for part in archive.filelist:
            part.file_size = size
    return path


@pytest.mark.parametrize(
    "read",
    [
        Motion.load, FaceMap.load, geometry_matching.load, capture_format.read_pose, face_tracker.HeadTrack.load,
        reference_face.load, loading._arrays,
        model_file.read, via_blender._arrays,
        *(lambda path, form=form: form.read(path, FormatOptions(rate=30)) for form in FORMATS.values()
          if form.suffix.endswith(".npz")),
    ],
)  # fmt: skip
def test_what_unpacks_to_more_than_memory_should_hold_is_refused_by_every_reader(tmp_path, read):
    names = (
        "arkit names fps opening width generated rest v_template shapedirs poses trans expr shape rotation expressions"
    )
    with pytest.raises(InputError, match=r"unpacks to [\d,.]+ GB, more than any such file holds"):
        read(claimed(tmp_path / "bomb.npz", names, 6 << 30))


def test_an_archive_of_very_many_parts_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_DIRECTORY", 10_000)
    path = tmp_path / "many.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(200):
            archive.writestr(f"{number:060d}.npy", b"")
    with pytest.raises(InputError, match="more parts"):
        Motion.load(path)


def test_a_count_without_bytes_is_not_an_array(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("format.npy", "w") as part:
        np.lib.format.write_array_header_1_0(part, {"descr": "|S0", "fortran_order": False, "shape": (10**12,)})
    with pytest.raises(InputError, match="not a readable motion"):
        Motion.load(path)


def test_a_broken_entry_of_a_cache_is_made_anew(tmp_path):
    made = []

    def write(place: Path) -> None:
        made.append(place)
        npz_arrays.save({"a": np.arange(3)}, place)

    path = tmp_path / "cache" / "a.npz"
    for content in (None, b"", b"PK\3\4", path, "half"):
        if content == "half":
            path.write_bytes(path.read_bytes()[:-20])
        elif isinstance(content, bytes):
            path.write_bytes(content)
        assert reading.cached(path, reading.arrays, write)["a"].tolist() == [0, 1, 2]
    assert len(made) == 4
