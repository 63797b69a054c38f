"""Hand edits of a take as a file, `NAME.edits.npz`: they come back from Blender and are laid over every new solve.

Of each track that was changed the file holds the edit (what was added to it, frame by frame) and the curves that the
edit was made on, so that an edit may stand in the place of the new curves too (`postprocess.edit_layers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.errors import InputError, readable
from animcore.motion import TRACKS, WEIGHT_NAMES, Motion
from animcore.postprocess import edit_layers
from animcore.postprocess.edit_layers import Mode

FORMAT = "animcore.edits"
VERSION = 1
SUFFIX = ".edits.npz"

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class HandEdits:
    """The edits of a take of T frames.

    Attributes:
        rate: frames a second.
        start: seconds of the audio at the first frame.
        layers: track -> what was added to it, in the shape of the track; 0 where nothing was changed.
        before: the same tracks as they were without the edits.
        mode: `add`: an edit is as far from the new curves as it was from the old ones; `replace`: the curves go where
            the animator put them.
    """

    rate: Fraction
    start: float
    layers: Mapping[str, FloatArray]
    before: Mapping[str, FloatArray]
    mode: Mode = "add"

    @classmethod
    def between(cls, edited: Motion, written: Motion, mode: Mode = "add") -> HandEdits:
        """Return what an animator changed.

        Args:
            edited: the take as it is now.
            written: the take as Animcore wrote it, without edits, on the same frames.
            mode: how the edits are laid over other curves.

        Raises:
            InputError: where the two have other frames.
        """
        if edited.rate != written.rate or edited.frame_count != written.frame_count:
            raise InputError("Edits are taken between two motions of the same frames; resample one of them.")
        layers, before = {}, {}
        for name, values in written.tracks().items():
            now = edited.tracks().get(name)
            if now is None or now.shape != values.shape:
                continue
            flat = values.reshape(len(values), -1)
            layer = edit_layers.absorb(np.zeros_like(flat), now.reshape(len(now), -1), flat)
            if layer.any():
                layers[name] = layer.reshape(values.shape).astype(np.float32)
                before[name] = values
        return cls(written.rate, written.start, layers, before, mode)

    def lay_over(self, motion: Motion) -> Motion:
        """Return a motion with the edits on it; tracks that it does not have are passed over."""
        changed: dict[str, Any] = {}
        for name, layer in self.layers.items():
            values = motion.tracks().get(name)
            if values is None or values.shape[1:] != layer.shape[1:]:
                continue
            new = values.reshape(len(values), -1)
            moved = self._on(motion, layer, hold=False)
            old = self._on(motion, self.before[name], hold=True)
            flat = new + edit_layers.apply_layer(new, moved, old, motion.fps, self.mode)
            if name in WEIGHT_NAMES:
                flat = np.clip(flat, 0.0, 1.0)
            changed[name] = flat.reshape(values.shape).astype(np.float32)
        return replace(motion, **changed) if changed else motion

    def _on(self, motion: Motion, values: FloatArray, *, hold: bool) -> NDArray[np.float64]:
        times = self.start + np.arange(len(values)) * float(1 / self.rate)
        return edit_layers.resampled(values.reshape(len(values), -1), times, motion.times, hold=hold)

    def save(self, path: str | Path) -> None:
        """Write the file.

        Raises:
            InputError: when it cannot be written.
        """
        contents: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "fps_rational": np.array([self.rate.numerator, self.rate.denominator], np.int64),
            "start": self.start,
            "mode": self.mode,
        }
        contents |= {f"{name}.layer": values for name, values in self.layers.items()}
        contents |= {f"{name}.before": values for name, values in self.before.items()}
        with whole_file(Path(path)) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, **contents)

    @classmethod
    def load(cls, path: str | Path) -> HandEdits:
        """Read what `save` wrote; nothing is unpickled.

        Raises:
            InputError: where it is missing, broken, of another kind or of a later version.
        """
        path = Path(path)
        with readable(f"{path.name} is not a readable file of edits", "export it from Blender again"):
            contents = reading.arrays(path)
            if str(contents.get("format")) != FORMAT or int(contents["version"]) != VERSION:
                raise InputError(f"{path.name} holds no edits of a version that this Animcore reads; update Animcore.")
            numerator, denominator = (int(value) for value in contents["fps_rational"])
            layers, before = (
                {name: contents[f"{name}.{part}"].astype(np.float32) for name in TRACKS if f"{name}.{part}" in contents}
                for part in ("layer", "before")
            )
            mode = str(contents["mode"])
            found = cls(Fraction(numerator, denominator), float(contents["start"]), layers, before, mode)  # type: ignore[arg-type]
            found._check(path)
        return found

    def _check(self, path: Path) -> None:
        """Refuse what no export wrote."""
        lengths = {len(values) for values in (*self.layers.values(), *self.before.values())}
        shapes = all(self.before.get(name) is not None and self.before[name].shape == values.shape
                     for name, values in self.layers.items())  # fmt: skip
        finite = all(np.isfinite(values).all() for values in (*self.layers.values(), *self.before.values()))
        if len(lengths) > 1 or not shapes or not finite or self.rate <= 0 or self.mode not in get_args(Mode):
            raise InputError(f"{path.name} holds edits that do not fit together; export it from Blender again.")
