"""Options under their former names still work for one version, and say the new name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore.cli import renamed_options
from animcore.cli.main import _parser, main
from animcore.motion import Motion

COMMANDS = {
    "generate": ["line.wav", "--out", "takes"],
    "export": ["take.npz", "--out", "files"],
    "judge": ["take.npz", "--truth", "truth.csv", "--out", "verdict"],
    "judge-body": ["take.npz", "--out", "verdict"],
    "avatar": ["from-video", "clip.mp4", "me"],
}
VALUES = {"--finish": "loop", "--sound": "a.wav", "--steps": "10", "--changes": "2", "--lens": "50"}


@pytest.mark.parametrize(
    ("command", "old"), [(command, old) for command, names in renamed_options._RENAMED.items() for old in names]
)
def test_a_former_name_means_the_new_option(command, old, capsys):
    new, value = renamed_options._RENAMED[command][old], [VALUES[old]] if old in VALUES else []
    wanted = _parser().parse_args([command, *COMMANDS[command], new, *value])
    line = renamed_options.with_new_names([command, *COMMANDS[command], old, *value])
    assert _parser().parse_args(line) == wanted
    assert f"{old} is now {new}" in capsys.readouterr().err
    if value:
        line = renamed_options.with_new_names([command, *COMMANDS[command], f"{old}={value[0]}"])
        assert _parser().parse_args(line) == wanted


def test_the_command_line_accepts_a_former_name(tmp_path: Path, capsys):
    take = tmp_path / "take.npz"
    Motion(30, arkit=np.full((30, 52), 0.1)).save(take)
    wish = ["export", str(take), "--out", str(tmp_path / "out"), "--format", "npz"]
    assert main([*wish, "--finish", "loop"]) == 0
    assert "--finish is now --postprocess" in capsys.readouterr().err
    assert main([*wish, "--postprocess", "loop"]) == 0
    assert "--finish" not in capsys.readouterr().err


def test_arguments_without_former_names_stay_as_they_are(capsys):
    line = ["generate", "a=b.wav", "--out=takes", "--steps", "--strength", "brows=1"]
    assert renamed_options.with_new_names(line) == line
    assert renamed_options.with_new_names([]) == []
    assert capsys.readouterr().err == ""
