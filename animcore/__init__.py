"""Animcore: a recorded voice in, an editable facial and body performance out."""

import os

__version__ = "0.1.0"

# PyTorch's threads, when they wait for work, keep their cores busy: between the loops of the rasterizer, which have
# threads of their own, gradients cost two to three times the processor. Told so before PyTorch is loaded, they sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
