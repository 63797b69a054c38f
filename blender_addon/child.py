"""Blender as a child process of the engine: it puts motions onto characters and exports, and reads files back.

Run with Blender's Python (`python child.py ENGINE`) or with Blender itself (`blender -b --python child.py -- ENGINE`),
where ENGINE is the folder that `animcore` is in. Requests come as JSON, one a line; answers go the same way. It dies
with its parent: when its standard input ends.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

_HERE = Path(__file__).resolve().parent


def main() -> None:
    """Answer requests until the input ends; whatever Blender prints goes to the log (standard error)."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # behind everything else: Blender's own numpy must not give way to one that is built for another Python
    sys.path += [sys.argv[-1], str(_HERE.parent)]
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    _say(answers, {"event": "ready"})
    work = importlib.import_module(f"{_HERE.name}.child_work")
    while True:
        _answer(work.WORK, json.loads(lines.get()), answers)


def _listen(lines: queue.Queue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _answer(work: dict[str, Any], request: dict[str, Any], answers: TextIO) -> None:
    def told(fraction: float, stage: str) -> None:
        _say(answers, {"event": "progress", "fraction": round(fraction, 3), "stage": stage})

    from animcore.errors import AnimcoreError

    try:
        _say(answers, {"event": "done", **work[request["do"]](request, told)})
    except AnimcoreError as error:
        _say(answers, {"event": "error", "message": str(error)})
    except Exception as error:
        traceback.print_exc()
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        _say(answers, {"event": "error", "message": f"Blender failed where it should not ({reason})."})


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
