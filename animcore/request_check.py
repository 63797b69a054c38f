"""What the fields of a request to the engine must be; whatever a line holds, the answer is one sentence."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from animcore.errors import InputError

LOG = logging.getLogger(__name__)

# Fields under their former names: read for one version, with a note in the log.
RENAMED = {"finish": "postprocess", "steps": "iterations"}
LONGEST = 1 << 26  # bytes of a line: arrays travel as files
_Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300  # no NaN either


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53


def _list_of(check: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _or_none(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _rate(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_whole, value))


_FIELDS: dict[str, tuple[_Check, str]] = {
    **dict.fromkeys(
        ("audio", "out", "map", "values", "rig", "capture", "folder", "motion", "microphone", "path", "film"),
        (_text, "a text"),
    ),
    **dict.fromkeys(
        ("transcript", "face", "gestures", "envelope", "profile", "mesh", "model", "character"),
        (_or_none(_text), "a text"),
    ),
    "fps": (_rate, "two whole numbers"),
    **dict.fromkeys(("gain", "start"), (_number, "a number")),
    **dict.fromkeys(("gaussians", "iterations"), (_whole, "a whole number")),
    "span": (_or_none(lambda value: _list_of(_or_none(_number))(value) and len(value) in (0, 2)), "two times"),
    **dict.fromkeys(("postprocess", "formats"), (_list_of(_text), "a list of texts")),
    **dict.fromkeys(("cast", "parts", "listening_to"), (_list_of(_object), "a list of objects")),
    **dict.fromkeys(("direction", "setup"), (_object, "an object")),
    "check": (lambda value: _object(value) and all(map(_object, value.values())), "an object of objects"),
}


def parsed(line: str) -> dict[str, Any]:
    """Return the request of a line.

    Raises:
        InputError: where it is none, or one of its fields is of another kind than the engine reads.
    """
    try:
        request = json.loads(line)
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"The engine got a message that it cannot read ({error!r:.100}).") from error
    if not isinstance(request, dict) or "id" not in request or "do" not in request:
        raise InputError(f"The engine got a message that it cannot read ({line.strip()[:60]!r} has no id and no do).")
    if not isinstance(request["id"], str | int | float):
        raise InputError("The engine got a message that it cannot read (its id is neither a text nor a number).")
    if not isinstance(request["do"], str):
        raise InputError(f"The engine has no request {request['do']!r:.60}; `do` is the name of what it is to do.")
    return with_new_names(request)


def with_new_names(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request whose fields, and those of the requests of its `cast`, have their present names.

    A note goes to the log for each former one.
    """
    found = _renamed(request)
    if isinstance(cast := found.get("cast"), list):
        found["cast"] = [_renamed(one) if isinstance(one, dict) else one for one in cast]
    return found


def _renamed(request: dict[str, Any]) -> dict[str, Any]:
    for former in RENAMED.keys() & request.keys():
        name = RENAMED[former]
        LOG.warning("The field %s of a request is now %s; the next version drops %s.", former, name, former)
        request = {name: request[former], **{other: value for other, value in request.items() if other != former}}
    return request


def check(request: Mapping[str, Any], where: str = "") -> None:
    """Check the kinds of all fields of a request, and of the objects in it.

    Raises:
        InputError: for the first that is wrong.
    """
    for name, value in request.items():
        fits, words = _FIELDS.get(name, (None, ""))
        if fits is not None and not fits(value):
            raise InputError(f"{where + name!r} of a request must be {words}, not {value!r:.60}.")
        inner = value if isinstance(value, list) else [value] if name == "setup" else []
        inner = [*value.values()] if name == "check" else inner
        for one in inner:
            if isinstance(one, dict):
                check(one, f"{where}{name}.")
