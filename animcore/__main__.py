"""The command `animcore`: its modules take a second to import, in which Ctrl-C is a sentence as it is later."""

from __future__ import annotations

import sys

_INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended


def main() -> int:
    """Run the command of `sys.argv`; return its exit status."""
    try:
        from animcore.cli import main

        return main.main()
    except KeyboardInterrupt:
        sys.stderr.write("animcore: stopped before it began.\n")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
