"""Trains the streaming lip sync network."""
