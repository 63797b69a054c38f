"""Every writer marks what it writes, or is listed here with the reason why not: a new one fails until it is either."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore import files
from animcore.core.origin import COMPOSITE, OVERLAY, TRAINED, Origin, Source, from_text
from animcore.files.animation_curves import FormatOptions
from animcore.files.avatars import avatar_folder, open_any_splats
from animcore.files.export_and_verify import export
from animcore.files.video import writer
from animcore.motion import Event, Motion
from animcore.postprocess import clip_blending
from animcore.provenance import embedding, manifest, verification
from tests.support import splat_clouds

ROOT = Path(__file__).resolve().parents[2]

# What writes a file, as source code has it.
WRITES = re.compile(
    r"with whole_file\(|av\.open\([^)]*\"w\"|\.savefig\(|wave\.open\([^)]*\"wb\"|render\.render\(|animation=True"
    r"|(?:image|made|sheet|canvas|document)\.save\(|Image\.fromarray\([^\n]*\.save\(|\.write_bytes\(|\bsavez"
)

MARKING = {  # these mark themselves
    "animcore/files/avatars/avatar_folder.py", "animcore/files/avatars/capture_images.py",
    "animcore/files/export_and_verify.py", "animcore/files/video/writer.py", "animcore/motion.py",
    "animcore/pipelines/dub/output.py",
    "blender_addon/performance/emotion_render.py", "blender_addon/performance/video_render.py",
    "blender_addon/splats/render/side_by_side.py", "examples/contact_sheet.py",
}  # fmt: skip

BY_DELIVERY = {  # `export_and_verify.deliver` and `adopted`, or `open_any_splats.save`, mark what these write
    f"animcore/files/{name}.py"
    for name in (
        "body_motion/bvh", "face_curves/a2f_json", "face_curves/godot", "face_curves/livelink", "face_curves/unity",
        "face_curves/vmd", "npz_arrays", "scenes/gltf", "scenes/glb", "scenes/vrma", "scenes/via_blender",
        "scenes/blender_process", "splats/gltf_splats", "splats/ply", "splats/sog", "splats/splat", "splats/spz",
        "splats/usd_splats", "subtitles/captions", "subtitles/rhubarb", "subtitles/textgrid", "text_tables",
    )
} | {"blender_addon/export/scene_files.py", "blender_addon/export/expected_values.py"}  # fmt: skip

EXEMPT = {
    "animcore/audio/wav_writer.py": "copies of the user's own sound, which nobody made up",
    "animcore/body_models/blendshape_head.py": "the shape of the user's own character",
    "animcore/cli/judge.py": "tables of measures",
    "animcore/cli/judge_body.py": "tables of measures",
    "animcore/cli/main.py": "a table of what was written",
    "animcore/cli/provenance.py": "a receipt to fill in",
    "animcore/core/": "the doors that others write through",
    "animcore/evaluation/body/html_report.py": "tables and diagrams of measures",
    "animcore/evaluation/face/html_report.py": "tables and diagrams of measures",
    "animcore/evaluation/review/": "pages and tables of measures and of what reviewers said",
    "animcore/files/hand_edits.py": "what the user drew by hand",
    "animcore/files/video/face_landmarks.py": "landmarks of the user's video, kept for the next run",
    "animcore/hybrid_head/capture_format.py": "cameras and poses of a capture",
    "animcore/hybrid_head/fitting/trainer.py": "a checkpoint",
    "animcore/hybrid_head/tracking/face_tracker.py": "a track, kept for the next run; the performance is marked",
    "animcore/pipelines/batch/jobs/": "jobs for render farms",
    "animcore/pipelines/batch/ledger.py": "what became of each line",
    "animcore/pipelines/batch/localisation.py": "a table of lengths",
    "animcore/pipelines/dub/footage.py": "what was measured in the user's video, kept for the next run",
    "animcore/pipelines/dub/report.py": "a page of measures",
    "animcore/pipelines/live_session.py": "the user's own voice, from the microphone",
    "animcore/pipelines/track_video.py": "stamps of what a run was made of",
    "animcore/provenance/": "the marks themselves, keys and receipts",
    "animcore/retarget/face_map.py": "the measured shapes of the user's own character",
    "animcore/service.py": "values and envelopes on their way to Blender, in a temporary folder",
    "animcore/solvers/": "checkpoints and caches of models",
    "animcore/training/": "checkpoints, caches and training data",
    "blender_addon/capture/": "pictures of the user's own scene, for training a head",
    "blender_addon/character/": "measured shapes and corrections of the user's own character",
    "blender_addon/child_requests.py": "answers to the other process, in a temporary folder",
    "blender_addon/takes/batch_lines.py": "what the animator drew by hand",
    "blender_addon/performance/shape_matching.py": "measured shapes on their way to the engine",
    "blender_addon/scene/temporary_settings.py": "renders for `video_render` and `side_by_side`, which mark",
    "examples/": "pictures of docs pages, drawn by who works on Animcore; the demo's are marked by what they call",
    "tools/": "assets and test data, made by who works on Animcore",
}


def reason(name: str) -> str | None:
    """Why a module need not mark itself, or None."""
    if name in BY_DELIVERY:
        return "delivery"
    return next((why for start, why in EXEMPT.items() if name.startswith(start)), None)


def writers(root: Path = ROOT) -> list[str]:
    rooms = ("animcore", "blender_addon", "examples", "tools")
    found = [path for room in rooms for path in (root / room).rglob("*.py")]
    writing = (path for path in found if WRITES.search(path.read_text(encoding="utf-8")))
    return sorted(path.relative_to(root).as_posix() for path in writing)


@pytest.mark.parametrize("name", writers())
def test_a_writer_marks_or_has_a_reason(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    if name in MARKING:
        assert re.search(r"marks\.mark\(|ORIGIN: Origin\(\)|stated_origin\.text\(\)", text), f"{name} no longer marks"
    else:
        assert reason(name) is not None, f"{name} writes a file: mark it with provenance.marks, or say here why not"


def test_the_lists_name_what_is_there():
    found = set(writers())
    assert found >= MARKING
    for start in (*BY_DELIVERY, *EXEMPT):
        assert (ROOT / start).exists(), start


def test_a_new_writer_that_does_not_mark_is_found(tmp_path):
    (tmp_path / "animcore" / "files").mkdir(parents=True)
    new = tmp_path / "animcore" / "files" / "hologram.py"
    new.write_text("def write(path):\n    with whole_file(path) as temporary:\n        temporary.touch()\n")
    assert writers(tmp_path) == ["animcore/files/hologram.py"]
    assert reason("animcore/files/hologram.py") is None


AUDIO = Source("audio", "line.wav", "ab" * 32)
MADE = Origin(TRAINED, sources=(AUDIO,), consent={"person": "Anna", "agreed_by": "Anna", "uses": "tests"})


def motion() -> Motion:
    generator, count = np.random.default_rng(0), 12
    return Motion(
        Fraction(30), arkit=generator.uniform(0, 1, (count, 52)).astype(np.float32), basis="open-head",
        expression=np.zeros((count, 100), np.float32), head_pose=np.zeros((count, 3), np.float32),
        body_pose=np.zeros((count, 55, 3), np.float32), translation=np.zeros((count, 3), np.float32),
        origin=MADE, events=(Event("word", "hello", 0.0, 0.25),),
    )  # fmt: skip


IN_BLENDER = {"fbx", "usd", "alembic", "pc2"}  # slow to write; they go through the same door


@pytest.mark.parametrize("name", sorted(files.FORMATS.keys() - IN_BLENDER))
def test_every_format_of_motion_says_how_it_was_made(name, tmp_path):
    form = files.FORMATS[name]
    path = tmp_path / f"line{form.suffix}"
    export(motion(), path, form, FormatOptions())
    assert from_text(embedding.statement(path)) == MADE
    assert verification.verify(path).state == "unsigned"
    if (beside := path.with_name(path.name + embedding.SIDECAR)).exists():
        path.write_bytes(path.read_bytes() + b"\n")
        assert verification.verify(path).state == "changed"
        beside.unlink()
        assert verification.verify(path).state == "none"


def test_the_origin_travels_with_a_motion(tmp_path):
    motion().save(tmp_path / "a.npz")
    back = Motion.load(tmp_path / "a.npz")
    assert back.origin == MADE
    assert back.resampled(Fraction(24)).origin == MADE


def test_two_motions_in_one_name_both_sounds_and_both_people():
    consent = {"person": "Ben", "until": "2026-01-01"}
    other = Origin(TRAINED, sources=(Source("audio", "b.wav", "cd" * 32),), consent=consent)
    whole = clip_blending.blend_clips(motion(), replace(motion(), origin=other)).origin
    assert [one.name for one in whole.sources] == ["line.wav", "b.wav"]
    assert (whole.source_type, whole.action) == (TRAINED, "edited")
    assert (whole.consent["person"], whole.consent["2nd person"]) == ("Anna", "Ben")
    assert whole.consent["until"] == "2026-01-01"


@pytest.mark.parametrize("suffix", [".ply", ".splat", ".spz", ".glb", ".sog"])
def test_every_file_of_gaussians_says_how_it_was_made(suffix, tmp_path):
    path = tmp_path / f"head{suffix}"
    open_any_splats.save(splat_clouds.cloud(50), path, origin=MADE)
    assert from_text(embedding.statement(path)) == MADE
    assert open_any_splats.load(path).splats.count == 50


def test_an_avatar_says_how_it_was_made(tmp_path):
    avatar = avatar_folder.Avatar({}, {avatar_folder.ORIGIN: MADE.facts()})
    avatar_folder.save(avatar.with_splats("splats", splat_clouds.cloud(5)), tmp_path / "head")
    assert avatar_folder.origin_of(avatar_folder.load(tmp_path / "head")) == MADE
    assert verification.verify(tmp_path / "head").origin == MADE


@pytest.mark.parametrize("origin", [writer.RENDERED, Origin(OVERLAY, "edited", (AUDIO,))])
def test_every_video_is_signed_with_its_sound(origin, tmp_path, sound):
    voice = sound("voice.wav", np.zeros(4800, np.float32))
    writer.write([np.zeros((64, 64, 3), np.uint8)] * 3, Fraction(24), tmp_path / "a.mp4", voice, origin)
    verdict = verification.verify(tmp_path / "a.mp4")
    assert verdict.state == ("trusted" if manifest.library() else "unsigned")
    assert verdict.origin == origin.made_from([Source.of(voice, "audio")])
    assert verdict.origin.source_type in (COMPOSITE, OVERLAY)
