"""Lines in the picture: which moves cross them, on which side and how far away a point is."""

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

import numpy as np
from numpy.typing import NDArray

from edge_agent.types import BoolArray, Point

_Floats = NDArray[np.float64]
#: So many moves near a line are quicker looked at one by one than sifted once more.
_FEW = 8


class Polyline:
    """A line of one or more segments with a direction.

    Side A lies to the left of the line's direction as a person sees it who goes along it in the
    picture, side B to the right.
    """

    __slots__ = ("segments",)

    def __init__(self, points: Sequence[Point]) -> None:
        """Take 2 or more points. Raises: ValueError naming the number received."""
        if len(points) < 2:
            raise ValueError(f"a line of {len(points)} points, not 2 or more")
        self.segments = [(*a, *b) for a, b in pairwise(points)]

    def cross(self, before: Point, after: Point) -> int:
        """Return what the move from `before` to `after` did: 1 went from A to B, -1 from B to A.

        0 did not cross the line, or there and back again. A move through a point where two
        segments join crosses one of them.
        """
        (px, py), (qx, qy) = before, after
        net = 0
        for ax, ay, bx, by in self.segments:
            dx, dy = bx - ax, by - ay
            # Below 0 to the left of the way: the picture's y runs down.
            was_right = dx * (py - ay) - dy * (px - ax) >= 0
            is_right = dx * (qy - ay) - dy * (qx - ax) >= 0
            if was_right is is_right:
                continue
            mx, my = qx - px, qy - py
            start_right = mx * (ay - py) - my * (ax - px) >= 0
            end_right = mx * (by - py) - my * (bx - px) >= 0
            if start_right is not end_right:
                net += 1 if is_right else -1
        return (net > 0) - (net < 0)

    def distance(self, point: Point, aspect: float) -> float:
        """Return how far `point` is from the line, in heights of the picture.

        Args: `aspect` width / height of the picture: an x of 1 is so many heights.
        """
        x, y = point
        nearest = float("inf")
        for ax, ay, bx, by in self.segments:
            along_x, along_y = (bx - ax) * aspect, by - ay
            dx, dy = (x - ax) * aspect, y - ay
            length2 = max(along_x**2 + along_y**2, 1e-18)
            reach = min(max((dx * along_x + dy * along_y) / length2, 0.0), 1.0)
            nearest = min(nearest, hypot(dx - reach * along_x, dy - reach * along_y))
        return nearest


class Polylines:
    """L lines, with a quick look at which of many moves may touch which line."""

    __slots__ = ("_along", "_firsts", "_high", "_line", "_low", "_start", "lines")

    def __init__(self, lines: Sequence[Sequence[Point]]) -> None:
        """Prepare `lines`. Raises: as `Polyline`."""
        self.lines = [Polyline(points) for points in lines]
        ends = np.array([s for line in self.lines for s in line.segments]).reshape(-1, 2, 2)
        self._start, self._along = ends[:, 0], ends[:, 1] - ends[:, 0]  # (S, 2)
        self._low, self._high = ends.min(axis=1), ends.max(axis=1)
        lengths = [len(line.segments) for line in self.lines]
        self._firsts = np.cumsum([0, *lengths])[:-1]
        self._line = np.repeat(np.arange(len(lengths)), lengths)  # (S,) the line of each segment

    def __len__(self) -> int:
        return len(self.lines)

    def near(self, before: _Floats, after: _Floats, reach: _Floats, aspect: float) -> BoolArray:
        """Return (N, L) which moves from `before` (N, L, 2) to `after` come near which line.

        `after` is (N, L, 2), or (N, 1, 2) where it is one for all lines.
        True wherever one comes nearer than `reach` (N, 1), in heights of the picture; it may be
        true for some others. A NaN in `before` counts as `after`.
        """
        if len(self._line) > len(self.lines):
            before = before[:, self._line]  # (N, S, 2)
            after = after if after.shape[1] == 1 else after[:, self._line]
        around = reach[:, :, None] * (1 / aspect, 1.0)  # (N, 1, 2)
        apart = np.fmin(before, after) - around > self._high
        apart |= np.fmax(before, after) + around < self._low
        found: BoolArray = ~(apart[..., 0] | apart[..., 1])
        if np.count_nonzero(found) <= _FEW:
            return self._of_lines(found)
        # Not where both ends are beyond `reach` on the same side of the segment's own line.
        bx, by, ax, ay = before[..., 0], before[..., 1], after[..., 0], after[..., 1]
        dx, dy = self._along[:, 0] * aspect, self._along[:, 1]
        far = reach * np.sqrt(dx**2 + dy**2)
        side = dx * (ay - self._start[:, 1]) - dy * (ax - self._start[:, 0]) * aspect
        was = dx * (by - self._start[:, 1]) - dy * (bx - self._start[:, 0]) * aspect
        found &= (np.fmin(side, was) <= far) & (np.fmax(side, was) >= -far)
        return self._of_lines(found)

    def _of_lines(self, found: BoolArray) -> BoolArray:
        """Return (N, L) from (N, S): a line is near where one of its segments is."""
        if len(self._line) == len(self.lines):
            return found
        any_of: BoolArray = np.logical_or.reduceat(found, self._firsts, axis=1)
        return any_of
