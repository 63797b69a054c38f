"""The example of docs/research/bodies.md does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_moves_the_mouth_with_the_voice(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "research" / "bodies.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    made: dict = {}
    exec(code, made)
    vertices, joints, motion = made["vertices"], made["joints"], made["motion"]
    assert vertices.shape == (motion.frame_count, 11514, 3)
    assert joints.shape == (motion.frame_count, 5, 3)
    # the lips' inner middle, landmarks 63 and 67 of iBUG 68 of which the first 17 are not in the file
    extras, faces = made["head"].extras, made["head"].faces
    upper, lower = (
        (vertices[:, faces[extras["lmk_faces_idx"][place]]] * extras["lmk_bary_coords"][place][:, None]).sum(1)
        for place in (62 - 17, 66 - 17)
    )
    gap = np.linalg.norm(upper - lower, axis=1)
    opened = motion.arkit[:, 17] - motion.arkit[:, 18]  # jawOpen that mouthClose leaves
    assert np.corrcoef(gap, opened)[0, 1] > 0.8
    assert gap.min() < 0.002
    assert gap.max() > 0.004
