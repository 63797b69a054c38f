"""What `animcore avatar edit` does, in one picture: `python examples/avatar_edits.py`.

Two heads of Gaussians are made on the open head (skin on its triangles, strands of hair in the world), the commands are
run on the first one, each from the same start, and the results are drawn side by side: as it was, hair of another hue,
a mask painted over the texture coordinates recoloured, a ball cut out, the hair of the other head; then the first
one as a hybrid head, with a texture on the mesh instead of Gaussians of skin, and that texture painted. Writes
docs/images/avatar_edits.png. Needs Pillow for the labels (`pip install '.[demo]'`), and numba to be quick.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from animcore.body_models.parametric_model import load_model  # noqa: E402
from animcore.cli.main import main as animcore  # noqa: E402
from animcore.files.avatars import avatar_folder, hybrid_head  # noqa: E402
from animcore.files.avatars.avatar_folder import Avatar  # noqa: E402
from animcore.gaussians import triangle_binding  # noqa: E402
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians, validated  # noqa: E402
from animcore.gaussians.transforms import concatenated  # noqa: E402
from animcore.geometry import rotations  # noqa: E402
from animcore.hybrid_head import uv_layout  # noqa: E402
from animcore.hybrid_head.head_model import HybridHead, render  # noqa: E402
from animcore.rendering.camera import Camera  # noqa: E402
from animcore.rendering.gaussian_rasterizers.rasterize import draw  # noqa: E402

SKIN, STRANDS, STEPS = 120_000, 5_000, 16
COLUMNS, TEXELS = 4, 1024
MARGIN = 22  # pixels of a label


def main() -> None:
    """Make the heads, run the commands, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=300, help="pixels of a picture")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "avatar_edits.png")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mine = head(np.array([0.3, 0.2, 0.5, -1.0, 0.5]), 0.035, (0.32, 0.17, 0.08), 0)
        hers = head(np.array([-0.4, -0.2, 0.5, 1.0, -1.0]), 0.11, (0.78, 0.6, 0.3), 1)
        avatar_folder.save(mine, folder / "mine")
        avatar_folder.save(hers, folder / "hers")
        paint_mask(mine, folder / "mask.png")
        run(folder, "recolour mine dyed --part hair --hue -90 --saturation 1.5")
        run(folder, "recolour mine blushed --part skin --mask mask.png --hue -25 --saturation 1.8")
        x, y, z = eyes_of(mine) + np.array([0.06, 0.06, -0.01])
        run(folder, f"cut mine holed --sphere {x:.3f} {y:.3f} {z:.3f} 0.045")
        run(folder, "swap-hair mine hers swapped")
        hybrid_head.save(with_texture(mine), folder / "hybrid")
        paint(mine, folder / "hybrid" / "texture.png", folder / "painted.png")
        run(folder, "paint hybrid painted.png dotted")
        names = {"mine": "as it was", "dyed": "recolour --part hair", "blushed": "recolour --mask",
                 "holed": "cut --sphere", "hers": "another head", "swapped": "swap-hair",
                 "hybrid": "a hybrid head: mesh with texture", "dotted": "paint"}  # fmt: skip
        pictures = [labelled(picture(folder / one, options.size), label) for one, label in names.items()]
    rows = [np.concatenate(pictures[k : k + COLUMNS], 1) for k in range(0, len(pictures), COLUMNS)]
    Image.fromarray(np.concatenate(rows)).save(options.out)
    print(f"written: {options.out}")


def run(folder: Path, words: str) -> None:
    """One edit, as it is typed in the folder."""
    action, *rest = words.split()
    places = [str(folder / word) if word.isidentifier() and word not in ("hair", "skin") else word for word in rest]
    places = [str(folder / word) if word.endswith(".png") else word for word in places]
    if animcore(["avatar", "edit", action, *places]):
        sys.exit("an edit failed")


def head(shape: np.ndarray, longest: float, colour: tuple[float, float, float], seed: int) -> Avatar:
    """A person of the open head with hair of a length in metres, as the avatar of a hybrid head is kept."""
    random, model = np.random.default_rng(seed), load_model("open-head")
    coefficients = np.pad(shape, (0, model.shape_count - len(shape))).astype(np.float32)
    vertices = model.posed(shape=coefficients)[0][0]
    corners = vertices[model.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    normals /= np.maximum(area, 1e-12)[:, None]
    uv, uv_faces = uv_layout.layout(model)
    mesh = {"mesh.vertices": vertices, "mesh.faces": model.faces, "mesh.uv": uv, "mesh.uv_faces": uv_faces}
    triangle = random.choice(len(area), SKIN, p=area / area.sum())
    means = np.einsum("nc,ncx->nx", random.dirichlet((1, 1, 1), SKIN), corners[triangle])
    eyes = np.char.endswith(model.extras["part_names"][model.extras["part_of_vertex"]], "eye")
    tone = shaded(corners, eyes[model.faces[:, 0]])[triangle] + random.normal(size=(SKIN, 3)) * 0.01
    skin = gaussians(means, np.full((SKIN, 3), 0.0010), tone, 0.95)
    skin = triangle_binding.to_local(skin, triangle_binding.frames(vertices, model.faces), triangle)
    avatar = Avatar(
        mesh | {"eyes": eyes.astype(np.uint8), "shape": coefficients}, {"basis": model.name, "name": f"example {seed}"}
    )
    middles = corners.mean(1) - eyes_of(avatar)
    scalp = (middles[:, 1] > 0.005) & (middles[:, 2] < -0.025 + 0.35 * middles[:, 1])
    strands = hair(corners, normals, np.where(scalp, area, 0), longest, colour, random)
    return avatar.with_splats("skin", skin).with_splats("hair", strands)


def shaded(corners: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """(F, 3) colours of triangles (F, 3, 3), those of skin or of eyes (F,), with a light from above."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = 0.75 + 0.3 * np.clip(normals @ (0.3, 0.6, 0.7), -0.4, 1)
    return np.where(eyes[:, None], (0.9, 0.9, 0.92), (0.78, 0.57, 0.47)) * light[:, None]


def eyes_of(avatar: Avatar) -> np.ndarray:
    """(3,) the middle between the eyes, metres."""
    return avatar.arrays["mesh.vertices"][avatar.arrays["eyes"].astype(bool)].mean(0).astype(np.float64)


def hair(corners, normals, weights, longest, colour, random) -> Gaussians:
    """Strands that leave the scalp along its normals and fall."""
    triangle = random.choice(len(weights), STRANDS, p=weights / weights.sum())
    roots = np.einsum("nc,ncx->nx", random.dirichlet((1, 1, 1), STRANDS), corners[triangle])
    along = np.linspace(0, 1, STEPS)[:, None, None]
    length = longest * random.uniform(0.6, 1.0, (STRANDS, 1))
    out = normals[triangle] + random.normal(size=(STRANDS, 3)) * 0.15
    path = roots + along * length * out * (1 - 0.4 * along) - np.array([0, 1.0, 0]) * length * along**2
    way = np.gradient(path, axis=0).reshape(-1, 3)
    points = path.reshape(-1, 3)
    size = np.linalg.norm(way, axis=1)
    scales = np.stack([0.6 * size, np.full_like(size, 0.0006), np.full_like(size, 0.0006)], 1)
    shine = np.repeat(random.normal(size=(1, STRANDS)) * 0.06, STEPS, 0).reshape(-1, 1)
    tone = (
        np.asarray(colour)
        * (0.8 + 0.5 * np.clip(np.tile(normals[triangle] @ (0.3, 0.6, 0.7), STEPS), -0.3, 1))[:, None]
    )
    splats = gaussians(points, scales, tone + shine * np.asarray(colour) * 3, 0.7)
    return replace(splats, rotations=turned_along(way / np.maximum(size, 1e-9)[:, None]))


def gaussians(means: np.ndarray, scales: np.ndarray, colours: np.ndarray, opacity: float) -> Gaussians:
    """A cloud whose colours are the same from every side."""
    upright = np.tile([1.0, 0.0, 0.0, 0.0], (len(means), 1))
    harmonics = ((colours - 0.5) / HARMONIC_0)[:, None]
    return validated(Gaussians(means, upright, scales, np.full(len(means), opacity), harmonics), "the example")


def turned_along(ways: np.ndarray) -> np.ndarray:
    """(N, 4) turns that bring X onto directions (N, 3)."""
    axis = np.cross((1.0, 0.0, 0.0), ways)
    quaternion = np.concatenate([1 + ways[:, :1], axis], 1)
    return rotations.normalized(quaternion + np.array([1e-6, 0, 0, 0])).astype(np.float32)


def paint_mask(avatar: Avatar, path: Path) -> None:
    """A picture over the texture coordinates, white where the cheeks are."""
    uv, vertices = avatar.arrays["mesh.uv"], avatar.arrays["mesh.vertices"]
    faces, uv_faces = avatar.arrays["mesh.faces"], avatar.arrays["mesh.uv_faces"]
    canvas = Image.new("RGBA", (TEXELS, TEXELS), (0, 0, 0, 255))
    pen = ImageDraw.Draw(canvas)
    middles = vertices[faces].mean(1) - eyes_of(avatar)
    away = np.abs(middles[:, :2]) - (0.042, 0.045)
    cheeks = (np.linalg.norm(away, axis=1) < 0.02) & (middles[:, 1] < 0) & (middles[:, 2] > -0.04)
    for face in np.flatnonzero(cheeks):
        pen.polygon(texels(uv[uv_faces[face]]), fill="white")
    canvas.save(path)


def texels(places: np.ndarray) -> list[tuple[float, float]]:
    """Places (P, 2) of the texture as a drawing program counts them."""
    return [(x * TEXELS, (1 - y) * TEXELS) for x, y in places]


def with_texture(avatar: Avatar) -> HybridHead:
    """The same person as a mesh with a texture, in the colours of its skin, and the same hair."""
    model = load_model("open-head")
    vertices, faces = avatar.arrays["mesh.vertices"], avatar.arrays["mesh.faces"]
    uv, uv_faces = avatar.arrays["mesh.uv"], avatar.arrays["mesh.uv_faces"]
    tone = shaded(vertices[faces].astype(np.float64), avatar.arrays["eyes"].astype(bool)[faces[:, 0]])
    canvas = Image.new("RGB", (TEXELS, TEXELS), (200, 146, 120))
    pen = ImageDraw.Draw(canvas)
    for face, colour in zip(uv_faces, (np.clip(tone, 0, 1) * 255).astype(int), strict=True):
        pen.polygon(texels(uv[face]), fill=tuple(colour), outline=tuple(colour))
    texture = np.asarray(canvas, np.float32) / 255
    shape = avatar.arrays["shape"]
    return HybridHead(model, shape, np.zeros_like(model.template), uv, uv_faces, texture, hair=avatar.splats("hair"))


def paint(avatar: Avatar, path: Path, target: Path) -> None:
    """Coloured dots over the texture, where the face is."""
    random, canvas = np.random.default_rng(3), Image.open(path).convert("RGB")
    pen = ImageDraw.Draw(canvas)
    faces, uv_faces = avatar.arrays["mesh.faces"], avatar.arrays["mesh.uv_faces"]
    middles = avatar.arrays["mesh.vertices"][faces].mean(1) - eyes_of(avatar)
    skin = ~avatar.arrays["eyes"].astype(bool)[faces[:, 0]]
    there = np.flatnonzero(skin & (middles[:, 2] > -0.07) & (np.abs(middles[:, 1] + 0.02) < 0.09))
    corners = avatar.arrays["mesh.vertices"][faces[there]]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    for face in random.choice(there, 120, p=area / area.sum()):
        (x, y), size = texels(avatar.arrays["mesh.uv"][uv_faces[face]].mean(0)[None])[0], random.uniform(3, 9)
        tone = tuple(random.choice([(30, 90, 190), (230, 190, 40), (190, 40, 60), (240, 240, 235)]))
        pen.ellipse((x - size, y - size, x + size, y + size), fill=tone)
    canvas.save(target)


def picture(folder: Path, size: int) -> np.ndarray:
    """(H, W, 3) of an avatar at rest, three quarters from the front."""
    avatar = avatar_folder.load(folder)
    middle = eyes_of(avatar) if "eyes" in avatar.arrays else eyes_of(avatar_folder.load(folder.with_name("mine")))
    place = np.eye(4)
    place[:3, :3] = rotations.to_matrix([0.0, 0.45, 0.0])
    place[:3, 3] = middle + (0.0, -0.02, -0.06) + place[:3, :3] @ (0, 0, 1.2)
    focal = 3.3 * size
    camera, behind = Camera.from_opengl(place, (size, size), (focal, focal)), (0.93, 0.93, 0.94)
    if "head.offset" in avatar.arrays:
        worn = hybrid_head.load(folder)
        still = worn.at(np.zeros(4, np.float32), np.zeros((5, 3), np.float32), np.zeros(3, np.float32))
        drawn = render(worn, still, camera, background=behind)
    else:
        splats = concatenated([avatar_folder.at_rest(avatar, group) for group in avatar.groups])
        drawn = draw(splats, camera, background=behind)
    return (np.clip(drawn.colour, 0, 1) * 255).astype(np.uint8)


def labelled(pixels: np.ndarray, label: str) -> np.ndarray:
    """The picture with a line of text below it."""
    canvas = Image.new("RGB", (pixels.shape[1], pixels.shape[0] + MARGIN), "white")
    canvas.paste(Image.fromarray(pixels))
    ImageDraw.Draw(canvas).text((8, pixels.shape[0] + 5), label, fill=(40, 40, 40))
    return np.asarray(canvas)


if __name__ == "__main__":
    main()
