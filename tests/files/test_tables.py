"""Tables of weights, read by Python's own csv and json, and written by hand as other programs do."""

from __future__ import annotations

import csv
import json
from fractions import Fraction

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.files.face_curves import a2f_csv, a2f_json, shape_csv
from animcore.motion import Motion


@pytest.fixture
def motion() -> Motion:
    generator = np.random.default_rng(3)
    return Motion(
        Fraction(24000, 1001),
        start=0.25,
        arkit=generator.random((30, 52), np.float32),
        tongue=generator.random((30, 16), np.float32),
        audio_name="line.wav",
    )


def test_audio2face_csv_is_the_table_of_the_service(tmp_path, motion):
    export(motion, tmp_path / "take.a2f.csv", a2f_csv.FORMAT)
    rows = list(csv.DictReader((tmp_path / "take.a2f.csv").open()))
    assert list(rows[0])[:3] == ["", "timeCode", "blendShapes.EyeBlinkLeft"]
    assert len(rows[0]) == 2 + 52 + 16
    assert [row[""] for row in rows] == [str(index) for index in range(30)]
    assert float(rows[7]["timeCode"]) == pytest.approx(0.25 + 7 * 1001 / 24000, abs=1e-12)
    assert float(rows[7]["blendShapes.JawOpen"]) == pytest.approx(motion.arkit[7, ARKIT.index("jawOpen")], abs=1e-6)
    assert float(rows[7]["blendShapes.TongueTipUp"]) == pytest.approx(motion.tongue[7, 0], abs=1e-6)


def frames(rate: float, digits: int, count: int = 50, drop: tuple[int, ...] = ()) -> str:
    lines = [",timeCode,blendShapes.JawOpen,blendShapes.MouthSmileLeft"]
    lines += [f"{i},{round(i / rate, digits)},{i / 100},0.5" for i in range(count) if i not in drop]
    return "\n".join(lines)


@pytest.mark.parametrize("digits", [3, 6, 12])
@pytest.mark.parametrize(
    "rate", [Fraction(24), Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(60), Fraction(60000, 1001)]
)
def test_the_rate_is_found_from_rounded_times(tmp_path, rate, digits):
    (tmp_path / "take.a2f.csv").write_text(frames(float(rate), digits, count=1500))
    sheet = a2f_csv.read(tmp_path / "take.a2f.csv", FormatOptions())
    assert sheet.rate == rate
    assert sheet.frame_count == 1500
    assert np.allclose(sheet.curves["JawOpen"], np.arange(1500) / 100 / (100 if 1499 / 100 > 2 else 1))


def test_dropped_frames_are_interpolated_and_said(tmp_path):
    (tmp_path / "take.a2f.csv").write_text(frames(30, 6, drop=(10, 11, 30)))
    sheet = a2f_csv.read(tmp_path / "take.a2f.csv", FormatOptions())
    assert np.allclose(sheet.curves["JawOpen"], np.arange(50) / 100)
    assert any("47 frames where 50" in note for note in sheet.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "timeCode and blendShapes"),
        (",timeCode,blendShapes.JawOpen\n0,0.0,0.1\n1,0.1", "cut off"),
        (",timeCode,blendShapes.JawOpen\n0,0.0,nan\n", "not numbers"),
        (",timeCode,blendShapes.JawOpen\n0,0.0,x\n", "no number"),
        (",timeCode,blendShapes.JawOpen\n0,0.1,0\n1,0.1,0\n", "do not rise"),
        (",timeCode,blendShapes.JawOpen\n", "no frames"),
        (",timeCode,blendShapes.JawOpen\n0,0,0\n1,0.033,0\n2,9e9,0\n", "more than any take"),
        (",timeCode,blendShapes.Blob\n0,0,0\n1,0.033,0\n", "None of the shapes Blob"),
    ],
)
def test_what_is_no_table_of_audio2face_is_refused(tmp_path, text, words):
    (tmp_path / "take.a2f.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        load(tmp_path / "take.a2f.csv", a2f_csv.FORMAT)


def test_audio2face_json_is_that_of_the_application(tmp_path, motion):
    report = export(motion, tmp_path / "take.a2f.json", a2f_json.FORMAT)
    content = json.loads((tmp_path / "take.a2f.json").read_text())
    assert (content["numPoses"], content["numFrames"], content["trackPath"]) == (68, 30, "line.wav")
    assert content["exportFps"] == pytest.approx(23.976, abs=1e-3)
    column = content["facsNames"].index("jawOpen")
    assert content["weightMat"][7][column] == pytest.approx(motion.arkit[7, ARKIT.index("jawOpen")], abs=1e-6)
    assert "0.25 s" in " ".join(report.lacks)  # it has no place for the start


def exported(**changes) -> str:
    names = [name for name in ARKIT if "Look" not in name or "Up" in name][:46]
    content = {
        "exportFps": 30,
        "trackPath": "C:\\sound.wav",
        "numPoses": len(names),
        "numFrames": 2,
        "facsNames": names,
        "weightMat": [[0.5 if name == "jawOpen" else 0.0 for name in names]] * 2,
    }
    return json.dumps(content | changes)


def test_exports_of_46_shapes_are_read_by_name(tmp_path):
    (tmp_path / "take.a2f.json").write_text(exported())
    back = load(tmp_path / "take.a2f.json", a2f_json.FORMAT)
    assert back.rate == 30
    assert back.arkit[:, ARKIT.index("jawOpen")].tolist() == [0.5, 0.5]
    assert np.count_nonzero(back.arkit) == 2
    assert back.tongue is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (exported(numFrames=9), "announces 9 frames and has 2"),
        (exported(facsNames=["jawOpen"]), "mixes two exports"),
        (exported(weightMat=[[0.0] * 46, [0.0] * 45]), "not equally long"),
        (exported(weightMat=[[None] * 46] * 2), "no numbers|not numbers"),
        (exported(weightMat=[]), "no frames"),
        (exported(exportFps=0), "frame rate"),
        (exported()[:200], "cut off"),
        ("[1, 2]", "needs facsNames"),
        ("[" * 100_000, "not a readable JSON"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path, text, words):
    (tmp_path / "take.a2f.json").write_text(text)
    with pytest.raises(InputError, match=words):
        load(tmp_path / "take.a2f.json", a2f_json.FORMAT)


def test_a_table_of_shapes_has_a_column_of_seconds(tmp_path, motion):
    export(motion, tmp_path / "take.shapes.csv", shape_csv.FORMAT)
    rows = list(csv.DictReader((tmp_path / "take.shapes.csv").open()))
    assert list(rows[0]) == ["time", *ARKIT, *TONGUE]
    assert float(rows[3]["time"]) == pytest.approx(0.25 + 3 * 1001 / 24000, abs=1e-12)


def test_other_spellings_and_strangers(tmp_path):
    text = "Time;bs.eyeBlink_L;EYEBLINKRIGHT;browInnerUp_L;browInnerUp_R;wing\n"
    text += "0;0.5;0.25;0.2;0.4;1\n0.04;0.5;0.25;0.2;0.4;1\n"
    (tmp_path / "take.shapes.csv").write_text(text)
    sheet = shape_csv.read(tmp_path / "take.shapes.csv", FormatOptions())
    assert sheet.rate == 25
    assert any("wing" in note for note in sheet.notes)
    back = shape_csv.FORMAT.decode(sheet, FormatOptions())
    found = dict(zip(ARKIT, back.arkit[0].tolist(), strict=True))
    assert (found["eyeBlinkLeft"], found["eyeBlinkRight"]) == (0.5, 0.25)
    assert found["browInnerUp"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("profile", "name", "tracks"),
    [
        ("MetaHuman", "CTRL_expressions_jawOpen", ("jawOpen", "mouthPucker", "eyeBlinkLeft", "browInnerUp")),
        ("vrm", "aa", ("jawOpen", "mouthPucker", "eyeBlinkLeft")),
        ("Ready Player Me", "viseme_U", ("jawOpen", "mouthPucker", "eyeBlinkLeft")),
    ],
)
def test_any_convention_goes_out_and_comes_back_as_movement(tmp_path, profile, name, tracks):
    time = np.arange(120)
    arkit = np.zeros((120, 52), np.float32)
    for place, track in enumerate(tracks):
        arkit[:, ARKIT.index(track)] = np.clip(np.sin(time / 8 - place * 1.5), 0, 1) * 0.7
    arkit[:, ARKIT.index("eyeBlinkRight")] = arkit[:, ARKIT.index("eyeBlinkLeft")]
    export(
        Motion(Fraction(30), arkit=arkit), tmp_path / "a.shapes.csv", shape_csv.FORMAT, FormatOptions(profile=profile)
    )
    assert name in next(csv.reader((tmp_path / "a.shapes.csv").open()))
    back = load(tmp_path / "a.shapes.csv", shape_csv.FORMAT)
    for track in tracks:
        column = ARKIT.index(track)
        assert np.corrcoef(back.arkit[:, column], arkit[:, column])[0, 1] > 0.8, track


def test_decimal_commas_and_empty_cells_are_read_in_every_table(tmp_path):
    rows = [f"{i};{i / 30:.6f};{i / 100};0.5".replace(".", ",") for i in range(40)]
    rows[7] = "7;0,233333;;"
    (tmp_path / "take.a2f.csv").write_text(
        "\n".join([";timeCode;blendShapes.JawOpen;blendShapes.MouthClose", *rows, ";;;"])
    )
    (tmp_path / "take.shapes.csv").write_text(
        "\n".join(["time;jawOpen;mouthClose", *(row.partition(";")[2] for row in rows)])
    )
    for form, name in ((a2f_csv, "take.a2f.csv"), (shape_csv, "take.shapes.csv")):
        sheet = form.read(tmp_path / name, FormatOptions())
        found = {key.lower(): values for key, values in sheet.curves.items()}
        assert found["jawopen"] == pytest.approx(np.arange(40) / 100, abs=1e-6)
        assert any("decimal commas" in note for note in sheet.notes)
        assert any("1 frames have empty cells" in note for note in sheet.notes)
