"""Trains the shipped lip sync network."""
