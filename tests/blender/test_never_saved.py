"""What stands in a scene or on a character for a while is in no file that is saved meanwhile, nor in a step of undo."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import av
import bpy
import numpy as np
import pytest
from conftest import ROOT, generate, head, settings

from blender_addon.character import track_list
from blender_addon.performance import live_session, video_render
from blender_addon.scene import temporary_settings, temporary_values
from blender_addon.splats.render import preview_engine, side_by_side
from blender_addon.takes import library

LINE = ROOT / "assets" / "voices" / "line.flac"
OWN = {"frame_start": 3, "frame_end": 77, "frame_step": 2}


@pytest.fixture
def scene() -> bpy.types.Scene:
    """A small scene with settings of its own and a character, whose shapes have values of their own."""
    made = bpy.context.scene
    settings().character = head()
    block("jawOpen").value = 0.25
    made.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    made.camera.location = (0.5, 0.5, 4.0)
    made.collection.objects.link(made.camera)
    made.render.engine, made.cycles.samples, made.render.fps = "CYCLES", 1, 25
    made.render.resolution_x = made.render.resolution_y = 16
    made.render.filepath = "//mine"
    for name, value in OWN.items():
        setattr(made, name, value)
    made.frame_set(7)
    return made


def block(name: str) -> bpy.types.ShapeKey:
    return settings().character.data.shape_keys.key_blocks[name]


def state() -> tuple:
    """What must be in every file, as it is in the file that is open."""
    made, render = bpy.context.scene, bpy.context.scene.render
    return (
        [one.name for one in bpy.data.scenes], [getattr(made, name) for name in OWN], made.frame_current,
        render.engine, render.filepath, render.resolution_y, render.use_stamp, render.image_settings.file_format,
        render.image_settings.color_mode, render.ffmpeg.codec, sorted(action.name for action in bpy.data.actions),
        [round(one.value, 4) for one in settings().character.data.shape_keys.key_blocks],
        [temporary_values.NOTE in one for one in (*bpy.data.shape_keys, *bpy.data.objects)],
    )  # fmt: skip


def saved(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)


@contextmanager
def saved_while_rendering(path: Path):
    """As add-ons do that save whenever a picture is begun; gives the frames of the pictures."""
    frames = []

    def save(rendered, *_args):
        frames.append(rendered.frame_current)
        if len(frames) < 3:
            saved(path)

    bpy.app.handlers.render_pre.append(save)
    try:
        yield frames
    finally:
        bpy.app.handlers.render_pre.remove(save)


def opened(path: Path) -> tuple:
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return state()


def test_a_film(scene, voice, tmp_path):
    scene.render.engine = preview_engine.NAME
    assert not generate(settings().character, voice(seconds=0.2)).failed
    before = state()
    with saved_while_rendering(tmp_path / "meanwhile.blend"):
        bpy.ops.animcore.film_take(filepath=str(tmp_path / "take.mp4"))
    assert (tmp_path / "take.mp4").is_file()
    assert state() == before
    assert opened(tmp_path / "meanwhile.blend") == before


def test_a_film_has_the_sound_and_all_frames_of_its_take(scene, tmp_path):
    scene.render.engine = preview_engine.NAME
    assert not generate(settings().character, LINE).failed
    take = library.find(scene)
    count = round(max(action.frame_range[1] for action in take.actions)) - scene.animcore.start_frame + 1
    bpy.ops.animcore.film_take(filepath=str(tmp_path / "take.mp4"))
    with av.open(str(tmp_path / "take.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == count
    with av.open(str(tmp_path / "take.mp4")) as film:
        assert max(float(np.abs(one.to_ndarray()).max()) for one in film.decode(audio=0)) > 0.05


def test_two_engines_side_by_side(scene, tmp_path):
    before = state()
    with saved_while_rendering(tmp_path / "meanwhile.blend"):
        bpy.ops.animcore.render_side_by_side(filepath=str(tmp_path / "pair.png"))
    assert state() == before
    assert opened(tmp_path / "meanwhile.blend") == before


def test_both_halves_show_the_frame_of_the_button(scene, tmp_path):
    """The user goes on to another frame between the two pictures."""
    seen = []
    pair = side_by_side.begin(scene, tmp_path / "pair.png")
    while pair.more:
        (copy,) = (one for one in bpy.data.scenes if one != scene)
        pair.render_next()
        seen.append((copy.frame_current, scene.frame_current))
        scene.frame_set(scene.frame_current + 1)
    assert seen == [(7, 7), (7, 8)]
    assert pair.end() is not None
    assert (list(bpy.data.scenes), scene.frame_current) == ([scene], 9)


def speaks(scene) -> live_session.Stage:
    """The character as a voice at the microphone moves it."""
    stage = live_session.Stage(scene)
    shapes = np.zeros(52)
    shapes[:] = 0.6
    stage.show({"arkit": shapes.tolist(), "tongue": [0.0] * 16, "jaw_pose": [0.0, 0.0, 0.0]})
    return stage


def tries_out(_scene) -> None:
    bpy.ops.animcore.preview_track(track="jawOpen", weight=0.8)


@pytest.mark.parametrize("shown", [speaks, tries_out])
def test_a_face_that_is_shown_for_a_while(scene, tmp_path, shown):
    before = state()
    _held = shown(scene)
    during = state()
    assert during != before
    saved(tmp_path / "meanwhile.blend")
    assert state() == during
    assert opened(tmp_path / "meanwhile.blend") == before


@pytest.mark.parametrize("shown", [speaks, tries_out])
def test_what_blender_saves_by_itself_is_put_right_when_it_is_opened(scene, tmp_path, shown):
    """An autosave calls nobody."""
    before = state()
    _held = shown(scene)
    temporary_values.stop()
    saved(tmp_path / "autosave.blend")
    temporary_values.start()
    assert opened(tmp_path / "autosave.blend") == before


def test_a_save_that_fails_leaves_the_face_as_it_was(scene, tmp_path):
    tries_out(scene)
    with pytest.raises(RuntimeError):
        saved(tmp_path / "no such folder" / "a.blend")
    assert block("jawOpen").value == pytest.approx(0.8)


def test_a_step_of_undo_brings_none_of_it_back(scene, tmp_path):
    before = state()
    bpy.ops.ed.undo_push(message="before")
    copy = temporary_settings.add(scene, video_render.NAME)
    tries_out(scene)
    bpy.ops.ed.undo_push(message="meanwhile")
    temporary_settings.remove(copy.session_uid)
    track_list.end_preview()
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    assert state() == before


def test_a_copy_has_a_compositor_of_its_own(scene):
    if not hasattr(scene, "compositing_node_group"):
        pytest.skip("before Blender 5.0 a scene's copy has its own nodes")
    scene.compositing_node_group = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
    node = scene.compositing_node_group.nodes.new("CompositorNodeRLayers")
    copy = temporary_settings.add(scene, video_render.NAME)
    assert [one.scene for one in copy.compositing_node_group.nodes] == [copy]
    temporary_settings.remove(copy.session_uid)
    assert (node.scene, len(bpy.data.node_groups)) == (scene, 1)
