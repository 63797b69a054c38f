"""How a file was made: the plain statement that motions, avatars and signed manifests carry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import animcore
from animcore.core.reading import check_file
from animcore.errors import BROKEN_FILE, readable

TOOL = "Animcore"
NOT_STATED = "not stated"
_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"  # of the IPTC; C2PA uses the same one

# What kind of thing a file shows, in words, by its name in that vocabulary.
SOURCE_TYPES = {
    "trainedAlgorithmicMedia": "made by a trained model (AI)",
    "compositeWithTrainedAlgorithmicMedia": "put together from parts, some of them made by a trained model (AI)",
    "algorithmicMedia": "computed, without a trained model",
    "compositeSynthetic": "put together from parts, some of them synthetic",
    "digitalCapture": "captured from life",
    "": NOT_STATED,
}
TRAINED, COMPOSITE, COMPUTED = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia"
OVERLAY = "compositeSynthetic"
MOST_SOURCES = 100  # that a statement lists; of more, it gives the count


@dataclass(frozen=True)
class Source:
    """A file that something was made from or with, by its hash (SHA-256 in hexadecimal digits)."""

    role: str
    name: str
    sha256: str

    @classmethod
    def of(cls, path: Path, role: str) -> Source:
        """Return a file as a source; of a path only the name is kept, for privacy.

        Raises:
            InputError: where it cannot be read.
        """
        check_file(path)
        with readable(f"{path.name} cannot be read", "check its name and its rights"), path.open("rb") as handle:
            return cls(role, path.name, hashlib.file_digest(handle, "sha256").hexdigest())


@dataclass(frozen=True)
class Origin:
    """How something was made.

    Attributes:
        source_type: one of `SOURCE_TYPES`.
        action: of C2PA's vocabulary, without its `c2pa.`: created, edited, dubbed, converted.
        sources: audio and video that it was made from.
        models: the model cards of the models that made it.
        consent: who is shown and agreed to what (`provenance.consent`); empty where no real person is shown.
        watermark: the id in the pixels, 8 hexadecimal digits (`provenance.imprint`); empty where there is none.
    """

    source_type: str = ""
    action: str = "created"
    sources: tuple[Source, ...] = ()
    models: tuple[Source, ...] = ()
    consent: Mapping[str, str] = field(default_factory=dict)
    watermark: str = ""

    def made_from(self, sources: Iterable[Source]) -> Origin:
        """Return it with more sources; one that is known by its hash is not repeated."""
        known = {source.sha256 for source in self.sources}
        return replace(self, sources=self.sources + tuple(one for one in sources if one.sha256 not in known))

    def with_other(self, other: Origin) -> Origin:
        """Return the origin of a composition of two: all sources and models; a second person's consent is "2nd"."""
        models = self.models + tuple(one for one in other.models if one not in self.models)
        consent = dict(self.consent or other.consent)
        if self.consent and other.consent and self.consent != other.consent:
            consent |= {f"2nd {name}": value for name, value in other.consent.items()}
            ends = [one["until"] for one in (self.consent, other.consent) if "until" in one]
            consent |= {"until": min(ends)} if ends else {}
        kind = self.source_type or other.source_type
        return replace(self.made_from(other.sources), source_type=kind, action="edited", models=models, consent=consent)

    def by(self, source_type: str, models: Iterable[Source] | None = None) -> Origin:
        """Return it with another source type and, where they are given, the model cards of the models that made it."""
        return replace(self, source_type=source_type, models=self.models if models is None else tuple(models))

    def facts(self) -> dict[str, Any]:
        """Return the statement as JSON has it."""
        return {
            "tool": TOOL,
            "version": animcore.__version__,
            "digitalSourceType": f"{_VOCABULARY}{self.source_type}" if self.source_type else NOT_STATED,
            "action": f"c2pa.{self.action}",
            "ingredients": _listed(self.sources),
            "ingredientCount": len(self.sources),
            "models": _listed(self.models),
            "consent": dict(self.consent),
            **({"watermark": self.watermark} if self.watermark else {}),
        }

    def text(self) -> str:
        """Return the statement as one line of JSON; equal origins give equal lines."""
        return json.dumps(self.facts(), ensure_ascii=False, sort_keys=True)


def from_text(text: str) -> Origin:
    """Read a statement; what is none, or of a later version, gives an origin that is not stated."""
    try:
        return _origin(json.loads(text))
    except BROKEN_FILE:
        return Origin()


def _origin(facts: Mapping[str, Any]) -> Origin:
    kind = str(facts["digitalSourceType"]).removeprefix(_VOCABULARY)
    return Origin(
        kind if kind in SOURCE_TYPES else "",
        str(facts["action"]).removeprefix("c2pa."),
        tuple(Source(**one) for one in facts["ingredients"]),
        tuple(Source(**one) for one in facts["models"]),
        {str(name): str(value) for name, value in facts["consent"].items()},
        str(facts.get("watermark", "")),
    )


def _listed(sources: tuple[Source, ...]) -> list[dict[str, str]]:
    return [{"role": one.role, "name": one.name, "sha256": one.sha256} for one in sources[:MOST_SOURCES]]
