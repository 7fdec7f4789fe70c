"""Whether a polygon has an inside: pure, on points in 0..1."""

from collections.abc import Sequence
from itertools import combinations

from edge_agent.types import Point

_SMALLEST_AREA = 1e-6  # of the picture: two pixels of 1080p


def polygon_fault(points: Sequence[Point]) -> str | None:
    """Return why `points` (3 or more, each once, without the first again) bound no clean area.

    People count points from 1; edge n runs from point n to the next.
    """
    n = len(points)
    for i in range(n):
        if points[i] == points[(i + 1) % n]:
            if i == n - 1:
                return f"point {n} repeats point 1; the polygon closes by itself, leave it out"
            return f"point {i + 2} repeats point {i + 1}; leave it out"
    for i, j in combinations(range(n), 2):
        a, b, c, d = points[i], points[(i + 1) % n], points[j], points[(j + 1) % n]
        is_neighbour = j == i + 1 or (i == 0 and j == n - 1)
        folds = is_neighbour and (_folds(a, b, d) if j == i + 1 else _folds(c, d, b))
        if folds or (not is_neighbour and _touch(a, b, c, d)):
            return f"edges {i + 1} and {j + 1} cross or touch; list the corners in order around it"
    if _area(points) < _SMALLEST_AREA:
        return "the polygon has no area"
    return None


def _turn(a: Point, b: Point, c: Point) -> float:
    """Return twice the signed area of a-b-c: above 0 for a left turn, 0 on a line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _folds(a: Point, b: Point, c: Point) -> bool:
    """Return whether the path a-b-c turns back upon itself at b."""
    back = (a[0] - b[0]) * (c[0] - b[0]) + (a[1] - b[1]) * (c[1] - b[1])
    return _turn(a, b, c) == 0 and back > 0


def _touch(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Return whether the segments a-b and c-d have a point in common."""
    c_side, d_side = _turn(a, b, c), _turn(a, b, d)
    a_side, b_side = _turn(c, d, a), _turn(c, d, b)
    if ((c_side > 0) != (d_side > 0) and (a_side > 0) != (b_side > 0)) and 0 not in (
        c_side,
        d_side,
        a_side,
        b_side,
    ):
        return True
    return (
        (c_side == 0 and _within(a, b, c))
        or (d_side == 0 and _within(a, b, d))
        or (a_side == 0 and _within(c, d, a))
        or (b_side == 0 and _within(c, d, b))
    )


def _within(a: Point, b: Point, p: Point) -> bool:
    """Return whether `p`, on the line through a and b, lies between them."""
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])


def _area(points: Sequence[Point]) -> float:
    following = [*points[1:], points[0]]
    return abs(sum(_turn((0.0, 0.0), p, q) for p, q in zip(points, following, strict=True))) / 2
