"""Operators and panel: character."""
