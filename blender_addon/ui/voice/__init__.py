"""Operators and panel: voice."""
