"""`animcore avatar`: what users type, and what they get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from animcore.cli.main import main
from animcore.core import images
from animcore.files.avatars import avatar_folder, hybrid_head, open_any_splats
from animcore.files.avatars.avatar_folder import Avatar
from animcore.gaussians.gaussians import Gaussians, validated


def cloud(count: int = 60, seed: int = 0, **changes) -> Gaussians:
    random = np.random.default_rng(seed)
    splats = Gaussians(
        random.normal(size=(count, 3)) * 0.1 + (0, 1.6, 0),
        random.normal(size=(count, 4)),
        random.uniform(0.001, 0.01, (count, 3)),
        random.uniform(0.1, 1, count),
        random.normal(size=(count, 4, 3)) * 0.1,
    )
    return validated(replace(splats, **changes), "a cloud")


def ball(size: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(V, 3), (F, 3) and (V, 2): a head that is a ball, its texture a map of it."""
    across, up = np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 9))
    around, height = 2 * np.pi * across.ravel(), np.pi * (up.ravel() - 0.5)
    points = np.stack([np.cos(height) * np.sin(around), np.sin(height), np.cos(height) * np.cos(around)], 1)
    corner = (np.arange(8)[:, None] * 17 + np.arange(16)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 18], 1), np.stack([corner, corner + 18, corner + 17], 1)]
    )
    return (points * size + (0, 1.6, 0)).astype(np.float32), faces, np.stack([across.ravel(), up.ravel()], 1)


def head(folder, size: float = 0.1, seed: int = 0):
    """An avatar as a hybrid head is kept: brows on triangles, hair in the world around the skull."""
    vertices, faces, uv = ball(size)
    mesh = {"mesh.vertices": vertices, "mesh.faces": faces, "mesh.uv": uv, "mesh.uv_faces": faces}
    above = vertices[vertices[:, 1] > 1.6 + 0.3 * size]
    roots = np.concatenate([above, above + (above - (0, 1.6, 0)) * 0.5]).astype(np.float32)
    hair = cloud(len(roots), seed, means=roots)
    brows = cloud(len(faces), seed, means=np.zeros((len(faces), 3)), binding=np.arange(len(faces)))
    skin = np.full((8, 16, 4), (200, 150, 120, 255), np.uint8)
    avatar = Avatar({**mesh, "head.shape": np.zeros(4, np.float32)}, {"basis": "open-head"}, {"texture": skin})
    avatar_folder.save(avatar.with_splats("hair", hair).with_splats("riding", brows), folder)
    return avatar_folder.with_textures(folder)


def run(*words: object) -> int:
    return main(["avatar", *map(str, words)])


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("target", ["b.splat", "b.spz", "b.sog", "b.glb", "b.ply", "b"])
def test_convert_and_info(work, capsys, target):
    open_any_splats.save(cloud(), work / "a.ply")
    assert run("convert", "a.ply", target) == 0
    assert f"{target}: 60 Gaussians" in capsys.readouterr().out
    assert run("info", target) == 0
    said = capsys.readouterr().out
    assert "60 Gaussians" in said
    assert f"degree {0 if target == 'b.splat' else 1}" in said
    assert "y 1." in said


def test_convert_turns_what_is_y_down_where_the_other_format_is_y_up(work):
    open_any_splats.save(cloud(), work / "a.ply", y_down=True)
    assert run("convert", "a.ply", "b.glb", "--y-down") == 0
    assert np.allclose(open_any_splats.load(work / "b.glb").splats.means, cloud().means, atol=1e-6)
    assert run("convert", "a.ply", "c.glb") == 0
    assert open_any_splats.load(work / "c.glb").splats.means[:, 1].mean() == pytest.approx(-1.6, abs=0.1)


@pytest.mark.parametrize(("degree", "kept"), [(0, 0), (1, 1), (3, 1)])
def test_convert_keeps_harmonics_up_to_a_degree(work, degree, kept):
    splats = cloud()
    open_any_splats.save(splats, work / "a.ply")
    assert run("convert", "a.ply", "b.ply", "--degree", degree) == 0
    back = open_any_splats.load(work / "b.ply").splats
    assert back.degree == kept
    assert (back.harmonics == splats.harmonics[:, : (kept + 1) ** 2]).all()
    assert (back.means == splats.means).all()


def test_what_cannot_be_done_is_one_sentence(work, capsys):
    open_any_splats.save(cloud(), work / "a.ply")
    (work / "points.ply").write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
                                     "property float z\nend_header\n0 0 0\n")  # fmt: skip
    for words, sentence in (
        (("convert", "a.ply", "a.ply"), "is the input file"),
        (("convert", "a.ply", "b.obj"), "no format of Gaussians"),
        (("convert", "no.ply", "b.spz"), "There is no file"),
        (("convert", "points.ply", "b.spz"), "cloud of points"),
        (("edit", "cut", "a.ply", "b.ply"), "Choose what to cut"),
        (("edit", "cut", "a.ply", "b.ply", "--sphere", 9, 9, 9, 0.1), "lies in that region"),
        (("edit", "cut", "a.ply", "b.ply", "--box", -9, -9, -9, 9, 9, 9), "No Gaussians are left"),
        (("edit", "recolour", "a.ply", "b.ply", "--mask", "m.png"), "painted over a mesh"),
        (("edit", "recolour", "a.ply", "b.ply", "--part", "hair"), "no Gaussians 'hair'"),
    ):
        assert run(*words) == 1, words
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1
    assert not (work / "b.ply").exists()
    assert run("info", "a.ply", "points.ply") == 1
    assert "a.ply: 3DGS PLY" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "short_of"),
    [
        (("info", "a.ply"), "animcore.files.splats.ply._columns"),
        (("convert", "a.ply", "b.spz"), "animcore.files.splats.spz.gzip.compress"),
        (("edit", "recolour", "a.ply", "b.ply", "--hue", 9), "animcore.gaussians.editing.recolour"),
        (("edit", "cut", "a.ply", "b.ply", "--sphere", 0, 1.6, 0, 0.1), "animcore.files.splats.ply.logarithm"),
    ],
)
def test_too_little_memory_is_one_sentence(work, capsys, monkeypatch, words, short_of):
    def none_left(*_arguments, **_named):
        raise MemoryError

    open_any_splats.save(cloud(), work / "a.ply")
    monkeypatch.setattr(short_of, none_left)
    assert run(*words) == 1
    said = "".join(capsys.readouterr())
    assert said.count("\n") == 1
    assert ".ply needs more memory" in said or "b.spz needs more memory" in said
    assert not list(work.glob("b.*"))


def test_a_head_becomes_a_cloud_at_rest(work, capsys):
    avatar = head(work / "mine")
    assert run("convert", "mine", "a.ply") == 0
    assert "head at rest" in capsys.readouterr().out
    splats = open_any_splats.load(work / "a.ply").splats
    hair, faces = avatar.splats("hair"), avatar.arrays["mesh.faces"]
    assert np.allclose(splats.means[: hair.count], hair.means, atol=1e-6)
    middles = avatar.arrays["mesh.vertices"][faces].mean(1)
    assert np.allclose(splats.means[hair.count :], middles, atol=1e-6), "a brow in the middle of its triangle"
    assert run("info", "mine") == 0
    said = capsys.readouterr().out
    assert "expression basis: open-head" in said
    assert "texture.png: 16 x 8" in said


def test_recolour_of_one_part_leaves_the_others(work):
    before = head(work / "mine")
    assert run("edit", "recolour", "mine", "red", "--part", "hair", "--hue", 120) == 0
    after = avatar_folder.with_textures(work / "red")
    assert np.allclose(after.splats("hair").harmonics, before.splats("hair").harmonics[..., [2, 0, 1]], atol=1e-5)
    assert np.array_equal(after.splats("riding").harmonics, before.splats("riding").harmonics)
    assert np.array_equal(after.textures["texture"], before.textures["texture"])
    assert after.facts["basis"] == "open-head"
    assert after.arrays.keys() == before.arrays.keys()


def test_cut_under_a_mask_that_was_painted(work):
    before = head(work / "mine")
    mask = np.zeros((32, 64, 4), np.uint8)
    mask[..., 3] = 255
    mask[:, :32] = 255  # the left half of the map: the side of the head where x is above 0
    (work / "mask.png").write_bytes(images.encoded(mask, "png"))
    assert run("edit", "cut", "mine", "half", "--mask", "mask.png") == 0
    after = avatar_folder.load(work / "half")
    for group in ("hair", "riding"):
        left = avatar_folder.at_rest(after, group)
        assert 0.3 < left.count / before.splats(group).count < 0.7
        assert left.means[:, 0].max() < 0.02
    assert len(after.splats("riding").binding) == after.splats("riding").count


def test_cut_out_of_a_file_by_a_ball(work):
    open_any_splats.save(cloud(), work / "a.ply")
    assert run("edit", "cut", "a.ply", "b.ply", "--sphere", 0, 1.6, 0, 0.15) == 0
    left = open_any_splats.load(work / "b.ply").splats
    assert (np.linalg.norm(left.means - (0, 1.6, 0), axis=1) > 0.15).all()
    assert 0 < left.count < 60


def test_hair_goes_from_head_to_head(work):
    hers, mine = head(work / "hers", 0.1, seed=1), head(work / "mine", 0.12, seed=2)
    assert run("edit", "swap-hair", "mine", "hers", "new") == 0
    after = avatar_folder.with_textures(work / "new")
    hair = after.splats("hair")
    wanted = (hers.splats("hair").means - (0, 1.6, 0)) * 1.2 + (0, 1.6, 0)
    assert np.allclose(hair.means, wanted, atol=1e-4)
    assert np.allclose(hair.harmonics, hers.splats("hair").harmonics, atol=1e-4)
    assert np.array_equal(after.splats("riding").means, mine.splats("riding").means)


def test_hair_does_not_go_to_a_head_of_another_model(work, capsys):
    head(work / "hers")
    mine = head(work / "mine")
    avatar_folder.save(replace(mine, facts={"basis": "flame2023"}), work / "other")
    assert run("edit", "swap-hair", "other", "hers", "new") == 1
    assert "hair goes between heads of one model" in capsys.readouterr().err


def test_an_avatar_of_gaussian_avatars_becomes_a_head(work, capsys):
    splats = cloud(40, means=np.zeros((40, 3)), binding=np.arange(40) * 100)
    open_any_splats.save(splats, work / "point_cloud.ply")
    assert run("convert", "point_cloud.ply", "theirs", "--model", "open-head") == 0
    assert "a head of 40 Gaussians on open-head" in capsys.readouterr().out
    found = hybrid_head.load(work / "theirs")
    assert np.array_equal(found.riding.binding, splats.binding)
    assert found.hair is None


def test_a_texture_that_was_painted_by_hand_is_taken(work, capsys):
    head(work / "mine")
    painted = np.full((16, 32, 4), (10, 200, 30, 255), np.uint8)
    (work / "p.png").write_bytes(images.encoded(painted, "png"))
    assert run("edit", "paint", "mine", "p.png", "new") == 0
    assert np.array_equal(avatar_folder.texture(work / "new", "texture"), painted)
    (work / "mine" / "texture.png").write_bytes(images.encoded(painted, "png"))
    assert np.array_equal(avatar_folder.with_textures(work / "mine").textures["texture"], painted), "or in place"
    (work / "q.png").write_bytes(images.encoded(painted[:, :16], "png"))
    assert run("edit", "paint", "mine", "q.png", "new") == 1
    assert "not of the size of the texture" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seed", -1), "a seed of 0 or more"),
        (("--seed", 1 << 70), "a seed of 0 or more"),
        (("--lpips", "nan"), "a weight of LPIPS"),
        (("--threads", -2), "at least 1 thread"),
        (("--texture", 100), "a multiple of 8"),
    ],
)
def test_a_fit_that_cannot_be_is_one_sentence(work, capsys, words, told):
    pytest.importorskip("torch")
    assert run("fit", work, "--out", work / "fit", *words) == 1
    assert told in capsys.readouterr().err
    assert not (work / "fit").exists()


@pytest.mark.parametrize(("action", "changes"), [("fit", 6), ("from-video", 0)])
def test_help_tells_the_defaults_that_hold(capsys, action, changes):
    with pytest.raises(SystemExit):
        run(action, "--help")
    said = " ".join(capsys.readouterr().out.split())
    assert f"the texture changes with the expression (default: {changes})" in said
