"""Gaussians as other trainings and programs write them: opened with a note, or refused with the right sentence."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from splat_clouds import cloud, covariances, far

from animcore.core import ply_header
from animcore.errors import InputError
from animcore.files.avatars import open_any_splats
from animcore.files.scenes import gltf
from animcore.files.splats import ply, spz
from animcore.gaussians.gaussians import Gaussians

FIELD = Path(__file__).resolve().parents[2].parent / "shared" / "field" / "splats"
SPZ_COSTS = {"means": 8e-6, "shapes": 0.07, "opacities": 0.5 / 254, "colours": 0.5 / 254 / 0.15, "harmonics": 0.067}


def rewritten(path: Path, *, without: tuple[str, ...] = (), comment: str = "", **columns: np.ndarray) -> Path:
    """A PLY with other columns, written without our writer: some left out, some added or replaced."""
    header = ply_header.parse(path.read_bytes(), path.name)
    table = ply._table(path.read_bytes(), header, "vertex", path.name)
    data = {name: table[name] for name in table.dtype.names if name not in without} | columns
    lines = ["ply", "format binary_little_endian 1.0", *([f"comment {comment}"] if comment else [])]
    lines += [f"element vertex {len(table)}"]
    lines += [f"property {'double' if one.dtype == np.float64 else 'float'} {name}" for name, one in data.items()]
    rows = np.empty(len(table), [(name, one.dtype.newbyteorder("<")) for name, one in data.items()])
    for name, one in data.items():
        rows[name] = one
    path.write_bytes("\n".join([*lines, "end_header", ""]).encode() + rows.tobytes())
    return path


@pytest.fixture
def file(tmp_path) -> Path:
    ply.write(cloud(40), tmp_path / "a.ply")
    return tmp_path / "a.ply"


@pytest.mark.skipif(not FIELD.exists(), reason="the small inputs that failed stand beside the project")
@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("01_2dgs_two_scales.ply", "flat Gaussians"),
        ("17_mip_filter3D.ply", "3D filter"),
        ("18_mip_comment.ply", "anti-aliased"),
        ("21_scale_huge.ply", "left out"),
        ("25_luma.zip", "point_cloud.ply in it was opened"),
        ("26_ply.ply.gz", "26_ply.ply in it was opened"),
        ("34_geo_far.ply", "own origin, (1000000, 4000000, 0) m"),
    ],
)
def test_files_that_people_have_are_opened_with_a_note(name, note):
    assert any(note in one for one in open_any_splats.load(FIELD / name).notes)


def test_discs_of_2dgs_are_flat(file):
    found = open_any_splats.load(rewritten(file, without=("scale_2",)))
    assert found.splats.scales[:, :2] == pytest.approx(cloud(40).scales[:, :2], rel=1e-6)
    assert (found.splats.scales[:, 2] < 1e-3 * found.splats.scales[:, :2].min(1)).all()
    assert "flat Gaussians" in found.notes[0]
    with pytest.raises(InputError, match="cloud of points"):
        open_any_splats.load(rewritten(file, without=("scale_0", "scale_1", "rot_0")))


def test_the_filter_of_mip_splatting_is_applied(file):
    filters = np.linspace(0, 0.05, 40).astype(np.float32)
    found = open_any_splats.load(rewritten(file, filter_3D=filters))
    wanted = cloud(40)
    wide = np.sqrt(wanted.scales.astype(np.float64) ** 2 + filters[:, None].astype(np.float64) ** 2)
    assert found.splats.scales == pytest.approx(wide, rel=1e-5)
    assert found.splats.opacities * wide.prod(1) == pytest.approx(wanted.opacities * wanted.scales.prod(1), rel=1e-4)
    assert "3D filter" in found.notes[0]


@pytest.mark.parametrize("comment", ["SplatRenderMode: mip", "antialiased 1"])
def test_what_was_trained_with_anti_aliasing_is_said(file, comment):
    assert any("anti-aliased" in note for note in open_any_splats.load(rewritten(file, comment=comment)).notes)
    assert open_any_splats.load(rewritten(file, comment="SplatRenderMode: default")).notes == ()


def test_an_spz_says_it_in_a_flag(tmp_path):
    data = bytearray(gzip.decompress(spz.encoded(cloud(40), "a")))
    data[14] |= 1
    (tmp_path / "a.spz").write_bytes(gzip.compress(bytes(data)))
    assert any("anti-aliased" in note for note in open_any_splats.load(tmp_path / "a.spz").notes)


def test_the_wreck_of_a_training_is_left_out_and_a_sky_is_not(tmp_path):
    sizes = cloud(40).scales.copy()
    sizes[3], sizes[7] = 20.0, np.exp(60.0)
    for name in ("a.ply", "a.glb"):
        open_any_splats.save(replace(cloud(40), scales=sizes), tmp_path / name)
        found = open_any_splats.load(tmp_path / name)
        assert found.splats.count == 39
        assert found.splats.scales.max() == pytest.approx(20.0)
        assert "1 Gaussians larger" in found.notes[0]


@pytest.mark.parametrize("names", [("t", "scale_t", "motion_0"), ("trbf_center",), ("rot_r_0",)])
def test_gaussians_that_move_are_refused(file, names):
    with pytest.raises(InputError, match=f"4D: {names[0]}.*export one moment"):
        open_any_splats.load(rewritten(file, **{name: np.zeros(40, np.float32) for name in names}))


def test_columns_that_nobody_knows_are_said(file):
    found = open_any_splats.load(rewritten(file, label=np.zeros(40, np.float32), red=np.zeros(40, np.float32)))
    assert found.notes == ("a.ply: its values label are unknown and were not used.",)


def test_a_cloud_in_the_coordinates_of_the_earth_keeps_its_shape_and_its_origin(file):
    away = np.array([654321.0, 4321987.0, 12.0])
    means = {name: cloud(40).means[:, axis].astype(np.float64) + away[axis] for axis, name in enumerate("xyz")}
    found = open_any_splats.load(rewritten(file, **means))
    wanted = np.stack(list(means.values()), 1)
    assert any("own origin, (654321, 4321989, 12) m" in note for note in found.notes)
    for name in ("b.ply", "b.glb"):  # through our files too
        assert open_any_splats.save(found.splats, file.parent / name) == ()
        back = open_any_splats.load(file.parent / name).splats
        assert np.abs(back.means + np.array(back.origin) - wanted).max() < 1e-6
    assert "cannot hold the origin" in open_any_splats.save(found.splats, file.parent / "b.spz")[0]
    assert open_any_splats.load(file.parent / "b.ply", y_down=True).splats.origin == (654321.0, -4321989.0, -12.0)


@pytest.mark.parametrize("inside", ["a.ply", "a.sog", "a.spz"])
def test_what_is_packed_is_unpacked(tmp_path, inside):
    open_any_splats.save(cloud(40), tmp_path / inside)
    data = (tmp_path / inside).read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"point_cloud/{inside}", data)
        archive.writestr(f"__MACOSX/._{inside}", b"x")
        archive.writestr("readme.txt", "hello")
    (tmp_path / f"{inside}.gz").write_bytes(gzip.compress(data))
    for name in ("a.zip", f"{inside}.gz"):
        found = open_any_splats.load(tmp_path / name)
        assert found.splats.count == 40
        assert f"{inside} in it was opened" in found.notes[0]
    if inside == "a.sog":  # the pictures themselves in a zip
        (tmp_path / "b.zip").write_bytes(data)
        assert open_any_splats.load(tmp_path / "b.zip").splats.count == 40


def test_archives_without_one_file_of_gaussians_are_named(tmp_path):
    for name, members in (("none.zip", ("a.txt",)), ("two.zip", ("a.ply", "b.ply"))):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member in members:
                archive.writestr(member, "ply")
        with pytest.raises(InputError, match=f"{name} must hold one file .* unpack it"):
            open_any_splats.load(tmp_path / name)
    for name in ("broken.zip", "broken.ply.gz"):
        (tmp_path / name).write_bytes(b"PK\x03\x04nonsense")
        with pytest.raises(InputError, match=f"{name} cannot be unpacked"):
            open_any_splats.load(tmp_path / name)


# ----------------------------------------------------------------------------------------- glTF


def changed(path: Path, change) -> Path:
    document = gltf.load(path)
    change(document.document)
    document.save(path)
    return path


def looks_of(document: dict) -> dict:
    return document["meshes"][0]["primitives"][0]["extensions"]["KHR_gaussian_splatting"]


def test_linear_colours_become_srgb(tmp_path):
    linear = cloud(40, degree=1)
    linear.harmonics[:, 1:] *= 0.01  # small, where the conversion is to the first order
    open_any_splats.save(linear, tmp_path / "a.glb")
    changed(tmp_path / "a.glb", lambda document: looks_of(document).update(colorSpace="lin_rec709_display"))
    found = open_any_splats.load(tmp_path / "a.glb")
    assert any("linear colours" in note for note in found.notes)

    def shown(table: np.ndarray, basis: float) -> np.ndarray:
        return 0.5 + 0.28209479177387814 * table[:, 0] + basis * table[:, 1:].sum(1)

    for basis in (0.0, 0.4, -0.4):
        light = np.maximum(shown(linear.harmonics, basis), 0.0)
        srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        clear = light > 0.05
        assert np.abs(shown(found.splats.harmonics, basis) - srgb)[clear].max() < 1e-3
    changed(tmp_path / "a.glb", lambda document: looks_of(document).update(colorSpace="acescg", kernel="cube"))
    assert {"colorSpace is acescg", "kernel is cube"} <= {
        note.split(": ")[1].split(",")[0] for note in open_any_splats.load(tmp_path / "a.glb").notes
    }


def wrapped(path: Path, data: bytes, extensions: dict) -> None:
    """A GLB around an SPZ, written without our writer."""
    document = {
        "asset": {"version": "2.0"},
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
        "buffers": [{"byteLength": len(data)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(data)}],
        "meshes": [{"primitives": [{"mode": 0, "attributes": {}, "extensions": extensions}]}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    data += bytes(-len(data) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    path.write_bytes(b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks)


@pytest.mark.parametrize(
    "extensions",
    [
        {"KHR_gaussian_splatting": {"extensions": {"KHR_gaussian_splatting_compression_spz_2": {"bufferView": 0}}}},
        {"KHR_gaussian_splatting": {"extensions": {"KHR_gaussian_splatting_compression_spz": {"bufferView": 0}}}},
        {"KHR_spz_gaussian_splats_compression": {"bufferView": 0}},
        {"KHR_spz_compression": {"bufferView": 0}},
    ],
)
def test_spz_inside_gltf_is_read_in_every_draft(tmp_path, extensions):
    splats = cloud(40)
    wrapped(tmp_path / "a.glb", spz.encoded(splats, "a"), extensions)
    found = open_any_splats.load(tmp_path / "a.glb").splats
    turn = np.diag([-1.0, 1.0, -1.0])  # SPZ is right, up, back; glTF, by the extension's text, left, up, front
    assert np.abs(found.means - splats.means @ turn).max() < SPZ_COSTS["means"]
    wrapped(tmp_path / "b.glb", b"no spz", extensions)
    with pytest.raises(InputError, match=r"The SPZ in b\.glb is not an SPZ file"):
        open_any_splats.load(tmp_path / "b.glb")


@pytest.mark.parametrize("degree", [1, 3])  # GaussForge reads no SPZ of degree 0
def test_spz_inside_gltf_is_written_small_and_as_others_read_it(tmp_path, degree):
    splats = cloud(2000, degree=degree)
    open_any_splats.save(splats, tmp_path / "a.glb")
    open_any_splats.save(splats, tmp_path / "a.spz.glb")
    assert (tmp_path / "a.spz.glb").stat().st_size < 0.35 * (tmp_path / "a.glb").stat().st_size
    back = open_any_splats.load(tmp_path / "a.spz.glb")
    assert back.format == "glb"
    assert {kind: error for kind, error in far(back.splats, splats).items() if error > SPZ_COSTS[kind]} == {}
    theirs = pytest.importorskip("pygltflib").GLTF2().load(tmp_path / "a.spz.glb")  # an independent reader
    primitive = theirs.meshes[0].primitives[0]
    assert set(theirs.extensionsRequired) == {"KHR_gaussian_splatting", "KHR_gaussian_splatting_compression_spz_2"}
    inside = primitive.extensions["KHR_gaussian_splatting"]["extensions"]["KHR_gaussian_splatting_compression_spz_2"]
    view = theirs.bufferViews[inside["bufferView"]]
    assert {accessor.count for accessor in theirs.accessors} == {2000}
    assert all(accessor.bufferView is None for accessor in theirs.accessors)
    assert len(theirs.accessors) == 5 + (degree + 1) ** 2
    forge = pytest.importorskip("gaussforge").GaussForge()
    data = theirs.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    found = forge.read(data, "spz")["data"]
    positions = np.frombuffer(found["positions"], np.float32).reshape(-1, 3)
    assert np.abs(positions * (-1, 1, -1) - splats.means).max() < SPZ_COSTS["means"]


def test_turned_and_moved_by_its_node_as_any_glb(tmp_path):
    splats = cloud(40)
    open_any_splats.save(splats, tmp_path / "a.spz.glb")
    changed(tmp_path / "a.spz.glb", lambda document: document["nodes"][0].update(translation=[1, 2, 3]))
    back = open_any_splats.load(tmp_path / "a.spz.glb").splats
    assert np.abs(back.means - splats.means - (1, 2, 3)).max() < 2e-5
    assert covariances(back) == pytest.approx(covariances(splats), abs=1e-5)
    assert isinstance(back, Gaussians)


def test_sizes_and_opacities_without_logarithms_are_read_as_they_are(tmp_path):
    """Not what training writes: some exporters put down what is drawn."""
    splats = cloud(40)
    columns = {name: splats.means[:, at] for at, name in enumerate("xyz")}
    columns |= {f"f_dc_{at}": np.zeros(40) for at in range(3)} | {"opacity": splats.opacities}
    columns |= {f"scale_{at}": splats.scales[:, at] for at in range(3)}
    columns |= {f"rot_{at}": splats.rotations[:, at] for at in range(4)}
    head = "".join(f"property float {name}\n" for name in columns)
    path = tmp_path / "a.ply"
    path.write_bytes(
        f"ply\nformat binary_little_endian 1.0\nelement vertex 40\n{head}end_header\n".encode()
        + np.stack(list(columns.values()), 1).astype("<f4").tobytes()
    )
    found = open_any_splats.load(path)
    np.testing.assert_allclose(found.splats.scales, splats.scales, rtol=1e-5)
    np.testing.assert_allclose(found.splats.opacities, splats.opacities, rtol=1e-5)
    assert "plain sizes and opacities" in found.notes[0]


def test_a_pointer_of_git_lfs_is_told_as_one(tmp_path):
    (tmp_path / "a.ply").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(InputError, match="pointer of Git LFS"):
        open_any_splats.load(tmp_path / "a.ply")
