"""Every reader with a valid small file of its own, made hostile many times over, under limits of memory and time.

    python tests/fuzz/readers.py OUT [CASES [SEED]]

prints a line for each case that leaks: that raises anything but the house's own sentence, takes too much memory or too
long. A process of its own, so that the limits bind nobody else, and so that a crash is seen: the last line says where.
"""

from __future__ import annotations

import gc
import io
import json
import pickle
import random
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parents[1])]

import mutations  # noqa: E402
import numpy as np  # noqa: E402

from animcore.audio import recording  # noqa: E402
from animcore.body_models import model_file, ply_mesh, safe_unpickler  # noqa: E402
from animcore.core import images  # noqa: E402
from animcore.core.vocabulary import ARKIT, TONGUE  # noqa: E402
from animcore.direction import Direction  # noqa: E402
from animcore.errors import AnimcoreError  # noqa: E402
from animcore.evaluation.face import loading, reference_face  # noqa: E402
from animcore.files import FORMATS, export_and_verify  # noqa: E402
from animcore.files.animation_curves import FormatOptions  # noqa: E402
from animcore.files.avatars import open_any_splats  # noqa: E402
from animcore.files.scenes import gltf  # noqa: E402
from animcore.files.subtitles import transcripts  # noqa: E402
from animcore.files.video import face_landmarks  # noqa: E402
from animcore.hybrid_head import capture_format  # noqa: E402
from animcore.hybrid_head.tracking import face_tracker  # noqa: E402
from animcore.motion import Event, Motion  # noqa: E402
from animcore.retarget import geometry_matching, rig_profiles  # noqa: E402
from animcore.retarget.face_map import FaceMap  # noqa: E402
from animcore.retarget.rig_detection import from_profile, propose  # noqa: E402

SECONDS = 4.0  # of the processor that one file may take
ROOM = 3 << 30  # bytes of addresses that a reader may ask for, beside those that the libraries have
RESIDENT = 1400 << 20  # bytes of memory that one file may really take
_BLENDERS = (".fbx", ".usdc", ".abc", ".glb", ".pc2")  # need Blender, or are tried as files of another kind below

Mutation = Callable[[bytes, random.Random], bytes]


class TooSlow(BaseException):
    """A file is read longer than one may be."""


@dataclass(frozen=True)
class Case:
    """A reader, the name of a file of its kind, the bytes of a valid one, and how it is made hostile."""

    name: str
    file: str
    data: bytes
    mutation: Mutation
    read: Callable[[Path], Any]
    fewer: int = 1  # for slow readers: of so many cases one is tried


def motion() -> Motion:
    """A performance of a third of a second with everything in it."""
    chance = np.random.default_rng(3)

    def values(*shape: int) -> np.ndarray:
        return (chance.uniform(0, 1, shape) * 0.3).astype(np.float32)

    events = (Event("word", "hello", 0.0, 0.2), Event("word", "there", 0.2, 0.3), Event("phoneme", "ah", 0.0, 0.1))
    return Motion(
        Fraction(30), arkit=values(10, len(ARKIT)), tongue=values(10, len(TONGUE)), expression=values(10, 100),
        basis="flame2020", jaw_pose=values(10, 3), neck_pose=values(10, 3), head_pose=values(10, 3),
        eye_pose=values(10, 2, 3), body_pose=values(10, 55, 3), translation=values(10, 3), events=events,
    )  # fmt: skip


def _format_cases(folder: Path) -> list[Case]:
    texts: dict[str, Mutation] = {".npz": mutations.of_npz, ".json": mutations.of_json, ".vmd": mutations.of_bytes}
    found = []
    for name, form in FORMATS.items():
        if form.suffix.endswith(_BLENDERS):
            continue
        path = folder / f"seed{form.suffix}"
        if name == "vrma":
            form.write(form.encode(motion(), FormatOptions()), path, FormatOptions())
        else:
            export_and_verify.export(motion(), path, form)
        mutation = (
            mutations.of_glb if name == "vrma" else texts.get("." + form.suffix.rsplit(".", 1)[1], mutations.of_text)
        )
        found.append(Case(name, path.name, path.read_bytes(), mutation,
                          lambda path, form=form: export_and_verify.loaded(
                              path, form, FormatOptions(rate=Fraction(30)))))  # fmt: skip
    return found


def _splat_cases(folder: Path) -> list[Case]:
    from splat_clouds import cloud

    kinds: dict[str, Mutation] = {"ply": mutations.of_text, "splat": mutations.of_bytes, "spz": mutations.of_gzip,
                                  "sog": mutations.of_zip, "glb": mutations.of_glb}  # fmt: skip
    found = []
    for kind, mutation in kinds.items():
        path = folder / f"cloud.{kind}"
        open_any_splats.save(cloud(40, 1), path)
        found.append(Case(f"splats {kind}", path.name, path.read_bytes(), mutation, open_any_splats.load))
    found.append(Case("splats ply bytes", "cloud.ply", (folder / "cloud.ply").read_bytes(), mutations.of_bytes,
                      open_any_splats.load))  # fmt: skip
    open_any_splats.save(cloud(40, 1), folder / "avatar")
    for part, mutation in (("avatar.json", mutations.of_json), ("avatar.safetensors", mutations.of_bytes)):
        found.append(Case(f"avatar {part}", f"avatar/{part}", (folder / "avatar" / part).read_bytes(), mutation,
                          lambda path: open_any_splats.load(path.parent)))  # fmt: skip
    return found


def _archive_cases(folder: Path) -> list[Case]:
    chance = np.random.default_rng(5)

    def npz(name: str, **contents: Any) -> bytes:
        np.savez(folder / name, **contents)
        return (folder / name).read_bytes()

    from_profile(propose({"Face": list(ARKIT)})).save(folder / "map.npz")
    rig = npz("rig.npz", rest=chance.normal(size=(30, 3)), triangles=chance.integers(0, 30, (40, 3)),
              names=np.array(["a", "b"]), kinds=np.array(["shape"] * 2), meshes=np.array(["M"] * 2),
              targets=np.array(["a", "b"]), ranges=np.tile([0.0, 1.0, 0.0], (2, 1)),
              fields=chance.normal(size=(2, 30, 3)).astype(np.float32), eyes=np.zeros((0, 3)))  # fmt: skip
    pose = capture_format.HeadPose(np.zeros(10), np.zeros((5, 3)), np.zeros(3), np.zeros(5), np.ones((4, 3)), "x")
    capture_format.write_pose(pose,
                       folder / "pose.npz")  # fmt: skip
    track = face_tracker.HeadTrack(
        np.arange(4) / 30, np.ones(4, bool), np.zeros((4, 52)), np.tile(np.eye(3), (4, 1, 1)), np.ones((4, 3)),
        np.zeros((4, 2)), np.ones(4), np.array([640, 480]), 900.0, np.zeros(3), np.zeros((5, 3)), "open-head",
    )  # fmt: skip
    track.save(folder / "track.npz")
    faces = face_landmarks.VideoLandmarks(
        Fraction(30), np.arange(3) / 30, np.zeros((3, 478, 3), np.float32), (64, 48), ("n",)
    )
    face_landmarks.save(faces, folder / "faces.npz", "s")
    basis = npz("basis.npz", names=np.array(ARKIT), probe_rest=chance.normal(size=(4, 3)), eye_distance=0.1,
                probe_delta=chance.normal(size=(52, 4, 3)), lip_rest=chance.normal(size=(8, 3)),
                lip_delta=chance.normal(size=(52, 8, 3)))  # fmt: skip
    lips = npz("lips.npz", opening=np.ones(20), width=np.ones(20), fps=30.0, start=0.0)
    curves = npz("curves.npz", arkit=np.full((20, 52), 0.2), names=np.array(ARKIT), fps=30.0)
    model = npz("model.npz", **{
        "v_template": chance.normal(size=(12, 3)) * 0.1, "shapedirs": chance.normal(size=(12, 3, 400)) * 1e-3,
        "posedirs": np.zeros((12, 3, 36)), "J_regressor": np.full((5, 12), 1 / 12), "weights": np.full((12, 5), 0.2),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]), "f": chance.integers(0, 12, (9, 3)),
    })  # fmt: skip
    of_npz, bytes_of = mutations.of_npz, lambda name: (folder / name).read_bytes()
    return [
        Case("Motion.load", "m.npz", bytes_of("seed.npz"), of_npz, Motion.load),
        Case("FaceMap.load", "map.npz", bytes_of("map.npz"), of_npz, FaceMap.load),
        Case("fit.load", "rig.npz", rig, of_npz, geometry_matching.load),
        Case("capture.read_pose", "pose.npz", bytes_of("pose.npz"), of_npz, capture_format.read_pose),
        Case("Track.load", "track.npz", bytes_of("track.npz"), of_npz, face_tracker.HeadTrack.load),
        Case("film_faces.kept", "faces.npz", bytes_of("faces.npz"), of_npz,
             lambda path: face_landmarks.kept(path, "s")),
        Case("face basis", "basis.npz", basis, of_npz, reference_face.load),
        Case("judge, tracked", "lips.npz", lips, of_npz, lambda path: loading.load(path, _face())),
        Case("judge, curves", "curves.npz", curves, of_npz, lambda path: loading.load(path, _face())),
        Case("model file", "model.npz", model, of_npz, model_file.read),
        Case("model file, pickled", "model.pkl", pickle.dumps({"f": np.zeros((3, 3)), "v_template": np.ones((4, 3))}),
             mutations.of_pickle, model_file.read),
        Case("pickle", "t.pkl", pickle.dumps({"a": np.zeros((3, 3))}), mutations.of_pickle, _unpickled),
    ]  # fmt: skip


def _unpickled(path: Path) -> None:
    for name, value in safe_unpickler.load(path).items():
        safe_unpickler.array(value, name)


def _face() -> reference_face.ReferenceFace:
    return reference_face.default()


def _other_cases(folder: Path) -> list[Case]:
    import small_glb

    small_glb.write(folder / "character.glb").save(str(folder / "character.glb"))
    frame = {
        "timestep_index": 0,
        "camera_index": 0,
        "file_path": "a.png",
        "transform_matrix": np.eye(4).tolist(),
        "flame_param_path": "p.npz",
    }
    lens = {"w": 8, "h": 8, "fl_x": 9.0, "fl_y": 9.0, "cx": 4.0, "cy": 4.0}
    view = {**lens, "timestep_indices": [0], "camera_indices": [0], "frames": [frame]}
    (folder / "a.png").touch()
    toml = (HERE.parents[1] / "rigs" / "vrm.toml").read_bytes()
    head = b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    ply = head + b"element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    png = images.encoded(np.full((9, 7, 4), 200, np.uint8), "png")
    words = b"[joy 0.7] Hello there, [1.2] how are you? (softly) 12 times!\n"
    caption = (folder / "seed.srt").read_bytes()
    grid = (folder / "seed.textgrid").read_bytes()
    direction = json.dumps(
        {**Direction(seed=2).to_dict(), "emotions": [{"emotion": "joy", "intensity": 0.5, "time": 1}]}
    )
    found = [
        Case("gltf", "c.glb", (folder / "character.glb").read_bytes(), mutations.of_glb, _every_accessor),
        Case("glb", "c.glb", (folder / "character.glb").read_bytes(), mutations.of_glb,
             lambda path: export_and_verify.loaded(path, FORMATS["glb"])),
        Case("views", "transforms_train.json", json.dumps(view).encode(), mutations.of_json,
             lambda path: capture_format.read_views(path.parent, "train")),
        Case("profile", "vrm.toml", toml, mutations.of_text, rig_profiles._read_users),
        Case("mesh", "m.ply", ply, mutations.of_text, ply_mesh.read_ply),
        Case("picture", "p.png", png, mutations.of_bytes, lambda path: images.decoded(path.read_bytes(), "p.png")),
        Case("transcript", "w.txt", words, mutations.of_text, transcripts.load),
        Case("transcript srt", "w.srt", caption, mutations.of_text, transcripts.load),
        Case("transcript grid", "w.TextGrid", grid, mutations.of_text, transcripts.load),
        Case("direction", "d.json", direction.encode(), mutations.of_json, _direction),
    ]  # fmt: skip
    for kind in ("wav", "flac", "mp3", "mp4"):
        data = _sound(folder / f"sound.{kind}")
        found.append(Case(f"audio {kind}", f"s.{kind}", data, mutations.of_bytes, recording.load, fewer=3))
    return found


def _direction(path: Path) -> None:
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    if isinstance(values, dict):
        Direction.from_dict(values)


def _every_accessor(path: Path) -> None:
    document = gltf.load(path)
    for index in range(len(document.part("accessors"))):
        document.accessor(index)


def _sound(path: Path) -> bytes:
    import av

    samples = (np.sin(np.arange(8000) / 9) * 9000).astype(np.int16)[None]
    codec = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "mp4": "aac"}[path.suffix[1:]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 16_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path.read_bytes()


def hostile(cases: list[Case], many: int, seed: int) -> Iterator[tuple[Case, str, bytes]]:
    """Each case with its number and its bytes: mutations; what is far too deep; what unpacks to far more than it is."""
    for case in cases:
        for number in range(many // case.fewer):
            yield case, str(number), case.mutation(case.data, random.Random(f"{seed} {case.name} {number}"))
    for case in cases:
        if case.mutation in (mutations.of_text, mutations.of_json):
            for start in ("[", "<a>"):
                yield case, f"deep {start}", start.encode() * 2_000_000
        elif case.mutation is mutations.of_npz:
            with np.load(io.BytesIO(case.data)) as parts:
                names = tuple(parts.files)
            yield case, "bomb of one", mutations.bomb(names[:1], 3 << 30)
            yield case, "bomb of all", mutations.bomb(names, ((6 << 30) // len(names) >> 22) << 22)


def tried(case: Case, data: bytes, folder: Path) -> str:
    """Read hostile bytes; returns what leaked, or nothing."""
    path = folder / case.file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    before = _resident()
    begin = time.monotonic()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        case.read(path)
    except AnimcoreError as error:
        leak = "" if str(error).strip() and "\n" not in str(error).strip() else f"no sentence: {error!r:.100}"
    except TooSlow:
        leak = f"longer than {SECONDS:g} s"
    except BaseException as error:
        leak = f"{type(error).__name__}: {error!s:.120}"
    else:
        leak = ""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    taken = _resident() - before
    if not leak and taken > RESIDENT:
        leak = f"{taken / 1e6:.0f} MB"
    if time.monotonic() - begin > 1:
        gc.collect()
    return leak


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Try all cases and print what leaks."""
    out, *rest = sys.argv[1:]
    many, seed = (int(rest[0]) if rest else 60), (int(rest[1]) if len(rest) > 1 else 14)
    folder = Path(out)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    cases = [*_format_cases(folder), *_splat_cases(folder)]
    cases += [*_archive_cases(folder), *_other_cases(folder)]
    for case in cases:
        leak = tried(case, case.data, folder)  # the valid one warms caches up, and shows that the case is one
        if leak and case.name not in ("model file", "model file, pickled"):
            raise SystemExit(f"{case.name}: the valid file: {leak}")
    limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def stop(*_: Any) -> None:
        raise TooSlow

    signal.signal(signal.SIGPROF, stop)
    print("READY", flush=True)
    count = leaks = 0
    for case, number, data in hostile(cases, many, seed):
        print(f"TRY {case.name} {number}", file=sys.stderr, flush=True)
        count += 1
        if leak := tried(case, data, folder):
            leaks += 1
            print(f"LEAK {case.name} {number}: {leak}", flush=True)
    print(f"DONE {leaks} of {count} leaked, {len(cases)} readers", flush=True)


if __name__ == "__main__":
    main()
