"""What is asked of all lines of a batch, and of those of a speaker, a character or a language (TOML)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from animcore import files
from animcore.core.reading import content
from animcore.core.vocabulary import casefolded
from animcore.errors import InputError, readable
from animcore.pipelines import generate_files

# What a section of the file, or a column of the table, may set.
VALUES = (
    "style", "emotion", "intensity", "seed", "look_at", "formats", "fps", "strengths", "profile", "mesh", "model",
    "character", "variant", "transition", "postprocess", "gestures", "face", "face_speaker", "offset_ms",
)  # fmt: skip
_SECTIONS = ("defaults", "languages", "characters", "speakers")  # the later ones count more
_PATHS = ("gestures", "face", "character")
MOTION = "npz"  # always written, as NAME.motion.npz
_LARGEST = 4 << 20


@dataclass(frozen=True)
class Defaults:
    """Values for lines whose cells are empty: of all, and of a language, a character or a speaker.

    Attributes:
        sections: name of the section -> name of the speaker (case-folded; empty in `defaults`) -> values.
        folder: that paths in it start from.
    """

    sections: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    folder: Path = Path()

    def of(self, language: str, character: str, speaker: str) -> dict[str, Any]:
        """Return the values of a line; a speaker's count more than a character's, and those than a language's."""
        found = dict(self.sections.get("defaults", {}).get("", {}))
        for section, name in (("languages", language), ("characters", character), ("speakers", speaker)):
            named = self.sections.get(section, {})
            found |= named.get(casefolded(name), {}) if name else {}
        return found


def load_defaults(path: Path) -> Defaults:
    """Read a TOML file with `[defaults]`, `[speakers.NAME]`, `[characters.NAME]` and `[languages.CODE]`.

    Raises:
        InputError: where it cannot be read, or sets something that there is not.
    """
    with readable(f"{path.name} is not readable TOML", "correct it there"):
        given = tomllib.loads(content(path, _LARGEST).decode("utf-8-sig"))
    if unknown := sorted(given.keys() - set(_SECTIONS)):
        raise InputError(f"{path.name} has a section {unknown[0]!r}; there are {', '.join(_SECTIONS)}.")
    sections: dict[str, dict[str, dict[str, Any]]] = {}
    for section, named in given.items():
        groups = {"": named} if section == "defaults" else named
        for name, values in groups.items():
            _check_values(values, f"{path.name}, [{section}{'.' if name else ''}{name}]")
            resolved = {key: _resolved(key, value, path.parent) for key, value in values.items()}
            sections.setdefault(section, {})[casefolded(name)] = resolved
    return Defaults(sections, path.parent)


def _check_values(values: object, where: str) -> None:
    if not isinstance(values, Mapping):
        raise InputError(f"{where} is no section; write it in brackets, with the values below it.")
    if unknown := sorted(values.keys() - set(VALUES)):
        raise InputError(f"{where} sets {unknown[0]!r}, which there is not; there are {', '.join(VALUES)}.")


def _resolved(key: str, value: Any, folder: Path) -> Any:
    return str(folder / value) if key in _PATHS and isinstance(value, str) else value


@dataclass(frozen=True)
class BatchSettings:
    """What is asked of a whole batch.

    Attributes:
        table: of the lines.
        folder: where everything goes.
        path: template of the output paths without suffix; None for `{language}/{id}`.
        audio: template of the recordings' paths, where the table does not name them; a suffix is not needed.
        formats: that are written beside the motion.
        fps: of the files, as text; that of the table counts more.
        defaults: of speakers, characters and languages.
        postprocess: names of `generate_files.FINISHES`.
        profile, mesh, model, character: what the formats need to know, as `FormatOptions`.
        source_language: whose performance the other languages share; None for that which the table has first.
        shares: whether lines of one id share their performance over languages.
    """

    table: Path
    folder: Path
    path: str | None = None
    audio: str | None = None
    formats: Sequence[str] = ()
    fps: str = "30"
    defaults: Defaults = field(default_factory=Defaults)
    postprocess: Sequence[str] = ()
    profile: str | None = None
    mesh: str | None = None
    model: str | None = None
    character: Path | None = None
    source_language: str | None = None
    shares: bool = True

    def __post_init__(self) -> None:
        """Check the names of formats and finishes.

        Raises:
            InputError: where there is no such.
        """
        for name in self.formats:
            files.format_named(name)
        generate_files.check_finishes(self.postprocess)

    def facts(self) -> dict[str, Any]:
        """Return it as plain values for `batch.json`."""
        left_out = ("table", "folder", "defaults")
        own = {part.name: getattr(self, part.name) for part in fields(self) if part.name not in left_out}
        own["defaults"] = {section: dict(named) for section, named in self.defaults.sections.items()}
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in own.items()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
