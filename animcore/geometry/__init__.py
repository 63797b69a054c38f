"""Rotations, bounded least squares, and registration of one surface to another."""
