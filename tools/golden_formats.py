"""Writes tests/golden/formats: small files made by other programs' libraries, which know nothing of ours.

    python tools/golden_formats.py

Needs `bvhio` and `pygltflib` (extra `dev`). Every file holds a jaw that opens and closes, or an arm that turns, once in
a second; tests/files/test_golden.py says what is in them.
"""

from __future__ import annotations

import csv
import json
import math
import struct
from pathlib import Path

import numpy as np

from animcore.core.vocabulary import ARKIT

OUT = Path(__file__).resolve().parents[1] / "tests" / "golden" / "formats"
FRAMES, FPS = 31, 30
JAW = [0.5 - 0.5 * math.cos(2 * math.pi * frame / 30) for frame in range(FRAMES)]


def live_link(path: Path) -> None:
    """A recording as OpenFaceFX spells it: BlendShapeCount, left before right."""
    names = ["EyeBlinkLeft", "JawLeft", "JawRight", "JawOpen", "MouthClose", "MouthLeft", "MouthRight"]
    with path.open("w", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(["Timecode", "BlendShapeCount", *names, "HeadYaw", "HeadPitch", "HeadRoll"])
        for frame, jaw in enumerate(JAW):
            weights = [0, 0.25, 0, f"{jaw:.8f}", 0, 0, 0.5]
            table.writerow([f"00:00:{frame // 30:02d}:{frame % 30:02d}.000", 61, *weights, 0.1, 0, 0])


def audio2face(path: Path) -> None:
    """An export of 46 shapes of the old Audio2Face application: without the looks of the eyes, in another order."""
    looks = ("Up", "Down", "In", "Out")
    left_out = {f"eyeLook{way}{side}" for way in looks for side in ("Left", "Right")} - {
        "eyeLookInLeft",
        "eyeLookInRight",
    }
    names = [name for name in sorted(ARKIT) if name not in left_out]
    rows = [[{"jawOpen": jaw, "mouthClose": 0.1}.get(name, 0.0) for name in names] for jaw in JAW]
    contents = {"exportFps": FPS, "trackPath": "line.wav", "numPoses": 46, "numFrames": FRAMES, "facsNames": names,
                "weightMat": rows}  # fmt: skip
    path.write_text(json.dumps(contents))


def emage(path: Path) -> None:
    """A motion as EMAGE writes it: 55 joints, 100 expressions, 30 frames a second."""
    poses = np.zeros((FRAMES, 55, 3), np.float32)
    poses[:, 16, 2] = -0.8 * np.array(JAW)
    poses[:, 22, 0] = 0.3 * np.array(JAW)
    np.savez(path, poses=poses.reshape(FRAMES, 165), expressions=np.zeros((FRAMES, 100), np.float32),
             trans=np.zeros((FRAMES, 3), np.float32), betas=np.zeros(300, np.float32), model="smplx2020",
             gender="neutral", mocap_frame_rate=30)  # fmt: skip


def rhubarb(path: Path) -> None:
    """Cues as Rhubarb prints them."""
    path.write_text("0.00\tX\n0.20\tD\n0.55\tA\n0.70\tC\n1.00\tX\n")


def bvh(path: Path) -> None:
    """A Mixamo skeleton whose left arm goes down by half a turn over a second, written by bvhio."""
    import bvhio

    def joint(name: str, offset: tuple[float, float, float]) -> bvhio.Joint:
        return bvhio.Joint(name, offset)

    places = {
        "Hips": (None, (0, 95, 0)), "Spine": ("Hips", (0, 10, 0)), "Spine1": ("Spine", (0, 12, 0)),
        "Spine2": ("Spine1", (0, 13, 0)), "Neck": ("Spine2", (0, 15, 0)), "Head": ("Neck", (0, 10, 0)),
    }  # fmt: skip
    for side, sign in (("Left", 1), ("Right", -1)):
        places |= {
            f"{side}Shoulder": ("Spine2", (sign * 5, 10, 0)), f"{side}Arm": (f"{side}Shoulder", (sign * 12, 0, 0)),
            f"{side}ForeArm": (f"{side}Arm", (sign * 27, 0, 0)), f"{side}Hand": (f"{side}ForeArm", (sign * 25, 0, 0)),
            f"{side}UpLeg": ("Hips", (sign * 9, -5, 0)), f"{side}Leg": (f"{side}UpLeg", (0, -42, 0)),
            f"{side}Foot": (f"{side}Leg", (0, -42, 0)), f"{side}ToeBase": (f"{side}Foot", (0, -5, 12)),
        }  # fmt: skip
    made: dict[str, bvhio.Joint] = {}
    for name, (parent, offset) in places.items():
        made[name] = joint(f"mixamorig:{name}", offset)
        if parent is not None:
            made[parent].attach(made[name], keep=None)
    root = made["Hips"]
    for one in made.values():
        one.writeRestPose(recursive=False)
    for frame, jaw in enumerate(JAW):
        root.loadRestPose(recursive=True)
        made["LeftArm"].setEuler((0, 0, -90 * jaw))
        root.writePose(frame, recursive=True)
    bvhio.writeHierarchy(str(path), root, 1 / FPS, percision=7)


def glb(path: Path) -> None:
    """A triangle with two morph targets and their animation, put together by pygltflib."""
    from pygltflib import (
        GLTF2,
        Accessor,
        Animation,
        AnimationChannel,
        AnimationChannelTarget,
        AnimationSampler,
        Attributes,
        Buffer,
        BufferView,
        Mesh,
        Node,
        Primitive,
        Scene,
    )

    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    moved = np.array([[0, 0, 0], [0, 0, 0], [0, 0.1, 0]], np.float32)
    times = np.arange(FRAMES, dtype=np.float32) / FPS
    weights = np.stack([np.array(JAW), np.full(FRAMES, 0.25)], 1).astype(np.float32)
    parts = [points, moved, times, weights]
    data, views = b"", []
    for part in parts:
        views.append(BufferView(buffer=0, byteOffset=len(data), byteLength=part.nbytes))
        data += part.tobytes()
    low, high = points.min(0).tolist(), points.max(0).tolist()
    accessors = [
        Accessor(bufferView=0, componentType=5126, count=3, type="VEC3", min=low, max=high),
        Accessor(bufferView=1, componentType=5126, count=3, type="VEC3", min=[0, 0, 0], max=[0, 0.1, 0]),
        Accessor(bufferView=2, componentType=5126, count=FRAMES, type="SCALAR", min=[0.0], max=[float(times[-1])]),
        Accessor(bufferView=3, componentType=5126, count=2 * FRAMES, type="SCALAR"),
    ]
    primitive = Primitive(attributes=Attributes(POSITION=0), targets=[{"POSITION": 1}, {"POSITION": 1}])
    mesh = Mesh(primitives=[primitive], weights=[0, 0], extras={"targetNames": ["JawOpen", "mouthSmile_L"]})
    channel = AnimationChannel(sampler=0, target=AnimationChannelTarget(node=0, path="weights"))
    document = GLTF2(
        scenes=[Scene(nodes=[0])], scene=0, nodes=[Node(mesh=0, name="Head")], meshes=[mesh], accessors=accessors,
        bufferViews=views, buffers=[Buffer(byteLength=len(data))],
        animations=[Animation(samplers=[AnimationSampler(input=2, output=3)], channels=[channel])],
    )  # fmt: skip
    document.set_binary_blob(data)
    document.save_binary(str(path))


def vmd(path: Path) -> None:
    """Morph keys of MikuMikuDance, by its published layout."""
    blob = b"Vocaloid Motion Data 0002".ljust(30, b"\0") + b"model".ljust(20, b"\0") + struct.pack("<I", 0)
    blob += struct.pack("<I", 3 * FRAMES)
    for frame, jaw in enumerate(JAW):
        for kana, weight in (("あ", jaw), ("う", 0.0), ("まばたき", 0.0)):
            blob += kana.encode("shift_jis").ljust(15, b"\0") + struct.pack("<If", frame, weight)
    path.write_bytes(blob + struct.pack("<IIII", 0, 0, 0, 0))


def main() -> None:
    """Write all of them."""
    OUT.mkdir(parents=True, exist_ok=True)
    live_link(OUT / "openfacefx.csv")
    audio2face(OUT / "application.a2f.json")
    emage(OUT / "emage.beat2.npz")
    rhubarb(OUT / "printed.rhubarb.tsv")
    bvh(OUT / "mixamo.bvh")
    glb(OUT / "triangle.glb")
    vmd(OUT / "kana.vmd")
    for path in sorted(OUT.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
