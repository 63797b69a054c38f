"""Files that other programs' libraries made (tools/golden_formats.py) are read for what they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore import files
from animcore.body_models.kinematics import INDEX
from animcore.core.vocabulary import ARKIT_INDEX

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "formats"
JAW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(31) / 30)


def read(name: str, expected: str):
    found, motion, _ = files.load_any(GOLDEN / name)
    assert found == expected
    assert motion.frame_count == 31
    assert motion.fps == 30
    return motion


@pytest.mark.parametrize(
    ("name", "kind"),
    [("openfacefx.csv", "livelink"), ("application.a2f.json", "a2f-json"), ("triangle.glb", "glb")],
)
def test_the_jaw_opens_and_closes_once(name, kind):
    motion = read(name, kind)
    np.testing.assert_allclose(motion.arkit[:, ARKIT_INDEX["jawOpen"]], JAW, atol=1e-6)


def test_left_and_right_of_the_other_header_order_are_not_swapped():
    motion = read("openfacefx.csv", "livelink")
    assert motion.arkit[:, ARKIT_INDEX["jawLeft"]].max() == pytest.approx(0.25)
    assert motion.arkit[:, ARKIT_INDEX["mouthRight"]].max() == pytest.approx(0.5)
    assert motion.arkit[:, ARKIT_INDEX["jawRight"]].max() == 0
    assert motion.head_pose[:, 1].max() == pytest.approx(0.1)


def test_a_smile_spelled_otherwise():
    motion = read("triangle.glb", "glb")
    assert motion.arkit[:, ARKIT_INDEX["mouthSmileLeft"]].min() == pytest.approx(0.25)


def test_emage_moves_arm_and_jaw():
    motion = read("emage.beat2.npz", "beat2")
    np.testing.assert_allclose(motion.body_pose[:, INDEX["left_shoulder"], 2], -0.8 * JAW, atol=1e-6)
    np.testing.assert_allclose(motion.jaw_pose[:, 0], 0.3 * JAW, atol=1e-6)


def test_mixamo_of_bvhio_lowers_the_left_arm():
    motion = read("mixamo.bvh", "bvh")
    shoulder = motion.body_pose[:, INDEX["left_shoulder"]]
    np.testing.assert_allclose(shoulder[:, 2], -np.pi / 2 * JAW, atol=0.03)
    assert np.abs(motion.body_pose[:, INDEX["right_shoulder"]]).max() < 0.03  # its T-pose is not quite SMPL-X's
    assert np.abs(motion.translation - motion.translation[0]).max() < 1e-5


def test_cues_of_rhubarb_open_the_mouth():
    _, motion, _ = files.load_any(GOLDEN / "printed.rhubarb.tsv")
    jaw = np.interp([0.1, 0.4, 0.62], motion.times, motion.arkit[:, ARKIT_INDEX["jawOpen"]])
    gap = jaw - np.interp([0.1, 0.4, 0.62], motion.times, motion.arkit[:, ARKIT_INDEX["mouthClose"]])
    assert gap[1] > 0.25
    assert gap[2] < 0.05


def test_kana_open_the_mouth():
    motion = read("kana.vmd", "vmd")
    assert np.corrcoef(motion.arkit[:, ARKIT_INDEX["jawOpen"]], JAW)[0, 1] > 0.999
