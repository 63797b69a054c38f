"""Readers of files that share nothing with ours: other people's libraries, or a few lines after the public format.

Each returns the first second and curves (T,) by name, as the file itself says them.
"""

from __future__ import annotations

import csv
import json
import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Read = tuple[float, dict[str, np.ndarray]]

_FBX_SECOND = 46186158000  # of FBX's ticks, for versions below 8
_FBX_NUMBERS = {"Y": "<h", "C": "<?", "I": "<i", "F": "<f", "D": "<d", "L": "<q"}
_FBX_ARRAYS = {"f": "<f4", "d": "<f8", "l": "<i8", "i": "<i4", "b": "?"}


def livelink(path: Path) -> Read:
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    hours, minutes, seconds, frames = (float(part) for part in rows[0]["Timecode"].split(":"))
    assert not rows[0]["Timecode"].startswith("-")
    names = list(rows[0])[2:]
    assert len({row["Timecode"] for row in rows}) == len(rows)
    first = 3600 * hours + 60 * minutes + seconds
    # frames within the second count to a rate that the file does not say
    return first + frames / 1e9, {name: np.array([float(row[name]) for row in rows]) for name in names}


def table(path: Path) -> Read:
    """A table with a column of seconds, of ours and of Audio2Face-3D."""
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    time = next(name for name in rows[0] if name in ("time", "timeCode"))
    curves = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name not in ("", time)}
    return float(rows[0][time]), {name.removeprefix("blendShapes."): values for name, values in curves.items()}


def a2f_json(path: Path) -> Read:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["numFrames"] == len(content["weightMat"])
    return 0.0, dict(zip(content["facsNames"], np.array(content["weightMat"]).T, strict=True))


def archive(path: Path) -> Read:
    """BEAT2, AMASS and FLAME, as their authors' code loads them: columns of the arrays that have a row a frame."""
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    columns = {name: values for name, values in arrays.items() if values.ndim == 2 and len(values) > 1}
    return 0.0, {f"{name} {k}": column for name, values in columns.items() for k, column in enumerate(values.T)}


def motion(path: Path) -> Read:
    """Our own, after docs/formats/motion.md."""
    with np.load(path) as data:
        return float(data["start"]), {f"arkit {k}": column for k, column in enumerate(data["arkit"].T)}


def bvh(path: Path) -> Read:
    import bvhio

    root = bvhio.readAsHierarchy(str(path))
    joints = [joint for joint, *_ in root.layout()]
    count = len(joints[0].Keyframes)
    curves = {joint.Name: np.zeros((count, 4)) for joint in joints}
    for frame in range(count):
        root.loadPose(frame)
        for joint in joints:
            curves[joint.Name][frame] = list(joint.Rotation)
    parts = {f"{name} {axis}": table_[:, k] for name, table_ in curves.items() for k, axis in enumerate("wxyz")}
    return 0.0, parts


def unity(path: Path) -> Read:
    import yaml

    text = re.sub(r"^(%.*|--- .*)$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    curves = yaml.safe_load(text)["AnimationClip"]["m_FloatCurves"]
    keys = {one["attribute"].removeprefix("blendShape."): one["curve"]["m_Curve"] for one in curves}
    return _even({name: np.array([[key["time"], key["value"] / 100] for key in own]) for name, own in keys.items()})


def godot(path: Path) -> Read:
    text = path.read_text(encoding="utf-8")
    names = re.findall(r'NodePath\("[^:]*:blend_shapes/([^"]*)"\)', text)
    times = [np.fromstring(one, sep=",") for one in re.findall(r'"times": PackedFloat32Array\(([^)]*)\)', text)]
    values = [np.fromstring(one, sep=",") for one in re.findall(r'"values": \[([^\]]*)\]', text)]
    return _even({name: np.stack(pair, 1) for name, *pair in zip(names, times, values, strict=True)})


def vmd(path: Path) -> Read:
    data = path.read_bytes()
    (bones,) = struct.unpack_from("<I", data, 50)
    at = 54 + 111 * bones
    (count,) = struct.unpack_from("<I", data, at)
    keyed: dict[str, list[tuple[float, float]]] = {}
    for index in range(count):
        name, frame, weight = struct.unpack_from("<15sIf", data, at + 4 + 23 * index)
        keyed.setdefault(name.split(b"\0")[0].decode("shift_jis"), []).append((frame / 30, weight))
    return _even({name: np.array(sorted(pairs)) for name, pairs in keyed.items()}, 30.0)


def _even(keyed: dict[str, np.ndarray], rate: float = 0.0) -> Read:
    """Keys (K, 2) of seconds and values on all frames there are keys on."""
    frames = np.unique(np.concatenate([pairs[:, 0] for pairs in keyed.values()]).round(5))
    if rate:
        frames = np.arange(round(frames[0] * rate), round(frames[-1] * rate) + 1) / rate
    return float(frames[0]), {name: np.interp(frames, *pairs.T) for name, pairs in keyed.items()}


def cues(path: Path) -> Read:
    """The four kinds of cues, each by the layout that Rhubarb's manual prints."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".xml":
        pairs = [(float(cue.get("start")), cue.text) for cue in ElementTree.fromstring(text).find("mouthCues")]
    elif path.suffix == ".json":
        pairs = [(cue["start"], cue["value"]) for cue in json.loads(text)["mouthCues"]]
    elif path.suffix == ".dat":
        lines = text.splitlines()
        assert lines[0] == "MohoSwitch1"
        pairs = [((int(line.split()[0]) - 1) / 24, line.split()[1]) for line in lines[1:]]
    else:
        pairs = [(float(line.split("\t")[0]), line.split("\t")[1]) for line in text.splitlines()]
    return pairs[0][0], {name: np.array([time for time, one in pairs if one == name]) for _, name in pairs}


def captions(path: Path) -> Read:
    found = re.findall(r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> ", path.read_text(encoding="utf-8"))
    times = np.array([3600 * int(h) + 60 * int(m) + int(s) + int(ms) / 1000 for h, m, s, ms in found])
    return float(times[0]), {"start": times}


def textgrid(path: Path) -> Read:
    text = path.read_text(encoding="utf-8")
    spans = re.findall(r"xmin = (\S+)\s+xmax = \S+\s+text = \"([^\"]+)\"", text)
    return float(spans[0][0]), {"start": np.array([float(start) for start, _ in spans])}


def gltf(path: Path) -> Read:
    """Weights by the names of the targets and rotations by the names of the nodes (glTF 2.0, chapter 4)."""
    data = path.read_bytes()
    magic, version, whole, length, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, whole, kind) == (b"glTF", 2, len(data), b"JSON")
    document = json.loads(data[20 : 20 + length])
    blob = data[28 + length :]

    def numbers(index: int) -> np.ndarray:
        accessor = document["accessors"][index]
        view = document["bufferViews"][accessor["bufferView"]]
        size = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        assert accessor["componentType"] == 5126
        offset = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        return np.frombuffer(blob, "<f4", accessor["count"] * size, offset).reshape(-1, size)

    first, curves = [], {}
    animation = document["animations"][0]
    for channel in animation["channels"]:
        sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
        times, values = numbers(sampler["input"])[:, 0], numbers(sampler["output"])
        first.append(float(times[0]))
        node = document["nodes"][target["node"]]
        if target["path"] == "weights":
            names = document["meshes"][node["mesh"]]["extras"]["targetNames"]
            curves |= dict(zip(names, values.reshape(len(times), -1).T, strict=True))
        else:
            curves |= {f"{node['name']} {target['path']} {k}": column for k, column in enumerate(values.T)}
    return min(first), curves


def usd(path: Path) -> Read:
    from pxr import Usd, UsdSkel

    stage = Usd.Stage.Open(str(path))
    found = [UsdSkel.Animation(prim) for prim in stage.Traverse() if prim.IsA(UsdSkel.Animation)]
    (animation,) = [one for one in found if one.GetBlendShapesAttr().Get()]
    weights = animation.GetBlendShapeWeightsAttr()
    times = weights.GetTimeSamples()
    columns = np.array([weights.Get(time) for time in times]).T
    names = [str(name) for name in animation.GetBlendShapesAttr().Get()]
    return times[0] / stage.GetTimeCodesPerSecond(), dict(zip(names, columns, strict=True))


def pc2(path: Path) -> Read:
    """The coordinates of the first vertices; the first second where the file counts 24 frames a second."""
    data = path.read_bytes()
    magic, version, points, first, step, samples = struct.unpack_from("<12siiffi", data)
    assert (magic, version, step) == (b"POINTCACHE2\0", 1, 1.0)
    table_ = np.frombuffer(data, "<f4", offset=32).reshape(samples, points, 3)
    return first / 24, {f"{vertex}": table_[:, vertex, 2] for vertex in range(min(points, 8))}


def fbx(path: Path) -> Read:
    """Weights of shape channels by their names (FBX binary 7.x, as public write-ups describe it)."""
    data = path.read_bytes()
    assert data.startswith(b"Kaydara FBX Binary  \0")
    (version,) = struct.unpack_from("<I", data, 23)
    nodes, _ = _fbx_nodes(data, 27, version >= 7500)
    objects = next(children for name, _, children in nodes if name == "Objects")
    links = [props for name, props, _ in next(c for n, _, c in nodes if n == "Connections")]
    name_of = {props[0]: props[1].split(b"\0")[0].decode() for _, props, _ in objects}
    kind_of = {props[0]: name for name, props, _ in objects}
    above: dict[int, list[int]] = {}
    for link in links:
        above.setdefault(link[1], []).append(link[2])
    first, curves = [], {}
    for name, props, children in objects:
        if name == "AnimationCurve":
            parts = {child: values[0] for child, values, _ in children if values}
            (node, *_) = above[props[0]]
            owner = next(one for one in above[node] if kind_of.get(one) != "AnimationLayer")
            first.append(parts["KeyTime"][0] / _FBX_SECOND)
            if kind_of[owner] == "Deformer":
                curves[name_of[owner]] = parts["KeyValueFloat"] / 100.0
    return min(first), curves


def _fbx_nodes(data: bytes, at: int, wide: bool) -> tuple[list[tuple[str, list[Any], list[Any]]], int]:
    head = struct.Struct("<QQQB" if wide else "<IIIB")
    found = []
    while True:
        end, count, _, length = head.unpack_from(data, at)
        if end == 0:
            return found, at + head.size
        name = data[at + head.size : at + head.size + length].decode()
        at += head.size + length
        props = []
        for _ in range(count):
            value, at = _fbx_value(data, at)
            props.append(value)
        children: list[Any] = []
        if at < end:
            children, at = _fbx_nodes(data, at, wide)
        found.append((name, props, children))
        at = end


def _fbx_value(data: bytes, at: int) -> tuple[Any, int]:
    kind = chr(data[at])
    if kind in _FBX_NUMBERS:
        form = struct.Struct(_FBX_NUMBERS[kind])
        return form.unpack_from(data, at + 1)[0], at + 1 + form.size
    if kind in "SR":
        (length,) = struct.unpack_from("<I", data, at + 1)
        return data[at + 5 : at + 5 + length], at + 5 + length
    count, packed, length = struct.unpack_from("<III", data, at + 1)
    raw = data[at + 13 : at + 13 + length]
    return np.frombuffer(zlib.decompress(raw) if packed else raw, _FBX_ARRAYS[kind], count), at + 13 + length


READERS: dict[str, Callable[[Path], Read]] = {
    "livelink": livelink, "npz": motion, "a2f-csv": table, "a2f-json": a2f_json, "beat2": archive, "amass": archive,
    "amass-smplx": archive, "flame": archive, "bvh": bvh, "csv": table, "unity": unity, "godot": godot, "vmd": vmd,
    "rhubarb-tsv": cues, "rhubarb-xml": cues, "rhubarb-json": cues, "rhubarb-dat": cues, "srt": captions,
    "vtt": captions, "textgrid": textgrid, "glb": gltf, "vrma": gltf, "fbx": fbx, "usd": usd, "pc2": pc2,
}  # fmt: skip
