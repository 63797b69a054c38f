"""Take from Video: the person in a video is tracked by the engine, and the character does what it did."""

from __future__ import annotations

import bpy
import pytest
from conftest import head, settings

from blender_addon.performance import film_take, session
from blender_addon.scene import fcurves
from blender_addon.takes import library


def chosen() -> bpy.types.Object:
    face = head()
    settings().source, settings().character, settings().start_frame = "OBJECT", face, 7
    return face


def test_a_video_becomes_keys_of_a_take_that_knows_where_it_is_from(voice):
    face = chosen()
    film = voice("anna")  # the stand-in for the engine looks at the name alone
    assert bpy.ops.animcore.take_from_video(filepath=str(film), part="both") == {"FINISHED"}
    assert not session.session.outcome.failed, session.session.outcome.message
    curves = fcurves.current_curves(face.data.shape_keys)
    assert len(curves) == 52
    assert min(curve.keyframe_points[0].co[0] for curve in curves) == 7
    assert library.find(bpy.context.scene).name == film.stem
    assert bpy.ops.animcore.run_again(another=False) == {"FINISHED"}, "its settings are kept"
    assert not session.session.outcome.failed, session.session.outcome.message


def test_reasons_and_sentences(voice, tmp_path):
    settings().character = None
    assert film_take.disabled_reason(bpy.context.scene) == "Choose a character first, or add the default one"
    assert not bpy.ops.animcore.take_from_video.poll()
    chosen()
    assert film_take.disabled_reason(bpy.context.scene) == ""
    with pytest.raises(RuntimeError, match="choose a video"):
        bpy.ops.animcore.take_from_video(filepath=str(tmp_path / "gone.mp4"))
