"""Where the tool lies that runs Blender in a window."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PLACE = Path("shared") / "tools" / "blender_window"


def find() -> Path:
    """Return BLENDER_WINDOW, else ../shared/tools/blender_window beside the checkout, or that of its worktree."""
    told = os.environ.get("BLENDER_WINDOW")
    if told:
        return Path(told)
    beside = ROOT.parent / _PLACE
    if beside.is_file() or shutil.which("git") is None:  # inside the tool's own system there is no git
        return beside
    git = ["git", "-C", str(ROOT), "rev-parse", "--path-format=absolute", "--git-common-dir"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    other = Path(done.stdout.strip()).parent.parent / _PLACE
    return other if done.returncode == 0 and other.is_file() else beside
