"""How bodies move: along a path, with the speed that path, stops and acceleration allow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.types import Point

Floats = NDArray[np.float64]
_STEP_M = 0.1
_CREEP = 0.05  # m/s: the speed that stands for nought where a body sets off


@dataclass(frozen=True, slots=True)
class Place:
    """Where a body is: metres on the ground, radians, m/s, metres gone since the start."""

    x: float
    y: float
    heading: float
    speed: float
    gone: float


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A path on the ground, and when each part of it is reached.

    The body is there from `time[0]` to `time[-1]`, before and after only if it `waits`.
    """

    path: Floats  # (P, 2)
    length: Floats  # (P,) along the path up to each point
    time: Floats  # (K,) s
    gone: Floats  # (K,) m along the path at `time`
    waits: bool
    heading: float  # of a body that never moves

    def at(self, t: float, *, reach: float = 0.6) -> Place | None:
        """Return the place at `t` seconds, or None while the body is not there.

        Args: `reach` how far ahead and behind, in m, the heading looks: half a body's length.
        """
        if not self.waits and not self.time[0] <= t <= self.time[-1]:
            return None
        gone = float(np.interp(t, self.time, self.gone))
        x, y = self._point(gone)
        if self.length[-1] == 0:
            return Place(x, y, self.heading, 0.0, 0.0)
        ahead, behind = self._point(gone + reach), self._point(gone - reach)
        heading = float(np.arctan2(ahead[1] - behind[1], ahead[0] - behind[0]))
        return Place(x, y, heading, self._speed(t), gone)

    def _speed(self, t: float) -> float:
        if not self.time[0] <= t < self.time[-1]:
            return 0.0
        k = int(np.searchsorted(self.time, t, side="right")) - 1
        return float((self.gone[k + 1] - self.gone[k]) / (self.time[k + 1] - self.time[k]))

    def _point(self, gone: float) -> Point:
        """Return the point at a length of the path, which runs on straight beyond its ends."""
        x = float(np.interp(gone, self.length, self.path[:, 0]))
        y = float(np.interp(gone, self.length, self.path[:, 1]))
        beyond = gone - float(np.clip(gone, 0, self.length[-1]))
        if beyond:
            a, b = (self.path[-2], self.path[-1]) if beyond > 0 else (self.path[0], self.path[1])
            way = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
            x, y = x + float(way[0]) * beyond, y + float(way[1]) * beyond
        return x, y


def stay(x: float, y: float, heading: float) -> Motion:
    """Return the motion of a body that stands still for ever."""
    zero = np.zeros(1)
    return Motion(np.array([[x, y]]), zero, zero, zero, True, heading)


def follow(
    points: Sequence[Point],
    speed: float,
    *,
    start_s: float = 0.0,
    stops: Sequence[tuple[float, float]] = (),
    acceleration: float = 1.8,
    waits: bool = False,
) -> Motion:
    """Return the motion along `points` (two or more) at `speed` m/s.

    Args: `start_s` when it begins, at full speed; may be negative. `stops` pairs of how far
    along the path (m) and how long (s) the body stands; it brakes and sets off by
    `acceleration` m/s². `waits`: it is there before it begins and after it ends.
    """
    path = _rounded(np.asarray(points, np.float64))
    length = np.concatenate(([0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))))
    total = float(length[-1])
    count = max(2, int(total / _STEP_M) + 1)
    gone = np.linspace(0, total, count)
    step = gone[1] - gone[0]
    limit = np.full(count, float(speed))
    held = np.zeros(count)
    for where, how_long in stops:
        k = int(np.clip(round(where / step), 1, count - 2))
        limit[k], held[k] = _CREEP, how_long
    limit = np.sqrt(_reachable(limit**2, 2 * acceleration * step))
    ride = np.concatenate(([0], np.cumsum(step / ((limit[1:] + limit[:-1]) / 2))))
    waited = np.concatenate(([0], np.cumsum(held)[:-1]))  # time lost before each place
    arrive = ride + waited + start_s
    pauses = np.flatnonzero(held)
    time = np.insert(arrive, pauses + 1, arrive[pauses] + held[pauses])
    return Motion(path, length, time, np.insert(gone, pauses + 1, gone[pauses]), waits, 0.0)


def _reachable(squared: Floats, gain: float) -> Floats:
    """Return squared speeds of which no two neighbours differ by more than `gain`."""
    ramp = gain * np.arange(len(squared))
    rising = np.minimum.accumulate(squared - ramp) + ramp
    falling = np.minimum.accumulate((squared + ramp)[::-1])[::-1] - ramp
    slowest: Floats = np.minimum(rising, falling)
    return slowest


def _rounded(points: Floats, rounds: int = 3) -> Floats:
    """Return the path with its corners cut.

    Source: Chaikin, An algorithm for high-speed curve generation, CGIP 1974.
    """
    if len(points) < 3:
        return points
    for _ in range(rounds):
        cut = np.empty((2 * len(points) - 2, 2))
        cut[0::2] = 0.75 * points[:-1] + 0.25 * points[1:]
        cut[1::2] = 0.25 * points[:-1] + 0.75 * points[1:]
        points = np.concatenate((points[:1], cut, points[-1:]))
    return points
