"""Generates performances: requests them from the engine and keys them on the character, by timers or blocking.

Between the press of the button and the answer the user works on: what was asked is kept as names and numbers of
data-blocks, never as references.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from animcore.errors import AnimcoreError

from .. import list_properties, preferences, properties
from ..character import gaze_target, measured_shapes, rig_reader, track_list
from ..doctor import checks, examination
from ..engine.jobs import Job, Jobs, State
from ..errors import AddonError
from ..scene import handlers, windows
from ..scene.frame_rates import exact_rate
from ..scene.stepwise import Steps
from ..takes import keying
from ..voice import analysis, source
from . import requests

_INTERVAL = 0.15  # seconds between looks at the engine
_MOMENT = 0.1  # seconds of writing keys at a stretch
_BREATH = 0.01  # seconds that the window lives between two of them
_GLANCE = 2.0  # seconds for which the panel shows a detected character without reading it again

Progress = Callable[[float, str], None]


@dataclass
class Outcome:
    """The result of the last job, for the panel: one sentence, notes, and a report for support."""

    failed: bool
    message: str
    notes: tuple[str, ...] = ()
    report: str = ""
    take: keying.Take | None = None


@dataclass(frozen=True)
class Seen:
    """The detected character, for the panel: which one, when, the result, a problem, and the confidence."""

    what: Any
    when: float
    found: str = ""
    problem: str = ""
    certain: bool = False


@dataclass
class Session:
    """State for as long as the extension is registered: the engine, and its current order."""

    jobs: Jobs = field(default_factory=Jobs)
    order: requests.Order | None = None
    outcome: Outcome | None = None
    character: Seen | None = None
    findings: tuple[checks.Finding, ...] | None = None
    engine_note: str = ""
    finish: Callable[[Job], Steps[None] | None] | None = None
    writing: Steps[None] | None = None

    def reset(self) -> None:
        """End the engine and forget everything."""
        self.leave_writing()
        self.jobs.close()
        drop(self.order)
        self.order, self.outcome, self.finish, self.engine_note = None, None, None, ""
        self.character, self.findings = None, None
        analysis.forget()

    def leave_writing(self) -> None:
        """Take back what is half written."""
        steps, self.writing = self.writing, None
        if steps is not None:
            steps.close()
            drop(self.order)
            self.order = None


session = Session()


def disabled_reason(scene: bpy.types.Scene) -> str:
    """Return why Generate is disabled, in one sentence; empty when it is enabled."""
    settings = properties.of(scene)
    if session.jobs.busy:
        return "The engine is busy; wait for it or cancel it first"
    if not source.chosen(scene):
        return "Choose an audio file with speech first"
    if properties.root(settings) is None:
        return "Choose a character first, or add the default one"
    return character_seen(settings).problem


def character_seen(settings: properties.AnimcoreSettings) -> Seen:
    """Return the detection result of the chosen character.

    Reading a rig takes some milliseconds, and drawing must cost nothing: what is said of a character already is read
    again by a timer, every two seconds at most.
    """
    root, now, seen = properties.root(settings), time.monotonic(), session.character
    what = root.session_uid if root is not None else None
    if seen is None or seen.what != what:
        return _look_at(root)
    if now - seen.when > _GLANCE:
        if bpy.app.background:
            return _look_at(root)
        if not bpy.app.timers.is_registered(_look_again):
            bpy.app.timers.register(_look_again, first_interval=_INTERVAL)
    return seen


def _look_at(root: bpy.types.Object | bpy.types.Collection | None) -> Seen:
    """Read the character now."""
    found, problem, certain = "", "", False
    try:
        if root is not None:
            character = rig_reader.read(root)
            found, certain = character.summary, not character.solved
    except AnimcoreError as error:
        problem = str(error)
    what = root.session_uid if root is not None else None
    session.character = Seen(what, time.monotonic(), found, problem, certain)
    return session.character


def _look_again() -> None:
    """The timer of `character_seen`: redraws only where something has changed."""
    before = session.character
    after = _look_at(properties.root(properties.of(bpy.context.scene)))
    if before is None or (before.found, before.problem) != (after.found, after.problem):
        windows.redraw()


def examine(scene: bpy.types.Scene) -> tuple[checks.Finding, ...]:
    """Run the take doctor on audio, scene and rig; the panel shows its findings."""
    facts = analysis.facts(properties.of(scene))
    who = examination.patient(scene, facts, float(facts.get("duration", 0.0)))
    session.findings = examination.examine(who)
    return session.findings


def order_take(scene: bpy.types.Scene, *, name: str = "", variant: str = "") -> Job:
    """Check everything that can be checked now, and request a performance from the engine.

    Args:
        scene: with the settings of what is wanted.
        name: of the take; that of its voice where not given.
        variant: of the solver, in the place of the scene's.

    Raises:
        AddonError: where it cannot be made: what is wrong and what to do.
    """
    settings = properties.of(scene)
    said = source.read(scene)
    track_list.end_preview()
    asked = source.asked(scene, said)
    if variant:
        asked["direction"]["variant"] = variant
    if settings.look_at is not None:
        asked["direction"]["target"] = gaze_target.point(rig_reader.read(properties.root(settings)), settings.look_at)
    placement = keying.Placement(said.start_frame, name or said.name, said.audio, asked, "span" in asked)
    return _order(scene, placement, analysis.choice(settings))


def order_again(scene: bpy.types.Scene, wish: dict[str, Any], name: str, start_frame: int) -> Job:
    """Request a performance with the stored settings of a take, at the scene's frame rate.

    Args:
        scene: where it is written.
        wish: what the engine was asked with: `audio` (a file) or `parts`, `direction` and what else.
        name: of the take.
        start_frame: the frame of the start of the sound.

    Raises:
        AddonError: where it cannot be made: what is wrong and what to do.
    """
    recordings = [*wish.get("parts", ()), *wish.get("listening_to", ())]
    for path in [wish["audio"]] if "audio" in wish else [part["audio"] for part in recordings]:
        if not Path(path).is_file():
            raise AddonError(f"There is no file {path}; choose the audio again.")
    rate = exact_rate(scene.render.fps, scene.render.fps_base)
    asked = {**wish, "fps": [rate.numerator, rate.denominator]}
    audio = wish.get("audio", "") if properties.of(scene).add_sound else ""
    choice = analysis.of_file(audio, wish.get("track", 0), wish.get("channel", 0))
    return _order(scene, keying.Placement(start_frame, name, audio, asked, "span" in asked), choice)


def _order(scene: bpy.types.Scene, placement: keying.Placement, choice: analysis.Choice) -> Job:
    """Send the request of a placement to the engine, for the chosen character."""
    return begin(scene, [(properties.root(properties.of(scene)), placement)], choice)


def begin(
    scene: bpy.types.Scene, wanted: Sequence[tuple[requests.Root | None, keying.Placement]], choice: analysis.Choice
) -> Job:
    """Check characters and scene, and request a take of each from the engine.

    Raises:
        AddonError: where one cannot be made: what is wrong and what to do.
    """
    if session.jobs.busy:
        raise AddonError("The engine is busy; wait for it or cancel it first.")
    requests.check_scene(scene)
    measured_shapes.forget()  # shapes may have been sculpted since they were looked at
    characters = [
        rig_reader.read(root) for root, _ in wanted
    ]  # their errors are more useful before the work than after it
    launch = preferences.launch()
    examine(scene)
    session.order = requests.made(scene, [(root, placement) for root, placement in wanted if root is not None], choice)
    session.outcome = None
    session.finish = _finish_take
    try:
        return session.jobs.begin(launch, requests.request(session.order, characters))
    except BaseException:
        drop(session.order)
        session.order = None
        raise


def drop(order: requests.Order | None) -> None:
    """Remove what an order has on the disk, where there is one."""
    if order is not None:
        order.drop()


def order_inspection(scene: bpy.types.Scene, then: Callable[[], object] | None = None) -> Job:
    """Request an analysis of the audio from the engine.

    Args:
        scene: the scene.
        then: what is done when it has answered.

    Raises:
        AddonError: where there is none, or another job runs.
    """
    said, what = source.mixed(scene, source.read(scene), stays=False), analysis.choice(properties.of(scene))
    folder = Path(tempfile.mkdtemp(prefix="animcore-"))
    envelope = folder / "envelope.npz"
    try:
        request = {"do": "inspect", **said.asked, "envelope": str(envelope)}
        job = session.jobs.begin(preferences.launch(), request)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise

    def finish(done: Job) -> None:
        try:
            _finish_inspection(done, what, envelope)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if then is not None and done.state is not State.CANCELLED:
            then()

    session.finish = finish
    return job


def watch() -> None:
    """Start a timer that polls the job until it ends. In background mode there are no timers: see `wait`."""
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_INTERVAL)


def follow() -> None:
    """Follow the job to its end: blocking where there is no window, else by the timer."""
    if bpy.app.background:
        wait()
    else:
        watch()
        heed_escape()


def heed_escape() -> None:
    """Let the Esc key cancel the current job, where there is a window."""
    if not bpy.app.background and bpy.context.window is not None:
        bpy.ops.animcore.heed_escape("INVOKE_DEFAULT")  # type: ignore[attr-defined]  # registered at run time


def wait(progress: Progress | None = None) -> None:
    """Block until the job is over and its answer is in the scene.

    Raises:
        AddonError: with the sentence that the panel would show.
    """
    job = session.jobs.current
    assert job is not None
    try:
        while not job.state.over:
            session.jobs.tick()
            if progress is not None:
                progress(job.fraction, job.stage)
            time.sleep(_INTERVAL / 5)
    except BaseException:  # Ctrl+C, or the caller's own
        session.reset()
        raise
    _close_job(job)
    while session.writing is not None:
        _write_on(job)
        time.sleep(0.0)
    if session.outcome is not None and session.outcome.failed:
        raise AddonError(session.outcome.message)


def cancel() -> None:
    """Cancel the current job."""
    if session.writing is None or session.jobs.current is None:
        session.jobs.cancel()
        return
    session.leave_writing()
    session.jobs.current.state = State.CANCELLED
    session.outcome = Outcome(False, "Cancelled; nothing was changed.")


def unwatch() -> None:
    """Stop the timers."""
    for timer in (_tick, _look_again):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)


def _tick() -> float | None:
    """The timer: take in news, redraw, and when the job is over put its answer into the scene."""
    job = session.jobs.current
    if job is None:
        return None
    if session.writing is not None:
        if not windows.interface_busy():
            _write_on(job)
        windows.redraw()
        return _BREATH if session.writing is not None else None
    session.jobs.tick()
    if job.state.over and not windows.interface_busy():
        _close_job(job)
        windows.redraw()
        return _BREATH if session.jobs.busy else None
    windows.redraw()
    return _INTERVAL


def _close_job(job: Job) -> None:
    """Do what the end of a job asks for; whatever goes wrong there becomes the outcome."""
    finish, session.finish = session.finish, None
    if finish is None:
        return
    _guarded(job, lambda: _begin_writing(job, finish(job)))


def _begin_writing(job: Job, steps: Steps[None] | None) -> None:
    """Go on step by step where the end of a job is long."""
    if steps is not None:
        session.writing = steps
        job.state, job.stage, job.fraction, job.working_since = State.WORKING, "Writing the keys", 0.0, time.monotonic()


def _write_on(job: Job) -> None:
    """Write for a moment, and end the job where all is written, or where writing has failed before."""
    steps, end = session.writing, time.monotonic() + _MOMENT

    def work() -> None:
        assert steps is not None
        while time.monotonic() < end:
            job.fraction = next(steps)

    try:
        _guarded(job, work)
    except StopIteration:
        session.writing = None
        job.state = State.DONE


def _guarded(job: Job, work: Callable[[], None]) -> None:
    """Do some work; whatever goes wrong in it becomes the outcome."""
    try:
        work()
    except StopIteration:
        raise
    except AnimcoreError as error:
        session.outcome = Outcome(True, str(error), report=job.report)
    except Exception as error:
        report = traceback.format_exc()
        sys.stderr.write(report)
        session.outcome = Outcome(
            True, f"The result could not be written ({error}); the scene is unchanged.", report=report
        )


def _finish_take(job: Job) -> Steps[None] | None:
    if job.state is State.DONE and session.order is not None:
        return _write_take(job, session.order)
    drop(session.order)
    session.order = None
    failed = job.state is State.FAILED
    message = job.message if failed else "Cancelled; nothing was changed."
    session.outcome = Outcome(failed, message, report=job.report if failed else "")
    return None


def _write_take(job: Job, order: requests.Order) -> Steps[None]:
    """Put what the engine answered onto the characters."""
    try:
        if "facts" in job.answer:
            analysis.keep(order.voice, job.answer)
        made = yield from requests.write(order, job.answer)
        windows.push_undo("Animcore: Generate")
        session.outcome = _told(made, job.answer)
    finally:
        drop(order)
        session.order = None


def _told(made: Sequence[keying.Take], answer: Mapping[str, Any]) -> Outcome:
    """The panel's sentences about new takes; of several, each with its character."""
    notes: list[str] = []
    for take, one in zip(made, answer.get("cast", [answer]), strict=True):
        said = [*map(str, one.get("warnings", ())), *take.notes]
        notes += said if len(made) == 1 else [f"{take.character}: {sentence}" for sentence in said]
    message = " ".join(take.message if len(made) == 1 else f"{take.character}: {take.message}" for take in made)
    return Outcome(False, message, tuple(dict.fromkeys(notes)), take=made[0])


def _finish_inspection(job: Job, what: tuple[str, ...], envelope: Path) -> None:
    if job.state is State.FAILED:
        analysis.refuse(what, job.message)
    elif job.state is State.DONE:
        analysis.keep(what, job.answer, envelope)


@handlers.persistent
def forget_order(*_args: Any) -> None:
    """Another file is opened: what was asked for the old one is cancelled."""
    unwatch()
    session.reset()
    track_list.forget_preview()


@handlers.persistent
def forget_outcome(*_args: Any) -> None:
    """After undo or redo the last message may no longer be true."""
    if session.outcome is not None and not session.outcome.failed:
        session.outcome = None
    session.findings = session.character = None
    window = bpy.context.window_manager
    if len(list_properties.tracks_of(window)):
        track_list.fill(window, properties.root(properties.of(bpy.context.scene)))


HANDLERS = (("load_pre", forget_order), ("undo_post", forget_outcome), ("redo_post", forget_outcome))


def start() -> None:
    """Hook into Blender."""
    handlers.add(HANDLERS)


def stop() -> None:
    """Unhook, end the engine, and put back what was tried out."""
    unwatch()
    track_list.end_preview()
    handlers.remove(HANDLERS)
    session.reset()
