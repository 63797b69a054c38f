"""Consent: who is shown, who agreed, to what and until when. A receipt is a small TOML file that the avatar holds."""

from __future__ import annotations

import datetime
import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from animcore.core.atomic_files import whole_file
from animcore.core.origin import NOT_STATED, Origin
from animcore.core.reading import content
from animcore.errors import InputError, readable
from animcore.provenance import receipt_signature

RECEIPT = "consent.toml"  # in the folder of an avatar
OWN, NONE = "own", "none"
_LARGEST = 1 << 16  # bytes of a receipt
_FIELDS = {
    "person": "Who is shown (a name, or a number that you keep a list of)",
    "agreed_by": "Who agreed (the person, or who may do so for them)",
    "uses": "To what (such as: lip sync of the game's lines)",
    "until": "Until when (YYYY-MM-DD, empty for no end)",
}
_KEPT = ("status", "statement_sha256", "signed_by", "signature_sha256")  # of receipts that are ours already
TEMPLATE = """# A receipt of consent for Animcore: who is shown, who agreed, to what and until when.
person = "Anna Berg"
agreed_by = "Anna Berg"
uses = "talking-head videos of the museum's audio guide"
until = "2027-12-31"      # leave it out where there is no end
# A recording of the person's consent; only its hash is stored. Relative to this file.
# statement = "anna_agrees.wav"
"""


@dataclass(frozen=True)
class Receipt:
    """The fields of the consent.

    Attributes:
        facts: of `person`, `agreed_by`, `uses`, `until`, `statement_sha256`, `signed_by` and `signature_sha256`, those
            that are known; or `status` alone.
    """

    facts: Mapping[str, str]

    def text(self) -> str:
        """Return the file."""
        quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in self.facts.items()}
        return "".join(f'{name} = "{value}"\n' for name, value in quoted.items())

    def reference(self) -> dict[str, str]:
        """Return what statements and manifests hold of it: its facts, and the receipt's own hash."""
        return {**self.facts, "receipt_sha256": hashlib.sha256(self.text().encode()).hexdigest()}

    def save(self, folder: str | Path) -> None:
        """Write it into the folder of what it belongs to.

        Raises:
            InputError: where it cannot be written.
        """
        folder = Path(folder)
        with whole_file(folder / RECEIPT) as temporary:
            temporary.write_text(self.text(), encoding="utf-8")


def given(option: str, today: datetime.date | None = None) -> Receipt:
    """Return the receipt that an option names: `own`, `none` or a file.

    Raises:
        InputError: where the file is no receipt, lacks something, or its date has passed.
    """
    if option == OWN:
        return Receipt({"status": "one's own face"})
    if option == NONE:
        return Receipt({"status": NOT_STATED})
    return read(Path(option), today)


def read(path: Path, today: datetime.date | None = None) -> Receipt:
    """Read a receipt that is still good.

    Raises:
        InputError: where it is none, lacks something, or its date has passed.
    """
    with readable(f"{path.name} is no receipt of consent", "`animcore provenance template` writes one to fill in"):
        values = tomllib.loads(content(path, _LARGEST).decode())
    facts = {name: str(values[name]).strip() for name in (*_FIELDS, *_KEPT) if name in values}
    if "status" in facts:  # one of our own, out of an avatar
        return Receipt({"status": facts["status"]})
    if "statement" in values:
        facts["statement_sha256"] = hashlib.sha256(content(path.parent / str(values["statement"]))).hexdigest()
    facts |= receipt_signature.signer(path)
    return _checked(facts, path.name, today or datetime.date.today())


def of_folder(folder: Path) -> Receipt | None:
    """Return the receipt that lies in a folder, or None.

    Raises:
        InputError: where its date has passed, or it is broken.
    """
    path = folder / RECEIPT
    return read(path) if path.is_file() else None


def asked(ask: Callable[[str], str], say: Callable[[str], None]) -> Receipt:
    """Ask on a terminal, once; an empty first answer means that it is not stated.

    Args:
        ask: shows a question and returns the answer.
        say: prints a sentence.

    Raises:
        InputError: where an answer cannot be used.
    """
    say(
        "A head of a real person is made. Its receipt of consent stays in the folder, and goes into what is made of it."
    )
    first = ask(f"{_FIELDS['person']}; `own` for your own face, empty for not stated: ").strip()
    if first in (OWN, ""):
        return given(first or NONE)
    rest = {name: ask(f"{question}: ").strip() for name, question in _FIELDS.items() if name != "person"}
    return _checked({"person": first, **rest}, "The answers", datetime.date.today())


def check(origin: Origin, today: datetime.date | None = None) -> None:
    """Check that a file needs no consent that has ended.

    Raises:
        InputError: where it does.
    """
    if gone := ended(origin.consent, today or datetime.date.today()):
        who = origin.consent.get("person", "the person")
        raise InputError(
            f"The consent of {who} ended on {gone}, so nothing more is made of it; ask again, and give the new receipt "
            "with `animcore provenance consent`."
        )


def ended(facts: Mapping[str, str], day: datetime.date) -> str:
    """Return the date on which a consent ended, or an empty text."""
    until = facts.get("until", "")
    try:
        return until if until and datetime.date.fromisoformat(until) < day else ""
    except ValueError:
        return ""


def _checked(facts: dict[str, str], name: str, day: datetime.date) -> Receipt:
    missing = [field for field in ("person", "agreed_by", "uses") if not facts.get(field)]
    if missing:
        raise InputError(
            f"{name}: {missing[0]} is missing; say {_FIELDS[missing[0]][0].lower()}{_FIELDS[missing[0]][1:]}."
        )
    facts = {field: " ".join(value.split()) for field, value in facts.items() if value}
    try:
        datetime.date.fromisoformat(facts.get("until", "2000-01-01"))
    except ValueError as error:
        raise InputError(f"{name}: until is {facts['until']!r}; write a date as 2027-12-31.") from error
    if gone := ended(facts, day):
        raise InputError(f"{name}: the consent ended on {gone}; ask {facts['person']} again.")
    return Receipt(facts)
