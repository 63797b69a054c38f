"""The validators of Khronos and OpenUSD find nothing wrong with what we write, and they do find what is wrong."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from splat_clouds import cloud

from animcore.errors import InputError
from animcore.files import FORMATS
from animcore.files.animation_curves import FormatOptions
from animcore.files.avatars import open_any_splats
from animcore.files.export_and_verify import export
from animcore.files.scenes import blender_process, gltf

TOOL = Path(__file__).resolve().parents[2] / "tools" / "validate_formats.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("validate_formats", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def faults(tool: ModuleType, judge: str, path: Path) -> list[tuple[str, str, str]]:
    if reason := tool.absence(judge):
        pytest.skip(reason)
    return [issue for issue in tool.JUDGES[judge](path) if issue[0] in tool.BAD]


@pytest.mark.parametrize(("name", "profile"), [("glb", None), ("vrma", None), ("vrma", "VRM")])
def test_khronos_finds_no_fault(tmp_path, tool, name, profile):
    path = tmp_path / ("a" + FORMATS[name].suffix)
    export(tool.performance(), path, FORMATS[name], FormatOptions(profile=profile))
    assert faults(tool, "glTF", path) == []


def test_khronos_finds_no_fault_with_gaussians_but_names_that_it_does_not_know(tmp_path, tool):
    """The validator knows no KHR_gaussian_splatting yet, so it takes the extension's attributes for misspelt ones."""
    open_any_splats.save(cloud(50, degree=1), tmp_path / "a.glb")
    found = faults(tool, "glTF", tmp_path / "a.glb")
    assert {code for _, code, _ in found} == {"MESH_PRIMITIVE_INVALID_ATTRIBUTE"}
    assert all("KHR_gaussian_splatting:" in text for *_, text in found)


def test_khronos_finds_faults_that_are_there(tmp_path, tool):
    export(tool.performance(), tmp_path / "a.vrma", FORMATS["vrma"])
    document = gltf.load(tmp_path / "a.vrma")
    animation = document.part("animations")[0]
    animation["samplers"][0]["input"] = document.add_accessor(np.array([1.0, 0.5]), limits=True)
    document.save(tmp_path / "a.vrma")
    assert "ACCESSOR_ANIMATION_INPUT_NON_INCREASING" in {
        code for _, code, _ in faults(tool, "glTF", tmp_path / "a.vrma")
    }


def test_a_character_out_of_blender_is_without_fault(tmp_path, tool):
    try:
        blender_process.command()
    except InputError as absent:
        pytest.skip(str(absent))
    character = Path(__file__).resolve().parents[2] / "assets" / "character" / "character.blend"
    export(tool.performance(), tmp_path / "a.glb", FORMATS["glb"], FormatOptions(character=character))
    assert faults(tool, "glTF", tmp_path / "a.glb") == []


def test_openusd_finds_no_fault(tmp_path, tool):
    if reason := tool.absence("USD"):
        pytest.skip(reason)
    try:
        export(tool.performance(), tmp_path / "a.usdc", FORMATS["usd"])
    except InputError as absent:
        pytest.skip(str(absent))
    assert faults(tool, "USD", tmp_path / "a.usdc") == []


def test_openusd_finds_faults_that_are_there(tmp_path, tool):
    if reason := tool.absence("USD"):
        pytest.skip(reason)
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.CreateNew(str(tmp_path / "a.usda"))
    UsdGeom.Mesh.Define(stage, "/head")
    stage.Save()
    assert "MissingUpAxisMetadata" in {code for _, code, _ in faults(tool, "USD", tmp_path / "a.usda")}
