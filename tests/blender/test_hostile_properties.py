"""Custom properties that somebody else has written break no panel and no operator, whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from conftest import armature, generate, head, settings

from blender_addon import ui
from blender_addon.character import body_bones, corrections, face_maps, rig_reader
from blender_addon.errors import AddonError
from blender_addon.performance import session, take_actions
from blender_addon.scene import fcurves, sequencer, temporary_settings, temporary_values
from blender_addon.splats.scene import texture_drivers
from blender_addon.takes import library, polish, record

NAMES = [cls.bl_idname.partition(".")[2] for cls in ui.OPERATORS]
DEEP = "[" * 100_000
# what Blender keeps under a name: every kind of it, and texts that claim to be what we write
ANYTHING: tuple[Any, ...] = (
    True, -1, 0, 2**31 - 1, 0.5, 1e308, float("nan"), float("-inf"), "", "x", "é" * 70, "{", "[]", "null", "1", "NaN",
    '"x"', "{}",
    DEEP, '{"a":' * 50_000, "x" * 1_000_000, b"", b"\n", b"{}", b"\xff\x00\xfe", b"{}\n" + bytes(40), [1, 2], [0, 0],
    [24, 0], [-1], [0.5, float("nan")], ["a", "b"], {"a": 1}, {"fps": [1, 0]}, {"a": {"b": [1]}}, [{"a": 1}, {"b": 2}],
)  # fmt: skip
PIECES: tuple[Any, ...] = (None, True, -1, 0, 10**30, 1e308, float("nan"), "", "x", [], [0, 0], [[]], {}, {"a": None})
# what makes use of them: quickly, and without taking away what the next one is tried on
USES = {
    "show_take": {}, "compare_takes": {}, "rename_take": {"name": "A"}, "run_again": {}, "retime": {},
    "mirror_take": {},
    "polish": {}, "drop_edits": {}, "reset_polish": {}, "show_curves": {}, "key_viseme": {}, "list_tracks": {},
    "assign_track": {"track": "jawOpen", "target": ""}, "mirror_track": {"track": "jawOpen"},
    "preview_track": {"track": ""}, "examine": {}, "mend_all": {}, "bake_take": {},
}  # fmt: skip


class Layout:
    """Stands for Blender's layout: takes everything that a panel draws, and looks up what it draws."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **words: Layout()

    def prop(self, owner: Any, name: str, **_words: Any) -> None:
        getattr(owner, name)


class Window:
    """The context that a sidebar is drawn in."""

    region = SimpleNamespace(width=300)
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))

    def __getattr__(self, name: str) -> Any:
        return getattr(bpy.context, name)


@pytest.fixture
def scene(voice, monkeypatch) -> bpy.types.Scene:
    """A character with a take, its sound, a bone with Rigify's switch, and a list of its own."""
    mesh = head()
    rig = armature({"head": ((0, 0, 0), (0, 0, 1), 0.0), "hand": ((0, 0, 1), (0, 0, 2), 0.0)})
    mesh.parent = rig
    rig.pose.bones["hand"][body_bones._SWITCH] = 1.0
    corrections.store(rig, corrections.Corrections({"jawOpen": "mouthFunnel"}))
    outcome = generate(rig, voice(seconds=0.1))
    assert not outcome.failed, outcome.message
    monkeypatch.setattr(session.session.jobs, "begin", no_engine)
    bpy.context.scene.render.fps = 30  # so that there is something to retime
    return bpy.context.scene


def no_engine(*_args: Any) -> None:
    raise AddonError("The engine is not asked here.")


def owned() -> dict[str, tuple[Any, str]]:
    """Every custom property that the extension reads: by its name, whose it is and what it is called."""
    rig, scene = settings().character, bpy.context.scene
    mesh = rig.children[0]
    actions = [one for one in bpy.data.actions if fcurves.TAKE in one]
    action = next(one for one in actions if fcurves.is_made_for(one, mesh.data.shape_keys))
    of_action = (
        fcurves.TAKE,
        fcurves.TAKE_ID,
        fcurves.SETTINGS,
        fcurves.RATE,
        fcurves.OWNER,
        fcurves.OWNER_NAME,
        record.PROPERTY,
    )
    (strip,) = sequencer.own_strips(scene)
    return {
        **{name: (action, name) for name in of_action},
        "mark of the shapes": (mesh.data.shape_keys, fcurves.OWNER),
        "mark of the rig": (rig, fcurves.OWNER),
        "corrections": (rig, corrections.PROPERTY),
        "map": (rig, face_maps.PROPERTY),
        "default character": (rig, rig_reader.MARK),
        "switch": (rig.pose.bones["hand"], body_bones._SWITCH),
        "strip": (strip, sequencer.MARK),
        "texture": (mesh, texture_drivers.DETAIL.format(0)),
        "note": (mesh.data.shape_keys, temporary_values.NOTE),
        "copy": (scene, temporary_settings._MARK),
    }


def put(owner: Any, name: str, value: Any) -> bool:
    """Write a property, where Blender can keep such a value."""
    if name in owner:
        del owner[name]
    try:
        owner[name] = value
    except (TypeError, OverflowError, ValueError):
        return False
    return True


def broken(scene: bpy.types.Scene, uses: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Draw every panel, poll every operator and press some; gives what went wrong."""
    session.session.character = session.session.findings = session.session.outcome = None
    library._seen.clear()
    library._drawn = None
    for cls in ui.PANELS:
        try:
            shown = not hasattr(cls, "poll") or cls.poll(bpy.context)
            if shown and issubclass(cls, bpy.types.Panel):
                cls.draw(SimpleNamespace(layout=Layout(), bl_label=cls.bl_label), Window())
        except Exception as error:
            yield f"{cls.__name__}: {type(error).__name__}: {error}"[:200]
    for name in NAMES:
        try:
            getattr(bpy.ops.animcore, name).poll()
        except Exception as error:
            yield f"poll of {name}: {type(error).__name__}: {error}"[:200]
    for name, values in uses.items():
        operator = getattr(bpy.ops.animcore, name)
        try:
            if operator.poll():
                operator(**values)
        except RuntimeError as error:
            if "Unexpected error" in str(error) or "Traceback" in str(error):
                yield f"{name}: {error}"[:300]


def tried(scene: bpy.types.Scene, label: str, value: Any, uses: dict[str, dict[str, Any]]) -> set[str]:
    """What breaks where a property has another value; it has its own again afterwards."""
    owner, name = owned()[label]
    before = owner.get(name)
    before = before.to_list() if hasattr(before, "to_list") else before
    if not put(owner, name, value):
        return set()
    found = set(broken(scene, uses))
    if name in owner:
        del owner[name]
    if before is not None:
        owner[name] = before
    return found


LABELS = (
    fcurves.TAKE, fcurves.TAKE_ID, fcurves.SETTINGS, fcurves.RATE, fcurves.OWNER, fcurves.OWNER_NAME, record.PROPERTY,
    "mark of the shapes", "mark of the rig", "corrections", "map", "default character", "switch", "strip", "texture",
    "note", "copy",
)  # fmt: skip


def test_panels_are_drawn_and_operators_asked_whatever_it_is(scene):
    wrong = {}
    for label in LABELS:
        for value in ANYTHING:
            if found := tried(scene, label, value, {}):
                wrong[label, repr(value)[:40]] = found
    assert wrong == {}


def test_operators_work_or_say_one_sentence(scene):
    """Each property has another value of the list than the one before it."""
    wrong = {}
    for number, label in enumerate(LABELS):
        value = ANYTHING[7 * number % len(ANYTHING)]
        if found := tried(scene, label, value, USES):
            wrong[label, repr(value)[:40]] = found
    assert wrong == {}


def damaged(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each part of an object in the place of another kind, and without it."""
    for name, part in whole.items():
        yield {key: value for key, value in whole.items() if key != name}
        yield from ({**whole, name: piece} for piece in PIECES)
        if isinstance(part, dict):
            yield from ({**whole, name: inner} for inner in damaged(part))
        if isinstance(part, list) and part:
            yield from ({**whole, name: [piece, *part[1:]]} for piece in PIECES)


def test_what_a_take_was_asked_with_is_read_whatever_of_it_is_damaged(scene, monkeypatch):
    action, name = owned()[fcurves.SETTINGS]
    whole = json.loads(action[name])
    assert {"audio", "direction", "fps"} <= whole.keys()
    del action[fcurves.RATE]
    asked = []
    monkeypatch.setattr(session, "order_again", lambda *given: asked.append(given))
    wrong = {}
    for changed in damaged(whole):
        action[name] = json.dumps(changed)
        try:
            assert fcurves.stored_rate(action) is None or fcurves.stored_rate(action) > 0
            take_actions.run_again(scene, library.find(scene), another=True)
        except AddonError:
            continue
        except Exception as error:
            wrong[action[name][:100]] = repr(error)
    assert wrong == {}
    assert len(asked) > 20


def test_what_is_kept_of_the_curves_is_read_or_refused(scene):
    action, name = owned()[record.PROPERTY]
    head_line, _, rest = action[name].partition(b"\n")
    whole = json.loads(head_line)
    whole["curves"] = whole["curves"][:2]  # the others are of the same kind
    wrong = []
    for changed in damaged(whole):
        data = json.dumps(changed).encode() + b"\n" + rest
        try:
            record.Record.unpacked(data)
        except AddonError:
            continue
        except Exception as error:
            wrong.append((data[:100], repr(error)))
    assert wrong == []
    curves = json.loads(head_line)["curves"]
    for place, piece in ((place, piece) for place in range(7) for piece in PIECES):
        curves[0] = [*curves[0][:place], piece, *curves[0][place + 1 :]]
        data = json.dumps({**json.loads(head_line), "curves": curves}).encode() + b"\n" + rest
        try:
            found = record.Record.unpacked(data)
        except AddonError:
            continue
        finally:
            curves[0] = json.loads(head_line)["curves"][0]
        assert isinstance(found.curves[0].path, str)
        found.composed(polish.settings_of(action))


def test_a_note_or_a_mark_of_somebody_else_stops_no_file(scene):
    mesh = settings().character.children[0]
    paths = [["name", 0, 1.0], ['key_blocks["jawOpen"].value', 0, "x"], ["no.such", 0, 1], [1, 2], "x", [None] * 3]
    for value in [*ANYTHING, *(json.dumps([path]) for path in paths)]:
        if put(mesh.data.shape_keys, temporary_values.NOTE, value):
            temporary_values.heal()
            assert temporary_values.NOTE not in mesh.data.shape_keys
