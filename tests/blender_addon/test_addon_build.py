"""The zips of the extension, without the wheels that would have to be fetched."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
import zipfile

import pytest

import build_addon

PINS = tomllib.loads(build_addon.PINS.read_text(encoding="utf-8"))


def test_equal_sources_give_equal_zips(tmp_path, monkeypatch):
    monkeypatch.setattr(build_addon, "validator", lambda: None)
    digests = []
    for name in ("a", "b"):
        (path,) = build_addon.build(["linux-x64"], tmp_path / name, {"linux-x64": {}})
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    assert not list(tmp_path.rglob("*.part"))


def test_the_manifest_names_what_the_zip_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(build_addon, "validator", lambda: None)
    (path,) = build_addon.build(["windows-x64"], tmp_path, {"windows-x64": {}})
    with zipfile.ZipFile(path) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        assert manifest["platforms"] == ["windows-x64"]
        assert manifest["version"] == build_addon.version()
        assert all(wheel.removeprefix("./") in archive.namelist() for wheel in manifest["wheels"])
        assert manifest["permissions"].keys() == {"files", "clipboard"}
    wheel = tmp_path / "engine.whl"
    with zipfile.ZipFile(path) as archive:
        wheel.write_bytes(archive.read(manifest["wheels"][0].removeprefix("./")))
    with zipfile.ZipFile(wheel) as engine:
        assert engine.testzip() is None
        record = engine.read(f"animcore-{build_addon.version()}.dist-info/RECORD").decode().splitlines()
        assert len(record) == len(engine.namelist())


@pytest.mark.parametrize("platform", PINS)
def test_every_platform_has_wheels_for_every_python_of_blender(platform):
    names = list(PINS[platform])
    for python in ("cp311", "cp313"):
        assert sum(name.startswith("onnxruntime-") and f"-{python}-" in name for name in names) == 1
    assert sum(name.startswith("av-") and "-cp311-abi3-" in name for name in names) == 1, "abi3 serves all later ones"
    assert sum(name.startswith("safetensors-") and "-cp310-abi3-" in name for name in names) == 1
    assert all(len(digest) == 64 for digest in PINS[platform].values())


def test_a_wheel_that_is_not_the_one_pinned_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(build_addon, "CACHE", tmp_path)
    (tmp_path / "av-1-cp311-abi3-any.whl").write_bytes(b"something else")
    with pytest.raises(build_addon.BuildError, match="is not the file"):
        build_addon.fetch("av-1-cp311-abi3-any.whl", "0" * 64)


def test_onnxruntime_runs_on_numpy_alone():
    code = "import sys, onnxruntime; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"google", "flatbuffers", "packaging", "coloredlogs", "sympy"} & set(loaded)
