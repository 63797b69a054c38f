"""Mouth cues as Rhubarb Lip Sync writes them: TSV, XML, JSON, and the switch files (DAT) of Moho and OpenToonz.

Cues give the start and end of each of nine mouth shapes. Three of the files count hundredths of a second; DAT counts
frames from 1, at 24 a second unless given otherwise, and names the shapes after Preston Blair. A cue file becomes
`AnimationCurves` with a curve of 0 and 1 for each shape.
"""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions, face_motion, face_weights
from animcore.files.frame_times import check_frame_count, from_zero, resampled
from animcore.files.subtitles import mouth_shapes
from animcore.files.subtitles.mouth_shapes import MOUTHS, PRESTON_BLAIR
from animcore.files.text_tables import text_of
from animcore.motion import Motion

Cue = tuple[float, float, str]  # start and end in seconds, and the shape

_CENTISECONDS = Fraction(100)
_FILM = Fraction(24)
_INDEX = {letter: index for index, letter in enumerate(MOUTHS)}
_DEEPEST = 16  # elements in one another
_MOTION_RATE = Fraction(60)  # of motions made from cues, where none is asked for
_NOT_XML = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)  # entities can swell a file without end; cues have none


def encode(motion: Motion, setup: FormatOptions, rate: Fraction | None = _CENTISECONDS) -> AnimationCurves:
    """Choose the nearest mouth shape at every hundredth of a second; of them DAT takes those at its frames.

    Raises:
        InputError: when the motion has no face weights.
    """
    animation = face_weights(motion, setup)
    animation = resampled(
        from_zero(AnimationCurves(animation.rate, animation.start, animation.curves), "A cue file"), _CENTISECONDS
    )
    chosen = mouth_shapes.nearest(face_motion(animation, setup))
    rate = rate or setup.rate or _FILM
    if rate != _CENTISECONDS:
        frames = np.arange(math.ceil(len(chosen) / _CENTISECONDS * rate))
        chosen = chosen[np.minimum((frames * float(_CENTISECONDS / rate)).round().astype(int), len(chosen) - 1)]
    return replace(animation, rate=rate, curves=_curves(chosen), facts={"audio_name": motion.audio_name or ""})


def decode(animation: AnimationCurves, setup: FormatOptions) -> Motion:
    """Make movement of the cues: each shape's weights, and short straight ways from one to the next."""
    chosen = np.stack([animation.curves[mouth] for mouth in MOUTHS], 1).argmax(1)
    arkit, tongue = mouth_shapes.weights(chosen, float(animation.rate))
    motion = Motion(animation.rate, animation.start, arkit=arkit, tongue=tongue)
    return motion.resampled(setup.rate or _MOTION_RATE)


def cues_of(animation: AnimationCurves) -> list[Cue]:
    """Return start and end in seconds and the shape of each cue."""
    chosen = np.stack([animation.curves[mouth] for mouth in MOUTHS], 1).argmax(1)
    edges = [0, *(np.flatnonzero(np.diff(chosen)) + 1).tolist(), len(chosen)]
    step = 1 / animation.rate
    return [(float(start * step), float(end * step), MOUTHS[chosen[start]]) for start, end in pairwise(edges)]


def tsv(animation: AnimationCurves) -> str:
    """A line a cue, and a last one with the end of the last cue."""
    cues = cues_of(animation)
    return "".join(f"{start:.2f}\t{mouth}\n" for start, _, mouth in cues) + f"{cues[-1][1]:.2f}\tX\n"


def xml(animation: AnimationCurves) -> str:
    """`rhubarbResult` with `metadata` and `mouthCues`."""
    root = ElementTree.Element("rhubarbResult")
    metadata = ElementTree.SubElement(root, "metadata")
    ElementTree.SubElement(metadata, "soundFile").text = animation.facts.get("audio_name", "")
    ElementTree.SubElement(metadata, "duration").text = f"{float(animation.frame_count / animation.rate):.2f}"
    parent = ElementTree.SubElement(root, "mouthCues")
    for start, end, mouth in cues_of(animation):
        ElementTree.SubElement(parent, "mouthCue", start=f"{start:.2f}", end=f"{end:.2f}").text = mouth
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def as_json(animation: AnimationCurves) -> str:
    """`metadata` and `mouthCues`."""
    cues = [
        {"start": round(start, 2), "end": round(end, 2), "value": mouth} for start, end, mouth in cues_of(animation)
    ]
    duration = round(float(animation.frame_count / animation.rate), 2)
    metadata = {"soundFile": animation.facts.get("audio_name", ""), "duration": duration}
    return json.dumps({"metadata": metadata, "mouthCues": cues}, indent=2) + "\n"


def dat(animation: AnimationCurves) -> str:
    """`MohoSwitch1`, and a line a cue with its frame, counted from 1; the last line is the end of the last cue."""
    lines = [f"{round(start * animation.rate) + 1} {PRESTON_BLAIR[mouth]}" for start, _, mouth in cues_of(animation)]
    return "\n".join(["MohoSwitch1", *lines, f"{animation.frame_count + 1} rest"]) + "\n"


def _from_tsv(text: str, _rate: Fraction) -> list[Cue]:
    rows = [line.split("\t") for line in text.splitlines() if line.strip()]
    return _chained([(float(time), mouth) for time, mouth in rows])


class _ShallowTreeBuilder(ElementTree.TreeBuilder):
    """A tree of cues, which is three elements deep; one of millions would take the memory and the stack."""

    _deep = 0

    def start(self, tag: Any, attrs: Any, /) -> Any:
        """Open an element."""
        self._deep += 1
        if self._deep > _DEEPEST:
            raise ValueError(f"its elements lie more than {_DEEPEST} deep in each other")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Any:
        """Close it."""
        self._deep -= 1
        return super().end(tag)


def _from_xml(text: str, _rate: Fraction) -> list[Cue]:
    if _NOT_XML.search(text):
        raise ValueError("it declares entities, which cue files have none of")
    root = ElementTree.fromstring(text, ElementTree.XMLParser(target=_ShallowTreeBuilder()))
    if root.tag != "rhubarbResult":
        raise ValueError(f"its root is {root.tag}, not rhubarbResult")
    return [(float(cue.attrib["start"]), float(cue.attrib["end"]), cue.text or "") for cue in root.iter("mouthCue")]


def _from_json(text: str, _rate: Fraction) -> list[Cue]:
    return [(float(cue["start"]), float(cue["end"]), str(cue["value"])) for cue in json.loads(text)["mouthCues"]]


def _from_dat(text: str, rate: Fraction) -> list[Cue]:
    head, *lines = (line for line in text.splitlines() if line.strip())
    if head.strip() != "MohoSwitch1":
        raise ValueError("it does not begin with MohoSwitch1")
    rows = [line.split() for line in lines]
    if {mouth.upper() for _, mouth in rows} <= _INDEX.keys():  # letters, as Rhubarb writes by default: E is not its C
        names = {letter.lower(): letter for letter in MOUTHS}
    else:
        names = {name.lower(): letter for letter, name in PRESTON_BLAIR.items()}
    return _chained([(float((int(frame) - 1) / rate), names[mouth.lower()]) for frame, mouth in rows])


def _chained(starts: Sequence[tuple[float, str]]) -> list[Cue]:
    """Cues that end where the next one begins; the last start is only an end."""
    return [(time, end, mouth) for (time, mouth), (end, _) in pairwise(starts)]


def _read(
    path: Path, setup: FormatOptions, parse: Callable[[str, Fraction], list[Cue]], rate: Fraction | None
) -> AnimationCurves:
    """Read a cue file.

    Raises:
        InputError: when it is none, cut off, has cues that overlap, or shapes that there are not.
    """
    notes = () if rate or setup.rate else (f"{path.name} was read at {_FILM} frames per second, as is usual.",)
    rate = rate or setup.rate or _FILM
    try:
        cues = parse(text_of(path), rate)
        letters = [_INDEX[mouth.strip().upper()] for _, _, mouth in cues]
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is not a file of mouth cues, or cut off ({error}).") from error
    ends = np.array([end for _, end, _ in cues])
    starts = np.array([start for start, _, _ in cues])
    if not cues or not np.isfinite([starts, ends]).all() or (ends <= starts).any() or (starts[1:] < ends[:-1]).any():
        raise InputError(f"{path.name} has no cues, or cues that overlap or do not rise.")
    chosen = np.full(check_frame_count(round(ends[-1] * float(rate)), path.name), MOUTHS.index("X"))
    for start, end, letter in zip(starts, ends, letters, strict=True):
        chosen[round(start * float(rate)) : round(end * float(rate))] = letter
    return AnimationCurves(rate, 0.0, _curves(chosen), notes=notes)


def _write(
    animation: AnimationCurves, path: Path, _setup: FormatOptions, spell: Callable[[AnimationCurves], str]
) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(spell(animation), encoding="utf-8", newline="\n")


def _curves(chosen: NDArray[np.int64]) -> dict[str, Array]:
    return {mouth: (chosen == index).astype(np.float32) for index, mouth in enumerate(MOUTHS)}


def _format(
    kind: str,
    spell: Callable[[AnimationCurves], str],
    parse: Callable[[str, Fraction], list[Cue]],
    rate: Fraction | None,
) -> FileFormat:
    return FileFormat(
        title=f"Rhubarb {kind.upper()}",
        suffix=f".rhubarb.{kind}",
        carries=("arkit", "tongue"),
        encode=partial(encode, rate=rate),
        write=partial(_write, spell=spell),
        read=partial(_read, parse=parse, rate=rate),
        decode=decode,
        tolerance=0.0,
    )


TSV = _format("tsv", tsv, _from_tsv, _CENTISECONDS)
XML = _format("xml", xml, _from_xml, _CENTISECONDS)
JSON = _format("json", as_json, _from_json, _CENTISECONDS)
DAT = _format("dat", dat, _from_dat, None)
