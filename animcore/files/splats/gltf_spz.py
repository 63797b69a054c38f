"""SPZ inside glTF: KHR_gaussian_splatting_compression_spz_2, and the drafts before it.

After the extension's text: a view of the buffer holds a whole SPZ, and the attributes are accessors without data. The
text requires the SPZ written from, and read into, the axes that SPZ's library calls LUF (left, up, front), which glTF's
are by that library's names; an SPZ itself is RUB. So between both lies half a turn about Y.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from animcore.errors import InputError
from animcore.files.scenes import gltf
from animcore.files.splats import spz
from animcore.files.splats.base import Notes
from animcore.gaussians.gaussians import Gaussians
from animcore.gaussians.transforms import transformed
from animcore.geometry.surface_registration import SimilarityTransform

NAME = "KHR_gaussian_splatting_compression_spz_2"
_BASE = "KHR_gaussian_splatting"
_HALF_TURN = SimilarityTransform(1.0, np.diag([-1.0, 1.0, -1.0]), np.zeros(3))  # about Y: LUF <-> RUB


def view_of(primitive: dict[str, Any]) -> int | None:
    """Return the buffer view of a primitive that holds an SPZ; None where there is none."""
    outer = primitive.get("extensions", {})
    base = outer.get(_BASE)
    inner = base.get("extensions", {}) if isinstance(base, dict) else {}
    for name, facts in (*inner.items(), *outer.items()):
        if "spz" in name.lower() and isinstance(facts, dict) and isinstance(facts.get("bufferView"), int):
            return int(facts["bufferView"])
    return None


def read(document: gltf.GltfDocument, view: int) -> tuple[Gaussians, Notes]:
    """Read the SPZ in a view of the buffer.

    Raises:
        InputError: where it points outside the file, or is no SPZ.
    """
    facts = document.part("bufferViews")[view]
    start, length = int(facts.get("byteOffset", 0)), int(facts["byteLength"])
    if min(start, length) < 0 or start + length > len(document.binary):
        raise InputError(f"{document.name} is broken: its SPZ reaches past the end of the file; copy it again.")
    splats, notes = spz.decoded(bytes(document.binary[start : start + length]), f"The SPZ in {document.name}")
    return transformed(splats, _HALF_TURN), notes


def add(splats: Gaussians, document: gltf.GltfDocument) -> int:
    """Append an SPZ of Gaussians to a document; returns its buffer view."""
    data = spz.encoded(transformed(splats, _HALF_TURN), document.name)
    views = document.part("bufferViews")
    views.append({"buffer": 0, "byteOffset": len(document.binary), "byteLength": len(data)})
    document.binary.extend(data)
    return len(views) - 1
