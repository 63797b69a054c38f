"""`python -m animcore.cli` is the command `animcore`."""

import sys

from animcore.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
