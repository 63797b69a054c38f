"""Training of the shipped solvers: data, losses, loops and export. Needs the extra `train`."""
