"""A take becomes a film, and the scene's output settings stay as they are."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from conftest import generate, head

from animcore.provenance import verification
from blender_addon.performance import video_render
from blender_addon.takes import library


@pytest.fixture
def scene(voice) -> bpy.types.Scene:
    made = bpy.context.scene
    made.render.fps = 25
    outcome = generate(head(), voice(seconds=0.2))
    assert not outcome.failed, outcome.message
    made.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    made.collection.objects.link(made.camera)
    made.render.engine, made.cycles.samples = "CYCLES", 1
    made.render.resolution_x = made.render.resolution_y = 32
    made.render.resolution_percentage = 100
    return made


def output(scene):
    pictures, film = scene.render.image_settings, scene.render.ffmpeg
    return (scene.frame_start, scene.frame_end, scene.render.filepath, pictures.file_format, film.format, film.codec)


def test_a_take_becomes_a_film_and_the_settings_stay(scene, tmp_path):
    before = output(scene)
    bpy.ops.animcore.film_take(filepath=str(tmp_path / "take.mp4"))
    film = tmp_path / "take.mp4"
    assert film.read_bytes()[4:8] == b"ftyp"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".mp4"] == ["take.mp4"]
    assert output(scene) == before
    verdict = verification.verify(film)
    assert verdict.state in ("trusted", "unsigned")  # by whether this Blender has the C2PA library
    assert verdict.origin.source_type == "compositeWithTrainedAlgorithmicMedia"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda scene: setattr(scene, "camera", None), "no camera"),
        (lambda scene: setattr(scene.render, "resolution_x", 33), "even number"),
    ],
)
def test_what_cannot_be_filmed_says_so_and_changes_nothing(scene, tmp_path, spoil, sentence):
    spoil(scene)
    before = output(scene)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.animcore.film_take(filepath=str(tmp_path / "take.mp4"))
    assert output(scene) == before
    assert not (tmp_path / "take.mp4").exists()


def test_a_film_that_is_left_leaves_nothing(scene, tmp_path):
    before = output(scene)
    shooting = video_render.begin(scene, library.find(scene), tmp_path / "take.mp4")
    assert output(scene) == before
    (copy,) = (one for one in bpy.data.scenes if one != scene)
    assert output(copy)[2:4] == (str(shooting.part), "FFMPEG")
    shooting.part.write_bytes(b"half")
    shooting.end(whole=False)
    assert output(scene) == before
    assert list(bpy.data.scenes) == [scene]
    assert not list(Path(tmp_path).glob("*.part*"))
