"""The interface in Chinese and Japanese: every button, label and finding has its words, with the same places."""

from __future__ import annotations

import string

import bpy
import pytest

from blender_addon import doctor, operators, panels, translations
from blender_addon.panels import widgets

ENGLISH = {row[0] for row in translations.TABLE}
# whose labels are translated so far; a new panel adds its file here with its rows in the table
OPERATORS = {"character", "deliver", "doctor", "generate", "help", "mapping", "match", "splats", "voice"}
PANELS = {"character", "deliver", "direction", "doctor", "main", "splats", "voice"}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_finding_and_its_button_has_its_words():
    rows = [check for check in doctor.checks().values() if check.sentence != "{message}"]
    assert {check.sentence for check in rows} <= ENGLISH
    assert {check.label for check in rows if check.label} <= ENGLISH


def test_every_button_and_panel_has_its_words():
    classes = [one for one in operators.CLASSES if one.__module__.rpartition(".")[2] in OPERATORS]
    classes += [one for one in panels.CLASSES if one.__module__.rpartition(".")[2] in PANELS]
    assert {one.bl_label for one in classes if hasattr(one, "bl_label")} <= ENGLISH


@pytest.mark.parametrize("row", translations.TABLE, ids=lambda row: row[0][:40])
def test_a_row_keeps_the_places_of_its_values(row):
    assert len(row) == 1 + len(translations.LOCALES)
    assert all(places(text) == places(row[0]) for text in row)
    assert all(text.strip() for text in row)


def test_chinese_and_japanese_wrap_within_the_panel():
    sentence = "形状达不到 0 到 1（3 个：mouthClose）：关键帧会在范围两端被截断。"
    lines = widgets._wrapped(sentence, 24)
    assert "".join(lines).replace(" ", "") == sentence.replace(" ", "")
    assert all(sum(1 + widgets._is_wide(letter) for letter in line) <= 26 for line in lines)
    assert not any(line[0] in "。，：）" for line in lines)
    assert widgets._wrapped("two words", 5) == ["two", "words"]


def test_no_row_stands_twice():
    assert len(ENGLISH) == len(translations.TABLE)


@pytest.mark.parametrize(("language", "expected"), [("zh_HANS", "全部修复"), ("ja_JP", "すべて直す")])
def test_blender_shows_them(language, expected):
    view = bpy.context.preferences.view
    before = view.language
    try:
        view.language = language
    except TypeError:
        pytest.skip("this bpy was built without translations")
    view.use_translate_interface = True
    try:
        assert bpy.app.translations.pgettext_iface("Mend All", "Operator") == expected
        assert "12" in translations.told("The voice begins only after {seconds} seconds of silence.", {"seconds": 12})
    finally:
        view.language = before
