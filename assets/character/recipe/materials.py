"""The materials, all procedural: they read numbers painted on the vertices and noise over the resting mesh."""

from __future__ import annotations

from collections.abc import Callable

import bpy
from eyes import iris_angle
from nodes import Graph

_SKIN = (0.66, 0.36, 0.245)
_SKIN_RED = (0.62, 0.19, 0.13)
_LIPS = (0.50, 0.135, 0.125)
_SCATTER = (1.0, 0.36, 0.18)


def skin() -> bpy.types.Material:
    """Skin: warm base, redder cheeks, nose, ears and lips, fine pores, a soft sheen."""
    g = Graph("Animcore Skin")
    patches = g.noise(26.0, 4.0)
    colour = g.mix(g.span(patches, 0.35, 0.7, 0.0, 0.30), _SKIN, (0.60, 0.275, 0.185))
    freckle = g.span(g.noise(420.0, 2.0), 0.62, 0.75, 0.0, 0.14)
    colour = g.mix(freckle, colour, (0.42, 0.18, 0.10))
    colour = g.mix(g.math("MULTIPLY", g.attribute("blush"), 0.55), colour, _SKIN_RED)
    colour = g.mix(g.math("MULTIPLY", g.attribute("lids"), 0.35), colour, (0.50, 0.22, 0.16))
    lips = g.span(g.attribute("lips"), 0.15, 0.85)
    colour = g.mix(g.math("MULTIPLY", lips, 0.82), colour, _LIPS)
    colour = g.mix(g.span(g.attribute("mouth_inside"), 0.45, 0.95), colour, (0.30, 0.055, 0.05))
    colour = g.mix(g.math("MULTIPLY", g.attribute("nails"), 0.7), colour, (0.74, 0.42, 0.36))
    pores = g.bump(g.noise(900.0, 3.0), 0.12, 0.001)
    creases = g.bump(g.math("MULTIPLY", g.noise(330.0, 2.0), lips), 0.25, 0.002, pores)
    rough = g.math("SUBTRACT", g.span(g.noise(60.0, 2.0), 0.3, 0.7, 0.44, 0.56), g.math("MULTIPLY", lips, 0.16))
    wet = g.span(g.attribute("mouth_inside"), 0.5, 1.0)
    rough = g.math("SUBTRACT", rough, g.math("MULTIPLY", wet, 0.2))
    return g.principled(
        Base_Color=colour, Roughness=rough, Normal=creases, Subsurface_Weight=0.22, Subsurface_Radius=_SCATTER,
        Subsurface_Scale=0.011, Specular_IOR_Level=0.42, Coat_Roughness=0.25,
        Coat_Weight=g.math("MULTIPLY", lips, 0.18),
    )  # fmt: skip


def eye() -> bpy.types.Material:
    """Eyeball: warm sclera with faint veins, a fibrous iris with a dark rim, a pupil, and a clear wet coat."""
    g = Graph("Animcore Eye")
    edge = iris_angle(0.0164) / 3.14159265
    picture = g.add("ShaderNodeTexCoord", out="UV")
    centred = g.add("ShaderNodeVectorMath", {0: picture, 1: (0.5, 0.5, 0.0)}, operation="SUBTRACT")
    length = g.add("ShaderNodeVectorMath", {0: centred}, out="Value", operation="LENGTH")
    radius = g.math("DIVIDE", length, 0.5 * edge)
    split = g.add("ShaderNodeSeparateXYZ", {0: centred}, out="X")
    other = g.add("ShaderNodeSeparateXYZ", {0: centred}, out="Y")
    angle = g.math("ARCTAN2", split, other)
    ray = g.add(
        "ShaderNodeCombineXYZ",
        {0: g.math("SINE", angle), 1: g.math("COSINE", angle), 2: g.math("MULTIPLY", radius, 0.12)},
    )
    fibres = g.noise(9.0, 5.0, ray, 0.65)
    iris = g.mix(g.span(fibres, 0.35, 0.68), (0.036, 0.018, 0.009), (0.20, 0.105, 0.045))
    iris = g.mix(g.span(radius, 0.62, 0.36, 0.0, 0.55), iris, (0.26, 0.125, 0.042))
    lit = g.span(g.math("SUBTRACT", g.math("MULTIPLY", other, -1.0), 0.0), 0.0, 0.5 * edge, 0.0, 0.5)
    iris = g.mix(lit, iris, (0.36, 0.205, 0.085))
    iris = g.mix(g.span(radius, 0.78, 1.0), iris, (0.018, 0.010, 0.008))
    iris = g.mix(g.span(radius, 0.40, 0.345), iris, (0.002, 0.002, 0.002))
    veins = g.span(g.noise(46.0, 4.0, centred, 0.6), 0.56, 0.68, 0.0, 0.10)
    white = g.mix(g.span(radius, 1.3, 3.4, 0.0, 0.30), (0.80, 0.77, 0.74), (0.66, 0.46, 0.42))
    white = g.mix(veins, white, (0.62, 0.22, 0.18))
    colour = g.mix(g.span(radius, 0.94, 1.07), iris, white)
    return g.principled(
        Base_Color=colour, Roughness=0.32, Subsurface_Weight=0.06, Subsurface_Radius=(0.6, 0.3, 0.2),
        Subsurface_Scale=0.004, Specular_IOR_Level=0.4, Coat_Weight=1.0, Coat_Roughness=0.02, Coat_IOR=1.38,
    )  # fmt: skip


def enamel() -> bpy.types.Material:
    """Teeth: off-white, a little translucent and glossy."""
    g = Graph("Animcore Enamel")
    colour = g.mix(g.span(g.noise(120.0, 2.0), 0.35, 0.7, 0.0, 0.35), (0.80, 0.755, 0.66), (0.73, 0.66, 0.54))
    return g.principled(
        Base_Color=colour, Roughness=0.22, Subsurface_Weight=0.25, Subsurface_Radius=(1.0, 0.8, 0.6),
        Subsurface_Scale=0.002, Coat_Weight=0.3, Coat_Roughness=0.08,
    )  # fmt: skip


def gum() -> bpy.types.Material:
    """Gums: wet and pink."""
    g = Graph("Animcore Gum")
    colour = g.mix(g.span(g.noise(160.0, 2.0), 0.35, 0.7, 0.0, 0.5), (0.52, 0.17, 0.15), (0.44, 0.11, 0.10))
    return g.principled(
        Base_Color=colour, Roughness=0.3, Subsurface_Weight=0.2, Subsurface_Radius=_SCATTER, Subsurface_Scale=0.004,
        Coat_Weight=0.35, Coat_Roughness=0.12,
    )  # fmt: skip


def tongue() -> bpy.types.Material:
    """Tongue: pink, rough with small buds, wet."""
    g = Graph("Animcore Tongue")
    colour = g.mix(g.span(g.noise(90.0, 3.0), 0.3, 0.7), (0.55, 0.17, 0.15), (0.46, 0.12, 0.11))
    buds = g.bump(g.noise(1500.0, 1.0), 0.35, 0.001)
    return g.principled(
        Base_Color=colour, Roughness=0.42, Normal=buds, Subsurface_Weight=0.2, Subsurface_Radius=_SCATTER,
        Subsurface_Scale=0.006, Coat_Weight=0.3, Coat_Roughness=0.2,
    )  # fmt: skip


def hair() -> bpy.types.Material:
    """Hair: brown, darker at the roots, each strand a little different, fine lines along it."""
    g = Graph("Animcore Hair")
    shade, across, along = g.attribute("strand"), g.attribute("across"), g.attribute("along")
    thread = g.add(
        "ShaderNodeCombineXYZ",
        {0: g.math("MULTIPLY", across, 5.0), 1: g.math("MULTIPLY", along, 0.9), 2: g.math("MULTIPLY", shade, 400.0)},
    )
    lines = g.noise(1.0, 3.0, thread, 0.7)
    tone = g.math("ADD", g.math("MULTIPLY", shade, 0.55), g.math("MULTIPLY", g.span(lines, 0.3, 0.7), 0.45))
    colour = g.mix(tone, (0.022, 0.0095, 0.0050), (0.115, 0.052, 0.026))
    colour = g.mix(g.span(along, 0.0, 0.3, 0.6, 0.0), colour, (0.020, 0.0095, 0.006))
    normal = g.bump(lines, 0.6, 0.004)
    # A constant warm share of gloss: the Fresnel term of Principled turns dark hair grey where light grazes it.
    matte = {"Base Color": colour, "Normal": normal, "Specular IOR Level": 0.0, "Roughness": 1.0}
    base = g.add("ShaderNodeBsdfPrincipled", matte)
    shine = g.mix(0.45, (0.62, 0.36, 0.21), colour)
    rough = g.span(lines, 0.2, 0.8, 0.36, 0.55)
    gloss = g.add("ShaderNodeBsdfGlossy", {"Color": shine, "Roughness": rough, "Normal": normal})
    return g.finish(g.add("ShaderNodeMixShader", {0: 0.11, 1: base, 2: gloss}))


def lash() -> bpy.types.Material:
    """Lashes: nearly black."""
    return Graph("Animcore Lash").principled(Base_Color=(0.018, 0.010, 0.008), Roughness=0.5, Specular_IOR_Level=0.2)


def brow() -> bpy.types.Material:
    """Eyebrows: the hair's colour."""
    return Graph("Animcore Brow").principled(Base_Color=(0.060, 0.030, 0.018), Roughness=0.6, Specular_IOR_Level=0.2)


def sweater() -> bpy.types.Material:
    """Sweater: soft knit."""
    g = Graph("Animcore Sweater")
    colour = g.mix(g.span(g.noise(700.0, 2.0), 0.3, 0.7), (0.036, 0.112, 0.130), (0.050, 0.140, 0.158))
    folds = g.bump(g.noise(14.0, 2.0), 0.5, 0.012)
    knit = g.bump(g.noise(1100.0, 1.0), 0.5, 0.002, folds)
    return g.principled(Base_Color=colour, Roughness=0.88, Normal=knit, Sheen_Weight=0.25, Sheen_Roughness=0.5,
                        Specular_IOR_Level=0.2)  # fmt: skip


def trousers() -> bpy.types.Material:
    """Trousers: dark cotton."""
    g = Graph("Animcore Trousers")
    colour = g.mix(g.span(g.noise(500.0, 2.0), 0.3, 0.7), (0.030, 0.032, 0.040), (0.048, 0.050, 0.060))
    folds = g.bump(g.noise(11.0, 2.0), 0.5, 0.014)
    return g.principled(Base_Color=colour, Roughness=0.85, Normal=folds, Specular_IOR_Level=0.25)


def shoes() -> bpy.types.Material:
    """Shoes: off-white leather on a white sole."""
    g = Graph("Animcore Shoes")
    colour = g.mix(g.span(g.attribute("sole"), 0.3, 0.7), (0.42, 0.38, 0.33), (0.78, 0.77, 0.74))
    return g.principled(Base_Color=colour, Roughness=0.55)


def iris() -> bpy.types.Material:
    """Iris: the eye's own material in a slot of its own, so that Solid view can colour it."""
    return _named(eye(), "Animcore Iris")


def pupil() -> bpy.types.Material:
    """Pupil: the eye's own material in a slot of its own, so that Solid view can colour it."""
    return _named(eye(), "Animcore Pupil")


def _named(material: bpy.types.Material, name: str) -> bpy.types.Material:
    material.name = name
    return material


# What Solid view shows, where animators work.
VIEWPORT: dict[str, tuple[float, float, float]] = {
    "skin": (0.66, 0.40, 0.29), "eye": (0.85, 0.83, 0.80), "iris": (0.16, 0.08, 0.03), "pupil": (0.01, 0.01, 0.01),
    "enamel": (0.85, 0.80, 0.70), "gum": (0.50, 0.16, 0.14), "tongue": (0.52, 0.16, 0.14), "hair": (0.08, 0.035, 0.018),
    "lash": (0.02, 0.01, 0.01), "brow": (0.06, 0.03, 0.02), "sweater": (0.045, 0.13, 0.15),
    "trousers": (0.04, 0.042, 0.05), "shoes": (0.45, 0.42, 0.38),
}  # fmt: skip

MAKERS: dict[str, Callable[[], bpy.types.Material]] = {
    maker.__name__: maker
    for maker in (skin, eye, iris, pupil, enamel, gum, tongue, hair, lash, brow, sweater, trousers, shoes)
}
