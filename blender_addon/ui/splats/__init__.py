"""Operators and panel: splats."""
