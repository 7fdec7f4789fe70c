"""Schedules: weekdays, midnight, clocks that change, and the sun."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.clock import BUILD_WALL_NS
from edge_agent.policy.schedule import (
    Hours,
    Place,
    Schedule,
    Site,
    build_schedule,
    find_spell,
    hours_of,
    is_active,
    is_wanted,
)
from edge_agent.settings.hours import ScheduleSettings

SHANGHAI = "Asia/Shanghai"
TOWN = Place(31.23, 121.47)
TROMSO = Place(69.65, 18.96)


def schedule(
    start: str = "00:00",
    end: str = "24:00",
    *,
    zone: str = SHANGHAI,
    days: tuple[str, ...] | None = None,
    place: Place | None = None,
    inverted: bool = False,
) -> Schedule:
    values = {"id": "s", "start": start, "end": end, "inverted": inverted}
    settings = ScheduleSettings.model_validate(values | ({"days": days} if days else {}))
    return build_schedule(settings, zone, place)


def at(text: str, zone: str = SHANGHAI, *, fold: int = 0) -> int:
    """Return the nanoseconds at which clocks in `zone` show `text`."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(local.timestamp()) * 1_000_000_000


# 2026-11-27 is a Friday.
NIGHT = schedule("22:00", "06:00")
WEEKEND_NIGHT = schedule("22:00", "06:00", days=("fri", "sat"))
WORK = schedule("08:00", "18:00", days=("mon", "tue", "wed", "thu", "fri"))
CLOSED = schedule("08:00", "18:00", days=("mon", "tue", "wed", "thu", "fri"), inverted=True)
DARK = schedule("sunset", "sunrise", place=TOWN)
LATE = schedule("sunset+30min", "23:00", place=TOWN)


@pytest.mark.parametrize(
    ("asked", "moment", "active"),
    [
        (NIGHT, "2026-11-27T21:59:59", False),
        (NIGHT, "2026-11-27T22:00:00", True),
        (NIGHT, "2026-11-28T00:00:00", True),
        (NIGHT, "2026-11-28T05:59:59", True),
        (NIGHT, "2026-11-28T06:00:00", False),
        # the night that begins on Saturday ends on Sunday; none begins on Sunday
        (WEEKEND_NIGHT, "2026-11-27T05:00:00", False),
        (WEEKEND_NIGHT, "2026-11-28T05:00:00", True),
        (WEEKEND_NIGHT, "2026-11-29T05:00:00", True),
        (WEEKEND_NIGHT, "2026-11-29T23:00:00", False),
        (WORK, "2026-11-27T17:59:59", True),
        (WORK, "2026-11-27T18:00:00", False),
        (WORK, "2026-11-28T12:00:00", False),
        (CLOSED, "2026-11-28T12:00:00", True),
        (CLOSED, "2026-11-27T12:00:00", False),
        # in Shanghai the sun rose at 06:32 and set at 16:52 that day
        (DARK, "2026-11-27T06:25:00", True),
        (DARK, "2026-11-27T06:40:00", False),
        (DARK, "2026-11-27T16:45:00", False),
        (DARK, "2026-11-27T17:00:00", True),
        (DARK, "2026-11-28T00:30:00", True),
        (LATE, "2026-11-27T17:10:00", False),
        (LATE, "2026-11-27T17:30:00", True),
        (LATE, "2026-11-27T23:00:00", False),
        (schedule(), "2026-11-27T00:00:00", True),
        (schedule("00:00", "24:00", days=("fri",)), "2026-11-27T23:59:59", True),
        (schedule("00:00", "24:00", days=("fri",)), "2026-11-28T00:00:00", False),
    ],
)
def test_a_schedule_is_active_when_it_says_so(asked: Schedule, moment: str, active: bool) -> None:
    assert is_active(asked, at(moment)) is active


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("start", "end", "moment", "fold", "active"),
    [
        # clocks go from 02:00 to 03:00 on 2026-03-29; what is left out counts as an hour later
        ("22:00", "02:30", "2026-03-29T01:59:00", 0, True),
        ("22:00", "02:30", "2026-03-29T03:29:00", 0, True),
        ("22:00", "02:30", "2026-03-29T03:31:00", 0, False),
        ("02:30", "06:00", "2026-03-29T03:29:00", 0, False),
        ("02:30", "06:00", "2026-03-29T03:31:00", 0, True),
        # clocks go from 03:00 back to 02:00 on 2026-10-25: 02:30 comes twice
        ("22:00", "02:30", "2026-10-25T02:45:00", 0, True),
        ("22:00", "02:30", "2026-10-25T02:15:00", 1, True),
        ("22:00", "02:30", "2026-10-25T02:45:00", 1, False),
        ("02:30", "06:00", "2026-10-25T02:15:00", 0, False),
        ("02:30", "06:00", "2026-10-25T02:15:00", 1, True),
        # the day after, hours are where they were
        ("22:00", "02:30", "2026-10-26T02:29:00", 0, True),
        ("22:00", "02:30", "2026-10-26T02:31:00", 0, False),
    ],
)
def test_clocks_that_change_keep_a_schedule_s_hours(
    start: str, end: str, moment: str, fold: int, active: bool
) -> None:
    asked = schedule(start, end, zone=BERLIN)
    assert is_active(asked, at(moment, BERLIN, fold=fold)) is active


@pytest.mark.parametrize(
    ("start", "end", "moment", "active"),
    [
        ("sunset", "sunrise", "2026-06-21T00:00:00", False),  # the sun does not set
        ("sunrise", "sunset", "2026-06-21T00:00:00", True),
        ("sunset", "sunrise", "2026-12-21T12:00:00", True),  # it does not rise
        ("sunrise", "sunset", "2026-12-21T12:00:00", False),
        ("sunset", "sunrise", "2026-03-21T12:00:00", False),
        ("sunset", "sunrise", "2026-03-21T23:00:00", True),
    ],
)
def test_where_the_sun_stays_up_or_down_it_is_day_or_night_all_day(
    start: str, end: str, moment: str, active: bool
) -> None:
    asked = schedule(start, end, zone="Europe/Oslo", place=TROMSO)
    assert is_active(asked, at(moment, "Europe/Oslo")) is active


def test_a_sunset_after_the_end_leaves_no_hours() -> None:
    # on 2026-06-21 the sun sets in Shanghai at 19:01
    asked = schedule("sunset", "18:30", place=TOWN)
    assert not any(is_active(asked, at(f"2026-06-21T{hour:02}:15:00")) for hour in range(24))


HOURS = st.integers(0, 23)
ZONES = st.sampled_from([SHANGHAI, BERLIN, "America/St_Johns", "Australia/Lord_Howe", "UTC"])


@given(
    start=HOURS,
    length=st.integers(1, 23),
    zone=ZONES,
    second=st.integers(0, 366 * 86_400),
    inverted=st.booleans(),
)
def test_an_answer_holds_for_its_whole_spell(
    start: int, length: int, zone: str, second: int, inverted: bool
) -> None:
    asked = schedule(
        f"{start:02}:00", f"{(start + length) % 24:02}:30", zone=zone, inverted=inverted
    )
    wall_ns = at("2026-01-01T00:00:00", zone) + second * 1_000_000_000
    spell = find_spell(asked, wall_ns)
    assert spell.from_ns <= wall_ns < spell.until_ns
    for moment in (spell.from_ns, (spell.from_ns + spell.until_ns) // 2, spell.until_ns - 1):
        assert is_active(asked, moment) is spell.active


@given(seconds=st.lists(st.integers(-200_000, 200_000), max_size=20))
def test_remembered_hours_answer_as_fresh_ones_also_when_the_clock_jumps(
    seconds: list[int],
) -> None:
    asked, hours = schedule("22:00", "06:00", zone=BERLIN), Hours(schedule(
        "22:00", "06:00", zone=BERLIN
    ))  # fmt: skip
    for second in seconds:
        wall_ns = at("2026-10-25T00:00:00", BERLIN) + second * 1_000_000_000
        assert hours(wall_ns) is is_active(asked, wall_ns)


@pytest.mark.parametrize(
    ("times", "at_noon", "at_night"),
    [
        ("always", True, True),
        ("never", False, False),
        ("22:00 to 06:00", False, True),
        ("sunset-10min to sunrise+10min", False, True),
        ("work", True, False),
    ],
)
def test_hours_are_found_by_name_or_as_they_are_written(
    times: str, at_noon: bool, at_night: bool
) -> None:
    known = {"work": ScheduleSettings(id="work", start="08:00", end="18:00")}
    hours = hours_of(times, known, Site(SHANGHAI, TOWN))
    assert hours(at("2026-11-27T12:00:00")) is at_noon
    assert hours(at("2026-11-27T23:30:00")) is at_night


def test_a_clock_that_was_never_set_turns_no_camera_off() -> None:
    never = Hours(False)
    assert is_wanted(never, at("1970-01-01T08:05:00"))
    assert not is_wanted(never, BUILD_WALL_NS + 1)
    assert is_wanted(Hours(True), BUILD_WALL_NS + 1)
