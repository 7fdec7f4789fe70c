"""How a track moves: speed, running, direction, wrong way; once a visit each.

Speed is the slope of the places of the last second, at least three of them, by least squares:
the jitter of single boxes weighs little. On the ground it is in metres a second. Where the
camera's ground is not known, places are measured in heights of the body, which tells a person's
running well enough where the person goes across the picture, and too little towards the camera.
"""

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.columns import SLACK_NS, Floats, Movers
from edge_agent.rules.findings import Finding, pairs
from edge_agent.rules.rows import FAR, SPOTS, Rows
from edge_agent.settings import RuleKind
from edge_agent.types import BoolArray, FrameRef, IdArray, Json

_WINDOW_NS = 1_000_000_000
_LEAST_SPOTS = 3
_LEAST_SPREAD_S2 = 0.019  # of their times about the mean: three looks a tenth of a second apart
_PERSON_M = 1.7
_KMH = 3.6
_ONES = np.ones(SPOTS)


class Velocities:
    """The velocities of a frame's tracks, worked out for those that are asked for."""

    def __init__(self, rows: Rows, ref: FrameRef, book: RuleBook) -> None:
        self._rows, self._book = rows, book
        self.aspect = ref.wh[0] / ref.wh[1]
        self._now = ref.pts_ns

    def in_picture(self, which: IdArray) -> Floats:
        """Return (K, 2) heights of the picture a second of rows `which` (K,), NaN: not known."""
        spots = self._rows.spots[which] * (self.aspect, 1.0)
        return slopes(spots, self._rows.spot_ns[which], self._now)

    def in_metres(self, which: IdArray) -> tuple[Floats, Floats, Floats]:
        """Return (K, 2) velocities, (K,) their lengths, (K,) metres a second; NaN: not known.

        Without a ground the velocities are those in the picture, and the metres a guess: as if
        each body were as high as a person.
        """
        if self._book.ground is None:
            velocity = self.in_picture(which)
            speed = np.hypot(velocity[:, 0], velocity[:, 1])
            height = np.maximum(self._rows.height[which], 1e-6)
            return velocity, speed, speed / height * _PERSON_M
        spots = self._rows.spots.take(which, axis=0)
        metres = self._book.ground.to_ground(spots.reshape(-1, 2)).reshape(spots.shape)
        velocity = slopes(metres, self._rows.spot_ns.take(which, axis=0), self._now)
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        return velocity, speed, speed

    def rate(self, which: IdArray) -> Floats:
        """Return (K,) heights of the own body a second, NaN where not known."""
        height = np.maximum(self._rows.height[which], 1e-6)
        found: Floats = np.hypot(*self.in_picture(which).T) / height
        return found


def slopes(spots: Floats, spot_ns: IdArray, now: int) -> Floats:
    """Return (N, 2) how fast places (N, SPOTS, 2) change a second; NaN where too few are known."""
    valid = spot_ns >= now - _WINDOW_NS - SLACK_NS
    valid[:, -_LEAST_SPOTS:] = spot_ns[:, -_LEAST_SPOTS:] > -FAR
    valid &= ~np.isnan(spots[:, :, 0])
    weight = valid.astype(np.float64)
    count = np.maximum(weight @ _ONES, 1.0)
    t = (spot_ns - now) / 1e9
    t -= ((t * weight) @ _ONES / count)[:, None]
    t *= weight
    spread = (t * t) @ _ONES
    known = (count >= _LEAST_SPOTS) & (spread >= _LEAST_SPREAD_S2)
    moved = (t[:, None] @ np.where(valid[:, :, None], spots, 0.0))[:, 0]
    slope: Floats = moved / np.where(known, spread, np.nan)[:, None]
    return slope


def find_movements(
    rows: Rows, velocities: Velocities, now: int, book: RuleBook, active: BoolArray
) -> list[Finding]:
    """Return who has moved for long enough as a rule says."""
    movers, columns = book.movers, book.movers.columns
    if not len(columns):
        return []
    asked = rows.on.take(columns, axis=1) > rows.told.take(columns, axis=1)
    asked &= rows.matched[:, None]
    asked &= active.take(columns)
    which = np.logical_or.reduce(asked, axis=1).nonzero()[0]
    if not len(which):
        return []
    velocity, speed, metres_s = velocities.in_metres(which)
    holds = metres_s[:, None] > movers.over_m_s
    holds &= velocity @ _ways(movers, velocities) >= movers.cosine * speed[:, None]
    holds &= asked.take(which, axis=0)
    held = np.where(holds, np.minimum(rows.held_ns.take(which, axis=0), now), FAR)
    rows.held_ns[which] = held
    due = held <= now - movers.wait_ns
    if not np.count_nonzero(due):
        return []
    found = []
    for k, column in pairs(due):
        row, rule = int(which[k]), int(columns[column])
        rows.told[row, rule] = True
        found.append(Finding(rule, rows, [row], _data(float(metres_s[k]), rule, book)))
    return found


def _ways(movers: Movers, velocities: Velocities) -> Floats:
    """Return (2, M) unit vectors along the ways that rules ask for, 0 where one asks for none."""
    if movers.on_ground:
        return movers.ways.T
    ways = movers.ways * (velocities.aspect, 1.0)
    length = np.hypot(*ways.T)[:, None]
    found: Floats = (ways / np.where(length > 0, length, 1.0)).T
    return found


def _data(metres_s: float, rule: int, book: RuleBook) -> dict[str, Json]:
    known = book.ground is not None or book.rules[rule].kind is RuleKind.RUNNING
    return {
        "speed_kmh": round(metres_s * _KMH, 1) if known else None,
        "measured_by": None if not known else "ground" if book.ground is not None else "height",
    }
