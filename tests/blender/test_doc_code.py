"""Code in the docs that needs Blender: short pages run, and every operator and property of all of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import bpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("animators/scripting.md", "studios/blender.md", "vfx/capture.md", "vfx/splat_preview.md")


def code_of(page: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


@pytest.mark.parametrize("page", ["animators/scripting.md", "studios/blender.md"])
def test_a_take_is_generated_as_the_page_writes(page, voice, tmp_path):
    bpy.ops.mesh.primitive_cube_add()
    head = bpy.context.object
    head.name = "Hero Rig"
    head.shape_key_add(name="Basis")
    for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthClose"):
        head.shape_key_add(name=name)
    code = code_of(page).replace("/voices/line_0042.wav", voice().as_posix())
    exec(code.replace("/shots/", f"{tmp_path.as_posix()}/"), {})
    assert head.data.shape_keys.animation_data.action is not None
    assert (tmp_path / "line_0042.blend").exists() == ("line_0042.blend" in code)


def strange(code: str) -> list[str]:
    """Operators, their arguments and properties of the extension that code uses and that do not exist."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("bpy.ops.animcore."):
            try:
                known = getattr(bpy.ops.animcore, node.func.attr).get_rna_type().properties.keys()
            except KeyError:
                found.append(node.func.attr)
                continue
            found += [str(word.arg) for word in node.keywords if word.arg not in known]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("scene.animcore"):
            found += [] if node.attr in bpy.context.scene.animcore.bl_rna.properties else [node.attr]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_operators_and_properties_of_the_page_exist(page):
    assert strange(code_of(page)) == []


def test_code_with_what_is_gone_is_found():
    code = (
        "bpy.ops.animcore.no_such(); bpy.ops.animcore.generate(no_word=1); bpy.context.scene.animcore.no_property = 1"
    )
    assert sorted(strange(code)) == ["no_property", "no_such", "no_word"]
