"""The statements of a file and whether they hold, in words: ours and those of other tools."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from animcore.core.origin import NOT_STATED, SOURCE_TYPES, TOOL, Origin, Source, from_text
from animcore.core.reading import check_file
from animcore.errors import BROKEN_FILE, AnimcoreError
from animcore.provenance import consent, embedding, imprint, manifest

# What can be found, in words. Only the first two mean that nothing was changed since it was signed.
STATES = {
    "trusted": "signed with this computer's own key, and unchanged since",
    "intact": "unchanged since it was signed, but by a key that is unknown on this computer: the signer is not stated",
    "changed": "CHANGED after it was signed or marked",
    "expired": "signed with a certificate that has ended, or that was not valid when it signed",
    "broken": "carries a manifest that cannot be read or does not hold",
    "unsigned": "marked, but not signed: anybody could have written or changed the mark",
    "none": "carries no mark",
}
GOOD = ("trusted", "intact")
_EXPIRED = ("signingCredential.expired", "claimSignature.outsideValidity", "signingCredential.invalid")


@dataclass(frozen=True)
class Verdict:
    """What was found in a file.

    Attributes:
        path: of the file.
        state: one of `STATES`.
        origin: how it was made, as far as it is stated.
        tool: that wrote it, in its own words.
        signer: the name in the certificate, which anybody can choose where the state is not "trusted".
        reasons: codes of C2PA for what does not hold.
        ended: when the consent that it names ended, or empty.
        history: of a file of another tool, what was done by which program, and what it was made from.
        seen: the id of the watermark in the pixels; empty where none was found or looked for.
    """

    path: Path
    state: str
    origin: Origin = field(default_factory=Origin)
    tool: str = ""
    signer: str = ""
    reasons: tuple[str, ...] = ()
    ended: str = ""
    seen: str = ""
    history: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether it is signed, unchanged, no consent that it names has ended, and the pixels hold no other's mark."""
        is_another = bool(self.seen and self.origin.watermark and self.seen != self.origin.watermark)
        return self.state in GOOD and not self.ended and not is_another

    def lines(self) -> list[str]:
        """Return it in words."""
        found = [f"{self.path}: {STATES[self.state]}" + (f" ({', '.join(self.reasons)})" if self.reasons else "")]
        found += self._watermark()
        if self.state == "none":
            return found
        found.append(f"  content: {SOURCE_TYPES[self.origin.source_type]}")
        found += [f"  {name}: {value}" for name, value in (("tool", self.tool), ("signer", self.signer)) if value]
        found += [f"  {one}" for one in self.history]
        found += [f"  {one.role}: {one.name} (SHA-256 {one.sha256})" for one in self.origin.sources]
        found += [f"  {one.role}: {one.name} (SHA-256 {one.sha256})" for one in self.origin.models]
        found += [f"  consent, {name}: {value}" for name, value in self.origin.consent.items()]
        return found + ([f"  the consent ended on {self.ended}: do not use it any more"] if self.ended else [])

    def _watermark(self) -> list[str]:
        """What the pixels say, and whether that is what the file states."""
        stated = self.origin.watermark
        if not self.seen:
            return [f"  watermark: {stated} is stated, and not found in the pixels"] if stated else []
        if not stated:
            return [
                f"  watermark: {self.seen}: shows or showed a real person, written by {TOOL}; its statement is gone"
            ]
        agrees = "as is stated" if self.seen == stated else f"BUT {stated} is stated: the pixels are of another file"
        return [f"  watermark: {self.seen}, {agrees}"]

    def facts(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "file": str(self.path), "state": self.state, "good": self.is_good, "tool": self.tool,
            "signer": self.signer, "reasons": list(self.reasons), "consentEnded": self.ended,
            "history": list(self.history), "watermarkFound": self.seen, **_said(self.origin),
        }  # fmt: skip


def examine(path: Path, today: datetime.date | None = None) -> Verdict:
    """Verify a file, and look for a watermark in its pixels too, which takes seconds.

    Raises:
        InputError: see `verify`.
    """
    verdict = verify(path, today)
    if path.is_dir() or not imprint.can_carry(path):
        return verdict
    return replace(verdict, seen=imprint.text_of(imprint.found_in(path)))


def verify(path: Path, today: datetime.date | None = None) -> Verdict:
    """Read the statements of a file, or of the folder of an avatar, and check whether they hold.

    Raises:
        InputError: where there is no such file, or the library that reads manifests is not installed.
    """
    if not path.is_dir():
        check_file(path)
    day = today or datetime.date.today()
    plain = embedding.statement(path)
    is_signable = path.suffix.lower() in manifest.KINDS or manifest.beside(path) is not None
    if is_signable and not path.is_dir():
        try:
            stored = manifest.read(path)
        except AnimcoreError:
            if manifest.library() is None and not plain:
                raise
            stored = None if manifest.library() is None else {}
        if stored is not None:
            return _signed(path, stored, day)
    if not plain:
        return Verdict(path, "none")
    origin = from_text(plain)
    state = "changed" if _is_another(path, plain) else "unsigned"
    return Verdict(path, state, origin, _tool_of(plain), ended=consent.ended(origin.consent, day))


def _signed(path: Path, stored: Mapping[str, Any], day: datetime.date) -> Verdict:
    active = stored.get("manifests", {}).get(stored.get("active_manifest"))
    if active is None:
        return Verdict(path, "broken")
    results = stored.get("validation_results", {}).get("activeManifest", {})
    codes = tuple(dict.fromkeys(one["code"] for one in results.get("failure", [])))
    state, reasons = _state(codes, str(stored.get("validation_state")))
    claims = {one["label"]: one.get("data", {}) for one in active.get("assertions", [])}
    origin = (
        from_text(json.dumps(claims[manifest.ASSERTION]))
        if manifest.ASSERTION in claims
        else _of_others(active, claims)
    )
    about = (active.get("claim_generator_info") or [{}])[0]
    tool = f"{about.get('name', active.get('claim_generator', ''))} {about.get('version', '')}".strip()
    who = active.get("signature_info", {})
    signer = ", ".join(str(who[name]) for name in ("common_name", "issuer") if who.get(name))
    history = () if manifest.ASSERTION in claims else _history(active, claims)
    ended = consent.ended(origin.consent, day)
    return Verdict(path, state, origin, tool, signer, reasons, ended, history=history)


def _state(codes: tuple[str, ...], whole: str) -> tuple[str, tuple[str, ...]]:
    """The state, and the codes that are the reason."""
    wrong = tuple(code for code in codes if code != "signingCredential.untrusted")
    if any("mismatch" in code for code in wrong):
        return "changed", wrong
    if wrong:
        return ("expired" if wrong[0] in _EXPIRED else "broken"), wrong
    return ("trusted" if whole == "Trusted" else "intact"), ()


def _of_others(active: Mapping[str, Any], claims: Mapping[str, Any]) -> Origin:
    """How a file of another tool was made: the source type of its first action that names one."""
    actions = _actions(claims)
    kinds = [str(one["digitalSourceType"]).rpartition("/")[2] for one in actions if one.get("digitalSourceType")]
    return Origin(next((kind for kind in kinds if kind in SOURCE_TYPES), ""))


def _actions(claims: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for label in ("c2pa.actions.v2", "c2pa.actions") for one in claims.get(label, {}).get("actions", [])]


def _history(active: Mapping[str, Any], claims: Mapping[str, Any]) -> tuple[str, ...]:
    """What a manifest of another tool tells, a line each."""
    lines = []
    for one in _actions(claims):
        agent = one.get("softwareAgent", "")
        name = agent.get("name", "") if isinstance(agent, dict) else str(agent)
        lines.append(f"action: {one.get('action')}" + (f" by {name}" if name else ""))
    for one in active.get("ingredients", []):
        lines.append(f"{one.get('relationship', 'made from')}: {one.get('title', 'a file without a name')}")
    bindings = claims.get("c2pa.soft-binding", {})
    return (*lines, *([f"watermark of {bindings.get('alg')} is stated"] if bindings else []))


def _is_another(path: Path, plain: str) -> bool:
    """Whether a statement next to a file has the hash of another one."""
    wanted = _stated(plain).get("sha256")
    return wanted is not None and wanted != Source.of(path, "").sha256


def _tool_of(plain: str) -> str:
    facts = _stated(plain)
    return f"{facts.get('tool', NOT_STATED)} {facts.get('version', '')}".strip()


def _stated(plain: str) -> dict[str, Any]:
    """The facts of a statement, which may be anybody's."""
    try:
        facts = json.loads(plain)
    except BROKEN_FILE:
        return {}
    return facts if isinstance(facts, dict) else {}


def _said(origin: Origin) -> dict[str, Any]:
    facts = origin.facts()
    return {name: facts[name] for name in ("digitalSourceType", "action", "ingredients", "models", "consent")} | {
        "watermark": origin.watermark
    }
