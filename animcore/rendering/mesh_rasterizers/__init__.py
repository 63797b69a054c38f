"""Rasterizers of meshes: numba and Warp behind one call, differentiable with PyTorch."""
