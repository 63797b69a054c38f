"""Hybrid heads, avatars and captures on disk."""
