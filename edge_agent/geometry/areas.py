"""Areas on the ground: polygons with holes in degrees, and how far away they are. Pure.

Distances are on a plane that touches the earth at the position asked about: within 50 km of it
they are right to 0.1 %. An area must not cross the 180th meridian.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.types import Point

Loop = tuple[Point, ...]  # (lon, lat), the first not repeated
_M_A_DEGREE = 111_195.08  # of a sphere with the earth's mean radius, 6371008.8 m
#: A point this far inside of two areas is in both of them.
_TOUCH_M = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A named area of one or more polygons, each an outer loop and its holes."""

    name: str
    polygons: tuple[tuple[Loop, ...], ...]
    edges: tuple[NDArray[np.float64], ...]  # of each polygon (E, 4): lon, lat, lon, lat


def build_area(name: str, polygons: Sequence[Sequence[Loop]]) -> Area:
    """Return an area with its edges laid out for asking."""
    fixed = tuple(tuple(loops) for loops in polygons)
    return Area(name, fixed, tuple(np.concatenate([_edges(loop) for loop in p]) for p in fixed))


def contains(area: Area, point: Point) -> bool:
    """Return whether (lon, lat) lies in the area; holes do not belong to it."""
    return any(_inside(edges, point) for edges in area.edges)


def distance_m(area: Area, point: Point) -> float:
    """Return the metres from (lon, lat) to the area, 0 inside of it."""
    return 0.0 if contains(area, point) else border_m(area, point)


def border_m(area: Area, point: Point) -> float:
    """Return the metres from (lon, lat) to the nearest border of the area, from either side."""
    return min(_border_m(edges, point) for edges in area.edges)


def crossing_edges(loop: Loop) -> tuple[int, int] | None:
    """Return two edges of a loop, counted from 1, that cross or touch; None where none do."""
    edges = _edges(loop)
    count = len(edges)
    for i, edge in enumerate(edges):
        others = np.arange(i + 2, count - (i == 0))
        hits = others[_meet(edge, edges[others])]
        if len(hits):
            return i + 1, int(hits[0]) + 1
    return None


def _meet(edge: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of `others` (N, 4) have a point in common with `edge` (4,)."""
    a, b, c, d = edge[:2], edge[2:], others[:, :2], others[:, 2:]
    sides = [np.sign(_turn(a, b, p)) for p in (c, d)] + [np.sign(_turn(c, d, p)) for p in (a, b)]
    apart = (np.maximum(a, b) < np.minimum(c, d)).any(1) | (
        np.maximum(c, d) < np.minimum(a, b)
    ).any(1)
    crosses: NDArray[np.bool_] = (sides[0] * sides[1] <= 0) & (sides[2] * sides[3] <= 0) & ~apart
    return crosses


def _turn(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return twice the signed area of a-b-c."""
    along, to = b - a, c - a
    area: NDArray[np.float64] = along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]
    return area


def overlap_point(a: Area, b: Area) -> Point | None:
    """Return a point (lon, lat) that lies in both, None where they at most touch.

    Looked at along five lines in each strip between two neighbouring corners. What is thinner
    than a metre only touches: common borders are often drawn twice.
    """
    for one in a.edges:
        for other in b.edges:
            for y in _scan_lines(one, other):
                for begin, end in _common(_spans(one, y), _spans(other, y)):
                    point = ((begin + end) / 2, y)
                    if min(_border_m(one, point), _border_m(other, point)) > _TOUCH_M:
                        return point
    return None


def _edges(loop: Loop) -> NDArray[np.float64]:
    corners = np.array(loop, np.float64)
    return np.concatenate((corners, np.roll(corners, -1, axis=0)), axis=1)


def _inside(edges: NDArray[np.float64], point: Point) -> bool:
    """Even-odd over all loops, so that a hole is outside. Source: Franklin, PNPOLY."""
    x, y = point
    x1, y1, x2, y2 = edges.T
    spans = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
    return bool(np.count_nonzero(spans & left) % 2)


def _border_m(edges: NDArray[np.float64], point: Point) -> float:
    scale = np.array((_M_A_DEGREE * np.cos(np.radians(point[1])), _M_A_DEGREE))
    start = (edges[:, :2] - point) * scale
    along = (edges[:, 2:] - point) * scale - start
    length2 = (along**2).sum(axis=1)
    share = -(start * along).sum(axis=1) / np.where(length2 > 0, length2, 1.0)
    nearest = start + np.clip(share, 0.0, 1.0)[:, None] * along
    return float(np.sqrt((nearest**2).sum(axis=1)).min())


def _scan_lines(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[float]:
    """Return latitudes that cross both polygons, some in each strip between two corners."""
    low, high = max(a[:, 1].min(), b[:, 1].min()), min(a[:, 1].max(), b[:, 1].max())
    if low >= high:
        return []
    corners = np.unique(np.concatenate((a[:, 1], b[:, 1], (low, high))))
    corners = corners[(corners >= low) & (corners <= high)]
    strips = np.stack((corners[:-1], np.diff(corners)))
    lines = [strips[0] + strips[1] * part for part in (0.5, 0.1, 0.9, 0.3, 0.7)]
    return [float(y) for y in np.concatenate(lines)]


def _spans(edges: NDArray[np.float64], y: float) -> list[tuple[float, float]]:
    """Return from where to where a line at latitude `y` runs inside a polygon."""
    x1, y1, x2, y2 = edges[(edges[:, 1] > y) != (edges[:, 3] > y)].T
    crossings = np.sort((x2 - x1) * (y - y1) / (y2 - y1) + x1).tolist()
    return list(zip(crossings[::2], crossings[1::2], strict=True))


def _common(
    a: list[tuple[float, float]], b: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    both = [(max(p[0], q[0]), min(p[1], q[1])) for p in a for q in b]
    return [(begin, end) for begin, end in both if begin < end]
