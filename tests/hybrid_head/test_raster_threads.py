"""Gradients of the rasterizer cost about the same processor on two threads as on one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import time
import animcore
import torch
from animcore.rendering.gaussian_rasterizers.rasterize import rasterize_torch
from animcore.rendering.camera import Camera
import numpy as np

dice = np.random.default_rng(0)
N = 20_000
values = [dice.normal(0, 0.1, (N, 3)), dice.normal(size=(N, 4)), np.full((N, 3), 0.004), dice.uniform(0.1, 0.9, N),
          dice.normal(0, 0.3, (N, 16, 3))]
tensors = [torch.tensor(value, dtype=torch.float32, requires_grad=True) for value in values]
pose = np.eye(4)
pose[2, 3] = 0.6
camera = Camera.from_opengl(pose, (256, 256), (256.0, 256.0))

def step():
    started = time.process_time()
    colour, depth, alpha = rasterize_torch(*tensors, camera, backend="numba")
    (colour.sum() + alpha.sum()).backward()
    return time.process_time() - started

step()
for threads in (1, 2):
    torch.set_num_threads(threads)
    step()
    print(min(step() for _ in range(5)))
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2 if hasattr(os, "sched_getaffinity") else False, reason="one core")
def test_threads_that_wait_do_not_burn_the_processor():
    pytest.importorskip("torch")
    pytest.importorskip("numba")
    given = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        env=given | {"NUMBA_NUM_THREADS": "2"},
    )
    one, two = (float(line) for line in answer.stdout.split())
    assert two < 1.5 * one, f"{two:.3f} s of processor on two threads, {one:.3f} s on one"
