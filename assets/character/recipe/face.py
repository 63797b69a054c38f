"""Mend the face: seal the resting lips, make the lids close on the eyeball, keep lips out of the teeth."""

from __future__ import annotations

from mouth import mouth_rings, seal_offsets
from person import Person


def mend_face(person: Person) -> None:
    """Mend the neutral face and the shapes of `person` in place."""
    rings = mouth_rings(person)
    for _ in range(2):
        person.vertices += seal_offsets(person, person.vertices, rings)
