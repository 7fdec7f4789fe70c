"""From the picture to the ground and back, by four points whose places are known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.types import FloatArray, Point

_Floats = NDArray[np.float64]
#: Below this the four points lie too nearly on a line to tell a plane.
_LEAST_TURN = 1e-9


class Homography:
    """A plane seen by a camera that does not move. Lens distortion is not taken out.

    Source: Hartley and Zisserman, Multiple View Geometry, 2003, 4.1 (direct linear transform).
    """

    __slots__ = ("_back", "_matrix")

    def __init__(self, image: Sequence[Point], metres: Sequence[Point]) -> None:
        """Take four points of the picture (0..1) and of the ground (metres), in one order.

        Raises: ValueError where they are not four each, three lie on a line, or the picture
        sees the ground from no side (the points go round in another order).
        """
        if len(image) != 4 or len(metres) != 4:
            raise ValueError(f"{len(image)} points of the picture and {len(metres)} of the ground")
        for name, points in (("picture", image), ("ground", metres)):
            three = on_a_line(points)
            if three is not None:
                raise ValueError(f"points {three} lie on a line in the {name}")
        rows, right = [], []
        for (x, y), (u, v) in zip(image, metres, strict=True):
            rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
            right += [u, v]
        try:
            solved = np.linalg.solve(np.array(rows), np.array(right))
        except np.linalg.LinAlgError:
            raise ValueError("the points fit no plane") from None
        matrix = np.append(solved, 1.0).reshape(3, 3)
        depth = _lift(np.array(image)) @ matrix[2]
        if depth.min() <= 0 <= depth.max():
            raise ValueError(
                "the points of the ground go round in another order than the picture's"
            )
        self._matrix = matrix * np.sign(depth[0])
        self._back = np.linalg.inv(self._matrix)
        if (_lift(np.array(metres)) @ self._back[2]).min() < 0:
            self._back = -self._back

    def to_ground(self, points: FloatArray | _Floats) -> _Floats:
        """Return (N, 2) metres of `points` (N, 2) in 0..1; NaN at and above the horizon."""
        return _apply(self._matrix, points)

    def to_picture(self, metres: _Floats | Sequence[Point]) -> _Floats:
        """Return (N, 2) 0..1 of ground points (N, 2); NaN behind the camera. May lie outside."""
        return _apply(self._back, np.asarray(metres, np.float64))


def on_a_line(points: Sequence[Point]) -> str | None:
    """Return which three of four points lie (nearly) on a line, such as "1, 2, 4"; else None."""
    extent = np.ptp(np.array(points), axis=0).max()
    for left_out in range(4):
        a, b, c = (np.array(p) for i, p in enumerate(points) if i != left_out)
        turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(turn) <= _LEAST_TURN + 1e-6 * extent**2:
            return ", ".join(str(i + 1) for i in range(4) if i != left_out)
    return None


def _lift(points: _Floats) -> _Floats:
    return np.column_stack([points, np.ones(len(points))])


def _apply(matrix: _Floats, points: FloatArray | _Floats) -> _Floats:
    lifted = points @ matrix[:, :2].T + matrix[:, 2]  # (N, 3): u, v, depth
    depth = np.where(lifted[:, 2:] > 1e-12, lifted[:, 2:], np.nan)
    found: _Floats = lifted[:, :2] / depth
    return found
