"""A performance taken from a video: the face, the body or both of the person in it, as one motion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from animcore.body_models.parametric_model import load_model
from animcore.core.origin import TRAINED, Origin, Source
from animcore.core.progress import Progress, part, silent
from animcore.errors import InputError
from animcore.files.video import face_landmarks
from animcore.hybrid_head.tracking import face_tracker
from animcore.motion import Motion
from animcore.pipelines import track_body

PARTS = ("face", "body", "both")
_NOT_STATED = {"status": "not stated"}
_FACE_SHARE = 0.4  # of the time that both take


@dataclass(frozen=True)
class VideoFacts:
    """What is reported of a tracked video.

    Attributes:
        duration: seconds.
        warnings: sentences on what was noticed.
    """

    duration: float
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"duration": self.duration, "warnings": list(self.warnings)}


def run(video: Path, wanted: str, rate: Fraction, progress: Progress = silent) -> tuple[Motion, VideoFacts]:
    """Return what the one person of a video does, and what was noticed.

    Args:
        video: one person, in one shot.
        wanted: face, body or both; of both, the head's turn is the body's.
        rate: frames a second of the motion.
        progress: called with the fraction done.

    Raises:
        InputError: for a file that is no video, or one in which the person cannot be tracked.
    """
    if wanted not in PARTS:
        raise InputError(f"There is no part {wanted!r} of a person to track; the parts are {', '.join(PARTS)}.")
    made = Origin(TRAINED, sources=(Source.of(video, "video"),), consent=_NOT_STATED)
    notes: tuple[str, ...] = ()
    if wanted == "body":
        motion = track_body.run(video, rate=rate, progress=progress)
    else:
        motion, notes = _face(video, rate, part(progress, 0.0, 1.0 if wanted == "face" else _FACE_SHARE))
    if wanted == "both":
        body = track_body.run(video, rate=rate, progress=part(progress, _FACE_SHARE, 1.0))
        frames = range(min(motion.frame_count, body.frame_count))
        face = motion.sampled(frames, rate, motion.start)
        motion = replace(body.sampled(frames, rate, motion.start), arkit=face.arkit, eye_pose=face.eye_pose)
    return replace(motion, origin=made), VideoFacts(motion.frame_count / float(rate), notes)


def _face(video: Path, rate: Fraction, progress: Progress) -> tuple[Motion, tuple[str, ...]]:
    faces = face_landmarks.read(video, progress=part(progress, 0.0, 0.6))
    model = load_model("open-head")
    track = face_tracker.track(faces.times, faces.points, faces.size, model, None, part(progress, 0.6, 1.0))
    return track.motion(rate), faces.notes
