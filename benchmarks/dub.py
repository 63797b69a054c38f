"""How well a video is dubbed, measured on videos whose end is not used.

    python benchmarks/dub.py [VIDEO ...] [--frames N] [--voice AUDIO] [--skip-speech]

References come from the first 60 % of each video; the mouth of the rest is rebuilt. Without VIDEO, the golden one and
those of `../shared/videos`. Needs MediaPipe (`pip install ".[judge]"`). Three things are measured:

- `tracked`: the video's own mouth, so that the images alone are measured: PSNR and SSIM of the face box (all points of
  the face) and the mouth box (the lips, a quarter of their size added to each side), in RGB before encoding, beside
  three baselines over the same mask: the nearest reference pasted, warped, and the mean of the three nearest warped.
  LPIPS is absent: its weights are not free. LMD: mean distance of the lips' landmarks to those of the original, in
  pixels at a face of 256.
- `own`: the video's own audio through the solver: correlation of opening and width with the real mouth.
- `foreign`: another voice: opening and width asked and shown (tracked again), and flicker: the mean difference of
  successive frames in the mouth box over that of the original.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from animcore.files.video import face_landmarks
from animcore.pipelines.dub import dubbing, persons, references, report, warp
from animcore.pipelines.dub.face_points import LIPS, OVAL, opening, width
from animcore.pipelines.dub.footage import Footage, look_through, pictures
from animcore.pipelines.dub.manner import correlation
from animcore.pipelines.dub.pixels import Picture
from animcore.pipelines.dub.references import face_box
from animcore.pipelines.dub.render import Renderer
from animcore.pipelines.dub.request import DubRequest, Line
from animcore.pipelines.dub.sampling import sampled, smoothed

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "videos"
SHARE = 0.6
WAYS = ("pasted", "nearest", "mean of 3", "dubbed")


def main() -> None:
    """Measure every video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=40, help="frames measured of each video, at most")
    parser.add_argument("--voice", type=Path, default=ROOT / "tests" / "golden" / "voices" / "slt.flac")
    parser.add_argument("--skip-speech", action="store_true", help="the images alone")
    options = parser.parse_args()
    shared = sorted(SHARED.glob("*.m*")) if SHARED.is_dir() else []
    videos = options.video or [ROOT / "tests" / "golden" / "films" / "talking_head.mp4", *shared]
    for video in videos:
        print(f"\n{video.name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "dubbed.mp4"
            footage = looked(video, out)
            images(video, footage, out, options.frames)
            if not options.skip_speech:
                own_audio(video, footage, out)
                foreign_audio(video, footage, out, options.voice)


def looked(video: Path, out: Path) -> Footage:
    """Track the video once, for all measures."""
    work = DubRequest(video, out, ()).work
    work.mkdir()
    source = face_landmarks.source_of(video, 0.0, np.inf)
    begin = time.process_time()
    footage = look_through(video)
    footage.save(work / "footage.npz", source)
    each = (time.process_time() - begin) / len(footage.times)
    print(
        f"  {footage.size[0]} x {footage.size[1]}, {len(footage.times)} frames; faces found in {each:.3f} CPU s a frame"
    )
    return footage


def images(video: Path, footage: Footage, out: Path, most: int) -> None:
    """Rebuild the mouths of the rest, next to the baselines."""
    source = face_landmarks.source_of(video, 0.0, np.inf)
    split = split_of(footage)
    begin = time.process_time()
    shots = persons.faces_of(footage, persons.who_speaks(footage), DubRequest(video, out, ()).work, source)
    print(f"  tracked in {(time.process_time() - begin) / len(footage.times):.3f} CPU s a frame")
    bank = persons.lenders(shots, footage.times, footage.size, ((0.0, split),))
    wanted = set(bank.order.tolist())
    for number, (_, frame) in enumerate(pictures(video)):
        if number in wanted:
            bank.add(Picture.of(frame))
    renderer = Renderer(bank, max(shot.points.width() for shot in shots))
    chosen = [(shot, k) for shot in shots for k, f in enumerate(shot.frames) if footage.times[f] >= split]
    chosen = [one for one in chosen if one[0].points.found[one[1]]][:: max(1, len(chosen) // most)]
    at = {int(shot.frames[k]): (shot, k) for shot, k in chosen}
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    seconds = 0.0
    with face_landmarks.tracker(video.name, still=True) as mesh:
        for number, (_, frame) in enumerate(pictures(video)):
            if number in at:
                shot, k = at[number]
                picture = Picture.of(frame)
                before = picture.frame().to_ndarray(format="rgb24").astype(float)
                changes, spent = ways(renderer, picture, shot, k)
                seconds += spent
                landmarks = footage.faces[persons.who_speaks(footage), number, :468, :2].astype(float)
                for way, (box, change) in changes.items():
                    copy = Picture(
                        [plane.copy() for plane in picture.planes], picture.form, round(np.log2(picture.most + 1))
                    )
                    copy.add(box, change)
                    after = copy.frame().to_ndarray(format="rgb24")
                    found[way].append(
                        compared(before, after, landmarks, mesh if way in ("dubbed", "mean of 3") else None)
                    )
    print(f"  {len(at)} frames, {len(bank.crops)} references, face {renderer.face_width:.0f} pixels; "
          f"{seconds / len(at):.3f} CPU s a frame to render")  # fmt: skip
    print("  tracked mouth       PSNR face  mouth   SSIM face  mouth   LMD")
    for way in WAYS:
        measured = np.array(found[way])
        lmd = measured[np.isfinite(measured[:, 4]), 4]
        values = [*measured[:, :4].mean(0), float(lmd.mean()) if len(lmd) else float("nan")]
        print(
            f"  {way:18s} {values[0]:9.2f} {values[1]:7.2f} {values[2]:10.4f} {values[3]:7.4f} {values[4]:6.2f}",
            flush=True,
        )


def ways(renderer: Renderer, picture: Picture, shot: persons.ShotFace, k: int) -> tuple[dict[str, Any], float]:
    """The change of each way for one frame, over the same mask, and the CPU seconds of ours."""
    points = shot.points.part(np.array([k]))
    own, bank = points.pixels[0], renderer.bank
    features = points.mouth_features(points.arkit, points.residual)
    near = np.argsort(references.squares(features, bank.features)[0])[:3]
    box = face_box(own, picture.size)
    frame, regions = picture.crop(box), renderer.regions(own, box)
    flow = warp.Flow(own[renderer.controls], box, renderer.face_width)
    alpha = regions.alpha[..., None]

    def taken(row: int, warped: bool) -> np.ndarray:
        displacement = bank.points[row][renderer.controls] - own[renderer.controls]
        shift = np.round((bank.points[row][list(OVAL)] - own[list(OVAL)]).mean(0))
        nodes = flow.sources(displacement) if warped else flow.nodes + shift
        corner = bank.boxes[row].left + 0.5, bank.boxes[row].top + 0.5
        crop = bank.crops[row]
        return sampled(crop, (nodes - corner).astype(np.float32), flow.step, regions.wanted) / np.iinfo(crop.dtype).max

    changes = {
        "pasted": (box, alpha * (taken(near[0], False) - frame)),
        "nearest": (box, alpha * (taken(near[0], True) - frame)),
        "mean of 3": (box, alpha * (np.mean([taken(row, True) for row in near], 0) - frame)),
    }
    begin = time.process_time()
    made = renderer.render(picture, own, own, features[0], near[:1], np.ones(1))
    spent = time.process_time() - begin
    return {**changes, "dubbed": (made.box, made.change)}, spent


def compared(before: np.ndarray, after: np.ndarray, landmarks: np.ndarray, mesh: Any) -> list[float]:
    """PSNR and SSIM of face and mouth, and LMD."""
    boxes = [boxed(landmarks, 0.0, before.shape), boxed(landmarks[list(LIPS)], 0.25, before.shape)]
    values = [psnr(before[box], after[box].astype(float)) for box in boxes]
    values += [ssim(before[box].mean(2), after[box].astype(float).mean(2)) for box in boxes]
    lmd = float("nan")
    if mesh is not None:
        one, other = (face_landmarks.landmarks(mesh, image.astype(np.uint8)) for image in (before, after))
        if one and other:
            lips = np.linalg.norm((one[0] - other[0])[list(LIPS), :2], axis=1).mean()
            lmd = float(lips * 256 / np.ptp(landmarks[:, 0]))
    return [*values, lmd]


def boxed(points: np.ndarray, margin: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns around points, with a share of their size to each side."""
    low, high = points.min(0), points.max(0)
    reach = margin * (high - low)
    low, high = np.floor(low - reach).astype(int), np.ceil(high + reach).astype(int)
    return slice(max(low[1], 0), min(high[1], shape[0])), slice(max(low[0], 0), min(high[0], shape[1]))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Decibels, of 255."""
    return float(10 * np.log10(255**2 / max(((one - other) ** 2).mean(), 1e-6)))


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004) with a Gaussian of 1.5 pixels."""

    def mean(values: np.ndarray) -> np.ndarray:
        return smoothed(values, 1.5).astype(float)

    a, b = mean(one), mean(other)
    aa, bb, ab = mean(one * one) - a * a, mean(other * other) - b * b, mean(one * other) - a * b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float((((2 * a * b + c1) * (2 * ab + c2)) / ((a * a + b * b + c1) * (aa + bb + c2))).mean())


def own_audio(video: Path, footage: Footage, out: Path) -> None:
    """The video's own voice through the solver, against the real mouth, of frames that lent nothing.

    All of the video is dubbed, so that its sound keeps its place. The manner is fitted on all of it, too.
    """
    split = split_of(footage)
    order = DubRequest(video, out, (Line(video),), references=((0.0, split),), fit="trim", check=False)
    try:
        made = dubbing.run(order)
    except dubbing.InputError as error:
        print(f"  own audio: {error}")
        return
    real = footage.faces[persons.who_speaks(footage)][made.shows].astype(float)
    rest = (footage.times[made.shows] >= split) & np.isfinite(real).all((1, 2))
    for name, column, measure in (("opening", 0, opening), ("width", 1, width)):
        both = np.isfinite(made.asked[:, column]) & rest
        r = correlation(made.asked[both, column], measure(real)[both])
        print(f"  own audio, {name} asked and real: r = {r:.2f}")


def foreign_audio(video: Path, footage: Footage, out: Path, voice: Path) -> None:
    """Another voice: is shown what was asked, and does it flicker."""
    order = request(video, footage, out, voice)
    begin = time.process_time()
    made = dubbing.run(order)
    each = (time.process_time() - begin) / made.frames
    check = report.shown_again(order, made)
    asked = [report.agreement(made.asked[:, k], check.shown[:, k]) for k in (0, 1)]
    flickers = [flicker(path, shows, check) for path, shows in ((order.out, range(made.frames)), (video, made.shows))]
    shown = f"asked and shown r = {asked[0]:.2f} (opening), {asked[1]:.2f} (width)"
    print(f"  foreign voice: {shown}; flicker {flickers[0]:.2f}, original {flickers[1]:.2f}")
    print(f"  {each:.3f} CPU s a frame in all", flush=True)


def split_of(footage: Footage) -> float:
    """The second from which on nothing lends its appearance."""
    return float(footage.times[0] + SHARE * (footage.times[-1] - footage.times[0]))


def request(video: Path, footage: Footage, out: Path, voice: Path) -> DubRequest:
    """Dub the last 40 %, from the first 60 %."""
    split = split_of(footage)
    return DubRequest(video, out, (Line(voice),), references=((0.0, split),), start=split, fit="trim", check=False)


def flicker(path: Path, shows: Any, check: report.Check) -> float:
    """Mean difference of successive frames around the mouth, 0..255."""
    wanted = {int(number): index for index, number in enumerate(shows)}
    before, found = None, []
    for number, (_, frame) in enumerate(pictures(path)):
        index = wanted.get(number)
        if index is None or not np.isfinite(check.places[index]).all():
            continue
        reach = max(8, round(0.09 * min(frame.width, frame.height)))
        column, row = check.places[index].astype(int)
        image = face_landmarks.upright(frame).astype(float)
        tile = image[max(row - reach, 0) : row + reach, max(column - reach, 0) : column + reach]
        if before is not None and before.shape == tile.shape:
            found.append(np.abs(tile - before).mean())
        before = tile
    return float(np.mean(found)) if found else float("nan")


if __name__ == "__main__":
    main()
