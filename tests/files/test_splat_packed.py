"""Compressed files of PlayCanvas that are read and not written: SuperSplat's PLY, and SOG of version 1."""

from __future__ import annotations

import contextlib
import json
import math
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from splat_clouds import cloud, far

from animcore.core import images
from animcore.errors import InputError
from animcore.files.avatars import open_any_splats
from animcore.files.splats import ply
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians

ENDS = ("x", "y", "z", "scale_x", "scale_y", "scale_z", "r", "g", "b")


def ranges(splats: Gaussians) -> np.ndarray:
    """(N, 9) positions, logarithms of scales and colours."""
    return np.concatenate([splats.means, np.log(splats.scales), splats.harmonics[:, 0] * HARMONIC_0 + 0.5], 1)


def packed(splats: Gaussians, colours: bool = True, order: str = "<") -> bytes:
    """A compressed PLY as its layout says; without colours of chunks, as the first ones were."""
    values = ranges(splats).astype(np.float32)
    chunks = [values[start : start + 256] for start in range(0, splats.count, 256)]
    low, high = np.stack([chunk.min(0) for chunk in chunks]), np.stack([chunk.max(0) for chunk in chunks])
    if not colours:
        low[:, 6:], high[:, 6:] = 0, 1
    place = np.arange(splats.count) // 256
    shares = np.clip((values - low[place]) / np.maximum(high - low, 1e-9)[place], 0, 1)
    steps = (2047, 1023, 2047)

    def bits(columns: np.ndarray) -> np.ndarray:
        a, b, c = np.rint(columns * steps).astype(np.uint32).T
        return a << 21 | b << 11 | c

    unit = splats.rotations / np.linalg.norm(splats.rotations, axis=1, keepdims=True)
    largest = np.abs(unit).argmax(1)
    rotation = largest.astype(np.uint32)
    for index, quaternion in enumerate(unit):
        three = np.delete(quaternion, largest[index]) * np.sign(quaternion[largest[index]])
        for one in np.rint((three * math.sqrt(0.5) + 0.5) * 1023).astype(np.uint32):
            rotation[index] = rotation[index] << np.uint32(10) | one
    red, green, blue = np.rint(shares[:, 6:] * 255).astype(np.uint32).T
    colour = red << 24 | green << 16 | blue << 8 | np.rint(splats.opacities * 255).astype(np.uint32)
    count = 9 if colours else 6
    named = [f"{end}_{name}" for part in range(0, count, 3) for end in ("min", "max") for name in ENDS[part : part + 3]]
    ends = [side[:, part : part + 3] for part in range(0, count, 3) for side in (low, high)]
    rest = splats.harmonics[:, 1:].transpose(0, 2, 1).reshape(splats.count, -1)
    lines = ["ply", f"format binary_{'little' if order == '<' else 'big'}_endian 1.0", f"element chunk {len(chunks)}"]
    lines += [f"property float {name}" for name in named] + [f"element vertex {splats.count}"]
    lines += [f"property uint packed_{name}" for name in ("position", "rotation", "scale", "color")]
    body = np.concatenate(ends, 1).astype(order + "f4").tobytes()
    body += np.stack([bits(shares[:, :3]), rotation, bits(shares[:, 3:6]), colour], 1).astype(order + "u4").tobytes()
    if rest.shape[1]:
        lines += [f"element sh {splats.count}"] + [f"property uchar f_rest_{index}" for index in range(rest.shape[1])]
        body += np.clip((rest / 8 + 0.5) * 256, 0, 255).astype(np.uint8).tobytes()
    return "\n".join([*lines, "end_header", ""]).encode() + body


# half a step: of 10 bits over a chunk 0.7 m long, of bytes
LIMITS = {"means": 0.7 / 1023 / 2, "shapes": 0.03, "opacities": 0.5 / 254, "colours": 0.007, "harmonics": 4 / 254}


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize(("colours", "order"), [(True, "<"), (False, "<"), (True, ">")])
def test_a_compressed_ply_is_read(tmp_path, degree, colours, order):
    splats = cloud(600, degree)
    splats.harmonics[:, 0] = np.clip(splats.harmonics[:, 0], -1.7, 1.7)  # 0..1, as chunks without colours need it
    (tmp_path / "a.ply").write_bytes(packed(splats, colours, order))
    found = open_any_splats.load(tmp_path / "a.ply")
    assert found.splats.degree == degree
    assert {k: error for k, error in far(found.splats, splats).items() if error > LIMITS[k]} == {}


@pytest.mark.parametrize("degree", [0, 3])
def test_a_compressed_ply_of_another_program_is_read_as_it_reads_it(tmp_path, degree):
    forge = pytest.importorskip("gaussforge").GaussForge()
    splats = cloud(600, degree)
    ply.write(splats, tmp_path / "a.ply")
    made = forge.convert((tmp_path / "a.ply").read_bytes(), "ply", "compressed.ply")
    assert "error" not in made, made
    (tmp_path / "b.compressed.ply").write_bytes(made["data"])
    plain = forge.convert(made["data"], "compressed.ply", "ply")
    (tmp_path / "c.ply").write_bytes(plain["data"])
    ours, theirs = (
        open_any_splats.load(tmp_path / "b.compressed.ply").splats,
        open_any_splats.load(tmp_path / "c.ply").splats,
    )
    limits = LIMITS | {"means": 1e-6, "shapes": 1e-4, "colours": 1e-5, "opacities": 1e-5}
    assert {kind: error for kind, error in far(ours, theirs).items() if error > limits[kind]} == {}


def lacking(data: bytes, old: str, new: str) -> bytes:
    assert old.encode() in data
    return data.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("packed_scale", "packed_other", "without packed_scale"),
        ("max_scale_z", "max_scale_q", "without max_scale_z"),
        ("element chunk 3", "element chunk 2", "2 chunks"),
        ("element chunk", "element bunch", "no chunks"),
        ("f_rest_44", "f_rest_45", "without f_rest_44"),
        ("property uchar f_rest_44\n", "", "no multiple of three"),
        ("element sh 600", "element sh 601", "cut off"),
        ("element sh 600", "element sh 599", "broken"),
    ],
)
def test_a_compressed_ply_that_lacks_something(tmp_path, old, new, said):
    (tmp_path / "a.ply").write_bytes(lacking(packed(cloud(600)), old, new))
    with pytest.raises(InputError, match=rf"a\.ply .*{said}.*\.$"):
        open_any_splats.load(tmp_path / "a.ply")


OFTEN = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PACKED = packed(cloud(300, 1))


@OFTEN
@given(place=st.floats(0, 0.999), value=st.integers(0, 255), early=st.booleans(), cut=st.booleans())
def test_a_compressed_ply_that_is_damaged(tmp_path, place, value, early, cut):
    data = bytearray(PACKED)
    data[int(place * (900 if early else len(data)))] = value
    path = tmp_path / "a.ply"
    path.write_bytes(data[: int(place * len(data))] if cut else data)
    if cut:
        with pytest.raises(InputError, match=r"a\.ply"):
            open_any_splats.load(path)
    else:
        with contextlib.suppress(InputError):
            assert np.isfinite(open_any_splats.load(path).splats.means).all()


# ------------------------------------------------------------------------------------------------------ SOG, version 1


def version_1(splats: Gaussians, folder) -> dict:
    """Write the pictures and the meta.json of SOG's first version."""
    folder.mkdir()
    width = 4 * math.ceil(math.sqrt(splats.count) / 4)
    height = math.ceil(splats.count / width)

    def picture(name: str, columns: np.ndarray, across: int, down: int) -> str:
        pixels = np.zeros((across * down, 4), np.uint8)
        pixels[:, 3] = 255
        pixels[: len(columns), : columns.shape[1]] = columns
        (folder / name).write_bytes(images.encoded(pixels.reshape(down, across, 4), "webp"))
        return name

    def evenly(values: np.ndarray, steps: int) -> tuple[dict, np.ndarray]:
        low, high = values.min(0), values.max(0)
        return {"mins": low.tolist(), "maxs": high.tolist()}, np.rint((values - low) / (high - low) * steps).astype(int)

    bent, places = evenly(np.sign(splats.means) * np.log1p(np.abs(splats.means)), 65535)
    sizes, scales = evenly(np.log(splats.scales), 255)
    logits = np.log(splats.opacities / (1 - splats.opacities))
    tints, colours = evenly(np.concatenate([splats.harmonics[:, 0], logits[:, None]], 1), 254)
    tints["mins"] = (np.array(tints["mins"]) - (np.array(tints["maxs"]) - tints["mins"]) / 254).tolist()
    colours = colours + 1  # WebP may forget the colour of a pixel whose fourth byte is 0
    largest = np.abs(splats.rotations).argmax(1)
    three = np.stack([np.delete(q, k) * np.sign(q[k]) for q, k in zip(splats.rotations, largest, strict=True)])
    turns = np.concatenate([np.rint((three * math.sqrt(0.5) + 0.5) * 255), 252 + largest[:, None]], 1)
    meta = {
        "means": {"shape": [splats.count, 3], "dtype": "float32", **bent,
                  "files": [picture("means_l.webp", places & 255, width, height),
                            picture("means_u.webp", places >> 8, width, height)]},
        "scales": {"shape": [splats.count, 3], **sizes, "files": [picture("scales.webp", scales, width, height)]},
        "quats": {"shape": [splats.count, 4], "encoding": "quaternion_packed",
                  "files": [picture("quats.webp", turns, width, height)]},
        "sh0": {"shape": [splats.count, 1, 4], **tints, "files": [picture("sh0.webp", colours, width, height)]},
    }  # fmt: skip
    if splats.degree:
        rest = splats.harmonics[:, 1:]
        low, high = float(rest.min()), float(rest.max())
        rows = np.rint((rest - low) / (high - low) * 255)
        numbers = np.arange(splats.count)
        meta["shN"] = {
            "shape": [splats.count, rest.shape[1]], "mins": low, "maxs": high, "quantization": 8,
            "files": [picture("shN_centroids.webp", rows.reshape(-1, 3), 64 * rest.shape[1],
                              math.ceil(splats.count / 64)),
                      picture("shN_labels.webp", np.stack([numbers & 255, numbers >> 8], 1), width, height)],
        }  # fmt: skip
    (folder / "meta.json").write_text(json.dumps(meta))
    return meta


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_sog_of_version_1_is_read(tmp_path, degree):
    splats = cloud(300, degree)
    version_1(splats, tmp_path / "a")
    found = open_any_splats.load(tmp_path / "a" / "meta.json").splats
    limits = {"means": 2e-5, "shapes": 0.05, "opacities": 0.02, "colours": 0.01, "harmonics": 0.004}
    assert found.degree == degree
    assert {kind: error for kind, error in far(found, splats).items() if error > limits[kind]} == {}
    with zipfile.ZipFile(tmp_path / "b.sog", "w") as archive:
        for path in sorted((tmp_path / "a").iterdir()):
            archive.write(path, path.name)
    assert max(far(open_any_splats.load(tmp_path / "b.sog").splats, found).values()) == 0


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("means", {"shape": []}), ("means", {"shape": [10**12, 3]}), ("means", {"shape": "many"}),
        ("scales", {"mins": [0.0]}), ("sh0", {"maxs": [1.0, 1.0, 1.0]}), ("shN", {"mins": [0.0, 0.0]}),
        ("shN", {"files": ["sh0.webp", "shN_labels.webp"]}), ("sh0", {"mins": None}),
    ],
)  # fmt: skip
def test_a_meta_json_of_version_1_that_does_not_fit(tmp_path, part, change):
    meta = version_1(cloud(300, 1), tmp_path / "a")
    (tmp_path / "a" / "meta.json").write_text(json.dumps(meta | {part: meta[part] | change}))
    with pytest.raises(InputError, match=r"meta\.json (is broken|claims)"):
        open_any_splats.load(tmp_path / "a" / "meta.json")
