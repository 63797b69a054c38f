"""Animcore: a recorded voice in, an editable facial and body performance out."""

__version__ = "0.1.0"
