"""Arms come out of the body, by the capsules and by the skin itself."""

from __future__ import annotations

import numpy as np
import pytest
from moving import RATE, gesturing, spoiled

from animcore.body_models import collision_capsules
from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.body_models.parametric_model import load_model
from animcore.postprocess import body_cleanup, self_collision


def jitter(pose):
    wrists = joint_positions(world_rotations(pose))[:, [INDEX["left_wrist"], INDEX["right_wrist"]]]
    return np.sqrt(np.square(np.diff(wrists, 3, axis=0) * RATE**3).sum(-1).mean())


@pytest.mark.parametrize("depth", [0.2, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_left_inside_and_nothing_jerks(depth, seed):
    pose, _ = gesturing(12, seed, depth)
    assert self_collision.penetration(pose).max() > 0.05
    moved = self_collision.pushed_out(pose, RATE)
    assert self_collision.penetration(moved).max() < 0.010
    assert jitter(moved) < 1.25 * jitter(pose)


def test_only_arms_move_and_only_near_the_body():
    pose, _ = gesturing(12, 0, 0.2)
    moved = self_collision.pushed_out(pose, RATE)
    arms = [INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("shoulder", "elbow", "wrist")]
    rest = np.setdiff1d(np.arange(55), arms)
    assert np.array_equal(moved[:, rest], pose[:, rest])
    inside = self_collision.penetration(pose) > self_collision.TOUCHING
    far = np.convolve(inside, np.ones(151), "same") == 0
    assert far.any()
    assert np.allclose(world_rotations(moved[far]), world_rotations(pose[far]), atol=1e-9)


def test_clean_motion_stays():
    pose, _ = gesturing(12, 0, 0.0)
    assert np.array_equal(self_collision.pushed_out(pose, RATE), pose)


def test_hands_that_hang_into_the_thighs_come_out_evenly():
    pose = np.zeros((300, 55, 3))
    angle = np.radians(90 + 8 * np.sin(np.linspace(0, 12, 300)))
    pose[:, INDEX["left_shoulder"], 2], pose[:, INDEX["right_shoulder"], 2] = -angle, angle
    moved = self_collision.pushed_out(pose, RATE)
    assert self_collision.penetration(pose).max() > 0.05
    assert self_collision.penetration(moved).max() < 0.010
    wrists = joint_positions(world_rotations(moved))[:, [INDEX["left_wrist"], INDEX["right_wrist"]]]
    assert np.linalg.norm(np.diff(wrists, 2, axis=0), axis=-1).max() * RATE**2 < 2.0


def test_the_skin_of_the_hands_is_outside_the_skin_of_the_trunk():
    """By another solid than the capsules: the convex hull of the trunk's skin, less what air it may enclose."""
    trimesh = pytest.importorskip("trimesh")
    pose, _ = gesturing(12, 0, 0.25)
    model = load_model("open-body")
    owner = model.weights.argmax(1)
    hands = np.isin(owner, [index for name, index in INDEX.items() if name.endswith("wrist") or name[-1] in "123"])
    hands &= ~np.isin(owner, [INDEX[f"spine{index}"] for index in (1, 2, 3)])
    trunk = np.isin(owner, [INDEX[name] for name in ("spine1", "spine2", "spine3", "left_hip", "right_hip")])
    trunk &= model.template[:, 1] > -0.1
    frame = int(self_collision.penetration(pose).argmax())
    inside = []
    for motion in (pose, self_collision.pushed_out(pose, RATE)):
        skin = model.posed(motion[frame : frame + 1].astype(np.float32))[0][0]
        hull = trimesh.convex.convex_hull(skin[trunk])
        heights = np.einsum("fi,nfi->nf", hull.face_normals, skin[hands][:, None] - hull.triangles[:, 0])
        inside.append((heights < -0.015).all(1).mean())
    assert inside[0] > 0.1
    assert inside[1] < 0.02


def test_a_finished_body_is_calm_out_of_itself_and_on_the_floor():
    pose, translation = spoiled(*gesturing(12, 0, 0.2))
    done, moved = body_cleanup.finished(pose, translation, RATE)
    turned = world_rotations(done)
    soles = collision_capsules.sole_positions(turned, joint_positions(turned, moved))
    assert soles[..., 1].min() > collision_capsules.floor_at_rest() - 1e-9
    assert self_collision.penetration(done).max() < 0.010
    assert jitter(done) < 0.12 * jitter(pose)
    again, _ = body_cleanup.finished(pose, translation, RATE)
    assert np.array_equal(again, done)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_clips_of_few_frames(count):
    pose = np.zeros((count, 55, 3))
    pose[:, INDEX["left_shoulder"], 2] = -1.65
    done, _ = body_cleanup.finished(pose, np.zeros((count, 3)), RATE)
    assert done.shape == pose.shape
    assert np.isfinite(done).all()
