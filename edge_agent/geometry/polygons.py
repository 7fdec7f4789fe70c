"""Which points lie in which polygons: prepared once, asked each frame."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.types import BoolArray, FloatArray, Point

#: A point this close to an edge, as a part of the edge's length, lies on it.
_ON_EDGE = 1e-9


class Polygons:
    """K polygons, convex or not, made ready for many questions; edges and corners belong to them.

    An object cut by the lower edge of the picture has its anchor point exactly on that edge,
    where zones end too: it is inside. Where a polygon crosses itself the even-odd rule holds.
    Source: Franklin, PNPOLY - Point Inclusion in Polygon Test.
    """

    __slots__ = ("_along", "_coef", "_end_y", "_firsts", "_length2", "_reach", "_start", "_start_y")

    def __init__(self, polygons: Sequence[Sequence[Point]]) -> None:
        """Prepare `polygons`, each of 3 or more corners.

        Raises: ValueError naming the shape or the number of corners received.
        """
        corners = [np.asarray(polygon, np.float64) for polygon in polygons]
        for polygon in corners:
            if polygon.ndim != 2 or polygon.shape[1] != 2:
                raise ValueError(f"a polygon of shape {polygon.shape}, not (V, 2)")
            if len(polygon) < 3:
                raise ValueError(f"a polygon of {len(polygon)} corners, not 3 or more")
        none = np.empty((0, 2))
        start = np.concatenate([none, *corners])  # (E, 2): edge e runs from start to end
        end = np.concatenate([none, *(np.roll(polygon, -1, axis=0) for polygon in corners)])
        self._firsts = np.cumsum([0, *(len(polygon) for polygon in corners)])[:-1]
        along = end - start
        self._start, self._along, self._end_y = start, along, end[:, 1].copy()
        self._start_y = start[:, 1].copy()
        self._length2 = (along**2).sum(axis=1)
        self._reach = _ON_EDGE * self._length2
        # turn(e, p) = cx x + cy y + c, turned round where the edge runs upwards, so that above
        # 0 always means "this edge lies to one and the same side of the point"; in parts of the
        # edge's length. An edge without length is far from everything.
        way = np.where(along[:, 1] > 0, 1.0, -1.0)
        c = along[:, 1] * start[:, 0] - along[:, 0] * start[:, 1]
        self._coef = np.stack([-along[:, 1], along[:, 0], c]) * way
        self._coef /= np.where(self._length2 > 0, self._length2, 1.0)
        self._coef[2, self._length2 == 0] = 1.0

    def __len__(self) -> int:
        return len(self._firsts)

    def contain(self, points: FloatArray | NDArray[np.float64]) -> BoolArray:
        """Return (N, K) which of the `points` (N, 2) lie in which polygon.

        Raises: ValueError naming the shape received.
        """
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"points of shape {points.shape}, not (N, 2)")
        if not len(self._firsts) or not len(points):
            return np.zeros((len(points), len(self._firsts)), np.bool_)
        lifted = np.ones((len(points), 3))
        lifted[:, :2] = points
        turn = lifted @ self._coef
        y = lifted[:, 1:2]
        hits = (self._start_y <= y) != (self._end_y <= y)
        hits &= turn > 0
        odd = np.bitwise_xor.reduceat(hits.view(np.uint8), self._firsts, axis=1)
        inside: BoolArray = odd.view(np.bool_)
        near = np.abs(turn, out=turn) <= _ON_EDGE
        if np.count_nonzero(near):
            inside |= self._on_edge(lifted[:, :1], y, near)
        return inside

    def _on_edge(
        self, x: NDArray[np.float64], y: NDArray[np.float64], near: BoolArray
    ) -> BoolArray:
        """Return (N, K) which points lie on an edge, of those `near` (N, E) an edge's line."""
        reach = (x - self._start[:, 0]) * self._along[:, 0]
        reach += (y - self._start[:, 1]) * self._along[:, 1]
        on = near & (reach >= -self._reach) & (reach <= self._length2 + self._reach)
        found: BoolArray = np.logical_or.reduceat(on, self._firsts, axis=1)
        return found


def points_in_polygon(points: FloatArray, polygon: Sequence[Point]) -> BoolArray:
    """Return (N,) which of the `points` (N, 2) lie in a polygon of 3 or more corners.

    See `Polygons`, which is quicker for more than one question.
    Raises: ValueError naming what was received.
    """
    return Polygons([polygon]).contain(points)[:, 0]
