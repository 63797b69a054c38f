"""`animcore avatar`: heads of mesh and Gaussians, on the command line."""
