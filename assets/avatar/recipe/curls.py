"""Curled hair for the default character: helical strands that grow out of the scalp. Needs Blender (bpy) and numpy.

Everything is made here by numbers, so the hair is CC0 as the character is. Metres, Blender's axes: Z up, the face
looks along -Y.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree

SEED = 11
CURLS = 1500
STEPS = 44
SIDES = 4
# the lowest z of the scalp relative to the eyes' height, by degrees from the front, in metres
_HAIRLINE = np.array(
    [(0, 0.073), (25, 0.071), (42, 0.062), (55, 0.046), (66, 0.020), (74, 0.004), (85, 0.012), (102, 0.008),
     (113, -0.026), (130, -0.044), (180, -0.056)]
)  # fmt: skip


def add_curls(skin: bpy.types.Object, rig: bpy.types.Object, eyes: np.ndarray) -> bpy.types.Object:
    """Grow the hair on the skin at rest and hang it on the head's bone.

    Args:
        skin: the mesh of the head, in the world's axes.
        rig: the armature with a bone `head`.
        eyes: (3,) the middle between the eyeballs.
    """
    points, faces = _mesh(skin)
    random = np.random.default_rng(SEED)
    centre = eyes + np.array([0.0, 0.075, 0.020])
    roots, normals = _roots(points, faces, eyes, centre, random)
    skull = BVHTree.FromPolygons(points.tolist(), faces.tolist())
    paths = _paths(roots, normals, eyes, centre, random)
    paths = paths[~_over_the_face(paths, eyes)]
    paths = _off_the_skull(paths, skull)
    strands = _curled(paths, random)
    vertices, quads, along, strand = _tubes(strands, random)
    cap, cap_faces = _cap(points, faces, eyes, centre)
    mesh = bpy.data.meshes.new("Animcore Curls")
    everything = np.concatenate([vertices, cap])
    mesh.from_pydata(everything.tolist(), [], quads.tolist() + (cap_faces + len(vertices)).tolist())
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    rest = np.zeros(len(cap))
    for name, values in (
        ("along", np.concatenate([along, rest])),
        ("across", np.concatenate([np.full(len(along), 0.5), rest])),
        ("strand", np.concatenate([strand, rest])),
    ):
        mesh.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", values.astype(np.float32))
    mesh.materials.append(_material())
    hair = bpy.data.objects.new("Animcore Curls", mesh)
    skin.users_collection[0].objects.link(hair)
    hair.parent = rig
    hair.vertex_groups.new(name="head").add(range(len(everything)), 1.0, "REPLACE")
    modifier = hair.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    return hair


def _mesh(skin: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and triangles (F, 3) of the skin at rest."""
    mesh = skin.data
    points = np.empty(len(mesh.vertices) * 3)
    mesh.vertices.foreach_get("co", points)
    mesh.calc_loop_triangles()
    faces = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces)
    return points.reshape(-1, 3), faces.reshape(-1, 3)


def _above(points: np.ndarray, eyes: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(P,) metres by which points lie above the hairline."""
    offset = points - centre
    degrees = np.degrees(np.arctan2(np.abs(offset[:, 0]), -offset[:, 1]))
    return points[:, 2] - eyes[2] - np.interp(degrees, _HAIRLINE[:, 0], _HAIRLINE[:, 1])


def _roots(
    points: np.ndarray, faces: np.ndarray, eyes: np.ndarray, centre: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Roots (S, 3) spread over the scalp by area, and the directions (S, 3) out of it."""
    corners = points[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    middle = corners.mean(1)
    outward = ((middle - centre) * across).sum(1) > 0.5 * area * np.linalg.norm(middle - centre, axis=1)
    area = np.where((_above(middle, eyes, centre) > 0) & outward, area, 0)
    chosen = random.choice(len(faces), CURLS, p=area / area.sum())
    share = random.dirichlet((1, 1, 1), CURLS)
    roots = (share[:, :, None] * corners[chosen]).sum(1)
    normals = across[chosen] / np.linalg.norm(across[chosen], axis=1, keepdims=True)
    return roots, normals


def _paths(
    roots: np.ndarray, normals: np.ndarray, eyes: np.ndarray, centre: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Paths (S, STEPS, 3) along which the curls wind: out of the scalp, away from the face, then down."""
    local = roots - eyes
    front = np.clip((0.060 - local[:, 1]) / 0.06, 0, 1)
    side = np.sign(roots[:, 0] - 0.018 + random.normal(0, 0.006, len(roots)))
    length = random.uniform(0.075, 0.115, len(roots)) - 0.03 * front
    comb = np.stack([0.9 * side * front, 0.75 * front + 0.1, 0.15 * front], 1)
    wander = random.normal(0, 0.22, roots.shape)
    paths, now = [roots], roots
    for step in range(1, STEPS):
        t = step / (STEPS - 1)
        down = np.array([0.0, 0.0, -1.0]) * (1.5 * t)
        away = now - centre
        away[:, 2] *= 0.3
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        heading = normals * max(0.0, 1.1 - 2.4 * t) + comb * (0.25 + 0.6 * t) + down + 0.55 * away + wander
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        now = now + heading * (length / (STEPS - 1))[:, None]
        paths.append(now)
    return np.stack(paths, 1)


def _over_the_face(paths: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """(S,) whether a path hangs in front of the face or the ears' front."""
    local = paths - eyes
    low = local[..., 2] < 0.055 - 1.4 * np.maximum(np.abs(local[..., 0]) - 0.035, 0)
    return (low & (local[..., 1] < 0.045) & (np.abs(local[..., 0]) < 0.078)).any(1)


def _off_the_skull(paths: np.ndarray, skull: BVHTree) -> np.ndarray:
    """The paths with what came nearer to the skin than a curl is thick pushed out."""
    result = paths.copy()
    least = 0.0035 + 0.004 * np.minimum(np.linspace(0, 1, STEPS) / 0.3, 1.0)
    for strand in result:
        for step in range(1, STEPS):
            place, normal, _face, _distance = skull.find_nearest(strand[step].tolist())
            depth = float(np.dot(strand[step] - np.array(place), np.array(normal)))
            if depth < least[step]:
                strand[step] += (least[step] - depth) * np.array(normal)
    for _ in range(4):
        result[:, 1:-1] = 0.5 * result[:, 1:-1] + 0.25 * (result[:, :-2] + result[:, 2:])
    return result


def _curled(paths: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Wind each path (S, STEPS, 3) into a helix."""
    along = np.gradient(paths, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    first = np.cross(along, np.array([0.31, 0.83, 0.46]))
    first /= np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-9)
    second = np.cross(along, first)
    t = np.linspace(0, 1, STEPS)[None]
    count = len(paths)
    turns = random.uniform(3.0, 4.6, (count, 1)) * random.choice([-1, 1], (count, 1))
    angle = random.uniform(0, 2 * np.pi, (count, 1)) + 2 * np.pi * turns * t
    radius = random.uniform(0.0038, 0.0066, (count, 1)) * np.minimum(t / 0.18, 1.0) ** 0.8
    return paths + radius[..., None] * (np.cos(angle)[..., None] * first + np.sin(angle)[..., None] * second)


def _tubes(strands: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Vertices, quads, the place along the strand and a number of the strand, all per vertex."""
    count = len(strands)
    along = np.gradient(strands, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    first = np.cross(along, np.array([0.12, -0.35, 0.93]))
    first /= np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-9)
    second = np.cross(along, first)
    t = np.linspace(0, 1, STEPS)
    width = random.uniform(0.0011, 0.0021, (count, 1)) * (0.55 + 0.45 * np.minimum(t / 0.2, 1)) * (1 - 0.75 * t**3)
    angle = np.arange(SIDES) * 2 * np.pi / SIDES
    ring = np.cos(angle)[:, None] * first[:, :, None] + np.sin(angle)[:, None] * second[:, :, None]
    vertices = (strands[:, :, None] + width[:, :, None, None] * ring).reshape(-1, 3)
    strand, step, corner = np.meshgrid(np.arange(count), np.arange(STEPS - 1), np.arange(SIDES), indexing="ij")
    base, following = (strand * STEPS + step) * SIDES, (corner + 1) % SIDES
    quads = np.stack([base + corner, base + following, base + SIDES + following, base + SIDES + corner], -1)
    each = np.repeat(np.tile(t, count), SIDES)
    number = np.repeat(random.uniform(0, 1, count), STEPS * SIDES)
    return vertices, quads.reshape(-1, 4), each, number


def _cap(points: np.ndarray, faces: np.ndarray, eyes: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scalp lifted by a millimetre and a half: no skin shines between the curls."""
    inside = _above(points, eyes, centre) > 0.004
    used, index = np.unique(faces[inside[faces].all(1)], return_inverse=True)
    away = points[used] - centre
    return points[used] + 0.0015 * away / np.linalg.norm(away, axis=1, keepdims=True), index.reshape(-1, 3)


def _material() -> bpy.types.Material:
    """Auburn, darker at the root, each strand a little different."""
    material = bpy.data.materials.new("Animcore Curls")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    surface = nodes["Principled BSDF"]
    strand, along = (nodes.new("ShaderNodeAttribute") for _ in range(2))
    strand.attribute_name, along.attribute_name = "strand", "along"
    shade, root = nodes.new("ShaderNodeMix"), nodes.new("ShaderNodeMix")
    shade.data_type = root.data_type = "RGBA"
    shade.inputs[6].default_value, shade.inputs[7].default_value = (0.10, 0.034, 0.014, 1), (0.22, 0.085, 0.034, 1)
    root.inputs[6].default_value = (0.035, 0.014, 0.008, 1)
    links.new(strand.outputs["Fac"], shade.inputs[0])
    links.new(along.outputs["Fac"], root.inputs[0])
    links.new(shade.outputs[2], root.inputs[7])
    links.new(root.outputs[2], surface.inputs["Base Color"])
    surface.inputs["Roughness"].default_value = 0.42
    surface.inputs["Specular IOR Level"].default_value = 0.35
    return material
