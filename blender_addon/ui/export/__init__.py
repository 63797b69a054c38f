"""Operators and panel: export."""
