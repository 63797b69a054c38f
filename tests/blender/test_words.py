"""The words of the interface: title case, the field's terms, and the identifiers that files and scripts use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from conftest import ROOT

from animcore.files import FORMATS
from blender_addon import registration
from blender_addon.locale import translations
from blender_addon.takes.viseme_keys import ITEMS as VISEMES

ADDON = [path for path in sorted((ROOT / "blender_addon").rglob("*.py")) if path.parent.name != "locale"]
# words that have another meaning to animators, or none; shared by labels, tooltips, reports and errors
_PRIVATE = re.compile(
    r"\b(graphics cards?|films?|filmed|pictures?|hears?|heard|listened|mend\w*|felt|deliver\w*|anew|somebody|nobody|"
    r"frames a second|put right|stands? still|names say)\b",
    re.IGNORECASE,
)
_SMALL = {"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "per", "the", "to", "with"}
# stored in users' files and used in their scripts: a label may change, these may not
_OPERATORS = """add_character use_selected match forget_match list_tracks assign_track mirror_track forget_corrections
    preview_track save_profile pick_audio use_strips inspect examine mend mend_all generate cancel heed_escape add_part
    remove_part generate_dialogue listen stop_listening emotion_sheet show_take compare_takes rename_take bake_take
    film_take delete_take run_again retime polish reset_polish drop_edits mirror_take key_viseme show_curves
    add_hybrid_head add_splats attach_splats toggle_carrier own_splats render_side_by_side capture_head fit_head
    list_batch import_lines export_edits pick_folder deliver copy_report open_log dismiss check_engine clear_cache"""
_SETTINGS = """source character collection strips speaker sound_track sound_channel transcript_text transcript_file
    track_shape track_bone voice_from offset scope use_markers transition cast cast_row show_waveform audio start_frame
    add_sound batch_folder deliver_folder deliver_formats keep_edits take_before take_row polish_region seed emotion
    emotion_intensity intensity lips jaw tongue brows cheeks blinks gaze head body hands still_legs face_model
    gesture_model look_at variant style"""
_POLISH = "keys_per_second key_kind edits edits_mode lips_smoothing lips_exaggeration lips_offset"
_CAPTURE = "folder cameras faces size samples engine gaussians steps"


def own_properties(cls: type) -> Iterator[bpy.types.Property]:
    """The properties that a class itself has, without hidden ones."""
    own = {name for base in cls.__mro__ for name in vars(base).get("__annotations__", {})}
    rna = cls.bl_rna
    if issubclass(cls, bpy.types.Operator):
        rna = getattr(bpy.ops.animcore, cls.bl_idname.partition(".")[2]).get_rna_type()
    return (one for one in rna.properties if one.identifier in own and not one.is_hidden)


def labels() -> Iterator[str]:
    """Labels of classes, properties and their choices."""
    for cls in registration.CLASSES:
        yield getattr(cls, "bl_label", "")
        for one in own_properties(cls):
            if one.name != one.identifier:
                yield one.name
            if one.type == "ENUM":
                yield from (item.name for item in one.enum_items)


def tooltips() -> Iterator[str]:
    """Tooltips of classes, properties and their choices."""
    for cls in registration.CLASSES:
        yield getattr(cls, "bl_description", "")
        for one in own_properties(cls):
            yield one.description
            if one.type == "ENUM":
                yield from (item.description for item in one.enum_items)


def sentences(path: Path) -> Iterator[str]:
    """Texts of a module that may be shown: all with a space that are neither docstrings nor parts of code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    hidden = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in hidden:
            shown = " " in node.value.strip() and not re.search(r"\n|\\", node.value)  # no shader, no pattern
            yield re.sub(r"\{.*?\}", "", node.value) if shown else ""


def in_title_case(label: str) -> bool:
    words = re.findall(r"[A-Za-z][\w'./-]*", re.sub(r"\(.*\)", "", label))
    return len(words) <= 4 and all(word[0].isupper() or word in _SMALL for word in words)


def test_labels_are_in_title_case():
    names = {item[1] for item in VISEMES} | {form.title for form in FORMATS.values()}
    assert [label for label in {*labels()} - names if not in_title_case(label)] == []


def test_a_tooltip_is_one_plain_sentence_without_a_full_stop():
    wrong = [text for text in tooltips() if text and (text.endswith(".") or ". " in text or not text[0].isupper())]
    assert [text for text in wrong if not text.startswith("*.")] == []


def test_labels_and_tooltips_use_the_terms_of_the_field():
    assert [text for text in (*labels(), *tooltips()) if _PRIVATE.search(text)] == []


@pytest.mark.parametrize("path", ADDON, ids=lambda path: path.stem)
def test_sentences_use_the_terms_of_the_field(path):
    assert [text for text in sentences(path) if _PRIVATE.search(text)] == []


def test_translated_labels_have_no_private_terms():
    assert [row[0] for row in translations.TABLE if _PRIVATE.search(re.sub(r"\{.*?\}", "", row[0]))] == []


def test_scripts_and_saved_files_find_the_identifiers_of_0_1():
    scene, action = bpy.context.scene, bpy.data.actions.new("Polished")
    present = {cls.bl_idname for cls in registration.CLASSES if issubclass(cls, bpy.types.Operator)}
    assert [name for name in _OPERATORS.split() if f"animcore.{name}" not in present] == []
    for names, group in ((_SETTINGS, scene.animcore), (_CAPTURE, scene.animcore_capture), (_POLISH, action.animcore)):
        assert set(names.split()) - set(group.bl_rna.properties.keys()) == set()
