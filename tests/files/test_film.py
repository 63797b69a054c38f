from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from animcore.audio import recording
from animcore.errors import InputError
from animcore.files.video import writer


def test_frames_and_sound_read_back_in_time(tmp_path, sound):
    rate = Fraction(24000, 1001)
    click = np.zeros(96_000, np.float32)
    click[48_000:52_000] = 0.5 * np.sin(np.arange(4000) / 10)
    frames = [np.full((64, 96, 3), 5 * index, np.uint8) for index in range(36)]
    writer.write(frames, rate, tmp_path / "a.mp4", sound("click.wav", click))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == rate
        back = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(back) == 36
    assert max(abs(float(image.mean()) - 5 * index) for index, image in enumerate(back)) < 3
    heard = recording.load(tmp_path / "a.mp4")
    assert heard.duration == pytest.approx(36 / float(rate), abs=0.05)
    assert np.flatnonzero(np.abs(heard.samples) > 0.1)[0] / heard.rate == pytest.approx(1.0, abs=0.01)


def test_nothing_is_left_behind_by_a_failure(tmp_path):
    def frames():
        yield np.zeros((64, 64, 3), np.uint8)
        raise InputError("stopped")

    with pytest.raises(InputError, match="stopped"):
        writer.write(frames(), Fraction(24), tmp_path / "a.mp4")
    with pytest.raises(InputError, match="no frames"):
        writer.write([], Fraction(24), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())
