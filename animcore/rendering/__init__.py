"""What draws: camera, projection, and the rasterizers of Gaussians and meshes."""
