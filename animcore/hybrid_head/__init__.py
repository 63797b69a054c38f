"""The hybrid head: mesh where it is stable, Gaussians where a mesh fails."""
