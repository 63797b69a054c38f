"""Operators and panel: capture."""
