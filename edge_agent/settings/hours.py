"""The words of time and worth: schedules, a table's policy for events, places on the earth."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from edge_agent.settings.words import Frozen, Name, Polygon
from edge_agent.types import Severity


class Weekday(StrEnum):
    """The days of a week, in ISO 8601's order."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class ClassName(StrEnum):
    """What the agent tells apart."""

    PERSON = "person"
    VEHICLE = "vehicle"


#: One end of a schedule: 22:00, sunset, sunrise-30min. One spelling, two places.
MOMENT_PATTERN = (
    r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00|(?:sunrise|sunset)(?:[+-][1-9][0-9]{0,2}min)?)"
)
Moment = Annotated[
    str,
    StringConstraints(pattern=rf"^{MOMENT_PATTERN}$"),
    Field(
        description="a time from 00:00 to 24:00, or sunrise or sunset, which up to 999 minutes "
        "may follow, such as sunset+30min"
    ),
]
#: What is active always, or never: schedules that need not be written.
ALWAYS, NEVER = "always", "never"
#: The id of a schedule, or the hours themselves, every day: "22:00 to 06:00".
Times = Annotated[
    str,
    StringConstraints(
        pattern=rf"^(?:[A-Za-z0-9][A-Za-z0-9_.-]{{0,62}}|{MOMENT_PATTERN} to {MOMENT_PATTERN})$"
    ),
    Field(
        description='the id of one of [[schedules]], always, never, or hours such as "22:00 to '
        '06:00" and "sunset to sunrise"'
    ),
]
TimeZone = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,62}$"),
    Field(description="a name of the IANA time zone database, such as Asia/Shanghai"),
]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Classes = Annotated[tuple[ClassName, ...], Field(min_length=1, max_length=2)]


class SitePositionSettings(Frozen):
    """Where the site is, for its sunrise and sunset; both or none."""

    lat: Latitude | None = None
    lon: Longitude | None = None


class ScheduleSettings(Frozen):
    """Hours of the week in the site's time zone; over midnight where the end is not later."""

    id: Name
    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = tuple(Weekday)
    start: Moment = "00:00"
    end: Moment = "24:00"
    inverted: bool = False  # active outside of these hours


class WorthPolicy(Frozen):
    """What events are worth, and when; None: the next wider table says."""

    dwell_s: Annotated[float, Field(ge=0, le=86_400)] | None = None
    loitering_s: Annotated[float, Field(ge=0, le=86_400)] | None = None
    severity: Severity | None = None
    quiet_hours: Times | None = None
    quiet_classes: Classes | None = None  # None: persons
    quiet_severity: Severity | None = None  # None: critical


class CellSettings(Frozen):
    """The part of a camera's picture that shows one cell of the grid."""

    cell: Name
    polygon: Polygon
