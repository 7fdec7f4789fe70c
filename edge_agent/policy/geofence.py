"""In which ring a moving camera is: from positions, with hysteresis in metres and seconds. Pure.

A camera changes over to another ring when every position of the last `settle_s` lay in that
ring and the newest one is more than `margin_m` (or its own accuracy, where that is worse)
beyond the border of the ring it leaves. So a way along a border changes nothing.

The first position counts at once, and so does the first one after they were lost. A position
that does not come again is kept for `lost_s`; then the camera's own ring holds again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from edge_agent.geometry.areas import Area, border_m, contains, distance_m
from edge_agent.settings.rings import PositionSettings, RingsSettings
from edge_agent.types import Position, Ring


class Fix(StrEnum):
    """How well it is known where a moving camera is."""

    NONE = "none"  # no position yet
    FRESH = "fresh"
    STALE = "stale"  # none for `stale_s`: the ring is kept
    LOST = "lost"  # none for `lost_s`: the camera's own ring holds


class Why(StrEnum):
    """Why a camera's ring changed."""

    FIRST_POSITION = "first_position"
    CROSSED = "crossed"
    POSITION_LOST = "position_lost"


@dataclass(frozen=True, slots=True, eq=False)
class RingMap:
    """Where the rings lie."""

    areas: Mapping[Ring, Area]
    outside: Ring | None  # of a position in no area; None: the camera's own ring

    def ring_at(self, position: Position, own: Ring) -> Ring:
        """Return the ring of a position, for a camera whose own ring is `own`."""
        point = (position.lon, position.lat)
        inside = (ring for ring, area in self.areas.items() if contains(area, point))
        return next(inside, self.outside or own)

    def beyond_m(self, position: Position, old: Ring, new: Ring) -> float:
        """Return how many metres a position is beyond the border between two rings.

        Where the old ring has no area, that is how deep it lies in the new one's; where
        neither has one there is no border, and the answer is infinite.
        """
        point = (position.lon, position.lat)
        if old in self.areas:
            return distance_m(self.areas[old], point)
        return border_m(self.areas[new], point) if new in self.areas else float("inf")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a moving camera is, and what is waited for before its ring changes."""

    own: Ring  # of its settings
    ring: Ring  # that holds now
    fix: Fix = Fix.NONE
    position: Position | None = None
    coming: Ring | None = None  # the ring that the last positions lay in, where it is another
    coming_ns: int = 0  # since when, without a break


@dataclass(frozen=True, slots=True)
class Crossing:
    """A change of ring."""

    old: Ring
    new: Ring
    why: Why
    position: Position | None  # the newest; None: none came yet


def begin(own: Ring) -> Whereabouts:
    """Return what is known of a camera before any position."""
    return Whereabouts(own, own)


def move(
    state: Whereabouts, position: Position, rings: RingMap, settings: RingsSettings
) -> tuple[Whereabouts, Crossing | None]:
    """Return where the camera is after a position, and whether it changed over."""
    ring = rings.ring_at(position, state.own)
    known = replace(state, position=position, fix=Fix.FRESH)
    if state.fix in (Fix.NONE, Fix.LOST):
        return _over(known, ring, Why.FIRST_POSITION)
    if ring is state.ring:
        return replace(known, coming=None), None
    since_ns = state.coming_ns if state.coming is ring else position.mono_ns
    known = replace(known, coming=ring, coming_ns=since_ns)
    settled = position.mono_ns - since_ns >= settings.settle_s * 1e9
    margin_m = max(settings.margin_m, position.accuracy_m or 0.0)
    if not settled or rings.beyond_m(position, state.ring, ring) < margin_m:
        return known, None
    return _over(known, ring, Why.CROSSED)


def age(
    state: Whereabouts, now_ns: int, settings: PositionSettings
) -> tuple[Whereabouts, Crossing | None]:
    """Return what holds at `now_ns` (monotonic) without a new position; asked once a second."""
    if state.position is None or state.fix is Fix.LOST:
        return state, None
    silent_s = (now_ns - state.position.mono_ns) / 1e9
    if silent_s >= settings.lost_s:
        return _over(replace(state, fix=Fix.LOST), state.own, Why.POSITION_LOST)
    if silent_s >= settings.stale_s:
        return replace(state, fix=Fix.STALE, coming=None), None
    return state, None


def _over(state: Whereabouts, ring: Ring, why: Why) -> tuple[Whereabouts, Crossing | None]:
    after = replace(state, ring=ring, coming=None)
    if ring is state.ring:
        return after, None
    return after, Crossing(state.ring, ring, why, state.position)
