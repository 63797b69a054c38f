"""Files of Gaussians that are broken, cut off, hostile or of another kind: one sentence, and never another error."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import struct
import zipfile
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from splat_clouds import cloud

from animcore.core import images
from animcore.errors import InputError
from animcore.files.avatars import avatar_folder, open_any_splats
from animcore.files.splats import ply, sog, spz

NAMES = ("a.ply", "a.splat", "a.spz", "a.sog", "a.glb", "a.usdc", "a.usda")
OFTEN = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Whole(dict[str, bytes]):
    """Without a text of all bytes where hypothesis tells of a failure."""

    __repr__ = object.__repr__


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """A good file of each kind."""
    pytest.importorskip("pxr.Usd")
    folder = tmp_path_factory.mktemp("whole")
    for name in NAMES:
        open_any_splats.save(cloud(40, degree=1), folder / name)
    return Whole({name: (folder / name).read_bytes() for name in NAMES})


def refused(path) -> str:
    with pytest.raises(InputError) as caught:
        open_any_splats.load(path)
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    return said


@pytest.mark.parametrize("name", NAMES)
@OFTEN
@given(part=st.floats(0, 1))
def test_cut_anywhere(tmp_path, whole, name, part):
    """A file that is cut off is refused, unless what is left of it is a whole file of fewer Gaussians."""
    data = whole[name]
    kept = min(int(part * len(data)), len(data) - 1)
    path = tmp_path / f"cut{name[1:]}"
    path.write_bytes(data[:kept])
    if name == "a.splat" and kept and kept % 32 == 0:
        assert open_any_splats.load(path).splats.count == kept // 32
    elif name == "a.usda" and not data[kept:].strip():
        assert open_any_splats.load(path).splats.count == 40, "only the last empty lines were cut"
    else:
        refused(path)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "a.usdc"])  # minutes in OpenUSD's own code
@OFTEN
@given(place=st.floats(0, 0.999), value=st.integers(0, 255), early=st.booleans())
def test_one_wrong_byte_is_read_or_refused(tmp_path, whole, name, place, value, early):
    data = bytearray(whole[name])
    data[int(place * (min(400, len(data)) if early else len(data)))] = value
    path = tmp_path / f"wrong{name[1:]}"
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        assert np.isfinite(open_any_splats.load(path).splats.means).all()


@pytest.mark.parametrize("name", [*NAMES, "meta.json"])
@OFTEN
@given(data=st.binary(max_size=300))
def test_noise_is_refused(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    if name == "a.splat" and data and len(data) % 32 == 0:
        return  # any bytes are Gaussians there
    refused(path)


# ------------------------------------------------------------------------------------------------ not what was meant


def points(tmp_path, names: str, count: int = 1, extra: str = "") -> object:
    lines = ["ply", "format ascii 1.0", f"element vertex {count}", *(f"property float {n}" for n in names.split())]
    path = tmp_path / "points.ply"
    path.write_text("\n".join([*lines, extra, "end_header", " ".join("0" for _ in names.split()), ""]))
    return path


def test_a_cloud_of_points_is_told_from_one_of_gaussians(tmp_path):
    said = refused(points(tmp_path, "x y z nx ny nz red green blue"))
    assert "cloud of points" in said
    assert "points.ply" in said


def test_a_mesh_and_half_a_compressed_ply_are_named(tmp_path):
    assert "no chunks" in refused(points(tmp_path, "packed_position packed_rotation"))
    path = points(tmp_path, "x y z", extra="property list uchar int nothing")
    assert "another kind of PLY" in refused(path)


@pytest.mark.parametrize("count", [3, 12, 30, 44, 46])
def test_harmonics_of_no_degree_are_refused(tmp_path, count):
    rest = " ".join(f"f_rest_{index}" for index in range(count))
    said = refused(points(tmp_path, f"x y z f_dc_0 f_dc_1 f_dc_2 {rest} opacity scale_0 scale_1 scale_2 "
                                    "rot_0 rot_1 rot_2 rot_3"))  # fmt: skip
    assert "harmonics" in said or "f_rest" in said


def test_harmonics_of_degree_4_lose_the_fourth(tmp_path):
    splats = cloud(5)
    more = replace(splats, harmonics=np.pad(splats.harmonics, ((0, 0), (0, 9), (0, 0)), constant_values=0.3))
    ply.write(more, tmp_path / "a.ply")
    found = open_any_splats.load(tmp_path / "a.ply")
    assert (found.splats.harmonics == splats.harmonics).all()
    assert "degree 4" in found.notes[0]


def test_what_is_no_number_is_left_out_and_said(tmp_path):
    splats = cloud(10, degree=0)
    means, scales = splats.means.copy(), splats.scales.copy()
    means[3] = np.nan
    scales[5, 1] = np.inf
    ply.write(replace(splats, means=means, scales=scales), tmp_path / "a.ply")
    found = open_any_splats.load(tmp_path / "a.ply")
    assert found.splats.count == 8
    assert found.notes == ("a.ply: 2 Gaussians that are not numbers (NaN or infinite) were left out.",)
    ply.write(replace(splats, means=np.full_like(means, np.nan)), tmp_path / "b.ply")
    assert "NaN" in refused(tmp_path / "b.ply")


def test_no_gaussians_at_all(tmp_path):
    empty = cloud(3).part(np.zeros(3, bool))
    with pytest.raises(InputError, match="No Gaussians are left"):
        open_any_splats.save(empty, tmp_path / "a.ply")
    ply.write(empty, tmp_path / "a.ply")
    (tmp_path / "a.splat").write_bytes(b"")
    (tmp_path / "a.spz").write_bytes(gzip.compress(struct.pack("<IIIBBBB", 0x5053474E, 3, 0, 0, 12, 0, 0)))
    for name in ("a.ply", "a.splat", "a.spz"):
        assert refused(tmp_path / name) == f"{name} holds no Gaussians; choose another file, or export it again."


def test_files_that_are_not_there_or_of_no_known_kind(tmp_path):
    assert "There is no file" in refused(tmp_path / "nowhere.ply")
    (tmp_path / "a.obj").write_text("v 0 0 0\n")
    assert "no format of Gaussians" in refused(tmp_path / "a.obj")
    (tmp_path / "folder").mkdir()
    assert "avatar.json" in refused(tmp_path / "folder")


# ------------------------------------------------------------------------------------------------------------ hostile


@pytest.mark.parametrize("count", [2**31 - 1, 2**32 - 1, 10**18])
def test_headers_that_claim_far_too_much(tmp_path, count):
    assert "claims" in refused(points(tmp_path, "x y z", count))
    if count < 2**32:
        head = struct.pack("<IIIBBBB", 0x5053474E, 3, count, 3, 12, 0, 0)
        (tmp_path / "a.spz").write_bytes(gzip.compress(head + bytes(1000)))
        assert "claims" in refused(tmp_path / "a.spz")
        (tmp_path / "b.spz").write_bytes(struct.pack("<IIIBBBBI12x", 0x5053474E, 4, count, 3, 12, 0, 6, 32) + bytes(99))
        refused(tmp_path / "b.spz")


def test_as_many_as_are_allowed_but_not_there(tmp_path):
    """Forty million, in a few bytes: refused before any memory is taken."""
    head = struct.pack("<IIIBBBB", 0x5053474E, 3, 40_000_000, 3, 12, 0, 0)
    (tmp_path / "a.spz").write_bytes(gzip.compress(head + bytes(1000)))
    assert "more than it can hold" in refused(tmp_path / "a.spz")
    assert "cut off" in refused(points(tmp_path, "x y z", 40_000_000))


def test_a_gzip_bomb_is_unpacked_no_further_than_it_says(tmp_path, monkeypatch):
    splats = cloud(10, degree=0)
    spz.write(splats, tmp_path / "a.spz")
    body = gzip.decompress((tmp_path / "a.spz").read_bytes())
    (tmp_path / "b.spz").write_bytes(gzip.compress(body + bytes(20_000_000), 1))
    largest, real = [0], zlib.decompressobj

    class Watched:
        def __init__(self, *arguments):
            self._inner = real(*arguments)

        def decompress(self, *arguments):
            found = self._inner.decompress(*arguments)
            largest[0] = max(largest[0], len(found))
            return found

        def __getattr__(self, name):
            return getattr(self._inner, name)

    monkeypatch.setattr(spz.zlib, "decompressobj", Watched)
    assert open_any_splats.load(tmp_path / "b.spz").splats.count == 10
    assert largest[0] <= 1 << 16


def bundle(path, meta: dict, **files: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.json", json.dumps(meta))
        for name, data in files.items():
            archive.writestr(f"{name}.webp", data)


def test_zip_bombs_and_picture_bombs_are_not_unpacked(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(sog, "_LARGEST", 1 << 20)
    with zipfile.ZipFile(io.BytesIO(whole["a.sog"])) as archive:
        meta = json.loads(archive.read("meta.json"))
        files = {name[:-5]: archive.read(name) for name in archive.namelist() if name.endswith(".webp")}
    bundle(tmp_path / "a.sog", meta, **{**files, "quats": bytes(2_000_000)})
    assert "unpacks to" in refused(tmp_path / "a.sog")
    huge = images.encoded(np.zeros((1000, 1000, 4), np.uint8), "webp")
    assert len(huge) < 10_000
    bundle(tmp_path / "b.sog", meta, **{**files, "quats": huge})
    assert "image" in refused(tmp_path / "b.sog")
    bundle(tmp_path / "c.sog", meta | {"count": 10_000_000}, **files)
    assert "pixels for" in refused(tmp_path / "c.sog")
    bundle(tmp_path / "d.sog", meta | {"version": 9}, **files)
    assert "version 9" in refused(tmp_path / "d.sog")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@OFTEN
@given(key=st.sampled_from(["version", "count", "means", "scales", "quats", "sh0", "shN"]), value=JSON)
def test_a_meta_json_that_says_nonsense(tmp_path, whole, key, value):
    with zipfile.ZipFile(io.BytesIO(whole["a.sog"])) as archive:
        meta = json.loads(archive.read("meta.json"))
        files = {name[:-5]: archive.read(name) for name in archive.namelist() if name.endswith(".webp")}
    bundle(tmp_path / "a.sog", meta | {key: value}, **files)
    with contextlib.suppress(InputError):
        open_any_splats.load(tmp_path / "a.sog")


@OFTEN
@given(where=st.sampled_from(["nodes", "meshes", "accessors", "bufferViews", "scenes"]), value=JSON)
def test_a_gltf_that_says_nonsense(tmp_path, whole, where, value):
    data = whole["a.glb"]
    length = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + length]) | {where: value}
    try:
        text = json.dumps(document, allow_nan=False).encode()
    except ValueError:
        text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
    (tmp_path / "a.glb").write_bytes(head + text + rest)
    with contextlib.suppress(InputError):
        open_any_splats.load(tmp_path / "a.glb")


# --------------------------------------------------------------------------------------------------------- our folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("avatars") / "head"
    mesh = {"mesh.vertices": np.eye(3, dtype=np.float32), "mesh.faces": np.array([[0, 1, 2]])}
    avatar = avatar_folder.Avatar(
        mesh, {"basis": "open-head", "name": "Ünal"}, {"skin": np.full((4, 6, 4), 200, np.uint8)}
    )
    avatar_folder.save(avatar.with_splats("hair", cloud(20, bound=True)).with_splats("mouth", cloud(5, 1)), path)
    return path


def test_an_avatar_comes_back_whole(folder):
    avatar = avatar_folder.with_textures(folder)
    assert avatar.groups == ("hair", "mouth")
    facts = {name: value for name, value in avatar.facts.items() if name != "provenance"}
    assert facts == {"basis": "open-head", "name": "Ünal", "textures": ["skin"]}
    assert (avatar.arrays["mesh.faces"] == [[0, 1, 2]]).all()
    assert (avatar.textures["skin"] == 200).all()
    assert avatar.splats("hair").count == 20
    assert avatar.splats("mouth").degree == 1
    assert avatar.with_splats("hair", None).groups == ("mouth",)


def copied(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@OFTEN
@given(part=st.floats(0, 0.999), name=st.sampled_from(["avatar.json", "avatar.safetensors", "skin.png"]))
def test_an_avatar_that_is_cut_off_is_refused(folder, tmp_path, part, name):
    path = copied(folder, tmp_path) / name
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    if name == "skin.png" and part > 0.8:
        return  # what follows the last row of a picture may be missing
    with pytest.raises(InputError, match=name):
        avatar_folder.with_textures(tmp_path)


def test_avatars_of_another_make_are_refused(folder, tmp_path):
    path = copied(folder, tmp_path) / "avatar.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    for change, said in (
        ({"version": 2}, "update"),
        ({"kind": "else"}, "does not describe"),
        ({"version": "x"}, "version"),
    ):
        path.write_text(json.dumps(facts | change))
        with pytest.raises(InputError, match=said):
            avatar_folder.load(tmp_path)
    facts["arrays"]["hair.means"]["shape"] = [21, 3]
    path.write_text(json.dumps(facts))
    with pytest.raises(InputError, match="does not fit"):
        avatar_folder.load(tmp_path)


@pytest.mark.parametrize("name", ["../skin", "..", "no", ""])
def test_textures_come_from_the_folder_alone(folder, name):
    with pytest.raises(InputError, match="There is no"):
        avatar_folder.texture(folder, name)


def test_a_header_of_safetensors_that_claims_too_much(folder, tmp_path):
    path = copied(folder, tmp_path) / "avatar.safetensors"
    data = path.read_bytes()
    for length in (0, 5, 2**40, 2**63):
        path.write_bytes(struct.pack("<Q", length) + data[8:])
        with pytest.raises(InputError, match="cut off or damaged"):
            avatar_folder.load(tmp_path)


def test_five_million_gaussians_take_no_more_memory_than_they_need(tmp_path):
    """Not five million here: what is read of half a million grows in proportion."""
    import tracemalloc

    count = 100_000
    splats = cloud(1000, degree=0)
    splats = splats.part(np.arange(count) % 1000)
    ply.write(splats, tmp_path / "a.ply")
    size = (tmp_path / "a.ply").stat().st_size
    tracemalloc.start()
    open_any_splats.load(tmp_path / "a.ply")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4.5 * size
    assert math.isfinite(most)
