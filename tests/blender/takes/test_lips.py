"""From a spoken file to keys: the lips of the default character close at every p, b and m, at every frame rate."""

from __future__ import annotations

import json
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import ROOT, generate, set_rate
from test_generate import points

from blender_addon import preferences
from blender_addon.engine import process
from blender_addon.scene import fcurves
from blender_addon.ui.character.operators import add_default_character

VOICE = ROOT / "tests" / "golden" / "voices" / "kal.flac"
BASIS = ROOT / "assets" / "character" / "face_basis.npz"


@pytest.fixture(autouse=True)
def real_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of the checkout instead of the one of the tests."""
    monkeypatch.setattr(preferences, "launch", process.carried)


def inner_lips(skin: bpy.types.Object) -> tuple[int, int]:
    """The vertices in the middle of the upper and the lower inner lip."""
    rest = skin.data.shape_keys.key_blocks[0].data
    places = np.empty(3 * len(rest), np.float32)
    rest.foreach_get("co", places)
    with np.load(BASIS) as basis:
        upper, lower = basis["probe_rest"][:2]  # Y up; Blender has Z up and the face looks along -Y
    found = [int(np.square(places.reshape(-1, 3) - (x, -z, y)).sum(1).argmin()) for x, y, z in (upper, lower)]
    return found[0], found[1]


def opening(skin: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Frames (T,) and how far the keys part the inner lips beyond rest (T,), millimetres; 0 or less is closed."""
    shape_keys = skin.data.shape_keys
    upper, lower = inner_lips(skin)
    blocks = shape_keys.key_blocks
    frames, apart = np.empty(0), 0.0
    for curve in fcurves.current_curves(shape_keys):
        block = blocks[curve.data_path.split('"')[1]]
        moved = (block.data[upper].co - blocks[0].data[upper].co) - (block.data[lower].co - blocks[0].data[lower].co)
        frames, values = points(curve).T
        apart = apart + values * moved.z * 1000
    return frames, np.asarray(apart)


@pytest.mark.parametrize("rate", [24, 25, 30, 60, Fraction(24000, 1001)], ids=str)
def test_the_lips_close_within_two_frames_of_every_p_b_m(rate):
    set_rate(Fraction(rate))
    rig = add_default_character(bpy.context.scene)
    generate(rig, VOICE)
    skin = next(thing for thing in rig.children if thing.data.shape_keys and len(thing.data.shape_keys.key_blocks) > 52)
    frames, apart = opening(skin)
    assert apart.max() > 5, "the mouth opens"
    closures = [phone for phone in json.loads(VOICE.with_suffix(".json").read_text())["phones"] if phone[0] in "pbm"]
    assert len(closures) >= 10
    for name, start, end in closures:
        near = (frames >= 1 + start * float(rate) - 2) & (frames <= 1 + end * float(rate) + 2)
        assert apart[near].min() < 0.5, f"{name} at {start:.2f} s"


def test_two_takes_of_one_voice_are_equal():
    rig = add_default_character(bpy.context.scene)
    takes = []
    for _ in range(2):
        generate(rig, VOICE)
        takes.append([points(curve) for curve in fcurves.current_curves(rig)])
    assert len(takes[0]) == len(takes[1]) > 0
    assert all(np.array_equal(one, two) for one, two in zip(*takes, strict=True))


def test_the_tongue_of_the_default_character_is_keyed():
    rig = add_default_character(bpy.context.scene)
    generate(rig, VOICE)
    highest: dict[str, float] = {}
    for mesh in (thing for thing in rig.children_recursive if thing.type == "MESH" and thing.data.shape_keys):
        for curve in fcurves.current_curves(mesh.data.shape_keys):
            name = curve.data_path.split('"')[1]
            highest[name] = max(highest.get(name, 0.0), float(points(curve)[:, 1].max()))
    assert min(highest[name] for name in ("tongueTipUp", "tongueUp", "tongueStretch", "tongueRollUp")) > 0.2
