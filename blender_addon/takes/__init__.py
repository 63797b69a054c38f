"""Takes: keyed, listed, polished, retimed, mirrored."""
