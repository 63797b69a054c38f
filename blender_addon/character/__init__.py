"""Characters in the scene: their meshes, shapes and bones, and how they are driven."""
