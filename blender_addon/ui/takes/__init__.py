"""Operators and panel: takes."""
