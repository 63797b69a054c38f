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
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "blender"), str(ROOT / "tests" / "blender" / "character")]

from conftest import head, set_rate  # noqa: E402
from test_body import directions, waving  # noqa: E402

import blender_addon  # noqa: E402
from animcore.body_models.kinematics import INDEX, PARENTS, open_body_joints  # noqa: E402
from animcore.geometry import rotations  # noqa: E402
from blender_addon.character import rig_reader  # noqa: E402
from blender_addon.takes import keying  # noqa: E402

TO_BLENDER = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
TRUNK = {"DEF-spine": "pelvis", "DEF-spine.003": "spine3", "DEF-spine.006": "head"}
FINGERS = {"index": "f_index", "middle": "f_middle", "ring": "f_ring", "pinky": "f_pinky", "thumb": "thumb"}
LIMBS = {"shoulder": "upper_arm", "elbow": "forearm", "wrist": "hand", "hip": "thigh", "knee": "shin", "ankle": "foot"}


def turned(bone: bpy.types.PoseBone) -> np.ndarray:
    """(3, 3) how far a bone has turned from its rest pose."""
    return np.array((bone.matrix @ bone.bone.matrix_local.inverted()).to_3x3().normalized())


def degrees(turn: np.ndarray) -> float:
    return float(np.degrees(np.linalg.norm(rotations.from_matrix(turn))))


def world(pose: np.ndarray, joint: int) -> np.ndarray:
    """(3, 3) the turn of a joint in the world, from a pose (55, 3)."""
    own = rotations.to_matrix(pose[joint])
    return world(pose, PARENTS[joint]) @ own if PARENTS[joint] >= 0 else own


def trunk_and_fingers(bones: bpy.types.bpy_prop_collection, pose: np.ndarray) -> dict[str, float]:
    """How far hips, chest, head and fingers are from where a pose (55, 3) has them, in degrees."""
    off = {}
    for name, joint in TRUNK.items():
        off[name] = degrees(turned(bones[name]).T @ TO_BLENDER @ world(pose, INDEX[joint]) @ TO_BLENDER.T)
    joints = open_body_joints()
    for side in ("left", "right"):
        for finger in FINGERS:
            for part in (1, 2):
                one, other = (f"{side}_{finger}{number}" for number in (part, part + 1))
                wanted = world(pose, INDEX[one]) @ rotations.normalized(joints[INDEX[other]] - joints[INDEX[one]])
                start, end = (bones[f"DEF-{FINGERS[finger]}.0{number}.{side[0].upper()}"].head
                              for number in (part, part + 1))  # fmt: skip
                found = rotations.normalized(np.array(end - start))
                off[one] = float(np.degrees(np.arccos(min(TO_BLENDER @ wanted @ found, 1.0))))
    return off


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
    motion.body_pose[:, [INDEX[joint] for joint in INDEX if joint[-1].isdigit() and "spine" not in joint], 2] = 0.3
    notes = keying.apply(bpy.context.scene, rig_reader.read(rig), motion, keying.Placement(1, "body")).notes
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
        for name, off in trunk_and_fingers(bones, motion.body_pose[frame - 1]).items():
            worst[name] = max(worst.get(name, 0.0), off)
    sys.stdout.write("RESULT " + json.dumps({"worst": worst, "notes": list(notes)}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
    os._exit(0)
