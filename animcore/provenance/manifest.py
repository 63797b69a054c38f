"""C2PA manifests through `c2pa-python`: written into a file and signed, read from one and checked; all offline."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from animcore.core.atomic_files import whole_file
from animcore.core.origin import TOOL, Origin, Source
from animcore.core.reading import content
from animcore.errors import InputError
from animcore.provenance import keys

ASSERTION = "org.animcore.origin"
WATERMARK = "org.animcore.watermark.1"  # of `provenance.watermark`: the way that the id lies in the pixels
KINDS = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".png": "image/png", ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg", ".webp": "image/webp", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".tif": "image/tiff",
    ".tiff": "image/tiff", ".gif": "image/gif", ".avif": "image/avif", ".heic": "image/heic", ".flac": "audio/flac",
    ".m4a": "audio/mp4", ".svg": "image/svg+xml", ".avi": "video/avi", ".pdf": "application/pdf",
}  # fmt: skip
SIDECAR = ".c2pa"  # the manifest of a file that has no place for one lies beside it: `line.csv.c2pa`
_LARGEST = 1 << 26  # bytes of a manifest
_MISSING = 'Manifests are read and written with c2pa-python, which is missing: pip install ".[provenance]".'
_ANY = "application/octet-stream"
_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


def library() -> Any | None:
    """Return the C2PA library, or None where it is not installed."""
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError):  # the package of another platform loads no library
        return None
    return c2pa


def sign(path: Path, origin: Origin, title: str, who: keys.Identity) -> None:
    """Put a signed manifest into a file.

    Raises:
        InputError: without the library, or where the file, the certificate or the key is refused.
    """
    c2pa = library()
    kind = KINDS.get(path.suffix.lower())
    if c2pa is None or kind is None:
        raise InputError(f"{title} cannot be signed here; install the extra `provenance`, or write MP4 or PNG.")
    made = path.with_name(f"{path.stem}.signed{path.suffix}")
    try:
        context = c2pa.Context.from_dict(_OFFLINE)
        builder = c2pa.Builder(json.dumps(definition(origin, title)), context=context)
        with path.open("rb") as source, made.open("w+b") as target:
            builder.sign(_signer(c2pa, who), kind, source, target)
        os.replace(made, path)
    except c2pa.C2paError as error:
        raise InputError(
            f"{title} could not be signed ({str(error)[:160]}); check certificate, key and clock."
        ) from error
    finally:
        made.unlink(missing_ok=True)


def sign_beside(path: Path, origin: Origin, who: keys.Identity) -> Path:
    """Write a signed manifest of a file into another one beside it, and return that.

    Raises:
        InputError: without the library, or where the file, the certificate or the key is refused.
    """
    c2pa = library()
    if c2pa is None:
        raise InputError(_MISSING)
    try:
        builder = c2pa.Builder(json.dumps(definition(origin, path.name)), context=c2pa.Context.from_dict(_OFFLINE))
        builder.set_no_embed()
        with path.open("rb") as source:
            made = builder.sign(_signer(c2pa, who), KINDS.get(path.suffix.lower(), _ANY), source, io.BytesIO())
    except c2pa.C2paError as error:
        raise InputError(
            f"{path.name} could not be signed ({str(error)[:160]}); check certificate, key and clock."
        ) from error
    beside = path.with_name(path.name + SIDECAR)
    with whole_file(beside) as temporary:
        temporary.write_bytes(made)
    return beside


def beside(path: Path) -> Path | None:
    """Return the file with the manifest of another one, `line.csv.c2pa` or `line.c2pa`, or None."""
    named = (path.with_name(path.name + SIDECAR), path.with_suffix(SIDECAR))
    return next((one for one in named if one.is_file() and one != path), None)


def definition(origin: Origin, title: str) -> dict[str, Any]:
    """Return the manifest before it is signed, as the library takes it."""
    facts = origin.facts()
    agent = {"name": TOOL, "version": facts["version"]}
    created = {"action": "c2pa.created", "softwareAgent": agent}
    if origin.source_type:
        created["digitalSourceType"] = facts["digitalSourceType"]
    actions = [created]  # a manifest begins with how the file came to be
    if origin.action != "created":
        actions.append({"action": facts["action"], "softwareAgent": agent})
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": actions}},
        {"label": ASSERTION, "data": facts},
    ]
    if origin.watermark:
        actions.append({"action": "c2pa.watermarked", "softwareAgent": agent})
        binding = {"alg": WATERMARK, "blocks": [{"scope": {}, "value": origin.watermark}]}
        assertions.append({"label": "c2pa.soft-binding", "data": binding})
    listed = facts["ingredients"]
    return {
        "claim_generator_info": [agent],
        "title": title,
        "ingredients": [_ingredient(Source(**one)) for one in listed],
        "assertions": assertions,
    }


def read(path: Path) -> Mapping[str, Any] | None:
    """Return the manifests of a file and whether they hold, as the library reports them; None without any.

    Raises:
        InputError: without the library, or where the manifest is broken.
    """
    c2pa = library()
    if c2pa is None:
        raise InputError(_MISSING)
    near = beside(path)
    kind = KINDS.get(path.suffix.lower(), _ANY if near is not None else None)
    if kind is None:
        return None
    anchors = keys.anchors()
    settings = {**_OFFLINE, **({"trust": {"user_anchors": anchors}} if anchors else {})}
    try:
        with path.open("rb") as source:
            stored = content(near, _LARGEST) if near is not None else None
            context = c2pa.Context.from_dict(settings)
            with c2pa.Reader(kind, source, stored, context=context) as reader:
                result: Mapping[str, Any] | None = json.loads(reader.json())
                return result
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error) or "no JUMBF" in str(error):
            return None
        raise InputError(f"{path.name} has a broken manifest ({str(error)[:160]}); get the file again.") from error


def _ingredient(source: Source) -> dict[str, Any]:
    return {
        "title": source.name,
        "format": KINDS.get(Path(source.name).suffix.lower(), "application/octet-stream"),
        "relationship": "inputTo",
        "instance_id": f"sha256:{source.sha256}",
        "description": f"{source.role}, SHA-256 {source.sha256}",
    }


def _signer(c2pa: Any, who: keys.Identity) -> Any:
    server = who.time_server or None
    if who.command:
        algorithm = getattr(c2pa.C2paSigningAlg, who.algorithm.upper())
        return c2pa.Signer.from_callback(who.signed_by_command(), algorithm, who.chain.decode(), server)
    info = c2pa.C2paSignerInfo(who.algorithm.encode(), who.chain, who.key, server and server.encode())
    return c2pa.Signer.from_info(info)
