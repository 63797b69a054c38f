"""The vocabularies of the house, as data: every list that a file, a rig or a solver must agree on.

Order matters only where a file format fixes it; everything else matches by name, without regard to case.
"""

from __future__ import annotations

import unicodedata

# Apple ARKit face blendshapes in the order of Live Link Face recordings (UDP enumeration order).
# Source: ARFaceAnchor.BlendShapeLocation, developer.apple.com, and recorded Live Link Face headers.
ARKIT: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip

ARKIT_INDEX: dict[str, int] = {name: index for index, name in enumerate(ARKIT)}

# The 16 tongue shapes of NVIDIA Audio2Face-3D outputs, in the order of its CSV columns.
TONGUE: tuple[str, ...] = (
    "tongueTipUp", "tongueTipDown", "tongueTipLeft", "tongueTipRight",
    "tongueRollUp", "tongueRollDown", "tongueRollLeft", "tongueRollRight",
    "tongueUp", "tongueDown", "tongueLeft", "tongueRight",
    "tongueIn", "tongueStretch", "tongueWide", "tongueNarrow",
)  # fmt: skip

# The 55 joints of SMPL-X in the order of its pose vector: 22 body, jaw, 2 eyes, 30 fingers.
# Source: the published joint list of the SMPL-X model (Pavlakos et al., CVPR 2019).
SMPLX_JOINTS: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "jaw", "left_eye_smplhf", "right_eye_smplhf",
    "left_index1", "left_index2", "left_index3", "left_middle1", "left_middle2", "left_middle3",
    "left_pinky1", "left_pinky2", "left_pinky3", "left_ring1", "left_ring2", "left_ring3",
    "left_thumb1", "left_thumb2", "left_thumb3",
    "right_index1", "right_index2", "right_index3", "right_middle1", "right_middle2", "right_middle3",
    "right_pinky1", "right_pinky2", "right_pinky3", "right_ring1", "right_ring2", "right_ring3",
    "right_thumb1", "right_thumb2", "right_thumb3",
)  # fmt: skip

# The emotions of a face: the six basic emotions of Ekman and Friesen (1978), contempt (Ekman and Friesen,
# 1986), and neutral, which calms the others.
EMOTIONS: tuple[str, ...] = ("neutral", "joy", "sadness", "anger", "disgust", "fear", "surprise", "contempt")

# The parts of a performance, each with a switch and a strength of its own.
REGIONS: tuple[str, ...] = (
    "lips", "jaw", "tongue", "brows", "cheeks", "blinks", "gaze", "head", "body", "hands",
)  # fmt: skip

# Ways to process a recording: all of it at once, or as it comes in, with 80 ms of what follows at most.
VARIANTS: tuple[str, ...] = ("full", "live")

# Gesture styles, which differ in how much, how wide and how often they gesture.
STYLES: tuple[str, ...] = ("calm", "lively", "shy", "presenter")

# What an emotion does until the next one: it holds and gives way to it, or goes evenly over into it.
TRANSITIONS: tuple[str, ...] = ("hold", "blend")

# The variable of the environment that names the folder in which the engine caches audio features.
CACHE_FOLDER = "ANIMCORE_CACHE"

# The variables that name the Blender which writes and reads files for the engine, and the program that it runs there.
BLENDER = "ANIMCORE_BLENDER"
BLENDER_SCRIPT = "ANIMCORE_BLENDER_SCRIPT"


def casefolded(name: str) -> str:
    """Return the same text for file names that some disk takes for one: in other case, or é as one sign or two."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
