"""How a picture lies inside a model's input, and how a box finds back."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge_agent.geometry.boxes import check_boxes
from edge_agent.types import FloatArray, Wh


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies inside a model's input, and how a box finds back."""

    src_wh: Wh
    inner_wh: Wh  # size of the scaled picture
    offset: Wh  # its left and upper edge inside the input

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels a source pixel, horizontally and vertically; the rounding to whole
        pixels makes the two differ by a trifle."""
        return self.inner_wh[0] / self.src_wh[0], self.inner_wh[1] / self.src_wh[1]

    def view(self, plane: FloatArray) -> FloatArray:
        """Return the part of `plane` (..., h, w) that the picture covers."""
        (left, upper), (w, h) = self.offset, self.inner_wh
        return plane[..., upper : upper + h, left : left + w]

    def to_source(self, xyxy: FloatArray) -> FloatArray:
        """Return boxes in source pixels, clipped to the picture.

        Args: (N, 4) float32 in pixels of the model's input.
        Returns: (N, 4) float32, a copy.
        Raises: ValueError naming the shape received.
        """
        check_boxes(xyxy)
        offset, scale, edge = _way_back(self)
        source: FloatArray = xyxy - offset
        source /= scale
        np.maximum(source, 0, out=source)
        return np.minimum(source, edge, out=source)


@lru_cache(maxsize=256)
def _way_back(fit: Letterbox) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return offset, scale and the picture's edge for a box's four numbers; a camera keeps its."""
    offset, scale, edge = (
        np.array(two * 2, np.float32) for two in (fit.offset, fit.scale, fit.src_wh)
    )
    return offset, scale, edge


def letterbox(src_wh: Wh, dst_wh: Wh, *, centred: bool) -> Letterbox:
    """Return how `src_wh` fits into `dst_wh` with its proportions kept.

    The picture touches two opposite edges of the input; sizes are rounded down, as YOLOX does. It
    lies in the upper left corner, or in the middle if `centred` (an odd rest goes right and down).

    Raises: ValueError naming a size below 1.
    Source: Ge et al., YOLOX, arXiv:2107.08430, and its `preproc`.
    """
    _check_sizes(src_wh, dst_wh)
    (w, h), (dst_w, dst_h) = src_wh, dst_wh
    # Integers: 1080 * (416 / 1080) is 415.99… in floating point.
    inner = (
        (dst_w, max(1, h * dst_w // w))
        if w * dst_h >= h * dst_w
        else (max(1, w * dst_h // h), dst_h)
    )
    rest = (dst_w - inner[0], dst_h - inner[1])
    return Letterbox(src_wh, inner, (rest[0] // 2, rest[1] // 2) if centred else (0, 0))


def stretch(src_wh: Wh, dst_wh: Wh) -> Letterbox:
    """Return how `src_wh` fills the whole of `dst_wh`, its proportions lost.

    Raises: ValueError naming a size below 1.
    """
    _check_sizes(src_wh, dst_wh)
    return Letterbox(src_wh, dst_wh, (0, 0))


def _check_sizes(src_wh: Wh, dst_wh: Wh) -> None:
    if min(*src_wh, *dst_wh) < 1:
        raise ValueError(f"a picture of {src_wh} into an input of {dst_wh}: sizes start at 1")
