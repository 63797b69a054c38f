"""A small character as GLB, written by pygltflib, which knows nothing of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygltflib
from scipy.spatial.transform import Rotation

SHAPES = ("blendShape1.JawOpen", "mouthClose", "browInnerUp_L", "browInnerUp_R", "eyeBlinkLeft")
# name: parent, place against the parent, rotation against the parent (Euler degrees); bones rolled as rigs have them
BONES = {
    "Hips": (None, (0.0, 1.0, 0.0), (0, 30, 0)),
    "Neck": ("Hips", (0.0, 0.5, 0.0), (-20, 0, 15)),
    "Head": ("Neck", (0.0, 0.1, 0.0), (10, 45, -30)),
    "LeftEye": ("Head", (0.03, 0.05, 0.08), (90, 0, 0)),
    "RightEye": ("Head", (-0.03, 0.05, 0.08), (90, 0, 0)),
}


def write(path: Path, facing: int = 1, shapes: tuple[str, ...] = SHAPES, bones: bool = True) -> pygltflib.GLTF2:
    """Write it: a mesh of three vertices with the shapes, and bones; facing -1 looks along -Z."""
    file, blob = pygltflib.GLTF2(), bytearray()
    file.asset.version = "2.0"

    def accessor(values: np.ndarray, kind: str) -> int:
        blob.extend(bytes(-len(blob) % 4))
        file.bufferViews.append(pygltflib.BufferView(buffer=0, byteOffset=len(blob), byteLength=values.nbytes))
        blob.extend(values.tobytes())
        limits = {"min": values.min(0).tolist(), "max": values.max(0).tolist()} if kind == "VEC3" else {}
        kinds = {np.dtype("f4"): 5126, np.dtype("u1"): 5121}
        file.accessors.append(
            pygltflib.Accessor(
                bufferView=len(file.bufferViews) - 1,
                componentType=kinds[values.dtype],
                count=len(values),
                type=kind,
                **limits,
            )
        )
        return len(file.accessors) - 1

    corners = np.array([(0, 1.6, 0), (0.1, 1.6, 0), (0, 1.7, 0)], np.float32)
    targets = [{"POSITION": accessor(np.full((3, 3), 0.01 * (k + 1), np.float32), "VEC3")} for k in range(len(shapes))]
    file.meshes.append(
        pygltflib.Mesh(
            name="Face",
            primitives=[pygltflib.Primitive(pygltflib.Attributes(POSITION=accessor(corners, "VEC3")), targets=targets)],
            extras={"targetNames": list(shapes)},
        )
    )
    file.nodes.append(pygltflib.Node(name="FaceNode", mesh=0))
    places = {}
    turn = Rotation.from_euler("y", 180 if facing < 0 else 0, degrees=True)
    for name, (parent, place, angles) in BONES.items() if bones else ():
        places[name] = len(file.nodes)
        own = Rotation.from_euler("xyz", angles, degrees=True)
        own, place = (turn * own, turn.apply(place)) if parent is None else (own, np.array(place))
        above = world(parent, facing) if parent else Rotation.identity()
        # offsets are meant along the world, so that the head is above the hips whatever way the bones roll
        offset = place if parent is None else (above.inv() * turn).apply(place)
        file.nodes.append(pygltflib.Node(name=name, translation=list(offset), rotation=list(own.as_quat())))
        if parent:
            file.nodes[places[parent]].children.append(places[name])
    file.scenes.append(pygltflib.Scene(nodes=[0, *([places["Hips"]] if bones else [])]))
    file.scene = 0
    file.buffers.append(pygltflib.Buffer(byteLength=len(blob)))
    file.set_binary_blob(bytes(blob))
    file.save_binary(str(path))
    return file


def world(bone: str, facing: int = 1) -> Rotation:
    """The rotation of a bone in the world at rest."""
    parent, _, angles = BONES[bone]
    own = Rotation.from_euler("xyz", angles, degrees=True)
    if parent is not None:
        return world(parent, facing) * own
    return Rotation.from_euler("y", 180 if facing < 0 else 0, degrees=True) * own
