"""Gaussians and hybrid heads as objects of the scene."""
