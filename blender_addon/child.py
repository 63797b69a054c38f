"""Blender as a child process, of the engine or of the extension: it exports, reads files back, renders heads.

Run with Blender's Python (`python child.py ENGINE`) or with Blender itself (`blender -b --python child.py -- ENGINE`),
where ENGINE is the folder that `animcore` is in. Requests come as JSON, one a line; answers go the same way, as those
of the engine's service do. It dies with its parent: when its standard input ends.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

_HERE = Path(__file__).resolve().parent
_NAME = "animcore_in_blender"  # of the extension here: its folder may be called as the engine is


def main() -> None:
    """Answer requests until the input ends; whatever Blender prints goes to the log (standard error)."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # behind everything else: Blender's own numpy must not give way to one that is built for another Python
    sys.path.append(sys.argv[-1])
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    cancelled = threading.Event()
    threading.Thread(target=_listen, args=(requests, cancelled), daemon=True).start()
    _load_extension()
    _say(answers, {"event": "ready", "protocol": importlib.import_module(f"{_NAME}.engine.process").PROTOCOL})
    work = importlib.import_module(f"{_NAME}.child_requests").WORK
    while True:
        _answer(work, requests.get(), answers, cancelled)


def _load_extension() -> None:
    """Import the extension, whatever the name of its folder."""
    spec = importlib.util.spec_from_file_location(_NAME, _HERE / "__init__.py", submodule_search_locations=[str(_HERE)])
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)


def _listen(requests: queue.Queue[dict[str, Any]], cancelled: threading.Event) -> None:
    for line in sys.stdin:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        request = request if isinstance(request, dict) else {"do": line.strip()[:60]}
        if request.get("do") == "cancel":
            cancelled.set()
        else:
            requests.put(request)
    os._exit(0)


def _answer(work: dict[str, Any], request: dict[str, Any], answers: TextIO, cancelled: threading.Event) -> None:
    from animcore.errors import AnimcoreError, Cancelled

    number = {"id": request["id"]} if "id" in request else {}

    def told(fraction: float, stage: str) -> None:
        if cancelled.is_set():
            raise Cancelled
        _say(answers, {**number, "event": "progress", "fraction": round(fraction, 3), "stage": stage})

    cancelled.clear()
    wish = request.get("do")
    if not isinstance(wish, str) or wish not in work:
        _say(
            answers,
            {
                **number,
                "event": "error",
                "message": f"Unknown request {wish!r}; install the same version of the engine and the extension.",
            },
        )
        return
    try:
        _say(answers, {**number, "event": "done", **work[wish](request, told)})
    except Cancelled:
        _say(answers, {**number, "event": "cancelled"})
    except AnimcoreError as error:
        _say(answers, {**number, "event": "error", "message": str(error)})
    except Exception as error:
        traceback.print_exc()
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        _say(
            answers,
            {
                **number,
                "event": "error",
                "message": f"Unexpected error in the background Blender ({reason}); press Copy Report and report it.",
            },
        )


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
