"""Find where MediaPipe's face landmarks lie on the open head: assets/bodies/face_marks.npz.

    PYTHONPATH=. python tools/face_marks.py CAPTURE

CAPTURE is what `tools/capture_head.py` renders: the default character with exact cameras and parameters. Each picture
is given to the face tracker; a landmark's ray meets the posed mesh in a triangle, which is looked up at rest. What
pictures from about the front agree on is kept, with how far they are apart.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from animcore.body_models import parametric_model as models
from animcore.body_models.face_landmarks import FACE, MIDDLE, views_of
from animcore.body_models.parametric_model import ParametricModel, load_model
from animcore.core import images
from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.files.video import face_landmarks
from animcore.hybrid_head import capture_format
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh

FINER = 4  # samples a pixel: where a ray meets the mesh is known within a fifth of a millimetre
WIDEST = np.radians(45.0)  # from the front that a camera may stand
FRONT = np.radians(30.0)  # spread of the weights of cameras around the front
ENLARGED = 2  # times: the tracker likes larger faces than the pictures have
ASIDE = 4.0  # pixels that the skin may lie beside a landmark: between the lids an eye is seen
OPEN = 0.12  # jawOpen from which the lips are apart
GREY = 160
STIFF = 0.05  # against wandering, beside a picture's weight
LIKELY = 0.002  # metres from which a place counts less
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip


def main() -> None:
    """Look at every picture, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--out", type=Path, default=models.FOLDER / "face_marks.npz")
    options = parser.parse_args()
    head = load_model("open-head")
    places, weights, faces, shares, ways = seen(options.capture, head)
    print(f"{len(places)} pictures")
    features = views_of(ways)
    middle, drift = wandering(places, weights, features)
    chosen, shares = on_mesh(middle, places - np.einsum("nf,flx->nlx", features, drift), weights, faces, shares)
    corners = head.faces[chosen]
    rest = np.einsum("lc,lcx->lx", shares, head.template[corners])
    drift[0] = middle - rest
    found = rest + np.einsum("nf,flx->nlx", features, drift)
    away = np.linalg.norm(places - found, axis=2)
    spread = np.nanmedian(np.where(weights > 0, away, np.nan), 0)
    print(
        f"spread: median {1000 * np.median(spread[:FACE]):.2f} mm, "
        f"90 % below {1000 * np.quantile(spread[:FACE], 0.9):.2f}"
    )
    with whole_file(options.out) as temporary:
        np.savez_compressed(
            temporary,
            corners=corners.astype(np.int32),
            shares=shares.astype(np.float32),
            spread=spread.astype(np.float32),
            drift=drift.astype(np.float32),
        )


def part(head: ParametricModel, name: str) -> np.ndarray:
    """(V,) whether a vertex belongs to a part of the open head."""
    with np.load(models.FOLDER / "open_head.npz", allow_pickle=False) as data:
        return head.extras["part_of_vertex"] == [str(one) for one in data["part_names"]].index(name)


def seen(folder: Path, head: ParametricModel) -> tuple[np.ndarray, ...]:
    """Places (N, L, 3) at rest, weights (N, L), faces (N, L), shares (N, L, 3), and ways (N, 3) to the camera."""
    skin = part(head, "skin")[head.faces].all(1)
    places, weights, faces, shares, ways = [], [], [], [], []
    splits = (capture_format.TRAIN, capture_format.VIEWS, capture_format.MOMENTS)
    views = [view for split in splits for view in capture_format.read_views(folder, split)]
    with face_landmarks.tracker(still=True) as mesh:
        for view in views:
            ahead = -view.camera.world_to_camera[2, 2]
            found = face_landmarks.landmarks(mesh, over_grey(view.image)) if ahead > np.cos(WIDEST) else []
            if len(found) != 1:
                continue
            face, share = met(found[0][:, :2] / ENLARGED, view, head, skin)
            place = np.einsum("lc,lcx->lx", share, head.template[head.faces[face]])
            place[face < 0] = np.nan
            way = view.camera.position - MIDDLE
            weight = np.full(len(place), np.exp(-((np.arccos(min(ahead, 1.0)) / FRONT) ** 2)))
            weight[list(LIPS)] *= opened(view.pose) > OPEN  # lips that touch cannot be told apart
            for kept, row in zip(
                (places, weights, faces, shares, ways), (place, weight, face, share, way), strict=True
            ):
                kept.append(row)
    return tuple(np.array(rows) for rows in (places, weights, faces, shares, ways))


def met(
    points: np.ndarray, view: capture_format.CaptureView, head: ParametricModel, skin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Faces (L,) of the skin, -1 where none, and shares (L, 3): what is seen at points (L, 2) or nearest to them."""
    pose = capture_format.read_pose(view.pose)
    person = replace(head, template=head.template + (0 if pose.offset is None else pose.offset))
    vertices = person.posed(pose.joints[None], pose.expression[None], pose.shape)[0][0]
    drawn = draw_mesh(vertices, head.faces, view.camera.resized(FINER))
    shown = (drawn.triangle >= 0) & skin[drawn.triangle]
    faces, shares = np.full(len(points), -1), np.zeros((len(points), 3))
    reach = round(ASIDE * FINER)
    for mark, (x, y) in enumerate(points * FINER - 0.5):
        top, left = max(round(y) - reach, 0), max(round(x) - reach, 0)
        rows, columns = np.nonzero(shown[top : top + 2 * reach + 1, left : left + 2 * reach + 1])
        if len(rows):
            nearest = int(((rows + top - y) ** 2 + (columns + left - x) ** 2).argmin())
            place = rows[nearest] + top, columns[nearest] + left
            faces[mark], shares[mark] = drawn.triangle[place], drawn.barycentric[place]
    return faces, shares


def opened(path: Path) -> float:
    """How far the jaw is open."""
    with np.load(path, allow_pickle=False) as data:
        return float(data["arkit"][ARKIT_INDEX["jawOpen"]])


def over_grey(path: Path) -> np.ndarray:
    """The picture (H, W, 3) over grey, enlarged."""
    pixels = images.decoded(path.read_bytes(), path.name).astype(float)
    alpha = pixels[..., 3:] / 255
    flat = np.round(pixels[..., :3] * alpha + GREY * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(flat.repeat(ENLARGED, 0).repeat(ENLARGED, 1))


def wandering(places: np.ndarray, weights: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (L, 3) seen from the front, and (F, L, 3) how they wander with the view; what is far off counts less."""
    known = np.isfinite(places[..., 0]) * weights
    filled, pull = np.nan_to_num(places), known
    for _ in range(30):
        square = np.einsum("nl,nf,ng->lfg", pull, features, features)
        square += np.diag([0.0] + [STIFF] * (features.shape[1] - 1)) * known.sum(0)[:, None, None]
        answer = np.linalg.solve(square, np.einsum("nl,nf,nlx->lfx", pull, features, filled))
        away = np.linalg.norm(filled - np.einsum("nf,lfx->nlx", features, answer), axis=2)
        pull = known / np.maximum(away / LIKELY, 1.0)
    drift = answer.transpose(1, 0, 2).copy()
    middle = drift[0].copy()
    drift[0] = 0.0
    return middle, drift


def on_mesh(
    middle: np.ndarray, places: np.ndarray, weights: np.ndarray, faces: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Faces (L,) and shares (L, 3) of what was seen nearest to the middle: lips touch at rest, but a ray meets one."""
    away = np.where(weights > 0, np.nan_to_num(np.linalg.norm(places - middle, axis=2), nan=np.inf), np.inf)
    best = away.argmin(0), np.arange(len(middle))
    return faces[best], shares[best]


if __name__ == "__main__":
    main()
