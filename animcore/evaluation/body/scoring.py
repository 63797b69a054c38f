"""Bodies that talk, judged: every figure of one take, and the table of takes side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore import files
from animcore.audio.recording import AudioClip
from animcore.body_models import collision_capsules
from animcore.body_models.kinematics import joint_positions, world_rotations
from animcore.body_models.pose_tracks import smplx_pose
from animcore.errors import InputError
from animcore.evaluation.body import metrics as measures
from animcore.evaluation.body.audio_onsets import onsets
from animcore.evaluation.face.loading import FEWEST
from animcore.evaluation.face.scoring import TRUTH, Metric, mean
from animcore.files.animation_curves import FormatOptions
from animcore.motion import Motion
from animcore.postprocess import foot_contact, self_collision
from animcore.solvers.gesture_networks import motion_features
from animcore.speech import prosody

Array = NDArray[np.floating[Any]]

MM = 1000.0
DEEP = 0.010  # metres in the body that are no touch

MEASURES: tuple[Metric, ...] = (
    Metric(
        "bc", "", "high", 3,
        "beat consistency by the definition of EMAGE's published code (`emage_evaltools`, class BC): for each "
        "of 13 joints of the upper body, how near each onset of the audio is to a beat of the joint, "
        "exp(-d²/2σ²) with σ = 0.3 s; a beat is slower than the 7 frames either side at 30 a second, and "
        "faster than a tenth of the joint's mean speed. Onsets are librosa's, by our own code, the same to "
        "the frame. It differs in the mean speeds: theirs come from a file of BEAT2, ours are the motion's "
        "own. So figures compare with each other, and not with the 0.77 that EMAGE prints",
    ),
    Metric(
        "bc_moved", "", "", 3,
        "the same with beats moved round the clip by at least 2 s, 20 times: what is left without timing",
    ),
    Metric(
        "align", "", "high", 3,
        "how near the end of each stroke of a wrist is to an onset, σ = 0.1 s (AIST++'s beat alignment, "
        "summed over the body's beats)",
    ),
    Metric(
        "align_moved", "", "", 3,
        "the same with strokes moved in time",
    ),
    Metric(
        "accent", "", "high", 3,
        "how near the end of each stroke is to a stressed syllable (`speech/prosody.py`), σ = 0.1 s",
    ),
    Metric(
        "accent_moved", "", "", 3,
        "the same with strokes moved in time",
    ),
    Metric(
        "strokes", "/min", "", 1,
        "strokes a minute, of both wrists",
    ),
    Metric(
        "l1_div", "m", "high", 2,
        "L1 diversity as EMAGE's code has it: the distance of coordinates from their means over time, summed "
        "over joints",
    ),
    Metric(
        "diversity", "mm", "high", 1,
        "mean distance of joints between takes of one recording (`seeds/1`, `seeds/2` ...)",
    ),
    Metric(
        "fgd", "", "low", 3,
        "Fréchet distance of an encoder's windows to the truth's, over all clips; `--encoder` takes what "
        "`animcore train fgd` leaves. Distances of two encoders do not compare",
    ),
    Metric(
        "jerk", "m/s³", TRUTH, 1,
        "mean jerk of the upper body's joints: far above the truth's own they shake, far below they are "
        "smeared; only equal frame rates compare",
    ),
    Metric(
        "wrist_v", "m/s", "", 2,
        "99.9th percentile of the wrists' speed. A reach of 0.5 m in 0.5 s peaks at 1.9 m/s (minimum jerk, "
        "Flash and Hogan 1985)",
    ),
    Metric(
        "wrist_a", "m/s²", "", 1,
        "99.9th percentile of the wrists' acceleration; that reach peaks at 11.5 m/s²",
    ),
    Metric(
        "slide", "mm/s", 0.0, 2,
        "foot sliding: speed of four points of each sole times 2 - 2^(h / 25 mm) of their height (Zhang et "
        "al., SIGGRAPH 2018)",
    ),
    Metric(
        "below", "mm", 0.0, 1,
        "how deep a foot is in the floor, at most",
    ),
    Metric(
        "inside", "mm", 0.0, 1,
        "how deep an arm is in trunk, head or thighs, at most, of the capsules in docs/studios/finish.md",
    ),
    Metric(
        "inside_10", "%", 0.0, 2,
        "frames in which that is above 10 mm",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class BodyTake:
    """A body over time; frame i is at ``start + i / rate`` seconds.

    Attributes:
        path: where it comes from.
        rate: frame rate.
        pose: (T, 55, 3) axis-angle of SMPL-X.
        translation: (T, 3) metres.
        start: seconds of the first frame; 0 is the start of the audio.
        notes: sentences on what was noticed when it was read.
    """

    path: Path
    rate: float
    pose: Array
    translation: Array
    start: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return len(self.pose) / self.rate

    def at(self, rate: float) -> BodyTake:
        """Return the take at another frame rate: rotations on the shortest way between frames."""
        pose, translation = motion_features.resampled(self.pose, self.translation, self.rate, rate)
        return replace(self, rate=rate, pose=pose.astype(np.float64), translation=translation.astype(np.float64))


@dataclass(frozen=True)
class BodyClip:
    """One recording and what each output made of it, by the outputs' names; `truth` is a captured body, if any."""

    name: str
    takes: Mapping[str, Sequence[BodyTake]]
    sound: Path | None = None
    truth: BodyTake | None = None
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


# A take -> features (N, K) of N windows of it.
Encoder = Callable[[BodyTake], Array]


def load(path: str | Path, setup: FormatOptions | None = None) -> BodyTake:
    """Read the body of a motion of any format.

    Raises:
        InputError: when it is missing, broken, has no body or too few frames.
    """
    path = Path(path)
    _, motion, notes = files.load_any(path, setup)
    return from_motion(motion, path, tuple(f"{path.name}: {note}" for note in notes))


def from_motion(motion: Motion, path: Path, notes: tuple[str, ...] = ()) -> BodyTake:
    """Take the body of a motion, with its head.

    Raises:
        InputError: where it has none, or too few frames.
    """
    if motion.body_pose is None:
        has = ", ".join(motion.tracks()) or "nothing"
        raise InputError(f"{path.name} has no body to judge (it holds {has}).")
    if motion.frame_count < FEWEST:
        raise InputError(f"{path.name} has {motion.frame_count} frame(s); at least {FEWEST} are needed to judge it.")
    pose = smplx_pose(motion).astype(np.float64)
    still = np.zeros((len(pose), 3))
    translation = still if motion.translation is None else motion.translation.astype(np.float64)
    return BodyTake(path, motion.fps, pose, translation, motion.start, notes)


def score(takes: Sequence[BodyTake], sound: AudioClip | None = None) -> dict[str, float]:
    """Return the figures of the takes that one output made of a clip; several are averaged, with their diversity.

    Args:
        takes: of one recording.
        sound: it; without, there are no beats to compare with.
    """
    heard = None if sound is None else _AudioReference(sound)
    values = mean([_physics(take) | (_timing(take, heard) if heard else {}) for take in takes], MEASURES)
    if len(takes) > 1:
        values["diversity"] = MM * _diversity(takes)
    return values


def gesture_distance(takes: Sequence[BodyTake], truths: Sequence[BodyTake], encoder: Encoder) -> float:
    """FGD of takes to truths over all their windows; NaN where either has fewer than two."""
    features, wanted = (np.concatenate([encoder(take) for take in group]) for group in (takes, truths))
    if min(len(features), len(wanted)) < 2:
        return float("nan")
    return measures.frechet_distance(features, wanted)


class _AudioReference:
    """What a take is held against."""

    def __init__(self, sound: AudioClip) -> None:
        self.duration = sound.duration
        self.onsets = onsets(sound)
        accents = prosody.analyse(sound, int(sound.duration * prosody.FPS)).accents
        self.accents = np.array([time for time, _ in accents])


def _timing(take: BodyTake, heard: _AudioReference) -> dict[str, float]:
    """Figures of beats, of the time that take and sound share."""
    last = min(take.start + take.duration, heard.duration)
    length = last - max(take.start, 0.0)
    sampled = take.at(measures.EMAGE_RATE)
    joints = measures.joint_beats(joint_positions(world_rotations(sampled.pose)), sampled.rate)
    joints = [times + take.start for times in joints]
    strokes = measures.strokes(joint_positions(world_rotations(take.pose)), take.rate) + take.start
    marks = {name: times[(times >= take.start) & (times <= last)] for name, times in
             (("onsets", heard.onsets), ("accents", heard.accents))}  # fmt: skip
    if length <= 0 or not len(marks["onsets"]):
        return {}

    def consistency(move: float) -> float:
        moved = [measures.time_shifted(times, move, length) for times in joints]
        return measures.beat_consistency(moved, marks["onsets"])

    def aligned(name: str) -> Callable[[float], float]:
        return lambda move: measures.alignment(measures.time_shifted(strokes, move, length), marks[name])

    return {
        "bc": measures.beat_consistency(joints, marks["onsets"]),
        "bc_moved": measures.shuffled_alignment(consistency, length),
        "align": measures.alignment(strokes, marks["onsets"]),
        "align_moved": measures.shuffled_alignment(aligned("onsets"), length),
        "accent": measures.alignment(strokes, marks["accents"]),
        "accent_moved": measures.shuffled_alignment(aligned("accents"), length),
    }


def _physics(take: BodyTake) -> dict[str, float]:
    """Figures of the body alone."""
    turned = world_rotations(take.pose)
    found = joint_positions(turned, take.translation)
    centred = found - take.translation[:, None]
    soles = collision_capsules.sole_positions(turned, found)
    floor = foot_contact.floor_of(take.pose, take.translation)
    inside = self_collision.penetration(take.pose)
    wrists = found[:, measures.WRISTS]
    return {
        "strokes": 60 * len(measures.strokes(centred, take.rate)) / take.duration,
        "l1_div": measures.l1_diversity(centred),
        "jerk": measures.jerk(found[:, measures.UPPER_BODY], take.rate),
        "wrist_v": measures.peak_speed(wrists, take.rate),
        "wrist_a": measures.peak_acceleration(wrists, take.rate),
        "slide": MM * measures.sliding(soles, floor, take.rate),
        "below": MM * max(float(floor - soles[..., 1].min()), 0.0),
        "inside": MM * float(inside.max()),
        "inside_10": 100 * float((inside > DEEP).mean()),
    }


def _diversity(takes: Sequence[BodyTake]) -> float:
    """Metres between the joints of each two takes, at the first one's frames, the pelvis in one place."""
    found = [joint_positions(world_rotations(take.at(takes[0].rate).pose)) for take in takes]
    count = min(map(len, found))
    return float(
        np.mean([np.linalg.norm(one[:count] - other[:count], axis=-1).mean() for one, other in combinations(found, 2)])
    )
