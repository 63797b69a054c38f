"""Rasterizers of Gaussians: a plain reference, numba, Warp and gsplat behind one call."""
