"""GPU shaders: Gaussians as quads, meshes with one light, and the image into the viewport.

Shaders are made with `GPUShaderCreateInfo` alone, so that they run on OpenGL, Vulkan and Metal; no sampler is handed to
a function and nothing is indexed that is no texture, since Metal's translation has neither.
"""

from __future__ import annotations

import functools
from typing import Any

WIDTH = 4096  # texels in a row of the textures that hold Gaussians, frames and their order
POINT_TEXELS, FRAME_TEXELS = 3, 4
SAMPLERS = ("points", "harmonics", "frames", "order")

LOW_PASS = 0.3  # pixels squared that every projected Gaussian is widened by, as in 3DGS
EDGE = 1.3  # beyond this many half images the slope of the projection stays as it is there, as in 3DGS
LEAST = 1 / 255  # opacity below which nothing is drawn
NEAREST = 0.01  # metres before the view; what is nearer is not drawn
MOST = 0.99  # opacity that no Gaussian goes beyond, as in 3DGS

_CONSTANTS = f"""
#define TEXEL(t, i) texelFetch(t, ivec2((i) % {WIDTH}, (i) / {WIDTH}), 0)
#define LOW_PASS {LOW_PASS}
#define EDGE {EDGE}
#define LEAST {LEAST:.8f}
#define MOST {MOST}
#define NEAREST {NEAREST}
"""

# One instance is one Gaussian, the farthest first. After Zwicker et al., EWA Splatting (2002), and Kerbl et al., 3D
# Gaussian Splatting (2023). Frames carry from where the Gaussian was fitted to the view, which looks along -Z.
_SPLAT_VERTEX = """
vec3 turned(vec4 q, vec3 v)
{
  return v + 2.0 * cross(q.yzw, cross(q.yzw, v) + q.x * v);
}

vec3 coefficient(int base, int k)
{
  return TEXEL(harmonics, base + k).rgb;
}

vec3 seen(int splat, vec3 d)
{
  int base = splat * (degree + 1) * (degree + 1);
  vec3 c = 0.28209479177387814 * coefficient(base, 0);
  float x = d.x, y = d.y, z = d.z;
  if (degree > 0) {
    c += 0.4886025119029199
         * (-y * coefficient(base, 1) + z * coefficient(base, 2) - x * coefficient(base, 3));
  }
  if (degree > 1) {
    c += 1.0925484305920792
         * (x * y * coefficient(base, 4) - y * z * coefficient(base, 5) - x * z * coefficient(base, 7));
    c += 0.31539156525252005 * (2.0 * z * z - x * x - y * y) * coefficient(base, 6);
    c += 0.5462742152960396 * (x * x - y * y) * coefficient(base, 8);
  }
  if (degree > 2) {
    c += -0.5900435899266435 * y * (3.0 * x * x - y * y) * coefficient(base, 9);
    c += 2.890611442640554 * x * y * z * coefficient(base, 10);
    c += -0.4570457994644658 * y * (4.0 * z * z - x * x - y * y) * coefficient(base, 11);
    c += 0.3731763325901154 * z * (2.0 * z * z - 3.0 * x * x - 3.0 * y * y) * coefficient(base, 12);
    c += -0.4570457994644658 * x * (4.0 * z * z - x * x - y * y) * coefficient(base, 13);
    c += 1.445305721320277 * z * (x * x - y * y) * coefficient(base, 14);
    c += -0.5900435899266435 * x * (x * x - 3.0 * y * y) * coefficient(base, 15);
  }
  return max(c + 0.5, vec3(0.0));
}

void main()
{
  int splat = int(TEXEL(order, gl_InstanceID).x + 0.5);
  vec4 mean = TEXEL(points, splat * 3);
  vec4 turn = TEXEL(points, splat * 3 + 1);
  vec4 size = TEXEL(points, splat * 3 + 2);
  int place = int(mean.w + 0.5) * 4;
  vec4 row_x = TEXEL(frames, place);
  vec4 row_y = TEXEL(frames, place + 1);
  vec4 row_z = TEXEL(frames, place + 2);
  vec4 from_view = TEXEL(frames, place + 3);

  vec4 local = vec4(mean.xyz, 1.0);
  vec3 middle = vec3(dot(row_x, local), dot(row_y, local), dot(row_z, local));
  vec4 clip = projection * vec4(middle, 1.0);
  bool flat_view = projection[3][3] > 0.5;
  float away = flat_view ? 1.0 : -middle.z;
  bool unseen = away < NEAREST || size.w < LEAST;

  vec3 axis_x = turned(turn, vec3(size.x, 0.0, 0.0));
  vec3 axis_y = turned(turn, vec3(0.0, size.y, 0.0));
  vec3 axis_z = turned(turn, vec3(0.0, 0.0, size.z));
  vec2 focal = vec2(projection[0][0], projection[1][1]) * pixels * 0.5;
  vec2 slope = vec2(0.0);
  if (!flat_view) {
    vec2 half_picture = vec2(projection[0][0], projection[1][1]);
    vec2 ahead = vec2(projection[2][0], projection[2][1]) / half_picture;
    slope = clamp(middle.xy / away, ahead - EDGE / half_picture, ahead + EDGE / half_picture);
  }
  // how many pixels each axis of the Gaussian goes to the right and up
  vec3 across = (focal.x / away) * (row_x.xyz + slope.x * row_z.xyz);
  vec3 up = (focal.y / away) * (row_y.xyz + slope.y * row_z.xyz);
  vec3 right_of = vec3(dot(across, axis_x), dot(across, axis_y), dot(across, axis_z));
  vec3 up_of = vec3(dot(up, axis_x), dot(up, axis_y), dot(up, axis_z));
  float a = dot(right_of, right_of) + LOW_PASS;
  float b = dot(right_of, up_of);
  float c = dot(up_of, up_of) + LOW_PASS;

  float mid = 0.5 * (a + c);
  float radius = length(vec2(0.5 * (a - c), b));
  float longest = mid + radius;
  float shortest = max(mid - radius, 0.01);
  vec2 major = abs(b) > 1e-6 * longest ? normalize(vec2(b, longest - a)) : (a >= c ? vec2(1.0, 0.0) : vec2(0.0, 1.0));
  vec2 minor = vec2(-major.y, major.x);

  float reach = sqrt(2.0 * log(max(255.0 * size.w, 1.0)));
  at = corner * reach;
  vec2 offset = major * (sqrt(longest) * at.x) + minor * (sqrt(shortest) * at.y);
  clip.xy += offset * 2.0 / pixels * clip.w;
  vec4 nearer = projection * vec4(middle.xy, middle.z + slack, 1.0);
  clip.z = nearer.z / nearer.w * clip.w;
  gl_Position = unseen ? vec4(2.0, 2.0, 2.0, 1.0) : clip;

  vec3 direction = flat_view ? vec3(0.0, 0.0, -1.0) : normalize(middle);
  shade = vec4(seen(splat, turned(from_view, direction)), size.w);
  %s
}
"""

_SPLAT_FRAGMENT = """
void main()
{
  float alpha = min(MOST, shade.a * exp(-0.5 * dot(at, at)));
  if (alpha < LEAST) {
    discard;
  }
  %s
}
"""
_SPLAT_OUTPUTS = {
    "DEPTH": "colour = vec4(shade.rgb * alpha, alpha);\n  depths = vec4(distance_along * alpha, 0.0, 0.0, alpha);",
    "DISPLAY": "colour = vec4(shade.rgb * alpha, alpha);",
    # the overlay of a viewport stays encoded on the GPU, which reads and blends light
    "OVERLAY": "colour = vec4(decoded(shade.rgb) * alpha, alpha);",
}

_ENCODE = """
vec3 encoded(vec3 light)
{
  vec3 bright = max(light, vec3(0.0));
  return mix(12.92 * bright, 1.055 * pow(bright, vec3(1.0 / 2.4)) - 0.055, step(vec3(0.0031308), bright));
}

vec3 decoded(vec3 shown)
{
  vec3 bright = max(shown, vec3(0.0));
  return mix(bright / 12.92, pow((bright + 0.055) / 1.055, vec3(2.4)), step(vec3(0.04045), bright));
}
"""

_MESH_VERTEX = """
void main()
{
  gl_Position = seen * vec4(position, 1.0);
  facing = normal;
  within = uv;
  %s
}
"""

_MESH_FRAGMENT = """
void main()
{
  vec3 base = tint.rgb;
  if (painted_glowing.x > 0.5) {
    base = decoded(encoded(texture(image, within).rgb) + texture(change, within).rgb);
  }
  float bright = AMBIENT + DIFFUSE * abs(dot(normalize(facing), light_from.xyz));
  vec3 light = base * (painted_glowing.y > 0.5 ? 1.0 : bright);
  colour = vec4(encoded(light), 1.0);
  %s
}
"""

_MESH_DEPTHS = (
    "distance_along = -dot(backward, vec4(position, 1.0));",
    "depths = vec4(0.0, distance_along, 0.0, 0.0);",
)

_PRESENT_VERTEX = """
void main()
{
  gl_Position = vec4(corner, 0.0, 1.0);
  within = corner * 0.5 + 0.5;
}
"""

_PRESENT_FRAGMENT = """
void main()
{
  vec4 shown = texture(picture, within);
  shown = shown + (1.0 - shown.a) * backdrop;
  colour = vec4(shown.a > 0.0 ? decoded(shown.rgb / shown.a) * shown.a : vec3(0.0), shown.a);
}
"""

AMBIENT, DIFFUSE = 0.35, 0.65  # light that a mesh has everywhere, and what it has more where it faces the lamp


@functools.cache
def splats(output: str) -> Any:
    """Return the shader of Gaussians.

    Args:
        output: DISPLAY writes encoded colours, DEPTH also distances into a second target, OVERLAY into a viewport.
    """
    import gpu

    info = gpu.types.GPUShaderCreateInfo()
    between = gpu.types.GPUStageInterfaceInfo(f"animcore_splat_{output.lower()}")
    between.smooth("VEC2", "at")
    between.flat("VEC4", "shade")
    if output == "DEPTH":
        between.flat("FLOAT", "distance_along")
    info.vertex_in(0, "VEC2", "corner")
    info.vertex_out(between)
    info.push_constant("MAT4", "projection")
    info.push_constant("VEC2", "pixels")
    info.push_constant("FLOAT", "slack")
    info.push_constant("INT", "degree")
    for slot, name in enumerate(SAMPLERS):
        info.sampler(slot, "FLOAT_2D", name)
    info.fragment_out(0, "VEC4", "colour")
    if output == "DEPTH":
        info.fragment_out(1, "VEC4", "depths")
    info.vertex_source(_CONSTANTS + _SPLAT_VERTEX % ("distance_along = -middle.z;" if output == "DEPTH" else ""))
    info.fragment_source(_CONSTANTS + _ENCODE + _SPLAT_FRAGMENT % _SPLAT_OUTPUTS[output])
    return gpu.shader.create_from_info(info)


@functools.cache
def meshes(*, with_depth: bool) -> Any:
    """Return the shader of opaque meshes; with depth, distances go into the second target too."""
    import gpu

    info = gpu.types.GPUShaderCreateInfo()
    between = gpu.types.GPUStageInterfaceInfo(f"animcore_mesh_{int(with_depth)}")
    between.smooth("VEC3", "facing")
    between.smooth("VEC2", "within")
    if with_depth:
        between.smooth("FLOAT", "distance_along")
    for slot, (kind, name) in enumerate((("VEC3", "position"), ("VEC3", "normal"), ("VEC2", "uv"))):
        info.vertex_in(slot, kind, name)
    info.vertex_out(between)
    info.push_constant("MAT4", "seen")
    info.push_constant("VEC4", "tint")
    info.push_constant("VEC4", "light_from")
    info.push_constant("VEC2", "painted_glowing")
    info.sampler(0, "FLOAT_2D", "image")
    info.sampler(1, "FLOAT_2D", "change")
    info.fragment_out(0, "VEC4", "colour")
    if with_depth:
        info.push_constant("VEC4", "backward")
        info.fragment_out(1, "VEC4", "depths")
    lights = f"#define AMBIENT {AMBIENT}\n#define DIFFUSE {DIFFUSE}\n"
    far, depths = _MESH_DEPTHS if with_depth else ("", "")
    info.vertex_source(_MESH_VERTEX % far)
    info.fragment_source(lights + _ENCODE + _MESH_FRAGMENT % depths)
    return gpu.shader.create_from_info(info)


@functools.cache
def present() -> Any:
    """Return the shader that writes an image of encoded colours over a backdrop as light."""
    import gpu

    info = gpu.types.GPUShaderCreateInfo()
    between = gpu.types.GPUStageInterfaceInfo("animcore_present")
    between.smooth("VEC2", "within")
    info.vertex_in(0, "VEC2", "corner")
    info.vertex_out(between)
    info.push_constant("VEC4", "backdrop")
    info.sampler(0, "FLOAT_2D", "picture")
    info.fragment_out(0, "VEC4", "colour")
    info.vertex_source(_PRESENT_VERTEX)
    info.fragment_source(_ENCODE + _PRESENT_FRAGMENT)
    return gpu.shader.create_from_info(info)


def forget() -> None:
    """Free the shaders; the next frame compiles them again."""
    for made in (splats, meshes, present):
        made.cache_clear()
