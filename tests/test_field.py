"""Small files that failed once, each an example of a kind, through the commands that users have.

They stand beside the project; the README there says what is right for each.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.cli.main import main
from animcore.files.subtitles import transcripts
from animcore.motion import Motion

FIELD = next(
    (one for above in Path(__file__).resolve().parents if (one := above / "shared" / "field").is_dir()), Path("none")
)
pytestmark = pytest.mark.skipif(not FIELD.is_dir(), reason="the small inputs that failed stand beside the project")
LINE = Path(__file__).resolve().parents[1] / "assets" / "voices" / "line.flac"
VOICE_AT = 0.2  # seconds of the line before its voice: what begins late is quiet so much longer


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What a command prints."""
    main([str(one) for one in arguments])
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize(
    ("name", "quiet", "words"),
    [
        ("late_400ms.mp4", 0.4 + VOICE_AT, ""),
        ("late_10s_short_track.mp4", 10.0 + VOICE_AT, ""),
        ("browser_no_duration.webm", 0.39 + VOICE_AT, ""),
        ("fragmented.mp4", 0.0, ""),
        ("lame_44k1.mp3", 0.0, ""),
        ("phone_vfr.mp4", 0.0, ""),
        ("mic_is_track_2.mkv", 0.0, "Track 1 of mic_is_track_2.mkv is silent; track 2 is used."),
        ("dialogue_in_centre_5_1.wav", 0.0, "The centre channel (3 of 6) is used (--channel)."),
        ("cut_off.mp3", 0.0, "cut_off.mp3 is cut off: 3.7 of 6.7 s could be read"),
    ],
)
def test_recordings_are_told_and_heard_as_they_are(capsys, name, quiet, words):
    printed = said(capsys, "inspect", FIELD / "audio" / name)
    noted = [line for line in printed.splitlines() if "note:" in line]
    assert [words in line for line in noted] == ([True] if words else [])
    begins = re.search(r"silence: 0\.00-(\d+\.\d+) s", printed)
    assert (float(begins[1]) if begins else 0.0) == pytest.approx(quiet, abs=0.02)


def test_a_phone_counts_at_its_nominal_rate():
    assert recording.load(FIELD / "audio" / "phone_vfr.mp4").facts.video_rate == (30, 1)


@pytest.mark.parametrize(
    ("name", "rate", "frames", "words"),
    [
        ("one_dup.csv", 60, 59, "timecodes are repeated"),
        ("semi_comma.csv", 60, 59, "decimal commas, which were read as points"),
        ("blank_rows.csv", 60, 59, "8 frames have empty cells"),
        ("frame_from_remainder_24.csv", 24, 3600, "as Face_Landmark_Link does; they count at 24 fps"),
    ],
)
def test_curves_are_read_with_a_note(capsys, tmp_path, name, rate, frames, words):
    assert words in said(capsys, "export", FIELD / "curves" / name, "--out", tmp_path, "--format", "npz")
    found = Motion.load(tmp_path / f"{Path(name).stem}.npz")
    assert (found.rate, found.frame_count) == (rate, frames)


def test_the_names_of_vroid_are_known(capsys, tmp_path):
    said(capsys, "export", FIELD / "curves" / "one_dup.csv", "--out", tmp_path, "--format", "npz")
    character = FIELD / "characters" / "vroid_vrm0_names.glb"
    printed = said(
        capsys, "export", tmp_path / "one_dup.npz", "--out", tmp_path, "--format", "glb", "--character", character
    )
    assert "59 frames read back" in printed
    assert (tmp_path / "one_dup.glb").is_file()


@pytest.mark.parametrize(
    ("name", "words"), [("latin.txt", ("déjà", "café")), ("utterance.TextGrid", ("déjà", "my", "friend"))]
)
def test_words_are_read_whatever_their_encoding_and_tier(name, words):
    labels = [word.label.strip(".,!?").lower() for word in transcripts.load(FIELD / "text" / name).words]
    assert set(words) & set(labels), labels


def test_an_empty_tier_is_told_as_one(capsys, tmp_path):
    transcript = FIELD / "text" / "emptytier.TextGrid"
    printed = said(capsys, "generate", LINE, "--transcript", transcript, "--out", tmp_path)
    assert "emptytier.TextGrid has no words in it" in printed
    assert not list(tmp_path.glob("line.*"))


@pytest.mark.parametrize(
    ("name", "count", "words"),
    [
        ("01_2dgs_two_scales.ply", 40, "flat Gaussians (2DGS)"),
        ("17_mip_filter3D.ply", 40, "has the 3D filter of Mip-Splatting; sizes and opacities are with it"),
        ("18_mip_comment.ply", 40, "trained with an anti-aliased rasterizer"),
        ("21_scale_huge.ply", 38, "2 Gaussians larger than 10,000 times the whole were left out"),
        ("25_luma.zip", 40, "point_cloud.ply in it was opened"),
        ("26_ply.ply.gz", 40, "26_ply.ply in it was opened"),
        ("34_geo_far.ply", 40, "was moved to its own origin, (1000000, 4000000, 0) m"),
        ("36_time_4d.ply", 0, "holds Gaussians that move (4D: t, scale_t, motion_0); export one moment"),
    ],
)
def test_splats_are_opened_right_or_refused_rightly(capsys, name, count, words):
    printed = said(capsys, "avatar", "info", FIELD / "splats" / name)
    assert words in printed
    assert not count or f"{count} Gaussians" in printed
    extents = [float(one) for one in re.findall(r"(-?\d+\.\d+)\.\.", printed)]
    assert not count or np.abs(extents).max() < 1.0
