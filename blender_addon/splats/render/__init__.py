"""Draws Gaussians: render engine, viewport, overlay."""
