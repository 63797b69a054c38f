"""Two real voices talk in turns: how much the listener looks at the speaker, and when nods and blinks come.

    python benchmarks/dialogue.py ../shared

Each pair of recordings of speech/ is cut into turns of at least 4 s at pauses of the voice, laid one after the other
with 0.3 s between, and performed from both sides with eight seeds. A nod or a blink counts as near the end of a phrase
where it begins from 0.1 s before to 0.7 s after it. The control is the same take against ends that are moved by 1.5 to
4 s round the dialogue: what chance gives.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.direction import Direction
from animcore.solvers.nonverbal import gaze, head_motion, listener
from animcore.speech import prosody
from animcore.speech.prosody import FPS

PAIRS = (
    ("EmoTalk_ted1", "EVP_obama"),
    ("hallo_5", "FaceFormer_test"),
    ("PantoMatrix_2_scott_0_103_103_28s", "hallo_3"),
)
SEEDS = range(8)
LEAST, GAP = 4.0, 0.3  # seconds of a turn, and between turns
NEAR = (-0.1, 0.7)
SHIFTS = np.arange(1.5, 4.01, 0.25)
ON = 5.0  # degrees from the other within which the eyes are on them


def cut(clip: AudioClip) -> list[np.ndarray]:
    """Turns of a recording, cut where it pauses."""
    ends = [end.time for end in prosody.analyse(clip, int(clip.duration * FPS)).ends]
    turns, start = [], 0.0
    for end in ends:
        if end - start >= LEAST:
            turns.append(clip.samples[int(start * clip.rate) : int((end + 0.15) * clip.rate)])
            start = end + 0.15
    return turns


def dialogue(one: AudioClip, two: AudioClip) -> tuple[AudioClip, AudioClip]:
    """Both voices on one clock, in turns."""
    laid: list[list[tuple[int, np.ndarray]]] = [[], []]
    at = recording.RATE // 2
    for turns in zip(cut(one), cut(two), strict=False):
        for side, turn in enumerate(turns):
            laid[side].append((at, turn))
            at += len(turn) + int(GAP * recording.RATE)
    made = []
    for side, clip in enumerate((one, two)):
        samples = np.zeros(at, np.float32)
        for first, turn in laid[side]:
            samples[first : first + len(turn)] = turn
        made.append(AudioClip(samples, clip.name, clip.sha256, clip.facts))
    return made[0], made[1]


def near(times: np.ndarray, ends: np.ndarray) -> float:
    """Share of times that lie near one of the ends."""
    late = times[:, None] - ends[None]
    return float(((late >= NEAR[0]) & (late <= NEAR[1])).any(1).mean()) if len(times) else float("nan")


def measured(own: AudioClip, other: AudioClip, seed: int) -> dict[str, float]:
    """What one side does while it listens."""
    count = int(own.duration * FPS)
    mine, theirs = prosody.analyse(own, count), prosody.analyse(other, count)
    direction = Direction(seed=seed)
    attention = listener.solve(mine, theirs, direction)
    moved = head_motion.solve(mine, direction).nodding(listener.head_rotations(attention, direction))
    eyes = gaze.solve(mine, moved.total, direction, None, attention)
    world = np.rad2deg(np.linalg.norm((eyes.pose.mean(1) + eyes.head + moved.total)[:, :2], axis=1))
    listens, speaks = attention.attentive > 0, mine.speaking > 0
    ends = np.array([end.time for end in theirs.ends])
    heard = ends[[bool(listens[min(int(end * FPS), count - 1)]) for end in ends]]
    nods = np.array([event.start for event in attention.events()])
    lids = eyes.blinks[[bool(listens[min(int(time * FPS), count - 1)]) for time in eyes.blinks]]
    period = count / FPS
    moved_ends = [np.sort((heard + sign * shift) % period) for shift in SHIFTS for sign in (-1, 1)]
    return {
        "seconds listened": listens.sum() / FPS,
        "eyes on the speaker, listening": float((world[listens] < ON).mean()),
        "eyes on the listener, speaking": float((world[speaks] < ON).mean()),
        "nods a minute of listening": 60 * len(nods) / (listens.sum() / FPS),
        "nods near phrase ends": near(nods, heard),
        "nods near phrase ends, control": float(np.nanmean([near(nods, ends) for ends in moved_ends])),
        "phrase ends answered": float(
            np.mean([((nods - end >= NEAR[0]) & (nods - end <= NEAR[1])).any() for end in heard])
        ),
        "blinks a minute of listening": 60 * len(lids) / (listens.sum() / FPS),
        "blinks near phrase ends": near(lids, heard),
        "blinks near phrase ends, control": float(np.nanmean([near(lids, ends) for ends in moved_ends])),
        "head speed while listening, degrees a second": speed(moved.total, listens),
        "head speed while speaking, degrees a second": speed(moved.total, speaks),
        "largest smile": float(listener.face_weights(attention, direction)[:, ARKIT_INDEX["mouthSmileLeft"]].max()),
    }


def speed(radians: np.ndarray, where: np.ndarray) -> float:
    """Mean speed of a head in degrees a second."""
    return float(np.rad2deg(np.linalg.norm(np.diff(radians, axis=0), axis=1) * FPS)[where[1:]].mean())


def main(shared: Path) -> None:
    """Print one table."""
    rows = []
    for names in PAIRS:
        clips = dialogue(*(recording.load(shared / "data" / "speech" / f"{name}.flac") for name in names))
        rows += [measured(*side, seed) for side in (clips, clips[::-1]) for seed in SEEDS]
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        print(
            f"{name:48} mean {np.nanmean(values):7.2f}   least {np.nanmin(values):7.2f}   most {np.nanmax(values):7.2f}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
