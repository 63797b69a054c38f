"""Fit spheres and capsules to the open body, and find its soles: `python tools/build_body_solid.py`.

Writes `assets/retarget/solid.npz`, which `animcore.body_models.collision_capsules` reads. Needs numpy alone. Prints
how far the skin lies from what was fitted.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, open_body_joints
from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import SMPLX_JOINTS

ROOT = Path(__file__).resolve().parent.parent

Array = NDArray[np.float64]
Part = tuple[str, str, Array, Array, float]  # of the body, joint, both ends, radius

_TRUNK = np.arange(-0.05, 0.42, 0.047)  # heights at which the trunk is cut, metres from the pelvis
_THIGH = np.array([-0.13, -0.21, -0.29, -0.36, -0.42])
_FOREARM = np.array([0.15, 0.35, 0.55, 0.75, 0.95])  # shares of the way from elbow to wrist
_SLICE = 0.022  # metres either side of a cut
_SKIN_OF = {
    "trunk": ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar", "left_hip", "right_hip"),
    "head": ("head", "jaw"),
    "neck": ("neck",),
}
_KNUCKLES = ("index1", "pinky1", "middle2", "index3", "pinky3", "thumb3")
_TIPS = ("index3", "middle3", "thumb3")


class Body:
    """The skin of the open body with the joint that moves each vertex most."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as data:
            skin = data["part_of_vertex"] == 0
            self.places: Array = data["v_template"][skin].astype(np.float64)
            self.weights: Array = data["weights"][skin].astype(np.float64)
        self.owner = self.weights.argmax(1)
        self.joints = open_body_joints()

    def of(self, *names: str) -> NDArray[np.bool_]:
        """Which vertices these joints move most."""
        return np.isin(self.owner, [INDEX[name] for name in names])


def main() -> None:
    """Fit and write."""
    body = Body(ROOT / "assets" / "bodies" / "open_body.npz")
    parts = [*_trunk(body), *_head(body), *_thighs(body)]
    spheres = [sphere for side in ("left", "right") for sphere in _arm(body, side)]
    kinds, joints, starts, ends, radii = zip(*parts, strict=True)
    sides, owners, centres, sizes, shares = zip(*spheres, strict=True)
    with whole_file(ROOT / "assets" / "retarget" / "solid.npz") as temporary:
        np.savez(
            temporary,
            capsule_part=np.array(kinds),
            capsule_joint=np.array([INDEX[joint] for joint in joints]),
            capsule_ends=np.stack([starts, ends], 1).astype(np.float32),
            capsule_radius=np.array(radii, np.float32),
            sphere_side=np.array(sides),
            sphere_joint=np.array([INDEX[joint] for joint in owners]),
            sphere_centre=np.array(centres, np.float32),
            sphere_radius=np.array(sizes, np.float32),
            sphere_share=np.array(shares, np.float32),
            soles=np.stack([_sole(body, side) for side in ("left", "right")]).astype(np.float32),
        )
    print(f"{len(parts)} capsules, {len(spheres)} spheres")
    for kind in dict.fromkeys(kinds):
        _report(body, kind, [part for part in parts if part[0] == kind])


def _trunk(body: Body) -> list[Part]:
    """Capsules across the body: as thick as the trunk is deep, as long as it is wide."""
    arms = body.weights[:, [INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("shoulder", "elbow")]]
    trunk = body.of(*_SKIN_OF["trunk"]) & (arms.sum(1) < 0.3)
    parts = []
    for height in _TRUNK:
        here = trunk & (np.abs(body.places[:, 1] - height) < _SLICE)
        skin = body.places[here]
        wide = np.abs(skin[:, 0]).max()
        back, front = skin[:, 2].min(), skin[:, 2].max()
        radius = (front - back) / 2
        joint = SMPLX_JOINTS[int(body.weights[here][:, : INDEX["neck"]].mean(0).argmax())]
        if height < body.joints[INDEX["spine1"], 1]:
            joint = "pelvis"
        end = np.array([wide - radius, height, (front + back) / 2])
        parts.append(("trunk", joint, end, end * (-1, 1, 1), float(radius)))
    return parts


def _head(body: Body) -> list[Part]:
    """A skull, a jaw and a neck."""
    head = body.places[body.of(*_SKIN_OF["head"])]
    top, wide = head[:, 1].max(), np.percentile(np.abs(head[:, 0]), 97)
    upper = head[head[:, 1] > top - 2 * wide]
    back, front = upper[:, 2].min(), np.percentile(upper[:, 2], 90)
    skull = [np.array([0.0, top - wide, place]) for place in (back + wide, front - wide)]
    chin = head[head[:, 1] < head[:, 1].min() + 0.06]
    jaw = 0.8 * float(np.percentile(np.abs(chin[:, 0]), 90))
    low = np.array([0.0, chin[:, 1].min() + jaw * 1.2, np.percentile(chin[:, 2], 97) - jaw])
    neck = body.places[body.of(*_SKIN_OF["neck"])]
    thick = float(np.percentile(np.ptp(neck, axis=0)[[2]] / 2, 50))
    middle = np.median(neck[:, 2])
    stem = [np.array([0.0, height, middle]) for height in (neck[:, 1].min(), neck[:, 1].max())]
    return [
        ("head", "head", skull[0], skull[1], float(wide)),
        ("head", "head", low, low + np.array([0.0, 0.05, -0.01]), jaw),
        ("neck", "neck", stem[0], stem[1], thick),
    ]


def _thighs(body: Body) -> list[Part]:
    parts = []
    for side in ("left", "right"):
        leg = body.of(f"{side}_hip", f"{side}_knee")
        cuts = []
        for height in _THIGH:
            skin = body.places[leg & (np.abs(body.places[:, 1] - height) < _SLICE)]
            low, high = skin.min(0), skin.max(0)
            cuts.append(
                (np.array([*(low + high)[:1] / 2, height, (low + high)[2] / 2]), (high - low)[[0, 2]].mean() / 2)
            )
        for (start, first), (end, last) in pairwise(cuts):
            parts.append(("thigh", f"{side}_hip", start, end, float(first + last) / 2))
    return parts


def _arm(body: Body, side: str) -> list[tuple[str, str, Array, float, float]]:
    """Side, joint, centre, radius and how far along the forearm: 1 for all of the hand."""
    elbow, wrist = (body.joints[INDEX[f"{side}_{name}"]] for name in ("elbow", "wrist"))
    skin = body.places[body.of(f"{side}_elbow", f"{side}_wrist")]
    spheres = []
    for share in _FOREARM:
        place = elbow + share * (wrist - elbow)
        near = skin[np.abs(skin[:, 0] - place[0]) < 0.02]
        middle = np.array([place[0], *(near.min(0) + near.max(0))[1:] / 2])
        spheres.append((side, f"{side}_elbow", middle, float(np.ptp(near, axis=0)[1:].mean()) / 2, float(share)))
    for knuckle in ("index1", "pinky1"):
        place = (wrist + body.joints[INDEX[f"{side}_{knuckle}"]]) / 2
        near = skin[np.abs(skin[:, 0] - place[0]) < 0.01]
        spheres.append((side, f"{side}_wrist", place, float(np.ptp(near[:, 1])) / 2, 1.0))
    for knuckle in _KNUCKLES:
        name = f"{side}_{knuckle}"
        place = body.joints[INDEX[name]]
        spheres.append((side, name, place, _thickness(body, name), 1.0))
    for knuckle in _TIPS:
        name = f"{side}_{knuckle}"
        own = body.places[body.of(name)]
        way = own.mean(0) - body.joints[INDEX[name]]
        tip = own[np.argmax(own @ way)]
        radius = _thickness(body, name) * 0.85
        spheres.append((side, name, tip - radius * way / np.linalg.norm(way), radius, 1.0))
    return spheres


def _thickness(body: Body, name: str) -> float:
    """Half of how thick a finger is at a joint: the median distance of its nearest skin."""
    distances = np.linalg.norm(body.places[body.of(name)] - body.joints[INDEX[name]], axis=1)
    return float(np.median(np.sort(distances)[:25]))


def _sole(body: Body, side: str) -> Array:
    """(4, 3) heel, inner and outer ball, tip of the toes, on the floor: the first three go with the ankle."""
    foot = body.places[body.of(f"{side}_ankle", f"{side}_foot")]
    floor = body.places[:, 1].min()
    ball = body.joints[INDEX[f"{side}_foot"]]
    low = foot[foot[:, 1] < floor + 0.02]
    across = low[np.abs(low[:, 2] - ball[2]) < 0.015]
    heel, toe = low[low[:, 2].argmin()], low[low[:, 2].argmax()]
    inner, outer = sorted((across[:, 0].min(), across[:, 0].max()), key=abs)
    return np.array(
        [[heel[0], floor, heel[2]], [inner, floor, ball[2]], [outer, floor, ball[2]], [toe[0], floor, toe[2]]]
    )


def _report(body: Body, kind: str, parts: list[Part]) -> None:
    """How far the skin around these capsules lies from their surface."""
    skin = body.places[body.of(*_SKIN_OF.get(kind, ("left_hip", "right_hip")))]
    if kind == "trunk":
        skin = skin[(skin[:, 1] > -0.1) & (skin[:, 1] < 0.42) & (np.abs(skin[:, 0]) < 0.17)]
    if kind == "thigh":
        skin = skin[(skin[:, 1] < -0.13)]
    distance = np.min([_distance(skin, part) for part in parts], axis=0) * 1000
    low, middle, high = np.percentile(distance, (5, 50, 95))
    print(f"{kind}: skin lies {low:.0f} .. {middle:.0f} .. {high:.0f} mm outside (5th, 50th, 95th percentile)")


def _distance(points: Array, part: Part) -> Any:
    _, _, start, end, radius = part
    way = end - start
    share = np.clip((points - start) @ way / max(way @ way, 1e-12), 0, 1)
    return np.linalg.norm(points - start - share[:, None] * way, axis=1) - radius


if __name__ == "__main__":
    main()
