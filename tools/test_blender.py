"""Runs tests/blender inside Blender: `python tools/test_blender.py 4.2 4.5 5.0 5.2` (or `--setup-only`).

Each Blender is the module bpy in an environment of its own below .venvs/, made once (370 MB each, about half a
minute). A version whose Python is not on this computer is an error that says how to get it, unless --skip-missing is
given.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venvs"

# Blender's version: the exact module, and the Python that it is built for
BLENDERS = {
    "4.2": ("4.2.23", "3.11"),
    "4.5": ("4.5.15", "3.11"),
    "5.0": ("5.0.1", "3.11"),
    "5.2": ("5.2.3", "3.13"),
}
# the engine's libraries in the versions that the extension carries (tools/addon_wheels.toml)
_NEEDS = (
    "pytest>=8",
    "pytest-xdist>=3.5",
    "onnxruntime==1.31.1",
    "av==18.1.0",
    "soundfile>=0.12",
    "tqdm>=4.66",
    "safetensors>=0.4",
)


class SetupError(Exception):
    """An environment cannot be made; the text says why and what to do."""


def main() -> None:
    """Set up and test each Blender that is asked for."""
    parser = argparse.ArgumentParser(description="Run tests/blender inside Blender.")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="Blender versions (all)")
    parser.add_argument("--setup-only", action="store_true", help="make the environments and stop")
    parser.add_argument("--skip-missing", action="store_true", help="leave out versions whose Python is not here")
    parser.add_argument("--pytest", default="", help="further arguments of pytest, as one text")
    options = parser.parse_args()
    failed = []
    for version in options.versions or BLENDERS:
        try:
            python = environment(version)
        except SetupError as error:
            if not options.skip_missing:
                sys.exit(f"test_blender: {error}")
            print(f"Blender {version} left out: {error}")
            continue
        if not options.setup_only and not _test(version, python, options.pytest.split()):
            failed.append(version)
    if failed:
        sys.exit(f"test_blender: tests failed in Blender {', '.join(failed)}")


def environment(version: str) -> Path:
    """Return the Python of the environment of a Blender; it is made where it is not there.

    Raises:
        SetupError: where its Python is missing, or the installation fails.
    """
    module, python_version = BLENDERS[version]
    folder = ENVIRONMENTS / f"bpy-{module}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / ".ready"
    if done.is_file() and done.read_text(encoding="utf-8") == repr(_NEEDS):
        return python
    base = find_python(python_version)
    print(f"Installing Blender {module} as a Python module (370 MB, once) ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([base, "-m", "venv", str(folder)], [*pip, f"bpy=={module}", *_NEEDS]):
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            why = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise SetupError(f"the environment of Blender {version} could not be made ({why})")
    done.write_text(repr(_NEEDS), encoding="utf-8")
    return python


def find_python(version: str) -> str:
    """Find a Python of that version with venv: on the path, or among those of pyenv.

    Raises:
        SetupError: where there is none.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    names = [sys.executable, f"python{version}", *map(str, sorted(pyenv.glob(f"{version}.*/bin/python3")))]
    check = f"import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != {version!r})"
    for name in names:
        program = shutil.which(name)
        if program and not subprocess.run([program, "-c", check], capture_output=True, check=False).returncode:
            return program
    raise SetupError(
        f"Python {version} with venv is not on this computer; get it with 'pyenv install {version}' or "
        f"'apt install python{version} python{version}-venv'"
    )


def _test(version: str, python: Path, arguments: list[str]) -> bool:
    print(f"Blender {version}:", flush=True)
    # the engine is imported from the checkout, as the extension would find it among the wheels it carries
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [str(python), "-m", "pytest", "tests/blender", *arguments]
    return subprocess.run(command, cwd=ROOT, env=surroundings, check=False).returncode == 0


if __name__ == "__main__":
    main()
