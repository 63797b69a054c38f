"""Operators and panel: performance."""
