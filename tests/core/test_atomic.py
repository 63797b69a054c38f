"""Whole files or none, whatever the disk, the name or another process does."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from animcore.core import atomic_files
from animcore.core.atomic_files import check_target, whole_file, write_failure
from animcore.errors import InputError

ROOT = Path(__file__).resolve().parents[2]

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and signals of POSIX")


def wrote(path: Path, text: str = "new") -> str:
    with whole_file(path) as temporary:
        temporary.write_text(text)
    return path.read_text()


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if ".part" in path.name]


@pytest.mark.parametrize("length", [1, 200, 238, 254, 255])
def test_every_name_that_the_disk_takes_is_written(tmp_path, length):
    for name in ("x" * (length - 4) + ".csv" if length > 4 else "x", ("é" * 127)[: length // 2] or "x"):
        assert wrote(tmp_path / name) == "new"
    assert not left_over(tmp_path)


def test_a_name_that_is_too_long_is_said_so_at_once(tmp_path):
    with pytest.raises(InputError, match="name is too long"), whole_file(tmp_path / ("x" * 256)):
        pytest.fail("the work was begun")


@needs_posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_an_existing_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(mode)
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)


@needs_posix
def test_a_new_file_has_the_mode_that_the_user_chose(tmp_path):
    before = os.umask(0o027)
    try:
        wrote(tmp_path / "a.txt")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


@needs_posix
@pytest.mark.parametrize("there", [True, False], ids=["file", "dangling"])
def test_a_symbolic_link_stays_one(tmp_path, there):
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "a.txt", tmp_path / "a.txt"
    if there:
        real.write_text("old")
    link.symlink_to(real)
    assert wrote(link) == "new"
    assert (link.is_symlink(), real.read_text()) == (True, "new")
    assert not left_over(tmp_path / "real")


@needs_posix
def test_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe or a device"):
        wrote(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_folder_and_a_missing_one_are_said_before_the_work(tmp_path):
    for path, sentence in ((tmp_path, "is a folder"), (tmp_path / "no" / "a.txt", "there is no folder")):
        with pytest.raises(InputError, match=sentence), whole_file(path):
            pytest.fail("the work was begun")
        with pytest.raises(InputError, match=sentence):
            check_target(path)
    check_target(tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


def test_the_first_error_is_told_and_not_that_of_the_clean_up(tmp_path, monkeypatch):
    def unlink(self, missing_ok=False):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(InputError, match="mine"), whole_file(tmp_path / "a.txt"):
        raise InputError("mine")


def test_what_is_written_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(atomic_files.os, "fsync", lambda handle: (done.append("fsync"), sync(handle))[1])
    monkeypatch.setattr(atomic_files.os, "replace", lambda *paths: (done.append("replace"), replace(*paths))[1])
    wrote(tmp_path / "a.txt")
    assert done[:2] == ["fsync", "replace"]


@needs_posix
def test_orphans_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path):
    script = (
        "import sys, time, pathlib\n"
        "from animcore.core.atomic_files import whole_file\n"
        "with whole_file(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); print('there', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        atomic_files._next_look.clear()
        wrote(tmp_path / "b.txt")
        assert len(left_over(tmp_path)) == 1
        process.send_signal(signal.SIGKILL)
    atomic_files._next_look.clear()
    wrote(tmp_path / "b.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


FULL = """
import resource, pathlib, sys
import numpy as np
from animcore.errors import InputError
from animcore.core.array_writer import write_arrays
from animcore.core.atomic_files import whole_file
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
noise = np.random.default_rng(0).normal(size=100_000)
folder = pathlib.Path(sys.argv[1])

def compressed(path):
    with path.open("wb") as handle:
        write_arrays(handle, {"a": noise, "b": noise})

def zipped(path):
    import zipfile
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", noise.tobytes())

def sound(path):
    import wave
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 48000, 0, "NONE", "")); out.writeframes(noise.tobytes())

for write in (compressed, zipped, sound, lambda path: path.write_bytes(noise.tobytes())):
    try:
        with whole_file(folder / "a.npz") as temporary:
            write(temporary)
    except InputError as error:
        print(error)
print(list(folder.iterdir()))
"""


@needs_posix
def test_a_full_disk_is_called_one_whatever_the_library_makes_of_it(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    *said, rest = ran.stdout.splitlines()
    assert "seek of closed file" not in ran.stderr
    assert len(said) == 4
    assert {line.partition(",")[0] for line in said} == {"The disk is full"}
    assert rest == "[]"


def test_a_file_that_is_written_as_part_of_another_is_told_by_its_own_name(tmp_path):
    with whole_file(tmp_path / "a.csv") as outer:
        said = write_failure(outer, OSError(errno.ENOSPC, "full"))
        outer.touch()
    assert said.startswith("The disk is full, so a.csv was not written")
