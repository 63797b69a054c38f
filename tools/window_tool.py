"""Where the tool lies that runs Blender in a window."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PLACE = Path("shared") / "tools" / "blender_window"


def find() -> Path:
    """Return BLENDER_WINDOW, else ../shared/tools/blender_window beside the checkout, or that of its worktree."""
    told = os.environ.get("BLENDER_WINDOW")
    if told:
        return Path(told)
    git = ["git", "-C", str(ROOT), "rev-parse", "--path-format=absolute", "--git-common-dir"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    checkouts = [ROOT, *([Path(done.stdout.strip()).parent] if done.returncode == 0 else [])]
    places = [checkout.parent / _PLACE for checkout in checkouts]
    return next((place for place in places if place.is_file()), places[0])
