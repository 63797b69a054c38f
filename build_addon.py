"""Builds the Blender extension: `python build_addon.py` writes one zip a platform into dist/.

Each zip carries the extension, the default character, the hybrid head and, as wheels, the engine with rig profiles and
what it needs, so that installing it needs neither the Internet nor pip. Wheels are fetched once into .cache/wheels,
checked against tools/addon_wheels.toml and used from there afterwards. Equal sources give equal zips. Where a Blender
is at hand (the module `bpy` or a program `blender`), its own `extension validate` judges every zip.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from animcore.core.atomic_files import whole_file

ROOT = Path(__file__).resolve().parent
EXTENSION = ROOT / "blender_addon"
PINS = ROOT / "tools" / "addon_wheels.toml"
CACHE = ROOT / ".cache" / "wheels"
DIST = ROOT / "dist"

_DATE = (2026, 1, 1, 0, 0, 0)  # of every file in a zip: the same sources give the same bytes
_STORED = {".whl", ".blend", ".onnx", ".png", ".jpg", ".flac"}  # already compressed, or not worth it
# folders that the engine itself needs
_ENGINE_DATA = ("assets/bodies", "assets/gestures", "assets/retarget", "assets/solvers", "assets/trackers", "rigs")
_EXTENSION_DATA = (("character", "*.blend"), ("avatar/curls", "*"))  # folders of assets/ that the extension reads


class BuildError(Exception):
    """The zip cannot be made; the text says why and what to do."""


def main() -> None:
    """Build the zips that the command line asks for."""
    pins: dict[str, dict[str, str]] = tomllib.loads(PINS.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description="Build the Blender extension, one zip a platform, into dist/.")
    parser.add_argument("--platform", action="append", choices=sorted(pins), help="only this one; may be repeated")
    parser.add_argument("--out", type=Path, default=DIST, help="folder of the zips (dist)")
    options = parser.parse_args()
    try:
        for path in build(options.platform or list(pins), options.out, pins):
            print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    except BuildError as error:
        sys.exit(f"build_addon: {error}")


def build(platforms: Iterable[str], out: Path, pins: Mapping[str, Mapping[str, str]]) -> list[Path]:
    """Write and validate the zip of each platform; returns their paths.

    Raises:
        BuildError: where a wheel cannot be fetched, or Blender refuses a zip.
    """
    out.mkdir(parents=True, exist_ok=True)
    validate = validator()
    if validate is None:
        print("No Blender here (neither bpy nor a program blender): the zips are not validated.")
    made = []
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_wheel(Path(folder))
        for platform in platforms:
            wheels = [engine, *(fetch(name, digest) for name, digest in pins[platform].items())]
            path = out / f"animcore-{version()}-{platform.replace('-', '_')}.zip"
            write_zip(path, extension_files(), manifest(platform, wheels), wheels)
            if validate is not None:
                _validate(validate, path)
            made.append(path)
    return made


def version() -> str:
    """The version of the package, which the manifest must share.

    Raises:
        BuildError: where they differ.
    """
    scope: dict[str, str] = {}
    exec((ROOT / "animcore" / "__init__.py").read_text(encoding="utf-8"), scope)
    extension: str = tomllib.loads((EXTENSION / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    if extension != scope["__version__"]:
        raise BuildError(
            f"blender_manifest.toml has version {extension}, animcore {scope['__version__']}; make them equal."
        )
    return extension


def manifest(platform: str, wheels: Iterable[Path]) -> str:
    """The manifest of the zip for a platform: the one of the sources, with its platform and wheels."""
    source = (EXTENSION / "blender_manifest.toml").read_text(encoding="utf-8")
    head, permissions = source.split("[permissions]")
    names = "".join(f'    "./wheels/{wheel.name}",\n' for wheel in wheels)
    return f'{head}platforms = ["{platform}"]\nwheels = [\n{names}]\n\n[permissions]{permissions}'


def extension_files() -> dict[str, Path]:
    """The files of the extension by their names in the zip, without manifest and wheels."""
    found = {path.relative_to(EXTENSION).as_posix(): path for path in _files(EXTENSION, "*.py")}
    for folder, pattern in _EXTENSION_DATA:
        for path in _files(ROOT / "assets" / folder, pattern):
            found[path.relative_to(ROOT).as_posix()] = path
    found["LICENSE"] = ROOT / "LICENSE"
    return found


def engine_wheel(folder: Path) -> Path:
    """Write the engine as a pure-Python wheel, with the weights and tables it runs on."""
    name = f"animcore-{version()}"
    sources = {
        f"animcore/{path.relative_to(ROOT / 'animcore').as_posix()}": path for path in _files(ROOT / "animcore", "*")
    }
    for part in _ENGINE_DATA:
        for path in _files(ROOT / part, "*"):
            if path.suffix != ".py":  # recipes build the data, and stay with the sources
                sources[f"animcore/{path.relative_to(ROOT).as_posix()}"] = path
    contents = {inner: path.read_bytes() for inner, path in sources.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = (
        f"Metadata-Version: 2.1\nName: animcore\nVersion: {version()}\nSummary: {project['description']}\n"
        f"License: {project['license']}\nRequires-Python: {project['requires-python']}\n"
    )
    tags = "Wheel-Version: 1.0\nGenerator: build_addon\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents |= {f"{name}.dist-info/METADATA": metadata.encode(), f"{name}.dist-info/WHEEL": tags.encode()}
    record = "".join(f"{inner},sha256={_digest(data)},{len(data)}\n" for inner, data in sorted(contents.items()))
    contents[f"{name}.dist-info/RECORD"] = f"{record}{name}.dist-info/RECORD,,\n".encode()
    wheel = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for inner, data in sorted(contents.items()):
            _add(archive, inner, data, zipfile.ZIP_DEFLATED)
    return wheel


def fetch(name: str, digest: str) -> Path:
    """Return a pinned wheel from the cache; it is downloaded where it is not there.

    Raises:
        BuildError: where it cannot be had, or is another file than the one pinned.
    """
    path = CACHE / name
    if not path.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"Fetching {name} ...", flush=True)
        package, number, python, _abi, platforms = name.removesuffix(".whl").split("-")
        command = [
            *(sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary=:all:", "--implementation", "cp", "--python-version", python.removeprefix("cp")),
            *("--platform", platforms.split(".")[0], "--dest", str(CACHE), f"{package}=={number}"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not path.is_file():
            why = (done.stderr.strip().splitlines() or ["pip gave another file"])[-1]
            raise BuildError(f"{name} could not be fetched ({why}); put it into {CACHE} by hand and build again.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        raise BuildError(f"{path} is not the file that {PINS.name} pins (sha256 {found}); delete it and build again.")
    return path


def write_zip(path: Path, files: Mapping[str, Path], manifest_text: str, wheels: Iterable[Path]) -> None:
    """Write a zip, whole or not at all."""
    contents = dict(files) | {f"wheels/{wheel.name}": wheel for wheel in wheels}
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        _add(archive, "blender_manifest.toml", manifest_text.encode(), zipfile.ZIP_DEFLATED)
        for inner, source in sorted(contents.items()):
            how = zipfile.ZIP_STORED if source.suffix in _STORED else zipfile.ZIP_DEFLATED
            _add(archive, inner, source.read_bytes(), how)


def validator() -> list[str] | None:
    """The command that has Blender judge a zip, without the zip's name; None where no Blender is at hand."""
    spec = importlib.util.find_spec("bpy")
    if spec is not None and spec.origin:
        tools = sorted(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
        if tools:
            return [sys.executable, str(tools[0]), "validate"]
    program = shutil.which("blender")
    return [program, "--command", "extension", "validate"] if program else None


def _validate(command: list[str], path: Path) -> None:
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"Blender refuses {path.name}: {done.stdout.strip()} {done.stderr.strip()}")


def _files(folder: Path, pattern: str) -> list[Path]:
    """Files below a folder, in a fixed order, without what Python and editors leave behind."""
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts and not path.name.startswith("."))


def _add(archive: zipfile.ZipFile, name: str, data: bytes, how: int) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = 0o644 << 16
    archive.writestr(info, data, how)


def _digest(data: bytes) -> str:
    """A hash as RECORD wants it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    main()
