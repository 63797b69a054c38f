"""Clips of game engines and MMD, read by small readers that know nothing of ours, and written by hand as others do."""

from __future__ import annotations

import re
import struct
from fractions import Fraction

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.files.face_curves import godot, unity, vmd
from animcore.motion import Event, Motion


@pytest.fixture
def motion() -> Motion:
    generator = np.random.default_rng(4)
    arkit = generator.random((40, 52), np.float32)
    arkit[:, 5:] = 0.0
    arkit[:, ARKIT.index("jawOpen")] = np.linspace(0, 1, 40)
    return Motion(Fraction(24), start=0.5, arkit=arkit, events=(Event("word", "it's: so", 0.75, 1.25),))


def yaml(text: str) -> dict:
    """As much YAML as Unity writes: maps by indentation, lists of maps, scalars."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("%", "---"))]

    def block(index: int, indent: int):
        made: dict | list | None = None
        while index < len(lines):
            line = lines[index]
            depth = len(line) - len(line.lstrip())
            item = line.lstrip().startswith("- ")
            if depth < indent or (made is not None and item != isinstance(made, list)):
                break
            if item:
                made = [] if made is None else made
                lines[index] = line.replace("- ", "  ", 1)
                value, index = block(index, depth + 2)
                made.append(value)
                continue
            made = {} if made is None else made
            key, _, value = line.strip().partition(": " if ": " in line else ":")
            if value.strip():
                made[key], index = value.strip().strip("'").replace("''", "'"), index + 1
            else:
                following = lines[index + 1] if index + 1 < len(lines) else ""
                deeper = len(following) - len(following.lstrip())
                nested = deeper > depth or (deeper == depth and following.lstrip().startswith("- "))
                made[key], index = block(index + 1, deeper) if nested else ("", index + 1)
        return made, index

    return block(0, 0)[0]


def test_unity_finds_percent_on_the_mesh_and_its_events(tmp_path, motion):
    export(motion, tmp_path / "take.anim", unity.FORMAT, FormatOptions(mesh="Body/Head (1)"))
    clip = yaml((tmp_path / "take.anim").read_text())["AnimationClip"]
    assert float(clip["m_SampleRate"]) == 24
    assert float(clip["m_AnimationClipSettings"]["m_StopTime"]) == pytest.approx(0.5 + 39 / 24)
    curves = {curve["attribute"]: curve for curve in clip["m_FloatCurves"]}
    assert len(curves) == 52
    jaw = curves["blendShape.jawOpen"]
    assert (jaw["path"], jaw["classID"]) == ("Body/Head (1)", "137")
    keys = jaw["curve"]["m_Curve"]
    assert [float(key["time"]) for key in keys] == pytest.approx([0.5 + index / 24 for index in range(40)])
    assert [float(key["value"]) for key in keys] == pytest.approx(np.linspace(0, 100, 40), abs=1e-4)
    assert float(keys[3]["outSlope"]) == pytest.approx(100 / 39 * 24, rel=1e-4)  # straight to the next key
    assert len(curves["blendShape.tongueOut"]["curve"]["m_Curve"]) == 2  # a shape at rest needs no more
    (event,) = clip["m_Events"]
    assert (event["functionName"], event["data"], event["messageOptions"]) == ("OnAnimcoreEvent", "word it's: so", "1")
    assert (float(event["time"]), float(event["floatParameter"])) == (0.75, 0.5)
    assert load(tmp_path / "take.anim", unity.FORMAT).events == motion.events
    other = (tmp_path / "take.anim").read_text().replace("data: 'word it", "data: 'blob it")
    (tmp_path / "take.anim").write_text(other)
    assert load(tmp_path / "take.anim", unity.FORMAT).events == ()  # somebody else's


def clip(*curves: str, rate: str = "60") -> str:
    head = (
        "%YAML 1.1\n%TAG !u! tag:unity3d.com,2011:\n--- !u!74 &7400000\nAnimationClip:\n  m_Name: a\n  m_FloatCurves:\n"
    )
    return head + "".join(curves) + f"  m_PPtrCurves: []\n  m_SampleRate: {rate}\n  m_Events: []\n"


def curve(name: str, keys: list[tuple[float, float, str, str]], path: str = "Body") -> str:
    rows = "".join(
        f"      - serializedVersion: 3\n        time: {t}\n        value: {v}\n        inSlope: {a}\n"
        f"        outSlope: {b}\n        tangentMode: 0\n"
        for t, v, a, b in keys
    )
    return f"  - curve:\n      m_Curve:\n{rows}    attribute: {name}\n    path: {path}\n    classID: 137\n"


def test_smooth_and_stepped_curves_of_unity_are_sampled(tmp_path):
    smooth = [(0, 0, "0", "0"), (0.5, 100, "0", "0")]
    step = [(0, 10, "0", "Infinity"), (0.25, 30, "Infinity", "0"), (0.5, 30, "0", "0")]
    text = clip(
        curve("blendShape.Head.jawOpen", smooth), curve("blendShape.eyeBlinkLeft", step), curve("m_Enabled", step)
    )
    (tmp_path / "take.anim").write_text(text.replace("\n", "\r\n"), newline="")
    back = load(tmp_path / "take.anim", unity.FORMAT)
    assert (back.rate, back.frame_count) == (60, 31)
    u = np.arange(31) / 30
    assert back.arkit[:, ARKIT.index("jawOpen")] == pytest.approx(3 * u**2 - 2 * u**3, abs=1e-6)
    blink = back.arkit[:, ARKIT.index("eyeBlinkLeft")]
    assert (blink[:15] == np.float32(0.1)).all()
    assert blink[15:] == pytest.approx(0.3)


def test_unity_meshes_and_faint_weights_are_said(tmp_path):
    keys = [(0.0, 0.5, "0", "0"), (0.5, 0.5, "0", "0")]
    path = tmp_path / "take.anim"
    path.write_text(clip(curve("blendShape.jawOpen", keys), curve("blendShape.jawOpen", keys, path="Beard")))
    notes = " ".join(unity.read(path, FormatOptions(mesh="Beard")).notes)
    assert "2 meshes; shapes of Beard" in notes
    assert "reach 0.50 of 100" in notes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (clip(), "no curves of blend shapes"),
        (clip(curve("blendShape.a", [(0, 1, "0", "0"), (0, 1, "0", "0")])), "do not rise"),
        (clip(curve("blendShape.a", [(0, float("nan"), "0", "0")])), "not numbers"),
        (clip(curve("blendShape.a", [(0, 1, "x", "0")])), "something else than numbers"),
        (clip(curve("blendShape.a", [(0, 1, "0", "0"), (9e8, 1, "0", "0")])), "more than any take"),
        (clip(curve("blendShape.a", [(0, 1, "0", "0")]), rate="0"), "frame rate"),
        (clip(curve("blendShape.wing", [(0, 1, "0", "0")])), "None of the shapes wing"),
        ("%YAML 1.1\n--- !u!1 &1\nGameObject:\n  m_Name: a\n", "not an animation clip"),
    ],
)
def test_what_is_no_clip_of_unity_is_refused(tmp_path, text, words):
    (tmp_path / "take.anim").write_text(text)
    with pytest.raises(InputError, match=words):
        load(tmp_path / "take.anim", unity.FORMAT)


def test_godot_finds_tracks_of_the_node(tmp_path, motion):
    export(motion, tmp_path / "take.tres", godot.FORMAT, FormatOptions(mesh="Rig/Head"))
    text = (tmp_path / "take.tres").read_text()
    assert text.startswith('[gd_resource type="Animation" format=3]\n\n[resource]\nresource_name = "take"\n')
    assert float(re.search(r"^length = (.*)$", text, re.M)[1]) == pytest.approx(0.5 + 39 / 24)
    paths = re.findall(r'^tracks/(\d+)/path = NodePath\("Rig/Head:blend_shapes/(\w+)"\)$', text, re.M)
    assert [int(number) for number, _ in paths] == list(range(52))
    number = next(number for number, name in paths if name == "jawOpen")
    keys = re.search(rf"^tracks/{number}/keys = {{(.*?)^}}", text, re.M | re.S)[1]
    times, transitions, values = (
        [float(one) for one in re.search(pattern, keys)[1].split(",")]
        for pattern in (r'"times": \w+\(([^)]*)', r'"transitions": \w+\(([^)]*)', r'"values": \[([^\]]*)')
    )
    assert times == pytest.approx([0.5 + index / 24 for index in range(40)])
    assert set(transitions) == {1.0}
    assert values == pytest.approx(np.linspace(0, 1, 40), abs=1e-6)
    assert all("." in one for one in re.search(r'"values": \[([^\]]*)', keys)[1].split(","))  # floats, not integers


def test_tracks_as_godots_importer_writes_them_are_read(tmp_path):
    text = (
        '[gd_resource type="Animation" format=3 uid="uid://a"]\n\n[resource]\nlength = 1.0\n'
        'tracks/0/type = "position_3d"\ntracks/0/path = NodePath("Skeleton3D:Hips")\n'
        "tracks/0/keys = PackedFloat32Array(0, 1, 0, 0, 0)\n"
        'tracks/1/type = "blend_shape"\ntracks/1/imported = true\ntracks/1/path = NodePath("Head:jawOpen")\n'
        "tracks/1/interp = 1\ntracks/1/keys = PackedFloat32Array(0, 1, 0, 0.5, 1, 1, 1, 1, 0.5)\n"
    )
    (tmp_path / "take.tres").write_text(text)
    back = load(tmp_path / "take.tres", godot.FORMAT)
    assert (back.rate, back.frame_count) == (30, 31)  # the usual step is left out by Godot
    assert back.arkit[[0, 15, 30], ARKIT.index("jawOpen")] == pytest.approx([0, 1, 0.5])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("Animation", "Theme"), "not an Animation of Godot"),
        (lambda text: text.replace("blend_shapes/", "position:"), "no tracks of blend shapes"),
        (lambda text: text.replace("step = ", "step = 0 #"), "cut off or holds something else"),
        (lambda text: text[: len(text) // 2], "cut off"),
        (
            lambda text: text.replace('"times": PackedFloat32Array(0.5', '"times": PackedFloat32Array(nan'),
            "not numbers",
        ),
        (lambda text: text.replace('"times": PackedFloat32Array(0.5', '"times": PackedFloat32Array(9'), "do not rise"),
    ],
)
def test_what_is_no_animation_of_godot_is_refused(tmp_path, motion, change, words):
    path = tmp_path / "take.tres"
    export(motion, path, godot.FORMAT)
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=words):
        load(path, godot.FORMAT)


def morphs(data: bytes) -> dict[str, list[tuple[int, float]]]:
    """The morphs of a motion of MMD, by the published layout."""
    assert data[:30] == b"Vocaloid Motion Data 0002\0\0\0\0\0"
    assert struct.unpack_from("<I", data, 50) == (0,)
    (count,) = struct.unpack_from("<I", data, 54)
    found: dict[str, list[tuple[int, float]]] = {}
    for index in range(count):
        name, frame, weight = struct.unpack_from("<15sIf", data, 58 + 23 * index)
        found.setdefault(name.split(b"\0")[0].decode("shift_jis"), []).append((frame, weight))
    assert data[58 + 23 * count :] == b"\0" * 16
    return found


def test_mmd_gets_its_own_morphs_at_thirty_frames(tmp_path, motion):
    report = export(motion, tmp_path / "take.vmd", vmd.FORMAT)
    found = morphs((tmp_path / "take.vmd").read_bytes())
    assert {"あ", "い", "う", "え", "お", "まばたき"} <= set(found)
    frames, weights = np.array(found["あ"]).T
    assert (frames.min(), frames.max()) == (15, 15 + 49)  # half a second at 30 frames
    assert np.interp(15 + 45, frames, weights) > np.interp(15 + 5, frames, weights) + 0.3
    assert any("of the jaw" in sentence for sentence in report.lacks)  # MMD has nothing for jawLeft


def test_a_motion_of_mmd_comes_back_as_movement(tmp_path):
    lips = np.zeros((90, 52), np.float32)
    lips[30:60, ARKIT.index("jawOpen")] = 0.4
    lips[10:20, [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]] = 1.0
    export(Motion(Fraction(30), arkit=lips), tmp_path / "take.vmd", vmd.FORMAT)
    back = load(tmp_path / "take.vmd", vmd.FORMAT)
    for name in ("jawOpen", "eyeBlinkLeft"):
        column = ARKIT.index(name)
        assert np.corrcoef(back.arkit[:, column], lips[:, column])[0, 1] > 0.95


def test_keys_between_are_straight_and_bones_are_passed_over(tmp_path):
    bone = struct.pack("<15sI7f64s", "頭".encode("shift_jis"), 0, *[0.0] * 6, 1.0, b"")
    rows = [("あ", 10, 0.0), ("あ", 20, 1.0), ("まばたき", 10, 0.5)]
    data = b"Vocaloid Motion Data 0002".ljust(30, b"\0") + b"model".ljust(20, b"\0") + struct.pack("<I", 1) + bone
    data += struct.pack("<I", 3)
    data += b"".join(struct.pack("<15sIf", name.encode("shift_jis"), frame, weight) for name, frame, weight in rows)
    (tmp_path / "take.vmd").write_bytes(data)  # and nothing behind: many programs leave the rest out
    sheet = vmd.read(tmp_path / "take.vmd", FormatOptions())
    assert sheet.curves["あ"] == pytest.approx(np.arange(11) / 10)
    assert (sheet.start, sheet.frame_count) == (10 / 30, 11)
    assert any("bones" in note for note in sheet.notes)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack("<2I", 0, 0), "moves no morphs"),
        (struct.pack("<2I", 0, 4_000_000_000), "cut off"),
        (struct.pack("<2I", 4_000_000_000, 0), "cut off"),
        (struct.pack("<2I15sIf", 0, 1, b"a", 0, float("nan")), "not numbers"),
        (struct.pack("<2I15sIf15sIf", 0, 2, b"a", 0, 0.0, b"a", 4_000_000_000, 0.0), "more than any take"),
    ],
)
def test_what_is_no_motion_of_mmd_is_refused(tmp_path, data, words):
    (tmp_path / "take.vmd").write_bytes(b"Vocaloid Motion Data 0002".ljust(50, b"\0") + data)
    with pytest.raises(InputError, match=words):
        load(tmp_path / "take.vmd", vmd.FORMAT)


def test_long_names_do_not_fit_into_mmd(tmp_path, motion):
    with pytest.raises(InputError, match="15 bytes"):
        export(motion, tmp_path / "take.vmd", vmd.FORMAT, FormatOptions(profile="arkit"))


def test_profiles_are_named_in_any_way_and_unknown_ones_are_refused(tmp_path, motion):
    report = export(motion, tmp_path / "take.anim", unity.FORMAT, FormatOptions(profile="ready-player ME"))
    assert "attribute: blendShape.viseme_aa" in (tmp_path / "take.anim").read_text()
    assert any("brow" in sentence for sentence in report.lacks)
    with pytest.raises(InputError, match="no profile 'nobody'"):
        export(motion, tmp_path / "b.anim", unity.FORMAT, FormatOptions(profile="nobody"))
