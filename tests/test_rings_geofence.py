"""Ring polygons and how a moving camera changes over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.geometry.areas import build_area, contains, distance_m, overlap_point
from edge_agent.policy.geofence import (
    Crossing,
    Fix,
    RingMap,
    Whereabouts,
    Why,
    age,
    begin,
    move,
)
from edge_agent.settings.rings import PositionSettings, RingsSettings
from edge_agent.types import Position, Ring

URBAN, SUBURBAN, RURAL = Ring.URBAN, Ring.SUBURBAN, Ring.RURAL
#: Metres of a degree of longitude on the 31st parallel.
M_LON = 95_314.0


def box(west: float, south: float, east: float, north: float) -> tuple[tuple[float, float], ...]:
    return ((west, south), (east, south), (east, north), (west, north))


# A town of 0.1 degrees within a ring of 0.3; the rest of the world is the countryside.
TOWN = build_area("urban", [[box(121.4, 31.0, 121.5, 31.1)]])
AROUND = build_area("suburban", [[box(121.3, 30.9, 121.6, 31.2), box(121.4, 31.0, 121.5, 31.1)]])
MAP = RingMap({URBAN: TOWN, SUBURBAN: AROUND}, RURAL)
RINGS = RingsSettings(margin_m=50.0, settle_s=10.0)
SOURCE = PositionSettings(id="van", stale_s=30.0, lost_s=600.0)


def here(east_m: float, second: float, accuracy_m: float | None = None) -> Position:
    """Return a place so many metres east of the town's eastern border."""
    return Position(31.05, 121.5 + east_m / M_LON, round(second * 1e9), accuracy_m)


def drive(
    *positions: Position, own: Ring = URBAN, rings: RingsSettings = RINGS
) -> tuple[Whereabouts, list[Crossing]]:
    state, crossings = begin(own), []
    for position in positions:
        state, crossing = move(state, position, MAP, rings)
        crossings += [crossing] if crossing else []
    return state, crossings


@pytest.mark.parametrize(
    ("lon", "lat", "ring"),
    [
        (121.45, 31.05, URBAN),
        (121.35, 31.05, SUBURBAN),  # the town is a hole in its edge
        (121.55, 31.15, SUBURBAN),
        (121.70, 31.05, RURAL),  # outside of everything
    ],
)
def test_a_position_lies_in_the_ring_of_its_polygon(lon: float, lat: float, ring: Ring) -> None:
    assert MAP.ring_at(Position(lat, lon, 0), SUBURBAN) is ring


def test_without_a_ring_for_outside_the_camera_s_own_one_holds() -> None:
    assert RingMap({URBAN: TOWN}, None).ring_at(Position(0.0, 0.0, 0), SUBURBAN) is SUBURBAN


def test_the_first_position_counts_at_once() -> None:
    state, crossings = drive(here(5, 0), own=RURAL)
    assert (state.ring, state.fix) == (SUBURBAN, Fix.FRESH)
    assert [(c.old, c.new, c.why) for c in crossings] == [(RURAL, SUBURBAN, Why.FIRST_POSITION)]


@pytest.mark.parametrize(
    ("way", "crossed"),
    [
        # 10 m/s straight out of town: 50 m beyond the border, and 10 s in the new ring
        ([(-20, 0), (10, 1), (60, 6), (100, 10), (110, 11)], [11]),
        ([(-20, 0), (10, 1), (40, 11), (49, 20)], []),  # never far enough
        ([(-20, 0), (100, 1), (100, 10)], []),  # not for long enough
        ([(-20, 0), (100, 1), (-5, 6), (100, 7), (100, 16)], []),  # back meanwhile
        ([(-20, 0), (100, 1), (-5, 6), (100, 7), (100, 17)], [17]),
        ([(-20, 0), (100, 1), (100, 12), (-100, 13), (-100, 23)], [12, 23]),  # and back
    ],
)
def test_a_camera_changes_over_far_enough_beyond_the_border_for_long_enough(
    way: list[tuple[float, float]], crossed: list[float]
) -> None:
    state, crossings = drive(*[here(east_m, second) for east_m, second in way])
    assert [c.position.mono_ns / 1e9 for c in crossings if c.position] == crossed
    assert state.ring is (URBAN if len(crossed) % 2 == 0 else SUBURBAN)


@given(st.lists(st.floats(-49, 49), min_size=2, max_size=60))
def test_a_way_along_a_border_changes_nothing(offsets: list[float]) -> None:
    _, crossings = drive(here(-60, 0), *[here(m, s + 1) for s, m in enumerate(offsets)])
    assert crossings == []


def test_a_position_that_errs_more_than_the_margin_must_be_further_out() -> None:
    near = [here(-20, 0), here(90, 1, 100.0), here(90, 20, 100.0)]
    assert drive(*near)[1] == []
    assert len(drive(*near, here(120, 21, 100.0))[1]) == 1


def test_an_old_position_is_kept_then_stale_then_lost_and_the_own_ring_holds_again() -> None:
    state, _ = drive(here(500, 0), own=RURAL)
    told = []
    for second in (29, 30, 31, 599, 600, 601):
        state, crossing = age(state, second * 1_000_000_000, SOURCE)
        told.append((state.fix, state.ring, crossing.why if crossing else None))
    assert told == [
        (Fix.FRESH, SUBURBAN, None),
        (Fix.STALE, SUBURBAN, None),
        (Fix.STALE, SUBURBAN, None),
        (Fix.STALE, SUBURBAN, None),
        (Fix.LOST, RURAL, Why.POSITION_LOST),
        (Fix.LOST, RURAL, None),
    ]
    state, crossing = move(state, here(500, 700), MAP, RINGS)
    assert crossing is not None
    assert (crossing.new, crossing.why) == (SUBURBAN, Why.FIRST_POSITION)


def test_a_camera_without_a_position_grows_no_older() -> None:
    state = begin(RURAL)
    assert age(state, 10**15, SOURCE) == (state, None)


def test_metres_are_those_of_the_earth() -> None:
    assert distance_m(TOWN, (121.5 + 1000 / M_LON, 31.05)) == pytest.approx(1000, rel=0.002)
    assert distance_m(TOWN, (121.45, 31.1 + 1000 / 111_195)) == pytest.approx(1000, rel=0.002)
    assert distance_m(TOWN, (121.45, 31.05)) == 0.0
    assert distance_m(AROUND, (121.45, 31.05)) == pytest.approx(0.05 * M_LON, rel=0.002)


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        ([[box(121.45, 31.05, 121.55, 31.15)]], True),  # corners inside
        ([[box(121.3, 31.04, 121.6, 31.06)]], True),  # a cross: no corner inside either
        ([[box(121.42, 31.02, 121.48, 31.08)]], True),  # wholly inside
        ([[box(121.4, 31.0, 121.5, 31.1)]], True),  # the same once more
        ([[box(121.49, 31.0, 121.6, 31.1)]], True),  # a strip of a kilometre
        ([[box(121.5, 31.0, 121.6, 31.1)]], False),  # a common border
        ([[box(121.499999, 31.0, 121.6, 31.1)]], False),  # drawn 10 cm too wide
        ([[box(121.3, 30.9, 121.6, 31.2), box(121.4, 31.0, 121.5, 31.1)]], False),  # around it
        ([[((121.45, 31.2), (121.35, 31.05), (121.3, 31.2))]], False),  # near a corner
        ([[((121.6, 31.2), (121.35, 31.12), (121.52, 30.9))]], True),  # over a corner
    ],
)
def test_areas_overlap_where_they_share_more_than_a_border(
    other: list[list[tuple[tuple[float, float], ...]]], overlaps: bool
) -> None:
    area = build_area("rural", other)
    for point in (overlap_point(TOWN, area), overlap_point(area, TOWN)):
        assert (point is not None) is overlaps
        assert point is None or (contains(TOWN, point) and contains(area, point))
