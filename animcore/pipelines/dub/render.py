"""One dubbed frame: the frame's own face moved to the new mouth, and around the mouth the appearance of references.

The frame itself is warped first, so that cheeks, beard, the line of the chin and the neck under it stay the frame's own
pixels, with its light and grain. Around the mouth the person's appearance takes over, predicted from all references for
the asked mouth, with the fine detail of the references that are nearest; it is brought to the frame's colours where
both show the same skin. What is left of the difference along the rim is spread inwards smoothly (the membrane of
gradient-domain cloning: Pérez et al., 2003; Farbman et al., 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.pipelines.dub import appearance, warp
from animcore.pipelines.dub.face_points import EYE_CORNERS, LIPS, OVAL
from animcore.pipelines.dub.pixels import Box, Picture
from animcore.pipelines.dub.references import Bank, face_box
from animcore.pipelines.dub.sampling import filled, sampled, smoothed

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
FloatImage = NDArray[np.float32]

_RING = 0.10  # of the width of the face: how wide the skin is that colours are compared in
_FEATHER = 0.06  # and over which the replaced part fades in
_BOUNDARY = 0.02  # and the part of the ring from which the rest of a difference is spread
_AROUND = 1.5  # size of the ring of points that stay, beside the face's
_DETAIL = 1.5  # pixels: what is finer comes from the nearest references
DETAIL_SHARE = 0.6  # of it
_MOVED = 0.05  # pixels that a point must move for the frame itself to be warped


@dataclass(frozen=True)
class Regions:
    """Parts of a box, (h, w): what is replaced, how far it has faded in, the ring of shared skin, and their union."""

    mask: NDArray[np.bool_]
    alpha: FloatImage
    ring: NDArray[np.bool_]
    wanted: NDArray[np.bool_]


@dataclass(frozen=True)
class Rendered:
    """What became of a frame.

    Attributes:
        box: in the image.
        change: (h, w, 3) that is added to the frame, 0..1.
        alpha: (h, w) where something was changed, 0..1.
    """

    box: Box
    change: FloatImage
    alpha: FloatImage

    def faded(self, share: float) -> Rendered:
        """Return a share of the change."""
        if share >= 1:
            return self
        return Rendered(self.box, self.change * np.float32(share), self.alpha * np.float32(share))


class Renderer:
    """Renders frames of one person from a bank of references."""

    def __init__(self, bank: Bank, face_width: float) -> None:
        self.bank = bank
        self.face_width = face_width
        chosen = warp.spread_out(bank.points.mean(0), face_width, LIPS)
        lower = bank.points.mean(0)[list(EYE_CORNERS), 1].mean()
        self.controls = chosen[bank.points.mean(0)[chosen, 1] > lower]
        self.appearance = appearance.learn(bank, self.controls, self.regions, face_width)

    def render(
        self, picture: Picture, points: FloatArray, wanted: FloatArray, features: FloatArray, rows: Array,
        weights: Array,
    ) -> Rendered:  # fmt: skip
        """Render a frame.

        Args:
            picture: the frame.
            points: (468, 2) where its face is.
            wanted: (468, 2) where the points shall be.
            features: (F,) of the wanted mouth and the pose.
            rows: (K,) references of the bank that lend the detail.
            weights: (K,) of them, with sum 1.
        """
        box = face_box(np.concatenate([points, wanted]), picture.size)
        frame = picture.crop(box)
        regions = self.regions(wanted, box)
        base = self.moved(picture, frame, box, points, wanted)
        found = self.predicted(wanted, box, regions, base, features, rows, weights)
        return self.composed(frame, base, found, regions, box)

    def regions(self, wanted: FloatArray, box: Box, scale: float = 1.0) -> Regions:
        """Return the parts of a box for points (468, 2) of an image that is `scale` times as large as the video."""
        face_width = self.face_width * scale
        mask = warp.inside(warp.rounded(wanted[list(warp.RIM)]), box)
        skin = warp.inside(wanted[list(OVAL)], box)
        ring = warp.grown(mask, _RING * face_width) & ~mask & skin
        alpha = warp.soft(mask, _FEATHER * face_width)
        return Regions(mask, alpha, ring, mask | ring)

    def moved(
        self, picture: Picture, frame: FloatImage, box: Box, points: FloatArray, wanted: FloatArray
    ) -> FloatImage:
        """(h, w, 3) the frame itself, warped so that its points come to where they are wanted."""
        displacement = points - wanted
        if np.abs(displacement[self.controls]).max() < _MOVED:
            return frame
        oval = wanted[list(OVAL)]
        fixed = oval.mean(0) + (oval - oval.mean(0)) * _AROUND
        flow = warp.Flow(np.concatenate([wanted[self.controls], fixed]), box, self.face_width)
        nodes = flow.sources(np.concatenate([displacement[self.controls], np.zeros_like(fixed)]))
        near = warp.grown(warp.inside(fixed, box), 2)
        local = (nodes - (box.left + 0.5, box.top + 0.5)).astype(np.float32)
        return np.where(near[..., None], sampled(frame, local, flow.step, near), frame)

    def predicted(
        self, wanted: FloatArray, box: Box, regions: Regions, base: FloatImage, features: FloatArray, rows: Array,
        weights: Array,
    ) -> FloatImage:  # fmt: skip
        """(h, w, 3) the person's appearance at the wanted points, in the colours of the frame."""
        flow = warp.Flow(wanted[self.controls], box, self.face_width)
        look = self.appearance
        nodes = flow.sources(look.points[self.controls] - wanted[self.controls])
        local = (nodes - (look.box.left + 0.5, look.box.top + 0.5)).astype(np.float32)
        found = sampled(look.predict(features), local, flow.step, regions.wanted)
        found = _recoloured(found, base, regions.ring, regions.wanted)
        detail = np.zeros_like(base)
        for row, weight in zip(rows, weights, strict=True):
            if weight > 0:
                detail += np.float32(weight) * self.warped(int(row), wanted, flow, regions, base)
        reach = _DETAIL * max(1.0, self.face_width / appearance.LARGEST)
        fine = (detail - smoothed(detail, reach)) - (found - smoothed(found, reach))
        return np.asarray(found + np.float32(DETAIL_SHARE) * fine, np.float32)

    def warped(self, row: int, wanted: FloatArray, flow: warp.Flow, regions: Regions, base: FloatImage) -> FloatImage:
        """(h, w, 3) one reference at the wanted points, in the colours of the frame."""
        bank = self.bank
        nodes = flow.sources(bank.points[row][self.controls] - wanted[self.controls])
        crop, box = bank.crops[row], bank.boxes[row]
        local = (nodes - (box.left + 0.5, box.top + 0.5)).astype(np.float32)
        found = sampled(crop, local, flow.step, regions.wanted) / np.float32(np.iinfo(crop.dtype).max)
        return _recoloured(found, base, regions.ring, regions.wanted)

    def composed(self, frame: FloatImage, base: FloatImage, found: FloatImage, regions: Regions, box: Box) -> Rendered:
        """Put the references over the warped frame, without a step at the rim."""
        near = regions.ring & warp.grown(regions.mask, _BOUNDARY * self.face_width)
        difference = np.where(near[..., None], base - found, 0)
        membrane = filled(smoothed_known(difference, near, 0.02 * self.face_width), near.astype(np.float32))
        whole = base + regions.alpha[..., None] * (found + membrane - base)
        change = whole - frame
        altered = np.maximum(regions.alpha, (np.abs(base - frame).max(2) > 0).astype(np.float32))
        return Rendered(box, change, altered)


def smoothed_known(values: FloatImage, known: NDArray[np.bool_], reach: float) -> FloatImage:
    """(H, W, C) means of what is known nearby."""
    weight = smoothed(known.astype(np.float32), reach)
    return np.asarray(smoothed(values * known[..., None], reach) / np.maximum(weight, 1e-4)[..., None], np.float32)


def _recoloured(found: FloatImage, base: FloatImage, ring: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> FloatImage:
    """Add to a reference a plane of colour for which it meets the frame in the ring of shared skin."""
    rows, columns = np.nonzero(ring)
    if len(rows) < 20:
        return found
    height, width = ring.shape
    terms = np.stack([np.ones(len(rows)), rows / height - 0.5, columns / width - 0.5], 1)
    difference = base[rows, columns] - found[rows, columns]
    gram = terms.T @ terms + np.diag([0.0, 0.02, 0.02]) * len(rows)
    plane = np.linalg.solve(gram, terms.T @ difference)
    down = (np.arange(height) / height - 0.5)[:, None, None] * plane[1]
    across = (np.arange(width) / width - 0.5)[None, :, None] * plane[2]
    return np.asarray(found + (plane[0] + down + across) * wanted[..., None], np.float32)
