"""The watermark in pixels: what it survives, what it costs, and how seldom it is found where there is none.

`python benchmarks/watermark.py` measures the films of the tests; `--videos FOLDER` others, `--trials` more of them.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
from machine import describe
from numpy.typing import NDArray
from PIL import Image

from animcore.provenance.watermark import codeword, detection, marking, pattern

Frames = list[NDArray[np.uint8]]
ROOT = Path(__file__).resolve().parent.parent
NUMBER = 0xC0FFEE42
FRAMES, LOOKS = 48, 16  # that are marked; that are looked at, as `animcore provenance verify` does
SUFFIXES = (".mp4", ".mpg", ".mov", ".mkv", ".webm")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    options = parser.parse_args()
    print(f"{describe()}\nCommand: python benchmarks/watermark.py {' '.join(sys.argv[1:])}\n")
    report(videos_in(options.videos), options.trials, options.frames)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is measured."""
    parser.add_argument("--videos", type=Path, default=ROOT / "tests" / "golden" / "films", metavar="FOLDER")
    parser.add_argument("--trials", type=int, default=60, help="unmarked pictures that are looked at (default: 60)")
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"of each video that are marked (default: {FRAMES})")


def videos_in(folder: Path) -> list[Path]:
    """The videos of a folder."""
    return [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES]


def report(videos: list[Path], trials: int, count: int) -> None:
    """Survival, false alarms and cost."""
    survival(videos, count)
    alarms(videos, trials, count)
    cost()


def survival(videos: list[Path], count: int) -> None:
    """A row for each video: what is lost in quality, and the score after each attack; `-` where it was not found."""
    print(f"{'video':24}{'PSNR dB':>8}{'SSIM':>7}{'flicker':>9}" + "".join(f"{name:>12}" for name in ATTACKS))
    met = dict.fromkeys(ATTACKS, 0)
    for path in videos:
        frames = read(path, count)
        marker = marking.Marker(NUMBER)
        marked = [marker.image(frame) for frame in frames]
        cells = ""
        for name, attack in ATTACKS.items():
            found = detection.detect(attack(marked)[:LOOKS])
            met[name] += found.number == NUMBER
            cells += f"{found.score:12.1f}" if found.number == NUMBER else f"{'-':>12}"
        print(f"{path.stem[:23]:24}{quality(frames, marked)}{cells}", flush=True)
    print(f"{'found':48}" + "".join(f"{f'{count}/{len(videos)}':>12}" for count in met.values()) + "\n")


def quality(plain: Frames, marked: Frames) -> str:
    """PSNR of the worst frame, mean SSIM of luma, and flicker: change from frame to frame that the mark adds, RMS."""
    errors = [after.astype(np.float32) - before for before, after in zip(plain, marked, strict=True)]
    psnr = min(10 * np.log10(255**2 / float(np.square(error).mean())) for error in errors)
    flicker = np.sqrt(np.mean([np.square(b - a).mean() for a, b in pairwise(errors)]))
    return f"{psnr:8.1f}{ssim(plain[0][..., 1], marked[0][..., 1]):7.3f}{flicker:9.2f}"


def ssim(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Wang et al. 2004, over squares of 9 pixels."""
    a, b = first.astype(np.float32), second.astype(np.float32)
    mean = [detection._mean(one, 4) for one in (a, b)]
    spread = [detection._mean(one * other, 4) for one, other in ((a, a), (b, b), (a, b))]
    var_a, var_b = spread[0] - mean[0] ** 2, spread[1] - mean[1] ** 2
    both = spread[2] - mean[0] * mean[1]
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = (2 * mean[0] * mean[1] + c1) * (2 * both + c2) / ((mean[0] ** 2 + mean[1] ** 2 + c1) * (var_a + var_b + c2))
    return float(found.mean())


def alarms(videos: list[Path], trials: int, count: int) -> None:
    """Look at unmarked pictures: each another part, size and quality; and at noise like that of pictures."""
    random = np.random.default_rng(0)
    pictures = [frame for path in videos for frame in read(path, count)[::6]]
    scores, fits, found = [], [], 0
    for trial in range(trials):
        frame = pictures[trial % len(pictures)] if trial % 4 else cloud(random)
        places = detection.places([varied(frame, random)])
        found += detection.detect([varied(frame, random)]).number >= 0
        if places:
            scores.append(places[0].score)
            fits.append(codeword.decoded(np.stack([one.soft for one in places]))[2].max())
    agreed = np.array(fits) / np.sqrt(len(pattern.PAYLOAD) / 2)
    place, payload = tail(np.array(scores), detection.LEAST_SCORE), tail(agreed, detection.LEAST_AGREED)
    checksum = detection._CANDIDATES / 2**codeword.CHECK_BITS
    print(f"false alarms: {found} of {trials} unmarked pictures")
    print(f"  place: highest {max(scores):.2f}, needs {detection.LEAST_SCORE}; tail (Gumbel) {place:.1e}")
    print(f"  bits:  highest {agreed.max():.2f}, needs {detection.LEAST_AGREED}; tail (Gumbel) {payload:.1e}")
    print(
        f"  checksum of {detection._CANDIDATES} places: {checksum:.1e}; all three: {place * payload * checksum:.1e}\n"
    )


def tail(values: NDArray[np.floating], least: float) -> float:
    """The chance of `least` and more, of the Gumbel distribution that has the values' mean and spread."""
    scale = values.std() * np.sqrt(6) / np.pi
    middle = values.mean() - 0.5772 * scale
    return float(-np.expm1(-np.exp(-(least - middle) / scale)))


def varied(frame: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """A random part of a picture, in a random size and quality."""
    height, width = frame.shape[:2]
    rows, columns = (random.integers(0, size // 5 + 1, 2) for size in (height, width))
    part = frame[rows[0] : height - rows[1], columns[0] : width - columns[1]]
    return jpeg(scaled(part, random.uniform(0.6, 1.6)), int(random.integers(50, 96)))


def cloud(random: np.random.Generator) -> NDArray[np.uint8]:
    """Noise with the spectrum of pictures, 400 x 400."""
    waves = np.hypot(np.fft.fftfreq(400)[:, None], np.fft.fftfreq(400)) + 1 / 400
    values = np.fft.ifft2(np.fft.fft2(random.normal(size=(400, 400))) / waves).real
    values = np.clip(128 + 50 * values / values.std(), 0, 255).astype(np.uint8)
    return np.repeat(values[..., None], 3, 2)


def cost() -> None:
    """Milliseconds for a frame (median of nine) and for a look at 16 of them."""
    print("cost, ms      RGB frame  luma plane")
    for height, width in ((512, 512), (1080, 1920)):
        print(f"{f'{width} x {height}':13}" + "".join(f"{one:11.1f}" for one in cost_of(height, width)))
    image = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    print(f"looking at {LOOKS} frames of 512 x 512: {timed(lambda: detection.detect([image] * LOOKS)):.0f} ms")


def cost_of(height: int, width: int) -> NDArray[np.floating]:
    """Milliseconds for an RGB frame and for a plane."""
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    marker, plane = marking.Marker(1), np.ascontiguousarray(image[..., 0])
    took = [[timed(lambda: marker.image(image)), timed(lambda: marker.plane(plane, 255.0))] for _ in range(10)]
    return np.median(took[1:], 0)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin)


def read(path: Path, count: int) -> Frames:
    """The first frames of a video."""
    return list(islice(_decoded(str(path)), count))


def _decoded(source: object) -> Iterator[NDArray[np.uint8]]:
    with av.open(source) as container:  # type: ignore[call-overload]
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def compressed(frames: Frames, crf: int = 28, rate: int = 25) -> Frames:
    """H.264 and back."""
    whole = io.BytesIO()
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    with av.open(whole, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "medium"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for frame in frames:
            pixels = np.ascontiguousarray(frame[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    whole.seek(0)
    return list(_decoded(whole))


def scaled(frame: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Bicubic."""
    size = tuple(round(side * factor) for side in frame.shape[1::-1])
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def jpeg(frame: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """JPEG and back."""
    whole = io.BytesIO()
    Image.fromarray(frame).save(whole, "JPEG", quality=quality)
    return np.asarray(Image.open(whole))


def cropped(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without a tenth of its height and width, most of it at the right and the bottom."""
    height, width = frame.shape[:2]
    top, left = round(0.03 * height), round(0.04 * width)
    return frame[top : top + round(0.9 * height), left : left + round(0.9 * width)]


def blended(frames: Frames) -> Frames:
    """From 24 to 30 frames a second, with mixtures of neighbours."""
    made = []
    for index in range((len(frames) - 1) * 30 // 24):
        low, share = divmod(index * 24 / 30, 1)
        first, second = frames[int(low)], frames[int(low) + 1]
        made.append(np.round((1 - share) * first + share * second).astype(np.uint8))
    return made


def screenshot(frames: Frames) -> Frames:
    """One frame of the compressed video, at four fifths of its size, as a JPEG."""
    middle = compressed(frames, 23)[len(frames) // 2]
    return [jpeg(scaled(middle, 0.8), 80)]


ATTACKS: dict[str, Callable[[Frames], Frames]] = {
    "none": lambda frames: frames,
    "CRF 28": compressed,
    "half": lambda frames: [scaled(frame, 0.5) for frame in frames],
    "crop 10 %": lambda frames: [cropped(frame) for frame in frames],
    "24>30,CRF23": lambda frames: compressed(blended(frames), 23, 30),
    "JPEG 80x0.8": screenshot,
    "PNG 1 frame": lambda frames: [frames[len(frames) // 2]],
    "crop+CRF 28": lambda frames: compressed([cropped(frame) for frame in frames]),
    "half+CRF 23": lambda frames: compressed([scaled(frame, 0.5) for frame in frames], 23),
    "half+CRF 28": lambda frames: compressed([scaled(frame, 0.5) for frame in frames]),
}

if __name__ == "__main__":
    main()
