"""Unreal Editor: Live Link CSV files of a batch become animation sequences with curves.

Run in the editor (*Tools > Execute Python Script*), or without a window on a build server:

    UnrealEditor-Cmd MyGame.uproject -run=pythonscript
        -script="import_takes.py C:/takes /Game/Lines /Game/Hero/Face_Skeleton"

Of every `.csv` below the folder an AnimSequence is made, or filled anew, on the skeleton given, with the 52 ARKit
curves (and head and eye rotations) under the names of the file: what an *ARKit* pose asset, or MetaHuman's
`ABP_MH_LiveLink`, reads. Needs the plug-in *Python Editor Script Plugin*. Unreal 5.2 and later.
"""

import csv
import re
import sys
from pathlib import Path

try:
    import unreal
except ImportError:  # outside the editor: the parts that read files can be tested
    unreal = None

_TIMECODE = re.compile(r"(\d+):(\d+):(\d+)[:;](\d+(?:\.\d+)?)")
_FIRST_CURVE = 2  # behind timecode and count


def read_take(path):
    """Return frame rate, and the values of each curve by its name, of a Live Link CSV."""
    with open(path, encoding="utf-8-sig", newline="") as handle:
        header, *rows = [row for row in csv.reader(handle) if row]
    curves = {
        name: [float(row[place] or 0.0) for row in rows] for place, name in enumerate(header) if place >= _FIRST_CURVE
    }
    return rate_of([row[0] for row in rows]), curves


def rate_of(timecodes):
    """Return the whole frame rate that timecodes count to; 30 where there is less than a second of them."""
    frames = {}
    for text in timecodes:
        hours, minutes, seconds, frame = _TIMECODE.match(text).groups()
        frames.setdefault((hours, minutes, seconds), []).append(float(frame))
    whole = [max(found) + 1 for found in list(frames.values())[:-1]]  # the last second may be cut off
    return round(max(whole)) if whole else 30


def reduced(values, tolerance=1e-4):
    """Return the places of keys without which straight lines would miss a value by more than the tolerance."""
    keys, start = [0], 0
    for place in range(2, len(values)):
        span = place - start
        line = (values[start] + (values[place] - values[start]) * k / span for k in range(1, span))
        if any(abs(value - values[start + k]) > tolerance for k, value in enumerate(line, 1)):
            start = place - 1
            keys.append(start)
    return [*keys, len(values) - 1] if len(values) > 1 else keys


def sequence_of(name, folder, skeleton):
    """Return the animation sequence of a name; a new one where there is none."""
    path = f"{folder}/{name}"
    if unreal.EditorAssetLibrary.does_asset_exist(path):
        return unreal.load_asset(path)
    factory = unreal.AnimSequenceFactory()
    factory.set_editor_property("target_skeleton", skeleton)
    tools = unreal.AssetToolsHelpers.get_asset_tools()
    return tools.create_asset(name, folder, unreal.AnimSequence, factory)


def fill(sequence, rate, curves):
    """Write curves into a sequence, in the place of those that it had."""
    count = max(map(len, curves.values()))
    controller = sequence.get_editor_property("controller")
    controller.open_bracket(unreal.Text("Import take"))
    controller.set_frame_rate(unreal.FrameRate(rate, 1))
    controller.set_number_of_frames(unreal.FrameNumber(count - 1))
    unreal.AnimationLibrary.remove_all_curve_data(sequence)
    for name, values in curves.items():
        if not any(values):
            continue
        unreal.AnimationLibrary.add_curve(sequence, name, unreal.RawCurveTrackTypes.RCT_FLOAT, False)
        keys = reduced(values)
        times = [key / rate for key in keys]
        unreal.AnimationLibrary.add_float_curve_keys(sequence, name, times, [values[key] for key in keys])
    controller.close_bracket()


def main(takes, folder, skeleton_path):
    """Import every take below a folder."""
    skeleton = unreal.load_asset(skeleton_path)
    if skeleton is None:
        raise SystemExit(f"There is no skeleton {skeleton_path}.")
    paths = sorted(Path(takes).rglob("*.csv"))
    with unreal.ScopedSlowTask(len(paths), "Importing takes") as task:
        task.make_dialog(True)
        for path in paths:
            if task.should_cancel():
                break
            task.enter_progress_frame(1, path.name)
            with open(path, encoding="utf-8-sig") as handle:
                if not handle.readline().startswith("Timecode"):
                    continue  # report.csv, verdicts.csv and others
            parent = "/".join([folder, *path.parent.relative_to(takes).parts])
            sequence = sequence_of(re.sub(r"\W", "_", path.stem), parent, skeleton)
            fill(sequence, *read_take(path))
            unreal.EditorAssetLibrary.save_loaded_asset(sequence)


if __name__ == "__main__" and unreal is not None:
    if len(sys.argv) != 4:
        raise SystemExit("import_takes.py FOLDER_OF_TAKES /Game/FOLDER /Game/SKELETON")
    main(*sys.argv[1:])
