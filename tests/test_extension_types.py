"""The plugin of mypy (`tools/mypy_blender.py`) types the extension's properties as the values that Blender has."""

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytest.importorskip("mypy", reason="pip install mypy")
if importlib.util.find_spec("bpy") is None:
    pytest.skip("pip install bpy", allow_module_level=True)

VALUES = {"BOOLEAN": "bool?", "INT": "int?", "FLOAT": "float?", "STRING": "str?"}
# what Blender itself says of each property: class, name, type, whether a flag, what it points to, whether a data-block
REPORT = """
import bpy, json
import blender_addon
from blender_addon import registration

def is_data(name):
    return issubclass(getattr(bpy.types, name, object), bpy.types.ID)

blender_addon.register()
found = []
for cls in registration.CLASSES:
    is_operator = issubclass(cls, bpy.types.Operator)
    rna = getattr(bpy.ops.animcore, cls.bl_idname.split(".")[1]).get_rna_type() if is_operator else cls.bl_rna
    for name, one in rna.properties.items():
        target = one.fixed_type.identifier if one.type in {"POINTER", "COLLECTION"} else ""
        is_flag = one.type == "ENUM" and one.is_enum_flag
        found.append([cls.__name__, name, one.type, is_flag, target, is_data(target)])
blender_addon.unregister()
print("REPORT" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def plugin():
    spec = importlib.util.spec_from_file_location("mypy_blender", ROOT / "tools" / "mypy_blender.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def known():
    """What Blender says of the properties, by class and name."""
    done = subprocess.run([sys.executable, "-c", REPORT], cwd=ROOT, capture_output=True, text=True, check=False)
    line = next((one for one in done.stdout.splitlines() if one.startswith("REPORT")), None)
    assert line is not None, done.stderr
    return {(cls, name): rest for cls, name, *rest in json.loads(line.removeprefix("REPORT"))}


def declared(plugin, path):
    """Yield class, name and the plugin's type of each annotation of a module that is a call."""
    calls = plugin._calls(str(path))
    for cls in [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]:
        for node in cls.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Call):
                yield cls.name, node.target.id, str(plugin._value(calls[node.lineno]))


def expected(kind, is_flag, points_to, is_data):
    if kind == "ENUM":
        return "set?[str?]" if is_flag else "str?"
    if kind == "POINTER":
        return f"bpy.types.{points_to}? | None" if is_data else f"{points_to}?"
    return f"bpy.types.bpy_prop_collection_idprop?[{points_to}?]" if kind == "COLLECTION" else VALUES[kind]


def test_properties_have_the_types_that_blender_has(plugin, known):
    kinds = set()
    for path in sorted((ROOT / "blender_addon").rglob("*.py")):
        for cls, name, text in declared(plugin, path):
            is_base = not any(cls == key[0] for key in known)  # its classes have its properties
            rows = [row for key, row in known.items() if key[1] == name and (is_base or key[0] == cls)]
            assert rows, (cls, name)
            kinds.add(rows[0][0])
            assert text == expected(*rows[0]), (cls, name)
    assert {*VALUES, "ENUM", "POINTER", "COLLECTION"} <= kinds


def test_stubs_do_not_stand_in_the_way_of_the_module():
    spec = importlib.util.find_spec("bpy")
    assert spec is not None
    assert "-stubs" not in str(spec.origin)
