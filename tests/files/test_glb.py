"""GLB: written files are read by pygltflib and trimesh, characters come from pygltflib, turns are judged by scipy."""

from __future__ import annotations

import contextlib
import json
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.files.scenes import glb, gltf, gltf_animation, gltf_character
from animcore.motion import Motion

pygltflib = pytest.importorskip("pygltflib")
interpolate = pytest.importorskip("scipy.interpolate")
Rotation = pytest.importorskip("scipy.spatial.transform").Rotation
small_glb = pytest.importorskip("small_glb")

FILM = Fraction(24000, 1001)


def motion(count: int = 48, rate: Fraction = FILM, **tracks: np.ndarray) -> Motion:
    generator = np.random.default_rng(2)
    weights = generator.random((count, 52), np.float32)
    turns = {name: generator.normal(size=(count, 3)).astype(np.float32) * 0.3 for name in ("neck_pose", "head_pose")}
    eyes = generator.normal(size=(count, 2, 3)).astype(np.float32) * 0.3
    return Motion(rate, **{"arkit": weights, **turns, "eye_pose": eyes, "audio_name": "line.wav", **tracks})


def shape(made: Motion, name: str) -> np.ndarray:
    return made.arkit[:, ARKIT.index(name)]


def numbers(file: pygltflib.GLTF2, index: int) -> np.ndarray:
    """An accessor of floats, read without our reader."""
    accessor = file.accessors[index]
    view = file.bufferViews[accessor.bufferView]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
    data = np.frombuffer(file.binary_blob(), "<f4", accessor.count * width, view.byteOffset)
    return data.reshape(accessor.count, width)


def channels(path: Path) -> tuple[np.ndarray, dict[tuple[str, str], np.ndarray], pygltflib.GLTF2]:
    """Times (T,) and values by node name and path of the first animation, read by pygltflib."""
    file = pygltflib.GLTF2().load(str(path))
    animation = file.animations[0]
    found = {}
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        times = numbers(file, sampler.input)[:, 0]
        found[file.nodes[channel.target.node].name, channel.target.path] = numbers(file, sampler.output)
    return times, found, file


@pytest.fixture
def character(tmp_path) -> Path:
    small_glb.write(tmp_path / "small.glb")
    return tmp_path / "small.glb"


def test_the_default_character_takes_everything_but_the_body(tmp_path):
    made = motion(jaw_pose=np.full((48, 3), 0.1, np.float32), tongue=np.full((48, 16), 0.5, np.float32))
    report = export(made, tmp_path / "a.glb", glb.FORMAT)
    assert report.frames == 48
    assert report.worst < 2e-6
    assert len(report.errors) == 68 + 5
    assert report.lacks == ()
    assert report.tracks.keys() == {"arkit", "tongue", "jaw_pose", "neck_pose", "head_pose", "eye_pose"}
    assert max(report.tracks.values()) < 2e-6


def test_the_jaw_opens_at_the_right_second_for_another_reader(tmp_path):
    opened = np.zeros((240, 52), np.float32)
    opened[100:, ARKIT.index("jawOpen")] = 1.0
    export(motion(240, arkit=opened, neck_pose=None, head_pose=None, eye_pose=None), tmp_path / "a.glb", glb.FORMAT)
    times, found, file = channels(tmp_path / "a.glb")
    names = {file.nodes[i].name: file.meshes[file.nodes[i].mesh].extras["targetNames"] for i in range(len(file.nodes))
             if file.nodes[i].mesh is not None and file.meshes[file.nodes[i].mesh].extras}  # fmt: skip
    for mesh in ("Animcore Skin", "Animcore Teeth", "Animcore Tongue"):
        jaw = found[mesh, "weights"].reshape(240, -1)[:, names[mesh].index("jawOpen")]
        assert times[np.argmax(jaw > 0.5)] == pytest.approx(100 * 1001 / 24000, abs=1e-6)


def test_trimesh_loads_it(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    export(motion(5), tmp_path / "a.glb", glb.FORMAT)
    scene = trimesh.load(tmp_path / "a.glb")
    skin = next(mesh for name, mesh in scene.geometry.items() if "Skin" in name)
    assert 1.5 < skin.bounds[1][1] < 2.0, "stands upright, in metres"


def test_ten_minutes_do_not_drift(tmp_path, character):
    count = int(600 * FILM)
    still = np.zeros((count, 52), np.float32)
    still[-1] = 1.0
    long = Motion(FILM, arkit=still)
    export(long, tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=character))
    document = gltf.load(tmp_path / "a.glb")
    del document.part("animations")[0]["extras"]  # what our writer noted: another's file has its times alone
    document.save(tmp_path / "b.glb")
    back = load(tmp_path / "b.glb", glb.FORMAT)
    assert back.rate == FILM
    assert back.frame_count == count
    assert shape(back, "jawOpen")[-2:].tolist() == [0.0, 1.0]


def test_names_are_matched_however_they_are_spelled(tmp_path, character):
    made = motion()
    report = export(made, tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=character))
    _, found, _ = channels(tmp_path / "a.glb")
    weights = found["FaceNode", "weights"].reshape(48, -1)
    for column, name in enumerate(("jawOpen", "mouthClose", "browInnerUp", "browInnerUp", "eyeBlinkLeft")):
        assert np.array_equal(weights[:, column], shape(made, name))
    assert any("small.glb has no shapes for eyeLookDownLeft" in said and "more" in said for said in report.lacks)
    back = load(tmp_path / "a.glb", glb.FORMAT)
    assert np.array_equal(shape(back, "browInnerUp"), shape(made, "browInnerUp"))


def test_visemes_speak_where_there_are_no_arkit_shapes(tmp_path):
    visemes = tuple(
        "viseme_" + name
        for name in ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
    )
    small_glb.write(tmp_path / "small.glb", shapes=visemes)
    spoken = np.zeros((48, 52), np.float32)
    spoken[10:20, ARKIT.index("jawOpen")] = 0.8
    report = export(
        Motion(FILM, arkit=spoken), tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=tmp_path / "small.glb")
    )
    assert any("not written" in said for said in report.lacks)
    _, found, _ = channels(tmp_path / "a.glb")
    weights = dict(zip(visemes, found["FaceNode", "weights"].reshape(48, -1).T, strict=True))
    assert weights["viseme_aa"][15] > 0.4
    assert weights["viseme_aa"][5] < 0.01
    assert shape(load(tmp_path / "a.glb", glb.FORMAT), "jawOpen")[15] > 0.3


@pytest.mark.parametrize("facing", [1, -1], ids=["+Z", "-Z as in VRM 0"])
def test_bones_turn_as_meant_whatever_their_roll(tmp_path, facing):
    small_glb.write(tmp_path / "small.glb", facing)
    made = motion()
    export(made, tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=tmp_path / "small.glb"))
    _, found, _ = channels(tmp_path / "a.glb")
    to_world = Rotation.from_euler("y", 180 if facing < 0 else 0, degrees=True)
    for bone, poses in (("Neck", made.neck_pose), ("Head", made.head_pose), ("LeftEye", made.eye_pose[:, 0])):
        rest, above = small_glb.world(bone, facing), small_glb.world(small_glb.BONES[bone][0], facing)
        turned = above * Rotation.from_quat(found[bone, "rotation"])  # glTF and scipy both have w last
        wanted = Rotation.from_rotvec(to_world.apply(poses)) * rest
        assert (turned * wanted.inv()).magnitude().max() < 1e-5, bone


def test_a_head_without_a_neck_takes_the_whole_turn(tmp_path, character):
    document = gltf.load(character)
    document.part("nodes")[2]["name"] = "Spine5"
    document.save(character)
    made = motion()
    export(made, tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=character))
    back = load(tmp_path / "a.glb", glb.FORMAT)
    whole = Rotation.from_rotvec(made.neck_pose) * Rotation.from_rotvec(made.head_pose)
    assert (Rotation.from_rotvec(back.head_pose) * whole.inv()).magnitude().max() < 1e-5
    assert back.neck_pose is None


def test_nothing_else_of_a_users_file_changes(tmp_path, character):
    file = pygltflib.GLTF2().load(str(character))
    file.extensionsUsed = ["KHR_made_up"]
    file.extensions = {"KHR_made_up": {"kept": [1, 2]}}
    file.save_binary(str(character))
    before = gltf.load(character)
    for _ in range(2):  # the second animation takes the place of the first
        export(motion(), tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=character))
        character = tmp_path / "a.glb" if character != tmp_path / "a.glb" else character
    after = gltf.load(tmp_path / "a.glb")
    assert after.binary.startswith(before.binary)
    assert after.document["extensions"] == {"KHR_made_up": {"kept": [1, 2]}}
    assert after.document["meshes"] == before.document["meshes"]
    assert len(after.document["animations"]) == 1


def test_a_node_with_a_matrix_is_turned_too(tmp_path, character):
    document = gltf.load(character)
    head = document.part("nodes")[3]
    own = np.eye(4)
    own[:3, :3], own[:3, 3] = Rotation.from_quat(head.pop("rotation")).as_matrix() * 2.0, head.pop("translation")
    head["matrix"] = own.T.ravel().tolist()
    document.save(character)
    made = motion()
    export(made, tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=character))
    node = gltf.load(tmp_path / "a.glb").part("nodes")[3]
    assert "matrix" not in node
    assert node["scale"] == pytest.approx([2, 2, 2])
    assert np.abs(load(tmp_path / "a.glb", glb.FORMAT).head_pose - made.head_pose).max() < 1e-5


def test_a_mesh_that_goes_its_own_way_is_not_overlooked(tmp_path):
    export(motion(), tmp_path / "a.glb", glb.FORMAT)
    document = gltf.load(tmp_path / "a.glb")
    teeth = next(index for index, node in enumerate(document.part("nodes")) if node["name"] == "Animcore Teeth")
    animation = document.part("animations")[0]
    sampler = next(
        one["sampler"] for one in animation["channels"] if one["target"] == {"node": teeth, "path": "weights"}
    )
    animation["samplers"][sampler]["output"] = document.add_accessor(np.zeros(48 * 4))
    document.save(tmp_path / "a.glb")
    assert glb.read(tmp_path / "a.glb", FormatOptions()).curves["jawOpen"].shape == (48, 4)


def test_a_jaw_that_shapes_open_is_not_opened_twice(tmp_path, character):
    def joined(weight: float) -> gltf.GltfDocument:
        document = gltf.load(character)
        document.part("nodes").append({"name": "Jaw"})
        document.part("skins").append({"joints": [5, 6]})
        document.part("nodes")[0]["skin"] = 0
        attributes = document.part("meshes")[0]["primitives"][0]["attributes"]
        attributes["JOINTS_0"] = document.add_accessor(np.array([(0, 1, 0, 0)] * 3))
        attributes["WEIGHTS_0"] = document.add_accessor(np.array([(1 - weight, weight, 0, 0)] * 3))
        return document

    assert "jaw" not in gltf_character.read(joined(1.0)).bones
    assert "jaw" in gltf_character.read(joined(0.1)).bones


def keyed(how: str, values: np.ndarray, times: np.ndarray, path: str, node: int = 0) -> gltf.GltfDocument:
    document = gltf.GltfDocument("a.glb")
    document.part("nodes").append({"name": "one"})
    sampler = {
        "input": document.add_accessor(times, limits=True),
        "output": document.add_accessor(values),
        "interpolation": how,
    }
    document.part("animations").append(
        {"channels": [{"sampler": 0, "target": {"node": node, "path": path}}], "samplers": [sampler]}
    )
    return document


def test_sparse_keys_of_others_are_sampled_as_the_specification_says():
    times = np.array([0.5, 1.0, 2.0, 2.25])
    values = np.random.default_rng(3).normal(size=(4, 3))
    at = np.minimum(0.5 + np.arange(19) / 10, 2.25)  # behind the last key nothing moves
    linear = gltf_animation.read(keyed("LINEAR", values, times, "translation"), Fraction(10))
    assert linear.start == 0.5
    for column in range(3):
        wanted = np.interp(at, times, values[:, column])
        assert np.abs(linear.values[0, "translation"][:, column] - wanted).max() < 1e-6
    stepped = gltf_animation.read(keyed("STEP", values, times, "translation"), Fraction(10)).values[0, "translation"]
    assert np.abs(stepped[4] - values[0]).max() < 1e-6
    tangents = np.random.default_rng(4).normal(size=(4, 3))
    three = np.stack((tangents, values, tangents), 1).reshape(12, 3)
    cubic = gltf_animation.read(keyed("CUBICSPLINE", three, times, "translation"), Fraction(10)).values[
        0, "translation"
    ]
    assert np.abs(cubic - interpolate.CubicHermiteSpline(times, values, tangents)(at)).max() < 1e-5


def test_turns_are_sampled_on_the_shortest_way():
    times = np.array([0.0, 1.0])
    turns = Rotation.from_euler("y", [[10], [110]], degrees=True).as_quat() * ((1,), (-1,))
    found = gltf_animation.read(keyed("LINEAR", turns, times, "rotation"), Fraction(10)).values[0, "rotation"]
    angles = Rotation.from_quat(found[:, [1, 2, 3, 0]]).as_euler("yxz", degrees=True)[:, 0]
    assert angles == pytest.approx(np.linspace(10, 110, 11), abs=1e-4)


@pytest.mark.parametrize("rate", [FILM, Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_the_rate_is_known_from_the_times_of_the_keys(rate):
    times = np.arange(1200) / float(rate)
    assert gltf_animation.read(keyed("LINEAR", np.zeros((1200, 3)), times, "translation")).rate == rate


@pytest.mark.parametrize("count", [1, 100_000])
def test_one_frame_and_a_hundred_thousand(tmp_path, character, count):
    still = Motion(Fraction(60), arkit=np.full((count, 52), 0.25, np.float32))
    report = export(still, tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=character))
    assert report.frames == count
    assert load(tmp_path / "a.glb", glb.FORMAT).frame_count == count


def chunked(document: object, binary: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text
    body += struct.pack("<II", len(binary), 0x004E4942) + binary if binary else b""
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


def lying(data: bytes, place: int, value: int) -> bytes:
    return data[:place] + struct.pack("<I", value) + data[place + 4 :]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: b"", "is not a glTF file"),
        (lambda data: data[:10], "ends within its header"),
        (lambda data: data[: len(data) // 2], "is cut off"),
        (lambda data: lying(data, 12, 0xFFFFFFF0), "claims 4294967280 bytes"),
        (lambda data: lying(data, 4, 1), "version 1"),
        (lambda data: lying(data, 16, 7), "has no JSON part"),
        (lambda data: b"v 1 2 3\n", "is not a glTF file"),
        (lambda data: chunked([1, 2]), "is not a glTF file"),
        (lambda data: chunked({"asset": {"version": "1.0"}}), "save it as glTF 2.0"),
        (lambda data: chunked({"asset": {"version": "2.0"}}), "no face shapes of a known convention"),
        (lambda data: chunked({"asset": {"version": "2.0"}, "nodes": [{"mesh": 3}]}), "nodes cannot be read"),
        (lambda data: chunked({"asset": {"version": "2.0"}, "nodes": "many"}), "nodes are no list of objects"),
        (lambda data: chunked({"asset": {"version": "2.0"}, "buffers": [{"byteLength": 90}]}), "0 of 90 bytes"),
        (
            lambda data: chunked({"asset": {"version": "2.0"}, "buffers": [{"uri": "../x", "byteLength": 1}]}),
            "keeps its data elsewhere",
        ),
    ],
)
def test_a_broken_character_is_refused_in_one_sentence(tmp_path, character, spoil, words):
    character.write_bytes(spoil(character.read_bytes()))
    with pytest.raises(InputError) as refusal:
        export(motion(), tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=character))
    assert words in str(refusal.value)
    assert "small.glb" in str(refusal.value)
    assert not (tmp_path / "a.glb").exists()


@pytest.mark.parametrize(
    ("accessor", "view", "words"),
    [
        ({"count": 10**9}, {}, "accessor 0"),
        ({"count": 5}, {}, "past the end"),
        ({"byteOffset": 4}, {}, "past the end"),
        ({}, {"byteOffset": 10**6}, "past the end"),
        ({}, {"byteLength": 8}, "past the end"),
        ({"componentType": 1}, {}, "accessor 0"),
        ({}, {"extensions": {"EXT_meshopt_compression": {}}}, "gltfpack without -c"),
        ({"bufferView": 7}, {}, "accessor 0"),
        ({}, {"byteStride": -4}, "past the end"),
    ],
)
def test_an_accessor_that_lies_is_refused(accessor, view, words):
    document = gltf.GltfDocument("a.glb")
    document.add_accessor(np.arange(4.0))
    document.part("accessors")[0] |= accessor
    document.part("bufferViews")[0] |= view
    with pytest.raises(InputError, match=words):
        document.accessor(0)


def test_sparse_and_integer_accessors_are_read():
    document = gltf.GltfDocument("a.glb")
    document.add_accessor(np.arange(8.0).reshape(4, 2))
    view = len(document.binary)
    document.binary.extend(np.array([1, 3], np.uint16).tobytes() + np.array([(9, 8), (7, 6)], "<f4").tobytes())
    document.part("bufferViews").extend(
        ({"buffer": 0, "byteOffset": view, "byteLength": 4}, {"buffer": 0, "byteOffset": view + 4, "byteLength": 16})
    )
    sparse = {"count": 2, "indices": {"bufferView": 1, "componentType": 5123}, "values": {"bufferView": 2}}
    document.part("accessors")[0]["sparse"] = sparse
    assert document.accessor(0).tolist() == [[0, 1], [9, 8], [4, 5], [7, 6]]
    document.part("accessors").append(
        {"bufferView": 1, "componentType": 5122, "count": 2, "type": "SCALAR", "normalized": True}
    )
    assert document.accessor(1)[:, 0] == pytest.approx([1 / 32767, 3 / 32767])
    document.binary[view : view + 2] = np.uint16(4).tobytes()
    with pytest.raises(InputError, match="sparse index past the end"):
        document.accessor(0)


def test_a_compressed_character_says_what_to_do(tmp_path):
    export(motion(5), tmp_path / "a.glb", glb.FORMAT)
    document = gltf.load(tmp_path / "a.glb")
    for view in document.part("bufferViews"):
        view["extensions"] = {"EXT_meshopt_compression": {}}
    document.save(tmp_path / "b.glb")
    with pytest.raises(InputError, match=r"b\.glb is compressed with meshopt"):
        export(motion(5), tmp_path / "c.glb", glb.FORMAT, FormatOptions(character=tmp_path / "b.glb"))


def test_a_gltf_with_its_buffer_beside_it_is_a_character_too(tmp_path, character):
    file = pygltflib.GLTF2().load(str(character))
    file.buffers[0].uri = "small data.bin"
    (tmp_path / "small data.bin").write_bytes(file.binary_blob())
    (tmp_path / "small.gltf").write_text(file.to_json())
    assert (
        export(motion(), tmp_path / "a.glb", glb.FORMAT, FormatOptions(character=tmp_path / "small.gltf")).frames == 48
    )
    (tmp_path / "small data.bin").unlink()
    with pytest.raises(InputError, match=r"needs the file small data\.bin beside it"):
        gltf.load(tmp_path / "small.gltf")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damage_of_a_file_does_worse_than_a_sentence(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    whole = folder / "whole.glb"
    if not whole.exists():
        small_glb.write(folder / "small.glb")
        export(motion(4), whole, glb.FORMAT, FormatOptions(character=folder / "small.glb"))
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "spoilt.glb").write_bytes(content)
    with contextlib.suppress(InputError):
        assert load(folder / "spoilt.glb", glb.FORMAT).frame_count > 0


def test_names_of_shapes_that_stand_with_the_primitive(tmp_path):
    """VRM 0 keeps them there."""
    path = tmp_path / "a.glb"
    small_glb.write(path)
    file = pygltflib.GLTF2().load(str(path))
    names, file.meshes[0].extras = file.meshes[0].extras["targetNames"], {}
    file.meshes[0].primitives[0].extras = {"targetNames": names}
    file.save_binary(str(path))
    assert gltf_character.read(gltf.load(path)).shapes[0] == tuple(names)


def test_a_mesh_of_the_same_name_is_not_taken_for_its_bone(tmp_path):
    document = small_glb.write(tmp_path / "small.glb")
    bone = next(index for index, node in enumerate(document.nodes) if node.name == "Head")
    shown = next(node for node in document.nodes if node.mesh is not None)
    shown.name = "Head"
    document.skins.append(small_glb.pygltflib.Skin(joints=[bone]))
    document.save(str(tmp_path / "small.glb"))
    assert gltf_character.read(gltf.load(tmp_path / "small.glb")).bones["head"] == bone
