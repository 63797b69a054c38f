"""Paths of splats and captures in a .blend: relative from its first save on."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from splat_scenes import cloud, written

from blender_addon.splats.scene import splat_objects


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("shot", "shot/splats", "elsewhere"):
        (tmp_path / name).mkdir()
    bpy.ops.animcore.add_splats(filepath=str(written(cloud(5), tmp_path / "shot" / "splats")))
    bpy.context.scene.animcore_capture.folder = str(tmp_path / "shot" / "capture")
    return tmp_path


def kept() -> tuple[str, str]:
    return bpy.data.objects["cloud"].animcore_splats.filepath, bpy.context.scene.animcore_capture.folder


def save(path: Path, **how: bool) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), **how)


def test_a_path_that_was_added_before_the_first_save_is_relative_after_it(folder):
    save(folder / "shot" / "shot.blend")
    assert kept() == ("//splats/cloud.ply", "//capture")
    bpy.ops.wm.open_mainfile(filepath=str(folder / "shot" / "shot.blend"))
    assert kept() == ("//splats/cloud.ply", "//capture")
    (folder / "shot").rename(folder / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(folder / "moved" / "shot.blend"))
    assert splat_objects.path_of(bpy.data.objects["cloud"]) == folder / "moved" / "splats" / "cloud.ply"


def test_a_copy_leaves_what_is_open_as_it_is(folder):
    before = kept()
    save(folder / "elsewhere" / "copy.blend", copy=True)
    assert kept() == before
    bpy.ops.wm.open_mainfile(filepath=str(folder / "elsewhere" / "copy.blend"))
    assert kept() == ("//../shot/splats/cloud.ply", "//../shot/capture")


def test_a_path_that_the_user_made_absolute_stays_so(folder):
    save(folder / "shot" / "shot.blend")
    path = str(folder / "shot" / "splats" / "cloud.ply")
    bpy.data.objects["cloud"].animcore_splats.filepath = path
    save(folder / "shot" / "shot.blend")
    assert kept()[0] == path


def test_who_wants_absolute_paths_has_them(folder):
    bpy.context.preferences.filepaths.use_relative_paths = False
    try:
        save(folder / "shot" / "shot.blend")
    finally:
        bpy.context.preferences.filepaths.use_relative_paths = True
    assert kept()[0] == str(folder / "shot" / "splats" / "cloud.ply")
