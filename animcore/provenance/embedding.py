"""The plain mark inside a file, without any package: XMP in images, video and audio, `extras` in glTF, text in `.npz`.

XMP is placed as Adobe's "XMP Specification Part 3, Storage in Files" has it, with the IPTC's DigitalSourceType, which
platforms read. It is not signed: anybody can change or remove it.
"""

from __future__ import annotations

import io
import json
import mmap
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, unescape

import numpy as np

from animcore.core import reading
from animcore.core.origin import TOOL, Origin
from animcore.errors import BROKEN_FILE

MEMBER = "provenance"  # the array of an `.npz`
EXTRA = "provenance"  # under `asset.extras` of a glTF
SIDECAR = ".provenance"  # next to a file that has no place for a statement
_PNG, _JPEG_XMP = b"\x89PNG\r\n\x1a\n", b"http://ns.adobe.com/xap/1.0/\0"
_VIDEO_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_FOUND = re.compile(rb"<animcore:Origin>(.*?)</animcore:Origin>", re.DOTALL)
_LARGEST = 1 << 20  # bytes of a statement
_WHEN = (1980, 1, 1, 0, 0, 0)  # equal motions give equal files


def embed(path: Path, origin: Origin) -> bool:
    """Write the statement into a file; False where such files have no place for one."""
    write = _WRITERS.get(path.suffix.lower())
    return write is not None and write(path, origin)


def statement(path: Path) -> str:
    """Return the statement that a file carries, as JSON; empty where there is none."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".npz":
            return str(reading.arrays(path, (MEMBER,)).get(MEMBER, ""))
        if suffix in _GLTF:
            return json.dumps(_json_of(path.read_bytes())[0]["asset"]["extras"][EXTRA])
        if path.is_dir():
            return json.dumps(json.loads((path / "avatar.json").read_text(encoding="utf-8"))["provenance"])
        beside = path.with_name(path.name + SIDECAR)
        return _in_xmp(path) or (reading.content(beside, _LARGEST).decode() if beside.is_file() else "")
    except BROKEN_FILE:
        return ""


def packet(origin: Origin) -> bytes:
    """Return the XMP of a statement."""
    facts = origin.facts()
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:animcore="https://animcore.org/ns/1/">'
        f"<xmp:CreatorTool>{TOOL} {escape(facts['version'])}</xmp:CreatorTool>"
        f"<Iptc4xmpExt:DigitalSourceType>{escape(facts['digitalSourceType'])}</Iptc4xmpExt:DigitalSourceType>"
        f"<animcore:Origin>{escape(origin.text())}</animcore:Origin>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _in_xmp(path: Path) -> str:
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b"<animcore:Origin>")
        found = _FOUND.match(data[at : at + _LARGEST]) if at >= 0 else None
    return unescape(found[1].decode()) if found else ""


def _png(path: Path, origin: Origin) -> bool:
    """An `iTXt` chunk behind the header."""
    data = path.read_bytes()
    if not data.startswith(_PNG):
        return False
    text = b"iTXt" + b"XML:com.adobe.xmp\0\0\0\0\0" + packet(origin)
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    end = len(_PNG) + 25  # of the header's chunk, which has 13 bytes in it
    path.write_bytes(data[:end] + chunk + data[end:])
    return True


def _jpeg(path: Path, origin: Origin) -> bool:
    """An APP1 segment behind the first one, which is JFIF's; a segment holds 64 kB."""
    data, text = path.read_bytes(), _JPEG_XMP + packet(origin)
    if not data.startswith(b"\xff\xd8\xff") or len(text) > 65_000:
        return False
    at = 4 + struct.unpack(">H", data[4:6])[0] if data[3] == 0xE0 else 2
    path.write_bytes(data[:at] + b"\xff\xe1" + struct.pack(">H", len(text) + 2) + text + data[at:])
    return True


def _video(path: Path, origin: Origin) -> bool:
    """A `uuid` box at the end of an MP4 or MOV: no byte before it moves."""
    text = packet(origin)
    with path.open("r+b") as handle:
        if handle.read(8)[4:] not in (b"ftyp", b"wide", b"moov"):
            return False
        handle.seek(0, io.SEEK_END)
        handle.write(struct.pack(">I", 24 + len(text)) + b"uuid" + _VIDEO_XMP + text)
    return True


def _wav(path: Path, origin: Origin) -> bool:
    """A `_PMX` chunk at the end of a RIFF; one above 4 GB (RF64) has none."""
    text = packet(origin)
    text += b" " * (len(text) % 2)
    with path.open("r+b") as handle:
        if handle.read(4) != b"RIFF":
            return False
        end = handle.seek(0, io.SEEK_END)
        handle.write(bytes(end % 2) + b"_PMX" + struct.pack("<I", len(text)) + text)
        size = handle.tell() - 8
        handle.seek(4)
        handle.write(struct.pack("<I", size))
    return True


def _npz(path: Path, origin: Origin) -> bool:
    """One more array, of text; a file that has the array already keeps its own."""
    stored = io.BytesIO()
    np.save(stored, np.array(origin.text()), allow_pickle=False)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        if f"{MEMBER}.npy" not in archive.namelist():
            archive.writestr(zipfile.ZipInfo(f"{MEMBER}.npy", _WHEN), stored.getvalue())
    return True


def _gltf(path: Path, origin: Origin) -> bool:
    """`asset.extras` of a `.glb`, `.vrm`, `.vrma` or `.gltf`."""
    data = path.read_bytes()
    document, rest = _json_of(data)
    asset = document["asset"]
    extras = asset.get("extras")
    asset["extras"] = {**(extras if isinstance(extras, dict) else {}), EXTRA: origin.facts()}
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    if rest is None:
        path.write_bytes(text)
        return True
    text += b" " * (-len(text) % 4)
    size = 20 + len(text) + len(rest)
    path.write_bytes(struct.pack("<4sIIII", b"glTF", 2, size, len(text), 0x4E4F534A) + text + rest)
    return True


def _json_of(data: bytes) -> tuple[dict[str, Any], bytes | None]:
    """The document of a glTF, and what follows it in a `.glb`."""
    if not data.startswith(b"glTF"):
        return json.loads(data), None
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + size]), data[20 + size :]


_GLTF = (".glb", ".gltf", ".vrm", ".vrma")
_WRITERS: dict[str, Callable[[Path, Origin], bool]] = {
    ".png": _png, ".jpg": _jpeg, ".jpeg": _jpeg, ".mp4": _video, ".m4v": _video, ".mov": _video, ".wav": _wav,
    ".npz": _npz, **dict.fromkeys(_GLTF, _gltf),
}  # fmt: skip
