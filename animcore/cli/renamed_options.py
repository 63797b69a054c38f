"""Options under their former names: accepted for one version, with a note that gives the new name."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_RENAMED = {
    "generate": {"--finish": "--postprocess"},
    "export": {"--finish": "--postprocess"},
    "judge": {"--film": "--video", "--sound": "--audio"},
    "judge-body": {"--film": "--video", "--sound": "--audio"},
    "avatar": {"--steps": "--iterations", "--changes": "--texture-components", "--lens": "--focal-length"},
}


def with_new_names(arguments: Sequence[str]) -> list[str]:
    """Replace former option names of a command line by the new ones, and print a note on stderr for each.

    Args:
        arguments: the command and its arguments, without the program's name.
    """
    renamed = _RENAMED.get(arguments[0], {}) if arguments else {}
    found = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in renamed:
            print(f"animcore: {name} is now {renamed[name]}; the next version drops {name}.", file=sys.stderr)
        found.append(renamed.get(name, name) + equals + value)
    return found
