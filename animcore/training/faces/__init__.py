"""Trains the face networks."""
