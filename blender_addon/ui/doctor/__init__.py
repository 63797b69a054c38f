"""Operators and panel: doctor."""
