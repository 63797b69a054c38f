"""A Rigify rig is made and keyed; prints how far its limbs point from where SMPL-X has them, in degrees, as JSON.

In a process of its own: the module bpy does not end where Rigify is on.
"""

from __future__ import annotations

import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "blender")]

from conftest import head, set_rate  # noqa: E402
from test_body import directions, waving  # noqa: E402

import blender_addon  # noqa: E402
from animcore.bodies import rotations  # noqa: E402
from blender_addon import rigs, takes  # noqa: E402

LIMBS = {"shoulder": "upper_arm", "elbow": "forearm", "wrist": "hand", "hip": "thigh", "knee": "shin", "ankle": "foot"}


def main() -> None:
    """Make the rig, key it, and measure its deform bones."""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()
    bpy.ops.pose.rigify_generate()
    rig = bpy.data.objects["rig"]
    bpy.ops.object.mode_set(mode="OBJECT")
    blender_addon.register()
    set_rate(Fraction(24))
    head().parent = rig
    motion = waving()
    notes = takes.apply(bpy.context.scene, rigs.read(rig), motion, takes.Placement(1, "body")).notes
    for bone in rig.pose.bones:
        if "IK_FK" in bone:
            bone["IK_FK"] = 1.0
    rig.update_tag()
    worst = {}
    for frame in (1, 8, 15):
        bpy.context.scene.frame_set(frame)
        bones = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        for (joint, end), ways in directions(motion).items():
            side, _, part = joint.partition("_")
            mark = side[0].upper()
            start, stop = (bones[f"DEF-{LIMBS[one]}.{mark}"].head for one in (part, end.partition("_")[2]))
            cosine = rotations.normalized(np.array(stop - start)) @ ways[frame - 1]
            worst[joint] = max(worst.get(joint, 0.0), float(np.degrees(np.arccos(min(cosine, 1.0)))))
    sys.stdout.write("RESULT " + json.dumps({"worst": worst, "notes": list(notes)}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
    os._exit(0)
