"""The way a track went, in a bounded number of points."""

from dataclasses import dataclass, field
from math import hypot

from edge_agent.types import Point

MAX_POINTS = 16
#: The first distance between kept points, in parts of the picture: what a box's jitter is not.
FIRST_STRIDE = 0.01


@dataclass(slots=True)
class Path:
    """Points at least a stride apart; when they become too many the stride doubles.

    So a car that has been parked for a day is one point, and what moved keeps its shape to
    within two strides, however long it took.
    """

    points: list[Point] = field(default_factory=list)
    last: Point = (0.0, 0.0)
    stride: float = FIRST_STRIDE

    def add(self, point: Point) -> None:
        """Go on to `point` (0..1)."""
        self.last = point
        if self.points and _distance(self.points[-1], point) < self.stride:
            return
        self.points.append(point)
        while len(self.points) >= MAX_POINTS:
            self.stride *= 2
            self.points = _thinned(self.points, self.stride)

    def summary(self) -> tuple[Point, ...]:
        """Return first to last point, at most `MAX_POINTS`."""
        if not self.points or self.points[-1] == self.last:
            return tuple(self.points)
        return (*self.points, self.last)


def _thinned(points: list[Point], stride: float) -> list[Point]:
    kept = points[:1]
    for point in points[1:]:
        if _distance(kept[-1], point) >= stride:
            kept.append(point)
    return kept


def _distance(a: Point, b: Point) -> float:
    return hypot(a[0] - b[0], a[1] - b[1])
