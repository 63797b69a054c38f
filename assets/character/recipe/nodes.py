"""A short way to write node materials: each call adds one node and returns the socket that carries its result."""

from __future__ import annotations

from typing import Any

import bpy

Socket = Any  # a bpy node socket, or a plain number or colour where an input takes one


class Graph:
    """The node tree of one new material."""

    def __init__(self, name: str) -> None:
        """Make the material `name` with an empty tree and its output."""
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.output = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def add(
        self, kind: str, inputs: dict[str | int, Socket] | None = None, out: str | int = 0, **settings: Any
    ) -> Socket:
        """Add a node, set its properties and inputs (values or sockets) and return its output `out`."""
        node = self.tree.nodes.new(kind)
        node.location = (-220 * (len(self.tree.nodes) % 9), -260 * (len(self.tree.nodes) // 9))
        for key, value in settings.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            self.feed(node.inputs[key], value)
        return node.outputs[out]

    def feed(self, target: Any, value: Socket) -> None:
        """Link or set one input."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, target)
        elif isinstance(value, (tuple, list)) and target.type == "RGBA":
            target.default_value = (*value[:3], 1.0)
        else:
            target.default_value = value

    def attribute(self, name: str) -> Socket:
        """Read a per-vertex number."""
        return self.add("ShaderNodeAttribute", out="Fac", attribute_name=name)

    def mix(self, share: Socket, one: Socket, two: Socket, blend: str = "MIX") -> Socket:
        """Mix two colours."""
        node = self.tree.nodes.new("ShaderNodeMix")
        node.data_type, node.blend_type = "RGBA", blend
        self.feed(node.inputs[0], share)
        self.feed(node.inputs[6], one)
        self.feed(node.inputs[7], two)
        return node.outputs[2]

    def math(self, operation: str, one: Socket, two: Socket = 0.0, clamp: bool = False) -> Socket:
        """Calculate with two numbers."""
        return self.add("ShaderNodeMath", {0: one, 1: two}, operation=operation, use_clamp=clamp)

    def span(self, value: Socket, low: float, high: float, to_low: float = 0.0, to_high: float = 1.0) -> Socket:
        """Map low..high smoothly to to_low..to_high, clamped."""
        return self.add(
            "ShaderNodeMapRange", {0: value, 1: low, 2: high, 3: to_low, 4: to_high}, interpolation_type="SMOOTHSTEP"
        )

    def noise(self, scale: float, detail: float = 3.0, vector: Socket | None = None, roughness: float = 0.5) -> Socket:
        """Return a noise number around 0.5 over the resting object."""
        inputs: dict[str | int, Socket] = {"Scale": scale, "Detail": detail, "Roughness": roughness}
        inputs["Vector"] = self.place() if vector is None else vector
        return self.add("ShaderNodeTexNoise", inputs)

    def place(self) -> Socket:
        """Return resting coordinates in metres, which do not swim when shapes move."""
        return self.add("ShaderNodeAttribute", out="Vector", attribute_name="rest_place")

    def bump(self, height: Socket, strength: float, distance: float, normal: Socket | None = None) -> Socket:
        """Return a normal bumped by a height."""
        inputs: dict[str | int, Socket] = {"Height": height, "Strength": strength, "Distance": distance}
        if normal is not None:
            inputs["Normal"] = normal
        return self.add("ShaderNodeBump", inputs)

    def principled(self, **inputs: Socket) -> bpy.types.Material:
        """Finish with a Principled surface; inputs are named with underscores for spaces. Returns the material."""
        named = {key.replace("_", " "): value for key, value in inputs.items()}
        return self.finish(self.add("ShaderNodeBsdfPrincipled", named))

    def finish(self, surface: Socket) -> bpy.types.Material:
        """Link the surface to the output and return the material."""
        self.tree.links.new(surface, self.output.inputs["Surface"])
        return self.material
