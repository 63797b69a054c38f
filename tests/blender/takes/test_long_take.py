"""Long takes are keyed in steps, between which the window lives: cancelled, they leave nothing; undone, they go on."""

from __future__ import annotations

import time
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import head, settings

from animcore.motion import Motion
from blender_addon import properties
from blender_addon.character import rig_reader
from blender_addon.performance import session
from blender_addon.takes import keying

MINUTES = 2
# Seconds of processor time of the main thread at a stretch, at most, for a take of that length. It is 0.04 on an idle
# machine; neighbours on the same cores and caches cost even processor time, by a half and more.
LONGEST = 0.1


def whole_motion(minutes: float) -> Motion:
    """A performance of face, head and body in which everything moves all the time."""
    rate, chance = Fraction(bpy.context.scene.render.fps), np.random.default_rng(3)
    count = int(minutes * 60 * rate)

    def moving(*shape: int) -> np.ndarray:
        return 0.1 * chance.random((count, *shape), np.float32)

    return Motion(
        rate, 0.0, arkit=moving(52), tongue=moving(16), jaw_pose=moving(3), neck_pose=moving(3), head_pose=moving(3),
        eye_pose=moving(2, 3), body_pose=moving(55, 3), translation=moving(3),
    )  # fmt: skip


def timed(steps, took: list[float], shares: list[float]) -> list[keying.Take]:
    """Do all steps; returns what came of them, and how long each took."""
    while True:
        began = time.thread_time()
        try:
            shares.append(next(steps))
        except StopIteration as end:
            return end.value
        finally:
            took.append(time.thread_time() - began)


def test_a_long_take_is_keyed_in_short_steps():
    bpy.ops.animcore.add_character()
    character = rig_reader.read(properties.root(settings()))
    steps = keying.apply_all(
        bpy.context.scene, [keying.Performance(character, whole_motion(MINUTES), keying.Placement(0, "long"))]
    )
    took, shares = [], []
    (take,) = timed(steps, took, shares)
    assert take.key_count > 400_000 * MINUTES
    assert max(took) < LONGEST
    assert shares == sorted(shares)


@pytest.fixture
def half_written(voice) -> session.Job:
    """A job whose keys are half written."""
    settings().character, settings().audio = head(), str(voice())
    job = session.order_take(bpy.context.scene)
    while session.session.writing is None:
        session._tick()
        time.sleep(0.01)
    while not bpy.data.actions or not job.fraction:
        job.fraction = next(session.session.writing)
    assert session.session.jobs.busy
    assert job.stage == "Writing the keys"
    return job


def test_what_is_cancelled_while_keys_are_written_leaves_nothing(half_written):
    folder = session.session.order.folder
    bpy.ops.animcore.cancel()
    assert session.session.outcome.message == "Cancelled; nothing was changed."
    assert not session.session.jobs.busy
    assert not bpy.data.actions
    assert not folder.exists()


def test_what_is_undone_while_keys_are_written_is_begun_again(half_written):
    bpy.data.actions.remove(bpy.data.actions[0])  # as an undo does
    while session.session.writing is not None:
        session._tick()
    assert session.session.outcome.message.startswith("52 shapes")
    assert len(bpy.data.actions) == 1
