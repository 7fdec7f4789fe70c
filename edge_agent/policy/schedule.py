"""Whether a schedule is active at a moment. Pure, but for the time zone's rules and the sun.

A day's stretch begins at `start` and ends at `end` of the same day, or of the next one where
`end` is not the later of the two by the clock (sunrise counts as 06:00 for this, sunset as
18:00). A time that comes twice when clocks go back begins at its first and ends at its second
occurrence; one that is left out when they go forward counts as that much after the change.
Where the sun does not set, its sunrise is 00:00 and its sunset 24:00; where it does not rise,
both are at 12:00.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from edge_agent.clock import BUILD_WALL_NS
from edge_agent.settings import AgentSettings
from edge_agent.settings.hours import ALWAYS, NEVER, ScheduleSettings, Weekday

_MOMENT = re.compile(r"(\d\d):(\d\d)|(sunrise|sunset)(?:([+-]\d+)min)?")
_DAY_MIN = 24 * 60
#: For telling whether a stretch goes over midnight.
_USUAL_MIN = {"sunrise": 6 * 60, "sunset": 18 * 60}
_EVER_NS = 1 << 62
#: The sun is up above this many degrees: half its width and the air's refraction. Source: astral.
_HORIZON_DEG = -0.833


@dataclass(frozen=True, slots=True)
class Place:
    """Where the sun is looked at, in degrees."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Site:
    """What schedules need to know of a site."""

    timezone: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One end of a stretch: minutes after midnight, or after the sun's event."""

    sun: str | None  # sunrise, sunset
    minutes: int

    @property
    def usual_min(self) -> int:
        """Minutes after midnight, with the sun as it usually is."""
        return self.minutes + (0 if self.sun is None else _USUAL_MIN[self.sun])


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is active; `days` are those on which a stretch begins, 0 is Monday."""

    days: frozenset[int]
    start: Moment
    end: Moment
    zone: ZoneInfo
    place: Place | None = None
    inverted: bool = False

    @property
    def over_midnight(self) -> bool:
        """Whether a stretch ends on the day after the one on which it begins."""
        return self.end.usual_min <= self.start.usual_min


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time over which the answer is the same; UTC nanoseconds."""

    active: bool
    from_ns: int
    until_ns: int


class Hours:
    """A schedule that remembers its last spell: asking costs two comparisons."""

    __slots__ = ("_schedule", "_spell")

    def __init__(self, schedule: Schedule | bool) -> None:
        """Args: `schedule` True for always, False for never."""
        self._schedule = schedule
        if isinstance(schedule, bool):
            self._spell = Spell(schedule, -_EVER_NS, _EVER_NS)
        else:
            self._spell = Spell(False, 0, 0)

    def __call__(self, wall_ns: int) -> bool:
        """Return whether the schedule is active at `wall_ns`."""
        spell = self._spell
        if not spell.from_ns <= wall_ns < spell.until_ns and isinstance(self._schedule, Schedule):
            self._spell = spell = find_spell(self._schedule, wall_ns)
        return spell.active


def is_active(schedule: Schedule, wall_ns: int) -> bool:
    """Return whether `schedule` is active at `wall_ns` (UTC nanoseconds)."""
    return find_spell(schedule, wall_ns).active


def find_spell(schedule: Schedule, wall_ns: int) -> Spell:
    """Return the answer at `wall_ns` and for how long it holds, at most to the next day but one."""
    today = datetime.fromtimestamp(wall_ns // 1_000_000_000, schedule.zone).date()
    from_ns, until_ns = (
        _midnight_ns(today - _days(1), schedule),
        _midnight_ns(today + _days(2), schedule),
    )
    inside = False
    for begin_ns, end_ns in _stretches(schedule, today):
        inside |= begin_ns <= wall_ns < end_ns
        for edge_ns in (begin_ns, end_ns):
            if edge_ns <= wall_ns:
                from_ns = max(from_ns, edge_ns)
            else:
                until_ns = min(until_ns, edge_ns)
    return Spell(inside is not schedule.inverted, from_ns, until_ns)


def _stretches(schedule: Schedule, today: date) -> Iterator[tuple[int, int]]:
    """Give begin and end of the stretches that may reach into yesterday, today or tomorrow."""
    for offset in range(-3, 3):
        day = today + _days(offset)
        if day.weekday() not in schedule.days:
            continue
        last = day + _days(1) if schedule.over_midnight else day
        begin_ns = _instant_ns(schedule, schedule.start, day, is_end=False)
        end_ns = _instant_ns(schedule, schedule.end, last, is_end=True)
        if begin_ns < end_ns:
            yield begin_ns, end_ns


def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _midnight_ns(day: date, schedule: Schedule) -> int:
    return _instant_ns(schedule, Moment(None, 0), day, is_end=False)


def _instant_ns(schedule: Schedule, moment: Moment, day: date, *, is_end: bool) -> int:
    if moment.sun is not None:
        assert schedule.place is not None
        minutes = _sun_min(schedule.place, schedule.zone, day, moment.sun)
        if isinstance(minutes, int):  # the real instant, in UTC nanoseconds
            return minutes + moment.minutes * 60_000_000_000
        return _clock_ns(schedule.zone, day, round(minutes), is_end=is_end)
    return _clock_ns(schedule.zone, day, moment.minutes, is_end=is_end)


def _clock_ns(zone: ZoneInfo, day: date, minutes: int, *, is_end: bool) -> int:
    """Return the instant at which clocks in `zone` show `minutes` after `day` began."""
    days, minutes = divmod(minutes, _DAY_MIN)
    local = datetime.combine(day + _days(days), time(*divmod(minutes, 60)), zone)
    instant = local.astimezone(UTC)
    if is_end:  # PEP 495: the second occurrence; of a time left out, fold=1 is the earlier
        instant = max(instant, local.replace(fold=1).astimezone(UTC))
    return round(instant.timestamp()) * 1_000_000_000


@lru_cache(maxsize=64)
def _sun_min(place: Place, zone: ZoneInfo, day: date, event: str) -> int | float:
    """Return when the sun rises or sets on `day`: an int, UTC nanoseconds.

    Where it does not, a float: the minutes after midnight that stand for it.
    Source: astral, after NOAA's solar calculator; imported only where a schedule needs it.
    """
    from astral import Observer
    from astral.sun import elevation, sunrise, sunset

    observer = Observer(place.lat, place.lon, 0.0)
    find = sunrise if event == "sunrise" else sunset
    try:
        return round(find(observer, day, tzinfo=zone).timestamp()) * 1_000_000_000
    except ValueError:
        noon = datetime.combine(day, time(12), zone)
        if elevation(observer, noon) <= _HORIZON_DEG:
            return float(_DAY_MIN // 2)
        return 0.0 if event == "sunrise" else float(_DAY_MIN)


def parse_moment(text: str) -> Moment:
    """Return `22:00` or `sunset+30min` as a moment. Raises: ValueError."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is neither a time nor sunrise or sunset")
    hours, minutes, sun, offset = found.groups()
    return Moment(sun, int(offset or 0)) if sun else Moment(None, int(hours) * 60 + int(minutes))


def needs_sun(schedule: ScheduleSettings) -> bool:
    """Return whether sunrise or sunset decides."""
    return any(parse_moment(text).sun for text in (schedule.start, schedule.end))


def build_schedule(
    settings: ScheduleSettings, timezone: str, place: Place | None = None
) -> Schedule:
    """Return `settings` in the time zone `timezone`. Raises: zoneinfo.ZoneInfoNotFoundError."""
    return Schedule(
        days=frozenset(list(Weekday).index(day) for day in settings.days),
        start=parse_moment(settings.start),
        end=parse_moment(settings.end),
        zone=ZoneInfo(timezone),
        place=place,
        inverted=settings.inverted,
    )


def written_hours(times: str) -> ScheduleSettings | None:
    """Return the hours of "22:00 to 06:00", None where `times` is a schedule's id."""
    start, to, end = times.partition(" to ")
    return ScheduleSettings(id=ALWAYS, start=start, end=end) if to else None


def hours_of(times: str, schedules: Mapping[str, ScheduleSettings], site: Site) -> Hours:
    """Return what answers for `times`: an id, always, never, or written hours.

    Raises: KeyError for an id that is none; `config/ring_checks.py` has refused it before.
    """
    if times in (ALWAYS, NEVER):
        return Hours(times == ALWAYS)
    return Hours(
        build_schedule(written_hours(times) or schedules[times], site.timezone, site.place)
    )


def is_wanted(hours: Hours, wall_ns: int) -> bool:
    """Return whether a camera with these hours is wanted at `wall_ns` (UTC nanoseconds).

    A clock that stands before this build was never set, and would choose hours at random: until it
    is set, the camera is wanted.
    """
    return wall_ns < BUILD_WALL_NS or hours(wall_ns)


def site_of(settings: AgentSettings) -> Site:
    """Return what schedules need to know of a site; without a time zone they are in UTC."""
    lat, lon = settings.site_position.lat, settings.site_position.lon
    place = None if lat is None or lon is None else Place(lat, lon)
    return Site(settings.timezone or "UTC", place)
