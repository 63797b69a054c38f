"""Many voice lines in one Blender: each becomes a copy of the scene with its take, and files in other formats.

    blender -b stage.blend --python many_lines.py -- voices/*.wav --out shots --character "Hero Rig"
    python many_lines.py stage.blend voices/*.wav --out shots --character "Hero Rig"      (with the module bpy)

A line whose file is there already is left alone, so that a run that was stopped goes on where it was; one bad recording
does not stop the others. What became of each stands in shots/lines.csv; the exit code is 1 where one failed. A
transcript that lies beside a recording (line.txt, line.srt) is used.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import bpy

_TRANSCRIPTS = (".TextGrid", ".srt", ".vtt", ".txt")


def main(arguments: list[str]) -> int:
    """Make every line; return the exit code."""
    options = _parser().parse_args(arguments)
    scene_file = options.files.pop(0) if options.files[0].suffix == ".blend" else Path(bpy.data.filepath)
    if not scene_file.is_file():
        sys.exit("many_lines: name the .blend with the character first, or open it with blender -b.")
    options.out.mkdir(parents=True, exist_ok=True)
    _register()
    failed = False
    with (options.out / "lines.csv").open("a", newline="", encoding="utf-8") as log:
        told = csv.writer(log)
        for recording in options.files:
            shot = options.out / f"{recording.stem}.blend"
            if shot.exists():
                continue
            began = time.monotonic()
            try:
                bpy.ops.wm.open_mainfile(filepath=str(scene_file.absolute()))
                said = make(recording.absolute(), options.character, options.formats, options.out.absolute())
                bpy.ops.wm.save_as_mainfile(filepath=str(shot.absolute()), copy=True)
            except (RuntimeError, KeyError) as error:  # what operators report comes as a RuntimeError
                said, failed = f"failed: {str(error).strip()}", True
            told.writerow([recording.name, f"{time.monotonic() - began:.1f} s", said])
            log.flush()
    return int(failed)


def make(recording: Path, character: str, formats: list[str], out: Path) -> str:
    """Make one line in the scene that is open; return what was written.

    Raises:
        RuntimeError: with the sentence that the panel would show.
        KeyError: where the character is not in the scene.
    """
    settings = bpy.context.scene.animcore
    settings.source, settings.character = "OBJECT", bpy.data.objects[character]
    settings.voice_from, settings.audio = "FILE", str(recording)
    beside = [recording.with_suffix(ending) for ending in _TRANSCRIPTS]
    settings.transcript_text = None
    settings.transcript_file = str(next((path for path in beside if path.is_file()), ""))
    bpy.ops.animcore.generate()  # returns when the keys are written
    if formats:
        settings.deliver_folder, settings.deliver_formats = str(out), set(formats)
        bpy.ops.animcore.deliver()
    return settings.character.name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="many_lines", description="Make a take of each recording.")
    parser.add_argument("files", nargs="+", type=Path, help="the .blend (not with blender -b), then the recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder for the scenes and files")
    parser.add_argument("--character", required=True, help="name of its mesh or armature")
    parser.add_argument("--formats", type=lambda text: text.split(","), default=[], help="such as livelink,fbx")
    return parser


def _register() -> None:
    """With the module bpy the extension is not installed: take the one beside this file."""
    if hasattr(bpy.types.Scene, "animcore"):
        return
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import blender_addon

    blender_addon.register()


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
