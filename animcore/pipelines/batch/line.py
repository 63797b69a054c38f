"""One line of a batch: a row of the table with everything that its cells and the defaults ask for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from animcore import files
from animcore.core.frame_rates import exact_rate
from animcore.core.vocabulary import EMOTIONS, STYLES
from animcore.direction import Direction, EmotionSpan
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.pipelines import generate_files
from animcore.pipelines.batch import other_work
from animcore.pipelines.batch.other_work import Work
from animcore.pipelines.batch.settings import MOTION, BatchSettings
from animcore.pipelines.batch.tables.columns import line_id
from animcore.pipelines.batch.tables.rows import Row
from animcore.pipelines.batch.texts import spoken
from animcore.postprocess.retiming import WHOLE, Retiming
from animcore.speech.transcript import ADJECTIVES

_SCENES = (".blend", ".glb")
_EMOTION_WORD = re.compile(r"([^\W\d]+)\s*[ =:]?\s*(\d*\.?\d+)?")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")


@dataclass(frozen=True)
class Line:
    """A line that can be performed.

    Attributes:
        name: output path without suffix, relative to the folder, with `/`; unique in the batch.
        id, row, language, speaker, character, emotion, note: as in the table.
        audio: path of the recording.
        text: what is spoken, without markup.
        direction: how it is performed.
        place: which part of the audio is wanted, and how much later the face is.
        rate: frames a second.
        formats: that are written beside the motion.
        setup: what the formats need to know.
        postprocess: names of finishes.
        listening_to: recording of the other speaker.
        gestures, face: folders of learned solvers; None for the shipped ones.
        face_speaker: in whose manner that face speaks.
        max_seconds: that the line may last; None where nothing limits it.
        carried: columns that are not known here.
        source: name of the line of the same id whose head, eyes, body and emotion it shares; None for its own.
        work: what is done in the place of a performance; None for a voice line.
        notes: sentences on the row that are no errors.
    """

    name: str
    id: str
    row: int
    audio: Path
    text: str = ""
    language: str = ""
    speaker: str = ""
    character: str = ""
    emotion: str = ""
    note: str = ""
    direction: Direction = field(default_factory=Direction)
    place: Retiming = WHOLE
    rate: Fraction = Fraction(30)
    formats: tuple[str, ...] = ()
    setup: FormatOptions = field(default_factory=FormatOptions)
    postprocess: tuple[str, ...] = ()
    listening_to: Path | None = None
    gestures: Path | None = None
    face: Path | None = None
    face_speaker: str = ""
    max_seconds: float | None = None
    carried: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    work: Work | None = None
    notes: tuple[str, ...] = ()

    def targets(self, folder: Path) -> dict[str, Path]:
        """Return the file of each format, the motion's first; of other work its folder."""
        base = folder / self.name
        if self.work is not None:
            return {other_work.FOLDER: base}
        found = {MOTION: base.with_name(f"{base.name}.motion.npz")}
        return found | {
            name: base.with_name(base.name + files.FORMATS[name].suffix) for name in self.formats if name != MOTION
        }

    def edits(self, folder: Path) -> Path:
        """Return the path at which hand edits of it lie, if there are any."""
        base = folder / self.name
        return base.with_name(f"{base.name}.edits.npz")


class RowReader:
    """Makes lines of the rows of one table."""

    def __init__(self, place: Mapping[str, str], carried: tuple[str, ...], settings: BatchSettings) -> None:
        self._place, self._carried, self._settings = place, carried, settings

    def cells(self, row: Row) -> dict[str, str]:
        """Return the cells of a row by our names; a line without an id has the name of its audio."""
        found = {ours: row.cells.get(theirs, "") for ours, theirs in self._place.items()}
        found["id"] = line_id(found.get("id", ""))
        if not found["id"] and found.get("audio") and "id" not in self._place:
            found["id"] = Path(found["audio"].replace("\\", "/")).stem
        found["language"] = language_tag(found.get("language", ""))
        return found

    def line(self, row: Row, name: str, audio: Path) -> Line:
        """Return the line of a row.

        Raises:
            InputError: for the first cell that cannot be used, with its column.
        """
        cells = self.cells(row)
        given = self._settings.defaults.of(cells["language"], cells.get("character", ""), cells.get("speaker", ""))
        values = given | {key: cell for key, cell in cells.items() if cell}
        text, notes = spoken.cleaned(cells.get("text", ""))
        setup = _setup(values, self._settings)
        return Line(
            name=name,
            id=cells["id"],
            row=row.number,
            audio=audio,
            text=text if any(sign.isalnum() for sign in text) else "",
            language=cells["language"],
            speaker=cells.get("speaker", ""),
            character=cells.get("character", ""),
            emotion=str(values.get("emotion", "")),
            note=cells.get("note", ""),
            direction=_direction(values),
            place=_place(values),
            rate=_in_column("fps", lambda: exact_rate(str(values.get("fps") or self._settings.fps))),
            formats=_in_column("formats", lambda: _formats(values.get("formats"), self._settings)),
            setup=setup,
            postprocess=_names(values.get("postprocess")) or tuple(self._settings.postprocess),
            listening_to=self.beside(cells["listening_to"]) if cells.get("listening_to") else None,
            gestures=_path(values.get("gestures")),
            face=_path(values.get("face")),
            face_speaker=str(values.get("face_speaker", "")),
            max_seconds=_seconds("max_seconds", cells.get("max_seconds", "")),
            carried={name: row.cells[name] for name in self._carried if row.cells.get(name)},
            work=other_work.of_cells(cells),
            notes=notes,
        )

    def beside(self, cell: str) -> Path:
        """Return the path of a cell: paths in a table start from its folder, and either slash parts them."""
        text = cell.strip().strip('"')
        path = self._settings.table.parent / text  # an absolute path stays itself
        return path if "\\" not in text or path.exists() else self._settings.table.parent / text.replace("\\", "/")


def language_tag(text: str) -> str:
    """Return a language as a tag of BCP 47: `EN_us` and `en-us` as `en-US`; names of languages stay as they are."""
    parts = text.strip().replace("_", "-").split("-")
    if not 2 <= len(parts[0]) <= 3 or not parts[0].isascii():
        return text.strip()
    rest = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in parts[1:]]
    return "-".join([parts[0].lower(), *rest])


def with_source(line: Line, source: str) -> Line:
    """Return a line that shares the performance of another one."""
    return replace(line, source=source)


def _in_column(column: str, made: Any) -> Any:
    try:
        return made()
    except InputError as error:
        raise InputError(f"{column}: {error}") from error


def _direction(values: Mapping[str, Any]) -> Direction:
    look = values.get("look_at")
    numbers = [float(part) for part in re.split(r"[\s,;]+", look.strip())] if isinstance(look, str) else look
    style = str(values.get("style") or STYLES[0]).strip().lower()
    return Direction(
        seed=int(_number("seed", values.get("seed", 0))),
        intensity=_number("intensity", values.get("intensity", 1.0)),
        strengths=dict(values.get("strengths", {})),
        emotions=_in_column("emotion", lambda: _emotions(values.get("emotion", ""))),
        style=style,
        variant=str(values.get("variant", "full")),
        target=None if not numbers else tuple(numbers),
        transition=str(values.get("transition", "hold")),
    )


def _emotions(given: object) -> list[EmotionSpan]:
    """Emotions of a cell: `joy=0.7`, `1.2-3:fear=1; joy=0.3`, or what directors write: `angry`, `happy 0.4`."""
    found = []
    for part in re.split(r"[;+,/]", str(given)):
        text = part.strip().lower()
        if not text:
            continue
        word = _EMOTION_WORD.fullmatch(text)
        if word is not None and word[1] in ADJECTIVES:
            name, usual = ADJECTIVES[word[1]]
            found.append(EmotionSpan(name, float(word[2] or usual)))
        elif word is not None:
            near = difflib.get_close_matches(word[1], ADJECTIVES, 1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"there are {', '.join(EMOTIONS)}, and words such as angry."
            )
            raise InputError(f"There is no emotion {word[1]!r}; {hint}")
        else:
            found.append(EmotionSpan.from_text(text))
    return found


def _number(column: str, given: object) -> float:
    try:
        return float(str(given).strip().replace(",", ".") or 0)
    except ValueError as error:
        raise InputError(f"{column} must be a number, not {given!r}.") from error


def _seconds(column: str, cell: str) -> float | None:
    """Seconds of a cell: `1.5`, `1,5` or `0:01.5`."""
    if not cell.strip():
        return None
    found = _CLOCK.fullmatch(cell.strip())
    if found is not None:
        return 3600 * int(found[1] or 0) + 60 * int(found[2]) + float(found[3].replace(",", "."))
    return _number(column, cell)


def _place(values: Mapping[str, Any]) -> Retiming:
    offset = Fraction(str(_number("offset_ms", values.get("offset_ms", 0)))) / 1000
    begin, end = (_seconds(name, str(values.get(name, ""))) for name in ("in", "out"))
    return WHOLE if not offset and begin is None and end is None else Retiming(offset, begin, end)


def _names(given: object) -> tuple[str, ...]:
    parts = re.split(r"[\s,;|]+", given) if isinstance(given, str) else given
    return tuple(dict.fromkeys(str(part) for part in parts if part)) if isinstance(parts, list | tuple) else ()


def _formats(given: object, settings: BatchSettings) -> tuple[str, ...]:
    names = _names(given) or tuple(settings.formats)
    for name in names:
        files.format_named(name)
    return names


def _path(given: object) -> Path | None:
    return Path(str(given)) if given else None


def _setup(values: Mapping[str, Any], settings: BatchSettings) -> FormatOptions:
    named = str(values.get("character", ""))
    scene = Path(named) if named.lower().endswith(_SCENES) else settings.character
    if scene is not None and not scene.is_absolute():
        scene = settings.table.parent / scene if not scene.exists() else scene
    return FormatOptions(
        profile=values.get("profile") or settings.profile,
        mesh=values.get("mesh") or settings.mesh or FormatOptions.mesh,
        model=values.get("model") or settings.model or FormatOptions.model,
        character=scene,
    )


def check_postprocess(line: Line) -> None:
    """Check the names of a line's finishes.

    Raises:
        InputError: where there is no such.
    """
    generate_files.check_finishes(line.postprocess)
