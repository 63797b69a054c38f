"""Motion -> Motion: postprocessing of a performance."""
