"""Properties are orders and not motion: none can be animated by mistake, and each says what it is."""

from __future__ import annotations

import bpy
import pytest
from conftest import ROOT

from blender_addon import preferences, properties, registration, ui

GROUPS = [cls for cls in registration.CLASSES if issubclass(cls, bpy.types.PropertyGroup)]
DOCS = (ROOT / "docs" / "animators" / "scripting.md").read_text(encoding="utf-8")


def own(rna: bpy.types.Struct) -> list[bpy.types.Property]:
    return [one for one in rna.properties if one.identifier not in ("rna_type", "name", "bl_idname")]


@pytest.mark.parametrize("cls", GROUPS, ids=lambda cls: cls.__name__)
def test_no_property_can_be_animated_which_the_docs_say(cls):
    found = [
        one.identifier for one in own(cls.bl_rna) if one.is_animatable and one.type not in ("POINTER", "COLLECTION")
    ]
    assert found == []
    assert "None of the properties is animatable" in DOCS.replace("\n", " ")


@pytest.mark.parametrize("cls", [*GROUPS, preferences.AnimcorePreferences], ids=lambda cls: cls.__name__)
def test_every_property_says_what_it_is(cls):
    told = {one.identifier for one in own(cls.bl_rna) if one.description}
    settings = {one.identifier for one in own(cls.bl_rna)} - {"cast"}
    assert sorted(settings - told) == []


@pytest.mark.parametrize("cls", ui.OPERATORS, ids=lambda cls: cls.bl_idname)
def test_every_operator_says_what_it_does_and_is_called_from_python(cls):
    rna = getattr(bpy.ops.animcore, cls.bl_idname.partition(".")[2]).get_rna_type()
    assert rna.description.strip(" .")


def test_what_changes_the_scene_is_one_step_of_undo():
    """Operators that write at once undo by themselves; those that wait for the engine push their step with the keys."""
    waits = {"generate", "generate_dialogue", "run_again", "match", "deliver", "inspect", "examine", "check_engine",
             "cancel", "copy_report", "open_log", "dismiss", "clear_cache", "film_take", "listen", "stop_listening",
             "emotion_sheet", "list_tracks", "preview_track", "save_profile", "show_curves", "forget_match",
             "render_side_by_side", "heed_escape", "capture_head", "fit_head", "add_hybrid_head",
                 "list_batch", "export_edits", "take_from_video"}  # fmt: skip
    silent = {cls.bl_idname.partition(".")[2] for cls in ui.OPERATORS if "UNDO" not in cls.bl_options}
    assert silent <= waits


def test_settings_survive_a_copy_of_the_scene():
    settings = bpy.context.scene.animcore
    settings.seed, settings.transition = 5, "blend"
    settings.cast.add().channel = 4
    bpy.ops.scene.new(type="FULL_COPY")
    copied = properties.of(bpy.context.scene)
    assert (copied.seed, copied.transition, copied.cast[0].channel) == (5, "blend", 4)
