"""What a hybrid head's texture does as its face moves, in Blender: small images that drivers add to the texture.

The detail of each change is a property of the mesh object that shape keys drive, by expressions which Blender works out
without Python. The material adds the images by these properties, so every engine shows it, and files keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ... import id_properties, object_data
from ...errors import AddonError

Floats = NDArray[np.float32]

DETAIL = "animcore_detail_{}"  # property of the object: how much of a change there is
_PARTS = "animcore_detail_parts"  # sums on the way there: an expression holds some 20 terms
_IMAGE = "Animcore Change {}"
_LONGEST = 250  # letters of a driver's expression, of 255
_SLIGHT = 2e-3  # a shape that adds less to a detail is left out
_POWER, _STRETCH = 2.4, 1.055  # of the curve of sRGB, but for its darkest part


@dataclass(frozen=True)
class Details:
    """How the K details follow from the weights of shapes.

    Attributes:
        still: (K,) at rest.
        shapes: (S, K) what a shape at 1 adds.
        bends: (K,) what one shape adds beside that, times its weight times one minus it.
        bending: the number of that shape.
    """

    still: Floats
    shapes: Floats
    bends: Floats
    bending: int


def add(thing: bpy.types.Object, names: Sequence[str], details: Details, changes: Floats) -> None:
    """Have the material of a head change with its shapes.

    Args:
        thing: the mesh with its shape keys, and a material that shows its texture as it is.
        names: (S,) of the shape keys.
        details: what drives the changes.
        changes: (K, h, w, 3) what is added to the texture at detail 1, the first row on top.

    Raises:
        AddonError: where the material is none of a head.
    """
    for number in range(len(changes)):
        thing[DETAIL.format(number)] = float(details.still[number])
    sums = [_pieces(details.shapes[:, number]) for number in range(len(changes))]
    thing[_PARTS] = [0.0] * max(1, sum(map(len, sums)))
    place = 0
    for number, pieces in enumerate(sums):
        parts: dict[str, tuple[bpy.types.ID, str]] = {}
        for piece in pieces:
            variables = {name: _shape(thing, names[shape]) for name, shape, _ in piece}
            _drive(thing, f'["{_PARTS}"]', place, _sum(piece), variables)
            parts[f"p{len(parts)}"] = (thing, f'["{_PARTS}"][{place}]')
            place += 1
        parts["j"] = _shape(thing, names[details.bending])
        whole = "+".join([f"{details.still[number]:.6g}", *(name for name in parts if name != "j")])
        _drive(thing, f'["{DETAIL.format(number)}"]', -1, f"{whole}+{details.bends[number]:.6g}*j*(1-j)", parts)
    _add_nodes(object_data.nodes(cast("bpy.types.Material", thing.material_slots[0].material)), changes)


def of(thing: bpy.types.Object, material: bpy.types.Material | None) -> Floats | None:
    """(h, w, 3) what is added now to the texture of an evaluated object, the first row at the bottom; None: nothing."""
    tree = material.node_tree if material is not None else None
    if tree is None or DETAIL.format(0) not in thing:
        return None
    total, number = None, 0
    while (image := _image(tree.nodes.get(_IMAGE.format(number)))) is not None:
        width, height = image.size
        values = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(values)
        part = values.reshape(height, width, 4)[..., :3] * np.float32(
            id_properties.number(thing, DETAIL.format(number), 0.0)
        )
        total = part if total is None else total + part
        number += 1
    return total


def _image(node: bpy.types.Node | None) -> bpy.types.Image | None:
    return cast("bpy.types.ShaderNodeTexImage", node).image if node is not None else None


def is_change(node: bpy.types.Node) -> bool:
    """Whether a node shows what is added to a texture, and not the texture."""
    return node.name.startswith(_IMAGE.format(""))


def _pieces(weights: Floats) -> list[list[tuple[str, int, float]]]:
    """Terms (variable, shape, weight) of a sum, in pieces that an expression holds."""
    pieces: list[list[tuple[str, int, float]]] = []
    for shape in np.flatnonzero(np.abs(weights) > _SLIGHT):
        term = ("", int(shape), float(weights[shape]))
        if not pieces or len(_sum([*pieces[-1], term])) > _LONGEST - 8:
            pieces.append([])
        pieces[-1].append((f"a{len(pieces[-1])}", term[1], term[2]))
    return pieces


def _sum(piece: Sequence[tuple[str, int, float]]) -> str:
    return "+".join(f"{weight:.4g}*{name}" for name, _, weight in piece)


def _shape(thing: bpy.types.Object, name: str) -> tuple[bpy.types.ID, str]:
    return object_data.key_of(thing), f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def _drive(
    thing: bpy.types.Object, path: str, index: int, expression: str, variables: dict[str, tuple[bpy.types.ID, str]]
) -> None:
    drive(added(thing, path, index), expression, variables)


def added(owner: bpy.types.bpy_struct, path: str, index: int = -1) -> bpy.types.Driver:
    """Add a driver to a property that is one number, or to one number of an array."""
    curve = owner.driver_add(path, index) if index >= 0 else owner.driver_add(path)
    return cast("bpy.types.Driver", cast("bpy.types.FCurve", curve).driver)


def drive(driver: bpy.types.Driver, expression: str, variables: dict[str, tuple[bpy.types.ID, str]]) -> None:
    """Set an expression of properties: a data-block and a path for each variable."""
    driver.type = "SCRIPTED"
    for name, (owner, where) in variables.items():
        variable = driver.variables.new()
        variable.name = name
        variable.targets[0].id_type = "KEY" if isinstance(owner, bpy.types.Key) else "OBJECT"
        variable.targets[0].id, variable.targets[0].data_path = owner, where
    driver.expression = expression


def _add_nodes(tree: bpy.types.NodeTree, changes: Floats) -> None:
    """Put the sum of the changes between the texture and what shows it; colours are added as a screen has them."""
    texture = next((node for node in tree.nodes if node.type == "TEX_IMAGE"), None)
    link = next((link for link in tree.links if texture is not None and link.from_node == texture), None)
    if texture is None or link is None:
        raise AddonError("The material of the head shows no texture; add the head again.")
    end = link.to_socket
    encoded = _node(tree, "Gamma", (-900, 0))
    encoded.inputs["Gamma"].default_value = 1 / _POWER
    tree.links.new(texture.outputs["Color"], encoded.inputs["Color"])
    total: Any = encoded.outputs["Color"]
    for number, change in enumerate(changes):
        total = _add_change(tree, total, number, change)
    bounded = _vector(tree, "MAXIMUM", (-500, 0))
    tree.links.new(total, bounded.inputs[0])
    light = _node(tree, "Gamma", (-300, 0))
    light.inputs["Gamma"].default_value = _POWER
    tree.links.new(bounded.outputs[0], light.inputs["Color"])
    tree.links.new(light.outputs["Color"], end)


def _add_change(tree: bpy.types.NodeTree, total: Any, number: int, change: Floats) -> Any:
    """Nodes that add one change, times its detail, to colours."""
    height, width = change.shape[:2]
    name = _IMAGE.format(number)
    image = bpy.data.images.new(name, width, height, float_buffer=True, is_data=True)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = change[::-1]
    image.pixels.foreach_set(pixels.ravel())
    image.pack()
    down = -300 - 250 * number
    shown = _node(tree, "TexImage", (-1300, down))
    texture = cast("bpy.types.ShaderNodeTexImage", shown)
    texture.name, texture.image, texture.extension = name, image, "EXTEND"
    detail = _node(tree, "Attribute", (-1300, down - 130))
    attribute = cast("bpy.types.ShaderNodeAttribute", detail)
    attribute.attribute_type, attribute.attribute_name = "OBJECT", DETAIL.format(number)
    smaller = _vector(tree, "SCALE", (-1000, down))
    tree.links.new(shown.outputs["Color"], smaller.inputs[0])
    tree.links.new(detail.outputs["Fac"], smaller.inputs["Scale"])
    curved = _vector(tree, "SCALE", (-850, down))  # the curve of sRGB is a power of colours that are stretched
    curved.inputs["Scale"].default_value = 1 / _STRETCH
    tree.links.new(smaller.outputs[0], curved.inputs[0])
    more = _vector(tree, "ADD", (-700, down))
    tree.links.new(total, more.inputs[0])
    tree.links.new(curved.outputs[0], more.inputs[1])
    return more.outputs[0]


def _vector(
    tree: bpy.types.NodeTree, operation: Literal["ADD", "MAXIMUM", "SCALE"], place: tuple[int, int]
) -> bpy.types.Node:
    made = cast("bpy.types.ShaderNodeVectorMath", _node(tree, "VectorMath", place))
    made.operation = operation
    return made


def _node(tree: bpy.types.NodeTree, kind: str, place: tuple[int, int]) -> bpy.types.Node:
    made = tree.nodes.new(f"ShaderNode{kind}")
    made.location = place
    return made
