"""Operators and panel: the lines of a batch."""
