"""Write face_basis.npz: the shipped face as numbers, for training, judging and retargeting without Blender.

Arrays (metres, Y up, Z out of the face, X to the character's left):
names (52,), probe_names (4,), probe_rest (4, 3), probe_delta (52, 4, 3), lip_rest (L, 3), lip_delta (52, L, 3),
chin_rest (3,), chin_delta (52, 3), face_rest (N, 3), face_delta (52, N, 3), eye_distance (), eye_centre (2, 3) left and
right, eye_radius (), teeth_upper_rest (U, 3), teeth_lower_rest (W, 3), teeth_lower_delta (52, W, 3).
The lip surfaces that touch, line by line: lip_contact_upper_rest (4 * A, 3), lip_contact_lower_rest (4 * B, 3). The
edges of the left eye's lids, inner to outer corner: lid_upper_rest (C, 3), lid_lower_rest (D, 3). Each with its _delta.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from lids import EDGE, lid_columns, lid_rings
from mouth import CONTACT_RINGS, halves, mouth_rings
from person import LOWER_TEETH, SKIN, UPPER_TEETH, Person, y_up

from animcore.core.vocabulary import ARKIT

PROBES = {"upper_lip": 474, "lower_lip": 523, "left_corner": 7435, "right_corner": 712}
OUTER_EYE_CORNER = 6805  # of the left eye; the face is symmetric


def write_basis(person: Person, out: Path) -> None:
    """Write the face basis of the mended person to `out`."""
    skin = np.arange(SKIN.stop)
    moving = skin[np.abs(person.deltas[:, skin]).max((0, 2)) > 1e-5]
    centre = person.vertices[mouth_rings(person)[7]].mean(0)
    reach = np.abs(person.vertices[moving] - centre) / np.array([0.038, 0.045, 0.024])
    lips = moving[(np.linalg.norm(reach, axis=1) < 1) & (person.vertices[moving, 1] < centre[1] + 0.012)]
    below = (np.abs(person.vertices[skin, 0]) < 0.004) & (np.abs(person.vertices[skin, 2] - centre[2] + 0.043) < 0.006)
    chin = skin[np.where(below, -person.vertices[skin, 1], -1).argmax()]
    probes = list(PROBES.values())
    corner = person.vertices[OUTER_EYE_CORNER]
    eyes = [person.eye_sphere(side) for side in ("left", "right")]

    rings, lids = mouth_rings(person), lid_rings(person, "left")
    touching = [rings[list(CONTACT_RINGS)][:, columns].ravel() for columns in halves(person, rings)]

    def pack(indices: np.ndarray | list[int], name: str) -> dict[str, np.ndarray]:
        return {
            f"{name}_rest": y_up(person.vertices[indices]).astype(np.float32),
            f"{name}_delta": y_up(person.deltas[:, indices]).astype(np.float32),
        }

    np.savez_compressed(
        out,
        names=np.array(ARKIT),
        probe_names=np.array(list(PROBES)),
        **pack(probes, "probe"),
        **pack(lips, "lip"),
        **pack(moving, "face"),
        **pack(np.arange(LOWER_TEETH.start, LOWER_TEETH.stop), "teeth_lower"),
        **pack(touching[0], "lip_contact_upper"),
        **pack(touching[1], "lip_contact_lower"),
        **pack(lids[EDGE, lid_columns(person, "left", True)], "lid_upper"),
        **pack(lids[EDGE, lid_columns(person, "left", False)], "lid_lower"),
        teeth_upper_rest=y_up(person.vertices[UPPER_TEETH]).astype(np.float32),
        chin_rest=y_up(person.vertices[chin]).astype(np.float32),
        chin_delta=y_up(person.deltas[:, chin]).astype(np.float32),
        eye_distance=np.float64(2 * corner[0]),
        eye_centre=y_up(np.array([centre for centre, _ in eyes])).astype(np.float32),
        eye_radius=np.float64(eyes[0][1]),
    )
