"""Every operator in every state of a scene: it says in one sentence why it cannot be pressed or what went wrong."""

from __future__ import annotations

import bpy
import pytest
from conftest import generate, head, settings

from blender_addon import ui
from blender_addon.performance import session

NAMES = [cls.bl_idname.partition(".")[2] for cls in ui.OPERATORS]
# what needs values to do anything: the least of them
VALUES = {
    "mend": {"finding": "no such finding"},
    "assign_track": {"track": "jawOpen", "target": "no such shape"},
    "mirror_track": {"track": "jawOpen"},
    "preview_track": {"track": "jawOpen"},
    "save_profile": {"name": ""},
    "rename_take": {"name": ""},
    "film_take": {"filepath": "/nowhere/at/all.mp4"},
    "emotion_sheet": {},
    "pick_audio": {"filepath": "/nowhere/at/all.wav"},
    "pick_folder": {"directory": "/nowhere/at/all/"},
}
WAITS = {"emotion_sheet", "film_take", "listen"}  # these render or hear: each has a test file of its own


def nothing(_voice) -> None:
    """An empty scene."""


def character(_voice) -> None:
    """A character, and nothing else."""
    settings().character = head()


def lost(voice) -> None:
    """A character with a take, whose voice is gone since."""
    face = head()
    path = voice()
    generate(face, path)
    path.unlink()


def deleted(voice) -> None:
    """A take whose character was deleted."""
    face = head()
    generate(face, voice())
    bpy.data.objects.remove(face)


@pytest.mark.parametrize("state", [nothing, character, lost, deleted], ids=lambda state: state.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_it_is_grey_or_works_or_says_one_sentence(name, state, voice):
    state(voice)
    operator = getattr(bpy.ops.animcore, name)
    if not operator.poll():
        with pytest.raises(RuntimeError, match="poll"):
            operator()
        return
    if name in WAITS:
        return
    try:
        assert operator(**VALUES.get(name, {})) <= {"FINISHED", "CANCELLED"}
    except RuntimeError as error:
        sentence = str(error).removeprefix("Error: ").strip().splitlines()[0]
        assert "Unexpected error" not in sentence
        assert sentence.endswith("."), sentence
        assert len(sentence) < 700  # the longest one lists what the doctor knows


@pytest.mark.parametrize("name", ["generate", "generate_dialogue", "delete_take", "mend_all", "deliver", "run_again"])
def test_nothing_is_begun_while_something_is_made(name, voice):
    face = head()
    generate(face, voice())
    settings().audio = str(voice("hang.wav"))
    session.order_take(bpy.context.scene)
    assert not getattr(bpy.ops.animcore, name).poll()
    session.session.reset()


def test_a_failure_leaves_a_report_to_copy(voice):
    face = head()
    with pytest.raises(RuntimeError, match="stopped in the middle"):
        generate(face, voice("die.wav"))
    from blender_addon.ui.performance.engine_help_operators import report_text

    assert session.session.outcome.failed
    text = report_text()
    assert "stopped in the middle" in text
    assert bpy.app.version_string in text
    assert "a last word" in text
