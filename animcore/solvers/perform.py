"""A whole performance of a voice: speech, emotion, brows, head, eyes and body; `animcore generate` runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.core.progress import Progress, part, silent
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.motion import Event, Motion
from animcore.solvers.face_networks.face_solver import FaceNetworkSolver
from animcore.solvers.gesture import body_motion
from animcore.solvers.gesture_networks.gesture_solver import GestureNetworkSolver
from animcore.solvers.nonverbal import gaze, head_motion, listener
from animcore.solvers.speech_face import brows, emotion, lip_sync, streaming
from animcore.speech import prosody
from animcore.speech.prosody import Prosody

FloatArray = NDArray[np.float32]

_ARTICULATION = 0.9  # share of the work that articulation is
_GLAD = {"joy", "surprise"}  # emotions that a listener still smiles in
_EYES = [ARKIT_INDEX[name] for name in ARKIT if name.startswith(("eyeBlink", "eyeLook"))]


def perform(
    clip: AudioClip,
    direction: Direction,
    progress: Progress = silent,
    spoken: Sequence[Event] = (),
    gestures: GestureNetworkSolver | None = None,
    other: AudioClip | None = None,
    learned_face: FaceNetworkSolver | None = None,
) -> Motion:
    """Return the performance of a voice at 50 FPS; equal clips and directions give equal motions.

    A silent clip gives a face that breathes and blinks, and listens where there is another speaker.

    Args:
        clip: the voice.
        direction: seed, intensity and strengths by region.
        progress: called with the fraction done; whatever it raises ends the work.
        spoken: words and phonemes with their times, where a transcript is known; they travel with the motion.
        gestures: a learned solver of the body instead of the shipped one.
        other: the voice of the other speaker, on the same clock: while it speaks, this face listens.
        learned_face: a learned solver of the face instead of the shipped one; it takes no transcript.

    Raises:
        AnimcoreError: when a solver's file is missing or broken.
    """
    return animate(analyze(clip, direction, progress, spoken, gestures, other, learned_face), direction, progress)


@dataclass(frozen=True)
class SpeechAnalysis:
    """The analysis of a voice, after which its samples, most of the memory of a long one, can be freed.

    Attributes:
        speech: the face that speaks, at 50 FPS; `act` changes it in place.
        prosody: of the voice.
        spoken: words and phonemes with their times, where they are known.
        other: prosody of the other speaker.
        gestures: a learned solver of the body, with the clip that it takes itself; None for the shipped one.
        feels: whether the speaking face has its emotions already.
    """

    speech: Motion
    prosody: Prosody
    spoken: tuple[Event, ...]
    other: Prosody | None
    gestures: tuple[GestureNetworkSolver, AudioClip] | None
    feels: bool


def analyze(
    clip: AudioClip,
    direction: Direction,
    progress: Progress = silent,
    spoken: Sequence[Event] = (),
    gestures: GestureNetworkSolver | None = None,
    other: AudioClip | None = None,
    learned_face: FaceNetworkSolver | None = None,
) -> SpeechAnalysis:
    """Analyse a voice: the first part of `perform`, with its arguments.

    Raises:
        AnimcoreError: when a solver's file is missing or broken.
    """
    speech = _speech(clip, direction, part(progress, 0.0, _ARTICULATION), spoken, learned_face)
    if speech.rate != Fraction(prosody.FPS):
        speech = speech.resampled(Fraction(prosody.FPS))
    progress(_ARTICULATION, "Generating head, eyes and body")
    # the opening of the mouth separates speech from music and noise, whatever the strengths
    return SpeechAnalysis(
        speech,
        prosody.analyse(clip, speech.frame_count, _mouth(clip, direction, speech), spoken),
        tuple(spoken),
        None if other is None else prosody.analyse(other, speech.frame_count),
        None if gestures is None else (gestures, clip),
        learned_face is not None and learned_face.feels,
    )


def animate(found: SpeechAnalysis, direction: Direction, progress: Progress = silent) -> Motion:
    """Return head, eyes and body for an analysed voice: the second part of `perform`."""
    speech, heard, spoken = found.speech, found.prosody, found.spoken
    mood = emotion.emotion_curves(heard, direction)
    movement = head_motion.solve(heard, direction, mood)
    if found.gestures is None:
        body = body_motion.solve(heard, direction, mood, spoken)
    else:
        gestures, clip = found.gestures
        body = gestures.move(clip, heard, direction, mood, spoken)
    attention = None
    if found.other is not None:
        attention = listener.solve(heard, found.other, direction)
        movement = movement.nodding(listener.head_rotations(attention, direction))
    eyes = gaze.solve(heard, movement.total, direction, mood, attention)
    face = speech.arkit  # no other reference is held: changed in place, since long takes are large
    assert face is not None
    face[:, _EYES] = 0.0
    np.maximum(face, eyes.weights, out=face)
    np.maximum(face, brows.solve(heard, direction), out=face)
    events = [*spoken, *(Event("beat", "accent", time, time) for time, _ in heard.accents)]
    if attention is not None:
        glad = mood is None or not set(mood.wanted) - _GLAD
        np.maximum(face, listener.face_weights(attention, direction, may_smile=glad), out=face)
        events += attention.events()
    if mood is not None:
        if not found.feels:
            emotion.apply_emotion(face, mood, heard, direction)
        events += emotion.events(mood)
        speech = replace(speech, jaw_pose=lip_sync.jaw_pose(face))
    progress(1.0, "Generating head, eyes and body")
    return replace(
        speech,
        arkit=face,
        neck_pose=movement.neck + head_motion.NECK_SHARE * eyes.head,  # large gaze shifts are shared with the head
        head_pose=movement.head + (1 - head_motion.NECK_SHARE) * eyes.head,
        eye_pose=eyes.pose,
        body_pose=None if body is None else body.pose,
        translation=None if body is None else body.translation,
        events=tuple(sorted(events, key=lambda event: event.start)),
    )


def _speech(
    clip: AudioClip,
    direction: Direction,
    progress: Progress,
    spoken: Sequence[Event],
    learned_face: FaceNetworkSolver | None,
) -> Motion:
    """The speaking face, by the given solver or variant; only the full one takes a transcript."""
    if learned_face is not None:
        return learned_face.solve(clip, direction, progress)
    if direction.variant == "live":
        return streaming.solve(clip, direction, progress)
    return lip_sync.solve(clip, direction, progress, spoken)


def _mouth(clip: AudioClip, direction: Direction, speech: Motion) -> FloatArray | None:
    """(T,) how far the mouth opens as the voice has it, or None where the direction keeps it shut."""
    if direction.intensity * direction.strength("jaw") == 0.0:
        return None
    assert speech.arkit is not None
    opening: FloatArray = speech.arkit[:, ARKIT_INDEX["jawOpen"]] - speech.arkit[:, ARKIT_INDEX["mouthClose"]]
    return opening / (direction.intensity * direction.strength("jaw"))
