"""The mark in the pixels is not seen, survives what takes a manifest away, and is not found where there is none."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from animcore.cli.main import main
from animcore.core.origin import COMPOSITE, Origin, from_text
from animcore.files.avatars import capture_images
from animcore.files.video import writer
from animcore.pipelines.dub import output
from animcore.pipelines.dub.pixels import Picture
from animcore.provenance import embedding, imprint, verification
from animcore.provenance.watermark import codeword, detection, marking, pattern

FILM = Path(__file__).resolve().parents[1] / "golden" / "films" / "talking_head.mp4"
NUMBER = 0xC0FFEE42
PERSON = Origin(COMPOSITE, consent={"person": "Anna"})
FRAMES = 8


@pytest.fixture(scope="module")
def plain() -> list[np.ndarray]:
    with av.open(str(FILM)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    return frames[:: len(frames) // FRAMES][:FRAMES]


@pytest.fixture(scope="module")
def marked(plain) -> list[np.ndarray]:
    marker = marking.Marker(NUMBER)
    return [marker.image(frame) for frame in plain]


def scaled(frame, factor):
    size = [round(side * factor) for side in frame.shape[1::-1]]
    return np.asarray(Image.fromarray(frame).resize(size, Image.BICUBIC))


def compressed(frames, crf=28):
    whole = io.BytesIO()
    with av.open(whole, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf)})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))
    whole.seek(0)
    with av.open(whole) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def screenshot(frames):
    """One frame, smaller, as a JPEG."""
    whole = io.BytesIO()
    Image.fromarray(scaled(frames[-1], 0.8)).save(whole, "JPEG", quality=80)
    return [np.asarray(Image.open(whole))]


def test_the_codeword_corrects_errors_and_its_checksum_refuses_noise():
    word = codeword.encoded(NUMBER)
    assert word.shape == (codeword.LENGTH,)
    assert set(word) == {-1, 1}
    noise = np.random.default_rng(0)
    heard = word + noise.normal(0, 0.7, (50, len(word)))
    assert (np.sign(heard) != word).any(1).all()
    numbers, holds, _ = codeword.decoded(heard)
    assert ((numbers == NUMBER) & holds).mean() > 0.97
    _, holds, fits = codeword.decoded(noise.normal(0, 1, (2000, len(word))))
    assert holds.mean() < 0.002
    assert fits.max() < fits.mean() + 6 * fits.std()
    assert codeword.checksum(0x31323334) == 0x5349  # CRC-16/IBM-3740 of "1234"


def test_nobody_sees_it(plain, marked):
    for before, after in zip(plain, marked, strict=True):
        error = np.square(after.astype(float) - before).mean()
        assert 10 * np.log10(255**2 / error) >= 42
    still = marking.Marker(NUMBER)
    twice = [still.image(plain[0]) for _ in range(3)]
    assert (twice[1] == twice[2]).all()  # nothing flickers


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frames: frames,
        compressed,
        lambda frames: [scaled(frame, 0.5) for frame in frames],
        lambda frames: [frame[13:373, 27:387] for frame in frames],
        lambda frames: [frames[min(round(index * 24 / 30), len(frames) - 1)] for index in range(10)],
        screenshot,
    ],
    ids=["as it is", "CRF 28", "half the size", "a tenth cropped", "24 to 30 fps", "screenshot"],
)
def test_it_is_found_after(spoil, marked):
    found = detection.detect(spoil(marked))
    assert found.number == NUMBER
    assert found.score >= 6


def test_nothing_is_found_without_it(plain):
    for frames in (plain, [scaled(plain[0], 1.3)], [np.full((200, 200), 9, np.uint8)], [plain[0][:40]], []):
        found = detection.detect(frames)
        assert found.number == -1
        assert found.score < 8


def test_planes_of_more_bits_and_of_colours_are_marked(plain):
    luma = plain[0][..., 1].astype(np.uint16) << 2
    chroma = np.full((200, 200), 512, np.uint16)
    planes = [luma.copy(), chroma.copy(), chroma.copy()]
    imprint.on_planes(planes, "yuv420p10le", 1023.0, marking.Marker(NUMBER))
    assert (planes[1] == chroma).all()
    assert detection.detect([(planes[0] >> 2).astype(np.uint8)]).number == NUMBER
    colours = [plain[0][..., channel].copy() for channel in (1, 2, 0)]
    imprint.on_planes(colours, "gbrp", 255.0, marking.Marker(NUMBER))
    assert detection.detect([np.stack([colours[2], colours[0], colours[1]], -1)]).number == NUMBER


def test_the_square_grows_with_the_picture():
    assert pattern.square_size(400, 300) == pattern.square_size(960, 540) == pattern.SQUARE
    assert pattern.square_size(1920, 1080) == 2 * pattern.SQUARE


def test_only_real_persons_and_dubs_get_one():
    assert imprint.numbered(Origin(COMPOSITE)).watermark == ""
    assert imprint.numbered(PERSON, on=False).watermark == ""
    assert imprint.numbered(Origin(COMPOSITE, "dubbed")).watermark
    numbered = imprint.numbered(PERSON)
    assert imprint.numbered(numbered) == numbered
    assert from_text(numbered.text()) == numbered
    assert imprint.numbered(replace(PERSON, consent={"person": "Ben"})).watermark != numbered.watermark
    assert imprint.numbered(replace(numbered, consent={})).watermark == ""


def test_a_video_of_a_person_holds_its_id_and_says_so(plain, tmp_path):
    path = tmp_path / "a.mp4"
    writer.write(plain, Fraction(24), path, origin=PERSON)
    verdict = verification.examine(path)
    assert verdict.seen == verdict.origin.watermark == imprint.numbered(PERSON).watermark
    assert f"watermark: {verdict.seen}, as is stated" in "\n".join(verdict.lines())
    assert verdict.facts()["watermarkFound"] == verdict.seen
    shot = tmp_path / "shot.png"  # the manifest is gone
    with av.open(str(path)) as film:
        Image.fromarray(next(film.decode(video=0)).to_ndarray(format="rgb24")).save(shot)
    found = verification.examine(shot)
    assert (found.state, found.seen) == ("none", verdict.seen)
    assert "its statement is gone" in "\n".join(found.lines())

    other = replace(verdict, seen="00000001")
    assert not other.is_good
    assert "the pixels are of another file" in "\n".join(other.lines())


def test_off_leaves_the_pixels_alone(plain, tmp_path):
    for name, origin, on in (("a", PERSON, False), ("b", Origin(COMPOSITE), True)):
        writer.write(plain[:2], Fraction(24), tmp_path / f"{name}.mp4", origin=origin, watermark=on)
    decoded = []
    for name in "ab":
        with av.open(str(tmp_path / f"{name}.mp4")) as film:
            decoded.append(next(film.decode(video=0)).to_ndarray(format="rgb24"))
    assert (decoded[0] == decoded[1]).all()
    assert from_text(embedding.statement(tmp_path / "a.mp4")).watermark == ""


def test_a_studio_turns_it_off_for_all(tmp_path, capsys):
    assert main(["provenance", "use", "--watermark", "off"]) == 0
    try:
        assert "get no watermark" in capsys.readouterr().out
        assert main(["provenance", "use", "--own"]) == 0
        assert imprint.numbered(PERSON).watermark == ""  # another choice of signer leaves it off
    finally:
        assert main(["provenance", "use", "--watermark", "on"]) == 0
    assert imprint.numbered(PERSON).watermark


def test_the_picture_of_a_fitted_head_is_marked(plain, tmp_path):
    capture_images.write(plain[0], tmp_path / "head.png", PERSON)
    verdict = verification.examine(tmp_path / "head.png")
    assert verdict.seen == verdict.origin.watermark != ""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_dub_is_marked_in_pixels_and_beside(suffix, plain, tmp_path):
    path, origin = tmp_path / f"dub{suffix}", imprint.numbered(Origin(COMPOSITE, "dubbed"))
    form = output.Format.of(FILM, Fraction(24))
    with output.written(path, form, (400, 400), "yuv420p", None, origin) as film:
        for number, frame in enumerate(plain):
            picture = Picture.of(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame)).reformat(format="yuv420p"))
            film.add(picture, number / 24)
    verdict = verification.examine(path)
    assert verdict.seen == verdict.origin.watermark == origin.watermark


def test_the_images_of_a_layer_state_what_they_are(tmp_path):
    with output.layer_written(tmp_path / "layer", Fraction(24), (64, 64), PERSON) as add:
        add(np.zeros((64, 64, 4), np.uint8))
    assert from_text(embedding.statement(tmp_path / "layer" / "000000.png")) == PERSON
