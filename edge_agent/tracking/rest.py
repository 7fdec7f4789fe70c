"""When a track counts as stationary: it stays where it came to rest, whatever its box's jitter.

How far a box is from where it came to rest is told by its four edges, in parts of the
resting box's width or height:

- the shift: along each axis the smaller of the two edges' ways, 0 where they point apart.
  Something passing in front, which cuts a box from one side, gives no shift, nor does a
  detector that is unsure of one edge;
- the spread: the longest way of any edge, for what comes straight at the camera.

Coming to rest asks for less of both than leaving (hysteresis), and leaving must last.
"""

from dataclasses import dataclass

import numpy as np

from edge_agent.tracking.motion import StateArray
from edge_agent.types import BoolArray, FloatArray, IdArray

#: Up to these a track is still coming to rest; two boxes shifted by 0.15 have an IoU of 0.74.
NEAR_SHIFT, NEAR_SPREAD = 0.15, 0.35
#: Above one of these it is no longer where it rested.
FAR_SHIFT, FAR_SPREAD = 0.3, 0.7
#: Time between two looks; a track has left when it was far in two looks on end.
LOOK_EVERY_NS = 400_000_000


@dataclass(slots=True)
class Rest:
    """Where and since when M tracks rest."""

    xyxy: FloatArray  # (M, 4) px, the resting box
    since_ns: IdArray  # (M,) pts
    far: BoolArray  # (M,) away from it at the last look
    stationary: BoolArray  # (M,)

    def observe(
        self, xyxy: FloatArray, seen: BoolArray, confirmed: BoolArray, pts_ns: int, after_ns: int
    ) -> None:
        """Look at the boxes `xyxy` (M, 4) px at `pts_ns`, those of the `seen` (M,) tracks.

        Only `confirmed` (M,) tracks become stationary, once at rest for `after_ns`.
        """
        shift, spread = ways(self.xyxy, xyxy)
        moved = (shift > NEAR_SHIFT) | (spread > NEAR_SPREAD)
        if self.stationary.any():
            far = seen & ((shift > FAR_SHIFT) | (spread > FAR_SPREAD))
            moved = np.where(self.stationary, far & self.far, moved)
            self.far = np.where(seen, far, self.far)
        moved &= seen
        if moved.any():
            self.xyxy[moved] = xyxy[moved]
            self.since_ns[moved] = pts_ns
            self.far[moved] = False
        self.stationary = confirmed & (self.since_ns <= pts_ns - after_ns)

    def scale(self, factor: StateArray) -> None:
        """Multiply all x by `factor[0]`, all y by `factor[1]`."""
        self.xyxy *= np.concatenate([factor, factor]).astype(np.float32)


def ways(resting: FloatArray, xyxy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return shift (M,) and spread (M,) of boxes `xyxy` (M, 4) against `resting` (M, 4)."""
    size = np.maximum(resting[:, 2:] - resting[:, :2], 1.0)
    edges = (xyxy - resting).reshape(-1, 2, 2) / size[:, None]  # (M, low and high, x and y)
    together = edges[:, 0] * edges[:, 1] > 0
    np.abs(edges, out=edges)
    shift = np.minimum(edges[:, 0], edges[:, 1])
    shift *= together
    spread: FloatArray = edges.reshape(-1, 4).max(axis=1)
    return np.maximum(shift[:, 0], shift[:, 1]), spread
