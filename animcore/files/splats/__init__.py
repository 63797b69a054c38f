"""Gaussian splats on disk, one module a format."""
