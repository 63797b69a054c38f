"""What Gaussians are: data, spherical harmonics, binding to triangles, editing."""
