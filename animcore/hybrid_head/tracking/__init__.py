"""Tracks a face through a video."""
