"""Files of Gaussians: through our own readers and those of others, upright and upside down."""

from __future__ import annotations

import json
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from splat_clouds import cloud, covariances, far

from animcore.errors import InputError
from animcore.files.avatars import open_any_splats
from animcore.files.scenes import gltf
from animcore.files.splats import codebooks, ply, sog, spz
from animcore.gaussians.gaussians import Gaussians

NAMES = ("a.ply", "a.splat", "a.spz", "a.sog", "a.glb", "a.usdc", "a.usda", "a")
EXACT = {"means": 0.0, "shapes": 1e-5, "opacities": 1e-6, "colours": 0.0, "harmonics": 0.0}
COSTS = {  # the most that a format may change
    "a.ply": EXACT,
    "a.glb": EXACT,
    "a.usdc": EXACT,
    "a.usda": EXACT,
    "a": EXACT,
    "a.splat": {"means": 0.0, "shapes": 0.05, "opacities": 0.5 / 254, "colours": 0.5 / 254 / 0.282, "harmonics": 0.0},
    "a.spz": {"means": 8e-6, "shapes": 0.07, "opacities": 0.5 / 254, "colours": 0.5 / 254 / 0.15, "harmonics": 0.067},
    "a.sog": {"means": 2e-5, "shapes": 0.05, "opacities": 0.5 / 254, "colours": 0.02, "harmonics": 0.02},
}


def through(splats: Gaussians, path, y_down: bool = False) -> Gaussians:
    """Written and read; SOG puts Gaussians into an order of its own, which is undone."""
    open_any_splats.save(splats, path, y_down)
    back = open_any_splats.load(path, y_down).splats
    if path.suffix == ".sog":
        stored = np.diag([1.0, -1.0, -1.0]) if y_down else np.eye(3)
        back = back.part(np.argsort(sog.morton((splats.means @ stored).astype(np.float32))))
    return back


def needs(name: str) -> None:
    if ".usd" in name:
        pytest.importorskip("pxr.Usd")


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read(tmp_path, name, degree):
    needs(name)
    splats = cloud(degree=degree)
    back = through(splats, tmp_path / name)
    lost = {kind: error for kind, error in far(back, splats).items() if error > COSTS[name][kind]}
    assert lost == {}
    assert back.degree == (0 if name == "a.splat" else degree)
    assert back.binding is None


@pytest.mark.parametrize("name", ["a.ply", "a"])
def test_bound_gaussians_keep_their_triangles(tmp_path, name):
    splats = cloud(bound=True)
    back = through(splats, tmp_path / name)
    assert (back.binding == splats.binding).all()
    assert far(back, splats)["means"] == 0


@pytest.mark.parametrize("name", ["a.splat", "a.spz", "a.sog", "a.glb"])
def test_bound_gaussians_do_not_go_where_they_would_lose_their_mesh(tmp_path, name):
    with pytest.raises(InputError, match="bound to the triangles"):
        open_any_splats.save(cloud(bound=True), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name in NAMES if ".usd" not in name])
def test_equal_gaussians_give_equal_files(tmp_path, name):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        open_any_splats.save(cloud(), tmp_path / folder / name)
    files = [sorted(path for path in (tmp_path / folder).rglob("*") if path.is_file()) for folder in ("one", "two")]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


@pytest.mark.parametrize("name", ["a.ply", "a.splat", "a.sog"])
def test_y_down_is_half_a_turn_in_the_file_and_none_after_reading(tmp_path, name):
    splats = cloud()
    back = through(splats, tmp_path / name, y_down=True)
    assert far(back, splats)["means"] < 1e-4
    assert far(back, splats)["shapes"] < 0.06
    as_it_is = open_any_splats.load(tmp_path / name).splats
    assert abs(as_it_is.means[:, 1].mean() + 1.6) < 0.1, "the head hangs down in a file that is Y down"


@pytest.mark.parametrize("name", ["a.spz", "a.glb"])
def test_formats_that_say_their_axes_ignore_what_is_said_of_them(tmp_path, name):
    splats = cloud()
    assert far(through(splats, tmp_path / name, y_down=True), splats)["means"] < 2e-5


# ------------------------------------------------------------------------------------------ the layout of each file


def test_a_ply_has_the_names_and_the_order_of_3dgs(tmp_path):
    splats = cloud(7)
    ply.write(splats, tmp_path / "a.ply")
    head, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    lines = head.decode().splitlines()
    names = [line.split()[2] for line in lines if line.startswith("property float ")]
    rest = [f"f_rest_{index}" for index in range(45)]
    assert names == [*"xyz", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *rest, "opacity", "scale_0", "scale_1",
                     "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]  # fmt: skip
    table = np.frombuffer(body, "<f4").reshape(7, len(names))
    column = dict(zip(names, table.T, strict=True))
    assert np.allclose(column["f_rest_0"], splats.harmonics[:, 1, 0]), "red of the first one comes first"
    assert np.allclose(column["f_rest_1"], splats.harmonics[:, 2, 0]), "then red of the next: channel-major"
    assert np.allclose(column["f_rest_15"], splats.harmonics[:, 1, 1])
    assert np.allclose(1 / (1 + np.exp(-column["opacity"])), splats.opacities, atol=1e-6)
    assert np.allclose(np.exp(column["scale_1"]), splats.scales[:, 1])
    assert np.allclose(column["rot_0"], splats.rotations[:, 0])


@pytest.mark.parametrize("order", ["ascii", "binary_big_endian"])
def test_plys_of_other_kinds_are_read(tmp_path, order):
    """Text and big-endian ones, with values of other types, an element before and one after the Gaussians."""
    splats = cloud(9, degree=1)
    ply.write(splats, tmp_path / "a.ply")
    head, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    names = [line.split()[2] for line in head.decode().splitlines() if line.startswith("property")]
    table = np.frombuffer(body, "<f4").reshape(9, -1)
    lines = ["ply", f"format {order} 1.0", "comment by hand", "element camera 2", "property uchar id",
             "property double f", "element vertex 9", *(f"property double {name}" for name in names),
             "element face 1", "property list uchar int vertex_indices", "end_header", ""]  # fmt: skip
    if order == "ascii":
        rows = ["1 2.5", "2 3.5", *(" ".join(f"{value:.9g}" for value in row) for row in table), "3 0 1 2", ""]
        data = "\n".join(rows).encode()
    else:
        data = struct.pack(">BdBd", 1, 2.5, 2, 3.5) + table.astype(">f8").tobytes() + struct.pack(">Biii", 3, 0, 1, 2)
    (tmp_path / "b.ply").write_bytes("\n".join(lines).encode() + data)
    back = open_any_splats.load(tmp_path / "b.ply").splats
    assert max(far(back, splats).values()) < 1e-5


def test_a_splat_is_32_bytes_a_gaussian(tmp_path):
    splats = cloud(3, degree=0)
    open_any_splats.save(splats, tmp_path / "a.splat")
    data = (tmp_path / "a.splat").read_bytes()
    assert len(data) == 96
    assert struct.unpack_from("<3f", data) == tuple(splats.means[0])
    assert struct.unpack_from("<3f", data, 12) == tuple(splats.scales[0])
    red, green, blue, opacity, w, x, y, z = data[24:32]
    wanted = np.clip(255 * (0.5 + 0.28209479 * splats.harmonics[0, 0]), 0, 255)
    assert np.abs(np.array([red, green, blue]) - wanted).max() <= 0.51
    assert abs(opacity - 255 * splats.opacities[0]) <= 0.51
    assert np.abs((np.array([w, x, y, z]) - 128) / 128 - splats.rotations[0]).max() <= 1 / 127


def test_an_spz_keeps_a_far_scene_and_a_near_head_each_as_well_as_24_bits_can(tmp_path):
    for size in (0.01, 1.0, 5000.0):
        splats = replace(cloud(), means=cloud().means * np.float32(size))
        back = through(splats, tmp_path / "a.spz")
        reach = np.abs(splats.means).max()
        assert np.abs(back.means - splats.means).max() <= max(reach * 2**-22, 2**-16), size


def test_an_spz_that_says_its_axes_is_turned(tmp_path):
    """The extension of Adobe: here X right, Y down, Z ahead."""
    import gzip

    splats = cloud()
    spz.write(splats, tmp_path / "a.spz")
    body = bytearray(gzip.decompress((tmp_path / "a.spz").read_bytes()))
    body[14] |= 2  # has extensions: one that is not known, then the axes
    body += struct.pack("<II4s", 0xADBE0002, 4, b"abcd") + struct.pack("<III", 0xADBE0003, 4, 6)
    (tmp_path / "b.spz").write_bytes(gzip.compress(bytes(body)))
    back = open_any_splats.load(tmp_path / "b.spz").splats
    assert np.abs(back.means - splats.means * (1, -1, -1)).max() < 2e-5


def test_a_glb_says_what_the_extension_asks_for(tmp_path):
    splats = cloud(11)
    open_any_splats.save(splats, tmp_path / "a.glb")
    document = gltf.load(tmp_path / "a.glb")
    (primitive,) = document.part("meshes")[0]["primitives"]
    about = primitive["extensions"]["KHR_gaussian_splatting"]
    assert (primitive["mode"], about["kernel"], about["colorSpace"]) == (0, "ellipse", "srgb_rec709_display")
    assert document.document["extensionsUsed"] == ["KHR_gaussian_splatting"]
    assert len(primitive["attributes"]) == 5 + 16
    scales = document.accessor(primitive["attributes"]["KHR_gaussian_splatting:SCALE"])
    assert np.allclose(scales, splats.scales), "linear, as ratified"
    last = document.accessor(primitive["attributes"]["KHR_gaussian_splatting:SH_DEGREE_3_COEF_6"])
    assert np.allclose(last, splats.harmonics[:, 15])


def test_a_glb_is_read_where_its_nodes_put_it(tmp_path):
    splats = cloud(11)
    open_any_splats.save(splats, tmp_path / "a.glb")
    document = gltf.load(tmp_path / "a.glb")
    document.document["nodes"] = [
        {"children": [1], "translation": [1, 2, 3]},
        {"mesh": 0, "rotation": [0, 0, 1, 0], "scale": [2, 2, 2]},
    ]
    document.save(tmp_path / "b.glb")
    back = open_any_splats.load(tmp_path / "b.glb").splats
    assert np.allclose(back.means, splats.means * (-2, -2, 2) + (1, 2, 3), atol=1e-5)
    half = np.diag([-1.0, -1.0, 1.0])
    assert np.allclose(covariances(back), 4 * half @ covariances(splats) @ half, rtol=1e-3, atol=1e-12)
    document.document["nodes"][1]["scale"] = [1, 2, 1]
    document.save(tmp_path / "c.glb")
    with pytest.raises(InputError, match="stretches"):
        open_any_splats.load(tmp_path / "c.glb")


def test_logarithms_of_early_drafts_are_noticed(tmp_path):
    splats = cloud(11)
    open_any_splats.save(splats, tmp_path / "a.glb")
    document = gltf.load(tmp_path / "a.glb")
    attributes = document.part("meshes")[0]["primitives"][0]["attributes"]
    attributes["KHR_gaussian_splatting:SCALE"] = document.add_accessor(np.log(splats.scales))
    document.save(tmp_path / "b.glb")
    found = open_any_splats.load(tmp_path / "b.glb")
    assert "early drafts" in found.notes[0]
    assert far(found.splats, splats)["shapes"] < 1e-4


def test_a_usd_has_the_schema_of_openusd(tmp_path):
    pxr = pytest.importorskip("pxr.Usd")
    open_any_splats.save(cloud(11), tmp_path / "a.usda")
    stage = pxr.Stage.Open(str(tmp_path / "a.usda"))
    prim = stage.GetDefaultPrim()
    schema = pxr.SchemaRegistry().FindConcretePrimDefinition(prim.GetTypeName())
    if schema is None:
        pytest.skip("this OpenUSD is older than 26.03")
    for attribute in prim.GetAuthoredAttributes():
        wanted = schema.GetSchemaAttributeSpec(attribute.GetName())
        assert wanted.typeName == attribute.GetTypeName(), attribute.GetName()
        assert wanted.variability == attribute.GetVariability(), attribute.GetName()


def test_a_usd_in_centimetres_with_z_up_is_read_in_metres_with_y_up(tmp_path):
    pytest.importorskip("pxr.Usd")
    splats = cloud(11)
    open_any_splats.save(splats, tmp_path / "a.usda")
    text = (tmp_path / "a.usda").read_text()
    text = text.replace('upAxis = "Y"', 'upAxis = "Z"').replace("metersPerUnit = 1", "metersPerUnit = 0.01")
    (tmp_path / "b.usda").write_text(text)
    back = open_any_splats.load(tmp_path / "b.usda").splats
    assert np.allclose(back.means, splats.means[:, [0, 2, 1]] * (0.01, 0.01, -0.01), atol=1e-6)
    assert np.allclose(np.linalg.det(covariances(back)) / np.linalg.det(covariances(splats)), 1e-12, rtol=1e-2)


def test_a_sog_is_read_out_of_a_folder_as_out_of_its_zip(tmp_path):
    open_any_splats.save(cloud(), tmp_path / "a.sog")
    with zipfile.ZipFile(tmp_path / "a.sog") as archive:
        archive.extractall(tmp_path / "b")
    whole = open_any_splats.load(tmp_path / "a.sog").splats
    assert max(far(open_any_splats.load(tmp_path / "b" / "meta.json").splats, whole).values()) == 0
    meta = json.loads((tmp_path / "b" / "meta.json").read_text())
    meta["means"]["files"][0] = "../a.sog"
    (tmp_path / "b" / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(InputError, match="elsewhere"):
        open_any_splats.load(tmp_path / "b" / "meta.json")


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 200), st.integers(1, 250), st.integers(0, 2**31))
def test_palettes_are_no_larger_than_asked_and_every_row_has_a_place(count, size, seed):
    rows = np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)
    found, places = codebooks.vector_codebook(rows, size)
    assert 1 <= len(found) <= max(size, 1)
    assert places.min() >= 0
    assert places.max() < len(found)
    spread = np.linalg.norm(rows - rows.mean(0), axis=1).mean()
    assert np.linalg.norm(rows - found[places], axis=1).mean() <= spread + 1e-5, "no worse than one row for all"


def test_a_table_of_256_numbers_is_as_good_as_one_can_be():
    """For a normal distribution that is an error of sqrt(pi * sqrt(3) / 2) / 256 of its spread (Panter, Dite 1951)."""
    values = np.random.default_rng(1).normal(size=100_000)
    codes, places = codebooks.scalar_codebook(values)
    error = np.sqrt(((values - codes[places]) ** 2).mean())
    assert error < 1.15 * np.sqrt(np.pi * np.sqrt(3) / 2) / 256


# ----------------------------------------------------------------------------------------- what others make of them


@pytest.fixture(scope="module")
def forge():
    return pytest.importorskip("gaussforge").GaussForge()


def of_forge(found: dict) -> Gaussians:
    assert "error" not in found, found
    data = found["data"]
    count = data["numPoints"]
    numbers = {name: np.frombuffer(data[name], np.float32) if isinstance(data[name], bytes) else np.array(data[name])
               for name in ("positions", "rotations", "scales", "alphas", "colors", "sh")}  # fmt: skip
    constant = numbers["colors"].reshape(count, 1, 3)
    return Gaussians(
        numbers["positions"].reshape(count, 3),
        numbers["rotations"].reshape(count, 4),
        np.exp(numbers["scales"].reshape(count, 3)),
        1 / (1 + np.exp(-numbers["alphas"])),
        np.concatenate([constant, numbers["sh"].reshape(count, -1, 3)], 1),
    )


@pytest.mark.parametrize("name", ["a.ply", "a.spz", "a.sog"])
@pytest.mark.parametrize("degree", [1, 3])
def test_gaussforge_reads_what_we_write(tmp_path, forge, name, degree):
    splats = cloud(degree=degree)
    open_any_splats.save(splats, tmp_path / name)
    theirs = of_forge(forge.read((tmp_path / name).read_bytes(), name[2:]))
    if name == "a.sog":
        theirs = theirs.part(np.argsort(sog.morton(splats.means)))
    lost = {kind: error for kind, error in far(theirs, splats).items() if error > COSTS[name][kind] + 2e-6}
    assert lost == {}


@pytest.mark.parametrize(
    ("kind", "version"), [("ply", 3), ("spz", 2), ("spz", 3), ("spz", 4), ("splat", 3), ("sog", 3)]
)
def test_we_read_what_gaussforge_writes(tmp_path, forge, kind, version):
    if version == 4:
        pytest.importorskip("zstandard")
    splats = cloud()
    ply.write(splats, tmp_path / "a.ply")
    made = forge.convert((tmp_path / "a.ply").read_bytes(), "ply", kind, spz_version=version)
    assert "error" not in made, made
    (tmp_path / f"b.{kind}").write_bytes(made["data"])
    back = open_any_splats.load(tmp_path / f"b.{kind}").splats
    wanted = of_forge(forge.read(made["data"], kind)) if kind != "splat" else splats
    limits = {"means": 1e-6, "shapes": 2e-2, "opacities": 3e-3, "colours": 2e-2, "harmonics": 1e-6}
    if kind == "splat":
        limits = COSTS["a.splat"] | {"opacities": 0.005, "colours": 0.02}
        order = np.linalg.norm(back.means[:, None] - splats.means, axis=2).argmin(0)
        back = back.part(order)
    lost = {name: error for name, error in far(back, wanted).items() if error > limits[name]}
    assert lost == {}
