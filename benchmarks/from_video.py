"""How well a film is tracked whose performance is known.

    python benchmarks/from_video.py [FILM TRUTH]

FILM and TRUTH are what `tools/film_head.py` makes; without them, those of the tests.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from animcore.body_models.face_landmarks import ModelLandmarks
from animcore.body_models.parametric_model import load_model
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.files.video import face_landmarks
from animcore.geometry.rotations import from_matrix, to_matrix
from animcore.hybrid_head.tracking import face_tracker

FILMS = Path(__file__).resolve().parent.parent / "tests" / "golden" / "films"
DISTANCES = {
    "lips' opening": (13, 14),
    "mouth's width": (61, 291),
    "brow": (336, 386),
    "left eye's opening": (386, 374),
}
SHAPES = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")


def main() -> None:
    """Track, and compare."""
    given = [Path(argument) for argument in sys.argv[1:3]]
    film, known = given if len(given) == 2 else (FILMS / "talking_head.mp4", FILMS / "talking_head.npz")
    with np.load(known, allow_pickle=False) as data:
        truth = {name: data[name] for name in data.files}
    model = load_model("open-head")
    begin = time.process_time()
    faces = face_landmarks.read(film)
    middle = time.process_time()
    millimetres = float(truth["focal"]) / max(faces.size) * face_tracker.FULL_FRAME
    for title, lens in (("lens known", millimetres), ("lens found", None)):
        started = time.process_time()
        track = face_tracker.track(faces.times, faces.points, faces.size, model, lens)
        print(
            f"{title}: {track.lens:.0f} mm (true {millimetres:.0f}), {time.process_time() - started:.1f} s of one core"
        )
        compare(track, truth, ModelLandmarks.on(model))
    each = 1000 * (middle - begin) / len(faces.times)
    print(f"landmarks: {each:.0f} ms of processor a frame, {len(faces.times)} frames")


def compare(track: face_tracker.HeadTrack, truth: dict[str, np.ndarray], marks: ModelLandmarks) -> None:
    """Print what is off."""
    away = from_matrix(track.turns @ to_matrix(truth["rotation"]).transpose(0, 2, 1))
    angle = np.degrees(np.linalg.norm(away, axis=1))
    print(f"  pose: {angle.mean():.2f} degrees off on average, {angle.max():.2f} at most", end="; ")
    always = np.median(away, 0)
    beside = from_matrix(to_matrix(-always) @ to_matrix(away))
    print(f"{np.degrees(np.linalg.norm(beside, axis=1)).mean():.2f} beside what is off always")
    print(f"  landmarks: {np.nanmedian(track.errors):.2f} pixels from the mesh (median)")
    for name in SHAPES:
        pair = truth["arkit"][:, ARKIT_INDEX[name]], track.arkit[:, ARKIT_INDEX[name]]
        print(f"  {name}: correlation {np.corrcoef(*pair)[0, 1]:.3f}")
    for name, (first, second) in DISTANCES.items():
        pair = [curve(weights, marks, first, second) for weights in (truth["arkit"], track.arkit)]
        off = 1000 * np.abs(np.diff(np.array(pair) - np.median(pair, 1, keepdims=True), axis=0)).mean()
        print(f"  {name}: correlation {np.corrcoef(*pair)[0, 1]:.3f}, {off:.2f} mm off on average")
    seen = truth["arkit"][:, ARKIT_INDEX["eyeBlinkLeft"]] < 0.3
    print(f"  gaze: {np.degrees(np.abs(track.looks - truth['looks'])[seen]).mean(0).round(1)} degrees off (across, up)")


def curve(weights: np.ndarray, marks: ModelLandmarks, first: int, second: int) -> np.ndarray:
    """(T,) metres between two landmarks of the head at rest, as weights move them."""
    both = [marks.points[mark] + np.einsum("ts,sx->tx", weights, marks.shapes[:, mark]) for mark in (first, second)]
    return np.linalg.norm(both[0] - both[1], axis=1)


if __name__ == "__main__":
    main()
