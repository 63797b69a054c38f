"""The interface in Chinese and Japanese: everything that it shows has its words, with the same places for values."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from conftest import ROOT

from animcore.files import FORMATS
from blender_addon import registration
from blender_addon.doctor import examination
from blender_addon.locale import translations
from blender_addon.takes.viseme_keys import ITEMS as VISEMES
from blender_addon.ui.shared import widgets

ENGLISH = {row[0] for row in translations.TABLE}
ADDON = sorted((ROOT / "blender_addon").rglob("*.py"))
# what is called the same in every language: names of formats, visemes and programs, and signs
NAMES = {form.title for form in FORMATS.values()} | {item[1] for item in VISEMES} | {"A/B", "Animcore", "?", ""}
_DRAWN = {"label", "operator", "prop", "text", "progress", "menu", "prop_search"}  # calls whose text is shown


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def properties_of(cls: type) -> Iterator[bpy.types.Property]:
    """The properties that a class itself has."""
    annotated = {name for base in cls.__mro__ for name in vars(base).get("__annotations__", {})}
    own = {name for name in annotated if not name.startswith("bl_")}  # typed settings of a class are no properties
    rna = cls.bl_rna
    if issubclass(cls, bpy.types.Operator):
        rna = getattr(bpy.ops.animcore, cls.bl_idname.partition(".")[2]).get_rna_type()
    return (one for one in rna.properties if one.identifier in own and not one.is_hidden)


def labels() -> set[str]:
    """Labels of all classes, of their properties and of the choices of these."""
    found = set()
    for cls in registration.CLASSES:
        found.add(getattr(cls, "bl_label", ""))
        for one in properties_of(cls):
            if one.name != one.identifier:  # such as filter_glob: Blender's own, never shown
                found.add(one.name)
            if one.type == "ENUM":
                found |= {item.name for item in one.enum_items}
    return found


def literals(path: Path) -> Iterator[str]:
    """Texts that panels and preferences show, and reasons for which a button is grey."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name == "poll_message_set" or (name == "text" and len(node.args) > 1):
            yield from texts_in(node.args[-1] if name == "poll_message_set" else node.args[1])
        if name in _DRAWN and not any(word.arg == "translate" for word in node.keywords):
            yield from (text for word in node.keywords if word.arg == "text" for text in texts_in(word.value))


def texts_in(node: ast.AST) -> Iterator[str]:
    """The texts that an expression may be: it itself, or one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts_in(node.body)
        yield from texts_in(node.orelse)


def reasons(path: Path) -> Iterator[str]:
    """What functions called `disabled_reason` return."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "disabled_reason":
            returned = (one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value)
            yield from (text for one in returned for text in texts_in(one))


def test_every_finding_and_its_button_has_its_words():
    rows = [check for check in examination.checks().values() if check.sentence != "{message}"]
    assert {check.sentence for check in rows} <= ENGLISH
    assert {check.label for check in rows if check.label} <= ENGLISH


def test_every_label_of_the_extension_has_its_words_or_is_a_name():
    assert sorted(labels() - ENGLISH - NAMES) == []


@pytest.mark.parametrize("path", ADDON, ids=lambda path: path.stem)
def test_every_text_that_is_drawn_has_its_words(path):
    assert sorted({*literals(path), *reasons(path)} - ENGLISH - NAMES) == []


def test_the_search_for_texts_finds_them():
    found = {text for path in ADDON for text in (*literals(path), *reasons(path))}
    assert {
        "Analyzing the audio ...",
        "No takes yet: press Generate.",
        "Choose a character first",
        "End Preview",
    } <= found
    assert {"Keys per Second", "Another Take", "Hold", "Generate Dialogue"} <= labels()


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


@pytest.mark.parametrize(("language", "expected"), [("zh_HANS", "全部修复"), ("ja_JP", "すべて修正")])
def test_blender_shows_them(language, expected):
    view = bpy.context.preferences.view
    before = view.language
    try:
        view.language = language
    except TypeError:
        pytest.skip("this bpy was built without translations")
    view.use_translate_interface = True
    try:
        assert bpy.app.translations.pgettext_iface("Fix All", "Operator") == expected
        assert translations.spoken("The engine is busy.") == translations.spoken("The engine is busy") + "。"
        assert translations.spoken("No takes yet: press Generate.") != "No takes yet: press Generate."
        assert translations.spoken("Nobody wrote this.") == "Nobody wrote this."
        assert "12" in translations.told("The speech starts after {seconds} seconds of silence.", {"seconds": 12})
    finally:
        view.language = before
