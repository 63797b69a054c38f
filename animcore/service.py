"""The engine as a child process: line-delimited JSON over its pipes, arrays as files.

docs/developers/service.md lists the messages. The process ends when its standard input does: it dies with its parent.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import animcore
from animcore import request_check
from animcore.core.progress import Progress, part
from animcore.errors import AnimcoreError, Cancelled, InputError

PROTOCOL = 1
ENVELOPE_RATE = 100  # values a second
_LAST_WORDS = 3.0  # seconds a cancelled job is given to leave no half-written file


class Service:
    """Answers requests; one job runs at a time, in a thread, so that a cancel is read while it runs."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._job: threading.Thread | None = None
        self._job_id = ""  # of the job under way; empty where there is none
        self._cancel = threading.Event()
        self._stop = threading.Event()

    def run(self, requests: TextIO) -> None:
        """Answer until `requests` ends."""
        self._say({"event": "ready", "protocol": PROTOCOL, "version": animcore.__version__})
        for line in iter(lambda: requests.readline(request_check.LONGEST), ""):
            if line.strip():
                self._answer(line)
        self._cancel.set()
        if self._job is not None:
            self._job.join(_LAST_WORDS)

    def _say(self, message: dict[str, Any]) -> None:
        with self._lock:
            try:
                self._output.write(json.dumps(message) + "\n")
                self._output.flush()
            except (BrokenPipeError, OSError):
                self._cancel.set()  # the parent is gone; the end of the input follows

    def _answer(self, line: str) -> None:
        number = ""
        try:
            request = request_check.parsed(line)
            number, wish = str(request["id"]), request["do"]
            request_check.check(request)
        except InputError as error:
            self._say(_failure(number, error))
            return
        if wish in ("cancel", "stop"):
            if number == self._job_id:
                (self._cancel if wish == "cancel" else self._stop).set()
            return
        work = WORK.get(wish)
        if work is None:
            self._say(
                _failure(
                    number,
                    InputError(f"The engine has no request {wish!r}; its requests are {', '.join(WORK)} and cancel."),
                )
            )
        elif self._job_id:
            busy = InputError("A performance is already being generated; wait for it or cancel it first.")
            self._say(_failure(number, busy))
        else:
            self._cancel.clear()
            self._stop.clear()
            self._job_id = number
            self._job = threading.Thread(target=self._do, args=(number, work, request), daemon=True)
            self._job.start()

    def _do(self, number: str, work: Work, request: dict[str, Any]) -> None:
        try:
            ending = {
                "id": number,
                "event": "done",
                **work(request, JobConnection(number, self._say, self._cancel, self._stop)),
            }
        except Cancelled:
            ending = {"id": number, "event": "cancelled"}
        except BaseException as error:  # a native library's own, too: a thread that dies would leave the engine busy
            ending = _failure(number, error)
        self._job_id = ""  # before the parent reads of the end and sends more
        self._say(ending)


@dataclass(frozen=True)
class JobConnection:
    """The messages of a running job to its parent and back; called, it reports progress."""

    number: str
    say: Callable[[dict[str, Any]], None]
    cancel: threading.Event
    stop: threading.Event

    def __call__(self, fraction: float, stage: str) -> None:
        """Report the fraction done (0..1) and the stage.

        Raises:
            Cancelled: where the parent cancelled.
        """
        self.stopped()
        self.send(event="progress", fraction=round(fraction, 4), stage=stage)

    def send(self, **event: Any) -> None:
        """Send an event of the job."""
        self.say({"id": self.number, **event})

    def stopped(self) -> bool:
        """Return whether the parent asked to stop and waits for the answer.

        Raises:
            Cancelled: where it cancelled.
        """
        if self.cancel.is_set():
            raise Cancelled
        return self.stop.is_set()


def _failure(number: str, error: BaseException) -> dict[str, Any]:
    """One sentence for the user; a traceback for us where it is not the user's input that failed."""
    expected = isinstance(error, AnimcoreError)
    message = str(error) if expected else f"The engine failed unexpectedly ({type(error).__name__}: {error})."
    report = "" if expected else "".join(traceback.format_exception(error))
    return {"id": number, "event": "error", "message": message, "report": report}


Work = Callable[[dict[str, Any], JobConnection], dict[str, Any]]


def _wanted(request: dict[str, Any], name: str) -> Any:
    if name not in request:
        raise InputError(f"The engine was asked to {request['do']} without {name!r}.")
    return request[name]


def _generate(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    # the solvers take a moment to import; the process is ready before that
    from animcore.core.frame_rates import exact_rate
    from animcore.direction import Direction
    from animcore.files.subtitles import transcripts
    from animcore.pipelines import generate_files

    rate = exact_rate("/".join(str(part) for part in _wanted(request, "fps")))
    out = Path(_wanted(request, "out"))
    direction = Direction.from_dict(request.get("direction", {}))
    text = transcripts.from_request(request["transcript"]) if request.get("transcript", "").strip() else None
    postprocess = request.get("postprocess", [])
    generate_files.check_finishes(postprocess)
    facts: Any  # of a recording or of a video
    voice = None if "film" in request else _voice(request)
    if voice is None:
        from animcore.pipelines import track_take

        motion, facts = track_take.run(Path(_wanted(request, "audio")), request["film"], rate, progress)
    else:
        other = _parts(request, "listening_to")
        motion, facts = generate_files.generate(
            voice, rate, direction, progress, text, _place(request), listening_to=other, **_learned(request)
        )
    motion = generate_files.apply_finishes(motion, postprocess)
    motion.save(out)
    answer = {"motion": str(out), "frames": motion.frame_count, **_facts(facts)}
    if voice and "sound" in request and not facts.plays_alike:
        answer["sound"] = _write_sound(voice, facts.track, Path(request["sound"]))
    if "map" in request:
        _solve(Path(request["map"]), motion, Path(_wanted(request, "values")))
    return answer


def _write_sound(voice: Any, track: int, out: Path) -> str:
    """Write the decoded audio, for programs that would play its file at another time."""
    from animcore.audio import recording

    recording.copy_audio(voice[0].path, track, out)
    return str(out)


def _learned(request: dict[str, Any]) -> dict[str, Any]:
    """The learned solvers that a request names by their folders, in the place of the shipped ones."""
    from animcore.solvers.face_networks import face_solver
    from animcore.solvers.gesture_networks import gesture_solver

    loaders: dict[str, Callable[[Path], Any]] = {"face": face_solver.load, "gestures": gesture_solver.load}
    return {name: load(Path(request[name])) for name, load in loaders.items() if request.get(name)}


def _dialogue(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Perform everybody who talks with the others: `cast` holds a request to generate for each."""
    cast = [{"do": "generate", **one} for one in _wanted(request, "cast")]
    share = 1 / max(len(cast), 1)
    answers = [_generate(one, part(progress, place * share, (place + 1) * share)) for place, one in enumerate(cast)]
    return {"cast": answers}


def _voice(request: dict[str, Any]) -> Any:
    """The parts that a voice is to be put together from; a recording that a request names is one, whole."""
    return _parts(request if "parts" in request else {"do": request["do"], "parts": [request]}, "parts")


def _parts(request: dict[str, Any], name: str) -> Any:
    """The recordings that a voice is put together from; none where they are not named."""
    from animcore.audio import recording

    return [
        recording.AudioSegment(
            Path(_wanted({"do": request["do"], **values}, "audio")),
            _seconds(values.get("at", 0)),
            _seconds(values.get("skip", 0)),
            None if values.get("length") is None else _seconds(values["length"]),
            float(values.get("gain", 1.0)),
            _number(values, "track"),
            _number(values, "channel"),
        )
        for values in request.get(name, ())
    ]


def _number(values: dict[str, Any], name: str) -> int:
    """A track or a channel, from 1 on; 0 for the engine's own choice."""
    number = values.get(name, 0)
    if not isinstance(number, int) or number < 0:
        raise InputError(f"The {name} is a number from 1 on, or 0 for the usual one; {number!r} is neither.")
    return number


def _place(request: dict[str, Any]) -> Any:
    from animcore.postprocess.retiming import Retiming

    begin, end = request.get("span") or (None, None)
    return Retiming(_seconds(request.get("offset", 0)), begin, end)


def _seconds(value: Any) -> Fraction:
    """Exact seconds: a number, or numerator and denominator."""
    try:
        return Fraction(*value) if isinstance(value, list) else Fraction(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise InputError(
            f"A time is a number of seconds, or numerator and denominator; {value!r} is neither."
        ) from error


def _solve(rig: Path, motion: Any, out: Path) -> None:
    """Write what the channels of a rig have to do for a motion: `names` (K,) and `values` (T, K)."""
    import numpy as np

    from animcore.core.atomic_files import whole_file
    from animcore.retarget.face_map import FaceMap

    found = FaceMap.load(rig)
    with whole_file(out) as temporary:
        np.savez(temporary, names=np.array(found.names), values=found.solve(motion))


def _fit(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Fit a rig: names where they are sure, its geometry for the rest; Blender measures that of a `scene` first."""
    from animcore.files.scenes import blender_process
    from animcore.retarget.face_map import coverage
    from animcore.retarget.geometry_matching import from_names_and_geometry, load
    from animcore.retarget.rig_detection import propose

    if "scene" in request:
        measured = blender_process.call_blender("measure_rig", part(progress, 0.0, 0.7), **request["scene"])
        if measured.get("still"):  # no face: nothing to compare, and no fault either
            return {"map": "", "channels": 0, "alike": 0, "coverage": 0.0, "missing": [], "still": measured["still"]}
        request |= {"rig": measured["rig"]}
    progress(0.7, "Comparing the rig with the reference head")
    geometry = load(Path(_wanted(request, "rig")))
    meshes: dict[str, list[str]] = {}
    for channel in geometry.channels:
        if channel.kind == "shape":
            meshes.setdefault(channel.targets[0][0], []).append(channel.targets[0][1])
    found = from_names_and_geometry(propose(meshes), geometry)
    progress(0.95, "Comparing the rig with the reference head")
    found.save(Path(_wanted(request, "out")))
    used = [name for name, cosine in found.alike if cosine > 0.5]
    return {
        "map": str(request["out"]),
        "channels": len(found.channels),
        "alike": len(used),
        "coverage": coverage(found.explained),
        "missing": list(found.missing),
    }


def _fit_head(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Fit a splat head to a capture; needs PyTorch."""
    from animcore.pipelines.fit_avatar import HEAD, fit

    progress(0.0, "Reading the capture")
    out = Path(_wanted(request, "out"))
    gaussians, steps = (int(_wanted(request, name)) for name in ("gaussians", "iterations"))
    fitted = fit(Path(_wanted(request, "capture")), out, progress, gaussians=gaussians, steps=steps)
    return {"head": str(out / HEAD), "gaussians": fitted.count}


def _add_head(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Have Blender make the mesh of a hybrid head: `head` (its folder) becomes a `.blend` (`out`)."""
    from animcore.files.scenes import blender_process

    return blender_process.call_blender(
        "add_head", progress, head=_wanted(request, "head"), out=_wanted(request, "out")
    )


def _mix(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Have Blender mix strips and sounds of a `scene` as it plays them, each into a file."""
    from animcore.files.scenes import blender_process

    return blender_process.call_blender("mix", progress, **_wanted(request, "scene"))


def _export(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Write a motion, or the take of a scene: then Blender reads its keys and writes the scene formats itself."""
    from animcore import files
    from animcore.files.animation_curves import FormatOptions
    from animcore.files.scenes import blender_process
    from animcore.motion import Motion
    from animcore.pipelines import generate_files

    wanted = request.get("setup", {})
    setup = FormatOptions(
        profile=wanted.get("profile"),
        mesh=wanted.get("mesh", FormatOptions.mesh),
        model=wanted.get("model", FormatOptions.model),
        character=Path(wanted["character"]) if wanted.get("character") else None,
    )
    order = generate_files.BatchRequest(Path(_wanted(request, "folder")), _wanted(request, "formats"), setup=setup)
    if "scene" in request:
        made = blender_process.call_blender("write_take", part(progress, 0.0, 0.6), **request["scene"])
    else:
        made = {"motion": _wanted(request, "motion"), "files": {}, "notes": []}
    motion = Path(made["motion"])
    written = _checked(Motion.load(motion), made["files"], order.folder, part(progress, 0.6, 0.9))
    if order.formats:
        (take,) = generate_files.convert([motion], order, part(progress, 0.9, 1.0))
        if take.error is not None:
            raise InputError(take.error)
        titles = [files.FORMATS[name].title for name in order.formats]
        written = [*zip(titles, take.reports, strict=True), *written]
    return {"files": [_report(title, report) for title, report in written], "notes": made["notes"]}


def _checked(motion: Any, made: dict[str, dict[str, str]], folder: Path, progress: Progress) -> list[tuple[str, Any]]:
    """Read back what Blender wrote of a motion; files that match go into the folder.

    Args:
        motion: what the files were made of.
        made: format -> `path`, and `meant` (checking.py) or the `error` that kept it from being written.
        folder: where they belong.
        progress: called with the fraction done.
    """
    from animcore import files
    from animcore.files.export_and_verify import ExportReport, accept_if_equal

    reports = []
    for index, (name, file) in enumerate(made.items()):
        path, form = Path(file["path"]), files.format_named(name)
        progress(index / len(made), f"Reading {path.name} back")
        if "error" in file:
            reports.append((form.title, ExportReport(folder / path.name, 0, error=file["error"])))
            continue
        reports.append((form.title, accept_if_equal(motion, path, folder, form, Path(file["meant"]))))
    return reports


def _report(title: str, report: Any) -> dict[str, Any]:
    return {
        "format": title,
        "path": str(report.path),
        "frames": report.frames,
        "tracks": dict(report.tracks),
        "lacks": list(report.lacks),
        "error": report.error,
    }


def _inspect(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Report the facts of a voice; where `envelope` names a file, its envelope is written there."""
    from animcore.audio import recording
    from animcore.speech import voice_detection

    clip = recording.join_segments(_voice(request), progress, voice_detection.has_voice)
    if "envelope" in request:
        _write_envelope(clip, Path(request["envelope"]))
    answer = _facts(clip.facts)
    answer["facts"] |= _company(clip)
    return answer


def _company(clip: Any) -> dict[str, Any]:
    """Other audio than one voice: spans of `music`, and the turns of two `speakers` with the number of each."""
    from animcore.speech import music_and_speakers, prosody

    if clip.facts.silent:
        return {"music": [], "speakers": []}
    heard = prosody.analyse(clip, int(clip.duration * prosody.FPS))
    turns = [(turn.start, turn.end, turn.speaker) for turn in music_and_speakers.detect_speakers(clip, heard)]
    return {"music": music_and_speakers.detect_music(clip), "speakers": turns}


def _write_envelope(clip: Any, out: Path) -> None:
    """Write the largest sample of every hundredth of a second as `peaks` (N,) in 0..1."""
    import numpy as np

    from animcore.core.atomic_files import whole_file

    size = clip.rate // ENVELOPE_RATE
    padded = np.zeros(-(-len(clip.samples) // size) * size, np.float32)
    padded[: len(clip.samples)] = np.abs(clip.samples)
    with whole_file(out) as temporary, temporary.open("wb") as handle:
        np.savez(handle, peaks=np.minimum(padded.reshape(-1, size).max(1), 1.0), rate=ENVELOPE_RATE)


def _facts(facts: Any) -> dict[str, Any]:
    values = facts.to_dict()
    if "video_rate" in values:  # under their former names too, for one version
        values |= {"film_rate": values["video_rate"], "film_varies": values["video_rate_varies"]}
    return {"warnings": values.pop("warnings"), "duration": values["duration"], "facts": values}


def _listen(request: dict[str, Any], wire: JobConnection) -> dict[str, Any]:
    """Animate a face from the microphone until the parent sends stop, and write the audio."""
    from animcore.direction import Direction
    from animcore.pipelines import live_session
    from animcore.solvers.speech_face.lip_sync import jaw_pose

    out = Path(_wanted(request, "out"))

    def show(weights: Any, tongue: Any, level: float) -> None:
        tracks = {"arkit": weights, "tongue": tongue, "jaw_pose": jaw_pose(weights)}
        values = {name: track.round(4).tolist() for name, track in tracks.items()}
        wire.send(event="news", level=round(level, 4), **values)

    direction = Direction.from_dict(request.get("direction", {}))
    wire(0.0, "Listening")
    seconds = live_session.run(str(request.get("microphone", "")), out, direction, show, wire.stopped)
    return {"audio": str(out), "seconds": seconds}


def _about(_request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Report what this Python has: versions, PyTorch and a GPU where there are any, the models."""
    from animcore.solvers.speech_face import lip_sync

    progress(0.1, "Checking this Python")
    try:
        import torch
    except (ImportError, OSError):  # not installed, or for another computer
        torch_version = gpu = None
    else:
        torch_version = str(torch.__version__)
        gpu = str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else None
    models = sorted(path.stem for path in lip_sync.MODEL.parent.glob("*.onnx"))
    return {"python": platform.python_version(), "torch": torch_version, "gpu": gpu, "models": models}


WORK: dict[str, Work] = {
    "generate": _generate,
    "dialogue": _dialogue,
    "inspect": _inspect,
    "export": _export,
    "add_head": _add_head,
    "fit": _fit,
    "mix": _mix,
    "fit_head": _fit_head,
    "listen": _listen,
    "about": _about,
}


def main() -> None:
    """Serve on standard input and output; whatever else prints goes to the log (standard error)."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests = os.fdopen(sys.stdin.fileno(), "r", encoding="utf-8", errors="replace", closefd=False)
    Service(answers).run(requests)
    os._exit(0)  # a library's thread must not keep the process alive behind its parent


if __name__ == "__main__":
    main()
