"""How near our trackers come to MediaPipe's own, and how long both take.

    python benchmarks/trackers.py [VIDEO ...] [--frames 60] [--threads 1]

Without videos, on the one of the tests. Needs `mediapipe<0.10.22` (Python 3.12 or older). *Still*: each image for
itself. *Followed*: as a video, where each image is cut out by what was found in the last one, so that differences
grow. How far MediaPipe's own results move when one value in a thousand changes by 1 of 255 stands beside it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

from animcore.files.video import face_landmarks
from animcore.trackers.body import BodyTracker
from animcore.trackers.face import FaceTracker
from animcore.trackers.hands import HandTracker
from animcore.trackers.person_mask import PersonMask

FILM = Path(__file__).resolve().parent.parent / "tests" / "golden" / "films" / "talking_head.mp4"
Points = list[np.ndarray]
Tracker = Callable[[np.ndarray], Points]
_POSE_STEP = 33_333  # microseconds between images


def ours(what: str, still: bool, threads: int) -> Tracker:
    """Our tracker, as a function from an image to points."""
    if what == "faces":
        return FaceTracker(1, still, threads)
    if what == "hands":
        hands = HandTracker(2, still, threads)
        return lambda image: [hand.points for hand in hands(image)]
    if what == "masks":
        mask = PersonMask(threads)
        return lambda image: [mask(image)]
    body = BodyTracker(still, threads)
    return lambda image: [one.points for one in [body(image)] if one is not None]


@contextmanager
def mediapipes(what: str, still: bool) -> Iterator[Tracker]:
    """MediaPipe's, likewise."""
    import mediapipe

    known = mediapipe.solutions
    if what == "bodies":
        with body_graph(still) as find:
            yield find
        return
    if what == "faces":
        solution = known.face_mesh.FaceMesh(static_image_mode=still, max_num_faces=1, refine_landmarks=True)
    elif what == "hands":
        solution = known.hands.Hands(static_image_mode=still, max_num_hands=2)
    else:
        solution = known.selfie_segmentation.SelfieSegmentation(model_selection=0)
    names = {"faces": "multi_face_landmarks", "hands": "multi_hand_landmarks"}
    with solution:

        def find(image: np.ndarray) -> Points:
            answer = solution.process(image)
            if what == "masks":
                return [answer.segmentation_mask]
            return [pixels(one, image) for one in getattr(answer, names[what]) or []]

        yield find


@contextmanager
def body_graph(still: bool) -> Iterator[Tracker]:
    """MediaPipe's graph of the pose as its file has it: its Python class leaves out some of the graph's options."""
    import mediapipe
    import mediapipe.python.solutions.pose  # registers what the graph consists of
    from mediapipe.python import packet_creator, packet_getter
    from mediapipe.python._framework_bindings import calculator_graph, image_frame, resource_util

    root = Path(mediapipe.__file__).parent
    resource_util.set_resource_dir(str(root.parent))
    graph = calculator_graph.CalculatorGraph(
        binary_graph_path=str(root / "modules" / "pose_landmark" / "pose_landmark_cpu.binarypb")
    )
    found: Points = []
    size = [0, 0]

    def keep(_stream: str, packet: Any) -> None:
        landmarks = packet_getter.get_proto(packet).landmark
        found.append(np.array([(one.x, one.y, one.z) for one in landmarks]) * (size[0], size[1], size[0]))

    graph.observe_output_stream("pose_landmarks", keep)
    settings = {"smooth_landmarks": False, "enable_segmentation": False, "smooth_segmentation": False}
    packets = {name: packet_creator.create_bool(value) for name, value in settings.items()}
    packets |= {
        "use_prev_landmarks": packet_creator.create_bool(not still),
        "model_complexity": packet_creator.create_int(1),
    }
    graph.start_run(packets)
    stamp = 0

    def find(image: np.ndarray) -> Points:
        nonlocal stamp
        stamp += _POSE_STEP
        found.clear()
        size[:] = image.shape[1], image.shape[0]
        frame = packet_creator.create_image_frame(image_format=image_frame.ImageFormat.SRGB, data=image)
        graph.add_packet_to_input_stream("image", frame.at(stamp))
        graph.wait_until_idle()
        return list(found)

    yield find
    graph.close_all_packet_sources()


def pixels(landmarks: Any, image: np.ndarray) -> np.ndarray:
    """(N, 3) in pixels of MediaPipe's landmarks; depth on the scale of the width."""
    height, width = image.shape[:2]
    return np.array([(one.x, one.y, one.z) for one in landmarks.landmark]) * (width, height, width)


@dataclass
class Comparison:
    """What two trackers found in the same images."""

    images: int = 0
    disagreed: int = 0
    away: list[np.ndarray] = field(default_factory=list)
    moved: list[np.ndarray] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "MediaPipe": []})

    def add(self, mine: Points, theirs: Points, again: Points) -> None:
        """Compare what was found in an image; `again` is MediaPipe's, of the image with a few pixels changed."""
        self.images += 1
        if len(mine) != len(theirs):
            self.disagreed += 1
            return
        for one, other in zip(mine, theirs, strict=True):
            self.away.append(distance(one, other))
        if len(again) == len(theirs):
            self.moved += [distance(one, other) for one, other in zip(again, theirs, strict=True)]

    def line(self) -> str:
        """A row of the table."""
        if not self.away:
            return f"{self.images:6d} images, nothing found"
        away = np.concatenate(self.away)
        moved = np.concatenate(self.moved) if self.moved else np.array([np.nan])
        mine, theirs = (1000 * np.median(self.seconds[name]) for name in ("ours", "MediaPipe"))
        return (
            f"{self.images:6d} images {self.disagreed:4d} disagreed  median {np.median(away):.4f} "
            f"95 % {np.quantile(away, 0.95):.4f}  (MediaPipe with itself {np.median(moved):.4f}, "
            f"{np.quantile(moved, 0.95):.4f})  {mine:6.1f} ms ours {theirs:6.1f} ms MediaPipe"
        )


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pixels between points (N, 3); of masks (H, W), their differences."""
    if one.shape[1] != 3:
        return np.abs(one - other).ravel()[::97]
    return np.linalg.norm((one - other)[:, :2], axis=1)


def compare(what: str, still: bool, films: list[Path], count: int, threads: int = 1) -> Comparison:
    """Run both over the first images of each film."""
    result = Comparison()
    random = np.random.default_rng(0)
    for film in films:
        mine = ours(what, still, threads)
        with mediapipes(what, still) as theirs, mediapipes(what, still) as again:
            for number, (_, image, _) in enumerate(face_landmarks.frames(film)):
                if number == count:
                    break
                begin = time.perf_counter()
                found = mine(image)
                middle = time.perf_counter()
                known = theirs(image)
                end = time.perf_counter()
                changed = image ^ (random.random(image.shape) < 1e-3)  # the last bit
                result.add(found, known, again(changed))
                result.seconds["ours"].append(middle - begin)
                result.seconds["MediaPipe"].append(end - middle)
    return result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    print(describe())
    for what in ("faces", "hands", "bodies", "masks"):
        for still in (True, False) if what != "masks" else (True,):
            result = compare(what, still, options.videos or [FILM], options.frames, options.threads)
            print(f"{what:7s} {'still' if still else 'followed':9s}{result.line()}", flush=True)


if __name__ == "__main__":
    main()
