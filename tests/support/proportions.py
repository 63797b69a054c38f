"""The SMPL-X body with the proportions of any skeleton, so that places can be compared."""

from __future__ import annotations

import numpy as np

from animcore.body_models.kinematics import INDEX, PARENTS
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations
from animcore.retarget import bone_names
from animcore.retarget.skeleton_retarget import Skeleton


def proportioned(target: Skeleton, found: bone_names.BoneNames, t_pose: np.ndarray) -> np.ndarray:
    """(55, 3) SMPL-X's T-pose directions with the bone lengths of a skeleton; its own trunk, where it stands."""
    place = {name: index for index, name in enumerate(target.names)}
    chains = {joint: bones[0] for joint, bones in found.chains.items()}
    if len(found.spine) == 3:
        chains |= dict(zip(("spine1", "spine2", "spine3"), found.spine, strict=True))
    heads = {joint: target.heads[place[bone]] for joint, bone in chains.items()}
    joints = np.array(t_pose)
    trunk = {"pelvis", "spine1", "spine2", "spine3", "neck", "head", "left_hip", "right_hip", "left_collar",
             "right_collar", "left_foot", "right_foot"}  # fmt: skip
    for joint, parent in zip(SMPLX_JOINTS, PARENTS, strict=True):
        index, above = INDEX[joint], SMPLX_JOINTS[parent]
        if parent < 0:
            joints[index] = heads[joint]
        elif joint not in heads or above not in heads:
            joints[index] = joints[parent] + t_pose[index] - t_pose[parent]
        elif joint in trunk:
            joints[index] = joints[parent] + heads[joint] - heads[above]
        elif joint.endswith("_shoulder"):
            joints[index] = joints[parent] + with_the_arm(heads, t_pose, joint.split("_")[0])
        elif joint[:-1].endswith(("index", "middle", "pinky", "ring", "thumb")) and joint.endswith("1"):
            joints[index] = joints[parent] + palm(t_pose, joint) @ palm(heads, joint).T @ (heads[joint] - heads[above])
        else:
            way = rotations.normalized(t_pose[index] - t_pose[parent])
            joints[index] = joints[parent] + way * np.linalg.norm(heads[joint] - heads[above])
    return joints


def with_the_arm(heads, t_pose: np.ndarray, side: str) -> np.ndarray:
    """(3,) from collar to shoulder, lifted towards SMPL-X's by a quarter of the way that the arm goes, at most."""

    def ways(one: str, other: str) -> tuple[np.ndarray, np.ndarray]:
        mine = rotations.normalized(heads[f"{side}_{other}"] - heads[f"{side}_{one}"])
        return mine, rotations.normalized(t_pose[INDEX[f"{side}_{other}"]] - t_pose[INDEX[f"{side}_{one}"]])

    collar = rotations.from_quaternion(rotations.between(*ways("collar", "shoulder")))
    most = 0.25 * np.arccos(np.dot(*ways("shoulder", "elbow")))
    collar *= min(1.0, most / np.linalg.norm(collar))
    return rotations.to_matrix(collar) @ (heads[f"{side}_shoulder"] - heads[f"{side}_collar"])


def palm(places, joint: str) -> np.ndarray:
    """The axes of the hand that a finger belongs to."""
    side = joint.split("_")[0]
    get = (lambda name: places[name]) if isinstance(places, dict) else (lambda name: places[INDEX[name]])
    out = rotations.normalized(get(f"{side}_middle1") - get(f"{side}_wrist"))
    across = get(f"{side}_index1") - get(f"{side}_pinky1")
    across = rotations.normalized(across - out * (across @ out))
    return np.stack([out, across, np.cross(out, across)], 1)
