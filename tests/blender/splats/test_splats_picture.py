"""Gaussian Preview: what hides what, the passes, the two ways to the same picture, and two engines side by side."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import numpy as np
import pytest
from splat_scenes import bound_cloud, cloud, one, written

from blender_addon.splats.render import cpu_renderer, gpu_frame, preview_engine, scene_meshes, side_by_side
from blender_addon.splats.scene import camera_view, splat_objects

RED, GREEN = (0.9, 0.1, 0.1), (0.1, 0.8, 0.1)


@pytest.fixture
def scene() -> bpy.types.Scene:
    """A camera that looks along +Y at the origin, 1 m away; 48 x 36 pixels."""
    made = bpy.context.scene
    made.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    made.collection.objects.link(made.camera)
    made.camera.location, made.camera.rotation_euler = (0, -1, 0), (np.pi / 2, 0, 0)
    made.render.resolution_x, made.render.resolution_y, made.render.resolution_percentage = 48, 36, 100
    made.render.engine = preview_engine.NAME
    made.view_settings.view_transform = "Standard"
    made.render.film_transparent = True
    return made


def add(path: Path, place=(0, 0, 0)) -> bpy.types.Object:
    bpy.ops.animcore.add_splats(filepath=str(path))
    bpy.context.object.location = place
    return bpy.context.object


def block(y: float, colour=GREEN, size: float = 0.2) -> bpy.types.Object:
    """A cube of one colour whose front is `y` metres behind the origin; below 0 it is before it."""
    bpy.ops.mesh.primitive_cube_add(size=size, location=(0, y + size / 2, 0))
    made = bpy.context.object
    material = bpy.data.materials.new("Paint")
    if not material.use_nodes:
        material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*colour, 1)
    made.data.materials.append(material)
    return made


def rendered(scene: bpy.types.Scene, folder: Path) -> np.ndarray:
    """(H, W, 4) as an EXR has it: light times alpha, the first row on top."""
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    scene.render.filepath = str(folder / "frame.exr")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    size = image.size[1], image.size[0]
    bpy.data.images.remove(image)
    return values.reshape(*size, 4)[::-1]


def middle(picture: np.ndarray) -> np.ndarray:
    return picture[picture.shape[0] // 2, picture.shape[1] // 2]


def test_a_mesh_before_them_hides_gaussians_and_they_hide_what_is_behind(scene, tmp_path):
    add(written(one(RED, 0.06), tmp_path))
    alone = middle(rendered(scene, tmp_path))
    assert alone[0] > 0.7
    hand = block(-0.3)
    covered = middle(rendered(scene, tmp_path))
    assert covered[1] > 2 * covered[0]
    hand.location.y = 0.5
    assert np.allclose(middle(rendered(scene, tmp_path)), alone, atol=0.03)


def test_a_mesh_that_shows_as_wires_hides_nothing(scene, tmp_path):
    add(written(one(RED, 0.06), tmp_path))
    alone = rendered(scene, tmp_path)
    block(-0.3).display_type = "WIRE"
    assert np.array_equal(rendered(scene, tmp_path), alone)


def test_the_film_is_transparent_or_shows_the_world(scene, tmp_path):
    add(written(one(RED, 0.06), tmp_path))
    clear = rendered(scene, tmp_path)
    assert not clear[0, 0].any()
    assert 0.95 < middle(clear)[3] <= 1
    scene.render.film_transparent = False
    scene.world = bpy.data.worlds.new("World")
    scene.world.color = (0.1, 0.2, 0.4)
    if scene.world.node_tree is not None:
        scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.1, 0.2, 0.4, 1)
    assert np.allclose(rendered(scene, tmp_path)[0, 0], (0.1, 0.2, 0.4, 1), atol=1e-3)


def test_without_a_world_it_is_as_black_as_cycles(scene, tmp_path):
    add(written(one(RED, 0.06), tmp_path))
    scene.render.film_transparent, scene.world, scene.cycles.samples = False, None, 1
    corners = []
    for name in (preview_engine.NAME, "CYCLES"):
        scene.render.engine = name
        corners.append(rendered(scene, tmp_path)[0, 0].tolist())
    assert corners == [[0, 0, 0, 1]] * 2


def test_what_the_preview_leaves_out_is_said(scene, tmp_path):
    add(written(one(RED, 0.06), tmp_path))
    said = []
    for blur, field in ((False, False), (True, False), (False, True), (True, True)):
        scene.render.use_motion_blur, scene.camera.data.dof.use_dof = blur, field
        said.append(preview_engine.left_out(scene))
        rendered(scene, tmp_path)  # a warning is no failure
    assert [("blur" in one, "field" in one) for one in said] == [
        (False, False), (True, False), (False, True), (True, True),
    ]  # fmt: skip
    pair = side_by_side.begin(scene, tmp_path / "pair.png")
    assert pair.notes == (said[3],)
    pair.whole = False
    pair.end()


def test_what_was_fitted_is_what_a_png_shows(scene, tmp_path):
    """Colours of Gaussians are those of the screen: with the view transform Standard they come back unchanged."""
    add(written(one((0.2, 0.5, 0.7), 0.2), tmp_path))
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", "8"
    scene.render.filepath = str(tmp_path / "frame.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = np.array(image.pixels[:]).reshape(36, 48, 4)
    assert np.allclose(middle(pixels)[:3], (0.2, 0.5, 0.7), atol=0.02)


def test_the_depth_of_what_is_seen(scene, tmp_path, monkeypatch):
    add(written(one(RED, 0.06), tmp_path))
    block(0.25, size=1.0)
    kept = []
    monkeypatch.setattr(preview_engine, "shot", lambda *given: kept.append(cpu_renderer.shot(*given)) or kept[-1])
    bpy.context.view_layer.use_pass_z = True
    rendered(scene, tmp_path)
    depth = kept[0].depth
    assert depth.shape == (36, 48)
    assert abs(middle(depth) - 1.0) < 1e-3
    assert abs(depth[18, 2] - 1.25) < 1e-3


def test_a_view_without_perspective_is_the_same_from_any_distance(scene, tmp_path):
    add(written(cloud(300, spread=0.05), tmp_path))
    scene.camera.data.type, scene.camera.data.ortho_scale = "ORTHO", 0.5
    near = rendered(scene, tmp_path)
    scene.camera.location.y = -3
    bpy.context.view_layer.update()
    assert np.abs(rendered(scene, tmp_path) - near).max() < 0.03
    assert near[..., 3].max() > 0.9


def test_only_the_marked_part_is_kept(scene, tmp_path):
    add(written(cloud(300, spread=0.1), tmp_path))
    whole = rendered(scene, tmp_path)
    render = scene.render
    render.use_border = render.use_crop_to_border = True
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.5, 1.0
    part = rendered(scene, tmp_path)
    assert part.shape == (18, 24, 4)
    assert np.allclose(part, whole[:18, 12:36], atol=1e-4)


def test_a_carried_cloud_moves_from_frame_to_frame(scene, tmp_path):
    carrier = block(0.0)
    add(written(bound_cloud(30, triangles=12), tmp_path))
    carrier.display_type = "WIRE"
    for frame, x in ((1, -0.1), (2, 0.1)):
        carrier.location.x = x
        carrier.keyframe_insert("location", frame=frame)
    seen = []
    for frame in (1, 2):
        scene.frame_set(frame)
        alpha = rendered(scene, tmp_path)[..., 3].sum(0)
        seen.append((alpha * np.arange(len(alpha))).sum() / alpha.sum())
    assert seen[1] - seen[0] > 5  # pixels


def lost_file(scene, holder):
    Path(holder.animcore_splats.filepath).unlink()
    holder.animcore_splats.filepath += "x"


def panorama(scene, holder):
    scene.camera.data.type = "PANO"


@pytest.mark.parametrize(("spoil", "sentence"), [(lost_file, "There is no file"), (panorama, "is panoramic")])
def test_what_cannot_be_rendered_is_one_sentence(scene, tmp_path, spoil, sentence):
    spoil(scene, add(written(one(RED, 0.06), tmp_path)))
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.render.render()


def test_a_failure_of_our_own_is_no_black_picture(scene, tmp_path, monkeypatch):
    add(written(one(RED, 0.06), tmp_path))
    monkeypatch.setattr(cpu_renderer, "shot", lambda *given: 1 / 0)
    with pytest.raises(RuntimeError, match="Unexpected error"):
        bpy.ops.render.render()


def test_nothing_to_draw_is_an_empty_picture(scene, tmp_path):
    assert not rendered(scene, tmp_path).any()


def test_both_engines_side_by_side_and_the_settings_come_back(scene, tmp_path):
    add(written(one(RED, 0.06), tmp_path))
    block(0.3)
    scene.render.filepath = "//elsewhere"
    scene.cycles.samples = 1
    before = scene.render.engine, scene.render.filepath, scene.render.image_settings.file_format
    bpy.ops.animcore.render_side_by_side(filepath=str(tmp_path / "pair.png"))
    assert (scene.render.engine, scene.render.filepath, scene.render.image_settings.file_format) == before
    image = bpy.data.images["Side by Side"]
    assert tuple(image.size) == (96, 36)
    assert (tmp_path / "pair.png").read_bytes()[:4] == b"\x89PNG"
    pixels = np.array(image.pixels[:]).reshape(36, 96, 4)
    assert pixels[18, 72, 0] > 2 * pixels[18, 72, 1]  # the preview shows the Gaussian
    assert pixels[18, 24, 0] < 0.5 * pixels[18, 72, 0]  # the other engine the cube alone
    scene.camera = None
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.animcore.render_side_by_side(filepath=str(tmp_path / "pair.png"))


@pytest.fixture(scope="module")
def card():
    """A graphics card, or Mesa in its place."""
    gpu = pytest.importorskip("gpu")
    if not hasattr(gpu, "init"):
        pytest.skip("this Blender draws with the graphics card in its window alone")
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    gpu.init()
    return gpu


def painted_cube() -> None:
    cube = block(-0.1, size=0.15)
    cube.rotation_euler = (0.3, 0.2, 0.5)
    image = bpy.data.images.new("Checks", 32, 32)
    pixels = np.full((32, 32, 4), 0.9, np.float32)
    pixels[:16, :16, :3] = (0.9, 0.2, 0.1)
    image.pixels.foreach_set(pixels.ravel())
    tree = cube.data.materials[0].node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_the_card_and_the_processor_make_the_same_picture(card, scene, tmp_path, kind):
    holder = add(written(cloud(4000, spread=0.08, size=0.008), tmp_path))
    holder.rotation_euler, holder.scale = (0.4, 0.0, 1.0), (1.2, 0.8, 1.0)
    add(written(cloud(500, seed=3, spread=0.04, degree=0), tmp_path, "other.ply"), (0.1, -0.1, 0.05))
    painted_cube()
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.08, location=(-0.1, 0.05, 0.05))
    bpy.ops.object.shade_smooth()
    scene.camera.data.type, scene.camera.data.ortho_scale, scene.camera.data.shift_x = kind, 0.6, 0.1
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    looked = camera_view.of_camera(scene.camera.evaluated_get(depsgraph), depsgraph, (192, 144))
    given = splat_objects.all_placed(depsgraph), scene_meshes.of_scene(depsgraph), looked
    computed, drawn = cpu_renderer.shot(*given), gpu_frame.shot(*given)
    assert similarity(computed.colour, drawn.colour) > 0.98
    assert np.abs(computed.colour - drawn.colour).mean() < 1 / 255
    assert (np.abs(computed.depth - drawn.depth) > 2e-3).mean() < 0.02
    assert computed.colour[..., 3].max() > 0.9


def test_a_viewport_shows_what_a_render_does(card, scene, tmp_path):
    add(written(cloud(1000, spread=0.05), tmp_path))
    block(-0.05, size=0.1)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    looked = camera_view.of_camera(scene.camera.evaluated_get(depsgraph), depsgraph, (96, 72))
    placed, found = splat_objects.all_placed(depsgraph), scene_meshes.of_scene(depsgraph)
    backdrop = (0.1, 0.2, 0.3)
    target = card.types.GPUOffScreen(96, 72, format="RGBA32F")
    painter, stage = gpu_frame.Painter(), gpu_frame.Stage(found)
    for _ in range(2):  # the second time nothing has to be sorted
        with target.bind():
            painter.show(placed, stage, looked, backdrop)
            shown = np.array(card.state.active_framebuffer_get().read_color(0, 0, 96, 72, 4, 0, "FLOAT").to_list())
        assert np.abs(shown.reshape(72, 96, 4) - cpu_renderer.shot(placed, found, looked).over(backdrop)).max() < 0.03


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    """SSIM (Wang et al. 2004) with windows of 8 x 8 pixels, over all channels."""

    def mean(values: np.ndarray) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(values, (8, 8), (0, 1)).mean((-1, -2))

    a, b = first.astype(np.float64), second.astype(np.float64)
    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    index = (2 * ma * mb + 1e-4) * (2 * both + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    return float(index.mean())
