"""`python -m animcore.cli` is the command `animcore`."""

from animcore.cli.main import main

if __name__ == "__main__":
    main()
