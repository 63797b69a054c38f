"""Trains the head motion network."""
