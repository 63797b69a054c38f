"""Trains the gesture networks."""
